#include "ctl/prune.hpp"

#include <boost/json.hpp>
#include <chrono>
#include <ostream>
#include <payoutd/settings.hpp>
#include <thread>

#include "policy/bundle.hpp"
#include "store/inventory.hpp"
#include "store/prune.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kKeysStay =
    "Idempotency keys stay for ever, without their payloads: a request that comes again is recognised, gets "
    "the "
    "answer of then, and pays nothing.";
constexpr int kMostConflicts = 20;
constexpr milliseconds kShortestPause{10};
constexpr milliseconds kLookAgain{1'000};

milliseconds duration_of(const std::string& text, const char* option) {
  const auto duration = parse_duration(text);
  if (!duration) throw CommandFailed(ExitCode::usage, std::string(option) + " " + duration.error().reason);
  return *duration;
}

/// Whether a rule among these scripts (JSON text, path → content) has the window `ever`. Scripts that this
/// version cannot build may have one.
bool look_back_for_ever(const std::string& scripts) {
  try {
    const auto files = policy::ScriptFiles::from_json(json::parse(scripts).as_object());
    return std::ranges::any_of(policy::Bundle::build(files)->features(), [](const policy::Feature& feature) {
      return feature.window.kind == policy::Window::Kind::ever;
    });
  } catch (const policy::ScriptError&) {
    return true;
  }
}

json::object counts_json(const store::PruneCounts& counts) {
  return {{"payouts", counts.payouts},       {"attempts", counts.attempts},
          {"events", counts.events},         {"decisions", counts.decisions},
          {"approvals", counts.approvals},   {"callbacks", counts.callbacks},
          {"allowances", counts.allowances}, {"keys_emptied", counts.keys_emptied}};
}

void print_counts(std::ostream& out, const store::PruneCounts& counts) {
  out << "  payouts            " << counts.payouts << "\n  attempts           " << counts.attempts
      << "\n  events             " << counts.events << "\n  decisions          " << counts.decisions
      << "\n  approvals          " << counts.approvals << "\n  callbacks          " << counts.callbacks
      << "\n  allowances         " << counts.allowances << "\n  keys emptied       " << counts.keys_emptied
      << '\n';
}

class Pruner {
 public:
  Pruner(Context& context, Database& database, const PruneOptions& options)
      : context_(context),
        database_(database),
        options_(options),
        older_than_(std::chrono::duration_cast<seconds>(duration_of(options.older_than, "--older-than"))),
        max_lag_(duration_of(options.max_lag, "--max-lag")) {}

  void run() {
    allowances_stay_ = std::ranges::any_of(transact([](auto& work) { return store::scripts_in_use(work); }),
                                           look_back_for_ever);
    expected_ = transact([&](auto& work) { return store::count_prunable(work, older_than_); });
    if (allowances_stay_) expected_.allowances = 0;
    if (options_.dry_run) return;
    repeat([&](auto& work) {
      const auto counts = store::prune_payouts(work, older_than_, options_.batch);
      done_ += counts;
      return counts.payouts;
    });
    repeat([&](auto& work) {
      const auto count = store::prune_callbacks(work, older_than_, options_.batch);
      done_.callbacks += count;
      return count;
    });
    if (!allowances_stay_)
      repeat([&](auto& work) {
        const auto count = store::prune_allowances(work, options_.batch);
        done_.allowances += count;
        return count;
      });
    drop_partitions();
    if (!interrupted())
      transact([&](auto& work) {
        const char* user = ::getenv("USER");
        store::record_maintenance(work, "prune", user == nullptr ? "?" : user,
                                  json::serialize(counts_json(done_)));
        return 0;
      });
  }

  ExitCode report() const {
    const bool stopped = interrupted();
    const auto& counts = options_.dry_run ? expected_ : done_;
    if (context_.json) {
      context_.out << json::serialize(json::object{{"dry_run", options_.dry_run},
                                                   {"complete", !stopped},
                                                   {"older_than_s", older_than_.count()},
                                                   {"counts", counts_json(counts)},
                                                   {"partitions_dropped", partitions_},
                                                   {"batches", batches_},
                                                   {"waited_for_replicas_ms", waited_.count()},
                                                   {"retention", retention_json()}})
                   << '\n';
    } else {
      context_.out << (options_.dry_run ? "Would be taken away:\n" : "Taken away:\n");
      print_counts(context_.out, counts);
      if (partitions_ > 0) context_.out << "  empty partitions   " << partitions_ << '\n';
      if (waited_.count() > 0) context_.out << "It waited " << duration_text(waited_) << " for replicas.\n";
      context_.out << kKeysStay << '\n';
      if (allowances_stay_)
        context_.out << "A rule looks back for ever, so the ledger that rules read is left alone.\n";
    }
    return stopped ? ExitCode::interrupted : ExitCode::ok;
  }

 private:
  json::object retention_json() const {
    return {{"payouts_s", older_than_.count()},
            {"callbacks_s", older_than_.count()},
            {"allowances_s",
             allowances_stay_ ? json::value(nullptr) : json::value(store::kLongestWindow.count())},
            {"idempotency_keys_s", nullptr},
            {"idempotency_keys", kKeysStay},
            {"audit_s", nullptr}};
  }

  // Short locks and no long statements; what somebody else holds is tried again.
  template <class Work>
  auto transact(Work work) -> std::invoke_result_t<Work&, store::Transaction&> {
    for (int conflicts = 0;; ++conflicts) {
      try {
        return store::in_transaction(*database_.connection, [&](store::Transaction& transaction) {
          transaction.exec("set local lock_timeout = '2s'; set local statement_timeout = '120s'");
          return work(transaction);
        });
      } catch (const store::Conflict&) {
        if (conflicts == kMostConflicts) throw;
        std::this_thread::sleep_for(milliseconds(100) * (conflicts + 1));
      }
    }
  }

  // Half of the time belongs to the hosts.
  template <class Batch>
  void repeat(Batch batch) {
    while (!interrupted()) {
      wait_for_replicas();
      const auto began = Clock::now();
      const auto before = done_;
      std::int64_t count = 0;
      transact([&](auto& work) {
        done_ = before;  // an attempt that met a lock was undone
        count = batch(work);
        return 0;
      });
      if (count == 0) return;
      ++batches_;
      show_progress();
      const auto took = std::chrono::duration_cast<milliseconds>(Clock::now() - began);
      std::this_thread::sleep_for(std::max(took, kShortestPause));
    }
  }

  void wait_for_replicas() {
    while (!interrupted()) {
      const auto lag = transact([](auto& work) { return store::replica_lag(work); });
      if (!lag.readable && !std::exchange(warned_, true))
        context_.err << "This role may not see how far replicas are behind, so they are not waited for: "
                        "GRANT pg_monitor.\n";
      if (!lag.readable || lag.longest <= max_lag_) break;
      if (!std::exchange(waiting_, true))
        context_.err << "A replica is " << duration_text(lag.longest) << " behind; waiting for it.\n";
      std::this_thread::sleep_for(kLookAgain);
      waited_ += kLookAgain;
    }
    waiting_ = false;
  }

  void drop_partitions() {
    for (const auto& name : transact([&](auto& work) { return store::old_partitions(work, older_than_); })) {
      if (interrupted()) return;
      try {
        // One try: an empty partition hurts nobody, and the next run comes by again.
        const bool dropped = store::in_transaction(*database_.connection, [&](store::Transaction& work) {
          return store::drop_if_empty(work, name, milliseconds(500));
        });
        partitions_ += dropped ? 1 : 0;
      } catch (const store::Conflict&) {
        context_.err << "app." << name << " is empty but in use; it is dropped next time.\n";
      }
    }
  }

  void show_progress() {
    constexpr seconds kBetweenLines{10};
    if (!context_.live && Clock::now() - last_shown_ < kBetweenLines) return;
    last_shown_ = Clock::now();
    if (context_.json && !context_.live) return;
    context_.err << (context_.live ? "\r" : "") << done_.payouts << " of " << expected_.payouts
                 << " payouts, " << done_.events << " events" << (context_.live ? "   " : "\n") << std::flush;
    if (context_.live && done_.payouts >= expected_.payouts && !std::exchange(line_ended_, true))
      context_.err << '\n';
  }

  Context& context_;
  Database& database_;
  const PruneOptions& options_;
  seconds older_than_;
  milliseconds max_lag_;
  store::PruneCounts expected_;
  store::PruneCounts done_;
  Clock::time_point last_shown_ = Clock::now();
  milliseconds waited_{0};
  int batches_ = 0;
  int partitions_ = 0;
  bool warned_ = false;
  bool waiting_ = false;
  bool line_ended_ = false;
  bool allowances_stay_ = false;
};

}  // namespace

ExitCode prune(Context& context, const DatabaseOptions& options, const PruneOptions& wanted) {
  constexpr auto kShortest = std::chrono::hours(24);
  if (duration_of(wanted.older_than, "--older-than") < kShortest)
    throw CommandFailed(ExitCode::usage,
                        "--older-than must be at least 1d: what finished just now may still be asked for.");
  watch_interrupts();
  Database database = open_database(context, options, "prune");
  Pruner pruner(context, database, wanted);
  ask_database([&] {
    pruner.run();
    return 0;
  });
  return pruner.report();
}

}  // namespace payoutd::ctl
