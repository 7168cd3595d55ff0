#include "http/server.hpp"

#include <sys/socket.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "core/ids.hpp"
#include "core/signal.hpp"
#include "http/client_address.hpp"
#include "http/control_socket.hpp"
#include "http/stream.hpp"
#include "http/tls.hpp"
#include "ops/log.hpp"

namespace payoutd::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Socket = Stream::Socket;
using Parser = beast::http::request_parser<beast::http::string_body>;

constexpr std::size_t kMostTurnedAway = 100;  ///< that are told so; the others are just closed
constexpr std::chrono::milliseconds kWatchInterval{100};
constexpr std::chrono::minutes kToldOfFullness{1};  ///< at most one line in the log in this time

auto into(error_code& ec) {
  return asio::redirect_error(asio::use_awaitable, ec);
}

asio::ip::tcp::endpoint listen_endpoint(const ServerOptions& options) {
  error_code ec;
  const auto address = asio::ip::make_address(options.address, ec);
  const std::string place =
      options.setting + " " + options.address + ":" + std::to_string(options.port) + ": ";
  if (ec) throw ListenError(place + "is not an IP address; use 127.0.0.1 or ::1");
  if (!address.is_loopback() && !options.beyond_loopback) {
    throw ListenError(place +
                      "only loopback addresses (127.0.0.1, ::1) are accepted while the API does not ask "
                      "anybody who they are. Set auth.required to true");
  }
  return {address, options.port};
}

std::string address_text(const asio::ip::tcp::endpoint& endpoint) {
  const auto address = endpoint.address();
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()).to_string();
  return address.to_string();
}

std::string head_of(const Response& response, std::string_view flow_id, bool keep_alive) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " ";
  head += reason_phrase(response.status);
  const auto add = [&head](std::string_view name, std::string_view value) {
    head.append("\r\n").append(name).append(": ").append(value);
  };
  add("Content-Type", response.content_type);
  if (response.stream) {
    add("Transfer-Encoding", "chunked");
    if (const std::string names = response.stream->trailer_names(); !names.empty()) add("Trailer", names);
  } else {
    add("Content-Length", std::to_string(response.body.size()));
  }
  add("X-Request-Id", flow_id);
  add("Cache-Control", "no-store");
  add("X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : response.headers) add(name, value);
  if (!keep_alive) add("Connection", "close");
  return head += "\r\n\r\n";
}

void render_error(Response& response, std::string_view flow_id) {
  if (!response.error) return;
  response.content_type = "application/json";
  response.body = boost::json::serialize(error_json(*response.error, flow_id));
  response.body += '\n';
}

Response refuse_head(error_code ec, bool request_line_complete, const ServerOptions& options) {
  using beast::http::error;
  if (ec == error::header_limit || ec == error::buffer_overflow) {
    if (!request_line_complete) {
      return refuse(414, "URL_TOO_LONG",
                    "The URL is longer than " + std::to_string(options.target_limit) + " bytes.");
    }
    return refuse(431, "HEADERS_TOO_LARGE",
                  "The headers are larger than " + std::to_string(options.header_limit) + " bytes.");
  }
  if (ec == error::bad_version)
    return refuse(505, "HTTP_VERSION", "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  if (ec == error::bad_content_length || ec == error::bad_transfer_encoding ||
      ec == error::multiple_content_length) {
    return refuse(400, "BAD_REQUEST", "The length of the body is not stated in one clear way.");
  }
  return refuse(400, "BAD_REQUEST", "The request's head is not well-formed HTTP (" + ec.message() + ").");
}

// A proxy may send the whole URL, whose authority goes before the Host header (RFC 9112, 3.2.2).
void take_origin_form(Request& request) {
  const std::string_view target = request.target;
  std::size_t begin = 0;
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (beast::iequals(target.substr(0, scheme.size()), scheme)) begin = scheme.size();
  }
  if (begin == 0) return;
  const auto end = std::min(target.find_first_of("/?#", begin), target.size());
  const std::string authority(target.substr(begin, end - begin));
  // Neither an empty host nor a user's name is taken (RFC 9110, 4.2.1 and 4.2.4).
  if (authority.empty() || authority.find('@') != std::string::npos) return;
  std::string rest(target.substr(end));
  if (!rest.starts_with('/')) rest.insert(0, 1, '/');
  request.target = std::move(rest);
  std::erase_if(request.headers, [](const auto& header) { return header.first == "host"; });
  request.headers.emplace_back("host", authority);
}

