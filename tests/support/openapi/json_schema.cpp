#include "openapi/json_schema.hpp"

#include <algorithm>
#include <boost/json.hpp>

namespace payoutd::test {
namespace {

namespace json = boost::json;

const std::set<std::string_view> kKeywords = {
    "type",       "enum",     "const",       "properties",   "required", "additionalProperties",
    "items",      "minItems", "maxItems",    "minLength",    "format",   "unevaluatedProperties",
    "minimum",    "maximum",  "allOf",       "anyOf",        "oneOf",    "minProperties",
    "maxLength",  "pattern",  "$ref",        "title",        "default",  "maxProperties",
    "deprecated", "examples", "description", "propertyNames"};

std::string shown(const json::value& value) {
  constexpr std::size_t kMost = 120;
  const std::string text = json::serialize(value);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "…";
}

bool is_of_type(const json::value& value, std::string_view type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "boolean") return value.is_bool();
  if (type == "null") return value.is_null();
  if (type == "number") return value.is_number();
  if (type == "integer") {
    return value.is_int64() || value.is_uint64() ||
           (value.is_double() && value.get_double() == std::floor(value.get_double()));
  }
  throw SchemaError("'" + std::string(type) + "' is not a type");
}

bool is_of_types(const json::value& value, const json::value& types) {
  if (types.is_string()) return is_of_type(value, types.get_string());
  return std::ranges::any_of(types.as_array(),
                             [&](const json::value& type) { return is_of_type(value, type.as_string()); });
}

bool has_shape(std::string_view text, std::string_view shape) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return text.size() == shape.size() && std::ranges::equal(text, shape, [&](char c, char s) {
           if (s == 'd') return is_digit(c);
           if (s == 'x') return is_digit(c) || (c >= 'a' && c <= 'f');
           return c == s;
         });
}

bool is_uuid(std::string_view text) {
  return has_shape(text, "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
}

// RFC 3339, as we write and take it: T between date and time, a zone at the end.
bool is_date_time(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kShape.size() || !has_shape(text.substr(0, kShape.size()), kShape)) return false;
  text.remove_prefix(kShape.size());
  if (text.starts_with('.')) {
    const auto end = text.find_first_not_of("0123456789", 1);
    if (end == std::string_view::npos || end == 1) return false;
    text.remove_prefix(end);
  }
  return text == "Z" || has_shape(text, "+dd:dd") || has_shape(text, "-dd:dd");
}

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

/// Whether a limit of the schema, if there is one, is kept.
bool keeps(const json::object& schema, const char* keyword, std::int64_t count, bool is_most) {
  const auto* limit = schema.if_contains(keyword);
  if (limit == nullptr) return true;
  return is_most ? count <= limit->to_number<std::int64_t>() : count >= limit->to_number<std::int64_t>();
}

}  // namespace

std::vector<std::string> JsonSchemas::problems(const json::value& schema, const json::value& value) const {
  Places wrong;
  Evaluated evaluated;
  check(schema, value, "", wrong, evaluated);
  return wrong;
}

const json::value& JsonSchemas::resolved(const json::value& value) const {
  const auto* object = value.if_object();
  const auto* reference = object == nullptr ? nullptr : object->if_contains("$ref");
  if (reference == nullptr) return value;
  const std::string_view pointer = reference->as_string();
  boost::system::error_code missing;
  const auto* target =
      pointer.starts_with("#/") ? document_.find_pointer(pointer.substr(1), missing) : nullptr;
  if (target == nullptr) throw SchemaError("the reference " + std::string(pointer) + " leads nowhere");
  return resolved(*target);
}

const std::regex& JsonSchemas::pattern(std::string_view text) const {
  const std::lock_guard guard(mutex_);
  const auto known = patterns_.find(text);
  if (known != patterns_.end()) return known->second;
  return patterns_.emplace(std::string(text), std::regex(std::string(text), std::regex::ECMAScript))
      .first->second;
}

void JsonSchemas::check(const json::value& schema, const json::value& value, const std::string& place,
                        Places& wrong, Evaluated& evaluated) const {
  if (schema.is_bool()) {
    if (!schema.get_bool()) wrong.push_back(place + " must not be there");
    return;
  }
  const json::object& object = schema.as_object();
  for (const auto& [keyword, unused] : object)
    if (!kKeywords.contains(std::string_view(keyword)))
      throw SchemaError("the keyword '" + std::string(keyword) + "' is not known here");
  if (const auto* reference = object.if_contains("$ref"))
    check(resolved(json::object{{"$ref", *reference}}), value, place, wrong, evaluated);
  if (const auto* types = object.if_contains("type"); types != nullptr && !is_of_types(value, *types)) {
    wrong.push_back(place + " is not of type " + json::serialize(*types) + ": " + shown(value));
    return;
  }
  if (const auto* allowed = object.if_contains("enum");
      allowed != nullptr && std::ranges::find(allowed->as_array(), value) == allowed->as_array().end())
    wrong.push_back(place + " is none of " + shown(*allowed) + ": " + shown(value));
  if (const auto* only = object.if_contains("const"); only != nullptr && *only != value)
    wrong.push_back(place + " is not " + shown(*only) + ": " + shown(value));
  check_alternatives(object, value, place, wrong, evaluated);
  if (value.is_string()) check_string(object, value.get_string(), place, wrong);
  if (value.is_array()) check_array(object, value.get_array(), place, wrong);
  if (value.is_object()) check_object(object, value.get_object(), place, wrong, evaluated);
  if (value.is_number()) {
    const auto* least = object.if_contains("minimum");
    const auto* most = object.if_contains("maximum");
    const double number = value.to_number<double>();
    if ((least != nullptr && number < least->to_number<double>()) ||
        (most != nullptr && number > most->to_number<double>()))
      wrong.push_back(place + " is out of range: " + shown(value));
  }
}

