// What integrators are told: real hosts pay through a real provider process, and a receiver of the test's own
// checks every signature by code of its own.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "control.hpp"
#include "harness/scene.hpp"
#include "receiver/receiver.hpp"

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

// A schedule for tests: 0.2, 0.4, then 0.5 seconds.
constexpr const char* kSchedule =
    "local backoff = {}\n"
    "function backoff.next(attempt)\n"
    "  return math.min(0.1 * 2 ^ attempt.count, 0.5)\n"
    "end\n"
    "backoff.tests = { { name = 'first', attempt = { count = 1 }, expect = 0.2 } }\n"
    "return backoff\n";

struct Told {
  explicit Told(const std::string& name) : scene("notify-" + name, {"--fast"}) {
    const fs::path scripts = scene.directory() / "scripts";
    fs::create_directories(scripts / "backoff");
    std::ofstream(scripts / "backoff/notification.lua") << kSchedule;
  }

  HostProcess& add_host(const std::string& name, const std::string& more = {}) {
    HostProcess& host = scene.add_host(name);
    host.settings().scripts_directory = scene.directory() / "scripts";
    host.settings().more_sections =
        "notifications:\n  keys:\n    - {id: june, secret: \"the master key of these tests, long enough\"}\n"
        "  timeout: 1s\n" +
        (more.empty() ? "  allow_networks: [127.0.0.1]\n" : more);
    host.start();
    REQUIRE(host.wait_until_ready());
    return host;
  }

  /// Adds an endpoint; what the host says of it.
  static json::object add_endpoint(HostProcess& host, const std::string& url, json::array types = {}) {
    json::object body{{"url", url}};
    if (!types.empty()) body["event_types"] = std::move(types);
    const auto reply = control(host, "POST", "/v1/admin/notifications/endpoints", body);
    INFO(reply.body);
    REQUIRE(reply.status == 201);
    return json::parse(reply.body).as_object();
  }
  static json::object act(HostProcess& host, const json::object& endpoint, const std::string& action,
                          const json::object& body = {{"note", "the test"}}) {
    const auto reply = control(
        host, "POST", "/v1/admin/notifications/endpoints/" + text(endpoint, "id") + "/" + action, body);
    INFO(reply.body);
    REQUIRE(reply.status == 200);
    return json::parse(reply.body).as_object();
  }
  static std::string text(const json::object& object, const char* name) {
    return std::string(object.at(name).as_string());
  }
  static std::string secret(const json::object& endpoint) { return text(endpoint, "signing_secret"); }

  std::string value(const std::string& sql) { return scene.database().value(sql); }
  bool becomes(const std::string& sql, const std::string& wanted, milliseconds limit = seconds{30}) {
    return eventually(limit, [&] { return value(sql) == wanted; });
  }
  /// Every payout of the scene is CONFIRMED.
  void pay(HostProcess& host, int count, const std::string& batch) {
    scene.post(host, count, batch);
    REQUIRE(becomes("select count(*) from app.payouts where batch = '" + batch + "' and state = 'CONFIRMED'",
                    std::to_string(count)));
  }
  bool all_delivered() {
    return becomes("select count(*) from app.notification_deliveries where state <> 'delivered'", "0");
  }
  std::string metric(HostProcess& host, const std::string& name) {
    const std::string all = host.request("GET", "/metrics").body;
    const auto at = all.find("\n" + name + " ");
    if (at == std::string::npos) return "";
    const auto begin = at + name.size() + 2;
    return all.substr(begin, all.find('\n', begin) - begin);
  }

  Scene scene;
};

struct Printed {
  int status = -1;
  std::string text;
};
Printed payoutctl(HostProcess& host, std::vector<std::string> arguments) {
  const auto log = host.settings().directory / "payoutctl.log";
  fs::remove(log);
  arguments.insert(arguments.begin(), {"--socket", host.control_socket().string()});
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  start.arguments = std::move(arguments);
  start.log = log;
  ChildProcess process(start);
  Printed printed;
  printed.status = process.wait(seconds{20}).value_or(-1);
  std::ifstream in(log);
  printed.text.assign(std::istreambuf_iterator<char>(in), {});
  return printed;
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::trunc | std::ios::binary) << text;
}

}  // namespace