// What is not exactly one `chunked` leaves open where the request ends, and with it whose the next bytes are
// (RFC 9112, 6.1 and 6.3; no coding but chunked is understood here, and HTTP/1.0 knows none).
bool is_body_clear(const Request& request) {
  const std::size_t codings = request.count("transfer-encoding");
  if (codings == 0) return true;
  return codings == 1 && request.version == 11 && request.count("content-length") == 0 &&
         beast::iequals(request.header("transfer-encoding"), "chunked");
}

Request request_from(const beast::http::request<beast::http::string_body>& message, Peer peer) {
  Request request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.version = static_cast<int>(message.version());
  request.peer = std::move(peer);
  for (const auto& field : message) {
    std::string name(field.name_string());
    for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    request.headers.emplace_back(std::move(name), std::string(field.value()));
  }
  request.flow_id = flow_id_of(request);
  request.trace = trace_of(request);
  return request;
}

}  // namespace

/// Shared by the coroutines, so that none outlives what it works on.
class Server::Implementation : public std::enable_shared_from_this<Implementation> {
 public:
  Implementation(asio::any_io_executor executor, Service& service, ServerOptions options)
      : executor_(std::move(executor)),
        service_(service),
        options_(std::move(options)),
        acceptor_(executor_),
        control_acceptor_(executor_),
        proxies_(options_.trusted_proxies),
        changed_(executor_) {
    reload_tls();
    if (!options_.address.empty()) listen_tcp();
    if (!options_.control_socket.empty()) {
      control_.emplace(options_.control_socket, options_.control_mode);
      control_acceptor_.assign(asio::local::stream_protocol(), control_->release_descriptor());
    }
  }

  void start() {
    const auto self = shared_from_this();
    if (acceptor_.is_open()) spawn(accept_tcp(self), "accept");
    if (control_acceptor_.is_open()) spawn(accept_control(self), "accept_control");
    spawn(watch_deadlines(self), "watch_deadlines");
  }

  void close() {
    stopping_ = true;
    error_code ignored;
    acceptor_.close(ignored);
    control_acceptor_.close(ignored);
    control_.reset();
    for (Connection* connection : connections_) {
      if (!connection->busy) connection->cancel();
    }
  }

  void cut() {
    for (Connection* connection : connections_) {
      connection->cut = true;
      connection->cancel();
    }
  }

  void reload_tls() {
    if (!options_.tls_certificate.empty()) tls_ = load_tls(options_.tls_certificate, options_.tls_key);
  }

  Awaitable<bool> stop(std::chrono::milliseconds limit);

  std::uint16_t port() const {
    error_code ec;
    const auto endpoint = acceptor_.local_endpoint(ec);
    return ec ? std::uint16_t{0} : endpoint.port();
  }
  std::size_t connections() const { return connections_.size(); }

 private:
  struct Connection {
    Connection(Implementation& owner, Stream connected, Peer who, std::size_t& count)
        : server(owner),
          stream(std::move(connected)),
          peer(std::move(who)),
          counted(counted_as(peer.address)),
          among(count) {
      server.connections_.insert(this);
      ++among;
      ++server.of_address_[counted];
    }
    ~Connection() {
      server.connections_.erase(this);
      if (!evicted) --among;
      const auto same = server.of_address_.find(counted);
      if (--same->second == 0) server.of_address_.erase(same);
      server.changed_.notify();
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void limit(std::chrono::milliseconds duration) {
      timed_out = false;
      deadline = Clock::now() + duration;
    }
    /// Ends it, and gives its place to another at once.
    void evict() {
      evicted = cut = true;
      --among;
      cancel();
    }
    void unlimited() { deadline = Clock::time_point::max(); }
    void cancel() {
      error_code ignored;
      stream.socket().cancel(ignored);
    }

    Implementation& server;
    Stream stream;
    Peer peer;
    std::string counted;  ///< the address, as connections are counted by it
    std::size_t& among;
    beast::flat_buffer buffer;
    Clock::time_point deadline = Clock::time_point::max();  ///< of the operation under way
    bool timed_out = false;
    bool busy = false;     ///< between the first byte of a request and the last of its response
    bool fresh = true;     ///< nothing came yet
    bool proven = false;   ///< the head of a request has come whole, and no other has begun since
    bool evicted = false;  ///< is not counted any more
    Clock::time_point since = Clock::now();  ///< it is as it is: unproven, or else idle
    bool cut = false;
  };
  using Self = std::shared_ptr<Implementation>;

