// Thunes misbehaves on every call, and a payment's life takes every turn that the protocol knows.
#include <catch2/catch.hpp>

#include "fault_groups.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

void behave(Scene& scene, const std::string& payee, const std::string& behaviour) {
  scene.simulator().post("/payees", {{"protocol", "thunes"}, {"payee", payee}, {"behaviour", behaviour}});
}

std::string references_of(Scene& scene, const std::string& batch) {
  return scene.database().value(
      "select count(distinct reference) from (select payout_id, reference from app.attempts union all"
      " select payout_id, reference from app.attempts_history) a join app.all_payouts p on p.id = a.payout_id"
      " where p.batch = '" +
      batch + "'");
}

}  // namespace

TEST_CASE("Thunes: every fault on every call", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-faults");
  HostProcess& host = ready_host(scene);
  FaultGroups groups(scene);
  for (const FaultCase& fault : request_faults()) {
    groups.add(fault, "confirm", 1);
    groups.add(fault, "status", 2, {{"confirm", "pay_and_cut"}});
    groups.add_for_anyone(fault, "quotation", 1);
    groups.add_for_anyone(fault, "transaction", 1);
  }
  groups.add({"lost_then_late", {{"delay_ms", 900}}}, "confirm", 1);
  // "Confirmed before" is a sign that it was, never a failure.
  groups.add({"answer_500_after_paying", {{"code", "1007002"}}}, "confirm", 1);
  groups.add({"answer_500_before_paying", {{"code", "1007005"}}}, "confirm", 2);
  groups.add({"status_flap", {{"count", 1}}}, "status", 1, {{"confirm", "pay_and_cut"}});
  groups.post(host);
  require_everybody_paid(scene);
  std::string missed;
  CHECK(groups.all_met(missed));
  CHECK(missed == "");
  CHECK(scene.simulator().get("/stats").at("redirects_followed").to_number<int>() == 0);
}

TEST_CASE("Thunes: connections that are refused or reset", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-connection");
  HostProcess& host = ready_host(scene);
  add_provider_fault(scene, "refuse_connection", {{"duration_ms", 1500}});
  scene.post(host, 12, "refused");
  require_everybody_paid(scene);
  CHECK(scene.resent_after_unknown() == 0);
  scene.simulator().remove("/faults");
  const auto reset = add_provider_fault(scene, "reset_on_accept", {{"probability", 0.5}, {"count", 6}});
  scene.post(host, 6, "reset");
  require_everybody_paid(scene);
  CHECK(applied_faults(scene).at(reset) > 0);
}

TEST_CASE("Thunes: a quotation that ends before the confirmation", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-expiry");
  HostProcess& host = ready_host(scene);
  // The transaction is there at once, its answer comes late: time enough to end the quotation.
  add_provider_fault(scene, "slow", {{"operation", "transaction"}, {"delay_ms", 800}, {"count", 4}});
  scene.post(host, 4, "expiry");
  REQUIRE(eventually(seconds{10}, [&] { return requests_seen(scene, "transaction") >= 4; }));
  CHECK(scene.simulator().post("/expire", {{"protocol", "thunes"}}).as_object().size() > 0);
  require_everybody_paid(scene);
  CHECK(requests_seen(scene, "cancel") >= 4);
  // Each dead transaction spent its reference; the next one was quoted anew.
  CHECK(references_of(scene, "expiry") == "8");
}

TEST_CASE("Thunes: quotations that end before their transactions are journaled", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-short-quotations", {"--thunes-quotation-ttl-s", "1"});
  HostProcess& host = ready_host(scene);
  // The quotation's second is over when the answers are read.
  add_provider_fault(scene, "slow", {{"operation", "quotation"}, {"delay_ms", 700}, {"count", 3}});
  add_provider_fault(scene, "slow", {{"operation", "transaction"}, {"delay_ms", 700}, {"count", 3}});
  scene.post(host, 3, "short");
  require_everybody_paid(scene);
  CHECK(requests_seen(scene, "quotation") >= 6);
}

