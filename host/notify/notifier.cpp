#include "notify/notifier.hpp"

#include "core/ids.hpp"
#include "core/standard_webhook.hpp"
#include "core/state.hpp"
#include "core/text.hpp"
#include "notify/endpoint_url.hpp"

namespace payoutd::notify {
namespace {

constexpr std::size_t kLongestText = 200;

std::string type_of(core::State state) {
  std::string type = "payout.";
  for (const char c : core::to_string(state))
    type += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return type;
}

std::optional<Problem> problem_of(const Administration::NewEndpoint& endpoint, const SenderOptions& options) {
  const AddressGuard guard(options.allowed_networks);
  if (auto why = endpoint_url_problem(endpoint.url, options.plain_http, guard)) return Problem{"url", *why};
  for (const auto& [name, text] :
       {std::pair{"client", &endpoint.client_id}, {"description", &endpoint.description}}) {
    if (text->size() > kLongestText) return Problem{name, "is longer than 200 bytes"};
    if (core::has_control_character(*text)) return Problem{name, "has a control character in it"};
  }
  for (const std::string& type : endpoint.event_types) {
    if (std::ranges::count(all_event_types(), type) > 0) continue;
    const auto near = nearest_name(type, all_event_types());
    return Problem{"event_types", "has a type that there is not" +
                                      (near ? ", did you mean '" + *near + "'?" : std::string())};
  }
  return std::nullopt;
}

}  // namespace

const std::vector<std::string>& all_event_types() {
  static const std::vector<std::string> types = [] {
    std::vector<std::string> all;
    for (const core::State state : core::kAllStates)
      if (state != core::State::submitting) all.push_back(type_of(state));  // a moment inside the host
    return all;
  }();
  return types;
}

const std::vector<std::string>& default_event_types() {
  static const std::vector<std::string> types = [] {
    std::vector<std::string> some;
    for (const core::State state : core::kAllStates)
      if (core::is_final(state) || state == core::State::held || state == core::State::review)
        some.push_back(type_of(state));
    return some;
  }();
  return types;
}

Notifier::Notifier(Sender::Parts parts, Options options)
    : pool_(parts.pool),
      rotation_overlap_(options.rotation_overlap),
      sender_(std::move(parts), std::move(options.sender)) {}

void Notifier::configure(Options options) {
  rotation_overlap_ = options.rotation_overlap;
  sender_.configure(std::move(options.sender));
}

Awaitable<store::NotificationBacklog> Notifier::backlog() {
  co_return co_await pool_.transact(
      [](pqxx::transaction_base& work) { return store::notification_backlog(work); });
}

Administration::Revealed Notifier::revealed(store::NotificationEndpoint endpoint) const {
  Revealed out;
  const EndpointKeys& keys = sender_.options().keys;
  if (const auto secret = keys.secret_of(endpoint.id, endpoint.secret))
    out.secret = core::shown_secret(*secret);
  if (endpoint.old_secret) {
    if (const auto old = keys.secret_of(endpoint.id, *endpoint.old_secret))
      out.old_secret = core::shown_secret(*old);
  }
  out.endpoint = std::move(endpoint);
  return out;
}

Awaitable<std::vector<store::NotificationEndpoint>> Notifier::endpoints(bool removed) {
  co_return co_await pool_.transact(
      [removed](pqxx::transaction_base& work) { return store::notification_endpoints(work, removed); });
}

Awaitable<std::optional<store::NotificationEndpoint>> Notifier::endpoint(std::string id) {
  co_return co_await pool_.transact(
      [id](pqxx::transaction_base& work) { return store::find_endpoint(work, id); });
}

Awaitable<Result<Administration::Revealed>> Notifier::add(NewEndpoint wanted) {
  if (auto problem = problem_of(wanted, sender_.options())) co_return *std::move(problem);
  store::NotificationEndpoint endpoint;
  endpoint.id = core::random_uuid();
  endpoint.url = wanted.url;
  endpoint.client_id = wanted.client_id;
  endpoint.event_types = wanted.event_types.empty() ? default_event_types() : wanted.event_types;
  endpoint.description = wanted.description;
  endpoint.secret = {sender_.options().keys.newest(), 1};
  endpoint.note = wanted.note;
  endpoint.changed_by = wanted.actor;
  auto stands = co_await pool_.transact([endpoint](pqxx::transaction_base& work) {
    store::add_endpoint(work, endpoint);
    return store::find_endpoint(work, endpoint.id);
  });
  co_return revealed(std::move(*stands));
}

Awaitable<std::optional<store::NotificationEndpoint>> Notifier::change(std::string id,
                                                                       store::EndpointChange change,
                                                                       std::string actor, std::string note) {
  auto endpoint = co_await pool_.transact([id, change, actor, note](pqxx::transaction_base& work) {
    return store::change_endpoint(work, id, change, actor, note);
  });
  sender_.wake();
  co_return endpoint;
}

Awaitable<std::optional<Administration::Revealed>> Notifier::rotate(
    std::string id, std::optional<std::chrono::seconds> overlap, std::string actor, std::string note) {
  auto endpoint = co_await pool_.transact([id, key = sender_.options().keys.newest(),
                                           overlap = overlap.value_or(rotation_overlap_), actor,
                                           note](pqxx::transaction_base& work) {
    return store::rotate_secret(work, id, key, overlap, actor, note);
  });
  if (!endpoint) co_return std::nullopt;
  co_return revealed(std::move(*endpoint));
}

Awaitable<std::optional<Administration::Revealed>> Notifier::reveal(std::string id) {
  auto endpoint = co_await this->endpoint(std::move(id));
  if (!endpoint || !endpoint->removed_at.empty()) co_return std::nullopt;
  co_return revealed(std::move(*endpoint));
}

Awaitable<store::DeliveryPage> Notifier::deliveries(store::DeliveryFilter filter) {
  co_return co_await pool_.transact(
      [filter](pqxx::transaction_base& work) { return store::list_deliveries(work, filter); });
}

Awaitable<std::optional<store::NotificationRow>> Notifier::notification(std::string id) {
  co_return co_await pool_.transact(
      [id](pqxx::transaction_base& work) { return store::find_notification(work, id); });
}

Awaitable<store::ReplayedDeliveries> Notifier::replay(store::DeliveryReplay replay) {
  auto replayed = co_await pool_.transact(
      [replay](pqxx::transaction_base& work) { return store::replay_deliveries(work, replay); });
  sender_.wake();
  co_return replayed;
}

}  // namespace payoutd::notify
