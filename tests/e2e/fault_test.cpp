// Every fault that the simulator knows, on every call that the plugin makes. Afterwards, with no human, each
// payout stands where the simulator's own ledger proves it: none paid twice, none lost, none wrongly failed,
// none left open.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

#include "control.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

/// Among the payees of a group the fault meets the first requests only, so that each group ends.
constexpr int kPayoutsInGroup = 24;

struct FaultCase {
  const char* fault;
  json::object more;  ///< delays and the like
};

/// The faults of one request. Times are chosen around the response time-out (1 s) and the time after which
/// absence is proof (1 s): longer delays would break the promises of the contract, and no client could be
/// right.
const std::vector<FaultCase>& request_faults() {
  static const std::vector<FaultCase> all{
      {"never_answer", {}},
      {"cut_before_paying", {}},
      {"cut_before_paying", {{"reset", true}, {"delay_ms", 50}}},
      {"answer_500_before_paying", {}},
      {"answer_500_before_paying", {{"code", "NOT_ENOUGH_FUNDS"}}},
      {"answer_503_html", {}},
      {"redirect", {}},
      {"answer_401", {}},
      {"answer_403", {}},
      {"answer_429", {}},
      {"never_answer_after_paying", {}},
      {"pay_and_cut", {}},
      {"pay_and_cut", {{"reset", true}, {"delay_ms", 50}}},
      {"answer_500_after_paying", {}},
      {"answer_500_after_paying", {{"code", "COULD_NOT_PERFORM_TRANSACTION"}}},
      {"slow", {{"delay_ms", 300}}},
      {"slow", {{"delay_ms", 1800}}},
      {"slow_drip", {{"delay_ms", 2}}},
      {"slow_drip", {{"delay_ms", 40}}},
      {"garbage", {}},
      {"truncated", {}},
      {"wrong_types", {}},
      {"huge_body", {{"body_bytes", 2 << 20}}},
  };
  return all;
}

const std::set<std::string> kOfTransfersOnly{"lost_then_late"};
const std::set<std::string> kOfStatusOnly{"status_flap"};
const std::set<std::string> kOfConnections{"refuse_connection", "reset_on_accept"};
const std::set<std::string> kOfCallbacks{"duplicate_callback", "out_of_order_callback", "delayed_callback",
                                         "no_callback"};

/// The kinds that the simulator has, from its own words.
std::set<std::string> kinds_of(Scene& scene) {
  simulator::WireClient client(scene.simulator().control_url());
  const auto reply =
      client.exchange("POST", "/faults", {{"Content-Type", "application/json"}}, R"({"fault":"?"})");
  const std::string marker = "must be one of";
  const auto at = reply.body.find(marker);
  if (at == std::string::npos)
    throw std::runtime_error("the simulator does not list its faults: " + reply.body);
  std::set<std::string> kinds;
  std::string word;
  for (const char c : reply.body.substr(at + marker.size()) + " ") {
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_') {
      word += c;
    } else if (!word.empty()) {
      kinds.insert(std::exchange(word, {}));
      if (c == '"') break;
    }
  }
  return kinds;
}

struct Group {
  std::string name;
  std::string payee;
  std::uint64_t fault_id = 0;
};

/// Payees of one group each: 46733 2 00 GGG.
std::string payee_of(std::size_t group) {
  const std::string number = std::to_string(group);
  return "4673320" + std::string(4 - number.size(), '0') + number;
}

std::uint64_t add_fault(Scene& scene, const std::string& kind, json::object more) {
  more["fault"] = kind;
  return scene.simulator().post("/faults", more).at("id").to_number<std::uint64_t>();
}

std::string title(const std::string& kind, const std::string& operation, const json::object& more) {
  // Part of keys, which take no spaces.
  return kind + "-on-" + operation + (more.empty() ? std::string() : json::serialize(more));
}

