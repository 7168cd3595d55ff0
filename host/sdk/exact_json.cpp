#include <payoutd/exact_json.hpp>

// basic_parser instead of the ready-made parser: it hands over a number's own digits.
#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

namespace payoutd {
namespace {

namespace json = boost::json;

constexpr std::string_view kBlank = " \t\r\n";

/// Builds the value and watches the limits. The parser's own limits are constants, so they are set to what no
/// text can reach, and ours are compared while the parts come in.
class ExactHandler {
 public:
  static constexpr std::size_t max_object_size = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::size_t max_array_size = max_object_size;
  static constexpr std::size_t max_key_size = max_object_size;
  static constexpr std::size_t max_string_size = max_object_size;
  using Error = json::error_code;

  ExactHandler(const JsonLimits& limits, std::optional<char> mark) : limits_(limits), mark_(mark) {
    values_.reset();
  }

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) {
    keys_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t size, Error&) {
    keys_.pop_back();
    values_.push_object(size);
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t size, Error& error) {
    if (size > limits_.elements) return refuse("an array has too many elements", error);
    values_.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t size, Error& error) {
    text_.append(part.data(), part.size());
    return size <= limits_.key_bytes || refuse("a key is too long", error);
  }
  bool on_key(json::string_view part, std::size_t size, Error& error) {
    if (!on_key_part(part, size, error)) return false;
    values_.push_key(text_);
    const bool is_new = keys_.back().insert(std::exchange(text_, {})).second;
    if (!is_new) return refuse("an object has a key twice", error);
    return keys_.back().size() <= limits_.members || refuse("an object has too many members", error);
  }
  bool on_string_part(json::string_view part, std::size_t size, Error& error) {
    text_.append(part.data(), part.size());
    return size <= limits_.text_bytes || refuse("a text is too long", error);
  }
  bool on_string(json::string_view part, std::size_t size, Error& error) {
    if (!on_string_part(part, size, error)) return false;
    if (mark_ && text_.starts_with(*mark_)) return refuse("a text begins with the mark of a number", error);
    values_.push_string(std::exchange(text_, {}));
    return true;
  }
  bool on_number_part(json::string_view part, Error& error) {
    text_.append(part.data(), part.size());
    return text_.size() <= limits_.text_bytes || refuse("a number is too long", error);
  }
  bool on_int64(std::int64_t, json::string_view part, Error& error) { return push_number(part, error); }
  bool on_uint64(std::uint64_t, json::string_view part, Error& error) { return push_number(part, error); }
  bool on_double(double, json::string_view part, Error& error) { return push_number(part, error); }
  bool on_bool(bool value, Error&) {
    values_.push_bool(value);
    return true;
  }
  bool on_null(Error&) {
    values_.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, Error&) { return true; }
  bool on_comment(json::string_view, Error&) { return true; }

  json::value release() { return values_.release(); }
  const std::string& refusal() const noexcept { return refusal_; }

 private:
  bool push_number(json::string_view part, Error& error) {
    if (!on_number_part(part, error)) return false;
    std::string digits = std::exchange(text_, {});
    if (mark_) digits.insert(0, 1, *mark_);
    values_.push_string(digits);
    return true;
  }

  bool refuse(std::string why, Error& error) {
    refusal_ = std::move(why);
    error = json::error::syntax;
    return false;
  }

  const JsonLimits& limits_;
  const std::optional<char> mark_;
  json::value_stack values_;
  std::vector<std::set<std::string, std::less<>>> keys_;  ///< of the objects that are open
  std::string text_;                                      ///< what has come of a key, a text or a number
  std::string refusal_;
};

std::string place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = 1 + std::ranges::count(before, '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? at + 1 : at - start;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

Problem not_json(std::string_view text, std::size_t at, const std::string& why) {
  return {"", "is not JSON: " + place_of(text, at) + ": " + why};
}

Result<json::value> read(std::string_view text, const JsonLimits& limits, std::optional<char> mark) {
  if (text.size() > limits.bytes)
    return Problem{"", "is larger than " + std::to_string(limits.bytes) + " bytes"};
  json::parse_options options;
  options.max_depth = limits.depth;
  json::basic_parser<ExactHandler> parser(options, limits, mark);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) {
    const std::string& refusal = parser.handler().refusal();
    return not_json(text, used, refusal.empty() ? error.message() : refusal);
  }
  if (!parser.done()) return not_json(text, used, "the document has no end");
  if (text.find_first_not_of(kBlank, used) != std::string_view::npos)
    return not_json(text, used, "something follows the end of the document");
  return parser.handler().release();
}

}  // namespace

Result<json::value> read_json(std::string_view text, const JsonLimits& limits) {
  return read(text, limits, std::nullopt);
}

Result<json::object> read_json_object(std::string_view text, const JsonLimits& limits) {
  auto value = read(text, limits, std::nullopt);
  if (!value) return value.error();
  if (!value->is_object()) return Problem{"", "is not a JSON object"};
  return std::move(value->get_object());
}

Result<json::value> read_json_marking_numbers(std::string_view text, char mark, const JsonLimits& limits) {
  return read(text, limits, mark);
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

const json::array* array_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value == nullptr ? nullptr : value->if_array();
}

}  // namespace payoutd
