#pragma once
#include <sys/types.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "providers/supervisor.hpp"

namespace contract_tests {

using namespace std::chrono_literals;
namespace providers = payoutd::providers;

/// A directory that goes when the test does.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/payoutd-contract-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// Drives `io` until `done` holds; false after `limit`.
template <class Condition>
bool run_until(boost::asio::io_context& io, Condition done, std::chrono::milliseconds limit = 10s) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    io.restart();
    io.run_one_for(20ms);
  }
  return true;
}

/// Drives `io` until the coroutine has its result; its exception is thrown here.
template <class T>
T run(boost::asio::io_context& io, payoutd::Awaitable<T> work, std::chrono::milliseconds limit = 20s) {
  struct Outcome {
    bool done = false;
    std::exception_ptr thrown;
    std::conditional_t<std::is_void_v<T>, int, std::optional<T>> value{};
  };
  auto outcome = std::make_shared<Outcome>();
  if constexpr (std::is_void_v<T>) {
    boost::asio::co_spawn(io, std::move(work), [outcome](std::exception_ptr thrown) {
      outcome->thrown = thrown;
      outcome->done = true;
    });
  } else {
    boost::asio::co_spawn(io, std::move(work), [outcome](std::exception_ptr thrown, T value) {
      outcome->thrown = thrown;
      if (!thrown) outcome->value = std::move(value);
      outcome->done = true;
    });
  }
  if (!run_until(io, [&] { return outcome->done; }, limit))
    throw std::runtime_error("the coroutine did not end");
  if (outcome->thrown) std::rethrow_exception(outcome->thrown);
  if constexpr (!std::is_void_v<T>) return std::move(*outcome->value);
}

/// What a host does with its supervisor, in a test.
class Host {
 public:
  Host() : Host(std::make_shared<TemporaryDirectory>()) {}
  explicit Host(std::shared_ptr<TemporaryDirectory> state) : state_(std::move(state)) {
    options.provider_executable = PROVIDER_EXECUTABLE;
    options.state_directory = state_->path();
    options.on_log = [this](const providers::ProviderLog& log) {
      logs.push_back(log);
      INFO(log.provider << " " << log.event << " " << log.message);
    };
    options.on_http = [this](const std::string&, const providers::HttpSample& sample) {
      samples.push_back(sample);
    };
  }
  ~Host() { stop(); }

  static providers::ProviderConfig config(const std::string& plugin,
                                          const std::string& url = "http://127.0.0.1:1",
                                          boost::json::object settings = {}) {
    providers::ProviderConfig config;
    config.name = plugin;
    config.plugin_path = std::string(CONTRACT_PLUGINS) + "/" + plugin + ".so";
    config.settings = std::move(settings);
    config.settings["url"] = url;
    return config;
  }

  void start(std::vector<providers::ProviderConfig> configs, std::chrono::milliseconds limit = 10s) {
    supervisor = providers::Supervisor::make(io.get_executor(), options);
    supervisor->start(std::move(configs));
    contract_tests::run(io, supervisor->settled(limit));
  }
  void stop() {
    if (supervisor) contract_tests::run(io, supervisor->stop(), 60s);
    supervisor.reset();
  }

  providers::ProviderHandle& operator[](const std::string& name) { return *supervisor->find(name); }
  providers::ProviderStatus status(const std::string& name) {
    for (auto& status : supervisor->status()) {
      if (status.name == name) return status;
    }
    throw std::logic_error("no provider " + name);
  }
  bool wait_for_state(const std::string& name, providers::ProviderState state,
                      std::chrono::milliseconds limit = 10s) {
    return run_until(io, [&] { return (*this)[name].state() == state; }, limit);
  }
  bool has_logged(const std::string& event, const std::string& part = {}) const {
    return std::any_of(logs.begin(), logs.end(), [&](const providers::ProviderLog& log) {
      return log.event == event && log.message.find(part) != std::string::npos;
    });
  }

  static payoutd::Order order(const std::string& reference = "11111111-2222-4333-8444-555555555555") {
    payoutd::Order order;
    order.payout_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
    order.reference = reference;
    order.money = {payoutd::Amount::from_units(100'00000000), "XOF"};
    order.destination = "22912345678";
    return order;
  }

  /// Announces, submits and, as the engine would after recording it, retires.
  providers::SubmitReply submit(const std::string& name, const std::string& attempt = "attempt-1",
                                std::chrono::milliseconds window = 5s) {
    if (!(*this)[name].announce(attempt)) throw std::runtime_error("the send log took no announcement");
    auto reply = contract_tests::run(
        io, (*this)[name].submit(order(), payoutd::Prepared{}, attempt, providers::BootTime::now() + window),
        40s);
    (*this)[name].retire(attempt);
    return reply;
  }
  payoutd::Status query(const std::string& name) {
    return contract_tests::run(io, (*this)[name].query(order(), payoutd::Prepared{}, ""));
  }
  /// That a provider beside a broken one is being served.
  bool serves(const std::string& name) {
    try {
      return contract_tests::run(io, (*this)[name].balance()).currency == "XOF";
    } catch (const std::exception&) {
      return false;
    }
  }

  boost::asio::io_context io{1};
  providers::SupervisorOptions options;
  std::unique_ptr<providers::Supervisor> supervisor;
  std::vector<providers::ProviderLog> logs;
  std::vector<providers::HttpSample> samples;

 private:
  std::shared_ptr<TemporaryDirectory> state_;
};

}  // namespace contract_tests
