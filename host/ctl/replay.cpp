#include "ctl/replay.hpp"

#include <boost/json.hpp>

#include "ctl/json_view.hpp"
#include "policy/inputs.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using policy::Judgement;
using policy::Verdict;

std::string raw(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

const json::object& inputs_of(const json::object& decision) {
  const auto* inputs = decision.if_contains("inputs");
  if (inputs == nullptr || !inputs->is_object()) throw std::runtime_error("the record has no inputs");
  return inputs->get_object();
}

/// What a decision says, without when and at what cost, in one order of fields: equal decisions are equal
/// bytes.
std::string bytes_of(const json::object& decision) {
  json::array results;
  for (const json::value& value : array_at(decision, "results")) {
    const json::object& one = value.as_object();
    results.push_back(
        json::array{raw(one, "rule"), raw(one, "verdict"), raw(one, "reason"), raw(one, "text")});
  }
  return json::serialize(json::array{raw(decision, "verdict"), raw(decision, "rule"), raw(decision, "reason"),
                                     std::move(results)});
}

/// Rules that went wrong for want of a feature say nothing: what they would have said is not known.
Judgement without(Judgement judgement, const std::function<bool(const std::string&)>& wants) {
  std::erase_if(judgement.results,
                [&](const policy::RuleResult& one) { return one.failed && wants(one.rule); });
  judgement.verdict = Verdict::allow;
  judgement.rule = judgement.reason = judgement.text = {};
  for (const policy::RuleResult& one : judgement.results) {
    if (one.verdict <= judgement.verdict) continue;
    judgement.verdict = one.verdict;
    judgement.rule = one.rule;
    judgement.reason = one.reason;
    judgement.text = one.text;
  }
  return judgement;
}

ReplayChange change_of(const std::string& before, const std::string& after) {
  const auto passes = [](const std::string& verdict) { return verdict == "allow" || verdict == "flag"; };
  if (before == after) return ReplayChange::other_reason;
  if (after == "deny") return ReplayChange::denied;
  if (after == "hold") return ReplayChange::held;
  if (!passes(before)) return ReplayChange::released;
  return after == "flag" ? ReplayChange::flagged : ReplayChange::unflagged;
}

/// Of `wait 30000`; nothing for give_up and review.
std::optional<std::int64_t> wait_ms(std::string_view verdict) {
  constexpr std::string_view kWait = "wait ";
  if (!verdict.starts_with(kWait)) return std::nullopt;
  const std::string digits(verdict.substr(kWait.size()));
  std::int64_t ms = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), ms);
  if (ec != std::errc() || end != digits.data() + digits.size())
    throw std::runtime_error("the recorded answer '" + std::string(verdict) + "' is none");
  return ms;
}

std::vector<policy::Candidate> read_candidates(const json::object& inputs) {
  std::vector<policy::Candidate> candidates;
  for (const json::value& value : array_at(inputs, "providers")) {
    const json::object& one = value.as_object();
    candidates.push_back({.name = raw(one, "name"),
                          .plugin = raw(one, "plugin"),
                          .ready = true_at(one, "ready"),
                          .paused = true_at(one, "paused"),
                          .failures_percent = static_cast<int>(number_at(one, "failures")),
                          .waiting = number_at(one, "waiting")});
  }
  return candidates;
}

/// Where a payout that names no provider goes: where scripts have no opinion, to the only one that could pay
/// it.
std::string destination_of(const policy::RouteChoice& choice,
                           const std::vector<policy::Candidate>& candidates) {
  if (!choice.provider.empty() && !choice.failed) return choice.provider;
  const bool refused = !choice.failed && !choice.reason.empty();
  return !refused && candidates.size() == 1 ? candidates.front().name : "none";
}

}  // namespace

std::string_view to_string(ReplayChange change) noexcept {
  switch (change) {
    case ReplayChange::held:
      return "held";
    case ReplayChange::denied:
      return "denied";
    case ReplayChange::flagged:
      return "flagged";
    case ReplayChange::released:
      return "released";
    case ReplayChange::unflagged:
      return "unflagged";
    case ReplayChange::other_reason:
      return "other_reason";
  }
  return "";
}

std::int64_t Replay::changes() const {
  std::int64_t all = screens.changed + routes.changed;
  for (const auto& [provider, waiting] : schedules) all += waiting.changed;
  return all;
}

std::int64_t Replay::built_in() const {
  std::int64_t all = 0;
  for (const auto& [provider, waiting] : schedules) all += waiting.built_in;
  return all;
}

void Replay::note_failure(const std::string& error) {
  if (failures++ == 0) first_failure = error;
}

