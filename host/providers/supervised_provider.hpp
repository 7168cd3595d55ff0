#pragma once
#include <memory>
#include <string>

#include "providers/event.hpp"
#include "providers/provider_process.hpp"
#include "providers/send_log.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::providers {

/// One version of a provider: its process now and over restarts, and the host's side of its send log.
class SupervisedProvider final : public ProviderHandle,
                                 public std::enable_shared_from_this<SupervisedProvider> {
 public:
  /// `send_log` is the file's name in the state directory: two versions side by side need two. One on `trial`
  /// is started once, and ends when that fails, until it is promoted.
  SupervisedProvider(boost::asio::any_io_executor executor, std::shared_ptr<const SupervisorOptions> options,
                     ProviderConfig config, std::string send_log, bool trial = false);

  void launch();
  void promote() { trial_ = false; }
  const ProviderConfig& config() const { return config_; }
  void lift();
  Awaitable<std::vector<Problem>> reconfigure(ProviderConfig config);
  /// Ends the process when what is in flight is answered, at most after `drain_limit`.
  Awaitable<void> stop();
  /// The same, and waits as long as an answer may take.
  Awaitable<void> finish();
  /// From now on it waits for `drain_limit` at most.
  void hurry();
  /// Payments that were in flight when the process was ended.
  int cut_off() const { return cut_off_; }
  Awaitable<void> left_starting(std::chrono::steady_clock::time_point until);
  ProviderStatus status() const;

  const std::string& name() const override { return config_.name; }
  ProviderState state() const override { return state_; }
  const Contract& contract() const override { return contract_; }
  const std::string& account_scope() const override { return account_scope_; }
  const std::vector<std::string>& lanes() const override { return lanes_; }
  const std::string& plugin_version() const override { return plugin_version_; }
  const std::string& plugin_name() const override { return plugin_name_; }

  Awaitable<std::optional<Problem>> check_destination(std::string destination) override;
  Awaitable<Prepared> prepare(Order order, std::chrono::milliseconds timeout) override;
  bool announce(const std::string& attempt_id) override;
  void retire(const std::string& attempt_id) override;
  Awaitable<SubmitReply> submit(Order order, Prepared prepared, std::string attempt_id,
                                BootTime deadline) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override;
  Awaitable<Balance> balance() override;
  Awaitable<Lane> maintain(Lane lane) override;
  Awaitable<void> probe() override;
  Awaitable<WebhookReading> read_webhook(Webhook webhook) override;
  const std::optional<std::vector<SendLogEntry>>& inherited_send_log() const override;

 private:
  using Self = std::shared_ptr<SupervisedProvider>;
  /// How one run of the process ended, or why it did not begin.
  enum class RunEnd { stopped, refused, crashed };

  static Awaitable<void> live(Self self);
  static Awaitable<bool> take_over_send_log(Self self);
  static Awaitable<void> load_quarantine(Self self);
  static Awaitable<RunEnd> run_process(Self self);
  static Awaitable<void> begin(Self self, std::chrono::steady_clock::time_point until);
  static Awaitable<void> configure(Self self, ProviderConfig config, std::chrono::milliseconds timeout);
  static Awaitable<void> after_crash(Self self);
  static Awaitable<void> quarantine(Self self, std::string reason);
  static Awaitable<void> stand_still(Self self, ProviderState state);
  static Awaitable<void> end_process(Self self);
  static Awaitable<void> stop_within(Self self, std::chrono::milliseconds drain_limit);
  static Awaitable<void> stop_process(Self self);
  static Awaitable<void> watch_heartbeat(Self self, std::shared_ptr<ProviderProcess> process);
  static Awaitable<SubmitReply> submit(Self self, Order order, Prepared prepared, std::string attempt_id,
                                       BootTime deadline);
  static Awaitable<boost::json::value> call(Self self, std::string operation, boost::json::object body,
                                            std::chrono::milliseconds timeout);
  static Awaitable<void> take_query_token(Self self);

  std::shared_ptr<ProviderProcess> spawn_process();
  void on_notice(boost::json::object notice);
  void forward_log(const boost::json::object& notice);
  void forward_samples(const boost::json::object& notice);
  void set_state(ProviderState state);
  void log(Logger::Level level, std::string event, std::string message,
           boost::json::object fields = {}) const;
  std::string scrubbed(std::string text) const;
  void kill_process(const std::string& reason);
  void release(const std::string& attempt_id);
  SubmitReply without_answer(SendLogTicket ticket, const std::string& why);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<const SupervisorOptions> options_;
  ProviderConfig config_;
  std::filesystem::path send_log_path_;
  bool trial_;
  ProviderState state_ = ProviderState::starting;
  Contract contract_;
  std::string account_scope_;
  std::vector<std::string> lanes_;
  std::string plugin_name_;
  std::string plugin_version_;

  std::unique_ptr<SendLog> send_log_;
  std::unordered_set<std::string>
      in_flight_;  // announced and not yet answered: bounded by contract.concurrency

  std::shared_ptr<ProviderProcess> process_;
  std::optional<ProcessEnd> process_end_;
  std::optional<boost::json::object> hello_;
  std::string lost_;         // why the channel ended
  std::string refused_;      // the process's own sentence
  std::string kill_reason_;  // why we killed it
  int beats_missed_ = 0;

  std::string last_error_;
  std::vector<Problem> problems_;
  std::optional<QuarantineRecord> quarantine_;
  std::deque<std::chrono::steady_clock::time_point> crashes_;
  int restarts_ = 0;
  int crashes_in_a_row_ = 0;
  std::chrono::steady_clock::time_point next_query_{};
  bool stopping_ = false;
  bool ended_ = false;
  std::chrono::steady_clock::time_point drained_by_{};
  int cut_off_ = 0;
  int configs_ = 0;    // how many reconfigure() brought while the process was not ready
  bool wake_ = false;  // lift() or reconfigure() wants a start now
  Event changed_;
};

}  // namespace payoutd::providers
