#include "ctl/load_guard.hpp"

#include <boost/json.hpp>

#include "ctl/json_view.hpp"
#include "ops/live_systems.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

}  // namespace

std::string real_money_risk(const std::string& environment, const json::object& config,
                            const std::string& provider) {
  if (environment != "dev" && environment != "staging")
    return "the host's environment is " + (environment.empty() ? "not known" : environment);
  const std::string own = "providers." + provider + ".";
  std::string said;
  bool configured = false;
  for (const json::value& value : array_at(config, "settings")) {
    const json::object& setting = value.as_object();
    const std::string path = text_at(setting, "path");
    if (!path.starts_with(own)) continue;
    configured = true;
    const std::string text = text_at(setting, "value");
    if (path == own + "environment") said = text;
    if (const auto system = ops::live_system(text))
      return path + " leads to the live system of " + std::string(*system);
  }
  if (!configured) return "the host has no provider " + provider;
  // Of a node or an operator at any other address nobody else can tell.
  if (said != "sandbox") return own + "environment " + (said.empty() ? "does not say sandbox" : "is " + said);
  return {};
}

std::string real_money_risk(LoadApi& api, const std::string& provider) {
  const Answer health = api.operate("/v1/admin/health");
  if (!health.body.is_object() || !health.body.get_object().contains("environment"))
    return "the host does not say what its environment is (" + std::to_string(health.status) +
           (health.code().empty() ? "" : " " + health.code()) + "); the role admin may ask";
  const Answer config = api.operate("/v1/admin/config");
  if (!config.ok() || !config.body.is_object())
    return "the host does not show its configuration (" + std::to_string(config.status) + ")";
  return real_money_risk(text_at(health.body.get_object(), "environment"), config.body.get_object(),
                         provider);
}

}  // namespace payoutd::ctl
