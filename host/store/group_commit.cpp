#include "store/group_commit.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/uuid/random_generator.hpp>
#include <boost/uuid/uuid_io.hpp>
#include <random>

namespace payoutd::store::detail {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::string random_batch_id() {
  thread_local boost::uuids::random_generator generator;
  return to_string(generator());
}

milliseconds jittered(milliseconds pause) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> distribution(pause.count() / 2, pause.count());
  return milliseconds(std::max<std::int64_t>(1, distribution(random)));
}

// What the next step depends on.
enum class Fault { data, conflict, in_doubt, unavailable, stopping, other };

Fault classify(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const DataError&) {
    return Fault::data;
  } catch (const Conflict&) {
    return Fault::conflict;
  } catch (const InDoubt&) {
    return Fault::in_doubt;
  } catch (const Stopping&) {
    return Fault::stopping;
  } catch (const Unavailable&) {
    return Fault::unavailable;
  } catch (...) {
    return Fault::other;
  }
}

enum class Settlement { committed, abandoned, unsettled };

struct Batch {
  GroupCommitCore::Waiters waiters;
  std::shared_ptr<BatchWork> work;
};

// Doubles with jitter.
class Backoff {
 public:
  Backoff(milliseconds minimum, milliseconds maximum) : next_(minimum), maximum_(maximum) {}
  milliseconds pause() {
    const auto current = next_;
    next_ = std::min(next_ * 2, maximum_);
    return jittered(current);
  }

 private:
  milliseconds next_;
  milliseconds maximum_;
};

}  // namespace

class GroupCommitCore::State : public std::enable_shared_from_this<State> {
 public:
  State(Pool& pool, GroupCommitOptions options, MakeWork make_work)
      : pool_(pool),
        options_(std::move(options)),
        make_work_(std::move(make_work)),
        executor_(pool.executor()),
        window_(executor_),
        deadlines_timer_(executor_) {}

  void enqueue(const std::shared_ptr<Waiter>& waiter) {
    if (stopping_) throw Stopping("group commit " + options_.name + " is stopping");
    if (options_.max_queued != 0 && queued_ >= options_.max_queued)
      throw Overloaded("group commit " + options_.name + " has " + std::to_string(queued_) +
                       " items waiting");
    waiter->submitted = Clock::now();
    ++queued_;
    ++stats_.items;
    if (options_.deadline.count() != 0) watch_deadline(waiter);
    // The key's place is taken by the first item with it; later ones wait behind it, in order.
    if (!waiter->key.empty()) {
      const auto [place, first] = keys_.try_emplace(waiter->key);
      if (!first) {
        place->second.push_back(waiter);
        return;
      }
    }
    ready_.push_back(waiter);
    schedule_soon();
  }

  // The timers and coroutines that retry give up; what runs on a database thread is waited for.
  void stop() {
    if (std::exchange(stopping_, true)) return;
    const auto error = stopping_error();
    auto ready = std::exchange(ready_, {});
    auto keys = std::exchange(keys_, {});
    queued_ = 0;
    window_.cancel();
    deadlines_timer_.cancel();
    for (auto* timer : pauses_) timer->cancel();
    for (auto& waiter : ready) answer(waiter, error);
    for (auto& [key, blocked] : keys)
      for (auto& waiter : blocked) answer(waiter, error);
    notify_if_idle();
  }

  GroupCommitStats stats() const {
    auto snapshot = stats_;
    snapshot.queued = queued_;
    snapshot.in_flight = in_flight_;
    return snapshot;
  }

  bool idle() const { return queued_ == 0 && in_flight_ == 0; }
  void when_idle(std::shared_ptr<Wakeup> wakeup) { drained_.push_back(std::move(wakeup)); }

  static boost::asio::awaitable<void> drive(std::shared_ptr<State> state, std::shared_ptr<Batch> batch) {
    co_await run_segment(state, batch, 0, batch->waiters.size(), false);
  }

