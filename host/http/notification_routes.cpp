#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"
#include "notify/administration.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using notify::Administration;
using store::DeliveryRow;
using store::NotificationEndpoint;

constexpr std::int64_t kMaxRows = 500;
constexpr std::int64_t kMaxReplays = 10'000;
constexpr std::chrono::seconds kLongestOverlap{30 * 86'400};

// ---- what is shown

std::string state_of(const NotificationEndpoint& e) {
  if (!e.removed_at.empty()) return "removed";
  if (!e.disabled_at.empty()) return "disabled";
  if (e.paused) return "paused";
  return e.failures > 0 ? "failing" : "active";
}

json::object endpoint_json(const NotificationEndpoint& e) {
  json::array types;
  for (const std::string& type : e.event_types) types.emplace_back(type);
  json::value old = nullptr;
  if (e.old_secret)
    old = json::object{
        {"key_id", e.old_secret->key_id}, {"version", e.old_secret->version}, {"until", e.old_until}};
  return {{"id", e.id},
          {"url", e.url},
          {"description", text_or_null(e.description)},
          {"client", text_or_null(e.client_id)},
          {"event_types", std::move(types)},
          {"state", state_of(e)},
          {"disabled_why", text_or_null(e.disabled_why)},
          {"disabled_at", text_or_null(e.disabled_at)},
          {"failures", e.failures},
          {"failing_since", text_or_null(e.failing_since)},
          {"quiet_until", text_or_null(e.quiet_until)},
          {"last_error", text_or_null(e.last_error)},
          {"last_success_at", text_or_null(e.last_success_at)},
          {"pending", e.pending},
          {"secret", {{"key_id", e.secret.key_id}, {"version", e.secret.version}, {"old", std::move(old)}}},
          {"note", text_or_null(e.note)},
          {"created_at", e.created_at},
          {"changed_by", e.changed_by},
          {"changed_at", e.changed_at},
          {"removed_at", text_or_null(e.removed_at)}};
}

json::object revealed_json(const Administration::Revealed& revealed) {
  json::object object = endpoint_json(revealed.endpoint);
  object["signing_secret"] = text_or_null(revealed.secret);
  object["old_signing_secret"] = text_or_null(revealed.old_secret);
  return object;
}

json::object delivery_json(const DeliveryRow& d) {
  return {{"notification", d.notification_id},
          {"endpoint", d.endpoint_id},
          {"url", d.url},
          {"type", d.type},
          {"payout", d.payout_id},
          {"client", d.client_id},
          {"state", d.state},
          {"attempts", d.attempts},
          {"last_status", d.last_status == 0 ? json::value(nullptr) : json::value(d.last_status)},
          {"last_error", text_or_null(d.last_error)},
          {"created_at", text_or_null(d.created_at)},
          {"wanted_since", text_or_null(d.wanted_since)},
          {"last_attempt_at", text_or_null(d.last_attempt_at)},
          {"next_attempt_at", text_or_null(d.next_attempt_at)},
          {"settled_at", text_or_null(d.settled_at)}};
}

json::array deliveries_json(const std::vector<DeliveryRow>& rows) {
  json::array all;
  for (const DeliveryRow& row : rows) all.push_back(delivery_json(row));
  return all;
}

Response no_endpoint() {
  return refuse(404, "ENDPOINT_NOT_FOUND", "There is no endpoint of this id, or it was removed.");
}
Response no_notification() {
  return refuse(404, "NOTIFICATION_NOT_FOUND",
                "There is no notification of this id; old ones are forgotten.");
}
Response not_served() {
  return refuse(404, "NOTIFICATIONS_OFF", "This host sends no notifications.");
}

// ---- what is read

/// The text of a field, left as it is where there is none; the refusal if it is something else.
std::optional<Response> read_text(const json::object& body, const char* name, std::string& into) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) return refuse(400, "BAD_VALUE", std::string(name) + " must be text.", name);
  into = std::string(value->get_string());
  return std::nullopt;
}

std::optional<Response> read_flag(const json::object& body, const char* name, bool& into) {
  const auto* value = body.if_contains(name);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_bool()) return refuse(400, "BAD_VALUE", std::string(name) + " must be true or false.", name);
  into = value->get_bool();
  return std::nullopt;
}

