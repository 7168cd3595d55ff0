#include "notify/answer.hpp"

#include <time.h>

#include <charconv>
#include <payoutd/text.hpp>

#include "providers/http_client.hpp"

namespace payoutd::notify {
namespace {

constexpr std::int64_t kLongestPause_s = 86'400;
constexpr std::size_t kShownBody = 200;

std::string error_of(const HttpResponse& response) {
  std::string text = "HTTP " + std::to_string(response.status);
  if (response.status / 100 == 3)
    return text + ": redirects are not followed; give the endpoint its real URL";
  const std::string body = safe_text(std::string_view(response.body).substr(0, kShownBody));
  return body.empty() ? text : text + ": " + body;
}

}  // namespace

std::optional<std::chrono::milliseconds> read_retry_after(std::string_view value, std::int64_t now_s) {
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  if (value.empty()) return std::nullopt;
  const auto bounded = [](std::int64_t seconds) {
    return std::chrono::seconds{std::clamp<std::int64_t>(seconds, 0, kLongestPause_s)};
  };
  if (is_digits(value)) {
    std::int64_t seconds = 0;
    const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), seconds);
    return bounded(failed == std::errc() ? seconds : kLongestPause_s);
  }
  std::tm date{};
  const std::string text(value);
  const char* end = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (end == nullptr || *end != '\0') return std::nullopt;
  return bounded(static_cast<std::int64_t>(::timegm(&date)) - now_s);
}

Answer judge(const HttpResponse& response, std::int64_t now_s) {
  Answer answer;
  answer.status = response.status;
  answer.code = std::to_string(response.status);
  const int kind = response.status / 100;
  if (kind == 2) {
    answer.delivered = true;
    answer.result = "delivered";
    return answer;
  }
  answer.gone = response.status == 410;
  answer.result = answer.gone ? "gone" : kind == 3 ? "redirected" : kind == 4 ? "refused" : "failed";
  answer.error = error_of(response);
  answer.away = kind == 5 || response.status == 429 || response.status == 408;
  answer.retry_after = read_retry_after(response.header("Retry-After"), now_s);
  return answer;
}

Answer judge(const HttpFailure& failure) {
  Answer answer;
  answer.away = true;
  answer.result =
      failure.stage() == HttpStage::read || failure.stage() == HttpStage::write ? "no_answer" : "unreachable";
  if (dynamic_cast<const providers::AddressRefused*>(&failure) != nullptr) answer.result = "address_refused";
  answer.code = answer.result;
  answer.error = safe_text(failure.what());
  return answer;
}

}  // namespace payoutd::notify
