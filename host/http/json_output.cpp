#include "http/json_output.hpp"

#include <boost/json.hpp>

namespace payoutd::http {

namespace json = boost::json;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value(nullptr) : json::value(text);
}

json::value stored_json(const std::string& text) {
  if (text.empty()) return nullptr;
  json::error_code ec;
  json::value value = json::parse(text, ec);
  return ec ? json::value(nullptr) : value;
}

}  // namespace payoutd::http
