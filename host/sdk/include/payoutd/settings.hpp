#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd {

/// Where the host runs. A plugin may refuse settings that are harmless in development only.
enum class Environment { dev, staging, prod };

enum class SettingType {
  string,
  integer,
  boolean,
  duration,  ///< `500ms`, `30s`, `5m`, `2h`, `1d`; kept in milliseconds
  url,       ///< absolute http or https URL
  choice,    ///< one of `choices`
  list,      ///< list of strings
  amount,    ///< exact decimal text
  secret,    ///< never printed, never stored; may have a current and a previous value
};

/// One setting of a plugin: what its documentation, its parsing, its errors and its redaction are made from.
struct Setting {
  std::string name{};
  SettingType type = SettingType::string;
  std::string description{};                   ///< one sentence for the operator
  std::optional<std::string> default_value{};  ///< as written in YAML; nullopt: the setting is required
  std::optional<std::int64_t> min{};           ///< integers and durations (ms)
  std::optional<std::int64_t> max{};
  std::vector<std::string> choices{};
  bool optional = false;  ///< may be left out though it has no default
};

using SettingsSchema = std::vector<Setting>;

/// A secret value. It has no operator<< and is overwritten when it goes; take its text only where it is used.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  Secret(const Secret&) = default;
  Secret& operator=(const Secret&) = default;
  Secret(Secret&&) noexcept = default;
  Secret& operator=(Secret&&) noexcept = default;
  ~Secret();

  const std::string& reveal() const noexcept { return value_; }
  bool empty() const noexcept { return value_.empty(); }

 private:
  std::string value_;
};

/// The values of one provider, checked against its schema. Immutable; copies are cheap enough to pass by
/// value. A getter for a name that the schema does not have, or of another type, throws std::logic_error.
class Settings {
 public:
  /// Checks `values` (strings, numbers, booleans, arrays of strings) and `secrets` against the schema and
  /// fills in defaults. All problems are reported at once, each with the setting's name as its field; an
  /// unknown name is answered with the nearest one that exists. A secret is an array of one or two strings:
  /// current, previous.
  static Settings check(const SettingsSchema& schema, const boost::json::object& values,
                        const boost::json::object& secrets, std::vector<Problem>& problems);

  bool has(std::string_view name) const;
  std::string string(std::string_view name) const;  ///< string, url, choice, amount
  std::int64_t integer(std::string_view name) const;
  bool boolean(std::string_view name) const;
  std::chrono::milliseconds duration(std::string_view name) const;
  std::vector<std::string> list(std::string_view name) const;
  /// The values of a secret in order of preference: current first, then those still valid during rotation.
  const std::vector<Secret>& secrets(std::string_view name) const;
  const Secret& secret(std::string_view name) const;  ///< the current one

  /// Everything that is not secret, defaults included; secrets appear as `"***"`.
  boost::json::object redacted() const;

 private:
  struct Value {
    SettingType type;
    boost::json::value value;
  };
  const Value& at(std::string_view name, SettingType a, SettingType b) const;
  std::map<std::string, Value, std::less<>> values_;
  std::map<std::string, std::vector<Secret>, std::less<>> secrets_;
};

/// Reads `500ms`, `30s`, `5m`, `2h`, `1d`.
Result<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The candidate that `word` was probably meant to be (edit distance at most a third of its length).
std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& candidates);

boost::json::value describe(const SettingsSchema& schema);
Result<SettingsSchema> schema_from_json(const boost::json::value& value);
std::string_view to_string(SettingType type) noexcept;
std::string_view to_string(Environment environment) noexcept;

}  // namespace payoutd
