#include "engine/throttle.hpp"

#include <algorithm>
#include <cmath>

#include "store/lookup.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kCountInterval{1'000};
constexpr seconds kLongestWait{300};
constexpr seconds kWaitUnknown{30};  ///< nothing finished lately: nobody can say when there is room

const store::ProviderSwitches* switches_of(const store::Beat& beat, const std::string& provider) {
  const auto found = std::ranges::find(beat.providers, provider, &store::ProviderSwitches::name);
  return found == beat.providers.end() ? nullptr : &*found;
}

seconds rounded_up(double wait_s) {
  const auto whole = static_cast<std::int64_t>(std::ceil(wait_s));
  return seconds{std::clamp<std::int64_t>(whole, 1, kLongestWait.count())};
}

struct Counts {
  std::map<std::string, std::int64_t> under_way;
  std::vector<store::FinishRate> finished;
};

Counts read(pqxx::transaction_base& work, const std::map<std::string, std::int64_t>& depths) {
  Counts counts;
  // Counted no further than what matters: a refusal needs no exact number.
  for (const auto& [provider, depth] : depths)
    counts.under_way[provider] = store::count_under_way(work, provider, depth + depth / 2 + 1'000);
  counts.finished = store::finish_rates(work);
  return counts;
}

std::string tail(seconds wait) {
  return " Nothing was stored; send the same request with the same key again in " +
         std::to_string(wait.count()) + " s.";
}

}  // namespace

bool Throttle::set_by_operator(const std::string& provider) const {
  const auto* switches = switches_of(heart_.last(), provider);
  return switches != nullptr && !switches->throttled_at.empty();
}

ThrottleSettings Throttle::settings(const std::string& provider) const {
  const auto* switches = switches_of(heart_.last(), provider);
  if (switches != nullptr && !switches->throttled_at.empty()) {
    ThrottleSettings set;
    if (const auto rate = core::Rate::parse(switches->throttle_rate)) set.rate = *rate;
    set.depth = switches->throttle_depth;
    return set;
  }
  const auto found = configured_.find(provider);
  return found == configured_.end() ? ThrottleSettings{} : found->second;
}

double Throttle::part() const {
  return 1.0 / std::max(1, heart_.last().admitting_hosts);
}

std::optional<Throttle::Refusal> Throttle::by_depth(const std::string& provider,
                                                    const ThrottleSettings& settings,
                                                    const Counter& counter) const {
  if (settings.depth == 0 || !counter.counted) return std::nullopt;
  const std::int64_t waiting = counter.in_database + counter.entered;
  if (waiting < settings.depth) return std::nullopt;
  const auto too_many = static_cast<double>(waiting - settings.depth + 1);
  const seconds wait =
      counter.finished_per_s > 0 ? rounded_up(too_many / counter.finished_per_s) : kWaitUnknown;
  return Refusal{"Provider " + provider + " has " + std::to_string(waiting) +
                     " payouts under way and takes no new ones above " + std::to_string(settings.depth) +
                     "." + tail(wait),
                 wait};
}

// The bucket is full at first: a host that starts has refused nobody anything.
std::optional<Throttle::Refusal> Throttle::by_rate(const std::string& provider, const core::Rate& rate,
                                                   Counter& counter) const {
  if (!rate.limited()) {
    counter.filled_at.reset();
    return std::nullopt;
  }
  const double most = std::max(1.0, static_cast<double>(rate.count) * part());
  const double per_second = rate.per_second() * part();
  const auto now = Clock::now();
  if (!counter.filled_at) {
    counter.tokens = most;
  } else {
    const std::chrono::duration<double> passed = now - *counter.filled_at;
    counter.tokens += passed.count() * per_second;
  }
  counter.tokens = std::min(counter.tokens, most);
  counter.filled_at = now;
  if (counter.tokens >= 1) {
    counter.tokens -= 1;
    return std::nullopt;
  }
  const seconds wait = rounded_up((1 - counter.tokens) / per_second);
  return Refusal{"Provider " + provider + " takes no more than " + rate.to_string() +
                     " new payouts at the moment." + tail(wait),
                 wait};
}

std::optional<Throttle::Refusal> Throttle::enter(const std::string& provider, std::optional<Entry>& entry) {
  const ThrottleSettings in_force = settings(provider);
  if (in_force.off()) return std::nullopt;
  Counter& counter = counters_[provider];
  auto refusal = by_depth(provider, in_force, counter);
  if (!refusal) refusal = by_rate(provider, in_force.rate, counter);
  if (refusal) return refusal;
  ++counter.entered;
  ++counter.unanswered;
  entry.emplace(*this, provider);
  return std::nullopt;
}

void Throttle::end(const std::string& provider, bool admitted) {
  Counter& counter = counters_[provider];
  --counter.unanswered;
  if (admitted) return;
  if (counter.entered > 0) --counter.entered;
  counter.tokens += 1;
}

Awaitable<void> Throttle::count() {
  if (counting_) co_return;
  std::map<std::string, std::int64_t> depths;
  for (const store::ProviderSwitches& provider : heart_.last().providers)
    if (const auto set = settings(provider.name); set.depth > 0) depths[provider.name] = set.depth;
  for (auto& [provider, counter] : counters_)
    if (!depths.contains(provider)) counter.counted = false;
  if (depths.empty()) co_return;
  // What has its answer is in the count that is made now; the rest may be missing in it.
  std::map<std::string, std::int64_t> stored;
  for (const auto& [provider, depth] : depths) {
    Counter& counter = counters_[provider];
    if (!counter.counted) counter.entered = counter.unanswered;
    stored[provider] = counter.entered - counter.unanswered;
  }
  counting_ = true;
  std::exception_ptr failure;
  Counts counts;
  try {
    counts = co_await pool_.transact([depths](pqxx::transaction_base& work) { return read(work, depths); });
  } catch (...) {
    failure = std::current_exception();
  }
  counting_ = false;
  if (failure) std::rethrow_exception(failure);
  for (const auto& [provider, number] : counts.under_way) {
    Counter& counter = counters_[provider];
    counter.in_database = number;
    counter.entered = std::max<std::int64_t>(0, counter.entered - stored[provider]);
    counter.counted = true;
    counter.finished_per_s = 0;
    for (const store::FinishRate& rate : counts.finished)
      if (rate.provider == provider) counter.finished_per_s = static_cast<double>(rate.finished) / 300;
  }
}

Awaitable<void> Throttle::run(Loops& loops) {
  bool failing = false;
  while (!stopping_) {
    std::string failure;
    try {
      co_await count();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty() && !failing) {
      observer_.log(LogLevel::warning, "engine.throttle_uncounted",
                    "How many payouts are under way cannot be counted; throttles go by the last count.",
                    {{"error", failure}});
    }
    failing = !failure.empty();
    co_await loops.pause(kCountInterval);
  }
}

std::int64_t Throttle::under_way(const std::string& provider) const {
  const auto found = counters_.find(provider);
  if (found == counters_.end() || !found->second.counted) return -1;
  return found->second.in_database + found->second.entered;
}

}  // namespace payoutd::engine
