#include "ctl/load_sender.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <future>
#include <thread>

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr milliseconds kProgress{100};

}  // namespace

std::int64_t LoadPosted::failed() const {
  std::int64_t sum = 0;
  for (const auto& [code, count] : errors) sum += count;
  return sum;
}

void LoadPosted::add(LoadPosted other) {
  requests += other.requests;
  admission.add(other.admission);
  for (const auto& [code, count] : other.errors) errors[code] += count;
  ids.insert(ids.end(), std::make_move_iterator(other.ids.begin()), std::make_move_iterator(other.ids.end()));
  latest_start = std::max(latest_start, other.latest_start);
}

LoadPosted LoadSender::run(const std::function<bool()>& stopped, const std::function<void()>& progress) {
  // A little later, so that the first requests are not late for the threads' own sake.
  const auto start = Clock::now() + milliseconds{50};
  std::vector<std::future<LoadPosted>> workers;
  for (int i = 0; i < plan_.connections; ++i)
    workers.push_back(std::async(std::launch::async, [this, start] { return work(start); }));
  LoadPosted posted;
  for (std::future<LoadPosted>& worker : workers) {
    while (worker.wait_for(kProgress) != std::future_status::ready) {
      if (stopped()) stopped_ = true;
      progress();
    }
    posted.add(worker.get());
  }
  posted.took = duration_cast<microseconds>(Clock::now() - start);
  return posted;
}

LoadPosted LoadSender::work(Clock::time_point start) {
  LoadApi api(where_);
  LoadPosted posted;
  const std::int64_t requests = (plan_.payouts + plan_.bulk - 1) / plan_.bulk;
  for (std::int64_t request = next_++; request < requests && !stopped_; request = next_++) {
    const auto due = time_of(request, start);
    while (Clock::now() < due && !stopped_)
      std::this_thread::sleep_until(std::min(due, Clock::now() + kProgress));
    if (stopped_) break;
    posted.latest_start = std::max(posted.latest_start, duration_cast<microseconds>(Clock::now() - due));
    const auto results = api.post(payouts_of(request));
    const auto latency = duration_cast<microseconds>(Clock::now() - due);
    ++posted.requests;
    for (const LoadApi::Posted& one : results) {
      if (one.id.empty()) {
        ++posted.errors[one.error];
        ++failed_;
      } else {
        posted.admission.add(latency);
        posted.ids.push_back(one.id);
        ++taken_;
      }
    }
  }
  return posted;
}

LoadSender::Clock::time_point LoadSender::time_of(std::int64_t request, Clock::time_point start) const {
  const double seconds = static_cast<double>(request * plan_.bulk) / plan_.per_second;
  return start + duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

json::array LoadSender::payouts_of(std::int64_t request) const {
  json::array payouts;
  const std::int64_t end = std::min(plan_.payouts, (request + 1) * plan_.bulk);
  for (std::int64_t n = request * plan_.bulk; n < end; ++n) {
    // The digits count up and begin again; a provider that takes no payee twice in a while needs enough of
    // them.
    std::string digits = std::to_string(n);
    const auto wanted = static_cast<std::size_t>(plan_.destination_digits);
    if (digits.size() > wanted) digits = digits.substr(digits.size() - wanted);
    digits.insert(0, wanted - digits.size(), '0');
    payouts.push_back(json::object{{"idempotency_key", plan_.key_prefix + std::to_string(n)},
                                   {"provider", plan_.provider},
                                   {"amount", plan_.amount},
                                   {"currency", plan_.currency},
                                   {"destination", plan_.destination_prefix + digits},
                                   {"batch", plan_.batch}});
  }
  return payouts;
}

}  // namespace payoutd::ctl
