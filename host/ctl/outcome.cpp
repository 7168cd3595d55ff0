#include "ctl/outcome.hpp"

#include <boost/json.hpp>
#include <cmath>
#include <ostream>
#include <payoutd/money.hpp>

#include "core/state.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

std::string text_at(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr || !value->is_string() ? std::string() : std::string(value->get_string());
}

/// The payouts that share a state, or a state and a reason.
struct Group {
  std::size_t count = 0;
  Sums sums;
  std::vector<std::int64_t> durations;  ///< of the finished ones, ms
  std::string text;                     ///< of the reason, as the first one has it
};

struct Groups {
  std::map<std::string, Group> by_state;
  std::map<std::pair<std::string, std::string>, Group> by_reason;  ///< state, reason
};

void add(Group& group, const FileRow& row, const RowOutcome& outcome) {
  ++group.count;
  group.sums.add(text_at(row.payout, "amount"), text_at(row.payout, "currency"));
  const std::int64_t begin = time_ms(outcome.created_at);
  const std::int64_t end = time_ms(outcome.finished_at);
  if (begin >= 0 && end >= begin) group.durations.push_back(end - begin);
  if (group.text.empty()) group.text = outcome.reason_text;
}

Groups grouped(const Outcome& outcome) {
  Groups groups;
  for (std::size_t i = 0; i < outcome.rows.size(); ++i) {
    const RowOutcome& one = outcome.outcomes[i];
    if (one.id.empty()) continue;
    const std::string state = one.state.empty() ? "ADMITTED" : one.state;
    add(groups.by_state[state], outcome.rows[i], one);
    if (!one.reason.empty() && state != "CONFIRMED")
      add(groups.by_reason[{state, one.reason}], outcome.rows[i], one);
  }
  for (auto& [key, group] : groups.by_state) std::sort(group.durations.begin(), group.durations.end());
  for (auto& [key, group] : groups.by_reason) std::sort(group.durations.begin(), group.durations.end());
  return groups;
}

std::vector<Table::Cell> times(const Group& group) {
  if (group.durations.empty()) return {"–", "–", "–"};
  const auto text = [&](double share) {
    return duration_text(milliseconds(percentile(group.durations, share)));
  };
  return {text(0.5), text(0.95), text(1.0)};
}

json::object times_json(const Group& group) {
  json::object out{{"count", group.count}, {"sum", group.sums.json()}};
  if (!group.durations.empty()) {
    out["median_ms"] = percentile(group.durations, 0.5);
    out["p95_ms"] = percentile(group.durations, 0.95);
    out["slowest_ms"] = group.durations.back();
  }
  return out;
}

struct Counts {
  std::size_t created = 0;
  std::size_t replayed = 0;
  std::size_t refused = 0;
  std::size_t not_sent = 0;
};

Counts count(const Outcome& outcome) {
  Counts counts;
  for (const RowOutcome& one : outcome.outcomes) {
    switch (one.taken) {
      case RowOutcome::Taken::created:
        ++counts.created;
        break;
      case RowOutcome::Taken::replayed:
        ++counts.replayed;
        break;
      case RowOutcome::Taken::refused:
        ++counts.refused;
        break;
      case RowOutcome::Taken::not_sent:
        ++counts.not_sent;
        break;
    }
  }
  return counts;
}

void print_states(const Groups& groups, std::ostream& out, const Style& style) {
  Table states(
      {{"STATE"}, {"COUNT", true}, {"SUM", true}, {"MEDIAN", true}, {"P95", true}, {"SLOWEST", true}});
  for (const auto& [state, group] : groups.by_state) {
    std::vector<Table::Cell> cells{
        {state, colour_of_state(state)}, std::to_string(group.count), group.sums.text()};
    for (Table::Cell& cell : times(group)) cells.push_back(std::move(cell));
    states.add(std::move(cells));
  }
  if (!states.empty()) {
    out << '\n';
    states.print(out, style);
  }
  Table reasons({{"REASON"},
                 {"STATE"},
                 {"COUNT", true},
                 {"MEDIAN", true},
                 {"P95", true},
                 {"SLOWEST", true},
                 {"WHAT IT MEANS"}});
  for (const auto& [key, group] : groups.by_reason) {
    std::vector<Table::Cell> cells{
        key.second, {key.first, colour_of_state(key.first)}, std::to_string(group.count)};
    for (Table::Cell& cell : times(group)) cells.push_back(std::move(cell));
    cells.emplace_back(printable(group.text));
    reasons.add(std::move(cells));
  }
  if (!reasons.empty()) {
    out << '\n';
    reasons.print(out, style);
  }
}

