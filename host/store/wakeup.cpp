#include "store/wakeup.hpp"

namespace payoutd::store::detail {

boost::asio::awaitable<void> Wakeup::wait() {
  if (woken_) co_return;
  co_await boost::asio::async_initiate<const boost::asio::use_awaitable_t<>, void()>(
      [this](auto&& handler) {
        work_.emplace(handler.get_executor());
        handler_.emplace(std::forward<decltype(handler)>(handler));
      },
      boost::asio::use_awaitable);
}

void Wakeup::wake() {
  woken_ = true;
  if (!handler_) return;
  auto handler = std::move(*handler_);
  auto work = std::exchange(work_, std::nullopt);
  handler_.reset();
  std::move(handler)();
}

void Wakeup::abandon() {
  auto handler = std::exchange(handler_, std::nullopt);
  work_.reset();
}

}  // namespace payoutd::store::detail
