#include "http/admin_input.hpp"

#include <boost/json.hpp>

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

}  // namespace payoutd::http
