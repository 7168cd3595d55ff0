// One connection to PostgreSQL, and one transaction on it, for the thread that owns them.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <pqxx/pqxx>
#include <string>
#include <string_view>

#include "store/errors.hpp"

namespace payoutd::store {

// Time limits and names that a DSN gets where it does not set them itself.
struct ConnectionDefaults {
  std::string application_name = "payoutd";
  int connect_timeout_s = 3;         // for each host of the DSN
  int tcp_user_timeout_ms = 15'000;  // unacknowledged data for this long breaks the connection
  // Sent as a start-up option, which PgBouncer refuses unless told otherwise; 0 sends none.
  int statement_timeout_ms = 0;
};

// Accepts both forms (keyword=value and postgres://), several hosts included, and returns the keyword form
// with the defaults filled in. Throws StoreError that quotes no password.
std::string connection_string(const std::string& dsn, const ConnectionDefaults& defaults);

// The DSN as keywords with its password replaced, for logs and errors.
std::string masked_dsn(const std::string& dsn);

// Whether both lead to the same database, whoever connects: hosts, ports and name are the same. Throws
// StoreError if one cannot be read.
bool same_database(const std::string& one, const std::string& other);

namespace detail {

// Watches the libpq connection for what libpqxx hides: its last error, its transaction status, its socket.
// It connects once: libpqxx 6 would silently reconnect and run the rest of the work on another session.
class ObservedPolicy : public pqxx::connectionpolicy {
 public:
  explicit ObservedPolicy(const std::string& options);
  handle do_startconnect(handle current) override;
  handle do_disconnect(handle current) noexcept override;
  handle do_dropconnect(handle current) noexcept override;

  struct Observation {
    std::mutex mutex;  // guards connection against interrupt() from another thread
    handle connection = nullptr;
    std::string last_error;
    bool connected_once = false;
  };

 private:
  Observation* observation_;
};

struct ObservationHolder {
  ObservationHolder();
  ~ObservationHolder();
  ObservedPolicy::Observation observation;
};

}  // namespace detail

// Owned and used by one thread, except for interrupt().
class Connection : private detail::ObservationHolder,
                   public pqxx::basic_connection_base<detail::ObservedPolicy> {
 public:
  // Connects, or throws a translated error (ConnectionFailed, TooManyConnections, ServerShutdown, ReadOnly).
  // The string is what connection_string() returned.
  explicit Connection(const std::string& prepared_connection_string);
  ~Connection() noexcept;

  // What libpq last said about this connection, with SQLSTATE; empty if nothing went wrong.
  std::string last_error();

  // Reads what arrived while idle. False when the server closed the connection meanwhile, so that work
  // handed to it would have been lost for a reason that was known before it was sent.
  bool alive_while_idle();

  // Neither inside a transaction nor inside a failed one.
  bool is_idle();
  bool is_in_failed_transaction();

  // From any thread: breaks the socket, so that a blocked statement returns at once (in doubt).
  void interrupt() noexcept;
};

// BEGIN … COMMIT. Unlike pqxx::work, the statements that open it travel in one round trip with BEGIN, and
// a COMMIT of a transaction that had failed is an error instead of a silent ROLLBACK.
class Transaction final : public pqxx::dbtransaction {
 public:
  explicit Transaction(Connection& connection, std::string begin = "BEGIN");
  ~Transaction() override;

 private:
  void do_begin() override;
  void do_commit() override;

  Connection& connection_;
  std::string begin_;
};

// Runs work(Transaction&) and commits. A connection that breaks before COMMIT was sent is Unavailable
// (nothing was done), afterwards InDoubt.
template <class Work>
auto in_transaction(Connection& connection, std::string begin, Work&& work)
    -> std::invoke_result_t<Work&, Transaction&> {
  using Result = std::invoke_result_t<Work&, Transaction&>;
  auto risk = CommitRisk::none;
  try {
    Transaction transaction(connection, std::move(begin));
    if constexpr (std::is_void_v<Result>) {
      work(transaction);
      risk = CommitRisk::possible;
      transaction.commit();
    } else {
      Result result = work(transaction);
      risk = CommitRisk::possible;
      transaction.commit();
      return result;
    }
  } catch (...) {
    std::rethrow_exception(translate_error(std::current_exception(), risk, connection.last_error()));
  }
}

template <class Work>
auto in_transaction(Connection& connection, Work&& work) {
  return in_transaction(connection, "BEGIN", std::forward<Work>(work));
}

}  // namespace payoutd::store
