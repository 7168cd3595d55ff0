// Callbacks as providers, and others, send them: to real hosts, with a real provider process and the
// simulator behind.
#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iostream>
#include <thread>

#include "control.hpp"
#include "core/ids.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kSecret = "the webhook secret of momo";

/// A scene in which outcomes come by callback or not at all.
struct Callbacks {
  explicit Callbacks(const std::string& name, std::vector<std::string> simulator_options = {"--fast"})
      : scene(name, std::move(simulator_options)) {}

  HostProcess& add_host(const std::string& name, const std::string& faults = {}) {
    HostProcess& host = scene.add_host(name, faults);
    host.settings().engine["poll_interval"] = "1h";
    host.settings().engine["callback_answer_within"] = "1500ms";
    host.settings().environment["MOMO_WEBHOOK_SECRET"] = kSecret;
    return host;
  }
  static void start(HostProcess& host) {
    host.start();
    REQUIRE(host.wait_until_ready());
  }
  /// Posts so many payouts and waits until all are SENT; their ids.
  std::vector<std::string> sent(HostProcess& host, int count, const std::string& batch) {
    scene.post(host, count, batch);
    const std::string where = " from app.payouts where batch = '" + batch + "'";
    REQUIRE(eventually(seconds{30}, [&] {
      return scene.database().value("select count(*)" + where + " and state = 'SENT' and lease is null") ==
             std::to_string(count);
    }));
    std::vector<std::string> ids;
    for (int i = 0; i < count; ++i)
      ids.push_back(scene.database().value("select id" + where + " order by id offset " + std::to_string(i) +
                                           " limit 1"));
    return ids;
  }
  std::string state(const std::string& id) {
    return scene.database().value("select state from app.all_payouts where id = '" + id + "'");
  }
  bool confirmed(const std::string& id, milliseconds limit = seconds{15}) {
    return eventually(limit, [&] { return state(id) == "CONFIRMED"; });
  }
  std::string event(const std::string& id, const std::string& what) {
    return scene.database().value("select " + what + " from app.webhook_inbox where id = '" + id + "'");
  }
  Scene scene;
};

/// As MTN sends it: the payment's status, with our payout's id as external id.
std::string body_of(const std::string& payout, const std::string& status = "SUCCESSFUL") {
  return R"({"financialTransactionId":"4711","externalId":")" + payout +
         R"(","amount":"1","currency":"EUR","status":")" + status + "\"}";
}

std::string signature_of(const std::string& body, const std::string& secret = kSecret) {
  return "sha256=" + core::hmac_sha256_hex(Secret(secret), body);
}

simulator::Reply call(HostProcess& host, const std::string& body, const std::string& signature = {},
                      const std::string& path = "momo") {
  simulator::Headers headers{{"Content-Type", "application/json"}};
  if (!signature.empty()) headers.emplace_back("X-Signature", signature);
  return host.request("POST", "/v1/webhooks/" + path, body, headers);
}

json::object said(const simulator::Reply& reply) {
  return json::parse(reply.body).as_object();
}

std::string event_of(const simulator::Reply& reply) {
  return std::string(said(reply).at("event_id").as_string());
}

