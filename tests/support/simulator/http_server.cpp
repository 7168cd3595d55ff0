#include "http_server.hpp"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdio>
#include <exception>

namespace simulator {
namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::uint64_t kMaxRequestBytes = 1ULL << 20U;
constexpr auto kAwaitTuple = asio::as_tuple(asio::use_awaitable);

struct Connection {
  explicit Connection(tcp::socket connected) : socket(std::move(connected)) {}
  tcp::socket socket;
  bool busy = false;
  bool close_when_done = false;
};

class BeastRequest final : public Request {
 public:
  explicit BeastRequest(const http::request<http::string_body>& message) : message_(message) {
    method = view(message.method_string());
    path = view(message.target());
    const auto question = path.find('?');
    if (question != std::string_view::npos) {
      query = path.substr(question + 1);
      path = path.substr(0, question);
    }
    body = message.body();
  }

  std::string_view header(std::string_view name) const override {
    const auto found = message_.find(name);
    return found == message_.end() ? std::string_view{} : view(found->value());
  }

  bool has_header(std::string_view name) const override { return message_.find(name) != message_.end(); }

 private:
  static std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

  const http::request<http::string_body>& message_;
};

void report(std::exception_ptr failure, std::string_view where) {
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "payoutd-simulator: %.*s: %s\n", static_cast<int>(where.size()), where.data(),
                 error.what());
  }
}

void close_with_reset(tcp::socket& socket) {
  error_code ignored;
  socket.set_option(asio::socket_base::linger(true, 0), ignored);
  socket.close(ignored);
}

asio::awaitable<void> pause(std::chrono::milliseconds duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(kAwaitTuple);
}

/// Returns when the client has closed or reset the connection.
asio::awaitable<void> until_client_leaves(std::shared_ptr<Connection> connection) {
  std::array<char, 1024> discarded{};
  for (;;) {
    const auto [error, size] =
        co_await connection->socket.async_read_some(asio::buffer(discarded), kAwaitTuple);
    if (error) co_return;
  }
}

asio::awaitable<bool> write_all(std::shared_ptr<Connection> connection, std::string bytes) {
  const auto [error, size] = co_await asio::async_write(connection->socket, asio::buffer(bytes), kAwaitTuple);
  co_return !error;
}

asio::awaitable<bool> drip(std::shared_ptr<Connection> connection, std::string bytes,
                           std::chrono::milliseconds every) {
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    if (at != 0) co_await pause(every);
    const auto [error, size] =
        co_await asio::async_write(connection->socket, asio::buffer(bytes.data() + at, 1), kAwaitTuple);
    if (error) co_return false;
  }
  co_return true;
}

std::string chunk_of(std::string_view piece) {
  std::array<char, 32> size{};
  const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", piece.size());
  std::string chunk{size.data(), static_cast<std::size_t>(length)};
  chunk.append(piece).append("\r\n");
  return chunk;
}

asio::awaitable<bool> stream(std::shared_ptr<Connection> connection, std::string head, Answer answer) {
  if (!co_await write_all(connection, std::move(head))) co_return false;
  bool more = true;
  while (more) {
    std::string piece;
    more = answer.source(piece);
    if (piece.empty()) continue;
    if (!co_await write_all(connection, chunk_of(piece))) co_return false;
  }
  co_return co_await write_all(connection, "0\r\n\r\n");
}

/// True when the connection may carry another request.
asio::awaitable<bool> deliver(std::shared_ptr<Connection> connection, Answer answer, bool keep_alive) {
  if (answer.delay.count() > 0) co_await pause(answer.delay);
  std::string bytes = serialize_answer(answer, keep_alive);
  switch (answer.delivery) {
    case Delivery::kHang:
      co_await until_client_leaves(connection);
      co_return false;
    case Delivery::kCut:
      if (answer.reset) close_with_reset(connection->socket);
      co_return false;
    case Delivery::kTruncate:
      co_await write_all(connection, std::move(bytes));
      co_return false;
    case Delivery::kDrip:
      co_return co_await drip(connection, std::move(bytes), answer.drip_every) && keep_alive;
    case Delivery::kNormal:
      break;
  }
  if (answer.source) co_return co_await stream(connection, std::move(bytes), std::move(answer)) && keep_alive;
  co_return co_await write_all(connection, std::move(bytes)) && keep_alive;
}

}  // namespace

/// Shared with the coroutines, which end after the server when the io_context is destroyed.
struct HttpServer::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, Service& served, Stats& counters)
      : context(io), service(&served), stats(counters), acceptor(io), reopen(io) {}

  void open();
  void open_when_due();
  Answer answer_to(const http::request<http::string_body>& message);
  static asio::awaitable<void> accept(std::shared_ptr<State> state);
  static asio::awaitable<void> serve(std::shared_ptr<State> state, std::shared_ptr<Connection> connection);
  void start(tcp::socket socket);

  asio::io_context& context;
  Service* service;
  Stats& stats;
  tcp::endpoint endpoint;
  tcp::acceptor acceptor;
  asio::steady_timer reopen;
  std::set<Connection*> connections;
  bool stopping = false;
};

