#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <payoutd/provider.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace payoutd::providers {

/// CLOCK_BOOTTIME in nanoseconds: goes on while the machine sleeps and is the same in all processes of one
/// boot. Submit deadlines travel to the provider process as values of this clock.
struct BootTime {
  std::int64_t ns = 0;
  static BootTime now();
  BootTime operator+(std::chrono::milliseconds d) const {
    return {ns + std::chrono::duration_cast<std::chrono::nanoseconds>(d).count()};
  }
  friend auto operator<=>(const BootTime&, const BootTime&) = default;
};

/// Why a call got no answer from the plugin. `reached_process` false proves that the process never saw the
/// call.
class CallFailed : public std::runtime_error {
 public:
  CallFailed(bool reached_process, const std::string& what)
      : std::runtime_error(what), reached_process_(reached_process) {}
  bool reached_process() const noexcept { return reached_process_; }

 private:
  bool reached_process_;
};

/// What the runtime around the plugin saw of the one money-moving request, independently of the plugin's
/// claim.
struct Evidence {
  bool bytes_left = false;       ///< the first byte may have left (the send log was marked)
  bool acceptance_sign = false;  ///< a 2xx answer, a duplicate code or a provider_ref was seen
  int http_status = 0;           ///< of the money-moving request's answer; 0: none
};

struct SubmitReply {
  Submission
      submission;  ///< already downgraded to unknown where the contract or the evidence does not carry it
  Evidence evidence;
  std::optional<Submission> claim{};  ///< what the plugin said, where the runtime did not believe it
};

enum class ProviderState { starting, ready, restarting, draining, quarantined, stopped };
std::string_view to_string(ProviderState state) noexcept;

/// One entry of the send log: the host's announcement of a submit and the process's mark on it.
struct SendLogEntry {
  std::string attempt_id;  ///< UUID text
  bool marked = false;     ///< the first money-moving byte may have left
};

/// A configured provider as the engine sees it. All functions run on the host's thread.
class ProviderHandle {
 public:
  virtual ~ProviderHandle() = default;

  virtual const std::string& name() const = 0;
  virtual ProviderState state() const = 0;
  bool ready() const { return state() == ProviderState::ready; }
  /// These are valid once the process was ready for the first time.
  virtual const Contract& contract() const = 0;
  virtual const std::string& account_scope() const = 0;
  virtual const std::vector<std::string>& lanes() const = 0;  ///< empty unless the contract is serial
  virtual const std::string& plugin_version() const = 0;
  virtual const std::string& plugin_name() const = 0;

  /// A call waits for its answer at most `timeout`, then is cancelled and throws CallFailed. Errors of the
  /// plugin (exceptions) also arrive as CallFailed with reached_process true.
  virtual Awaitable<std::optional<Problem>> check_destination(std::string destination) = 0;
  virtual Awaitable<Prepared> prepare(Order order, std::chrono::milliseconds timeout) = 0;

  /// Announces a submit in the send log: called before the journal commits. False: the log is full or the
  /// process is away; then the payout is not journaled.
  virtual bool announce(const std::string& attempt_id) = 0;
  /// Frees the slot once the attempt's outcome is committed, or the journal did not happen.
  virtual void retire(const std::string& attempt_id) = 0;

  /// Hands the journaled attempt to the process. Nothing is sent after `deadline`. Never throws for an
  /// outcome of the payment: a lost process is a reply of kind unknown (or not_accepted, if the send log
  /// proves it).
  virtual Awaitable<SubmitReply> submit(Order order, Prepared prepared, std::string attempt_id,
                                        BootTime deadline) = 0;

  virtual Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) = 0;
  virtual Awaitable<Balance> balance() = 0;
  /// Optional upkeep of a lane; the lane with its new state.
  virtual Awaitable<Lane> maintain(Lane lane);
  virtual Awaitable<void> probe() = 0;
  virtual Awaitable<WebhookReading> read_webhook(Webhook webhook) = 0;

  /// Entries that a predecessor's process left in the send log of this host, read under its lock after the
  /// old process was dead, within one boot of the machine. nullopt: nothing can be proven (another boot, no
  /// log).
  virtual const std::optional<std::vector<SendLogEntry>>& inherited_send_log() const = 0;
};

}  // namespace payoutd::providers
