#pragma once
/// Fakes for the tests of plugins: no sockets, no waiting for real time. Not for production code.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <payoutd/provider.hpp>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace payoutd::testing {

/// An HTTP client that answers from a script, in order, and keeps the requests that it was sent. A request
/// that nothing was scripted for throws std::logic_error, which names it.
class FakeHttp final : public HttpClient {
 public:
  using Respond = std::function<HttpResponse(const HttpRequest&)>;
  using RespondAsync = std::function<Awaitable<HttpResponse>(HttpRequest)>;

  FakeHttp& answer(int status, std::string body = {},
                   std::vector<std::pair<std::string, std::string>> headers = {}) {
    return answer_with([response = HttpResponse{status, std::move(headers), std::move(body)}](
                           const HttpRequest&) { return response; });
  }
  /// `bytes_left` is what the plugin may learn: false proves that nothing of the request left.
  FakeHttp& fail(HttpStage stage, bool bytes_left, std::string what = "scripted failure") {
    return answer_with(
        [=](const HttpRequest&) -> HttpResponse { throw HttpFailure(stage, bytes_left, what); });
  }
  /// The closure sees the request, may check it, and answers or throws.
  FakeHttp& answer_with(Respond respond) {
    script_.push_back(as_async(std::move(respond)));
    return *this;
  }
  /// As `answer_with`, for answers that take their time or wait for the test.
  FakeHttp& answer_with_async(RespondAsync respond) {
    script_.push_back(std::move(respond));
    return *this;
  }
  /// Answers everything that comes when the script is used up.
  FakeHttp& otherwise(Respond respond) {
    otherwise_ = as_async(std::move(respond));
    return *this;
  }

  const std::vector<HttpRequest>& requests() const noexcept { return requests_; }
  /// How many scripted answers nobody asked for yet.
  std::size_t unused_answers() const noexcept { return script_.size(); }

  Awaitable<HttpResponse> send(HttpRequest request) override {
    requests_.push_back(request);
    RespondAsync respond = otherwise_;
    if (!script_.empty()) {
      respond = std::move(script_.front());
      script_.pop_front();
    }
    if (!respond)
      throw std::logic_error("FakeHttp has no answer for " + request.method() + " " + request.url());
    co_await boost::asio::post(
        boost::asio::use_awaitable);  // never answers before the caller waits, as in life
    co_return co_await respond(std::move(request));
  }

 private:
  static Awaitable<HttpResponse> respond_now(Respond respond, HttpRequest request) {
    co_return respond(request);
  }
  static RespondAsync as_async(Respond respond) {
    return [respond = std::move(respond)](HttpRequest request) {
      return respond_now(respond, std::move(request));
    };
  }

  std::deque<RespondAsync> script_;
  RespondAsync otherwise_;
  std::vector<HttpRequest> requests_;
};

/// A clock that stands still until the test moves it.
class FakeClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override { return now_; }
  std::chrono::system_clock::time_point wall() const override { return wall_; }

  void advance(std::chrono::milliseconds by) {
    now_ += by;
    wall_ += by;
  }
  void set_wall(std::chrono::system_clock::time_point wall) { wall_ = wall; }

 private:
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
  std::chrono::system_clock::time_point wall_{std::chrono::seconds(1'767'225'600)};  // 2026-01-01T00:00:00Z
};

class RecordingLogger final : public Logger {
 public:
  struct Entry {
    Level level;
    std::string event;
    std::string message;
    boost::json::object fields;
  };

  void log(Level level, std::string_view event, std::string_view message,
           boost::json::object fields) override {
    entries_.push_back({level, std::string(event), std::string(message), std::move(fields)});
  }
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  std::vector<Entry> entries_;
};

namespace detail {

template <class T>
Awaitable<void> store_result(Awaitable<T> work, std::optional<T>* result) {
  result->emplace(co_await std::move(work));
}

inline void run_to_end(boost::asio::io_context& context, Awaitable<void> work,
                       std::chrono::milliseconds limit) {
  bool done = false;
  std::exception_ptr failure;
  boost::asio::co_spawn(context, std::move(work), [&](std::exception_ptr thrown) {
    done = true;
    failure = std::move(thrown);
  });
  const auto deadline = std::chrono::steady_clock::now() + limit;
  context.restart();
  while (!done && context.run_one_until(deadline) > 0) {
  }
  if (!done && context.stopped())
    throw std::logic_error("run_coro: the coroutine waits for something that never comes");
  if (!done) throw std::logic_error("run_coro: the coroutine did not end in time");
  if (failure) std::rethrow_exception(failure);
  context.poll();
  if (!context.stopped()) throw std::logic_error("run_coro: work is left after the coroutine ended");
}

}  // namespace detail

/// Runs the coroutine on `context` until it ends and returns its result or throws what it threw. Throws
/// std::logic_error if it does not end within `limit`, or if it leaves timers, waiters or other work behind.
template <class T>
T run_coro(boost::asio::io_context& context, Awaitable<T> work,
           std::chrono::milliseconds limit = std::chrono::seconds(10)) {
  if constexpr (std::is_void_v<T>) {
    detail::run_to_end(context, std::move(work), limit);
  } else {
    std::optional<T> result;
    detail::run_to_end(context, detail::store_result(std::move(work), &result), limit);
    return *std::move(result);
  }
}

/// Everything that a plugin's constructor asks for, faked. Declare it before the plugin.
struct Bench {
  boost::asio::io_context context;
  std::shared_ptr<FakeHttp> http = std::make_shared<FakeHttp>();
  std::shared_ptr<RecordingLogger> log = std::make_shared<RecordingLogger>();
  std::shared_ptr<FakeClock> clock = std::make_shared<FakeClock>();

  Services services(Environment environment = Environment::dev) {
    return {context.get_executor(), http, log, clock, environment};
  }
  template <class T>
  T run(Awaitable<T> work) {
    return run_coro(context, std::move(work));
  }
};

}  // namespace payoutd::testing
