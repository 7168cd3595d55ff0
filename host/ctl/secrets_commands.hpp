#pragma once
#include <boost/json/array.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {

/// Which versions of which secrets the hosts use.
ExitCode secrets_list(Context& context);
/// Every version that there was of a secret (or of all), with dates and names.
ExitCode secrets_history(Context& context, const std::string& secret);

struct RotateCheckOptions {
  std::string secret;           ///< empty: all
  std::string max_age = "90d";  ///< of the current version
  std::string overlap = "30d";  ///< for how long one may be accepted besides the current one
};
/// Whether rotations are complete, and which are due. negative: something is to be done.
ExitCode secrets_rotate_check(Context& context, const RotateCheckOptions& options);

struct RotationFinding {
  std::string secret;
  std::string text;  ///< what is the matter and what to do
};
/// Of the versions in use as GET /v1/admin/secrets lists them; `now_ms` since 1970.
std::vector<RotationFinding> check_rotation(const boost::json::array& versions, std::int64_t max_age_s,
                                            std::int64_t overlap_s, std::int64_t now_ms);

}  // namespace payoutd::ctl
