#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <payoutd/awaitable.hpp>
#include <string>

#include "engine/observer.hpp"

namespace payoutd::engine {

/// Runs a task beside the caller. An exception that leaves it is logged under `name`: none is ever lost.
void spawn(boost::asio::any_io_executor executor, Awaitable<void> task, Observer& observer, std::string name);

void report_failed_task(Observer& observer, const std::string& name, const std::string& what);

}  // namespace payoutd::engine
