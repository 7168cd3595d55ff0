#include "callbacks.hpp"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdio>
#include <deque>
#include <exception>
#include <optional>

namespace simulator {
namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;

namespace {

constexpr std::size_t kMaxConnections = 8;  // for each receiver
constexpr std::chrono::seconds kAnswerWithin{2};
constexpr std::chrono::seconds kIdleFor{2};
constexpr std::array kRetryAfter{std::chrono::milliseconds{250}, std::chrono::milliseconds{1000},
                                 std::chrono::milliseconds{3000}};
constexpr auto kAwaitTuple = asio::as_tuple(asio::use_awaitable);

struct Address {
  std::string authority;  // as the Host field wants it
  std::string host;
  std::string port;
  std::string target;
};

std::optional<Address> parse_url(std::string_view url) {
  constexpr std::string_view kScheme = "http://";
  if (!url.starts_with(kScheme)) return std::nullopt;
  url.remove_prefix(kScheme.size());
  const auto slash = url.find('/');
  Address address;
  address.authority = url.substr(0, slash);
  address.target = slash == std::string_view::npos ? "/" : std::string{url.substr(slash)};
  const auto colon = address.authority.rfind(':');
  address.host = address.authority.substr(0, colon);
  address.port = colon == std::string::npos ? "80" : address.authority.substr(colon + 1);
  if (address.host.empty() || address.port.empty()) return std::nullopt;
  return address;
}

struct Job {
  Callback callback;
  std::string target;
  std::size_t tries = 0;
};

/// Everything for one receiver: what waits, and the workers that send it.
struct Lane {
  explicit Lane(Address receiver) : address(std::move(receiver)) {}
  Address address;
  std::deque<Job> waiting;
  std::size_t workers = 0;
  std::vector<asio::steady_timer*> idle;  // of the workers that wait for a job; a cancel wakes one
};

std::string request_bytes(const Lane& lane, const Job& job) {
  std::string bytes;
  bytes.append(job.callback.method).append(" ").append(job.target).append(" HTTP/1.1\r\nHost: ");
  bytes.append(lane.address.authority).append("\r\nContent-Type: application/json\r\n");
  for (const auto& [name, value] : job.callback.headers) {
    bytes.append(name).append(": ").append(value).append("\r\n");
  }
  bytes.append("Content-Length: ");
  bytes.append(std::to_string(job.callback.body.size())).append("\r\n\r\n").append(job.callback.body);
  return bytes;
}

asio::awaitable<bool> connect(std::shared_ptr<Lane> lane, std::shared_ptr<beast::tcp_stream> stream) {
  tcp::resolver resolver(co_await asio::this_coro::executor);
  const auto [unresolved, endpoints] =
      co_await resolver.async_resolve(lane->address.host, lane->address.port, kAwaitTuple);
  if (unresolved) co_return false;
  stream->expires_after(kAnswerWithin);
  const auto [error, endpoint] = co_await stream->async_connect(endpoints, kAwaitTuple);
  co_return !error;
}

enum class Exchange { kDelivered, kRefused, kBroken };

struct Sent {
  Exchange result = Exchange::kBroken;
  bool reusable = false;
};

asio::awaitable<Sent> exchange(std::shared_ptr<beast::tcp_stream> stream, std::string bytes) {
  stream->expires_after(kAnswerWithin);
  const auto [unwritten, written] = co_await asio::async_write(*stream, asio::buffer(bytes), kAwaitTuple);
  if (unwritten) co_return Sent{};
  beast::flat_buffer buffer;
  beast::http::response_parser<beast::http::string_body> parser;
  const auto [unread, size] = co_await beast::http::async_read(*stream, buffer, parser, kAwaitTuple);
  if (unread) co_return Sent{};
  const auto status = parser.get().result_int();
  Sent sent;
  sent.result = status >= 200 && status < 300 ? Exchange::kDelivered : Exchange::kRefused;
  sent.reusable = parser.get().keep_alive();
  co_return sent;
}

}  // namespace

std::string host_of_url(std::string_view url) {
  if (url.starts_with("https://")) url.remove_prefix(8);
  if (url.starts_with("http://")) url.remove_prefix(7);
  const auto authority = url.substr(0, url.find_first_of("/?#"));
  return std::string{authority.substr(0, authority.rfind(':'))};
}

struct Callbacks::State : std::enable_shared_from_this<State> {
  State(asio::io_context& io, Schedule& later, Stats& counters)
      : context(io), schedule(later), stats(counters) {}

