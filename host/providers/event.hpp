#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <list>
#include <memory>
#include <payoutd/awaitable.hpp>

namespace payoutd::providers {

/// Wakes coroutines of one thread: whoever waits when notify() comes goes on. Keeps no memory: look at the
/// condition first, wait, look again. It may go before its waiters do: those are woken by nobody any more.
class Event {
 public:
  explicit Event(boost::asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void notify() {
    for (auto* timer : *waiting_) timer->cancel();
  }

  /// Until notified or `until`; throws if the coroutine is cancelled.
  Awaitable<void> wait_until(std::chrono::steady_clock::time_point until) {
    boost::asio::steady_timer timer(executor_, until);
    const Place place(waiting_, timer);
    boost::system::error_code woken;
    co_await timer.async_wait(boost::asio::redirect_error(boost::asio::use_awaitable, woken));
  }
  Awaitable<void> wait_for(std::chrono::milliseconds limit) {
    return wait_until(std::chrono::steady_clock::now() + limit);
  }

 private:
  using Waiting = std::list<boost::asio::steady_timer*>;
  struct Place {
    Place(std::shared_ptr<Waiting> list, boost::asio::steady_timer& timer)
        : list_(std::move(list)), at_(list_->insert(list_->end(), &timer)) {}
    ~Place() { list_->erase(at_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    std::shared_ptr<Waiting> list_;
    Waiting::iterator at_;
  };

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Waiting> waiting_ = std::make_shared<Waiting>();
};

}  // namespace payoutd::providers
