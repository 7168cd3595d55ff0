#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::int64_t kDeepest = 100'000'000;

/// `rate`: text, or null for none. What is not named stays.
std::optional<Response> read_rate(const json::object& body, core::Rate& rate) {
  const auto* value = body.if_contains("rate");
  if (value == nullptr) return std::nullopt;
  if (value->is_null()) {
    rate = {};
    return std::nullopt;
  }
  const auto read = value->is_string() ? core::Rate::parse(std::string_view(value->get_string()))
                                       : Result<core::Rate>(Problem{"", "must be text such as 10/s"});
  if (!read) return refuse(400, "BAD_VALUE", "rate " + read.error().reason + ".", "rate");
  rate = *read;
  return std::nullopt;
}

std::optional<Response> read_depth(const json::object& body, std::int64_t& depth) {
  const auto* value = body.if_contains("depth");
  if (value == nullptr) return std::nullopt;
  if (value->is_null()) {
    depth = 0;
    return std::nullopt;
  }
  if (!value->is_int64() || value->get_int64() < 1 || value->get_int64() > kDeepest)
    return refuse(400, "BAD_VALUE",
                  "depth must be a whole number from 1 to " + std::to_string(kDeepest) + ".", "depth");
  depth = value->get_int64();
  return std::nullopt;
}

std::optional<Response> read_flag(const json::object& body, const char* name, bool& flag) {
  const auto* value = body.if_contains(name);
  if (value == nullptr) return std::nullopt;
  if (!value->is_bool()) return refuse(400, "BAD_VALUE", std::string(name) + " must be true or false.", name);
  flag = value->get_bool();
  return std::nullopt;
}

/// What the provider is to take from now on.
std::optional<Response> read_change(const json::object& body, engine::ThrottleSettings settings,
                                    store::ThrottleChange& change) {
  bool off = false;
  if (auto refusal = read_flag(body, "off", off)) return refusal;
  if (auto refusal = read_flag(body, "default", change.by_configuration)) return refusal;
  const bool sets = body.contains("rate") || body.contains("depth");
  if (static_cast<int>(off) + static_cast<int>(change.by_configuration) + static_cast<int>(sets) != 1) {
    return refuse(400, "BAD_VALUE",
                  "Say what is to be in force: a rate, a depth or both, or off, or default (what the "
                  "configuration says).");
  }
  if (off || change.by_configuration) settings = {};
  if (auto refusal = read_rate(body, settings.rate)) return refusal;
  if (auto refusal = read_depth(body, settings.depth)) return refusal;
  change.rate = settings.rate.to_string();
  change.depth = settings.depth;
  return read_note(body, nullptr, change.note);
}

Awaitable<Response> post_throttle(HostView* host, Request request) {
  store::ThrottleChange change;
  change.provider = request.parameters.at("name");
  if (!host->has_provider(change.provider))
    co_return refuse(404, "PROVIDER_NOT_FOUND",
                     in_quotes(change.provider) + " is not a provider of this host.");
  const BodyObject body = read_body_object(request, {"rate", "depth", "off", "default", "note"});
  if (body.refusal) co_return *body.refusal;
  if (auto refusal = read_change(body.object, host->throttle(change.provider), change)) co_return *refusal;
  change.actor = request.peer.actor;
  const std::string name = change.provider;
  const bool by_configuration = change.by_configuration;
  co_await host->set_throttle(std::move(change));
  const engine::ThrottleSettings in_force = host->throttle(name);
  json::object answered{{"provider", name}, {"throttled", !in_force.off()}};
  answered["rate"] = text_or_null(in_force.rate.to_string());
  answered["depth"] = in_force.depth == 0 ? json::value(nullptr) : json::value(in_force.depth);
  answered["set_by"] = by_configuration ? "configuration" : "operator";
  co_return answer(200, answered);
}

}  // namespace

std::vector<Route> throttle_routes(HostView& host) {
  std::vector<Route> routes;
  routes.push_back({.method = "POST",
                    .pattern = "/v1/admin/providers/{name}/throttle",
                    .handle = [&host](Request request) { return post_throttle(&host, std::move(request)); },
                    .body = BodyForm::json,
                    .role = identity::Role::admin});
  return routes;
}

}  // namespace payoutd::http
