#include "scene.hpp"

#include <unistd.h>

#include <stdexcept>

namespace payoutd::test {
namespace {

std::filesystem::path fresh_directory(const std::string& name) {
  const auto path = std::filesystem::temp_directory_path() / ("payoutd-chaos-" + std::to_string(::getpid()) + "-" + name);
  std::filesystem::remove_all(path);
  std::filesystem::create_directories(path);
  return path;
}

std::vector<std::string> with_defaults(std::vector<std::string> options) {
  std::vector<std::string> all{"--momo",    "127.0.0.1:" + std::to_string(free_port()),
                               "--accept-any-credentials", "--processing-ms", "0..300"};
  all.insert(all.end(), options.begin(), options.end());
  return all;
}

}  // namespace

Scene::Scene(const std::string& name, std::vector<std::string> simulator_options)
    : directory_(fresh_directory(name)),
      database_(DatabaseServer::shared().fresh_database()),
      simulator_(std::make_unique<simulator::SimulatorProcess>(with_defaults(std::move(simulator_options)))) {}

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
    payouts.push_back(boost::json::object{
        {"idempotency_key", batch + ":" + number},
        {"amount", std::to_string(1 + i % 50)},
        {"currency", "EUR"},
        {"destination", "467331" + std::string(5 - number.size(), '0') + number},
        {"provider", "momo"},
        {"batch", batch}});
  }
  const auto reply = host.request("POST", "/v1/payouts/bulk", boost::json::serialize(boost::json::object{{"payouts", payouts}}));
  if (reply.status / 100 != 2) throw std::runtime_error("bulk was refused: " + reply.body);
}

bool Scene::wait_until_finished(std::chrono::milliseconds limit) {
  return eventually(limit, [this] {
    return database_.value("select count(*) from app.payouts where finished_at is null and state <> 'REVIEW'") == "0";
  });
}

LedgerCheck Scene::check() {
  std::vector<OurPayout> ours;
  store::Connection connection = database_.connect();
  pqxx::nontransaction work(connection);
  for (const auto& row : work.exec("select id, state, coalesce(reason, '') from app.all_payouts order by id")) {
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
