#pragma once
#include <chrono>
#include <functional>
#include <map>
#include <string>

namespace payoutd::engine {

/// Whether the engine's endless loops go on. Each says when it turns to work and when it rests, and until
/// when. One that rests longer than it said has lost its wake-up: nothing will ever move it again. One that
/// works for long may wait for the database, which only somebody who knows the database can judge. Host
/// thread only.
class Pace {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Pace(std::function<Clock::time_point()> now = Clock::now) : now_(std::move(now)) {}

  /// The loop does something: a statement, a call of a provider.
  void works(const std::string& loop) { turns_[loop] = {false, now_(), {}}; }
  /// The loop sleeps, and wakes after `at_most`.
  void rests(const std::string& loop, std::chrono::milliseconds at_most) {
    turns_[loop] = {true, now_(), at_most};
  }
  /// The loop has returned, as it should.
  void ended(const std::string& loop) { turns_.erase(loop); }

  struct Slowest {
    std::string loop{};
    std::chrono::milliseconds time{};  ///< zero: none
  };
  /// Of the loops that rest, the one that is furthest past its time, and by how much.
  Slowest overdue() const { return slowest(true); }
  /// Of the loops that work, the one that has done so for longest without a pause.
  Slowest at_work() const { return slowest(false); }

 private:
  struct Turn {
    bool resting = false;
    Clock::time_point since{};
    std::chrono::milliseconds allowed{};
  };
  Slowest slowest(bool resting) const;

  std::function<Clock::time_point()> now_;
  std::map<std::string, Turn> turns_;
};

}  // namespace payoutd::engine
