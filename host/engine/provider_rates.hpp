#pragma once
#include <deque>
#include <map>
#include <memory>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "core/rate.hpp"
#include "engine/heart.hpp"
#include "providers/event.hpp"

namespace payoutd::engine {

/// How often one provider may be asked for something, by all hosts together.
struct ProviderRateLimits {
  core::Rate submits;
  core::Rate queries;  ///< its contract's rate counts as well

  friend bool operator==(const ProviderRateLimits&, const ProviderRateLimits&) = default;
};

/// Keeps this host to its share of what each provider bears. All hosts of a database together never go over a
/// rate in any window of its length, whoever comes or goes: each counts what it did in the last window, and
/// may do what falls to its own part of the whole (store::SharePart), which nobody else has. Where there are
/// more hosts than requests in a window, some have none, and the others claim the payouts.
class ProviderRates {
 public:
  enum class Kind { submit, query };
  /// A place among the requests to come: for as long as it is kept, nobody else is promised it. Null: none.
  using Place = std::shared_ptr<void>;

  ProviderRates(boost::asio::any_io_executor executor, Heart& heart) : heart_(heart), freed_(executor) {}

  /// By provider; those that are not named have no rates of their own.
  void configure(std::map<std::string, ProviderRateLimits> limits);
  const ProviderRateLimits& limits(const std::string& provider) const;

  bool limited(const providers::ProviderHandle& handle, Kind kind) const;
  /// So many more may be begun now, less what was promised; at most `most`.
  int room(const providers::ProviderHandle& handle, Kind kind, int most) const;
  /// So many places, for work that is just being claimed. Empty where nothing is limited.
  std::vector<Place> promise(const providers::ProviderHandle& handle, Kind kind, int count);
  /// How long until there may be room; `most` at the most, and where there is room already.
  std::chrono::milliseconds until_room(const providers::ProviderHandle& handle, Kind kind,
                                       std::chrono::milliseconds most) const;

  /// Waits for a place; null if there was none within `limit`, or nothing is limited.
  Awaitable<Place> reserve(const providers::ProviderHandle* handle, Kind kind,
                           std::chrono::milliseconds limit);
  /// Counts one request that is made as soon as this returns; false: it may not be made, `limit` is over.
  Awaitable<bool> take(const providers::ProviderHandle* handle, Kind kind, std::chrono::milliseconds limit,
                       Place place);

  /// The share may be another one.
  void wake() { freed_.notify(); }

 private:
  using Clock = std::chrono::steady_clock;
  struct Window {
    core::Rate rate;  ///< in its shortest period
    std::deque<Clock::time_point> used;
  };
  struct Counter {
    std::map<std::pair<std::int64_t, std::int64_t>, Window> windows;  ///< by count and period
    std::shared_ptr<int> promised = std::make_shared<int>(0);
  };

  std::vector<core::Rate> rates(const providers::ProviderHandle& handle, Kind kind) const;
  Counter& counter(const std::string& provider, Kind kind) const;
  std::int64_t allowed(const core::Rate& rate) const;
  /// So many more may be made now, by the narrowest rate.
  std::int64_t unused(const providers::ProviderHandle& handle, Kind kind) const;

  Heart& heart_;
  providers::Event freed_;
  std::map<std::string, ProviderRateLimits> limits_;
  mutable std::map<std::pair<std::string, Kind>, Counter> counters_;
};

}  // namespace payoutd::engine
