// Spans as a collector gets them: whose trace they belong to, what hangs below what, over a restart, and what
// a bad collector changes (nothing).
#include <catch2/catch.hpp>
#include <iostream>

#include "collector.hpp"
#include "core/ids.hpp"
#include "core/trace_context.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Mood = Collector::Mood;

const std::string kWebhookSecret = "the webhook secret of momo";
const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kCaller = "00f067aa0ba902b7";
const std::string kPayee = "46733987654";

/// Hosts that send their spans to a collector; outcomes come by callback or not at all.
struct Traced {
  explicit Traced(const std::string& name) : scene(name, {"--fast"}) {}

  HostProcess& add_host(const std::string& name, const std::string& more = {}) {
    HostProcess& host = scene.add_host(name);
    host.settings().engine["poll_interval"] = "1h";
    host.settings().engine["callback_answer_within"] = "1500ms";
    host.settings().environment["MOMO_WEBHOOK_SECRET"] = kWebhookSecret;
    host.settings().more_sections =
        "tracing:\n  endpoint: \"" + collector.url() + "\"\n  interval: 50ms\n" + more;
    return host;
  }
  static void start(HostProcess& host) {
    host.start();
    REQUIRE(host.wait_until_ready());
  }
  std::string pay(HostProcess& host, const std::string& key, const simulator::Headers& headers = {}) {
    simulator::Headers all = headers;
    all.emplace_back("Idempotency-Key", key);
    const auto reply = host.request(
        "POST", "/v1/payouts",
        R"({"amount":"1","currency":"EUR","destination":")" + kPayee + R"(","provider":"momo"})", all);
    INFO(reply.body);
    REQUIRE(reply.status == 201);
    return std::string(json::parse(reply.body).at("id").as_string());
  }
  bool reaches(const std::string& id, const std::string& state, milliseconds limit = seconds{20}) {
    return eventually(limit, [&] {
      return scene.database().value("select state from app.all_payouts where id = '" + id + "'") == state;
    });
  }
  void call_back(HostProcess& host, const std::string& id) {
    const std::string body = R"({"financialTransactionId":"4711","externalId":")" + id +
                             R"(","amount":"1","currency":"EUR","status":"SUCCESSFUL"})";
    const auto reply =
        host.request("POST", "/v1/webhooks/momo", body,
                     {{"X-Signature", "sha256=" + core::hmac_sha256_hex(Secret(kWebhookSecret), body)}});
    INFO(reply.body);
    REQUIRE(reply.status == 200);
  }
  /// The spans of the trace by name, once all of these are there.
  std::map<std::string, CollectedSpan> await(const std::string& trace, const std::set<std::string>& names) {
    std::map<std::string, CollectedSpan> found;
    const bool all = eventually(seconds{10}, [&] {
      found.clear();
      for (const CollectedSpan& span : collector.trace(trace)) found[span.name] = span;
      return std::ranges::all_of(names, [&](const std::string& name) { return found.contains(name); });
    });
    std::string had;
    for (const auto& [name, span] : found) had += name + " ";
    INFO("spans that came: " << had);
    REQUIRE(all);
    return found;
  }
  std::string metric(HostProcess& host, const std::string& series) {
    const std::string text = host.request("GET", "/metrics").body;
    const auto at = text.find("\n" + series + " ");
    if (at == std::string::npos) return "0";
    const auto begin = at + series.size() + 2;
    return text.substr(begin, text.find('\n', begin) - begin);
  }
  double lost(HostProcess& host) {
    double sum = 0;
    for (const std::string fate : {"failed", "queue_full", "rejected"})
      sum += std::stod(metric(host, "payoutd_trace_spans_total{result=\"" + fate + "\"}"));
    return sum;
  }

  Collector collector;
  Scene scene;
};

const std::set<std::string> kWholeLife{"request", "admission", "screening", "prepare",
                                       "submit",  "webhook",   "query"};

