#include <catch2/catch.hpp>

#include "http/client_address.hpp"
#include "http/rate_limit.hpp"
#include "running_server.hpp"
#include "signed_token.hpp"

using namespace payoutd;
using namespace payoutd::test;
using identity::Role;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

http::RouterOptions behind_a_proxy() {
  http::RouterOptions options;
  options.gate.auth_required = true;
  options.gate.keyring = keyring();
  options.gate.trusted_proxies = {"127.0.0.1"};
  return options;
}

std::map<std::string, std::string> from(const std::string& address, const std::string& token = {}) {
  std::map<std::string, std::string> headers{{"X-Forwarded-For", address}};
  if (!token.empty()) headers["Authorization"] = "Bearer " + token;
  return headers;
}

}  // namespace

TEST_CASE("a bucket lets a burst through, and then so many a second") {
  http::RateLimit limit;
  limit.configure(10, 20);
  auto now = http::RateLimit::Clock::now();
  for (int i = 0; i < 20; ++i) CHECK(limit.take("a", now).count() == 0);
  const milliseconds wait = limit.take("a", now);
  CHECK(wait > milliseconds(50));
  CHECK(wait <= milliseconds(100));
  CHECK(limit.take("b", now).count() == 0);
  now += milliseconds(101);
  CHECK(limit.take("a", now).count() == 0);
  CHECK(limit.take("a", now).count() > 0);
  limit.configure(0, 0);
  CHECK(limit.take("a", now).count() == 0);
}

TEST_CASE("very many addresses do not take very much memory, and the busy ones stay limited") {
  http::RateLimit limit;
  limit.configure(1, 1);
  const auto now = http::RateLimit::Clock::now();
  for (std::size_t i = 0; i < 3 * http::RateLimit::kMostKeys; ++i)
    limit.take(std::to_string(i), now + milliseconds(i / 10));
  const auto later = now + seconds(6);
  CHECK(limit.take("busy", later).count() == 0);
  CHECK(limit.take("busy", later).count() > 0);
}

TEST_CASE("the address that counts is the last one that no trusted proxy wrote") {
  const http::TrustedProxies proxies({"127.0.0.1", "10.0.0.0/8", "fd00::/8"});
  const auto address = [&](const std::string& peer, http::Pairs headers) {
    http::Request request;
    request.peer.address = peer;
    request.headers = std::move(headers);
    return http::client_address(request, proxies);
  };
  CHECK(address("8.8.8.8", {{"x-forwarded-for", "1.2.3.4"}}) == "8.8.8.8");  // not a proxy of ours
  CHECK(address("127.0.0.1", {}) == "127.0.0.1");
  CHECK(address("127.0.0.1", {{"x-forwarded-for", "1.2.3.4"}}) == "1.2.3.4");
  CHECK(address("127.0.0.1", {{"x-forwarded-for", "6.6.6.6, 1.2.3.4"}}) == "1.2.3.4");
  CHECK(address("127.0.0.1", {{"x-forwarded-for", "1.2.3.4, 10.9.9.9"}}) == "1.2.3.4");
  CHECK(address("127.0.0.1", {{"x-forwarded-for", "6.6.6.6"}, {"x-forwarded-for", "1.2.3.4"}}) == "1.2.3.4");
  CHECK(address("127.0.0.1", {{"x-forwarded-for", "1.2.3.4, nonsense"}}) == "127.0.0.1");
  CHECK(address("fd00::1", {{"x-forwarded-for", "2001:db8::7"}}) == "2001:db8::7");
  CHECK(http::counted_as("2001:db8::7") == http::counted_as("2001:db8::ffff"));
  CHECK(http::counted_as("2001:db8::7") != http::counted_as("2001:db8:0:1::7"));
  CHECK(http::counted_as("1.2.3.4") != http::counted_as("1.2.3.5"));
}

