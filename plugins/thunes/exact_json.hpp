#pragma once
#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace thunes {

/// Reads JSON whose numbers are kept as the text that they were written in: in the value that comes back
/// every number is a string of its own digits, so that an amount never goes through a floating-point type.
/// Strict: at most 16 deep, UTF-8 valid, nothing behind the end, and no key twice in one object, for which of
/// two statuses counts is not ours to guess. Nullopt for everything else and for more than `max_bytes`.
std::optional<boost::json::value> read_json(std::string_view body, std::size_t max_bytes);
std::optional<boost::json::object> read_json_object(std::string_view body, std::size_t max_bytes);

/// True if the key is there and not null.
bool is_present(const boost::json::object& object, std::string_view key);

/// The text or the digits under this key; nullopt if there is nothing or something of another type.
std::optional<std::string> text_at(const boost::json::object& object, std::string_view key);

/// The object under this key, if it is one.
const boost::json::object* object_at(const boost::json::object& object, std::string_view key);

}  // namespace thunes
