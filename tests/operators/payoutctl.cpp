#include "payoutctl.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "harness/host_process.hpp"

namespace payoutd::test {
namespace {

std::string quoted(const std::string& word) {
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

std::string content(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  std::filesystem::remove(path);
  return text;
}

}  // namespace

boost::json::value CommandResult::json() const {
  return boost::json::parse(out);
}

CommandResult payoutctl(const std::vector<std::string>& arguments, int limit_s) {
  static std::atomic<int> runs{0};
  const auto base = std::filesystem::temp_directory_path() /
                    ("payoutctl-" + std::to_string(::getpid()) + "-" + std::to_string(++runs));
  std::string line =
      "timeout " + std::to_string(limit_s) + " " + quoted((build_bin() / "payoutctl").string());
  for (const auto& one : arguments) line += " " + quoted(one);
  line += " > " + quoted(base.string() + ".out") + " 2> " + quoted(base.string() + ".err");
  const int status = std::system(line.c_str());
  CommandResult result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  result.out = content(base.string() + ".out");
  result.err = content(base.string() + ".err");
  return result;
}

}  // namespace payoutd::test
