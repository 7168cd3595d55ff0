// Who may ask: tokens from the command line, two hosts, the end of all sessions, keys that change, strangers.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "control.hpp"
#include "harness/scene.hpp"

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace json = boost::json;

namespace {

const std::string kSecret = "signing secret of the e2e tests 1";

void secure(HostProcess& host, const std::string& sections = {}) {
  host.settings().environment["JWT_SECRET"] = kSecret;
  host.settings().more_sections = "auth:\n  required: true\n" + sections;
}

struct Ended {
  int status = -1;
  std::string output;
};

/// `payoutctl` with the host's configuration and environment.
Ended ctl(HostProcess& host, std::vector<std::string> arguments) {
  static int number = 0;
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  arguments.insert(arguments.end(), {"--config", (host.settings().directory / "payoutd.yaml").string()});
  start.arguments = std::move(arguments);
  start.environment = host.settings().environment;
  start.log = host.settings().directory / ("ctl-" + std::to_string(++number) + ".log");
  ChildProcess process(start);
  Ended ended;
  ended.status = process.wait(seconds{30}).value_or(-1);
  std::ifstream in(start.log);
  ended.output = {std::istreambuf_iterator<char>(in), {}};
  return ended;
}

std::string token(HostProcess& host, const std::vector<std::string>& roles,
                  const std::string& subject = "shop-1", const std::string& client = "shop",
                  const std::string& ttl = "10m") {
  std::vector<std::string> arguments{"token", "issue", "--sub", subject, "--client", client, "--ttl", ttl};
  for (const std::string& role : roles) arguments.insert(arguments.end(), {"--role", role});
  const Ended issued = ctl(host, std::move(arguments));
  INFO(issued.output);
  REQUIRE(issued.status == 0);
  return issued.output.substr(0, issued.output.find('\n'));
}

int status_of(HostProcess& host, const std::string& target, const std::string& bearer,
              const std::string& method = "GET") {
  return host.request(method, target, {}, {{"Authorization", "Bearer " + bearer}}).status;
}

}  // namespace

