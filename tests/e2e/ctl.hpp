#pragma once
#include <sys/wait.h>

#include <array>
#include <boost/json.hpp>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "harness/host_process.hpp"

namespace payoutd::test {

/// What payoutctl printed and how it ended.
struct CtlResult {
  int code = -1;
  std::string out;  ///< standard output
  boost::json::value json() const { return boost::json::parse(out); }
};

/// `payoutctl ARGUMENTS` as a shell runs it, at this host; errors go to payoutctl.err in the host's
/// directory.
inline CtlResult ctl(HostProcess& host, const std::string& arguments) {
  const std::string command = (build_bin() / "payoutctl").string() + " --socket " +
                              host.control_socket().string() + " --config " +
                              (host.settings().directory / "payoutd.yaml").string() + " " + arguments +
                              " 2>>" + (host.settings().directory / "payoutctl.err").string();
  std::FILE* pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("no process for payoutctl");
  CtlResult result;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;)
    result.out.append(buffer.data(), got);
  const int status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return result;
}

/// The value of one series of /metrics as it stands there; empty: there is none.
inline std::string host_metric(HostProcess& host, const std::string& series) {
  const std::string text = "\n" + host.request("GET", "/metrics").body;
  const auto at = text.find("\n" + series + " ");
  if (at == std::string::npos) return {};
  const auto begin = at + series.size() + 2;
  return text.substr(begin, text.find('\n', begin) - begin);
}

}  // namespace payoutd::test
