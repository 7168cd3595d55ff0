#include "engine/writes_stop.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <system_error>

#include "core/ids.hpp"
#include "store/errors.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;

constexpr const char* kSwitch = "stop_writes";
// An operator who touches the file waits no longer than for a beat.
constexpr milliseconds kLook{250};
constexpr milliseconds kTurn{3'000};
constexpr const char* kSilent = "it does not take this host's heartbeat";

/// An entry of the audit log about the file, which no request stands behind.
store::AuditEntry audit_entry(const std::string& action, const StopOrder& order, const std::string& host) {
  store::AuditEntry entry;
  entry.actor = order.by;
  entry.action = action;
  entry.subject = kSwitch;
  entry.status = 200;
  entry.flow_id = core::random_uuid();
  entry.detail =
      boost::json::serialize(boost::json::object{{"note", order.note}, {"at", order.at}, {"host", host}});
  return entry;
}

bool stands_in_database(pqxx::transaction_base& work) {
  const auto on = store::enabled_switches(work);
  return std::ranges::find(on, kSwitch, &store::SwitchRow::name) != on.end();
}

}  // namespace

/// Whoever holds it changes the switch or the file; others wait.
class WritesStop::Turn {
 public:
  explicit Turn(WritesStop& of) : of_(of) { of_.turn_taken_ = true; }
  ~Turn() {
    of_.turn_taken_ = false;
    of_.turn_over_.notify();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  WritesStop& of_;
};

Awaitable<bool> WritesStop::turn_is_free(milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (turn_taken_ && std::chrono::steady_clock::now() < until) co_await turn_over_.wait(milliseconds{100});
  co_return !turn_taken_;
}

Awaitable<SwitchReply> WritesStop::set(store::SwitchChange change) {
  if (change.enabled) return begin_stop(std::move(change));
  return lift(std::move(change));
}

Awaitable<std::string> WritesStop::commit(store::SwitchChange change) {
  try {
    co_await parts_.pool.transact(
        [change](pqxx::transaction_base& work) { store::set_switch(work, change); });
    co_await parts_.heart.beat_now();
  } catch (const store::StoreError& error) {
    co_return error.what();
  }
  co_return std::string();
}

// The file comes before anything that could have to wait.
Awaitable<SwitchReply> WritesStop::begin_stop(store::SwitchChange change) {
  std::string unwritten;
  try {
    parts_.file.write({change.actor, core::utc_text(parts_.heart.now()), change.note});
    note_change();
  } catch (const std::system_error& error) {
    unwritten = error.what();
  }
  std::string uncommitted = kSilent;
  if (parts_.heart.fresh() && co_await turn_is_free(kTurn)) {
    const Turn mine(*this);
    uncommitted = co_await commit(change);
    if (uncommitted.empty()) {
      remove_file();
      co_return SwitchReply{.enabled = true};
    }
  }
  const std::string& host = parts_.heart.host().name;
  const std::string path = parts_.file.path().string();
  if (!unwritten.empty()) {
    co_return SwitchReply{.done = false,
                          .enabled = parts_.heart.writes_stopped(),
                          .message = "Nothing changed: the database does not answer (" + uncommitted +
                                     "), and the file that would stop " + host +
                                     " cannot be written: " + unwritten + "."};
  }
  co_return SwitchReply{.enabled = true,
                        .all_hosts = false,
                        .message = "The database does not answer, so only " + host +
                                   " has stopped, by its file " + path +
                                   ". It becomes the switch for all hosts as soon as the database answers."};
}

// Nothing is lifted that the operator was not told of: the switch of the database counts until it says
// otherwise itself.
Awaitable<SwitchReply> WritesStop::lift(store::SwitchChange change) {
  while (turn_taken_) co_await turn_is_free(kTurn);
  const Turn mine(*this);
  parts_.file.look();
  const bool by_file = parts_.file.order().has_value();
  if (!by_file) {
    co_await parts_.pool.transact(
        [change](pqxx::transaction_base& work) { store::set_switch(work, change); });
    co_await parts_.heart.beat_now();
    co_return SwitchReply{.enabled = parts_.heart.writes_stopped()};
  }
  const std::string uncommitted = parts_.heart.fresh() ? co_await commit(change) : kSilent;
  const std::string& host = parts_.heart.host().name;
  const bool removed = remove_file();
  SwitchReply reply{.enabled = parts_.heart.writes_stopped(), .all_hosts = uncommitted.empty()};
  if (!removed) {
    reply.message = "The file " + parts_.file.path().string() + " of " + host +
                    " cannot be removed, so this host stays stopped: remove it by hand.";
  } else if (!reply.all_hosts) {
    owed_.push_back(audit_entry("lift the stop-writes file",
                                {change.actor, core::utc_text(parts_.heart.now()), change.note}, host));
    reply.message = "The database does not answer. The file of " + host +
                    " is gone; the switch for all hosts was last seen " +
                    (parts_.heart.last().stop_writes ? "on, and still counts." : "off.");
  }
  co_return reply;
}

bool WritesStop::remove_file() {
  try {
    parts_.file.remove();
  } catch (const std::system_error& error) {
    if (!said_stays_)
      parts_.observer.log(LogLevel::error, "engine.stop_file_stays",
                          "The file that stops all writes cannot be removed, and goes on to count.",
                          {{"error", error.what()}});
    said_stays_ = true;
    return false;
  }
  note_change();
  return true;
}

void WritesStop::note_change() {
  if (const auto& order = parts_.file.order()) {
    parts_.observer.log(LogLevel::warning, "engine.stop_file_found",
                        "A file stops all writes of this host, whatever the database says.",
                        {{"file", parts_.file.path().string()},
                         {"actor", order->by},
                         {"since", order->at},
                         {"note", order->note}});
  } else {
    carried_.reset();
    said_stays_ = false;
    parts_.observer.log(LogLevel::info, "engine.stop_file_gone",
                        "No file stops the writes of this host any more; the switch counts.", {});
  }
}

// The file goes only when this host has heard from the database since, so that there is no moment in between.
Awaitable<void> WritesStop::carry_over() {
  const Turn mine(*this);
  const StopOrder order = *parts_.file.order();
  const std::string host = parts_.heart.host().name;
  if (carried_ != order) {
    const std::string origin = "by the file stop-writes of " + host;
    const store::SwitchChange change{kSwitch, true, order.by,
                                     order.note.empty() ? origin : order.note + " (" + origin + ")"};
    const store::AuditEntry entry = audit_entry("carry over the stop-writes file", order, host);
    co_await parts_.pool.transact([change, entry](pqxx::transaction_base& work) {
      if (!stands_in_database(work)) store::set_switch(work, change);
      store::append_audit(work, entry);
    });
    carried_ = order;
    parts_.observer.log(LogLevel::warning, "engine.stop_file_carried_over",
                        "The file that stopped this host's writes is the switch for all hosts now.",
                        {{"actor", order.by}, {"note", order.note}});
  }
  co_await parts_.heart.beat_now();
  if (parts_.file.order() == order) remove_file();
}

Awaitable<void> WritesStop::pay_owed_audit() {
  const std::vector<store::AuditEntry> owed = owed_;
  co_await parts_.pool.transact([owed](pqxx::transaction_base& work) {
    for (const store::AuditEntry& entry : owed) store::append_audit(work, entry);
  });
  owed_.erase(owed_.begin(), owed_.begin() + static_cast<std::ptrdiff_t>(owed.size()));
}

Awaitable<void> WritesStop::look_at_file(Loops& loops) {
  if (parts_.file.order()) note_change();
  while (!stopping_) {
    if (parts_.file.look()) note_change();
    loops.pace().rests("stop file", kLook);
    co_await loops.pause(kLook);
  }
}

Awaitable<void> WritesStop::carry_file_over(Loops& loops) {
  while (!stopping_) {
    loops.pace().works("carrying of the stop file");
    try {
      if (parts_.heart.fresh() && !turn_taken_) {
        if (parts_.file.order() && !said_stays_) co_await carry_over();
        if (!owed_.empty()) co_await pay_owed_audit();
      }
    } catch (const store::StoreError&) {
      // The heart says that the database is away; the file counts until it is back.
    }
    loops.pace().rests("carrying of the stop file", kLook);
    co_await loops.pause(kLook);
  }
}

}  // namespace payoutd::engine
