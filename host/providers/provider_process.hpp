#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "providers/provider_handle.hpp"

namespace payoutd::providers {

/// How a process ended, in words for the operator.
struct ProcessEnd {
  int exit_code = -1;  ///< -1: ended by a signal
  int signal = 0;
  std::string text() const;  ///< `exited with code 3`, `was ended by signal 11 (Segmentation fault)`
};

/// The plugin answered a call with an error; `type` is `failed`, `unsupported` or `refused` (the runtime
/// itself would not run the call).
class PluginError : public CallFailed {
 public:
  PluginError(std::string type, const std::string& what, std::vector<Problem> problems)
      : CallFailed(true, what), type_(std::move(type)), problems_(std::move(problems)) {}
  const std::string& type() const noexcept { return type_; }
  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::string type_;
  std::vector<Problem> problems_;
};

struct SpawnOptions {
  std::filesystem::path executable;
  std::vector<std::string> arguments;
  std::size_t max_line_bytes = 8192;  ///< of stderr; longer lines are cut into several
};

/// A running payoutd-provider: its channel, its stderr and its death. One thread; callbacks come from the
/// executor.
class ProviderProcess : public std::enable_shared_from_this<ProviderProcess> {
 public:
  struct Callbacks {
    std::function<void(boost::json::object)> on_notice;
    std::function<void(std::string)> on_stderr_line;
    std::function<void(std::string)> on_lost;  ///< the channel ended: nothing can be called any more
    std::function<void(ProcessEnd)> on_end;    ///< the last callback; the process is reaped
  };

  /// Starts the process in a process group of its own, with descriptors 0 to 2 and the channel as 3, and with
  /// only harmless parts of the environment (no database URL, no secrets). Throws std::system_error.
  static std::shared_ptr<ProviderProcess> start(boost::asio::any_io_executor executor,
                                                const SpawnOptions& options, Callbacks callbacks);
  virtual ~ProviderProcess() = default;

  /// Sends a call and waits for its answer; throws CallFailed, PluginError for an error that the process
  /// reports. After `timeout` the call is cancelled in the process and given up here.
  virtual Awaitable<boost::json::value> call(std::string operation, boost::json::object body,
                                             std::chrono::milliseconds timeout) = 0;
  virtual void signal(int number) = 0;
  virtual pid_t pid() const noexcept = 0;
  virtual bool is_open() const noexcept = 0;
};

/// What payoutd-provider and the like get of the environment.
std::vector<std::string> harmless_environment();

}  // namespace payoutd::providers
