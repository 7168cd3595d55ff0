#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/json.hpp>
#include <memory>

#include "engine/engine.hpp"
#include "policy/scripted_policy.hpp"
#include "scripted_provider.hpp"
#include "support/database/database.hpp"

namespace payoutd::test {

struct LoggedEvent {
  std::string event;
  boost::json::object fields;
};

class RecordingObserver final : public engine::Observer {
 public:
  std::vector<LoggedEvent> events;
  bool logged(std::string_view event) const;
  void log(engine::LogLevel, std::string_view event, std::string_view, boost::json::object fields) override {
    events.push_back({std::string(event), std::move(fields)});
  }
  void saw(const std::string&, std::string_view) override {}
  void state_changed(const store::Payout&, core::State, core::State) override {}
  void retried(const std::string&, std::chrono::milliseconds) override {}
  void batch(std::string_view, std::size_t) override {}
  void recovered(const std::string&, std::string_view) override {}
  void webhook(const std::string& provider, bool signature_valid, bool applied) override {
    ++webhooks[provider + (signature_valid ? " valid" : " invalid") + (applied ? " applied" : "")];
  }
  std::map<std::string, int> webhooks;
  void screened(std::string_view, int) override {}
  void users_flagged(std::int64_t count) override { flagged += count; }
  std::int64_t flagged = 0;
  void throttled(const std::string&) override { ++throttled_payouts; }
  int throttled_payouts = 0;
  void balance_deferred(const std::string&, const std::string& currency, int count) override {
    deferred[currency] += count;
  }
  std::map<std::string, int> deferred;
};

/// An engine on a real database. Hosts of one test share the database and, if they like, the provider.
class EngineHost {
 public:
  struct Options {
    std::string name = "host-a";
    std::string high_water_file;
    std::string stop_file = {};
    std::vector<std::string> predecessors;
    bool start = true;
    std::map<std::string, std::string> scripts = {};  ///< path → text; empty: the built-in policy
    core::Limits limits = {};
    core::HostRoles roles = core::HostRoles::all();
  };
  EngineHost(boost::asio::io_context& io, const TestDatabase& database, ScriptedProvider& provider,
             Options options);
  ~EngineHost();

  engine::Engine& engine() { return *engine_; }
  RecordingObserver& observer() { return observer_; }
  policy::ScriptedPolicy& policy() { return policy_; }
  std::vector<std::string> script_failures;
  const std::string& incarnation() const { return incarnation_; }

 private:
  boost::asio::io_context& io_;
  std::string incarnation_;
  RecordingObserver observer_;
  store::Pool pool_;
  store::Pool front_pool_;
  store::Pool heart_pool_;
  policy::ScriptedPolicy policy_;
  std::unique_ptr<engine::Engine> engine_;
};

/// One database, one provider, one host, and the loop that runs them.
class EngineFixture {
 public:
  explicit EngineFixture(EngineHost::Options options = {}, DatabaseServer& server = DatabaseServer::shared());
  ~EngineFixture();

  /// Runs the loop until `done`, or for `limit`; true if it came true.
  bool run_until(const std::function<bool()>& done,
                 std::chrono::milliseconds limit = std::chrono::seconds{15});
  void run_for(std::chrono::milliseconds time);
  template <class T>
  T await(Awaitable<T> task);

  std::string post(const std::string& key, const std::string& amount = "100");
  /// A request that is complete but for what the test is about.
  static engine::PayoutRequest request(const std::string& key, const std::string& amount = "100");
  std::string post(engine::PayoutRequest request);
  std::string state(const std::string& id) const;
  bool run_until_state(const std::string& id, const std::string& wanted,
                       std::chrono::milliseconds limit = std::chrono::seconds{15});
  std::string value(const std::string& sql) const { return database.value(sql); }

  boost::asio::io_context io;
  TestDatabase database;
  ScriptedProvider provider{"acme"};
  std::unique_ptr<EngineHost> host;
};

template <class T>
T EngineFixture::await(Awaitable<T> task) {
  std::exception_ptr error;
  bool done = false;
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e) {
      error = e;
      done = true;
    });
    run_until([&] { return done; });
    if (error) std::rethrow_exception(error);
  } else {
    std::optional<T> result;
    boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T value) {
      error = e;
      if (!e) result.emplace(std::move(value));
      done = true;
    });
    run_until([&] { return done; });
    if (error) std::rethrow_exception(error);
    return std::move(*result);
  }
}

}  // namespace payoutd::test