/// How often each fault was applied, by its id.
std::map<std::uint64_t, std::uint64_t> applied(Scene& scene) {
  std::map<std::uint64_t, std::uint64_t> counts;
  const json::value answer = scene.simulator().get("/faults");
  const json::array& all = answer.is_array() ? answer.as_array() : answer.at("faults").as_array();
  for (const json::value& fault : all) {
    counts[fault.at("id").to_number<std::uint64_t>()] = fault.at("applied").to_number<std::uint64_t>();
  }
  return counts;
}

void short_times(HostProcess& host) {
  auto& momo = host.settings().momo;
  momo["submit_window"] = "1s";
  momo["response_timeout"] = "1s";
  momo["absence_wait"] = "1s";
  momo["concurrency"] = "64";
  momo["callbacks"] = "true";
  momo["callback_host"] = "127.0.0.1";
}

void require_all_right(Scene& scene, std::chrono::milliseconds limit) {
  const auto began = std::chrono::steady_clock::now();
  const bool finished = scene.wait_until_finished(limit);
  const LedgerCheck check = scene.check();
  std::cout << "  " << check.text() << " after "
            << std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began)
                   .count()
            << " ms" << std::endl;
  if (!finished || !check.all_right()) {
    WARN(scene.database().value(
        "select string_agg(line, E'\\n') from (select concat_ws(' ', batch, state, reason, count(*)) as line"
        " from app.all_payouts where state not in ('CONFIRMED') group by batch, state, reason order by 1 "
        "limit 50) x"));
    WARN(scene.logs());
  }
  INFO(check.text());
  REQUIRE(finished);
  CHECK(check.all_right());
  CHECK(check.payouts > 0);
  CHECK(scene.simulator().get("/stats").at("internal_errors").to_number<int>() == 0);
}

/// Each group: its payee, its fault; all groups at once. `prepare` may add faults of the group that go first.
template <class Add>
void run_groups(Scene& scene, HostProcess& host, std::vector<Group>& groups, Add add_all) {
  add_all();
  for (const Group& group : groups) scene.post_to(host, group.payee, kPayoutsInGroup, group.name);
  require_all_right(scene, seconds{90});
  const auto counts = applied(scene);
  for (const Group& group : groups) {
    INFO(group.name);
    CHECK(counts.at(group.fault_id) > 0);
    const LedgerCheck check = scene.check("batch = $$" + group.name + "$$");
    INFO(check.text());
    CHECK(check.payouts == kPayoutsInGroup);
    CHECK(check.confirmed ==
          kPayoutsInGroup);  // every payee of this test can be paid, so no fault may end in FAILED
  }
}

}  // namespace

TEST_CASE("every fault that the simulator knows is in these tests", "[faults]") {
  Scene scene("kinds");
  std::set<std::string> tried;
  for (const FaultCase& one : request_faults()) tried.insert(one.fault);
  for (const auto* more : {&kOfTransfersOnly, &kOfStatusOnly, &kOfConnections, &kOfCallbacks}) {
    tried.insert(more->begin(), more->end());
  }
  const std::set<std::string> known = kinds_of(scene);
  CHECK(known.size() > 20);
  CHECK(known == tried);
}

TEST_CASE("every fault on transfers", "[faults]") {
  Scene scene("transfer");
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  std::vector<Group> groups;
  run_groups(scene, host, groups, [&] {
    const auto add = [&](const std::string& kind, json::object more) {
      Group group{title(kind, "transfer", more), payee_of(groups.size()), 0};
      more["operation"] = "transfer";
      more["payee"] = group.payee;
      more["count"] = 18;
      group.fault_id = add_fault(scene, kind, std::move(more));
      groups.push_back(std::move(group));
    };
    for (const FaultCase& one : request_faults()) add(one.fault, one.more);
    add("lost_then_late", {{"delay_ms", 900}});
    // Longer than the contract allows: the host believes the absence and sends again. It does so under the
    // same reference, which the provider refuses as a duplicate, so that even this is paid once.
    add("lost_then_late", {{"delay_ms", 6000}});
  });
  CHECK(scene.simulator().get("/stats").at("redirects_followed").to_number<int>() == 0);
}