TEST_CASE("notifications: each payout's outcome is told once, signed, and leaves no other trace",
          "[notifications]") {
  Told t("told");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  const json::object endpoint = Told::add_endpoint(host, receiver.url());
  t.pay(host, 50, "told");
  t.scene.post_to(host, "46733123450", 1, "refused");  // the simulator's payee that is refused
  REQUIRE(receiver.wait_for(51));
  REQUIRE(t.all_delivered());
  std::map<std::string, std::string> states;
  for (const ReceivedMessage& message : receiver.received()) {
    CHECK(signed_with(message, Told::secret(endpoint)));
    const json::object body = json::parse(message.body).as_object();
    const json::object& data = body.at("data").as_object();
    const std::string id = Told::text(data, "id");
    CHECK_FALSE(states.contains(id));
    states[id] = Told::text(body, "type") + " " + Told::text(data, "state");
    CHECK(data.at("currency") == "EUR");
    CHECK(data.at("amount").is_string());
    CHECK(message.body.find("467331") == std::string::npos);  // the payee's number stays here
    CHECK(t.value("select state from app.all_payouts where id = '" + id + "'") == Told::text(data, "state"));
  }
  CHECK(states.size() == 51);
  CHECK(std::ranges::count_if(
            states, [](const auto& one) { return one.second == "payout.confirmed CONFIRMED"; }) == 50);
  CHECK(std::ranges::count_if(states, [](const auto& one) { return one.second == "payout.failed FAILED"; }) ==
        1);
  CHECK(t.metric(host, R"(notifications_total{result="delivered"})") == "51");
  CHECK(eventually(seconds{5}, [&] {
    return t.metric(host, R"(notification_deliveries_pending{endpoints="served"})") == "0";
  }));
  // The secret stands nowhere: not in the log, not in the configuration's own words, not in the database.
  CHECK(host.log().find(Told::secret(endpoint).substr(6)) == std::string::npos);
  CHECK(t.value("select count(*) from app.audit where detail::text like '%whsec_%'") == "0");
}

TEST_CASE("notifications: every change of state in the books has its notification", "[notifications]") {
  Told t("complete");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  json::array all;
  for (const char* type :
       {"payout.pending", "payout.held", "payout.sent", "payout.unknown", "payout.review", "payout.confirmed",
        "payout.failed", "payout.cancelled", "payout.reversed", "payout.simulated"})
    all.emplace_back(type);
  Told::add_endpoint(host, receiver.url(), all);
  t.pay(host, 80, "complete");
  REQUIRE(t.all_delivered());
  const std::string missing =
      "select count(*) from (select payout_id, to_state from app.events where from_state is distinct from "
      "to_state"
      " and from_state is not null and to_state <> 'SUBMITTING' except all"
      " select payout_id, upper(substr(type, 8))::app.payout_state from app.notifications) m";
  const std::string invented =
      "select count(*) from (select payout_id, upper(substr(type, 8))::app.payout_state from "
      "app.notifications except all"
      " select payout_id, to_state from app.events where from_state is distinct from to_state"
      " and to_state <> 'SUBMITTING') m";
  CHECK(t.value(missing) == "0");
  CHECK(t.value(invented) == "0");
}

TEST_CASE("notifications: a receiver that was down is told when it is up again", "[notifications]") {
  Told t("down");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  const json::object endpoint = Told::add_endpoint(host, receiver.url());
  receiver.stop();
  t.pay(host, 10, "down");
  REQUIRE(t.becomes("select count(*) > 0 from app.notification_deliveries where attempts > 1", "t"));
  CHECK(receiver.count() == 0);
  CHECK(Told::text(
            json::parse(
                control(host, "GET", "/v1/admin/notifications/endpoints/" + Told::text(endpoint, "id")).body)
                .as_object(),
            "state") == "failing");
  receiver.start();
  REQUIRE(t.all_delivered());
  std::set<std::string> ids;
  for (const ReceivedMessage& message : receiver.received()) ids.insert(message.id());
  CHECK(ids.size() == 10);
}

