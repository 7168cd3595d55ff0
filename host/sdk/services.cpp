#include <boost/asio/redirect_error.hpp>
#include <payoutd/services.hpp>

namespace payoutd {
namespace {

namespace asio = boost::asio;

bool is_cancelled(const asio::cancellation_state& cancellation) {
  return cancellation.cancelled() != asio::cancellation_type::none;
}

/// One refresh under way and those who wait for it. The timer is set far away until the end.
struct Flight {
  explicit Flight(const asio::any_io_executor& executor)
      : done(executor, asio::steady_timer::time_point::max()) {}
  asio::steady_timer done;
  std::optional<Secret> token;
  std::exception_ptr failure;  ///< both empty at the end: the leader was cancelled, somebody else must lead
};

}  // namespace

struct TokenCache::State {
  Services services;
  Refresh refresh;
  Secret token;
  std::chrono::steady_clock::time_point refresh_at{};
  std::shared_ptr<Flight> flight;

  bool is_fresh() const { return !token.empty() && services.clock->now() < refresh_at; }

  void store(const Token& fetched, std::chrono::steady_clock::time_point asked_at) {
    token = fetched.value;
    refresh_at = asked_at + fetched.lifetime * 4 / 5;
  }

  void land(const std::shared_ptr<Flight>& ended) {
    if (flight == ended) flight.reset();
    ended->done.expires_at(asio::steady_timer::time_point::min());  // wakes the waiters, and late ones too
  }
};

namespace {

/// The first caller fetches the token for all. A cancelled leader fails alone: the waiters elect the next
/// one, for its deadline is not theirs.
template <class State>
Awaitable<Secret> lead(std::shared_ptr<State> state) {
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  const auto flight = state->flight = std::make_shared<Flight>(state->services.executor);
  try {
    const auto asked_at = state->services.clock->now();  // the provider counts from an unknown later moment
    Token fetched = co_await state->refresh();
    if (fetched.value.empty()) throw std::runtime_error("the provider answered with an empty access token");
    state->store(fetched, asked_at);
    flight->token = fetched.value;
  } catch (...) {
    if (!is_cancelled(cancellation)) flight->failure = std::current_exception();
    state->land(flight);
    throw;
  }
  state->land(flight);
  co_return *flight->token;
}

/// The token, or nullopt if the leader went away without an answer.
Awaitable<std::optional<Secret>> follow(std::shared_ptr<Flight> flight) {
  const auto cancellation = co_await asio::this_coro::cancellation_state;
  boost::system::error_code woken;
  co_await flight->done.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  if (is_cancelled(cancellation)) throw boost::system::system_error(asio::error::operation_aborted);
  if (flight->failure) std::rethrow_exception(flight->failure);
  co_return flight->token;
}

template <class State>
Awaitable<Secret> get_token(std::shared_ptr<State> state) {
  while (!state->is_fresh()) {
    if (!state->flight) co_return co_await lead(state);
    auto token = co_await follow(state->flight);
    if (token) co_return *std::move(token);
  }
  co_return state->token;
}

}  // namespace

TokenCache::TokenCache(Services services, Refresh refresh) : state_(std::make_shared<State>()) {
  state_->services = std::move(services);
  state_->refresh = std::move(refresh);
}

TokenCache::~TokenCache() = default;

Awaitable<Secret> TokenCache::get() {
  return get_token(state_);
}

void TokenCache::forget(const Secret& seen) {
  if (state_->token.reveal() == seen.reveal()) state_->token = Secret{};
}

}  // namespace payoutd
