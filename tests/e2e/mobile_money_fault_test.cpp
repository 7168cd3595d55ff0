// TMoney and Flooz misbehave on every call. Where the operator has told what absence means, every payout
// settles by itself; where nothing was agreed, what nobody can tell goes to a human and is never sent again.
#include <catch2/catch.hpp>

#include "control.hpp"
#include "fault_groups.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

/// What moves money at this provider.
std::string money_operation(Scene& scene) {
  return scene.provider().plugin == "tmoney" ? "credit" : "transfer";
}

void behave(Scene& scene, const std::string& payee, const std::string& behaviour) {
  scene.simulator().post("/payees",
                         {{"protocol", scene.provider().plugin}, {"payee", payee}, {"behaviour", behaviour}});
}

void every_fault_settles(Scene& scene) {
  const std::string money = money_operation(scene);
  HostProcess& host = ready_host(scene);
  FaultGroups groups(scene);
  for (const FaultCase& fault : request_faults()) {
    groups.add(fault, money, 1);
    groups.add(fault, "status", 2, {{money, "pay_and_cut"}});
  }
  groups.add({"lost_then_late", {{"delay_ms", 900}}}, money, 1);
  groups.add({"status_flap", {{"count", 1}}}, "status", 1, {{money, "pay_and_cut"}});
  groups.post(host);
  require_everybody_paid(scene);
  std::string missed;
  CHECK(groups.all_met(missed));
  CHECK(missed == "");
  CHECK(scene.simulator().get("/stats").at("redirects_followed").to_number<int>() == 0);
}

/// The same faults on what moves money, each once; `kind` is CONFIRMED or REVIEW of what was paid in spite of
/// it.
void every_fault_is_safe(Scene& scene, const std::string& paid_and_lost) {
  const std::string money = money_operation(scene);
  // Long enough that a proof which nobody agreed to would be acted on before.
  HostProcess& host = ready_host(scene, {{"unknown_review_after", "5s"}});
  FaultGroups groups(scene);
  for (const FaultCase& fault : request_faults()) groups.add(fault, money, 1);
  groups.post(host);
  const LedgerCheck check = require_settled(scene);
  INFO(check.text());
  std::string missed;
  CHECK(groups.all_met(missed));
  CHECK(missed == "");
  CHECK(check.confirmed + check.in_review == check.payouts);
  CHECK(check.failed == 0);
  CHECK(outcome_of(scene, "pay_and_cut-on-" + money) == paid_and_lost);
  CHECK(outcome_of(scene, "garbage-on-" + money) == paid_and_lost);
  for (const char* lost : {"never_answer", "cut_before_paying", "answer_500_before_paying", "answer_503_html",
                           "redirect", "answer_401", "answer_403", "answer_429"}) {
    INFO(lost);
    CHECK(outcome_of(scene, std::string(lost) + "-on-" + money) == "REVIEW unresolved");
  }
  // One request for each payout, whatever became of it.
  CHECK(requests_seen(scene, money) == static_cast<std::uint64_t>(check.payouts));
  CHECK(scene.resent_after_unknown() == 0);

  // Where no byte left there is no doubt.
  add_provider_fault(scene, "refuse_connection", {{"duration_ms", 1500}});
  scene.post(host, 6, "refused");
  require_settled(scene);
  CHECK(outcome_of(scene, "refused") == "CONFIRMED");
  CHECK(scene.resent_after_unknown() == 0);
}

/// A human asks again when the provider can answer.
void ask_again(Scene& scene, HostProcess& host, const std::string& batch) {
  payoutd::store::Connection connection = scene.database().connect();
  pqxx::nontransaction work(connection);
  for (const auto& row :
       work.exec("select id from app.payouts where state = 'REVIEW' and batch = '" + batch + "'")) {
    const auto reply = control(host, "POST", std::string("/v1/admin/payouts/") + row[0].c_str() + "/review",
                               {{"decision", "ask_again"}});
    INFO(reply.body);
    CHECK(reply.status == 200);
  }
}

}  // namespace