  void listen_tcp();
  static Awaitable<void> accept_tcp(Self self);
  static Awaitable<void> accept_control(Self self);
  static Awaitable<void> pause_accepting(Self self, error_code why);
  static Awaitable<void> watch_deadlines(Self self);
  static Awaitable<void> serve(Self self, std::shared_ptr<Connection> connection);
  static Awaitable<void> turn_away(Self self, std::shared_ptr<Connection> connection);
  static Awaitable<bool> serve_one(Self self, std::shared_ptr<Connection> connection);
  static Awaitable<bool> refuse_unread(Self self, std::shared_ptr<Connection> connection, Response refusal,
                                       Clock::time_point began);
  static Awaitable<bool> read_body(Self self, std::shared_ptr<Connection> connection, Parser& parser,
                                   Request& request, std::size_t limit, Response& refusal);
  static Awaitable<bool> respond(Self self, std::shared_ptr<Connection> connection, const Request& request,
                                 Response response, bool keep_alive);
  static Awaitable<bool> send_parts(Self self, std::shared_ptr<Connection> connection,
                                    std::shared_ptr<BodyStream> stream, std::string flow_id);
  static Awaitable<void> linger(std::shared_ptr<Connection> connection);

  bool has_too_many(const Peer& peer) {
    if (peer.control || options_.max_connections_per_address == 0 || proxies_.contain(peer.address))
      return false;
    const auto same = of_address_.find(counted_as(peer.address));
    return same != of_address_.end() && same->second >= options_.max_connections_per_address;
  }

  // Whoever opens connections and says nothing, or says it a byte at a time, must not keep the others out;
  // nor whoever has once asked something, and holds the connection since. What is being answered stays.
  bool make_room() {
    Connection* unproven = nullptr;
    Connection* idle = nullptr;
    for (Connection* one : connections_) {
      if (&one->among != &tcp_count_ || one->cut || (one->proven && one->busy)) continue;
      Connection*& oldest = one->proven ? idle : unproven;
      if (oldest == nullptr || one->since < oldest->since) oldest = one;
    }
    Connection* const leaving = unproven != nullptr ? unproven : idle;
    if (leaving == nullptr) return false;
    leaving->evict();
    return true;
  }

  // Whoever fills the connections must not fill the log as well.
  void report_fullness(bool control, std::size_t most, bool evicted) {
    ++(evicted ? evicted_untold_ : refused_untold_);
    const auto now = Clock::now();
    if (now < tell_again_at_) return;
    tell_again_at_ = now + kToldOfFullness;
    log::warning("http.connections_full", "There are as many connections as may be; some had to go.",
                 {{"listener", control ? "control" : options_.setting},
                  {"limit", most},
                  {"evicted", std::exchange(evicted_untold_, 0)},
                  {"refused", std::exchange(refused_untold_, 0)}});
  }

  void admit(Socket socket, Peer peer) {
    std::size_t& count = peer.control ? control_count_ : tcp_count_;
    const std::size_t most = peer.control ? options_.max_control_connections : options_.max_connections;
    const bool too_many = has_too_many(peer);
    const bool full = !too_many && count >= most;
    if (too_many || full) service_.turned_away();
    if (full) report_fullness(peer.control, most, !peer.control && make_room());
    Stream stream = tls_ && !peer.control ? Stream(std::move(socket), tls_) : Stream(std::move(socket));
    if (count < most && !too_many) {
      const auto connection = std::make_shared<Connection>(*this, std::move(stream), std::move(peer), count);
      spawn(serve(shared_from_this(), connection), "serve");
    } else if (turned_away_count_ < kMostTurnedAway && !stream.has_tls()) {  // a handshake is not worth it
      const auto connection =
          std::make_shared<Connection>(*this, std::move(stream), std::move(peer), turned_away_count_);
      spawn(turn_away(shared_from_this(), connection), "turn_away");
    }
  }

