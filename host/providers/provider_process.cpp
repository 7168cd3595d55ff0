#include "providers/provider_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <csignal>
#include <system_error>

#include "providers/channel.hpp"
#include "providers/event.hpp"
#include "providers/frame.hpp"
#include "providers/process_identity.hpp"
#include "providers/wire_codec.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kLastWords{300};    // for what a dead process left in its pipes
constexpr Milliseconds kExitGrace{1'000};  // between the end of the channel and SIGKILL

void check(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
}

class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept : fd_(other.release()) {}
  OwnedFd& operator=(OwnedFd&&) = delete;
  ~OwnedFd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }
  int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

/// A copy above the numbers that the child's own descriptors get, so that none overwrites another.
OwnedFd lifted(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 16);
  check(copy, "copying a descriptor");
  return OwnedFd(copy);
}

pid_t spawn(const SpawnOptions& options, int channel, int error_pipe) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, error_pipe, 1);
  ::posix_spawn_file_actions_adddup2(&actions, error_pipe, 2);
  ::posix_spawn_file_actions_adddup2(&actions, channel, 3);
  sigset_t none;
  sigset_t all;
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);  // Ctrl-C is for the host, which then drains
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);

  std::vector<std::string> arguments{options.executable.string()};
  arguments.insert(arguments.end(), options.arguments.begin(), options.arguments.end());
  std::vector<std::string> environment = harmless_environment();
  const auto pointers = [](std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (std::string& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
  };
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, options.executable.c_str(), &actions, &attributes,
                                   pointers(arguments).data(), pointers(environment).data());
  ::posix_spawn_file_actions_destroy(&actions);
  ::posix_spawnattr_destroy(&attributes);
  if (failed != 0) {
    throw std::system_error(failed, std::generic_category(), "starting " + options.executable.string());
  }
  return pid;
}

struct PendingCall {
  explicit PendingCall(asio::any_io_executor executor) : answered(std::move(executor)) {}
  Event answered;
  std::optional<json::object> answer;
  std::string lost;  // why no answer will come
};

json::value take_answer(json::object answer) {
  if (json::value* ok = answer.if_contains("ok")) return std::move(*ok);
  const json::object& error = wire::object_field(answer, "error");
  std::vector<Problem> problems;
  if (const json::value* list = error.if_contains("problems"); list != nullptr && list->is_array()) {
    for (const json::value& problem : list->get_array()) problems.push_back(wire::decode_problem(problem));
  }
  throw PluginError(wire::text_field(error, "type"), wire::text_field(error, "message"), std::move(problems));
}

class SpawnedProcess final : public ProviderProcess {
 public:
  SpawnedProcess(asio::any_io_executor executor, pid_t pid, OwnedFd channel, OwnedFd errors,
                 Callbacks callbacks, std::size_t max_line_bytes)
      : executor_(executor),
        pid_(pid),
        callbacks_(std::move(callbacks)),
        channel_(Channel::open(executor, channel.release())),
        errors_(executor, errors.release()),
        death_(executor, open_pidfd(pid)),
        grace_(executor),
        max_line_bytes_(max_line_bytes) {}

  void watch() {
    channel_->start(
        {.on_message = [self = self()](json::object message) { self->receive(std::move(message)); },
         .on_closed = [self = self()](const std::string& why) { self->on_channel_closed(why); }});
    read_errors();
    death_.async_wait(asio::posix::stream_descriptor::wait_read,
                      [self = self()](const boost::system::error_code&) { self->on_death(); });
  }

  Awaitable<json::value> call(std::string operation, json::object body, Milliseconds timeout) override {
    return call(self(), std::move(operation), std::move(body), timeout);
  }

  void signal(int number) override {
    if (!end_) ::syscall(SYS_pidfd_send_signal, death_.native_handle(), number, nullptr, 0);
  }
  pid_t pid() const noexcept override { return pid_; }
  bool is_open() const noexcept override { return channel_->is_open() && !end_; }

 private:
  std::shared_ptr<SpawnedProcess> self() {
    return std::static_pointer_cast<SpawnedProcess>(shared_from_this());
  }

  /// Takes the call off the table, however its coroutine ends.
  struct Registration {
    std::shared_ptr<SpawnedProcess> process;
    std::int64_t id;
    ~Registration() { process->pending_.erase(id); }
  };

  static Awaitable<json::value> call(std::shared_ptr<SpawnedProcess> self, std::string operation,
                                     json::object body, Milliseconds timeout) {
    if (!self->is_open()) throw CallFailed(false, "the provider's process is not running");
    const std::int64_t id = ++self->last_id_;
    const auto until = std::chrono::steady_clock::now() + timeout;
    self->send_request(id, operation, std::move(body));
    const auto pending = std::make_shared<PendingCall>(self->executor_);
    self->pending_.emplace(id, pending);
    const Registration registration{self, id};
    while (!pending->answer && pending->lost.empty()) {
      if (std::chrono::steady_clock::now() >= until) {
        self->send_request(++self->last_id_, "cancel", {{"id", id}});
        throw CallFailed(true,
                         operation + " was not answered within " + std::to_string(timeout.count()) + " ms");
      }
      co_await pending->answered.wait_until(until);
    }
    if (!pending->answer) throw CallFailed(true, pending->lost);
    try {
      co_return take_answer(std::move(*pending->answer));
    } catch (const wire::WireError& error) {
      throw CallFailed(true, operation + " was answered with something unreadable: " + error.what());
    }
  }

