#include "policy/lua_library.hpp"

#include <re2/re2.h>

#include <array>
#include <cmath>
#include <cstring>
#include <unordered_map>

#include "policy/lua_frozen.hpp"
#include "policy/lua_money.hpp"
#include "policy/lua_sandbox.hpp"
#include "policy/script_source.hpp"

namespace payoutd::policy {
namespace {

constexpr std::size_t kMaxTextResult = std::size_t{256} << 10;
constexpr std::size_t kMaxRepeatBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxMatchedBytes = std::size_t{64} << 10;
constexpr std::size_t kMaxPatternBytes = 1'000;
constexpr std::int64_t kMaxPatternMemory = std::int64_t{256} << 10;
constexpr std::size_t kMaxPatterns = 32;
/// Instructions of a compiled pattern times bytes of the text: what RE2 may have to do in the worst case,
/// about ten nanoseconds each, and nothing can interrupt it.
constexpr std::size_t kMaxMatchSteps = 1'500'000;
constexpr lua_Integer kMaxUnpacked = 250;

void check_time(lua_State* state) {
  Sandbox::of(state).check_time();
}

std::string_view text_at(lua_State* state, int index) {
  // Numbers are not taken for texts: what is wanted of them is said with tostring().
  luaL_checktype(state, index, LUA_TSTRING);
  std::size_t length = 0;
  const char* text = lua_tolstring(state, index, &length);
  return {text, length};
}

void push_text(lua_State* state, std::string_view text) {
  lua_pushlstring(state, text.data(), text.size());
}

/// What people read for a value that is a plain one. Tables and functions have no text but their type: an
/// address would be another in every run.
std::string plain_text(lua_State* state, int index) {
  switch (lua_type(state, index)) {
    case LUA_TNIL:
      return "nil";
    case LUA_TBOOLEAN:
      return lua_toboolean(state, index) != 0 ? "true" : "false";
    case LUA_TNUMBER:
    case LUA_TSTRING: {
      lua_pushvalue(state, index);
      std::size_t length = 0;
      const char* text = lua_tolstring(state, -1, &length);
      std::string copy(text, length);
      lua_pop(state, 1);
      return copy;
    }
    case LUA_TUSERDATA:
      return money_text(state, index);
    default:
      return luaL_typename(state, index);
  }
}

// ---- basic functions

int type(lua_State* state) {
  luaL_checkany(state, 1);
  lua_pushstring(state, is_money(state, 1) ? "money" : luaL_typename(state, 1));
  return 1;
}

int to_text(lua_State* state) {
  luaL_checkany(state, 1);
  if (lua_type(state, 1) == LUA_TSTRING) {
    lua_settop(state, 1);
    return 1;
  }
  push_text(state, plain_text(state, 1));
  return 1;
}

struct Key {
  int kind = 0;  ///< in this order: whole numbers, floats, texts, booleans
  lua_Integer whole = 0;
  lua_Number number = 0;
  std::string_view text;

