// What a database holds, in figures that a copy of it must repeat, and what must always be true of it.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "store/migrations.hpp"

namespace payoutd::store {

struct Inventory {
  struct Stock {
    std::string state;
    std::string currency;
    std::int64_t count = 0;
    std::string sum;  // exact decimal text
    friend bool operator==(const Stock&, const Stock&) = default;
  };
  std::string revision;  // the last migration's version
  std::vector<AppliedMigration> migrations;
  std::vector<Stock> stocks;                   // payouts, finished ones included
  std::map<std::string, std::int64_t> tables;  // rows by table
  std::int64_t last_event = 0;                 // highest id of an event that stands
  std::int64_t audit_rows = 0;
  std::string audit_hash;         // of the last row
  std::string system_identifier;  // of the cluster, as the hosts know it
  std::string timeline;
};

// Reads every table once. The transaction decides which snapshot.
Inventory take_inventory(pqxx::transaction_base& work);

// What differs between what was written down and what is there, a sentence each; the cluster's own marks are
// not compared.
std::vector<std::string> compare_inventories(const Inventory& written, const Inventory& found);

// One thing that must hold for every payout.
struct InvariantCheck {
  std::string name;     // "one_live_attempt"
  std::string meaning;  // a sentence
  std::int64_t violations = 0;
  std::string example;  // an id, where there are violations
};

// Of the money: attempts, states and keys agree with each other. Reads all payouts and attempts.
std::vector<InvariantCheck> check_invariants(pqxx::transaction_base& work);

// When something that is done from outside of the hosts last succeeded.
struct Maintenance {
  std::string name;                 // backup, restore_check, prune
  std::int64_t succeeded_at_s = 0;  // since 1970
};
void record_maintenance(pqxx::transaction_base& work, const std::string& name, const std::string& by,
                        const std::string& detail_json);
std::vector<Maintenance> maintenance(pqxx::transaction_base& work);

}  // namespace payoutd::store
