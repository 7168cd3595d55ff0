// The engine's table, row by row and contract by contract. Each test names its row.
#include "engine/decision.hpp"

#include <catch2/catch.hpp>

namespace {

using namespace payoutd;
using namespace payoutd::engine;
using core::State;
using policy::Purpose;

Contract momo_like() {
  Contract c;
  c.repeat = Repeat::refused_as_duplicate;
  c.lookup_by_reference = true;
  c.absence_is_proof_after = std::chrono::seconds{60};
  return c;
}
Contract block_like() {
  Contract c = momo_like();
  c.repeat = Repeat::harmless;
  c.lookup_by_reference = false;
  c.lookup_by_artefact = true;
  c.absence_is_proof_after.reset();
  return c;
}
Contract silent() {  // promises nothing, answers nothing
  Contract c;
  c.repeat = Repeat::unknown;
  return c;
}

Standing at(State state, Contract contract = momo_like()) {
  Standing s;
  s.state = state;
  s.contract = std::move(contract);
  s.attempt_live = state == State::submitting || state == State::sent || state == State::unknown;
  return s;
}

const State kUnderWay[] = {State::submitting, State::sent, State::unknown};
const State kFinal[] = {State::confirmed, State::failed, State::cancelled, State::reversed, State::simulated};

}  // namespace

TEST_CASE("prepare failed: pending again after backoff, nothing was sent", "[decision]") {
  const Decision d = decide(at(State::pending), Saw::prepare_failed);
  CHECK(d.to == State::pending);
  CHECK(d.reference == ReferenceUse::keep);
  CHECK(d.next == Next::wait);
  CHECK(d.purpose == Purpose::resend);
}

TEST_CASE("prepare impossible: failed", "[decision]") {
  CHECK(decide(at(State::pending), Saw::prepare_impossible).to == State::failed);
}

TEST_CASE("reference spent at prepare: no attempt, the next reference at once", "[decision]") {
  const Decision d = decide(at(State::pending), Saw::reference_spent);
  CHECK(d.to == State::pending);
  CHECK(d.reference == ReferenceUse::renew);
  CHECK(d.next == Next::at_once);
}

TEST_CASE("submit confirmed and accepted", "[decision]") {
  for (const Contract& contract : {momo_like(), block_like(), silent()}) {
    const Decision confirmed = decide(at(State::submitting, contract), Saw::submit_confirmed);
    CHECK(confirmed.to == State::confirmed);
    CHECK(confirmed.close_attempt);
    const Decision accepted = decide(at(State::submitting, contract), Saw::submit_accepted);
    CHECK(accepted.to == State::sent);
    CHECK_FALSE(accepted.close_attempt);
    CHECK(accepted.acceptance_sign);
    CHECK(accepted.purpose == Purpose::poll);
  }
}

TEST_CASE("submit refused for good: failed", "[decision]") {
  const Decision d = decide(at(State::submitting), Saw::submit_refused);
  CHECK(d.to == State::failed);
  CHECK(d.close_attempt);
}

TEST_CASE("submit refused for now, reference spent: pending with a new reference", "[decision]") {
  const Decision d = decide(at(State::submitting), Saw::submit_refused_for_now);
  CHECK(d.to == State::pending);
  CHECK(d.reference == ReferenceUse::renew);
  CHECK(d.purpose == Purpose::retry);
  CHECK(d.close_attempt);
}

TEST_CASE("submit provably not accepted: pending with the same reference", "[decision]") {
  for (const State state : {State::submitting, State::unknown}) {
    const Decision d = decide(at(state), Saw::submit_not_accepted);
    CHECK(d.to == State::pending);
    CHECK(d.reference == ReferenceUse::keep);
    CHECK(d.purpose == Purpose::resend);
    CHECK(d.close_attempt);
  }
}

