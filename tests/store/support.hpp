// What the tests of the store share: running a coroutine to its end, and waiting for a condition.
#pragma once
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <thread>

namespace payoutd::test {

using namespace std::chrono_literals;

// Runs the loop until the coroutine ends, and throws what it threw.
template <class Result>
Result run(boost::asio::io_context& io, boost::asio::awaitable<Result> coroutine) {
  std::exception_ptr error;
  bool done = false;
  if constexpr (std::is_void_v<Result>) {
    boost::asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr e) {
      error = e;
      done = true;
    });
    io.restart();
    while (!done && io.run_one() > 0) {
    }
    if (error) std::rethrow_exception(error);
  } else {
    std::optional<Result> result;
    boost::asio::co_spawn(io, std::move(coroutine), [&](std::exception_ptr e, Result value) {
      error = e;
      if (!e) result.emplace(std::move(value));
      done = true;
    });
    io.restart();
    while (!done && io.run_one() > 0) {
    }
    if (error) std::rethrow_exception(error);
    return std::move(*result);
  }
}

// Runs the loop until the condition holds; false after the limit.
inline bool run_until(boost::asio::io_context& io, const std::function<bool()>& condition,
                      std::chrono::milliseconds limit = 20'000ms) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  io.restart();
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    if (io.run_for(2ms) == 0) std::this_thread::sleep_for(1ms);
    io.restart();
  }
  return true;
}

inline bool wait_until(const std::function<bool()>& condition, std::chrono::milliseconds limit = 20'000ms) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(2ms);
  }
  return true;
}

}  // namespace payoutd::test
