#pragma once
#include <chrono>
#include <map>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>

#include "core/rate.hpp"
#include "engine/heart.hpp"
#include "engine/observer.hpp"
#include "store/pool.hpp"

namespace payoutd::engine {

/// How many new payouts a provider takes. Neither rate nor depth: as many as come.
struct ThrottleSettings {
  core::Rate rate;  ///< of all hosts together
  std::int64_t depth =
      0;  ///< payouts under way at the provider above which no new one is taken; 0: any number

  bool off() const { return !rate.limited() && depth == 0; }
  friend bool operator==(const ThrottleSettings&, const ThrottleSettings&) = default;
};

/// Refuses new payouts of a provider that comes too fast behind: by rate, a token bucket that holds what the
/// rate allows in its time, of which each live host has an equal part; and by depth, the number of its
/// payouts that are PENDING, SUBMITTING, SENT or UNKNOWN on all hosts. What waits for a person (HELD, REVIEW)
/// does not count. The depth is counted once a second, and what this host admits meanwhile is added; other
/// hosts' admissions show with the next count. Host thread only.
class Throttle {
 public:
  struct Refusal {
    std::string why;  ///< a sentence
    std::chrono::seconds retry_after{1};
  };
  /// What a payout that may be admitted takes up. It is given back if the payout was not admitted after all.
  class Entry {
   public:
    Entry() = default;
    Entry(Throttle& throttle, std::string provider) : throttle_(&throttle), provider_(std::move(provider)) {}
    Entry(Entry&& other) noexcept
        : throttle_(std::exchange(other.throttle_, nullptr)), provider_(std::move(other.provider_)) {}
    Entry& operator=(Entry&&) = delete;
    ~Entry() { end(false); }
    void admitted() { end(true); }

   private:
    void end(bool admitted) {
      if (throttle_ != nullptr) std::exchange(throttle_, nullptr)->end(provider_, admitted);
    }
    Throttle* throttle_ = nullptr;
    std::string provider_;
  };

  Throttle(store::Pool& pool, Heart& heart, Observer& observer)
      : pool_(pool), heart_(heart), observer_(observer) {}

  /// What counts where nobody has set anything at run time.
  void configure(std::map<std::string, ThrottleSettings> configured) { configured_ = std::move(configured); }

  /// In force now, and whether somebody set it.
  ThrottleSettings settings(const std::string& provider) const;
  bool set_by_operator(const std::string& provider) const;

  /// Takes up a place for one new payout, or says why there is none.
  std::optional<Refusal> enter(const std::string& provider, std::optional<Entry>& entry);

  /// Counts what is under way, where a depth is set; does nothing while it is being counted.
  Awaitable<void> count();
  /// Counts once a second until the loops are stopped.
  Awaitable<void> run(Loops& loops);
  void stop() { stopping_ = true; }

  /// Payouts under way as far as this host knows; -1: nobody asked for it.
  std::int64_t under_way(const std::string& provider) const;

 private:
  using Clock = std::chrono::steady_clock;
  struct Counter {
    double tokens = 0;
    std::optional<Clock::time_point> filled_at;
    bool counted = false;
    std::int64_t in_database = 0;  ///< as last counted
    std::int64_t entered = 0;      ///< by this host, and perhaps not in that count
    std::int64_t unanswered = 0;   ///< entered, and not yet known to be admitted
    double finished_per_s = 0;     ///< in the last minutes
  };
  void end(const std::string& provider, bool admitted);
  double part() const;
  std::optional<Refusal> by_depth(const std::string& provider, const ThrottleSettings& settings,
                                  const Counter& counter) const;
  std::optional<Refusal> by_rate(const std::string& provider, const core::Rate& rate, Counter& counter) const;

  store::Pool& pool_;
  Heart& heart_;
  Observer& observer_;
  std::map<std::string, ThrottleSettings> configured_;
  std::map<std::string, Counter> counters_;
  bool counting_ = false;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
