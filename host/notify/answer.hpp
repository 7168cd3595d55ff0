#pragma once
#include <chrono>
#include <optional>
#include <payoutd/http.hpp>
#include <string>
#include <string_view>

namespace payoutd::notify {

/// What an endpoint's answer, or its absence, means.
struct Answer {
  bool delivered = false;
  bool gone = false;  ///< 410: it wants nothing more
  bool away = false;  ///< nothing reaches it now, whatever the message
  int status = 0;     ///< HTTP; 0: none came
  /// For metrics: delivered, refused (4xx), failed (5xx), redirected, gone, unreachable, no_answer,
  /// address_refused.
  std::string result;
  std::string code;  ///< for the schedule: the status as text, or the result
  std::string error;
  std::optional<std::chrono::milliseconds> retry_after;  ///< it asks to be left alone for so long
};

/// 2xx is success; anything else is not. Redirects are not followed: where they lead was checked by nobody.
/// `now_s`: seconds since 1970.
Answer judge(const HttpResponse& response, std::int64_t now_s);
Answer judge(const HttpFailure& failure);

/// RFC 9110, 10.2.3: seconds, or a date; nullopt: neither. At most a day, at least nothing.
std::optional<std::chrono::milliseconds> read_retry_after(std::string_view value, std::int64_t now_s);

}  // namespace payoutd::notify
