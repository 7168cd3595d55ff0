#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"
#include "ops/redact.hpp"
#include "store/inbox.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;
using store::InboxEvent;
using store::InboxFilter;

constexpr std::int64_t kMaxRows = 500;
constexpr std::int64_t kMaxReplays = 1'000;
constexpr std::size_t kShownBody = 16 * 1024;

bool is_secret_header(std::string_view name) {
  static constexpr std::string_view kNames[] = {"authorization", "proxy-authorization", "cookie"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         name.find("signature") != std::string_view::npos || name.find("token") != std::string_view::npos ||
         name.find("secret") != std::string_view::npos || name.find("key") != std::string_view::npos;
}

// Enough of it to compare, not enough to use it.
std::string masked(const std::string& value) {
  constexpr std::size_t kShown = 12;
  return value.size() <= 3 * kShown ? "***" : value.substr(0, kShown) + "…";
}

// The path of a signed URL without its proof.
std::string shown_path(const std::string& path) {
  const std::string plain = path.substr(0, path.find('?'));
  if (std::count(plain.begin(), plain.end(), '/') != 5) return ops::redactor().redact(path);
  return plain.substr(0, plain.rfind('/') + 1) + "***";
}

json::object event_json(const InboxEvent& e) {
  return {{"id", e.id},
          {"provider", e.provider},
          {"received_at", e.received_at},
          {"state", e.state},
          {"reason", text_or_null(e.reason)},
          {"signature_valid", e.signature_valid ? json::value(*e.signature_valid) : json::value(nullptr)},
          {"proof", text_or_null(e.proof)},
          {"key_id", text_or_null(e.key_id)},
          {"method", e.method},
          {"path", shown_path(e.path)},
          {"remote_address", text_or_null(e.remote_address)},
          {"flow_id", e.flow_id},
          {"attempts", e.attempts},
          {"last_error", text_or_null(e.last_error)},
          {"next_attempt_at", text_or_null(e.next_attempt_at)},
          {"waits_for", text_or_null(e.waits_for)},
          {"reference", text_or_null(e.reference.empty() ? e.url_reference : e.reference)},
          {"provider_ref", text_or_null(e.provider_ref)},
          {"status", text_or_null(e.status)},
          {"payout", text_or_null(e.payout_id)},
          {"settled_at", text_or_null(e.settled_at)},
          {"repeats", e.repeats},
          {"repeated_at", text_or_null(e.repeated_at)},
          {"replay_of", text_or_null(e.replay_of)},
          {"replayed_by", text_or_null(e.replayed_by)},
          {"note", text_or_null(e.note)}};
}

json::object whole_event_json(const InboxEvent& e) {
  json::object object = event_json(e);
  json::array headers;
  for (const auto& [name, value] : e.headers) {
    const std::string text = store::text_of_bytes(value);
    headers.push_back(json::array{store::text_of_bytes(name),
                                  is_secret_header(name) ? masked(text) : ops::redactor().redact(text)});
  }
  object["headers"] = std::move(headers);
  object["body_bytes"] = e.body.size();
  object["body_sha256"] = core::sha256_hex(e.body);
  json::error_code ec;
  json::value body = json::parse(e.body, ec);
  if (!ec) {
    ops::redactor().redact(body);
    object["body"] = std::move(body);
  } else {
    object["body"] = store::text_of_bytes(ops::redactor().redact(e.body.substr(0, kShownBody)));
  }
  return object;
}

Response bad_state() {
  return refuse(400, "BAD_PARAMETER",
                "state must be one of received, verified, applied, ignored, rejected, failed.", "state");
}

bool is_state(const std::string& text) {
  static const std::vector<std::string> kStates{"received", "verified", "applied",
                                                "ignored",  "rejected", "failed"};
  return std::find(kStates.begin(), kStates.end(), text) != kStates.end();
}

std::optional<Response> read_filter(const Request& request, InboxFilter& filter) {
  filter.provider = request.parameter("provider");
  filter.state = request.parameter("state");
  if (!filter.state.empty() && !is_state(filter.state)) return bad_state();
  filter.payout_id = request.parameter("payout");
  if (!filter.payout_id.empty() && !core::is_uuid(filter.payout_id))
    return refuse(400, "BAD_PARAMETER", "payout must be a payout's id.", "payout");
  if (auto refusal = read_since(request, filter.since_s)) return refusal;
  if (auto refusal = read_truth(request, "failed_only", filter.failed_only)) return refusal;
  std::int64_t limit = filter.limit;
  if (auto refusal = read_number(request, "limit", 1, kMaxRows, limit)) return refusal;
  filter.limit = static_cast<int>(limit);
  return read_cursor(request, filter.before);
}

Response no_event() {
  return refuse(404, "WEBHOOK_EVENT_NOT_FOUND", "There is no callback of this id.");
}

Awaitable<Response> get_events(HostView* host, Request request) {
  InboxFilter filter;
  if (auto refusal = read_filter(request, filter)) co_return *refusal;
  const store::InboxPage page = co_await host->webhook_events(filter);
  json::array events;
  for (const InboxEvent& event : page.events) events.push_back(event_json(event));
  co_return answer(200, json::object{{"events", std::move(events)}, {"next", text_or_null(page.next)}});
}

Awaitable<Response> get_event(HostView* host, Request request) {
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_event();
  const auto event = co_await host->webhook_event(id);
  if (!event) co_return no_event();
  co_return answer(200, whole_event_json(*event));
}

Awaitable<Response> post_verify(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {});
  if (body.refusal) co_return *body.refusal;
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_event();
  const auto result = co_await host->verify_webhook(id);
  if (!result) co_return no_event();
  co_return answer(200, *result);
}

