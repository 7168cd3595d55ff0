// A small pool of database threads behind one awaitable call.
//
// The host is one thread; each database thread owns one connection and nothing else. Work is a synchronous
// function that runs on a database thread, so no transaction is ever open across a co_await. Connections
// carry no session state (no SET, no prepared statements, no LISTEN, no session locks): the pool works
// through PgBouncer in transaction mode, and any connection may be replaced at any time.
#pragma once
#include <array>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "store/connection.hpp"
#include "store/errors.hpp"
#include "store/wakeup.hpp"

namespace payoutd::store {

struct PoolOptions {
  std::string dsn = {};  // keyword=value or postgres://; may name several hosts with target_session_attrs
  int connections = 4;   // one thread each
  int acquire_timeout_ms = 5'000;  // how long a piece of work waits for a connection
  std::string application_name = "payoutd";
  int connect_timeout_s = 3;     // for each host of the DSN
  int statement_timeout_ms = 0;  // a start-up option: leave it 0 behind PgBouncer
  int reconnect_min_ms = 50;     // the pause before reconnecting doubles from here
  int reconnect_max_ms = 1'000;  // up to here, with jitter
  int stop_grace_ms = 5'000;     // how long stop() lets running work finish before it breaks the sockets
};

// A snapshot for the metrics. Counters never go backwards.
struct PoolStats {
  static constexpr std::array<double, 12> kWaitBounds_s = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005,
                                                           0.01,   0.025,   0.05,   0.1,   0.5,    2.5};
  int size = 0;       // threads wanted
  int connected = 0;  // of them, those with a live connection
  int busy = 0;       // of them, those running work
  int outdated = 0;   // of them, those that were made before the last set_dsn()
  std::size_t queued = 0;
  std::uint64_t acquired = 0;          // pieces of work handed to a connection
  std::uint64_t acquire_timeouts = 0;  // pieces of work that gave up waiting
  std::uint64_t connects = 0;          // connections made, the first ones included
  std::uint64_t connect_failures = 0;
  std::uint64_t connections_lost = 0;
  std::array<std::uint64_t, kWaitBounds_s.size() + 1> wait_counts{};  // last: above every bound
  double wait_sum_s = 0;
  // How long work ran on its connection, commit included: what a caller waits for beside the connection.
  static constexpr std::array<double, 12> kRunBounds_s = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                          0.05,   0.1,   0.15,   0.5,   1.0,  5.0};
  std::array<std::uint64_t, kRunBounds_s.size() + 1> run_counts{};
  double run_sum_s = 0;
  std::uint64_t storage_full = 0;          // work that ended with 53100
  std::uint64_t too_many_connections = 0;  // connections and work that ended with 53300
  std::string last_connect_error;          // empty once a connection stands; never holds a password
};

namespace detail {

// One piece of work and the coroutine that waits for it.
struct Job {
  virtual ~Job() = default;
  virtual void execute(Connection& connection) = 0;
  std::exception_ptr error;
  std::chrono::steady_clock::time_point enqueued;
  Wakeup wakeup;
};

template <class Work, class Result>
struct WorkJob final : Job {
  explicit WorkJob(Work w) : work(std::move(w)) {}
  void execute(Connection& connection) override { result.emplace(work(connection)); }
  Work work;
  std::optional<Result> result;
};

template <class Work>
struct WorkJob<Work, void> final : Job {
  explicit WorkJob(Work w) : work(std::move(w)) {}
  void execute(Connection& connection) override { work(connection); }
  Work work;
};

}  // namespace detail

// Host thread only. It must outlive every coroutine that uses it, and be destroyed before the io_context.
class Pool {
 public:
  // Returns at once; the threads connect by themselves and go on trying. Throws StoreError if the DSN
  // cannot be read. Ignores SIGPIPE for the whole process.
  Pool(boost::asio::any_io_executor host, PoolOptions options);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  // Runs work(Connection&) on a database thread and resumes on the host thread with what it returned or
  // threw. First come, first served. Throws the errors of errors.hpp:
  // - PoolExhausted, or what keeps the pool from connecting, after acquire_timeout_ms; Stopping;
  // - InDoubt if the connection broke while work ran: a single autocommitted statement may have been
  //   executed. Work that uses in_transaction() gets Unavailable instead while nothing was committed.
  // A connection that died while idle is found out before work is handed to it, and never its problem.
  template <class Work>
  boost::asio::awaitable<std::invoke_result_t<Work&, Connection&>> run(Work work) {
    using Result = std::invoke_result_t<Work&, Connection&>;
    auto job = std::make_shared<detail::WorkJob<Work, Result>>(std::move(work));
    co_await execute(job);
    if constexpr (!std::is_void_v<Result>) co_return std::move(*job->result);
  }

  // The same inside one transaction: work(Transaction&), committed when it returns.
  template <class Work>
  boost::asio::awaitable<std::invoke_result_t<Work&, Transaction&>> transact(Work work) {
    return run([work = std::move(work)](Connection& connection) mutable {
      return in_transaction(connection, work);
    });
  }

  PoolStats stats() const;

  // More threads start at once; surplus ones end after their current work.
  void resize(int connections);

  // Other credentials for the same database: new connections use them from now on. Those that stand are
  // replaced one at a time, each when it has nothing to do and only after its successor stands, so that no
  // work waits or breaks. A successor that cannot be made leaves the old one in use, and is tried again.
  // Throws StoreError if the DSN cannot be read.
  void set_dsn(const std::string& dsn);

  // How long work waits for a connection, from now on.
  void set_acquire_timeout(std::chrono::milliseconds timeout);

  // Breaks the socket of every running statement; each becomes InDoubt, or Unavailable in a transaction.
  void interrupt();

  // Fails queued work with Stopping, waits for running work (stop_grace_ms, then interrupt()), ends the
  // threads. Blocks. Results of finished work are still delivered by the host's executor.
  void stop();

  // Where the host's coroutines run.
  boost::asio::any_io_executor executor() const;

 private:
  class Implementation;
  boost::asio::awaitable<void> execute(std::shared_ptr<detail::Job> job);
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace payoutd::store