/// Ends with what it printed on standard output and error.
struct Printed {
  int status = -1;
  std::string text;
};
Printed payoutctl(HostProcess& host, std::vector<std::string> arguments) {
  const auto log = host.settings().directory / "payoutctl.log";
  std::filesystem::remove(log);
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

void reload(HostProcess& host) {
  const auto count = [&] {
    const std::string log = host.log();
    int found = 0;
    for (std::size_t at = 0; (at = log.find("host.reloaded", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const int before = count();
  ::kill(host.process().pid(), SIGHUP);
  REQUIRE(eventually(seconds{10}, [&] { return count() > before; }));
}

void write_secret(const std::filesystem::path& file, const std::string& secret) {
  std::ofstream(file, std::ios::trunc) << secret << '\n';
}

}  // namespace

TEST_CASE("NepXy: webhook codes over the wire: 401, 400, 200 with a reason, 200 when final",
          "[webhooks][coverage]") {
  Callbacks c("webhook-codes");
  HostProcess& host = c.add_host("host-a");
  host.settings().more_providers =
      "  other:\n    plugin: " + (build_bin().parent_path() / "tests/contract/plugins/good.so").string() +
      "\n    settings:\n      url: \"http://127.0.0.1:1\"\n    webhooks:\n      secrets: the secret of "
      "another provider\n";
  c.start(host);
  const std::string id = c.sent(host, 1, "codes").front();
  const std::string body = body_of(id);

  const auto missing = call(host, body);
  CHECK(missing.status == 401);
  CHECK(said(missing).at("error").at("code").as_string() == "SIGNATURE_MISSING");
  CHECK(call(host, body, signature_of(body, "a guess at the secret")).status == 401);
  CHECK(call(host, body, signature_of(body, "the secret of another provider")).status == 401);
  CHECK(call(host, body_of(id, "FAILED"), signature_of(body)).status == 401);
  CHECK(call(host, "{\"status\":", signature_of("{\"status\":")).status == 400);
  // The other provider's secret opens the other provider's door, behind which none of momo's payouts stands.
  const auto other = call(host, body, signature_of(body, "the secret of another provider"), "other");
  INFO(other.body);
  CHECK(other.status == 200);
  CHECK_FALSE(said(other).at("applied").as_bool());
  CHECK(call(host, body, signature_of(body), "nobody").status == 404);
  CHECK(c.state(id) == "SENT");
  CHECK(c.scene.database().value("select count(*) from app.webhook_inbox where signature_valid is false") ==
        "4");

  const std::string nobody = body_of("11111111-1111-4111-8111-111111111111");
  const auto unknown = call(host, nobody, signature_of(nobody));
  CHECK(unknown.status == 200);
  CHECK(said(unknown).at("reason").as_string() == "unknown_payout");
  CHECK(c.event(event_of(unknown), "state || ' ' || reason") == "verified unknown_payout");

  const auto good = call(host, body, signature_of(body));
  INFO(good.body);
  CHECK(good.status == 200);
  CHECK(c.event(event_of(good), "key_id || ' ' || proof") == "env signature");
  REQUIRE(c.confirmed(id));
  const auto again = call(host, body, signature_of(body));
  CHECK(again.status == 200);
  CHECK(said(again).at("reason").as_string() == "duplicate");
  const std::string late = body + " ";
  const auto final = call(host, late, signature_of(late));
  CHECK(final.status == 200);
  CHECK(said(final).at("reason").as_string() == "already_final");

  const std::string metrics = host.request("GET", "/metrics").body;
  CHECK(metrics.find(R"(webhook_events_total{applied="true",provider="momo",signature_valid="true"} 1)") !=
        std::string::npos);
  CHECK(metrics.find(R"(webhook_events_total{applied="false",provider="momo",signature_valid="false"} 4)") !=
        std::string::npos);
  const std::string log = host.log();
  CHECK(log.find(kSecret) == std::string::npos);
  CHECK(log.find("the secret of another provider") == std::string::npos);
}

TEST_CASE("callbacks alone bring payouts to their end, at URLs that a secret signs", "[webhooks]") {
  Callbacks c("webhook-simulator", {"--processing-ms", "50..400"});
  HostProcess& host = c.add_host("host-a");
  host.settings().momo["callbacks"] = "true";
  host.settings().momo["callback_host"] = "127.0.0.1";
  c.start(host);
  c.scene.post(host, 200);
  REQUIRE(c.scene.wait_until_finished(seconds{60}));
  const LedgerCheck check = c.scene.check();
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(check.confirmed == 200);
  CHECK(
      c.scene.database().value("select count(*) from app.webhook_inbox where proof = 'url' and key_id = 'env'"
                               " and signature_valid") == "200");
  CHECK(c.scene.database().value(
            "select count(*) from app.webhook_inbox where next_attempt_at is not null") == "0");
}

TEST_CASE("callbacks while hosts are killed: nothing is lost, nothing is paid twice", "[webhooks]") {
  Callbacks c("webhook-kill", {"--processing-ms", "50..400"});
  for (const char* name : {"host-a", "host-b"}) {
    HostProcess& host = c.add_host(name);
    host.settings().engine["poll_interval"] = "2s";
    host.settings().momo["callbacks"] = "true";
    host.settings().momo["callback_host"] = "127.0.0.1";
    c.start(host);
  }
  c.scene.host(0).arm("inbox.after_store=kill@40");
  c.scene.post(c.scene.host(1), 300);
  // The callbacks of what host-a submitted go to host-a, which dies of one of them.
  eventually(seconds{20}, [&] { return !c.scene.host(0).running(); });
  if (c.scene.host(0).running()) c.scene.host(0).kill();
  c.scene.host(0).disarm();
  Callbacks::start(c.scene.host(0));
  c.scene.host(1).arm("inbox.before_verdict=kill@30");
  c.scene.post(c.scene.host(0), 200, "second");
  eventually(seconds{10}, [&] { return !c.scene.host(1).running(); });
  if (c.scene.host(1).running()) c.scene.host(1).kill();
  c.scene.host(1).disarm();
  Callbacks::start(c.scene.host(1));
  REQUIRE(c.scene.wait_until_finished(seconds{90}));
  const LedgerCheck check = c.scene.check();
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(eventually(seconds{30}, [&] {
    return c.scene.database().value(
               "select count(*) from app.webhook_inbox where next_attempt_at is not null") == "0";
  }));
}

TEST_CASE("kill -9 between storing and applying: the event is applied by who lives", "[webhooks]") {
  Callbacks c("webhook-between");
  HostProcess& first = c.add_host("host-a");
  HostProcess& second = c.add_host("host-b");
  c.start(first);
  const std::string id = c.sent(first, 1, "between").front();
  c.start(second);
  first.arm("inbox.after_store=kill");
  std::this_thread::sleep_for(milliseconds{20});  // faults are read every 5 ms
  const std::string body = body_of(id);
  try {
    call(first, body, signature_of(body));
  } catch (const std::exception&) {
    // No answer comes: the host is dead.
  }
  REQUIRE(eventually(seconds{5}, [&] { return !first.running(); }));
  CHECK(c.scene.database().value("select count(*) from app.webhook_inbox") == "1");
  REQUIRE(c.confirmed(id, seconds{30}));
  CHECK(c.scene.database().value("select state || ' ' || attempts from app.webhook_inbox") == "applied 1");
  // The provider repeats what was not answered; nothing is applied twice.
  const auto again = call(second, body, signature_of(body));
  CHECK(said(again).at("reason").as_string() == "duplicate");
}

TEST_CASE("while the provider's process is stopped, events are stored, answered, and applied later",
          "[webhooks]") {
  Callbacks c("webhook-stopped");
  HostProcess& host = c.add_host("host-a");
  host.settings().engine.erase("callback_answer_within");
  c.start(host);
  const std::vector<std::string> ids = c.sent(host, 5, "stopped");
  const pid_t provider = host.provider();
  REQUIRE(provider > 0);
  ::kill(provider, SIGSTOP);
  for (const std::string& id : ids) {
    const auto began = std::chrono::steady_clock::now();
    const auto reply = call(host, body_of(id), signature_of(body_of(id)));
    CHECK(reply.status == 200);
    CHECK(said(reply).at("reason").as_string() == "stored");
    CHECK(std::chrono::steady_clock::now() - began < milliseconds{500});
  }
  CHECK(c.scene.database().value("select count(*) from app.webhook_inbox where state = 'received'") == "5");
  ::kill(provider, SIGKILL);
  for (const std::string& id : ids) CHECK(c.confirmed(id, seconds{40}));
}

TEST_CASE("NepXy: webhook secrets rotate with overlap, by reload", "[webhooks][coverage]") {
  Callbacks c("webhook-rotation");
  HostProcess& host = c.add_host("host-a");
  host.settings().environment.erase("MOMO_WEBHOOK_SECRET");
  const auto folder = c.scene.directory();
  write_secret(folder / "a", "first secret of the rotation");
  write_secret(folder / "b", "not used yet, but present");
  host.settings().more_of_momo =
      "    webhooks:\n      secrets:\n        - {id: b, secret: \"file:" + (folder / "b").string() +
      "\"}\n        - {id: a, secret: \"file:" + (folder / "a").string() +
      "\", expires_at: 2099-01-01T00:00:00Z}\n";
  c.start(host);
  const std::string id = c.sent(host, 1, "rotation").front();
  int n = 0;
  const auto with = [&](const std::string& secret) {
    const std::string body = body_of(id, "PENDING" + std::to_string(++n));
    return call(host, body, signature_of(body, secret));
  };
  const auto first = with("first secret of the rotation");
  CHECK(first.status == 200);
  CHECK(c.event(event_of(first), "key_id") == "a");
  CHECK(with("second secret of the rotation").status == 401);
  write_secret(folder / "b", "second secret of the rotation");
  reload(host);
  const auto second = with("second secret of the rotation");
  CHECK(second.status == 200);
  CHECK(c.event(event_of(second), "key_id") == "b");
  CHECK(with("first secret of the rotation").status == 200);  // the overlap
  write_secret(folder / "a", "retired, and nobody knows this");
  reload(host);
  CHECK(with("first secret of the rotation").status == 401);
  CHECK(with("second secret of the rotation").status == 200);
}

TEST_CASE("Ops: payoutctl webhook: list, show, verify, replay", "[webhooks][coverage]") {
  Callbacks c("webhook-ctl");
  HostProcess& host = c.add_host("host-a");
  host.settings().environment.erase("MOMO_WEBHOOK_SECRET");
  const auto file = c.scene.directory() / "secret";
  write_secret(file, "a secret with a typing eror");
  host.settings().more_of_momo = "    webhooks:\n      secrets: \"file:" + file.string() + "\"\n";
  c.start(host);
  const std::vector<std::string> ids = c.sent(host, 3, "ctl");
  for (const std::string& id : ids) CHECK(call(host, body_of(id), signature_of(body_of(id))).status == 401);
  const std::string first =
      c.scene.database().value("select id from app.webhook_inbox order by received_at limit 1");

  const Printed listed = payoutctl(host, {"webhook", "list", "--state", "rejected", "--since", "1h"});
  INFO(listed.text);
  CHECK(listed.status == 0);
  CHECK(listed.text.find(first) != std::string::npos);
  CHECK(listed.text.find("bad_signature") != std::string::npos);
  const Printed shown = payoutctl(host, {"webhook", "show", first});
  CHECK(shown.status == 0);
  CHECK(shown.text.find("financialTransactionId") != std::string::npos);
  CHECK(shown.text.find(core::hmac_sha256_hex(Secret(kSecret), body_of(ids[0]))) == std::string::npos);
  const Printed wrong = payoutctl(host, {"webhook", "verify", first});
  CHECK(wrong.status == 1);
  CHECK(wrong.text.find("No secret that is configured proves it") != std::string::npos);
  CHECK(payoutctl(host, {"webhook", "replay", "--event-id", first}).status == 1);

  write_secret(file, kSecret);
  reload(host);
  const Printed right = payoutctl(host, {"webhook", "verify", first, "--json"});
  CHECK(right.status == 0);
  CHECK(json::parse(right.text).at("valid").as_bool());
  const Printed dry = payoutctl(host, {"webhook", "replay", "--provider", "momo", "--since", "1h",
                                       "--failed-only", "--dry-run", "--json"});
  INFO(dry.text);
  CHECK(dry.status == 0);
  CHECK(json::parse(dry.text).at("matching").as_int64() == 3);
  CHECK(c.scene.database().value("select count(*) from app.webhook_inbox") == "3");
  const Printed one =
      payoutctl(host, {"webhook", "replay", "--event-id", first, "--note", "the secret is right now"});
  INFO(one.text);
  CHECK(one.status == 0);
  CHECK(one.text.find("applied") != std::string::npos);
  const Printed all =
      payoutctl(host, {"webhook", "replay", "--provider", "momo", "--since", "1h", "--failed-only"});
  INFO(all.text);
  CHECK(all.status == 0);
  for (const std::string& id : ids) CHECK(c.confirmed(id));
  CHECK(c.scene.database().value("select count(*) from app.events where kind = 'webhook_replayed'") == "3");
  CHECK(payoutctl(host, {"webhook", "replay"}).status == 2);
  CHECK(payoutctl(host, {"webhook", "show", "11111111-1111-4111-8111-111111111111"}).status != 0);
}

// e2e_tests "[webhook_bench]": how fast callbacks are answered, each stored before. PAYOUTD_BENCH_CLIENTS and
// PAYOUTD_BENCH_SECONDS change the load.
TEST_CASE("how fast callbacks are answered", "[.][webhook_bench]") {
  const auto number = [](const char* name, int fallback) {
    const char* value = std::getenv(name);
    return value == nullptr ? fallback : std::atoi(value);
  };
  const int clients = number("PAYOUTD_BENCH_CLIENTS", 16);
  const seconds time{number("PAYOUTD_BENCH_SECONDS", 10)};
  Callbacks c("webhook-bench");
  HostProcess& host = c.add_host("host-a");
  host.settings().engine.erase("callback_answer_within");
  c.start(host);
  const std::vector<std::string> ids = c.sent(host, 50, "bench");
  std::mutex mutex;
  std::vector<double> taken_ms;
  std::map<std::string, int> answers;
  const auto until = std::chrono::steady_clock::now() + time;
  const auto client = [&](int index) {
    simulator::WireClient wire("http://127.0.0.1:" + std::to_string(host.port()));
    std::vector<double> mine;
    std::map<std::string, int> seen;
    for (int n = 0; std::chrono::steady_clock::now() < until; ++n) {
      const std::string body = body_of(ids[static_cast<std::size_t>(n + index) % ids.size()],
                                       std::to_string(index) + "-" + std::to_string(n));
      const auto began = std::chrono::steady_clock::now();
      const auto reply =
          wire.exchange("POST", "/v1/webhooks/momo",
                        {{"Content-Type", "application/json"}, {"X-Signature", signature_of(body)}}, body);
      mine.push_back(
          std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - began).count());
      ++seen[reply.status == 200 ? std::string(said(reply).at("reason").as_string())
                                 : std::to_string(reply.status)];
    }
    const std::lock_guard guard(mutex);
    taken_ms.insert(taken_ms.end(), mine.begin(), mine.end());
    for (const auto& [what, count] : seen) answers[what] += count;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < clients; ++i) threads.emplace_back(client, i);
  for (std::thread& thread : threads) thread.join();
  std::ranges::sort(taken_ms);
  const auto at = [&](double share) {
    return taken_ms[static_cast<std::size_t>(share * double(taken_ms.size() - 1))];
  };
  std::cout << clients << " clients: " << taken_ms.size() / static_cast<std::size_t>(time.count())
            << " callbacks/s, p50 " << at(0.5) << " ms, p95 " << at(0.95) << " ms, p99 " << at(0.99)
            << " ms, most " << taken_ms.back() << " ms;";
  for (const auto& [what, count] : answers) std::cout << ' ' << what << ' ' << count;
  std::cout << '\n';
  CHECK(c.scene.database().value("select count(*) from app.webhook_inbox") ==
        std::to_string(taken_ms.size()));
}
