#include "http/admin_input.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"

namespace payoutd::http {

std::optional<Response> read_note(const boost::json::object& body, const char* required, std::string& note) {
  constexpr std::size_t kMaxNote = 2000;
  const auto* value = body.if_contains("note");
  if (value != nullptr && !value->is_null()) {
    if (!value->is_string()) return refuse(400, "BAD_VALUE", "note must be text.", "note");
    note = std::string(value->get_string());
  }
  if (note.size() > kMaxNote) {
    return refuse(400, "BAD_VALUE", "note is longer than " + std::to_string(kMaxNote) + " bytes.", "note");
  }
  if (required != nullptr && note.find_first_not_of(" \t\r\n") == std::string::npos) {
    return refuse(422, "NOTE_REQUIRED", required, "note");
  }
  return std::nullopt;
}

std::optional<Response> read_number(const Request& request, const char* name, std::int64_t least,
                                    std::int64_t most, std::int64_t& value) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::nullopt;
  std::int64_t read = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), read);
  if (ec != std::errc() || end != text.data() + text.size() || read < least || read > most) {
    return refuse(400, "BAD_PARAMETER",
                  std::string(name) + " must be a number from " + std::to_string(least) + " to " +
                      std::to_string(most) + ".",
                  name);
  }
  value = read;
  return std::nullopt;
}

std::optional<Response> read_truth(const Request& request, const char* name, bool& value) {
  const std::string text = request.parameter(name);
  if (text.empty()) return std::nullopt;
  if (text != "true" && text != "false")
    return refuse(400, "BAD_PARAMETER", std::string(name) + " must be true or false.", name);
  value = text == "true";
  return std::nullopt;
}

std::optional<std::int64_t> seconds_of(const std::string& text) {
  constexpr std::int64_t kLongest_s = 10LL * 366 * 24 * 3600;
  if (text.size() < 2) return std::nullopt;
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size() - 1, number);
  if (ec != std::errc() || end != text.data() + text.size() - 1 || number < 1) return std::nullopt;
  const std::int64_t unit = text.back() == 's'   ? 1
                            : text.back() == 'm' ? 60
                            : text.back() == 'h' ? 3'600
                            : text.back() == 'd' ? 86'400
                                                 : 0;
  if (unit == 0 || number > kLongest_s / unit) return std::nullopt;
  return number * unit;
}

Response bad_since() {
  return refuse(400, "BAD_PARAMETER", "since must be a number of s, m, h or d, such as 90s, 30m, 24h or 7d.",
                "since");
}

std::optional<Response> read_since(const Request& request, std::int64_t& value) {
  const std::string text = request.parameter("since");
  if (text.empty()) return std::nullopt;
  const auto seconds = seconds_of(text);
  if (!seconds) return bad_since();
  value = *seconds;
  return std::nullopt;
}

std::optional<Response> read_cursor(const Request& request, std::string& value) {
  value = request.parameter("cursor");
  if (value.empty()) return std::nullopt;
  const auto comma = value.find(',');
  if (comma == std::string::npos || comma < 20 || !core::is_uuid(value.substr(comma + 1)) ||
      value.substr(0, comma).find_first_not_of("0123456789-:.TZ") != std::string::npos)
    return refuse(400, "BAD_PARAMETER", "cursor must be the `next` of the page before.", "cursor");
  return std::nullopt;
}

}  // namespace payoutd::http
