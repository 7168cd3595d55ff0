#pragma once
#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "harness/child_process.hpp"
#include "harness/paying_provider.hpp"
#include "wire_client.hpp"

namespace payoutd::test {

/// How a test's host is configured. Time limits are short, so that what takes minutes in production takes
/// seconds.
struct HostSettings {
  std::string name = "host-a";
  std::string listen = "127.0.0.1";
  std::filesystem::path directory;  ///< of this host: configuration, state, log
  std::string database;             ///< DSN, or `embedded`
  std::string momo_url;             ///< of the simulator; empty: no provider named `momo`
  std::string faults;               ///< armed in the host and in its provider process until disarm()
  std::map<std::string, std::string> momo{};    ///< settings of the provider over the defaults here
  std::map<std::string, std::string> engine{};  ///< settings of the engine over the defaults here
  std::map<std::string, std::string> secrets{{"api_key", "key-of-the-tests"},
                                             {"subscription_key", "subscription-of-the-tests"}};
  std::string more_of_momo{};                        ///< YAML of further parts of momo, indented by four
  std::vector<PayingProvider> providers{};           ///< beside momo, or instead of it
  std::filesystem::path plugins_directory{};         ///< empty: this build's
  std::filesystem::path scripts_directory{};         ///< empty: no scripts of its own
  std::string more_providers;                        ///< YAML of further providers, indented by two
  std::string more_sections{};                       ///< YAML of further sections, such as `auth`
  std::map<std::string, std::string> environment{};  ///< variables of the process
  std::string instance_key = "instance key of the tests, 32+ chars";
};

/// A real host on its own state directory.
class HostProcess {
 public:
  explicit HostProcess(HostSettings settings);
  ~HostProcess();

  /// Starts it and waits until it answers /livez; throws with the end of its log if it does not.
  void start();
  void start_without_waiting();
  /// The same as start(), on the configuration as it stands on disk, which somebody may have edited.
  void start_as_edited();
  bool wait_until_listening(std::chrono::milliseconds limit = std::chrono::seconds{30});
  bool wait_until_ready(std::chrono::milliseconds limit = std::chrono::seconds{30});
  void kill();                          ///< SIGKILL, and waits for its end
  int stop();                           ///< SIGTERM; the exit status
  void arm(const std::string& faults);  ///< at once, in processes that run too
  void disarm();  ///< no fault point does anything any more, in processes that run either
  bool running() { return process_ && process_->running(); }
  ChildProcess& process() { return *process_; }
  /// The provider process, the first if there are several; 0 if there is none.
  pid_t provider() const;

  HostSettings& settings() { return settings_; }
  std::uint16_t port() const { return port_; }
  std::filesystem::path control_socket() const;
  std::string log() const;
  std::string log_end(std::size_t bytes = 4000) const;

  /// One request to the API; throws if no answer comes, or one that the API's document does not describe.
  simulator::Reply request(const std::string& method, const std::string& target, const std::string& body = {},
                           const simulator::Headers& headers = {});
  boost::json::value get(const std::string& target);

 private:
  void launch();
  void wait_or_throw();
  void write_configuration() const;
  void write_faults() const;
  std::string momo_yaml() const;

  HostSettings settings_;
  std::uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

/// Where this build put its programs and plugins.
std::filesystem::path build_bin();
std::filesystem::path build_plugins();
std::uint16_t free_port();

}  // namespace payoutd::test
