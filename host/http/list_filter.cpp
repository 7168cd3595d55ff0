#include "http/list_filter.hpp"

#include <charconv>

#include "core/ids.hpp"
#include "core/state.hpp"

namespace payoutd::http {
namespace {

constexpr int kDefaultPage = 50;
constexpr int kMaxPage = 500;

// Enough for the database to take it as a time or to refuse it; what it must not be is anything that
// PostgreSQL reads as something else (`now`, `yesterday`, a bare number).
bool is_time(const std::string& text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() < kShape.size() + 1 || text.size() > 40) return false;
  for (std::size_t i = 0; i < kShape.size(); ++i) {
    const bool digit = text[i] >= '0' && text[i] <= '9';
    const bool separator = text[i] == kShape[i] || (kShape[i] == 'T' && (text[i] == 't' || text[i] == ' '));
    if (kShape[i] == 'd' ? !digit : !separator) return false;
  }
  std::size_t at = kShape.size();
  if (text[at] == '.') {
    ++at;
    while (at < text.size() && text[at] >= '0' && text[at] <= '9') ++at;
  }
  const std::string_view zone = std::string_view(text).substr(at);
  return zone == "Z" || zone == "z" ||
         (zone.size() == 6 && (zone[0] == '+' || zone[0] == '-') && zone[3] == ':' &&
          zone.find_first_not_of("0123456789:", 1) == std::string_view::npos);
}

}  // namespace

std::optional<Response> read_list_filter(const Request& request, store::ListFilter& filter) {
  const auto bad = [](const char* field, std::string message) {
    return refuse(400, "BAD_PARAMETER", std::move(message), field);
  };
  filter.state = request.parameter("state");
  for (char& c : filter.state) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - ('a' - 'A')) : c;
  if (!filter.state.empty() && !core::parse_state(filter.state)) {
    std::string all;
    for (const core::State state : core::kAllStates) {
      all.append(all.empty() ? "" : ", ").append(core::to_string(state));
    }
    return bad("state", in_quotes(filter.state) + " is not a state; there are " + all + ".");
  }
  for (const char* name : {"created_after", "created_before"}) {
    const std::string value = request.parameter(name);
    if (!value.empty() && !is_time(value)) {
      return bad(name, std::string(name) + " must be a time such as 2026-01-31T08:00:00Z.");
    }
  }
  filter.created_after = request.parameter("created_after");
  filter.created_before = request.parameter("created_before");
  filter.provider = request.parameter("provider");
  filter.batch = request.parameter("batch");
  filter.user_ref = request.parameter("user");
  filter.destination = request.parameter("destination");
  filter.idempotency_key = request.parameter("idempotency_key");
  filter.reason = request.parameter("reason");
  filter.cursor = request.parameter("cursor");
  const auto comma = filter.cursor.find(',');
  if (!filter.cursor.empty() && (comma == std::string::npos || !is_time(filter.cursor.substr(0, comma)) ||
                                 !core::is_uuid(filter.cursor.substr(comma + 1)))) {
    return bad("cursor", "cursor must be the `next` of the page before.");
  }
  filter.limit = kDefaultPage;
  if (const std::string limit = request.parameter("limit"); !limit.empty()) {
    const auto [end, ec] = std::from_chars(limit.data(), limit.data() + limit.size(), filter.limit);
    if (ec != std::errc() || end != limit.data() + limit.size() || filter.limit < 1 ||
        filter.limit > kMaxPage) {
      return bad("limit", "limit must be a number from 1 to " + std::to_string(kMaxPage) + ".");
    }
  }
  return std::nullopt;
}

}  // namespace payoutd::http
