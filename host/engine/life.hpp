#pragma once
#include <payoutd/awaitable.hpp>
#include <string>
#include <unordered_set>

#include "engine/balance_gate.hpp"
#include "engine/health.hpp"
#include "engine/provider_rates.hpp"
#include "engine/recorder.hpp"
#include "engine/screener.hpp"

namespace payoutd::engine {

struct LifeOptions {
  Secret instance_key;     ///< references are derived from it
  bool dry_run = false;    ///< this host's configuration says so
  std::string public_url;  ///< base of callback URLs; empty: none are minted
  std::chrono::milliseconds prepare_timeout{30'000};
  std::chrono::milliseconds query_timeout{30'000};
};

/// What this host does with one payout that it has leased: prepare → journal → submit → record, or query →
/// record. Each function ends with the lease given back or the outcome written.
class Life {
 public:
  struct Parts {
    store::Pool& pool;
    ContractBook& contracts;
    Recorder& recorder;
    Heart& heart;
    Health& health;
    ProviderRates& rates;
    BalanceGate& balances;
    Observer& observer;
    std::function<providers::ProviderHandle*(const std::string&)> provider;
  };
  Life(Parts parts, LifeOptions options) : parts_(std::move(parts)), options_(std::move(options)) {}

  /// A PENDING payout that was screened and allowed. `place`: what the claim was promised of the provider's
  /// rate of submits; null: nothing.
  Awaitable<void> pay(store::Claimed claimed, ProviderRates::Place place = {});
  /// A SENT, UNKNOWN or watched payout: ask the provider. `place` is of its rate of queries.
  Awaitable<void> resolve(store::Claimed claimed, ProviderRates::Place place = {});
  /// A payout whose lease was taken over from a host that is dead, or that this host forgot.
  Awaitable<void> recover(store::Claimed claimed, bool from_this_machine);

  /// Carries out a ruling to hold or to deny.
  Awaitable<void> screened_out(store::Claimed claimed, Ruling ruling);
  Awaitable<void> give_to_a_human(store::Claimed claimed);
  /// Gives the lease back; the payout is due again after `pause` at the earliest.
  Awaitable<void> release(std::string payout_id,
                          std::chrono::milliseconds pause = std::chrono::milliseconds{500});

  /// What a verified webhook, or an operator's look, says about an attempt.
  Awaitable<Recorded> take_status(store::Claimed current, store::Attempt attempt, Status status, News base,
                                  bool may_submit_again = true);

  /// No switch, no pause, no silence of the heart and no doubt about the database's history forbids a submit
  /// now.
  bool may_submit(const providers::ProviderHandle& handle) const;

  /// After this no new payment is begun: payouts on their way to the journal are given back.
  void stop_submitting() { stopping_ = true; }

  void set_dry_run(bool on) { options_.dry_run = on; }
  bool dry_run() const { return options_.dry_run; }

  /// What signs a provider's callback URLs; the instance key where it has none of its own.
  void set_callback_keys(std::map<std::string, Secret> keys) { callback_keys_ = std::move(keys); }

  std::string callback_url(const std::string& provider, const std::string& reference) const;
  std::string reference_of(const store::Payout& payout, const Contract& contract) const;

 private:
  Order order_of(const store::Claimed& claimed, std::string reference) const;
  Awaitable<void> journal_and_submit(store::Claimed claimed, Order order, Prepared prepared,
                                     providers::ProviderHandle* handle,
                                     std::optional<store::AttemptUpdate> superseded,
                                     ProviderRates::Place place);
  Awaitable<void> look_up_first(store::Claimed claimed, Order order, providers::ProviderHandle* handle);

  Parts parts_;
  LifeOptions options_;
  std::map<std::string, Secret> callback_keys_;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
