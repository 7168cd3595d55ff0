#pragma once
#include <filesystem>
#include <memory>
#include <string>

#include "ctl/context.hpp"
#include "ops/embedded_postgres.hpp"
#include "store/connection.hpp"

namespace payoutd::ctl {

/// Which database a command works on: a DSN, or what the configuration names.
struct DatabaseOptions {
  std::string database;  ///< goes before the configuration
  std::filesystem::path config;
};

/// A connection, and the embedded server if it had to be started for it.
struct Database {
  std::unique_ptr<ops::EmbeddedPostgres> embedded;
  std::string dsn;
  std::unique_ptr<store::Connection> connection;
};

/// Directly on the database, without a host. The embedded one is started if no host runs it, and stopped
/// again with the result. `purpose` is the application's name at the server. Throws CommandFailed that says
/// what is wrong.
Database open_database(Context& context, const DatabaseOptions& options, const std::string& purpose);

/// One more connection to the same database.
std::unique_ptr<store::Connection> connect_again(const Database& database, const std::string& purpose);

/// Runs what asks the database; its errors become the command's. A role that may not do something is
/// `refused`.
template <class Work>
auto ask_database(Work&& work) -> decltype(work());

[[noreturn]] void fail_with(const store::StoreError& error);

template <class Work>
auto ask_database(Work&& work) -> decltype(work()) {
  try {
    return work();
  } catch (const store::StoreError& error) {
    fail_with(error);
  }
}

}  // namespace payoutd::ctl
