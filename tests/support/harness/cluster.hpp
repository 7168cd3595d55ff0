#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "harness/child_process.hpp"

namespace payoutd::test {

/// A PostgreSQL as operators run one: reached over TCP, with passwords, and with replicas. Each object is one
/// server; it goes away with the test's process.
class Cluster {
 public:
  struct Options {
    std::map<std::string, std::string> settings{};  ///< over those for tests
    std::filesystem::path directory{};              ///< made if absent; empty: a temporary one
    std::uint16_t port = 0;                         ///< 0: a free one
  };
  static constexpr const char* kAdmin = "admin";  ///< superuser
  static constexpr const char* kPassword = "password of the admin";

  Cluster() : Cluster(Options{}) {}
  explicit Cluster(Options options);
  /// A streaming replica of `primary`; returns when it streams.
  Cluster(Cluster& primary, Options options);
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  std::uint16_t port() const { return port_; }
  std::string dsn(const std::string& user, const std::string& password, const std::string& database) const;
  std::string admin_dsn(const std::string& database = "postgres") const;
  /// Runs SQL as the admin and returns the first value, or "".
  std::string value(const std::string& database, const std::string& sql) const;
  /// The same for what cannot run in a transaction.
  void run(const std::string& database, const std::string& sql) const { value(database, sql); }

  void kill();  ///< SIGKILL to the postmaster; returns when its backends are gone
  void stop();  ///< fast shutdown
  void start();
  void promote();  ///< returns when it takes writes
  pid_t pid() const { return process_ ? process_->pid() : 0; }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::string log_end() const;

 private:
  void prepare_directory();
  void run_program(const std::string& program, std::vector<std::string> arguments);
  void write_configuration(const std::map<std::string, std::string>& settings) const;
  bool wait_until_it_answers() const;

  std::filesystem::path directory_;
  bool own_directory_ = false;
  std::uint16_t port_ = 0;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace payoutd::test
