#include "schedule.hpp"

#include <algorithm>

namespace simulator {

bool Schedule::later(const Item& left, const Item& right) {
  return left.due != right.due ? left.due > right.due : left.sequence > right.sequence;
}

void Schedule::after(std::chrono::milliseconds delay, Work work) {
  const auto due = std::chrono::steady_clock::now() + delay;
  const bool first = heap_.empty() || due < heap_.front().due;
  heap_.push_back({due, next_sequence_++, std::move(work)});
  std::push_heap(heap_.begin(), heap_.end(), later);
  if (first) arm();
}

void Schedule::clear() {
  heap_.clear();
  timer_.cancel();
}

void Schedule::arm() {
  if (heap_.empty()) return;
  timer_.expires_at(heap_.front().due);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) run_due();
  });
}

void Schedule::run_due() {
  const auto until = std::chrono::steady_clock::now();
  while (!heap_.empty() && heap_.front().due <= until) {
    std::pop_heap(heap_.begin(), heap_.end(), later);
    auto work = std::move(heap_.back().work);
    heap_.pop_back();
    work();  // may schedule more, or clear everything
  }
  arm();
}

}  // namespace simulator
