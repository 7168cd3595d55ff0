// payoutctl load against real hosts: its figures are those of the database, and it hides no standstill.
#include <signal.h>

#include <catch2/catch.hpp>
#include <future>
#include <thread>

#include "ctl.hpp"
#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kTarget = "load --provider momo --currency EUR --destination-prefix 467331 --json ";

json::object load(HostProcess& host, const std::string& arguments, int code) {
  const CtlResult result = ctl(host, kTarget + arguments);
  INFO(result.out);
  REQUIRE(result.code == code);
  return result.json().as_object();
}

void at_a_sandbox(HostProcess& host) {
  host.settings().more_of_momo = "    environment: sandbox\n";
}

std::string base_url(HostProcess& host) {
  return "--base-url http://127.0.0.1:" + std::to_string(host.port());
}

}  // namespace

TEST_CASE("CardMint: the weekly load test: a fixed rate, latencies, errors and outcomes, with thresholds",
          "[coverage][load]") {
  Desk desk("cardmint-load", at_a_sandbox);
  const json::object report =
      load(desk.host, base_url(desk.host) + " --rate 20/s --duration 3s --p95-ms 20000 --max-errors 0", 0);
  CHECK(report.at("ok").as_bool());
  CHECK(report.at("admitted").as_int64() == 60);
  CHECK(report.at("requests").as_int64() == 60);
  CHECK(report.at("errors").as_object().empty());
  CHECK(report.at("settled").as_bool());
  CHECK(report.at("states").at("CONFIRMED").as_int64() == 60);
  CHECK(report.at("admission").at("count").as_int64() == 60);
  CHECK(report.at("admission").at("p50_ms").as_double() > 0);
  CHECK(report.at("admission").at("p50_ms").as_double() <= report.at("admission").at("max_ms").as_double());
  CHECK(report.at("to_sent").at("count").as_int64() > 0);
  CHECK(report.at("to_confirmed").at("count").as_int64() == 60);
  // The rate was kept: 60 at 20 a second take 3 s, less the last gap.
  CHECK(desk.sql("select max(created_at) - min(created_at) > interval '2 seconds' from app.all_payouts") ==
        "t");
  const std::string batch(report.at("batch").as_string());
  CHECK(desk.sql("select count(*) from app.all_payouts where batch = '" + batch +
                 "' and state = 'CONFIRMED'") == "60");
  CHECK(desk.sql("select count(distinct destination) from app.all_payouts") == "60");
  CHECK(desk.scene.check().nothing_wrong());

  // In bulk over the control socket; thresholds that are missed end with 1 and are named.
  const json::object bulk = load(desk.host, "--rate 100/s --duration 1s --bulk 25 --p99-ms 1 --amount 2", 1);
  CHECK(bulk.at("requests").as_int64() == 4);
  CHECK(bulk.at("admitted").as_int64() == 100);
  CHECK(bulk.at("missed").as_array().size() == 1);

  // What the host refuses is counted by its code.
  const json::object refused =
      load(desk.host, base_url(desk.host) + " --rate 5/s --duration 1s --amount 0.001", 1);
  CHECK(refused.at("admitted").as_int64() == 0);
  CHECK(refused.at("errors").at("INVALID_PAYOUT").as_int64() == 5);
  CHECK(refused.at("to_confirmed").at("p95_ms").is_null());

  const CtlResult text = ctl(desk.host,
                             "load --provider momo --currency EUR --destination-prefix 467332 --rate 10/s"
                             " --duration 1s");
  CHECK(text.code == 0);
  CHECK(text.out.find("10 of 10 payouts taken") != std::string::npos);
  CHECK(text.out.find("until CONFIRMED") != std::string::npos);
}

TEST_CASE("a host that stands still shows in the latencies of payoutctl load", "[load]") {
  Desk desk("load-standstill", at_a_sandbox);
  const std::string arguments =
      base_url(desk.host) + " --rate 20/s --duration 4s --connections 1 --settle 30s";
  auto running = std::async(std::launch::async, [&] { return ctl(desk.host, kTarget + arguments); });
  REQUIRE(
      eventually(seconds{20}, [&] { return desk.sql("select count(*) > 20 from app.all_payouts") == "t"; }));
  desk.host.process().signal(SIGSTOP);
  std::this_thread::sleep_for(seconds{2});  // what is measured
  desk.host.process().signal(SIGCONT);
  const CtlResult result = running.get();
  INFO(result.out);
  const json::object report = result.json().as_object();
  CHECK(report.at("admitted").as_int64() == 80);
  // Forty of the eighty should have been posted meanwhile. Measured from when they really were, one would be
  // slow.
  CHECK(report.at("admission").at("p95_ms").as_double() > 1'200);
  CHECK(report.at("latest_start_ms").as_double() > 1'000);
}

TEST_CASE("payoutctl load pays no real money unless it is told to", "[load]") {
  Desk desk("load-live", [](HostProcess& host) {
    Desk::ask_for_tokens(host);
    host.settings().more_of_momo = "    environment: live\n";
  });
  const auto load_here = [&desk](const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"load",       "--provider",
                                       "momo",       "--currency",
                                       "EUR",        "--destination-prefix",
                                       "467331",     "--rate",
                                       "5/s",        "--duration",
                                       "1s",         "--json",
                                       "--base-url", "http://127.0.0.1:" + std::to_string(desk.host.port())};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return desk.ctl(arguments);
  };
  const Ended live = load_here({});
  CHECK(live.status == 4);
  CHECK(live.text.find("providers.momo.environment is live") != std::string::npos);
  CHECK(desk.sql("select count(*) from app.all_payouts") == "0");
  // A token that may not ask what the host is says nothing against a risk.
  const std::string client = desk.token({"payouts:read", "payouts:write"});
  CHECK(load_here({"--token", client}).status == 4);
  CHECK(desk.sql("select count(*) from app.all_payouts") == "0");
  const Ended paid = load_here({"--real-money", "--token", client});
  INFO(paid.text);
  REQUIRE(paid.status == 0);
  CHECK(json::parse(paid.text).at("admitted").as_int64() == 5);
}