TEST_CASE("anything else: unknown, and the provider is asked at once", "[decision]") {
  for (const Contract& contract : {momo_like(), block_like()}) {
    const Decision d = decide(at(State::submitting, contract), Saw::submit_unknown);
    CHECK(d.to == State::unknown);
    CHECK(d.next == Next::at_once);
    CHECK_FALSE(d.close_attempt);
  }
}

TEST_CASE("unknown without a look-up: review, or a harmless repeat", "[decision]") {
  CHECK(decide(at(State::submitting, silent()), Saw::submit_unknown).to == State::review);
  Contract harmless = silent();
  harmless.repeat = Repeat::harmless;
  const Decision d = decide(at(State::submitting, harmless), Saw::submit_unknown);
  CHECK(d.to == State::unknown);
  CHECK(d.next == Next::submit_again);
  Standing closed = at(State::submitting, harmless);
  closed.repeat_window_open = false;
  CHECK(decide(closed, Saw::submit_unknown).to == State::review);
  Standing accepted = at(State::submitting, harmless);
  accepted.acceptance_sign = true;
  CHECK(decide(accepted, Saw::submit_unknown).to == State::review);
  Standing elsewhere = at(State::submitting, harmless);
  elsewhere.same_scope = false;
  CHECK(decide(elsewhere, Saw::submit_unknown).to == State::review);
}

TEST_CASE("a duplicate answer is a sign of acceptance: query it", "[decision]") {
  const Decision d = decide(at(State::submitting), Saw::submit_duplicate);
  CHECK(d.to == State::unknown);
  CHECK(d.acceptance_sign);
  CHECK_FALSE(d.close_attempt);
  Contract harmless = silent();
  harmless.repeat = Repeat::harmless;
  CHECK(decide(at(State::submitting, harmless), Saw::submit_duplicate).to == State::review);
}

TEST_CASE("query found and matching: what it says", "[decision]") {
  for (const State state : kUnderWay) {
    CHECK(decide(at(state), Saw::query_confirmed).to == State::confirmed);
    CHECK(decide(at(state), Saw::query_pending).to == State::sent);
    CHECK(decide(at(state), Saw::query_refused).to == State::failed);
    const Decision later = decide(at(state), Saw::query_refused_for_now);
    CHECK(later.to == State::pending);
    CHECK(later.reference == ReferenceUse::renew);
    CHECK(decide(at(state), Saw::query_reversed).to == State::reversed);
  }
}

TEST_CASE("query absent, repeat harmless and window open: the same artefact again", "[decision]") {
  const Decision d = decide(at(State::unknown, block_like()), Saw::query_absent);
  CHECK(d.next == Next::submit_again);
  Standing closed = at(State::unknown, block_like());
  closed.repeat_window_open = false;
  CHECK(decide(closed, Saw::query_absent).next != Next::submit_again);
  CHECK(decide(closed, Saw::query_absent).to == State::unknown);
}

TEST_CASE("query absent and dated, absence is proof: pending, same reference, after the second answer",
          "[decision]") {
  Standing s = at(State::unknown);
  s.dated = true;
  const Decision first = decide(s, Saw::query_absent);
  CHECK(first.to == State::unknown);
  CHECK(first.absent_count == 1);
  s.absent_count = 1;
  const Decision second = decide(s, Saw::query_absent);
  CHECK(second.to == State::pending);
  CHECK(second.reference == ReferenceUse::keep);
  CHECK(second.close_attempt);
}

TEST_CASE("query cannot tell: again after backoff", "[decision]") {
  const Decision d = decide(at(State::unknown), Saw::query_cannot_tell);
  CHECK(d.to == State::unknown);
  CHECK(d.next == Next::wait);
  CHECK(d.purpose == Purpose::query);
  CHECK(decide(at(State::sent), Saw::query_cannot_tell).to == State::sent);
}

TEST_CASE("decision, rule 1: not accepted closes its own attempt only", "[decision][rules]") {
  Standing s = at(State::submitting);
  s.about = About::live_reference;  // an earlier submit under the same reference answers late
  CHECK_FALSE(decide(s, Saw::submit_not_accepted).changes);
  CHECK_FALSE(decide(s, Saw::submit_refused).changes);
  CHECK(decide(s, Saw::submit_confirmed).to == State::confirmed);
}

