#pragma once
#include <lua.hpp>
#include <string>
#include <vector>

#include "policy/lua_sandbox.hpp"

/// Tables that scripts can read and not write. The values of a frozen table live in another one that no
/// script can reach; the table itself is empty and finds them through its metatable. Scripts have no way to
/// get at metatables. Functions that look at tables from C ask push_contents() first.
namespace payoutd::policy {

/// Replaces the new table on top, which nothing else refers to, by a frozen one with its values.
void push_frozen(lua_State* state);

bool is_frozen(lua_State* state, int index);

/// Pushes the table that really holds the values of the table at `index`: another one if it is frozen, else
/// itself.
void push_contents(lua_State* state, int index);

/// A variable that functions of a script share and that must be the same after every call.
struct KeptVariable {
  int function = LUA_NOREF;  ///< in the registry: one of those that use it
  int index = 0;
  int value = LUA_NOREF;  ///< in the registry
  std::string name;
};

/// Freezes every table that can be reached from the value on top: through tables, and through the variables
/// of functions. Returns those variables. May raise errors: call it protected.
std::vector<KeptVariable> freeze_reachable(lua_State* state);

/// Sets variables that changed back to what they were. Returns the first of them, if any. Allocates nothing.
const KeptVariable* restore_changed(lua_State* state, const std::vector<KeptVariable>& kept);

}  // namespace payoutd::policy
