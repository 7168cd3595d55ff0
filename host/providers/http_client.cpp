#include "providers/http_client.hpp"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <list>

#include "core/fault.hpp"
#include "providers/call_context.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;
constexpr std::size_t kMaxIdle = 16;  // to one origin; fresh connections for money would pile up otherwise
using TlsStream = ssl::stream<beast::tcp_stream>;

/// Where a request goes. Connections are shared between requests to the same origin.
struct Origin {
  bool tls = false;
  std::string host;  // without the brackets of an IPv6 address
  std::string port;

  std::string authority() const {
    const std::string shown = host.find(':') == std::string::npos ? host : "[" + host + "]";
    return port == (tls ? "443" : "80") ? shown : shown + ":" + port;
  }
  std::string shown() const { return (tls ? "https://" : "http://") + authority(); }
};

struct Target {
  Origin origin;
  std::string path;  // with query
};

[[noreturn]] void refuse(const std::string& why) {
  throw HttpFailure(HttpStage::resolve, false, why);
}

bool is_token(std::string_view text) {
  constexpr std::string_view kAlso = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || kAlso.find(c) != std::string_view::npos;
  });
}

bool is_header_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
  });
}

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
    return std::tolower(static_cast<unsigned char>(x)) == std::tolower(static_cast<unsigned char>(y));
  });
}

Target parse_target(const std::string& url) {
  const auto parsed = boost::urls::parse_uri(url);
  if (!parsed) refuse("the URL of a request is not valid");
  const auto& view = *parsed;
  const bool tls = view.scheme() == "https";
  if (!tls && view.scheme() != "http") refuse("the URL of a request must begin with http:// or https://");
  if (view.has_userinfo()) refuse("the URL of a request must not carry a user name or password");
  if (view.encoded_host().empty()) refuse("the URL of a request has no host");
  Target target;
  target.origin.tls = tls;
  target.origin.host = view.host_address();
  target.origin.port = view.has_port() ? std::string(view.port()) : tls ? "443" : "80";
  target.path = std::string(view.encoded_path());
  if (target.path.empty()) target.path = "/";
  if (view.has_query()) target.path += "?" + std::string(view.encoded_query());
  return target;
}

void check_headers(const HttpRequest& request) {
  if (!is_token(request.method())) refuse("the method of a request is not valid");
  for (const auto& [name, value] : request.headers()) {
    if (!is_token(name)) refuse("a request has a header whose name is not valid");
    if (!is_header_value(value))
      refuse("the request header " + name + " has a line break or control character in it");
    for (const char* own : {"Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect"}) {
      if (equal_without_case(name, own)) refuse("the request header " + name + " belongs to the HTTP client");
    }
  }
}

std::string render(const HttpRequest& request, const Target& target, bool absolute_form) {
  std::string text = request.method() + " " + (absolute_form ? target.origin.shown() : "") + target.path +
                     " HTTP/1.1\r\nHost: " + target.origin.authority() + "\r\n";
  bool names_agent = false;
  for (const auto& [name, value] : request.headers()) {
    text += name + ": " + value + "\r\n";
    names_agent = names_agent || equal_without_case(name, "User-Agent");
  }
  if (!names_agent) text += "User-Agent: payoutd\r\n";
  if (!request.content().empty() || (request.method() != "GET" && request.method() != "HEAD")) {
    text += "Content-Length: " + std::to_string(request.content().size()) + "\r\n";
  }
  return text + "\r\n" + request.content();
}

std::string status_class(int status) {
  return std::string(1, static_cast<char>('0' + status / 100 % 10)) + "xx";
}

struct Connection {
  explicit Connection(asio::any_io_executor executor) : plain(std::in_place, executor) {}

  beast::tcp_stream& tcp() { return tls ? tls->next_layer() : *plain; }
  int native() { return tcp().socket().native_handle(); }

