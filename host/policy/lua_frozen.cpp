#include "policy/lua_frozen.hpp"

#include <bit>
#include <unordered_set>

namespace payoutd::policy {
namespace {

const char kContents = 0;  ///< its address is the key in a metatable

int refuse_write(lua_State* state) {
  if (lua_type(state, 2) == LUA_TSTRING)
    return luaL_error(state, "'%s' cannot be set: this table is read-only", lua_tostring(state, 2));
  if (lua_isinteger(state, 2))
    return luaL_error(state, "[%I] cannot be set: this table is read-only", lua_tointeger(state, 2));
  return luaL_error(state, "this table is read-only");
}

int length(lua_State* state) {
  push_contents(state, 1);
  lua_pushinteger(state, static_cast<lua_Integer>(lua_rawlen(state, -1)));
  return 1;
}

/// Takes the contents from the top of the stack and gives them to the table at `index`.
void give_contents(lua_State* state, int index) {
  index = lua_absindex(state, index);
  lua_createtable(state, 0, 4);
  lua_insert(state, -2);
  lua_pushvalue(state, -1);
  lua_rawsetp(state, -3, &kContents);
  lua_setfield(state, -2, "__index");
  lua_pushcfunction(state, &refuse_write);
  lua_setfield(state, -2, "__newindex");
  lua_pushcfunction(state, &length);
  lua_setfield(state, -2, "__len");
  lua_setmetatable(state, index);
}

/// Moves the values of the table at `index` behind it.
void freeze(lua_State* state, int index) {
  index = lua_absindex(state, index);
  lua_createtable(state, static_cast<int>(lua_rawlen(state, index)), 0);
  const int contents = lua_gettop(state);
  lua_pushnil(state);
  while (lua_next(state, index) != 0) {
    lua_pushvalue(state, -2);
    lua_insert(state, -2);
    lua_rawset(state, contents);
  }
  lua_pushnil(state);
  while (lua_next(state, index) != 0) {
    lua_pop(state, 1);
    lua_pushvalue(state, -1);
    lua_pushnil(state);
    lua_rawset(state, index);  // clearing a field is allowed while going through a table
  }
  give_contents(state, index);
}

/// Goes through everything that can be reached, with a list in place of recursion: a script can nest tables
/// more deeply than the stack is.
class Freezer {
 public:
  explicit Freezer(lua_State* state) : state_(state) {
    lua_newtable(state);
    list_ = lua_gettop(state);
    lua_newtable(state);
    seen_ = lua_gettop(state);
  }

  std::vector<KeptVariable> run() {
    lua_pushvalue(state_, list_ - 1);
    add();
    for (lua_Integer next = 1; next <= count_; ++next) {
      lua_rawgeti(state_, list_, next);
      if (lua_istable(state_, -1))
        visit_table();
      else
        visit_function();
      lua_pop(state_, 1);
    }
    lua_settop(state_, list_ - 1);
    return std::move(kept_);
  }

 private:
  /// Takes the value on top into the list, if there is anything behind it.
  void add() {
    const bool is_function = lua_isfunction(state_, -1) && lua_iscfunction(state_, -1) == 0;
    if (lua_istable(state_, -1) || is_function) {
      lua_pushvalue(state_, -1);
      if (lua_rawget(state_, seen_) == LUA_TNIL) {
        lua_pushvalue(state_, -2);
        lua_pushboolean(state_, 1);
        lua_rawset(state_, seen_);
        lua_pushvalue(state_, -2);
        lua_rawseti(state_, list_, ++count_);
      }
      lua_pop(state_, 1);
    }
    lua_pop(state_, 1);
  }

  void visit_table() {
    Sandbox::of(state_).check_time();
    if (is_frozen(state_, -1)) return;
    lua_pushnil(state_);
    while (lua_next(state_, -2) != 0) {
      add();
      lua_pushvalue(state_, -1);  // the key stays, to go on from
      add();
    }
    freeze(state_, -1);
  }

  void visit_function() {
    for (int index = 1;; ++index) {
      const char* name = lua_getupvalue(state_, -1, index);
      if (name == nullptr) return;
      if (!variables_.insert(lua_upvalueid(state_, -2, index)).second) {
        lua_pop(state_, 1);
        continue;
      }
      KeptVariable variable;
      variable.index = index;
      variable.name = name;
      lua_pushvalue(state_, -1);
      variable.value = luaL_ref(state_, LUA_REGISTRYINDEX);
      lua_pushvalue(state_, -2);
      variable.function = luaL_ref(state_, LUA_REGISTRYINDEX);
      kept_.push_back(std::move(variable));
      add();
    }
  }

  lua_State* state_;
  int list_ = 0;
  int seen_ = 0;
  lua_Integer count_ = 0;
  std::unordered_set<void*> variables_;
  std::vector<KeptVariable> kept_;
};

/// Stricter than Lua's own comparison: 1 and 1.0, or 0.0 and -0.0, could carry a bit from call to call.
bool is_same(lua_State* state, int a, int b) {
  if (lua_type(state, a) == LUA_TNUMBER && lua_type(state, b) == LUA_TNUMBER) {
    if (lua_isinteger(state, a) != lua_isinteger(state, b)) return false;
    if (lua_isinteger(state, a) == 0)
      return std::bit_cast<std::uint64_t>(lua_tonumber(state, a)) ==
             std::bit_cast<std::uint64_t>(lua_tonumber(state, b));
  }
  return lua_rawequal(state, a, b) != 0;
}

}  // namespace

void push_frozen(lua_State* state) {
  lua_newtable(state);
  lua_insert(state, -2);
  give_contents(state, -2);
}

bool is_frozen(lua_State* state, int index) {
  if (!lua_istable(state, index) || lua_getmetatable(state, index) == 0) return false;
  const bool frozen = lua_rawgetp(state, -1, &kContents) == LUA_TTABLE;
  lua_pop(state, 2);
  return frozen;
}

void push_contents(lua_State* state, int index) {
  index = lua_absindex(state, index);
  if (lua_getmetatable(state, index) != 0) {
    if (lua_rawgetp(state, -1, &kContents) == LUA_TTABLE) {
      lua_remove(state, -2);
      return;
    }
    lua_pop(state, 2);
  }
  lua_pushvalue(state, index);
}

std::vector<KeptVariable> freeze_reachable(lua_State* state) {
  luaL_checkstack(state, 20, "too much to freeze");
  return Freezer(state).run();
}

const KeptVariable* restore_changed(lua_State* state, const std::vector<KeptVariable>& kept) {
  const KeptVariable* changed = nullptr;
  for (const auto& variable : kept) {
    lua_rawgeti(state, LUA_REGISTRYINDEX, variable.function);
    lua_getupvalue(state, -1, variable.index);
    lua_rawgeti(state, LUA_REGISTRYINDEX, variable.value);
    if (is_same(state, -2, -1)) {
      lua_pop(state, 3);
      continue;
    }
    if (changed == nullptr) changed = &variable;
    lua_setupvalue(state, -3, variable.index);
    lua_pop(state, 2);
  }
  return changed;
}

}  // namespace payoutd::policy
