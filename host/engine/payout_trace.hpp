#pragma once
#include <string>
#include <vector>

#include "engine/admission.hpp"
#include "engine/decision.hpp"
#include "engine/observer.hpp"
#include "engine/screener.hpp"
#include "ops/trace.hpp"
#include "store/inbox.hpp"

/// The spans of a payout's life. They hang together without anything being remembered but what stands in the
/// database anyway: the span of its admission goes with the payout's id, that of a submit with the attempt's,
/// and what comes later names them as parents, on whatever host. Where tracing is off these functions return
/// at once.
namespace payoutd::engine {

/// The trace that the payout's lines in the log belong to: its caller's, or its flow's own.
std::string trace_id_of(const store::Payout& payout);
std::string trace_id_of(const store::TracePlace& place);

/// Below the request's span; end it with end_admission(). `id` is the payout's, if it comes to be: whoever
/// does not learn that it did (a commit in doubt) has named its span all the same.
trace::Span admission_span(Observer& observer, const PayoutRequest& request, const std::string& id);
void end_admission(trace::Span& span, const AdmissionReply& reply);

/// Of one claimed payout; `began` is when its batch was handed to the rules.
void trace_screening(Observer& observer, const trace::Moment& began, const store::Payout& payout,
                     const Ruling& ruling);

trace::Span prepare_span(Observer& observer, const store::Payout& payout);
trace::Span submit_span(Observer& observer, const store::Payout& payout, const std::string& attempt_id);
/// `attempt` may be null: a look-up before anything was submitted.
trace::Span query_span(Observer& observer, const store::Payout& payout, const store::Attempt* attempt);
/// With the decision table's word for it.
void end_as(trace::Span& span, Saw saw);

/// Of a callback that named a payout; nothing for one that did not.
void trace_webhook(Observer& observer, const trace::Moment& began, const store::InboxEvent& event,
                   const store::Settled& settled);

}  // namespace payoutd::engine
