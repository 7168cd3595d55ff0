#pragma once
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "schedule.hpp"
#include "stats.hpp"

namespace simulator {

struct Callback {
  std::string_view method;  // a literal: "PUT" or "POST"
  std::string url;
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers{};  // beside the usual ones
};

/// The host part of "http://host:port/path", without the port; empty when the address is none that can be
/// called.
std::string host_of_url(std::string_view url);

/// Delivers callbacks over a few keep-alive connections for each receiver. A try that gets no 2xx within two
/// seconds is repeated three times, later each time. Plain http only: the simulator lives on loopback. One
/// thread.
class Callbacks {
 public:
  Callbacks(boost::asio::io_context& context, Schedule& schedule, Stats& stats);
  ~Callbacks();
  Callbacks(const Callbacks&) = delete;
  Callbacks& operator=(const Callbacks&) = delete;

  void send(Callback callback);

  /// Forgets what was not sent yet.
  void clear();

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace simulator
