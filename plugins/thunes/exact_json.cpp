#include "exact_json.hpp"

// basic_parser instead of the ready-made parser: it hands over a number's own digits.
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>
#include <set>
#include <vector>

namespace thunes {
namespace {

namespace json = boost::json;

struct ExactHandler {
  static constexpr std::size_t max_object_size = 512;
  static constexpr std::size_t max_array_size = 4096;
  static constexpr std::size_t max_key_size = 256;
  static constexpr std::size_t max_string_size = 64 * 1024;

  using Error = json::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, Error&) {
    keys.pop_back();
    values.push_object(size);
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t size, Error&) {
    values.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, Error&) {
    key.append(part.data(), part.size());
    values.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error& error) {
    key.append(part.data(), part.size());
    values.push_key(part);
    const bool is_new = keys.back().insert(std::exchange(key, {})).second;
    if (!is_new) error = json::error::syntax;
    return is_new;
  }
  bool on_string_part(json::string_view part, std::size_t, Error&) { return push_part(part); }
  bool on_string(json::string_view part, std::size_t, Error&) { return push_text(part); }
  bool on_number_part(json::string_view part, Error&) { return push_part(part); }
  bool on_int64(std::int64_t, json::string_view part, Error&) { return push_text(part); }
  bool on_uint64(std::uint64_t, json::string_view part, Error&) { return push_text(part); }
  bool on_double(double, json::string_view part, Error&) { return push_text(part); }
  bool on_bool(bool value, Error&) {
    values.push_bool(value);
    return true;
  }
  bool on_null(Error&) {
    values.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }

  bool push_part(json::string_view part) {
    values.push_chars(part);
    return true;
  }
  bool push_text(json::string_view part) {
    values.push_string(part);
    return true;
  }

  json::value_stack values;
  std::vector<std::set<std::string>> keys;  ///< of the objects that are open
  std::string key;
};

}  // namespace

std::optional<json::value> read_json(std::string_view body, std::size_t max_bytes) {
  if (body.size() > max_bytes) return std::nullopt;
  json::parse_options options;
  options.max_depth = 16;
  json::basic_parser<ExactHandler> parser(options);
  parser.handler().values.reset();
  json::error_code error;
  const std::size_t used = parser.write_some(false, body.data(), body.size(), error);
  const bool rest_is_blank = body.substr(used).find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (error || !parser.done() || !rest_is_blank) return std::nullopt;
  return parser.handler().values.release();
}

std::optional<json::object> read_json_object(std::string_view body, std::size_t max_bytes) {
  auto value = read_json(body, max_bytes);
  if (!value || !value->is_object()) return std::nullopt;
  return std::move(value->get_object());
}

bool is_present(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && !value->is_null();
}

std::optional<std::string> text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return std::string(value->get_string());
}

const json::object* object_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_object();
}

}  // namespace thunes
