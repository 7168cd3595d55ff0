#include "engine/balance_gate.hpp"

#include <algorithm>

#include "core/test_payout.hpp"
#include "providers/provider_process.hpp"
#include "store/errors.hpp"
#include "store/in_flight.hpp"

namespace payoutd::engine {
namespace {

using providers::BootTime;
using std::chrono::milliseconds;

constexpr milliseconds kTick{100};
// How often several hosts look at what the others let through.
constexpr milliseconds kLookInterval{1'000};
constexpr milliseconds kLongestRetry{5'000};
constexpr int kFewClaims = 16;
constexpr const char* kNotAsked = "it was not asked yet";
// Deferred payouts come again after 5 s: as long as some do, the balance counts as too low.
constexpr milliseconds kDeferredLately{12'000};

/// What the provider can never tell, however often it is asked.
class Unusable : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

milliseconds since(BootTime then) {
  return std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds{BootTime::now().ns - then.ns});
}

milliseconds ask_interval(const core::MinimumBalance& rule) {
  return rule.max_age / 2;
}

milliseconds retry_interval(const core::MinimumBalance& rule) {
  return std::min(kLongestRetry, rule.max_age / 4);
}

Amount shown(__int128 units) {
  const __int128 most = Amount::kLimitUnits - 1;
  return Amount::from_units(static_cast<std::int64_t>(std::clamp<__int128>(units, 0, most)));
}

}  // namespace

void BalanceGate::configure(const std::map<std::string, core::MinimumBalance>& rules) {
  std::erase_if(accounts_, [&](const auto& one) { return !rules.contains(one.first); });
  for (const auto& [provider, rule] : rules) {
    const auto [at, is_new] = accounts_.try_emplace(provider);
    Account& account = at->second;
    if (is_new) account.trouble = kNotAsked;
    if (account.rule == rule) continue;
    if (account.rule.currency != rule.currency) account.sample.reset();
    account.rule = rule;
    account.ask_at = {};
    account.nothing_gets_through = false;
  }
}

BalanceGate::Account* BalanceGate::account(const std::string& provider) {
  const auto found = accounts_.find(provider);
  return found == accounts_.end() ? nullptr : &found->second;
}

const BalanceGate::Account* BalanceGate::account(const std::string& provider) const {
  const auto found = accounts_.find(provider);
  return found == accounts_.end() ? nullptr : &found->second;
}

// ---- the gate

bool BalanceGate::usable(const Account& account) {
  return account.sample && since(account.sample->asked_at) <= account.rule.max_age;
}

BalanceGate::Units BalanceGate::room(const Account& account) {
  return Units{account.sample->available.units()} - account.rule.amount.units() - account.in_flight -
         account.held_units;
}

bool BalanceGate::covers(const Account& account, Amount amount) {
  return usable(account) &&
         Units{amount.units()} * (100 + account.rule.margin_percent) <= room(account) * 100;
}

bool BalanceGate::concerns(const Account& account, const store::Payout& payout) const {
  if (payout.client_id == core::kTestClient) return false;  // is never paid
  if (payout.money.currency == account.rule.currency) return true;
  const providers::ProviderHandle* handle = parts_.provider(payout.provider);
  const bool known = handle != nullptr && !handle->plugin_version().empty();
  return known && !handle->contract().decimals_of(account.rule.currency);
}

bool BalanceGate::enter(const store::Payout& payout) {
  Account* account = this->account(payout.provider);
  if (account == nullptr || !concerns(*account, payout)) return true;
  forget(*account, payout.id);
  if (payout.money.currency != account->rule.currency || !covers(*account, payout.money.amount)) {
    if (!account->deferred_at || since(*account->deferred_at) > kDeferredLately) {
      parts_.observer.log(LogLevel::warning, "engine.balance_defers",
                          "Payouts wait for the balance of their provider.",
                          {{"provider", payout.provider}, {"why", obstacle(payout)->text}});
    }
    account->deferred_at = BootTime::now();
    account->nothing_gets_through = true;
    return false;
  }
  account->held[payout.id] = {payout.money.amount.units(), std::nullopt};
  account->held_units += payout.money.amount.units();
  account->nothing_gets_through = false;
  return true;
}

void BalanceGate::forget(Account& account, const std::string& payout_id) {
  const auto found = account.held.find(payout_id);
  if (found == account.held.end()) return;
  account.held_units -= found->second.units;
  account.held.erase(found);
}

void BalanceGate::journaled(const std::string& payout_id) {
  for (auto& [provider, account] : accounts_)
    if (const auto found = account.held.find(payout_id); found != account.held.end())
      found->second.journaled_before = account.looks + 1;
}

void BalanceGate::leave(const std::string& payout_id, bool settled) {
  for (auto& [provider, account] : accounts_) {
    const auto found = account.held.find(payout_id);
    if (found == account.held.end() || found->second.journaled_before) continue;
    if (settled) {
      forget(account, payout_id);
    } else {
      found->second.journaled_before = account.looks + 1;
    }
  }
}

int BalanceGate::worth_claiming(const std::string& provider, int most) const {
  const Account* account = this->account(provider);
  return account != nullptr && account->nothing_gets_through ? std::min(most, kFewClaims) : most;
}

// ---- what operators are shown

std::string BalanceGate::shortage(const Account& account) {
  const core::MinimumBalance& rule = account.rule;
  return account.sample->available.to_string() + " " + rule.currency + " are available, " +
         shown(account.in_flight + account.held_units).to_string() + " are in flight, " +
         rule.amount.to_string() + " must stay, and each payout needs " +
         std::to_string(rule.margin_percent) + " % more than its amount (minimum_balance).";
}

std::optional<BalanceGate::Obstacle> BalanceGate::obstacle(const store::Payout& payout) const {
  const Account* account = this->account(payout.provider);
  if (account == nullptr || !concerns(*account, payout)) return std::nullopt;
  const std::string name = "Provider " + payout.provider;
  if (payout.money.currency != account->rule.currency)
    return Obstacle{"balance_unknown", name + " pays no " + account->rule.currency +
                                           ", so its minimum_balance in that currency cannot be kept."};
  if (!usable(*account)) {
    const std::string why =
        account->trouble.empty() ? "its last answer is too old (minimum_balance.max_age)" : account->trouble;
    return Obstacle{"balance_unknown",
                    "The balance of " + payout.provider + " cannot be relied upon: " + why + "."};
  }
  if (covers(*account, payout.money.amount) || account->held.contains(payout.id)) return std::nullopt;
  return Obstacle{"balance_low",
                  "The balance of " + payout.provider + " does not cover it: " + shortage(*account)};
}

std::optional<BalanceGate::View> BalanceGate::view(const std::string& provider) const {
  const Account* account = this->account(provider);
  if (account == nullptr) return std::nullopt;
  View view;
  view.rule = account->rule;
  view.in_flight = shown(account->in_flight + account->held_units);
  if (account->sample) view.age = since(account->sample->asked_at);
  if (usable(*account)) {
    view.available = account->sample->available;
    view.low =
        room(*account) <= 0 || (account->deferred_at && since(*account->deferred_at) < kDeferredLately);
  } else {
    view.trouble = account->trouble.empty() ? "its last answer is too old" : account->trouble;
  }
  return view;
}

// ---- samples

// Said once when it begins and once when it ends.
void BalanceGate::note_trouble(const std::string& provider, Account& account, const std::string& trouble) {
  if (!trouble.empty() && (account.trouble.empty() || account.trouble == kNotAsked)) {
    parts_.observer.log(
        LogLevel::warning, "engine.balance_unread",
        "A balance that payouts depend on cannot be read: they wait once the last one is too old.",
        {{"provider", provider}, {"error", trouble}});
  } else if (trouble.empty() && !account.trouble.empty()) {
    parts_.observer.log(LogLevel::info, "engine.balance_read", "A balance that payouts depend on is known.",
                        {{"provider", provider}});
  }
  account.trouble = trouble;
}

// What this look found stands in `in_flight` from now on.
void BalanceGate::drop_found(Account& account, std::int64_t look) {
  for (auto one = account.held.begin(); one != account.held.end();) {
    if (one->second.journaled_before && *one->second.journaled_before <= look) {
      account.held_units -= one->second.units;
      one = account.held.erase(one);
    } else {
      ++one;
    }
  }
}

Awaitable<bool> BalanceGate::read_in_flight(std::string provider, core::MinimumBalance rule, Sample sample) {
  Account* account = this->account(provider);
  if (account == nullptr || account->rule != rule) co_return false;
  const std::int64_t look = ++account->looks;
  const Amount moving =
      co_await parts_.pool.transact([provider, rule, asked = sample.asked](pqxx::transaction_base& work) {
        return store::in_flight(work, provider, rule.currency, asked);
      });
  account = this->account(provider);
  if (stopping_ || account == nullptr || account->rule != rule) co_return false;
  account->in_flight = moving.units();
  account->sample = std::move(sample);
  drop_found(*account, look);
  account->look_at = BootTime::now() + kLookInterval;
  co_return true;
}

Awaitable<void> BalanceGate::ask(std::string provider, core::MinimumBalance rule) {
  std::string trouble;
  bool sampled = false;
  bool never = false;
  try {
    providers::ProviderHandle* handle = parts_.provider(provider);
    if (!handle->contract().decimals_of(rule.currency))
      throw Unusable("it pays no " + rule.currency + ", the currency of its minimum_balance");
    Sample sample;
    sample.asked =
        co_await parts_.pool.transact([](pqxx::transaction_base& work) { return store::clock_text(work); });
    sample.asked_at = BootTime::now();
    const Balance balance = co_await handle->balance();
    if (balance.currency != rule.currency)
      throw Unusable("its balance is in " + balance.currency + ", and its minimum_balance in " +
                     rule.currency);
    sample.available = balance.available;
    if (!stopping_) sampled = co_await read_in_flight(provider, rule, std::move(sample));
  } catch (const Unusable& error) {
    never = true;
    trouble = error.what();
  } catch (const providers::PluginError& error) {
    never = error.type() == "unsupported";
    trouble = error.what();
    if (never)
      trouble = "its plugin has no balance to ask for, so it can have no minimum_balance: " + trouble;
  } catch (const std::exception& error) {
    trouble = error.what();
  }
  Account* account = this->account(provider);
  if (stopping_ || account == nullptr) co_return;
  account->asking = false;
  if (account->rule != rule) co_return;  // it is asked for the new one at once
  if (never) account->sample.reset();
  account->ask_at = BootTime::now() + (sampled ? ask_interval(rule) : retry_interval(rule));
  if (sampled || !trouble.empty()) note_trouble(provider, *account, trouble);
  if (sampled) parts_.on_sample();
}

Awaitable<void> BalanceGate::look(std::string provider) {
  Account* account = this->account(provider);
  const core::MinimumBalance rule = account->rule;
  Sample sample = *account->sample;
  try {
    co_await read_in_flight(provider, rule, std::move(sample));
  } catch (const store::StoreError&) {
    // The last look stays, and with it what this host let through; the sample grows too old by itself.
  }
  account = this->account(provider);
  if (!stopping_ && account != nullptr) account->asking = false;
}

void BalanceGate::begin_due() {
  const BootTime now = BootTime::now();
  for (auto& [provider, account] : accounts_) {
    const providers::ProviderHandle* handle = parts_.provider(provider);
    if (account.asking || handle == nullptr || !handle->ready()) continue;
    if (account.ask_at <= now) {
      account.asking = true;
      spawn(parts_.executor, ask(provider, account.rule), parts_.observer, "balance of " + provider);
    } else if (account.sample && parts_.heart.last().working_hosts > 1 && account.look_at <= now) {
      account.asking = true;
      spawn(parts_.executor, look(provider), parts_.observer, "balance of " + provider);
    }
  }
}

Awaitable<void> BalanceGate::run(Loops& loops) {
  while (!stopping_) {
    begin_due();
    loops.pace().rests("balances", kTick);
    co_await loops.pause(kTick);
  }
}

}  // namespace payoutd::engine