  void spawn(Awaitable<void> task, const char* name) {
    asio::co_spawn(executor_, std::move(task), [name](std::exception_ptr error) {
      if (!error) return;
      try {
        std::rethrow_exception(error);
      } catch (const std::exception& failure) {
        log::error("http.task_failed", "A task of the HTTP server ended with an error.",
                   {{"task", name}, {"error", failure.what()}});
      }
    });
  }

  asio::any_io_executor executor_;
  Service& service_;
  ServerOptions options_;
  asio::ip::tcp::acceptor acceptor_;
  asio::local::stream_protocol::acceptor control_acceptor_;
  std::optional<ControlSocket> control_;
  std::shared_ptr<asio::ssl::context> tls_;  ///< for connections from now on
  TrustedProxies proxies_;
  std::unordered_set<Connection*> connections_;
  std::unordered_map<std::string, std::size_t> of_address_;
  std::size_t tcp_count_ = 0;
  std::size_t control_count_ = 0;
  std::size_t turned_away_count_ = 0;
  std::size_t evicted_untold_ = 0;  ///< since the log told of it
  std::size_t refused_untold_ = 0;
  Clock::time_point tell_again_at_{};
  core::Signal changed_;
  bool stopping_ = false;
};

void Server::Implementation::listen_tcp() {
  const auto endpoint = listen_endpoint(options_);
  const std::string place =
      options_.setting + " " + options_.address + ":" + std::to_string(options_.port) + ": ";
  error_code ec;
  acceptor_.open(endpoint.protocol(), ec);
  if (!ec) acceptor_.set_option(asio::socket_base::reuse_address(true), ec);
  if (!ec) acceptor_.bind(endpoint, ec);
  if (!ec) acceptor_.listen(asio::socket_base::max_listen_connections, ec);
  if (ec == asio::error::address_in_use) {
    throw ListenError(place +
                      "the port is in use by another program. Stop it (ss -ltnp shows which it is), or set " +
                      options_.setting + " to another port");
  }
  if (ec) throw ListenError(place + ec.message());
}

Awaitable<void> Server::Implementation::accept_tcp(Self self) {
  while (!self->stopping_) {
    error_code ec;
    asio::ip::tcp::socket socket = co_await self->acceptor_.async_accept(self->executor_, into(ec));
    if (self->stopping_ || ec == asio::error::operation_aborted) co_return;
    if (ec) {
      co_await pause_accepting(self, ec);
      continue;
    }
    socket.set_option(asio::ip::tcp::no_delay(true), ec);
    const auto remote = socket.remote_endpoint(ec);
    if (ec) continue;  // gone already
    self->admit(Socket(std::move(socket)),
                Peer{.control = false, .actor = "client:default", .address = address_text(remote)});
  }
}

Awaitable<void> Server::Implementation::accept_control(Self self) {
  while (!self->stopping_) {
    error_code ec;
    asio::local::stream_protocol::socket socket =
        co_await self->control_acceptor_.async_accept(self->executor_, into(ec));
    if (self->stopping_ || ec == asio::error::operation_aborted) co_return;
    if (ec) {
      co_await pause_accepting(self, ec);
      continue;
    }
    ucred credentials{};
    socklen_t length = sizeof(credentials);
    if (::getsockopt(socket.native_handle(), SOL_SOCKET, SO_PEERCRED, &credentials, &length) != 0) continue;
    self->admit(Socket(std::move(socket)), Peer{.control = true,
                                                .actor = "operator:" + user_name(credentials.uid),
                                                .roles = identity::Roles::all()});
  }
}

// Most likely there are no descriptors left: those that are served give some back.
Awaitable<void> Server::Implementation::pause_accepting(Self self, error_code why) {
  log::warning("http.accept_failed", "A connection could not be accepted; trying again.",
               {{"error", why.message()}});
  asio::steady_timer timer(self->executor_, std::chrono::milliseconds(100));
  error_code ignored;
  co_await timer.async_wait(into(ignored));
}

// One look at all connections ten times a second costs less than a timer for each operation, and leaves the
// socket open, so that whoever was too slow can be told so.
Awaitable<void> Server::Implementation::watch_deadlines(Self self) {
  asio::steady_timer timer(self->executor_);
  while (!self->stopping_ || !self->connections_.empty()) {
    timer.expires_after(kWatchInterval);
    error_code ignored;
    co_await timer.async_wait(into(ignored));
    const auto now = Clock::now();
    for (Connection* connection : self->connections_) {
      if (now < connection->deadline) continue;
      connection->timed_out = true;
      connection->cancel();
    }
  }
}

Awaitable<void> Server::Implementation::turn_away(Self self, std::shared_ptr<Connection> connection) {
  Response response = refuse(503, "TOO_MANY_CONNECTIONS", "The host serves as many connections as it may.");
  response.headers.emplace_back("Retry-After", "1");
  Request unread;
  unread.flow_id = core::random_uuid();
  co_await respond(self, connection, unread, std::move(response), false);
}

Awaitable<void> Server::Implementation::serve(Self self, std::shared_ptr<Connection> connection) {
  connection->buffer.max_size(self->options_.header_limit + 64 * 1024);
  if (connection->stream.has_tls()) {
    connection->limit(self->options_.first_timeout);
    error_code ec;
    co_await connection->stream.async_handshake(into(ec));
    if (ec) co_return;
  }
  bool open = true;
  while (open && !connection->cut) {
    if (connection->buffer.size() == 0) {
      if (self->stopping_) co_return;
      connection->limit(connection->fresh
                            ? std::min(self->options_.first_timeout, self->options_.idle_timeout)
                            : self->options_.idle_timeout);
      error_code ec;
      const std::size_t bytes =
          co_await connection->stream.async_read_some(connection->buffer.prepare(8 * 1024), into(ec));
      if (ec) co_return;
      connection->buffer.commit(bytes);
    }
    if (connection->proven) connection->since = Clock::now();
    connection->proven = false;
    connection->fresh = false;
    connection->busy = true;
    open = co_await serve_one(self, connection);
    connection->busy = false;
    connection->since = Clock::now();
  }
}

// Reads one request and answers it; true if the connection stays open.
Awaitable<bool> Server::Implementation::serve_one(Self self, std::shared_ptr<Connection> connection) {
  const ServerOptions& options = self->options_;
  const auto head_began = Clock::now();
  Parser parser;
  parser.header_limit(static_cast<std::uint32_t>(options.header_limit));
  parser.body_limit(boost::none);
  connection->limit(options.header_timeout);
  error_code ec;
  co_await beast::http::async_read_header(connection->stream, connection->buffer, parser, into(ec));
  if (ec && connection->cut) co_return false;
  if (ec == asio::error::operation_aborted && connection->timed_out) {
    co_return co_await refuse_unread(self, connection,
                                     refuse(408, "TIMEOUT", "The request's headers did not arrive in time."),
                                     head_began);
  }
  // What is no fault of HTTP's is the connection's end.
  const bool is_of_http = ec.category() == error_code(beast::http::error::bad_method).category();
  if (ec &&
      (!is_of_http || ec == beast::http::error::end_of_stream || ec == beast::http::error::partial_message)) {
    co_return false;
  }
  if (ec) {
    const bool complete = !parser.get().target().empty();
    co_return co_await refuse_unread(self, connection, refuse_head(ec, complete, options), head_began);
  }
  const auto began = Clock::now();
  connection->proven = true;
  Request request = request_from(parser.get(), connection->peer);
  request.has_body = parser.chunked() || parser.content_length().value_or(0) > 0;
  bool keep_alive = parser.keep_alive() && !self->stopping_;
  Service::Screening screening;
  if (request.target.size() > options.target_limit) {
    screening.refusal = refuse(414, "URL_TOO_LONG",
                               "The URL is longer than " + std::to_string(options.target_limit) + " bytes.");
  } else if (request.version == 11 && request.count("host") != 1) {
    screening.refusal = refuse(400, "BAD_REQUEST", "HTTP/1.1 asks for exactly one Host header.");
  } else if (!is_body_clear(request)) {
    keep_alive = false;
    screening.refusal =
        refuse(400, "BAD_REQUEST", "The only Transfer-Encoding understood is one `chunked` of HTTP/1.1.");
  } else {
    take_origin_form(request);
    screening = self->service_.screen(request);
  }
  Response response;
  const Pairs headers = std::move(screening.headers);
  if (screening.refusal) {
    response = std::move(*screening.refusal);
    keep_alive = keep_alive && !request.has_body;  // whoever has not read a body cannot find the next request
  } else if (request.has_body &&
             !co_await read_body(self, connection, parser, request, screening.body_limit, response)) {
    keep_alive = false;
  } else {
    connection->unlimited();
    const Request head{.method = request.method,
                       .target = request.target,
                       .version = request.version,
                       .peer = request.peer,
                       .flow_id = request.flow_id,
                       .trace = request.trace,
                       .route = request.route};
    response = co_await self->service_.handle(std::move(request));
    request = head;
  }
  if (response.stream && request.version < 11)
    response = refuse(505, "HTTP_VERSION", "This answer needs HTTP/1.1: it shows where it ends.");
  response.headers.insert(response.headers.end(), headers.begin(), headers.end());
  self->service_.answered(request, response.status, Clock::now() - began);
  co_return co_await respond(self, connection, request, std::move(response), keep_alive && !self->stopping_);
}

// Of a request whose head could not be read nothing is known but what it is answered.
Awaitable<bool> Server::Implementation::refuse_unread(Self self, std::shared_ptr<Connection> connection,
                                                      Response refusal, Clock::time_point began) {
  Request unread;
  unread.flow_id = core::random_uuid();
  self->service_.answered(unread, refusal.status, Clock::now() - began);
  co_await respond(self, connection, unread, std::move(refusal), false);
  co_return false;
}

Awaitable<bool> Server::Implementation::read_body(Self self, std::shared_ptr<Connection> connection,
                                                  Parser& parser, Request& request, std::size_t limit,
                                                  Response& refusal) {
  if (parser.content_length().value_or(0) > limit) {
    refusal = refuse(413, "BODY_TOO_LARGE", "The body is larger than " + std::to_string(limit) + " bytes.");
    co_return false;
  }
  parser.body_limit(limit);
  connection->limit(self->options_.body_timeout);
  error_code ec;
  if (const auto expect = request.header("expect"); !expect.empty()) {
    if (!beast::iequals(beast::string_view(expect.data(), expect.size()), "100-continue")) {
      refusal = refuse(417, "EXPECTATION_FAILED", "Only Expect: 100-continue is understood.");
      co_return false;
    }
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(connection->stream, asio::buffer(kContinue), into(ec));
  }
  // Whoever sends a byte now and then is cut off long before the body's own limit.
  const auto began = Clock::now();
  const auto last = began + self->options_.body_timeout;
  std::size_t received = 0;
  while (!ec && !parser.is_done()) {
    if (self->options_.body_rate > 0) {
      const auto earned = std::chrono::milliseconds(received * 1000 / self->options_.body_rate);
      connection->deadline = std::min(last, began + self->options_.body_grace + earned);
    }
    received +=
        co_await beast::http::async_read_some(connection->stream, connection->buffer, parser, into(ec));
  }
  if (!ec) {
    request.body = std::move(parser.get().body());
    co_return true;
  }
  if (ec == beast::http::error::body_limit) {
    refusal = refuse(413, "BODY_TOO_LARGE", "The body is larger than " + std::to_string(limit) + " bytes.");
  } else if (connection->timed_out) {
    refusal = refuse(408, "TIMEOUT", "The request's body did not arrive in time.");
  } else {
    refusal = refuse(400, "BAD_REQUEST",
                     "The request's body is not what its head announced (" + ec.message() + ").");
  }
  co_return false;
}

Awaitable<bool> Server::Implementation::respond(Self self, std::shared_ptr<Connection> connection,
                                                const Request& request, Response response, bool keep_alive) {
  render_error(response, request.flow_id);
  keep_alive = keep_alive && !response.close;
  const std::string head = head_of(response, request.flow_id, keep_alive);
  std::vector<asio::const_buffer> parts{asio::buffer(head)};
  if (request.method != "HEAD") parts.push_back(asio::buffer(response.body));
  connection->limit(self->options_.write_timeout);
  error_code ec;
  co_await asio::async_write(connection->stream, parts, into(ec));
  if (ec) co_return false;
  if (response.stream && request.method != "HEAD" &&
      !co_await send_parts(self, connection, response.stream, request.flow_id)) {
    co_return false;
  }
  if (!keep_alive) co_await linger(connection);
  co_return keep_alive;
}

// One part at a time: the next one is not made before the other side has taken the one before. Without the
// last chunk the other side knows that something is missing (RFC 9112, 8).
Awaitable<bool> Server::Implementation::send_parts(Self self, std::shared_ptr<Connection> connection,
                                                   std::shared_ptr<BodyStream> stream, std::string flow_id) {
  for (;;) {
    connection->unlimited();
    std::string part;
    std::string failure;
    try {
      part = co_await stream->next();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) {
      log::warning("http.answer_cut", "An answer could not be made to its end; its connection is cut.",
                   {{"flow_id", flow_id}, {"error", failure}});
      co_return false;
    }
    if (connection->cut) co_return false;
    std::string frame;
    if (part.empty()) {
      frame = "0\r\n";
      for (const auto& [name, value] : stream->trailers())
        frame.append(name).append(": ").append(value).append("\r\n");
      frame += "\r\n";
    } else {
      char size[32];
      std::snprintf(size, sizeof size, "%zx\r\n", part.size());
      frame = size;
    }
    const std::array<asio::const_buffer, 3> buffers{asio::buffer(frame), asio::buffer(part),
                                                    asio::buffer("\r\n", part.empty() ? 0 : 2)};
    connection->limit(self->options_.write_timeout);
    error_code ec;
    co_await asio::async_write(connection->stream, buffers, into(ec));
    if (ec) co_return false;
    if (part.empty()) co_return true;
  }
}

// Closing while the other side still sends would reset the connection and could destroy the answer on its
// way.
Awaitable<void> Server::Implementation::linger(std::shared_ptr<Connection> connection) {
  constexpr std::size_t kMost = 1024 * 1024;
  error_code ec;
  connection->limit(std::chrono::seconds(1));
  if (connection->stream.has_tls()) co_await connection->stream.async_shutdown(into(ec));
  connection->stream.socket().shutdown(asio::socket_base::shutdown_send, ec);
  connection->buffer.clear();
  connection->busy = false;
  connection->since = Clock::now();
  std::size_t total = 0;
  while (!ec && total < kMost && !connection->server.stopping_) {
    total +=
        co_await connection->stream.socket().async_read_some(connection->buffer.prepare(8 * 1024), into(ec));
  }
}

Awaitable<bool> Server::Implementation::stop(std::chrono::milliseconds limit) {
  close();
  const auto deadline = Clock::now() + limit;
  while (!connections_.empty()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) break;
    co_await changed_.wait(left);
  }
  if (connections_.empty()) co_return true;
  cut();
  const auto last = Clock::now() + std::chrono::seconds(1);
  while (!connections_.empty() && Clock::now() < last) co_await changed_.wait(std::chrono::milliseconds(100));
  co_return false;
}

Server::Server(asio::any_io_executor executor, Service& service, ServerOptions options)
    : implementation_(std::make_shared<Implementation>(std::move(executor), service, std::move(options))) {}

Server::~Server() {
  implementation_->close();
  implementation_->cut();
}

void Server::start() {
  implementation_->start();
}

Awaitable<bool> Server::stop(std::chrono::milliseconds limit) {
  return implementation_->stop(limit);
}

void Server::reload_tls() {
  implementation_->reload_tls();
}

std::uint16_t Server::port() const {
  return implementation_->port();
}

std::size_t Server::connections() const {
  return implementation_->connections();
}

}  // namespace payoutd::http
