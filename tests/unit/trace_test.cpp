#include "ops/trace.hpp"

#include <catch2/catch.hpp>

#include "core/ids.hpp"
#include "core/trace_context.hpp"

using namespace payoutd;

namespace {

const std::string kTrace = "4bf92f3577b34da6a3ce929d0e0e4736";
const std::string kSpan = "00f067aa0ba902b7";

struct Kept final : trace::Exporter {
  void take(trace::SpanRecord span) noexcept override { spans.push_back(std::move(span)); }
  std::vector<trace::SpanRecord> spans;
};

}  // namespace

TEST_CASE("a traceparent is read as W3C Trace Context writes it", "[trace]") {
  const auto read = core::parse_traceparent("00-" + kTrace + "-" + kSpan + "-01");
  REQUIRE(read);
  CHECK(read->trace_id == kTrace);
  CHECK(read->span_id == kSpan);
  CHECK(read->sampled);
  CHECK(core::to_traceparent(*read) == "00-" + kTrace + "-" + kSpan + "-01");
  // Only the lowest flag is known here; the others are not passed on.
  const auto other_flags = core::parse_traceparent("00-" + kTrace + "-" + kSpan + "-fe");
  REQUIRE(other_flags);
  CHECK_FALSE(other_flags->sampled);
  CHECK(core::to_traceparent(*other_flags) == "00-" + kTrace + "-" + kSpan + "-00");
  // A later version is read as far as 00 goes.
  CHECK(core::parse_traceparent("cc-" + kTrace + "-" + kSpan + "-01"));
  CHECK(core::parse_traceparent("cc-" + kTrace + "-" + kSpan + "-01-what-the-future-adds"));
}

TEST_CASE("a malformed traceparent counts as none", "[trace]") {
  const std::string good = "00-" + kTrace + "-" + kSpan + "-01";
  std::vector<std::string> bad{"",
                               "x",
                               "00-" + std::string(32, '0') + "-" + kSpan + "-01",
                               "00-" + kTrace + "-" + std::string(16, '0') + "-01",
                               "ff-" + kTrace + "-" + kSpan + "-01",
                               "00-" + kTrace + "-" + kSpan + "-01-more",
                               "cc-" + kTrace + "-" + kSpan + "-01.more",
                               "00-" + kTrace + "-" + kSpan + "-0",
                               "00_" + kTrace + "-" + kSpan + "-01",
                               " " + good,
                               good + " "};
  for (const std::size_t at : {0u, 4u, 40u, 54u}) {
    bad.push_back(good);
    bad.back()[at] = 'A';
    bad.push_back(good);
    bad.back()[at] = 'g';
  }
  for (const std::string& text : bad) {
    INFO(text);
    CHECK_FALSE(core::parse_traceparent(text));
  }
}

TEST_CASE("a tracestate is passed on whole, or dropped", "[trace]") {
  CHECK(core::read_tracestate("") == "");
  CHECK(core::read_tracestate("rojo=00f067aa0ba902b7,congo=t61rcWkgMzE") ==
        "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE");
  CHECK(core::read_tracestate(" a=1 ,\t, fw529a3039@dt=b:c/d ") == "a=1,fw529a3039@dt=b:c/d");
  for (const std::string bad : {"a", "=1", "a=", "A=1", "a=1,a=2", "a=b=c", "a=\x7f", "a@=1", "a@1=1"}) {
    INFO(bad);
    CHECK(core::read_tracestate(bad) == "");
  }
  std::string many;
  for (int i = 0; i < 32; ++i) many += (i == 0 ? "k" : ",k") + std::to_string(i) + "=v";
  CHECK(core::read_tracestate(many) == many);
  CHECK(core::read_tracestate(many + ",one=more") == "");
  CHECK(core::read_tracestate("k=" + std::string(256, 'v')).size() == 258);
  CHECK(core::read_tracestate("k=" + std::string(257, 'v')) == "");
}

TEST_CASE("the trace of a flow without a traceparent follows from its id", "[trace]") {
  CHECK(core::trace_id_of_flow("0E1C43B2-5b9a-4c57-9d2f-0a1b2c3d4e5f") == "0e1c43b25b9a4c579d2f0a1b2c3d4e5f");
  CHECK(core::trace_id_of_flow(kTrace) == kTrace);
  const std::string other = core::trace_id_of_flow("order:17");
  CHECK(other == core::sha256_hex("order:17").substr(0, 32));
  CHECK(core::parse_traceparent("00-" + other + "-" + kSpan + "-01"));
  // Never the trace id that means none.
  CHECK(core::trace_id_of_flow("00000000-0000-0000-0000-000000000000").find_first_not_of('0') !=
        std::string::npos);
  CHECK(core::span_id_of("0e1c43b2-5b9a-4c57-9d2f-0a1b2c3d4e5f") == "9d2f0a1b2c3d4e5f");
  for (int i = 0; i < 20; ++i) CHECK(core::random_span_id().size() == 16);
  CHECK(core::random_span_id() != core::random_span_id());
}

TEST_CASE("the caller's flag decides what is recorded, and the ratio where there is none", "[trace]") {
  Kept kept;
  trace::Tracer tracer;
  tracer.attach(kept);
  const auto record = [&](const core::TraceContext& caller, const std::string& flow) {
    const std::size_t before = kept.spans.size();
    trace::Span(tracer, tracer.trace_of(caller, flow), "", "x", trace::Kind::internal).end("done");
    return kept.spans.size() > before;
  };
  const core::TraceContext sampled{kTrace, kSpan, true, "a=1"};
  const core::TraceContext unsampled{kTrace, kSpan, false, {}};
  for (const double ratio : {0.0, 1.0}) {
    tracer.set_ratio(ratio);
    CHECK(record(sampled, "flow"));
    CHECK(kept.spans.back().context.trace_id == kTrace);
    CHECK(kept.spans.back().context.state == "a=1");
    CHECK_FALSE(record(unsampled, "flow"));
    CHECK(record({}, "flow") == (ratio == 1.0));
  }
  tracer.set_ratio(0.25);
  int recorded = 0;
  for (int i = 0; i < 4'000; ++i) {
    const std::string flow = core::random_uuid();
    const bool first = record({}, flow);
    CHECK(record({}, flow) == first);
    recorded += first ? 1 : 0;
  }
  CHECK(recorded > 800);
  CHECK(recorded < 1'200);
}

TEST_CASE("a span records nothing where tracing is off, and ends by itself where an exception ends it",
          "[trace]") {
  const core::TraceContext context{kTrace, kSpan, true, {}};
  trace::Span nothing(trace::off(), context, "", "x", trace::Kind::internal);
  CHECK_FALSE(nothing);
  nothing.with("a", "b").end("done");

  Kept kept;
  trace::Tracer tracer;
  tracer.attach(kept);
  try {
    trace::Span span(tracer, context, "00000000000000aa", "x", trace::Kind::client);
    span.with("empty", "").with("n", 3);
    throw std::runtime_error("x");
  } catch (const std::runtime_error&) {
  }
  REQUIRE(kept.spans.size() == 1);
  const trace::SpanRecord& span = kept.spans.front();
  CHECK(span.failed);
  CHECK(span.parent_id == "00000000000000aa");
  REQUIRE(span.attributes.size() == 2);
  CHECK(std::get<std::int64_t>(span.attributes[0].second) == 3);
  CHECK(std::get<std::string>(span.attributes[1].second) == "interrupted");
  CHECK(span.end_ns >= span.start_ns);
  CHECK(span.start_ns > 1'700'000'000'000'000'000);
}
