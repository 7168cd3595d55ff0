#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <payoutd/awaitable.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "http/message.hpp"

namespace payoutd::http {

/// What answers requests. All functions run on the server's thread.
class Service {
 public:
  virtual ~Service() = default;

  struct Screening {
    std::optional<Response> refusal;  ///< answered without reading the body
    std::size_t body_limit = 0;       ///< bytes
    Pairs headers{};                  ///< that belong to the answer, whatever it is
  };
  /// Looks at a request's head before its body is read; may fill in what belongs to the router.
  virtual Screening screen(Request& head) = 0;
  /// Never throws.
  virtual Awaitable<Response> handle(Request request) = 0;
  /// A connection was turned away because there are too many, of its address or in all, or an older one was
  /// ended to give it its place.
  virtual void turned_away() {}
  /// Called once for every response to a request; of one whose head could not be read, `head` says nothing.
  virtual void answered(const Request& head, int status, std::chrono::nanoseconds duration) = 0;
};

struct ServerOptions {
  std::string address = "127.0.0.1";     ///< empty for no TCP listener
  std::string setting = "http.listen";   ///< which setting the address is, for errors
  bool beyond_loopback = false;          ///< accept other addresses too: the service asks who is there
  std::uint16_t port = 0;                ///< 0: any free one, see Server::port()
  std::filesystem::path control_socket;  ///< empty: none
  unsigned control_mode = 0600;
  /// Of TCP. When there are more, the longest silent one gives way; if all are being answered, the new one is
  /// told 503.
  std::size_t max_connections = 1000;
  std::size_t max_connections_per_address = 0;  ///< of one address, or one /64 of IPv6; 0: without limit
  std::vector<std::string> trusted_proxies{};   ///< are not counted by address
  std::size_t max_control_connections = 64;
  std::filesystem::path tls_certificate{};           ///< PEM; empty: plain HTTP
  std::filesystem::path tls_key{};                   ///< PEM
  std::size_t header_limit = 16 * 1024;              ///< bytes of request line and headers
  std::size_t target_limit = 2048;                   ///< bytes of the URL
  std::chrono::milliseconds idle_timeout{60'000};    ///< between requests
  std::chrono::milliseconds first_timeout{10'000};   ///< from connecting to the first byte, TLS included
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte to the end of the headers
  std::chrono::milliseconds body_timeout{60'000};    ///< of the whole body
  std::chrono::milliseconds body_grace{10'000};      ///< after which a body must have come at this rate
  std::size_t body_rate = 1024;                      ///< bytes a second; 0: no such rule
  std::chrono::milliseconds write_timeout{30'000};
};

/// The server cannot listen; what() names the place and the reason.
class ListenError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// HTTP/1.1 over TCP (with TLS, if there is a certificate) and over the control socket, one coroutine a
/// connection, on one thread.
class Server {
 public:
  /// Binds both places, or throws ListenError: an address that is not loopback where it must be, a port in
  /// use, a certificate that cannot be read, a control socket that a living host uses. A socket file that a
  /// dead host left is replaced. Nothing is accepted before start().
  Server(boost::asio::any_io_executor executor, Service& service, ServerOptions options);
  /// The service must outlive what is in flight: await stop() first.
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void start();
  /// Accepts nothing more, closes idle connections, lets requests in flight finish within `limit`, then cuts
  /// the rest. True if nothing had to be cut.
  Awaitable<bool> stop(std::chrono::milliseconds limit);

  /// Reads certificate and key again, for connections from now on. Throws ListenError, and goes on with the
  /// old ones then.
  void reload_tls();

  std::uint16_t port() const;  ///< 0 without a TCP listener
  std::size_t connections() const;

 private:
  class Implementation;
  std::shared_ptr<Implementation> implementation_;
};

}  // namespace payoutd::http
