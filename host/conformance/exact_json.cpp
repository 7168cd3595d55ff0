#include "conformance/exact_json.hpp"

#include <boost/json.hpp>
#include <boost/json/basic_parser_impl.hpp>

namespace payoutd::conformance {
namespace {

namespace json = boost::json;

// No JSON text of ours begins with this character, so a string that does is a number.
constexpr char kNumberMark = '\x01';

/// Builds a value in which every number is a marked string of its own digits.
struct ExactHandler {
  static constexpr std::size_t max_object_size = 100'000;
  static constexpr std::size_t max_array_size = 100'000;
  static constexpr std::size_t max_key_size = 64 * 1024;
  static constexpr std::size_t max_string_size = 8 << 20;
  using Error = json::error_code;

  bool on_document_begin(Error&) { return true; }
  bool on_document_end(Error&) { return true; }
  bool on_object_begin(Error&) { return true; }
  bool on_object_end(std::size_t size, Error&) {
    values.push_object(size);
    return true;
  }
  bool on_array_begin(Error&) { return true; }
  bool on_array_end(std::size_t size, Error&) {
    values.push_array(size);
    return true;
  }
  bool on_key_part(json::string_view part, std::size_t, Error&) {
    values.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, std::size_t, Error&) {
    values.push_key(part);
    return true;
  }
  bool on_string_part(json::string_view part, std::size_t, Error&) {
    values.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, std::size_t, Error&) {
    values.push_string(part);
    return true;
  }
  bool on_number_part(json::string_view part, Error&) {
    digits.append(part.data(), part.size());
    return true;
  }
  bool on_int64(std::int64_t, json::string_view part, Error&) { return push_number(part); }
  bool on_uint64(std::uint64_t, json::string_view part, Error&) { return push_number(part); }
  bool on_double(double, json::string_view part, Error&) { return push_number(part); }
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

  bool push_number(json::string_view part) {
    std::string marked(1, kNumberMark);
    marked += std::exchange(digits, {});
    marked.append(part.data(), part.size());
    values.push_string(marked);
    return true;
  }

  json::value_stack values;
  std::string digits;
};

std::string place_of(std::string_view text, std::size_t at) {
  const std::string_view before = text.substr(0, at);
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  const auto start = before.rfind('\n');
  const auto column = start == std::string_view::npos ? at + 1 : at - start;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

void write(std::string& out, const json::value& value) {
  if (is_number(value)) {
    out += plain_text(value);
  } else if (const json::array* items = value.if_array()) {
    out += '[';
    for (std::size_t i = 0; i < items->size(); ++i) {
      if (i > 0) out += ',';
      write(out, (*items)[i]);
    }
    out += ']';
  } else if (const json::object* object = value.if_object()) {
    out += '{';
    bool first = true;
    for (const auto& member : *object) {
      if (!std::exchange(first, false)) out += ',';
      out += json::serialize(json::value(member.key()));
      out += ':';
      write(out, member.value());
    }
    out += '}';
  } else {
    out += json::serialize(value);
  }
}

}  // namespace

json::value parse_exact(std::string_view text) {
  json::parse_options options;
  options.max_depth = 64;
  json::basic_parser<ExactHandler> parser(options);
  parser.handler().values.reset();
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  if (error) throw NotJson(place_of(text, used) + ": " + error.message());
  if (text.find_first_not_of(" \t\r\n", used) != std::string_view::npos)
    throw NotJson(place_of(text, used) + ": something follows the end of the document");
  return parser.handler().values.release();
}

std::string serialize_exact(const json::value& value) {
  std::string out;
  write(out, value);
  return out;
}

bool is_number(const json::value& value) {
  return value.is_string() && !value.get_string().empty() && value.get_string().front() == kNumberMark;
}

bool is_text(const json::value& value) {
  return value.is_string() && !is_number(value);
}

json::value number_of(std::string_view digits) {
  return json::value(std::string(1, kNumberMark) + std::string(digits));
}

std::string plain_text(const json::value& value) {
  const std::string_view text = value.as_string();
  return std::string(text.substr(is_number(value) ? 1 : 0));
}

}  // namespace payoutd::conformance
