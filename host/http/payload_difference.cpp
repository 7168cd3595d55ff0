#include "http/payload_difference.hpp"

#include <boost/json.hpp>
#include <set>

namespace payoutd::http {
namespace {

namespace json = boost::json;

std::map<std::string, json::value> fields_of(const std::string& payload) {
  std::map<std::string, json::value> fields;
  boost::system::error_code unreadable;
  const json::value value = json::parse(payload, unreadable);
  if (unreadable || !value.is_object()) return fields;
  for (const auto& [name, field] : value.get_object()) {
    if (!field.is_object()) {
      fields.emplace(name, field);
      continue;
    }
    for (const auto& [key, inner] : field.get_object())
      fields.emplace(std::string(name) + "." + std::string(key), inner);
  }
  return fields;
}

}  // namespace

std::vector<std::string> differing_fields(const std::string& one, const std::string& other) {
  const auto first = fields_of(one);
  const auto second = fields_of(other);
  std::set<std::string> names;
  for (const auto& [name, value] : first)
    if (const auto found = second.find(name); found == second.end() || found->second != value)
      names.insert(name);
  for (const auto& [name, value] : second)
    if (!first.contains(name)) names.insert(name);
  return {names.begin(), names.end()};
}

}  // namespace payoutd::http