  friend bool operator<(const Key& a, const Key& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.kind == 1) return a.number < b.number;
    if (a.kind == 2) return a.text < b.text;
    return a.whole < b.whole;
  }
};

/// The key at `index`. Texts stay where they are, in the table.
Key key_at(lua_State* state, int index) {
  Key key;
  switch (lua_type(state, index)) {
    case LUA_TNUMBER:
      key.kind = lua_isinteger(state, index) != 0 ? 0 : 1;
      if (key.kind == 0)
        key.whole = lua_tointeger(state, index);
      else
        key.number = lua_tonumber(state, index);
      break;
    case LUA_TSTRING:
      key.kind = 2;
      key.text = text_at(state, index);
      break;
    case LUA_TBOOLEAN:
      key.kind = 3;
      key.whole = lua_toboolean(state, index);
      break;
    default:
      luaL_error(state, "pairs(): a %s as a key has no place in any order", luaL_typename(state, index));
  }
  return key;
}

void push_key(lua_State* state, const Key& key) {
  if (key.kind == 0) lua_pushinteger(state, key.whole);
  if (key.kind == 1) lua_pushnumber(state, key.number);
  if (key.kind == 2) push_text(state, key.text);
  if (key.kind == 3) lua_pushboolean(state, key.whole != 0);
}

const char kWalked = 0;  ///< key of the table that pairs() goes through, in its list of keys
const char kFirst = 0;   ///< key of the first key

/// `pairs`' function: its state is a table in which every key leads to the next. It has no memory of its own,
/// which a script could carry from one call to the next.
int next_pair(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_settop(state, 2);
  push_contents(state, 1);
  if (lua_rawgetp(state, 3, &kWalked) != LUA_TTABLE)
    return luaL_error(state, "this is the function of pairs() only");
  push_contents(state, 4);  // the values, at 5
  if (lua_isnil(state, 2))
    lua_rawgetp(state, 3, &kFirst);
  else {
    lua_pushvalue(state, 2);
    lua_rawget(state, 3);
  }
  while (!lua_isnil(state, -1)) {
    lua_pushvalue(state, -1);
    if (lua_rawget(state, 5) != LUA_TNIL) return 2;
    lua_pop(state, 1);  // it was removed on the way
    lua_rawget(state, 3);
  }
  return 1;
}

int pairs(lua_State* state) {
  check_time(state);
  luaL_checktype(state, 1, LUA_TTABLE);
  lua_settop(state, 1);
  push_contents(state, 1);
  std::vector<Key> keys;
  lua_pushnil(state);
  while (lua_next(state, 2) != 0) {
    lua_pop(state, 1);
    keys.push_back(key_at(state, -1));
  }
  std::ranges::sort(keys, std::less<>());
  lua_pushcfunction(state, &guarded<next_pair>);
  lua_createtable(state, 0, static_cast<int>(keys.size()) + 2);
  lua_pushvalue(state, 1);
  lua_rawsetp(state, -2, &kWalked);
  for (std::size_t i = 0; i < keys.size(); ++i) {
    if (i > 0) push_key(state, keys[i - 1]);
    push_key(state, keys[i]);
    if (i > 0)
      lua_rawset(state, -3);
    else
      lua_rawsetp(state, -2, &kFirst);
  }
  return 2;
}

// ---- texts

int contains(lua_State* state) {
  check_time(state);
  const auto text = text_at(state, 1);
  const auto part = text_at(state, 2);
  // memmem() takes linear time, whatever the texts are.
  lua_pushboolean(state, ::memmem(text.data(), text.size(), part.data(), part.size()) != nullptr);
  return 1;
}

int starts_with(lua_State* state) {
  lua_pushboolean(state, text_at(state, 1).starts_with(text_at(state, 2)));
  return 1;
}

int ends_with(lua_State* state) {
  lua_pushboolean(state, text_at(state, 1).ends_with(text_at(state, 2)));
  return 1;
}

/// Compiled patterns of one state.
class Patterns {
 public:
  const RE2& get(lua_State* state, std::string_view pattern) {
    const auto found = compiled_.find(std::string(pattern));
    if (found != compiled_.end()) return *found->second;
    if (pattern.size() > kMaxPatternBytes)
      luaL_error(state, "matches(): the pattern is longer than %d bytes", static_cast<int>(kMaxPatternBytes));
    RE2::Options options;
    options.set_log_errors(false);
    options.set_max_mem(kMaxPatternMemory);
    auto made = std::make_unique<RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
    if (!made->ok()) luaL_error(state, "matches(): %s", presentable(made->error()).c_str());
    if (compiled_.size() >= kMaxPatterns) compiled_.clear();
    return *compiled_.emplace(pattern, std::move(made)).first->second;
  }

 private:
  std::unordered_map<std::string, std::unique_ptr<RE2>> compiled_;
};

int matches(lua_State* state) {
  check_time(state);
  const auto text = text_at(state, 1);
  const auto pattern = text_at(state, 2);
  if (text.size() > kMaxMatchedBytes)
    return luaL_error(state, "matches(): the text is longer than %d KiB",
                      static_cast<int>(kMaxMatchedBytes / 1024));
  auto& patterns = *static_cast<Patterns*>(lua_touserdata(state, lua_upvalueindex(1)));
  const RE2& compiled = patterns.get(state, pattern);
  if (static_cast<std::size_t>(compiled.ProgramSize()) * text.size() > kMaxMatchSteps)
    return luaL_error(state, "matches(): the pattern is too costly for a text of %d bytes",
                      static_cast<int>(text.size()));
  lua_pushboolean(state, RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), compiled));
  return 1;
}

