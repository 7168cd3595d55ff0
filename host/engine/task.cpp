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

}  // namespace payoutd::engine
