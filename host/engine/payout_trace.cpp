#include "engine/payout_trace.hpp"

namespace payoutd::engine {
namespace {

core::TraceContext caller_of(const std::string& traceparent, const std::string& tracestate) {
  if (traceparent.empty()) return {};
  auto caller = core::parse_traceparent(traceparent);
  if (!caller) return {};
  caller->state = tracestate;
  return *std::move(caller);
}

core::TraceContext trace_of(const trace::Tracer& tracer, const store::Payout& payout) {
  return tracer.trace_of(caller_of(payout.traceparent, payout.tracestate), payout.flow_id);
}

/// Below the span of the payout's admission.
trace::Span payout_span(Observer& observer, const store::Payout& payout, std::string_view name,
                        trace::Kind kind, const trace::Moment& began) {
  trace::Tracer& tracer = observer.tracer();
  core::TraceContext context = trace_of(tracer, payout);
  context.span_id = core::random_span_id();
  trace::Span span(tracer, std::move(context), core::span_id_of(payout.id), name, kind, began);
  span.with("trace.flow_id", payout.flow_id).with("payout.id", payout.id).with("provider", payout.provider);
  return span;
}

bool failed(Saw saw) {
  switch (saw) {
    case Saw::prepare_failed:
    case Saw::prepare_impossible:
    case Saw::submit_refused:
    case Saw::submit_refused_for_now:
    case Saw::submit_not_accepted:
    case Saw::submit_unknown:
    case Saw::query_cannot_tell:
    case Saw::query_mismatch:
      return true;
    default:
      return false;
  }
}

std::string_view outcome_of(AdmissionReply::Kind kind) {
  switch (kind) {
    case AdmissionReply::Kind::created:
      return "created";
    case AdmissionReply::Kind::replayed:
      return "replayed";
    case AdmissionReply::Kind::conflict:
      return "conflict";
    case AdmissionReply::Kind::refused:
      return "refused";
    case AdmissionReply::Kind::not_ready:
      return "not_ready";
    case AdmissionReply::Kind::throttled:
      return "throttled";
  }
  return "invalid";
}

std::string_view outcome_of(Ruling::Kind kind) {
  switch (kind) {
    case Ruling::Kind::pay:
      return "allowed";
    case Ruling::Kind::hold:
      return "held";
    case Ruling::Kind::deny:
      return "denied";
    case Ruling::Kind::defer:
      return "deferred";
  }
  return "invalid";
}

}  // namespace

std::string trace_id_of(const store::Payout& payout) {
  return trace_id_of(store::TracePlace{payout.flow_id, payout.traceparent, {}, {}, 0});
}

std::string trace_id_of(const store::TracePlace& place) {
  const core::TraceContext caller = caller_of(place.traceparent, {});
  return caller.known() ? caller.trace_id : core::trace_id_of_flow(place.flow_id);
}

trace::Span admission_span(Observer& observer, const PayoutRequest& request, const std::string& id) {
  trace::Tracer& tracer = observer.tracer();
  if (!tracer.enabled()) return {};
  core::TraceContext context = tracer.trace_of(request.trace.caller, request.flow_id);
  context.span_id = core::span_id_of(id);
  const bool below_request = !request.trace.span_id.empty();
  trace::Span span(tracer, std::move(context),
                   below_request ? request.trace.span_id : request.trace.caller.span_id, "admission",
                   trace::Kind::internal);
  if (!below_request && request.trace.caller.known()) span.remote_parent();
  span.with("trace.flow_id", request.flow_id);
  return span;
}

void end_admission(trace::Span& span, const AdmissionReply& reply) {
  if (!span) return;
  span.with("payout.id", reply.payout_id).with("provider", reply.provider);
  span.end(outcome_of(reply.kind), reply.kind == AdmissionReply::Kind::not_ready);
}

void trace_screening(Observer& observer, const trace::Moment& began, const store::Payout& payout,
                     const Ruling& ruling) {
  if (!observer.tracer().enabled()) return;
  trace::Span span = payout_span(observer, payout, "screening", trace::Kind::internal, began);
  span.with("reason", ruling.reason).with("rule", ruling.rule);
  span.end(outcome_of(ruling.kind));
}

trace::Span prepare_span(Observer& observer, const store::Payout& payout) {
  if (!observer.tracer().enabled()) return {};
  trace::Span span = payout_span(observer, payout, "prepare", trace::Kind::client, {});
  span.with("attempt", payout.attempt_count + 1);
  return span;
}

trace::Span submit_span(Observer& observer, const store::Payout& payout, const std::string& attempt_id) {
  if (!observer.tracer().enabled()) return {};
  trace::Span span = payout_span(observer, payout, "submit", trace::Kind::client, {});
  span.known_as(core::span_id_of(attempt_id)).with("attempt", payout.attempt_count);
  return span;
}

trace::Span query_span(Observer& observer, const store::Payout& payout, const store::Attempt* attempt) {
  if (!observer.tracer().enabled()) return {};
  trace::Span span = payout_span(observer, payout, "query", trace::Kind::client, {});
  if (attempt != nullptr) span.below(core::span_id_of(attempt->id)).with("attempt", attempt->n);
  return span;
}

void end_as(trace::Span& span, Saw saw) {
  if (span) span.end(to_string(saw), failed(saw));
}

void trace_webhook(Observer& observer, const trace::Moment& began, const store::InboxEvent& event,
                   const store::Settled& settled) {
  if (!observer.tracer().enabled() || settled.trace.flow_id.empty()) return;
  store::Payout payout;
  payout.id = settled.payout_id;
  payout.provider = event.provider;
  payout.flow_id = settled.trace.flow_id;
  payout.traceparent = settled.trace.traceparent;
  payout.tracestate = settled.trace.tracestate;
  trace::Span span = payout_span(observer, payout, "webhook", trace::Kind::consumer, began);
  if (!settled.trace.attempt_id.empty()) span.below(core::span_id_of(settled.trace.attempt_id));
  if (settled.trace.attempt > 0) span.with("attempt", settled.trace.attempt);
  span.with("webhook.event_id", event.id).with("reason", settled.reason);
  span.end(settled.state, settled.state == "failed");
}

}  // namespace payoutd::engine
