// Recognisable secrets and phone numbers go through a whole life with every error on the way. Then everything
// that an operator, a log collector or a scraper can see is searched for them.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "echo_provider.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

const std::string kApiKey = "PLANTEDapikey4711-x";
const std::string kSubscriptionKey = "PLANTEDsubscription0815-y";
const std::string kInstanceKey = "PLANTED instance key, long enough to be one";
const std::string kDatabasePassword = "PLANTEDdatabase%2Fpass";
const std::string kToken = "PLANTEDtoken.eyJhIjoxfQ.abcdef0123456789";
const std::string kBasic = "dXNlcjpQTEFOVEVEYXBpa2V5NDcxMS14";  // base64 of user:kApiKey

/// What may be seen nowhere. The plain word stands for all that a mask may have cut.
const std::vector<std::string>& secrets() {
  static const std::vector<std::string> all{
      "PLANTED", kBasic, kBasic.substr(0, 20), "apikey4711", "subscription0815", "eyJhIjoxfQ"};
  return all;
}

/// Payees; none may be seen in full, with or without its country code.
const std::vector<std::string>& phones() {
  static const std::vector<std::string> all{"46733987651", "46733987652", "46733987653", "46733123457",
                                            "46733123450"};
  return all;
}

std::string context(const std::string& text, std::size_t at) {
  return text.substr(at < 200 ? 0 : at - 200, 400);
}

void expect_clean(const std::string& what, const std::string& text) {
  INFO(what);
  CHECK_FALSE(text.empty());
  for (const std::string& secret : secrets()) {
    const auto at = text.find(secret);
    INFO(secret << " in: " << (at == std::string::npos ? std::string() : context(text, at)));
    CHECK(at == std::string::npos);
  }
  for (const std::string& phone : phones()) {
    const auto at = text.find(phone.substr(2));
    INFO(phone << " in: " << (at == std::string::npos ? std::string() : context(text, at)));
    CHECK(at == std::string::npos);
  }
}

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string provider(const std::string& name, const std::string& url) {
  return "  " + name +
         ":\n    plugin: momo\n    settings:\n      target_environment: sandbox\n      api_user: user\n      "
         "base_url: \"" +
         url +
         "\"\n      absence_wait: 1s\n      submit_window: 1s\n      response_timeout: 1s\n    secrets:\n    "
         "  api_key: " +
         kApiKey + "\n      subscription_key: [" + kSubscriptionKey + ", " + kSubscriptionKey +
         "-previous]\n";
}

std::string leaky_provider(const std::string& url) {
  const auto plugin = build_bin().parent_path() / "tests/e2e/plugins/leaky.so";
  return "  leaky:\n    plugin: " + plugin.string() + "\n    settings:\n      url: \"" + url +
         "\"\n    secrets:\n      key: " + kApiKey + "\n";
}

std::string pay(HostProcess& host, const std::string& key, const std::string& provider,
                const std::string& phone, const std::string& currency = "EUR") {
  const auto reply = host.request("POST", "/v1/payouts",
                                  R"({"amount":"1","currency":")" + currency + R"(","destination":")" +
                                      phone + R"(","provider":")" + provider + "\"}",
                                  {{"Idempotency-Key", key}});
  INFO(reply.body);
  REQUIRE(reply.status == 201);
  return std::string(json::parse(reply.body).at("id").as_string());
}

}  // namespace

