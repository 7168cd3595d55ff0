#include "ledger.hpp"

#include <map>

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
  by_reference_.emplace(Key{stored.scope, stored.reference}, &stored);
  by_external_id_.emplace(stored.external_id, &stored);
  return stored;
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

json::object Ledger::summary() const {
  struct Total {
    std::uint64_t count = 0;
    std::map<std::string_view, Units> sums;
  };
  std::map<Status, Total> totals{{Status::kPending, {}}, {Status::kSuccessful, {}}, {Status::kFailed, {}}};
  std::unordered_map<std::string_view, std::uint32_t> payments;
  std::uint64_t repeated_requests = 0;
  for (const auto& entry : entries_) {
    auto& total = totals[entry.status];
    ++total.count;
    total.sums[entry.currency] += entry.units;
    if (entry.times_requested > 1) ++repeated_requests;
    if (entry.paid() && !entry.external_id.empty()) ++payments[entry.external_id];
  }

  json::object by_status;
  for (const auto& [status, total] : totals) {
    json::object sums;
    for (const auto& [currency, sum] : total.sums) sums[currency] = to_text(sum);
    by_status[to_text(status)] = {{"count", total.count}, {"sum", std::move(sums)}};
  }
  json::array paid_twice;
  for (const auto& [external_id, times] : payments) {
    if (times > 1) paid_twice.emplace_back(external_id);
  }
  return {{"count", entries_.size()},
          {"by_status", std::move(by_status)},
          {"requested_more_than_once", repeated_requests},
          {"paid_twice", std::move(paid_twice)}};
}

void Ledger::clear() {
  by_reference_.clear();
  by_external_id_.clear();
  unaccepted_requests_.clear();
  entries_.clear();
}

}  // namespace simulator
