#pragma once
#include <string>
#include <vector>

#include "engine/balance_gate.hpp"
#include "engine/heart.hpp"
#include "engine/provider_rates.hpp"
#include "store/flags.hpp"
#include "store/lookup.hpp"

namespace payoutd::engine {

/// Something outside of a payout that it waits for to be submitted (PENDING) or asked about (SENT, UNKNOWN),
/// or that decides what becomes of it.
struct Obstacle {
  std::string kind;     ///< a stable word: stop_submissions, paused, outflow_halted, submit_rate, dry_run …
  std::string text;     ///< a sentence for people, with who did it and why
  std::string command;  ///< what lifts it; empty: nothing that can be typed
  bool blocks = true;   ///< nothing is submitted, or asked, while it stands
};

/// What is read of the database for them.
struct Surroundings {
  std::vector<store::SwitchRow> switches;  ///< those that are on
  std::vector<store::HaltRow> halts;       ///< those that stand
  std::int64_t due_before = 0;             ///< payouts of the provider whose turn comes before this one
};
Surroundings surroundings_of(pqxx::transaction_base& work, const store::Payout& payout);

/// Those that lie in the way of a payout, the weightiest first; none where nobody is to submit or ask.
/// `handle`: of its provider here, nullptr if it has none.
std::vector<Obstacle> obstacles_of(const store::Payout& payout, const Surroundings& around,
                                   const Heart& heart, const ProviderRates& rates,
                                   const BalanceGate& balances, const providers::ProviderHandle* handle,
                                   bool configured_dry_run);

}  // namespace payoutd::engine
