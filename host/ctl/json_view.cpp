#include "ctl/json_view.hpp"

#include <boost/json.hpp>

#include "ctl/output.hpp"

namespace payoutd::ctl {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || value->is_null()) return {};
  if (value->is_string()) return printable(std::string_view(value->get_string()));
  return printable(json::serialize(*value));
}

std::int64_t number_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_number()) return 0;
  return value->to_number<std::int64_t>();
}

bool true_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_bool() && value->get_bool();
}

const json::array& array_at(const json::object& object, std::string_view name) {
  static const json::array none;
  const auto* value = object.if_contains(name);
  return value == nullptr || !value->is_array() ? none : value->get_array();
}

const json::object& object_at(const json::object& object, std::string_view name) {
  static const json::object none;
  const auto* value = object.if_contains(name);
  return value == nullptr || !value->is_object() ? none : value->get_object();
}

}  // namespace payoutd::ctl
