// The database dies, comes back, is shared and is left: nothing that a provider did is forgotten by it.
#include <signal.h>

#include <catch2/catch.hpp>
#include <iostream>
#include <thread>

#include "control.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string plugin_of_the_contract_tests(const std::string& name) {
  return (build_bin().parent_path() / "tests/contract/plugins" / (name + ".so")).string();
}

/// A further provider whose plugin is one of the contract tests'.
std::string further_provider(const std::string& name, const std::string& plugin) {
  return "  " + name + ":\n    plugin: " + plugin_of_the_contract_tests(plugin) +
         "\n    settings:\n      url: \"http://127.0.0.1:1\"\n";
}

void require_right(Scene& scene, seconds limit = seconds{60}) {
  const bool finished = scene.wait_until_finished(limit);
  const LedgerCheck check = scene.check();
  INFO(check.text());
  if (!finished || !check.all_right()) WARN(scene.logs());
  REQUIRE(finished);
  CHECK(check.all_right());
}

int number(Scene& scene, const std::string& sql) {
  return std::stoi(scene.database().value(sql));
}

json::object provider_row(HostProcess& host, const std::string& name) {
  const RawResponse reply = control(host, "GET", "/v1/admin/providers");
  const json::value list = reply.json();
  for (const json::value& one : list.at("providers").as_array()) {
    if (one.at("name").as_string() == name) return one.as_object();
  }
  return {};
}

std::string state_of(HostProcess& host, const std::string& name) {
  const json::object row = provider_row(host, name);
  return row.empty() ? std::string() : std::string(row.at("state").as_string());
}

/// All processes of a private server.
void signal_all(DatabaseServer& server, int number) {
  const pid_t postmaster = server.embedded().pid();
  ::kill(postmaster, number);
  for (const pid_t child : children_of(postmaster, "postgres")) ::kill(child, number);
}

/// Our books as the API shows them.
std::vector<OurPayout> payouts_of(HostProcess& host) {
  std::vector<OurPayout> all;
  const json::value page = host.get("/v1/payouts?limit=500");
  for (const json::value& one : page.at("payouts").as_array()) {
    all.push_back({std::string(one.at("id").as_string()), std::string(one.at("state").as_string()), {}});
  }
  return all;
}

}  // namespace

TEST_CASE("PostgreSQL is killed and started again while payouts run", "[database]") {
  DatabaseServer server;
  Scene scene("pg-kill", {"--transfer-latency-ms", "5..60"}, server);
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  for (int round = 0; round < 3; ++round) {
    scene.post(host, 120, "round-" + std::to_string(round));
    REQUIRE(eventually(seconds{20}, [&] {
      return number(scene, "select count(*) from app.attempts where outcome is not null") > 120 * round + 30;
    }));
    server.kill();
    // What cannot be stored is refused at once, and says so.
    const auto reply =
        host.request("POST", "/v1/payouts", R"({"amount":"1","currency":"EUR","destination":"46733100001"})",
                     {{"Idempotency-Key", "while-down-" + std::to_string(round)}});
    INFO(reply.body);
    CHECK(reply.status == 503);
    CHECK(host.running());
    server.start();
    REQUIRE(host.wait_until_ready());
  }
  require_right(scene);
  // A refused one was not stored; one whose commit was in doubt may be, and then it was paid like any other.
  CHECK(number(scene, "select count(*) from app.all_payouts") >= 360);
  CHECK(number(scene, "select count(*) from app.all_payouts") <= 363);
  CHECK(number(scene, "select count(*) from app.all_payouts where batch like 'round-%'") == 360);
  CHECK(host.running());
}

