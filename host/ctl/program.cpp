#include "ctl/program.hpp"

#include <fcntl.h>
#include <libpq-fe.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <memory>
#include <system_error>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kKeptErrors = 4000;

std::vector<std::string> merged_environment(const std::map<std::string, std::string>& over) {
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (!over.contains(text.substr(0, text.find('=')))) all.push_back(text);
  }
  for (const auto& [name, value] : over) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (auto& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

// Reads until the program closes its end; passes an interrupt on.
void follow(int descriptor, pid_t pid, ProgramRun& run) {
  std::array<char, 4096> buffer{};
  constexpr int kLook_ms = 200;
  while (true) {
    pollfd wait{descriptor, POLLIN, 0};
    const int ready = ::poll(&wait, 1, kLook_ms);
    if (interrupted() && !std::exchange(run.interrupted, true)) ::kill(pid, SIGTERM);
    if (ready <= 0) continue;
    const auto got = ::read(descriptor, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return;
    run.errors.append(buffer.data(), static_cast<std::size_t>(got));
    if (run.errors.size() > kKeptErrors) run.errors.erase(0, run.errors.size() - kKeptErrors);
  }
}

}  // namespace

ProgramRun run_program(const fs::path& program, const std::vector<std::string>& arguments,
                       const std::map<std::string, std::string>& environment) {
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto variables = merged_environment(environment);
  std::array<int, 2> pipe_ends{};
  if (::pipe2(pipe_ends.data(), O_CLOEXEC) != 0)
    throw std::system_error(errno, std::generic_category(), "pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], STDERR_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawn(&pid, program.c_str(), &actions, nullptr, pointers(words).data(),
                                  pointers(variables).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);
  if (error != 0) {
    ::close(pipe_ends[0]);
    throw CommandFailed(ExitCode::failed,
                        program.string() + " cannot be started: " + std::generic_category().message(error));
  }
  ProgramRun run;
  follow(pipe_ends[0], pid, run);
  ::close(pipe_ends[0]);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  run.status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  while (!run.errors.empty() && run.errors.back() == '\n') run.errors.pop_back();
  return run;
}

std::map<std::string, std::string> libpq_environment(const std::string& dsn) {
  std::map<std::string, std::string> variables;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(dsn.c_str(), nullptr), &PQconninfoFree);
  if (!options) throw CommandFailed(ExitCode::usage, "the database's DSN cannot be read");
  for (auto* option = options.get(); option->keyword != nullptr; ++option)
    if (option->val != nullptr && option->envvar != nullptr) variables[option->envvar] = option->val;
  return variables;
}

fs::path postgres_program(const std::string& name, int major) {
  constexpr int kNewest = 30;
  std::error_code ignored;
  for (int version = major; version <= kNewest; ++version) {
    const fs::path path = fs::path("/usr/lib/postgresql") / std::to_string(version) / "bin" / name;
    if (fs::exists(path, ignored)) return path;
  }
  for (const char* folder : {"/usr/local/bin", "/usr/bin", "/bin"})
    if (const fs::path path = fs::path(folder) / name; fs::exists(path, ignored)) return path;
  throw CommandFailed(ExitCode::failed, name + " is not installed; Debian's package is postgresql-client-" +
                                            std::to_string(major));
}

}  // namespace payoutd::ctl