void HttpServer::State::open() {
  acceptor.open(endpoint.protocol());
  acceptor.set_option(asio::socket_base::reuse_address(true));
  acceptor.bind(endpoint);
  acceptor.listen(4096);
  endpoint = acceptor.local_endpoint();  // keeps the port that the system chose
}

void HttpServer::State::open_when_due() {
  // The wait also ends when a later command moves the time, or opens or stops the server.
  if (stopping || acceptor.is_open() || asio::steady_timer::clock_type::now() < reopen.expiry()) return;
  try {
    open();
  } catch (const std::exception& error) {  // somebody's outgoing connection has the port for a moment
    std::fprintf(stderr, "payoutd-simulator: listen again: %s\n", error.what());
    error_code ignored;
    acceptor.close(ignored);
    reopen.expires_after(std::chrono::milliseconds{50});
  }
}

asio::awaitable<void> HttpServer::State::accept(std::shared_ptr<State> state) {
  while (!state->stopping) {
    if (!state->acceptor.is_open()) {
      co_await state->reopen.async_wait(kAwaitTuple);
      state->open_when_due();
      continue;
    }
    tcp::socket socket(state->context);
    const auto [error] = co_await state->acceptor.async_accept(socket, kAwaitTuple);
    if (error == asio::error::no_descriptors) co_await pause(std::chrono::milliseconds{20});
    if (error) continue;
    ++state->stats.connections_accepted;
    if (state->service->resets_connection()) {
      ++state->stats.connections_reset;
      close_with_reset(socket);
      continue;
    }
    state->start(std::move(socket));
  }
}

void HttpServer::State::start(tcp::socket socket) {
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto connection = std::make_shared<Connection>(std::move(socket));
  connections.insert(connection.get());
  auto self = shared_from_this();
  asio::co_spawn(context, serve(self, connection), [self, connection](std::exception_ptr failure) {
    self->connections.erase(connection.get());
    report(failure, "connection");
  });
}

Answer HttpServer::State::answer_to(const http::request<http::string_body>& message) {
  try {
    return service->handle(BeastRequest{message});
  } catch (const std::exception& error) {
    ++stats.internal_errors;
    std::fprintf(stderr, "payoutd-simulator: internal error: %s\n", error.what());
    return json_answer(500, R"({"message":"the simulator itself failed; see its standard error"})");
  }
}

asio::awaitable<void> HttpServer::State::serve(std::shared_ptr<State> state,
                                               std::shared_ptr<Connection> connection) {
  boost::beast::flat_buffer buffer;
  for (;;) {
    http::request_parser<http::string_body> parser;
    parser.body_limit(kMaxRequestBytes);
    const auto [error, size] = co_await http::async_read(connection->socket, buffer, parser, kAwaitTuple);
    if (error) {
      if (error.category() == http::make_error_code(http::error::bad_method).category() &&
          error != http::error::end_of_stream && error != http::error::partial_message) {
        co_await write_all(connection,
                           serialize_answer(json_answer(400, R"({"message":"not HTTP"})"), false));
      }
      break;
    }
    connection->busy = true;
    auto answer = state->answer_to(parser.get());
    const bool keep_alive = parser.get().keep_alive() && !connection->close_when_done;
    const bool open = co_await deliver(connection, std::move(answer), keep_alive);
    connection->busy = false;
    if (!open || connection->close_when_done) break;
  }
  error_code ignored;
  if (connection->socket.is_open()) {
    connection->socket.shutdown(tcp::socket::shutdown_send, ignored);
    connection->socket.close(ignored);
  }
}

HttpServer::HttpServer(asio::io_context& context, Service& service, Stats& stats, std::string address,
                       std::uint16_t port)
    : state_(std::make_shared<State>(context, service, stats)) {
  state_->endpoint = tcp::endpoint{asio::ip::make_address(address), port};
  state_->open();
  asio::co_spawn(context, State::accept(state_),
                 [](std::exception_ptr failure) { report(failure, "accept"); });
}

HttpServer::~HttpServer() {
  state_->stopping = true;
  error_code ignored;
  state_->acceptor.close(ignored);
  state_->reopen.cancel();
}

std::string HttpServer::url() const {
  return "http://" + state_->endpoint.address().to_string() + ":" + std::to_string(state_->endpoint.port());
}

void HttpServer::refuse_connections(std::optional<std::chrono::milliseconds> duration) {
  error_code ignored;
  if (duration) {
    state_->reopen.expires_after(*duration);
  } else {
    state_->reopen.expires_at(asio::steady_timer::time_point::max());
  }
  state_->acceptor.close(ignored);
  close_idle_connections();
  for (auto* connection : state_->connections) connection->close_when_done = true;
}

void HttpServer::listen_again() {
  if (state_->acceptor.is_open()) return;
  state_->open();
  state_->reopen.cancel();
}

bool HttpServer::listening() const {
  return state_->acceptor.is_open();
}

void HttpServer::close_idle_connections() {
  for (auto* connection : state_->connections) {
    if (connection->busy) continue;
    error_code ignored;
    connection->socket.shutdown(tcp::socket::shutdown_both,
                                ignored);  // its read ends, its coroutine closes it
  }
}

std::size_t HttpServer::open_connections() const {
  return state_->connections.size();
}

}  // namespace simulator
