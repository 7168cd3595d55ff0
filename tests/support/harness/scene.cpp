#include "harness/scene.hpp"

#include <unistd.h>

#include <stdexcept>

namespace payoutd::test {
namespace {

std::filesystem::path fresh_directory(const std::string& name) {
  const auto path =
      std::filesystem::temp_directory_path() / ("payoutd-scene-" + std::to_string(::getpid()) + "-" + name);
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::vector<std::string> with_defaults(std::vector<std::string> options) {
  std::vector<std::string> all{"--momo", "127.0.0.1:" + std::to_string(free_port()),
                               "--accept-any-credentials", "--processing-ms", "0..300"};
  all.insert(all.end(), options.begin(), options.end());
  return all;
}

boost::json::object payout_json(const std::string& batch, int number, const std::string& payee) {
  return {{"idempotency_key", batch + ":" + std::to_string(number)},
          {"amount", std::to_string(1 + number % 50)},
          {"currency", "EUR"},
          {"destination", payee},
          {"provider", "momo"},
          {"batch", batch}};
}

void post_all(HostProcess& host, boost::json::array payouts) {
  const auto reply =
      host.request("POST", "/v1/payouts/bulk",
                   boost::json::serialize(boost::json::object{{"payouts", std::move(payouts)}}));
  if (reply.status != 200) throw std::runtime_error("bulk was refused: " + reply.body);
}

}  // namespace

Scene::Scene(const std::string& name, std::vector<std::string> simulator_options, DatabaseServer& server)
    : directory_(fresh_directory(name)),
      database_(server.fresh_database()),
      simulator_(std::make_unique<simulator::SimulatorProcess>(with_defaults(std::move(simulator_options)))) {
}

Scene::~Scene() {
  hosts_.clear();
  std::error_code ignored;
  if (std::getenv("PAYOUTD_KEEP_TEST_FILES") == nullptr) std::filesystem::remove_all(directory_, ignored);
}

HostProcess& Scene::add_host(const std::string& name, const std::string& faults) {
  HostSettings settings;
  settings.name = name;
  settings.directory = directory_ / name;
  settings.database = database_.dsn();
  settings.momo_url = simulator_->momo_url();
  settings.faults = faults;
  hosts_.push_back(std::make_unique<HostProcess>(std::move(settings)));
  return *hosts_.back();
}

void Scene::post(HostProcess& host, int count, const std::string& batch) {
  boost::json::array payouts;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    payouts.push_back(payout_json(batch, i, "467331" + std::string(5 - number.size(), '0') + number));
  }
  post_all(host, std::move(payouts));
}

void Scene::post_to(HostProcess& host, const std::string& payee, int count, const std::string& batch) {
  boost::json::array payouts;
  for (int i = 0; i < count; ++i) payouts.push_back(payout_json(batch, i, payee));
  post_all(host, std::move(payouts));
}

bool Scene::wait_until_finished(std::chrono::milliseconds limit) {
  return eventually(limit, [this] {
    return database_.value(
               "select count(*) from app.payouts where finished_at is null and state <> 'REVIEW'") == "0";
  });
}

LedgerCheck Scene::check(const std::string& where) {
  std::vector<OurPayout> ours;
  store::Connection connection = database_.connect();
  pqxx::nontransaction work(connection);
  for (const auto& row : work.exec("select id, state, coalesce(reason, '') from app.all_payouts where " +
                                   where + " order by id")) {
    ours.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str()});
  }
  const boost::json::value ledger = simulator_->get("/ledger?limit=1000000");
  return check_ledger(ours, ledger.as_array());
}

std::string Scene::logs() const {
  std::string all;
  for (const auto& host : hosts_) all += "--- " + host->settings().name + "\n" + host->log_end(6000) + "\n";
  return all;
}

}  // namespace payoutd::test
