#pragma once
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "bench/round.hpp"
#include "ops/embedded_postgres.hpp"
#include "store/connection.hpp"

namespace payoutd::bench {

/// The embedded PostgreSQL with the settings of production, and the two databases on it.
class BenchServer {
 public:
  explicit BenchServer(std::filesystem::path directory);

  /// A new database with the product's schema; its DSN.
  std::string add_database(const std::string& name);
  const std::filesystem::path& socket_directory() const { return sockets_; }
  pid_t pid() const { return server_->pid(); }
  std::string setting(const std::string& name);

  /// Measures what `work` uses of this server and how long it takes; both sides begin alike: no dead rows,
  /// fresh statistics, nothing left to write.
  /// `work` returns how many payouts it took through their lives.
  Round measure(const std::string& database, const std::function<std::int64_t(Round&)>& work);
  /// After the side's connections are closed, for only then have they reported everything.
  RowChanges changes(const std::string& database, std::int64_t payouts);

 private:
  std::string dsn(const std::string& database) const { return server_->dsn() + " dbname=" + database; }

  std::filesystem::path sockets_;
  std::unique_ptr<ops::EmbeddedPostgres> server_;
};

}  // namespace payoutd::bench
