#include "http/admit_one.hpp"

#include <boost/json.hpp>

#include "core/text.hpp"
#include "http/payload_difference.hpp"
#include "http/payout_json.hpp"
#include "ops/log.hpp"
#include "store/errors.hpp"

namespace payoutd::http {
namespace {

using Kind = engine::AdmissionReply::Kind;

AdmitOutcome failed(int status, std::string code, std::string message, std::string field = {}) {
  AdmitOutcome outcome;
  outcome.status = status;
  outcome.outage = status == 503;
  outcome.error = ErrorBody{std::move(code), std::move(message), std::move(field)};
  return outcome;
}

std::string sentence(const Problem& problem) {
  return (problem.field.empty() ? std::string() : problem.field + " ") + problem.reason + ".";
}

// Which fields differ, for operators in the log. The client is told the API's own names only: an answer
// repeats nothing of what it was sent, and the names inside of `metadata` are the client's.
AdmitOutcome conflict(const engine::PayoutRequest& request, const engine::AdmissionReply& reply) {
  std::string names;
  std::set<std::string> own;
  for (const std::string& name : differing_fields(reply.existing_payload, request.canonical())) {
    names.append(names.empty() ? "" : ", ").append(core::has_control_character(name) ? "?" : name);
    own.insert(name.substr(0, name.find('.')));
  }
  std::string told;
  for (const std::string& name : own) told.append(told.empty() ? "" : ", ").append(name);
  log::warning("http.idempotency_conflict", "A key was used again with another payload; nothing was changed.",
               {{"client", request.client_id},
                {"idempotency_key", request.idempotency_key},
                {"payout", reply.payout_id},
                {"flow_id", request.flow_id},
                {"differing", names}});
  return failed(409, "IDEMPOTENCY_CONFLICT",
                "This key was used before with another payload, for payout " + reply.payout_id +
                    (told.empty() ? "" : "; what differs: " + told) +
                    ". Nothing was changed. Another payout needs another key.",
                "idempotency_key");
}

AdmitOutcome outcome_of(const engine::PayoutRequest& request, const engine::AdmissionReply& reply) {
  switch (reply.kind) {
    case Kind::created:
    case Kind::replayed: {
      AdmitOutcome outcome;
      outcome.status = 201;
      outcome.replayed = reply.kind == Kind::replayed;
      outcome.payout = admitted_json(request, reply);
      return outcome;
    }
    case Kind::conflict:
      return conflict(request, reply);
    case Kind::refused:
      return failed(422, "PAYOUT_REFUSED", sentence(reply.problem), reply.problem.field);
    case Kind::throttled: {
      AdmitOutcome outcome = failed(429, "PROVIDER_THROTTLED", reply.problem.reason, reply.problem.field);
      outcome.retry_after = reply.retry_after;
      return outcome;
    }
    case Kind::not_ready:
      return failed(503, "PROVIDER_NOT_READY",
                    sentence(reply.problem) + " Nothing was stored; send the same request again.",
                    reply.problem.field);
  }
  return failed(500, "INTERNAL", "The host does not know what became of this.");
}

/// By which a request's lines in the log are found.
struct Ids {
  std::string flow_id;
  std::string trace_id;  ///< the caller's; empty: it named none
};

// While the database is away every item of every bulk request fails: one line a second says so, and how many
// it stands for. One thread admits.
void report(const Ids& ids, const std::exception& failure, log::Level level) {
  using Clock = std::chrono::steady_clock;
  static Clock::time_point next{};
  static std::int64_t left_out = 0;
  const auto now = Clock::now();
  if (level != log::Level::error && now < next) {
    ++left_out;
    return;
  }
  next = now + std::chrono::seconds(1);
  log::write(level, "http.admission_failed", "A payout could not be admitted.",
             {{"flow_id", ids.flow_id},
              {"trace_id", ids.trace_id.empty() ? core::trace_id_of_flow(ids.flow_id) : ids.trace_id},
              {"error", failure.what()},
              {"left_out_before", std::exchange(left_out, 0)}});
}

}  // namespace

AdmitOutcome refused_payout(const Problem& problem) {
  return failed(422, "INVALID_PAYOUT", sentence(problem), problem.field);
}

Awaitable<AdmitOutcome> admit_one(HostView* host, engine::PayoutRequest request) {
  if (host->switches().stop_writes) {
    co_return failed(503, "WRITES_STOPPED",
                     "An operator has stopped writes; nothing was stored. Try again later.");
  }
  const Ids ids{request.flow_id, request.trace.caller.trace_id};
  try {
    const engine::AdmissionReply reply = co_await host->admit(request);
    co_return outcome_of(request, reply);
  } catch (const store::InDoubt& failure) {
    report(ids, failure, log::Level::warning);
    co_return failed(
        503, "OUTCOME_IN_DOUBT",
        "The database did not say whether it stored this. Send the same request with the same key "
        "again: it finds out and pays nothing twice.");
  } catch (const store::Overloaded& failure) {
    report(ids, failure, log::Level::warning);
    co_return failed(503, "OVERLOADED",
                     "More is waiting to be stored than the database keeps up with; nothing was "
                     "stored. Send the same request again later.");
  } catch (const store::Unavailable& failure) {
    report(ids, failure, log::Level::warning);
    co_return failed(
        503, "DATABASE_UNAVAILABLE",
        "The database is not available at the moment; nothing was stored. Send the same request again.");
  } catch (const store::Conflict& failure) {
    report(ids, failure, log::Level::warning);
    co_return failed(503, "BUSY",
                     "Others are changing the same rows; nothing was stored. Send the same request again.");
  } catch (const store::DataError& failure) {
    report(ids, failure, log::Level::warning);
    co_return failed(422, "INVALID_PAYOUT", "The database does not take one of the values.");
  } catch (const std::exception& failure) {
    report(ids, failure, log::Level::error);
    co_return failed(500, "INTERNAL",
                     "Something is wrong in the host; its log says what, under this flow id.");
  }
}

}  // namespace payoutd::http
