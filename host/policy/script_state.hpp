#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "policy/lua_frozen.hpp"
#include "policy/lua_sandbox.hpp"
#include "policy/script_value.hpp"

namespace payoutd::policy {

/// A file that ran once. What it returned is frozen.
struct LoadedScript {
  std::string file;
  ScriptValue value;  ///< what it returned
  int table = LUA_NOREF;
  std::vector<KeptVariable> kept;
};

/// A sandbox with the globals of scripts, and the scripts in it. Not for two threads at once.
class ScriptState {
 public:
  ScriptState();

  Sandbox& sandbox() noexcept { return sandbox_; }
  lua_State* lua() const noexcept { return sandbox_.state(); }

  /// Loads every lib/*.lua of `files`, in their order: each sees those before it.
  void load_libraries(const ScriptFiles& files, std::vector<ScriptProblem>& problems);

  /// Loads a file whose result must be a table; nullopt with a problem added if it went wrong.
  std::optional<LoadedScript> load(const std::string& source, ScriptCheck& check);

  /// The function under `key` of what a script returned, for lua_rawgeti() on the registry.
  int take_function(const LoadedScript& script, const std::string& key);

  /// Undoes what the last call changed in the script's variables, or in the libraries', and says what it was.
  std::optional<ScriptProblem> restore(const LoadedScript& script);
  std::optional<ScriptProblem> restore_libraries();

  /// Lays the `tunables` of a test (from 0) over those of the script, in place, until end_overlay().
  std::optional<ScriptProblem> overlay(const LoadedScript& script, std::size_t test);
  std::optional<ScriptProblem> end_overlay(const LoadedScript& script);

 private:
  Sandbox sandbox_;
  int globals_ = LUA_NOREF;
  int overlaid_ = LUA_NOREF;  ///< what the tunables were
  std::vector<LoadedScript> libraries_;
};

/// A table that the host fills anew for every call and that scripts read. Reading a field that it never has
/// is an error of the script's.
class HostTable {
 public:
  /// Once; protected. `title` and `fields` are for messages.
  void open(lua_State* state, const std::string& title, const std::vector<std::string>& fields);
  void push(lua_State* state) const { lua_rawgeti(state, LUA_REGISTRYINDEX, table_); }
  void push_contents(lua_State* state) const { lua_rawgeti(state, LUA_REGISTRYINDEX, contents_); }

 private:
  int table_ = LUA_NOREF;
  int contents_ = LUA_NOREF;
};

/// Sets a field of the table on top; an empty text is nil.
void set_text(lua_State* state, const char* field, std::string_view text);

}  // namespace payoutd::policy