 private:
  // Runs the items [begin, end) of a batch until each of them has an answer.
  static boost::asio::awaitable<void> run_segment(std::shared_ptr<State> state, std::shared_ptr<Batch> batch,
                                                  std::size_t begin, std::size_t end, bool replay) {
    Backoff backoff(state->options_.backoff_min, state->options_.backoff_max);
    int conflicts = 0;
    while (true) {
      const BatchInfo info{random_batch_id(), replay};
      auto error = co_await attempt(state, batch, begin, end, info);
      if (!error) {
        state->committed(*batch, begin, end);
        co_return;
      }
      auto fault = classify(error);
      if (fault == Fault::data && end - begin > 1) {
        ++state->stats_.splits;
        const auto middle = begin + (end - begin) / 2;
        co_await run_segment(state, batch, begin, middle, replay);
        begin = middle;
        continue;
      }
      if (fault == Fault::in_doubt) {
        ++state->stats_.in_doubt;
        const auto settlement = co_await settle(state, info.id);
        if (settlement == Settlement::committed) {
          ++state->stats_.found_committed;
          replay = true;
        }
        const bool give_up = settlement == Settlement::unsettled || state->nobody_waits(*batch, begin, end);
        if (!give_up) continue;
      }
      if (fault == Fault::conflict && ++conflicts <= state->options_.max_conflicts) {
        ++state->stats_.conflicts;
        co_await pause(state, jittered(milliseconds(2 * conflicts)));
        if (!state->stopping_) continue;
      }
      if (fault == Fault::unavailable && (replay || state->options_.retry_unavailable) && !state->stopping_ &&
          !state->nobody_waits(*batch, begin, end)) {
        ++state->stats_.outages;
        co_await pause(state, backoff.pause());
        if (!state->stopping_) continue;
      }
      if (replay && fault != Fault::data && fault != Fault::in_doubt) error = unread_replay_error(error);
      state->failed(*batch, begin, end, error, fault);
      co_return;
    }
  }

  // Returns what went wrong, as nothing can be awaited inside a catch block.
  static boost::asio::awaitable<std::exception_ptr> attempt(std::shared_ptr<State> state,
                                                            std::shared_ptr<Batch> batch, std::size_t begin,
                                                            std::size_t end, BatchInfo info) {
    if (state->stopping_) co_return state->stopping_error();
    ++state->stats_.transactions;
    try {
      co_await state->pool_.run(
          [work = batch->work, begin, end, info, sql = state->begin_sql(info)](Connection& connection) {
            in_transaction(connection, sql,
                           [&](Transaction& transaction) { work->run(transaction, begin, end, info); });
          });
      co_return nullptr;
    } catch (...) {
      co_return std::current_exception();
    }
  }

  // One round trip. The settings are local to the transaction, so nothing is left behind in the session. A
  // batch takes milliseconds: a server that compiles plans for it would only lose time.
  std::string begin_sql(const BatchInfo& info) const {
    return "BEGIN; SET LOCAL statement_timeout = " + std::to_string(options_.statement_timeout.count()) +
           "; SET LOCAL idle_in_transaction_session_timeout = " +
           std::to_string(options_.idle_in_transaction_timeout.count()) +
           "; SET LOCAL jit = off; INSERT INTO " + options_.batches_table + " (id) VALUES ('" + info.id +
           "')";
  }

  // Retries until the database gives an answer or the host stops: there is no other way to know.
  static boost::asio::awaitable<Settlement> settle(std::shared_ptr<State> state, std::string id) {
    Backoff backoff(state->options_.backoff_min, state->options_.backoff_max);
    while (!state->stopping_) {
      try {
        co_return co_await state->pool_.run(
            [id, table = state->options_.batches_table](Connection& connection) {
              return settle_on(connection, table, id);
            });
      } catch (const Stopping&) {
        break;
      } catch (const StoreError&) {
        // Also when the tombstone's own answer was lost: asking again is safe, see settle_on().
      }
      co_await pause(state, backoff.pause());
    }
    co_return Settlement::unsettled;
  }