TEST_CASE("Thunes: money that comes back", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-reversal");
  HostProcess& host = ready_host(scene);
  scene.post(host, 4, "kept");
  scene.post(host, 4, "back");
  require_everybody_paid(scene);
  const std::vector<std::string> payees = [&] {
    std::vector<std::string> all;
    payoutd::store::Connection connection = scene.database().connect();
    pqxx::nontransaction work(connection);
    for (const auto& row : work.exec("select destination from app.all_payouts where batch = 'back'")) {
      all.emplace_back(row[0].c_str());
    }
    return all;
  }();
  const json::value ledger = scene.simulator().get("/ledger?protocol=thunes");
  for (const json::value& entry : ledger.as_array()) {
    if (std::find(payees.begin(), payees.end(), entry.at("payee").as_string().c_str()) == payees.end())
      continue;
    scene.simulator().post("/reverse", {{"reference", entry.at("reference")}});
  }
  // Its callback says that there is news, the question what.
  CHECK(eventually(seconds{20}, [&] { return outcome_of(scene, "back") == "REVERSED reversed"; }));
  INFO(outcome_of(scene, "back"));
  CHECK(outcome_of(scene, "kept") == "CONFIRMED");
  const LedgerCheck check = require_settled(scene);
  CHECK(check.reversed == 4);
  CHECK(check.confirmed == 4);
}

TEST_CASE("Thunes: what its payees and its statuses lead to", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-payees", {"--seed", "2", "--delayed-ms", "800"});
  HostProcess& host = ready_host(scene);
  struct Case {
    const char* behaviour;
    const char* outcome;
  };
  const std::vector<Case> cases{
      {"1005001", "FAILED 1005001"},    {"1005001@confirm", "FAILED 1005001"},
      {"1009001@confirm", "CONFIRMED"}, {"30000", "FAILED 30000"},
      {"90201", "FAILED 90201"},        {"90400", "FAILED 90400"},
      {"60100", "REVIEW mismatch"},     {"70000", "CONFIRMED"},
      {"delayed", "CONFIRMED"},
  };
  for (const Case& one : cases) {
    const std::vector<std::string> payees = scene.reserve_payees(2);
    for (const std::string& payee : payees) behave(scene, payee, one.behaviour);
    scene.post_to_each(host, payees, one.behaviour);
  }
  // A limit that is lifted later: refused as things stand, so the same transaction is confirmed then.
  const std::vector<std::string> limited = scene.reserve_payees(1);
  behave(scene, limited[0], "1006001@confirm");
  scene.post_to_each(host, limited, "limited");
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value(
               "select count(*) from app.payouts where batch = 'limited' and defer_count > 1") == "1";
  }));
  behave(scene, limited[0], "succeed");
  require_settled(scene);
  for (const Case& one : cases) {
    INFO(one.behaviour);
    CHECK(outcome_of(scene, one.behaviour) == one.outcome);
  }
  CHECK(outcome_of(scene, "limited") == "CONFIRMED");
  CHECK(references_of(scene, "limited") == "1");
  CHECK(references_of(scene, "90400") == "6");  // three tries for each, each with a reference of its own
}

TEST_CASE("Thunes: an empty account pays when it is filled", "[thunes_faults]") {
  Scene scene(thunes(), "thunes-balance", {"--thunes-balance", "0"});
  HostProcess& host = ready_host(scene);
  scene.post(host, 4, "poor");
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value("select min(defer_count) from app.payouts where batch = 'poor'") > "0";
  }));
  CHECK(scene.simulator().get("/ledger?protocol=thunes").as_array().empty());
  scene.simulator().post("/balance", {{"protocol", "thunes"}, {"amount", "100000"}});
  require_everybody_paid(scene);
  CHECK(references_of(scene, "poor") == "4");
}