TEST_CASE("backends are terminated again and again while payouts run", "[database]") {
  Scene scene("terminate", {"--transfer-latency-ms", "5..60"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 300, "load");
  int terminated = 0;
  for (int i = 0; i < 40; ++i) {
    terminated += number(scene,
                         "select count(pg_terminate_backend(pid)) from pg_stat_activity"
                         " where datname = current_database() and pid <> pg_backend_pid() and "
                         "application_name like 'payoutd%'");
    std::this_thread::sleep_for(milliseconds{60});
  }
  std::cout << terminated << " backends terminated\n";
  CHECK(terminated > 20);
  require_right(scene);
  CHECK(scene.check().confirmed == 300);
  CHECK(host.running());
}

TEST_CASE("an outcome that comes while the database is down for 8 s is stored afterwards", "[database]") {
  DatabaseServer server;
  // The processing takes long enough that only the answer to the submit can have come meanwhile.
  Scene scene("outcome", {"--transfer-latency-ms", "1500"}, server);
  HostProcess& host = scene.add_host("host-a");
  host.settings().momo["response_timeout"] = "10s";
  host.start();
  REQUIRE(host.wait_until_ready());
  constexpr int kCount = 16;  // all in flight at once
  scene.post(host, kCount);
  REQUIRE(eventually(seconds{20},
                     [&] { return scene.simulator().get("/ledger?limit=100").as_array().size() == kCount; }));
  server.kill();
  std::this_thread::sleep_for(seconds{8});  // what is tested is an outage of this length
  CHECK(scene.simulator().get("/ledger/summary").at("by_status").as_object().contains("SUCCESSFUL"));
  server.start();
  require_right(scene);
  CHECK(scene.check().confirmed == kCount);
  // Each came from the answer itself: nothing had to be asked because an outcome was lost.
  CHECK(number(scene, "select count(*) from app.events where kind = 'submit_accepted'") == kCount);
  CHECK(number(scene, "select count(*) from app.events where kind in ('submit_unknown', 'recovered')") == 0);
  CHECK(number(scene, "select max(attempt_count) from app.all_payouts") == 1);
}

TEST_CASE("a database that stands still for 8 s stops nothing else and loses nothing", "[database]") {
  DatabaseServer server;
  Scene scene("pg-stop", {"--transfer-latency-ms", "20..100"}, server);
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 200);
  REQUIRE(eventually(seconds{20}, [&] {
    return number(scene, "select count(*) from app.attempts where outcome is not null") > 20;
  }));
  const auto began = std::chrono::steady_clock::now();
  signal_all(server, SIGSTOP);
  simulator::Reply reply;
  std::thread client([&] {
    reply =
        host.request("POST", "/v1/payouts", R"({"amount":"1","currency":"EUR","destination":"46733100001"})",
                     {{"Idempotency-Key", "while-standing"}});
  });
  CHECK(eventually(seconds{6}, [&] { return host.request("GET", "/readyz").status == 503; }));
  CHECK(host.request("GET", "/livez").status == 200);
  const int accepted = static_cast<int>(scene.simulator().get("/ledger?limit=1000").as_array().size());
  std::this_thread::sleep_until(began + seconds{8});  // what is tested is a stand-still of this length
  // Only what was journaled before may still have been sent: far less than what was waiting.
  CHECK(static_cast<int>(scene.simulator().get("/ledger?limit=1000").as_array().size()) <= accepted + 16);
  signal_all(server, SIGCONT);
  client.join();
  INFO(reply.body);
  CHECK((reply.status == 201 || reply.status == 503));
  require_right(scene);
  CHECK(host.wait_until_ready());
}

TEST_CASE("SIGTERM while the database is away ends the host; the next one loses nothing", "[database]") {
  DatabaseServer server;
  Scene scene("term-down", {"--transfer-latency-ms", "100..400"}, server);
  HostProcess& host = scene.add_host("host-a");
  host.settings().engine["drain_timeout"] = "3s";
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 100);
  REQUIRE(eventually(seconds{20}, [&] { return number(scene, "select count(*) from app.attempts") > 30; }));
  server.kill();
  const auto began = std::chrono::steady_clock::now();
  host.process().signal(SIGTERM);
  const auto status = host.process().wait(seconds{30});
  INFO(host.log_end());
  REQUIRE(status.has_value());
  CHECK(*status < 128);  // it ended by itself
  std::cout << "ended after "
            << std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count()
            << " ms with status " << *status << std::endl;
  server.start();
  host.start();
  REQUIRE(host.wait_until_ready());
  require_right(scene);
  CHECK(scene.check().confirmed == 100);
}

