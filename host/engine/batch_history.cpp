#include "engine/batch_history.hpp"

namespace payoutd::engine {
namespace {

using policy::Feature;
using policy::FeatureValue;
using policy::Field;
using policy::PayoutFacts;

const std::string& value_of(const PayoutFacts& payout, Field field) {
  switch (field) {
    case Field::user:
      return payout.user;
    case Field::client:
      return payout.client;
    case Field::destination:
      return payout.destination;
    case Field::region:
      return payout.region;
    case Field::provider:
      break;
  }
  return payout.provider;
}

// Nothing where the payout lacks one of the fields.
std::optional<std::string> key_of(const PayoutFacts& payout, const Feature& feature) {
  std::string key;
  for (const Field field : feature.by) {
    const std::string& value = value_of(payout, field);
    if (value.empty()) return std::nullopt;
    key.append(std::to_string(value.size())).append(":").append(value);
  }
  return key;
}

// Sums that no payout can reach are as good as the largest amount there is.
Amount clamped(std::int64_t units) {
  return Amount::from_units(std::min(units, Amount::kLimitUnits - 1));
}

}  // namespace

const BatchHistory::Mates* BatchHistory::mates_of(std::size_t feature, const PayoutFacts& payout) const {
  const auto found = mates_[feature].find(*key_of(payout, features_[feature]));
  return found == mates_[feature].end() ? nullptr : &found->second;
}

std::vector<FeatureValue> BatchHistory::values(const PayoutFacts& payout,
                                               std::span<const store::LedgerValue> ledger) const {
  std::vector<FeatureValue> values(features_.size());
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const Feature& feature = features_[i];
    if (!key_of(payout, feature)) continue;
    static const store::LedgerValue kNothing;
    static const Mates kNobody;
    const store::LedgerValue& past = ledger.empty() ? kNothing : ledger[i];
    const Mates* found = mates_of(i, payout);
    const Mates& mates = found == nullptr ? kNobody : *found;
    switch (feature.what) {
      case Feature::What::count:
        values[i] = past.count + mates.count + 1;
        break;
      case Feature::What::sum: {
        const auto before = Amount::parse(past.sum);
        std::int64_t units = (before ? before->units() : 0) + payout.money.amount.units();
        if (const auto mine = mates.units.find(payout.money.currency); mine != mates.units.end())
          units = std::min(units + mine->second, Amount::kLimitUnits);
        values[i] = Money{clamped(units), payout.money.currency};
        break;
      }
      case Feature::What::distinct: {
        const std::string& own = value_of(payout, feature.of);
        const bool is_new = !own.empty() && !past.present && !mates.new_values.contains(own);
        values[i] = past.count + static_cast<std::int64_t>(mates.new_values.size()) + (is_new ? 1 : 0);
        break;
      }
      case Feature::What::previous:
        if (const std::string& latest = mates.previous.empty() ? past.previous : mates.previous;
            !latest.empty())
          values[i] = latest;
        break;
      case Feature::What::since_previous:
        if (mates.count > 0) {
          values[i] = std::int64_t{0};
        } else if (past.since_s) {
          values[i] = *past.since_s;
        }
        break;
      case Feature::What::since_first:
        if (past.since_s) {
          values[i] = *past.since_s;
        } else if (mates.count > 0) {
          values[i] = std::int64_t{0};
        }
        break;
    }
  }
  return values;
}

void BatchHistory::remember(const PayoutFacts& payout, std::span<const store::LedgerValue> ledger) {
  for (std::size_t i = 0; i < features_.size(); ++i) {
    const Feature& feature = features_[i];
    const auto key = key_of(payout, feature);
    if (!key) continue;
    Mates& mates = mates_[i][*key];
    ++mates.count;
    std::int64_t& units = mates.units[payout.money.currency];
    units = std::min(units + payout.money.amount.units(), Amount::kLimitUnits);
    const std::string& of = value_of(payout, feature.of);
    if (of.empty()) continue;
    if (feature.what == Feature::What::distinct && (ledger.empty() || !ledger[i].present))
      mates.new_values.insert(of);
    mates.previous = of;
  }
}

}  // namespace payoutd::engine
