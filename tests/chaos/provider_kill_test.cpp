// The same kills while the other four providers pay. What a payout may end as differs: Banano and Thunes
// settle every doubt by themselves, TMoney and Flooz only where the operator has told what absence means.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <random>
#include <thread>

#include "chaos.hpp"
#include "harness/scene.hpp"

namespace {

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kKills = 16;
constexpr int kPayoutsInBatch = 6;

/// Every step at which the host or its provider process can be made to die.
const std::vector<std::string> kPoints{
    "engine.after_claim",        "engine.after_prepare",    "engine.before_journal",
    "engine.after_journal",      "provider.before_connect", "provider.before_first_byte",
    "provider.after_bytes_left", "provider.after_answer",   "provider.before_reply",
    "engine.after_answer",       "engine.before_record",    "engine.after_record",
    "engine.after_query"};

bool gone(pid_t pid) {
  const char state = process_state(pid);
  return state == '\0' || state == 'Z';
}

/// Kills at random moments and at every point in turn, from one seed.
class Killer {
 public:
  explicit Killer(Scene& scene) : scene_(scene), random_(seed_wanted()), points_(kPoints) {
    std::shuffle(points_.begin(), points_.end(), random_);
  }

  void run(const std::vector<HostProcess*>& hosts, int kills) {
    for (HostProcess* host : hosts) host->start();
    for (HostProcess* host : hosts) REQUIRE(host->wait_until_ready());
    std::cout << scene_.provider().plugin << ": seed " << seed_wanted() << ", " << kills << " kills"
              << std::endl;
    for (int kill = 0; kill < kills; ++kill) {
      lift_quarantine(scene_, hosts, scene_.provider().plugin);
      HostProcess& host = *hosts[static_cast<std::size_t>(pick(0, static_cast<int>(hosts.size()) - 1))];
      // One of three at a random moment, the others at the next point.
      const bool at_random = pick(0, 2) == 0;
      if (!at_random) host.arm(next_point() + "=kill@" + std::to_string(pick(1, 4)));
      post(host, kill);
      if (at_random) {
        kill_later(host);
      } else {
        wait_for_death(host);
      }
    }
    lift_quarantine(scene_, hosts, scene_.provider().plugin);
    std::cout << "  " << died_at_point_ << " died at the point set for them" << std::endl;
    if (kills >= kKills) CHECK(died_at_point_ > 0);
  }

 private:
  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  std::string next_point() { return points_[next_point_++ % points_.size()]; }

  void post(HostProcess& host, int batch) {
    try {
      scene_.post(host, kPayoutsInBatch, "batch-" + std::to_string(batch));
    } catch (const std::exception&) {
      // Killed before it answered: what it admitted is in the database.
    }
  }

  void kill_later(HostProcess& host) {
    std::this_thread::sleep_for(milliseconds{pick(5, 400)});
    const int victim = pick(0, 2);
    const pid_t provider = host.provider();
    if (victim != 1 && provider != 0) ::kill(provider, SIGKILL);
    if (victim == 0) return;
    host.kill();
    host.start();
  }

  void wait_for_death(HostProcess& host) {
    const pid_t provider = host.provider();
    const bool died =
        eventually(milliseconds{1500}, [&] { return !host.running() || (provider != 0 && gone(provider)); });
    if (died) ++died_at_point_;
    host.disarm();
    if (!host.running()) host.start();
  }

  Scene& scene_;
  std::mt19937 random_;
  std::vector<std::string> points_;
  std::size_t next_point_ = 0;
  int died_at_point_ = 0;
};

/// Waits for the end, and returns what both books say then. Whatever else is expected, nothing is wrong.
LedgerCheck settled(Scene& scene, seconds limit = seconds{90}) {
  const bool finished = scene.wait_until_finished(limit);
  LedgerCheck check = scene.check();
  std::cout << "  " << check.text() << std::endl;
  if (!finished || !check.nothing_wrong()) WARN(scene.logs());
  REQUIRE(finished);
  CHECK(check.nothing_wrong());
  CHECK(check.paid_twice == 0);
  CHECK(check.payouts > 0);
  return check;
}

void require_all_paid(Scene& scene) {
  const LedgerCheck check = settled(scene);
  INFO(check.text());
  CHECK(check.confirmed == check.payouts);
  CHECK(scene.simulator().get("/stats").at("internal_errors").to_number<int>() == 0);
}

/// No two blocks of ours were ever published for one place of a chain, and no account is stuck.
void require_whole_chains(Scene& scene, HostProcess& host) {
  CHECK(scene.every_lane_can_pay(host));
  for (int account = 0; account < scene.provider().lanes; ++account) {
    const auto chain = scene.simulator().get("/banano/blocks?account=" + std::to_string(account));
    for (const auto& block : chain.as_array()) {
      INFO(boost::json::serialize(block));
      CHECK(block.at("rivals").as_array().empty());
      CHECK(block.at("confirmed").as_bool());
    }
  }
  const LedgerCheck check = scene.check();
  INFO(check.text());
  CHECK(check.all_right());
}

/// Two hosts, kills, and then the truth.
void kill_and_require_all_paid(const std::string& name, const PayingProvider& provider) {
  Scene scene(provider, name, {"--seed", std::to_string(seed_wanted()), "--transfer-latency-ms", "20"});
  Killer(scene).run({&scene.add_host("host-a"), &scene.add_host("host-b")}, kills_wanted(kKills));
  require_all_paid(scene);
}

/// With nothing agreed, a lost answer is a human's to settle. Nothing that may have arrived is sent again.
void kill_and_require_review(const std::string& name, const PayingProvider& provider) {
  Scene scene(provider, name, {"--seed", std::to_string(seed_wanted()), "--transfer-latency-ms", "20"});
  std::vector<HostProcess*> hosts{&scene.add_host("host-a"), &scene.add_host("host-b")};
  // Long enough that a proof which nobody agreed to would be acted on before.
  for (HostProcess* host : hosts) host->settings().engine["unknown_review_after"] = "5s";
  Killer(scene).run(hosts, kills_wanted(kKills));
  // One submit more whose answer is certainly lost, before the provider heard of it.
  scene.simulator().post("/faults", {{"fault", "cut_before_paying"},
                                     {"protocol", provider.plugin},
                                     {"operation", provider.plugin == "tmoney" ? "credit" : "transfer"},
                                     {"count", 1}});
  scene.post(*hosts[0], 1, "lost");
  const LedgerCheck check = settled(scene);
  INFO(check.text());
  CHECK(check.in_review > 0);
  CHECK(check.confirmed + check.in_review == check.payouts);
  CHECK(check.confirmed > 0);
  CHECK(scene.resent_after_unknown() == 0);
  CHECK(scene.requested_more_than_once() == 0);
}

}  // namespace

