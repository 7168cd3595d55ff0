#include "store/migrations.hpp"

#include <openssl/evp.h>
#include <unistd.h>

#include <pqxx/pqxx>
#include <regex>
#include <thread>

namespace payoutd::store {
namespace {

// The advisory lock that makes runners wait for each other: "payoutd" as bytes.
constexpr std::int64_t kRunnerLock = 0x7061796f757464;

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

std::size_t end_of_dollar_quote(const std::string& sql, std::size_t start, std::size_t& tag_length) {
  const auto tag_end = sql.find('$', start + 1);
  if (tag_end == std::string::npos) return std::string::npos;
  const auto tag = sql.substr(start, tag_end - start + 1);
  for (const char c : tag.substr(1, tag.size() - 2))
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return std::string::npos;
  tag_length = tag.size();
  return sql.find(tag, tag_end + 1);
}

// Lower case, one space between words, no comments and no string constants. Bodies between dollar quotes
// stay, as what they do counts too, but their semicolons do not end the statement.
std::vector<std::string> plain_statements(const std::string& sql) {
  std::vector<std::string> statements(1);
  const auto append = [&](char c) {
    auto& text = statements.back();
    const bool space = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (space && (text.empty() || text.back() == ' ')) return;
    text += space ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  };
  std::size_t body_end = 0;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    const std::string_view rest = std::string_view(sql).substr(at);
    std::size_t tag_length = 0;
    if (rest.starts_with("--")) {
      at = std::min(sql.find('\n', at), sql.size());
      append(' ');
    } else if (rest.starts_with("/*")) {
      at = std::min(sql.find("*/", at + 2), sql.size() - 2) + 1;
      append(' ');
    } else if (sql[at] == '\'') {
      at = std::min(sql.find('\'', at + 1), sql.size());
      append(' ');
    } else if (sql[at] == '$' && at >= body_end &&
               end_of_dollar_quote(sql, at, tag_length) != std::string::npos) {
      body_end = end_of_dollar_quote(sql, at, tag_length);
      at += tag_length - 1;
      append(' ');
    } else if (sql[at] == ';' && at >= body_end) {
      statements.emplace_back();
    } else {
      append(sql[at] == ';' ? ' ' : sql[at]);
    }
  }
  return statements;
}

std::vector<std::string> destructive_statements(const std::string& sql) {
  static const std::regex pattern(
      R"(\bdrop (table|column|schema|type|view|index|constraint|sequence|materialized|domain|function|trigger|database|owned|not null)\b)"
      R"(|\btruncate\b|\bdelete from\b|\brename\b|\balter (column )?\S+ (set data )?type\b)");
  std::vector<std::string> found;
  for (const auto& statement : plain_statements(sql))
    if (std::regex_search(statement, pattern)) found.push_back(statement.substr(0, 120));
  return found;
}

std::string applied_by_expression() {
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data());
}

// Makes the runner's own table, under the lock, so that two first runners do not collide.
void take_runner_lock(Transaction& transaction, const MigrationLimits& limits) {
  transaction.exec("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = " +
                   std::to_string(limits.runner_wait.count()) + "; SELECT pg_advisory_xact_lock(" +
                   std::to_string(kRunnerLock) + ")");
  transaction.exec("SET LOCAL client_min_messages = warning; SET LOCAL lock_timeout = " +
                   std::to_string(limits.lock_timeout.count()));
  if (has_table(transaction)) return;
  transaction.exec(
      "CREATE SCHEMA IF NOT EXISTS app; CREATE TABLE IF NOT EXISTS app.schema_migrations (version text "
      "PRIMARY KEY, name text NOT NULL, checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'), "
      "applied_at timestamptz NOT NULL DEFAULT now(), applied_by text NOT NULL)");
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
        "current_user || '@' || $4)",
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
  std::vector<PlannedMigration> plan;
  for (auto& migration : migration_status(connection, known).pending)
    plan.push_back({migration, destructive_statements(migration.sql)});
  return plan;
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
