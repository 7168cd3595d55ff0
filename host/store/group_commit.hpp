// Combines what many coroutines want to write into few transactions, and never guesses whether one of them
// committed.
//
// THE CONTRACT OF run(transaction, items, batch)
// It executes one batch on a database thread, inside a transaction that is open already, and returns one
// result per item, in order. It may be called several times with the same items:
// - after an error that rolled everything back (replay is false again), and
// - after an in-doubt commit that turned out to have committed (replay is true): the rows stand already, and
//   run must return for each item what stands, as if it had just been written. Statements that are
//   idempotent by themselves (INSERT … ON CONFLICT DO NOTHING plus a SELECT, UPDATE … WHERE version = …)
//   usually need to look at the flag only to tell "I did this" from "somebody else did".
// Between an in-doubt commit and its replay other hosts may have gone on from there.
// run must not commit, open or depend on session state, or call anything of the host thread.
//
// HOW A LOST COMMIT IS SETTLED
// Each transaction inserts its random batch id into app.batches. When the connection breaks while a COMMIT
// may be under way, the same id is inserted again as a tombstone (abandoned = true). The unique index makes
// that insert wait for a transaction that is still alive on the server, so it has exactly two answers:
// - inserted: the first try has not committed and never can, as its own id is taken now → run again;
// - it was there: the first try committed → run again with replay = true.
// Nothing is reported to the submitters before that is known. Rows of app.batches may be deleted once they
// are older than any connection can live; they are written for this purpose only.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "store/pool.hpp"

