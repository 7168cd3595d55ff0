#include "policy/payout_table.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>
#include <payoutd/exact_json.hpp>

#include "policy/lua_frozen.hpp"
#include "policy/lua_money.hpp"

namespace payoutd::policy {
namespace {

/// In front of numbers in metadata that was read; no text in it begins so.
constexpr char kNumberMark = '\x01';
constexpr JsonLimits kMetadataLimits{.bytes = 64 * 1024, .depth = 16, .members = 1024, .elements = 4096};
constexpr std::int64_t kExactLimit = std::int64_t{1} << 53;

const std::vector<std::string>& field_names_of_payout() {
  static const std::vector<std::string> kNames{"id",       "client",      "provider", "amount",
                                               "currency", "destination", "user",     "region",
                                               "batch",    "metadata",    "at",       "age"};
  return kNames;
}

/// A whole number that every JSON reader agrees about is one in Lua; of any other the digits are given.
void push_number(lua_State* state, std::string_view digits) {
  std::int64_t whole = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), whole);
  if (error == std::errc{} && end == digits.data() + digits.size() && whole > -kExactLimit &&
      whole < kExactLimit)
    lua_pushinteger(state, whole);
  else
    lua_pushlstring(state, digits.data(), digits.size());
}

void push_json(lua_State* state, const boost::json::value& value) {
  luaL_checkstack(state, 8, "metadata is nested too deeply");
  if (value.is_bool()) {
    lua_pushboolean(state, value.get_bool());
  } else if (value.is_string()) {
    const std::string_view text = value.get_string();
    if (text.starts_with(kNumberMark))
      push_number(state, text.substr(1));
    else
      lua_pushlstring(state, text.data(), text.size());
  } else if (value.is_array()) {
    lua_createtable(state, static_cast<int>(value.get_array().size()), 0);
    lua_Integer next = 1;
    for (const auto& item : value.get_array()) {
      push_json(state, item);
      lua_rawseti(state, -2, next++);
    }
    push_frozen(state);
  } else if (value.is_object()) {
    lua_createtable(state, 0, static_cast<int>(value.get_object().size()));
    for (const auto& [key, item] : value.get_object()) {
      lua_pushlstring(state, key.data(), key.size());
      push_json(state, item);
      lua_rawset(state, -3);
    }
    push_frozen(state);
  } else {
    lua_pushnil(state);
  }
}

void push_metadata(lua_State* state, const std::string& metadata) {
  if (metadata.empty()) {
    lua_newtable(state);
    push_frozen(state);
    return;
  }
  const auto read = read_json_marking_numbers(metadata, kNumberMark, kMetadataLimits);
  if (!read) throw std::runtime_error("payout.metadata " + read.error().reason);
  if (!read->is_object()) throw std::runtime_error("payout.metadata is no JSON object");
  push_json(state, *read);
}

Money read_money(ScriptCheck& check, const ScriptPath& path, const ScriptTable& payout) {
  const Money fallback{Amount::from_units(100 * Amount::kUnitsPerOne), "XOF"};
  if (const auto* money = std::get_if<Money>(&payout.at("amount").value)) {
    if (!payout.at("currency").is_nil()) check.add(path.key("currency"), "stands in amount already");
    return *money;
  }
  Money money = fallback;
  if (!payout.at("currency").is_nil()) money.currency = text_at(check, path, payout, "currency");
  if (!currency_decimals(money.currency)) {
    check.add(path.key("currency"), "is not a currency that payoutd knows (a code such as XOF, EUR or BAN)");
    return fallback;
  }
  if (payout.at("amount").is_nil()) return money;
  const auto parsed = Amount::parse(text_at(check, path, payout, "amount"));
  if (parsed)
    money.amount = *parsed;
  else if (payout.at("amount").text() != nullptr)
    check.add(path.key("amount"), parsed.error().reason);
  return money;
}

std::string read_metadata(ScriptCheck& check, const ScriptPath& path, const ScriptTable& payout) {
  const auto& value = payout.at("metadata");
  if (value.is_nil()) return {};
  try {
    const auto json = to_json(value);
    if (json.is_object()) return boost::json::serialize(json);
    check.add(path.key("metadata"), "must be a table with names, not " + value.kind());
  } catch (const std::runtime_error& error) {
    check.add(path.key("metadata"), error.what());
  }
  return {};
}

