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

#include "providers/http_client.hpp"
#include "providers/provider_handle.hpp"

namespace payoutd::providers {

/// One configured provider.
struct ProviderConfig {
  std::string name;  ///< of the instance, such as `momo-ci`; letters, digits, `-`, `_`
  std::filesystem::path plugin_path;
  std::string plugin_name;       ///< what the library must call itself; empty: anything
  boost::json::object settings;  ///< as Settings::check reads them
  boost::json::object secrets;   ///< name → [current, previous?]
  boost::json::object http;      ///< as HttpOptions::parse reads them
};

struct QuarantineRecord {
  std::string reason;
  std::chrono::system_clock::time_point since;
};

/// Where a quarantine outlives the host. Exceptions are logged; they change nothing in memory.
class QuarantineStore {
 public:
  virtual ~QuarantineStore() = default;
  virtual Awaitable<std::optional<QuarantineRecord>> load(std::string provider) = 0;
  virtual Awaitable<void> persist(std::string provider, QuarantineRecord record) = 0;
  virtual Awaitable<void> lift(std::string provider) = 0;
};

struct ProviderLog {
  std::string provider;
  Logger::Level level = Logger::Level::info;
  std::string event;  ///< stable id
  std::string message;
  boost::json::object fields;
};

struct SupervisorOptions {
  std::filesystem::path provider_executable;  ///< payoutd-provider
  std::filesystem::path state_directory;      ///< holds the send logs; one host at a time
  Environment environment = Environment::dev;

  std::chrono::milliseconds start_limit{10'000};  ///< from the process's start until its plugin is configured
  std::chrono::milliseconds heartbeat_limit{5'000};  ///< without a sign of life the process is killed
  std::chrono::milliseconds call_timeout{30'000};    ///< query, balance, probe, maintain
  std::chrono::milliseconds drain_limit{35'000};     ///< for submits in flight when the provider stops
  std::chrono::milliseconds stop_limit{2'000};       ///< for the plugin's destructor; then SIGTERM …
  std::chrono::milliseconds terminate_limit{1'000};  ///< … and then SIGKILL
  std::chrono::milliseconds first_restart_delay{100};
  std::chrono::milliseconds longest_restart_delay{30'000};
  int crashes_until_quarantine = 5;
  std::chrono::milliseconds crash_window{120'000};
  bool limit_query_rate = true;  ///< false only where no provider is asked: the conformance kit's own server

  QuarantineStore* quarantine = nullptr;  ///< must outlive the supervisor; nullptr: kept in memory only
  /// The formats of the artefacts under way, which another version must be able to read; empty: none are.
  std::function<Awaitable<std::vector<int>>(std::string provider)> live_artefact_formats;
  std::function<void(const ProviderLog&)> on_log;
  std::function<void(const std::string& provider, const HttpSample&)> on_http;
  std::function<void(const std::string& provider, ProviderState)> on_state;
};

/// What an operator sees of a provider.
struct ProviderStatus {
  std::string name;
  ProviderState state = ProviderState::starting;
  std::string plugin_name;
  std::string plugin_version;
  std::filesystem::path plugin_path;  ///< of the library that serves
  pid_t pid = 0;                      ///< 0: no process
  int restarts = 0;                   ///< since the host started
  int submits_in_flight = 0;
  std::string last_error;         ///< the sentence; empty if nothing is wrong
  std::vector<Problem> problems;  ///< of its settings, if those are why it stands still
  std::optional<QuarantineRecord> quarantine;
};

/// The state directory belongs to a host that is alive, or cannot be used.
class StateDirectoryError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Keeps one process per configured provider running (two while it is upgraded). Providers know nothing of
/// each other: none delays another. All functions run on the executor's thread.
class Supervisor {
 public:
  static std::unique_ptr<Supervisor> make(boost::asio::any_io_executor executor, SupervisorOptions options);
  virtual ~Supervisor() = default;

  /// Locks the state directory and launches all providers; returns at once. Throws StateDirectoryError, and
  /// std::invalid_argument for a name that is not one or occurs twice.
  virtual void start(std::vector<ProviderConfig> configs) = 0;

  /// Until no provider is `starting` any more, at most `limit`. Only then are inherited send logs known for
  /// all.
  virtual Awaitable<void> settled(std::chrono::milliseconds limit) = 0;

  /// nullptr if there is none of that name. Handles live as long as the supervisor.
  virtual ProviderHandle* find(const std::string& name) = 0;
  virtual std::vector<ProviderHandle*> providers() = 0;
  virtual std::vector<ProviderStatus> status() const = 0;

  /// Lets a quarantined or standing provider start again at once. False: no such provider.
  virtual Awaitable<bool> lift(std::string name) = 0;

  /// New settings or secrets. A running plugin is configured again without losing calls; one that refuses
  /// them keeps the old ones. Returns the problems; one that stands still is started with the new ones.
  /// Another library is an upgrade.
  virtual Awaitable<std::vector<Problem>> reconfigure(ProviderConfig config) = 0;

  /// Other libraries for running providers: each is started beside the old one, and its descriptor, settings,
  /// contract and probe are looked at. If all are well, new work goes to them at once, and the old processes
  /// end when what they have in flight is answered. If one is not, nothing changes and the problems say why
  /// (`field` begins with the provider's name).
  virtual Awaitable<std::vector<Problem>> upgrade(std::vector<ProviderConfig> configs) = 0;

  /// Drains and stops all providers, side by side. Afterwards no process is left.
  virtual Awaitable<void> stop() = 0;
};

}  // namespace payoutd::providers
