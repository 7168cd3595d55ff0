// The primary dies while payouts run and its replica takes over: what asynchronous replication lost is posted
// again by its clients, and nothing is lost or paid twice. PAYOUTD_DRILL_ROUNDS makes it long (`./dev drill
// failover`).
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <set>
#include <thread>

#include "harness/cluster.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr int kBatch = 10;

int rounds() {
  const char* wanted = std::getenv("PAYOUTD_DRILL_ROUNDS");
  return wanted == nullptr ? 1 : std::atoi(wanted);
}

std::string admin_of_both(const Cluster& one, const Cluster& other) {
  return "host=127.0.0.1,127.0.0.1 port=" + std::to_string(one.port()) + "," + std::to_string(other.port()) +
         " user=" + Cluster::kAdmin + " password='" + Cluster::kPassword +
         "' dbname=postgres target_session_attrs=read-write connect_timeout=2";
}

/// A client that does what the documentation says: what was not acknowledged is sent again under its key.
class Client {
 public:
  explicit Client(HostProcess& host)
      : host_(host), thread_([this] {
          while (!stop_) {
            send_until_taken(batches_++);
            std::this_thread::sleep_for(milliseconds{200});  // a load, not a flood
          }
        }) {}
  ~Client() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  int taken() const { return taken_; }
  int end() {
    stop_ = true;
    thread_.join();
    return batches_;
  }
  /// All of them once more, under their old keys: as after every failover.
  void send_again(int batches) {
    for (int i = 0; i < batches; ++i) send_until_taken(i);
  }

 private:
  static std::string body(int batch) {
    json::array payouts;
    for (int i = 0; i < kBatch; ++i) {
      const std::string number = std::to_string(batch * kBatch + i);
      payouts.push_back(json::object{
          {"idempotency_key", "drill:" + number},
          {"amount", std::to_string(1 + i)},
          {"currency", "EUR"},
          {"destination",
           "4673310" + std::string(4 - std::min<std::size_t>(4, number.size()), '0') + number.substr(0, 4)},
          {"provider", "momo"},
          {"batch", "drill"}});
    }
    return json::serialize(json::object{{"payouts", std::move(payouts)}});
  }
  void send_until_taken(int batch) {
    for (int tries = 0; tries < 600; ++tries) {
      try {
        if (host_.request("POST", "/v1/payouts/bulk", body(batch)).status == 200) {
          ++taken_;
          return;
        }
      } catch (const std::exception&) {
        // No answer: it is sent again.
      }
      std::this_thread::sleep_for(milliseconds{100});
    }
  }

  HostProcess& host_;
  std::atomic<bool> stop_{false};
  std::atomic<int> batches_{0};
  std::atomic<int> taken_{0};
  std::thread thread_;
};

}  // namespace

TEST_CASE("a replica that takes over while payouts run loses nothing and doubles nothing", "[failover]") {
  auto primary = std::make_unique<Cluster>();
  auto replica = std::make_unique<Cluster>(*primary, Cluster::Options{});
  auto server = DatabaseServer::at(admin_of_both(*primary, *replica));
  Scene scene("failover", {"--transfer-latency-ms", "5..80", "--processing-ms", "0..100"},
              server->fresh_database());
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  Client client(host);
  for (int round = 0; round < rounds(); ++round) {
    const int before = client.taken();
    REQUIRE(eventually(seconds{40}, [&] { return client.taken() > before + 10; }));
    // What is acknowledged from here on the replica never hears of: it is forgotten, money that moved
    // included.
    replica->run("postgres", "alter system set primary_conninfo = ''");
    replica->run("postgres", "select pg_reload_conf()");
    REQUIRE(eventually(seconds{20}, [&] {
      return primary->value("postgres", "select count(*) from pg_stat_replication") == "0";
    }));
    const int cut_off = client.taken();
    REQUIRE(eventually(seconds{40}, [&] { return client.taken() > cut_off + 8; }));
    const auto killed = Clock::now();
    primary->kill();
    replica->promote();
    const int at_promotion = client.taken();
    REQUIRE(eventually(seconds{40}, [&] { return client.taken() > at_promotion + 2; }));
    const auto back = std::chrono::duration_cast<milliseconds>(Clock::now() - killed);
    const std::string confirmed = "select count(*) from app.all_payouts where state = 'CONFIRMED'";
    const int paid = std::stoi(scene.database().value(confirmed));
    REQUIRE(eventually(seconds{60},
                       [&] { return std::stoi(scene.database().value(confirmed)) > paid + kBatch; }));
    const auto paying = std::chrono::duration_cast<milliseconds>(Clock::now() - killed);
    std::cout << "round " << round + 1 << ": clients served again after " << back.count()
              << " ms, paying again after " << paying.count() << " ms\n";
    if (round + 1 == rounds()) break;
    // The one that took over gets a replica of its own, in the old one's place.
    std::swap(primary, replica);
    auto fresh = std::make_unique<Cluster>(
        *primary, Cluster::Options{.settings = {}, .directory = {}, .port = replica->port()});
    replica = std::move(fresh);
  }
  const int batches = client.end();
  const int lost =
      batches * kBatch - std::stoi(scene.database().value("select count(*) from app.all_payouts"));
  client.send_again(batches);
  const bool finished = scene.wait_until_finished(seconds{90});
  INFO(scene.database().value(
      "select string_agg(state || ' ' || coalesce(reason, '') || ' ' || count, ', ') from (select"
      " state, reason, count(*) from app.all_payouts group by 1, 2) s"));
  REQUIRE(finished);
  CHECK(host.log().find("engine.history_changed") != std::string::npos);
  CHECK(lost > 0);

  const int total = batches * kBatch;
  CHECK(scene.database().value("select count(*) from app.all_payouts") == std::to_string(total));
  // A payout that was forgotten has the id and the reference that it had, and MoMo's look-up carries both:
  // what was paid is found and settles it without a person. References are compared.
  CHECK(scene.database().value("select count(*) from app.all_payouts where state <> 'CONFIRMED'") == "0");
  std::multiset<std::string> ours;
  auto connection = scene.database().connect();
  pqxx::nontransaction work(connection);
  for (const auto& row :
       work.exec("select distinct on (payout_id) reference from (select * from app.attempts) a"
                 " order by payout_id, n desc"))
    ours.insert(row[0].c_str());
  std::multiset<std::string> paid;
  const json::value ledger = scene.simulator().get("/ledger?limit=1000000");
  for (const auto& entry : ledger.as_array())
    if (entry.at("paid").as_bool()) paid.insert(std::string(entry.at("reference").as_string()));
  CHECK(paid.size() == static_cast<std::size_t>(total));
  CHECK(ours == paid);
  std::cout << total << " payouts, " << lost
            << " of them forgotten by the failover and posted again; paid once each\n";
}
