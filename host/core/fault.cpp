#include "core/fault.hpp"

#ifdef PAYOUTD_FAULT_POINTS
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

namespace payoutd::fault {
namespace {

struct Arming {
  std::string action;
  std::uint64_t only_pass = 0;  // 0: every pass
  std::uint64_t passes = 0;
};

class Registry {
 public:
  Registry() {
    if (const char* text = std::getenv("PAYOUTD_FAULTS")) read(text, environment_);
    if (const char* path = std::getenv("PAYOUTD_FAULTS_FILE")) path_ = path;
    active_ = !environment_.empty() || !path_.empty();
  }

  bool active() const noexcept { return active_; }

  /// The action due at this pass, or an empty string.
  std::string pass(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    reread_file();
    std::string due = pass_in(environment_, name);
    return due.empty() ? pass_in(file_, name) : due;
  }

  std::uint64_t passes(std::string_view name) {
    const std::scoped_lock lock(mutex_);
    std::uint64_t count = 0;
    for (const auto* armings : {&environment_, &file_}) {
      const auto found = armings->find(name);
      if (found != armings->end()) count += found->second.passes;
    }
    return count;
  }

 private:
  using Armings = std::map<std::string, Arming, std::less<>>;

  static std::string pass_in(Armings& armings, std::string_view name) {
    const auto found = armings.find(name);
    if (found == armings.end()) return {};
    Arming& arming = found->second;
    ++arming.passes;
    return arming.only_pass == 0 || arming.only_pass == arming.passes ? arming.action : std::string{};
  }

  static void read(std::string text, Armings& into) {
    std::replace(text.begin(), text.end(), ',', '\n');
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      std::erase_if(line, [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
      const auto equals = line.find('=');
      if (line.empty() || line.front() == '#' || equals == std::string::npos) continue;
      Arming arming{.action = line.substr(equals + 1)};
      if (const auto at = arming.action.find('@'); at != std::string::npos) {
        arming.only_pass = std::strtoull(arming.action.c_str() + at + 1, nullptr, 10);
        arming.action.resize(at);
      }
      into[line.substr(0, equals)] = std::move(arming);
    }
  }

  void reread_file() {
    if (path_.empty()) return;
    const auto now = std::chrono::steady_clock::now();
    if (now < next_look_) return;
    next_look_ = now + std::chrono::milliseconds(5);
    struct stat info{};
    const bool exists = ::stat(path_.c_str(), &info) == 0;
    const auto stamp = exists
                           ? std::array<std::int64_t, 4>{info.st_mtim.tv_sec, info.st_mtim.tv_nsec,
                                                         info.st_size, static_cast<std::int64_t>(info.st_ino)}
                           : std::array<std::int64_t, 4>{};
    if (stamp == stamp_) return;
    stamp_ = stamp;
    file_.clear();
    if (!exists) return;
    std::ifstream in(path_);
    std::ostringstream text;
    text << in.rdbuf();
    read(text.str(), file_);
  }

  std::mutex mutex_;
  Armings environment_;
  Armings file_;
  std::string path_;
  std::array<std::int64_t, 4> stamp_{};
  std::chrono::steady_clock::time_point next_look_{};
  bool active_ = false;
};

Registry& registry() {
  static Registry instance;
  return instance;
}

}  // namespace

void point(std::string_view name) {
  if (!registry().active()) return;
  const std::string action = registry().pass(name);
  if (action.empty()) return;
  if (action == "kill") ::kill(::getpid(), SIGKILL);
  if (action == "stop") ::kill(::getpid(), SIGSTOP);
  if (action == "exit") ::_exit(70);
  if (action == "throw") throw Injected("fault injected at " + std::string(name));
  if (action.starts_with("sleep:")) {
    std::this_thread::sleep_for(std::chrono::milliseconds(std::strtoll(action.c_str() + 6, nullptr, 10)));
  }
}

std::uint64_t passes(std::string_view name) {
  return registry().passes(name);
}

}  // namespace payoutd::fault
#endif
