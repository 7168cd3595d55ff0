#include "json_fields.hpp"

namespace payoutd::detail {
namespace {

const boost::json::object& as_object(const boost::json::value& value, const std::string& path) {
  if (!value.is_object()) throw BadInput({path, "must be an object"});
  return value.get_object();
}

}  // namespace

JsonFields::JsonFields(const boost::json::value& value, std::string path)
    : object_(as_object(value, path)), path_(std::move(path)) {}

bool JsonFields::boolean(std::string_view name) {
  const auto& value = field(name);
  if (!value.is_bool()) refuse(name, "must be true or false");
  return value.get_bool();
}

std::string JsonFields::text(std::string_view name) {
  const auto& value = field(name);
  if (!value.is_string()) refuse(name, "must be a string");
  return std::string(value.get_string());
}

std::int64_t JsonFields::integer(std::string_view name, std::int64_t min, std::int64_t max) {
  const auto& value = field(name);
  boost::system::error_code error;
  const auto number = value.is_number() && !value.is_double() ? value.to_number<std::int64_t>(error) : 0;
  if (!value.is_number() || value.is_double() || error) refuse(name, "must be an integer");
  if (number < min) refuse(name, "must be at least " + std::to_string(min));
  if (number > max) refuse(name, "must be at most " + std::to_string(max));
  return number;
}

const boost::json::array& JsonFields::array(std::string_view name) {
  const auto& value = field(name);
  if (!value.is_array()) refuse(name, "must be an array");
  return value.get_array();
}

std::optional<std::chrono::seconds> JsonFields::optional_seconds(std::string_view name) {
  if (field(name).is_null()) return std::nullopt;
  return std::chrono::seconds(integer(name, 0, std::numeric_limits<std::int32_t>::max()));
}

void JsonFields::finish() const {
  for (const auto& member : object_)
    if (!seen_.contains(member.key())) refuse(member.key(), "is not a known field");
}

std::string JsonFields::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

void JsonFields::refuse(std::string_view name, std::string reason) const {
  throw BadInput({path_of(name), std::move(reason)});
}

const boost::json::value& JsonFields::field(std::string_view name) {
  const auto* value = object_.if_contains(name);
  if (value == nullptr) refuse(name, "is missing");
  seen_.emplace(name);
  return *value;
}

std::string element_path(std::string_view array_path, std::size_t index) {
  return std::string(array_path) + "[" + std::to_string(index) + "]";
}

}  // namespace payoutd::detail
