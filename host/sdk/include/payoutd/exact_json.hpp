#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstddef>
#include <optional>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>

/// Reading a provider's JSON without losing a digit and without believing more than it says.
///
/// An ordinary JSON reader turns `10.10` into a double, and then it is no longer money. Here every number is
/// kept as the text that it was written in: `{"amount": 10.10}` and `{"amount": "10.10"}` read the same, so a
/// provider that leaves out quotes in one answer and writes them in the next is understood both times. Hand
/// the digits to Amount::parse, or to read_decimal() (<payoutd/decimal.hpp>) where exponents may occur.
///
/// Strict where form decides about money: one document with nothing but blanks behind it, valid UTF-8, no
/// comments, no trailing commas, no NaN, and no key twice in one object, for which of two statuses counts is
/// not for a reader to guess. Whatever breaks a rule or a limit is refused whole; nothing is ever half read.
///
/// All functions are pure, keep no reference to their input, and may be called from any thread.
namespace payoutd {

/// How large a document may be. The defaults suit the answers of payment APIs, which are below a few KiB; a
/// plugin whose provider sends more says so.
struct JsonLimits {
  std::size_t bytes = 64 * 1024;       ///< of the whole text
  std::size_t depth = 8;               ///< objects and arrays in each other; a lone `{}` has depth 1
  std::size_t members = 256;           ///< of one object
  std::size_t elements = 1024;         ///< of one array
  std::size_t key_bytes = 256;         ///< of one key, unescaped
  std::size_t text_bytes = 32 * 1024;  ///< of one text, unescaped, or of one number
};

/// Reads one document. In what comes back every number is a string of its own digits; texts, booleans, nulls,
/// arrays and objects are what they are, and objects keep the order of their keys. Texts are whatever JSON
/// can write, control characters and NUL included: clean them with safe_text() (<payoutd/text.hpp>) before
/// they reach a log.
///
/// The Problem has no field; its reason says what is wrong and where ("is not JSON: line 1, column 12: …")
/// and quotes nothing of the text, which may hold secrets. Throws std::bad_alloc only.
Result<boost::json::value> read_json(std::string_view text, const JsonLimits& limits = {});

/// The same for a document that must be an object; "is not a JSON object" for any other.
Result<boost::json::object> read_json_object(std::string_view text, const JsonLimits& limits = {});

/// The same as read_json for a reader that must tell `5` from `"5"`: in front of the digits of every number
/// stands `mark`. A text that itself begins with `mark` is refused, so none can pass for a number. Choose a
/// control character: no sane text begins with one.
Result<boost::json::value> read_json_marking_numbers(std::string_view text, char mark,
                                                     const JsonLimits& limits = {});

// ---- looking into what was read. The pointers live as long as the object.

/// True if the key is there and not null.
bool is_present(const boost::json::object& object, std::string_view key);

/// The text or the digits under the key; nullopt if there is nothing, or something of another type.
std::optional<std::string> text_at(const boost::json::object& object, std::string_view key);

/// The object or array under the key, if it is one; else nullptr.
const boost::json::object* object_at(const boost::json::object& object, std::string_view key);
const boost::json::array* array_at(const boost::json::object& object, std::string_view key);

}  // namespace payoutd