int repeat(lua_State* state) {
  check_time(state);
  const auto text = text_at(state, 1);
  const auto times = luaL_checkinteger(state, 2);
  const auto separator = lua_isnoneornil(state, 3) ? std::string_view{} : text_at(state, 3);
  std::string result;
  if (times > 0 && text.size() + separator.size() > 0) {
    if (static_cast<std::size_t>(times) > kMaxRepeatBytes / (text.size() + separator.size()))
      return luaL_error(state, "string.rep(): the result would be longer than %d KiB",
                        static_cast<int>(kMaxRepeatBytes / 1024));
    result.reserve(static_cast<std::size_t>(times) * (text.size() + separator.size()));
    result.append(text).append(separator);
    const std::size_t whole = static_cast<std::size_t>(times) * result.size();
    while (result.size() < whole) result.append(result, 0, std::min(result.size(), whole - result.size()));
    result.resize(whole - separator.size());
  }
  push_text(state, result);
  return 1;
}

/// `i` and `j` of string.byte by Lua's rule: from 1, negative from the end, cut to what there is.
std::pair<std::size_t, std::size_t> range_of(lua_State* state, std::size_t length) {
  const auto size = static_cast<lua_Integer>(length);
  lua_Integer begin = luaL_optinteger(state, 2, 1);
  lua_Integer end = luaL_optinteger(state, 3, begin);
  if (begin < 0) begin = begin < -size ? 1 : size + begin + 1;
  if (end < 0) end = end < -size ? 0 : size + end + 1;
  begin = std::max<lua_Integer>(begin, 1);
  end = std::min(end, size);
  if (begin > end) return {0, 0};
  return {static_cast<std::size_t>(begin - 1), static_cast<std::size_t>(end - begin + 1)};
}

int bytes(lua_State* state) {
  const auto text = text_at(state, 1);
  const auto [begin, count] = range_of(state, text.size());
  if (count > static_cast<std::size_t>(kMaxUnpacked))
    return luaL_error(state, "string.byte(): more than %d results", static_cast<int>(kMaxUnpacked));
  luaL_checkstack(state, static_cast<int>(count), "string.byte()");
  for (const char c : text.substr(begin, count)) lua_pushinteger(state, static_cast<unsigned char>(c));
  return static_cast<int>(count);
}

/// One directive of string.format, such as `%-5.2f`, at the start of `format`.
std::string_view directive_of(lua_State* state, std::string_view format) {
  const auto end = format.find_first_not_of("-+ #0123456789.", 1);
  if (end == std::string_view::npos || end > 16)
    luaL_error(state, "string.format(): '%%' without a directive");
  if (std::string_view("cdioxXaAeEfgGs").find(format[end]) == std::string_view::npos)
    luaL_error(state, "string.format(): '%%%c' is not offered", format[end]);
  return format.substr(0, end + 1);
}

/// Lua's own function, one directive at a time, with texts only of plain values.
int format(lua_State* state) {
  check_time(state);
  std::string_view rest = text_at(state, 1);
  std::string result;
  int argument = 1;
  while (!rest.empty()) {
    const auto percent = std::min(rest.find('%'), rest.size());
    result += rest.substr(0, percent);
    rest.remove_prefix(percent);
    if (rest.starts_with("%%")) {
      result += '%';
      rest.remove_prefix(2);
    } else if (!rest.empty()) {
      const auto directive = directive_of(state, rest);
      rest.remove_prefix(directive.size());
      luaL_checkany(state, ++argument);
      lua_pushvalue(state, lua_upvalueindex(1));
      push_text(state, directive);
      const bool as_text = directive.back() == 's';
      if (as_text && (lua_type(state, argument) == LUA_TTABLE || lua_type(state, argument) == LUA_TFUNCTION))
        return luaL_error(state, "string.format(): a %s has no text", luaL_typename(state, argument));
      if (!as_text && lua_type(state, argument) != LUA_TNUMBER)
        return luaL_error(state, "string.format(): '%s' takes a number, not a %s", lua_tostring(state, -1),
                          luaL_typename(state, argument));
      if (as_text)
        push_text(state, plain_text(state, argument));
      else
        lua_pushvalue(state, argument);
      lua_call(state, 2, 1);
      result += text_at(state, -1);
      lua_pop(state, 1);
    }
    if (result.size() > kMaxTextResult) return luaL_error(state, "string.format(): the result is too long");
  }
  push_text(state, result);
  return 1;
}

// ---- tables

