// Whoever does not belong here: each is refused, the refusal is logged without what was shown or tried, and a
// client that does belong here is answered all the time.
#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <mutex>
#include <thread>

#include "core/ids.hpp"
#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// A client with a good token that asks all the time, from its start to finish().
class GoodClient {
 public:
  GoodClient(HostProcess& host, std::string token)
      : thread_([this, port = host.port(), bearer = "Bearer " + std::move(token)] { ask(port, bearer); }) {}
  ~GoodClient() { end(); }

  /// Every request was answered with 200, and soon.
  void finish() {
    eventually(seconds{10}, [this] { return answered_ + failed_ > 20; });
    end();
    INFO("answered " << answered_ << ", not answered with 200: " << failed_ << ", slowest "
                     << slowest_.count() << " ms");
    CHECK(answered_ > 20);
    CHECK(failed_ == 0);
    CHECK(slowest_ < seconds{2});  // a machine that others use too
  }

 private:
  void ask(std::uint16_t port, const std::string& bearer) {
    simulator::WireClient wire("http://127.0.0.1:" + std::to_string(port));
    while (!stop_) {
      const auto began = Clock::now();
      const auto reply = wire.exchange("GET", "/v1/payouts?limit=1", {{"Authorization", bearer}}, "");
      slowest_ = std::max(slowest_, std::chrono::duration_cast<milliseconds>(Clock::now() - began));
      ++(reply.answered(200) ? answered_ : failed_);
      std::this_thread::sleep_for(milliseconds{10});
    }
  }
  void end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

  std::atomic<bool> stop_{false};
  std::atomic<int> answered_{0};
  std::atomic<int> failed_{0};
  milliseconds slowest_{0};
  std::thread thread_;
};

/// A connection from another address of the loopback network; -1 if there is none.
int connect_from(HostProcess& host, int last_byte) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_addr.s_addr = htonl(0x7f000000U + static_cast<unsigned>(last_byte));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(host.port());
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) == 0 &&
      ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0)
    return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool has_answer(int fd, milliseconds limit) {
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(limit.count())) > 0;
}

/// What comes until the other side closes.
std::string read_to_end(int fd, milliseconds limit) {
  std::string all;
  char bytes[4096];
  while (has_answer(fd, limit)) {
    const ssize_t got = ::recv(fd, bytes, sizeof bytes, 0);
    if (got <= 0) break;
    all.append(bytes, static_cast<std::size_t>(got));
  }
  return all;
}

std::size_t resident_bytes(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
  std::size_t total = 0;
  std::size_t resident = 0;
  in >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

/// Streams a chunked body of a gigabyte until an answer comes or the connection breaks.
struct Streamed {
  std::string answer;
  std::size_t sent = 0;
};
Streamed stream_a_gigabyte(HostProcess& host, const std::string& head) {
  constexpr std::size_t kGigabyte = std::size_t{1} << 30;
  Streamed streamed;
  const int fd = connect_from(host, 1);
  REQUIRE(fd >= 0);
  send_all(fd, head + "Transfer-Encoding: chunked\r\n\r\n");
  const std::string chunk = "10000\r\n" + std::string(0x10000, ' ') + "\r\n";
  while (streamed.sent < kGigabyte && !has_answer(fd, milliseconds{0}) && send_all(fd, chunk))
    streamed.sent += chunk.size();
  streamed.answer = read_to_end(fd, seconds{5});
  ::close(fd);
  return streamed;
}

std::string code_of(const simulator::Reply& reply) {
  return std::string(json::parse(reply.body).at("error").at("code").as_string());
}

}  // namespace

