#pragma once
#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

/// What the doctor looks at; documents that could not be had are empty.
struct Facts {
  std::string unreachable;                  ///< why no host answers; empty: one does
  std::filesystem::path config;             ///< the host's files
  boost::json::object health;               ///< GET /v1/admin/health
  boost::json::object difference;           ///< GET /v1/admin/config/diff
  boost::json::object stats;                ///< GET /v1/admin/stats of the last hour
  boost::json::object hosts;                ///< GET /v1/admin/hosts
  boost::json::object secrets;              ///< GET /v1/admin/secrets
  std::map<std::string, double> metrics{};  ///< of /metrics: `name{labels}` → value
  std::int64_t now_ms = 0;                  ///< this machine's clock, since 1970
};

struct Finding {
  enum class Severity { notice, warning, error };
  Severity severity = Severity::warning;
  std::string what;           ///< is wrong
  std::string act;            ///< what to type, or to do
  std::string_view anchor{};  ///< of docs/operations.md; empty: that of the check
};

struct DoctorCheck {
  std::string_view name;
  std::string_view anchor;  ///< of docs/operations.md, where more is said
  std::vector<Finding> (*find)(const Facts& facts);
};
/// All of them, in the order in which an operator looks.
const std::vector<DoctorCheck>& doctor_checks();

/// Says what is wrong and what to do. 0 nothing, 1 somebody should look, 2 money stands still or nothing
/// works.
ExitCode doctor(Context& context, const std::filesystem::path& config);

/// The samples of Prometheus' text format.
std::map<std::string, double> read_metrics(std::string_view text);

}  // namespace payoutd::ctl