/// Where `table.insert` and its like are asked to change what is read-only.
void require_writable(lua_State* state, const char* what) {
  luaL_checktype(state, 1, LUA_TTABLE);
  if (is_frozen(state, 1)) luaL_error(state, "%s: this table is read-only", what);
}

int insert(lua_State* state) {
  check_time(state);
  require_writable(state, "table.insert()");
  const auto end = static_cast<lua_Integer>(lua_rawlen(state, 1)) + 1;
  if (lua_gettop(state) == 2) {
    lua_rawseti(state, 1, end);
    return 0;
  }
  if (lua_gettop(state) != 3)
    return luaL_error(state, "table.insert() takes a table, a position if you like, and a value");
  const auto position = luaL_checkinteger(state, 2);
  luaL_argcheck(state, position >= 1 && position <= end, 2, "the position is outside of the table");
  for (auto i = end; i > position; --i) {
    lua_rawgeti(state, 1, i - 1);
    lua_rawseti(state, 1, i);
  }
  lua_rawseti(state, 1, position);
  return 0;
}

int remove(lua_State* state) {
  check_time(state);
  require_writable(state, "table.remove()");
  const auto size = static_cast<lua_Integer>(lua_rawlen(state, 1));
  auto position = luaL_optinteger(state, 2, size);
  luaL_argcheck(state, position == size || (position >= 1 && position <= size + 1), 2,
                "the position is outside of the table");
  lua_rawgeti(state, 1, position);
  for (; position < size; ++position) {
    lua_rawgeti(state, 1, position + 1);
    lua_rawseti(state, 1, position);
  }
  lua_pushnil(state);
  lua_rawseti(state, 1, position);
  return 1;
}

int concat(lua_State* state) {
  check_time(state);
  luaL_checktype(state, 1, LUA_TTABLE);
  const auto separator = lua_isnoneornil(state, 2) ? std::string_view{} : text_at(state, 2);
  const auto first = luaL_optinteger(state, 3, 1);
  push_contents(state, 1);
  const auto last = luaL_optinteger(state, 4, static_cast<lua_Integer>(lua_rawlen(state, -1)));
  std::string result;
  for (auto i = first; i <= last; ++i) {
    const int kind = lua_rawgeti(state, -1, i);
    if (kind != LUA_TSTRING && kind != LUA_TNUMBER)
      return luaL_error(state, "table.concat(): [%I] is a %s, not a text or a number", i,
                        luaL_typename(state, -1));
    result += plain_text(state, -1);
    lua_pop(state, 1);
    if (i != last) result += separator;
    if (result.size() > kMaxTextResult) return luaL_error(state, "table.concat(): the result is too long");
    if (i == last) break;  // the last may be the largest integer
  }
  push_text(state, result);
  return 1;
}

int unpack(lua_State* state) {
  luaL_checktype(state, 1, LUA_TTABLE);
  const auto first = luaL_optinteger(state, 2, 1);
  push_contents(state, 1);
  const auto last = luaL_optinteger(state, 3, static_cast<lua_Integer>(lua_rawlen(state, -1)));
  if (first > last) return 0;
  const auto count = static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(first);
  if (count >= static_cast<lua_Unsigned>(kMaxUnpacked))
    return luaL_error(state, "table.unpack(): more than %d values", static_cast<int>(kMaxUnpacked));
  luaL_checkstack(state, static_cast<int>(count) + 1, "table.unpack()");
  const int contents = lua_gettop(state);
  for (lua_Unsigned i = 0; i <= count; ++i)
    lua_rawgeti(state, contents, static_cast<lua_Integer>(static_cast<lua_Unsigned>(first) + i));
  return static_cast<int>(count) + 1;
}

/// Merges, so that equal elements keep their order, and so that a comparison that contradicts itself does no
/// harm. The elements wait in a table of their own, at 3: what a comparison does to the table does not
/// matter.
class Sorter {
 public:
  Sorter(lua_State* state, std::size_t count) : state_(state), order_(count), merged_(count) {
    for (std::size_t i = 0; i < count; ++i) order_[i] = static_cast<lua_Integer>(i + 1);
  }

  const std::vector<lua_Integer>& run() {
    for (std::size_t width = 1; width < order_.size(); width *= 2) {
      for (std::size_t begin = 0; begin < order_.size(); begin += 2 * width) merge(begin, width);
      order_.swap(merged_);
    }
    return order_;
  }

