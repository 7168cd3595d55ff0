#include <boost/json.hpp>

#include "http/json_output.hpp"
#include "http/routes.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr double kRateWindow_s = 300;

/// What of a provider is open now.
struct Open {
  std::map<std::string, std::int64_t> by_state;
  std::int64_t affected = 0;     ///< not final
  std::int64_t for_a_human = 0;  ///< HELD and REVIEW: no machine ends them
  std::int64_t oldest_ms = 0;
};

std::map<std::string, Open> open_by_provider(const std::vector<store::Tally>& tallies) {
  std::map<std::string, Open> all;
  for (const store::Tally& tally : tallies) {
    const auto state = core::parse_state(tally.state);
    if (!state || core::is_final(*state)) continue;
    Open& open = all[tally.provider];
    open.by_state[tally.state] += tally.count;
    open.affected += tally.count;
    if (*state == core::State::held || *state == core::State::review) open.for_a_human += tally.count;
    open.oldest_ms = std::max(open.oldest_ms, tally.oldest_ms);
  }
  return all;
}

/// Seconds until what waits is done if it goes on as in the last minutes; null: at this rate, never.
json::value eta(const Open& open, std::int64_t finished, bool stands_still) {
  const std::int64_t waiting = open.affected - open.for_a_human;
  if (waiting == 0) return 0;
  if (finished == 0 || stands_still) return nullptr;
  return static_cast<std::int64_t>(static_cast<double>(waiting) * kRateWindow_s /
                                   static_cast<double>(finished));
}

std::string sentence(const std::string& name, const Open& open, const json::value& eta_s, bool stands_still) {
  if (open.affected == 0) return name + " works normally.";
  std::string text = std::to_string(open.affected) + " payouts through " + name +
                     " are not finished, the oldest for " + std::to_string(open.oldest_ms / 60'000) + " min";
  if (open.for_a_human > 0) text += "; " + std::to_string(open.for_a_human) + " of them wait for a person";
  if (stands_still) return text + "; nothing is submitted at the moment.";
  if (eta_s.is_null()) return text + "; nothing finished in the last five minutes.";
  if (eta_s.as_int64() == 0) return text + ".";
  return text + "; at the present rate they are done in " + std::to_string(eta_s.as_int64() / 60 + 1) +
         " min.";
}

/// That not all new payouts are taken, in words for clients.
std::string throttled(const json::value& throttle) {
  if (!throttle.is_object()) return {};
  std::string text = " New payouts are limited to";
  const json::value& rate = throttle.at("rate");
  const json::value& depth = throttle.at("depth");
  if (rate.is_string()) text.append(" ").append(rate.get_string().c_str());
  if (depth.is_int64())
    text += (rate.is_string() ? " and to " : " ") + std::to_string(depth.get_int64()) + " under way";
  return text + "; clients that are told so send them again later.";
}

/// That new payouts are not paid, in words for clients.
std::string simulated(bool dry_run) {
  return dry_run ? " It is a dry run: new payouts are only simulated." : "";
}

Awaitable<Response> get_status(HostView* host, Request) {
  const std::map<std::string, Open> open = open_by_provider(co_await host->tally({}));
  std::map<std::string, std::int64_t> finished;
  for (const store::FinishRate& rate : co_await host->finish_rates()) finished[rate.provider] = rate.finished;
  const HostView::Switches switches = host->switches();
  const bool all_stopped = switches.stop_submissions || switches.stop_writes;
  json::array providers;
  for (const json::value& value : host->providers()) {
    const json::object& provider = value.as_object();
    const std::string name(provider.at("name").as_string());
    const auto* paused = provider.if_contains("paused");
    const bool stands_still = all_stopped || (paused != nullptr && paused->is_bool() && paused->get_bool());
    const auto found = open.find(name);
    const Open mine = found == open.end() ? Open{} : found->second;
    const json::value eta_s = eta(mine, finished[name], stands_still);
    json::object by_state;
    for (const auto& [state, count] : mine.by_state) by_state[state] = count;
    json::object one{{"provider", name}, {"affected", mine.affected}};
    one["for_a_human"] = mine.for_a_human;
    one["oldest_age_s"] = mine.oldest_ms / 1000;
    one["finished_in_5_min"] = finished[name];
    one["eta_s"] = eta_s;
    one["stopped"] = stands_still;
    const auto* throttle = provider.if_contains("throttle");
    one["throttle"] = throttle == nullptr ? json::value(nullptr) : *throttle;
    one["by_state"] = std::move(by_state);
    one["text"] = sentence(name, mine, eta_s, stands_still) + throttled(one.at("throttle")) +
                  simulated(switches.dry_run || provider.at("dry_run").as_bool());
    providers.push_back(std::move(one));
  }
  co_return answer(200, json::object{{"providers", std::move(providers)},
                                     {"dry_run", switches.dry_run},
                                     {"stop_submissions", switches.stop_submissions},
                                     {"stop_writes", switches.stop_writes}});
}

/// One answer with all that a monitor asks: 503 as soon as something of it is wrong.
Awaitable<Response> get_extended_health(HostView* host, Request) {
  const HostView::Readiness state = host->readiness();
  const HostView::Build build = host->build();
  json::array reasons;
  for (const std::string& reason : state.reasons) reasons.emplace_back(reason);
  if (!state.db_ok) reasons.emplace_back("The database does not answer.");
  if (state.draining) reasons.emplace_back("The host is draining.");
  json::object body{{"ok", reasons.empty() && state.migrations_ok},
                    {"db_ok", state.db_ok},
                    {"migrations_ok", state.migrations_ok},
                    {"migration_revision", text_or_null(state.migration_revision)},
                    {"draining", state.draining},
                    {"version", build.version},
                    {"build", build.build_id},
                    {"providers", host->providers()}};
  const bool ok = body.at("ok").as_bool();
  body["reasons"] = std::move(reasons);
  co_return answer(ok ? 200 : 503, body);
}

}  // namespace

std::vector<Route> support_routes(HostView& host) {
  std::vector<Route> routes;
  const auto add = [&](const char* pattern, Awaitable<Response> (*handler)(HostView*, Request),
                       identity::Role role = identity::Role::admin) {
    routes.push_back(
        {.method = "GET",
         .pattern = pattern,
         .handle = [&host, handler](Request request) { return handler(&host, std::move(request)); },
         .role = role});
  };
  add("/v1/admin/status", get_status, identity::Role::support_read);
  add("/admin/health/extended", get_extended_health);
  add("/api/admin/health", get_extended_health);
  return routes;
}

}  // namespace payoutd::http
