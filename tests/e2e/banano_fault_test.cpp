// A Banano node that misbehaves on every call, and a network that decides otherwise.
#include <catch2/catch.hpp>

#include "fault_groups.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string text(const json::value& value, const char* field) {
  return std::string(value.at(field).as_string());
}

/// The newest block of an account, as the network has it.
json::value last_block(Scene& scene, int account = 0) {
  const json::value chain = scene.simulator().get("/banano/blocks?account=" + std::to_string(account));
  return chain.as_array().back();
}

/// How many different blocks were journaled.
std::string blocks_journaled(Scene& scene) {
  return scene.database().value(
      "select count(distinct lookup->>'hash') from (select lookup from app.attempts union all"
      " select lookup from app.attempts_history) a");
}

bool payout_is(Scene& scene, const std::string& condition) {
  return scene.database().value("select count(*) from app.payouts where " + condition) != "0";
}

void confirm_everything_until_finished(Scene& scene, int accounts) {
  REQUIRE(eventually(seconds{30}, [&] {
    for (int account = 0; account < accounts; ++account) {
      const json::value last = last_block(scene, account);
      if (!last.at("confirmed").as_bool())
        scene.simulator().post("/banano/confirm", {{"hash", last.at("hash")}});
    }
    return scene.wait_until_finished(milliseconds{0});
  }));
}

}  // namespace

TEST_CASE("Banano: every fault on every call", "[banano_faults]") {
  Scene scene(banano(16), "banano-faults");
  HostProcess& host = ready_host(scene);
  FaultGroups groups(scene);
  for (const FaultCase& fault : request_faults()) {
    groups.add(fault, "process", 2);
    groups.add(fault, "block_info", 2, {{"process", "pay_and_cut"}});
    groups.add_for_anyone(fault, "account_info", 2);
    groups.add_for_anyone(fault, "work_generate", 2);
  }
  groups.add({"lost_then_late", {{"delay_ms", 900}}}, "process", 1);
  groups.add({"status_flap", {{"count", 2}}}, "block_info", 2, {{"process", "pay_and_cut"}});
  for (const std::string code :
       {"Fork", "Old block", "Gap previous block", "Bad signature", "Unreceivable"}) {
    groups.add({"answer_500_before_paying", {{"code", code}}}, "process", 1);
    groups.add({"answer_500_after_paying", {{"code", code}}}, "process", 1);
  }
  groups.post(host);
  require_everybody_paid(scene, seconds{90});
  std::string missed;
  CHECK(groups.all_met(missed));
  CHECK(missed == "");
  scene.simulator().remove("/faults");
  CHECK(scene.every_lane_can_pay(host));
}

TEST_CASE("Banano: connections that are refused or reset", "[banano_faults]") {
  Scene scene(banano(4), "banano-connection");
  HostProcess& host = ready_host(scene);
  add_provider_fault(scene, "refuse_connection", {{"duration_ms", 1500}});
  scene.post(host, 6, "refused");
  require_everybody_paid(scene);
  scene.simulator().remove("/faults");
  const auto reset = add_provider_fault(scene, "reset_on_accept", {{"probability", 0.5}, {"count", 6}});
  scene.post(host, 6, "reset");
  require_everybody_paid(scene);
  CHECK(applied_faults(scene).at(reset) > 0);
  CHECK(scene.every_lane_can_pay(host));
}

TEST_CASE("Banano: a foreign block that is confirmed in the place of ours", "[banano_faults]") {
  Scene scene(banano(1), "banano-fork-lost");
  HostProcess& host = ready_host(scene);
  scene.simulator().post("/banano/foreign", {{"account", 0},
                                             {"amount", "1"},
                                             {"destination", banano_address(-1)},
                                             {"confirmed", true},
                                             {"when", "next_block"}});
  scene.post(host, 3);
  require_everybody_paid(scene);
  CHECK(scene.simulator().get("/banano").at("ambush_waits").as_bool() == false);
  CHECK(scene.database().value("select count(*) from app.events where data->>'code' = 'banano.fork_lost'") ==
        "1");
  CHECK(blocks_journaled(scene) == "4");
}