std::optional<Response> read_types(const json::object& body, std::vector<std::string>& into) {
  const auto* value = body.if_contains("event_types");
  if (value == nullptr || value->is_null()) return std::nullopt;
  const auto bad = [] {
    return refuse(400, "BAD_VALUE", "event_types must be a list of texts such as payout.confirmed.",
                  "event_types");
  };
  if (!value->is_array()) return bad();
  for (const json::value& type : value->get_array()) {
    if (!type.is_string()) return bad();
    into.emplace_back(type.get_string());
  }
  return std::nullopt;
}

/// `90s`, `30m`, `24h`, `7d`.
std::optional<Response> read_span(const std::string& text, const char* name, std::chrono::seconds& into) {
  const auto read = parse_duration(text);
  if (!read || *read < std::chrono::seconds{0} || *read > std::chrono::hours{24 * 3660})
    return refuse(400, "BAD_PARAMETER",
                  std::string(name) + " must be a duration such as 90s, 30m, 24h or 7d.", name);
  into = std::chrono::duration_cast<std::chrono::seconds>(*read);
  return std::nullopt;
}

std::optional<Response> check_id(const std::string& text, const char* name) {
  if (text.empty() || core::is_uuid(text)) return std::nullopt;
  return refuse(400, "BAD_PARAMETER", std::string(name) + " must be an id.", name);
}

std::optional<Response> read_filter(const Request& request, store::DeliveryFilter& filter) {
  filter.endpoint_id = request.parameter("endpoint");
  filter.payout_id = request.parameter("payout");
  filter.type = request.parameter("type");
  filter.state = request.parameter("state");
  for (const auto& [name, id] : {std::pair{"endpoint", &filter.endpoint_id}, {"payout", &filter.payout_id}})
    if (auto refusal = check_id(*id, name)) return refusal;
  static const std::set<std::string> kStates{"", "pending", "delivered", "failed", "cancelled"};
  if (!kStates.contains(filter.state))
    return refuse(400, "BAD_PARAMETER", "state must be one of pending, delivered, failed, cancelled.",
                  "state");
  if (const std::string since = request.parameter("since"); !since.empty()) {
    std::chrono::seconds span{};
    if (auto refusal = read_span(since, "since", span)) return refusal;
    filter.since_s = span.count();
  }
  if (auto refusal = read_truth(request, "failed_only", filter.failed_only)) return refusal;
  std::int64_t limit = filter.limit;
  if (auto refusal = read_number(request, "limit", 1, kMaxRows, limit)) return refusal;
  filter.limit = static_cast<int>(limit);
  filter.before = request.parameter("cursor");
  const auto& cursor = filter.before;
  if (!cursor.empty() && (cursor.size() != 27 + 2 * 37 || cursor[27] != ',' || cursor[64] != ',' ||
                          !core::is_uuid(cursor.substr(28, 36)) || !core::is_uuid(cursor.substr(65)) ||
                          cursor.substr(0, 27).find_first_not_of("0123456789-:.TZ") != std::string::npos))
    return refuse(400, "BAD_PARAMETER", "cursor must be the `next` of the page before.", "cursor");
  return std::nullopt;
}

// ---- endpoints

Awaitable<Response> get_endpoints(HostView* host, Request request) {
  bool removed = false;
  if (auto refusal = read_truth(request, "removed", removed)) co_return *refusal;
  const auto endpoints = co_await host->notifications()->endpoints(removed);
  json::array all;
  for (const NotificationEndpoint& endpoint : endpoints) all.push_back(endpoint_json(endpoint));
  co_return answer(200, json::object{{"endpoints", std::move(all)}});
}

Awaitable<Response> get_endpoint(HostView* host, Request request) {
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_endpoint();
  const auto endpoint = co_await host->notifications()->endpoint(id);
  if (!endpoint) co_return no_endpoint();
  co_return answer(200, endpoint_json(*endpoint));
}

