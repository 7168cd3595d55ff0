// What can go wrong between the host and PostgreSQL, as named types. Every error of libpqxx is turned into
// one of these in one place (translate_error), so callers decide by type and never by text.
//
//   StoreError
//   ├─ Unavailable        nothing was done; the same call may succeed later
//   │  ├─ ConnectionFailed    no connection, or it broke before anything could be committed
//   │  ├─ ServerShutdown      57P01 to 57P03: the server stops, crashed or is not ready yet
//   │  ├─ TooManyConnections  53300
//   │  ├─ StorageFull         53100
//   │  ├─ ReadOnly            25006: a standby, or a primary that was demoted
//   │  ├─ StatementCancelled  57014: a statement time-out or an operator
//   │  ├─ PoolExhausted       no connection became free in time
//   │  ├─ Overloaded          too many items are queued already
//   │  └─ Stopping            the pool or the group commit is being stopped
//   ├─ InDoubt            the connection broke when a commit may have been under way
//   ├─ DataError          SQLSTATE classes 22 and 23: this data can never be stored like this
//   └─ Conflict           40001, 40P01, 55P03: rolled back, safe to run again at once
//
// A plain StoreError is a mistake in the program or its schema (syntax, missing table, missing privilege):
// it was rolled back, and running it again gives the same error.
#pragma once
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

namespace payoutd::store {

struct StoreError : std::runtime_error {
  explicit StoreError(const std::string& message, std::string sqlstate = {})
      : std::runtime_error(message), sqlstate_(std::move(sqlstate)) {}
  // Five characters, or empty where the error did not come from the server.
  const std::string& sqlstate() const noexcept { return sqlstate_; }

 private:
  std::string sqlstate_;
};

struct Unavailable : StoreError {
  using StoreError::StoreError;
};
struct ConnectionFailed : Unavailable {
  using Unavailable::Unavailable;
};
struct ServerShutdown : Unavailable {
  using Unavailable::Unavailable;
};
struct TooManyConnections : Unavailable {
  using Unavailable::Unavailable;
};
struct StorageFull : Unavailable {
  using Unavailable::Unavailable;
};
struct ReadOnly : Unavailable {
  using Unavailable::Unavailable;
};
struct StatementCancelled : Unavailable {
  using Unavailable::Unavailable;
};
struct PoolExhausted : Unavailable {
  using Unavailable::Unavailable;
};
struct Overloaded : Unavailable {
  using Unavailable::Unavailable;
};
struct Stopping : Unavailable {
  using Unavailable::Unavailable;
};

struct InDoubt : StoreError {
  using StoreError::StoreError;
};

struct Conflict : StoreError {
  using StoreError::StoreError;
};

struct DataError : StoreError {
  DataError(const std::string& message, std::string sqlstate, std::string constraint, std::string detail)
      : StoreError(message, std::move(sqlstate)),
        constraint_(std::move(constraint)),
        detail_(std::move(detail)) {}
  // The violated constraint's name, or empty (class 22 has none).
  const std::string& constraint() const noexcept { return constraint_; }
  // The server's DETAIL line. It quotes stored values, phone numbers among them: never log it unmasked.
  const std::string& detail() const noexcept { return detail_; }

 private:
  std::string constraint_;
  std::string detail_;
};

// Whether something may have been committed by the time a connection breaks.
enum class CommitRisk {
  none,      // no COMMIT was sent and no autocommitted statement: a broken connection undid everything
  possible,  // a COMMIT or an autocommitted statement may have reached the server
};

// Turns an exception of libpqxx into one of the types above; other exceptions are returned as they are.
// connection_error is what libpq last said about the connection, which libpqxx forgets (may be empty).
std::exception_ptr translate_error(std::exception_ptr error, CommitRisk risk,
                                   std::string_view connection_error);

// True where a connection that raised this error must not be used again.
bool breaks_connection(const std::exception_ptr& error);

}  // namespace payoutd::store
