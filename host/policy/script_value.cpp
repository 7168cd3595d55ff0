#include "policy/script_value.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "policy/lua_frozen.hpp"
#include "policy/lua_money.hpp"

namespace payoutd::policy {
namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxValues = 50'000;  ///< counted once for each way that leads to them: tables may share tables

class ValueReader {
 public:
  explicit ValueReader(lua_State* state) : state_(state) {}

  ScriptValue read(int index, int depth) {
    if (depth > kMaxDepth)
      throw std::runtime_error("the returned table is nested too deeply, or holds itself");
    if (++values_ > kMaxValues) throw std::runtime_error("the returned table is too large");
    index = lua_absindex(state_, index);
    std::size_t length = 0;
    switch (lua_type(state_, index)) {
      case LUA_TBOOLEAN:
        return {lua_toboolean(state_, index) != 0};
      case LUA_TNUMBER:
        if (lua_isinteger(state_, index) != 0)
          return {static_cast<std::int64_t>(lua_tointeger(state_, index))};
        return {lua_tonumber(state_, index)};
      case LUA_TSTRING: {
        const char* text = lua_tolstring(state_, index, &length);
        return {std::string(text, length)};
      }
      case LUA_TUSERDATA:
        return {to_money(state_, index)};
      case LUA_TFUNCTION:
        return {ScriptFunction{line_of(index)}};
      case LUA_TTABLE:
        return {read_table(index, depth)};
      default:
        return {};
    }
  }

 private:
  int line_of(int index) {
    lua_Debug about{};
    lua_pushvalue(state_, index);
    lua_getinfo(state_, ">S", &about);
    return std::max(about.linedefined, 0);
  }

  ScriptValue::Table read_table(int index, int depth) {
    luaL_checkstack(state_, 8, "the returned table is nested too deeply");
    auto table = std::make_shared<ScriptTable>();
    push_contents(state_, index);
    const int contents = lua_gettop(state_);
    const auto length = static_cast<lua_Integer>(lua_rawlen(state_, contents));
    for (lua_Integer i = 1; i <= length; ++i) {
      if (lua_rawgeti(state_, contents, i) == LUA_TNIL) table->has_other_keys = true;
      table->items.push_back(read(-1, depth + 1));
      lua_pop(state_, 1);
    }
    lua_pushnil(state_);
    while (lua_next(state_, contents) != 0) {
      if (lua_type(state_, -2) == LUA_TSTRING) {
        std::size_t size = 0;
        const char* key = lua_tolstring(state_, -2, &size);
        table->fields.emplace(std::string(key, size), read(-1, depth + 1));
      } else if (lua_isinteger(state_, -2) == 0 || lua_tointeger(state_, -2) < 1 ||
                 lua_tointeger(state_, -2) > length) {
        table->has_other_keys = true;
      }
      lua_pop(state_, 1);
    }
    lua_pop(state_, 1);
    return table;
  }

  lua_State* state_;
  int values_ = 0;
};

void report_kind(ScriptCheck& check, const ScriptPath& path, const std::string& key,
                 const std::string& wanted, const ScriptValue& value) {
  check.add(path.key(key), "must be " + wanted + ", not " + value.kind());
}

}  // namespace

std::optional<double> ScriptValue::number() const noexcept {
  if (const auto* integer = whole()) return static_cast<double>(*integer);
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return std::nullopt;
}

std::string ScriptValue::kind() const {
  static constexpr std::array<std::string_view, 8> kKinds{
      "nil", "a truth value", "a whole number", "a number", "a text", "money", "a function", "a table"};
  return std::string(kKinds.at(value.index()));
}

std::string ScriptValue::shown() const {
  if (const auto* flag = boolean()) return *flag ? "true" : "false";
  if (const auto* integer = whole()) return std::to_string(*integer);
  if (const auto* real = std::get_if<double>(&value)) {
    std::array<char, 40> written{};
    std::snprintf(written.data(), written.size(), "%.14g", *real);
    return written.data();
  }
  if (const auto* words = text()) return '"' + words->substr(0, 80) + '"';
  if (const auto* money = std::get_if<Money>(&value))
    return money->amount.to_string() + ' ' + money->currency;
  return kind();
}

const ScriptValue& ScriptTable::at(const std::string& key) const {
  static const ScriptValue kNil;
  const auto found = fields.find(key);
  return found == fields.end() ? kNil : found->second;
}

std::vector<std::string> ScriptTable::keys() const {
  std::vector<std::string> all;
  for (const auto& [key, value] : fields) all.push_back(key);
  return all;
}

ScriptValue read_script_value(lua_State* state, int index) {
  return ValueReader(state).read(index, 0);
}

boost::json::value to_json(const ScriptValue& value) {
  if (const auto* flag = value.boolean()) return *flag;
  if (const auto* integer = value.whole()) return *integer;
  if (const auto* text = value.text()) return boost::json::string(*text);
  const auto* table = value.table();
  if (table == nullptr) {
    if (value.number())
      throw std::runtime_error(
          "has a float: metadata's numbers come as texts of their digits, such as \"1.5\"");
    throw std::runtime_error("has " + value.kind() + " in it");
  }
  if (table->has_other_keys || (!table->items.empty() && !table->fields.empty()))
    throw std::runtime_error("has a table that is neither a list nor one with names");
  if (!table->items.empty()) {
    boost::json::array array;
    for (const auto& item : table->items) array.push_back(to_json(item));
    return array;
  }
  boost::json::object object;
  for (const auto& [key, item] : table->fields) object[key] = to_json(item);
  return object;
}

void check_keys(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                const std::vector<std::string>& known) {
  for (const auto& [key, value] : table.fields) {
    if (std::ranges::find(known, key) != known.end()) continue;
    check.add(path.key(presentable(key)), "is not known" + nearest_hint(key, known));
  }
  if (!table.items.empty() || table.has_other_keys)
    check.add(path, "has a value without a name, where every value has one");
}

const ScriptTable* table_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                            const std::string& key) {
  const auto& value = table.at(key);
  if (value.table() == nullptr && !value.is_nil()) report_kind(check, path, key, "a table", value);
  return value.table();
}

std::string text_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                    const std::string& key) {
  const auto& value = table.at(key);
  if (const auto* text = value.text()) return *text;
  if (!value.is_nil()) report_kind(check, path, key, "a text", value);
  return {};
}

std::optional<std::int64_t> whole_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                                     const std::string& key, std::int64_t least, std::int64_t most) {
  const auto& value = table.at(key);
  if (value.is_nil()) return std::nullopt;
  if (value.whole() == nullptr) {
    report_kind(check, path, key, "a whole number", value);
    return std::nullopt;
  }
  if (*value.whole() >= least && *value.whole() <= most) return *value.whole();
  check.add(path.key(key), "must be between " + std::to_string(least) + " and " + std::to_string(most));
  return std::nullopt;
}

std::optional<bool> boolean_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                               const std::string& key) {
  const auto& value = table.at(key);
  if (const auto* flag = value.boolean()) return *flag;
  if (!value.is_nil()) report_kind(check, path, key, "true or false", value);
  return std::nullopt;
}

}  // namespace payoutd::policy