TEST_CASE("a host waits a while for a database that is just starting", "[database]") {
  DatabaseServer server;
  Scene scene("late", {}, server);
  HostProcess& host = scene.add_host("host-a");
  server.stop();
  host.start_without_waiting();
  std::this_thread::sleep_for(seconds{2});
  CHECK(host.running());
  server.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 10);
  require_right(scene);
}

TEST_CASE("a killed host with the embedded database starts again on it", "[database]") {
  Scene scene("embedded", {"--transfer-latency-ms", "20..100"});
  HostProcess& host = scene.add_host("host-a");
  host.settings().database = "embedded";
  host.start();
  REQUIRE(host.wait_until_ready());
  for (int round = 0; round < 2; ++round) {
    scene.post(host, 60, "round-" + std::to_string(round));
    REQUIRE(eventually(seconds{20}, [&] {
      return scene.simulator().get("/ledger?limit=1000").as_array().size() >
             static_cast<std::size_t>(60 * round + 20);
    }));
    host.kill();
    host.start();
    REQUIRE(host.wait_until_ready());
  }
  const bool finished = eventually(seconds{60}, [&] {
    const auto all = payouts_of(host);
    return std::all_of(all.begin(), all.end(), [](const OurPayout& one) { return one.state == "CONFIRMED"; });
  });
  const json::value ledger = scene.simulator().get("/ledger?limit=1000");
  const LedgerCheck check = check_ledger(payouts_of(host), ledger.as_array());
  INFO(check.text());
  CHECK(finished);
  CHECK(check.all_right());
  CHECK(check.confirmed == 120);
  const auto postmaster = children_of(host.process().pid(), "postgres");
  CHECK(host.stop() == 0);
  for (const pid_t pid : postmaster) CHECK(process_state(pid) == '\0');  // it took its database along
}

TEST_CASE("two hosts share one database", "[database]") {
  Scene scene("two-hosts");
  HostProcess& first = scene.add_host("host-a");
  HostProcess& second = scene.add_host("host-b");
  first.start();
  second.start();
  REQUIRE(first.wait_until_ready());
  REQUIRE(second.wait_until_ready());
  std::thread other([&] { scene.post(second, 200, "b"); });
  scene.post(first, 200, "a");
  other.join();
  require_right(scene);
  CHECK(scene.check().confirmed == 400);
  CHECK(number(scene, "select max(attempt_count) from app.all_payouts") == 1);
  CHECK(number(scene, "select count(distinct host) from app.attempts") == 2);
  // Each answers for what the other took in.
  const std::string of_first =
      scene.database().value("select id from app.all_payouts where batch = 'a' limit 1");
  CHECK(second.get("/v1/payouts/" + of_first).at("state").as_string() == "CONFIRMED");
}