/// Everything below the caller's span, and nothing in the air.
void check_tree(std::map<std::string, CollectedSpan> spans, const std::string& id) {
  CHECK(spans["request"].parent_id == kCaller);
  CHECK(spans["admission"].parent_id == spans["request"].span_id);
  CHECK(spans["admission"].span_id == core::span_id_of(id));
  for (const char* name : {"screening", "prepare", "submit"})
    CHECK(spans[name].parent_id == spans["admission"].span_id);
  for (const char* name : {"webhook", "query"}) CHECK(spans[name].parent_id == spans["submit"].span_id);
  for (const auto& [name, span] : spans) {
    INFO(name);
    CHECK(span.end_ns >= span.start_ns);
    if (name == "request") continue;
    CHECK(span.attribute("payout.id") == id);
    CHECK(span.attribute("provider") == "momo");
    CHECK_FALSE(span.attribute("outcome").empty());
  }
}

}  // namespace

TEST_CASE("a payout's spans stand in its caller's trace, each below what caused it", "[tracing]") {
  Traced t("tracing-life");
  HostProcess& host = t.add_host("host-a");
  host.settings().environment["OTEL_SERVICE_NAME"] = "payouts-of-the-tests";
  t.start(host);
  const std::string id = t.pay(host, "life",
                               {{"traceparent", "00-" + kTrace + "-" + kCaller + "-01"},
                                {"tracestate", "rojo=1"},
                                {"X-Request-Id", "order:17"}});
  REQUIRE(t.reaches(id, "SENT"));
  t.call_back(host, id);
  REQUIRE(t.reaches(id, "CONFIRMED"));
  auto spans = t.await(kTrace, kWholeLife);
  check_tree(spans, id);

  CHECK(spans["admission"].attribute("outcome") == "created");
  CHECK(spans["screening"].attribute("outcome") == "allowed");
  CHECK(spans["prepare"].attribute("outcome") == "prepared");
  CHECK(spans["submit"].attribute("outcome") == "submit_accepted");
  CHECK(spans["query"].attribute("outcome") == "query_confirmed");
  CHECK(spans["webhook"].attribute("outcome") == "applied");
  CHECK(spans["request"].attribute("http.response.status_code") == "201");
  CHECK(spans["request"].attribute("http.route") == "/v1/payouts");
  for (const char* name : {"prepare", "submit", "query", "webhook"})
    CHECK(spans[name].attribute("attempt") == "1");
  const std::map<std::string, int> kinds{{"request", 2}, {"admission", 1}, {"screening", 1}, {"prepare", 3},
                                         {"submit", 3},  {"query", 3},     {"webhook", 5}};
  for (const auto& [name, kind] : kinds) {
    INFO(name);
    CHECK(spans[name].kind == kind);
    CHECK(spans[name].status == 0);
    CHECK(spans[name].state == "rojo=1");
    CHECK(spans[name].attribute("trace.flow_id") == "order:17");
    const auto& resource = spans[name].resource;
    CHECK(resource.at("service.name") == "payouts-of-the-tests");
    CHECK(resource.at("deployment.environment") == "dev");
    CHECK(resource.at("host.name") == "host-a");
    CHECK(core::is_uuid(resource.at("service.instance.id")));
    CHECK_FALSE(resource.at("service.version").empty());
  }
  // In the order in which it happened.
  CHECK(spans["admission"].start_ns <= spans["screening"].start_ns);
  CHECK(spans["screening"].start_ns <= spans["prepare"].start_ns);
  CHECK(spans["prepare"].end_ns <= spans["submit"].start_ns);
  CHECK(spans["submit"].end_ns <= spans["query"].start_ns);
  // The log tells the same trace.
  CHECK(host.log().find(R"("trace_id":")" + kTrace + "\"") != std::string::npos);
  CHECK(t.lost(host) == 0);
  CHECK(host.stop() == 0);
}

