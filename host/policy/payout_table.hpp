#pragma once
#include "policy/bundle.hpp"
#include "policy/lua_money.hpp"
#include "policy/script_state.hpp"

namespace payoutd::policy {

/// `payout`, as rules and routing see it.
class PayoutTable {
 public:
  PayoutTable() = default;
  PayoutTable(const PayoutTable&) = delete;  // Lua keeps its address
  PayoutTable& operator=(const PayoutTable&) = delete;

  /// Once; protected.
  void open(lua_State* state);
  /// Protected. `facts` must live until the last script has looked: metadata is read when one asks for it.
  void fill(lua_State* state, const PayoutFacts& facts);
  /// Allocates nothing.
  void push(lua_State* state) const { table_.push(state); }

 private:
  static int missing(lua_State* state);
  HostTable table_;
  MoneySlot amount_;
  const PayoutFacts* facts_ = nullptr;
};

/// Reads what a test gives as `payout`; what it leaves out is filled in. `provider` is the default of that
/// field.
PayoutFacts read_test_payout(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test,
                             const std::string& provider);

/// The payout's value of a field; empty if it has none.
const std::string& field_of(const PayoutFacts& facts, Field field) noexcept;

}  // namespace payoutd::policy
