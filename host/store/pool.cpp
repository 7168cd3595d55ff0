#include "store/pool.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <csignal>
#include <random>
#include <thread>

namespace payoutd::store {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using Lock = std::unique_lock<std::mutex>;

// Idle connections are looked at this often, so that the gauges show an outage that no work has met yet.
constexpr milliseconds kIdleCheck{1'000};

// After a successor of an outdated connection could not be made.
constexpr milliseconds kRenewAgain{1'000};

// Carries a finished job to the host thread. If the host's loop ends before it arrives, the coroutine that
// waits is destroyed with it instead of being leaked.
struct Delivery {
  explicit Delivery(std::shared_ptr<detail::Job> j) : job(std::move(j)) {}
  Delivery(Delivery&&) noexcept = default;
  Delivery& operator=(Delivery&&) = delete;
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;
  ~Delivery() {
    if (job) job->wakeup.abandon();
  }
  void operator()() { std::exchange(job, nullptr)->wakeup.wake(); }
  std::shared_ptr<detail::Job> job;
};

milliseconds jittered(milliseconds pause) {
  thread_local std::minstd_rand random{std::random_device{}()};
  std::uniform_int_distribution<std::int64_t> distribution(pause.count() / 2, pause.count());
  return milliseconds(distribution(random));
}

}  // namespace

class Pool::Implementation : public std::enable_shared_from_this<Pool::Implementation> {
 public:
  Implementation(boost::asio::any_io_executor host, PoolOptions options)
      : host_(std::move(host)), options_(std::move(options)), expiry_(host_) {
    connection_string_ = full_connection_string(options_.dsn);
    if (options_.connections < 1) throw StoreError("a pool needs at least one connection");
  }

  void enqueue(std::shared_ptr<detail::Job> job) {
    {
      const Lock lock(mutex_);
      if (stopping_) throw Stopping("the database pool is stopping");
      job->enqueued = Clock::now();
      queue_.push_back(std::move(job));
      work_available_.notify_one();
    }
    arm_expiry();
  }

  void resize(int connections) {
    reap_retired();
    const Lock lock(mutex_);
    if (stopping_) return;
    stats_.size = connections;
    for (auto index = static_cast<int>(workers_.size()); index < connections; ++index) {
      auto& worker = *workers_.emplace_back(std::make_unique<Worker>());
      worker.index = index;
      worker.thread = std::thread([this, &worker] { run_worker(worker); });
    }
    work_available_.notify_all();
    stop_requested_.notify_all();
  }

  void set_dsn(const std::string& dsn) {
    auto text = full_connection_string(dsn);
    const Lock lock(mutex_);
    if (text == connection_string_) return;
    connection_string_ = std::move(text);
    ++generation_;
    stats_.outdated = stats_.connected;
    work_available_.notify_all();
    stop_requested_.notify_all();
  }

  void set_acquire_timeout(milliseconds timeout) {
    options_.acquire_timeout_ms = static_cast<int>(timeout.count());
  }

  void stop() {
    std::deque<std::shared_ptr<detail::Job>> abandoned;
    {
      Lock lock(mutex_);
      stopping_ = true;
      abandoned.swap(queue_);
      work_available_.notify_all();
      stop_requested_.notify_all();
    }
    for (auto& job : abandoned)
      fail(std::move(job), std::make_exception_ptr(Stopping("the database pool is stopping")));
    {
      Lock lock(mutex_);
      const auto idle = [&] { return stats_.busy == 0; };
      if (!became_idle_.wait_for(lock, milliseconds(options_.stop_grace_ms), idle)) {
        lock.unlock();
        interrupt();
      }
    }
    for (auto& worker : workers_)
      if (worker->thread.joinable()) worker->thread.join();
    expiry_.cancel();
  }

  void interrupt() {
    for (auto& worker : workers_) {
      const std::lock_guard guard(worker->mutex);
      if (worker->connection) worker->connection->interrupt();
    }
  }

  PoolStats stats() const {
    const Lock lock(mutex_);
    auto snapshot = stats_;
    snapshot.queued = queue_.size();
    return snapshot;
  }

  const boost::asio::any_io_executor& host() const { return host_; }

 private:
  struct Worker {
    int index = 0;
    std::thread thread;
    std::mutex mutex;  // held while connection is set or reset, so that interrupt() sees a whole one
    std::unique_ptr<Connection> connection;
    milliseconds pause{0};
    std::uint64_t generation = 0;  // of the connection string that the connection was made with
    Clock::time_point renew_after{};
    bool ended = false;
  };

  std::string full_connection_string(const std::string& dsn) const {
    return store::connection_string(dsn, {.application_name = options_.application_name,
                                          .connect_timeout_s = options_.connect_timeout_s,
                                          .statement_timeout_ms = options_.statement_timeout_ms});
  }

  bool must_end(const Worker& worker) const { return stopping_ || worker.index >= stats_.size; }

  void run_worker(Worker& worker) {
    while (true) {
      if (!worker.connection && !connect(worker)) {
        if (pause_before_retry(worker)) continue;
        break;
      }
      if (!wait_for_work(worker)) break;
      renew_if_outdated(worker);
      if (!worker.connection->alive_while_idle()) {
        discard(worker);
        continue;
      }
      if (auto job = take_job()) perform(worker, std::move(job));
    }
    if (worker.connection) discard(worker, /*lost=*/false);
    const Lock lock(mutex_);
    worker.ended = true;
  }

  // Nothing, if it cannot be made; the reason is kept for the metrics and for who waits in vain.
  std::unique_ptr<Connection> make_connection(std::uint64_t& generation) {
    std::string text;
    {
      const Lock lock(mutex_);
      text = connection_string_;
      generation = generation_;
    }
    try {
      return std::make_unique<Connection>(text);
    } catch (const std::exception& e) {
      const Lock lock(mutex_);
      ++stats_.connect_failures;
      stats_.last_connect_error = e.what();
      connect_error_ = std::current_exception();
      count_error(connect_error_);
      return nullptr;
    }
  }

  bool connect(Worker& worker) {
    std::uint64_t generation = 0;
    auto connection = make_connection(generation);
    if (!connection) return false;
    {
      const std::lock_guard guard(worker.mutex);
      worker.connection = std::move(connection);
    }
    worker.pause = milliseconds(0);
    const Lock lock(mutex_);
    worker.generation = generation;
    ++stats_.connects;
    ++stats_.connected;
    if (generation != generation_) ++stats_.outdated;
    stats_.last_connect_error.clear();
    return true;
  }

  // One worker at a time, so that the others go on with the work.
  void renew_if_outdated(Worker& worker) {
    {
      const Lock lock(mutex_);
      if (worker.generation == generation_ || renewing_ || Clock::now() < worker.renew_after) return;
      renewing_ = true;
    }
    std::uint64_t generation = 0;
    auto successor = make_connection(generation);
    if (successor) {
      const std::lock_guard guard(worker.mutex);
      worker.connection.swap(successor);
    } else {
      worker.renew_after = Clock::now() + kRenewAgain;
    }
    const Lock lock(mutex_);
    renewing_ = false;
    if (!successor) return;
    worker.generation = generation;
    ++stats_.connects;
    if (generation == generation_) --stats_.outdated;
    stats_.last_connect_error.clear();
    work_available_.notify_one();  // the next one's turn
  }

  // False when the worker must end.
  bool pause_before_retry(Worker& worker) {
    worker.pause = std::clamp(worker.pause * 2, milliseconds(options_.reconnect_min_ms),
                              milliseconds(options_.reconnect_max_ms));
    Lock lock(mutex_);
    const auto tried_with = generation_;
    stop_requested_.wait_for(lock, jittered(worker.pause),
                             [&] { return must_end(worker) || generation_ != tried_with; });
    return !must_end(worker);
  }

  // Returns true with or without work every so often; the connection is looked at in between.
  bool wait_for_work(Worker& worker) {
    Lock lock(mutex_);
    work_available_.wait_for(lock, kIdleCheck, [&] { return must_end(worker) || !queue_.empty(); });
    return !must_end(worker);
  }

  std::shared_ptr<detail::Job> take_job() {
    const Lock lock(mutex_);
    if (queue_.empty()) return nullptr;
    auto job = std::move(queue_.front());
    queue_.pop_front();
    ++stats_.busy;
    record_wait(Clock::now() - job->enqueued);
    return job;
  }

  void record_wait(Clock::duration wait) {
    const double wait_s = std::chrono::duration<double>(wait).count();
    const auto& bounds = PoolStats::kWaitBounds_s;
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), wait_s) - bounds.begin();
    ++stats_.wait_counts[static_cast<std::size_t>(bucket)];
    stats_.wait_sum_s += wait_s;
    ++stats_.acquired;
  }

