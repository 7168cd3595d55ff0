#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "providers/provider_handle.hpp"

namespace payoutd::providers {

/// A plugin did with a money-moving request what the SDK forbids; nothing was sent by the request in
/// question.
class MoneyRuleBroken : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

/// One call of the host to the plugin, as the runtime sees it. The HTTP client finds it through the executor
/// of the coroutine that sends, however deep in the plugin that is.
class CallContext {
 public:
  explicit CallContext(std::string operation) : operation_(std::move(operation)) {}

  /// What a submit may do: at most one money-moving request, started before `deadline`.
  struct SubmitPermit {
    BootTime deadline;
    std::chrono::milliseconds response_timeout{};
    bool fresh_connection = true;     ///< unless a repeat is harmless
    std::function<bool()> mark;       ///< marks the send log; false: revoked by the host
    std::function<bool()> host_gone;  ///< the channel has ended: nothing may start any more
  };
  void permit_submit(SubmitPermit permit) { permit_ = std::move(permit); }

  const std::string& operation() const noexcept { return operation_; }

  /// Takes the one right to a money-moving request; throws MoneyRuleBroken outside a submit and the second
  /// time.
  const SubmitPermit& claim_money_request();
  /// Right before the first byte, on a connection that is ready for it. Throws HttpFailure, before any byte,
  /// when the deadline has passed, the host is gone or has revoked the attempt, or the call is over.
  void mark_before_first_byte();
  void note_answer(int http_status) noexcept {
    http_status_ = http_status;
    answered_ = true;
  }
  /// The status line came, the whole answer never did.
  void note_partial_answer(int http_status) noexcept { http_status_ = http_status; }
  /// The plugin returned or threw: whatever it left running may not move money any more.
  void close() noexcept { closed_ = true; }

  bool claimed() const noexcept { return claimed_; }
  bool marked() const noexcept { return marked_; }
  bool answered() const noexcept { return answered_; }
  int http_status() const noexcept { return http_status_; }
  bool broke_a_rule() const noexcept { return broke_a_rule_; }

 private:
  std::string operation_;
  std::optional<SubmitPermit> permit_;
  bool claimed_ = false;
  bool marked_ = false;
  bool answered_ = false;
  bool closed_ = false;
  bool broke_a_rule_ = false;
  int http_status_ = 0;
};

/// An executor that carries the call: every coroutine that the plugin awaits inherits it.
class CallExecutor {
 public:
  CallExecutor(boost::asio::any_io_executor inner, std::shared_ptr<CallContext> call) noexcept
      : inner_(std::move(inner)), call_(std::move(call)) {}

  const std::shared_ptr<CallContext>& call() const noexcept { return call_; }

  /// The call that runs on `executor`; nullptr outside a call.
  static std::shared_ptr<CallContext> call_of(const boost::asio::any_io_executor& executor);

  template <class Property>
    requires boost::asio::can_query_v<const boost::asio::any_io_executor&, Property>
  decltype(auto) query(const Property& property) const {
    return boost::asio::query(inner_, property);
  }
  template <class Property>
    requires boost::asio::can_require_v<const boost::asio::any_io_executor&, Property>
  CallExecutor require(const Property& property) const {
    return {boost::asio::require(inner_, property), call_};
  }
  template <class Property>
    requires boost::asio::can_prefer_v<const boost::asio::any_io_executor&, Property>
  CallExecutor prefer(const Property& property) const {
    return {boost::asio::prefer(inner_, property), call_};
  }
  template <class Function>
  void execute(Function&& function) const {
    inner_.execute(std::forward<Function>(function));
  }
  friend bool operator==(const CallExecutor& a, const CallExecutor& b) noexcept {
    return a.call_ == b.call_ && a.inner_ == b.inner_;
  }
  friend bool operator!=(const CallExecutor& a, const CallExecutor& b) noexcept { return !(a == b); }

 private:
  boost::asio::any_io_executor inner_;
  std::shared_ptr<CallContext> call_;
};

}  // namespace payoutd::providers
