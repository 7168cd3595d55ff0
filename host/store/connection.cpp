#include "store/connection.hpp"

#include <libpq-fe.h>
#include <poll.h>
#include <sys/socket.h>

namespace payoutd::store {
namespace {

// basic_connection_base builds its policy from the options alone, so the observation reaches it this way.
thread_local detail::ObservedPolicy::Observation* observation_under_construction = nullptr;

struct ConninfoDeleter {
  void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};
using Conninfo = std::unique_ptr<PQconninfoOption, ConninfoDeleter>;

Conninfo parse_dsn(const std::string& dsn) {
  char* reason = nullptr;
  Conninfo options(PQconninfoParse(dsn.c_str(), &reason));
  if (options) return options;
  // libpq quotes the offending word, which may be a password: say no more than that it cannot be read.
  PQfreemem(reason);
  throw StoreError(
      "the database DSN cannot be read: write keyword=value pairs or postgres://user@host/database");
}

std::string quoted_value(std::string_view value) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += '\\';
    text += c;
  }
  return text + "'";
}

std::map<std::string, std::string> keywords(const std::string& dsn) {
  std::map<std::string, std::string> result;
  const auto options = parse_dsn(dsn);
  for (auto* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr) result[option->keyword] = option->val;
  return result;
}

std::string joined(const std::map<std::string, std::string>& pairs) {
  std::string text;
  for (const auto& [keyword, value] : pairs)
    text += (text.empty() ? "" : " ") + keyword + "=" + quoted_value(value);
  return text;
}

}  // namespace

std::string connection_string(const std::string& dsn, const ConnectionDefaults& defaults) {
  auto pairs = keywords(dsn);
  pairs.try_emplace("application_name", defaults.application_name);
  pairs.try_emplace("connect_timeout", std::to_string(defaults.connect_timeout_s));
  pairs.try_emplace("tcp_user_timeout", std::to_string(defaults.tcp_user_timeout_ms));
  pairs.try_emplace("keepalives_idle", "10");
  pairs.try_emplace("keepalives_interval", "5");
  pairs.try_emplace("keepalives_count", "3");
  pairs.try_emplace("client_encoding", "UTF8");
  if (defaults.statement_timeout_ms > 0) {
    auto& options = pairs["options"];
    options += (options.empty() ? "" : " ") + std::string("-c statement_timeout=") +
               std::to_string(defaults.statement_timeout_ms);
  }
  return joined(pairs);
}

std::string masked_dsn(const std::string& dsn) {
  try {
    auto pairs = keywords(dsn);
    for (const auto* secret : {"password", "sslpassword"})
      if (auto found = pairs.find(secret); found != pairs.end()) found->second = "***";
    return joined(pairs);
  } catch (const StoreError&) {
    return "(a DSN that cannot be read)";
  }
}

bool same_database(const std::string& one, const std::string& other) {
  const auto place = [](const std::string& dsn) {
    auto pairs = keywords(dsn);
    std::map<std::string, std::string> kept;
    for (const char* name : {"host", "hostaddr", "port", "dbname", "service", "target_session_attrs"})
      kept[name] = pairs[name];
    if (kept["port"].empty()) kept["port"] = "5432";
    return kept;
  };
  return place(one) == place(other);
}

namespace detail {

ObservedPolicy::ObservedPolicy(const std::string& options)
    : pqxx::connectionpolicy(options), observation_(observation_under_construction) {}

pqxx::connectionpolicy::handle ObservedPolicy::do_startconnect(handle current) {
  if (current != nullptr) return current;
  if (std::exchange(observation_->connected_once, true))
    throw pqxx::broken_connection(observation_->last_error);
  handle connection = PQconnectdb(options().c_str());
  if (connection == nullptr) throw std::bad_alloc();
  if (PQstatus(connection) != CONNECTION_OK) {
    observation_->last_error = PQerrorMessage(connection);
    PQfinish(connection);
    throw pqxx::broken_connection(observation_->last_error);
  }
  PQsetErrorVerbosity(connection, PQERRORS_VERBOSE);
  const std::lock_guard lock(observation_->mutex);
  observation_->connection = connection;
  return connection;
}

pqxx::connectionpolicy::handle ObservedPolicy::do_disconnect(handle current) noexcept {
  if (current == nullptr) return nullptr;
  const std::lock_guard lock(observation_->mutex);
  if (PQstatus(current) != CONNECTION_OK && observation_->last_error.empty())
    observation_->last_error = PQerrorMessage(current);
  observation_->connection = nullptr;
  PQfinish(current);
  return nullptr;
}

pqxx::connectionpolicy::handle ObservedPolicy::do_dropconnect(handle current) noexcept {
  return do_disconnect(current);
}

ObservationHolder::ObservationHolder() {
  observation_under_construction = &observation;
}
ObservationHolder::~ObservationHolder() = default;

}  // namespace detail

namespace {

// Lets Connection's constructor translate what its base throws.
const std::string& unchanged(const std::string& text) {
  return text;
}

}  // namespace

Connection::Connection(const std::string& prepared_connection_string) try : detail
  ::ObservationHolder(), pqxx::basic_connection_base<detail::ObservedPolicy>(
                             unchanged(prepared_connection_string)) {}
catch (...) {
  std::rethrow_exception(translate_error(std::current_exception(), CommitRisk::none, {}));
}

Connection::~Connection() noexcept = default;

std::string Connection::last_error() {
  const std::lock_guard lock(observation.mutex);
  if (observation.connection != nullptr && PQstatus(observation.connection) != CONNECTION_OK)
    observation.last_error = PQerrorMessage(observation.connection);
  return observation.last_error;
}

bool Connection::alive_while_idle() {
  while (true) {
    PGconn* const connection = observation.connection;
    if (connection == nullptr || PQstatus(connection) != CONNECTION_OK) return false;
    pollfd descriptor{PQsocket(connection), POLLIN, 0};
    if (::poll(&descriptor, 1, 0) <= 0) return true;
    if (PQconsumeInput(connection) == 0) return false;
    while (PGnotify* notification = PQnotifies(connection)) PQfreemem(notification);
  }
}

bool Connection::is_idle() {
  return observation.connection != nullptr && PQtransactionStatus(observation.connection) == PQTRANS_IDLE;
}

bool Connection::is_in_failed_transaction() {
  return observation.connection == nullptr || PQtransactionStatus(observation.connection) == PQTRANS_INERROR;
}

void Connection::interrupt() noexcept {
  const std::lock_guard lock(observation.mutex);
  if (observation.connection != nullptr) ::shutdown(PQsocket(observation.connection), SHUT_RDWR);
}

Transaction::Transaction(Connection& connection, std::string begin)
    : namedclass("transaction"),
      pqxx::dbtransaction(connection),
      connection_(connection),
      begin_(std::move(begin)) {
  Begin();
}

Transaction::~Transaction() {
  End();
}

void Transaction::do_begin() {
  direct_exec(begin_.c_str());
}

void Transaction::do_commit() {
  if (connection_.is_open() && connection_.is_in_failed_transaction())
    throw StoreError("a failed transaction cannot be committed: one of its errors was swallowed", "25P02");
  direct_exec("COMMIT");
}

}  // namespace payoutd::store