  void record_run(Clock::duration run, const std::exception_ptr& error) {
    const double run_s = std::chrono::duration<double>(run).count();
    const auto& bounds = PoolStats::kRunBounds_s;
    const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), run_s) - bounds.begin();
    const Lock lock(mutex_);
    ++stats_.run_counts[static_cast<std::size_t>(bucket)];
    stats_.run_sum_s += run_s;
    if (error) count_error(error);
  }

  // Under the lock.
  void count_error(const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (const StorageFull&) {
      ++stats_.storage_full;
    } catch (const TooManyConnections&) {
      ++stats_.too_many_connections;
    } catch (...) {
    }
  }

  void perform(Worker& worker, std::shared_ptr<detail::Job> job) {
    auto& connection = *worker.connection;
    const auto began = Clock::now();
    try {
      job->execute(connection);
    } catch (...) {
      job->error = translate_error(std::current_exception(), CommitRisk::possible, connection.last_error());
    }
    record_run(Clock::now() - began, job->error);
    // A transaction that was left open must not leak into the next piece of work.
    if (breaks_connection(job->error) || !connection.is_open() || !connection.is_idle()) discard(worker);
    {
      const Lock lock(mutex_);
      if (--stats_.busy == 0) became_idle_.notify_all();
    }
    deliver(std::move(job));
  }

  void discard(Worker& worker, bool lost = true) {
    {
      const std::lock_guard guard(worker.mutex);
      worker.connection.reset();
    }
    const Lock lock(mutex_);
    --stats_.connected;
    if (worker.generation != generation_) --stats_.outdated;
    if (lost) ++stats_.connections_lost;
    if (!queue_.empty()) work_available_.notify_one();  // this worker may have been the one that was woken
  }

  void deliver(std::shared_ptr<detail::Job> job) { boost::asio::post(host_, Delivery(std::move(job))); }

  void fail(std::shared_ptr<detail::Job> job, std::exception_ptr error) {
    job->error = std::move(error);
    deliver(std::move(job));
  }

  // All work waits equally long, so the front of the queue always expires first: one timer is enough.
  void arm_expiry() {
    if (expiry_armed_) return;
    Clock::time_point deadline;
    {
      const Lock lock(mutex_);
      if (queue_.empty()) return;
      deadline = queue_.front()->enqueued + milliseconds(options_.acquire_timeout_ms);
    }
    expiry_armed_ = true;
    expiry_.expires_at(deadline);
    expiry_.async_wait([weak = weak_from_this()](boost::system::error_code error) {
      const auto self = weak.lock();
      if (!self || error) return;
      self->expiry_armed_ = false;
      self->expire();
      self->arm_expiry();
    });
  }

  void expire() {
    std::vector<std::shared_ptr<detail::Job>> expired;
    std::exception_ptr reason;
    {
      const Lock lock(mutex_);
      const auto oldest_allowed = Clock::now() - milliseconds(options_.acquire_timeout_ms);
      while (!queue_.empty() && queue_.front()->enqueued <= oldest_allowed) {
        expired.push_back(std::move(queue_.front()));
        queue_.pop_front();
      }
      stats_.acquire_timeouts += expired.size();
      // Without any connection the reason to report is why there is none.
      if (stats_.connected == 0 && connect_error_ && !stats_.last_connect_error.empty())
        reason = connect_error_;
      else
        reason = std::make_exception_ptr(PoolExhausted(
            "no database connection became free within " + std::to_string(options_.acquire_timeout_ms) +
            " ms; all " + std::to_string(stats_.size) + " are busy"));
    }
    for (auto& job : expired) fail(std::move(job), reason);
  }

  // Threads that a smaller resize() let go are joined before their places are given away again.
  void reap_retired() {
    while (true) {
      std::unique_ptr<Worker> ended;
      {
        const Lock lock(mutex_);
        if (workers_.empty() || !workers_.back()->ended) break;
        ended = std::move(workers_.back());
        workers_.pop_back();
      }
      ended->thread.join();
    }
  }

  const boost::asio::any_io_executor host_;
  PoolOptions options_;

  mutable std::mutex mutex_;
  std::string connection_string_;
  std::uint64_t generation_ = 0;  // of connection_string_
  bool renewing_ = false;
  std::condition_variable work_available_;
  std::condition_variable stop_requested_;
  std::condition_variable became_idle_;
  std::deque<std::shared_ptr<detail::Job>> queue_;
  std::exception_ptr connect_error_;
  PoolStats stats_;
  bool stopping_ = false;

  // Host thread only.
  std::vector<std::unique_ptr<Worker>> workers_;
  boost::asio::steady_timer expiry_;
  bool expiry_armed_ = false;
};

Pool::Pool(boost::asio::any_io_executor host, PoolOptions options) {
  std::signal(SIGPIPE, SIG_IGN);
  const int connections = options.connections;
  implementation_ = std::make_shared<Implementation>(std::move(host), std::move(options));
  implementation_->resize(connections);
}

Pool::~Pool() {
  stop();
}

boost::asio::awaitable<void> Pool::execute(std::shared_ptr<detail::Job> job) {
  implementation_->enqueue(job);
  co_await job->wakeup.wait();
  if (job->error) std::rethrow_exception(job->error);
}

PoolStats Pool::stats() const {
  return implementation_->stats();
}
void Pool::resize(int connections) {
  implementation_->resize(connections);
}
void Pool::set_dsn(const std::string& dsn) {
  implementation_->set_dsn(dsn);
}
void Pool::set_acquire_timeout(std::chrono::milliseconds timeout) {
  implementation_->set_acquire_timeout(timeout);
}
void Pool::interrupt() {
  implementation_->interrupt();
}
void Pool::stop() {
  implementation_->stop();
}
boost::asio::any_io_executor Pool::executor() const {
  return implementation_->host();
}

}  // namespace payoutd::store