TEST_CASE("SIGTERM under load burns no attempt", "[database]") {
  Scene scene("drain", {"--transfer-latency-ms", "100..400"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 400);
  for (int round = 0; round < 3; ++round) {
    REQUIRE(eventually(
        seconds{20}, [&] { return number(scene, "select count(*) from app.attempts") > 100 * round + 40; }));
    const auto began = std::chrono::steady_clock::now();
    const int status = host.stop();
    INFO(host.log_end());
    CHECK(status == 0);
    CHECK(std::chrono::steady_clock::now() - began < seconds{15});
    CHECK(host.log().find("host.drain_incomplete") == std::string::npos);
    CHECK(number(scene, "select count(*) from app.payouts where state = 'SUBMITTING'") == 0);
    CHECK(number(scene, "select count(*) from app.payouts where lease is not null") == 0);
    CHECK(number(scene, "select count(*) from app.payouts where state = 'PENDING'") >
          0);  // it stopped under load
    CHECK(number(scene, "select coalesce(max(attempt_count), 0) from app.all_payouts") == 1);
    CHECK(number(scene, "select count(*) from app.events where kind in ('submit_unknown', 'recovered')") ==
          0);
    host.start();
    REQUIRE(host.wait_until_ready());
  }
  require_right(scene);
  CHECK(scene.check().confirmed == 400);
  CHECK(number(scene, "select max(attempt_count) from app.all_payouts") == 1);
}

TEST_CASE("a plugin that crashes again and again is quarantined, over restarts, until it is lifted",
          "[database]") {
  Scene scene("quarantine");
  HostProcess& host = scene.add_host("host-a");
  host.settings().more_providers = further_provider("crashy", "crashes_at_start");
  host.start();
  REQUIRE(eventually(seconds{30}, [&] { return state_of(host, "crashy") == "quarantined"; }));
  CHECK(eventually(seconds{5}, [&] {
    return !scene.database().value("select quarantined_at from app.providers where name = 'crashy'").empty();
  }));
  const json::object row = provider_row(host, "crashy");
  INFO(json::serialize(row));
  CHECK(std::string(row.at("last_error").as_string()).find("ended 5 times") != std::string::npos);
  const auto ready = host.request("GET", "/readyz");
  CHECK(ready.status == 503);
  CHECK(ready.body.find("crashy is quarantined") != std::string::npos);
  // The other provider pays as if nothing had happened.
  scene.post(host, 20, "meanwhile");
  require_right(scene);

  REQUIRE(host.stop() == 0);
  const auto log_before = host.log().size();
  host.settings().more_providers =
      further_provider("crashy", "good");  // repaired; the quarantine does not know it
  host.start();
  REQUIRE(eventually(seconds{10}, [&] { return state_of(host, "crashy") == "quarantined"; }));
  CHECK(host.log().substr(log_before).find("provider.crashed") == std::string::npos);
  CHECK(provider_row(host, "crashy").at("pid").to_number<int>() == 0);

  CHECK(host.request("POST", "/v1/admin/providers/crashy/lift-quarantine").status == 403);  // not over TCP
  CHECK(state_of(host, "crashy") == "quarantined");
  const RawResponse lifted = control(host, "POST", "/v1/admin/providers/crashy/lift-quarantine",
                                     {{"note", "the new build is in place"}});
  INFO(lifted.body);
  CHECK(lifted.status == 200);
  REQUIRE(eventually(seconds{10}, [&] { return state_of(host, "crashy") == "ready"; }));
  CHECK(scene.database().value("select quarantined_at from app.providers where name = 'crashy'").empty());
  CHECK(host.wait_until_ready());
  REQUIRE(host.stop() == 0);
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(state_of(host, "crashy") == "ready");
}

TEST_CASE("a provider process that is killed again and again under load loses and doubles nothing",
          "[database]") {
  Scene scene("provider-kills", {"--transfer-latency-ms", "50..200"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 400);
  int kills = 0;
  REQUIRE(eventually(seconds{60}, [&] {
    if (state_of(host, "momo") == "quarantined") return true;
    const pid_t provider = host.provider();
    if (provider != 0 && state_of(host, "momo") == "ready") {
      std::this_thread::sleep_for(milliseconds{100});  // some work between two kills
      ::kill(provider, SIGKILL);
      ++kills;
    }
    return false;
  }));
  CHECK(kills == 5);
  CHECK(host.provider() == 0);
  CHECK(number(scene, "select count(*) from app.payouts where finished_at is null") > 0);
  // Nothing is claimed for a provider that is down: what is open waits.
  CHECK(eventually(seconds{10}, [&] {
    return number(scene, "select count(*) from app.payouts where lease is not null") == 0;
  }));
  CHECK(number(scene, "select count(*) from app.payouts where state = 'SUBMITTING'") == 0);
  CHECK(control(host, "POST", "/v1/admin/providers/momo/lift-quarantine").status == 200);
  require_right(scene);
  CHECK(scene.check().confirmed == 400);
}