TEST_CASE("Banano: random kills of two hosts that share the paying accounts", "[kill][providers][banano]") {
  Scene scene(banano(4), "banano-random", {"--seed", std::to_string(seed_wanted())});
  HostProcess& first = scene.add_host("host-a");
  Killer(scene).run({&first, &scene.add_host("host-b")}, kills_wanted(kKills));
  require_all_paid(scene);
  require_whole_chains(scene, first);
}

TEST_CASE("Banano: a host is killed when it has claimed accounts, and another takes them over",
          "[kill][providers][banano]") {
  Scene scene(banano(2), "banano-claimed");
  HostProcess& first = scene.add_host("host-a");
  first.start();
  REQUIRE(first.wait_until_ready());
  scene.post(first, 12);
  // The point is also passed when there was nothing to claim.
  const auto claimed = [&] {
    return scene.database().value(
        "select count(*) from app.payouts p join app.lanes l on l.payout_id = p.id where p.state = "
        "'PENDING'");
  };
  REQUIRE(eventually(seconds{20}, [&] {
    first.arm("engine.after_claim=stop@1");
    eventually(seconds{5}, [&] { return process_state(first.process().pid()) == 'T'; });
    first.disarm();
    if (claimed() != "0") return true;
    first.process().signal(SIGCONT);
    return false;
  }));
  first.kill();
  CHECK(claimed() != "0");
  HostProcess& second = scene.add_host("host-b");
  second.start();
  require_all_paid(scene);
  require_whole_chains(scene, second);
}

TEST_CASE("Banano: a host is killed while its accounts pay, and another takes them over",
          "[kill][providers][banano]") {
  Scene scene(banano(2), "banano-paying");
  HostProcess& first = scene.add_host("host-a", "engine.after_answer=stop@2");
  first.start();
  REQUIRE(first.wait_until_ready());
  std::thread poster([&] {
    try {
      scene.post(first, 6);
    } catch (const std::exception&) {
      // Stopped before it answered: what it admitted is in the database.
    }
  });
  const bool reached = eventually(seconds{20}, [&] { return process_state(first.process().pid()) == 'T'; });
  first.kill();
  poster.join();
  REQUIRE(reached);
  CHECK(scene.database().value("select count(*) from app.lanes where payout_id is not null") != "0");
  HostProcess& second = scene.add_host("host-b");
  second.start();
  require_all_paid(scene);
  require_whole_chains(scene, second);
}

TEST_CASE("Banano: a host is killed while it looks after an account", "[kill][providers][banano]") {
  Scene scene(banano(2), "banano-upkeep");
  HostProcess& first = scene.add_host("host-a");
  first.start();
  REQUIRE(first.wait_until_ready());
  scene.post(first, 2, "before");
  require_all_paid(scene);
  // Funds wait for both accounts; receiving them takes work, and that takes its time.
  const auto fault = scene.simulator().post(
      "/faults",
      {{"fault", "slow"}, {"protocol", "banano"}, {"operation", "work_generate"}, {"delay_ms", 1900}});
  for (int account = 0; account < 2; ++account) {
    scene.simulator().post("/banano/deposit", {{"account", account}, {"amount", "5"}});
  }
  scene.post(first, 2, "during");
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value("select count(*) from app.lanes where lease is not null") == "2";
  }));
  first.kill();
  scene.simulator().remove("/faults/" + std::to_string(fault.at("id").to_number<int>()));
  CHECK(scene.database().value("select count(*) from app.lanes where lease is not null") == "2");
  HostProcess& second = scene.add_host("host-b");
  second.start();
  scene.post(second, 2, "after");
  require_all_paid(scene);
  require_whole_chains(scene, second);
  CHECK(eventually(seconds{30}, [&] {
    const auto accounts = scene.simulator().get("/banano").at("accounts").as_array();
    return std::ranges::all_of(accounts, [](const auto& account) { return account.at("pending") == "0"; });
  }));
}

TEST_CASE("Thunes: random kills", "[kill][providers][thunes]") {
  kill_and_require_all_paid("thunes-random", thunes());
}

TEST_CASE("TMoney: random kills, where the operator calls absence a proof", "[kill][providers][tmoney]") {
  kill_and_require_all_paid("tmoney-random", tmoney_with_proof());
}

TEST_CASE("TMoney: random kills, with nothing agreed", "[kill][providers][tmoney]") {
  kill_and_require_review("tmoney-review", tmoney());
}

TEST_CASE("Flooz: random kills, where Moov takes our reference", "[kill][providers][flooz]") {
  kill_and_require_all_paid("flooz-random", flooz_with_proof());
}

TEST_CASE("Flooz: random kills, with nothing agreed", "[kill][providers][flooz]") {
  kill_and_require_review("flooz-review", flooz());
}