TEST_CASE("Banano: an open fork that the network decides either way", "[banano_faults]") {
  const bool ours_wins = GENERATE(true, false);
  INFO((ours_wins ? "ours wins" : "the other wins"));
  Scene scene(banano(1), "banano-fork-open");
  HostProcess& host = ready_host(scene);
  scene.simulator().post(
      "/banano/foreign",
      {{"account", 0}, {"amount", "1"}, {"destination", banano_address(-1)}, {"when", "next_block"}});
  scene.post(host, 2);
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value(
               "select count(*) from app.events where data->>'code' = 'banano.fork_open'") != "0";
  }));
  const json::value foreign = last_block(scene);
  REQUIRE(foreign.at("rivals").as_array().size() == 1);
  CHECK(scene.check().confirmed == 0);
  CHECK(blocks_journaled(scene) == "1");  // nothing else is signed while either may win
  if (ours_wins) {
    scene.simulator().post("/banano/elect", {{"hash", foreign.at("rivals").at(0)}});
  } else {
    scene.simulator().post("/banano/confirm", {{"hash", foreign.at("hash")}});
  }
  require_everybody_paid(scene);
  CHECK(blocks_journaled(scene) == (ours_wins ? "2" : "3"));
  CHECK(scene.every_lane_can_pay(host));
}

TEST_CASE("Banano: confirmation that takes its time", "[banano_faults]") {
  Scene scene(banano(2), "banano-confirmation", {"--banano-confirmation", "manual"});
  HostProcess& host = ready_host(scene);
  scene.post(host, 4);
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value("select count(*) from app.payouts where state = 'SENT'") == "2";
  }));
  REQUIRE(eventually(seconds{20}, [&] { return requests_seen(scene, "block_confirm") >= 2; }));
  // Two accounts, two payments: the others wait, and what is not confirmed is not CONFIRMED.
  CHECK(scene.check().confirmed == 0);
  CHECK(blocks_journaled(scene) == "2");
  confirm_everything_until_finished(scene, 2);
  require_everybody_paid(scene);
  CHECK(blocks_journaled(scene) == "4");
}

TEST_CASE("Banano: blocks that are confirmed only when they are put to the vote again", "[banano_faults]") {
  Scene scene(banano(4), "banano-vote", {"--banano-confirmation", "on_request"});
  HostProcess& host = ready_host(scene);
  scene.post(host, 4);
  require_everybody_paid(scene);
}

TEST_CASE("Banano: a block that the node loses again", "[banano_faults]") {
  Scene scene(banano(1), "banano-roll-back", {"--banano-confirmation", "manual"});
  HostProcess& host = ready_host(scene);
  scene.post(host, 1);
  REQUIRE(eventually(seconds{20}, [&] { return payout_is(scene, "state = 'SENT'"); }));
  const std::string hash = text(last_block(scene), "hash");
  scene.simulator().post("/banano/roll_back", {{"hash", hash}});
  REQUIRE(eventually(seconds{20}, [&] { return text(last_block(scene), "hash") == hash; }));
  confirm_everything_until_finished(scene, 1);
  require_everybody_paid(scene);
  CHECK(blocks_journaled(scene) == "1");  // what was published again is the same payment
}

TEST_CASE("Banano: a work server that gives too little or nothing, then enough", "[banano_faults]") {
  Scene scene(banano(2), "banano-work", {"--banano-work-server", "wrong"});
  HostProcess& host = ready_host(scene);
  for (const std::string trouble : {"wrong", "failing", "disabled"}) {
    INFO(trouble);
    scene.simulator().post("/banano", {{"work_server", trouble}});
    const auto asked = requests_seen(scene, "work_generate");
    scene.post(host, 2, trouble);
    REQUIRE(eventually(seconds{20}, [&] { return requests_seen(scene, "work_generate") > asked + 2; }));
    CHECK(blocks_journaled(scene) == "0");
  }
  CHECK(scene.simulator().get("/banano/payments").as_array().empty());
  scene.simulator().post("/banano", {{"work_server", "good"}});
  require_everybody_paid(scene);
  CHECK(scene.every_lane_can_pay(host));
}