void JsonSchemas::check_alternatives(const json::object& schema, const json::value& value,
                                     const std::string& place, Places& wrong, Evaluated& evaluated) const {
  for (const char* keyword : {"allOf", "anyOf", "oneOf"}) {
    const auto* parts = schema.if_contains(keyword);
    if (parts == nullptr) continue;
    std::size_t fitting = 0;
    Places reasons;
    for (const json::value& part : parts->as_array()) {
      Places why;
      Evaluated seen;
      check(part, value, place, why, seen);
      if (why.empty()) {
        ++fitting;
        evaluated.merge(seen);
      }
      reasons.insert(reasons.end(), why.begin(), why.end());
    }
    const std::size_t count = parts->as_array().size();
    const std::string_view name = keyword;
    const bool fits = name == "allOf" ? fitting == count : name == "anyOf" ? fitting > 0 : fitting == 1;
    if (fits) continue;
    wrong.push_back(place + " fits " + std::to_string(fitting) + " of the " + std::to_string(count) +
                    " schemas of " + keyword);
    wrong.insert(wrong.end(), reasons.begin(), reasons.end());
  }
}

void JsonSchemas::check_string(const json::object& schema, std::string_view value, const std::string& place,
                               Places& wrong) const {
  const auto length = static_cast<std::int64_t>(code_points(value));
  if (!keeps(schema, "minLength", length, false) || !keeps(schema, "maxLength", length, true))
    wrong.push_back(place + " has " + std::to_string(length) + " characters");
  if (const auto* wanted = schema.if_contains("pattern");
      wanted != nullptr && !std::regex_search(std::string(value), pattern(wanted->as_string())))
    wrong.push_back(place + " is not like " + wanted->as_string().c_str() + ": " + shown(json::value(value)));
  const auto* format = schema.if_contains("format");
  if (format == nullptr) return;
  const std::string_view name = format->as_string();
  if (name != "uuid" && name != "date-time")
    throw SchemaError("the format '" + std::string(name) + "' is not known here");
  if (name == "uuid" ? !is_uuid(value) : !is_date_time(value))
    wrong.push_back(place + " is not a " + std::string(name) + ": " + shown(json::value(value)));
}

void JsonSchemas::check_array(const json::object& schema, const json::array& value, const std::string& place,
                              Places& wrong) const {
  const auto count = static_cast<std::int64_t>(value.size());
  if (!keeps(schema, "minItems", count, false) || !keeps(schema, "maxItems", count, true))
    wrong.push_back(place + " has " + std::to_string(count) + " items");
  const auto* items = schema.if_contains("items");
  if (items == nullptr) return;
  for (std::size_t i = 0; i < value.size(); ++i) {
    Evaluated inner;
    check(*items, value[i], place + "/" + std::to_string(i), wrong, inner);
  }
}

void JsonSchemas::check_object(const json::object& schema, const json::object& value,
                               const std::string& place, Places& wrong, Evaluated& evaluated) const {
  const auto count = static_cast<std::int64_t>(value.size());
  if (!keeps(schema, "minProperties", count, false) || !keeps(schema, "maxProperties", count, true))
    wrong.push_back(place + " has " + std::to_string(count) + " properties");
  if (const auto* required = schema.if_contains("required"))
    for (const json::value& name : required->as_array())
      if (!value.contains(name.as_string()))
        wrong.push_back(place + " lacks " + std::string(name.as_string()));
  const auto* known = schema.if_contains("properties");
  const auto* others = schema.if_contains("additionalProperties");
  const auto* names = schema.if_contains("propertyNames");
  for (const auto& [key, one] : value) {
    const std::string name(key);
    Evaluated inner;
    if (names != nullptr) check(*names, json::value(key), place + "/" + name + " (the name)", wrong, inner);
    const auto* own = known == nullptr ? nullptr : known->as_object().if_contains(key);
    const auto* applies = own != nullptr ? own : others;
    if (applies == nullptr) continue;
    check(*applies, one, place + "/" + name, wrong, inner);
    evaluated.insert(name);
  }
  if (const auto* rest = schema.if_contains("unevaluatedProperties")) {
    for (const auto& [key, one] : value) {
      if (evaluated.contains(std::string_view(key))) continue;
      Evaluated inner;
      check(*rest, one, place + "/" + std::string(key), wrong, inner);
      evaluated.insert(std::string(key));
    }
  }
}

}  // namespace payoutd::test
