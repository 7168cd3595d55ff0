#include "ops/otlp_exporter.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>

#include "core/signal.hpp"
#include "ops/log.hpp"
#include "ops/redact.hpp"

using namespace payoutd;
using namespace payoutd::ops;
using namespace std::chrono_literals;
namespace json = boost::json;

namespace {

trace::SpanRecord span(std::string_view name = "submit") {
  trace::SpanRecord out;
  out.context = {"4bf92f3577b34da6a3ce929d0e0e4736", "9d2f0a1b2c3d4e5f", true, {}};
  out.name = name;
  out.start_ns = 1'772'366'400'000'000'001;
  out.end_ns = 1'772'366'400'250'000'002;
  return out;
}

OtlpOptions options() {
  OtlpOptions out;
  out.url = "http://collector/v1/traces";
  out.resource = {{"service.name", "payoutd"}, {"deployment.environment", "prod"}};
  out.version = "0.1.0";
  out.interval = 10ms;
  out.retry_pause = 1ms;
  return out;
}

/// A collector whose answers the test decides; what it says belongs to the exporter's thread.
struct Collector {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::string> bodies;
  std::vector<int> answers;  ///< in order, the last for ever; 0: no answer, -1: silence
  std::string answer_body = "{}";
  std::string authorization;
  std::map<SpanFate, std::size_t> counts;

  OtlpExporter::Count count() {
    return [this](SpanFate fate, std::size_t spans) {
      const std::lock_guard lock(mutex);
      counts[fate] += spans;
      changed.notify_all();
    };
  }
  OtlpExporter::MakeClient client();
  bool wait(const std::function<bool()>& done) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, 10s, done);
  }
  std::size_t counted(SpanFate fate) {
    const std::lock_guard lock(mutex);
    return counts[fate];
  }
};

struct Client final : HttpClient {
  explicit Client(Collector& to) : collector(to) {}
  Awaitable<HttpResponse> send(HttpRequest request) override {
    int status = 200;
    HttpResponse response;
    {
      const std::lock_guard lock(collector.mutex);
      collector.bodies.push_back(request.content());
      for (const auto& [name, value] : request.headers())
        if (name == "Authorization") collector.authorization = value;
      if (!collector.answers.empty()) status = collector.answers.front();
      if (collector.answers.size() > 1) collector.answers.erase(collector.answers.begin());
      response.body = collector.answer_body;
      collector.changed.notify_all();
    }
    if (status == 0) throw HttpFailure(HttpStage::connect, false, "connecting: refused");
    if (status < 0) {
      core::Signal never(co_await boost::asio::this_coro::executor);
      co_await never.wait(1h);
    }
    response.status = status;
    co_return response;
  }
  Collector& collector;
};

OtlpExporter::MakeClient Collector::client() {
  return [this](boost::asio::any_io_executor) { return std::make_shared<Client>(*this); };
}

std::size_t spans_in(const std::string& body) {
  return json::parse(body).at("resourceSpans").at(0).at("scopeSpans").at(0).at("spans").as_array().size();
}

struct Lines {
  Lines() {
    log::configure({log::Level::info, log::Format::json, "", [this](std::string_view line) {
                      const std::lock_guard lock(mutex);
                      all.emplace_back(line);
                    }});
  }
  ~Lines() { log::configure({}); }
  std::mutex mutex;
  std::vector<std::string> all;
};

}  // namespace

TEST_CASE("spans are encoded as OTLP's JSON", "[otlp]") {
  trace::SpanRecord whole = span();
  whole.context.state = "rojo=1";
  whole.parent_id = "00f067aa0ba902b7";
  whole.remote_parent = true;
  whole.kind = trace::Kind::client;
  whole.attributes = {{"trace.flow_id", std::string("order:17")}, {"attempt", std::int64_t{2}}};
  whole.failed = true;
  trace::SpanRecord root = span("request");
  root.kind = trace::Kind::server;
  const json::value expected = json::parse(R"({"resourceSpans": [{
    "resource": {"attributes": [
      {"key": "service.name", "value": {"stringValue": "payoutd"}},
      {"key": "deployment.environment", "value": {"stringValue": "prod"}}]},
    "scopeSpans": [{
      "scope": {"name": "payoutd", "version": "0.1.0"},
      "spans": [
        {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "9d2f0a1b2c3d4e5f", "traceState": "rojo=1",
         "parentSpanId": "00f067aa0ba902b7", "flags": 769, "name": "submit", "kind": 3,
         "startTimeUnixNano": "1772366400000000001", "endTimeUnixNano": "1772366400250000002",
         "attributes": [
           {"key": "trace.flow_id", "value": {"stringValue": "order:17"}},
           {"key": "attempt", "value": {"intValue": "2"}}],
         "status": {"code": 2}},
        {"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "9d2f0a1b2c3d4e5f", "flags": 257,
         "name": "request", "kind": 2,
         "startTimeUnixNano": "1772366400000000001", "endTimeUnixNano": "1772366400250000002",
         "attributes": [], "status": {}}]}]}]})");
  const json::value got = json::parse(otlp_json({whole, root}, options()));
  INFO(json::serialize(got));
  CHECK(got == expected);
}

