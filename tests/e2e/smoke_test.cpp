// payoutctl smoke against real hosts: all steps well, and each of them broken.
#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>

#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

/// A host that asks for tokens and waits for callbacks, as in production.
void as_in_production(HostProcess& host) {
  Desk::ask_for_tokens(host);
  Desk::keep_sent(host);
}

std::string url(Desk& desk) {
  return "http://127.0.0.1:" + std::to_string(desk.host.port());
}

Ended smoke(Desk& desk, const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{"smoke", "--base-url", url(desk), "--provider", "momo"};
  for (const auto& [option, value] : {std::pair{"--destination", "46733100001"}, {"--timeout", "8"}})
    if (std::ranges::find(more, option) == more.end()) arguments.insert(arguments.end(), {option, value});
  arguments.insert(arguments.end(), more.begin(), more.end());
  return desk.ctl(std::move(arguments));
}

json::object report(Desk& desk, std::vector<std::string> more = {}) {
  more.emplace_back("--json");
  const Ended ended = smoke(desk, more);
  INFO(ended.text);
  json::object told = json::parse(ended.text).as_object();
  REQUIRE(told.at("exit_code").as_int64() == ended.status);
  return told;
}

std::string result_of(const json::object& report, const std::string& step) {
  for (const json::value& one : report.at("steps").as_array())
    if (one.at("step").as_string() == step) return std::string(one.at("result").as_string());
  return "missing";
}

std::string detail_of(const json::object& report, const std::string& step) {
  for (const json::value& one : report.at("steps").as_array())
    if (one.at("step").as_string() == step) return std::string(one.at("detail").as_string());
  return "missing";
}

std::string file_with(Desk& desk, const std::string& name, const std::string& text) {
  const auto file = desk.host.settings().directory / name;
  std::ofstream(file, std::ios::trunc) << text << '\n';
  return file.string();
}

}  // namespace

TEST_CASE(
    "NepXy: smoke: create, send, signed webhook, CONFIRMED, admin view, with the keys and secrets of the "
    "configuration",
    "[smoke][coverage]") {
  Desk desk("smoke-good", as_in_production);
  const json::object told = report(desk);
  INFO(json::serialize(told));
  CHECK(told.at("ok").as_bool());
  CHECK(told.at("exit_code").as_int64() == 0);
  for (const char* step : {"health", "identity", "create", "submit", "webhook", "confirm", "admin"}) {
    INFO(step);
    CHECK(result_of(told, step) == "ok");
  }
  const std::string id(told.at("payout").as_string());
  CHECK(desk.state(id) == "CONFIRMED");
  CHECK(
      desk.sql("select client_id || ' ' || batch || ' ' || attempt_count from app.all_payouts where id = '" +
               id + "'") == "smoke smoke 1");
  CHECK(desk.sql("select count(*) from app.webhook_inbox where signature_valid and payout_id = '" + id +
                 "'") == "1");
  CHECK(desk.sql("select count(*) from app.webhook_inbox where not signature_valid") == "1");
  // For people the same, step by step.
  const Ended text = smoke(desk);
  INFO(text.text);
  CHECK(text.status == 0);
  CHECK(text.text.find("It works.") != std::string::npos);
  CHECK(desk.host.log().find("eyJ") == std::string::npos);
}

TEST_CASE("smoke takes a token and a webhook secret from files, on a machine without the configuration",
          "[smoke]") {
  Desk desk("smoke-files", as_in_production);
  const std::string token =
      file_with(desk, "token", desk.token({"payouts:read", "payouts:write", "admin"}, "smoke"));
  const std::string secret = file_with(desk, "secret", Desk::webhook_secret);
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  start.arguments = {"smoke",         "--base-url",  url(desk),      "--provider", "momo",
                     "--destination", "46733100001", "--token-file", token,        "--webhook-secret-file",
                     secret};
  start.environment = {{"PAYOUTD_CONFIG", "/nonexistent/payoutd.yaml"}};
  start.log = desk.host.settings().directory / "elsewhere.log";
  ChildProcess process(start);
  CHECK(process.wait(seconds{60}) == 0);
}

TEST_CASE("smoke receives the notification at an endpoint of its own, verifies it, and leaves nothing behind",
          "[smoke]") {
  Desk desk("smoke-notification", [](HostProcess& host) {
    as_in_production(host);
    host.settings().more_sections +=
        "notifications:\n  keys:\n    - {id: june, secret: \"the master key of these tests, long enough\"}\n"
        "  timeout: 1s\n  allow_networks: [127.0.0.1]\n";
  });
  const std::string listen = "127.0.0.1:" + std::to_string(free_port());
  const json::object told = report(desk, {"--notify-listen", listen});
  INFO(json::serialize(told));
  CHECK(told.at("exit_code").as_int64() == 0);
  CHECK(result_of(told, "listen") == "ok");
  CHECK(result_of(told, "notification") == "ok");
  CHECK(desk.sql("select count(*) from app.notification_endpoints where removed_at is null") == "0");
  CHECK(desk.sql("select client_id from app.notification_endpoints") == "smoke");
  CHECK(desk.sql("select state from app.notification_deliveries where state <> 'cancelled'") == "delivered");

  const json::object unreached =
      report(desk, {"--notify-listen", listen, "--notify-url", "http://127.0.0.1:1", "--timeout", "4"});
  INFO(json::serialize(unreached));
  CHECK(unreached.at("exit_code").as_int64() == 17);
  CHECK(result_of(unreached, "admin") == "ok");
  CHECK(desk.sql("select count(*) from app.notification_endpoints where removed_at is null") == "0");
  const json::object refused = report(desk, {"--notify-listen", listen, "--notify-url", "gopher://here"});
  CHECK(refused.at("exit_code").as_int64() == 17);
  CHECK(detail_of(refused, "listen").find("registering") != std::string::npos);
  CHECK(report(desk, {"--notify-listen", "nowhere"}).at("exit_code").as_int64() == 17);
}

