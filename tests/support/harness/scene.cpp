#include "harness/scene.hpp"

#include <unistd.h>

#include <algorithm>
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
                               "--accept-any-credentials"};
  if (std::ranges::find(options, "--processing-ms") == options.end()) {
    all.insert(all.end(), {"--processing-ms", "0..300"});
  }
  all.insert(all.end(), options.begin(), options.end());
  return all;
}

std::vector<std::string> with_options_of(const PayingProvider& provider, std::vector<std::string> options) {
  options.insert(options.end(), provider.simulator_options.begin(), provider.simulator_options.end());
  return options;
}

boost::json::object momo_payout(const std::string& batch, int number, const std::string& payee) {
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
    : Scene(name, std::move(simulator_options), server.fresh_database()) {}

Scene::Scene(const std::string& name, std::vector<std::string> simulator_options, TestDatabase database)
    : directory_(fresh_directory(name)),
      database_(std::move(database)),
      simulator_(std::make_unique<simulator::SimulatorProcess>(with_defaults(std::move(simulator_options)))) {
}

Scene::Scene(PayingProvider provider, const std::string& name, std::vector<std::string> simulator_options)
    : Scene(name, with_options_of(provider, std::move(simulator_options))) {
  provider_ = std::move(provider);
  provider_->serve_at(simulator_->url(provider_->plugin));
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
  if (provider_) {
    settings.providers.push_back(*provider_);
  } else {
    settings.momo_url = simulator_->momo_url();
  }
  settings.faults = faults;
  hosts_.push_back(std::make_unique<HostProcess>(std::move(settings)));
  return *hosts_.back();
}

boost::json::object Scene::payout(const std::string& batch, int number, const std::string& payee) {
  if (!provider_) return momo_payout(batch, number, payee);
  return {{"idempotency_key", batch + ":" + std::to_string(number)},
          {"amount", provider_->amount(number)},
          {"currency", provider_->currency},
          {"destination", payee},
          {"provider", provider_->plugin},
          {"batch", batch}};
}

std::vector<std::string> Scene::reserve_payees(int count) {
  std::vector<std::string> payees;
  for (int i = 0; i < count; ++i) payees.push_back(provider().payee(++payees_));
  return payees;
}

void Scene::post(HostProcess& host, int count, const std::string& batch) {
  if (provider_) {
    post_to_each(host, reserve_payees(count), batch);
    return;
  }
  boost::json::array payouts;
  for (int i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    payouts.push_back(payout(batch, i, "467331" + std::string(5 - number.size(), '0') + number));
  }
  post_all(host, std::move(payouts));
}

void Scene::post_to(HostProcess& host, const std::string& payee, int count, const std::string& batch) {
  boost::json::array payouts;
  for (int i = 0; i < count; ++i) payouts.push_back(payout(batch, i, payee));
  post_all(host, std::move(payouts));
}

void Scene::post_to_each(HostProcess& host, const std::vector<std::string>& payees,
                         const std::string& batch) {
  boost::json::array payouts;
  int number = 0;
  for (const std::string& payee : payees) payouts.push_back(payout(batch, number++, payee));
  post_all(host, std::move(payouts));
}

bool Scene::wait_until_finished(std::chrono::milliseconds limit) {
  return eventually(limit, [this] {
    return database_.value(
               "select count(*) from app.payouts where finished_at is null and state <> 'REVIEW'") == "0";
  });
}

LedgerCheck Scene::check(const std::string& where) {
  // MoMo's tests pay the same payees again and again.
  const bool by_payee = provider_ && !provider_->tells_payout_id;
  std::vector<OurPayout> ours;
  store::Connection connection = database_.connect();
  pqxx::nontransaction work(connection);
  for (const auto& row :
       work.exec("select id, state, coalesce(reason, ''), destination, amount from app.all_payouts where " +
                 where + " order by id")) {
    ours.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str(), by_payee ? row[3].c_str() : "",
                    row[4].c_str(), row[3].c_str()});
  }
  const boost::json::value ledger = simulator_->get("/ledger?limit=1000000");
  return check_ledger(ours, ledger.as_array());
}

int Scene::resent_after_unknown() {
  return std::stoi(database_.value(
      "select count(distinct u.payout_id) from app.events u join app.events j on j.payout_id = u.payout_id"
      " and j.id > u.id and j.kind = 'journaled' where u.data->>'saw' = 'submit_unknown'"));
}

int Scene::requested_more_than_once() {
  const boost::json::value ledger = simulator_->get("/ledger?limit=1000000");
  int count = 0;
  for (const boost::json::value& entry : ledger.as_array()) {
    if (entry.at("times_requested").to_number<int>() > 1) ++count;
  }
  return count;
}

bool Scene::every_lane_can_pay(HostProcess& host) {
  // The lane that rested longest pays next, so a few rounds meet them all even while some are being looked
  // after.
  for (int round = 0; round < 5; ++round) {
    post(host, provider().lanes, "once-more-" + std::to_string(round));
    if (!wait_until_finished(std::chrono::seconds{30})) return false;
    const std::string paid = database_.value(
        "select count(distinct a.lane) from (select payout_id, lane from app.attempts union all"
        " select payout_id, lane from app.attempts_history) a join app.all_payouts p on p.id = a.payout_id"
        " where p.batch like 'once-more-%' and p.state = 'CONFIRMED'");
    if (paid == std::to_string(provider().lanes)) return true;
  }
  return false;
}

std::string Scene::logs() const {
  std::string all;
  for (const auto& host : hosts_) all += "--- " + host->settings().name + "\n" + host->log_end(6000) + "\n";
  return all;
}

}  // namespace payoutd::test
