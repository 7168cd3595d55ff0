#include <string.h>

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/money.hpp>
#include <payoutd/settings.hpp>

#include "json_fields.hpp"

namespace payoutd {
namespace {

namespace json = boost::json;
using detail::JsonFields;

struct DurationUnit {
  std::string_view suffix;
  std::int64_t ms;
};
constexpr auto kDurationUnits = std::to_array<DurationUnit>(
    {{"ms", 1}, {"s", 1'000}, {"m", 60'000}, {"h", 3'600'000}, {"d", 86'400'000}});
constexpr std::int64_t kLongestDurationMs = 100ll * 365 * 86'400'000;

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

/// The largest unit that says it without a remainder: `90s`, `2m`.
std::string duration_text(std::int64_t ms) {
  for (auto unit = kDurationUnits.rbegin(); unit != kDurationUnits.rend(); ++unit)
    if (ms != 0 && ms % unit->ms == 0) return std::to_string(ms / unit->ms) + std::string(unit->suffix);
  return std::to_string(ms) + "ms";
}

std::string bound_text(const Setting& setting, std::int64_t bound) {
  return setting.type == SettingType::duration ? duration_text(bound) : std::to_string(bound);
}

json::value in_range(const Setting& setting, std::int64_t number) {
  if (setting.min && number < *setting.min)
    throw BadInput({setting.name, "must be at least " + bound_text(setting, *setting.min)});
  if (setting.max && number > *setting.max)
    throw BadInput({setting.name, "must be at most " + bound_text(setting, *setting.max)});
  return number;
}

json::value read_integer(const Setting& setting, const json::value& written) {
  std::optional<std::int64_t> number;
  if (written.is_int64()) number = written.get_int64();
  if (written.is_string()) number = parse_integer(written.get_string());
  if (!number) throw BadInput({setting.name, "must be an integer"});
  return in_range(setting, *number);
}

json::value read_boolean(const Setting& setting, const json::value& written) {
  if (written.is_bool()) return written;
  if (written == "true") return true;
  if (written == "false") return false;
  throw BadInput({setting.name, "must be true or false"});
}

const json::string& text_of(const Setting& setting, const json::value& written) {
  if (!written.is_string()) throw BadInput({setting.name, "must be a string"});
  return written.get_string();
}

json::value read_duration(const Setting& setting, const json::value& written) {
  if (!written.is_string()) throw BadInput({setting.name, "must be a duration with its unit, such as 30s"});
  const auto duration = parse_duration(written.get_string());
  if (!duration) throw BadInput({setting.name, duration.error().reason});
  return in_range(setting, duration->count());
}

json::value read_url(const Setting& setting, const json::value& written) {
  const auto& text = text_of(setting, written);
  const auto url = boost::urls::parse_absolute_uri(text);
  const auto refuse = [&](const char* reason) { throw BadInput({setting.name, reason}); };
  if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->encoded_host().empty())
    refuse("must be an absolute http or https URL");
  if (url->has_userinfo()) refuse("must not carry a user name or password");
  return written;
}

json::value read_choice(const Setting& setting, const json::value& written) {
  const std::string word(text_of(setting, written));
  if (std::ranges::count(setting.choices, word) > 0) return written;
  std::string reason = "must be one of ";
  for (std::size_t i = 0; i < setting.choices.size(); ++i)
    reason.append(i == 0 ? "" : ", ").append(setting.choices[i]);
  if (const auto nearest = nearest_name(word, setting.choices))
    reason += "; did you mean '" + *nearest + "'?";
  throw BadInput({setting.name, std::move(reason)});
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(" \t");
  return begin == std::string_view::npos ? "" : text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

/// A list as a schema writes its default: `[a, b]`, with or without the brackets.
json::array split_list(std::string_view text) {
  text = trimmed(text);
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  json::array items;
  while (!trimmed(text).empty()) {
    const auto comma = std::min(text.find(','), text.size());
    items.emplace_back(trimmed(text.substr(0, comma)));
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return items;
}

json::value read_list(const Setting& setting, const json::value& written) {
  if (!written.is_array()) throw BadInput({setting.name, "must be a list"});
  for (const auto& item : written.get_array())
    if (!item.is_string()) throw BadInput({setting.name, "must be a list of strings"});
  return written;
}

json::value read_amount(const Setting& setting, const json::value& written) {
  if (!written.is_string()) throw BadInput({setting.name, "must be a decimal amount, written as a string"});
  const auto amount = Amount::parse(written.get_string());
  if (!amount) throw BadInput({setting.name, amount.error().reason});
  return json::value(amount->to_string());
}

json::value read_value(const Setting& setting, const json::value& written) {
  switch (setting.type) {
    case SettingType::string:
      return json::value(text_of(setting, written));
    case SettingType::integer:
      return read_integer(setting, written);
    case SettingType::boolean:
      return read_boolean(setting, written);
    case SettingType::duration:
      return read_duration(setting, written);
    case SettingType::url:
      return read_url(setting, written);
    case SettingType::choice:
      return read_choice(setting, written);
    case SettingType::list:
      return read_list(setting, written);
    case SettingType::amount:
      return read_amount(setting, written);
    case SettingType::secret:
      break;
  }
  throw std::logic_error("setting '" + setting.name + "' is a secret, not a value");
}

std::vector<Secret> read_secrets(const Setting& setting, const json::value& written) {
  const auto* values = written.if_array();
  const auto is_filled = [](const json::value& value) {
    return value.is_string() && !value.get_string().empty();
  };
  if (values == nullptr || values->empty() || values->size() > 2 || !std::ranges::all_of(*values, is_filled))
    throw BadInput(
        {setting.name, "must be one or two non-empty strings: the current secret and the previous one"});
  std::vector<Secret> secrets;
  for (const auto& value : *values) secrets.emplace_back(std::string(value.get_string()));
  return secrets;
}

/// Settings named where nothing of that name belongs: misspelt, or a secret among the values and the reverse.
void report_strangers(const SettingsSchema& schema, const json::object& given, bool among_secrets,
                      std::vector<Problem>& problems) {
  std::vector<std::string> names;
  for (const auto& setting : schema)
    if ((setting.type == SettingType::secret) == among_secrets) names.push_back(setting.name);
  for (const auto& member : given) {
    const std::string name(member.key());
    if (std::ranges::count(names, name) > 0) continue;
    std::string reason = among_secrets ? "is not a secret of this plugin" : "is not a setting of this plugin";
    if (std::ranges::count(schema, name, &Setting::name) > 0)
      reason =
          among_secrets ? "is no secret: it belongs under settings" : "is a secret: it belongs under secrets";
    else if (const auto nearest = nearest_name(name, names))
      reason += ", did you mean '" + *nearest + "'?";
    problems.push_back({name, std::move(reason)});
  }
}

json::value default_of(const Setting& setting) {
  if (setting.type == SettingType::list) return split_list(*setting.default_value);
  return json::value(*setting.default_value);
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const auto substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

json::object describe_setting(const Setting& setting) {
  const auto or_null = [](const auto& value) { return value ? json::value(*value) : json::value(nullptr); };
  return {{"name", setting.name},
          {"type", to_string(setting.type)},
          {"description", setting.description},
          {"default", or_null(setting.default_value)},
          {"min", or_null(setting.min)},
          {"max", or_null(setting.max)},
          {"choices", json::array(setting.choices.begin(), setting.choices.end())},
          {"optional", setting.optional}};
}

std::optional<std::int64_t> read_bound(JsonFields& fields, std::string_view name) {
  if (fields.is_null(name)) return std::nullopt;
  return fields.integer(name, std::numeric_limits<std::int64_t>::min(),
                        std::numeric_limits<std::int64_t>::max());
}

Setting read_setting(JsonFields fields) {
  using enum SettingType;
  Setting setting;
  setting.name = fields.text("name");
  setting.type =
      fields.one_of("type", {string, integer, boolean, duration, url, choice, list, amount, secret});
  setting.description = fields.text("description");
  if (!fields.is_null("default")) setting.default_value = fields.text("default");
  setting.min = read_bound(fields, "min");
  setting.max = read_bound(fields, "max");
  for (const auto& choice_value : fields.array("choices")) {
    if (!choice_value.is_string()) fields.refuse("choices", "must be an array of strings");
    setting.choices.emplace_back(choice_value.get_string());
  }
  setting.optional = fields.boolean("optional");
  fields.finish();
  return setting;
}

}  // namespace

Secret::~Secret() {
  value_.resize(value_.capacity());  // never reallocates; reaches what a move left behind, too
  ::explicit_bzero(value_.data(), value_.size());
}

Settings Settings::check(const SettingsSchema& schema, const boost::json::object& values,
                         const boost::json::object& secrets, std::vector<Problem>& problems) {
  Settings settings;
  report_strangers(schema, values, false, problems);
  report_strangers(schema, secrets, true, problems);
  for (const auto& setting : schema) {
    const bool is_secret = setting.type == SettingType::secret;
    const auto* written = (is_secret ? secrets : values).if_contains(setting.name);
    if (is_secret) settings.secrets_[setting.name];
    try {
      if (written != nullptr && is_secret) settings.secrets_[setting.name] = read_secrets(setting, *written);
      if (written != nullptr && !is_secret)
        settings.values_[setting.name] = {setting.type, read_value(setting, *written)};
      if (written != nullptr) continue;
      if (setting.default_value && !is_secret)
        settings.values_[setting.name] = {setting.type, read_value(setting, default_of(setting))};
      else if (!setting.optional)
        problems.push_back({setting.name, is_secret ? "is a secret that must be set" : "must be set"});
    } catch (const BadInput& bad) {
      problems.push_back(bad.problem());
    }
  }
  return settings;
}

bool Settings::has(std::string_view name) const {
  if (values_.contains(name)) return true;
  const auto found = secrets_.find(name);
  return found != secrets_.end() && !found->second.empty();
}

const Settings::Value& Settings::at(std::string_view name, SettingType a, SettingType b) const {
  const auto found = values_.find(name);
  if (found == values_.end())
    throw std::logic_error("setting '" + std::string(name) +
                           "' is not in the schema, or is optional and not set");
  if (found->second.type != a && found->second.type != b)
    throw std::logic_error("setting '" + std::string(name) + "' is a " +
                           std::string(to_string(found->second.type)) + ", not a " +
                           std::string(to_string(a)));
  return found->second;
}

std::string Settings::string(std::string_view name) const {
  const auto found = values_.find(name);
  const bool is_text = found != values_.end() && found->second.value.is_string();
  return std::string(
      at(name, is_text ? found->second.type : SettingType::string, SettingType::string).value.get_string());
}

std::int64_t Settings::integer(std::string_view name) const {
  return at(name, SettingType::integer, SettingType::integer).value.get_int64();
}

bool Settings::boolean(std::string_view name) const {
  return at(name, SettingType::boolean, SettingType::boolean).value.get_bool();
}

std::chrono::milliseconds Settings::duration(std::string_view name) const {
  return std::chrono::milliseconds(at(name, SettingType::duration, SettingType::duration).value.get_int64());
}

std::vector<std::string> Settings::list(std::string_view name) const {
  std::vector<std::string> items;
  for (const auto& item : at(name, SettingType::list, SettingType::list).value.get_array())
    items.emplace_back(item.get_string());
  return items;
}

const std::vector<Secret>& Settings::secrets(std::string_view name) const {
  const auto found = secrets_.find(name);
  if (found == secrets_.end()) throw std::logic_error("the schema has no secret '" + std::string(name) + "'");
  return found->second;
}

const Secret& Settings::secret(std::string_view name) const {
  const auto& values = secrets(name);
  if (values.empty()) throw std::logic_error("secret '" + std::string(name) + "' is optional and not set");
  return values.front();
}

boost::json::object Settings::redacted() const {
  json::object shown;
  for (const auto& [name, value] : values_)
    shown[name] = value.type == SettingType::duration ? json::value(duration_text(value.value.get_int64()))
                                                      : value.value;
  for (const auto& [name, values] : secrets_)
    if (!values.empty()) shown[name] = "***";
  return shown;
}

Result<std::chrono::milliseconds> parse_duration(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = parse_integer(text.substr(0, digits));
  const auto unit = std::ranges::find(kDurationUnits, text.substr(digits), &DurationUnit::suffix);
  if (!number || unit == kDurationUnits.end())
    return Problem{"", "must be a duration such as 500ms, 30s, 5m, 2h or 1d"};
  if (*number > kLongestDurationMs / unit->ms) return Problem{"", "must be at most 100 years"};
  return std::chrono::milliseconds(*number * unit->ms);
}

std::optional<std::string> nearest_name(std::string_view word, const std::vector<std::string>& candidates) {
  std::size_t best_distance = word.size() / 3 + 1;
  const std::string* best = nullptr;
  for (const auto& candidate : candidates) {
    const auto distance = edit_distance(word, candidate);
    if (distance >= best_distance) continue;
    best_distance = distance;
    best = &candidate;
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

boost::json::value describe(const SettingsSchema& schema) {
  json::array settings;
  for (const auto& setting : schema) settings.push_back(describe_setting(setting));
  return settings;
}

Result<SettingsSchema> schema_from_json(const boost::json::value& value) {
  try {
    if (!value.is_array()) return Problem{"", "must be an array of settings"};
    SettingsSchema schema;
    for (const auto& element : value.get_array())
      schema.push_back(read_setting(JsonFields(element, detail::element_path("", schema.size()))));
    return schema;
  } catch (const BadInput& bad) {
    return bad.problem();
  }
}

std::string_view to_string(SettingType type) noexcept {
  switch (type) {
    case SettingType::string:
      return "string";
    case SettingType::integer:
      return "integer";
    case SettingType::boolean:
      return "boolean";
    case SettingType::duration:
      return "duration";
    case SettingType::url:
      return "url";
    case SettingType::choice:
      return "choice";
    case SettingType::list:
      return "list";
    case SettingType::amount:
      return "amount";
    case SettingType::secret:
      return "secret";
  }
  return "invalid";
}

std::string_view to_string(Environment environment) noexcept {
  switch (environment) {
    case Environment::dev:
      return "dev";
    case Environment::staging:
      return "staging";
    case Environment::prod:
      return "prod";
  }
  return "invalid";
}

}  // namespace payoutd
