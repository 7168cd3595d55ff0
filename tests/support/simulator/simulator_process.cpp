#include "simulator_process.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace simulator {
namespace {

constexpr std::chrono::seconds kReadyWithin{20};
constexpr std::chrono::seconds kStopWithin{10};

/// The first line of what the child prints; empty when it ends or dawdles.
std::string read_line(int descriptor) {
  const auto deadline = std::chrono::steady_clock::now() + kReadyWithin;
  std::string line;
  for (;;) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now())
            .count();
    pollfd waiting{descriptor, POLLIN, 0};
    char c = 0;
    if (left <= 0 || ::poll(&waiting, 1, static_cast<int>(left)) <= 0) return {};
    if (::read(descriptor, &c, 1) != 1) return {};
    if (c == '\n') return line;
    line += c;
  }
}

pid_t spawn(const std::vector<std::string>& words, int standard_output) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const auto child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child == 0) {
    ::dup2(standard_output, STDOUT_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  return child;
}

}  // namespace

std::string SimulatorProcess::program() {
  if (const char* named = std::getenv("PAYOUTD_SIMULATOR")) return named;
  return (std::filesystem::read_symlink("/proc/self/exe").parent_path() / "payoutd-simulator").string();
}

SimulatorProcess::SimulatorProcess(std::vector<std::string> options) {
  options.insert(options.begin(), {program(), "--die-with-parent"});
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  pid_ = spawn(options, pipe[1]);
  ::close(pipe[1]);
  const auto line = read_line(pipe[0]);
  ::close(pipe[0]);
  if (line.empty()) {
    stop();
    throw std::runtime_error(options[0] + " did not print its ready line");
  }
  const auto ready = boost::json::parse(line);
  for (const auto& [protocol, url] : ready.as_object()) urls_[protocol] = url.as_string();
  momo_url_ = url("momo");
  control_url_ = url("control");
}

SimulatorProcess::~SimulatorProcess() {
  stop();
}

const std::string& SimulatorProcess::url(std::string_view protocol) const {
  const auto found = urls_.find(protocol);
  if (found == urls_.end()) throw std::out_of_range("the simulator serves no " + std::string{protocol});
  return found->second;
}

int SimulatorProcess::stop() {
  if (pid_ < 0) return 0;
  ::kill(pid_, SIGTERM);
  const auto deadline = std::chrono::steady_clock::now() + kStopWithin;
  int status = 0;
  while (::waitpid(pid_, &status, WNOHANG) == 0) {
    if (std::chrono::steady_clock::now() > deadline) ::kill(pid_, SIGKILL);
    std::this_thread::sleep_for(std::chrono::milliseconds{2});
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

boost::json::value SimulatorProcess::ask(std::string_view method, std::string_view target,
                                         const std::string& body) {
  WireClient client{control_url_};
  const auto reply = client.exchange(method, target, {}, body, std::chrono::seconds{30});
  if (reply.wire != Wire::kAnswered || reply.status / 100 != 2) {
    throw std::runtime_error("simulator: " + std::string{method} + " " + std::string{target} + ": status " +
                             std::to_string(reply.status) + ": " + reply.body);
  }
  return reply.body.empty() ? boost::json::value{} : boost::json::parse(reply.body);
}

boost::json::value SimulatorProcess::get(std::string_view target) {
  return ask("GET", target, {});
}

boost::json::value SimulatorProcess::post(std::string_view target, const boost::json::value& command) {
  return ask("POST", target, boost::json::serialize(command));
}

void SimulatorProcess::remove(std::string_view target) {
  ask("DELETE", target, {});
}

}  // namespace simulator