TEST_CASE("notifications: a slow receiver holds up nobody else", "[notifications]") {
  Told t("slow");
  HostProcess& host = t.add_host("host-a");
  Receiver slow;
  Receiver quick;
  slow.behave([](const ReceivedMessage&) {
    return ReceiverAnswer{.delay = milliseconds{3'000}};
  });  // longer than it may
  Told::add_endpoint(host, slow.url());
  Told::add_endpoint(host, quick.url());
  t.pay(host, 60, "slow");
  REQUIRE(quick.wait_for(60, seconds{10}));
  CHECK(t.becomes("select count(*) >= 60 from app.notification_deliveries where state = 'delivered'", "t"));
  CHECK(slow.count() < 30);
}

TEST_CASE("notifications: 410 ends it, by metric, audit and log; enabling it goes on", "[notifications]") {
  Told t("gone");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  receiver.behave(410);
  const json::object endpoint = Told::add_endpoint(host, receiver.url());
  t.pay(host, 1, "first");
  REQUIRE(t.becomes("select disabled_why from app.notification_endpoints", "gone"));
  t.pay(host, 3, "more");
  CHECK(receiver.count() == 1);
  CHECK(eventually(seconds{5}, [&] { return t.metric(host, "notification_endpoints_disabled") == "1"; }));
  CHECK(t.metric(host, R"(notification_deliveries_pending{endpoints="held"})") == "4");
  CHECK(host.log().find("notify.endpoint_disabled") != std::string::npos);
  const Printed audit = payoutctl(host, {"audit", "list", "--subject", Told::text(endpoint, "id")});
  CHECK(audit.text.find("disable notification endpoint") != std::string::npos);
  CHECK(payoutctl(host, {"audit", "verify"}).status == 0);
  receiver.behave(200);
  CHECK(payoutctl(host, {"notification", "endpoint", "enable", Told::text(endpoint, "id"), "--note", "back"})
            .status == 0);
  REQUIRE(t.all_delivered());
  CHECK(receiver.count() == 5);
}

TEST_CASE("notifications: a pause holds them, a rotation overlaps, a replay repeats", "[notifications]") {
  Told t("operator");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  const json::object endpoint = Told::add_endpoint(host, receiver.url());
  const std::string id = Told::text(endpoint, "id");

  Told::act(host, endpoint, "pause");
  t.pay(host, 2, "paused");
  CHECK(receiver.count() == 0);
  CHECK(eventually(seconds{5}, [&] {
    return t.metric(host, R"(notification_deliveries_pending{endpoints="held"})") == "2";
  }));
  Told::act(host, endpoint, "resume");
  REQUIRE(t.all_delivered());
  CHECK(receiver.count() == 2);

  const json::object rotated = Told::act(host, endpoint, "rotate", {{"overlap", "1h"}});
  CHECK(Told::secret(rotated) != Told::secret(endpoint));
  CHECK(Told::text(rotated, "old_signing_secret") == Told::secret(endpoint));
  t.pay(host, 1, "rotated");
  REQUIRE(t.all_delivered());
  CHECK(signatures_of(receiver.received().back()) == 2);
  CHECK(signed_with(receiver.received().back(), Told::secret(endpoint)));
  CHECK(signed_with(receiver.received().back(), Told::secret(rotated)));

  const std::size_t before = receiver.count();
  const Printed dry =
      payoutctl(host, {"notification", "replay", "--endpoint", id, "--since", "1h", "--dry-run"});
  INFO(dry.text);
  CHECK(dry.status == 0);
  CHECK(dry.text.find("3 match") != std::string::npos);
  CHECK(receiver.count() == before);
  CHECK(
      payoutctl(host, {"notification", "replay", "--endpoint", id, "--since", "1h", "--note", "they lost it"})
          .status == 0);
  REQUIRE(receiver.wait_for(before + 3));
  std::map<std::string, int> times;
  for (const ReceivedMessage& message : receiver.received()) ++times[message.id()];
  CHECK(times.size() == 3);
  for (const auto& [one, count] : times) CHECK(count == 2);
  CHECK(t.value("select count(*) from app.audit where action like 'POST /v1/admin/notifications/%'") == "6");
}

TEST_CASE("notifications: payoutctl adds, lists, shows, verifies and removes", "[notifications]") {
  Told t("ctl");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  const Printed added = payoutctl(host, {"--json", "notification", "endpoint", "add", receiver.url(),
                                         "--event", "payout.confirmed", "--description", "the shop"});
  INFO(added.text);
  REQUIRE(added.status == 0);
  const json::object endpoint = json::parse(added.text).as_object();
  const std::string id = Told::text(endpoint, "id");
  t.pay(host, 1, "ctl");
  REQUIRE(t.all_delivered());
  const ReceivedMessage message = receiver.received().front();

  const Printed listed = payoutctl(host, {"notification", "endpoint", "list"});
  CHECK(listed.text.find(id) != std::string::npos);
  CHECK(listed.text.find("active") != std::string::npos);
  CHECK(payoutctl(host, {"notification", "endpoint", "show", id}).text.find("the shop") != std::string::npos);
  CHECK(payoutctl(host, {"notification", "list", "--state", "delivered"}).text.find(message.id()) !=
        std::string::npos);
  CHECK(payoutctl(host, {"notification", "show", message.id()}).text.find("payout.confirmed") !=
        std::string::npos);
  CHECK(payoutctl(host, {"notification", "show", "nothing"}).status == 4);
  const Printed shown = payoutctl(host, {"notification", "endpoint", "secret", id});
  CHECK(shown.text.find(Told::secret(endpoint)) != std::string::npos);
  CHECK(t.value("select count(*) from app.audit where action like '%/secret'") == "1");

  const auto folder = t.scene.directory();
  write(folder / "body", message.body);
  write(folder / "secret", Told::secret(endpoint) + "\n");
  std::string headers = "HTTP/1.1 noise\r\n";
  for (const auto& [name, text] : message.headers) headers += name + ": " + text + "\r\n";
  write(folder / "headers", headers);
  const auto verify = [&](std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"notification", "verify",
                                       "--secret",     "file:" + (folder / "secret").string(),
                                       "--headers",    (folder / "headers").string(),
                                       "--body",       (folder / "body").string()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return payoutctl(host, arguments);
  };
  CHECK(verify().status == 0);
  CHECK(verify({"--header", "webhook-timestamp: 1000"}).status == 1);
  CHECK(verify({"--json"}).text.find("\"valid\":true") != std::string::npos);
  write(folder / "body", message.body + " ");
  CHECK(verify().status == 1);
  write(folder / "secret", "not a secret");
  CHECK(verify().status == 2);

  CHECK(payoutctl(host, {"notification", "endpoint", "remove", id}).status == 0);
  CHECK(payoutctl(host, {"notification", "endpoint", "list"}).text.find(id) == std::string::npos);
  CHECK(payoutctl(host, {"notification", "endpoint", "add", "ftp://x/"}).status == 4);
  CHECK(payoutctl(host, {"notification", "endpoint", "add", receiver.url(), "--event", "payout.confirmd"})
            .text.find("did you mean 'payout.confirmed'") != std::string::npos);
  CHECK(payoutctl(host, {"notification", "replay"}).status == 2);
}

TEST_CASE("notifications: redirects are refused, and so are addresses that are not public",
          "[notifications]") {
  Told t("guard");
  HostProcess& host = t.add_host("host-a", "  rotation_overlap: 1h\n");
  Receiver receiver;
  const auto refused = control(host, "POST", "/v1/admin/notifications/endpoints", {{"url", receiver.url()}});
  CHECK(refused.status == 422);
  CHECK(refused.body.find("loopback") != std::string::npos);
  // A name is looked up when there is something to send.
  const std::string by_name = "http://localhost:" + std::to_string(receiver.port()) + "/hook";
  Told::add_endpoint(host, by_name);
  t.pay(host, 1, "guard");
  REQUIRE(t.becomes("select last_error like '%loopback%' from app.notification_deliveries", "t"));
  CHECK(receiver.connections() == 0);
  CHECK(t.metric(host, R"(notifications_total{result="address_refused"})") != "");

  // The same settings, with this machine allowed, by a reload.
  host.settings().more_sections = "notifications:\n  timeout: 1s\n  allow_networks: [127.0.0.0/8, \"::1\"]\n";
  Receiver elsewhere;
  receiver.behave([&](const ReceivedMessage&) {
    return ReceiverAnswer{.status = 302, .headers = {{"Location", elsewhere.url()}}};
  });
  host.stop();
  host.start();
  REQUIRE(host.wait_until_ready());
  // Its secret was made under a key that this host does not have any more: it is left alone.
  CHECK(t.becomes("select count(*) from app.notification_deliveries where lease is not null", "0"));
  CHECK(eventually(seconds{10}, [&] { return host.log().find("notify.key_missing") != std::string::npos; }));
  Told::add_endpoint(host, receiver.url());
  t.pay(host, 1, "redirected");
  REQUIRE(t.becomes("select count(*) from app.notification_deliveries where last_status = 302", "1"));
  CHECK(elsewhere.connections() == 0);
}

TEST_CASE("notifications: kill -9 between sending and recording: the same message comes again",
          "[notifications]") {
  Told t("kill");
  HostProcess& host = t.add_host("host-a");
  Receiver receiver;
  const json::object endpoint = Told::add_endpoint(host, receiver.url());
  host.arm("notify.before_record=kill");
  std::this_thread::sleep_for(milliseconds{20});  // faults are read every 5 ms
  t.scene.post(host, 1, "kill");
  REQUIRE(receiver.wait_for(1, seconds{30}));
  REQUIRE(eventually(seconds{10}, [&] { return !host.running(); }));
  CHECK(t.value("select state || ' ' || attempts from app.notification_deliveries") == "pending 1");
  host.disarm();
  host.start();
  REQUIRE(receiver.wait_for(2, seconds{40}));
  REQUIRE(t.all_delivered());
  const auto all = receiver.received();
  REQUIRE(all.size() == 2);
  CHECK(all[0].id() == all[1].id());
  CHECK(all[0].body == all[1].body);
  CHECK(signed_with(all[0], Told::secret(endpoint)));
  CHECK(signed_with(all[1], Told::secret(endpoint)));
}

TEST_CASE(
    "notifications: kill -9 before sending, with two hosts: nothing is lost, nothing is told twice at once",
    "[notifications]") {
  Told t("two");
  HostProcess& first = t.add_host("host-a");
  HostProcess& second = t.add_host("host-b");
  Receiver receiver;
  Told::add_endpoint(first, receiver.url());
  first.arm("notify.before_send=kill@15");
  std::this_thread::sleep_for(milliseconds{20});
  t.scene.post(first, 60, "one");
  t.scene.post(second, 60, "two");
  CHECK(eventually(seconds{30}, [&] { return !first.running(); }));
  REQUIRE(t.becomes("select count(*) from app.payouts where state = 'CONFIRMED'", "120", seconds{60}));
  REQUIRE(t.all_delivered());
  std::map<std::string, int> times;
  for (const ReceivedMessage& message : receiver.received()) ++times[message.id()];
  CHECK(times.size() == 120);
  // Only what the dead host had sent and not recorded may have come twice.
  int twice = 0;
  for (const auto& [id, count] : times) twice += count - 1;
  CHECK(twice <= 15);
}

TEST_CASE("notifications: a host stops in time though an endpoint owes it an answer", "[notifications]") {
  Told t("stop");
  HostProcess& host = t.scene.add_host("host-a");
  host.settings().scripts_directory = t.scene.directory() / "scripts";
  host.settings().engine["drain_timeout"] = "1s";
  host.settings().more_sections = "notifications:\n  allow_networks: [127.0.0.1]\n  timeout: 30s\n";
  host.start();
  REQUIRE(host.wait_until_ready());
  Receiver receiver;
  receiver.behave([](const ReceivedMessage&) { return ReceiverAnswer{.delay = seconds{60}}; });
  Told::add_endpoint(host, receiver.url());
  t.scene.post(host, 1, "stop");
  REQUIRE(receiver.wait_for(1, seconds{30}));
  const auto began = std::chrono::steady_clock::now();
  CHECK(host.stop() == 0);
  CHECK(std::chrono::steady_clock::now() - began < seconds{15});
  CHECK(host.log().find("notify.drain_incomplete") != std::string::npos);
  CHECK(t.value("select state || ' ' || (lease is not null) from app.notification_deliveries") ==
        "pending true");
}