TEST_CASE("every fault on status queries, after transfers of which some were cut", "[faults]") {
  Scene scene("status");
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  std::vector<Group> groups;
  run_groups(scene, host, groups, [&] {
    const auto add = [&](const std::string& kind, json::object more) {
      Group group{title(kind, "status", more), payee_of(groups.size()), 0};
      more["operation"] = "status";
      more["payee"] = group.payee;
      more["count"] = 30;
      group.fault_id = add_fault(scene, kind, std::move(more));
      add_fault(scene, "pay_and_cut", {{"operation", "transfer"}, {"payee", group.payee}, {"count", 6}});
      add_fault(scene, "cut_before_paying",
                {{"operation", "transfer"}, {"payee", group.payee}, {"count", 4}});
      groups.push_back(std::move(group));
    };
    for (const FaultCase& one : request_faults()) add(one.fault, one.more);
    add("status_flap", {});
  });
}

TEST_CASE("every fault of callbacks, and of callbacks together with cut transfers", "[faults]") {
  Scene scene("callback");
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  std::vector<Group> groups;
  run_groups(scene, host, groups, [&] {
    for (const std::string& kind : kOfCallbacks) {
      for (const bool cut : {false, true}) {
        Group group{kind + (cut ? "-after-a-cut" : ""), payee_of(groups.size()), 0};
        group.fault_id = add_fault(scene, kind, {{"payee", group.payee}});
        if (cut)
          add_fault(scene, "pay_and_cut", {{"operation", "transfer"}, {"payee", group.payee}, {"count", 18}});
        groups.push_back(std::move(group));
      }
    }
  });
  CHECK(host.log().find("momo.callback_host_differs") == std::string::npos);
}

TEST_CASE("every fault on tokens", "[faults]") {
  Scene scene("token", {"--token-ttl-s", "1"});
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  std::map<std::uint64_t, std::string> faults;
  for (const FaultCase& one : request_faults()) {
    json::object more = one.more;
    more["operation"] = "token";
    more["count"] = 1;
    faults.emplace(add_fault(scene, one.fault, std::move(more)), title(one.fault, "token", one.more));
  }
  // A token lives for a second, so each refresh of the run meets the next fault.
  int batch = 0;
  const auto every_fault_met = [&] {
    const auto counts = applied(scene);
    return std::all_of(faults.begin(), faults.end(),
                       [&](const auto& fault) { return counts.at(fault.first) > 0; });
  };
  for (; batch < 40 && !every_fault_met(); ++batch) {
    scene.post(host, 30, "token-" + std::to_string(batch));
    REQUIRE(scene.wait_until_finished(seconds{60}));
  }
  const auto counts = applied(scene);
  for (const auto& [id, name] : faults) {
    INFO(name);
    CHECK(counts.at(id) == 1);
  }
  require_all_right(scene, seconds{60});
  CHECK(scene.check().confirmed == scene.check().payouts);
}

TEST_CASE("faults of connections", "[faults]") {
  Scene scene("connection");
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  std::cout << "refused connections\n";
  add_fault(scene, "refuse_connection", {{"duration_ms", 2000}});
  scene.post(host, 40, "refused");
  require_all_right(scene, seconds{60});
  CHECK(scene.database().value("select count(*) from app.attempts where outcome = 'submit_unknown'") == "0");
  std::cout << "reset connections\n";
  scene.simulator().remove("/faults");
  const auto id = add_fault(scene, "reset_on_accept", {{"probability", 0.7}, {"count", 30}});
  scene.post(host, 40, "reset");
  require_all_right(scene, seconds{60});
  CHECK(applied(scene).at(id) > 0);
  CHECK(scene.check().confirmed == 80);
}

