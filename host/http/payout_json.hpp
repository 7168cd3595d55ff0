#pragma once
#include <boost/json/object.hpp>

#include "engine/admission.hpp"
#include "store/rows.hpp"

namespace payoutd::http {

/// A payout as the API shows it: amounts as strings, times in RFC 3339, null for what is not there.
boost::json::object payout_json(const store::Payout& payout);
boost::json::object event_json(const store::Event& event);

/// What POST /v1/payouts answers: the payout as it was admitted. It depends on the request and the stored row
/// alone, so that a replay gives the first answer again.
boost::json::object admitted_json(const engine::PayoutRequest& request, const engine::AdmissionReply& reply);

boost::json::object links_of(const std::string& payout_id);

}  // namespace payoutd::http