TEST_CASE("what a span says passes the redactor", "[otlp]") {
  redactor().add_secret(Secret("planted-span-secret"));
  trace::SpanRecord one = span();
  one.attributes = {{"trace.flow_id", std::string("22890123456789")},
                    {"reason", std::string("refused planted-span-secret")}};
  const std::string text = otlp_json({one}, options());
  CHECK(text.find("22890123456789") == std::string::npos);
  CHECK(text.find("planted-span-secret") == std::string::npos);
}

TEST_CASE("spans go out in batches, with the headers, and the rest at the end", "[otlp]") {
  Collector collector;
  OtlpOptions from = options();
  from.interval = 1h;
  from.batch_size = 3;
  from.headers = {{"Authorization", Secret("Bearer of the tests")}};
  OtlpExporter exporter(from, collector.client(), collector.count());
  for (int i = 0; i < 3; ++i) exporter.take(span());
  REQUIRE(collector.wait([&] { return collector.counts[SpanFate::exported] == 3; }));
  CHECK(collector.authorization == "Bearer of the tests");
  for (int i = 0; i < 2; ++i) exporter.take(span());
  CHECK(exporter.stop(5s));
  CHECK(collector.counted(SpanFate::exported) == 5);
  REQUIRE(collector.bodies.size() == 2);
  CHECK(spans_in(collector.bodies[0]) == 3);
  CHECK(spans_in(collector.bodies[1]) == 2);
}

TEST_CASE("a full queue drops and counts, and says so once", "[otlp]") {
  Lines lines;
  Collector collector;
  collector.answers = {-1};
  OtlpOptions from = options();
  from.interval = 1h;  // what goes out is a batch of five, however slowly they are taken
  from.queue_size = 10;
  from.batch_size = 5;
  OtlpExporter exporter(from, collector.client(), collector.count());
  for (int i = 0; i < 5; ++i) exporter.take(span());
  REQUIRE(collector.wait([&] { return collector.bodies.size() == 1; }));  // and no answer comes
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 1'010; ++i) exporter.take(span());
  CHECK(std::chrono::steady_clock::now() - began < 1s);
  CHECK(collector.counted(SpanFate::queue_full) == 1'000);
  // The end does not wait for it either; what was not sent is counted.
  const auto stopping = std::chrono::steady_clock::now();
  CHECK_FALSE(exporter.stop(100ms));
  CHECK(std::chrono::steady_clock::now() - stopping < 2s);
  CHECK(collector.counted(SpanFate::failed) == 15);
  CHECK(collector.counted(SpanFate::exported) == 0);
  CHECK(lines.all.size() == 1);
  CHECK(lines.all.front().find("trace.spans_lost") != std::string::npos);
}

TEST_CASE("requests are repeated where OTLP says so, and not for ever", "[otlp]") {
  Lines lines;
  struct Case {
    std::vector<int> answers;
    std::size_t requests;
    SpanFate fate;
  };
  const auto one = GENERATE(values<Case>({
      {{200}, 1, SpanFate::exported},
      {{503, 429, 200}, 3, SpanFate::exported},
      {{0, 502, 504, 200}, 4, SpanFate::exported},
      {{503}, 5, SpanFate::failed},
      {{0}, 5, SpanFate::failed},
      {{500}, 1, SpanFate::failed},
      {{400}, 1, SpanFate::failed},
      {{302}, 1, SpanFate::failed},
  }));
  Collector collector;
  collector.answers = one.answers;
  OtlpOptions from = options();
  from.interval = 1h;
  from.batch_size = 2;
  OtlpExporter exporter(from, collector.client(), collector.count());
  exporter.take(span());
  exporter.take(span());
  REQUIRE(collector.wait([&] { return collector.counts[one.fate] == 2; }));
  CHECK(collector.bodies.size() == one.requests);
  CHECK(collector.counts.size() == 1);
  for (const std::string& body : collector.bodies) CHECK(body == collector.bodies.front());
  exporter.stop(1s);
  CHECK(lines.all.size() == (one.fate == SpanFate::failed ? 1 : 0));
}

TEST_CASE("spans that the collector rejects are counted and not sent again", "[otlp]") {
  Lines lines;
  Collector collector;
  collector.answer_body = R"({"partialSuccess": {"rejectedSpans": "1", "errorMessage": "too old"}})";
  OtlpExporter exporter(options(), collector.client(), collector.count());
  exporter.take(span());
  exporter.take(span());
  exporter.take(span());
  CHECK(collector.wait([&] { return collector.counts[SpanFate::rejected] > 0; }));
  exporter.stop(5s);
  const std::size_t sent = collector.counts[SpanFate::exported] + collector.counts[SpanFate::rejected];
  CHECK(sent == 3);
  CHECK(collector.counts[SpanFate::rejected] == collector.bodies.size());
}

TEST_CASE("an exporter that cannot even begin disturbs nobody", "[otlp]") {
  Lines lines;
  Collector collector;
  OtlpExporter exporter(
      options(),
      [](boost::asio::any_io_executor) -> std::shared_ptr<HttpClient> {
        throw std::runtime_error("no certificates");
      },
      collector.count());
  exporter.take(span());
  exporter.stop(1s);
  CHECK(collector.counted(SpanFate::failed) == 1);
  CHECK(lines.all.front().find("trace.exporter_failed") != std::string::npos);
}
