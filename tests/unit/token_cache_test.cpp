#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/redirect_error.hpp>
#include <catch2/catch.hpp>
#include <payoutd/testing.hpp>

using namespace payoutd;
using namespace std::chrono_literals;
namespace asio = boost::asio;

namespace {

/// A token endpoint under the test's control.
struct Endpoint {
  testing::Bench bench;
  asio::steady_timer release{bench.context, asio::steady_timer::time_point::max()};
  int calls = 0;
  bool is_slow = false;
  bool is_broken = false;
  TokenCache cache{bench.services(), [this] { return fetch(this); }};

  static Awaitable<Token> fetch(Endpoint* self) {
    const int call = ++self->calls;
    boost::system::error_code released;
    if (self->is_slow) co_await self->release.async_wait(asio::redirect_error(asio::use_awaitable, released));
    const auto cancellation = co_await asio::this_coro::cancellation_state;
    if (cancellation.cancelled() != asio::cancellation_type::none) throw std::runtime_error("cancelled");
    if (self->is_broken) throw std::runtime_error("401 from the token endpoint");
    co_return Token{Secret("token-" + std::to_string(call)), 100s};
  }

  std::string get() { return bench.run(cache.get()).reveal(); }
  void finish() {
    is_slow = false;
    release.expires_at(asio::steady_timer::time_point::min());
    bench.context.restart();
    bench.context.run();
  }
};

/// One caller in the background and what became of it.
struct Caller {
  std::string result = "waiting";
  asio::cancellation_signal cancel;

  void start(Endpoint& endpoint) {
    asio::co_spawn(
        endpoint.bench.context, endpoint.cache.get(),
        asio::bind_cancellation_slot(cancel.slot(), [this](std::exception_ptr failure, Secret token) {
          result = failure ? text_of(failure) : token.reveal();
        }));
  }
  static std::string text_of(const std::exception_ptr& failure) {
    try {
      std::rethrow_exception(failure);
    } catch (const std::exception& error) {
      return error.what();
    }
  }
};

}  // namespace

TEST_CASE("a token is fetched once and kept for 80 % of its life", "[token]") {
  Endpoint endpoint;
  CHECK(endpoint.get() == "token-1");
  endpoint.bench.clock->advance(79s);
  CHECK(endpoint.get() == "token-1");
  endpoint.bench.clock->advance(1s);
  CHECK(endpoint.get() == "token-2");
  CHECK(endpoint.calls == 2);
}

TEST_CASE("only the token that was seen is forgotten", "[token]") {
  Endpoint endpoint;
  CHECK(endpoint.get() == "token-1");
  endpoint.cache.forget(Secret("token-0"));
  CHECK(endpoint.get() == "token-1");
  endpoint.cache.forget(Secret("token-1"));
  CHECK(endpoint.get() == "token-2");
  endpoint.cache.forget(Secret("token-1"));  // a late 401 of an old request
  CHECK(endpoint.get() == "token-2");
}

TEST_CASE("callers share one refresh", "[token]") {
  Endpoint endpoint;
  endpoint.is_slow = true;
  std::array<Caller, 5> callers;
  for (auto& caller : callers) caller.start(endpoint);
  endpoint.bench.context.poll();
  CHECK(endpoint.calls == 1);
  for (const auto& caller : callers) CHECK(caller.result == "waiting");

  SECTION("and its token") {
    endpoint.finish();
    for (const auto& caller : callers) CHECK(caller.result == "token-1");
    CHECK(endpoint.calls == 1);
  }
  SECTION("and its failure, after which the next caller tries again") {
    endpoint.is_broken = true;
    endpoint.finish();
    for (const auto& caller : callers) CHECK(caller.result == "401 from the token endpoint");
    CHECK(endpoint.calls == 1);
    endpoint.is_broken = false;
    CHECK(endpoint.get() == "token-2");
  }
  SECTION("but not the cancellation of the caller that fetches it") {
    callers[0].cancel.emit(asio::cancellation_type::terminal);
    endpoint.bench.context.poll();
    CHECK(callers[0].result == "cancelled");
    CHECK(endpoint.calls == 2);  // one of the others took over
    for (std::size_t i = 1; i < callers.size(); ++i) CHECK(callers[i].result == "waiting");
    endpoint.finish();
    for (std::size_t i = 1; i < callers.size(); ++i) CHECK(callers[i].result == "token-2");
  }
  SECTION("and one that only waits may be cancelled alone") {
    callers[3].cancel.emit(asio::cancellation_type::terminal);
    endpoint.bench.context.poll();
    CHECK(callers[3].result.find("cancel") != std::string::npos);
    endpoint.finish();
    CHECK(callers[0].result == "token-1");
    CHECK(callers[4].result == "token-1");
    CHECK(endpoint.calls == 1);
  }
}

TEST_CASE("an empty token is a failure", "[token]") {
  testing::Bench bench;
  TokenCache cache(bench.services(), []() -> Awaitable<Token> { co_return Token{}; });
  CHECK_THROWS_WITH(bench.run(cache.get()), "the provider answered with an empty access token");
}

TEST_CASE("run_coro notices what a coroutine leaves behind", "[testing]") {
  testing::Bench bench;
  asio::steady_timer left(bench.context, 1h);
  left.async_wait([](boost::system::error_code) {});
  bench.http->answer(200);
  CHECK_THROWS_WITH(bench.run(bench.http->send(HttpRequest::get("http://x"))),
                    "run_coro: work is left after the coroutine ended");
}

TEST_CASE("the fake HTTP client follows its script", "[testing]") {
  testing::Bench bench;
  bench.http->answer(201, "made", {{"X-Id", "7"}}).fail(HttpStage::read, true, "reset");
  const auto made = bench.run(
      bench.http->send(HttpRequest::post("http://x/1").body("{}", "application/json").moves_money()));
  CHECK(made.status == 201);
  CHECK(made.header("x-ID") == "7");
  CHECK(made.header("x-other").empty());
  CHECK_THROWS_WITH(bench.run(bench.http->send(HttpRequest::get("http://x/2"))), "reset");
  CHECK_THROWS_WITH(bench.run(bench.http->send(HttpRequest::get("http://x/3"))),
                    "FakeHttp has no answer for GET http://x/3");
  REQUIRE(bench.http->requests().size() == 3);
  CHECK(bench.http->requests()[0].is_money_moving());
  CHECK(bench.http->requests()[0].content() == "{}");
}