TEST_CASE("planted secrets and phone numbers are seen nowhere", "[secrets]") {
  Scene scene("secrets");
  EchoProvider echo(kToken);
  HostProcess& host = scene.add_host("host-a");
  HostSettings& settings = host.settings();
  settings.secrets = {{"api_key", kApiKey}, {"subscription_key", kSubscriptionKey}};
  settings.instance_key = "\"" + kInstanceKey + "\"";
  settings.database += " password=" + kDatabasePassword;
  settings.engine["unknown_review_after"] = "2s";
  settings.more_providers =
      provider("echo", echo.url()) + provider("dead", "http://127.0.0.1:1") + leaky_provider(echo.url());
  host.start();
  REQUIRE(host.wait_until_ready());
  REQUIRE(read_file(settings.directory / "payoutd.yaml").find(kApiKey) != std::string::npos);

  // A life with everything in it: paid, refused, cut, unknown, in review, cancelled; a provider that repeats
  // what it is sent, and one that cannot be reached.
  std::vector<std::string> payouts;
  scene.simulator().post(
      "/faults", {{"fault", "pay_and_cut"}, {"operation", "transfer"}, {"payee", phones()[1]}, {"count", 1}});
  payouts.push_back(pay(host, "confirmed", "momo", phones()[0]));
  payouts.push_back(pay(host, "cut", "momo", phones()[1]));
  payouts.push_back(pay(host, "refused", "momo", phones()[3]));
  payouts.push_back(pay(host, "failed", "momo", phones()[4]));
  payouts.push_back(pay(host, "echoed", "echo", phones()[2]));
  payouts.push_back(pay(host, "unreachable", "dead", phones()[2]));
  payouts.push_back(pay(host, "leaked", "leaky", phones()[2], "XOF"));
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value("select state from app.payouts where provider = 'leaky'") == "REVIEW";
  }));
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value("select state from app.payouts where provider = 'echo'") == "REVIEW";
  }));
  REQUIRE(eventually(seconds{30}, [&] {
    return scene.database().value(
               "select count(*) from app.all_payouts where provider = 'momo' and finished_at is null") == "0";
  }));
  REQUIRE(eventually(seconds{10}, [&] {
    return scene.database().value("select defer_count > 0 from app.payouts where provider = 'dead'") == "t";
  }));
  for (const std::string* sent : {&kSubscriptionKey, &kBasic, &kToken, &phones()[2]}) {
    INFO(*sent);
    REQUIRE(echo.saw(*sent));  // the search below means something
  }

  std::map<std::string, std::string> seen;
  for (const char* target : {"/metrics", "/readyz", "/healthz", "/livez", "/openapi.json"})
    seen[target] = host.request("GET", target).body;
  // Mistakes of clients come back as errors that must not repeat what was sent.
  seen["refused destination"] = host.request("POST", "/v1/payouts",
                                             R"({"amount":"1","currency":"EUR","destination":"+)" +
                                                 phones()[0] + R"(","provider":"momo"})",
                                             {{"Idempotency-Key", "bad"}})
                                    .body;
  seen["no such payout"] = host.request("GET", "/v1/payouts/" + phones()[0]).body;
  const auto ask = [&](const std::string& method, const std::string& target, const json::object& body = {}) {
    seen[method + " " + target + " " + json::serialize(body)] = control(host, method, target, body).body;
  };
  for (const std::string& id : payouts) {
    seen["explain " + id] = host.request("GET", "/v1/payouts/" + id + "/explain").body;
    seen["events " + id] = host.request("GET", "/v1/payouts/" + id + "/events").body;
    ask("GET", "/v1/payouts/" + id + "/explain");
  }
  ask("POST", "/v1/admin/payouts/" + payouts[4] + "/review", {{"decision", "ask_again"}});
  ask("POST", "/v1/admin/payouts/" + payouts[5] + "/cancel", {{"note", "cannot be reached"}});
  for (const char* name : {"momo", "echo", "dead", "leaky"}) {
    ask("POST", std::string("/v1/admin/providers/") + name + "/probe");
    ask("GET", std::string("/v1/admin/providers/") + name + "/balance");
  }
  for (const char* target : {"/v1/admin/providers", "/v1/admin/hosts", "/v1/admin/switches"})
    ask("GET", target);

  // A crash of the provider process, a reload of a wrong file and of the right one, and a stop are logged
  // too.
  ::kill(host.provider(), SIGKILL);
  const auto file = settings.directory / "payoutd.yaml";
  const std::string right = read_file(file);
  std::ofstream(file, std::ios::trunc)
      << right << "      absence_wai: " << kApiKey << "\nunknown: " << kSubscriptionKey << "\n";
  host.process().signal(SIGHUP);
  REQUIRE(
      eventually(seconds{10}, [&] { return host.log().find("host.reload_refused") != std::string::npos; }));
  std::ofstream(file, std::ios::trunc) << right;
  host.process().signal(SIGHUP);
  REQUIRE(eventually(seconds{30}, [&] { return host.log().find("host.reloaded") != std::string::npos; }));
  REQUIRE(host.wait_until_ready());
  for (const pid_t pid : {host.process().pid(), host.provider()}) {
    std::string command = read_file("/proc/" + std::to_string(pid) + "/cmdline");
    std::string variables = read_file("/proc/" + std::to_string(pid) + "/environ");
    seen["command line of " + std::to_string(pid)] = command;
    seen["environment of " + std::to_string(pid)] = variables + " ";
  }
  CHECK(host.stop() == 0);

  seen["the log"] = host.log();
  CHECK(host.log().find("\"level\":\"debug\"") != std::string::npos);
  for (const auto& [what, text] : seen) expect_clean(what, text);

  // What is stored as evidence holds no secret either (a destination stands where it belongs).
  const std::string stored = scene.database().value(
      "select string_agg(concat_ws(' ', a.code, a.message, e.data::text, p.reason_text), E'\\n') from "
      "app.all_payouts p"
      " left join app.attempts a on a.payout_id = p.id left join app.events e on e.payout_id = p.id");
  expect_clean("events and attempts", stored);
  const std::string registers = scene.database().value(
      "select (select string_agg(c::text, ' ') from app.contracts c) || (select string_agg(p::text, ' ') "
      "from app.providers p)"
      " || (select string_agg(h::text, ' ') from app.hosts h)");
  expect_clean("contracts, providers and hosts", registers);
}

TEST_CASE("a database that refuses a password does not bring it into the message", "[secrets]") {
  Scene scene("dsn");
  HostProcess& host = scene.add_host("host-a");
  host.settings().database =
      "postgresql://payer:" + kDatabasePassword + "@127.0.0.1:" + std::to_string(free_port()) + "/payouts";
  host.start_without_waiting();
  const auto status = host.process().wait(seconds{30});
  REQUIRE(status.has_value());
  CHECK(*status != 0);
  CHECK(host.log().find("cannot be reached") != std::string::npos);
  expect_clean("the log", host.log());
}