TEST_CASE("what is done for a payout after a restart, on another host, stands in the same trace",
          "[tracing]") {
  Traced t("tracing-restart");
  HostProcess& first = t.add_host("host-a");
  t.start(first);
  const std::string id = t.pay(first, "restart", {{"traceparent", "00-" + kTrace + "-" + kCaller + "-01"}});
  REQUIRE(t.reaches(id, "SENT"));
  t.await(kTrace, {"request", "admission", "screening", "prepare", "submit"});
  first.kill();
  HostProcess& second = t.add_host("host-b");
  t.start(second);
  t.call_back(second, id);
  REQUIRE(t.reaches(id, "CONFIRMED"));
  auto spans = t.await(kTrace, kWholeLife);
  check_tree(spans, id);
  CHECK(spans["submit"].resource.at("host.name") == "host-a");
  CHECK(spans["query"].resource.at("host.name") == "host-b");
  CHECK(spans["query"].attribute("attempt") == "1");
  CHECK(t.scene.database().value("select traceparent from app.payouts where id = '" + id + "'") ==
        "00-" + kTrace + "-" + kCaller + "-01");
}

TEST_CASE("a flow without a traceparent has a trace of its own, and an unsampled one none", "[tracing]") {
  Traced t("tracing-flows");
  HostProcess& host = t.add_host("host-a");
  t.start(host);
  const std::string flow = "0e1c43b2-5b9a-4c57-9d2f-0a1b2c3d4e5f";
  const std::string id = t.pay(host, "own", {{"X-Request-Id", flow}, {"tracestate", "lost=1"}});
  const std::string unsampled = "5bf92f3577b34da6a3ce929d0e0e4736";
  const std::string silent =
      t.pay(host, "unsampled", {{"traceparent", "00-" + unsampled + "-" + kCaller + "-00"}});
  const std::string malformed = t.pay(
      host, "malformed",
      {{"X-Request-Id", "order:18"}, {"traceparent", "00-" + kTrace + "-" + std::string(16, '0') + "-01"}});
  for (const std::string& one : {id, silent, malformed}) REQUIRE(t.reaches(one, "SENT"));
  auto spans =
      t.await("0e1c43b25b9a4c579d2f0a1b2c3d4e5f", {"request", "admission", "screening", "prepare", "submit"});
  CHECK(spans["request"].parent_id.empty());
  CHECK(spans["admission"].parent_id == spans["request"].span_id);
  CHECK(spans["admission"].attribute("payout.id") == id);
  CHECK(spans["submit"].state.empty());  // without a traceparent a tracestate means nothing
  auto other = t.await(core::trace_id_of_flow("order:18"), {"admission", "submit"});
  CHECK(other["submit"].attribute("payout.id") == malformed);
  CHECK(host.stop() == 0);  // everything has been sent
  CHECK(t.collector.trace(unsampled).empty());
  CHECK(t.collector.trace(kTrace).empty());
}

