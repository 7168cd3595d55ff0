#include "policy/lua_money.hpp"

#include <array>

#include "policy/lua_sandbox.hpp"
#include "policy/script_source.hpp"

namespace payoutd::policy {
namespace {

struct LuaMoney {
  std::int64_t units = 0;
  std::array<char, 8> currency{};

  std::string_view code() const noexcept { return currency.data(); }
  bool same_currency(const LuaMoney& other) const noexcept { return currency == other.currency; }
};
static_assert(std::is_trivially_destructible_v<LuaMoney>);

const char kMetatable = 0;  ///< its address is the key in the registry

using Wide = __int128;

const LuaMoney& at(lua_State* state, int index) {
  return *static_cast<const LuaMoney*>(lua_touserdata(state, index));
}

std::string text_of(const LuaMoney& money) {
  return Amount::from_units(money.units).to_string() + ' ' + std::string(money.code());
}

void push(lua_State* state, const LuaMoney& money) {
  *static_cast<LuaMoney*>(lua_newuserdatauv(state, sizeof(LuaMoney), 0)) = money;
  lua_rawgetp(state, LUA_REGISTRYINDEX, &kMetatable);
  lua_setmetatable(state, -2);
}

LuaMoney value_of(lua_State* state, const Money& money) {
  LuaMoney value;
  value.units = money.amount.units();
  if (money.currency.size() >= value.currency.size()) luaL_error(state, "the currency's code is too long");
  std::ranges::copy(money.currency, value.currency.begin());
  return value;
}

int push_result(lua_State* state, Wide units, const LuaMoney& like) {
  if (units < 0) return luaL_error(state, "the result is negative, which an amount cannot be");
  if (units >= Amount::kLimitUnits)
    return luaL_error(state, "the result is too large: an amount is below 10000000000");
  push(state, {static_cast<std::int64_t>(units), like.currency});
  return 1;
}

/// What a value is called in a message.
const char* kind(lua_State* state, int index) {
  if (is_money(state, index)) return "money";
  if (lua_isnoneornil(state, index)) return "nil";
  if (lua_type(state, index) != LUA_TNUMBER) return luaL_typename(state, index);
  return lua_isinteger(state, index) != 0 ? "a whole number" : "a float";
}

void require_money(lua_State* state, const char* what) {
  for (const int index : {1, 2})
    if (!is_money(state, index))
      luaL_error(state, "money %s %s: both sides must be money, such as money(\"5\", \"XOF\")", what,
                 kind(state, index));
  if (!at(state, 1).same_currency(at(state, 2)))
    luaL_error(state, "money of two currencies: %s and %s", text_of(at(state, 1)).c_str(),
               text_of(at(state, 2)).c_str());
}

lua_Integer require_whole(lua_State* state, int index, lua_Integer least, const char* what) {
  if (lua_type(state, index) == LUA_TNUMBER && lua_isinteger(state, index) == 0)
    return luaL_error(state, "money and a float: %s must be a whole number; for a half write m:per(1, 2)",
                      what);
  if (lua_isinteger(state, index) == 0)
    return luaL_error(state, "%s must be a whole number, not %s", what, kind(state, index));
  const lua_Integer value = lua_tointeger(state, index);
  if (value < least) return luaL_error(state, "%s must be at least %I, not %I", what, least, value);
  return value;
}

// ---- operators

int add(lua_State* state) {
  require_money(state, "plus");
  return push_result(state, Wide{at(state, 1).units} + at(state, 2).units, at(state, 1));
}

int subtract(lua_State* state) {
  require_money(state, "minus");
  if (at(state, 1).units < at(state, 2).units)
    return luaL_error(state, "%s - %s is negative, which an amount cannot be", text_of(at(state, 1)).c_str(),
                      text_of(at(state, 2)).c_str());
  return push_result(state, Wide{at(state, 1).units} - at(state, 2).units, at(state, 1));
}

int multiply(lua_State* state) {
  if (is_money(state, 1) && is_money(state, 2))
    return luaL_error(state, "money cannot be multiplied by money");
  const int amount = is_money(state, 1) ? 1 : 2;
  const auto factor = require_whole(state, 3 - amount, 0, "the factor");
  return push_result(state, Wide{at(state, amount).units} * factor, at(state, amount));
}

int divide_whole(lua_State* state) {
  if (is_money(state, 2))
    return luaL_error(state, "nothing can be divided by money; for a percentage write m:ratio(other)");
  const auto divisor = require_whole(state, 2, 1, "the divisor");
  return push_result(state, Wide{at(state, 1).units} / divisor, at(state, 1));
}

int refuse_division(lua_State* state) {
  return luaL_error(state,
                    "money has no '/', which makes floats: write m // 2, m:per(1, 2) or m:ratio(other)");
}

int refuse_operator(lua_State* state) {
  return luaL_error(state, "money has no such operator: it has + - * // == < <= and methods");
}

int equal(lua_State* state) {
  require_money(state, "compared with");
  lua_pushboolean(state, at(state, 1).units == at(state, 2).units);
  return 1;
}

int less(lua_State* state) {
  require_money(state, "compared with");
  lua_pushboolean(state, at(state, 1).units < at(state, 2).units);
  return 1;
}

int less_or_equal(lua_State* state) {
  require_money(state, "compared with");
  lua_pushboolean(state, at(state, 1).units <= at(state, 2).units);
  return 1;
}

int concatenate(lua_State* state) {
  for (const int index : {1, 2}) {
    if (is_money(state, index)) {
      const std::string text = text_of(at(state, index));
      lua_pushlstring(state, text.data(), text.size());
    } else if (lua_isstring(state, index) != 0) {
      lua_pushvalue(state, index);
    } else {
      return luaL_error(state, "attempt to concatenate money and a %s value", luaL_typename(state, index));
    }
  }
  lua_concat(state, 2);
  return 1;
}

// ---- methods

void require_self(lua_State* state, const char* call) {
  if (!is_money(state, 1)) luaL_error(state, "call it with a colon: %s", call);
}

int amount(lua_State* state) {
  require_self(state, "m:amount()");
  const std::string text = Amount::from_units(at(state, 1).units).to_string();
  lua_pushlstring(state, text.data(), text.size());
  return 1;
}

int is_zero(lua_State* state) {
  require_self(state, "m:is_zero()");
  lua_pushboolean(state, at(state, 1).units == 0);
  return 1;
}

int times(lua_State* state) {
  require_self(state, "m:times(3)");
  return push_result(state, Wide{at(state, 1).units} * require_whole(state, 2, 0, "the factor"),
                     at(state, 1));
}

int per(lua_State* state) {
  require_self(state, "m:per(1, 2)");
  const auto numerator = require_whole(state, 2, 0, "the first of m:per(a, b)");
  const auto denominator = require_whole(state, 3, 1, "the second of m:per(a, b)");
  return push_result(state, Wide{at(state, 1).units} * numerator / denominator, at(state, 1));
}

int ratio(lua_State* state) {
  require_self(state, "m:ratio(other)");
  require_money(state, "in proportion to");
  if (at(state, 2).units == 0) return luaL_error(state, "there is no ratio to an amount of zero");
  const Wide percent = Wide{at(state, 1).units} * 100 / at(state, 2).units;
  if (percent > std::numeric_limits<lua_Integer>::max()) return luaL_error(state, "the ratio is too large");
  lua_pushinteger(state, static_cast<lua_Integer>(percent));
  return 1;
}

constexpr luaL_Reg kMethods[] = {{"amount", &guarded<amount>}, {"is_zero", &guarded<is_zero>},
                                 {"times", &guarded<times>},   {"per", &guarded<per>},
                                 {"ratio", &guarded<ratio>},   {nullptr, nullptr}};

int field(lua_State* state) {
  const std::string_view name = lua_type(state, 2) == LUA_TSTRING ? lua_tostring(state, 2) : "";
  if (name == "currency") {
    lua_pushstring(state, at(state, 1).currency.data());
    return 1;
  }
  for (const auto& method : kMethods) {
    if (method.name == nullptr || name != method.name) continue;
    lua_pushcfunction(state, method.func);
    return 1;
  }
  if (name.empty()) return luaL_error(state, "money has no such field");
  return luaL_error(state, "money has no '%s'%s", presentable(name.substr(0, 60)).c_str(),
                    nearest_hint(name, {"currency", "amount", "is_zero", "times", "per", "ratio"}).c_str());
}

constexpr luaL_Reg kOperators[] = {{"__add", &guarded<add>},          {"__sub", &guarded<subtract>},
                                   {"__mul", &guarded<multiply>},     {"__idiv", &guarded<divide_whole>},
                                   {"__div", &refuse_division},       {"__mod", &refuse_operator},
                                   {"__pow", &refuse_operator},       {"__unm", &refuse_operator},
                                   {"__eq", &guarded<equal>},         {"__lt", &guarded<less>},
                                   {"__le", &guarded<less_or_equal>}, {"__concat", &guarded<concatenate>},
                                   {"__index", &guarded<field>},      {nullptr, nullptr}};

}  // namespace

void open_money(lua_State* state) {
  luaL_newlib(state, kOperators);
  lua_pushliteral(state, "money");  // what Lua's own messages call it
  lua_setfield(state, -2, "__name");
  lua_rawsetp(state, LUA_REGISTRYINDEX, &kMetatable);
}

void push_money(lua_State* state, const Money& money) {
  push(state, value_of(state, money));
}

void MoneySlot::open(lua_State* state) {
  push_money(state, {});
  value_ = luaL_ref(state, LUA_REGISTRYINDEX);
}

void MoneySlot::push(lua_State* state, const Money& money) {
  lua_rawgeti(state, LUA_REGISTRYINDEX, value_);
  *static_cast<LuaMoney*>(lua_touserdata(state, -1)) = value_of(state, money);
}

Money to_money(lua_State* state, int index) {
  const LuaMoney& money = at(state, index);
  return {Amount::from_units(money.units), std::string(money.code())};
}

std::string money_text(lua_State* state, int index) {
  return text_of(at(state, index));
}

int money_from_text(lua_State* state) {
  if (lua_type(state, 1) == LUA_TNUMBER)
    return luaL_error(
        state, "money() takes its amount as a text, so that no digit is lost: money(\"12.5\", \"EUR\")");
  for (const int index : {1, 2})
    if (lua_type(state, index) != LUA_TSTRING)
      return luaL_error(state, "money(amount, currency) takes two texts, not %s", kind(state, index));
  std::size_t length = 0;
  const char* text = lua_tolstring(state, 1, &length);
  const auto parsed = Amount::parse({text, length});
  if (!parsed)
    return luaL_error(state, "money(): '%s' %s",
                      presentable({text, std::min<std::size_t>(length, 60)}).c_str(),
                      parsed.error().reason.c_str());
  const char* code = lua_tolstring(state, 2, &length);
  if (!currency_decimals({code, length}))
    return luaL_error(state, "money(): '%s' is not a currency that payoutd knows",
                      presentable({code, std::min<std::size_t>(length, 60)}).c_str());
  push_money(state, {*parsed, std::string(code, length)});
  return 1;
}

}  // namespace payoutd::policy
