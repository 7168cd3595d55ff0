#include "engine/obstacles.hpp"

#include <algorithm>

namespace payoutd::engine {
namespace {

using core::State;

/// ` (since …, by …: …)`, as far as it is known.
std::string since(const std::string& at, const std::string& by, const std::string& note) {
  std::string text;
  if (!at.empty()) text = "since " + at;
  if (!by.empty()) text += (text.empty() ? "by " : ", by ") + by;
  if (!note.empty()) text += (text.empty() ? "" : ": ") + note;
  return text.empty() ? "" : " (" + text + ")";
}

/// What an open payout waits for: SENT and UNKNOWN wait to be asked about, PENDING to be submitted.
bool waits_for_a_question(const store::Payout& payout) {
  return payout.state == State::sent || payout.state == State::unknown;
}

/// Another live worker has the payout's provider, too.
bool is_elsewhere(const store::Payout& payout, const Heart& heart, const providers::ProviderHandle* handle) {
  const store::ProviderSwitches* found = heart.switches_of(payout.provider);
  const int here = handle != nullptr && heart.works() ? 1 : 0;
  return found != nullptr && found->working_hosts > here;
}

void add_switches(const store::Payout& payout, const Surroundings& around, std::vector<Obstacle>& all) {
  for (const store::SwitchRow& one : around.switches) {
    const std::string told = since(one.changed_at, one.changed_by, one.note);
    const std::string off = "payoutctl switch set " + one.name + " off";
    if (one.name == "stop_writes")
      all.push_back({one.name, "All writes are stopped on all hosts" + told + ".", off});
    if (one.name == "stop_submissions" && !waits_for_a_question(payout))
      all.push_back({one.name, "Submissions are stopped on all hosts" + told + ".", off});
  }
}

void add_provider(const store::Payout& payout, const Heart& heart, const providers::ProviderHandle* handle,
                  std::vector<Obstacle>& all) {
  const std::string name = "Provider " + payout.provider;
  const bool asks = waits_for_a_question(payout);
  const store::ProviderSwitches* found = heart.switches_of(payout.provider);
  const bool elsewhere = is_elsewhere(payout, heart, handle);
  if (found != nullptr && !found->quarantined_at.empty()) {
    all.push_back(
        {"quarantined",
         name + " is in quarantine" + since(found->quarantined_at, "", found->quarantine_reason) + ".",
         "payoutctl provider lift " + payout.provider});
  }
  if (found != nullptr && found->paused && !waits_for_a_question(payout)) {
    all.push_back({"paused",
                   name + " is paused" + since(found->changed_at, found->changed_by, found->note) + ".",
                   "payoutctl provider resume " + payout.provider});
  }
  if (handle == nullptr) {
    const std::string work = asks ? "asks what became of the payment." : "submits it.";
    all.push_back({"not_configured",
                   elsewhere ? name + " is not configured on this host; another one " + work
                             : "No live host has provider " + payout.provider +
                                   " configured: configure it again, and its host " + work,
                   elsewhere ? "" : "payoutctl hosts", !elsewhere});
  } else if (!handle->ready()) {
    all.push_back({"not_ready",
                   name + "'s process is " + std::string(providers::to_string(handle->state())) +
                       " on this host; any host that has it ready " + (asks ? "asks it." : "submits it."),
                   "payoutctl provider list", !elsewhere});
  }
}

void add_host(const store::Payout& payout, const Heart& heart, const providers::ProviderHandle* handle,
              std::vector<Obstacle>& all) {
  const bool asks = waits_for_a_question(payout);
  if (const auto& order = heart.stop_file().order()) {
    all.push_back({"stop_file",
                   "The file " + heart.stop_file().path().string() + " stops all writes of " +
                       heart.host().name + since(order->at, order->by, order->note) + ".",
                   "payoutctl switch set stop_writes off"});
  }
  if (const auto period = asks ? std::nullopt : heart.maintenance()) {
    all.push_back({"maintenance",
                   "Nothing is submitted during the maintenance window '" + period->window + "', until " +
                       core::utc_text(period->ends) + ".",
                   ""});
  }
  if (heart.last().working_hosts == 0) {
    all.push_back({"no_worker",
                   std::string("No live host has the role worker: nothing is ") +
                       (asks ? "asked" : "submitted") + " until one starts.",
                   "payoutctl hosts"});
  }
  if (heart.works() && heart.drained()) {
    all.push_back({"drained",
                   std::string("This host is drained; another one ") + (asks ? "asks" : "submits it") +
                       ", or this one when it is resumed.",
                   "payoutctl resume", !is_elsewhere(payout, heart, handle)});
  }
}

void add_halt(const store::Payout& payout, const Surroundings& around, std::vector<Obstacle>& all) {
  for (const store::HaltRow& halt : around.halts) {
    if (halt.provider != payout.provider || halt.currency != payout.money.currency) continue;
    all.push_back({"outflow_halted",
                   "The outflow of " + halt.currency + " through " + halt.provider + " is halted since " +
                       halt.at + ": " + halt.reached + " would have flowed out in a " + halt.span +
                       " where " + halt.allowed + " are allowed.",
                   "payoutctl limits lift " + halt.provider + " " + halt.currency + " --note WHY"});
  }
}

void add_rate(const store::Payout& payout, const Surroundings& around, const ProviderRates& rates,
              std::vector<Obstacle>& all) {
  const core::Rate rate = rates.limits(payout.provider).submits;
  if (!rate.limited()) return;
  all.push_back({"submit_rate",
                 "Provider " + payout.provider + " is given no more than " + rate.to_string() +
                     " submits of all hosts together (submit_rate); " + std::to_string(around.due_before) +
                     " payouts are due before this one.",
                 ""});
  all.back().blocks = false;
}

void add_dry_run(const store::Payout& payout, const Surroundings& around, const Heart& heart, bool configured,
                 std::vector<Obstacle>& all) {
  std::string where;
  std::string command;
  for (const store::SwitchRow& one : around.switches) {
    if (one.name != "dry_run") continue;
    where = "on all hosts" + since(one.changed_at, one.changed_by, one.note);
    command = "payoutctl switch set dry_run off";
  }
  const store::ProviderSwitches* own = heart.switches_of(payout.provider);
  if (where.empty() && own != nullptr && own->dry_run) {
    where = "for provider " + payout.provider + since(own->dry_run_at, own->dry_run_by, own->dry_run_note);
    command = "payoutctl provider dry-run " + payout.provider + " off";
  }
  if (where.empty() && configured) where = "by this host's configuration (engine.dry_run)";
  if (where.empty()) return;
  all.push_back(
      {"dry_run", "Dry run is on " + where + ": at its turn it ends as SIMULATED and is not paid.", command});
  all.back().blocks = false;
}

}  // namespace

Surroundings surroundings_of(pqxx::transaction_base& work, const store::Payout& payout) {
  Surroundings around;
  if (payout.state != State::pending && !waits_for_a_question(payout)) return around;
  around.switches = store::enabled_switches(work);
  if (payout.state != State::pending) return around;
  around.halts = store::halts(work);
  around.due_before = store::count_due_before(work, payout.id);
  return around;
}

std::vector<Obstacle> obstacles_of(const store::Payout& payout, const Surroundings& around,
                                   const Heart& heart, const ProviderRates& rates,
                                   const BalanceGate& balances, const providers::ProviderHandle* handle,
                                   bool configured_dry_run) {
  std::vector<Obstacle> all;
  if (payout.state != State::pending && !waits_for_a_question(payout)) return all;
  add_switches(payout, around, all);
  add_provider(payout, heart, handle, all);
  add_host(payout, heart, handle, all);
  if (payout.state != State::pending) return all;
  add_halt(payout, around, all);
  if (!heart.history_trusted()) {
    all.push_back(
        {"history_changed",
         "The database failed over or went back in time: nothing is submitted until what is open is "
         "resolved.",
         ""});
  }
  if (const auto short_of = balances.obstacle(payout))
    all.push_back({short_of->kind, short_of->text, "payoutctl provider show " + payout.provider});
  add_rate(payout, around, rates, all);
  add_dry_run(payout, around, heart, configured_dry_run, all);
  return all;
}

}  // namespace payoutd::engine
