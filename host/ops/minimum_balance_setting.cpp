#include "ops/minimum_balance_setting.hpp"

#include <charconv>
#include <payoutd/settings.hpp>

namespace payoutd::ops {
namespace {

using std::chrono::milliseconds;

constexpr int kMostMargin = 100;
constexpr milliseconds kShortestAge{1'000};
constexpr milliseconds kLongestAge{3'600'000};

Result<int> margin_of(const std::string& text) {
  int margin = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), margin);
  if (error != std::errc() || end != text.data() + text.size() || margin < 0 || margin > kMostMargin)
    return Problem{"", "must be a whole number of percent from 0 to " + std::to_string(kMostMargin)};
  return margin;
}

Result<milliseconds> age_of(const std::string& text) {
  const auto age = parse_duration(text);
  if (!age || *age < kShortestAge || *age > kLongestAge)
    return Problem{"", "must be a time from 1s to 1h, such as 60s"};
  return *age;
}

/// Zero is a minimum too: then only what is paid must be there.
Result<Amount> amount_of(const std::string& text, const std::string& currency) {
  const auto amount = Amount::parse(text);
  if (!amount) return Problem{"", amount.error().reason};
  const auto decimals = currency_decimals(currency);
  if (decimals && !amount->fits(*decimals))
    return Problem{"", "has more than the " + std::to_string(*decimals) + " decimals of " + currency};
  return *amount;
}

}  // namespace

core::MinimumBalance read_minimum_balance(
    const YamlTree& tree, const std::string& path,
    const std::function<void(const Place& place, const std::string& path, std::string reason)>& report) {
  core::MinimumBalance rule;
  if (tree.kind != YamlTree::Kind::map) {
    report(tree.place, path, "must be a section with currency and amount");
    return rule;
  }
  const YamlTree* currency = tree.find("currency");
  if (currency != nullptr) rule.currency = currency->scalar;
  if (currency == nullptr) {
    report(tree.place, path, "has no currency: name the one of the balance");
  } else if (!currency_decimals(rule.currency)) {
    report(currency->place, join_path(path, "currency"), "is not a currency that payoutd knows");
  }
  if (tree.find("amount") == nullptr)
    report(tree.place, path, "has no amount: say what must stay on the account");
  const auto take = [&](const YamlTree::Entry& entry, const auto& read, auto& into) {
    if (read) {
      into = *read;
    } else {
      report(entry.value.place, join_path(path, entry.key), read.error().reason);
    }
  };
  for (const YamlTree::Entry& entry : tree.entries) {
    const std::string& text = entry.value.scalar;
    if (entry.key == "amount") {
      take(entry, amount_of(text, rule.currency), rule.amount);
    } else if (entry.key == "margin_percent") {
      take(entry, margin_of(text), rule.margin_percent);
    } else if (entry.key == "max_age") {
      take(entry, age_of(text), rule.max_age);
    } else if (entry.key != "currency") {
      const auto near = nearest_name(entry.key, {"currency", "amount", "margin_percent", "max_age"});
      report(entry.place, join_path(path, entry.key),
             "is not a setting" + (near ? ", did you mean '" + *near + "'?" : std::string()));
    }
  }
  return rule;
}

}  // namespace payoutd::ops
