#pragma once
/// For the tests of plugins: fakes without sockets and without waiting for real time, and a bench on which
/// the plugin that the test is linked with stands as it does in the host. Needs no test framework. Not for
/// production code.
#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <payoutd/plugin.hpp>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What PAYOUTD_PLUGIN exports, linked into the test.
extern "C" const ::payoutd::PluginDescriptor payoutd_plugin_descriptor;

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

/// The plugin that the test is linked with, reached as the host reaches it.
inline const PluginDescriptor& plugin() {
  return payoutd_plugin_descriptor;
}

/// The object with `changes` put over it.
inline boost::json::object with(boost::json::object object, const boost::json::object& changes) {
  for (const auto& change : changes) object[change.key()] = change.value();
  return object;
}

/// What an operator gives a provider: a good one, from which tests depart.
struct Given {
  boost::json::object values;
  boost::json::object secrets;  ///< arrays of one or two texts: current, previous

  Given with(const boost::json::object& changes) const { return {testing::with(values, changes), secrets}; }
  Given with_secrets(const boost::json::object& changes) const {
    return {values, testing::with(secrets, changes)};
  }
};

/// The settings as the plugin's schema reads them. Throws std::logic_error, which names all problems.
inline Settings checked(const Given& given, const PluginDescriptor& descriptor = plugin()) {
  std::vector<Problem> problems;
  auto settings = Settings::check(descriptor.settings_schema(), given.values, given.secrets, problems);
  if (problems.empty()) return settings;
  std::string text = "the schema refuses the settings:";
  for (const auto& problem : problems) text += " " + problem.field + " " + problem.reason + ";";
  throw std::logic_error(text);
}

inline Contract contract_of(const Given& given) {
  return plugin().contract(checked(given));
}

/// The fields that `validate` complains of in that environment, in its order.
inline std::vector<std::string> problems_of(const Given& given, Environment environment) {
  std::vector<std::string> fields;
  for (const auto& problem : plugin().validate(checked(given), environment)) fields.push_back(problem.field);
  return fields;
}

/// Why the host would refuse the descriptor or an operator stumble over its schema, as sentences: another SDK
/// or ABI, no name or version, a setting that is named twice, not described or has a default that it refuses
/// itself, a secret with a default.
inline std::vector<std::string> descriptor_problems(const PluginDescriptor& descriptor = plugin()) {
  std::vector<std::string> problems;
  const auto expect = [&](bool holds, std::string sentence) {
    if (!holds) problems.push_back(std::move(sentence));
  };
  expect(descriptor.struct_size == sizeof(PluginDescriptor), "struct_size is another SDK's");
  expect(descriptor.sdk_version == kSdkVersion, "sdk_version is another SDK's");
  expect(descriptor.abi_tag == std::string_view(kAbiTag), "abi_tag is another build's");
  expect(!std::string_view(descriptor.name).empty(), "the plugin has no name");
  expect(!std::string_view(descriptor.version).empty(), "the plugin has no version");
  const SettingsSchema schema = descriptor.settings_schema();
  std::vector<Problem> refused;
  Settings::check(schema, {}, {}, refused);
  std::set<std::string> names;
  for (const Setting& setting : schema) {
    expect(names.insert(setting.name).second, setting.name + " is described twice");
    expect(!setting.description.empty(), setting.name + " has no description");
    expect(setting.type != SettingType::secret || !setting.default_value,
           setting.name + " is a secret with a default");
    expect(setting.type == SettingType::secret || !setting.default_value ||
               std::ranges::count(refused, setting.name, &Problem::field) == 0,
           setting.name + " refuses its own default");
  }
  return problems;
}

/// The header's value, its name compared as it is written; "(none)" if there is none.
inline std::string header_of(const HttpRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers()) {
    if (key == name) return value;
  }
  return "(none)";
}

/// What the call throws says; "(none)" if it throws nothing.
template <class Call>
std::string failure_of(Call&& call) {
  try {
    static_cast<void>(std::forward<Call>(call)());
  } catch (const std::exception& failure) {
    return failure.what();
  }
  return "(none)";
}

/// The plugin's provider on fakes, with an order to pay, and a record of what it said.
class PluginBench {
 public:
  explicit PluginBench(const Given& given, Order example = {}, Environment environment = Environment::dev)
      : order(std::move(example)), provider(plugin().create(bench.services(environment), checked(given))) {}

  Prepared prepare() { return prepare(order); }
  Prepared prepare(const Order& of) { return bench.run(provider->prepare(of)); }

  /// With what was prepared for it just before.
  Submission submit() { return submit(order); }
  Submission submit(const Order& of) { return submit(of, prepare(of)); }
  Submission submit(const Prepared& prepared) { return submit(order, prepared); }
  Submission submit(const Order& of, const Prepared& prepared) {
    return bench.run(provider->submit(of, prepared));
  }
  /// As many submits as that in flight side by side, as a host has them. Throws what one of them threw.
  std::vector<Submission> submit_at_once(const Prepared& prepared, int count) {
    std::vector<Submission> submissions;
    bench.run(submit_all(provider.get(), order, prepared, count, &submissions));
    return submissions;
  }

  Status query() { return query(order); }
  Status query(const Prepared& prepared, const std::string& provider_ref = {}) {
    return query(order, prepared, provider_ref);
  }
  Status query(const Order& of, const Prepared& prepared = {}, const std::string& provider_ref = {}) {
    return bench.run(provider->query(of, prepared, provider_ref));
  }
  Balance balance() { return bench.run(provider->balance()); }
  void probe() { bench.run(provider->probe()); }

  FakeHttp& http() { return *bench.http; }
  const HttpRequest& request(std::size_t index) const { return bench.http->requests().at(index); }
  /// How many of the requests so far were marked as moving money.
  std::size_t money_moving() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(bench.http->requests(), &HttpRequest::is_money_moving));
  }

  /// Keeps a text that the plugin made for people (a message, a reason) for `said`.
  void note(std::string_view text) { noted_.append(text).push_back('\n'); }
  /// The same with what the call throws, as it must.
  template <class Call>
  void note_failure(Call&& call) {
    const std::string failure = failure_of(std::forward<Call>(call));
    if (failure == "(none)") throw std::logic_error("note_failure: the call threw nothing");
    note(failure);
  }
  /// What was noted, the account scope and the whole log: search it for secrets and account numbers that the
  /// provider's answers echo.
  std::string said() const {
    std::string all = noted_ + provider->account_scope() + "\n";
    for (const auto& entry : bench.log->entries())
      all += entry.event + " " + entry.message + " " + boost::json::serialize(entry.fields) + "\n";
    return all;
  }

  Bench bench;  // declared before the provider, which uses it
  Order order;
  std::unique_ptr<Provider> provider;

 private:
  static Awaitable<void> submit_all(Provider* provider, Order order, Prepared prepared, int count,
                                    std::vector<Submission>* submissions) {
    const auto executor = co_await boost::asio::this_coro::executor;
    int running = count;
    std::exception_ptr failure;
    for (int i = 0; i < count; ++i) {
      boost::asio::co_spawn(executor, provider->submit(order, prepared),
                            [&running, &failure, submissions](std::exception_ptr thrown, Submission made) {
                              --running;
                              if (thrown) {
                                failure = std::move(thrown);
                              } else {
                                submissions->push_back(std::move(made));
                              }
                            });
    }
    while (running > 0) co_await boost::asio::post(boost::asio::use_awaitable);
    if (failure) std::rethrow_exception(failure);
  }

  std::string noted_;
};

}  // namespace payoutd::testing
