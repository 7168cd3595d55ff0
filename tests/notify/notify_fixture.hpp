#pragma once
#include <boost/asio/io_context.hpp>
#include <memory>

#include "notify/notifier.hpp"
#include "policy/built_in_policy.hpp"
#include "receiver/receiver.hpp"
#include "store/transition.hpp"
#include "support/database/database.hpp"

namespace payoutd::test {

class QuietObserver final : public engine::Observer {
 public:
  std::vector<std::string> events;
  bool logged(const std::string& event) const { return std::ranges::count(events, event) > 0; }
  void log(engine::LogLevel, std::string_view event, std::string_view, boost::json::object) override {
    events.emplace_back(event);
  }
  void saw(const std::string&, std::string_view) override {}
  void state_changed(const store::Payout&, core::State, core::State) override {}
  void retried(const std::string&, std::chrono::milliseconds) override {}
  void batch(std::string_view, std::size_t) override {}
  void screened(std::string_view, int) override {}
  void users_flagged(std::int64_t) override {}
  void webhook(const std::string&, bool, bool) override {}
  void recovered(const std::string&, std::string_view) override {}
};

/// One host's notifications, on a database that it may share with others.
class NotifyHost {
 public:
  NotifyHost(boost::asio::io_context& io, const TestDatabase& database, notify::Notifier::Options options);
  ~NotifyHost();
  notify::Notifier& notifier() { return *notifier_; }
  void start() { notifier_->start(); }
  bool drain(std::chrono::milliseconds limit);

  QuietObserver observer;
  std::map<std::string, int> results;
  std::string incarnation;

 private:
  boost::asio::io_context& io_;
  store::Pool pool_;
  policy::BuiltInPolicy policy_;
  std::unique_ptr<notify::Notifier> notifier_;
};

/// A database, a host, and payouts whose states the test changes.
class NotifyFixture {
 public:
  static notify::Notifier::Options options();
  explicit NotifyFixture(notify::Notifier::Options options = NotifyFixture::options(), bool start = true);

  bool run_until(const std::function<bool()>& done,
                 std::chrono::milliseconds limit = std::chrono::seconds{20});
  void run_for(std::chrono::milliseconds time);
  template <class T>
  T await(Awaitable<T> task);

  /// An endpoint for all event types unless it says otherwise; with its secret.
  notify::Administration::Revealed endpoint(const std::string& url, std::vector<std::string> types = {},
                                            const std::string& client = {});
  /// A new PENDING payout.
  std::string payout(const std::string& client = "shop");
  /// Changes its state as the engine would.
  store::Applied change(const std::string& payout, core::State to, const std::string& reason = {});
  /// A payout that was just confirmed.
  std::string confirmed(const std::string& client = "shop");
  std::string value(const std::string& sql) const { return database.value(sql); }
  std::int64_t count(const std::string& from) const {
    return std::stoll(value("select count(*) from " + from));
  }
  /// Nothing waits any more.
  bool run_until_settled(std::chrono::milliseconds limit = std::chrono::seconds{20});

  boost::asio::io_context io;
  TestDatabase database;
  std::unique_ptr<NotifyHost> host;

 private:
  std::map<std::string, std::int64_t> versions_;
  int payouts_ = 0;
};

template <class T>
T NotifyFixture::await(Awaitable<T> task) {
  std::exception_ptr error;
  std::optional<T> result;
  bool done = false;
  boost::asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T value) {
    error = e;
    if (!e) result.emplace(std::move(value));
    done = true;
  });
  run_until([&] { return done; });
  if (error) std::rethrow_exception(error);
  return std::move(result.value());
}

}  // namespace payoutd::test
