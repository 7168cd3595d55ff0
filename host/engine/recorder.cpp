#include "engine/recorder.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <boost/json.hpp>

#include "core/assert.hpp"
#include "core/signal.hpp"
#include "engine/payout_trace.hpp"

namespace payoutd::engine {
namespace {

using core::State;
using policy::Purpose;
using std::chrono::milliseconds;

constexpr milliseconds kShortestPause{50};

bool is_query(Saw saw) {
  switch (saw) {
    case Saw::query_confirmed:
    case Saw::query_pending:
    case Saw::query_refused:
    case Saw::query_refused_for_now:
    case Saw::query_reversed:
    case Saw::query_absent:
    case Saw::query_cannot_tell:
    case Saw::query_mismatch:
      return true;
    default:
      return false;
  }
}

// An answer that proves nothing lasting must not be applied to a payout that moved on since it was asked for.
bool perishable(Saw saw) {
  return saw == Saw::query_absent || saw == Saw::query_cannot_tell;
}

boost::json::object evidence_of(const News& news, const Decision& d) {
  boost::json::object data = news.evidence;
  data["saw"] = to_string(news.saw);
  if (!news.reference.empty()) data["reference"] = news.reference;
  if (!news.code.empty()) data["code"] = news.code;
  if (!news.message.empty()) data["message"] = news.message;
  if (!news.provider_ref.empty()) data["provider_ref"] = news.provider_ref;
  if (!d.reason.empty()) data["reason"] = d.reason;
  if (!d.text.empty()) data["text"] = d.text;
  if (d.absent_count > 0) data["absences_that_count"] = d.absent_count;
  return data;
}

// Slow enough to cost nothing, often enough to see a reversal within a fiftieth of its window.
milliseconds watch_pause(const Contract& contract) {
  const auto window =
      std::chrono::duration_cast<milliseconds>(contract.reversal_window.value_or(std::chrono::seconds{0}));
  return std::clamp<milliseconds>(window / 50, std::chrono::minutes{1}, std::chrono::hours{24});
}

}  // namespace

Recorder::Recorder(Parts parts, std::chrono::microseconds window)
    : parts_(std::move(parts)),
      transitions_(
          parts_.pool,
          [&] {
            store::GroupCommitOptions options;
            options.name = "transitions";
            options.window = window;
            return options;
          }(),
          [host = parts_.heart.host().incarnation, observer = &parts_.observer](
              pqxx::transaction_base& work, std::span<const store::Transition> batch,
              const store::BatchInfo& info) {
            observer->batch("transitions", batch.size());
            return store::apply(work, batch, host, info.replay);
          },
          [](const store::Transition& t) { return t.payout_id; }) {}

store::Transition Recorder::keep(const store::Payout& payout, State to) {
  store::Transition t;
  t.payout_id = payout.id;
  t.expected_version = payout.version;
  t.to = to;
  t.reference_n = payout.reference_n;
  t.query_count = payout.query_count;
  t.refusal_count = payout.refusal_count;
  t.defer_count = payout.defer_count;
  t.verify_first = payout.verify_first;
  return t;
}

Awaitable<store::Applied> Recorder::apply(store::Transition transition) {
  store::Applied applied = co_await transitions_.submit(std::move(transition));
  if (applied.notifications && parts_.notifications_due) parts_.notifications_due();
  co_return applied;
}

Awaitable<bool> Recorder::drain(milliseconds limit) {
  core::Signal never(co_await boost::asio::this_coro::executor);
  const auto until = std::chrono::steady_clock::now() + limit;
  const auto written = [this] {
    const store::GroupCommitStats stats = transitions_.stats();
    return stats.queued == 0 && stats.in_flight == 0;
  };
  while (!written() && std::chrono::steady_clock::now() < until) co_await never.wait(milliseconds{20});
  co_return written();
}

Awaitable<std::optional<store::Claimed>> Recorder::reload(std::string payout_id) {
  auto found = co_await parts_.pool.transact([payout_id](pqxx::transaction_base& work) {
    auto rows = store::load(work, {payout_id});
    if (rows.empty() && store::recall(work, payout_id)) rows = store::load(work, {payout_id});
    return rows;
  });
  if (found.empty()) co_return std::nullopt;
  co_return std::move(found.front());
}

Awaitable<Standing> Recorder::standing(store::Claimed current, News news) {
  Standing s;
  s.state = current.payout.state;
  s.attempt_live = current.attempt.has_value();
  static constexpr std::string_view kOpenQuestions[] = {"unresolved", "no_look_up", "may_have_been_paid",
                                                        "cancel_asked"};
  s.review_open_question =
      std::ranges::find(kOpenQuestions, current.payout.reason) != std::end(kOpenQuestions);
  providers::ProviderHandle* handle = parts_.provider(current.payout.provider);
  const bool known = handle != nullptr && !handle->plugin_version().empty();
  if (known) s.contract = handle->contract();
  if (!current.attempt) {
    s.about = news.attempt_id.empty() ? About::live_attempt : About::other;
    s.absent_count = current.payout.query_count;
    s.dated = s.contract.absence_is_proof_after &&
              milliseconds{news.since_answer_deadline_ms} >= *s.contract.absence_is_proof_after;
    co_return s;
  }
  const store::Attempt& attempt = *current.attempt;
  const ContractBook::Entry stored = co_await parts_.contracts.find(attempt.contract_id);
  s.contract = known ? stricter(stored.contract, handle->contract()) : stored.contract;
  s.same_scope = known && stored.scope == handle->account_scope();
  s.acceptance_sign = attempt.acceptance_sign || !attempt.provider_ref.empty();
  s.absent_count = attempt.absent_count;
  s.about = news.attempt_id == attempt.id         ? About::live_attempt
            : news.reference == attempt.reference ? About::live_reference
                                                  : About::other;
  if (s.contract.repeat_window) {
    s.repeat_window_open = milliseconds{attempt.since_first_submit_ms} < *s.contract.repeat_window;
  }
  if (attempt.expired) s.repeat_window_open = false;
  s.repeats = attempt.repeats;
  if (s.contract.absence_is_proof_after) {
    s.dated = milliseconds{news.since_answer_deadline_ms} >= *s.contract.absence_is_proof_after;
  }
  co_return s;
}

// Fills in when the payout is due next. The policy advises; giving up is believed only where nothing can have
// been paid, and a payout whose outcome is open goes to a human instead.
void Recorder::schedule(const store::Claimed& current, const News& news, const Standing& standing,
                        Decision& d, store::Transition& t) {
  const store::Payout& p = current.payout;
  int count = 1;
  switch (d.purpose) {
    case Purpose::retry:
      count = ++t.refusal_count;
      break;
    case Purpose::resend:
      count = ++t.defer_count;
      break;
    case Purpose::poll:
    case Purpose::query:
      t.query_count = p.state == d.to ? p.query_count + 1 : (d.next == Next::at_once ? 0 : 1);
      count = std::max(1, t.query_count);
      break;
    case Purpose::notify:  // is asked for no payout
      break;
  }
  if (d.next == Next::at_once || d.next == Next::submit_again) {
    t.next_action_in = milliseconds{0};
    return;
  }
  if (d.next == Next::watch) {
    t.next_action_in = watch_pause(standing.contract);
    return;
  }
  if (d.next != Next::wait) return;
  const bool same_state = p.state == d.to;
  policy::BackoffQuestion question;
  question.provider = p.provider;
  question.purpose = d.purpose;
  question.count = count;
  question.in_state = milliseconds{same_state ? p.in_state_ms : 0};
  question.code = news.code;
  question.age = milliseconds{p.age_ms};
  policy::BackoffAdvice advice = parts_.policy.backoff(std::move(question));
  const policy::BackoffAnswer& answer = advice.answer;
  t.decision = std::move(advice.decision);
  if (const auto* pause = std::get_if<milliseconds>(&answer)) {
    milliseconds wait = *pause;
    if (d.reason == "absent_too_early" && standing.contract.absence_is_proof_after) {
      const milliseconds until =
          *standing.contract.absence_is_proof_after - milliseconds{news.since_answer_deadline_ms};
      wait = std::min(wait, until + kShortestPause);
    }
    t.next_action_in = std::max(wait, kShortestPause);
    return;
  }
  const bool nothing_paid = d.to == State::pending && !p.verify_first &&
                            (d.purpose == Purpose::retry || d.purpose == Purpose::resend);
  if (std::holds_alternative<policy::GiveUp>(answer) && nothing_paid) {
    d.to = State::failed;
    d.reason = "gave_up";
    d.text = "The schedule gave up after the last refusal; nothing was paid.";
  } else {
    d.to = State::review;
    d.reason = nothing_paid ? "schedule_asks" : "unresolved";
    d.text = nothing_paid ? "The schedule asks for a human; nothing was paid."
                          : "The provider could not settle what became of the payment in the time allowed.";
  }
  d.next = Next::nothing;
}

store::Transition Recorder::transition(const store::Claimed& current, const News& news,
                                       const Standing& standing, Decision& d) {
  const store::Payout& p = current.payout;
  const std::string& me = parts_.heart.host().incarnation;
  const bool mine = p.lease == me;
  store::Transition t = keep(p, d.changes ? d.to : p.state);
  t.provider_ref = news.provider_ref;
  if (d.changes) {
    if (p.verify_first && !current.attempt && d.to == State::failed && !is_query(news.saw)) {
      d.to = State::review;
      d.reason = "may_have_been_paid";
      d.text = "It cannot be paid now, but may have been before the database lost commits. " + d.text;
    }
    if (d.reference == ReferenceUse::renew) ++t.reference_n;
    if ((d.to == State::sent || d.to == State::unknown) && d.purpose != Purpose::resend) t.defer_count = 0;
    t.lane_state = news.lane_state;
    schedule(current, news, standing, d, t);
    if (is_query(news.saw) && !current.attempt) {
      t.query_count = d.absent_count;
      t.verify_first = d.to == State::pending && d.next == Next::wait;
      if (d.to == State::sent) t.new_attempt = news.adopt;
      t.attempts_added = t.new_attempt ? 1 : 0;
    }
    t.to = d.to;
    t.reason = d.reason;
    t.reason_text = news.message.empty() || d.to != State::failed ? d.text : news.message;
    if (d.to == State::failed && !news.code.empty()) t.reason = news.code;
  } else {
    t.reason = p.reason;
    t.reason_text = p.reason_text;
    t.keep_lease = !mine;
    t.keep_schedule = true;
    if (mine && p.state == State::confirmed) {
      // Without a window there is nothing left to ask, and it must not stay due.
      t.keep_schedule = false;
      const auto window = standing.contract.reversal_window;
      if (window && milliseconds{p.in_state_ms} < *window) t.next_action_in = watch_pause(standing.contract);
    }
  }
  const bool about_live = current.attempt && standing.about != About::other;
  if (about_live || !news.attempt_id.empty()) {
    store::AttemptUpdate a;
    a.id = about_live ? current.attempt->id : news.attempt_id;
    a.live = about_live ? !(d.changes && d.close_attempt) : (d.contradiction && !current.attempt);
    if (d.changes || standing.about == About::other) {
      a.outcome = to_string(news.saw);
      a.code = news.code;
      a.message = news.message;
    }
    a.provider_ref = news.provider_ref;
    a.acceptance_sign = news.acceptance_sign || d.acceptance_sign;
    if (about_live && d.absent_count > 0) a.absent_count = d.absent_count;
    t.attempt = a;
  }
  const bool quiet = !d.changes || (d.to == p.state && p.state == State::sent);
  if (!quiet || standing.about == About::other) {
    t.event.kind = d.contradiction ? "contradiction"
                                   : (news.kind.empty() ? std::string(to_string(news.saw)) : news.kind);
  }
  t.event.actor = news.actor;
  t.event.attempt_id = t.attempt ? t.attempt->id : "";
  t.event.data = boost::json::serialize(evidence_of(news, d));
  return t;
}

Awaitable<Recorded> Recorder::record(store::Claimed current, News news, bool may_submit_again) {
  const std::string id = current.payout.id;
  Recorded result;
  for (;;) {
    const Standing s = co_await standing(current, news);
    Decision d = decide(s, news.saw);
    result.decision = d;
    if (d.changes && d.next == Next::submit_again && may_submit_again) {
      result.submit_again = true;
      result.now = std::move(current);
      co_return result;
    }
    store::Transition t = transition(current, news, s, d);
    result.decision = d;
    const bool nothing_to_write = !d.changes && !t.attempt && t.keep_lease;
    if (nothing_to_write) break;
    const bool released = !t.keep_lease;
    const store::Applied applied = co_await apply(std::move(t));
    if (applied.applied()) {
      result.changed = d.changes;
      if (released) current.payout.lease.clear();
      if (d.changes) report(current, news, d);
      current.payout.version = applied.version;
      if (d.changes) current.payout.state = d.to;
      break;
    }
    auto now = co_await reload(id);
    if (!now) {
      parts_.observer.log(LogLevel::error, "engine.payout_missing",
                          "News came about a payout that is not in the database.",
                          {{"payout", id}, {"saw", to_string(news.saw)}, {"reference", news.reference}});
      break;
    }
    current = std::move(*now);
    if (perishable(news.saw)) break;
  }
  result.now = std::move(current);
  co_return result;
}

void Recorder::report(const store::Claimed& before, const News& news, const Decision& d) {
  const store::Payout& p = before.payout;
  if (p.state != d.to) parts_.observer.state_changed(p, p.state, d.to);
  boost::json::object fields{{"payout", p.id},
                             {"flow_id", p.flow_id},
                             {"trace_id", trace_id_of(p)},
                             {"provider", p.provider},
                             {"from", core::to_string(p.state)},
                             {"to", core::to_string(d.to)},
                             {"saw", to_string(news.saw)}};
  if (!d.reason.empty()) fields["reason"] = d.reason;
  if (!news.code.empty()) fields["code"] = news.code;
  if (d.contradiction) {
    parts_.observer.log(LogLevel::error, "engine.contradiction", d.text, std::move(fields));
  } else if (d.to == State::review) {
    parts_.observer.log(LogLevel::warning, "engine.review_needed", d.text, std::move(fields));
  } else if (p.state != d.to) {
    parts_.observer.log(LogLevel::debug, "engine.state_changed", d.text, std::move(fields));
  }
}

}  // namespace payoutd::engine