TEST_CASE("decision, rule 1: proof of payment against the record is a contradiction", "[decision][rules]") {
  for (const State state : {State::failed, State::cancelled}) {
    for (const Saw saw :
         {Saw::submit_confirmed, Saw::query_confirmed, Saw::query_pending, Saw::submit_accepted}) {
      const Decision d = decide(at(state), saw);
      CHECK(d.to == State::review);
      CHECK(d.contradiction);
      CHECK(d.next == Next::nothing);
    }
  }
  for (const State state : {State::pending, State::submitting, State::sent, State::unknown}) {
    Standing s = at(state);
    s.about = About::other;
    const Decision d = decide(s, Saw::query_confirmed);
    CHECK(d.to == State::review);
    CHECK(d.contradiction);
  }
}

TEST_CASE("decision, rule 1: a state never goes backwards on old news", "[decision][rules]") {
  for (const State state : kFinal) {
    for (const Saw saw :
         {Saw::submit_unknown, Saw::submit_not_accepted, Saw::query_absent, Saw::query_cannot_tell}) {
      CHECK_FALSE(decide(at(state), saw).changes);
    }
  }
  CHECK_FALSE(decide(at(State::confirmed), Saw::query_pending).changes);
  CHECK_FALSE(decide(at(State::confirmed), Saw::submit_accepted).changes);
  CHECK_FALSE(decide(at(State::sent), Saw::submit_unknown).changes);
  CHECK_FALSE(decide(at(State::unknown), Saw::submit_unknown).changes);
  CHECK_FALSE(decide(at(State::reversed), Saw::query_confirmed).changes);
}

TEST_CASE("decision, rule 2: absence must be dated and without a sign of acceptance", "[decision][rules]") {
  Standing early = at(State::unknown);
  early.absent_count = 1;
  const Decision too_early = decide(early, Saw::query_absent);
  CHECK(too_early.to == State::unknown);
  CHECK(too_early.reason == "absent_too_early");

  Standing signed_off = at(State::unknown);
  signed_off.dated = true;
  signed_off.absent_count = 5;
  signed_off.acceptance_sign = true;
  CHECK(decide(signed_off, Saw::query_absent).to == State::unknown);

  Standing sent = at(State::sent);
  sent.dated = true;
  sent.absent_count = 5;
  CHECK(decide(sent, Saw::query_absent).to == State::sent);

  Standing block = at(State::unknown, block_like());
  block.acceptance_sign = true;
  CHECK(decide(block, Saw::query_absent).next == Next::submit_again);  // the block is the payment
  Standing remembered_key = block;
  remembered_key.contract.lookup_by_artefact = false;
  remembered_key.contract.lookup_by_reference = true;
  CHECK(decide(remembered_key, Saw::query_absent).next != Next::submit_again);
}

TEST_CASE("decision, rule 3: found must match", "[decision][rules]") {
  for (const State state : kUnderWay) {
    const Decision d = decide(at(state), Saw::query_mismatch);
    CHECK(d.to == State::review);
    CHECK_FALSE(d.close_attempt);
  }
}

TEST_CASE("decision, rule 4: repeats and absence count within one scope only", "[decision][rules]") {
  Standing s = at(State::unknown);
  s.dated = true;
  s.absent_count = 5;
  s.same_scope = false;
  CHECK(decide(s, Saw::query_absent).to == State::unknown);
  Standing harmless = at(State::unknown, block_like());
  harmless.same_scope = false;
  CHECK(decide(harmless, Saw::query_absent).next != Next::submit_again);
}

