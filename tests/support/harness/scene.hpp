#pragma once
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "database/database.hpp"
#include "harness/host_process.hpp"
#include "harness/ledger_check.hpp"
#include "simulator_process.hpp"

namespace payoutd::test {

/// One database, one simulator, any number of hosts on it.
class Scene {
 public:
  explicit Scene(const std::string& name, std::vector<std::string> simulator_options = {},
                 DatabaseServer& server = DatabaseServer::shared());
  ~Scene();

  HostProcess& add_host(const std::string& name, const std::string& faults = {});
  HostProcess& host(std::size_t index) { return *hosts_.at(index); }
  /// Posts so many payouts in one bulk request and requires that all were taken.
  void post(HostProcess& host, int count, const std::string& batch = "chaos");
  /// The same, all to one payee.
  void post_to(HostProcess& host, const std::string& payee, int count, const std::string& batch);
  /// Until every payout is final (or in REVIEW); false after `limit`.
  bool wait_until_finished(std::chrono::milliseconds limit);
  /// Our books against the simulator's; `where` is SQL over app.all_payouts.
  LedgerCheck check(const std::string& where = "true");

  TestDatabase& database() { return database_; }
  simulator::SimulatorProcess& simulator() { return *simulator_; }
  const std::filesystem::path& directory() const { return directory_; }
  std::string logs() const;

 private:
  std::filesystem::path directory_;
  TestDatabase database_;
  std::unique_ptr<simulator::SimulatorProcess> simulator_;
  std::vector<std::unique_ptr<HostProcess>> hosts_;
};

}  // namespace payoutd::test