Awaitable<Response> post_endpoint(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"url", "client", "event_types", "description", "note"});
  if (body.refusal) co_return *body.refusal;
  Administration::NewEndpoint endpoint;
  endpoint.actor = request.peer.actor;
  for (auto& refusal :
       {read_text(body.object, "url", endpoint.url), read_text(body.object, "client", endpoint.client_id),
        read_text(body.object, "description", endpoint.description),
        read_types(body.object, endpoint.event_types), read_note(body.object, nullptr, endpoint.note)})
    if (refusal) co_return *refusal;
  if (endpoint.url.empty()) co_return refuse(400, "FIELD_MISSING", "url is missing.", "url");
  const auto added = co_await host->notifications()->add(std::move(endpoint));
  if (!added) {
    const Problem& problem = added.error();
    co_return refuse(422, "INVALID_ENDPOINT", problem.field + " " + problem.reason + ".", problem.field);
  }
  co_return answer(201, revealed_json(*added));
}

Awaitable<Response> change_endpoint(HostView* host, Request request, store::EndpointChange change) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_endpoint();
  const auto endpoint = co_await host->notifications()->change(id, change, request.peer.actor, note);
  if (!endpoint) co_return no_endpoint();
  co_return answer(200, endpoint_json(*endpoint));
}

Awaitable<Response> post_pause(HostView* host, Request request) {
  return change_endpoint(host, std::move(request), store::EndpointChange::pause);
}
Awaitable<Response> post_resume(HostView* host, Request request) {
  return change_endpoint(host, std::move(request), store::EndpointChange::resume);
}
Awaitable<Response> post_enable(HostView* host, Request request) {
  return change_endpoint(host, std::move(request), store::EndpointChange::enable);
}
Awaitable<Response> post_remove(HostView* host, Request request) {
  return change_endpoint(host, std::move(request), store::EndpointChange::remove);
}

Awaitable<Response> post_rotate(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"overlap", "note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  std::string text;
  for (auto& refusal : {read_note(body.object, nullptr, note), read_text(body.object, "overlap", text)})
    if (refusal) co_return *refusal;
  std::optional<std::chrono::seconds> overlap;
  if (!text.empty()) {
    overlap.emplace();
    if (auto refusal = read_span(text, "overlap", *overlap)) co_return *refusal;
    if (*overlap > kLongestOverlap)
      co_return refuse(400, "BAD_VALUE", "overlap is longer than 30d.", "overlap");
  }
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_endpoint();
  const auto revealed = co_await host->notifications()->rotate(id, overlap, request.peer.actor, note);
  if (!revealed) co_return no_endpoint();
  co_return answer(200, revealed_json(*revealed));
}

// A POST though it changes nothing: who looked at a secret stands in the audit log.
Awaitable<Response> post_secret(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_endpoint();
  const auto revealed = co_await host->notifications()->reveal(id);
  if (!revealed) co_return no_endpoint();
  if (revealed->secret.empty())
    co_return refuse(409, "KEY_MISSING",
                     "This host does not have the key " + revealed->endpoint.secret.key_id +
                         " that the secret is derived from (notifications.keys).");
  co_return answer(200, revealed_json(*revealed));
}

// ---- notifications

Awaitable<Response> get_notifications(HostView* host, Request request) {
  store::DeliveryFilter filter;
  if (auto refusal = read_filter(request, filter)) co_return *refusal;
  const auto page = co_await host->notifications()->deliveries(filter);
  co_return answer(
      200, json::object{{"deliveries", deliveries_json(page.deliveries)}, {"next", text_or_null(page.next)}});
}

Awaitable<Response> get_notification(HostView* host, Request request) {
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_notification();
  const auto found = co_await host->notifications()->notification(id);
  if (!found) co_return no_notification();
  co_return answer(200, json::object{{"id", found->id},
                                     {"at", found->at},
                                     {"payout", found->payout_id},
                                     {"client", found->client_id},
                                     {"type", found->type},
                                     {"body", found->payload},
                                     {"deliveries", deliveries_json(found->deliveries)}});
}

json::object replay_json(const store::DeliveryReplay& replay, const store::ReplayedDeliveries& replayed) {
  return {{"dry_run", replay.dry_run},
          {"matching", replayed.matching},
          {"deliveries", deliveries_json(replayed.deliveries)}};
}

