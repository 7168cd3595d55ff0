#pragma once
#include <boost/json/value.hpp>
#include <string>

namespace payoutd::http {

/// null for what is not there.
boost::json::value text_or_null(const std::string& text);
/// JSON text that the database keeps; null if it is empty or is none.
boost::json::value stored_json(const std::string& text);

}  // namespace payoutd::http