TEST_CASE("TMoney: every fault on every call, where absence is proof", "[tmoney_faults]") {
  // The plugin believes that its tokens are good for minutes. What is refused for one may have been taken all
  // the same, so it is asked about before it is sent again.
  Scene scene(tmoney_with_proof(), "tmoney-faults", {"--tmoney-token-ttl-s", "2"});
  every_fault_settles(scene);
  CHECK(requests_seen(scene, "login") >= 2);
}

TEST_CASE("TMoney: every fault, with nothing agreed", "[tmoney_faults]") {
  Scene scene(tmoney(), "tmoney-safe");
  // TMoney can always be asked by our reference, so what was paid is found.
  every_fault_is_safe(scene, "CONFIRMED");
}

TEST_CASE("TMoney: every fault on the login", "[tmoney_faults]") {
  Scene scene(tmoney(), "tmoney-login");
  std::map<std::uint64_t, std::string> faults;
  for (const FaultCase& fault : request_faults()) {
    if (fault.fault.starts_with("slow") || fault.fault == "never_answer_after_paying")
      continue;  // a second each
    json::object more = fault.more;
    more["operation"] = "login";
    more["count"] = 1;
    faults.emplace(add_provider_fault(scene, fault.fault, std::move(more)), fault.fault);
  }
  HostProcess& host = ready_host(scene);
  scene.post(host, 12);
  // Nothing is sent before there is a token: nobody has to decide anything.
  require_everybody_paid(scene);
  const auto counts = applied_faults(scene);
  std::size_t met = 0;
  for (const auto& [id, name] : faults) met += counts.at(id);
  CHECK(met > 10);
  CHECK(requests_seen(scene, "credit") == 12);
}

TEST_CASE("TMoney: what its payees lead to", "[tmoney_faults]") {
  Scene scene(tmoney_with_proof(), "tmoney-payees", {"--delayed-ms", "500"});
  HostProcess& host = ready_host(scene, {{"unknown_review_after", "5s"}});
  for (const char* behaviour : {"ECHEC", "delayed", "succeed", "unknown_5000"}) {
    const std::vector<std::string> payees = scene.reserve_payees(6);
    for (const std::string& payee : payees) behave(scene, payee, behaviour);
    scene.post_to_each(host, payees, behaviour);
  }
  require_settled(scene);
  CHECK(outcome_of(scene, "ECHEC") == "FAILED ECHEC");
  CHECK(outcome_of(scene, "delayed") == "CONFIRMED");
  CHECK(outcome_of(scene, "succeed") == "CONFIRMED");
  // Whatever it says, TMoney answered "200": a sign that it took the credit. What it does not know afterwards
  // is a human's to settle, in spite of the time that was agreed.
  CHECK(outcome_of(scene, "unknown_5000") == "CONFIRMED, REVIEW unresolved");
  CHECK(scene.resent_after_unknown() == 0);
  CHECK(requests_seen(scene, "credit") == 24);
}

TEST_CASE("TMoney: what was paid late is found when a human asks again", "[tmoney_faults]") {
  Scene scene(tmoney(), "tmoney-late");
  HostProcess& host = ready_host(scene, {{"unknown_review_after", "1s"}});
  add_provider_fault(scene, "lost_then_late", {{"operation", "credit"}, {"delay_ms", 10000}, {"count", 3}});
  scene.post(host, 3, "late");
  require_settled(scene);
  CHECK(outcome_of(scene, "late") == "REVIEW unresolved");
  REQUIRE(eventually(seconds{30}, [&] {
    const json::value ledger = scene.simulator().get("/ledger?protocol=tmoney&status=SUCCESSFUL");
    return ledger.as_array().size() == 3;
  }));
  ask_again(scene, host, "late");
  require_everybody_paid(scene);
  CHECK(requests_seen(scene, "credit") == 3);
}

