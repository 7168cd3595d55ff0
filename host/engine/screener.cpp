#include "engine/screener.hpp"

#include "engine/batch_history.hpp"
#include "policy/inputs.hpp"

namespace payoutd::engine {
namespace {

using policy::Feature;
using policy::Judgement;
using policy::PayoutFacts;
using policy::Verdict;

constexpr const char* kSecondApproval = "needs_approval";

PayoutFacts facts_of(const store::Payout& payout, std::int64_t now_s) {
  PayoutFacts facts;
  facts.id = payout.id;
  facts.client = payout.client_id;
  facts.provider = payout.provider;
  facts.money = payout.money;
  facts.destination = payout.destination;
  facts.user = payout.user_ref;
  facts.region = payout.region;
  facts.batch = payout.batch;
  facts.metadata = payout.metadata;
  facts.at_s = now_s;
  facts.age_s = payout.age_ms / 1000;
  return facts;
}

// The union of what both need, and where each finds its own in it.
std::vector<Feature> merged(const policy::Rules& rules) {
  std::set<Feature> all;
  for (const auto& bundle : {rules.active, rules.shadow})
    if (bundle) all.insert(bundle->features().begin(), bundle->features().end());
  return {all.begin(), all.end()};
}

std::vector<policy::FeatureValue> own_values(const policy::Bundle& bundle, const std::vector<Feature>& all,
                                             const std::vector<policy::FeatureValue>& values) {
  std::vector<policy::FeatureValue> own;
  for (const Feature& feature : bundle.features()) {
    const auto at = std::lower_bound(all.begin(), all.end(), feature) - all.begin();
    own.push_back(values[static_cast<std::size_t>(at)]);
  }
  return own;
}

/// What a screening leaves behind beside its rulings.
struct Told {
  std::vector<std::pair<std::string, std::string>> failures;  ///< rule and error
  std::map<std::string, int> verdicts;
  std::int64_t new_flags = 0;
  std::size_t shadow_judged = 0;
  std::size_t shadow_differed = 0;
  std::optional<store::NewHalt> halted;
};

/// One batch, on a database thread, inside its transaction.
class Screening {
 public:
  Screening(pqxx::transaction_base& work, const std::vector<store::Payout>& payouts,
            const policy::Rules& rules, const core::Limits& limits, std::string host)
      : work_(work),
        payouts_(payouts),
        rules_(rules),
        limits_(limits),
        host_(std::move(host)),
        features_(merged(rules)),
        history_(features_) {}

  std::vector<Ruling> run(Told& told);

 private:
  std::vector<std::string> subjects() const;
  Ruling rule_on(std::size_t i);
  Ruling judge(std::size_t i, store::Screened& record);
  void judge_in_shadow(const store::Payout& payout, const std::vector<policy::FeatureValue>& values,
                       const Judgement& active, store::Screened& record);
  void note_flags(const store::Payout& payout, const Judgement& judgement, store::Screened& record) const;
  std::optional<Ruling> above_maximum(const store::Payout& payout) const;
  Ruling second_approval(const store::Payout& payout) const;
  std::optional<Ruling> flow_out(const store::Payout& payout, bool allowed);
  store::Outflow& outflow_of(const store::Payout& payout);

