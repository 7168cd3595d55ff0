#include "policy/built_in_policy.hpp"

namespace payoutd::policy {

std::string_view to_string(Purpose purpose) noexcept {
  switch (purpose) {
    case Purpose::retry:
      return "retry";
    case Purpose::resend:
      return "resend";
    case Purpose::poll:
      return "poll";
    case Purpose::query:
      return "query";
    case Purpose::notify:
      return "notify";
  }
  return "";
}

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::allow:
      return "allow";
    case Verdict::flag:
      return "flag";
    case Verdict::hold:
      return "hold";
    case Verdict::deny:
      return "deny";
  }
  return "";
}

BuiltInPolicy::BuiltInPolicy(BuiltInOptions options, std::uint32_t seed) : options_(options), random_(seed) {}

BackoffAdvice BuiltInPolicy::backoff(BackoffQuestion question) {
  switch (question.purpose) {
    case Purpose::retry:
      if (options_.max_attempts > 0 && question.count >= options_.max_attempts) return {GiveUp{}, {}};
      return {delay(options_.retry, question.count), {}};
    case Purpose::resend:
      return {delay(options_.resend, question.count), {}};
    case Purpose::poll:
      return {delay(options_.poll, question.count), {}};
    case Purpose::query:
      if (question.in_state >= options_.review_after) return {Review{}, {}};
      return {delay(options_.query, question.count), {}};
    case Purpose::notify:
      return {delay(options_.notify, question.count), {}};
  }
  return {Review{}, {}};
}

std::chrono::milliseconds BuiltInPolicy::delay(const Schedule& schedule, int count) {
  std::int64_t ms = schedule.first.count();
  for (int i = 1; i < count && ms < schedule.limit.count(); ++i) ms = ms * schedule.factor_percent / 100;
  ms = std::min<std::int64_t>(ms, schedule.limit.count());
  const std::int64_t spread = ms * schedule.jitter_percent / 100;
  if (spread > 0) ms += std::uniform_int_distribution<std::int64_t>(-spread, spread)(random_);
  return std::chrono::milliseconds{ms};
}

}  // namespace payoutd::policy
