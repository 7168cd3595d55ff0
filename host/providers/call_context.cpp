#include "providers/call_context.hpp"

namespace payoutd::providers {

const CallContext::SubmitPermit& CallContext::claim_money_request() {
  if (!permit_ || closed_) {
    broke_a_rule_ = true;
    throw MoneyRuleBroken("a money-moving request is allowed within submit only, not in " + operation_ +
                          (closed_ ? " that is over" : ""));
  }
  if (claimed_) {
    broke_a_rule_ = true;
    throw MoneyRuleBroken("a submit may make one money-moving request; the second one was not sent");
  }
  claimed_ = true;
  return *permit_;
}

void CallContext::mark_before_first_byte() {
  const auto refuse = [](const char* why) { throw HttpFailure(HttpStage::connect, false, why); };
  if (closed_) refuse("the submit is over: the money-moving request was not sent");
  if (permit_->host_gone && permit_->host_gone())
    refuse("the host is gone: the money-moving request was not sent");
  if (BootTime::now() > permit_->deadline) {
    refuse("the submit deadline has passed: the money-moving request was not sent");
  }
  if (!permit_->mark()) refuse("the attempt was revoked: the money-moving request was not sent");
  marked_ = true;
  // Had the process been stopped between the check and the mark, the deadline may be long gone by now.
  if (BootTime::now() > permit_->deadline) {
    throw HttpFailure(HttpStage::connect, false,
                      "the submit deadline passed while the request was about to leave: it was not sent");
  }
}

std::shared_ptr<CallContext> CallExecutor::call_of(const boost::asio::any_io_executor& executor) {
  const auto* call_executor = executor.target<CallExecutor>();
  return call_executor == nullptr ? nullptr : call_executor->call();
}

}  // namespace payoutd::providers
