#pragma once
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// A user whom a rule flagged.
struct FlagRow {
  std::int64_t id = 0;
  std::string user;
  std::string rule;
  std::string reason;
  std::string text;
  std::int64_t count = 0;  ///< payouts that were flagged while it is open
  std::string first_payout;
  std::string last_payout;
  std::string first_at;
  std::string last_at;
  std::string note;
  std::string noted_by;
  std::string cleared_at;
  std::string cleared_by;
};

struct FlagFilter {
  std::string user;  ///< empty: of all
  std::string rule;  ///< empty: of every rule
  bool open = true;  ///< only those that are not cleared
  int limit = 100;
};
/// The latest first.
std::vector<FlagRow> flags(pqxx::transaction_base& work, const FlagFilter& filter);

/// Writes a note to a flag, and clears it if `clear`. Nothing: there is no such open flag.
std::optional<FlagRow> change_flag(pqxx::transaction_base& work, std::int64_t id, bool clear,
                                   const std::string& actor, const std::string& note);

/// An outflow that is halted, or was.
struct HaltRow {
  std::string provider;
  std::string currency;
  std::string span;
  std::string allowed;
  std::string reached;
  std::string at;
};
std::vector<HaltRow> halts(pqxx::transaction_base& work);
/// False: nothing of this provider and currency is halted.
bool lift_halt(pqxx::transaction_base& work, const std::string& provider, const std::string& currency,
               const std::string& actor, const std::string& note);

}  // namespace payoutd::store
