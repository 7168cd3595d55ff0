#pragma once
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <memory>

namespace payoutd::http {

/// A connected socket, plain or with TLS over it, for Asio's and Beast's reading and writing. TCP and unix
/// sockets alike, so that what works on it is compiled once.
class Stream {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;
  using executor_type = Socket::executor_type;

  explicit Stream(Socket socket) : socket_(std::make_unique<Socket>(std::move(socket))) {}
  /// The handshake is still to be done.
  Stream(Socket socket, std::shared_ptr<boost::asio::ssl::context> tls)
      : socket_(std::make_unique<Socket>(std::move(socket))), context_(std::move(tls)) {
    tls_ = std::make_unique<Tls>(*socket_, *context_);
  }

  executor_type get_executor() { return socket_->get_executor(); }
  Socket& socket() { return *socket_; }
  bool has_tls() const { return tls_ != nullptr; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
    return socket_->async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
    return socket_->async_write_some(buffers, std::forward<Token>(token));
  }
  template <class Token>
  auto async_handshake(Token&& token) {
    return tls_->async_handshake(boost::asio::ssl::stream_base::server, std::forward<Token>(token));
  }
  /// Says goodbye in TLS; the socket stays open.
  template <class Token>
  auto async_shutdown(Token&& token) {
    return tls_->async_shutdown(std::forward<Token>(token));
  }

 private:
  using Tls = boost::asio::ssl::stream<Socket&>;
  std::unique_ptr<Socket> socket_;  ///< stays where it is when this is moved: TLS refers to it
  std::shared_ptr<boost::asio::ssl::context> context_;  ///< outlives what was made with it
  std::unique_ptr<Tls> tls_;
};

}  // namespace payoutd::http
