#pragma once
#include <deque>
#include <functional>
#include <map>
#include <set>

#include "providers/provider_handle.hpp"

namespace payoutd::test {

/// A provider that says what the test tells it to, at the moment that the test chooses: for standings that no
/// real provider can be brought to on demand (late answers, contradictions, a scope that changes).
class ScriptedProvider final : public providers::ProviderHandle {
 public:
  explicit ScriptedProvider(std::string name);

  using Submit = std::function<Awaitable<providers::SubmitReply>(Order, Prepared)>;
  using Query = std::function<Awaitable<Status>(Order)>;
  Submit on_submit;  ///< default: accepted
  Query on_query;    ///< default: confirmed, matching
  std::function<Prepared(const Order&)> on_prepare;
  std::function<Awaitable<Lane>(Lane)> on_maintain;
  std::function<Awaitable<Balance>()> on_balance;  ///< default: `money`, in XOF
  std::string money = "0";
  int balances_asked = 0;
  WebhookReading webhook_reading{WebhookReading::Kind::hint, {}, {}, {}, {}, {}};

  Contract the_contract;
  std::string scope = "scope-1";
  std::vector<std::string> lane_names;  ///< of a serial contract
  providers::ProviderState the_state = providers::ProviderState::ready;
  std::optional<std::vector<providers::SendLogEntry>> inherited;

  std::vector<std::string> submitted;  ///< references, in order
  std::vector<std::string> queried;
  std::vector<std::string> queried_refs;  ///< the provider_ref of each query
  std::vector<providers::BootTime> deadlines;
  std::set<std::string> announced;  ///< attempts that are announced and not retired

  static Status found(Status::Kind kind, const Order& order);
  static providers::SubmitReply reply(Submission submission, bool bytes_left = true, bool sign = false);

  const std::string& name() const override { return name_; }
  providers::ProviderState state() const override { return the_state; }
  const Contract& contract() const override { return the_contract; }
  const std::string& account_scope() const override { return scope; }
  const std::vector<std::string>& lanes() const override { return lane_names; }
  const std::string& plugin_version() const override { return version_; }
  const std::string& plugin_name() const override { return name_; }
  Awaitable<std::optional<Problem>> check_destination(std::string destination) override;
  Awaitable<Prepared> prepare(Order order, std::chrono::milliseconds timeout) override;
  bool announce(const std::string& attempt_id) override;
  void retire(const std::string& attempt_id) override { announced.erase(attempt_id); }
  Awaitable<providers::SubmitReply> submit(Order order, Prepared prepared, std::string attempt_id,
                                           providers::BootTime deadline) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override;
  Awaitable<Balance> balance() override;
  Awaitable<Lane> maintain(Lane lane) override;
  Awaitable<void> probe() override;
  Awaitable<WebhookReading> read_webhook(Webhook webhook) override;
  const std::optional<std::vector<providers::SendLogEntry>>& inherited_send_log() const override {
    return inherited;
  }

 private:
  std::string name_;
  std::string version_ = "1.0.0";
};

}  // namespace payoutd::test