TEST_CASE("without tokens smoke works too, in development", "[smoke]") {
  Desk desk("smoke-open");
  const json::object told = report(desk);
  INFO(json::serialize(told));
  CHECK(told.at("exit_code").as_int64() == 0);
  CHECK(detail_of(told, "identity").find("control socket") != std::string::npos);
}

TEST_CASE("smoke ends with the code of the first step that fails", "[smoke]") {
  Desk desk("smoke-broken", as_in_production);
  SECTION("health: nobody listens") {
    const Ended ended = desk.ctl({"smoke", "--base-url", "http://127.0.0.1:" + std::to_string(free_port()),
                                  "--destination", "46733100001"});
    INFO(ended.text);
    CHECK(ended.status == 10);
  }
  SECTION("health: a provider is not ready") {
    desk.host.settings().more_providers =
        "  broken:\n    plugin: " +
        (build_bin().parent_path() / "tests/contract/plugins/crashes_at_start.so").string() +
        "\n    settings:\n      url: \"http://127.0.0.1:1\"\n";
    REQUIRE(desk.host.stop() == 0);
    desk.host.start();
    const json::object told = report(desk);
    CHECK(told.at("exit_code").as_int64() == 10);
    CHECK(detail_of(told, "health").find("broken") != std::string::npos);
    CHECK(result_of(told, "create") == "not run");
  }
  SECTION("identity: a token that is none of ours, and one without the role") {
    CHECK(report(desk, {"--token", "eyJhbGciOiJIUzI1NiJ9.e30.x"}).at("exit_code").as_int64() == 11);
    const json::object told = report(desk, {"--token", desk.token({"payouts:read", "payouts:write"})});
    CHECK(told.at("exit_code").as_int64() == 11);
    CHECK(detail_of(told, "identity").find("ROLE_MISSING") != std::string::npos);
  }
  SECTION("create: an amount that nobody can pay, and writes that are stopped") {
    CHECK(report(desk, {"--amount", "1.234"}).at("exit_code").as_int64() == 12);
    REQUIRE(desk.operate("POST", "/v1/admin/switches/stop_writes", {{"enabled", true}}).status == 200);
    const json::object told = report(desk);
    CHECK(told.at("exit_code").as_int64() == 12);
    CHECK(detail_of(told, "create").find("WRITES_STOPPED") != std::string::npos);
  }
  SECTION("submit: a paused provider; the payout is cancelled, so that nobody pays it later") {
    REQUIRE(desk.operate("POST", "/v1/admin/providers/momo/pause").status == 200);
    const json::object told = report(desk, {"--timeout", "2"});
    INFO(json::serialize(told));
    CHECK(told.at("exit_code").as_int64() == 13);
    CHECK(detail_of(told, "submit").find("paused") != std::string::npos);
    CHECK(desk.state(std::string(told.at("payout").as_string())) == "CANCELLED");
  }
  SECTION("webhook: another secret than the host's") {
    const std::string secret = file_with(desk, "secret", "the secret before the rotation");
    const json::object told = report(desk, {"--webhook-secret-file", secret});
    CHECK(told.at("exit_code").as_int64() == 14);
    CHECK(detail_of(told, "webhook").find("BAD_SIGNATURE") != std::string::npos);
    CHECK(result_of(told, "submit") == "ok");
    CHECK(result_of(told, "confirm") == "not run");
  }
  SECTION("confirm: the provider keeps it pending, and one that refuses") {
    const json::object told = report(desk, {"--destination", "46733123453", "--timeout", "2"});
    INFO(json::serialize(told));
    CHECK(told.at("exit_code").as_int64() == 15);
    CHECK(result_of(told, "webhook") == "ok");
    const json::object refused = report(desk, {"--destination", "46733123450"});
    INFO(json::serialize(refused));
    CHECK((refused.at("exit_code").as_int64() == 13 || refused.at("exit_code").as_int64() == 15));
  }
  SECTION("the command line") {
    CHECK(smoke(desk, {"--token", "x", "--token-file", "y"}).status == 2);
    CHECK(desk.ctl({"smoke", "--base-url", "ftp://127.0.0.1", "--destination", "1"}).status == 2);
    CHECK(desk.ctl({"smoke", "--base-url", url(desk)}).status == 2);
    CHECK(desk.ctl({"smoke", "--base-url", url(desk), "--destination", "46733100001", "--provider", "nobody"})
              .status == 11);
    const Ended help = desk.ctl({"smoke", "--help"});
    CHECK(help.status == 0);
    CHECK(help.text.find("15  confirm") != std::string::npos);
  }
}
