#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace payoutd::http {

struct JsonProblem {
  std::string code;     ///< MALFORMED_JSON, DUPLICATE_FIELD, TOO_DEEP
  std::string message;  ///< names the line and column
  std::string field;    ///< of a duplicate, if it can be shown
};

struct JsonInput {
  boost::json::value value;
  std::optional<JsonProblem> problem;
};

/// Reads exactly one JSON document, strictly: no comments, no trailing text, valid UTF-8, at most 32 levels,
/// no key twice in an object, no NUL and no number outside a double. `first_line` is where `text` begins in
/// what the client sent.
JsonInput read_json(std::string_view text, int first_line = 1);

}  // namespace payoutd::http
