#include "core/trace_context.hpp"

#include <algorithm>

#include "core/ids.hpp"

namespace payoutd::core {
namespace {

constexpr std::size_t kTraceDigits = 32;
constexpr std::size_t kSpanDigits = 16;

bool is_lower_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_zero(std::string_view digits) {
  return digits.find_first_not_of('0') == std::string_view::npos;
}

int value_of(char digit) {
  return digit <= '9' ? digit - '0' : digit - 'a' + 10;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// One part of a key: a letter (or a digit, where a tenant may stand), then letters, digits and _-*/.
bool is_key_part(std::string_view text, std::size_t most, bool may_begin_with_digit) {
  const auto is_letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.empty() || text.size() > most) return false;
  if (!is_letter(text.front()) && !(may_begin_with_digit && is_digit(text.front()))) return false;
  return std::ranges::all_of(text, [&](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("_-*/").find(c) != std::string_view::npos;
  });
}

bool is_state_key(std::string_view key) {
  const auto at = key.find('@');
  if (at == std::string_view::npos) return is_key_part(key, 256, true);
  return is_key_part(key.substr(0, at), 241, true) && is_key_part(key.substr(at + 1), 14, false);
}

// Printable ASCII without comma and equals sign; at most 256 characters, the last no space.
bool is_state_value(std::string_view value) {
  return !value.empty() && value.size() <= 256 && value.back() != ' ' &&
         std::ranges::all_of(value, [](char c) { return c >= 0x20 && c <= 0x7e && c != ',' && c != '='; });
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  constexpr std::size_t kLength = 55;
  if (text.size() < kLength) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  const std::string_view trace = text.substr(3, kTraceDigits);
  const std::string_view span = text.substr(36, kSpanDigits);
  const std::string_view flags = text.substr(53, 2);
  for (const std::size_t dash : {2u, 35u, 52u})
    if (text[dash] != '-') return std::nullopt;
  for (const std::string_view part : {version, trace, span, flags})
    if (!is_lower_hex(part)) return std::nullopt;
  if (version == "ff" || is_zero(trace) || is_zero(span)) return std::nullopt;
  if (text.size() > kLength && (version == "00" || text[kLength] != '-')) return std::nullopt;
  return TraceContext{std::string(trace), std::string(span), (value_of(flags[1]) & 1) != 0, {}};
}

std::string to_traceparent(const TraceContext& context) {
  return "00-" + context.trace_id + "-" + context.span_id + (context.sampled ? "-01" : "-00");
}

std::string read_tracestate(std::string_view text) {
  constexpr std::size_t kLongest = 512;
  constexpr std::size_t kMostMembers = 32;
  if (text.size() > kLongest) return {};
  std::string state;
  std::vector<std::string_view> keys;
  for (std::size_t begin = 0; begin <= text.size();) {
    const auto comma = std::min(text.find(',', begin), text.size());
    const std::string_view member = trimmed(text.substr(begin, comma - begin));
    begin = comma + 1;
    if (member.empty()) continue;  // allowed, and says nothing
    const auto equals = member.find('=');
    if (equals == std::string_view::npos) return {};
    const std::string_view key = member.substr(0, equals);
    if (!is_state_key(key) || !is_state_value(member.substr(equals + 1))) return {};
    if (std::ranges::find(keys, key) != keys.end() || keys.size() == kMostMembers) return {};
    keys.push_back(key);
    state.append(state.empty() ? "" : ",").append(member);
  }
  return state;
}

std::string trace_id_of_flow(std::string_view flow_id) {
  std::string digits;
  if (is_uuid(flow_id) || flow_id.size() == kTraceDigits) {
    for (const char c : flow_id)
      if (c != '-') digits += c >= 'A' && c <= 'F' ? static_cast<char>(c + ('a' - 'A')) : c;
  }
  if (digits.size() == kTraceDigits && is_lower_hex(digits) && !is_zero(digits)) return digits;
  return sha256_hex(flow_id).substr(0, kTraceDigits);
}

std::string random_span_id() {
  return span_id_of(random_uuid());
}

std::string span_id_of(std::string_view uuid) {
  std::string digits;
  for (const char c : uuid)
    if (c != '-') digits += c;
  if (digits.size() == kTraceDigits && is_lower_hex(digits)) {
    digits.erase(0, kTraceDigits - kSpanDigits);
    if (!is_zero(digits)) return digits;
  }
  return sha256_hex(uuid).substr(0, kSpanDigits);
}

}  // namespace payoutd::core
