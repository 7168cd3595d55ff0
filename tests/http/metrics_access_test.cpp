// Who may look inside the host: metrics, and why it is not ready.
#include <catch2/catch.hpp>

#include "http/monitor.hpp"
#include "running_server.hpp"
#include "signed_token.hpp"

using namespace payoutd;
using namespace payoutd::test;
using identity::Role;

namespace {

/// Behind a proxy at 127.0.0.1, which says for whom it asks.
http::RouterOptions behind_a_proxy() {
  http::RouterOptions options;
  options.gate.auth_required = true;
  options.gate.keyring = keyring();
  options.gate.trusted_proxies = {"127.0.0.1"};
  options.gate.metrics_allow = {"10.1.0.0/16", "192.0.2.7"};
  return options;
}

RawResponse get(const RunningServer& running, const std::string& path,
                const std::map<std::string, std::string>& headers) {
  return running.ask(request("GET", path, {}, headers));
}

bool has_reasons(const RawResponse& response) {
  return response.json().as_object().contains("reasons");
}

}  // namespace

TEST_CASE("strangers see neither metrics nor why the host is not ready") {
  RunningServer running({}, behind_a_proxy());
  running.host.ready.reasons = {"Provider momo-ci is restarting: the credentials are refused."};
  for (const char* stranger : {"203.0.113.9", "10.2.0.1", "192.0.2.8", "2001:db8::1"}) {
    INFO(stranger);
    const auto metrics = get(running, "/metrics", {{"X-Forwarded-For", stranger}});
    CHECK(metrics.status == 403);
    CHECK(metrics.code() == "METRICS_CLOSED");
    CHECK(metrics.body.find("http_requests_total") == std::string::npos);
    const auto ready = get(running, "/readyz", {{"X-Forwarded-For", stranger}});
    CHECK(ready.status == 503);
    CHECK_FALSE(ready.json().at("ready").as_bool());
    CHECK(ready.json().at("migrations_ok").as_bool());
    CHECK_FALSE(has_reasons(ready));
    CHECK(ready.body.find("momo-ci") == std::string::npos);
  }
  // A client of the proxy cannot pretend: what it wrote itself stands further left.
  CHECK(get(running, "/metrics", {{"X-Forwarded-For", "127.0.0.1, 203.0.113.9"}}).status == 403);
  CHECK(get(running, "/metrics", {{"X-Forwarded-For", "nonsense"}}).status == 403);
}

TEST_CASE("this machine, named addresses, the control socket and the right tokens see them") {
  RunningServer running({}, behind_a_proxy());
  running.host.ready.reasons = {"Provider momo-ci is restarting."};
  for (const char* known : {"10.1.2.3", "192.0.2.7", "127.0.0.1"}) {
    INFO(known);
    // 127.0.0.1 in the header is the proxy's word for itself, and for nobody else.
    const bool wanted = std::string(known) != "127.0.0.1";
    CHECK((get(running, "/metrics", {{"X-Forwarded-For", known}}).status == 200) == wanted);
    CHECK(has_reasons(get(running, "/readyz", {{"X-Forwarded-For", known}})) == wanted);
  }
  // A proxy that does not say for whom it asks may ask for anybody.
  for (const char* header : {"X-Request-Id", "Forwarded", "X-Real-IP", "Via"}) {
    INFO(header);
    CHECK(get(running, "/metrics", {{header, "10.1.2.3"}}).status == 403);
    CHECK_FALSE(has_reasons(get(running, "/readyz", {{header, "10.1.2.3"}})));
  }
  CHECK(running.ask_as_operator(request("GET", "/metrics")).status == 200);
  const auto with = [&](const std::string& token) {
    return get(running, "/metrics",
               {{"X-Forwarded-For", "203.0.113.9"}, {"Authorization", "Bearer " + token}});
  };
  CHECK(with(token_for({Role::metrics_read})).status == 200);
  CHECK(with(token_for({Role::admin})).status == 200);
  CHECK(with(token_for({Role::payouts_read})).status == 403);
  CHECK(with("nonsense").status == 401);
  const auto probe =
      get(running, "/readyz", {{"X-Forwarded-For", "203.0.113.9"}, {"Authorization", "Bearer x"}});
  CHECK(probe.status == 503);
  CHECK_FALSE(has_reasons(probe));
  CHECK_FALSE(has_reasons(get(
      running, "/readyz",
      {{"X-Forwarded-For", "203.0.113.9"}, {"Authorization", "Bearer " + token_for({Role::payouts_read})}})));
}

TEST_CASE("a trusted proxy opens nothing of its own, even if metrics.allow names it") {
  http::RouterOptions options = behind_a_proxy();
  options.gate.metrics_allow = {"127.0.0.0/8"};
  RunningServer running({}, options);
  CHECK(get(running, "/metrics", {}).status == 403);
  CHECK(get(running, "/metrics", {{"X-Forwarded-For", "127.0.0.1"}}).status == 403);
  CHECK(get(running, "/metrics", {{"X-Forwarded-For", "127.0.0.2"}}).status == 200);
}

TEST_CASE("a header that anybody can write opens nothing, and closes what came through a proxy") {
  http::RouterOptions options;
  options.gate.auth_required = true;
  options.gate.keyring = keyring();
  options.gate.metrics_allow = {"10.1.0.0/16"};
  RunningServer running({}, options);  // no proxy is trusted
  CHECK(get(running, "/metrics", {}).status == 200);
  for (const char* header : {"X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"}) {
    INFO(header);
    CHECK(get(running, "/metrics", {{header, "10.1.2.3"}}).status == 403);
  }
}

TEST_CASE("the listener for monitoring serves monitoring, and nothing else") {
  RunningServer running({}, behind_a_proxy());
  running.host.ready.reasons = {"Provider momo-ci is restarting."};
  http::MonitorService monitor(running.router);
  http::Server server(running.io.get_executor(), monitor, http::monitor_options("127.0.0.1", 0));
  server.start();
  const auto ask = [&](const std::string& bytes) {
    RawClient client = RawClient::monitoring(server.port());
    client.send(bytes);
    return client.receive();
  };
  CHECK(ask(request("GET", "/metrics")).body == "http_requests_total 1\n");
  CHECK(has_reasons(ask(request("GET", "/readyz", {}, {{"X-Forwarded-For", "203.0.113.9"}}))));
  CHECK(ask(request("GET", "/livez")).status == 200);
  CHECK(ask(request("GET", "/healthz")).status == 200);
  for (const char* path :
       {"/v1/payouts", "/v1/admin/providers", "/openapi.json", "/v1/webhooks/momo-ci", "/"}) {
    INFO(path);
    CHECK(ask(request("GET", path)).code() == "NOT_FOUND");
  }
  CHECK(ask(request("POST", "/metrics", "{}")).status == 405);
  std::promise<void> stopped;
  boost::asio::co_spawn(running.io, server.stop(std::chrono::seconds(5)),
                        [&](std::exception_ptr, bool) { stopped.set_value(); });
  stopped.get_future().get();
}