TEST_CASE("random faults together, two hosts", "[faults]") {
  const char* text = std::getenv("PAYOUTD_FAULT_SEED");
  const unsigned seed = text == nullptr ? std::random_device{}() % 1'000'000
                                        : static_cast<unsigned>(std::strtoul(text, nullptr, 10));
  std::cout << "PAYOUTD_FAULT_SEED=" << seed << std::endl;
  Scene scene("random", {"--seed", std::to_string(seed), "--token-ttl-s", "2"});
  std::mt19937 random(seed);
  for (const char* name : {"host-a", "host-b"}) short_times(scene.add_host(name));
  auto& first = scene.host(0);
  auto& second = scene.host(1);
  first.start();
  second.start();
  REQUIRE(first.wait_until_ready());
  REQUIRE(second.wait_until_ready());
  for (const FaultCase& one : request_faults()) {
    for (const char* operation : {"transfer", "status", "token"}) {
      json::object more = one.more;
      more["operation"] = operation;
      more["probability"] =
          static_cast<double>(random() % 40) / 1000.0;  // all together about a third of the requests
      add_fault(scene, one.fault, std::move(more));
    }
  }
  add_fault(scene, "lost_then_late", {{"delay_ms", 900}, {"probability", 0.05}});
  add_fault(scene, "status_flap", {{"count", 40}, {"probability", 0.1}});
  for (const std::string& kind : kOfCallbacks) add_fault(scene, kind, {{"probability", 0.2}});
  scene.post(first, 150, "random-a");
  scene.post(second, 150, "random-b");
  require_all_right(scene, seconds{120});
  CHECK(scene.check().confirmed == 300);
}

TEST_CASE("every payee of the sandbox", "[faults]") {
  Scene scene("payees", {"--delayed-ms", "1500"});
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  struct Payee {
    int number;
    const char* state;
    const char* reason;  ///< empty: none is expected
    int references;      ///< at the provider, one each for every payout; 0: none was accepted
  };
  // NOT_ENOUGH_FUNDS and its like come as the final status of an accepted transfer: each try has a new
  // reference, and after three refusals (the schedule of these tests) the payout fails with nothing paid.
  const std::vector<Payee> payees{{450, "FAILED", "INTERNAL_PROCESSING_ERROR", 1},
                                  {451, "FAILED", "APPROVAL_REJECTED", 1},
                                  {452, "FAILED", "EXPIRED", 1},
                                  {453, "SENT", "", 1},
                                  {454, "CONFIRMED", "", 1},
                                  {455, "FAILED", "NOT_ENOUGH_FUNDS", 3},
                                  {456, "FAILED", "PAYER_LIMIT_REACHED", 3},
                                  {457, "FAILED", "PAYEE_NOT_FOUND", 0},
                                  {458, "FAILED", "NOT_ALLOWED", 0},
                                  {459, "FAILED", "NOT_ALLOWED_TARGET_ENVIRONMENT", 0},
                                  {460, "FAILED", "INVALID_CALLBACK_URL_HOST", 0},
                                  {461, "FAILED", "INVALID_CURRENCY", 0},
                                  {462, "CONFIRMED", "", 1},
                                  {463, "FAILED", "SERVICE_UNAVAILABLE", 3},
                                  {499, "CONFIRMED", "", 1}};
  constexpr int kEach = 20;
  for (const Payee& payee : payees)
    scene.post_to(host, "46733123" + std::to_string(payee.number), kEach, std::to_string(payee.number));
  // One more, whose account is empty at first and filled before the second try.
  scene.simulator().post("/payees", {{"payee", "46733190001"}, {"behaviour", "NOT_ENOUGH_FUNDS"}});
  scene.post_to(host, "46733190001", kEach, "later");
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value(
               "select count(*) from app.payouts where batch = 'later' and refusal_count > 0") != "0";
  }));
  scene.simulator().post("/payees", {{"payee", "46733190001"}, {"behaviour", "succeed"}});
  const bool settled = eventually(seconds{60}, [&] {
    return scene.database().value(
               "select count(*) from app.all_payouts where finished_at is null and batch <> '453'") == "0";
  });
  if (!settled) WARN(scene.logs());
  REQUIRE(settled);

  std::map<std::string, std::set<std::string>> references;  // by payout
  const json::value ledger = scene.simulator().get("/ledger?limit=100000");
  for (const json::value& entry : ledger.as_array()) {
    references[entry.at("external_id").as_string().c_str()].insert(entry.at("reference").as_string().c_str());
  }
  payoutd::store::Connection connection = scene.database().connect();
  pqxx::nontransaction work(connection);
  for (const Payee& payee : payees) {
    INFO(payee.number);
    const auto rows = work.exec_params(
        "select id, state::text, coalesce(reason, ''), next_action_at is not null from app.all_payouts where "
        "batch = $1",
        std::to_string(payee.number));
    CHECK(rows.size() == kEach);
    for (const auto& row : rows) {
      CHECK(row[1].c_str() == std::string(payee.state));
      CHECK(row[2].c_str() == std::string(payee.reason));
      CHECK(references[row[0].c_str()].size() == static_cast<std::size_t>(payee.references));
      if (payee.number == 453) CHECK(row[3].as<bool>());  // it is asked again and again
    }
  }
  CHECK(scene.check("batch <> '453'").all_right());
  CHECK(scene.check("batch = 'later'").confirmed == kEach);

  // What is under way for ever ends when the provider ends it, one way or the other.
  int n = 0;
  for (const auto& row : work.exec("select id from app.payouts where batch = '453'")) {
    const std::string reference = *references.at(row[0].c_str()).begin();
    json::object order{{"reference", reference}, {"status", ++n % 2 == 0 ? "SUCCESSFUL" : "FAILED"}};
    if (n % 2 == 1) order["reason"] = "EXPIRED";
    scene.simulator().post("/settle", order);
  }
  REQUIRE(scene.wait_until_finished(seconds{30}));
  const LedgerCheck check = scene.check("batch = '453'");
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(check.confirmed == kEach / 2);
}

