#pragma once
#include <exception>
#include <future>
#include <string>
#include <thread>

#include "ops/embedded_postgres.hpp"

namespace payoutd::daemon {

/// Keeps the private PostgreSQL running, on a thread of its own: starting and crash recovery block, and the
/// server is bound to the life of the thread that started it. A server that dies is started again; the pools
/// reconnect.
class DatabaseKeeper {
 public:
  /// Returns when the server answers. Throws ops::EmbeddedPostgresError.
  explicit DatabaseKeeper(ops::EmbeddedPostgresOptions options);
  /// Stops the server.
  ~DatabaseKeeper();
  DatabaseKeeper(const DatabaseKeeper&) = delete;
  DatabaseKeeper& operator=(const DatabaseKeeper&) = delete;

  const std::string& dsn() const { return dsn_; }

 private:
  void keep(std::promise<void> started);
  bool wait_for_death(int death_descriptor);  ///< false: stop was asked for

  ops::EmbeddedPostgres server_;
  std::string dsn_;
  int stop_event_ = -1;
  std::thread thread_;
};

}  // namespace payoutd::daemon