  /// Nothing has arrived and the other side has not closed: a kept connection that may be used again.
  bool looks_alive() {
    char byte;
    if (!tcp().socket().is_open()) return false;
    return ::recv(native(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
  }

  void close() {
    error_code ignored;
    tcp().socket().close(ignored);
  }

  std::optional<beast::tcp_stream> plain;
  std::optional<TlsStream> tls;
  beast::flat_buffer buffer;
  bool used = false;  // carried a request before
  Clock::time_point idle_since{};
};

/// The connections to one origin, and who waits for one.
struct Pool {
  std::deque<std::unique_ptr<Connection>> idle;
  int open = 0;  // idle ones included
  std::list<asio::steady_timer*> waiting;
};

/// A place in the queue of a pool. Whoever leaves without having been needed wakes the next one.
class Waiting {
 public:
  Waiting(Pool& pool, asio::steady_timer& timer) : pool_(pool), timer_(timer) {
    pool.waiting.push_back(&timer);
  }
  ~Waiting() {
    const bool was_woken = pool_.waiting.remove(&timer_) == 0;
    if (was_woken && !pool_.waiting.empty()) pool_.waiting.front()->cancel();
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  Pool& pool_;
  asio::steady_timer& timer_;
};

/// A connection in use. Unless it was given back, it is closed.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, std::unique_ptr<Connection> connection)
      : pool_(std::move(pool)), connection_(std::move(connection)) {}
  Lease(Lease&& other) noexcept = default;
  Lease& operator=(Lease&&) = delete;
  ~Lease() {
    if (!pool_) return;
    if (connection_) connection_->close();
    --pool_->open;
    wake_one();
  }

  Connection* operator->() const { return connection_.get(); }
  Connection& operator*() const { return *connection_; }

  void give_back() {
    if (pool_->idle.size() >= kMaxIdle) return;  // closed by the destructor
    connection_->used = true;
    connection_->idle_since = Clock::now();
    connection_->tcp().expires_never();
    pool_->idle.push_back(std::move(connection_));
    wake_one();
    pool_.reset();
  }

 private:
  void wake_one() {
    if (pool_->waiting.empty()) return;
    pool_->waiting.front()->cancel();
    pool_->waiting.pop_front();
  }

  std::shared_ptr<Pool> pool_;
  std::unique_ptr<Connection> connection_;
};

struct Answer {
  HttpResponse response;
  bool keep_alive = false;
};

/// What came of an exchange: an answer, or the kept connection turned out dead before any byte of one.
using Exchange = std::optional<Answer>;

class Client final : public HttpClient, public std::enable_shared_from_this<Client> {
 public:
  Client(asio::any_io_executor executor, HttpOptions options,
         std::function<void(const HttpSample&)> on_sample)
      : executor_(std::move(executor)), options_(std::move(options)), on_sample_(std::move(on_sample)) {
    configure_tls();
    if (!options_.proxy.empty()) proxy_ = parse_target(options_.proxy).origin;
  }

  Awaitable<HttpResponse> send(HttpRequest request) override {
    return send_measured(shared_from_this(), std::move(request));
  }

 private:
  static Awaitable<HttpResponse> send_measured(std::shared_ptr<Client> self, HttpRequest request) {
    const auto call = CallExecutor::call_of(co_await asio::this_coro::executor);
    const auto started = Clock::now();
    const auto sample = [&](std::string outcome) {
      if (!self->on_sample_) return;
      self->on_sample_({call ? call->operation() : "background", std::move(outcome),
                        std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - started)});
    };
    const std::string shown = request.method() + " " + redacted_url(request.url());
    try {
      HttpResponse response = co_await self->send_checked(std::move(request), call);
      sample(status_class(response.status));
      co_return response;
    } catch (const AddressRefused& refused) {
      sample(std::string(to_string(refused.stage())));
      throw AddressRefused(shown + ": " + refused.what());
    } catch (const HttpFailure& failure) {
      sample(std::string(to_string(failure.stage())));
      throw HttpFailure(failure.stage(), failure.bytes_left(), shown + ": " + failure.what());
    }
  }

  Awaitable<HttpResponse> send_checked(HttpRequest request, std::shared_ptr<CallContext> call) {
    const CallContext::SubmitPermit* permit = nullptr;
    if (request.is_money_moving()) {
      if (!call) throw MoneyRuleBroken("a money-moving request is allowed within submit only");
      permit = &call->claim_money_request();
    }
    check_headers(request);
    const Target target = parse_target(request.url());
    const std::string text = render(request, target, proxy_.has_value() && !target.origin.tls);
    if (permit == nullptr) call.reset();
    const bool may_retry = permit == nullptr && (request.method() == "GET" || options_.repeats_are_harmless);
    Milliseconds response_timeout = request.response_timeout().value_or(options_.response_timeout);
    if (permit != nullptr) response_timeout = std::min(response_timeout, permit->response_timeout);
    if (options_.response_limit.count() > 0)
      response_timeout = std::min(response_timeout, options_.response_limit);

    bool fresh = permit != nullptr && permit->fresh_connection;
    for (;;) {
      Lease lease = co_await acquire(target.origin, fresh);
      const bool kept = lease->used;
      if (call) guard_money(*lease, response_timeout);
      Exchange answer = co_await exchange(*lease, text, response_timeout, call, kept && may_retry,
                                          request.method() == "HEAD");
      if (!answer) {
        fresh = true;
        continue;
      }
      if (call) release_money(*lease);
      if (answer->keep_alive) lease.give_back();
      co_return std::move(answer->response);
    }
  }

  // --- connections
  // ---------------------------------------------------------------------------------------------

  Awaitable<Lease> acquire(Origin origin, bool fresh) {
    auto& slot = pools_[origin.shown()];
    if (!slot) slot = std::make_shared<Pool>();
    const std::shared_ptr<Pool> pool = slot;
    drop_expired(*pool);
    if (!fresh) {
      if (auto kept = take_idle(*pool)) co_return Lease(pool, std::move(kept));
    }
    const auto until = Clock::now() + options_.connect_timeout;
    while (pool->open >= options_.max_connections) {
      if (!pool->idle.empty()) {
        pool->idle.pop_front();
        --pool->open;
        break;
      }
      if (Clock::now() >= until) {
        throw HttpFailure(
            HttpStage::connect, false,
            "all " + std::to_string(options_.max_connections) + " connections were in use for too long");
      }
      asio::steady_timer timer(executor_, until);
      const Waiting place(*pool, timer);
      error_code woken;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
      co_await throw_if_cancelled();
      if (!fresh) {
        if (auto kept = take_idle(*pool)) co_return Lease(pool, std::move(kept));
      }
    }
    ++pool->open;
    Lease lease(pool, std::make_unique<Connection>(executor_));
    co_await connect(*lease, std::move(origin));
    co_return lease;
  }

  std::unique_ptr<Connection> take_idle(Pool& pool) {
    while (!pool.idle.empty()) {
      auto connection = std::move(pool.idle.back());  // the one used last is the likeliest to be alive
      pool.idle.pop_back();
      if (connection->looks_alive()) return connection;
      --pool.open;
    }
    return nullptr;
  }

  void drop_expired(Pool& pool) {
    const auto limit = Clock::now() - options_.idle_timeout;
    while (!pool.idle.empty() && pool.idle.front()->idle_since < limit) {
      pool.idle.pop_front();
      --pool.open;
    }
  }

  Awaitable<void> connect(Connection& connection, Origin origin) {
    const Origin via = proxy_.value_or(origin);
    const auto endpoints = co_await resolve(via);
    check_addresses(via, endpoints);
    fault::point("provider.before_connect");
    error_code failed;
    beast::tcp_stream& stream = connection.tcp();
    stream.expires_after(options_.connect_timeout);
    co_await stream.async_connect(endpoints, asio::redirect_error(asio::use_awaitable, failed));
    if (failed) {
      resolved_.erase(via.host + " " + via.port);
      throw HttpFailure(HttpStage::connect, false,
                        (proxy_ ? "connecting to the proxy " + via.shown() : std::string("connecting")) +
                            ": " + explain(failed));
    }
    error_code ignored;
    stream.socket().set_option(tcp::no_delay(true), ignored);
    if (!origin.tls) co_return;
    if (proxy_) co_await open_tunnel(connection, origin);
    co_await start_tls(connection, origin);
  }

  void check_addresses(const Origin& origin, const std::vector<tcp::endpoint>& endpoints) const {
    if (!options_.refuse_address) return;
    for (const tcp::endpoint& endpoint : endpoints) {
      if (const auto why = options_.refuse_address(endpoint.address()))
        throw AddressRefused(origin.host + " is " + *why);
    }
  }

  /// Asio cannot give up a look-up that the resolver's thread is busy with, so the wait is on a timer that
  /// the answer cancels.
  Awaitable<std::vector<tcp::endpoint>> resolve(Origin origin) {
    error_code not_literal;
    const auto address = asio::ip::make_address(origin.host, not_literal);
    const auto port = static_cast<unsigned short>(std::strtoul(origin.port.c_str(), nullptr, 10));
    if (!not_literal) co_return std::vector<tcp::endpoint>{{address, port}};
    const std::string key = origin.host + " " + origin.port;
    if (const auto known = resolved_.find(key); known != resolved_.end()) {
      if (Clock::now() < known->second.until) co_return known->second.endpoints;
    }
    struct LookUp {
      asio::steady_timer done;
      error_code failed = asio::error::timed_out;
      std::vector<tcp::endpoint> endpoints;
    };
    auto look_up = std::make_shared<LookUp>(asio::steady_timer(executor_, options_.resolve_timeout));
    auto resolver = std::make_shared<tcp::resolver>(executor_);
    resolver->async_resolve(
        origin.host, origin.port,
        [look_up, resolver](const error_code& failed, const tcp::resolver::results_type& found) {
          look_up->failed = failed;
          for (const auto& entry : found) look_up->endpoints.push_back(entry.endpoint());
          look_up->done.cancel();
        });
    error_code woken;
    co_await look_up->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
    co_await throw_if_cancelled();
    if (look_up->failed) {
      throw HttpFailure(HttpStage::resolve, false,
                        "looking up " + origin.host + ": " + explain(look_up->failed));
    }
    resolved_[key] = {look_up->endpoints, Clock::now() + options_.dns_cache_time};
    co_return look_up->endpoints;
  }

  static Awaitable<void> throw_if_cancelled() {
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) {
      throw HttpFailure(HttpStage::connect, false, "the call was cancelled");
    }
  }

