#pragma once
#include <lua.hpp>
#include <string>
#include <vector>

/// What scripts can call, and the globals that they see.
namespace payoutd::policy {

/// Makes the globals of a fresh state and pushes them, frozen: what a script's _ENV is. `lib` is empty.
/// Protected.
void push_globals(lua_State* state);

/// Adds the value on top to the table `lib` of the globals at `index`, and takes it away.
void add_to_lib(lua_State* state, int index, const std::string& name);

/// Makes reading a field that the table on top does not have an error: `TITLE has no 'x'; did you mean 'y'?`.
/// Fields of `absent` may be missing: they are nil. For the contents of frozen tables.
void make_strict(lua_State* state, const std::string& title, const std::vector<std::string>& absent = {});

}  // namespace payoutd::policy
