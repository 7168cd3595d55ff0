#include "engine/task.hpp"

#include <boost/asio/co_spawn.hpp>

namespace payoutd::engine {

void report_failed_task(Observer& observer, const std::string& name, const std::string& what) {
  observer.log(LogLevel::error, "engine.task_failed", "A task of the engine ended with an error.",
               {{"task", name}, {"error", what}});
}

void spawn(boost::asio::any_io_executor executor, Awaitable<void> task, Observer& observer,
           std::string name) {
  boost::asio::co_spawn(std::move(executor), std::move(task),
                        [&observer, name = std::move(name)](std::exception_ptr error) {
                          if (!error) return;
                          try {
                            std::rethrow_exception(error);
                          } catch (const std::exception& failure) {
                            report_failed_task(observer, name, failure.what());
                          }
                        });
}

void Loops::spawn(Awaitable<void> loop, std::string name) {
  ++running_;
  engine::spawn(executor_, run(std::move(loop), name), observer_, name);
}

Awaitable<void> Loops::run(Awaitable<void> loop, std::string name) {
  std::string failure;
  try {
    co_await std::move(loop);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (failure.empty()) {
    pace_.ended(name);
  } else {
    pace_.rests(name, {});  // it is missed from now on: without it the host is not whole
    report_failed_task(observer_, name, failure);
  }
  if (--running_ == 0) ended_.notify();
}

Awaitable<void> Loops::pause(std::chrono::milliseconds time) {
  if (!stopped_) co_await pauses_.wait_for(time);
}

void Loops::stop() {
  stopped_ = true;
  pauses_.notify();
}

Awaitable<bool> Loops::ended(std::chrono::milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (running_ > 0 && std::chrono::steady_clock::now() < until) co_await ended_.wait_until(until);
  co_return running_ == 0;
}

}  // namespace payoutd::engine
