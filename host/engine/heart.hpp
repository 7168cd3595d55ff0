#pragma once
#include <functional>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>

#include "core/maintenance_window.hpp"
#include "engine/share_history.hpp"
#include "engine/stop_file.hpp"
#include "engine/task.hpp"
#include "providers/provider_handle.hpp"
#include "store/host_registry.hpp"
#include "store/pool.hpp"

namespace payoutd::engine {

/// Beats once a second on a connection of its own, and knows from it whether this host may submit: not after
/// 3 s without a good beat, not while a switch forbids it, not while the database may have lost what it
/// acknowledged. Counts on CLOCK_BOOTTIME, so that a stopped and continued process knows how long it was
/// away.
class Heart {
 public:
  static constexpr std::chrono::milliseconds kInterval{1'000};
  static constexpr std::chrono::milliseconds kSubmitLimit{
      3'000};                                                    ///< silence after which nothing is submitted
  static constexpr std::chrono::milliseconds kReapAfter{5'000};  ///< unbroken beats before others are reaped

  static constexpr std::chrono::milliseconds kShareLimit{1'900};  ///< silence after which shares start anew

  Heart(store::Pool& pool, store::HostIdentity host, Observer& observer, const StopFile& stop_file,
        std::string high_water_file);

  /// One beat, now. Throws what the store throws.
  Awaitable<void> beat_now();
  /// Beats until stop(); never throws.
  Awaitable<void> run(Loops& loops);
  void stop() { stopping_ = true; }

  bool fresh() const;     ///< the last good beat is less than 3 s old
  bool may_reap() const;  ///< 5 s of unbroken beats
  std::chrono::milliseconds silence() const;
  const store::Beat& last() const { return last_; }
  /// The part of every shared rate that this host has had for all of `window`, so that what another host used
  /// of it before it gave it away lies further back. Empty while a beat is under way, whose answer may take
  /// some of it away, and while the last good one is older than 3 s.
  store::SharePart share(std::chrono::milliseconds window) const;
  const store::HostIdentity& host() const { return host_; }
  /// Those of the configuration, before the first beat.
  void set_providers(std::vector<std::string> names) { host_.providers = std::move(names); }
  bool paused(const std::string& provider) const;
  /// As the last beat saw them; nullptr: the database has no such provider.
  const store::ProviderSwitches* switches_of(const std::string& provider) const;
  /// By the switch for all hosts, or by the provider's own.
  bool dry_run(const std::string& provider) const;
  bool submissions_stopped() const {
    return last_.stop_submissions || writes_stopped() || maintenance().has_value() || database_is_full_;
  }
  /// While the database's disk is full nothing is submitted: what came of it could not be stored.
  void set_database_full(bool is_full) { database_is_full_ = is_full; }
  bool database_full() const { return database_is_full_; }
  /// By the switch for all hosts, or by the file of this one.
  bool writes_stopped() const { return last_.stop_writes || stop_file_.order().has_value(); }
  const StopFile& stop_file() const { return stop_file_; }
  bool drained() const { return last_.drained; }
  bool works() const { return host_.roles.has(core::HostRole::worker); }
  bool claims() const { return works() && !drained(); }  ///< payouts, to pay them or to ask about them

  /// The database's time, as far as this host knows it.
  core::UtcTime now() const;
  /// In which nothing is submitted; takes effect at once.
  void set_maintenance(std::vector<core::MaintenanceWindow> windows) { windows_ = std::move(windows); }
  const std::vector<core::MaintenanceWindow>& maintenance_windows() const { return windows_; }
  /// The maintenance that goes on now.
  std::optional<core::MaintenancePeriod> maintenance() const { return core::maintenance_at(windows_, now()); }
  /// For tests: what `now` says instead.
  void set_clock(std::function<core::UtcTime()> clock) { clock_ = std::move(clock); }

  /// The timeline that journals must still see; another one means that the database failed over in between.
  const std::string& timeline() const { return last_.timeline; }

  /// Called after every good beat.
  std::function<void()> on_beat;

  /// Called when the database turned out to be another one, or older, than this host last saw: what was sent
  /// may be missing in it. Submits stay stopped until `accept_history()`.
  std::function<void(std::string why)> on_history_changed;
  void suspect_history(const std::string& why);
  void accept_history();
  bool history_trusted() const { return history_trusted_; }

 private:
  void check_history(const store::Beat& beat);
  void keep_high_water() const;
  void note_standstill();

  store::Pool& pool_;
  store::HostIdentity host_;
  Observer& observer_;
  const StopFile& stop_file_;
  std::string high_water_file_;
  store::Beat last_;
  std::vector<core::MaintenanceWindow> windows_;
  std::function<core::UtcTime()> clock_;
  bool said_drained_ = false;
  bool said_maintenance_ = false;
  std::optional<providers::BootTime> last_good_;  ///< when the last good beat was begun
  std::optional<providers::BootTime> unbroken_since_;
  ShareHistory share_;
  int beats_under_way_ = 0;
  bool share_known_ = false;  ///< the last beat was answered
  bool stopping_ = false;
  bool history_trusted_ = true;
  bool database_is_full_ = false;
};

}  // namespace payoutd::engine
