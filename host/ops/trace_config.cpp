#include "ops/trace_config.hpp"

#include "ops/redact.hpp"

namespace payoutd::ops {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool is_header_name(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

// What is no percent-encoding stays as it is.
std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    unsigned value = 0;
    if (text[i] == '%' && i + 2 < text.size()) {
      const char* const digits = text.data() + i + 1;
      const auto [end, error] = std::from_chars(digits, digits + 2, value, 16);
      if (error == std::errc{} && end == digits + 2) {
        out += static_cast<char>(value);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

}  // namespace

Result<std::vector<std::pair<std::string, Secret>>> parse_otlp_headers(std::string_view text) {
  std::vector<std::pair<std::string, Secret>> headers;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view member = trimmed(text.substr(0, comma));
    text.remove_prefix(std::min(comma + 1, text.size()));
    if (member.empty()) continue;
    const auto equals = member.find('=');
    const std::string_view name = trimmed(member.substr(0, equals));
    if (equals == std::string_view::npos || !is_header_name(name))
      return Problem{"", "must be headers such as Authorization=Bearer%20TOKEN, with commas between them"};
    std::string value = decoded(trimmed(member.substr(equals + 1)));
    if (std::ranges::any_of(value, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
      return Problem{"", "has a control character in the value of " + std::string(name)};
    headers.emplace_back(name, Secret(std::move(value)));
    redactor().add_secret(headers.back().second);
  }
  return headers;
}

std::string traces_url(std::string base) {
  while (base.ends_with('/')) base.pop_back();
  return base + "/v1/traces";
}

}  // namespace payoutd::ops
