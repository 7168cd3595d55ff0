#include "store/roles.hpp"

#include <algorithm>

namespace payoutd::store {

std::string_view role_sql(std::string_view name);  // embedded: roles/NAME.sql

namespace {

constexpr std::size_t kLongestName = 63;

std::string replaced(std::string text, std::string_view what, std::string_view with) {
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

void check_name(const std::string& name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > kLongestName || (name.front() >= '0' && name.front() <= '9') ||
      !std::all_of(name.begin(), name.end(), allowed))
    throw StoreError("'" + name + "' is no name for a role here: lower-case letters, digits and _ only");
}

// Names are checked, so that they stand for themselves inside of quotes.
std::string filled(std::string_view file, const RoleNames& names) {
  std::string sql(role_sql(file));
  sql = replaced(std::move(sql), "@wanted_grants@", role_sql("wanted_grants"));
  for (const auto& [place, name] :
       {std::pair{"owner", &names.owner}, {"runtime", &names.runtime}, {"read_only", &names.read_only}}) {
    sql = replaced(std::move(sql), "@" + std::string(place) + "_text@", "'" + *name + "'");
    sql = replaced(std::move(sql), "@" + std::string(place) + "@", *name);
  }
  return sql;
}

void check(const RoleNames& names) {
  for (const auto* name : {&names.owner, &names.runtime, &names.read_only}) check_name(*name);
  if (names.owner == names.runtime || names.owner == names.read_only || names.runtime == names.read_only)
    throw StoreError("the three roles must have three names");
}

class Auditor {
 public:
  Auditor(pqxx::transaction_base& work, RoleKind kind) : work_(work) {
    audit_.kind = kind;
    audit_.role = work_.exec1("select current_user::text")[0].c_str();
  }

  GrantAudit run() {
    const bool all_powerful = check_attributes();
    if (audit_.kind == RoleKind::owner)
      check_ownership();
    else if (!all_powerful)
      check_privileges();
    return std::move(audit_);
  }

 private:
  void add(GrantFinding::Kind kind, std::string object, std::string privilege, std::string meaning) {
    audit_.findings.push_back({kind, std::move(object), std::move(privilege), std::move(meaning)});
  }
  void excess(std::string object, std::string privilege, std::string meaning) {
    add(GrantFinding::Kind::excess, std::move(object), std::move(privilege), std::move(meaning));
  }

  // True for a superuser, of whom nothing else needs to be said.
  bool check_attributes() {
    const auto rows = work_.exec(
        "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls from pg_roles"
        " where rolname = current_user");
    static const std::pair<const char*, const char*> attributes[] = {
        {"SUPERUSER", "It may do everything, in all databases of the server."},
        {"CREATEROLE", "It may make and change roles, itself included."},
        {"CREATEDB", "It may make databases."},
        {"REPLICATION", "It may copy the whole server."},
        {"BYPASSRLS", "It passes by the rules of rows."}};
    for (int i = 0; i < 5; ++i)
      if (rows[0][i].as<bool>()) excess("role", attributes[i].first, attributes[i].second);
    if (rows[0][0].as<bool>()) return true;
    const bool owner = audit_.kind == RoleKind::owner;
    for (const auto& row : work_.exec_params(
             "select rolname::text, rolsuper from pg_roles r where rolname <> current_user and"
             " pg_has_role(current_user, oid, 'MEMBER') and (rolsuper or rolname in ('pg_write_server_files',"
             " 'pg_read_server_files', 'pg_execute_server_program', 'pg_write_all_data', 'pg_read_all_data')"
             " or (not $1 and exists (select 1 from pg_namespace n where n.nspname = 'app' and n.nspowner = "
             "r.oid)))",
             owner))
      excess("role", std::string("MEMBER OF ") + row[0].c_str(), "What that role may, this one may too.");
    return false;
  }

  void check_ownership() {
    for (const auto& row : work_.exec(
             "select 'app'::text, 'schema' from pg_namespace where nspname = 'app' and not"
             " pg_has_role(current_user, nspowner, 'USAGE') union all select 'app.' || relname, 'table' from"
             " pg_class where relnamespace = to_regnamespace('app') and relkind in ('r', 'p', 'v') and not"
             " pg_has_role(current_user, relowner, 'USAGE') order by 1"))
      add(GrantFinding::Kind::missing, row[0].c_str(), "OWNER",
          "It belongs to another role, so that this one cannot migrate it.");
    audit_.checked =
        work_.exec1("select count(*) from pg_class where relnamespace = to_regnamespace('app')")[0].as<int>();
    if (!work_.exec1("select has_database_privilege(current_database(), 'CREATE')")[0].as<bool>())
      add(GrantFinding::Kind::missing, "database", "CREATE", "`payoutctl migrate verify` needs it.");
  }

  void check_schema_and_database() {
    if (!work_.exec1("select has_schema_privilege('app', 'USAGE')")[0].as<bool>())
      add(GrantFinding::Kind::missing, "schema app", "USAGE", "Nothing in it can be reached.");
    if (work_.exec1("select has_schema_privilege('app', 'CREATE')")[0].as<bool>())
      excess("schema app", "CREATE", "It may make tables and functions beside ours.");
    if (work_.exec1("select has_database_privilege(current_database(), 'CREATE')")[0].as<bool>())
      excess("database", "CREATE", "It may make schemas.");
  }

