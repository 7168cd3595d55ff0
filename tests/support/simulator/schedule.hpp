#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <vector>

namespace simulator {

/// What happens later: one timer over a heap, so that a hundred thousand transfers under way cost one timer.
/// Runs on the io_context's single thread; work that is due at the same time runs in the order of its
/// scheduling.
class Schedule {
 public:
  using Work = std::function<void()>;

  explicit Schedule(boost::asio::io_context& context) : timer_(context) {}

  void after(std::chrono::milliseconds delay, Work work);

  /// Forgets everything that has not happened yet.
  void clear();

  std::size_t size() const { return heap_.size(); }

 private:
  struct Item {
    std::chrono::steady_clock::time_point due;
    std::uint64_t sequence;
    Work work;
  };
  static bool later(const Item& left, const Item& right);

  void arm();
  void run_due();

  boost::asio::steady_timer timer_;
  std::vector<Item> heap_;
  std::uint64_t next_sequence_ = 0;
};

}  // namespace simulator
