#include "http/json_input.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <cmath>

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 32;
constexpr std::size_t kFewKeys = 24;

/// Keys of one object; a hash table only where there are many.
class KeySet {
 public:
  bool insert(std::string_view key) {
    if (keys_.size() < kFewKeys) {
      if (std::find(keys_.begin(), keys_.end(), key) != keys_.end()) return false;
      keys_.emplace_back(key);
      return true;
    }
    if (many_.empty()) many_.insert(keys_.begin(), keys_.end());
    return many_.emplace(key).second;
  }

 private:
  std::vector<std::string> keys_;
  std::unordered_set<std::string> many_;
};

/// Builds the value as Boost.JSON's own parser does, and says what that one lets pass.
struct Builder {
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();

  enum class Found { nothing, duplicate, nul, number };

  json::value_stack stack;
  std::vector<KeySet> objects;
  std::string key;
  Found found = Found::nothing;

  bool stop(Found what, json::error_code& ec) {
    found = what;
    ec = json::error::syntax;
    return false;
  }
  bool on_document_begin(json::error_code&) {
    stack.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }
  bool on_array_begin(json::error_code&) { return true; }
  bool on_array_end(std::size_t n, json::error_code&) {
    stack.push_array(n);
    return true;
  }
  bool on_object_begin(json::error_code&) {
    objects.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, json::error_code&) {
    objects.pop_back();
    stack.push_object(n);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, json::error_code&) {
    key.append(part.data(), part.size());
    stack.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, json::error_code& ec) {
    key.append(part.data(), part.size());
    if (key.find('\0') != std::string::npos) return stop(Found::nul, ec);
    if (!objects.back().insert(key)) return stop(Found::duplicate, ec);
    key.clear();
    stack.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, json::error_code& ec) {
    if (part.find('\0') != json::string_view::npos) return stop(Found::nul, ec);
    stack.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, json::error_code& ec) {
    if (part.find('\0') != json::string_view::npos) return stop(Found::nul, ec);
    stack.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view, json::error_code&) { return true; }
  bool on_int64(std::int64_t number, json::string_view, json::error_code&) {
    stack.push_int64(number);
    return true;
  }
  bool on_uint64(std::uint64_t number, json::string_view, json::error_code&) {
    stack.push_uint64(number);
    return true;
  }
  bool on_double(double number, json::string_view, json::error_code& ec) {
    if (!std::isfinite(number)) return stop(Found::number, ec);
    stack.push_double(number);
    return true;
  }
  bool on_bool(bool value, json::error_code&) {
    stack.push_bool(value);
    return true;
  }
  bool on_null(json::error_code&) {
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

std::string place(std::string_view text, std::size_t offset, int first_line) {
  const std::string_view before = text.substr(0, offset);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const auto line_break = before.rfind('\n');
  const std::size_t column = offset - (line_break == std::string_view::npos ? 0 : line_break + 1) + 1;
  return "line " + std::to_string(first_line + lines) + ", column " + std::to_string(column);
}

std::string shown_field(const std::string& key) {
  const bool plain = key.size() <= 64 && std::all_of(key.begin(), key.end(), [](char c) {
                       return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                              c == '_' || c == '-';
                     });
  return plain ? key : std::string();
}

JsonProblem explain(const Builder& builder, json::error_code ec, const std::string& where) {
  switch (builder.found) {
    case Builder::Found::duplicate:
      return {"DUPLICATE_FIELD", "A field stands twice in one object (" + where + ").",
              shown_field(builder.key)};
    case Builder::Found::nul:
      return {"MALFORMED_JSON", "A text contains the character NUL (" + where + ").", {}};
    case Builder::Found::number:
      return {"MALFORMED_JSON", "A number is too large (" + where + ").", {}};
    case Builder::Found::nothing:
      break;
  }
  if (ec == json::error::too_deep) {
    return {"TOO_DEEP",
            "The JSON is nested deeper than " + std::to_string(kMaxDepth) + " levels (" + where + ").",
            {}};
  }
  if (ec == json::error::extra_data) {
    return {"MALFORMED_JSON", "There is text behind the end of the JSON (" + where + ").", {}};
  }
  if (ec == json::error::incomplete) {
    return {"MALFORMED_JSON", "The JSON ends too early (" + where + ").", {}};
  }
  if (ec == json::error::illegal_leading_surrogate || ec == json::error::illegal_trailing_surrogate ||
      ec == json::error::expected_utf16_escape) {
    return {"MALFORMED_JSON", "An escaped character is half of a pair (" + where + ").", {}};
  }
  return {"MALFORMED_JSON", "This is not valid JSON in UTF-8 (" + where + ").", {}};
}

}  // namespace

JsonInput read_json(std::string_view text, int first_line) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) {
    return {nullptr, JsonProblem{"MALFORMED_JSON", "JSON is expected, and there is nothing.", {}}};
  }
  json::parse_options options;
  options.max_depth = kMaxDepth;
  json::basic_parser<Builder> parser(options);
  json::error_code ec;
  const std::size_t consumed = parser.write_some(false, text.data(), text.size(), ec);
  if (!ec && consumed < text.size()) ec = json::error::extra_data;
  Builder& builder = parser.handler();
  if (ec) return {nullptr, explain(builder, ec, place(text, std::min(consumed, text.size()), first_line))};
  return {builder.stack.release(), std::nullopt};
}

}  // namespace payoutd::http
