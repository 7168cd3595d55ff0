#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <payoutd/awaitable.hpp>
#include <stdexcept>
#include <string>

#include "http/message.hpp"

namespace payoutd::http {

/// What answers requests. All functions run on the server's thread.
class Service {
 public:
  virtual ~Service() = default;

  struct Screening {
    std::optional<Response> refusal;  ///< answered without reading the body
    std::size_t body_limit = 0;       ///< bytes
  };
  /// Looks at a request's head before its body is read; may fill in what belongs to the router.
  virtual Screening screen(Request& head) = 0;
  /// Never throws.
  virtual Awaitable<Response> handle(Request request) = 0;
  /// Called once for every response that answers a request whose head could be read.
  virtual void answered(const Request& head, int status, std::chrono::nanoseconds duration) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";     ///< loopback, or empty for no TCP listener
  std::uint16_t port = 0;                ///< 0: any free one, see Server::port()
  std::filesystem::path control_socket;  ///< empty: none
  unsigned control_mode = 0600;
  std::size_t max_connections = 1000;  ///< of TCP; more are answered with 503
  std::size_t max_control_connections = 64;
  std::size_t header_limit = 16 * 1024;              ///< bytes of request line and headers
  std::size_t target_limit = 2048;                   ///< bytes of the URL
  std::chrono::milliseconds idle_timeout{60'000};    ///< between requests
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte to the end of the headers
  std::chrono::milliseconds body_timeout{60'000};
  std::chrono::milliseconds write_timeout{30'000};
};

/// The server cannot listen; what() names the place and the reason.
class ListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// HTTP/1.1 over loopback TCP and over the control socket, one coroutine a connection, on one thread.
class Server {
 public:
  /// Binds both places, or throws ListenError: an address that is not loopback, a port in use, a control
  /// socket that a living host uses. A socket file that a dead host left is replaced. Nothing is accepted
  /// before start().
  Server(boost::asio::any_io_executor executor, Service& service, ServerOptions options);
  /// The service must outlive what is in flight: await stop() first.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  /// Accepts nothing more, closes idle connections, lets requests in flight finish within `limit`, then cuts
  /// the rest. True if nothing had to be cut.
  Awaitable<bool> stop(std::chrono::milliseconds limit);

  std::uint16_t port() const;  ///< 0 without a TCP listener
  std::size_t connections() const;

 private:
  class Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace payoutd::http
