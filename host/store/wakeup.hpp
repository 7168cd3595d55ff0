// One coroutine waits, one later call on the host thread wakes it.
#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>

namespace payoutd::store::detail {

// Host thread only. The waiting coroutine's frame must not own the Wakeup: the Wakeup owns the frame while
// it waits, so that destroying the one destroys the other.
class Wakeup {
 public:
  // Returns at once if wake() was called already.
  boost::asio::awaitable<void> wait();

  // Resumes the waiting coroutine inside this call.
  void wake();

  // Destroys the waiting coroutine without resuming it: the host is going down.
  void abandon();

 private:
  using Handler = boost::asio::async_result<boost::asio::use_awaitable_t<>, void()>::handler_type;
  std::optional<Handler> handler_;
  std::optional<boost::asio::executor_work_guard<boost::asio::any_io_executor>> work_;
  bool woken_ = false;
};

}  // namespace payoutd::store::detail
