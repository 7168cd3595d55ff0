#include <payoutd/provider.hpp>

namespace payoutd {
namespace {

template <class Kind>
struct KindName {
  Kind kind;
  std::string_view name;
};

using enum Submission::Kind;
constexpr auto kSubmissionKinds = std::to_array<KindName<Submission::Kind>>({
    {confirmed, "confirmed"},
    {accepted, "accepted"},
    {refused, "refused"},
    {refused_for_now, "refused_for_now"},
    {not_accepted, "not_accepted"},
    {duplicate, "duplicate"},
    {unknown, "unknown"},
});

constexpr auto kStatusKinds = std::to_array<KindName<Status::Kind>>({
    {Status::Kind::confirmed, "confirmed"},
    {Status::Kind::pending, "pending"},
    {Status::Kind::refused, "refused"},
    {Status::Kind::refused_for_now, "refused_for_now"},
    {Status::Kind::reversed, "reversed"},
    {Status::Kind::absent, "absent"},
    {Status::Kind::cannot_tell, "cannot_tell"},
});

template <class Kind, std::size_t n>
std::string_view name_of(const std::array<KindName<Kind>, n>& names, Kind kind) noexcept {
  const auto found = std::ranges::find(names, kind, &KindName<Kind>::kind);
  return found == names.end() ? "invalid" : found->name;
}

template <class Kind, std::size_t n>
std::optional<Kind> kind_of(const std::array<KindName<Kind>, n>& names, std::string_view name) noexcept {
  const auto found = std::ranges::find(names, name, &KindName<Kind>::name);
  return found == names.end() ? std::nullopt : std::optional(found->kind);
}

}  // namespace

Awaitable<Prepared> Provider::prepare(Order) {
  co_return Prepared{};
}

Awaitable<Balance> Provider::balance() {
  throw Unsupported("this provider has no balance to ask for");
  co_return Balance{};
}

Awaitable<void> Provider::maintain(Lane&) {
  co_return;
}

WebhookReading Provider::read_webhook(const Webhook&) {
  WebhookReading reading;
  reading.reason = "this provider sends no webhooks";
  return reading;
}

std::string_view to_string(Submission::Kind kind) noexcept {
  return name_of(kSubmissionKinds, kind);
}
std::string_view to_string(Status::Kind kind) noexcept {
  return name_of(kStatusKinds, kind);
}
std::optional<Submission::Kind> submission_kind(std::string_view name) noexcept {
  return kind_of(kSubmissionKinds, name);
}
std::optional<Status::Kind> status_kind(std::string_view name) noexcept {
  return kind_of(kStatusKinds, name);
}

}  // namespace payoutd
