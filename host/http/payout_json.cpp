#include "http/payout_json.hpp"

#include <boost/json.hpp>

#include "http/json_output.hpp"

namespace payoutd::http {
namespace json = boost::json;

json::object links_of(const std::string& payout_id) {
  const std::string self = "/v1/payouts/" + payout_id;
  return {{"self", self}, {"events", self + "/events"}, {"explain", self + "/explain"}};
}

json::object payout_json(const store::Payout& p) {
  json::object out;
  out["id"] = p.id;
  out["state"] = core::to_string(p.state);
  out["final"] = core::is_final(p.state);
  out["reason"] = text_or_null(p.reason);
  out["reason_text"] = text_or_null(p.reason_text);
  out["amount"] = p.money.amount.to_string();
  out["currency"] = p.money.currency;
  out["destination"] = p.destination;
  out["provider"] = p.provider;
  out["provider_ref"] = text_or_null(p.provider_ref);
  out["attempt_count"] = p.attempt_count;
  out["user"] = text_or_null(p.user_ref);
  out["region"] = text_or_null(p.region);
  out["note"] = text_or_null(p.note);
  out["metadata"] = stored_json(p.metadata);
  out["batch"] = text_or_null(p.batch);
  out["idempotency_key"] = p.idempotency_key;
  out["flow_id"] = p.flow_id;
  out["created_at"] = p.created_at;
  out["updated_at"] = p.updated_at;
  out["finished_at"] = text_or_null(p.finished_at);
  out["next_action_at"] = text_or_null(p.next_action_at);
  out["links"] = links_of(p.id);
  return out;
}

json::object event_json(const store::Event& event) {
  json::object out;
  out["id"] = event.id;
  out["at"] = event.at;
  out["kind"] = event.kind;
  out["from"] = text_or_null(event.from_state);
  out["to"] = text_or_null(event.to_state);
  out["actor"] = event.actor;
  out["host"] = text_or_null(event.host);
  out["attempt"] = text_or_null(event.attempt_id);
  out["data"] = stored_json(event.data);
  return out;
}

json::object admitted_json(const engine::PayoutRequest& request, const engine::AdmissionReply& reply) {
  json::object out;
  out["id"] = reply.payout_id;
  out["state"] = "PENDING";
  out["amount"] = request.money.amount.to_string();
  out["currency"] = request.money.currency;
  out["destination"] = request.destination;
  out["provider"] = reply.provider;
  out["idempotency_key"] = request.idempotency_key;
  out["created_at"] = reply.created_at;
  out["links"] = links_of(reply.payout_id);
  return out;
}

}  // namespace payoutd::http
