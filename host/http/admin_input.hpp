#pragma once
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "http/message.hpp"

namespace payoutd::http {

/// Reads the `note` of an operator's body; the refusal if it is none. `required` is the sentence that says
/// why there must be one; nullptr: it may be left out.
std::optional<Response> read_note(const boost::json::object& body, const char* required, std::string& note);

/// Reads a query parameter that is a whole number from `least` to `most`, and leaves `value` as it is if
/// there is none; the refusal if it is something else.
std::optional<Response> read_number(const Request& request, const char* name, std::int64_t least,
                                    std::int64_t most, std::int64_t& value);

/// Reads a query parameter that is `true` or `false`, as read_number does.
std::optional<Response> read_truth(const Request& request, const char* name, bool& value);

/// Seconds of 90s, 30m, 24h or 7d; nullopt for anything else.
std::optional<std::int64_t> seconds_of(const std::string& text);
/// What is said of a `since` that is none of these.
Response bad_since();
/// Reads the query parameter `since` into seconds, as read_number does.
std::optional<Response> read_since(const Request& request, std::int64_t& value);

/// Reads the query parameter `cursor`, "time,id"; the refusal if no page can have given it out.
std::optional<Response> read_cursor(const Request& request, std::string& value);

}  // namespace payoutd::http