json::object replay_json(const engine::Inbox::ReplayReply& reply) {
  return {{"event", text_or_null(reply.event_id)},
          {"already_under_way", reply.open},
          {"done", reply.done},
          {"state", text_or_null(reply.settled.state)},
          {"reason", text_or_null(reply.settled.reason)},
          {"payout", text_or_null(reply.settled.payout_id)}};
}

Awaitable<Response> post_replay(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const std::string id = request.parameters.at("id");
  if (!core::is_uuid(id)) co_return no_event();
  const auto reply = co_await host->replay_webhook(id, request.peer.actor, note);
  if (!reply.found) co_return no_event();
  if (reply.event_id.empty())
    co_return refuse(409, "STILL_UNPROVEN",
                     "No secret that is configured today proves this callback either, so nothing was done. "
                     "Verify it to see what every key makes of it.");
  json::object result = replay_json(reply);
  result["replay_of"] = id;
  co_return answer(200, result);
}

// The filter of a bulk replay stands in the body: it is too much to stand in a URL by accident.
std::optional<Response> read_bulk_filter(const json::object& body, InboxFilter& filter, bool& dry_run) {
  const auto text = [&](const char* name, std::string& into) -> std::optional<Response> {
    const auto* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_string()) return refuse(400, "BAD_VALUE", std::string(name) + " must be text.", name);
    into = std::string(value->get_string());
    return std::nullopt;
  };
  const auto truth = [&](const char* name, bool& into) -> std::optional<Response> {
    const auto* value = body.if_contains(name);
    if (value == nullptr || value->is_null()) return std::nullopt;
    if (!value->is_bool())
      return refuse(400, "BAD_VALUE", std::string(name) + " must be true or false.", name);
    into = value->get_bool();
    return std::nullopt;
  };
  std::string since;
  for (auto& refusal :
       {text("provider", filter.provider), text("state", filter.state), text("payout", filter.payout_id),
        text("since", since), truth("failed_only", filter.failed_only), truth("dry_run", dry_run)})
    if (refusal) return refusal;
  if (!filter.state.empty() && !is_state(filter.state)) return bad_state();
  if (!filter.payout_id.empty() && !core::is_uuid(filter.payout_id))
    return refuse(400, "BAD_VALUE", "payout must be a payout's id.", "payout");
  if (!since.empty()) {
    const auto seconds = seconds_of(since);
    if (!seconds) return bad_since();
    filter.since_s = *seconds;
  }
  filter.limit = static_cast<int>(kMaxReplays);
  if (const auto* limit = body.if_contains("limit"); limit != nullptr && !limit->is_null()) {
    if (!limit->is_int64() || limit->get_int64() < 1 || limit->get_int64() > kMaxReplays)
      return refuse(400, "BAD_VALUE", "limit must be a number from 1 to 1000.", "limit");
    filter.limit = static_cast<int>(limit->get_int64());
  }
  if (filter.provider.empty() && filter.since_s == 0 && filter.payout_id.empty())
    return refuse(422, "FILTER_TOO_WIDE", "Name a provider, a time (since) or a payout.");
  return std::nullopt;
}

Awaitable<Response> post_bulk_replay(HostView* host, Request request) {
  const BodyObject body = read_body_object(
      request, {"provider", "state", "payout", "since", "failed_only", "dry_run", "limit", "note"});
  if (body.refusal) co_return *body.refusal;
  InboxFilter filter;
  bool dry_run = false;
  if (auto refusal = read_bulk_filter(body.object, filter, dry_run)) co_return *refusal;
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  const auto reply = co_await host->replay_webhooks(filter, dry_run, request.peer.actor, note);
  json::array events;
  for (const InboxEvent& event : reply.events) events.push_back(event_json(event));
  json::array replays;
  std::int64_t refused = 0;
  for (const auto& one : reply.replays) {
    json::object shown = replay_json(one);
    shown["replay_of"] = one.of;
    refused += one.event_id.empty() ? 1 : 0;
    replays.push_back(std::move(shown));
  }
  co_return answer(200, json::object{{"dry_run", dry_run},
                                     {"matching", reply.matching},
                                     {"events", std::move(events)},
                                     {"replays", std::move(replays)},
                                     {"still_unproven", refused}});
}

}  // namespace

std::vector<Route> inbox_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* method, const char* pattern,
                       Awaitable<Response> (*handler)(HostView*, Request), BodyForm body = BodyForm::none,
                       std::vector<std::string> query = {},
                       identity::Role role = identity::Role::webhooks_replay) {
    routes.push_back(
        {.method = method,
         .pattern = std::string("/v1/admin/webhooks") + pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .body = body,
         .query = std::move(query),
         .role = role});
  };
  add("GET", "/events", get_events, BodyForm::none,
      {"provider", "state", "payout", "since", "failed_only", "limit", "cursor"});
  add("GET", "/events/{id}", get_event);
  add("POST", "/events/{id}/verify", post_verify, BodyForm::optional_json);
  add("POST", "/events/{id}/replay", post_replay, BodyForm::optional_json);
  add("POST", "/replay", post_bulk_replay, BodyForm::json);
  return routes;
}

}  // namespace payoutd::http