TEST_CASE("Flooz: every fault on every call, where Moov takes our reference", "[flooz_faults]") {
  Scene scene(flooz_with_proof(), "flooz-faults");
  every_fault_settles(scene);
}

TEST_CASE("Flooz: every fault, with nothing agreed", "[flooz_faults]") {
  Scene scene(flooz(), "flooz-safe");
  // A lost answer took Moov's reference with it, and ours is not known to work: nobody can be asked.
  every_fault_is_safe(scene, "REVIEW unresolved");
  CHECK(requests_seen(scene, "status") == 0);
}

TEST_CASE("Flooz: what its payees lead to", "[flooz_faults]") {
  Scene scene(flooz_with_proof(), "flooz-payees", {"--delayed-ms", "500"});
  HostProcess& host = ready_host(scene, {{"unknown_review_after", "5s"}});
  const std::vector<std::pair<std::string, std::string>> cases{
      {"9", "FAILED 9"},   {"3", "FAILED 3"},        {"555", "FAILED 555"},   {"10", "FAILED 10"},
      {"20", "FAILED 20"}, {"delayed", "CONFIRMED"}, {"succeed", "CONFIRMED"}};
  for (const auto& [behaviour, outcome] : cases) {
    const std::vector<std::string> payees = scene.reserve_payees(2);
    for (const std::string& payee : payees) behave(scene, payee, behaviour);
    scene.post_to_each(host, payees, behaviour);
  }
  // What nobody understands came with "200": a sign that Moov took the transfer, so absence is no proof any
  // more.
  for (const char* behaviour : {"91", "99", "-1"}) {
    const std::vector<std::string> payees = scene.reserve_payees(4);
    for (const std::string& payee : payees) behave(scene, payee, behaviour);
    scene.post_to_each(host, payees, std::string("unclear") + behaviour);
  }
  // A permission that we lack until somebody gives it.
  const std::vector<std::string> denied = scene.reserve_payees(1);
  behave(scene, denied[0], "4");
  scene.post_to_each(host, denied, "denied");
  REQUIRE(eventually(seconds{20}, [&] {
    return scene.database().value(
               "select count(*) from app.payouts where batch = 'denied' and defer_count > 1") == "1";
  }));
  behave(scene, denied[0], "succeed");
  require_settled(scene);
  for (const auto& [behaviour, outcome] : cases) {
    INFO(behaviour);
    CHECK(outcome_of(scene, behaviour) == outcome);
  }
  CHECK(outcome_of(scene, "denied") == "CONFIRMED");
  const LedgerCheck unclear = scene.check("batch like 'unclear%'");
  INFO(unclear.text());
  CHECK(unclear.confirmed + unclear.in_review == 12);
  CHECK(unclear.confirmed > 0);
  CHECK(unclear.in_review > 0);
  CHECK(scene.resent_after_unknown() == 0);
}

TEST_CASE("Flooz: codes that nobody understands, with nothing agreed", "[flooz_faults]") {
  Scene scene(flooz(), "flooz-codes", {"--delayed-ms", "500"});
  HostProcess& host = ready_host(scene, {{"unknown_review_after", "1s"}});
  const std::vector<std::string> payees = scene.reserve_payees(6);
  for (const std::string& payee : payees) behave(scene, payee, "95");
  scene.post_to_each(host, payees, "95");
  const std::vector<std::string> slow = scene.reserve_payees(2);
  for (const std::string& payee : slow) behave(scene, payee, "delayed");
  scene.post_to_each(host, slow, "delayed");
  const LedgerCheck check = require_settled(scene);
  CHECK(check.in_review == 6);
  // What Moov took with a reference of its own can be asked about.
  CHECK(outcome_of(scene, "delayed") == "CONFIRMED");
  CHECK(requests_seen(scene, "transfer") == 8);
}