void read_texts(ScriptCheck& check, const ScriptPath& path, const ScriptTable& payout, PayoutFacts& facts) {
  const std::array<std::pair<const char*, std::string*>, 7> kTexts{{{"id", &facts.id},
                                                                    {"client", &facts.client},
                                                                    {"provider", &facts.provider},
                                                                    {"destination", &facts.destination},
                                                                    {"user", &facts.user},
                                                                    {"region", &facts.region},
                                                                    {"batch", &facts.batch}}};
  for (const auto& [key, text] : kTexts)
    if (!payout.at(key).is_nil()) *text = text_at(check, path, payout, key);
}

}  // namespace

void PayoutTable::open(lua_State* state) {
  table_.open(state, "payout", field_names_of_payout());
  amount_.open(state);
  table_.push_contents(state);
  lua_getmetatable(state, -1);
  lua_pushlightuserdata(state, this);
  lua_getfield(state, -2, "__index");
  lua_pushcclosure(state, &guarded<missing>, 2);
  lua_setfield(state, -2, "__index");
  lua_pop(state, 2);
}

/// A field that is not there (yet). Upvalues: the PayoutTable, and who answers for all but metadata.
int PayoutTable::missing(lua_State* state) {
  if (lua_type(state, 2) != LUA_TSTRING || std::string_view(lua_tostring(state, 2)) != "metadata") {
    lua_settop(state, 2);
    lua_pushvalue(state, lua_upvalueindex(2));
    lua_insert(state, 1);
    lua_call(state, 2, 1);
    return 1;
  }
  Sandbox::of(state).check_time();
  const auto& self = *static_cast<const PayoutTable*>(lua_touserdata(state, lua_upvalueindex(1)));
  push_metadata(state, self.facts_->metadata);
  lua_pushvalue(state, -1);
  lua_setfield(state, 1, "metadata");
  return 1;
}

void PayoutTable::fill(lua_State* state, const PayoutFacts& facts) {
  facts_ = &facts;
  table_.push_contents(state);
  set_text(state, "id", facts.id);
  set_text(state, "client", facts.client);
  set_text(state, "provider", facts.provider);
  set_text(state, "currency", facts.money.currency);
  set_text(state, "destination", facts.destination);
  set_text(state, "user", facts.user);
  set_text(state, "region", facts.region);
  set_text(state, "batch", facts.batch);
  amount_.push(state, facts.money);
  lua_setfield(state, -2, "amount");
  lua_pushinteger(state, facts.at_s);
  lua_setfield(state, -2, "at");
  lua_pushinteger(state, facts.age_s);
  lua_setfield(state, -2, "age");
  lua_pushnil(state);
  lua_setfield(state, -2, "metadata");
  lua_pop(state, 1);
}

PayoutFacts read_test_payout(ScriptCheck& check, const ScriptPath& path, const ScriptTable& test,
                             const std::string& provider) {
  PayoutFacts facts;
  facts.id = "00000000-0000-4000-8000-000000000001";
  facts.client = "client";
  facts.provider = provider;
  facts.money = {Amount::from_units(100 * Amount::kUnitsPerOne), "XOF"};
  facts.destination = "22890000000";
  facts.at_s = 1'767'225'600;  // 2026-01-01
  const auto* payout = table_at(check, path, test, "payout");
  if (payout == nullptr) return facts;
  const auto here = path.key("payout");
  check_keys(check, here, *payout, field_names_of_payout());
  read_texts(check, here, *payout, facts);
  facts.money = read_money(check, here, *payout);
  facts.metadata = read_metadata(check, here, *payout);
  constexpr std::int64_t kMaxSeconds = 253'402'300'799;  // the end of the year 9999
  facts.at_s = whole_at(check, here, *payout, "at", 0, kMaxSeconds).value_or(facts.at_s);
  facts.age_s = whole_at(check, here, *payout, "age", 0, kMaxSeconds).value_or(0);
  return facts;
}

const std::string& field_of(const PayoutFacts& facts, Field field) noexcept {
  switch (field) {
    case Field::user:
      return facts.user;
    case Field::client:
      return facts.client;
    case Field::destination:
      return facts.destination;
    case Field::region:
      return facts.region;
    case Field::provider:
      break;
  }
  return facts.provider;
}

}  // namespace payoutd::policy
