// Brings the database's schema to what this binary knows, and says how they differ.
//
// Migrations are plain SQL files named NNNN_name.sql, embedded in the binary, never changed once released
// and expand-only: an older host goes on working on a newer schema while hosts are upgraded one by one.
#pragma once
#include <chrono>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "store/connection.hpp"
#include "store/statement_review.hpp"

namespace payoutd::store {

struct Migration {
  std::string version;   // "0001"
  std::string name;      // "payouts"
  std::string sql;       // may hold several statements, but no BEGIN or COMMIT
  std::string checksum;  // SHA-256 of sql, 64 hexadecimal digits
};

// file_name without its ending: "0001_payouts". Throws StoreError if it is not named so.
Migration make_migration(const std::string& file_name, std::string sql);

// Those of host/store/migrations, in order.
std::span<const Migration> embedded_migrations();

// The statement that makes the runner's own table, in a schema app that exists.
std::string runner_table_sql();

// The advisory lock that makes runners wait for each other: "payoutd" as bytes.
inline constexpr std::int64_t kMigrationRunnerLock = 0x7061796f757464;

struct AppliedMigration {
  std::string version;
  std::string name;
  std::string checksum;
  std::string applied_at;  // UTC, ISO 8601
  std::string applied_by;  // database user and host name of the one who ran it
};

struct MigrationStatus {
  std::vector<AppliedMigration> applied;  // everything that the database has, in order
  std::vector<Migration> pending;         // known here, not yet in the database
  std::vector<AppliedMigration> unknown;  // in the database, not known here: the database is ahead
  std::vector<AppliedMigration> changed;  // applied with another text than this binary holds
};

// Reads only. A database without the schema app has everything pending.
MigrationStatus migration_status(Connection& connection,
                                 std::span<const Migration> known = embedded_migrations());

enum class SchemaState {
  current,
  behind,   // migrations are pending: `payoutctl migrate up`
  ahead,    // a newer binary migrated it; this one does not know what changed
  changed,  // a migration was applied with another text
};

struct SchemaCheck {
  SchemaState state = SchemaState::current;
  std::string explanation;  // a sentence for the operator; names the versions
};

// What the daemon looks at before it starts.
SchemaCheck check_schema(Connection& connection, std::span<const Migration> known = embedded_migrations());

struct PlannedMigration {
  Migration migration;
  std::vector<std::string> destructive;  // the statements' beginnings that drop, truncate, delete, rename or
                                         // change a type
  std::vector<StatementRemark> remarks;  // those, and what rewrites or locks tables that are in use
};
std::vector<PlannedMigration> migration_plan(Connection& connection,
                                             std::span<const Migration> known = embedded_migrations());

struct MigrationProgress {
  enum class Step { waiting_for_lock, started, applied, already_applied };
  Step step = Step::started;
  std::string version;
  std::string name;
  std::chrono::milliseconds elapsed{0};
};

struct MigrationLimits {
  std::chrono::milliseconds runner_wait{60'000};  // for another runner to finish
  std::chrono::milliseconds lock_timeout{5'000};  // for a table that is in use; the migration is then retried
  int lock_attempts = 6;
};

// Applies what is pending, each migration in a transaction of its own, one runner at a time in the whole
// cluster. Returns how many it applied. Throws StoreError that names the migration; what was applied before
// it stays applied. Refuses to run where check_schema() says ahead or changed.
int migrate_up(Connection& connection, const std::function<void(const MigrationProgress&)>& report = {},
               std::span<const Migration> known = embedded_migrations(), MigrationLimits limits = {});

}  // namespace payoutd::store
