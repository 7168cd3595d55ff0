#pragma once
#include <boost/json/object.hpp>
#include <string>

#include "ctl/load_api.hpp"

namespace payoutd::ctl {

/// Why a load through this provider might pay real money; empty: it is one of a sandbox. `environment` as the
/// host says it, `config` as GET /v1/admin/config answers.
std::string real_money_risk(const std::string& environment, const boost::json::object& config,
                            const std::string& provider);

/// Asks the host. What cannot be asked is a risk too.
std::string real_money_risk(LoadApi& api, const std::string& provider);

}  // namespace payoutd::ctl