  pqxx::transaction_base& work_;
  const std::vector<store::Payout>& payouts_;
  const policy::Rules& rules_;
  const core::Limits& limits_;
  std::string host_;
  std::vector<Feature> features_;
  BatchHistory history_;
  store::Standings standings_;
  std::vector<std::vector<store::LedgerValue>> ledger_;  ///< for each payout; empty where nothing is asked
  std::map<std::string, store::Outflow> outflow_;        ///< by currency
  std::vector<store::Screened> records_;
  Told* told_ = nullptr;
};

// Whom the features are by, and where outflow is limited, the provider and the currency.
std::vector<std::string> Screening::subjects() const {
  std::vector<std::string> subjects;
  for (const store::Payout& payout : payouts_) {
    if (!features_.empty()) {
      if (!payout.user_ref.empty()) subjects.push_back("user " + payout.user_ref);
      subjects.push_back("destination " + payout.destination);
    }
    if (limits_.outflow.contains({payout.provider, payout.money.currency}))
      subjects.push_back("outflow " + payout.provider + " " + payout.money.currency);
  }
  return subjects;
}

std::vector<Ruling> Screening::run(Told& told) {
  told_ = &told;
  store::lock_subjects(work_, subjects());
  std::vector<const store::Payout*> all;
  for (const store::Payout& payout : payouts_) all.push_back(&payout);
  standings_ = store::standings(work_, all);
  ledger_.resize(payouts_.size());
  std::vector<const store::Payout*> new_ones;
  std::vector<std::size_t> at;
  for (std::size_t i = 0; i < payouts_.size(); ++i) {
    if (standings_.allowed.contains(payouts_[i].id)) continue;
    new_ones.push_back(&payouts_[i]);
    at.push_back(i);
  }
  auto values = store::ledger_values(work_, new_ones, features_, standings_.now);
  for (std::size_t i = 0; i < at.size(); ++i) ledger_[at[i]] = std::move(values[i]);
  std::vector<Ruling> rulings;
  rulings.reserve(payouts_.size());
  for (std::size_t i = 0; i < payouts_.size(); ++i) rulings.push_back(rule_on(i));
  if (!records_.empty()) told.new_flags = store::write_screened(work_, records_, standings_.now, host_);
  return rulings;
}

Ruling Screening::rule_on(std::size_t i) {
  const store::Payout& payout = payouts_[i];
  const bool allowed = standings_.allowed.contains(payout.id);
  if (auto ruling = above_maximum(payout)) return *ruling;
  if (allowed) {
    if (auto ruling = flow_out(payout, true)) return *ruling;
    return {};
  }
  store::Screened record;
  record.payout = &payout;
  Ruling ruling = judge(i, record);
  if (ruling.kind == Ruling::Kind::pay) ruling = second_approval(payout);
  if (ruling.kind == Ruling::Kind::pay) {
    if (auto halted = flow_out(payout, false)) return *halted;  // judged anew once it is lifted: no record
    record.allow = true;
    history_.remember(facts_of(payout, standings_.now_s), ledger_[i]);
  }
  records_.push_back(std::move(record));
  return ruling;
}

std::optional<Ruling> Screening::above_maximum(const store::Payout& payout) const {
  const std::string& currency = payout.money.currency;
  if (const auto most = core::Limits::of(limits_.per_payout, currency); most && payout.money.amount > *most) {
    return Ruling{Ruling::Kind::hold,
                  "above_maximum",
                  "It is above the maximum of one payout, " + most->to_string() + " " + currency +
                      " (limits.per_payout), which no approval lifts.",
                  {},
                  {}};
  }
  return std::nullopt;
}

Ruling Screening::second_approval(const store::Payout& payout) const {
  if (!limits_.needs_two_approvals(payout.money)) return {};
  const auto approvals = standings_.approvals.find(payout.id);
  const std::size_t given = approvals == standings_.approvals.end() ? 0 : approvals->second.size();
  if (given >= 2) return {};
  const std::string& currency = payout.money.currency;
  return {Ruling::Kind::hold,
          kSecondApproval,
          "Above " + core::Limits::of(limits_.two_approvals_above, currency)->to_string() + " " + currency +
              " two people must approve (limits.two_approvals_above).",
          {},
          {}};
}

Ruling Screening::judge(std::size_t i, store::Screened& record) {
  if (!rules_.active) return {};
  const store::Payout& payout = payouts_[i];
  const PayoutFacts facts = facts_of(payout, standings_.now_s);
  const std::vector<policy::FeatureValue> values = history_.values(facts, ledger_[i]);
  const Judgement judgement = rules_.active->judge(facts, own_values(*rules_.active, features_, values));
  record.decisions.push_back(policy::screen_decision(*rules_.active, judgement,
                                                     policy::screen_inputs(facts, features_, values), false));
  for (const policy::RuleResult& one : judgement.results)
    if (one.failed) told_->failures.emplace_back(one.rule, one.text);
  ++told_->verdicts[std::string(to_string(judgement.verdict))];
  note_flags(payout, judgement, record);
  if (rules_.shadow) judge_in_shadow(payout, values, judgement, record);
  if (judgement.verdict == Verdict::allow || judgement.verdict == Verdict::flag) return {};
  return {judgement.verdict == Verdict::hold ? Ruling::Kind::hold : Ruling::Kind::deny, judgement.reason,
          judgement.text, judgement.rule, rules_.active->hash()};
}

// Only where the shadow differs is its judgement kept: elsewhere it is the active one's.
void Screening::judge_in_shadow(const store::Payout& payout, const std::vector<policy::FeatureValue>& values,
                                const Judgement& active, store::Screened& record) {
  const PayoutFacts facts = facts_of(payout, standings_.now_s);
  const Judgement other = rules_.shadow->judge(facts, own_values(*rules_.shadow, features_, values));
  ++told_->shadow_judged;
  if (other.verdict == active.verdict && other.rule == active.rule && other.reason == active.reason) return;
  ++told_->shadow_differed;
  record.decisions.push_back(
      policy::screen_decision(*rules_.shadow, other, policy::screen_inputs(facts, features_, values), true));
}

void Screening::note_flags(const store::Payout& payout, const Judgement& judgement,
                           store::Screened& record) const {
  const std::string user = payout.user_ref.empty() ? "destination " + payout.destination : payout.user_ref;
  for (const policy::RuleResult& one : judgement.results)
    if (one.verdict == Verdict::flag) record.flags.push_back({user, one.rule, one.reason, one.text});
}

store::Outflow& Screening::outflow_of(const store::Payout& payout) {
  const std::string& currency = payout.money.currency;
  const auto known = outflow_.find(currency);
  if (known != outflow_.end()) return known->second;
  return outflow_[currency] = store::outflow(work_, payout.provider, currency);
}

std::optional<Ruling> Screening::flow_out(const store::Payout& payout, bool allowed) {
  const auto limit = limits_.outflow.find({payout.provider, payout.money.currency});
  if (limit == limits_.outflow.end()) return std::nullopt;
  store::Outflow& flow = outflow_of(payout);
  const Ruling halted{
      Ruling::Kind::defer, "outflow_halted", "The outflow of its provider is halted.", {}, {}};
  if (flow.halted) return halted;
  // What was allowed before is counted already; a person's approval may have been one too many.
  const auto plus = [&](Amount before) {
    const std::int64_t own = allowed ? 0 : payout.money.amount.units();
    return Amount::from_units(std::min(before.units() + own, Amount::kLimitUnits - 1));
  };
  const Amount hour = plus(flow.hour);
  const Amount day = plus(flow.day);
  const auto over = [](const std::optional<Amount>& most, Amount reached) { return most && reached > *most; };
  if (over(limit->second.hour, hour) || over(limit->second.day, day)) {
    const bool by_hour = over(limit->second.hour, hour);
    const store::NewHalt halt{payout.provider, payout.money.currency, by_hour ? "hour" : "day",
                              by_hour ? *limit->second.hour : *limit->second.day, by_hour ? hour : day};
    if (store::halt_outflow(work_, halt)) told_->halted = halt;
    flow.halted = true;
    return halted;
  }
  flow.hour = hour;
  flow.day = day;
  return std::nullopt;
}

}  // namespace

Awaitable<std::vector<Ruling>> Screener::screen(std::vector<store::Payout> payouts) {
  struct Outcome {
    std::vector<Ruling> rulings;
    Told told;
  };
  const policy::Rules rules = parts_.policy.rules();
  const Outcome outcome =
      co_await parts_.pool.transact([payouts = std::move(payouts), rules, limits = limits_,
                                     host = parts_.heart.host().incarnation](pqxx::transaction_base& work) {
        Outcome outcome;
        outcome.rulings = Screening(work, payouts, rules, limits, host).run(outcome.told);
        return outcome;
      });
  const Told& told = outcome.told;
  for (const auto& [rule, error] : told.failures) parts_.policy.rule_failed(rule, error);
  for (const auto& [verdict, count] : told.verdicts) parts_.observer.screened(verdict, count);
  if (told.new_flags > 0) parts_.observer.users_flagged(told.new_flags);
  if (told.shadow_judged > 0) parts_.policy.shadow_judged(told.shadow_judged, told.shadow_differed);
  if (told.halted) {
    const store::NewHalt& halt = *told.halted;
    parts_.observer.log(
        LogLevel::error, "engine.outflow_halted",
        "More would have flowed out than is allowed: nothing of this provider and currency is "
        "submitted until it is lifted.",
        {{"provider", halt.provider},
         {"currency", halt.currency},
         {"span", halt.span},
         {"allowed", halt.allowed.to_string()},
         {"reached", halt.reached.to_string()}});
  }
  co_return outcome.rulings;
}

}  // namespace payoutd::engine