  void enqueue(Job job);
  void start_worker(std::shared_ptr<Lane> lane);
  static asio::awaitable<void> work(std::shared_ptr<State> state, std::shared_ptr<Lane> lane);
  static asio::awaitable<bool> wait_for_job(std::shared_ptr<Lane> lane);
  void conclude(Job job, Exchange result);

  asio::io_context& context;
  Schedule& schedule;
  Stats& stats;
  std::map<std::string, std::shared_ptr<Lane>> lanes;
};

void Callbacks::State::enqueue(Job job) {
  auto address = parse_url(job.callback.url);
  if (!address) {
    ++stats.callbacks_given_up;
    return;
  }
  job.target = address->target;
  auto& lane = lanes[address->authority];
  if (!lane) lane = std::make_shared<Lane>(std::move(*address));
  lane->waiting.push_back(std::move(job));
  if (!lane->idle.empty()) {
    lane->idle.back()->cancel();
    lane->idle.pop_back();
  } else if (lane->workers < kMaxConnections) {
    start_worker(lane);
  }
}

void Callbacks::State::start_worker(std::shared_ptr<Lane> lane) {
  ++lane->workers;
  asio::co_spawn(context, work(shared_from_this(), lane), [lane](std::exception_ptr failure) {
    --lane->workers;
    if (!failure) return;
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      std::fprintf(stderr, "payoutd-simulator: callback: %s\n", error.what());
    }
  });
}

/// False when there was nothing to do for so long that the connection may close.
asio::awaitable<bool> Callbacks::State::wait_for_job(std::shared_ptr<Lane> lane) {
  if (!lane->waiting.empty()) co_return true;
  asio::steady_timer wake(co_await asio::this_coro::executor, kIdleFor);
  lane->idle.push_back(&wake);
  co_await wake.async_wait(kAwaitTuple);
  std::erase(lane->idle, &wake);
  co_return !lane->waiting.empty();
}

asio::awaitable<void> Callbacks::State::work(std::shared_ptr<State> state, std::shared_ptr<Lane> lane) {
  auto stream = std::make_shared<beast::tcp_stream>(state->context);
  bool connected = false;
  while (co_await wait_for_job(lane)) {
    auto job = std::move(lane->waiting.front());
    lane->waiting.pop_front();
    ++job.tries;
    ++state->stats.callbacks_sent;
    const bool reused = connected;
    const auto bytes = request_bytes(*lane, job);
    Sent sent;
    if (connected || co_await connect(lane, stream)) sent = co_await exchange(stream, bytes);
    if (reused && sent.result == Exchange::kBroken) {  // a kept connection that had gone stale is no try
      stream->close();
      if (co_await connect(lane, stream)) sent = co_await exchange(stream, bytes);
    }
    connected = sent.reusable;
    if (!connected) stream->close();
    state->conclude(std::move(job), sent.result);
  }
}

void Callbacks::State::conclude(Job job, Exchange result) {
  if (result == Exchange::kDelivered) {
    ++stats.callbacks_delivered;
  } else if (job.tries > kRetryAfter.size()) {
    ++stats.callbacks_given_up;
  } else {
    const auto delay = kRetryAfter[job.tries - 1];
    schedule.after(delay, [self = shared_from_this(), job = std::move(job)]() mutable {
      self->enqueue(std::move(job));
    });
  }
}

Callbacks::Callbacks(asio::io_context& context, Schedule& schedule, Stats& stats)
    : state_(std::make_shared<State>(context, schedule, stats)) {}

Callbacks::~Callbacks() = default;

void Callbacks::send(Callback callback) {
  Job job;
  job.callback = std::move(callback);
  state_->enqueue(std::move(job));
}

void Callbacks::clear() {
  for (auto& [authority, lane] : state_->lanes) lane->waiting.clear();
}

}  // namespace simulator
