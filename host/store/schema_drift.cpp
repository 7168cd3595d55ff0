#include "store/schema_drift.hpp"

#include <map>
#include <regex>

namespace payoutd::store {
namespace {

constexpr const char* kAside = "payoutd_verify_aside";

struct Key {
  std::string what;
  std::string name;
  friend auto operator<=>(const Key&, const Key&) = default;
};
using Structure = std::map<Key, std::string>;

// One row for each object: what, name, definition. The names of the schema stand in definitions too, because
// search_path is empty while this runs.
constexpr const char* kStructure = R"sql(
with tables as (
  select c.oid, c.relname, c.relkind, c.relpersistence, c.relreplident from pg_class c
  where c.relnamespace = $1::text::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
    and (not c.relispartition or pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT')
)
select 'table', relname::text, case relkind when 'p' then 'partitioned ' || pg_get_partkeydef(oid) else 'plain' end
  || case relpersistence when 'u' then ', unlogged' else '' end
from tables where relkind in ('r', 'p')
union all
select 'view', relname, pg_get_viewdef(oid) from tables where relkind in ('v', 'm')
union all
select 'column', t.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod)
  || case when a.attnotnull then ' not null' else '' end
  || case a.attidentity when 'a' then ' identity always' when 'd' then ' identity by default' else '' end
  || case when d.adbin is null then '' when a.attgenerated = 's' then ' generated ' else ' default ' end
  || coalesce(pg_get_expr(d.adbin, d.adrelid), '')
from tables t join pg_attribute a on a.attrelid = t.oid and a.attnum > 0 and not a.attisdropped
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum where t.relkind in ('r', 'p')
union all
select 'constraint', t.relname || '.' || k.conname, pg_get_constraintdef(k.oid)
  || case when k.convalidated then '' else ' not valid' end
from tables t join pg_constraint k on k.conrelid = t.oid
union all
select 'index', t.relname || '.' || i.relname, pg_get_indexdef(x.indexrelid) || case when x.indisvalid then '' else ' invalid' end
from tables t join pg_index x on x.indrelid = t.oid join pg_class i on i.oid = x.indexrelid
union all
select 'trigger', t.relname || '.' || g.tgname, pg_get_triggerdef(g.oid)
  || case g.tgenabled when 'O' then '' when 'D' then ' disabled' else ' enabled ' || g.tgenabled::text end
from tables t join pg_trigger g on g.tgrelid = t.oid and not g.tgisinternal
union all
select 'function', p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid)
from pg_proc p where p.pronamespace = $1::text::regnamespace and p.prokind in ('f', 'p')
union all
select 'type', y.typname, string_agg(e.enumlabel, ', ' order by e.enumsortorder)
from pg_type y join pg_enum e on e.enumtypid = y.oid where y.typnamespace = $1::text::regnamespace group by y.typname
)sql";

// Names of the other schema read as app's, so that both sides can be compared.
std::string as_app(std::string text) {
  static const std::regex aside(std::string("\\b") + kAside + "\\b");
  return std::regex_replace(text, aside, "app");
}

std::string as_aside(const std::string& sql) {
  static const std::regex app("\\bapp\\b");
  return std::regex_replace(sql, app, kAside);
}

Structure structure_of(pqxx::transaction_base& transaction, const std::string& schema) {
  Structure structure;
  for (const auto& row : transaction.exec_params(kStructure, schema))
    structure[{row[0].c_str(), as_app(row[1].c_str())}] = as_app(row[2].c_str());
  return structure;
}

// Under another name, with everything that runs outside of a schema's names left as it is.
void build_aside(pqxx::transaction_base& transaction, const std::vector<AppliedMigration>& applied,
                 std::span<const Migration> known) {
  transaction.exec("SET LOCAL client_min_messages = warning");
  transaction.exec(std::string("CREATE SCHEMA ") + kAside);
  transaction.exec(as_aside(runner_table_sql()));
  for (const auto& migration : known) {
    const auto same = [&](const auto& row) { return row.version == migration.version; };
    if (std::any_of(applied.begin(), applied.end(), same)) transaction.exec(as_aside(migration.sql));
  }
  transaction.exec("SET LOCAL search_path = ''");
}

std::vector<SchemaDifference> compare(const Structure& expected, const Structure& found) {
  using Kind = SchemaDifference::Kind;
  std::vector<SchemaDifference> differences;
  const auto add = [&](Kind kind, const Key& key, std::string wanted, std::string there) {
    differences.push_back({kind, key.what, "app." + key.name, std::move(wanted), std::move(there)});
  };
  // What hangs on a table that is missing or unexpected is not named one by one.
  const auto table_differs = [&](const Key& key, const Structure& side) {
    const auto dot = key.name.find('.');
    return key.what != "table" && dot != std::string::npos &&
           !side.contains({"table", key.name.substr(0, dot)});
  };
  for (const auto& [key, definition] : expected) {
    const auto there = found.find(key);
    if (there == found.end()) {
      if (!table_differs(key, found)) add(Kind::missing, key, definition, {});
    } else if (there->second != definition) {
      add(Kind::differs, key, definition, there->second);
    }
  }
  for (const auto& [key, definition] : found)
    if (!expected.contains(key) && !table_differs(key, expected)) add(Kind::unexpected, key, {}, definition);
  return differences;
}

// Ends the transaction of verify_schema(): nothing that was built aside may stay.
struct RollBack {};

}  // namespace

const char* to_string(SchemaDifference::Kind kind) {
  switch (kind) {
    case SchemaDifference::Kind::missing:
      return "missing";
    case SchemaDifference::Kind::unexpected:
      return "unexpected";
    case SchemaDifference::Kind::differs:
      return "differs";
  }
  return "";
}

SchemaVerification verify_schema(Connection& connection, std::span<const Migration> known) {
  SchemaVerification result;
  const MigrationStatus status = migration_status(connection, known);
  result.check = check_schema(connection, known);
  result.migrations = static_cast<int>(status.applied.size());
  if (status.applied.empty()) return result;
  try {
    in_transaction(connection, [&](Transaction& transaction) {
      transaction.exec_params("SELECT pg_advisory_xact_lock($1)", kMigrationRunnerLock);
      build_aside(transaction, status.applied, known);
      const Structure expected = structure_of(transaction, kAside);
      const Structure found = structure_of(transaction, "app");
      result.objects = static_cast<int>(expected.size());
      result.differences = compare(expected, found);
      throw RollBack();
    });
  } catch (const RollBack&) {
    return result;
  } catch (const StoreError& error) {
    if (error.sqlstate() != "42501") throw;
    throw StoreError(
        "the schema is built once more aside and rolled back, which this role may not: connect as the role "
        "that "
        "owns the database (" +
            std::string(error.what()) + ")",
        error.sqlstate());
  }
  return result;
}

}  // namespace payoutd::store
