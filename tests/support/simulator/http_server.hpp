#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "http_message.hpp"
#include "stats.hpp"

namespace simulator {

/// An HTTP/1.1 server with keep-alive on one loopback address. It reads a request, lets the service answer it
/// at once, and delivers the answer in whatever way it asks for. One thread: the one that runs the
/// io_context, which must outlive the server; the service and the counters too.
class HttpServer {
 public:
  /// `port` 0 takes any free one. Throws boost::system::system_error when it cannot listen.
  HttpServer(boost::asio::io_context& context, Service& service, Stats& stats, std::string address,
             std::uint16_t port);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  std::string url() const;

  /// Closes the listening socket for a while (none: until `listen_again`), so that connects are refused. Idle
  /// connections close at once, busy ones after the answer that they are working on.
  void refuse_connections(std::optional<std::chrono::milliseconds> duration);
  void listen_again();
  bool listening() const;

  void close_idle_connections();
  std::size_t open_connections() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace simulator
