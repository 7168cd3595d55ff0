#include "engine/provider_rates.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;

// On its way to the provider one request may be faster than the one before it.
constexpr milliseconds kJitter{50};
// Beats change the share; whoever waits looks again at least so often.
constexpr milliseconds kLook{250};

milliseconds length_of(const core::Rate& rate) {
  return std::chrono::duration_cast<milliseconds>(rate.period) + kJitter;
}

}  // namespace

void ProviderRates::configure(std::map<std::string, ProviderRateLimits> limits) {
  limits_ = std::move(limits);
  wake();
}

const ProviderRateLimits& ProviderRates::limits(const std::string& provider) const {
  static const ProviderRateLimits kNone;
  const auto found = limits_.find(provider);
  return found == limits_.end() ? kNone : found->second;
}

std::vector<core::Rate> ProviderRates::rates(const providers::ProviderHandle& handle, Kind kind) const {
  const ProviderRateLimits& own = limits(handle.name());
  std::vector<core::Rate> all;
  if (const core::Rate& rate = kind == Kind::submit ? own.submits : own.queries; rate.limited())
    all.push_back(rate.in_shortest_period());
  if (kind == Kind::query && handle.contract().query_rate_per_s > 0)
    all.push_back({handle.contract().query_rate_per_s, std::chrono::seconds{1}});
  return all;
}

bool ProviderRates::limited(const providers::ProviderHandle& handle, Kind kind) const {
  const ProviderRateLimits& own = limits(handle.name());
  return kind == Kind::submit ? own.submits.limited()
                              : own.queries.limited() || handle.contract().query_rate_per_s > 0;
}

ProviderRates::Counter& ProviderRates::counter(const std::string& provider, Kind kind) const {
  return counters_[{provider, kind}];
}

// Counted in whole requests: what falls between the edges of the part. Parts that do not overlap never come
// to more than the whole.
std::int64_t ProviderRates::allowed(const core::Rate& rate) const {
  const store::SharePart part = heart_.share(length_of(rate));
  return rate.count * part.to / store::SharePart::kWhole - rate.count * part.from / store::SharePart::kWhole;
}

std::int64_t ProviderRates::unused(const providers::ProviderHandle& handle, Kind kind) const {
  std::int64_t least = INT_MAX;
  Counter& counted = counter(handle.name(), kind);
  const auto now = Clock::now();
  for (const core::Rate& rate : rates(handle, kind)) {
    auto& used = counted.windows[{rate.count, rate.period.count()}].used;
    while (!used.empty() && used.front() <= now - length_of(rate)) used.pop_front();
    least = std::min(least, allowed(rate) - static_cast<std::int64_t>(used.size()));
  }
  return least;
}

int ProviderRates::room(const providers::ProviderHandle& handle, Kind kind, int most) const {
  if (!limited(handle, kind)) return most;
  const std::int64_t left = unused(handle, kind) - *counter(handle.name(), kind).promised;
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, most));
}

std::vector<ProviderRates::Place> ProviderRates::promise(const providers::ProviderHandle& handle, Kind kind,
                                                         int count) {
  std::vector<Place> places;
  if (!limited(handle, kind)) return places;
  const auto promised = counter(handle.name(), kind).promised;
  places.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    ++*promised;
    places.emplace_back(promised.get(), [promised](int* number) { --*number; });
  }
  return places;
}

milliseconds ProviderRates::until_room(const providers::ProviderHandle& handle, Kind kind,
                                       milliseconds most) const {
  if (room(handle, kind, 1) > 0) return most;
  milliseconds wait{10};  // what was promised is used or given back
  const auto now = Clock::now();
  Counter& counted = counter(handle.name(), kind);
  for (const core::Rate& rate : rates(handle, kind)) {
    const std::int64_t may = allowed(rate);
    const auto& used = counted.windows[{rate.count, rate.period.count()}].used;
    if (may == 0) {
      wait = std::max(wait, kLook);
    } else if (std::ssize(used) >= may) {
      // When the last of those that stand in the way leaves the window.
      const auto leaves = used[static_cast<std::size_t>(std::ssize(used) - may)] + length_of(rate);
      wait = std::max(wait, std::chrono::ceil<milliseconds>(leaves - now));
    }
  }
  return std::min(wait, most);
}

Awaitable<ProviderRates::Place> ProviderRates::reserve(const providers::ProviderHandle* handle, Kind kind,
                                                       milliseconds limit) {
  const auto until = Clock::now() + limit;
  while (limited(*handle, kind)) {
    if (room(*handle, kind, 1) > 0) co_return promise(*handle, kind, 1).front();
    if (Clock::now() >= until) break;
    co_await freed_.wait_until(std::min(until, Clock::now() + until_room(*handle, kind, kLook)));
  }
  co_return nullptr;
}

Awaitable<bool> ProviderRates::take(const providers::ProviderHandle* handle, Kind kind, milliseconds limit,
                                    Place place) {
  const auto until = Clock::now() + limit;
  while (limited(*handle, kind)) {
    const std::int64_t others = *counter(handle->name(), kind).promised - (place ? 1 : 0);
    if (unused(*handle, kind) > (place ? 0 : others)) {
      const auto now = Clock::now();
      for (const core::Rate& rate : rates(*handle, kind))
        counter(handle->name(), kind).windows[{rate.count, rate.period.count()}].used.push_back(now);
      co_return true;
    }
    if (Clock::now() >= until) co_return false;
    co_await freed_.wait_until(std::min(until, Clock::now() + until_room(*handle, kind, kLook)));
  }
  co_return true;
}

}  // namespace payoutd::engine