TEST_CASE("decision, rule 9: a confirmed payout is watched as long as the contract says",
          "[decision][rules]") {
  Contract reversible = momo_like();
  reversible.reversal_window = std::chrono::hours{24};
  const Decision d = decide(at(State::unknown, reversible), Saw::query_confirmed);
  CHECK(d.to == State::confirmed);
  CHECK(d.next == Next::watch);
  CHECK_FALSE(d.close_attempt);
  CHECK(decide(at(State::confirmed, reversible), Saw::query_reversed).to == State::reversed);
  CHECK(decide(at(State::confirmed, reversible), Saw::query_refused).contradiction);
}

TEST_CASE("a refusal after a sign of acceptance is not believed", "[decision]") {
  for (const Saw saw : {Saw::submit_refused, Saw::submit_refused_for_now, Saw::submit_not_accepted}) {
    Standing s = at(State::unknown);
    s.acceptance_sign = true;
    CHECK(decide(s, saw).to == State::unknown);
    CHECK(decide(at(State::sent), saw).to == State::sent);
  }
}

TEST_CASE("review: only an open question is settled by proof", "[decision]") {
  Standing open = at(State::review);
  open.attempt_live = true;
  open.review_open_question = true;
  CHECK(decide(open, Saw::query_confirmed).to == State::confirmed);
  Standing judged = at(State::review);
  judged.attempt_live = true;
  CHECK_FALSE(decide(judged, Saw::query_confirmed).changes);
  CHECK_FALSE(decide(open, Saw::query_absent).changes);
}

TEST_CASE("looked up before submit: what a restored database forgot is adopted", "[decision]") {
  const Decision found = decide(at(State::pending), Saw::query_confirmed);
  CHECK(found.to == State::sent);
  CHECK(found.next == Next::at_once);
  Standing s = at(State::pending);
  CHECK(decide(s, Saw::query_absent).reason == "absent_too_early");
  s.dated = true;
  CHECK(decide(s, Saw::query_absent).absent_count == 1);
  s.absent_count = 1;
  CHECK(decide(s, Saw::query_absent).next == Next::at_once);
  CHECK(decide(at(State::pending, silent()), Saw::query_cannot_tell).to == State::review);
  CHECK(decide(at(State::pending, block_like()), Saw::query_absent).to == State::review);
}

TEST_CASE("no news ever makes an unknown payout resendable without proof", "[decision]") {
  // Every standing that a payout under way can have, every kind of news: a submit may follow only where the
  // contract's own words allow it.
  for (const Contract& contract : {momo_like(), block_like(), silent()}) {
    for (const State state : kUnderWay) {
      for (int bits = 0; bits < 64; ++bits) {
        Standing s = at(state, contract);
        s.acceptance_sign = bits & 1;
        s.dated = bits & 2;
        s.same_scope = !(bits & 4);
        s.repeat_window_open = !(bits & 8);
        s.absent_count = bits & 16 ? 1 : 0;
        s.about = bits & 32 ? About::live_reference : About::live_attempt;
        for (int saw = static_cast<int>(Saw::submit_confirmed); saw <= static_cast<int>(Saw::query_mismatch);
             ++saw) {
          const Decision d = decide(s, static_cast<Saw>(saw));
          const bool again = d.changes && (d.to == State::pending || d.next == Next::submit_again);
          if (!again) continue;
          const Saw what = static_cast<Saw>(saw);
          const bool definitive =
              what == Saw::query_refused_for_now ||
              (s.about == About::live_attempt && !s.acceptance_sign && state != State::sent &&
               (what == Saw::submit_not_accepted || what == Saw::submit_refused_for_now));
          const bool harmless = contract.repeat == Repeat::harmless && s.repeat_window_open && s.same_scope &&
                                (contract.lookup_by_artefact || !s.acceptance_sign) &&
                                d.next == Next::submit_again;
          const bool absence = what == Saw::query_absent && contract.absence_is_proof_after && s.dated &&
                               s.absent_count >= 1 && s.same_scope && !s.acceptance_sign &&
                               state != State::sent;
          INFO("state " << core::to_string(state) << " saw " << to_string(what) << " bits " << bits);
          CHECK((definitive || harmless || absence));
        }
      }
    }
  }
}
