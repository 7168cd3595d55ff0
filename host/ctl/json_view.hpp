#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <string>
#include <string_view>

namespace payoutd::ctl {

// What an answer of the host holds, for people; forgiving, so that an older host's answers can be shown too.

/// The value as text without control characters: empty where it is missing or null.
std::string text_at(const boost::json::object& object, std::string_view name);
/// 0 where it is missing or no number.
std::int64_t number_at(const boost::json::object& object, std::string_view name);
bool true_at(const boost::json::object& object, std::string_view name);
/// Empty where it is missing or no list.
const boost::json::array& array_at(const boost::json::object& object, std::string_view name);
/// Empty where it is missing or no object.
const boost::json::object& object_at(const boost::json::object& object, std::string_view name);

}  // namespace payoutd::ctl
