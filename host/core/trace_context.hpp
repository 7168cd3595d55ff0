#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace payoutd::core {

/// A place in a distributed trace, as W3C Trace Context tells it (https://www.w3.org/TR/trace-context/).
struct TraceContext {
  std::string trace_id;  ///< 32 hexadecimal digits in lower case, not all zero; empty: there is none
  std::string span_id;   ///< 16 digits, not all zero: the span there
  bool sampled = false;  ///< the flag of whoever began the trace: others record it too
  std::string state;     ///< `tracestate`, well-formed; often empty

  bool known() const noexcept { return !trace_id.empty(); }
};

/// What a request says about its trace: whose part it is, and the request's own span.
struct RequestTrace {
  TraceContext caller;  ///< unknown: no (well-formed) traceparent came
  std::string span_id;  ///< of the request itself; empty: nobody asked for it
};

/// Reads a `traceparent`. Nullopt for what is malformed: it counts as not sent. Versions above 00 are read as
/// far as 00 goes, and 0xff is none.
std::optional<TraceContext> parse_traceparent(std::string_view text);

/// In version 00, with no flag but `sampled`.
std::string to_traceparent(const TraceContext& context);

/// A `tracestate` (several headers joined by commas), or nothing where it is malformed or longer than the 512
/// characters that everybody must pass on: then it is dropped, and the traceparent stands by itself.
std::string read_tracestate(std::string_view text);

/// The trace of a flow that came without a traceparent: the digits of its UUID, or of any 32 hexadecimal
/// digits; else digits of its SHA-256. The same for the same flow, on every host.
std::string trace_id_of_flow(std::string_view flow_id);

std::string random_span_id();

/// The span that goes with a UUID (of a payout, of an attempt): its last 8 bytes, so that every host names it
/// alike without asking anybody.
std::string span_id_of(std::string_view uuid);

}  // namespace payoutd::core