void Replay::add(const json::object& decision) {
  try {
    const std::string kind = raw(decision, "kind");
    if (kind == "screen") screen(decision);
    if (kind == "backoff") backoff(decision);
    if (kind == "route") route(decision);
  } catch (const std::exception& error) {
    if (unreadable++ == 0)
      first_unreadable = "decision " + text_at(decision, "id") + ": " + std::string(error.what());
  }
}

void Replay::screen(const json::object& decision) {
  const json::object& inputs = inputs_of(decision);
  const policy::PayoutFacts facts = policy::read_facts(inputs);
  int unknown = 0;
  const auto values = policy::read_values(inputs, candidate_->features(), facts.money.currency, &unknown);
  Judgement judgement = candidate_->judge(facts, values);
  if (unknown > 0) {
    const json::object& history = object_at(inputs, "history");
    const auto is_missing = [&](const policy::Feature& feature) {
      return !history.contains(feature_key(feature));
    };
    for (const policy::Feature& feature : candidate_->features())
      if (is_missing(feature)) ++unrecorded[feature_key(feature)];
    judgement = without(std::move(judgement), [&](const std::string& rule) {
      return std::ranges::any_of(candidate_->needs_of(rule), is_missing);
    });
  }
  for (const policy::RuleResult& one : judgement.results)
    if (one.failed) note_failure(one.text);
  ++screens.judged;
  const json::object again = json::parse(screen_decision(*candidate_, judgement, {}, false)).as_object();
  if (bytes_of(again) == bytes_of(decision)) return;
  ++screens.changed;
  const Said before{raw(decision, "verdict"), raw(decision, "rule"), raw(decision, "reason")};
  const Said after{raw(again, "verdict"), raw(again, "rule"), raw(again, "reason")};
  const ReplayChange change = change_of(before.verdict, after.verdict);
  const std::string amount = facts.money.amount.to_string();
  Payouts& payouts = screens.changes[change];
  if (!payouts.ids.insert(facts.id).second) return;
  payouts.sums.add(amount, facts.money.currency);
  if (change != ReplayChange::other_reason && screens.list.size() < listed_)
    screens.list.push_back(
        {change, facts.id, raw(decision, "at"), amount, facts.money.currency, before, after, judgement.text});
}

void Replay::backoff(const json::object& decision) {
  const policy::BackoffQuestion question = policy::read_question(inputs_of(decision));
  const std::string recorded = raw(decision, "verdict");
  const std::optional<std::int64_t> before = wait_ms(recorded);
  const policy::BackoffChoice choice = candidate_->backoff(question);
  Waiting& waiting = schedules[question.provider];
  ++waiting.questions;
  if (choice.failed) note_failure(choice.error);
  if (choice.failed || choice.script.empty()) {
    ++waiting.built_in;
    return;
  }
  const std::string answer = to_string(choice.answer);
  if (answer != recorded || choice.script != raw(decision, "rule")) ++waiting.changed;
  const std::optional<std::int64_t> after = wait_ms(answer);
  const bool submits =
      question.purpose == policy::Purpose::retry || question.purpose == policy::Purpose::resend;
  if (before) {
    waiting.before_ms += *before;
    ++(submits ? waiting.submits_before : waiting.look_ups_before);
  }
  const std::string payout = raw(decision, "payout");
  if (ended_.contains(payout)) {
    ++waiting.not_reached;
    return;
  }
  if (after) {
    waiting.after_ms += *after;
    ++(submits ? waiting.submits_after : waiting.look_ups_after);
  } else if (before) {
    ended_.insert(payout);
  }
}

void Replay::route(const json::object& decision) {
  const json::object& inputs = inputs_of(decision);
  const policy::PayoutFacts facts = policy::read_facts(inputs);
  const std::vector<policy::Candidate> candidates = read_candidates(inputs);
  const policy::RouteChoice choice =
      candidate_->routes() ? candidate_->choose(facts, candidates) : policy::RouteChoice{};
  if (choice.failed) note_failure(choice.error);
  ++routes.judged;
  const std::string before = raw(decision, "verdict");
  const std::string after = destination_of(choice, candidates);
  const std::string reason = choice.failed ? std::string() : choice.reason;
  if (before == after && reason == raw(decision, "reason")) return;
  ++routes.changed;
  if (before == after) return;
  Payouts& payouts = routes.elsewhere[{before, after}];
  if (payouts.ids.insert(raw(decision, "payout")).second)
    payouts.sums.add(facts.money.amount.to_string(), facts.money.currency);
}

}  // namespace payoutd::ctl
