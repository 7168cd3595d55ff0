#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>

namespace payoutd::core {

/// Wakes coroutines of one thread. A notification with nobody waiting is kept for the next who waits.
class Signal {
 public:
  explicit Signal(boost::asio::any_io_executor executor) : timer_(executor) {}

  void notify() {
    pending_ = true;
    timer_.cancel();
  }

  /// Returns at the next notification, or after `limit`.
  boost::asio::awaitable<void> wait(std::chrono::milliseconds limit) {
    if (!pending_) {
      timer_.expires_after(limit);
      boost::system::error_code ignored;
      co_await timer_.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, ignored));
    }
    pending_ = false;
  }

 private:
  boost::asio::steady_timer timer_;
  bool pending_ = false;
};

}  // namespace payoutd::core
