#include "scripted_provider.hpp"

namespace payoutd::test {

ScriptedProvider::ScriptedProvider(std::string name) : name_(std::move(name)) {
  the_contract.repeat = Repeat::refused_as_duplicate;
  the_contract.lookup_by_reference = true;
  the_contract.absence_is_proof_after = std::chrono::seconds{0};
  the_contract.webhook = WebhookKind::hint;
  the_contract.concurrency = 8;
  the_contract.currencies = {{"XOF", 0}, {"EUR", 2}};
  the_contract.submit_window = std::chrono::milliseconds{200};
  the_contract.response_timeout = std::chrono::milliseconds{200};
}

Status ScriptedProvider::found(Status::Kind kind, const Order& order) {
  Status status;
  status.kind = kind;
  status.provider_ref = "ref-" + order.reference.substr(0, 8);
  status.found = {order.money.amount, order.money.currency, order.destination, order.reference};
  return status;
}

providers::SubmitReply ScriptedProvider::reply(Submission submission, bool bytes_left, bool sign) {
  return {std::move(submission), {bytes_left, sign, 0}};
}

Awaitable<std::optional<Problem>> ScriptedProvider::check_destination(std::string destination) {
  if (destination == "bad") co_return Problem{"destination", "is bad"};
  co_return std::nullopt;
}

Awaitable<Prepared> ScriptedProvider::prepare(Order order, std::chrono::milliseconds) {
  if (on_prepare) co_return on_prepare(order);
  Prepared prepared;
  prepared.artefact = "artefact of " + order.reference;
  co_return prepared;
}

bool ScriptedProvider::announce(const std::string& attempt_id) {
  announced.insert(attempt_id);
  return true;
}

Awaitable<providers::SubmitReply> ScriptedProvider::submit(Order order, Prepared prepared, std::string,
                                                           providers::BootTime deadline) {
  submitted.push_back(order.reference);
  deadlines.push_back(deadline);
  if (on_submit) co_return co_await on_submit(std::move(order), std::move(prepared));
  co_return reply(Submission::accepted({}), true, true);
}

Awaitable<Status> ScriptedProvider::query(Order order, Prepared, std::string provider_ref) {
  queried.push_back(order.reference);
  queried_refs.push_back(std::move(provider_ref));
  if (on_query) co_return co_await on_query(std::move(order));
  co_return found(Status::Kind::confirmed, order);
}

Awaitable<Balance> ScriptedProvider::balance() {
  ++balances_asked;
  if (on_balance) co_return co_await on_balance();
  co_return Balance{Amount::parse(money).value(), "XOF"};
}
Awaitable<Lane> ScriptedProvider::maintain(Lane lane) {
  if (on_maintain) co_return co_await on_maintain(std::move(lane));
  co_return lane;
}
Awaitable<void> ScriptedProvider::probe() {
  co_return;
}
Awaitable<WebhookReading> ScriptedProvider::read_webhook(Webhook) {
  co_return webhook_reading;
}

}  // namespace payoutd::test