  Awaitable<void> open_tunnel(Connection& connection, Origin origin) {
    const std::string authority =
        (origin.host.find(':') == std::string::npos ? origin.host : "[" + origin.host + "]") + ":" +
        origin.port;
    const std::string text = "CONNECT " + authority + " HTTP/1.1\r\nHost: " + authority + "\r\n\r\n";
    beast::tcp_stream& stream = connection.tcp();
    stream.expires_after(options_.connect_timeout);
    error_code failed;
    co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
    beast::http::response_parser<beast::http::string_body> parser;
    parser.skip(true);
    parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
    if (!failed) {
      co_await beast::http::async_read_header(stream, connection.buffer, parser,
                                              asio::redirect_error(asio::use_awaitable, failed));
    }
    const std::string proxy = "the proxy " + proxy_->shown();
    if (failed) throw HttpFailure(HttpStage::connect, false, proxy + ": " + explain(failed));
    if (parser.get().result_int() / 100 != 2 || connection.buffer.size() != 0) {
      throw HttpFailure(HttpStage::connect, false,
                        proxy + " refused the tunnel to " + authority + " with status " +
                            std::to_string(parser.get().result_int()));
    }
  }

  Awaitable<void> start_tls(Connection& connection, Origin origin) {
    connection.tls.emplace(std::move(*connection.plain), tls_context());
    connection.plain.reset();
    TlsStream& stream = *connection.tls;
    error_code not_address;
    asio::ip::make_address(origin.host, not_address);
    if (not_address) SSL_set_tlsext_host_name(stream.native_handle(), origin.host.c_str());
    stream.set_verify_callback(ssl::host_name_verification(origin.host));
    error_code failed;
    beast::get_lowest_layer(stream).expires_after(options_.handshake_timeout);
    co_await stream.async_handshake(ssl::stream_base::client,
                                    asio::redirect_error(asio::use_awaitable, failed));
    if (!failed) co_return;
    std::string why = explain(failed);
    const long verdict = SSL_get_verify_result(stream.native_handle());
    if (verdict != X509_V_OK) why += std::string(" (") + X509_verify_cert_error_string(verdict) + ")";
    throw HttpFailure(HttpStage::handshake, false, "TLS: " + why);
  }