 private:
  void merge(std::size_t begin, std::size_t width) {
    const std::size_t middle = std::min(begin + width, order_.size());
    const std::size_t end = std::min(begin + 2 * width, order_.size());
    std::size_t left = begin;
    std::size_t right = middle;
    for (std::size_t out = begin; out < end; ++out) {
      const bool take_right = left == middle || (right < end && is_less(order_[right], order_[left]));
      merged_[out] = order_[take_right ? right++ : left++];
    }
  }

  bool is_less(lua_Integer a, lua_Integer b) {
    check_time(state_);
    const bool has_function = !lua_isnil(state_, 2);
    if (has_function) lua_pushvalue(state_, 2);
    lua_rawgeti(state_, 3, a);
    lua_rawgeti(state_, 3, b);
    if (has_function) {
      lua_call(state_, 2, 1);
    } else {
      const bool less = lua_compare(state_, -2, -1, LUA_OPLT) != 0;
      lua_pop(state_, 2);
      return less;
    }
    const bool less = lua_toboolean(state_, -1) != 0;
    lua_pop(state_, 1);
    return less;
  }

  lua_State* state_;
  std::vector<lua_Integer> order_;
  std::vector<lua_Integer> merged_;
};

int sort(lua_State* state) {
  check_time(state);
  require_writable(state, "table.sort()");
  if (!lua_isnoneornil(state, 2)) luaL_checktype(state, 2, LUA_TFUNCTION);
  lua_settop(state, 2);
  const auto count = lua_rawlen(state, 1);
  lua_createtable(state, static_cast<int>(count), 0);
  for (lua_Integer i = 1; i <= static_cast<lua_Integer>(count); ++i) {
    lua_rawgeti(state, 1, i);
    lua_rawseti(state, 3, i);
  }
  luaL_checkstack(state, 8, "table.sort()");
  Sorter sorter(state, count);
  lua_Integer next = 1;
  for (const auto from : sorter.run()) {
    lua_rawgeti(state, 3, from);
    lua_rawseti(state, 1, next++);
  }
  return 0;
}

// ---- strictness

/// Upvalues: the title, and a table of the names that may be missing.
int missing_field(lua_State* state) {
  lua_settop(state, 2);
  lua_pushvalue(state, 2);
  if (lua_rawget(state, lua_upvalueindex(2)) != LUA_TNIL) return 0;
  const std::string name = presentable(plain_text(state, 2).substr(0, 60));
  std::vector<std::string> known;
  for (const int table : {1, lua_upvalueindex(2)}) {
    lua_pushnil(state);
    while (lua_next(state, table) != 0) {
      lua_pop(state, 1);
      if (lua_type(state, -1) == LUA_TSTRING) known.emplace_back(lua_tostring(state, -1));
    }
  }
  std::ranges::sort(known);
  return luaL_error(state, "%s has no '%s'%s", lua_tostring(state, lua_upvalueindex(1)), name.c_str(),
                    nearest_hint(name, known).c_str());
}

int refuse_global(lua_State* state) {
  return luaL_error(
      state, "the global '%s' is assigned, but scripts have no globals of their own: write 'local %s = …'",
      luaL_checkstring(state, 2), lua_tostring(state, 2));
}

// ---- putting it together

constexpr luaL_Reg kBasic[] = {{"type", &guarded<type>},           {"tostring", &guarded<to_text>},
                               {"pairs", &guarded<pairs>},         {"money", &guarded<money_from_text>},
                               {"contains", &guarded<contains>},   {"starts_with", &guarded<starts_with>},
                               {"ends_with", &guarded<ends_with>}, {nullptr, nullptr}};
constexpr luaL_Reg kString[] = {{"rep", &guarded<repeat>}, {"byte", &guarded<bytes>}, {nullptr, nullptr}};
constexpr luaL_Reg kTable[] = {{"concat", &guarded<concat>}, {"insert", &guarded<insert>},
                               {"remove", &guarded<remove>}, {"sort", &guarded<sort>},
                               {"unpack", &guarded<unpack>}, {nullptr, nullptr}};

