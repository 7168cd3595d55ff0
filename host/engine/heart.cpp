#include "engine/heart.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <filesystem>
#include <fstream>

namespace payoutd::engine {
namespace {

using providers::BootTime;

std::chrono::milliseconds between(BootTime from, BootTime to) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::nanoseconds{to.ns - from.ns});
}

}  // namespace

Heart::Heart(store::Pool& pool, store::HostIdentity host, Observer& observer, const StopFile& stop_file,
             std::string high_water_file)
    : pool_(pool),
      host_(std::move(host)),
      observer_(observer),
      stop_file_(stop_file),
      high_water_file_(std::move(high_water_file)) {
  std::ifstream in(high_water_file_);
  const std::string text{std::istreambuf_iterator<char>(in), {}};
  boost::system::error_code broken;
  const boost::json::value value = boost::json::parse(text, broken);
  if (broken || !value.is_object()) return;
  const auto& o = value.as_object();
  if (const auto* v = o.if_contains("timeline"); v && v->is_string()) last_.timeline = v->as_string();
  if (const auto* v = o.if_contains("system_identifier"); v && v->is_string())
    last_.system_identifier = v->as_string();
  if (const auto* v = o.if_contains("last_event"); v && v->is_int64()) last_.last_event = v->as_int64();
}

Awaitable<void> Heart::beat_now() {
  const BootTime begun = BootTime::now();
  // Others call a host dead 5 s after its beat. So much must be left over for the beat itself, which counts
  // for 3 s, that nobody can have taken a share that is kept.
  const bool keeps_share = last_good_ && between(*last_good_, begun) < kShareLimit;
  ++beats_under_way_;
  store::Beat beat;
  std::exception_ptr failure;
  try {
    beat = co_await pool_.transact([host = host_, keeps_share](pqxx::transaction_base& work) {
      return store::beat(work, host, keeps_share);
    });
  } catch (...) {
    failure = std::current_exception();
  }
  --beats_under_way_;
  share_known_ = !failure;
  if (!failure) {
    if (!keeps_share) share_.note({});
    share_.note(beat.share);
  }
  if (failure) std::rethrow_exception(failure);
  if (!last_good_ || between(*last_good_, BootTime::now()) > kSubmitLimit) unbroken_since_ = begun;
  last_good_ = begun;
  check_history(beat);
  last_ = std::move(beat);
  keep_high_water();
  note_standstill();
  if (on_beat) on_beat();
}

// Said once when it begins and once when it ends.
void Heart::note_standstill() {
  if (last_.drained != said_drained_) {
    said_drained_ = last_.drained;
    if (said_drained_) {
      observer_.log(LogLevel::warning, "engine.claims_stopped",
                    "This host is drained: it claims nothing until it is resumed.", {});
    } else {
      observer_.log(LogLevel::info, "engine.claims_resumed", "This host claims payouts again.", {});
    }
  }
  const auto period = maintenance();
  if (period.has_value() == said_maintenance_) return;
  said_maintenance_ = period.has_value();
  if (period) {
    observer_.log(LogLevel::info, "engine.maintenance_began",
                  "A maintenance window has begun: nothing is submitted until it ends.",
                  {{"window", period->window}, {"until", core::utc_text(period->ends)}});
  } else {
    observer_.log(LogLevel::info, "engine.maintenance_ended",
                  "The maintenance window is over: submissions go on.", {});
  }
}

core::UtcTime Heart::now() const {
  if (clock_) return clock_();
  if (!last_good_ || last_.now_ms == 0)
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  return core::UtcTime{std::chrono::milliseconds{last_.now_ms}} + between(*last_good_, BootTime::now());
}

void Heart::check_history(const store::Beat& beat) {
  if (last_.system_identifier.empty()) return;
  if (beat.system_identifier != last_.system_identifier) {
    suspect_history("the database is another cluster than the one this host last used");
  } else if (beat.timeline != last_.timeline) {
    suspect_history("the database failed over: its timeline went from " + last_.timeline + " to " +
                    beat.timeline);
  } else if (beat.last_event < last_.last_event) {
    suspect_history("the database went back in time: it knows events up to " +
                    std::to_string(beat.last_event) + ", this host saw " + std::to_string(last_.last_event));
  }
}

void Heart::suspect_history(const std::string& why) {
  if (!history_trusted_) return;
  history_trusted_ = false;
  observer_.log(LogLevel::error, "engine.history_changed",
                "Submissions stop until everything that may have been sent was looked up: " + why, {});
  if (on_history_changed) on_history_changed(why);
}

void Heart::accept_history() {
  history_trusted_ = true;
  observer_.log(LogLevel::info, "engine.history_accepted", "Submissions go on.", {});
}

// Kept outside the database, so that a database that went back in time is noticed. While the history is not
// trusted the old mark stays: a restart must notice it again.
void Heart::keep_high_water() const {
  if (!history_trusted_ || high_water_file_.empty()) return;
  const boost::json::object mark{{"timeline", last_.timeline},
                                 {"system_identifier", last_.system_identifier},
                                 {"last_event", last_.last_event}};
  const std::string aside = high_water_file_ + ".new";
  {
    std::ofstream out(aside, std::ios::trunc);
    out << boost::json::serialize(mark) << '\n';
    if (!out.flush()) return;
  }
  std::error_code ignored;
  std::filesystem::rename(aside, high_water_file_, ignored);
}

Awaitable<void> Heart::run(Loops& loops) {
  bool failing = false;
  while (!stopping_) {
    std::string trouble;
    loops.pace().works("heart");
    try {
      co_await beat_now();
    } catch (const std::exception& error) {
      trouble = error.what();
    }
    if (!trouble.empty() && !failing) {
      observer_.log(LogLevel::warning, "engine.heart_failing",
                    "The database does not take this host's heartbeat.", {{"error", trouble}});
    } else if (trouble.empty() && failing) {
      observer_.log(LogLevel::info, "engine.heart_beating", "The database takes this host's heartbeat again.",
                    {});
    }
    failing = !trouble.empty();
    const std::chrono::milliseconds rest = failing ? std::chrono::milliseconds{250} : kInterval;
    loops.pace().rests("heart", rest);
    co_await loops.pause(rest);
  }
}

bool Heart::fresh() const {
  return last_good_ && between(*last_good_, BootTime::now()) < kSubmitLimit;
}

bool Heart::may_reap() const {
  return fresh() && unbroken_since_ && between(*unbroken_since_, BootTime::now()) >= kReapAfter;
}

store::SharePart Heart::share(std::chrono::milliseconds window) const {
  if (beats_under_way_ > 0 || !share_known_ || !fresh()) return {};
  return share_.held_for(window);
}

std::chrono::milliseconds Heart::silence() const {
  return last_good_ ? between(*last_good_, BootTime::now()) : std::chrono::milliseconds::max();
}

const store::ProviderSwitches* Heart::switches_of(const std::string& provider) const {
  const auto found = std::ranges::find(last_.providers, provider, &store::ProviderSwitches::name);
  return found == last_.providers.end() ? nullptr : &*found;
}

bool Heart::paused(const std::string& provider) const {
  const store::ProviderSwitches* own = switches_of(provider);
  return own != nullptr && (own->paused || !own->quarantined_at.empty());
}

bool Heart::dry_run(const std::string& provider) const {
  const store::ProviderSwitches* own = switches_of(provider);
  return last_.dry_run || (own != nullptr && own->dry_run);
}

}  // namespace payoutd::engine