TEST_CASE("strangers without a token, with an expired one, of the wrong role or of a retired key",
          "[stranger]") {
  const auto keys = [](const std::string& list) {
    return "auth:\n  required: true\n  clock_skew: 0s\n  keys:\n" + list;
  };
  const std::string old_key = "    - {kid: may, secret: \"first signing secret of the tests\"";
  const std::string new_key = "    - {kid: june, secret: \"second signing secret of the test\"}\n";
  Desk desk("stranger-tokens",
            [&](HostProcess& host) { host.settings().more_sections = keys(old_key + "}\n"); });
  const std::string by_old = desk.token({"payouts:read"});
  const auto file = desk.host.settings().directory / "payoutd.yaml";
  std::string text;
  {
    std::ifstream in(file);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  text.resize(text.find("auth:\n"));
  std::ofstream(file, std::ios::trunc)
      << text << keys(new_key + old_key + ", verify_until: 2026-01-01T00:00:00Z}\n");
  REQUIRE(desk.reload());
  const std::string good = desk.token({"payouts:read"});
  GoodClient client(desk.host, good);
  // Good for a second; no skew of clocks is allowed for.
  const std::string short_lived = desk.token({"payouts:read"}, "shop", "1s");
  const auto ask = [&](const std::string& method, const std::string& target,
                       const std::string& authorization) {
    simulator::Headers headers;
    if (!authorization.empty()) headers.emplace_back("Authorization", authorization);
    return desk.host.request(method, target, {}, headers);
  };
  const auto missing = ask("GET", "/v1/payouts", "");
  CHECK(missing.status == 401);
  CHECK(code_of(missing) == "TOKEN_MISSING");
  const auto retired = ask("GET", "/v1/payouts", "Bearer " + by_old);
  CHECK(retired.status == 401);
  CHECK(code_of(retired) == "TOKEN_REVOKED");
  const auto wrong_role = ask("GET", "/v1/admin/providers", "Bearer " + good);
  CHECK(wrong_role.status == 403);
  CHECK(code_of(wrong_role) == "ROLE_MISSING");
  CHECK(ask("POST", "/v1/payouts/bulk", "Bearer " + good).status == 403);
  CHECK(code_of(ask("GET", "/v1/payouts", "Bearer " + good.substr(0, good.size() - 4) + "AAAA")) ==
        "TOKEN_INVALID");
  CHECK(code_of(ask("GET", "/v1/payouts", "Basic c2hvcDpzaG9w")) == "TOKEN_INVALID");
  REQUIRE(eventually(seconds{90}, [&] {
    const auto expired = ask("GET", "/v1/payouts", "Bearer " + short_lived);
    std::this_thread::sleep_for(milliseconds{500});  // refused tokens are limited by the minute
    return expired.status == 401 && code_of(expired) == "TOKEN_EXPIRED";
  }));
  client.finish();
  for (const char* reason :
       {"no_token", "retired_key", "role_missing", "bad_signature", "wrong_scheme", "expired"}) {
    INFO(reason);
    CHECK(desk.metric("payoutd_auth_refused_total{reason=\"" + std::string(reason) + "\"}") > 0);
    CHECK(desk.host.log().find("\"reason\":\"" + std::string(reason) + "\"") != std::string::npos);
  }
  const std::string log = desk.host.log();
  for (const std::string& secret :
       {by_old, good, short_lived, std::string("first signing secret of the tests"),
        std::string("c2hvcDpzaG9w")})
    CHECK(log.find(secret) == std::string::npos);
  CHECK(desk.sql("select count(*) from app.all_payouts") == "0");
}

TEST_CASE("another provider's signature opens nothing, and a replayed webhook changes nothing twice",
          "[stranger]") {
  const std::string others_secret = "the secret of another provider";
  Desk desk("stranger-webhooks", [&](HostProcess& host) {
    Desk::keep_sent(host);
    Desk::ask_for_tokens(host);
    host.settings().more_providers =
        "  other:\n    plugin: " + (build_bin().parent_path() / "tests/contract/plugins/good.so").string() +
        "\n    settings:\n      url: \"http://127.0.0.1:1\"\n    webhooks:\n      secrets: " + others_secret +
        "\n";
  });
  const std::string good = desk.token({"payouts:read", "payouts:write"});
  GoodClient client(desk.host, good);
  const auto reply =
      desk.host.request("POST", "/v1/payouts",
                        R"({"amount":"1","currency":"EUR","destination":"46733100001","provider":"momo"})",
                        {{"Idempotency-Key", "stranger"}, {"Authorization", "Bearer " + good}});
  REQUIRE(reply.status == 201);
  const std::string id(json::parse(reply.body).at("id").as_string());
  REQUIRE(desk.reaches(id, "SENT"));
  const auto forged = desk.call(id, others_secret);
  CHECK(forged.status == 401);
  CHECK(code_of(forged) == "BAD_SIGNATURE");
  CHECK(code_of(desk.call(id, "")) == "SIGNATURE_MISSING");
  CHECK(desk.state(id) == "SENT");
  CHECK(desk.call(id, Desk::webhook_secret).status == 200);
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  const std::string events = desk.sql("select count(*) from app.events where payout_id = '" + id + "'");
  for (int i = 0; i < 5; ++i) {
    const auto replayed = desk.call(id, Desk::webhook_secret);
    CHECK(replayed.status == 200);
    CHECK(json::parse(replayed.body).at("reason").as_string() == "duplicate");
  }
  CHECK(desk.sql("select count(*) from app.events where payout_id = '" + id + "'") == events);
  CHECK(desk.scene.requested_more_than_once() == 0);
  client.finish();
  const std::string log = desk.host.log();
  CHECK(log.find("webhook.refused") != std::string::npos);
  for (const std::string& secret : {others_secret, Desk::webhook_secret, Desk::signing_secret, good})
    CHECK(log.find(secret) == std::string::npos);
}

TEST_CASE("a body of a gigabyte is cut at the limit, announced or streamed, with a token or without",
          "[stranger]") {
  Desk desk("stranger-gigabyte", [](HostProcess& host) { Desk::ask_for_tokens(host); });
  const std::string good = desk.token({"payouts:read", "payouts:write"});
  GoodClient client(desk.host, good);
  const std::size_t before = resident_bytes(desk.host.process().pid());
  const std::string head =
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
  const std::string bearer = "Authorization: Bearer " + good + "\r\nIdempotency-Key: big\r\n";
  constexpr std::size_t kSlack = 8U << 20;  // what the kernel's buffers take besides

  const Streamed streamed = stream_a_gigabyte(desk.host, head + bearer);
  INFO(streamed.sent << " bytes were taken: " << streamed.answer);
  CHECK(streamed.answer.starts_with("HTTP/1.1 413 "));
  CHECK(streamed.sent < (4U << 20) + kSlack);
  const Streamed unknown = stream_a_gigabyte(desk.host, head);
  CHECK(unknown.answer.starts_with("HTTP/1.1 401 "));
  CHECK(unknown.sent < kSlack);
  const Streamed callback =
      stream_a_gigabyte(desk.host, "POST /v1/webhooks/momo HTTP/1.1\r\nHost: localhost\r\n");
  CHECK(callback.answer.starts_with("HTTP/1.1 413 "));
  CHECK(callback.sent < (256U << 10) + kSlack);
  for (const std::string& who : {bearer, std::string()}) {
    RawClient announced = RawClient::tcp(desk.host.port());
    announced.send(head + who + "Content-Length: 1073741824\r\n\r\n");
    CHECK(announced.receive().status == (who.empty() ? 401 : 413));
  }
  CHECK(resident_bytes(desk.host.process().pid()) < before + (64U << 20));
  client.finish();
  CHECK(desk.host.log().find(good) == std::string::npos);
  CHECK(desk.sql("select count(*) from app.all_payouts") == "0");
}

TEST_CASE("half-open connections and slow lorises are ended by the host, and keep nobody out", "[stranger]") {
  Desk desk("stranger-slow", [](HostProcess& host) { Desk::ask_for_tokens(host); });
  const std::string good = desk.token({"payouts:read"});
  GoodClient client(desk.host, good);
  // From a few addresses, one of them with more connections than it may have: silent, or in the middle of a
  // head.
  std::vector<int> open;
  for (int address = 10; address < 14; ++address) {
    for (int i = 0; i < (address == 10 ? 300 : 100); ++i) {
      const int fd = connect_from(desk.host, address);
      if (fd < 0) continue;
      if (i % 2 == 0) send_all(fd, "GET /v1/payouts HTTP/1.1\r\nHost: loc");
      open.push_back(fd);
    }
  }
  REQUIRE(open.size() > 400);
  // A letter now and then keeps no connection open for longer than a head may take.
  std::vector<int> slow;
  for (int i = 0; i < 20; ++i) {
    const int fd = connect_from(desk.host, 20);
    REQUIRE(fd >= 0);
    send_all(fd, "GET /v1/payouts HTTP/1.1\r\nX-Slow: ");
    slow.push_back(fd);
  }
  const auto began = Clock::now();
  std::size_t ended = 0;
  while (ended < slow.size() && Clock::now() - began < seconds{30}) {
    ended = 0;
    for (const int fd : slow) ended += has_answer(fd, milliseconds{0}) || !send_all(fd, "a") ? 1 : 0;
    std::this_thread::sleep_for(milliseconds{200});
  }
  const auto took = std::chrono::duration_cast<seconds>(Clock::now() - began);
  INFO("after " << took.count() << " s");
  CHECK(ended == slow.size());
  CHECK(took < seconds{20});
  CHECK(eventually(seconds{20}, [&] {
    return std::all_of(open.begin(), open.end(), [](int fd) { return has_answer(fd, milliseconds{0}); });
  }));
  for (const int fd : slow) ::close(fd);
  for (const int fd : open) ::close(fd);
  client.finish();
  CHECK(desk.host.running());
  CHECK(desk.metric(R"(rate_limit_blocks_total{by="connections"})") > 0);
}
