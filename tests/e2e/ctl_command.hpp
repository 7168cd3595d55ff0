#pragma once
#include <fstream>
#include <string>
#include <vector>

#include "harness/host_process.hpp"

namespace payoutd::test {

struct CommandEnd {
  int status = -1;
  std::string output;
};

/// payoutctl, as an operator at the host's machine runs it.
inline CommandEnd ctl_command(HostProcess& host, std::vector<std::string> arguments) {
  static int number = 0;
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  arguments.insert(arguments.end(), {"--socket", host.control_socket().string()});
  start.arguments = std::move(arguments);
  start.log = host.settings().directory / ("command-" + std::to_string(++number) + ".log");
  ChildProcess process(start);
  CommandEnd ended;
  ended.status = process.wait(std::chrono::seconds{60}).value_or(-1);
  std::ifstream in(start.log);
  ended.output = {std::istreambuf_iterator<char>(in), {}};
  return ended;
}

}  // namespace payoutd::test