  void send_request(std::int64_t id, const std::string& operation, json::object body) {
    if (!channel_->is_open()) return;
    json::object message{{"id", id}, {"op", operation}};
    message["body"] = std::move(body);
    try {
      wire::make_sendable(message);
      channel_->send(message);
    } catch (const std::exception& error) {
      throw CallFailed(false, operation + " cannot be sent: " + error.what());
    }
  }

  void receive(json::object message) {
    if (message.contains("notice")) {
      if (callbacks_.on_notice) callbacks_.on_notice(std::move(message));
      return;
    }
    const json::value* id = message.if_contains("id");
    const auto found = id != nullptr && id->is_int64() ? pending_.find(id->get_int64()) : pending_.end();
    if (found == pending_.end()) return;  // given up meanwhile, or the answer to a cancel
    found->second->answer = std::move(message);
    found->second->answered.notify();
  }

  void fail_pending(const std::string& why) {
    for (const auto& [id, pending] : pending_) {
      if (pending->answer || !pending->lost.empty()) continue;
      pending->lost = why;
      pending->answered.notify();
    }
  }

  void on_channel_closed(const std::string& why) {
    if (end_) return report_end();
    if (callbacks_.on_lost) callbacks_.on_lost(why);
    fail_pending("the provider's process went away: " + why);
    // A process without a channel can serve nobody; usually it is exiting already.
    grace_.expires_after(kExitGrace);
    grace_.async_wait([self = self()](const boost::system::error_code& stopped) {
      if (!stopped) self->signal(SIGKILL);
    });
  }

  void on_death() {
    siginfo_t info{};
    ::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(death_.native_handle()), &info, WEXITED);
    ProcessEnd end;
    if (info.si_code == CLD_EXITED) {
      end.exit_code = info.si_status;
    } else {
      end.signal = info.si_status;
    }
    end_ = end;
    // What it wrote before it died may still be in the pipes.
    grace_.expires_after(kLastWords);
    grace_.async_wait([self = self()](const boost::system::error_code& stopped) {
      if (!stopped) self->report_end(true);
    });
    report_end();
  }

  void report_end(bool at_once = false) {
    const bool all_read = !channel_->is_open() && errors_ended_;
    if (!end_ || reported_ || (!all_read && !at_once)) return;
    reported_ = true;
    grace_.cancel();
    channel_->close();
    boost::system::error_code ignored;
    errors_.close(ignored);
    fail_pending("the provider's process " + end_->text());
    const auto callbacks = std::exchange(callbacks_, {});
    if (callbacks.on_end) callbacks.on_end(*end_);
  }

  void read_errors() {
    errors_.async_read_some(asio::buffer(error_piece_),
                            [self = self()](const boost::system::error_code& failed, std::size_t bytes) {
                              self->on_errors(failed, bytes);
                            });
  }

  void on_errors(const boost::system::error_code& failed, std::size_t bytes) {
    for (std::size_t i = 0; i < bytes; ++i) {
      if (error_piece_[i] == '\n' || error_line_.size() >= max_line_bytes_) emit_line();
      if (error_piece_[i] != '\n') error_line_ += error_piece_[i];
    }
    if (!failed) return read_errors();
    emit_line();
    errors_ended_ = true;
    report_end();
  }

  void emit_line() {
    const std::string line = wire::clean_text(std::exchange(error_line_, {}), max_line_bytes_);
    if (!line.empty() && callbacks_.on_stderr_line) callbacks_.on_stderr_line(line);
  }

  asio::any_io_executor executor_;
  pid_t pid_;
  Callbacks callbacks_;
  std::shared_ptr<Channel> channel_;
  asio::posix::stream_descriptor errors_;
  asio::posix::stream_descriptor death_;
  asio::steady_timer grace_;
  std::unordered_map<std::int64_t, std::shared_ptr<PendingCall>> pending_;
  std::int64_t last_id_ = 0;
  std::array<char, 4096> error_piece_{};
  std::string error_line_;
  std::size_t max_line_bytes_;
  std::optional<ProcessEnd> end_;
  bool errors_ended_ = false;
  bool reported_ = false;
};

}  // namespace

std::string ProcessEnd::text() const {
  if (signal == 0) return "exited with code " + std::to_string(exit_code);
  return "was ended by signal " + std::to_string(signal) + " (" + ::strsignal(signal) + ")";
}

std::vector<std::string> harmless_environment() {
  // Everything else stays with the host: its environment may hold the database's URL.
  constexpr std::string_view kNames[] = {
      "PATH",          "LANG",         "TZ",           "LD_LIBRARY_PATH",
      "SSL_CERT_FILE", "SSL_CERT_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
      "TSAN_OPTIONS",  "LSAN_OPTIONS", "TMPDIR",       "LLVM_PROFILE_FILE"};
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    const bool wanted = std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
                        name.starts_with("LC_") || name.starts_with("PAYOUTD_FAULTS");
    if (wanted) out.emplace_back(text);
  }
  return out;
}

std::shared_ptr<ProviderProcess> ProviderProcess::start(asio::any_io_executor executor,
                                                        const SpawnOptions& options, Callbacks callbacks) {
  int pair[2];
  int pipe[2];
  check(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), "making the channel");
  OwnedFd ours(pair[0]);
  const OwnedFd theirs(pair[1]);
  check(::pipe2(pipe, O_CLOEXEC), "making the pipe for stderr");
  OwnedFd errors(pipe[0]);
  const OwnedFd errors_in(pipe[1]);
  const pid_t pid = spawn(options, lifted(theirs.get()).get(), lifted(errors_in.get()).get());
  auto process = std::make_shared<SpawnedProcess>(executor, pid, std::move(ours), std::move(errors),
                                                  std::move(callbacks), options.max_line_bytes);
  process->watch();
  return process;
}

}  // namespace payoutd::providers