TEST_CASE("Banano: a node that lags behind", "[banano_faults]") {
  // Before the block is made: nothing is signed on what the node says.
  Scene scene(banano(1), "banano-lag");
  HostProcess& host = ready_host(scene);
  scene.post(host, 2, "before");
  require_everybody_paid(scene);
  const std::string blocks = blocks_journaled(scene);
  scene.simulator().post("/banano/lag", {{"behind", 1}, {"account", 0}});
  scene.post(host, 1, "lagging");
  REQUIRE(eventually(seconds{20}, [&] { return payout_is(scene, "batch = 'lagging' and defer_count > 0"); }));
  CHECK(blocks_journaled(scene) == blocks);
  scene.simulator().post("/banano/lag", {{"lagging", false}});
  require_everybody_paid(scene);
}

TEST_CASE("Banano: a block whose previous one the node does not have yet", "[banano_faults]") {
  PayingProvider provider = banano(1);
  provider.settings["work_ahead"] = "false";
  Scene scene(provider, "banano-gap");
  HostProcess& host = ready_host(scene);
  scene.post(host, 1, "before");
  require_everybody_paid(scene);
  // While the work is made the node falls behind: what is published then has a gap below it.
  const auto work = requests_seen(scene, "work_generate");
  add_provider_fault(scene, "slow", {{"operation", "work_generate"}, {"delay_ms", 900}, {"count", 1}});
  scene.post(host, 1, "gap");
  REQUIRE(eventually(seconds{20}, [&] { return requests_seen(scene, "work_generate") > work; }));
  scene.simulator().post("/banano/lag", {{"behind", 1}, {"account", 0}});
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value(
               "select count(*) from app.events where data->>'code' like '%Gap%'"
               " or data->>'message' like '%Gap%'") != "0";
  }));
  scene.simulator().post("/banano/lag", {{"lagging", false}});
  require_everybody_paid(scene);
  CHECK(blocks_journaled(scene) == "2");
}

TEST_CASE("Banano: an account without enough money pays when it has received some", "[banano_faults]") {
  Scene scene(banano(1), "banano-poor", {"--banano-balance", "0.0000001"});
  HostProcess& host = ready_host(scene);
  scene.post(host, 2);
  REQUIRE(eventually(seconds{20}, [&] { return payout_is(scene, "defer_count > 0"); }));
  CHECK(blocks_journaled(scene) == "0");
  scene.simulator().post("/banano/deposit", {{"account", 0}, {"amount", "5"}});
  require_everybody_paid(scene);
}

TEST_CASE("Banano: every fault on the send of the node's own wallet", "[banano_faults]") {
  PayingProvider provider = banano(8);
  provider.settings["mode"] = "node_wallet";
  provider.settings.erase("account_count");
  provider.secrets = {{"wallet", '"' + std::string(64, '1') + '"'}};
  // The accounts of the seed, which the simulator's wallet holds.
  Scene scene(provider, "banano-wallet");
  std::string accounts;
  const json::value node = scene.simulator().get("/banano");
  for (const json::value& account : node.at("accounts").as_array()) {
    accounts += (accounts.empty() ? "[" : ", ") + text(account, "account");
  }
  scene.provider().settings["accounts"] = accounts + "]";
  HostProcess& host = ready_host(scene);
  FaultGroups groups(scene);
  for (const FaultCase& fault : request_faults()) groups.add(fault, "send", 2);
  groups.post(host);
  require_everybody_paid(scene, seconds{90});
  std::string missed;
  CHECK(groups.all_met(missed));
  CHECK(missed == "");
  scene.simulator().remove("/faults");
  CHECK(scene.every_lane_can_pay(host));
}