TEST_CASE("a token from the command line makes payouts that only its client sees", "[identity]") {
  Scene scene("identity-clients");
  HostProcess& host = scene.add_host("host-a");
  secure(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  const std::string shop = token(host, {"payouts:read", "payouts:write"});
  const std::string other = token(host, {"payouts:read", "payouts:write"}, "other-1", "other");
  const std::string admin = token(host, {"admin"}, "awa", "default");
  const std::string body = R"({"amount":"5","currency":"EUR","destination":"46733100001"})";
  const auto post = [&](const std::string& bearer) {
    return host.request("POST", "/v1/payouts", body,
                        {{"Idempotency-Key", "a key with blanks"}, {"Authorization", "Bearer " + bearer}});
  };
  CHECK(host.request("POST", "/v1/payouts", body, {{"Idempotency-Key", "k"}}).status == 401);
  const auto bad_key = post(shop);
  CHECK(bad_key.status == 400);
  const auto pay = [&](const std::string& bearer) {
    return host.request("POST", "/v1/payouts", body,
                        {{"Idempotency-Key", "same-key"}, {"Authorization", "Bearer " + bearer}});
  };
  const auto made = pay(shop);
  REQUIRE(made.status == 201);
  const std::string self(json::parse(made.body).at("links").at("self").as_string());
  // The same key of another client is another payout.
  const auto of_other = pay(other);
  REQUIRE(of_other.status == 201);
  CHECK(json::parse(of_other.body).at("id") != json::parse(made.body).at("id"));
  CHECK(status_of(host, self, shop) == 200);
  CHECK(status_of(host, self, other) == 404);
  CHECK(status_of(host, self, admin) == 200);
  CHECK(status_of(host, self + "/explain", other) == 404);
  const auto listed = host.request("GET", "/v1/payouts", {}, {{"Authorization", "Bearer " + other}});
  CHECK(json::parse(listed.body).at("payouts").as_array().size() == 1);
  const auto all = host.request("GET", "/v1/payouts", {}, {{"Authorization", "Bearer " + admin}});
  CHECK(json::parse(all.body).at("payouts").as_array().size() == 2);
  CHECK(scene.database().value("select actor from app.events where kind = 'admitted' order by id limit 1") ==
        "client:shop-1");
  // Administration over TCP, by role.
  CHECK(status_of(host, "/v1/admin/providers", shop) == 403);
  CHECK(status_of(host, "/v1/admin/providers", admin) == 200);
  CHECK(status_of(host, "/v1/admin/drain", admin, "POST") == 403);
  CHECK(host.stop() == 0);
  // Nothing that was shown or tried stands in the log.
  const std::string log = host.log();
  for (const std::string& secret : {kSecret, shop, other, admin})
    CHECK(log.find(secret) == std::string::npos);
  CHECK(log.find("http.auth_refused") != std::string::npos);
}

TEST_CASE("ending all sessions is in force at once on one host and within a second on the other",
          "[identity]") {
  Scene scene("identity-sessions");
  HostProcess& first = scene.add_host("host-a");
  HostProcess& second = scene.add_host("host-b");
  for (HostProcess* host : {&first, &second}) {
    secure(*host);
    host->start();
  }
  for (HostProcess* host : {&first, &second}) REQUIRE(host->wait_until_ready());
  const std::string reader = token(first, {"payouts:read"});
  const std::string admin = token(first, {"admin"}, "awa", "default");
  CHECK(status_of(first, "/v1/payouts", reader) == 200);
  CHECK(status_of(second, "/v1/payouts", reader) == 200);
  CHECK(status_of(first, "/admin/sessions/invalidate-all", reader, "POST") == 403);
  REQUIRE(status_of(first, "/admin/sessions/invalidate-all", admin, "POST") == 200);
  const auto began = std::chrono::steady_clock::now();
  CHECK(status_of(first, "/v1/payouts", reader) == 401);
  CHECK(status_of(first, "/v1/payouts", admin) == 401);
  REQUIRE(eventually(seconds{5}, [&] { return status_of(second, "/v1/payouts", reader) == 401; }));
  const auto took = std::chrono::steady_clock::now() - began;
  CHECK(took < milliseconds{2'000});  // one heartbeat, on a machine that others use too
  WARN("the other host refused after " << std::chrono::duration_cast<std::chrono::milliseconds>(took).count()
                                       << " ms");
  // The control socket is the machine's own, and a token that is issued now is good everywhere.
  CHECK(control(first, "GET", "/v1/admin/hosts").status == 200);
  const std::string fresh = token(second, {"payouts:read"});
  CHECK(status_of(first, "/v1/payouts", fresh) == 200);
  CHECK(status_of(second, "/v1/payouts", fresh) == 200);
  // It survives a restart, and a host that starts later knows it.
  CHECK(first.stop() == 0);
  first.start();
  REQUIRE(first.wait_until_ready());
  CHECK(status_of(first, "/v1/payouts", reader) == 401);
  CHECK(status_of(first, "/v1/payouts", fresh) == 200);
  // The same through payoutctl.
  CHECK(ctl(second, {"token", "invalidate-all", "--note", "drill"}).status == 0);
  CHECK(status_of(second, "/v1/payouts", fresh) == 401);
}

TEST_CASE("NepXy: JWT rotation: keys rotate by a reload, and the old one verifies until its end",
          "[identity][coverage]") {
  Scene scene("identity-keys");
  HostProcess& host = scene.add_host("host-a");
  const auto keys = [](const std::string& list) { return "auth:\n  required: true\n  keys:\n" + list; };
  const std::string old_key = "    - {kid: may, secret: \"first signing secret of the tests\"";
  const std::string new_key = "    - {kid: june, secret: \"second signing secret of the test\"}\n";
  host.settings().more_sections = keys(old_key + "}\n");
  host.start();
  REQUIRE(host.wait_until_ready());
  const std::string by_old = token(host, {"payouts:read"});
  const auto reload = [&](const std::string& list) {
    std::string text;
    const auto file = host.settings().directory / "payoutd.yaml";
    {
      std::ifstream in(file);
      text = {std::istreambuf_iterator<char>(in), {}};
    }
    text.resize(text.find("auth:\n"));
    std::ofstream(file, std::ios::trunc) << text << keys(list);
    host.process().signal(SIGHUP);
  };
  reload(new_key + old_key + "}\n");
  std::string by_new;
  REQUIRE(eventually(seconds{10}, [&] {
    by_new = token(host, {"payouts:read"});
    return status_of(host, "/v1/payouts", by_new) == 200;
  }));
  CHECK(status_of(host, "/v1/payouts", by_old) == 200);
  const Ended inspected = ctl(host, {"token", "inspect", by_new, "--json"});
  CHECK(inspected.status == 0);
  CHECK(json::parse(inspected.output).at("kid").as_string() == "june");
  reload(new_key + old_key + ", verify_until: 2026-01-01T00:00:00Z}\n");
  CHECK(eventually(seconds{10}, [&] { return status_of(host, "/v1/payouts", by_old) == 401; }));
  CHECK(status_of(host, "/v1/payouts", by_new) == 200);
  const Ended refused = ctl(host, {"token", "inspect", by_old});
  CHECK(refused.status == 1);
  CHECK(refused.output.find("retired") != std::string::npos);
}

TEST_CASE("strangers at the port change nothing for those who belong there", "[identity]") {
  Scene scene("identity-strangers");
  HostProcess& host = scene.add_host("host-a");
  secure(host);
  host.start();
  REQUIRE(host.wait_until_ready());
  const std::string good = token(host, {"payouts:read"});
  // Connections that say nothing, more than one address may have.
  std::vector<int> silent;
  for (int i = 0; i < 400; ++i) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(host.port());
    address.sin_addr.s_addr = htonl(0x7f000002);  // 127.0.0.2: the peer's own address is 127.0.0.1
    sockaddr_in own = address;
    own.sin_port = 0;
    own.sin_addr.s_addr = htonl(0x7f000003);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) silent.push_back(fd);
  }
  REQUIRE(silent.size() > 256);
  for (int i = 0; i < 20; ++i) CHECK(status_of(host, "/v1/payouts", good) == 200);
  const std::string metrics = host.request("GET", "/metrics").body;
  CHECK(metrics.find(R"(rate_limit_blocks_total{by="connections"})") != std::string::npos);
  for (const int fd : silent) ::close(fd);
  // Guesses are refused, counted, and at some point told to wait.
  int waits = 0;
  for (int i = 0; i < 100; ++i) waits += status_of(host, "/v1/payouts", good + "x") == 429 ? 1 : 0;
  CHECK(waits > 0);
  CHECK(status_of(host, "/v1/payouts", good) == 200);
  // A body of a gigabyte is announced by somebody without a token: nothing of it is read.
  RawClient client = RawClient::tcp(host.port());
  client.send(
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
      "Content-Length: 1073741824\r\n\r\n");
  const int refused = client.receive().status;
  CHECK((refused == 401 || refused == 429));
  CHECK(host.running());
}