TEST_CASE("an address that asks too often is told to wait, and others are not") {
  http::RouterOptions options = behind_a_proxy();
  options.gate.requests_per_address = 1;
  RunningServer running({}, options);
  for (int i = 0; i < 2; ++i) CHECK(running.ask(request("GET", "/livez", {}, from("1.2.3.4"))).status == 200);
  const RawResponse blocked = running.ask(request("GET", "/livez", {}, from("1.2.3.4")));
  CHECK(blocked.status == 429);
  CHECK(blocked.code() == "RATE_LIMITED");
  CHECK(blocked.headers.at("retry-after") == "1");
  CHECK(running.host.blocks["address"] == 1);
  CHECK(running.ask(request("GET", "/livez", {}, from("1.2.3.5"))).status == 200);
  CHECK(running.ask(request("GET", "/livez")).status == 200);  // on the machine itself
}

TEST_CASE("a token's subject that asks too often is told to wait, whatever its address") {
  http::RouterOptions options = behind_a_proxy();
  options.gate.requests_per_subject = 1;
  RunningServer running({}, options);
  const std::string token = token_for({Role::payouts_read}, "shop", "busy");
  for (int i = 0; i < 2; ++i)
    CHECK(running.ask(request("GET", "/v1/payouts", {}, from("1.2.3." + std::to_string(i), token))).status ==
          200);
  CHECK(running.ask(request("GET", "/v1/payouts", {}, from("1.2.3.9", token))).status == 429);
  CHECK(running.host.blocks["subject"] == 1);
  const std::string other = token_for({Role::payouts_read}, "shop", "calm");
  CHECK(running.ask(request("GET", "/v1/payouts", {}, from("1.2.3.9", other))).status == 200);
}

TEST_CASE("who tries tokens is told to wait, and a good token from the same address is not") {
  http::RouterOptions options = behind_a_proxy();
  options.gate.auth_failures_per_minute = 3;
  RunningServer running({}, options);
  for (int i = 0; i < 3; ++i)
    CHECK(running.ask(request("GET", "/v1/payouts", {}, from("1.2.3.4", "guess"))).status == 401);
  const RawResponse blocked = running.ask(request("GET", "/v1/payouts", {}, from("1.2.3.4", "guess")));
  CHECK(blocked.status == 429);
  CHECK(running.host.blocks["auth_failures"] == 1);
  CHECK(running.host.auth_refusals["malformed"] == 4);
  CHECK(running.ask(request("GET", "/v1/payouts", {}, from("1.2.3.4", token_for({Role::payouts_read}))))
            .status == 200);
}

TEST_CASE("one address gets so many connections and no more; a trusted proxy is not counted") {
  http::ServerOptions options;
  options.max_connections_per_address = 3;
  const bool is_proxy = GENERATE(false, true);
  if (is_proxy) options.trusted_proxies = {"127.0.0.0/8"};
  RunningServer running(options);
  std::vector<RawClient> held;
  for (int i = 0; i < 3; ++i) {
    held.push_back(running.client());
    held.back().send(request("GET", "/livez"));
    REQUIRE(held.back().receive().status == 200);
  }
  RawClient next = running.client();
  next.send(request("GET", "/livez"));
  const RawResponse response = next.receive();
  CHECK(response.status == (is_proxy ? 200 : 503));
  CHECK(running.host.blocks["connections"] == (is_proxy ? 0 : 1));
  if (!is_proxy) {
    CHECK(next.closed());
    held.pop_back();
    const auto deadline = std::chrono::steady_clock::now() + seconds(5);
    int status = 0;
    while (status != 200 && std::chrono::steady_clock::now() < deadline)
      status = running.ask(request("GET", "/livez")).status;
    CHECK(status == 200);
  }
  CHECK(running.ask_as_operator(request("GET", "/livez")).status == 200);
}

TEST_CASE("connections that say nothing, or nothing whole, give way when there are too many") {
  http::ServerOptions options;
  options.max_connections = 4;
  RunningServer running(options);
  RawClient known = running.client();
  known.send(request("GET", "/livez"));
  REQUIRE(known.receive().status == 200);
  std::vector<RawClient> strangers;
  for (int i = 0; i < 40; ++i) {
    strangers.push_back(running.client());
    if (i % 2 == 0) strangers.back().send("GET /livez HTTP/1.1\r\nHo");
  }
  for (int i = 0; i < 10; ++i) CHECK(running.ask(request("GET", "/livez")).status == 200);
  known.send(request("GET", "/livez"));
  CHECK(known.receive().status == 200);
  CHECK(strangers.front().closed());
}