  /// Made at the first https request: reading the system's certificates takes a while.
  ssl::context& tls_context() {
    if (!options_.ca_file.empty() || default_paths_set_) return tls_;
    tls_.set_default_verify_paths();
    default_paths_set_ = true;
    return tls_;
  }

  void configure_tls() {
    tls_.set_options(ssl::context::default_workarounds | ssl::context::no_sslv2 | ssl::context::no_sslv3 |
                     ssl::context::no_tlsv1 | ssl::context::no_tlsv1_1);
    SSL_CTX_set_min_proto_version(tls_.native_handle(), TLS1_2_VERSION);
    tls_.set_verify_mode(ssl::verify_peer);
    const auto load = [](const std::string& file, const std::string& option, auto&& action) {
      error_code failed;
      action(failed);
      if (failed) throw std::runtime_error("http." + option + ": " + file + ": " + failed.message());
    };
    if (!options_.ca_file.empty()) {
      load(options_.ca_file, "ca_file", [&](error_code& e) { tls_.load_verify_file(options_.ca_file, e); });
    }
    if (options_.client_certificate_file.empty()) return;
    load(options_.client_certificate_file, "client_certificate_file",
         [&](error_code& e) { tls_.use_certificate_chain_file(options_.client_certificate_file, e); });
    load(options_.client_key_file, "client_key_file",
         [&](error_code& e) { tls_.use_private_key_file(options_.client_key_file, ssl::context::pem, e); });
  }

