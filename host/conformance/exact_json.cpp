#include "conformance/exact_json.hpp"

#include <boost/json.hpp>
#include <payoutd/exact_json.hpp>

namespace payoutd::conformance {
namespace {

namespace json = boost::json;

/// No text of a transcript or a request begins with this character: the reader refuses one that does.
constexpr char kNumberMark = '\x01';

/// A transcript is written by people who want to test something, and may be long.
constexpr JsonLimits kLimits{.bytes = 8 << 20,
                             .depth = 64,
                             .members = 100'000,
                             .elements = 100'000,
                             .key_bytes = 64 * 1024,
                             .text_bytes = 8 << 20};

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
  auto value = read_json_marking_numbers(text, kNumberMark, kLimits);
  if (!value) throw NotJson(value.error().reason);
  return *std::move(value);
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
