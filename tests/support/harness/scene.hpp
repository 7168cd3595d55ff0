#pragma once
#include <filesystem>
#include <memory>
#include <optional>
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
  /// On a database that is there already.
  Scene(const std::string& name, std::vector<std::string> simulator_options, TestDatabase database);
  /// The same with a provider other than MoMo, through which all hosts pay.
  Scene(PayingProvider provider, const std::string& name, std::vector<std::string> simulator_options = {});
  ~Scene();

  HostProcess& add_host(const std::string& name, const std::string& faults = {});
  HostProcess& host(std::size_t index) { return *hosts_.at(index); }
  /// Posts so many payouts in one bulk request and requires that all were taken. Without MoMo each has a
  /// payee of its own.
  void post(HostProcess& host, int count, const std::string& batch = "chaos");
  /// The same, all to one payee.
  void post_to(HostProcess& host, const std::string& payee, int count, const std::string& batch);
  /// Payees whom post() will not pay.
  std::vector<std::string> reserve_payees(int count);
  /// One to each of these payees.
  void post_to_each(HostProcess& host, const std::vector<std::string>& payees, const std::string& batch);
  /// Until every payout is final (or in REVIEW); false after `limit`.
  bool wait_until_finished(std::chrono::milliseconds limit);
  /// Our books against the simulator's; `where` is SQL over app.all_payouts.
  LedgerCheck check(const std::string& where = "true");
  /// How many payouts were submitted again after nobody could say what became of a submit.
  int resent_after_unknown();
  /// How many payments the simulator was asked for more than once.
  int requested_more_than_once();
  /// Pays through each lane once more; false if one cannot.
  bool every_lane_can_pay(HostProcess& host);

  TestDatabase& database() { return database_; }
  simulator::SimulatorProcess& simulator() { return *simulator_; }
  PayingProvider& provider() { return provider_.value(); }  ///< for hosts that are added later
  const std::filesystem::path& directory() const { return directory_; }
  std::string logs() const;

 private:
  boost::json::object payout(const std::string& batch, int number, const std::string& payee);

  std::filesystem::path directory_;
  std::optional<PayingProvider> provider_;  ///< none: MoMo
  int payees_ = 0;
  TestDatabase database_;
  std::unique_ptr<simulator::SimulatorProcess> simulator_;
  std::vector<std::unique_ptr<HostProcess>> hosts_;
};

}  // namespace payoutd::test
