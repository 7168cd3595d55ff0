#include "store/migrations.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <pqxx/pqxx>
#include <regex>
#include <thread>

namespace payoutd::store {
namespace {

std::string sha256(std::string_view text) {
  std::array<unsigned char, 32> digest{};
  unsigned int length = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &length, EVP_sha256(), nullptr) != 1)
    throw StoreError("SHA-256 is not available in this OpenSSL");
  std::string hex;
  for (const auto byte : digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    hex += kDigits[byte >> 4];
    hex += kDigits[byte & 15];
  }
  return hex;
}

bool has_table(pqxx::transaction_base& transaction) {
  return transaction.exec("SELECT to_regclass('app.schema_migrations') IS NOT NULL")[0][0].as<bool>();
}

std::vector<AppliedMigration> read_applied(pqxx::transaction_base& transaction) {
  std::vector<AppliedMigration> applied;
  if (!has_table(transaction)) return applied;
  const auto rows = transaction.exec(
      "SELECT version, name, checksum, to_char(applied_at AT TIME ZONE 'UTC', "
      "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'), applied_by FROM app.schema_migrations ORDER BY version");
  for (const auto& row : rows)
    applied.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str(), row[3].c_str(), row[4].c_str()});
  return applied;
}

MigrationStatus compare(std::vector<AppliedMigration> applied, std::span<const Migration> known) {
  MigrationStatus status;
  const auto known_as = [&](const std::string& version) {
    return std::find_if(known.begin(), known.end(), [&](const auto& m) { return m.version == version; });
  };
  for (const auto& row : applied) {
    const auto match = known_as(row.version);
    if (match == known.end())
      status.unknown.push_back(row);
    else if (match->checksum != row.checksum)
      status.changed.push_back(row);
  }
  for (const auto& migration : known) {
    const auto same = [&](const auto& row) { return row.version == migration.version; };
    if (std::none_of(applied.begin(), applied.end(), same)) status.pending.push_back(migration);
  }
  status.applied = std::move(applied);
  return status;
}

template <class Rows>
std::string names(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) text += (text.empty() ? "" : ", ") + row.version + "_" + row.name;
  return text;
}

SchemaCheck judge(const MigrationStatus& status) {
  if (!status.changed.empty())
    return {SchemaState::changed, "the database was migrated with another text of " + names(status.changed) +
                                      " than this binary holds"};
  if (!status.unknown.empty())
    return {SchemaState::ahead, "the database has migrations that this binary does not know: " +
                                    names(status.unknown) + "; run a newer payoutd"};
  if (!status.pending.empty())
    return {SchemaState::behind,
            "the database lacks the migrations " + names(status.pending) + "; run `payoutctl migrate up`"};
  return {SchemaState::current, "the schema is current"};
}

// What the statistics say of the tables that a plan touches; they may be as old as the last ANALYZE.
void add_sizes(pqxx::transaction_base& transaction, std::vector<PlannedMigration>& plan) {
  for (auto& step : plan)
    for (auto& remark : step.remarks) {
      if (remark.table.empty()) continue;
      const auto rows = transaction.exec_params(
          "SELECT coalesce(sum(greatest(c.reltuples, -1)) FILTER (WHERE c.relkind <> 'p'), -1)::bigint,"
          " coalesce(sum(pg_total_relation_size(c.oid)), -1)::bigint FROM pg_class c WHERE c.oid ="
          " to_regclass($1) OR c.oid IN (SELECT relid FROM pg_partition_tree(to_regclass($1)))",
          remark.table);
      remark.rows = rows[0][0].as<std::int64_t>();
      remark.bytes = rows[0][1].as<std::int64_t>();
    }
}

std::string applied_by_expression() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data());
}

// Whoever migrates, what is made belongs to the role that owns the rest, if roles were set up and this one
// may act as the owner.
void act_as_owner(Transaction& transaction) {
  if (transaction.exec("SELECT to_regclass('app.database_roles') IS NULL")[0][0].as<bool>()) return;
  const auto rows = transaction.exec(
      "SELECT quote_ident(o.role) FROM app.database_roles o JOIN pg_roles r ON r.rolname = o.role WHERE "
      "o.kind ="
      " 'owner' AND o.role <> current_user AND pg_has_role(current_user, r.oid, 'MEMBER')");
  if (!rows.empty()) transaction.exec(std::string("SET LOCAL ROLE ") + rows[0][0].c_str());
}

// Makes the runner's own table, under the lock, so that two first runners do not collide.
void take_runner_lock(Transaction& transaction, const MigrationLimits& limits) {
  transaction.exec("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = " +
                   std::to_string(limits.runner_wait.count()) + "; SELECT pg_advisory_xact_lock(" +
                   std::to_string(kMigrationRunnerLock) + ")");
  transaction.exec("SET LOCAL client_min_messages = warning; SET LOCAL lock_timeout = " +
                   std::to_string(limits.lock_timeout.count()));
  act_as_owner(transaction);
  if (has_table(transaction)) return;
  transaction.exec("CREATE SCHEMA IF NOT EXISTS app; " + runner_table_sql());
}

