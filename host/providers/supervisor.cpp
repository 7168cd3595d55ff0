#include "providers/supervisor.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "providers/upgradable_provider.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;

bool is_name(const std::string& name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

class ProcessSupervisor final : public Supervisor {
 public:
  ProcessSupervisor(asio::any_io_executor executor, SupervisorOptions options)
      : executor_(std::move(executor)),
        options_(std::make_shared<const SupervisorOptions>(std::move(options))) {}

  ~ProcessSupervisor() override {
    if (lock_ >= 0) ::close(lock_);
  }

  void start(std::vector<ProviderConfig> configs) override {
    lock_state_directory();
    for (ProviderConfig& config : configs) {
      if (!is_name(config.name))
        throw std::invalid_argument("'" + config.name + "' is not a name for a provider");
      if (find(config.name) != nullptr) {
        throw std::invalid_argument("the provider " + config.name + " is configured twice");
      }
      all_.push_back(std::make_shared<UpgradableProvider>(executor_, options_, std::move(config)));
    }
    for (const auto& provider : all_) provider->launch();
  }

  Awaitable<void> settled(std::chrono::milliseconds limit) override {
    const auto until = std::chrono::steady_clock::now() + limit;
    for (const auto& provider : all_) co_await provider->left_starting(until);
  }

  ProviderHandle* find(const std::string& name) override { return find_provider(name).get(); }

  std::vector<ProviderHandle*> providers() override {
    std::vector<ProviderHandle*> out;
    for (const auto& provider : all_) out.push_back(provider.get());
    return out;
  }

  std::vector<ProviderStatus> status() const override {
    std::vector<ProviderStatus> out;
    for (const auto& provider : all_) out.push_back(provider->status());
    return out;
  }

  Awaitable<bool> lift(std::string name) override {
    const auto provider = find_provider(name);
    if (!provider) co_return false;
    if (options_->quarantine != nullptr) co_await options_->quarantine->lift(name);
    provider->lift();
    co_return true;
  }

  Awaitable<std::vector<Problem>> reconfigure(ProviderConfig config) override {
    const auto provider = find_provider(config.name);
    if (!provider) co_return std::vector<Problem>{{"", "there is no provider " + config.name}};
    if (config.plugin_path == provider->config().plugin_path)
      co_return co_await provider->reconfigure(std::move(config));
    std::vector<ProviderConfig> one;
    one.push_back(std::move(config));
    co_return co_await upgrade(std::move(one));
  }

  Awaitable<std::vector<Problem>> upgrade(std::vector<ProviderConfig> configs) override {
    std::vector<std::shared_ptr<UpgradableProvider>> tried;
    std::vector<Problem> problems;
    for (ProviderConfig& config : configs) {
      const std::string name = config.name;
      const auto provider = find_provider(name);
      if (!provider) {
        problems.push_back({name, "there is no provider of this name"});
        break;
      }
      std::vector<Problem> found = co_await provider->try_out(std::move(config));
      if (found.empty()) tried.push_back(provider);
      for (Problem& problem : found) {
        problem.field = problem.field.empty() ? name : name + "." + problem.field;
        problems.push_back(std::move(problem));
      }
      if (!problems.empty()) break;
    }
    // While others were tried, one may have died.
    for (const auto& provider : tried)
      if (auto trouble = provider->trial_trouble())
        problems.push_back({provider->name(), *std::move(trouble)});
    for (const auto& provider : tried) {
      if (problems.empty()) {
        provider->promote();
      } else {
        co_await provider->abandon();
      }
    }
    co_return problems;
  }

  Awaitable<void> stop() override {
    int running = 0;
    Event one_stopped(executor_);
    for (const auto& provider : all_) {
      ++running;
      asio::co_spawn(executor_, provider->stop(), [&running, &one_stopped](std::exception_ptr) {
        --running;
        one_stopped.notify();
      });
    }
    while (running > 0) co_await one_stopped.wait_for(std::chrono::milliseconds(1'000));
  }

 private:
  std::shared_ptr<UpgradableProvider> find_provider(const std::string& name) const {
    for (const auto& provider : all_) {
      if (provider->name() == name) return provider;
    }
    return nullptr;
  }

  /// Two hosts in one directory would kill each other's processes as left-overs.
  void lock_state_directory() {
    std::error_code failed;
    std::filesystem::create_directories(options_->state_directory, failed);
    const auto path = options_->state_directory / "providers.lock";
    lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock_ < 0) {
      throw StateDirectoryError("the state directory " + options_->state_directory.string() +
                                " cannot be used: " + std::strerror(errno));
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
      throw StateDirectoryError("the state directory " + options_->state_directory.string() +
                                " is in use by another host that is running");
    }
  }

  asio::any_io_executor executor_;
  std::shared_ptr<const SupervisorOptions> options_;
  std::vector<std::shared_ptr<UpgradableProvider>> all_;
  int lock_ = -1;
};

}  // namespace

std::unique_ptr<Supervisor> Supervisor::make(asio::any_io_executor executor, SupervisorOptions options) {
  return std::make_unique<ProcessSupervisor>(std::move(executor), std::move(options));
}

}  // namespace payoutd::providers
