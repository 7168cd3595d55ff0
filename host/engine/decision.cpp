#include "engine/decision.hpp"

#include "core/assert.hpp"

namespace payoutd::engine {
namespace {

using core::State;
using policy::Purpose;

constexpr int kAbsencesThatProve = 2;

Decision unchanged() {
  Decision d;
  d.changes = false;
  return d;
}

Decision finish(State to, std::string reason = {}, std::string text = {}) {
  Decision d;
  d.to = to;
  d.close_attempt = true;
  d.reason = std::move(reason);
  d.text = std::move(text);
  return d;
}

// A confirmed payment that can still come back keeps its attempt live, so that it can be asked about.
Decision confirm(const Standing& s) {
  Decision d = finish(State::confirmed);
  if (s.contract.reversal_window && s.attempt_live && s.contract.can_look_up()) {
    d.close_attempt = false;
    d.next = Next::watch;
  }
  return d;
}

Decision try_again(ReferenceUse reference, Purpose purpose, std::string reason, std::string text) {
  Decision d;
  d.to = State::pending;
  d.reference = reference;
  d.close_attempt = true;
  d.next = Next::wait;
  d.purpose = purpose;
  d.reason = std::move(reason);
  d.text = std::move(text);
  return d;
}

Decision review(std::string reason, std::string text) {
  Decision d;
  d.to = State::review;
  d.reason = std::move(reason);
  d.text = std::move(text);
  return d;
}

Decision contradiction(std::string text) {
  Decision d = review("contradiction", std::move(text));
  d.contradiction = true;
  return d;
}

Decision ask(State to, Purpose purpose, std::string reason, std::string text) {
  Decision d;
  d.to = to;
  d.next = Next::wait;
  d.purpose = purpose;
  d.reason = std::move(reason);
  d.text = std::move(text);
  return d;
}

Decision sent() {
  Decision d = ask(State::sent, Purpose::poll, {}, {});
  d.acceptance_sign = true;
  return d;
}

// A submit whose outcome nobody knows: ask. Where nothing can be asked, a repeat that the contract calls
// harmless is the same payment; otherwise a human decides.
Decision after_unknown_submit(const Standing& s) {
  if (s.contract.can_look_up()) {
    // A repeat that ends like the submit before it is not followed by the next one at once.
    Decision d = ask(State::unknown, s.repeats ? Purpose::resend : Purpose::query, "outcome_unknown",
                     "The submit may or may not have reached the provider; it is being asked.");
    if (!s.repeats) d.next = Next::at_once;
    return d;
  }
  if (s.contract.repeat == Repeat::harmless && s.repeat_window_open && s.same_scope && !s.acceptance_sign) {
    Decision d =
        ask(State::unknown, Purpose::resend, "outcome_unknown",
            "The submit may or may not have reached the provider; the contract makes repeating it harmless.");
    d.next = Next::submit_again;
    return d;
  }
  return review("no_look_up",
                "The submit may have reached the provider, and its contract has no way to ask.");
}

Decision after_absence(const Standing& s) {
  const State here = s.state == State::sent ? State::sent : State::unknown;
  const Purpose again = here == State::sent ? Purpose::poll : Purpose::query;
  if (!s.same_scope) {
    return ask(
        here, Purpose::query, "scope_changed",
        "The provider does not know the payment under the present credentials, which proves nothing: it was "
        "submitted under others.");
  }
  // Where the artefact itself is the payment (a signed block), what was accepted once and lost since is still
  // the same payment when it is submitted again. A key that the provider promised to remember may be what it
  // lost.
  const bool is_the_payment = s.contract.lookup_by_artefact && !s.contract.repeat_window;
  if (s.contract.repeat == Repeat::harmless && s.repeat_window_open &&
      (is_the_payment || !s.acceptance_sign)) {
    Decision d = ask(State::unknown, Purpose::resend, "absent_repeatable",
                     "The provider does not know the payment, and repeating this artefact is harmless.");
    d.next = Next::submit_again;
    return d;
  }
  if (s.acceptance_sign) {
    return ask(here, Purpose::query, "absent_after_acceptance",
               "The provider no longer finds a payment that it had accepted.");
  }
  if (!s.contract.absence_is_proof_after) {
    return ask(here, again, "absent_without_proof",
               "The provider does not know the payment, but its contract does not make absence a proof.");
  }
  if (!s.dated) {
    return ask(here, again, "absent_too_early",
               "The provider does not know the payment yet; it may still be on its way.");
  }
  if (s.absent_count + 1 < kAbsencesThatProve) {
    Decision d =
        ask(here, again, "absent_once", "The provider does not know the payment; it is asked once more.");
    d.absent_count = s.absent_count + 1;
    return d;
  }
  Decision d = try_again(
      ReferenceUse::keep, Purpose::resend, "absent",
      "The provider was asked twice after every deadline and does not know the payment: it was never made.");
  d.absent_count = s.absent_count + 1;
  return d;
}

// News about a payout that is no longer under way. Old news changes nothing; proof that contradicts it goes
// to a human, and nothing more is submitted.
Decision after_the_end(const Standing& s, Saw saw) {
  const bool paid = saw == Saw::submit_confirmed || saw == Saw::query_confirmed;
  const bool may_be_paid =
      paid || saw == Saw::submit_accepted || saw == Saw::query_pending || saw == Saw::submit_duplicate;
  switch (s.state) {
    case State::confirmed:
      if (saw == Saw::query_reversed)
        return finish(State::reversed, "reversed", "The provider took the payment back.");
      if (saw == Saw::query_refused || saw == Saw::query_refused_for_now) {
        return contradiction("The provider now says that a payment which it had confirmed was not made.");
      }
      if (saw == Saw::query_mismatch) return contradiction("The confirmed payment is not what was owed.");
      return unchanged();
    case State::review: {
      if (s.review_open_question && s.about != About::other) {
        if (paid) return confirm(s);
        if (saw == Saw::query_reversed)
          return finish(State::reversed, "reversed", "The provider took the payment back.");
      }
      return unchanged();
    }
    case State::reversed:
      return unchanged();
    default:
      if (may_be_paid || saw == Saw::query_reversed || saw == Saw::query_mismatch) {
        return contradiction("The provider knows a payment that this payout's state says was not made.");
      }
      return unchanged();
  }
}

Decision under_way(const Standing& s, Saw saw) {
  switch (saw) {
    case Saw::submit_confirmed:
    case Saw::query_confirmed:
      return confirm(s);
    case Saw::submit_accepted:
      return s.state == State::sent ? unchanged() : sent();
    case Saw::query_pending:
      return sent();
    case Saw::submit_refused:
    case Saw::submit_refused_for_now:
    case Saw::submit_not_accepted:
      // "Not accepted" closes its own attempt only: an earlier submit says nothing about the one in flight.
      if (s.about != About::live_attempt) return unchanged();
      // A late refusal of a submit that is known to have been accepted is not believed: the query decides.
      if (s.acceptance_sign) {
        return ask(
            s.state == State::submitting ? State::unknown : s.state, Purpose::query,
            "refused_after_acceptance",
            "The submit was refused although the provider had shown that it accepted it; it is being asked.");
      }
      // What is refused or not sent is the repeat only; the submit before it may still have arrived.
      if (s.repeats) {
        return ask(State::unknown, Purpose::resend, "repeat_not_taken",
                   "The repeat was not taken, but the submit before it may have arrived; it is being asked.");
      }
      if (saw == Saw::submit_refused) return finish(State::failed, "refused");
      if (saw == Saw::submit_refused_for_now) {
        return try_again(ReferenceUse::renew, Purpose::retry, "refused_for_now",
                         "Refused for now; tried again later.");
      }
      return try_again(ReferenceUse::keep, Purpose::resend, "not_accepted",
                       "Nothing was accepted by the provider.");
    case Saw::submit_duplicate: {
      Decision d = after_unknown_submit(s);
      if (d.next == Next::submit_again)
        d = review("no_look_up", "The provider calls it a duplicate and cannot be asked.");
      d.acceptance_sign = true;
      return d;
    }
    case Saw::submit_unknown:
      if (s.state == State::sent || s.state == State::unknown) return unchanged();
      return after_unknown_submit(s);
    case Saw::query_refused:
      return finish(State::failed, "refused");
    case Saw::query_refused_for_now:
      return try_again(ReferenceUse::renew, Purpose::retry, "refused_for_now",
                       "Refused for now; tried again later.");
    case Saw::query_reversed:
      return finish(State::reversed, "reversed", "The provider took the payment back.");
    case Saw::query_mismatch:
      return review("mismatch",
                    "The provider knows a payment under this reference that is not what is owed.");
    case Saw::query_absent:
      return after_absence(s);
    case Saw::query_cannot_tell: {
      if (!s.contract.can_look_up()) return after_unknown_submit(s);
      const State here = s.state == State::sent ? State::sent : State::unknown;
      return ask(here, here == State::sent ? Purpose::poll : Purpose::query,
                 here == State::sent ? "" : "cannot_tell",
                 "The provider could not say what became of the payment.");
    }
    case Saw::prepare_failed:
    case Saw::prepare_impossible:
    case Saw::reference_spent:
      break;
  }
  return unchanged();
}

// The answer to a look-up that a failover or a restore made necessary: the same proof as after an unknown
// submit.
Decision absent_before_submit(const Standing& s) {
  if (!s.contract.absence_is_proof_after) {
    return review("no_proof",
                  "It may have been submitted before, and absence at this provider proves nothing.");
  }
  Decision d = try_again(ReferenceUse::keep, Purpose::query, "absent_too_early",
                         "The provider does not know the payment yet; it may still be on its way.");
  if (!s.dated) return d;
  d.absent_count = s.absent_count + 1;
  d.reason = "absent_once";
  d.text = "The provider does not know the payment; it is asked once more.";
  if (d.absent_count < kAbsencesThatProve) return d;
  d.absent_count = 0;
  d.reason = "absent";
  d.text = "The provider was asked twice and does not know the payment: it can be submitted.";
  d.next = Next::at_once;
  return d;
}

// Before anything was submitted under the current reference, or after it was proven that nothing happened.
Decision before_submit(const Standing& s, Saw saw) {
  switch (saw) {
    case Saw::prepare_failed:
      return try_again(ReferenceUse::keep, Purpose::resend, "prepare_failed",
                       "Preparing failed; nothing was sent.");
    case Saw::prepare_impossible:
      return finish(State::failed, "impossible");
    case Saw::reference_spent: {
      Decision d = try_again(ReferenceUse::renew, Purpose::resend, "reference_spent",
                             "The reference is used up at the provider; the next one is taken.");
      d.next = Next::at_once;
      return d;
    }
    case Saw::query_confirmed:
    case Saw::query_pending:
    case Saw::query_reversed: {
      // Submitted before this database can remember: the attempt is adopted, and asked about like any other.
      Decision d = sent();
      d.next = Next::at_once;
      d.reason = "found_at_provider";
      d.text =
          "The provider already knows the payment: it was submitted before, and this database forgot it.";
      return d;
    }
    case Saw::query_mismatch:
      return review("mismatch",
                    "The provider knows a payment under this reference that is not what is owed.");
    case Saw::query_refused:
      return finish(State::failed, "refused");
    case Saw::query_refused_for_now:
      return try_again(ReferenceUse::renew, Purpose::retry, "refused_for_now",
                       "Refused for now; tried again later.");
    case Saw::query_absent:
      return absent_before_submit(s);
    case Saw::query_cannot_tell:
      if (!s.contract.can_look_up()) {
        return review("no_look_up", "It may have been submitted before, and the provider cannot be asked.");
      }
      return try_again(ReferenceUse::keep, Purpose::query, "cannot_tell",
                       "It must be looked up before it is submitted, and the provider could not say.");
    default:
      return after_the_end(s, saw);
  }
}

}  // namespace

Decision decide(const Standing& standing, Saw saw) {
  Standing s = standing;
  s.acceptance_sign = s.acceptance_sign || s.state == State::sent;  // SENT is the provider's own word
  Decision d = [&] {
    switch (s.state) {
      case State::submitting:
      case State::sent:
      case State::unknown:
        PAYOUTD_ASSERT(s.attempt_live, "a payout under way has a live attempt");
        return s.about == About::other ? after_the_end(s, saw) : under_way(s, saw);
      case State::pending:
      case State::held:
        return s.about == About::live_attempt ? before_submit(s, saw) : after_the_end(s, saw);
      default:
        return after_the_end(s, saw);
    }
  }();
  d.acceptance_sign = d.acceptance_sign || s.acceptance_sign;
  return d;
}

Saw saw_of(Submission::Kind kind) noexcept {
  switch (kind) {
    case Submission::Kind::confirmed:
      return Saw::submit_confirmed;
    case Submission::Kind::accepted:
      return Saw::submit_accepted;
    case Submission::Kind::refused:
      return Saw::submit_refused;
    case Submission::Kind::refused_for_now:
      return Saw::submit_refused_for_now;
    case Submission::Kind::not_accepted:
      return Saw::submit_not_accepted;
    case Submission::Kind::duplicate:
      return Saw::submit_duplicate;
    case Submission::Kind::unknown:
      return Saw::submit_unknown;
  }
  return Saw::submit_unknown;
}

Saw saw_of(Status::Kind kind) noexcept {
  switch (kind) {
    case Status::Kind::confirmed:
      return Saw::query_confirmed;
    case Status::Kind::pending:
      return Saw::query_pending;
    case Status::Kind::refused:
      return Saw::query_refused;
    case Status::Kind::refused_for_now:
      return Saw::query_refused_for_now;
    case Status::Kind::reversed:
      return Saw::query_reversed;
    case Status::Kind::absent:
      return Saw::query_absent;
    case Status::Kind::cannot_tell:
      return Saw::query_cannot_tell;
  }
  return Saw::query_cannot_tell;
}

std::string_view to_string(Saw saw) noexcept {
  switch (saw) {
    case Saw::prepare_failed:
      return "prepare_failed";
    case Saw::prepare_impossible:
      return "prepare_impossible";
    case Saw::reference_spent:
      return "reference_spent";
    case Saw::submit_confirmed:
      return "submit_confirmed";
    case Saw::submit_accepted:
      return "submit_accepted";
    case Saw::submit_refused:
      return "submit_refused";
    case Saw::submit_refused_for_now:
      return "submit_refused_for_now";
    case Saw::submit_not_accepted:
      return "submit_not_accepted";
    case Saw::submit_duplicate:
      return "submit_duplicate";
    case Saw::submit_unknown:
      return "submit_unknown";
    case Saw::query_confirmed:
      return "query_confirmed";
    case Saw::query_pending:
      return "query_pending";
    case Saw::query_refused:
      return "query_refused";
    case Saw::query_refused_for_now:
      return "query_refused_for_now";
    case Saw::query_reversed:
      return "query_reversed";
    case Saw::query_absent:
      return "query_absent";
    case Saw::query_cannot_tell:
      return "query_cannot_tell";
    case Saw::query_mismatch:
      return "query_mismatch";
  }
  return "";
}

}  // namespace payoutd::engine
