#pragma once
#include <boost/json/object.hpp>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {

struct TopOptions {
  double interval_s = 2;
  bool once = false;
};
/// A picture of the host that renews itself until q is typed; one picture with `once`, and where standard
/// output is no terminal.
ExitCode top(Context& context, const TopOptions& options);

/// What a picture is made of: the answers of the routes of these names, empty where there was none.
struct TopFacts {
  std::string unreachable;
  boost::json::object health;
  boost::json::object stats;  ///< of the last minute
  boost::json::object providers;
  boost::json::object scripts;
  boost::json::object hosts;
};
/// Lines of at most `width` characters, colours not counted.
std::vector<std::string> top_picture(const TopFacts& facts, std::size_t width, const Style& style);

}  // namespace payoutd::ctl