void print_refused(const Outcome& outcome, std::ostream& out, const Style& style) {
  constexpr std::size_t kMost = 50;
  std::size_t shown = 0;
  for (std::size_t i = 0; i < outcome.rows.size(); ++i) {
    const RowOutcome& one = outcome.outcomes[i];
    if (one.taken != RowOutcome::Taken::refused) continue;
    if (shown == 0) out << '\n' << style.paint(Colour::red, "Not taken:") << '\n';
    if (++shown <= kMost) {
      out << "  " << outcome.file << ":" << outcome.rows[i].line << ": " << printable(one.error_message)
          << " (" << one.error_code << ")\n";
    }
  }
  if (shown > kMost) out << "  … and " << shown - kMost << " more; --out FILE.csv lists all.\n";
}

}  // namespace

void RowOutcome::read(const json::object& payout) {
  id = text_at(payout, "id");
  state = text_at(payout, "state");
  reason = text_at(payout, "reason");
  reason_text = text_at(payout, "reason_text");
  created_at = text_at(payout, "created_at");
  finished_at = text_at(payout, "finished_at");
}

bool RowOutcome::final() const {
  const auto known = core::parse_state(state);
  return known && core::is_final(*known);
}

std::int64_t percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::min(std::max<std::size_t>(rank, 1), sorted.size()) - 1];
}

void Sums::add(std::string_view amount, std::string_view currency) {
  const auto parsed = Amount::parse(amount);
  if (!parsed) return;
  Sum& sum = sums_[std::string(currency)];
  sum.whole += parsed->units() / Amount::kUnitsPerOne;
  sum.units += parsed->units() % Amount::kUnitsPerOne;
  sum.whole += sum.units / Amount::kUnitsPerOne;
  sum.units %= Amount::kUnitsPerOne;
}

std::string Sums::text_of(const Sum& sum) {
  std::string fraction = std::to_string(Amount::kUnitsPerOne + sum.units).substr(1);
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return std::to_string(sum.whole) + (fraction.empty() ? "" : "." + fraction);
}

std::string Sums::text() const {
  std::string out;
  for (const auto& [currency, sum] : sums_) out += (out.empty() ? "" : ", ") + text_of(sum) + " " + currency;
  return out;
}

json::object Sums::json() const {
  json::object out;
  for (const auto& [currency, sum] : sums_) out[currency] = text_of(sum);
  return out;
}

void print_outcome(const Outcome& outcome, std::ostream& out, const Style& style) {
  const Counts counts = count(outcome);
  out << (outcome.batch.empty() ? outcome.file : "Batch " + outcome.batch) << ": " << outcome.rows.size()
      << " payouts, " << counts.created << " new";
  if (counts.replayed > 0) out << ", " << counts.replayed << " were known already and are not paid again";
  if (counts.refused > 0) out << ", " << counts.refused << " not taken";
  if (counts.not_sent > 0) out << ", " << counts.not_sent << " not sent";
  out << ", in " << duration_text(outcome.elapsed) << '\n';
  print_states(grouped(outcome), out, style);
  print_refused(outcome, out, style);
}

json::object outcome_json(const Outcome& outcome) {
  const Counts counts = count(outcome);
  const Groups groups = grouped(outcome);
  json::object states;
  for (const auto& [state, group] : groups.by_state) states[state] = times_json(group);
  json::array reasons;
  for (const auto& [key, group] : groups.by_reason) {
    json::object one = times_json(group);
    one["state"] = key.first;
    one["reason"] = key.second;
    one["reason_text"] = group.text;
    reasons.push_back(std::move(one));
  }
  json::array refused;
  for (std::size_t i = 0; i < outcome.rows.size(); ++i) {
    const RowOutcome& one = outcome.outcomes[i];
    if (one.taken != RowOutcome::Taken::refused) continue;
    refused.push_back(json::object{{"line", outcome.rows[i].line},
                                   {"key", outcome.rows[i].key},
                                   {"code", one.error_code},
                                   {"message", one.error_message}});
  }
  return {{"batch", outcome.batch},
          {"payouts", outcome.rows.size()},
          {"created", counts.created},
          {"replayed", counts.replayed},
          {"not_taken", std::move(refused)},
          {"not_sent", counts.not_sent},
          {"states", std::move(states)},
          {"reasons", std::move(reasons)},
          {"elapsed_ms", outcome.elapsed.count()}};
}

void write_outcome_csv(const Outcome& outcome, std::ostream& out) {
  out << "line,key,id,state,reason,reason_text,error\n";
  for (std::size_t i = 0; i < outcome.rows.size(); ++i) {
    const RowOutcome& one = outcome.outcomes[i];
    const std::string error = one.error_code.empty() ? "" : one.error_code + ": " + one.error_message;
    out << outcome.rows[i].line;
    for (const std::string* field :
         {&outcome.rows[i].key, &one.id, &one.state, &one.reason, &one.reason_text, &error}) {
      out << ',' << csv_field(*field);
    }
    out << '\n';
  }
}

}  // namespace payoutd::ctl
