#include "ledger.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace simulator {
namespace json = boost::json;

std::string_view to_text(Status status) {
  switch (status) {
    case Status::kPending:
      return "PENDING";
    case Status::kSuccessful:
      return "SUCCESSFUL";
    case Status::kFailed:
      return "FAILED";
    case Status::kReversed:
      return "REVERSED";
  }
  return "?";
}

json::object to_json(const Entry& entry) {
  json::object object;
  object["sequence"] = entry.sequence;
  object["protocol"] = entry.protocol;
  object["reference"] = entry.reference;
  object["external_id"] = entry.external_id;
  object["api_user"] = entry.scope;
  object["account"] = entry.account;
  object["amount"] = entry.amount;
  object["currency"] = entry.currency;
  object["payee"] = entry.payee;
  object["status"] = to_text(entry.status);
  object["reason"] = entry.reason.empty() ? json::value(nullptr) : json::value(entry.reason);
  object["provider_ref"] =
      entry.provider_ref.empty() ? json::value(nullptr) : json::value(entry.provider_ref);
  object["times_requested"] = entry.times_requested;
  object["accepted_at"] = to_text(entry.accepted_at);
  object["final_at"] = entry.final_at ? json::value(to_text(*entry.final_at)) : json::value(nullptr);
  object["paid"] = entry.paid();
  if (entry.reversed_at) object["reversed_at"] = to_text(*entry.reversed_at);
  return object;
}

std::size_t Ledger::KeyHash::operator()(const Key& key) const {
  const std::hash<std::string_view> hash;
  return hash(key.reference) ^ (hash(key.scope) * 31U);
}

Entry* Ledger::find(std::string_view scope, std::string_view reference) {
  const auto found = by_reference_.find(Key{scope, reference});
  return found == by_reference_.end() ? nullptr : found->second;
}

std::uint32_t Ledger::note_request(std::string_view scope, std::string_view reference) {
  if (auto* entry = find(scope, reference)) return ++entry->times_requested;
  return ++unaccepted_requests_[std::string{scope} + '/' + std::string{reference}];
}

Entry& Ledger::accept(Entry entry) {
  entry.sequence = entries_.size() + 1;
  entry.accepted_at = now();
  const auto asked = unaccepted_requests_.extract(entry.scope + '/' + entry.reference);
  if (!asked.empty()) entry.times_requested = asked.mapped();
  auto& stored = entries_.emplace_back(std::move(entry));
  const Key key{stored.scope, stored.reference};
  if (!by_reference_.emplace(key, &stored).second) repeated_references_.emplace(key, &stored);
  by_external_id_.emplace(stored.external_id, &stored);
  return stored;
}

std::vector<Entry*> Ledger::find_all(std::string_view scope, std::string_view reference) {
  std::vector<Entry*> found;
  if (auto* first = find(scope, reference)) found.push_back(first);
  const auto [begin, end] = repeated_references_.equal_range(Key{scope, reference});
  for (auto at = begin; at != end; ++at) found.push_back(at->second);
  std::sort(found.begin(), found.end(),
            [](const Entry* left, const Entry* right) { return left->sequence < right->sequence; });
  return found;
}

std::vector<Entry*> Ledger::with_reference(std::string_view reference) {
  std::vector<Entry*> found;
  for (auto& entry : entries_) {
    if (entry.reference == reference) found.push_back(&entry);
  }
  return found;
}

void Ledger::reverse(Entry& entry) {
  entry.status = Status::kReversed;
  entry.reversed_at = now();
}

void Ledger::finish(Entry& entry, Status status, std::string_view reason, std::string_view provider_ref) {
  entry.status = status;
  entry.reason = reason;
  entry.provider_ref = provider_ref;
  entry.final_at = now();
}

void Ledger::each_with_external_id(std::string_view external_id,
                                   const std::function<void(const Entry&)>& visit) const {
  const auto [first, last] = by_external_id_.equal_range(external_id);
  for (auto at = first; at != last; ++at) visit(*at->second);
}

json::object Ledger::summary(const std::optional<std::string>& protocol) const {
  struct Total {
    std::uint64_t count = 0;
    std::map<std::string_view, Units> sums;
  };
  std::map<Status, Total> totals{{Status::kPending, {}}, {Status::kSuccessful, {}}, {Status::kFailed, {}}};
  std::uint64_t count = 0;
  std::uint64_t repeated_requests = 0;
  for (const auto& entry : entries_) {
    if (protocol && *protocol != entry.protocol) continue;
    ++count;
    auto& total = totals[entry.status];
    ++total.count;
    total.sums[entry.currency] += entry.units;
    if (entry.times_requested > 1) ++repeated_requests;
  }

  json::object by_status;
  for (const auto& [status, total] : totals) {
    json::object sums;
    for (const auto& [currency, sum] : total.sums) sums[currency] = to_text(sum);
    by_status[to_text(status)] = {{"count", total.count}, {"sum", std::move(sums)}};
  }
  return {{"count", count},
          {"by_status", std::move(by_status)},
          {"requested_more_than_once", repeated_requests},
          {"paid_twice", paid_twice(protocol)}};
}

json::array Ledger::paid_twice(const std::optional<std::string>& protocol) const {
  std::unordered_map<std::string_view, std::uint32_t> by_external_id;
  std::unordered_map<Key, std::uint32_t, KeyHash> by_reference;
  for (const auto& entry : entries_) {
    if (!entry.paid() || (protocol && *protocol != entry.protocol)) continue;
    if (!entry.external_id.empty()) ++by_external_id[entry.external_id];
    ++by_reference[Key{entry.scope, entry.reference}];
  }
  std::set<std::string_view> twice;
  for (const auto& entry : entries_) {
    if (!entry.paid() || (protocol && *protocol != entry.protocol)) continue;
    if (!entry.external_id.empty() && by_external_id[entry.external_id] > 1) {
      twice.insert(entry.external_id);
    } else if (by_reference[Key{entry.scope, entry.reference}] > 1) {
      twice.insert(entry.reference);
    }
  }
  return json::array(twice.begin(), twice.end());
}

void Ledger::clear() {
  by_reference_.clear();
  repeated_references_.clear();
  by_external_id_.clear();
  unaccepted_requests_.clear();
  entries_.clear();
}

}  // namespace simulator
