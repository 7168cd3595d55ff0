#pragma once
#include <boost/json.hpp>
#include <string>
#include <vector>

namespace payoutd::test {

struct CommandResult {
  int status = -1;  ///< 124: it did not end in time
  std::string out;
  std::string err;
  boost::json::value json() const;
  std::string text() const { return "status " + std::to_string(status) + "\n" + out + err; }
};

/// Runs the built payoutctl to its end.
CommandResult payoutctl(const std::vector<std::string>& arguments, int limit_s = 120);

}  // namespace payoutd::test
