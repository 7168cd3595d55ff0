#pragma once
#include <memory>
#include <string>
#include <unordered_map>

#include "providers/supervised_provider.hpp"

namespace payoutd::providers {

/// One provider of the supervisor: the version that serves, beside it the one that is tried out, and the one
/// that only finishes what it has in flight. Each of two versions side by side has a send log of its own.
class UpgradableProvider final : public ProviderHandle,
                                 public std::enable_shared_from_this<UpgradableProvider> {
 public:
  UpgradableProvider(boost::asio::any_io_executor executor, std::shared_ptr<const SupervisorOptions> options,
                     ProviderConfig config);

  void launch();
  void lift() { current_->lift(); }
  Awaitable<std::vector<Problem>> reconfigure(ProviderConfig config) {
    return current_->reconfigure(std::move(config));
  }
  Awaitable<void> stop();
  Awaitable<void> left_starting(std::chrono::steady_clock::time_point until);
  ProviderStatus status() const { return current_->status(); }
  const ProviderConfig& config() const { return current_->config(); }

  /// Starts another version beside the one that serves and looks at it. No problems: it is ready, and waits
  /// for promote() or abandon(). Otherwise it is gone again.
  Awaitable<std::vector<Problem>> try_out(ProviderConfig config);
  /// Why the version that was tried out is not ready any more; nothing: it is.
  std::optional<std::string> trial_trouble() const;
  /// New work goes to the version that was tried out; the other one finishes what it has and ends.
  void promote();
  Awaitable<void> abandon();

  const std::string& name() const override { return current_->name(); }
  ProviderState state() const override { return current_->state(); }
  const Contract& contract() const override { return current_->contract(); }
  const std::string& account_scope() const override { return current_->account_scope(); }
  const std::vector<std::string>& lanes() const override { return current_->lanes(); }
  const std::string& plugin_version() const override { return current_->plugin_version(); }
  const std::string& plugin_name() const override { return current_->plugin_name(); }

  Awaitable<std::optional<Problem>> check_destination(std::string destination) override {
    return current_->check_destination(std::move(destination));
  }
  Awaitable<Prepared> prepare(Order order, std::chrono::milliseconds timeout) override {
    return current_->prepare(std::move(order), timeout);
  }
  bool announce(const std::string& attempt_id) override;
  void retire(const std::string& attempt_id) override;
  Awaitable<SubmitReply> submit(Order order, Prepared prepared, std::string attempt_id,
                                BootTime deadline) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override {
    return current_->query(std::move(order), std::move(prepared), std::move(provider_ref));
  }
  Awaitable<Balance> balance() override { return current_->balance(); }
  Awaitable<Lane> maintain(Lane lane) override { return current_->maintain(std::move(lane)); }
  Awaitable<void> probe() override { return current_->probe(); }
  Awaitable<WebhookReading> read_webhook(Webhook webhook) override {
    return current_->read_webhook(std::move(webhook));
  }
  const std::optional<std::vector<SendLogEntry>>& inherited_send_log() const override;

 private:
  using Version = std::shared_ptr<SupervisedProvider>;
  using Self = std::shared_ptr<UpgradableProvider>;

  Version make_version(ProviderConfig config, int send_log, bool trial);
  std::string send_log_name(int number) const;
  static Awaitable<void> begin(Self self);
  static Awaitable<void> take_over_spare_log(Self self);
  Awaitable<std::vector<Problem>> differences(Version version) const;
  void note(Logger::Level level, std::string event, std::string message,
            boost::json::object fields = {}) const;

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const SupervisorOptions> options_;
  std::string name_;
  int send_log_ = 0;  // which of the two the serving version has
  Version current_;
  Version trial_;
  Version former_;                        // kept after its end: who read its contract may still hold it
  std::shared_ptr<bool> current_speaks_;  // whose changes of state are the provider's
  std::shared_ptr<bool> trial_speaks_;
  bool former_ended_ = true;
  std::unordered_map<std::string, Version> announced_by_;  // attempts that a version has announced
  std::unique_ptr<SendLog> spare_log_;                     // what a predecessor's other version left behind
  mutable std::optional<std::vector<SendLogEntry>> inherited_;
};

}  // namespace payoutd::providers
