#include "ops/trace.hpp"

#include <algorithm>
#include <cmath>

namespace payoutd::trace {
namespace {

constexpr std::string_view kInterrupted = "interrupted";
constexpr std::size_t kRandomDigits = 14;

std::int64_t nanoseconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

}  // namespace

// The last 7 bytes of a trace id are random by W3C Trace Context level 2, and so they are in a UUID.
void Tracer::set_ratio(double ratio) {
  const double left_out = 1 - std::clamp(ratio, 0.0, 1.0);
  threshold_ = static_cast<std::uint64_t>(std::llround(left_out * static_cast<double>(1ULL << 56)));
}

bool Tracer::samples(std::string_view trace_id) const noexcept {
  if (threshold_ == 0) return true;
  if (trace_id.size() < kRandomDigits) return false;
  const char* const end = trace_id.data() + trace_id.size();
  std::uint64_t random = 0;
  std::from_chars(end - kRandomDigits, end, random, 16);
  return random >= threshold_;
}

core::TraceContext Tracer::trace_of(const core::TraceContext& caller, std::string_view flow_id) const {
  if (caller.known()) return {caller.trace_id, {}, caller.sampled, caller.state};
  core::TraceContext own{core::trace_id_of_flow(flow_id), {}, false, {}};
  own.sampled = samples(own.trace_id);
  return own;
}

Tracer& off() {
  static Tracer none;
  return none;
}

Span::Span(Tracer& tracer, core::TraceContext context, std::string parent_id, std::string_view name,
           Kind kind, Moment began) {
  if (!tracer.enabled() || !context.sampled) return;
  open_ = std::make_unique<Open>(Open{tracer, {}, began.steady});
  SpanRecord& record = open_->record;
  record.context = std::move(context);
  record.parent_id = std::move(parent_id);
  record.name = name;
  record.kind = kind;
  record.start_ns = nanoseconds(began.wall);
}

Span::~Span() {
  if (open_) end(kInterrupted, true);
}

Span& Span::with(std::string_view key, std::string_view value) {
  if (open_ && !value.empty()) open_->record.attributes.emplace_back(key, std::string(value));
  return *this;
}

Span& Span::with(std::string_view key, std::int64_t value) {
  if (open_) open_->record.attributes.emplace_back(key, value);
  return *this;
}

Span& Span::remote_parent() {
  if (open_) open_->record.remote_parent = true;
  return *this;
}

Span& Span::below(std::string parent_id) {
  if (open_) open_->record.parent_id = std::move(parent_id);
  return *this;
}

Span& Span::known_as(std::string span_id) {
  if (open_) open_->record.context.span_id = std::move(span_id);
  return *this;
}

void Span::end(std::string_view outcome, bool failed) {
  if (!open_) return;
  with("outcome", outcome);
  SpanRecord& record = open_->record;
  record.failed = failed;
  const auto took = std::chrono::steady_clock::now() - open_->began;
  record.end_ns = record.start_ns + std::chrono::duration_cast<std::chrono::nanoseconds>(took).count();
  open_->tracer.take(std::move(record));
  open_.reset();
}

}  // namespace payoutd::trace
