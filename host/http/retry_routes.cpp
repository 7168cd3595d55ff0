#include <boost/json.hpp>

#include "core/ids.hpp"
#include "http/admin_input.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kMostAtOnce = 10'000;
constexpr std::int64_t kMostPerSecond = 1'000;

/// A whole number of a body; the refusal if it is something else. `value` stays where there is none.
std::optional<Response> read_number(const json::object& body, const char* name, std::int64_t least,
                                    std::int64_t most, std::int64_t& value) {
  const auto* found = body.if_contains(name);
  if (found == nullptr) return std::nullopt;
  if (!found->is_int64() || found->get_int64() < least || found->get_int64() > most)
    return refuse(400, "BAD_VALUE",
                  std::string(name) + " must be a whole number from " + std::to_string(least) + " to " +
                      std::to_string(most) + ".",
                  name);
  value = found->get_int64();
  return std::nullopt;
}

std::optional<Response> read_text(const json::object& body, const char* name, std::string& value) {
  const auto* found = body.if_contains(name);
  if (found == nullptr || found->is_null()) return std::nullopt;
  if (!found->is_string()) return refuse(400, "BAD_VALUE", std::string(name) + " must be text.", name);
  value = std::string(found->get_string());
  return std::nullopt;
}

std::optional<Response> read_filter(const json::object& body, store::RetryFilter& filter,
                                    std::int64_t& rate) {
  for (auto [name, target] : {std::pair{"provider", &filter.provider}, std::pair{"state", &filter.state},
                              std::pair{"reason", &filter.reason}, std::pair{"batch", &filter.batch}})
    if (auto refusal = read_text(body, name, *target)) return refusal;
  if (!filter.state.empty() && filter.state != "PENDING" && filter.state != "SENT" &&
      filter.state != "UNKNOWN")
    return refuse(400, "BAD_VALUE",
                  "state must be PENDING, SENT or UNKNOWN: nothing else is waiting for its time.", "state");
  std::int64_t older_s = 0;
  std::int64_t limit = 1'000;
  if (auto refusal = read_number(body, "older_than_s", 0, 31'536'000, older_s)) return refusal;
  if (auto refusal = read_number(body, "limit", 1, kMostAtOnce, limit)) return refusal;
  if (auto refusal = read_number(body, "per_second", 1, kMostPerSecond, rate)) return refusal;
  filter.in_state_for = std::chrono::seconds{older_s};
  filter.limit = static_cast<int>(limit);
  return std::nullopt;
}

Awaitable<Response> post_retry_of_many(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"provider", "state", "reason", "batch", "older_than_s",
                                                     "limit", "per_second", "preview", "note"});
  if (body.refusal) co_return *body.refusal;
  store::RetryFilter filter;
  std::int64_t rate = 20;
  if (auto refusal = read_filter(body.object, filter, rate)) co_return *refusal;
  const auto* preview = body.object.if_contains("preview");
  if (preview != nullptr && !preview->is_bool())
    co_return refuse(400, "BAD_VALUE", "preview must be true or false.", "preview");
  std::string note;
  if (auto refusal = read_note(body.object, nullptr, note)) co_return *refusal;
  json::array groups;
  std::int64_t count = 0;
  for (const store::RetryGroup& group : co_await host->preview_retry(filter)) {
    count += group.count;
    groups.push_back(json::object{{"provider", group.provider},
                                  {"state", group.state},
                                  {"currency", group.currency},
                                  {"count", group.count},
                                  {"sum", group.sum}});
  }
  json::object told{{"groups", std::move(groups)}, {"per_second", rate}};
  if (preview != nullptr && preview->get_bool()) {
    told["preview"] = true;
    told["count"] = count;
    co_return answer(200, told);
  }
  const std::int64_t done =
      co_await host->retry(filter, static_cast<int>(rate), request.peer.actor, std::move(note));
  told["preview"] = false;
  told["count"] = done;
  told["takes_s"] = done / rate;
  co_return answer(202, told);
}

Awaitable<Response> post_retry(HostView* host, Request request) {
  const BodyObject body = read_body_object(request, {"note"});
  if (body.refusal) co_return *body.refusal;
  engine::OperatorRequest asked;
  asked.payout_id = request.parameters.at("id");
  for (char& c : asked.payout_id) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  if (!core::is_uuid(asked.payout_id))
    co_return refuse(404, "PAYOUT_NOT_FOUND", "There is no payout with this id.");
  asked.decision = engine::OperatorDecision::retry;
  asked.actor = request.peer.actor;
  if (auto refusal = read_note(body.object, nullptr, asked.note)) co_return *refusal;
  const std::string id = asked.payout_id;
  const engine::OperatorReply reply = co_await host->decide(std::move(asked));
  if (reply.done) {
    const bool asks = reply.state != core::State::pending;
    co_return answer(200, json::object{{"id", id},
                                       {"done", true},
                                       {"action", asks ? "asked" : "submitted"},
                                       {"state", core::to_string(reply.state)},
                                       {"message", reply.message}});
  }
  if (reply.code == "not_found")
    co_return refuse(404, "PAYOUT_NOT_FOUND", "There is no payout with this id.");
  co_return refuse(409, reply.code == "wrong_state" ? "WRONG_STATE" : "CHANGED_MEANWHILE", reply.message);
}

}  // namespace

std::vector<Route> retry_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* pattern, Awaitable<Response> (*handler)(HostView*, Request),
                       BodyForm body) {
    routes.push_back(
        {.method = "POST",
         .pattern = pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .body = body});
  };
  add("/v1/admin/payouts/retry", post_retry_of_many, BodyForm::json);
  add("/v1/admin/payouts/{id}/retry", post_retry, BodyForm::optional_json);
  // The path that operators of mobile money know.
  add("/v1/admin/mobile-money/payouts/{id}/retry", post_retry, BodyForm::optional_json);
  return routes;
}

}  // namespace payoutd::http
