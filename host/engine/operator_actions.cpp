#include "engine/operator_actions.hpp"

#include <boost/json.hpp>

#include "store/approvals.hpp"

namespace payoutd::engine {
namespace {

using core::State;
using std::chrono::milliseconds;

constexpr std::pair<OperatorDecision, std::string_view> kNames[] = {
    {OperatorDecision::cancel, "cancel"},     {OperatorDecision::release, "release"},
    {OperatorDecision::approve, "approve"},   {OperatorDecision::reject, "reject"},
    {OperatorDecision::hold, "hold"},         {OperatorDecision::paid, "paid"},
    {OperatorDecision::not_paid, "not_paid"}, {OperatorDecision::ask_again, "ask_again"},
    {OperatorDecision::retry, "retry"},
};

constexpr const char* kCancelAsked = "cancel_asked";

OperatorReply refuse(std::string code, std::string message, State state) {
  return {false, std::move(code), std::move(message), state};
}

std::string why_no_retry(const store::Payout& payout) {
  const std::string state(core::to_string(payout.state));
  switch (payout.state) {
    case State::held:
      return "It is HELD: approve or release it, or reject it.";
    case State::submitting:
      return "It is SUBMITTING: its answer comes, or it is asked about.";
    case State::confirmed:
      return "It is CONFIRMED: it was paid, and a retry would pay it twice.";
    case State::review:
      return "It is in REVIEW without anything to ask the provider about: say whether it was paid (--paid, "
             "--not-paid).";
    default:
      return "It is " + state +
             ", which is final; nothing was paid. To pay it after all, post it again under a new idempotency "
             "key.";
  }
}

std::string why_not(OperatorDecision decision, const store::Payout& payout) {
  const std::string state(core::to_string(payout.state));
  switch (decision) {
    case OperatorDecision::cancel:
      switch (payout.state) {
        case State::submitting:
        case State::sent:
        case State::unknown:
          return "It is " + state +
                 ": the provider may be paying it, and that cannot be called back. Wait for its outcome.";
        case State::review:
          return "It is in REVIEW: say first whether it was paid (--paid, --not-paid); then it can be "
                 "cancelled.";
        default:
          return "It is " + state + ", which is final.";
      }
    case OperatorDecision::release:
    case OperatorDecision::approve:
    case OperatorDecision::reject:
      return "It is " + state + ", not HELD.";
    case OperatorDecision::hold:
      return "It is " + state + "; only a PENDING payout can be held.";
    case OperatorDecision::paid:
    case OperatorDecision::not_paid:
      return "It is " + state + ", not in REVIEW: its outcome is not for a human to decide.";
    case OperatorDecision::ask_again:
      return "It is " + state + "; there is nothing to ask the provider about.";
    case OperatorDecision::retry:
      return why_no_retry(payout);
  }
  return {};
}

// What the decision does to the payout, or nothing where its state does not allow it.
std::optional<store::Transition> carry_out(const OperatorRequest& request, const store::Claimed& current) {
  const store::Payout& p = current.payout;
  const bool pending = p.state == State::pending || p.state == State::held;
  const auto change = [&](State to, std::string reason, std::string text) {
    store::Transition t = Recorder::keep(p, to);
    t.reason = std::move(reason);
    t.reason_text = std::move(text);
    return t;
  };
  const auto update_attempt = [&](store::Transition& t, bool live, const char* outcome) {
    if (!current.attempt) return;
    store::AttemptUpdate a;
    a.id = current.attempt->id;
    a.live = live;
    a.outcome = outcome;
    t.attempt = a;
    t.event.attempt_id = a.id;
  };
  // Commits were lost, and what this one's were nobody knows yet.
  const auto ask_a_human = [&] {
    return change(State::review, kCancelAsked,
                  "Not to be paid, says " + request.actor +
                      "; but it may have been before the database lost commits: look at the provider.");
  };
  switch (request.decision) {
    case OperatorDecision::cancel:
      if (!pending || current.attempt) return std::nullopt;
      if (p.verify_first) return ask_a_human();
      return change(State::cancelled, "cancelled", "Cancelled by " + request.actor + ".");
    case OperatorDecision::release:
    case OperatorDecision::approve: {
      if (p.state != State::held) return std::nullopt;
      store::Transition t = change(State::pending, {}, {});
      t.next_action_in = milliseconds{0};
      t.allow = request.decision == OperatorDecision::approve;
      return t;
    }
    case OperatorDecision::reject:
      if (p.state != State::held) return std::nullopt;
      if (p.verify_first) return ask_a_human();
      return change(State::cancelled, "rejected", "Rejected by " + request.actor + ".");
    case OperatorDecision::hold:
      if (p.state != State::pending || current.attempt) return std::nullopt;
      return change(State::held, "operator", "Held by " + request.actor + ".");
    case OperatorDecision::paid: {
      if (p.state != State::review) return std::nullopt;
      store::Transition t = change(State::confirmed, "operator", "An operator found that it was paid.");
      t.allow = true;  // once more, if it had counted as not paid meanwhile
      update_attempt(t, false, "confirmed_by_operator");
      return t;
    }
    case OperatorDecision::not_paid: {
      // The reference was not definitively spent, so it stays: if the operator is wrong, a provider that
      // knows it refuses or finds the first payment.
      if (p.state != State::review) return std::nullopt;
      if (p.reason == kCancelAsked)
        return change(State::cancelled, "cancelled", "It was not paid, and is not to be.");
      store::Transition t =
          change(State::pending, "operator", "An operator found that it was not paid; it is paid again.");
      t.next_action_in = milliseconds{0};
      t.verify_first = false;
      update_attempt(t, false, "not_paid_by_operator");
      return t;
    }
    case OperatorDecision::retry:
      if (p.state == State::pending && p.lease.empty()) {
        store::Transition t = change(State::pending, p.reason, p.reason_text);
        t.next_action_in = milliseconds{0};
        return t;
      }
      if (p.state == State::pending) {  // somebody works on it now
        store::Transition t = change(State::pending, p.reason, p.reason_text);
        t.keep_lease = t.keep_schedule = true;
        return t;
      }
      [[fallthrough]];
    case OperatorDecision::ask_again: {
      const bool open = p.state == State::review || p.state == State::unknown || p.state == State::sent;
      if (!open || !current.attempt) return std::nullopt;
      store::Transition t =
          change(p.state == State::review ? State::unknown : p.state, p.reason, p.reason_text);
      t.query_count = 0;
      t.next_action_in = milliseconds{0};
      t.keep_lease = !p.lease.empty();
      return t;
    }
  }
  return std::nullopt;
}

std::string done_text(OperatorDecision decision, State to) {
  const bool stops = decision == OperatorDecision::cancel || decision == OperatorDecision::reject;
  if (stops && to == State::review)
    return "It may have been paid before the database lost commits. Look at the provider, say whether it was "
           "(payoutctl review); if it was not, it is cancelled.";
  switch (decision) {
    case OperatorDecision::retry:
      return to == State::pending ? "It is submitted now; nothing of it was sent, or nothing was accepted."
                                  : "The provider may have it, so it is asked now. It is sent again only "
                                    "where its contract proves "
                                    "that nothing was accepted.";
    case OperatorDecision::cancel:
      return "Cancelled; nothing was sent, nothing will be.";
    case OperatorDecision::release:
      return "Released; the rules judge it, and it is submitted as soon as its provider has room.";
    case OperatorDecision::approve:
      return "Approved; it is submitted as soon as its provider has room.";
    case OperatorDecision::reject:
      return "Rejected; nothing was sent, nothing will be.";
    case OperatorDecision::hold:
      return "Held; it stays until it is released.";
    case OperatorDecision::paid:
      return "Recorded as paid.";
    case OperatorDecision::not_paid:
      return to == State::cancelled ? "Recorded as not paid, and cancelled, as was asked."
                                    : "Recorded as not paid; it is submitted again under the same reference.";
    case OperatorDecision::ask_again:
      return "The provider is asked now.";
  }
  return {};
}

// Nothing: enough people have approved. A maximum is nobody's to approve.
Awaitable<std::optional<OperatorReply>> still_to_approve(store::Pool& pool, core::Limits limits,
                                                         OperatorRequest request, store::Payout payout) {
  if (payout.reason == "above_maximum") {
    co_return refuse("above_maximum", payout.reason_text + " Raise the limit and release it, or reject it.",
                     payout.state);
  }
  const int given = co_await pool.transact([request](pqxx::transaction_base& work) {
    return store::approve(work, request.payout_id, request.actor, request.note);
  });
  if (!limits.needs_two_approvals(payout.money) || given >= 2) co_return std::nullopt;
  co_return OperatorReply{true,
                          {},
                          "Your approval is noted. It is above the amount that one person may approve: "
                          "another one must approve it too.",
                          payout.state};
}

}  // namespace

Awaitable<OperatorReply> decide_as_operator(Recorder& recorder, store::Pool& pool, core::Limits limits,
                                            OperatorRequest request) {
  const bool judges =
      request.decision == OperatorDecision::paid || request.decision == OperatorDecision::not_paid;
  if (judges && request.note.empty()) {
    co_return refuse("note_required",
                     "Say in the note what shows it: the provider's statement, a ticket, a person.",
                     State::review);
  }
  constexpr int kTries =
      5;  // a payout that changes under the operator's hands again and again is being worked on
  for (int i = 0; i < kTries; ++i) {
    auto current = co_await recorder.reload(request.payout_id);
    if (!current) co_return refuse("not_found", "There is no payout with this id.", State::pending);
    auto transition = carry_out(request, *current);
    if (!transition)
      co_return refuse("wrong_state", why_not(request.decision, current->payout), current->payout.state);
    if (request.decision == OperatorDecision::approve) {
      if (auto reply = co_await still_to_approve(pool, limits, request, current->payout)) co_return *reply;
    }
    transition->event.kind = "operator_" + std::string(to_string(request.decision));
    transition->event.actor = request.actor;
    transition->event.data = boost::json::serialize(boost::json::object{{"note", request.note}});
    const State to = transition->to;
    const store::Applied applied = co_await recorder.apply(std::move(*transition));
    if (applied.applied()) co_return OperatorReply{true, {}, done_text(request.decision, to), to};
  }
  co_return refuse("changed_meanwhile",
                   "The payout changed while this was decided; look at it and try again.", State::pending);
}

std::optional<OperatorDecision> operator_decision(std::string_view name) noexcept {
  for (const auto& [decision, text] : kNames) {
    if (text == name) return decision;
  }
  return std::nullopt;
}

std::string_view to_string(OperatorDecision decision) noexcept {
  for (const auto& [known, text] : kNames) {
    if (known == decision) return text;
  }
  return "";
}

}  // namespace payoutd::engine
