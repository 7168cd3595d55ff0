#pragma once
#include <functional>
#include <map>
#include <memory>
#include <payoutd/awaitable.hpp>
#include <string>
#include <unordered_set>
#include <vector>

#include "core/signal.hpp"
#include "engine/balance_gate.hpp"
#include "engine/lane_keeper.hpp"
#include "engine/life.hpp"
#include "engine/screener.hpp"
#include "engine/task.hpp"

namespace payoutd::engine {

struct DispatcherOptions {
  std::chrono::milliseconds tick{200};  ///< how often the database is asked for what other hosts admitted
  int max_in_hand = 1024;  ///< payouts of one provider worked on at once, whatever its contract says
};

/// Claims what is due and sets `Life` to work on it, never more at once than a provider's contract allows;
/// looks after leases of hosts that died, and after its own that it forgot.
class Dispatcher {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    Life& life;
    Heart& heart;
    LaneKeeper& lanes;
    Screener& screener;
    ProviderRates& rates;
    BalanceGate& balances;
    Observer& observer;
    Loops& loops;
    std::function<std::vector<providers::ProviderHandle*>()> providers;
  };
  Dispatcher(Parts parts, DispatcherOptions options);

  /// Takes over what dead predecessors on this machine left, then starts the loops.
  Awaitable<void> start(std::vector<std::string> predecessors);
  /// No more claims; returns when nothing is in hand, or false after `limit`.
  Awaitable<bool> drain(std::chrono::milliseconds limit);

  void wake_payments();   ///< something was admitted or freed
  void wake_questions();  ///< a webhook gave a hint

  /// Takes effect with the next claim.
  void configure(DispatcherOptions options) { options_ = options; }

  std::size_t in_hand() const { return in_hand_.size(); }

 private:
  bool is_idle() const;  ///< nothing is claimed, nor about to be
  struct Desk {
    explicit Desk(boost::asio::any_io_executor executor) : payments(executor), questions(executor) {}
    core::Signal payments;
    core::Signal questions;
    int paying = 0;
    int asking = 0;
  };
  enum class Task { pay, resolve, recover };

  Awaitable<void> pay_loop(providers::ProviderHandle* handle, Desk* desk);
  Awaitable<void> question_loop(providers::ProviderHandle* handle, Desk* desk);
  Awaitable<void> recovery_loop();
  Awaitable<std::size_t> claim_payments(providers::ProviderHandle* handle, Desk* desk);
  Awaitable<std::size_t> claim_questions(providers::ProviderHandle* handle, Desk* desk);
  /// Leases up to `room` payouts, which count in `*busy` from before the statement runs, so that nobody
  /// claims the same room twice.
  Awaitable<std::vector<store::Claimed>> claim(providers::ProviderHandle* handle,
                                               std::vector<core::State> states, int room, int* busy);
  /// Puts those back that their provider's balance does not cover; the others, in order.
  Awaitable<std::vector<store::Claimed>> covered(std::vector<store::Claimed> claimed);
  Awaitable<void> take_over(store::TakeOverRequest request);
  Awaitable<void> find_forgotten();
  Awaitable<void> work(Task task, store::Claimed claimed, Desk* desk, Ruling ruling,
                       ProviderRates::Place place);
  Awaitable<void> give_back(std::vector<store::Claimed> claimed);
  void begin(Task task, store::Claimed claimed, Desk* desk, Ruling ruling = {},
             ProviderRates::Place place = {});
  void spawn(Awaitable<void> task, std::string name) {
    engine::spawn(parts_.executor, std::move(task), parts_.observer, std::move(name));
  }
  void trouble(const std::string& name, const std::string& what) {
    report_failed_task(parts_.observer, name, what);
  }

  Parts parts_;
  DispatcherOptions options_;
  std::map<std::string, std::unique_ptr<Desk>> desks_;
  std::unordered_set<std::string> in_hand_;
  std::unordered_set<std::string> predecessors_;
  core::Signal idle_;
  bool stopping_ = false;
};

}  // namespace payoutd::engine
