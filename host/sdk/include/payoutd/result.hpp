#pragma once
#include <boost/system/result.hpp>
#include <stdexcept>
#include <string>
#include <utility>

namespace payoutd {

/// Why an input was refused: the field (a path such as `items[3].amount`, or empty) and the reason, as half a
/// sentence that can follow the field ("must be greater than 0").
struct Problem {
  std::string field;
  std::string reason;

  Problem() = default;
  /// Declared so that Problem is no aggregate: C++20 would otherwise construct one from a lone string, and
  /// Result<std::string> could not tell a value from an error.
  Problem(std::string field_name, std::string why) : field(std::move(field_name)), reason(std::move(why)) {}

  friend bool operator==(const Problem&, const Problem&) = default;
};

/// What `Result::value()` throws when it holds a Problem.
class BadInput : public std::invalid_argument {
 public:
  explicit BadInput(Problem problem)
      : std::invalid_argument(problem.field.empty() ? problem.reason : problem.field + ": " + problem.reason),
        problem_(std::move(problem)) {}
  const Problem& problem() const noexcept { return problem_; }

 private:
  Problem problem_;
};

[[noreturn]] inline void throw_exception_from_error(const Problem& problem, const boost::source_location&) {
  throw BadInput(problem);
}

/// An expected failure is a value: `Result<T>` holds a T or the Problem with the input.
template <class T>
using Result = boost::system::result<T, Problem>;

}  // namespace payoutd
