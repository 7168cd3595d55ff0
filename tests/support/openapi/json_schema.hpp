#pragma once
#include <boost/json/value.hpp>
#include <map>
#include <mutex>
#include <regex>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace payoutd::test {

/// A schema that cannot be used: a keyword that is not known here, a reference that leads nowhere.
class SchemaError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// JSON Schema 2020-12, as far as the API's document uses it: type, enum, const, properties, required,
/// additionalProperties, unevaluatedProperties, propertyNames, minProperties, maxProperties, items, minItems,
/// maxItems, minLength, maxLength, pattern, format (uuid, date-time), minimum, maximum, allOf, anyOf, oneOf
/// and $ref into the document. Anything else is a SchemaError, so that nothing is taken for checked that is
/// not.
class JsonSchemas {
 public:
  explicit JsonSchemas(const boost::json::value& document) : document_(document) {}

  /// What is wrong with the value, each with its place in it; none: it is what the schema says.
  std::vector<std::string> problems(const boost::json::value& schema, const boost::json::value& value) const;

  /// What `{"$ref": …}` stands for, or the value itself.
  const boost::json::value& resolved(const boost::json::value& value) const;

 private:
  using Places = std::vector<std::string>;
  /// The properties of an object that some schema has looked at.
  using Evaluated = std::set<std::string, std::less<>>;

  void check(const boost::json::value& schema, const boost::json::value& value, const std::string& place,
             Places& wrong, Evaluated& evaluated) const;
  void check_object(const boost::json::object& schema, const boost::json::object& value,
                    const std::string& place, Places& wrong, Evaluated& evaluated) const;
  void check_array(const boost::json::object& schema, const boost::json::array& value,
                   const std::string& place, Places& wrong) const;
  void check_string(const boost::json::object& schema, std::string_view value, const std::string& place,
                    Places& wrong) const;
  void check_alternatives(const boost::json::object& schema, const boost::json::value& value,
                          const std::string& place, Places& wrong, Evaluated& evaluated) const;
  const std::regex& pattern(std::string_view text) const;

  const boost::json::value& document_;
  mutable std::mutex mutex_;  ///< tests ask from several threads
  mutable std::map<std::string, std::regex, std::less<>> patterns_;
};

}  // namespace payoutd::test