  void check_privileges() {
    check_schema_and_database();
    const std::string sql =
        "with " + std::string(role_sql("wanted_grants")) +
        ", all_objects as (select c.oid, c.relname::text as name, case when c.relkind = 'S' then 'sequence' "
        "else"
        "   'table' end as type from pg_class c where c.relnamespace = 'app'::regnamespace"
        "   and c.relkind in ('r', 'p', 'v', 'm', 'S')),"
        " had as (select a.oid, a.name, p.privilege, has_table_privilege(current_user, a.oid, p.privilege)"
        "   as whole, has_table_privilege(current_user, a.oid, p.privilege) or (p.privilege in ('SELECT',"
        "   'INSERT', 'UPDATE', 'REFERENCES') and exists (select 1 from pg_attribute t where t.attrelid = "
        "a.oid"
        "   and t.attnum > 0 and not t.attisdropped and has_column_privilege(current_user, a.oid, t.attnum,"
        "   p.privilege) and not exists (select 1 from wanted_columns c where c.kind = $1 and c.oid = a.oid "
        "and"
        "   c.privilege = p.privilege and c.column_name = t.attname))) as"
        "   any_of_it from all_objects a cross join unnest(array['SELECT', 'INSERT', 'UPDATE', 'DELETE',"
        "   'TRUNCATE', 'REFERENCES', 'TRIGGER']) as p(privilege) where a.type = 'table'"
        "  union all select a.oid, a.name, p.privilege, has_sequence_privilege(current_user, a.oid, "
        "p.privilege),"
        "   has_sequence_privilege(current_user, a.oid, p.privilege) from all_objects a cross join"
        "   unnest(array['SELECT', 'USAGE', 'UPDATE']) as p(privilege) where a.type = 'sequence')"
        " select h.name, h.privilege, w.privilege is not null, count(*) over () from had h left join wanted "
        "w on"
        " w.kind = $1 and w.oid = h.oid and w.privilege = h.privilege"
        " where (w.privilege is null and h.any_of_it) or (w.privilege is not null and not h.whole) order by "
        "1, 2";
    for (const auto& row : work_.exec_params(sql, to_string(audit_.kind))) {
      const std::string object = "app." + std::string(row[0].c_str());
      if (row[2].as<bool>())
        add(GrantFinding::Kind::missing, object, row[1].c_str(), "A role of this kind needs it.");
      else
        excess(object, row[1].c_str(), "A role of this kind has no need of it.");
    }
    audit_.checked = work_
                         .exec1(
                             "select count(*) * 7 from pg_class where relnamespace = to_regnamespace('app')"
                             " and relkind in ('r', 'p', 'v', 'm', 'S')")[0]
                         .as<int>();
    check_columns();
    check_functions();
  }

  void check_columns() {
    for (const auto& row : work_.exec_params(
             "with " + std::string(role_sql("wanted_grants")) +
                 " select name || '.' || column_name, privilege from wanted_columns where kind = $1 and not"
                 " has_column_privilege(current_user, oid, column_name, privilege) order by 1",
             to_string(audit_.kind)))
      add(GrantFinding::Kind::missing, std::string("app.") + row[0].c_str(), row[1].c_str(),
          "A role of this kind needs it.");
  }

  void check_functions() {
    for (const auto& row : work_.exec("select oid::regprocedure::text, has_function_privilege(current_user, "
                                      "oid, 'EXECUTE') from pg_proc"
                                      " where pronamespace = 'app'::regnamespace and prosecdef order by 1")) {
      const bool may = row[1].as<bool>();
      ++audit_.checked;
      if (may && audit_.kind == RoleKind::read_only)
        excess(row[0].c_str(), "EXECUTE", "It acts with the owner's rights.");
      else if (!may && audit_.kind == RoleKind::runtime)
        add(GrantFinding::Kind::missing, row[0].c_str(), "EXECUTE", "Housekeeping needs it.");
    }
  }

  pqxx::transaction_base& work_;
  GrantAudit audit_;
};

}  // namespace

const char* to_string(RoleKind kind) {
  switch (kind) {
    case RoleKind::owner:
      return "owner";
    case RoleKind::runtime:
      return "runtime";
    case RoleKind::read_only:
      return "read_only";
  }
  return "";
}

std::string roles_script(const RoleNames& names) {
  check(names);
  return "begin;\n" + filled("create_roles", names) + "\n" + filled("grant_privileges", names) + "commit;\n";
}

void apply_roles(Connection& connection, const RoleNames& names) {
  check(names);
  in_transaction(connection, [&](Transaction& transaction) {
    transaction.exec(filled("create_roles", names));
    transaction.exec(filled("grant_privileges", names));
  });
}

bool renew_grants(Connection& connection) {
  return in_transaction(connection, [&](Transaction& transaction) {
    if (transaction.exec1("select to_regclass('app.database_roles') is null")[0].as<bool>()) return false;
    RoleNames names;
    int found = 0;
    for (const auto& row : transaction.exec("select kind, role::text from app.database_roles")) {
      const std::string kind = row[0].c_str();
      (kind == "owner" ? names.owner : kind == "runtime" ? names.runtime : names.read_only) = row[1].c_str();
      ++found;
    }
    if (found == 0) return false;
    check(names);
    // Where somebody else who may act as the owner migrates, the owner grants what belongs to it.
    const auto owner = transaction.exec_params(
        "select 1 from pg_roles where rolname = $1 and rolname <> current_user and"
        " pg_has_role(current_user, oid, 'MEMBER')",
        names.owner);
    if (!owner.empty()) transaction.exec("set local role " + names.owner);
    transaction.exec(filled("grant_privileges", names));
    return true;
  });
}

GrantAudit audit_grants(Connection& connection, RoleKind kind) {
  return in_transaction(connection, "BEGIN READ ONLY",
                        [&](Transaction& transaction) { return Auditor(transaction, kind).run(); });
}

}  // namespace payoutd::store
