#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>

namespace payoutd {
namespace {

/// "transfer" as the first word of a sentence about several: "Transfers".
std::string several(std::string_view payment) {
  std::string text(payment);
  if (!text.empty()) text.replace(0, 1, upper_case(text.substr(0, 1)));
  return text + "s";
}

/// "a transfer", "an order".
std::string one(std::string_view payment) {
  const bool vowel =
      !payment.empty() && std::string_view("aeiouAEIOU").find(payment.front()) != std::string_view::npos;
  return (vowel ? "an " : "a ") + std::string(payment);
}

/// As an operator would write it: `10s`, `1500ms`.
std::string written(std::chrono::milliseconds value) {
  const auto count = value.count();
  return count % 1000 == 0 ? std::to_string(count / 1000) + "s" : std::to_string(count) + "ms";
}

}  // namespace

Setting concurrency_setting(std::string_view payment, std::int64_t default_value) {
  return {.name = "concurrency",
          .type = SettingType::integer,
          .description = several(payment) + " in flight at once; also how many a crash can make unknown.",
          .default_value = std::to_string(default_value),
          .min = 1,
          .max = 1024};
}

Setting query_rate_setting(std::int64_t default_value, std::string_view zero) {
  return {.name = "query_rate_per_s",
          .type = SettingType::integer,
          .description = "Upper limit of status queries a second; 0 " + std::string(zero) + ".",
          .default_value = std::to_string(default_value),
          .min = 0,
          .max = 100'000};
}

Setting submit_window_setting(std::string_view payment, std::chrono::milliseconds default_value) {
  return {.name = "submit_window",
          .type = SettingType::duration,
          .description = "How long after its journal entry " + one(payment) + " may still be started.",
          .default_value = written(default_value),
          .min = 500,
          .max = 60'000};
}

Setting response_timeout_setting(std::string_view payment, std::chrono::milliseconds default_value) {
  return {.name = "response_timeout",
          .type = SettingType::duration,
          .description = "How long to wait for the answer to " + one(payment) + ".",
          .default_value = written(default_value),
          .min = 500,
          .max = 300'000};
}

void apply_standard_settings(const Settings& settings, Contract& contract) {
  if (settings.has("concurrency")) contract.concurrency = static_cast<int>(settings.integer("concurrency"));
  if (settings.has("query_rate_per_s"))
    contract.query_rate_per_s = static_cast<int>(settings.integer("query_rate_per_s"));
  if (settings.has("submit_window")) contract.submit_window = settings.duration("submit_window");
  if (settings.has("response_timeout")) contract.response_timeout = settings.duration("response_timeout");
}

std::optional<std::chrono::seconds> whole_seconds(const Settings& settings, std::string_view name) {
  if (!settings.has(name)) return std::nullopt;
  return std::chrono::ceil<std::chrono::seconds>(settings.duration(name));
}

}  // namespace payoutd
