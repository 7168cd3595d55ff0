#include "policy/script_state.hpp"

#include "policy/lua_library.hpp"

namespace payoutd::policy {
namespace {

/// Source text, handed to Lua's parser in small pieces: between them the clock is looked at, for a file can
/// be written so that it takes long to read.
struct SourceReader {
  std::string_view rest;

  static const char* read(lua_State* state, void* self, std::size_t* size) {
    static constexpr std::size_t kPieceBytes = 512;
    Sandbox::of(state).check_time();
    auto& reader = *static_cast<SourceReader*>(self);
    const auto piece = reader.rest.substr(0, kPieceBytes);
    reader.rest.remove_prefix(piece.size());
    *size = piece.size();
    return piece.empty() ? nullptr : piece.data();
  }
};

/// Compiles and runs a file, and leaves the table that it returns on the stack.
void run_file(lua_State* state, const std::string& file, std::string_view source, int globals) {
  if (source.starts_with("\xEF\xBB\xBF")) source.remove_prefix(3);  // some editors put a mark in front
  SourceReader reader{source};
  // "t": text only. Compiled code can do anything.
  if (lua_load(state, &SourceReader::read, &reader, ('@' + file).c_str(), "t") != LUA_OK) lua_error(state);
  lua_rawgeti(state, LUA_REGISTRYINDEX, globals);
  lua_setupvalue(state, -2, 1);
  lua_call(state, 0, 1);
  if (lua_type(state, -1) == LUA_TNIL)
    throw std::runtime_error("returns nothing: a script ends with 'return' and its table");
  if (lua_type(state, -1) != LUA_TTABLE)
    throw std::runtime_error(std::string("returns a ") + luaL_typename(state, -1) + " in place of its table");
}

/// Pushes the contents of the table under `key` of the table on top.
void push_field_contents(lua_State* state, const char* key) {
  lua_getfield(state, -1, key);
  push_contents(state, -1);
}

void push_tunables(lua_State* state, const LoadedScript& script) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, script.table);
  push_field_contents(state, "tunables");
}

ScriptProblem changed_problem(const std::string& file, const KeptVariable& variable) {
  return {file, 0,
          "changes its upvalue '" + variable.name + "': a script keeps nothing from one call to the next"};
}

}  // namespace

ScriptState::ScriptState() {
  const auto problem = sandbox_.protect(kHostLimits, [&](lua_State* state) {
    push_globals(state);
    globals_ = luaL_ref(state, LUA_REGISTRYINDEX);
  });
  if (problem) throw std::runtime_error("Lua cannot be started: " + problem->text());
}

void ScriptState::load_libraries(const ScriptFiles& files, std::vector<ScriptProblem>& problems) {
  static constexpr std::string_view kFolder = "lib/";
  for (const auto& [file, source] : files.files) {
    if (!file.starts_with(kFolder)) continue;
    ScriptCheck check(file, source, problems);
    auto loaded = load(source, check);
    if (!loaded) continue;
    const std::string name = file.substr(kFolder.size(), file.size() - kFolder.size() - 4);
    const auto problem = sandbox_.protect(kHostLimits, [&](lua_State* state) {
      lua_rawgeti(state, LUA_REGISTRYINDEX, globals_);
      lua_rawgeti(state, LUA_REGISTRYINDEX, loaded->table);
      add_to_lib(state, -2, name);
    });
    if (problem) check.add({file, 0, problem->reason});
    libraries_.push_back(*std::move(loaded));
  }
}

std::optional<LoadedScript> ScriptState::load(const std::string& source, ScriptCheck& check) {
  LoadedScript script;
  script.file = check.file();
  auto problem = sandbox_.protect(kLoadLimits, [&](lua_State* state) {
    run_file(state, script.file, source, globals_);
    script.value = read_script_value(state, -1);
    script.kept = freeze_reachable(state);
    script.table = luaL_ref(state, LUA_REGISTRYINDEX);
  });
  sandbox_.collect_some();
  if (!problem) return script;
  if (problem->file.empty()) problem->file = script.file;
  check.add(*std::move(problem));
  return std::nullopt;
}

int ScriptState::take_function(const LoadedScript& script, const std::string& key) {
  int reference = LUA_NOREF;
  const auto problem = sandbox_.protect(kHostLimits, [&](lua_State* state) {
    lua_rawgeti(state, LUA_REGISTRYINDEX, script.table);
    lua_getfield(state, -1, key.c_str());
    reference = luaL_ref(state, LUA_REGISTRYINDEX);
  });
  if (problem) throw std::runtime_error(problem->text());
  return reference;
}

std::optional<ScriptProblem> ScriptState::restore(const LoadedScript& script) {
  const auto* changed = restore_changed(lua(), script.kept);
  if (changed == nullptr) return std::nullopt;
  return changed_problem(script.file, *changed);
}

std::optional<ScriptProblem> ScriptState::restore_libraries() {
  std::optional<ScriptProblem> first;
  for (const auto& library : libraries_) {
    auto changed = restore(library);
    if (changed && !first) first = std::move(changed);
  }
  return first;
}

std::optional<ScriptProblem> ScriptState::overlay(const LoadedScript& script, std::size_t test) {
  return sandbox_.protect(kHostLimits, [&](lua_State* state) {
    push_tunables(state, script);
    const int tunables = lua_gettop(state);
    lua_rawgeti(state, LUA_REGISTRYINDEX, script.table);
    push_field_contents(state, "tests");
    lua_rawgeti(state, -1, static_cast<lua_Integer>(test + 1));
    push_field_contents(state, "tunables");
    const int laid_over = lua_gettop(state);
    lua_newtable(state);
    const int before = lua_gettop(state);
    lua_pushnil(state);
    while (lua_next(state, laid_over) != 0) {
      lua_pushvalue(state, -2);
      lua_pushvalue(state, -1);
      lua_rawget(state, tunables);
      lua_rawset(state, before);
      lua_pushvalue(state, -2);
      lua_insert(state, -2);
      lua_rawset(state, tunables);
    }
    overlaid_ = luaL_ref(state, LUA_REGISTRYINDEX);
  });
}

std::optional<ScriptProblem> ScriptState::end_overlay(const LoadedScript& script) {
  return sandbox_.protect(kHostLimits, [&](lua_State* state) {
    push_tunables(state, script);
    const int tunables = lua_gettop(state);
    lua_rawgeti(state, LUA_REGISTRYINDEX, overlaid_);
    lua_pushnil(state);
    while (lua_next(state, -2) != 0) {
      lua_pushvalue(state, -2);
      lua_insert(state, -2);
      lua_rawset(state, tunables);
    }
    luaL_unref(state, LUA_REGISTRYINDEX, overlaid_);
    overlaid_ = LUA_NOREF;
  });
}

void HostTable::open(lua_State* state, const std::string& title, const std::vector<std::string>& fields) {
  lua_createtable(state, 0, static_cast<int>(fields.size()));
  make_strict(state, title, fields);
  lua_pushvalue(state, -1);
  contents_ = luaL_ref(state, LUA_REGISTRYINDEX);
  push_frozen(state);
  table_ = luaL_ref(state, LUA_REGISTRYINDEX);
}

void set_text(lua_State* state, const char* field, std::string_view text) {
  if (text.empty())
    lua_pushnil(state);
  else
    lua_pushlstring(state, text.data(), text.size());
  lua_setfield(state, -2, field);
}

}  // namespace payoutd::policy