void refuse_unless_known(const MigrationStatus& status) {
  const auto verdict = judge(status);
  if (verdict.state == SchemaState::ahead || verdict.state == SchemaState::changed)
    throw StoreError("cannot migrate: " + verdict.explanation);
}

// False if another runner applied it meanwhile.
bool apply(Connection& connection, const Migration& migration, std::span<const Migration> known,
           const MigrationLimits& limits) {
  return in_transaction(connection, [&](Transaction& transaction) {
    take_runner_lock(transaction, limits);
    const auto status = compare(read_applied(transaction), known);
    refuse_unless_known(status);
    const auto same = [&](const auto& pending) { return pending.version == migration.version; };
    if (std::none_of(status.pending.begin(), status.pending.end(), same)) return false;
    transaction.exec(migration.sql);
    transaction.exec_params(
        "INSERT INTO app.schema_migrations (version, name, checksum, applied_by) VALUES ($1, $2, $3, "
        "session_user || '@' || $4)",
        migration.version, migration.name, migration.checksum, applied_by_expression());
    return true;
  });
}

// A table that is in use makes DDL wait, and everybody else behind it: so it gives up soon and tries again.
bool apply_patiently(Connection& connection, const Migration& migration, std::span<const Migration> known,
                     const MigrationLimits& limits,
                     const std::function<void(const MigrationProgress&)>& report) {
  for (int attempt = 1;; ++attempt) {
    try {
      return apply(connection, migration, known, limits);
    } catch (const Conflict& e) {
      if (attempt >= limits.lock_attempts)
        throw StoreError("migration " + migration.version + "_" + migration.name +
                             " found its tables locked " + std::to_string(attempt) + " times: " + e.what(),
                         e.sqlstate());
      if (report) report({MigrationProgress::Step::waiting_for_lock, migration.version, migration.name, {}});
      std::this_thread::sleep_for(std::chrono::milliseconds(250 * attempt));
    } catch (const Unavailable&) {
      throw;
    } catch (const InDoubt& e) {
      throw InDoubt("migration " + migration.version + "_" + migration.name +
                        ": the answer to its commit was lost, run `payoutctl migrate status`: " + e.what(),
                    e.sqlstate());
    } catch (const StoreError& e) {
      throw StoreError("migration " + migration.version + "_" + migration.name + ": " + e.what(),
                       e.sqlstate());
    }
  }
}

}  // namespace

std::string runner_table_sql() {
  return "CREATE TABLE IF NOT EXISTS app.schema_migrations (version text PRIMARY KEY, name text NOT NULL, "
         "checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'), applied_at timestamptz NOT NULL "
         "DEFAULT "
         "now(), applied_by text NOT NULL)";
}

Migration make_migration(const std::string& file_name, std::string sql) {
  static const std::regex pattern("([0-9]{4})_([a-z0-9_]+)");
  std::smatch match;
  if (!std::regex_match(file_name, match, pattern))
    throw StoreError("a migration is named NNNN_name, not '" + file_name + "'");
  auto checksum = sha256(sql);
  return {match[1], match[2], std::move(sql), std::move(checksum)};
}

MigrationStatus migration_status(Connection& connection, std::span<const Migration> known) {
  return in_transaction(connection, "BEGIN READ ONLY",
                        [&](Transaction& transaction) { return compare(read_applied(transaction), known); });
}

SchemaCheck check_schema(Connection& connection, std::span<const Migration> known) {
  return judge(migration_status(connection, known));
}

std::vector<PlannedMigration> migration_plan(Connection& connection, std::span<const Migration> known) {
  return in_transaction(connection, "BEGIN READ ONLY", [&](Transaction& transaction) {
    std::vector<PlannedMigration> plan;
    std::set<std::string> made;
    for (auto& migration : compare(read_applied(transaction), known).pending) {
      PlannedMigration step{migration, {}, review_statements(migration.sql, made)};
      for (const auto& remark : step.remarks)
        if (remark.kind == StatementRemark::Kind::destroys) step.destructive.push_back(remark.statement);
      plan.push_back(std::move(step));
    }
    add_sizes(transaction, plan);
    return plan;
  });
}

int migrate_up(Connection& connection, const std::function<void(const MigrationProgress&)>& report,
               std::span<const Migration> known, MigrationLimits limits) {
  const auto status = migration_status(connection, known);
  refuse_unless_known(status);
  int applied = 0;
  for (const auto& migration : status.pending) {
    using Step = MigrationProgress::Step;
    if (report) report({Step::started, migration.version, migration.name, {}});
    const auto start = std::chrono::steady_clock::now();
    const bool mine = apply_patiently(connection, migration, known, limits, report);
    applied += mine ? 1 : 0;
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    if (report)
      report({mine ? Step::applied : Step::already_applied, migration.version, migration.name, elapsed});
  }
  return applied;
}

}  // namespace payoutd::store
