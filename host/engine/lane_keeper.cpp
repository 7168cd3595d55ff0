#include "engine/lane_keeper.hpp"

#include <boost/json.hpp>

#include "engine/task.hpp"

namespace payoutd::engine {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{250};
constexpr milliseconds kInterval{15'000};
constexpr milliseconds kFirstRetry{2'000};
constexpr int kMostAtOnce = 8;

milliseconds pause_after(int failures) {
  return std::min(kFirstRetry * (1 << std::min(failures, 7)), milliseconds{std::chrono::minutes{5}});
}

}  // namespace

bool LaneKeeper::known(const providers::ProviderHandle& handle) const {
  const auto found = known_.find(handle.name());
  return found != known_.end() && found->second == handle.lanes();
}

Awaitable<void> LaneKeeper::run(std::vector<std::string> predecessors) {
  predecessors_ = std::move(predecessors);
  int round = 0;
  while (!stopping_) {
    for (providers::ProviderHandle* handle : parts_.providers()) {
      if (!parts_.life.may_submit(*handle) || !parts_.heart.claims() || handle->lanes().empty()) continue;
      std::string failure;
      try {
        if (round++ % 8 == 0) co_await free_lanes_of_the_dead();
        co_await look_after(handle);
      } catch (const std::exception& error) {
        failure = error.what();
      }
      if (!failure.empty()) report_failed_task(parts_.observer, "lanes of " + handle->name(), failure);
    }
    co_await wake_.wait(kTick);
  }
}

Awaitable<void> LaneKeeper::free_lanes_of_the_dead() {
  const bool reap = parts_.heart.may_reap();
  co_await parts_.pool.transact(
      [host = parts_.heart.host().incarnation, dead = predecessors_, reap](pqxx::transaction_base& work) {
        store::free_lanes_of_the_dead(work, host, dead, reap);
      });
}

Awaitable<void> LaneKeeper::look_after(providers::ProviderHandle* handle) {
  const std::string name = handle->name();
  const std::vector<std::string> lanes = handle->lanes();
  if (!known(*handle)) {
    co_await parts_.pool.transact(
        [name, lanes](pqxx::transaction_base& work) { store::keep_lanes(work, name, lanes); });
    known_[name] = lanes;
    parts_.on_free();
  }
  while (!stopping_ && under_way_ < kMostAtOnce) {
    auto lane = co_await parts_.pool.transact(
        [host = parts_.heart.host().incarnation, name, lanes](pqxx::transaction_base& work) {
          return store::claim_lane(work, host, name, lanes);
        });
    if (!lane) co_return;
    ++under_way_;
    const std::string task = "upkeep of lane " + lane->name;
    spawn(parts_.executor, upkeep(handle, *std::move(lane)), parts_.observer, task);
  }
}

Awaitable<void> LaneKeeper::upkeep(providers::ProviderHandle* handle, store::LaneRow lane) {
  store::LaneUpkeep done{lane.provider, lane.name, {}, {}, kInterval};
  try {
    const Lane kept = co_await handle->maintain({lane.name, boost::json::parse(lane.state).as_object()});
    done.state = boost::json::serialize(kept.state);
  } catch (const std::exception& failure) {
    done.error = failure.what();
    done.next_in = pause_after(lane.failures);
  }
  if (!done.error.empty() && lane.failures == 0) {
    parts_.observer.log(LogLevel::warning, "engine.lane_upkeep_failed",
                        "A paying account could not be looked after; it is tried again.",
                        {{"provider", lane.provider}, {"lane", lane.name}, {"error", done.error}});
  }
  std::string failure;
  try {
    co_await parts_.pool.transact(
        [host = parts_.heart.host().incarnation, done](pqxx::transaction_base& work) {
          store::release_lane(work, host, done);
        });
  } catch (const std::exception& error) {
    failure = error.what();  // the lane stays leased; it is freed when this host starts anew or is found dead
  }
  if (--under_way_ == 0) idle_.notify();
  if (!failure.empty()) report_failed_task(parts_.observer, "upkeep of lane " + lane.name, failure);
  parts_.on_free();
}

Awaitable<bool> LaneKeeper::drain(milliseconds limit) {
  stopping_ = true;
  wake_.notify();
  const auto until = std::chrono::steady_clock::now() + limit;
  while (under_way_ > 0 && std::chrono::steady_clock::now() < until) co_await idle_.wait(milliseconds{100});
  co_return under_way_ == 0;
}

}  // namespace payoutd::engine
