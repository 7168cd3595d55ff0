#pragma once
#include <lua.hpp>
#include <payoutd/money.hpp>
#include <string_view>

/// Money as scripts see it: an immutable, exact value. The only userdata in a sandbox.
namespace payoutd::policy {

/// Makes the type known; once for each state, before the first value. Protected.
void open_money(lua_State* state);

/// Pushes a value. Raises an error where the currency's code is longer than any.
void push_money(lua_State* state, const Money& money);

/// A value that the host changes in place from call to call, because scripts keep nothing between them.
class MoneySlot {
 public:
  /// Once; protected.
  void open(lua_State* state);
  /// Sets the value and pushes it. Raises an error as push_money() does.
  void push(lua_State* state, const Money& money);

 private:
  int value_ = LUA_NOREF;
};

/// True if the value at `index` is money.
inline bool is_money(lua_State* state, int index) {
  return lua_type(state, index) == LUA_TUSERDATA;
}
Money to_money(lua_State* state, int index);

/// `12.5 XOF`
std::string money_text(lua_State* state, int index);

/// `money(text, currency)`, as a C function of Lua's.
int money_from_text(lua_State* state);

}  // namespace payoutd::policy
