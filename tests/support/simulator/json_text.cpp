#include "json_text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

constexpr char kMark = '\x01';
constexpr std::string_view kEscapedMark = "\\u0001";  // as it stands in serialized JSON
constexpr std::string_view kOfNumbers = "+-.eE0123456789";

bool begins_number(char c) {
  return c == '-' || (c >= '0' && c <= '9');
}

/// Well-formed JSON, its bare numbers as marked strings.
std::string mark_numbers(std::string_view text) {
  std::string marked;
  bool in_string = false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (!in_string && begins_number(text[at])) {
      const auto end = std::min(text.find_first_not_of(kOfNumbers, at), text.size());
      marked.append("\"").append(kEscapedMark).append(text.substr(at, end - at)).append("\"");
      at = end - 1;
      continue;
    }
    marked += text[at];
    if (text[at] == '"') in_string = !in_string;
    if (in_string && text[at] == '\\') marked += text[++at];
  }
  return marked;
}

const json::string* marked_or_not(const json::object& object, std::string_view name, bool marked) {
  const auto* value = object.if_contains(name);
  const auto* text = value == nullptr ? nullptr : value->if_string();
  if (text == nullptr) return nullptr;
  return (!text->empty() && text->front() == kMark) == marked ? text : nullptr;
}

}  // namespace

std::optional<json::object> parse_object_exactly(std::string_view text) {
  boost::system::error_code error;
  auto value = json::parse(json::string_view{text.data(), text.size()}, error);
  if (error || !value.is_object() || text.find(kEscapedMark) != std::string_view::npos) return std::nullopt;
  return json::parse(mark_numbers(text)).as_object();
}

std::string serialize_exactly(const json::value& value) {
  const auto marked = json::serialize(value);
  const auto opening = '"' + std::string{kEscapedMark};
  std::string text;
  std::size_t from = 0;
  for (auto at = marked.find(opening); at != std::string::npos; at = marked.find(opening, from)) {
    const auto digits = at + opening.size();
    const auto end = marked.find('"', digits);
    text.append(marked, from, at - from).append(marked, digits, end - digits);
    from = end + 1;
  }
  return text.append(marked, from);
}

json::string exact_number(std::string_view digits) {
  json::string text;
  text.push_back(kMark);
  text.append(json::string_view{digits.data(), digits.size()});
  return text;
}

bool has_field(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && !value->is_null();
}

std::optional<std::string> string_field(const json::object& object, std::string_view name) {
  const auto* text = marked_or_not(object, name, false);
  return text == nullptr ? std::nullopt : std::optional{std::string{*text}};
}

std::optional<std::string> number_field(const json::object& object, std::string_view name) {
  const auto* text = marked_or_not(object, name, true);
  return text == nullptr ? std::nullopt : std::optional{std::string{*text}.substr(1)};
}

std::optional<std::string> string_or_number_field(const json::object& object, std::string_view name) {
  auto text = string_field(object, name);
  return text ? text : number_field(object, name);
}

const json::object* object_field(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace simulator