  // --- one request and its answer
  // ------------------------------------------------------------------------------

  /// From here until the whole answer is there, a close discards what the kernel still holds, and the kernel
  /// itself stops delivering after the response time-out, even if this process is gone by then.
  static void guard_money(Connection& connection, Milliseconds response_timeout) {
    const linger reset_on_close{1, 0};
    const auto user_timeout = static_cast<unsigned>(response_timeout.count());
    ::setsockopt(connection.native(), SOL_SOCKET, SO_LINGER, &reset_on_close, sizeof reset_on_close);
    ::setsockopt(connection.native(), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  }

  static void release_money(Connection& connection) {
    const linger ordinary{0, 0};
    const unsigned user_timeout = 0;
    ::setsockopt(connection.native(), SOL_SOCKET, SO_LINGER, &ordinary, sizeof ordinary);
    ::setsockopt(connection.native(), IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout, sizeof user_timeout);
  }

  Awaitable<Exchange> exchange(Connection& connection, const std::string& text, Milliseconds response_timeout,
                               std::shared_ptr<CallContext> call, bool may_be_stale, bool is_head) {
    if (call) {
      co_await throw_if_cancelled();
      call->mark_before_first_byte();
      fault::point("provider.before_first_byte");
    }
    if (connection.tls) {
      co_return co_await exchange_over(*connection.tls, connection, text, response_timeout, call,
                                       may_be_stale, is_head);
    }
    co_return co_await exchange_over(*connection.plain, connection, text, response_timeout, call,
                                     may_be_stale, is_head);
  }

  template <class Stream>
  Awaitable<Exchange> exchange_over(Stream& stream, Connection& connection, const std::string& text,
                                    Milliseconds response_timeout, std::shared_ptr<CallContext> call,
                                    bool may_be_stale, bool is_head) {
    error_code failed;
    // An answer to money is awaited from the first byte on, because absence is dated from there; any other
    // one from the last byte on.
    const auto give_up_money = Clock::now() + response_timeout;
    const auto write_until = Clock::now() + options_.write_timeout;
    beast::get_lowest_layer(stream).expires_at(call ? std::min(write_until, give_up_money) : write_until);
    co_await asio::async_write(stream, asio::buffer(text), asio::redirect_error(asio::use_awaitable, failed));
    if (failed && may_be_stale) co_return std::nullopt;
    if (failed) throw HttpFailure(HttpStage::write, true, "sending the request: " + explain(failed));
    if (call) fault::point("provider.after_bytes_left");

    beast::get_lowest_layer(stream).expires_at(call ? give_up_money : Clock::now() + response_timeout);
    for (int interim = 0; interim < 8; ++interim) {
      beast::http::response_parser<beast::http::string_body> parser;
      parser.header_limit(static_cast<std::uint32_t>(options_.max_header_bytes));
      parser.body_limit(options_.max_body_bytes);
      if (is_head) parser.skip(true);
      co_await beast::http::async_read(stream, connection.buffer, parser,
                                       asio::redirect_error(asio::use_awaitable, failed));
      if (failed) {
        const bool nothing_came = !parser.got_some() && interim == 0 && connection.buffer.size() == 0;
        const bool was_closed = failed != beast::error::timeout && failed != asio::error::operation_aborted;
        if (may_be_stale && nothing_came && was_closed) co_return std::nullopt;
        if (call && parser.is_header_done())
          call->note_partial_answer(static_cast<int>(parser.get().result_int()));
        throw HttpFailure(HttpStage::read, true, "reading the answer: " + explain(failed));
      }
      const int status = static_cast<int>(parser.get().result_int());
      if (status / 100 == 1 && status != 101) continue;
      if (call) call->note_answer(status);
      if (call) fault::point("provider.after_answer");
      const bool keep_alive = parser.get().keep_alive() && connection.buffer.size() == 0 && status != 101;
      co_return Answer{to_response(parser.release()), keep_alive};
    }
    throw HttpFailure(HttpStage::read, true, "reading the answer: too many interim answers");
  }

  static HttpResponse to_response(beast::http::response<beast::http::string_body> message) {
    HttpResponse response;
    response.status = static_cast<int>(message.result_int());
    for (const auto& header : message) {
      response.headers.emplace_back(std::string(header.name_string()), std::string(header.value()));
    }
    response.body = std::move(message.body());
    return response;
  }

  static std::string explain(const error_code& failed) {
    if (failed == beast::error::timeout || failed == asio::error::timed_out) return "timed out";
    if (failed == asio::error::operation_aborted) return "cancelled";
    if (failed == beast::http::error::end_of_stream)
      return "the server closed the connection without an answer";
    if (failed == beast::http::error::body_limit) return "the body is larger than the limit";
    if (failed == beast::http::error::header_limit) return "the headers are larger than the limit";
    return failed.message();
  }

  struct Resolved {
    std::vector<tcp::endpoint> endpoints;
    Clock::time_point until;
  };

  asio::any_io_executor executor_;
  HttpOptions options_;
  std::function<void(const HttpSample&)> on_sample_;
  std::optional<Origin> proxy_;
  ssl::context tls_{ssl::context::tls_client};
  bool default_paths_set_ = false;
  std::map<std::string, std::shared_ptr<Pool>> pools_;
  std::map<std::string, Resolved> resolved_;
};

}  // namespace

std::shared_ptr<HttpClient> make_http_client(asio::any_io_executor executor, HttpOptions options,
                                             std::function<void(const HttpSample&)> on_sample) {
  return std::make_shared<Client>(std::move(executor), std::move(options), std::move(on_sample));
}

std::string redacted_url(std::string_view url) {
  std::string out(url.substr(0, url.find_first_of("?#")));
  if (const auto scheme = out.find("://"); scheme != std::string::npos) {
    const auto host = scheme + 3;
    const auto at = out.find('@');
    if (at != std::string::npos && at < std::min(out.find('/', host), out.size()))
      out.erase(host, at + 1 - host);
  }
  for (std::size_t i = 0; i < out.size();) {
    std::size_t end = i;
    while (end < out.size() && std::isdigit(static_cast<unsigned char>(out[end]))) ++end;
    if (end - i >= 6)
      std::fill(out.begin() + static_cast<std::ptrdiff_t>(i),
                out.begin() + static_cast<std::ptrdiff_t>(end - 2), '*');
    i = std::max(end, i + 1);
  }
  return out;
}

}  // namespace payoutd::providers