  // Inserting waits for a transaction that holds the same id. A second call may meet the tombstone of the
  // first one, which the flag tells apart from the batch itself.
  static Settlement settle_on(Connection& connection, const std::string& table, const std::string& id) {
    pqxx::nontransaction statements(connection);
    const auto inserted = statements.exec_params(
        "INSERT INTO " + table + " (id, abandoned) VALUES ($1::uuid, true) ON CONFLICT (id) DO NOTHING", id);
    if (inserted.affected_rows() == 1) return Settlement::abandoned;
    const auto found = statements.exec_params("SELECT abandoned FROM " + table + " WHERE id = $1::uuid", id);
    if (found.empty())
      throw StoreError("batch " + id + " disappeared from " + table + " while it was settled");
    return found[0][0].as<bool>() ? Settlement::abandoned : Settlement::committed;
  }

  static boost::asio::awaitable<void> pause(std::shared_ptr<State> state, milliseconds duration) {
    if (state->stopping_) co_return;
    boost::asio::steady_timer timer(state->executor_, duration);
    state->pauses_.insert(&timer);
    boost::system::error_code ignored;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    state->pauses_.erase(&timer);
  }

  // The items are stored: an error that says "nothing was done" would be a lie.
  static std::exception_ptr unread_replay_error(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& e) {
      return std::make_exception_ptr(
          InDoubt(std::string("stored, but what stands was not read back: ") + e.what()));
    }
  }

  std::exception_ptr stopping_error() const {
    return std::make_exception_ptr(Stopping("group commit " + options_.name + " is stopping"));
  }

  bool nobody_waits(const Batch& batch, std::size_t begin, std::size_t end) const {
    for (auto index = begin; index < end; ++index)
      if (!batch.waiters[index]->answered) return false;
    return true;
  }

  // Lets further handlers that are ready now add their items first.
  void schedule_soon() {
    if (std::exchange(schedule_posted_, true)) return;
    boost::asio::post(executor_, [weak = weak_from_this()] {
      if (const auto self = weak.lock()) {
        self->schedule_posted_ = false;
        self->schedule();
      }
    });
  }

  void schedule() {
    while (!stopping_ && in_flight_ < options_.max_in_flight) {
      drop_answered();
      if (ready_.empty()) return;
      const auto due = ready_.front()->submitted + options_.window;
      if (in_flight_ == 0 || ready_.size() >= options_.max_batch || Clock::now() >= due) {
        dispatch();
        continue;
      }
      arm_window(due);
      return;
    }
  }

  void arm_window(Clock::time_point due) {
    window_.expires_at(due);
    window_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->schedule();
    });
  }

  // Items whose deadline passed while they waited leave the queue here.
  void drop_answered() {
    while (!ready_.empty() && ready_.front()->answered) {
      const auto waiter = std::move(ready_.front());
      ready_.pop_front();
      release_key(*waiter);
    }
  }

  void dispatch() {
    auto batch = std::make_shared<Batch>();
    while (!ready_.empty() && batch->waiters.size() < options_.max_batch) {
      auto waiter = std::move(ready_.front());
      ready_.pop_front();
      if (waiter->answered) {
        release_key(*waiter);
        continue;
      }
      --queued_;
      waiter->in_flight = true;
      batch->waiters.push_back(std::move(waiter));
    }
    if (batch->waiters.empty()) return;
    batch->work = make_work_(batch->waiters);
    ++in_flight_;
    ++stats_.batches;
    boost::asio::co_spawn(
        executor_, drive(shared_from_this(), batch),
        [self = shared_from_this(), batch](std::exception_ptr error) { self->finished(*batch, error); });
  }

  void committed(Batch& batch, std::size_t begin, std::size_t end) {
    batch.work->deliver(begin, end);
    for (auto index = begin; index < end; ++index) {
      const auto waiter = batch.waiters[index];
      release_key(*waiter);
      answer(waiter, nullptr);
    }
  }

  void failed(Batch& batch, std::size_t begin, std::size_t end, const std::exception_ptr& error,
              Fault fault) {
    if (fault == Fault::data) ++stats_.bad_items;
    for (auto index = begin; index < end; ++index) {
      const auto waiter = batch.waiters[index];
      release_key(*waiter);
      answer(waiter, error);
    }
  }

  // error is null unless this class itself is wrong: then nobody must be left waiting.
  void finished(Batch& batch, const std::exception_ptr& error) {
    --in_flight_;
    if (error) failed(batch, 0, batch.waiters.size(), error, Fault::other);
    notify_if_idle();
    schedule_soon();
  }

  // The next item with this key becomes ready.
  void release_key(Waiter& waiter) {
    if (waiter.key.empty()) return;
    const auto place = keys_.find(waiter.key);
    waiter.key.clear();
    if (place == keys_.end()) return;
    if (place->second.empty()) {
      keys_.erase(place);
      return;
    }
    ready_.push_back(std::move(place->second.front()));
    place->second.pop_front();
    schedule_soon();
  }

  void answer(const std::shared_ptr<Waiter>& waiter, const std::exception_ptr& error) {
    if (std::exchange(waiter->answered, true)) return;
    waiter->error = error;
    waiter->wakeup.wake();
  }

  void notify_if_idle() {
    if (!idle()) return;
    for (const auto& wakeup : std::exchange(drained_, {})) wakeup->wake();
  }

  // All items of a group commit have the same deadline, so they expire in the order of submission.
  void watch_deadline(const std::shared_ptr<Waiter>& waiter) {
    deadlines_.push_back(waiter);
    if (deadlines_.size() == 1) arm_deadline();
  }

  void arm_deadline() {
    deadlines_timer_.expires_at(deadlines_.front()->submitted + options_.deadline);
    deadlines_timer_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (self && !error) self->expire();
    });
  }

  void expire() {
    const auto now = Clock::now();
    while (!deadlines_.empty()) {
      const auto waiter = deadlines_.front();
      if (!waiter->answered && waiter->submitted + options_.deadline > now) break;
      deadlines_.pop_front();
      if (!waiter->answered) exceed_deadline(waiter);
    }
    if (!deadlines_.empty() && !stopping_) arm_deadline();
    notify_if_idle();
  }

  void exceed_deadline(const std::shared_ptr<Waiter>& waiter) {
    ++stats_.deadline_exceeded;
    const auto limit = std::to_string(options_.deadline.count()) + " ms";
    if (waiter->in_flight) {
      answer(waiter, std::make_exception_ptr(InDoubt("group commit " + options_.name +
                                                     ": not known to be stored after " + limit)));
      return;
    }
    --queued_;
    answer(waiter, std::make_exception_ptr(Unavailable("group commit " + options_.name +
                                                       ": its turn did not come within " + limit)));
  }

  Pool& pool_;
  const GroupCommitOptions options_;
  const MakeWork make_work_;
  const boost::asio::any_io_executor executor_;
  boost::asio::steady_timer window_;
  boost::asio::steady_timer deadlines_timer_;
  std::deque<std::shared_ptr<Waiter>> ready_;  // at most one item of each key, and none of a key in flight
  std::unordered_map<std::string, std::deque<std::shared_ptr<Waiter>>> keys_;  // who waits behind a taken key
  std::deque<std::shared_ptr<Waiter>> deadlines_;
  std::set<boost::asio::steady_timer*> pauses_;
  std::vector<std::shared_ptr<Wakeup>> drained_;
  std::size_t queued_ = 0;
  std::size_t in_flight_ = 0;
  bool schedule_posted_ = false;
  bool stopping_ = false;
  GroupCommitStats stats_;
};

GroupCommitCore::GroupCommitCore(Pool& pool, GroupCommitOptions options, MakeWork make_work)
    : state_(std::make_shared<State>(pool, std::move(options), std::move(make_work))) {}

GroupCommitCore::~GroupCommitCore() {
  state_->stop();
}

boost::asio::awaitable<void> GroupCommitCore::submit(std::shared_ptr<Waiter> waiter) {
  state_->enqueue(waiter);
  co_await waiter->wakeup.wait();
  if (waiter->error) std::rethrow_exception(waiter->error);
}

boost::asio::awaitable<void> GroupCommitCore::drain() {
  if (state_->idle()) co_return;
  auto wakeup = std::make_shared<Wakeup>();
  state_->when_idle(wakeup);
  co_await wakeup->wait();
}

void GroupCommitCore::stop() {
  state_->stop();
}
GroupCommitStats GroupCommitCore::stats() const {
  return state_->stats();
}

}  // namespace payoutd::store::detail