Awaitable<Response> post_replay(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"endpoint", "note"});
  if (body.refusal) co_return *body.refusal;
  store::DeliveryReplay replay;
  std::string note;
  for (auto& refusal :
       {read_text(body.object, "endpoint", replay.endpoint_id), read_note(body.object, nullptr, note)})
    if (refusal) co_return *refusal;
  if (auto refusal = check_id(replay.endpoint_id, "endpoint")) co_return *refusal;
  replay.notification_id = request.parameters.at("id");
  if (!core::is_uuid(replay.notification_id)) co_return no_notification();
  const auto replayed = co_await host->notifications()->replay(replay);
  if (replayed.matching == 0) co_return no_notification();
  co_return answer(200, replay_json(replay, replayed));
}

// The filter of a bulk replay stands in the body: it is too much to stand in a URL by accident.
Awaitable<Response> post_bulk_replay(HostView* host, Request request) {
  const BodyObject body =
      read_body_object(request, {"endpoint", "since", "failed_only", "dry_run", "limit", "note"});
  if (body.refusal) co_return *body.refusal;
  store::DeliveryReplay replay;
  std::string since;
  std::string note;
  for (auto& refusal :
       {read_text(body.object, "endpoint", replay.endpoint_id), read_text(body.object, "since", since),
        read_flag(body.object, "failed_only", replay.failed_only),
        read_flag(body.object, "dry_run", replay.dry_run), read_note(body.object, nullptr, note)})
    if (refusal) co_return *refusal;
  if (auto refusal = check_id(replay.endpoint_id, "endpoint")) co_return *refusal;
  if (!since.empty()) {
    std::chrono::seconds span{};
    if (auto refusal = read_span(since, "since", span)) co_return *refusal;
    replay.since_s = span.count();
  }
  if (const auto* limit = body.object.if_contains("limit"); limit != nullptr && !limit->is_null()) {
    if (!limit->is_int64() || limit->get_int64() < 1 || limit->get_int64() > kMaxReplays)
      co_return refuse(400, "BAD_VALUE", "limit must be a number from 1 to 10000.", "limit");
    replay.limit = static_cast<int>(limit->get_int64());
  }
  if (replay.endpoint_id.empty() && replay.since_s == 0)
    co_return refuse(422, "FILTER_TOO_WIDE", "Name an endpoint or a time (since).");
  co_return answer(200, replay_json(replay, co_await host->notifications()->replay(replay)));
}

using Handler = Awaitable<Response> (*)(HostView*, Request);

Awaitable<Response> served(HostView* host, Handler handler, Request request) {
  if (host->notifications() == nullptr) co_return not_served();
  co_return co_await handler(host, std::move(request));
}

}  // namespace

std::vector<Route> notification_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern, Handler handler,
                       BodyForm body = BodyForm::none, std::vector<std::string> query = {}) {
    routes.push_back(
        {.method = method,
         .pattern = std::string("/v1/admin/notifications") + pattern,
         .handle = [&host, handler](Request request) { return served(&host, handler, std::move(request)); },
         .body = body,
         .query = std::move(query),
         .role = identity::Role::admin});
  };
  add("GET", "/endpoints", get_endpoints, BodyForm::none, {"removed"});
  add("POST", "/endpoints", post_endpoint, BodyForm::json);
  add("GET", "/endpoints/{id}", get_endpoint);
  for (const auto& [name, handler] : {std::pair<const char*, Handler>{"pause", post_pause},
                                      {"resume", post_resume},
                                      {"enable", post_enable},
                                      {"rotate", post_rotate},
                                      {"remove", post_remove},
                                      {"secret", post_secret}})
    add("POST", (std::string("/endpoints/{id}/") + name).c_str(), handler, BodyForm::optional_json);
  add("GET", "", get_notifications, BodyForm::none,
      {"endpoint", "payout", "type", "state", "since", "failed_only", "limit", "cursor"});
  add("GET", "/{id}", get_notification);
  add("POST", "/{id}/replay", post_replay, BodyForm::optional_json);
  add("POST", "/replay", post_bulk_replay, BodyForm::json);
  return routes;
}

}  // namespace payoutd::http
