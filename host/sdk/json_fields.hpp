#pragma once
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <payoutd/result.hpp>
#include <set>
#include <string>
#include <string_view>

namespace payoutd::detail {

/// Reads one JSON object strictly: every field must be there, of its type, and no other. Throws BadInput with
/// the field's path; the SDK's readers catch it at their border and return the Problem.
class JsonFields {
 public:
  JsonFields(const boost::json::value& value, std::string path);
  JsonFields(const boost::json::object& object, std::string path) : object_(object), path_(std::move(path)) {}

  bool is_null(std::string_view name) { return field(name).is_null(); }
  bool boolean(std::string_view name);
  std::string text(std::string_view name);
  std::int64_t integer(std::string_view name, std::int64_t min, std::int64_t max);
  int small_integer(std::string_view name, int min, int max) {
    return static_cast<int>(integer(name, min, max));
  }
  const boost::json::array& array(std::string_view name);
  JsonFields object(std::string_view name) { return JsonFields(field(name), path_of(name)); }
  /// null stands for nullopt; a number for that many seconds, 0 or more.
  std::optional<std::chrono::seconds> optional_seconds(std::string_view name);

  template <class Enum>
  Enum one_of(std::string_view name, std::initializer_list<Enum> choices) {
    const std::string word = text(name);
    std::string expected;
    for (const Enum choice : choices) {
      if (to_string(choice) == word) return choice;
      expected.append(expected.empty() ? "" : ", ").append(to_string(choice));
    }
    refuse(name, "must be one of " + expected);
  }

  /// Refuses the fields that nobody asked for.
  void finish() const;

  std::string path_of(std::string_view name) const;
  [[noreturn]] void refuse(std::string_view name, std::string reason) const;

 private:
  const boost::json::value& field(std::string_view name);

  const boost::json::object& object_;
  std::string path_;
  std::set<std::string, std::less<>> seen_;
};

std::string element_path(std::string_view array_path, std::size_t index);

}  // namespace payoutd::detail
