#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <string>

#include "core/minimum_balance.hpp"
#include "engine/heart.hpp"
#include "engine/task.hpp"
#include "providers/provider_handle.hpp"
#include "store/pool.hpp"
#include "store/rows.hpp"

namespace payoutd::engine {

/// Keeps payouts back that a provider's balance does not cover. A payout goes on only if its amount and the
/// margin fit into the last sample of the balance, less the minimum, less what is in flight on all hosts,
/// less what this host let through since. Without a sample that is young enough nothing goes on: it fails
/// closed.
///
/// Samples are made beside the work, so that the gate itself asks nobody. Which payouts the balance cannot
/// show yet is read of the database after the provider has answered, so that what is paid in between counts
/// once too often rather than never. Where there are several hosts it is read anew every second, and for at
/// most so long a host does not know what the others let through. Host thread only.
class BalanceGate {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    Heart& heart;
    Observer& observer;
    std::function<providers::ProviderHandle*(const std::string&)> provider;
    std::function<void()> on_sample;  ///< there may be room again
  };
  explicit BalanceGate(Parts parts) : parts_(std::move(parts)) {}

  /// By provider; those that are not named are not checked. In force at once.
  void configure(const std::map<std::string, core::MinimumBalance>& rules);
  /// Samples until stop().
  Awaitable<void> run(Loops& loops);
  void stop() { stopping_ = true; }

  /// Lets a claimed payout through, and counts it until it is left; false: it is deferred, see obstacle().
  bool enter(const store::Payout& payout);
  /// Its attempt is in the database, where the next look at what is in flight finds it.
  void journaled(const std::string& payout_id);
  /// The work on it has ended. `settled` false: nobody knows whether it was journaled.
  void leave(const std::string& payout_id, bool settled);
  /// How many payouts are worth claiming: a few while nothing gets through, so that a long queue that waits
  /// for money costs nothing.
  int worth_claiming(const std::string& provider, int most) const;

  /// Why a payout would be deferred now.
  struct Obstacle {
    std::string kind;  ///< balance_low or balance_unknown
    std::string text;
  };
  std::optional<Obstacle> obstacle(const store::Payout& payout) const;

  /// What operators are shown of one provider.
  struct View {
    core::MinimumBalance rule;
    std::optional<Amount> available;  ///< nothing: no sample can be relied upon, and `trouble` says why
    Amount in_flight;                 ///< on all hosts, and let through by this one since
    std::chrono::milliseconds age{};  ///< of the sample
    std::string trouble;
    bool low = false;  ///< nothing is left above the minimum, or a payout was deferred a moment ago
  };
  /// Nothing: the provider has no minimum balance.
  std::optional<View> view(const std::string& provider) const;

 private:
  /// 10^-8 units: sums, and amounts with their margin, can be beyond an Amount, and less than nothing.
  using Units = __int128;
  struct Sample {
    Amount available;
    std::string asked;  ///< by the database's clock
    providers::BootTime asked_at;
  };
  struct Held {
    Units units = 0;
    std::optional<std::int64_t> journaled_before;  ///< the look at what is in flight that will find it
  };
  struct Account {
    core::MinimumBalance rule;
    std::optional<Sample> sample;
    Units in_flight = 0;
    std::string trouble;               ///< of the last question; empty: it was answered
    std::map<std::string, Held> held;  ///< by payout: what this host let through
    Units held_units = 0;
    std::int64_t looks = 0;  ///< at what is in flight, begun so far
    bool asking = false;
    bool nothing_gets_through = false;
    std::optional<providers::BootTime> deferred_at;
    providers::BootTime ask_at;   ///< next
    providers::BootTime look_at;  ///< next
  };

  Account* account(const std::string& provider);
  const Account* account(const std::string& provider) const;
  /// The rule speaks of the payout; one whose currency the provider does not pay speaks of all.
  bool concerns(const Account& account, const store::Payout& payout) const;
  static bool usable(const Account& account);  ///< there is a sample, and it is young enough
  static Units room(const Account& account);
  static bool covers(const Account& account, Amount amount);
  static std::string shortage(const Account& account);
  static void forget(Account& account, const std::string& payout_id);
  void drop_found(Account& account, std::int64_t look);
  void begin_due();
  Awaitable<void> ask(std::string provider, core::MinimumBalance rule);
  Awaitable<void> look(std::string provider);
  /// Of the database; false: it does not answer.
  Awaitable<bool> read_in_flight(std::string provider, core::MinimumBalance rule, Sample sample);
  void note_trouble(const std::string& provider, Account& account, const std::string& trouble);

  Parts parts_;
  std::map<std::string, Account> accounts_;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
