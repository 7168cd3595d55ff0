// Compares the live schema with what the migrations say: what somebody changed by hand, what a failed repair
// left behind, what a restore forgot.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "store/migrations.hpp"

namespace payoutd::store {

struct SchemaDifference {
  enum class Kind {
    missing,     // the migrations make it, and it is not there
    unexpected,  // it is there, and no migration makes it
    differs,     // it is there and is something else
  };
  Kind kind = Kind::differs;
  std::string what;      // table, column, constraint, index, view, function, trigger, type
  std::string name;      // "app.payouts.amount"
  std::string expected;  // definitions; empty where there is none
  std::string found;
};

const char* to_string(SchemaDifference::Kind kind);

struct SchemaVerification {
  SchemaCheck check;  // of the applied migrations: their checksums, and whether any are pending or unknown
  int migrations = 0;
  int objects = 0;  // that were compared
  std::vector<SchemaDifference> differences;

  bool all_right() const { return check.state == SchemaState::current && differences.empty(); }
};

// The applied migrations are run once more in a schema of another name, in a transaction that is rolled back,
// and what they make there is compared with the schema app: tables, columns, constraints, indexes, views,
// functions, triggers, types. Partitions by month are left out (their parents stand for them). Holds the
// runners' lock meanwhile and locks no table. The role must be allowed to create schemas in the database (its
// owner is); throws StoreError that says so if it is not.
SchemaVerification verify_schema(Connection& connection,
                                 std::span<const Migration> known = embedded_migrations());

}  // namespace payoutd::store
