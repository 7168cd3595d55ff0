#pragma once
#include <boost/json/value.hpp>
#include <lua.hpp>
#include <map>
#include <memory>
#include <optional>
#include <payoutd/money.hpp>
#include <string>
#include <variant>
#include <vector>

#include "policy/script_source.hpp"

namespace payoutd::policy {

struct ScriptTable;

struct ScriptFunction {
  int line = 0;  ///< where it begins
};

/// A value that a script made, taken out of Lua: what a file returns is looked through in this form.
struct ScriptValue {
  using Table = std::shared_ptr<const ScriptTable>;
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Money, ScriptFunction, Table> value;

  bool is_nil() const noexcept { return std::holds_alternative<std::monostate>(value); }
  const std::string* text() const noexcept { return std::get_if<std::string>(&value); }
  const std::int64_t* whole() const noexcept { return std::get_if<std::int64_t>(&value); }
  const bool* boolean() const noexcept { return std::get_if<bool>(&value); }
  const ScriptFunction* function() const noexcept { return std::get_if<ScriptFunction>(&value); }
  const ScriptTable* table() const noexcept {
    const auto* found = std::get_if<Table>(&value);
    return found == nullptr ? nullptr : found->get();
  }
  std::optional<double> number() const noexcept;
  bool is(bool wanted) const noexcept { return boolean() != nullptr && *boolean() == wanted; }

  /// `a text`, `a table`, … for messages.
  std::string kind() const;
  /// The value as a test would write it, shortened.
  std::string shown() const;
};

struct ScriptTable {
  std::vector<ScriptValue> items;             ///< 1, 2, 3, … without gaps
  std::map<std::string, ScriptValue> fields;  ///< those with texts as keys
  bool has_other_keys = false;                ///< gaps, floats, booleans, …

  const ScriptValue& at(const std::string& key) const;  ///< nil if there is none
  std::vector<std::string> keys() const;
};

/// Reads the value at `index`. Throws std::runtime_error where it is nested too deeply or too large to be
/// meant.
ScriptValue read_script_value(lua_State* state, int index);

/// What metadata would be as JSON. Throws std::runtime_error where it cannot be metadata.
boost::json::value to_json(const ScriptValue& value);

/// Reports every key of `table` that is not among `known`, with the nearest that is.
void check_keys(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                const std::vector<std::string>& known);

/// The table under `key`, or nullptr: reported if it is something else than a table or nil.
const ScriptTable* table_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                            const std::string& key);
/// The text under `key`; empty if there is none; reported if it is something else.
std::string text_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                    const std::string& key);
/// The same for a whole number between `least` and `most`, a truth value and any number.
std::optional<std::int64_t> whole_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                                     const std::string& key, std::int64_t least, std::int64_t most);
std::optional<bool> boolean_at(ScriptCheck& check, const ScriptPath& path, const ScriptTable& table,
                               const std::string& key);

}  // namespace payoutd::policy