TEST_CASE("what nobody can tell goes to a human after the set time, and proof settles it", "[faults]") {
  Scene scene("review");
  HostProcess& host = scene.add_host("host-a");
  short_times(host);
  host.settings().engine["unknown_review_after"] = "2s";
  host.start();
  REQUIRE(host.wait_until_ready());
  constexpr int kEach = 10;
  const std::string paid = payee_of(1);
  const std::string unpaid = payee_of(2);
  add_fault(scene, "pay_and_cut", {{"operation", "transfer"}, {"payee", paid}, {"count", kEach}});
  add_fault(scene, "cut_before_paying", {{"operation", "transfer"}, {"payee", unpaid}, {"count", kEach}});
  add_fault(scene, "answer_403", {{"operation", "status"}});
  scene.post_to(host, paid, kEach, "paid");
  scene.post_to(host, unpaid, kEach, "unpaid");
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value(
               "select count(*) from app.payouts where state = 'REVIEW' and reason = 'unresolved'") ==
           std::to_string(2 * kEach);
  }));
  CHECK(scene.check().paid_twice == 0);
  CHECK(scene.simulator().get("/ledger?limit=100").as_array().size() ==
        kEach);  // nothing was sent again on hope
  scene.simulator().remove("/faults");
  payoutd::store::Connection connection = scene.database().connect();
  pqxx::nontransaction work(connection);
  for (const auto& row : work.exec("select id from app.payouts")) {
    const auto reply = control(host, "POST", std::string("/v1/admin/payouts/") + row[0].c_str() + "/review",
                               {{"decision", "ask_again"}});
    INFO(reply.body);
    CHECK(reply.status == 200);
  }
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value("select count(*) from app.all_payouts where finished_at is null") == "0";
  }));
  const LedgerCheck check = scene.check();
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(check.confirmed == 2 * kEach);
}
