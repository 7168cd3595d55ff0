#include <payoutd/money.hpp>

#include "ops/config_loader.hpp"

namespace payoutd::ops {

void ConfigLoader::read_limits(const YamlTree& tree) {
  remember("limits", tree);
  if (!expect_map(tree, "limits")) return;
  core::Limits& limits = config_.live_config.limits;
  for (const auto& entry : tree.entries) {
    const auto path = join_path("limits", entry.key);
    if (entry.key == "per_payout") {
      read_amounts(entry.value, path, limits.per_payout);
    } else if (entry.key == "two_approvals_above") {
      read_amounts(entry.value, path, limits.two_approvals_above);
    } else if (entry.key == "outflow") {
      read_outflow(entry.value, path, limits);
    } else {
      refuse_unknown(entry, path, {"per_payout", "two_approvals_above", "outflow"});
    }
  }
}

void ConfigLoader::read_amounts(const YamlTree& tree, const std::string& path,
                                std::map<std::string, Amount>& amounts) {
  if (!expect_map(tree, path)) return;
  for (const auto& entry : tree.entries)
    if (const auto amount = amount_of(entry, entry.key, join_path(path, entry.key)))
      amounts[entry.key] = *amount;
}

void ConfigLoader::read_outflow(const YamlTree& tree, const std::string& path, core::Limits& limits) {
  if (!expect_map(tree, path)) return;
  for (const auto& provider : tree.entries) {
    const auto provider_path = join_path(path, provider.key);
    if (!expect_map(provider.value, provider_path)) continue;
    for (const auto& currency : provider.value.entries) {
      const auto currency_path = join_path(provider_path, currency.key);
      if (!expect_map(currency.value, currency_path)) continue;
      core::OutflowLimit& limit = limits.outflow[{provider.key, currency.key}];
      for (const auto& span : currency.value.entries) {
        const auto span_path = join_path(currency_path, span.key);
        if (span.key == "hour") {
          limit.hour = amount_of(span, currency.key, span_path);
        } else if (span.key == "day") {
          limit.day = amount_of(span, currency.key, span_path);
        } else {
          refuse_unknown(span, span_path, {"hour", "day"});
        }
      }
    }
  }
}

std::optional<Amount> ConfigLoader::amount_of(const YamlTree::Entry& entry, const std::string& currency,
                                              const std::string& path) {
  remember(path, entry.value);
  const auto money = parse_money(scalar_of(entry.value, path), currency);
  if (money) return money->amount;
  const Problem& problem = money.error();
  report(entry.value.place, path,
         (problem.field == "currency" ? currency + " " : std::string()) + problem.reason);
  return std::nullopt;
}

}  // namespace payoutd::ops
