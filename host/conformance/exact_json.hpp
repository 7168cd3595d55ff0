#pragma once
#include <boost/json/value.hpp>
#include <stdexcept>
#include <string>
#include <string_view>

namespace payoutd::conformance {

/// The text is no JSON; what() says where.
class NotJson : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// JSON whose numbers stay the digits that they were written in (<payoutd/exact_json.hpp>) and can be told
/// from texts: what is sent is what was written, `25000.0` as `25000.0`. Inside the value a number is a
/// marked string; the functions below know it.
boost::json::value parse_exact(std::string_view text);
std::string serialize_exact(const boost::json::value& value);

bool is_number(const boost::json::value& value);
bool is_text(const boost::json::value& value);
boost::json::value number_of(std::string_view digits);

/// The text of a string or the digits of a number.
std::string plain_text(const boost::json::value& value);

}  // namespace payoutd::conformance