constexpr std::array kLuaBasic{"assert", "error", "ipairs", "select", "tonumber"};
constexpr std::array kLuaString{"char", "len", "lower", "reverse", "sub", "upper"};
constexpr std::array kLuaMath{"abs", "acos",       "asin", "atan", "ceil", "cos", "deg",
                              "exp", "floor",      "fmod", "huge", "log",  "max", "maxinteger",
                              "min", "mininteger", "modf", "pi",   "rad",  "sin", "sqrt",
                              "tan", "tointeger",  "type", "ult"};

/// Copies what is named from one of Lua's own libraries into the table on top.
template <class Names>
void take_from(lua_State* state, lua_CFunction open, const char* library, const Names& taken) {
  luaL_requiref(state, library, open, 0);
  for (const char* name : taken) {
    lua_getfield(state, -1, name);
    lua_setfield(state, -3, name);
  }
  lua_pop(state, 1);
}

void push_string_library(lua_State* state) {
  lua_newtable(state);
  take_from(state, &luaopen_string, LUA_STRLIBNAME, kLuaString);
  luaL_setfuncs(state, kString, 0);
  lua_getfield(state, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_getfield(state, -1, LUA_STRLIBNAME);
  lua_getfield(state, -1, "format");
  lua_pushcclosure(state, &guarded<format>, 1);
  lua_setfield(state, -4, "format");
  lua_pop(state, 2);
  make_strict(state, "string (contains, starts_with, ends_with and matches are functions of their own)");
  // Methods of texts; and no arithmetic with them, which Lua's own metatable of texts would bring.
  lua_pushliteral(state, "");
  lua_createtable(state, 0, 1);
  lua_pushvalue(state, -3);
  lua_setfield(state, -2, "__index");
  lua_setmetatable(state, -2);
  lua_pop(state, 1);
}

void push_matches(lua_State* state) {
  auto* patterns = static_cast<Patterns*>(lua_newuserdatauv(state, sizeof(Patterns), 0));
  new (patterns) Patterns();
  lua_createtable(state, 0, 1);
  lua_pushcfunction(state, [](lua_State* closing) {
    static_cast<Patterns*>(lua_touserdata(closing, 1))->~Patterns();
    return 0;
  });
  lua_setfield(state, -2, "__gc");
  lua_setmetatable(state, -2);
  lua_pushcclosure(state, &guarded<matches>, 1);
}

}  // namespace

void make_strict(lua_State* state, const std::string& title, const std::vector<std::string>& absent) {
  lua_createtable(state, 0, 1);
  lua_pushlstring(state, title.data(), title.size());
  lua_createtable(state, 0, static_cast<int>(absent.size()));
  for (const auto& name : absent) {
    lua_pushboolean(state, 1);
    lua_setfield(state, -2, name.c_str());
  }
  lua_pushcclosure(state, &guarded<missing_field>, 2);
  lua_setfield(state, -2, "__index");
  lua_setmetatable(state, -2);
}

void push_globals(lua_State* state) {
  open_money(state);
  lua_newtable(state);
  take_from(state, &luaopen_base, LUA_GNAME, kLuaBasic);
  luaL_setfuncs(state, kBasic, 0);
  push_matches(state);
  lua_setfield(state, -2, "matches");

  push_string_library(state);
  push_frozen(state);
  lua_setfield(state, -2, "string");

  lua_newtable(state);
  luaL_setfuncs(state, kTable, 0);
  make_strict(state, "table");
  push_frozen(state);
  lua_setfield(state, -2, "table");

  lua_newtable(state);
  take_from(state, &luaopen_math, LUA_MATHLIBNAME, kLuaMath);
  make_strict(state, "math");
  push_frozen(state);
  lua_setfield(state, -2, "math");

  lua_newtable(state);
  make_strict(state, "lib");
  push_frozen(state);
  lua_setfield(state, -2, "lib");

  make_strict(state, "a script");
  push_frozen(state);
  lua_getmetatable(state, -1);
  lua_pushcfunction(state, &refuse_global);
  lua_setfield(state, -2, "__newindex");
  lua_pop(state, 1);
  // What Lua's libraries left behind is reachable through nothing, and need not stay.
  lua_pushnil(state);
  lua_setfield(state, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_newtable(state);
  lua_rawseti(state, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

void add_to_lib(lua_State* state, int index, const std::string& name) {
  push_contents(state, index);
  lua_getfield(state, -1, "lib");
  push_contents(state, -1);
  lua_pushvalue(state, -4);
  lua_setfield(state, -2, name.c_str());
  lua_pop(state, 4);
}

}  // namespace payoutd::policy