TEST_CASE("a bad collector changes nothing but counters", "[tracing]") {
  struct Case {
    std::string name;
    Mood mood;
  };
  const auto one = GENERATE(values<Case>({{"silent", Mood::silent},
                                          {"fails", Mood::fails},
                                          {"crawling", Mood::crawling},
                                          {"away", Mood::takes}}));
  INFO(one.name);
  Traced t("tracing-" + one.name);
  t.collector.be(one.mood);
  HostProcess& host = t.add_host("host-a", "  queue_size: 20\n  batch_size: 10\n  timeout: 500ms\n");
  if (one.name == "away") {
    host.settings().more_sections =
        "tracing:\n  endpoint: http://127.0.0.1:1\n  interval: 50ms\n  queue_size: 20\n  batch_size: 10\n";
  }
  t.start(host);
  const auto began = std::chrono::steady_clock::now();
  milliseconds slowest{0};
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) {
    const auto posted = std::chrono::steady_clock::now();
    ids.push_back(t.pay(host, "k" + std::to_string(i)));
    slowest = std::max(slowest,
                       std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - posted));
  }
  for (const std::string& id : ids) REQUIRE(t.reaches(id, "SENT"));
  for (const std::string& id : ids) t.call_back(host, id);
  for (const std::string& id : ids) REQUIRE(t.reaches(id, "CONFIRMED"));
  const auto took =
      std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count();
  WARN(one.name << ": 30 payouts in " << took << " ms, the slowest answer took " << slowest.count()
                << " ms, spans lost: " << t.lost(host));
  CHECK(slowest < seconds{2});
  CHECK(took < 20'000);
  CHECK(t.lost(host) > 0);
  const auto stopping = std::chrono::steady_clock::now();
  CHECK(host.stop() == 0);
  CHECK(std::chrono::steady_clock::now() - stopping < seconds{10});
  const std::string log = host.log();
  CHECK(log.find("host.stopped") != std::string::npos);
  int lines = 0;
  for (std::size_t at = 0; (at = log.find("\"trace.spans_lost\"", at)) != std::string::npos; ++at) ++lines;
  CHECK(lines >= 1);
  CHECK(lines <= 3);
  CHECK(t.scene.check().nothing_wrong());
}

TEST_CASE("neither secrets nor payees are in spans, and the collector's own secret in no log", "[tracing]") {
  Traced t("tracing-secrets");
  HostProcess& host = t.add_host("host-a", "  headers: \"Authorization=Bearer%20PLANTEDcollector\"\n");
  host.settings().secrets = {{"api_key", "PLANTEDapikey4711"}, {"subscription_key", "PLANTEDsubscription"}};
  t.start(host);
  // The flow id is the client's to choose, and may be anything.
  std::vector<std::string> ids;
  for (const simulator::Headers& headers :
       {simulator::Headers{{"X-Request-Id", kPayee}},
        simulator::Headers{{"traceparent", "00-" + kTrace + "-" + kCaller + "-01"}}})
    ids.push_back(t.pay(host, "k" + std::to_string(ids.size()), headers));
  host.request("GET", "/v1/payouts?destination=" + kPayee);
  for (const std::string& id : ids) {
    REQUIRE(t.reaches(id, "SENT"));
    t.call_back(host, id);
    REQUIRE(t.reaches(id, "CONFIRMED"));
  }
  t.await(kTrace, kWholeLife);
  CHECK(host.stop() == 0);
  const std::string received = t.collector.received();
  CHECK(received.find("Authorization: Bearer PLANTEDcollector\r\n") != std::string::npos);
  std::string bodies;
  for (std::size_t at = 0; (at = received.find("\r\n\r\n", at)) != std::string::npos; at += 4)
    bodies += received.substr(at + 4, received.find("POST /v1/traces", at) - at - 4);
  CHECK(bodies.find(kTrace) != std::string::npos);
  for (const std::string& secret : {std::string("PLANTED"), kPayee, kPayee.substr(2), kWebhookSecret}) {
    INFO(secret);
    CHECK(bodies.find(secret) == std::string::npos);
  }
  CHECK(host.log().find("PLANTED") == std::string::npos);
}

// e2e_tests "[tracing_bench]": what tracing costs, off and on.
TEST_CASE("what tracing costs", "[.][tracing_bench]") {
  for (const bool on : {false, true, false, true}) {
    Traced t(std::string("tracing-bench-") + (on ? "on" : "off"));
    HostProcess& host = t.add_host("host-a", "  queue_size: 100000\n");
    if (!on) host.settings().more_sections.clear();
    t.start(host);
    const auto began = std::chrono::steady_clock::now();
    t.scene.post(host, 3'000, "bench");
    REQUIRE(eventually(seconds{120}, [&] {
      return t.scene.database().value("select count(*) from app.payouts where state = 'SENT'") == "3000";
    }));
    const auto took =
        std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began).count();
    std::cout << (on ? "on " : "off") << ": 3,000 payouts until SENT in " << took << " ms\n";
    host.stop();
  }
}