TEST_CASE("a connection that says nothing is closed long before one that has spoken") {
  http::ServerOptions options;
  options.first_timeout = milliseconds(200);
  RunningServer running(options);
  RawClient silent = running.client();
  RawClient spoken = running.client();
  spoken.send(request("GET", "/livez"));
  REQUIRE(spoken.receive().status == 200);
  CHECK(silent.closed(seconds(3)));
  spoken.send(request("GET", "/livez"));
  CHECK(spoken.receive().status == 200);
}

TEST_CASE("a body that trickles in is cut off before its own time limit") {
  http::ServerOptions options;
  options.body_grace = milliseconds(300);
  options.body_rate = 1000;
  RunningServer running(options);
  const std::string head =
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: "
      "k\r\n";
  SECTION("too slow") {
    RawClient slow = running.client();
    const auto began = std::chrono::steady_clock::now();
    slow.send(head + "Content-Length: 1000\r\n\r\n{");
    const RawResponse response = slow.receive();
    CHECK(response.status == 408);
    CHECK(std::chrono::steady_clock::now() - began < seconds(5));
  }
  SECTION("in pieces, and fast enough") {
    RawClient steady = running.client();
    const std::string body = R"({"amount":"100","currency":"XOF","destination":"22507000001"})";
    steady.send(head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n");
    for (const char c : body) steady.send(std::string(1, c));
    CHECK(steady.receive().status == 201);
  }
}

TEST_CASE("only pages of configured origins may read answers, letter by letter") {
  http::RouterOptions options = behind_a_proxy();
  options.gate.cors_origins = {"https://ops.example", "http://localhost:3000"};
  RunningServer running({}, options);
  const std::string token = token_for({Role::payouts_read});
  const auto ask = [&](const std::string& origin) {
    return running.ask(
        request("GET", "/v1/payouts", {}, {{"Origin", origin}, {"Authorization", "Bearer " + token}}));
  };
  const RawResponse allowed = ask("https://ops.example");
  CHECK(allowed.headers.at("access-control-allow-origin") == "https://ops.example");
  CHECK(allowed.headers.at("vary") == "Origin");
  CHECK_FALSE(allowed.headers.contains("access-control-allow-credentials"));
  for (const char* other : {"https://ops.example.evil.example", "https://evil.example", "http://ops.example",
                            "null", "https://ops.example:8443", "https://OPS.example", "*"}) {
    const RawResponse refused = ask(other);
    INFO(other);
    CHECK(refused.status == 200);  // the browser does not show it to the page
    CHECK_FALSE(refused.headers.contains("access-control-allow-origin"));
    CHECK(refused.headers.at("vary") == "Origin");
  }
  // Refusals too: the page must be able to read why.
  CHECK(running.ask(request("GET", "/v1/payouts", {}, {{"Origin", "https://ops.example"}}))
            .headers.at("access-control-allow-origin") == "https://ops.example");

  const auto preflight = [&](const std::string& origin, const std::string& target) {
    return running.ask(request("OPTIONS", target, {},
                               {{"Origin", origin},
                                {"Access-Control-Request-Method", "POST"},
                                {"Access-Control-Request-Headers", "authorization"}}));
  };
  const RawResponse yes = preflight("https://ops.example", "/v1/payouts");
  CHECK(yes.status == 200);
  CHECK(yes.headers.at("access-control-allow-origin") == "https://ops.example");
  CHECK(yes.headers.at("access-control-allow-methods") == "GET, HEAD, POST");
  CHECK(yes.headers.at("access-control-allow-headers").find("Authorization") != std::string::npos);
  const RawResponse no = preflight("https://evil.example", "/v1/payouts");
  CHECK(no.status == 405);
  CHECK_FALSE(no.headers.contains("access-control-allow-origin"));
  CHECK(preflight("https://ops.example", "/nowhere").status == 404);
}

TEST_CASE("without configured origins no answer says anything about them") {
  RunningServer running;
  const RawResponse response = running.ask(request("GET", "/livez", {}, {{"Origin", "https://ops.example"}}));
  CHECK_FALSE(response.headers.contains("access-control-allow-origin"));
  CHECK_FALSE(response.headers.contains("vary"));
}
