#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

// JSON whose numbers keep their digits. Money is read from what the request wrote and written as it is meant,
// never through a binary fraction: a number stands in the value as a string with a mark that no text of the
// wire carries.

/// None when the text is no JSON object, or contains the mark.
std::optional<boost::json::object> parse_object_exactly(std::string_view text);

/// The value as JSON, its marked strings as bare numbers.
std::string serialize_exactly(const boost::json::value& value);

/// A number with these digits.
boost::json::string exact_number(std::string_view digits);

/// False for a field that is absent or null.
bool has_field(const boost::json::object& object, std::string_view name);

// The fields of an exactly parsed object; none (null) when absent or of another type.
std::optional<std::string> string_field(const boost::json::object& object, std::string_view name);
std::optional<std::string> number_field(const boost::json::object& object, std::string_view name);
std::optional<std::string> string_or_number_field(const boost::json::object& object, std::string_view name);
const boost::json::object* object_field(const boost::json::object& object, std::string_view name);

}  // namespace simulator