namespace payoutd::store {

struct GroupCommitOptions {
  std::string name = {};        // for metrics and messages: "admission", "outcomes", …
  std::size_t max_batch = 500;  // items in one transaction
  // How long the oldest waiting item waits for company while a batch is in flight. Nothing in flight: it
  // goes out at once, together with whatever the host's loop already has ready.
  std::chrono::microseconds window{2'000};
  std::size_t max_in_flight = 2;  // batches at the same time; each takes one connection of the pool
  // True: items are kept and retried until they are stored or stop() is called, because what a provider
  // said must never be dropped. False: an outage throws Unavailable to the submitter.
  bool retry_unavailable = true;
  // 0: none. Otherwise submit() throws after this long: Unavailable while the item waited its turn (nothing
  // was done), InDoubt while it was being written (the batch goes on and is settled in the background).
  std::chrono::milliseconds deadline{0};
  std::size_t max_queued = 0;  // 0: no limit. More waiting items than this: submit() throws Overloaded
  int max_conflicts = 20;      // reruns of one batch after Conflict before it is thrown to the submitters
  std::chrono::milliseconds backoff_min{20};  // pause after Unavailable; doubles with jitter
  std::chrono::milliseconds backoff_max{1'000};
  std::chrono::milliseconds statement_timeout{30'000};
  // A transaction whose client vanished ends itself after this long, which bounds the settling above.
  std::chrono::milliseconds idle_in_transaction_timeout{10'000};
  std::string batches_table = "app.batches";
};

// What run is told about the transaction that it is in.
struct BatchInfo {
  std::string id = {};  // the row of app.batches, a UUID
  bool replay = false;  // an earlier try of exactly these items has committed
};

// A snapshot for the metrics.
struct GroupCommitStats {
  std::size_t queued = 0;
  std::size_t in_flight = 0;          // batches
  std::uint64_t items = 0;            // submitted
  std::uint64_t batches = 0;          // formed
  std::uint64_t transactions = 0;     // tried, reruns and halves included
  std::uint64_t splits = 0;           // batches halved because of bad data
  std::uint64_t bad_items = 0;        // rejected with DataError
  std::uint64_t conflicts = 0;        // reruns after Conflict
  std::uint64_t outages = 0;          // reruns after Unavailable
  std::uint64_t in_doubt = 0;         // commits whose answer was lost
  std::uint64_t found_committed = 0;  // of them, those that had committed
  std::uint64_t deadline_exceeded = 0;
};

namespace detail {

// A submitted item, as far as scheduling is concerned.
struct Waiter {
  virtual ~Waiter() = default;
  std::string key;
  std::chrono::steady_clock::time_point submitted;
  bool in_flight = false;
  bool answered = false;  // the submitter has its result or its error
  std::exception_ptr error;
  Wakeup wakeup;
};

// The items of one batch. run is called on a database thread, deliver on the host thread after it committed.
struct BatchWork {
  virtual ~BatchWork() = default;
  virtual void run(pqxx::transaction_base& transaction, std::size_t begin, std::size_t end,
                   const BatchInfo& info) = 0;
  virtual void deliver(std::size_t begin, std::size_t end) = 0;
};

// Scheduling, retrying and settling, the same for all item types. Host thread only.
class GroupCommitCore {
 public:
  using Waiters = std::vector<std::shared_ptr<Waiter>>;
  using MakeWork = std::function<std::shared_ptr<BatchWork>(const Waiters&)>;

  GroupCommitCore(Pool& pool, GroupCommitOptions options, MakeWork make_work);
  ~GroupCommitCore();

  boost::asio::awaitable<void> submit(std::shared_ptr<Waiter> waiter);
  boost::asio::awaitable<void> drain();
  void stop();
  GroupCommitStats stats() const;

 private:
  class State;
  std::shared_ptr<State> state_;
};

}  // namespace detail

// Item must be movable; Result movable. The pool must outlive it. Host thread only.
template <class Item, class Result>
class GroupCommit {
 public:
  using Options = GroupCommitOptions;
  using Run =
      std::function<std::vector<Result>(pqxx::transaction_base&, std::span<const Item>, const BatchInfo&)>;
  // What must be written in the order of submission and at most once a batch: the payout's id. Items with an
  // empty key have no order.
  using Key = std::function<std::string(const Item&)>;

  GroupCommit(Pool& pool, Options options, Run run, Key key)
      : run_(std::make_shared<const Run>(std::move(run))),
        key_(std::move(key)),
        core_(pool, std::move(options),
              [run_function = run_](const detail::GroupCommitCore::Waiters& waiters) {
                return std::make_shared<Work>(run_function, waiters);
              }) {}

  // Returns when the item is committed. Cannot be cancelled: it ends with what became of the item, or at
  // the deadline. Throws DataError for this item alone; Unavailable (nothing was done; see
  // retry_unavailable), InDoubt (deadline or stop() while it was being written), Conflict (max_conflicts),
  // StoreError, or what run threw.
  boost::asio::awaitable<Result> submit(Item item) {
    auto slot = std::make_shared<Slot>(std::move(item));
    slot->key = key_(*slot->item);
    co_await core_.submit(slot);
    co_return std::move(*slot->result);
  }

  // Waits until nothing is queued or in flight. New items may still be submitted.
  boost::asio::awaitable<void> drain() { return core_.drain(); }

  // Queued items fail with Stopping; a batch that is being retried or settled gives up (Stopping or InDoubt).
  // What a connection thread is executing right now still gets its answer.
  void stop() { core_.stop(); }

  GroupCommitStats stats() const { return core_.stats(); }

 private:
  struct Slot final : detail::Waiter {
    explicit Slot(Item i) : item(std::move(i)) {}
    std::optional<Item> item;
    std::optional<Result> result;
  };

  // Items stand in one array, so that halves of a batch are spans of it and nothing is copied.
  struct Work final : detail::BatchWork {
    Work(std::shared_ptr<const Run> r, const detail::GroupCommitCore::Waiters& waiters)
        : run_function(std::move(r)) {
      items.reserve(waiters.size());
      slots.reserve(waiters.size());
      for (const auto& waiter : waiters) {
        auto slot = std::static_pointer_cast<Slot>(waiter);
        items.push_back(std::move(*slot->item));
        slots.push_back(std::move(slot));
      }
    }
    void run(pqxx::transaction_base& transaction, std::size_t begin, std::size_t end,
             const BatchInfo& info) override {
      results = (*run_function)(transaction, std::span<const Item>(items).subspan(begin, end - begin), info);
      if (results.size() != end - begin)
        throw std::logic_error("a group commit function returned " + std::to_string(results.size()) +
                               " results for " + std::to_string(end - begin) + " items");
    }
    void deliver(std::size_t begin, std::size_t end) override {
      for (auto index = begin; index < end; ++index)
        slots[index]->result.emplace(std::move(results[index - begin]));
    }
    std::shared_ptr<const Run> run_function;
    std::vector<Item> items;
    std::vector<std::shared_ptr<Slot>> slots;
    std::vector<Result> results;
  };

  std::shared_ptr<const Run> run_;
  Key key_;
  detail::GroupCommitCore core_;
};

}  // namespace payoutd::store
