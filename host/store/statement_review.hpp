// Reads what a migration's SQL would do to tables that are in use, before it does it.
#pragma once
#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace payoutd::store {

// One thing that an operator should know about a statement before it runs.
struct StatementRemark {
  enum class Kind {
    destroys,  // takes something away that hosts of the version before may still use
    rewrites,  // writes every row of a table anew, or reads all of them, while it holds its lock
    locks,     // makes others wait while it runs
  };
  Kind kind = Kind::locks;
  std::string statement;  // its beginning, in lower case, without comments and constants
  std::string table;      // "app.payouts"; empty where none is named
  std::string lock;       // the table lock of PostgreSQL's documentation (13.3.1); empty: none
  std::string meaning;    // a sentence for the operator
  // Filled in by migration_plan(), from the database's statistics; -1: not known.
  std::int64_t rows = -1;
  std::int64_t bytes = -1;
};

const char* to_string(StatementRemark::Kind kind);

// Remarks on each statement of a migration, in order. Tables that the migrations themselves make are empty
// and unknown to others: statements about those in `made` lock nobody, and what is created is added to it.
std::vector<StatementRemark> review_statements(const std::string& sql, std::set<std::string>& made);

}  // namespace payoutd::store
