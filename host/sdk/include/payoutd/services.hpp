#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <payoutd/awaitable.hpp>
#include <payoutd/http.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>

namespace payoutd {

/// Structured log of the provider; forwarded to the host, which redacts and stores it. `event` is a stable id
/// such as `momo.token_refreshed`.
class Logger {
 public:
  enum class Level { debug, info, warning, error };
  virtual ~Logger() = default;
  virtual void log(Level level, std::string_view event, std::string_view message,
                   boost::json::object fields) = 0;

  void info(std::string_view event, std::string_view message, boost::json::object fields = {}) {
    log(Level::info, event, message, std::move(fields));
  }
  void warning(std::string_view event, std::string_view message, boost::json::object fields = {}) {
    log(Level::warning, event, message, std::move(fields));
  }
};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual std::chrono::steady_clock::time_point now() const = 0;
  virtual std::chrono::system_clock::time_point wall()
      const = 0;  ///< for signatures and dates, never for order
};

/// What the host lends to a plugin. Everything is used from the process's one thread and lives as long as the
/// plugin does.
struct Services {
  boost::asio::any_io_executor executor;  ///< the runtime's; timers of a plugin run here
  std::shared_ptr<HttpClient> http;
  std::shared_ptr<Logger> log;
  std::shared_ptr<Clock> clock;
  Environment environment = Environment::dev;
};

struct Token {
  Secret value;
  std::chrono::seconds lifetime{0};
};

/// Keeps an access token: refreshed early (at 80 % of its life), by one caller at a time while the others
/// wait, and again after `forget()` (the provider answered 401). A failed refresh is thrown to everybody who
/// waits.
class TokenCache {
 public:
  using Refresh = std::function<Awaitable<Token>()>;
  TokenCache(Services services, Refresh refresh);
  ~TokenCache();
  TokenCache(const TokenCache&) = delete;
  TokenCache& operator=(const TokenCache&) = delete;

  Awaitable<Secret> get();
  /// Drops the token if it is still `seen`; a newer one, fetched meanwhile by somebody else, stays.
  void forget(const Secret& seen);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace payoutd
