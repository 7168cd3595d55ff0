// Who may do what in the database: an owner that migrates and prunes, a runtime role that hosts work as, and
// a role that reads views. With `database: embedded` there is one role, and nothing of this is needed.
//
// roles/wanted_grants.sql is the one list of what each role needs; granting and auditing both read it.
#pragma once
#include <string>
#include <vector>

#include "store/connection.hpp"

namespace payoutd::store {

enum class RoleKind { owner, runtime, read_only };

const char* to_string(RoleKind kind);  // "owner", "runtime", "read_only"

// Names in the cluster: lower-case letters, digits and _, at most 63.
struct RoleNames {
  std::string owner = "payoutd_owner";
  std::string runtime = "payoutd_runtime";
  std::string read_only = "payoutd_readonly";
};

// A script for psql that makes the roles where they are missing, gives the schema to the owner, and grants
// each what it needs and no more. May be run again. Throws StoreError for a name that is none.
std::string roles_script(const RoleNames& names);

// The same, at once. Throws what the server says.
void apply_roles(Connection& connection, const RoleNames& names);

// Grants again where roles were set up before: tables of new migrations have no grants yet. False: there are
// no roles in this database. By the owner.
bool renew_grants(Connection& connection);

struct GrantFinding {
  enum class Kind { excess, missing };
  Kind kind = Kind::excess;
  std::string object;     // "app.audit", "role", "database"
  std::string privilege;  // "DELETE", "SUPERUSER"
  std::string meaning;    // a sentence
};

struct GrantAudit {
  std::string role;  // that was looked at: the connection's
  RoleKind kind = RoleKind::runtime;
  int checked = 0;  // privileges on objects
  std::vector<GrantFinding> findings;
};

// Whether the connection's role may do what a role of this kind needs, and no more.
GrantAudit audit_grants(Connection& connection, RoleKind kind);

}  // namespace payoutd::store
