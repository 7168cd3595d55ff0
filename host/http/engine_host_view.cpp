#include "http/host_view.hpp"

namespace payoutd::http {

Awaitable<engine::AdmissionReply> EngineHostView::admit(engine::PayoutRequest request) {
  return engine_.admit(std::move(request));
}
Awaitable<std::optional<store::Payout>> EngineHostView::find(std::string payout_id) {
  return engine_.find(std::move(payout_id));
}
Awaitable<store::Page> EngineHostView::list(store::ListFilter filter) {
  return engine_.list(std::move(filter));
}
Awaitable<std::vector<store::Event>> EngineHostView::events(std::string payout_id) {
  return engine_.events(std::move(payout_id));
}
Awaitable<std::optional<boost::json::object>> EngineHostView::explain(std::string payout_id) {
  return engine_.explain(std::move(payout_id));
}
Awaitable<std::vector<store::Tally>> EngineHostView::tally(store::TallyFilter filter) {
  return engine_.tally(std::move(filter));
}
Awaitable<engine::OperatorReply> EngineHostView::decide(engine::OperatorRequest request) {
  return engine_.decide(std::move(request));
}
Awaitable<engine::CallbackReply> EngineHostView::webhook(engine::Callback callback) {
  return engine_.inbox().receive(std::move(callback));
}
Awaitable<store::InboxPage> EngineHostView::webhook_events(store::InboxFilter filter) {
  return engine_.inbox().list(std::move(filter));
}
Awaitable<std::optional<store::InboxEvent>> EngineHostView::webhook_event(std::string id) {
  return engine_.inbox().find(std::move(id));
}
Awaitable<std::optional<boost::json::object>> EngineHostView::verify_webhook(std::string id) {
  return engine_.inbox().verify(std::move(id));
}
Awaitable<engine::Inbox::ReplayReply> EngineHostView::replay_webhook(std::string id, std::string actor,
                                                                     std::string note) {
  return engine_.inbox().replay(std::move(id), std::move(actor), std::move(note));
}
Awaitable<engine::Inbox::BulkReply> EngineHostView::replay_webhooks(store::InboxFilter filter, bool dry_run,
                                                                    std::string actor, std::string note) {
  return engine_.inbox().replay_many(std::move(filter), dry_run, std::move(actor), std::move(note));
}

HostView::Switches EngineHostView::switches() const {
  const engine::Heart& heart = engine_.heart();
  return {.dry_run = heart.last().dry_run,
          .stop_submissions = heart.last().stop_submissions,
          .stop_writes = heart.writes_stopped(),
          .look_up_first = heart.last().look_up_first,
          .stop_file = heart.stop_file().order(),
          .stop_file_path = heart.stop_file().path().string()};
}
Awaitable<engine::SwitchReply> EngineHostView::set_switch(store::SwitchChange change) {
  return engine_.set_switch(std::move(change));
}
Awaitable<void> EngineHostView::pause(std::string provider, bool paused, std::string actor,
                                      std::string note) {
  return engine_.pause(std::move(provider), paused, std::move(actor), std::move(note));
}

Awaitable<std::vector<store::FlagRow>> EngineHostView::flags(store::FlagFilter filter) {
  return engine_.flags(std::move(filter));
}
Awaitable<std::optional<store::FlagRow>> EngineHostView::change_flag(std::int64_t id, bool clear,
                                                                     std::string actor, std::string note) {
  return engine_.change_flag(id, clear, std::move(actor), std::move(note));
}
Awaitable<std::vector<store::HaltRow>> EngineHostView::halts() {
  return engine_.halts();
}
Awaitable<bool> EngineHostView::lift_halt(std::string provider, std::string currency, std::string actor,
                                          std::string note) {
  return engine_.lift_halt(std::move(provider), std::move(currency), std::move(actor), std::move(note));
}
Awaitable<std::vector<store::DecisionRow>> EngineHostView::decisions(store::DecisionFilter filter) {
  return engine_.decisions(std::move(filter));
}
Awaitable<std::int64_t> EngineHostView::count_decisions(store::DecisionFilter filter) {
  return engine_.count_decisions(std::move(filter));
}

bool EngineHostView::has_provider(const std::string& name) const {
  return engine_.provider(name) != nullptr;
}

Awaitable<void> EngineHostView::probe(std::string provider) {
  providers::ProviderHandle* handle = engine_.provider(provider);
  if (handle == nullptr)
    throw providers::CallFailed(false, "provider " + provider + " is not configured here");
  co_await handle->probe();
}

Awaitable<Balance> EngineHostView::balance(std::string provider) {
  providers::ProviderHandle* handle = engine_.provider(provider);
  if (handle == nullptr)
    throw providers::CallFailed(false, "provider " + provider + " is not configured here");
  co_return co_await handle->balance();
}

}  // namespace payoutd::http
