#include "engine/dispatcher.hpp"

#include "core/fault.hpp"
#include "engine/payout_trace.hpp"

namespace payoutd::engine {
namespace {

using core::State;
using std::chrono::milliseconds;

constexpr int kQuestionsAtLeast = 8;
// A lease may be this old before the answer that gives it to us has come.
constexpr int kClaimedBeforeMs = 15'000;
// What is journaled was in this host's hand, so there is no answer to wait for.
constexpr int kJournaledBeforeMs = 2'000;
// Answers come back one by one; questions are claimed together.
constexpr milliseconds kCompany{25};
// How often a payout whose outflow is halted, or that its provider's balance does not cover, is looked at.
constexpr milliseconds kDeferredPause{5'000};

int question_limit(const Contract& contract, int max_in_hand) {
  const int limit =
      std::clamp(contract.concurrency, kQuestionsAtLeast, std::max(kQuestionsAtLeast, max_in_hand));
  return contract.query_rate_per_s > 0 ? std::min(limit, contract.query_rate_per_s) : limit;
}

}  // namespace

Dispatcher::Dispatcher(Parts parts, DispatcherOptions options)
    : parts_(std::move(parts)), options_(options), idle_(parts_.executor) {}

Awaitable<void> Dispatcher::start(std::vector<std::string> predecessors) {
  predecessors_.insert(predecessors.begin(), predecessors.end());
  if (!predecessors.empty()) {
    store::TakeOverRequest request;
    request.host = parts_.heart.host().incarnation;
    request.predecessors = std::move(predecessors);
    co_await take_over(std::move(request));
  }
  for (providers::ProviderHandle* handle : parts_.providers()) {
    auto& desk = desks_[handle->name()];
    desk = std::make_unique<Desk>(parts_.executor);
    parts_.loops.spawn(pay_loop(handle, desk.get()), "payments of " + handle->name());
    parts_.loops.spawn(question_loop(handle, desk.get()), "questions of " + handle->name());
  }
  parts_.loops.spawn(recovery_loop(), "recovery");
}

Awaitable<void> Dispatcher::pay_loop(providers::ProviderHandle* handle, Desk* desk) {
  const std::string name = "payments of " + handle->name();
  while (!stopping_) {
    std::size_t claimed = 0;
    parts_.loops.pace().works(name);
    std::string failure;
    try {
      if (parts_.life.may_submit(*handle) && parts_.heart.claims())
        claimed = co_await claim_payments(handle, desk);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) trouble(name, failure);
    if (claimed > 0) continue;
    parts_.loops.pace().rests(name, options_.tick);
    co_await desk->payments.wait(
        parts_.rates.until_room(*handle, ProviderRates::Kind::submit, options_.tick));
  }
}

Awaitable<std::vector<store::Claimed>> Dispatcher::claim(providers::ProviderHandle* handle,
                                                         std::vector<State> states, int room, int* busy) {
  const bool takes_lanes = handle->contract().serial && states.front() == State::pending;
  if (takes_lanes && !parts_.lanes.known(*handle)) co_return std::vector<store::Claimed>{};
  const store::ClaimRequest request{parts_.heart.host().incarnation, handle->name(), std::move(states), room};
  const std::vector<std::string> lanes = takes_lanes ? handle->lanes() : std::vector<std::string>{};
  *busy += room;
  std::vector<store::Claimed> claimed;
  try {
    claimed = co_await parts_.pool.transact([request, lanes](pqxx::transaction_base& work) {
      return lanes.empty() ? store::claim(work, request) : store::claim_with_lanes(work, request, lanes);
    });
  } catch (...) {
    *busy -= room;
    throw;
  }
  *busy -= room - static_cast<int>(claimed.size());
  co_return claimed;
}

Awaitable<std::size_t> Dispatcher::claim_payments(providers::ProviderHandle* handle, Desk* desk) {
  const int limit = std::min(handle->contract().concurrency, options_.max_in_hand);
  const int room = limit - desk->paying;
  // A quarter of the room at least, so that claims stay batches under load.
  if (room < 1 || (desk->paying > 0 && room < limit / 4)) co_return 0;
  const int may_begin = parts_.rates.room(*handle, ProviderRates::Kind::submit,
                                          parts_.balances.worth_claiming(handle->name(), room));
  if (may_begin < 1) co_return 0;
  // Promised before anything is claimed, so that nobody else is promised the same.
  std::vector<ProviderRates::Place> places =
      parts_.rates.promise(*handle, ProviderRates::Kind::submit, may_begin);
  std::vector<store::Claimed> claimed = co_await claim(handle, {State::pending}, may_begin, &desk->paying);
  fault::point("engine.after_claim");
  const std::size_t all = claimed.size();
  claimed = co_await covered(std::move(claimed));
  desk->paying -= static_cast<int>(all - claimed.size());
  if (claimed.empty()) co_return 0;
  places.resize(claimed.size());
  std::vector<store::Payout> payouts;
  payouts.reserve(claimed.size());
  for (const auto& one : claimed) payouts.push_back(one.payout);
  std::vector<Ruling> rulings;
  std::string failure;
  const trace::Moment began;
  try {
    rulings = co_await parts_.screener.screen(std::move(payouts));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  const std::size_t count = claimed.size();
  if (!failure.empty()) {
    desk->paying -= static_cast<int>(count);
    for (const store::Claimed& one : claimed) parts_.balances.leave(one.payout.id, true);
    co_await give_back(std::move(claimed));
    throw std::runtime_error("screening: " + failure);
  }
  fault::point("engine.after_screening");
  for (std::size_t i = 0; i < count; ++i)
    trace_screening(parts_.observer, began, claimed[i].payout, rulings[i]);
  for (std::size_t i = 0; i < count; ++i)
    begin(Task::pay, std::move(claimed[i]), desk, std::move(rulings[i]), std::move(places[i]));
  co_return count;
}

// Before the rules judge, so that what waits for money is judged when it can be paid.
Awaitable<std::vector<store::Claimed>> Dispatcher::covered(std::vector<store::Claimed> claimed) {
  std::vector<store::Claimed> through;
  through.reserve(claimed.size());
  std::vector<std::string> deferred;
  std::map<std::string, int> by_currency;
  store::Deferral deferral{{}, {}, kDeferredPause};
  const std::string provider = claimed.empty() ? std::string() : claimed.front().payout.provider;
  for (store::Claimed& one : claimed) {
    if (parts_.balances.enter(one.payout)) {
      through.push_back(std::move(one));
      continue;
    }
    const auto obstacle = parts_.balances.obstacle(one.payout);
    deferral.reason = obstacle->kind;
    deferral.text = obstacle->text;
    deferred.push_back(one.payout.id);
    ++by_currency[one.payout.money.currency];
  }
  if (deferred.empty()) co_return through;
  for (const auto& [currency, count] : by_currency)
    parts_.observer.balance_deferred(provider, currency, count);
  try {
    co_await parts_.pool.transact(
        [deferred, deferral, host = parts_.heart.host().incarnation](pqxx::transaction_base& work) {
          store::defer(work, host, deferred, deferral);
        });
  } catch (const store::StoreError&) {
    // What this cannot give back is found again as forgotten.
  }
  co_return through;
}

// What this cannot give back is found again as forgotten.
Awaitable<void> Dispatcher::give_back(std::vector<store::Claimed> claimed) {
  std::vector<std::string> ids;
  for (const store::Claimed& one : claimed) ids.push_back(one.payout.id);
  try {
    co_await parts_.pool.transact([ids, host = parts_.heart.host().incarnation](
                                      pqxx::transaction_base& work) { store::release(work, host, ids); });
  } catch (const store::StoreError&) {
  }
}

Awaitable<void> Dispatcher::question_loop(providers::ProviderHandle* handle, Desk* desk) {
  const std::string name = "questions of " + handle->name();
  while (!stopping_) {
    parts_.loops.pace().works(name);
    const int room = question_limit(handle->contract(), options_.max_in_hand) - desk->asking;
    std::size_t claimed = 0;
    std::string failure;
    try {
      if (handle->ready() && parts_.heart.fresh() && !parts_.heart.writes_stopped() &&
          parts_.heart.claims()) {
        claimed = co_await claim_questions(handle, desk);
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) trouble(name, failure);
    parts_.loops.pace().rests(name, std::max(options_.tick, kCompany));
    if (claimed == 0) {
      co_await desk->questions.wait(
          parts_.rates.until_room(*handle, ProviderRates::Kind::query, options_.tick));
    } else if (static_cast<int>(claimed) < room) {
      co_await parts_.loops.pause(kCompany);
    }
  }
}

Awaitable<std::size_t> Dispatcher::claim_questions(providers::ProviderHandle* handle, Desk* desk) {
  const int limit = question_limit(handle->contract(), options_.max_in_hand);
  const int room = limit - desk->asking;
  if (room < 1 || (desk->asking > 0 && room < limit / 4)) co_return 0;
  const int may_begin = parts_.rates.room(*handle, ProviderRates::Kind::query, room);
  if (may_begin < 1) co_return 0;
  std::vector<ProviderRates::Place> places =
      parts_.rates.promise(*handle, ProviderRates::Kind::query, may_begin);
  // What is unknown comes before what is merely under way, and that before what is only watched.
  std::vector<store::Claimed> claimed =
      co_await claim(handle, {State::unknown, State::sent, State::confirmed}, may_begin, &desk->asking);
  places.resize(claimed.size());
  for (std::size_t i = 0; i < claimed.size(); ++i)
    begin(Task::resolve, std::move(claimed[i]), desk, {}, std::move(places[i]));
  co_return claimed.size();
}

void Dispatcher::begin(Task task, store::Claimed claimed, Desk* desk, Ruling ruling,
                       ProviderRates::Place place) {
  in_hand_.insert(claimed.payout.id);
  std::string name = "payout " + claimed.payout.id;
  spawn(work(task, std::move(claimed), desk, std::move(ruling), std::move(place)), std::move(name));
}

Awaitable<void> Dispatcher::work(Task task, store::Claimed claimed, Desk* desk, Ruling ruling,
                                 ProviderRates::Place place) {
  const std::string id = claimed.payout.id;
  std::string failure;
  try {
    switch (task) {
      case Task::pay: {
        if (ruling.kind == Ruling::Kind::pay) {
          co_await parts_.life.pay(std::move(claimed), std::move(place));
        } else if (ruling.kind == Ruling::Kind::defer) {
          co_await parts_.life.release(id, kDeferredPause);
        } else {
          co_await parts_.life.screened_out(std::move(claimed), std::move(ruling));
        }
        break;
      }
      case Task::resolve:
        co_await parts_.life.resolve(std::move(claimed), std::move(place));
        break;
      case Task::recover: {
        const bool here = claimed.attempt && predecessors_.contains(claimed.attempt->host);
        co_await parts_.life.recover(std::move(claimed), here);
        break;
      }
    }
  } catch (const std::exception& error) {
    failure = error.what();
  }
  // Whatever went wrong, the lease is still in the database: find_forgotten() picks the payout up again.
  if (!failure.empty()) trouble("payout " + id, failure);
  in_hand_.erase(id);
  if (task == Task::pay) parts_.balances.leave(id, failure.empty());
  if (desk != nullptr && task == Task::pay) {
    --desk->paying;
    desk->payments.notify();
  } else if (desk != nullptr && task == Task::resolve) {
    --desk->asking;
    desk->questions.notify();
    desk->payments.notify();  // a lane may be free again
  }
  if (in_hand_.empty()) idle_.notify();
}

Awaitable<void> Dispatcher::take_over(store::TakeOverRequest request) {
  for (;;) {
    auto claimed = co_await parts_.pool.transact(
        [request](pqxx::transaction_base& work) { return store::take_over(work, request); });
    if (!claimed.empty()) {
      parts_.observer.log(LogLevel::warning, "engine.leases_taken_over",
                          "Payouts of a host that is gone are taken over.", {{"count", claimed.size()}});
    }
    for (auto& one : claimed) begin(Task::recover, std::move(one), nullptr);
    if (static_cast<int>(claimed.size()) < request.limit) co_return;
  }
}

Awaitable<void> Dispatcher::find_forgotten() {
  const auto in_hand_before = in_hand_;  // what is finished meanwhile is not forgotten
  auto mine =
      co_await parts_.pool.transact([host = parts_.heart.host().incarnation](pqxx::transaction_base& work) {
        return store::own_leases(work, host, kClaimedBeforeMs, kJournaledBeforeMs);
      });
  for (auto& one : mine) {
    if (in_hand_.contains(one.payout.id) || in_hand_before.contains(one.payout.id)) continue;
    parts_.observer.log(LogLevel::warning, "engine.lease_forgotten",
                        "A lease of this host that nobody works on is picked up.",
                        {{"payout", one.payout.id}, {"state", core::to_string(one.payout.state)}});
    begin(Task::recover, std::move(one), nullptr);
  }
}

Awaitable<void> Dispatcher::recovery_loop() {
  constexpr milliseconds kEvery{1'000};
  for (int round = 0; !stopping_; ++round) {
    parts_.loops.pace().rests("recovery", kEvery);
    co_await parts_.loops.pause(kEvery);
    parts_.loops.pace().works("recovery");
    std::string failure;
    try {
      if (parts_.heart.writes_stopped() || !parts_.heart.fresh()) continue;
      if (parts_.heart.may_reap() && parts_.heart.claims()) {
        store::TakeOverRequest request;
        request.host = parts_.heart.host().incarnation;
        request.reap = true;
        co_await take_over(std::move(request));
      }
      // While submits wait for what a database forgot to be settled, every second counts.
      if (round % 5 == 4 || !parts_.heart.history_trusted()) co_await find_forgotten();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) trouble("recovery", failure);
  }
}

Awaitable<bool> Dispatcher::drain(milliseconds limit) {
  stopping_ = true;
  parts_.life.stop_submitting();
  wake_payments();
  wake_questions();
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!is_idle() && std::chrono::steady_clock::now() < until) co_await idle_.wait(milliseconds{100});
  co_return is_idle();
}

// What is being claimed or screened is in nobody's hand yet, and would keep its lease.
bool Dispatcher::is_idle() const {
  return in_hand_.empty() && std::ranges::all_of(desks_, [](const auto& desk) {
           return desk.second->paying == 0 && desk.second->asking == 0;
         });
}

void Dispatcher::wake_payments() {
  for (auto& [name, desk] : desks_) desk->payments.notify();
}

void Dispatcher::wake_questions() {
  for (auto& [name, desk] : desks_) desk->questions.notify();
}

}  // namespace payoutd::engine
