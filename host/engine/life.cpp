#include "engine/life.hpp"

#include <boost/json.hpp>

#include "core/fault.hpp"
#include "core/ids.hpp"
#include "core/test_payout.hpp"
#include "engine/payout_trace.hpp"
#include "ops/redact.hpp"

namespace payoutd::engine {
namespace {

using core::State;
using providers::BootTime;
using std::chrono::milliseconds;

// How long a payout waits for its turn by a provider's rate before others are tried.
constexpr milliseconds kWaitToAsk{3'000};
constexpr milliseconds kWaitForPlace{2'000};
// Until somebody else has changed something.
constexpr milliseconds kNothingToDo{60'000};
constexpr milliseconds kRatePause{1'000};
// What is left of the submit's time when nobody waits for a turn any more.
constexpr milliseconds kBeforeDeadline{50};

Prepared prepared_of(const store::Attempt& attempt) {
  Prepared prepared;
  prepared.artefact = attempt.artefact;
  prepared.format = attempt.artefact_format;
  prepared.lookup = boost::json::parse(attempt.lookup).as_object();
  return prepared;
}

// Why the plugin's version cannot be asked about this attempt; empty if it can.
std::string unreadable_format(const store::Attempt& attempt, const providers::ProviderHandle& handle) {
  const std::vector<int>& readable = handle.contract().readable_formats;
  if (std::ranges::find(readable, attempt.artefact_format) != readable.end()) return {};
  return "Its artefact has the format " + std::to_string(attempt.artefact_format) + ", which version " +
         handle.plugin_version() + " of the plugin does not read: install one that does.";
}

// What a plugin says goes into events and explanations, which outlive the payout and are shown to operators:
// neither the payee's number nor a secret belongs there, whatever the provider repeats.
std::string without_accounts(std::string_view text) {
  return ops::redactor().redact(text);
}

boost::json::object journaled_facts(const Order& order, const Prepared& prepared,
                                    const providers::ProviderHandle& handle) {
  boost::json::object facts{{"reference", order.reference},
                            {"plugin_version", handle.plugin_version()},
                            {"submit_window_ms", handle.contract().submit_window.count()}};
  if (!order.lane.empty()) facts["lane"] = order.lane;
  if (prepared.cost) facts["cost"] = prepared.cost->amount.to_string() + " " + prepared.cost->currency;
  return facts;
}

// Whether a payout that this database may have forgotten to have submitted can be submitted under its
// reference without asking first. Where the artefact is the payment's identity, a new artefact is a new
// payment; and a provider that remembers a reference for a time only may have forgotten it too.
bool second_submit_is_safe(const Contract& contract) {
  const bool known_by_artefact = contract.lookup_by_artefact && !contract.lookup_by_reference;
  return contract.repeat != Repeat::unknown && !known_by_artefact && !contract.repeat_window;
}

// Why what was found is not what is owed; empty if it matches.
std::string mismatch(const store::Payout& payout, const std::string& reference, const Found& found) {
  if (found.amount && *found.amount != payout.money.amount) {
    return "the amount is " + found.amount->to_string() + " instead of " + payout.money.amount.to_string();
  }
  if (found.currency && *found.currency != payout.money.currency) {
    return "the currency is " + *found.currency + " instead of " + payout.money.currency;
  }
  if (found.destination && *found.destination != payout.destination) return "the destination is another one";
  if (found.reference && *found.reference != reference) return "the reference is another one";
  return {};
}

News news_of_status(const store::Payout& payout, const std::string& reference, const Status& status,
                    News base) {
  base.saw = saw_of(status.kind);
  base.reference = reference;
  base.code = status.code;
  base.message = without_accounts(status.message);
  base.provider_ref = status.provider_ref;
  if (status.lane_state) base.lane_state = boost::json::serialize(*status.lane_state);
  const bool found = status.kind != Status::Kind::absent && status.kind != Status::Kind::cannot_tell;
  if (!found) return base;
  base.acceptance_sign = true;
  if (const std::string why = mismatch(payout, reference, status.found); !why.empty()) {
    base.evidence["status"] = to_string(status.kind);
    base.saw = Saw::query_mismatch;
    base.message = "The provider's record does not match: " + why;
  }
  return base;
}

}  // namespace

std::string Life::reference_of(const store::Payout& payout, const Contract& contract) const {
  return core::derive_reference(
      options_.instance_key, {payout.client_id, payout.idempotency_key, payout.provider, payout.reference_n},
      contract.reference);
}

std::string Life::callback_url(const std::string& provider, const std::string& reference) const {
  if (options_.public_url.empty()) return {};
  const auto own = callback_keys_.find(provider);
  const Secret& key = own == callback_keys_.end() ? options_.instance_key : own->second;
  return options_.public_url + "/v1/webhooks/" + provider + "/" + reference + "/" +
         core::sign_callback(key, provider, reference);
}

Order Life::order_of(const store::Claimed& claimed, std::string reference) const {
  const store::Payout& payout = claimed.payout;
  Order order;
  order.payout_id = payout.id;
  order.callback_url = callback_url(payout.provider, reference);
  order.reference = std::move(reference);
  order.money = payout.money;
  order.destination = payout.destination;
  order.note = payout.note;
  order.lane = payout.lane;
  if (!claimed.lane_state.empty()) order.lane_state = boost::json::parse(claimed.lane_state).as_object();
  return order;
}

bool Life::may_submit(const providers::ProviderHandle& handle) const {
  return !stopping_ && handle.ready() && parts_.heart.fresh() && parts_.heart.history_trusted() &&
         !parts_.heart.submissions_stopped() && !parts_.heart.paused(handle.name());
}

Awaitable<void> Life::release(std::string payout_id, milliseconds pause) {
  co_await parts_.pool.transact(
      [payout_id, pause, host = parts_.heart.host().incarnation](pqxx::transaction_base& work) {
        store::release(work, host, {payout_id}, static_cast<int>(pause.count()));
      });
}

Awaitable<void> Life::pay(store::Claimed claimed, ProviderRates::Place place) {
  providers::ProviderHandle* handle = parts_.provider(claimed.payout.provider);
  if (handle == nullptr || !may_submit(*handle)) {
    co_await release(claimed.payout.id);
    co_return;
  }
  Order order = order_of(claimed, reference_of(claimed.payout, handle->contract()));
  const bool is_test = claimed.payout.client_id == core::kTestClient;
  if (!is_test && claimed.payout.verify_first && !second_submit_is_safe(handle->contract())) {
    co_await look_up_first(std::move(claimed), std::move(order), handle);
    co_return;
  }
  const bool dry = options_.dry_run || parts_.heart.dry_run(handle->name());
  if (!is_test && claimed.payout.verify_first && dry) {
    // It may have been paid, so SIMULATED would be a guess, and a submit, which would tell, is forbidden.
    co_await release(claimed.payout.id, kNothingToDo);
    co_return;
  }
  News news;
  std::optional<Prepared> prepared;
  trace::Span span = prepare_span(parts_.observer, claimed.payout);
  try {
    prepared = co_await handle->prepare(order, options_.prepare_timeout);
  } catch (const std::exception& failure) {
    news.saw = Saw::prepare_failed;
    news.message = without_accounts(failure.what());
  }
  fault::point("engine.after_prepare");
  if (prepared && prepared->reference_spent) {
    news.saw = Saw::reference_spent;
    prepared.reset();
  } else if (prepared && prepared->valid_until &&
             *prepared->valid_until <= std::chrono::system_clock::now()) {
    news.saw = Saw::prepare_failed;
    news.message = "What was prepared is no longer valid at the provider.";
    prepared.reset();
  } else if (prepared && prepared->impossible) {
    news.saw = Saw::prepare_impossible;
    news.code = prepared->impossible->field;
    news.message = without_accounts(prepared->impossible->reason);
    prepared.reset();
  }
  prepared ? span.end("prepared") : end_as(span, news.saw);
  if (!prepared) {
    parts_.health.note(handle->name(), news.saw);
    news.reference = order.reference;
    co_await parts_.recorder.record(std::move(claimed), std::move(news));
    co_return;
  }
  if (is_test || dry) {
    store::Transition t = Recorder::keep(claimed.payout, State::simulated);
    t.needs_lease = true;
    t.reason = is_test ? "test_payout" : "dry_run";
    t.reason_text = is_test ? "A test: screened and prepared, journaled nowhere, sent nowhere."
                            : "Dry run: prepared and journaled nowhere, sent nowhere.";
    t.event = {"simulated", "engine", {}, "{}"};
    const auto applied = co_await parts_.recorder.apply(std::move(t));
    if (applied.applied()) parts_.observer.state_changed(claimed.payout, State::pending, State::simulated);
    co_return;
  }
  co_await journal_and_submit(std::move(claimed), std::move(order), std::move(*prepared), handle,
                              std::nullopt, std::move(place));
}

Awaitable<void> Life::look_up_first(store::Claimed claimed, Order order, providers::ProviderHandle* handle) {
  const Contract contract = handle->contract();
  News news;
  // The forgotten submit, if there was one, began before the payout was marked.
  news.since_answer_deadline_ms =
      claimed.payout.in_state_ms - (contract.submit_window + contract.response_timeout).count();
  if (contract.lookup_by_reference &&
      !co_await parts_.rates.take(handle, ProviderRates::Kind::query, kWaitToAsk, {})) {
    co_await release(claimed.payout.id, kRatePause);
    co_return;
  }
  Status status;
  std::optional<Prepared> prepared;
  trace::Span span = query_span(parts_.observer, claimed.payout, nullptr);
  try {
    prepared = co_await handle->prepare(order, options_.prepare_timeout);
    if (contract.lookup_by_reference) status = co_await handle->query(order, *prepared, {});
  } catch (const std::exception& failure) {
    status.message = failure.what();
  }
  end_as(span, saw_of(status.kind));
  news = news_of_status(claimed.payout, order.reference, status, std::move(news));
  if (prepared) {
    store::NewAttempt adopted;
    adopted.id = core::random_uuid();
    adopted.contract_id = co_await parts_.contracts.keep(handle->name(), handle->account_scope(), contract);
    adopted.plugin_version = handle->plugin_version();
    adopted.reference = order.reference;
    adopted.reference_n = claimed.payout.reference_n;
    adopted.artefact = prepared->artefact;
    adopted.artefact_format = prepared->format;
    adopted.lookup = boost::json::serialize(prepared->lookup);
    adopted.lane = order.lane;
    adopted.outcome = "adopted";
    news.adopt = std::move(adopted);
  }
  co_await parts_.recorder.record(std::move(claimed), std::move(news));
}

Awaitable<void> Life::journal_and_submit(store::Claimed claimed, Order order, Prepared prepared,
                                         providers::ProviderHandle* handle,
                                         std::optional<store::AttemptUpdate> superseded,
                                         ProviderRates::Place place) {
  using Kind = ProviderRates::Kind;
  // Nothing is journaled before there is a place for it among the provider's submits.
  if (!place && parts_.rates.limited(*handle, Kind::submit)) {
    place = co_await parts_.rates.reserve(handle, Kind::submit, kWaitForPlace);
    if (!place) {
      co_await release(claimed.payout.id, kRatePause);
      co_return;
    }
  }
  const std::string contract_id =
      co_await parts_.contracts.keep(handle->name(), handle->account_scope(), handle->contract());
  const std::string attempt_id = core::random_uuid();
  const bool repeats = superseded.has_value();
  if (!may_submit(*handle) || !handle->announce(attempt_id)) {
    co_await release(claimed.payout.id);
    co_return;
  }
  const Contract& contract = handle->contract();
  store::Transition t = Recorder::keep(claimed.payout, State::submitting);
  t.needs_lease = true;
  t.submits = true;
  t.verify_first = false;  // from here on this database knows what was submitted
  t.keep_lease = true;
  t.attempts_added = 1;
  t.new_attempt = store::NewAttempt{attempt_id,
                                    contract_id,
                                    handle->plugin_version(),
                                    order.reference,
                                    claimed.payout.reference_n,
                                    order.lane,
                                    prepared.artefact,
                                    prepared.format,
                                    boost::json::serialize(prepared.lookup),
                                    contract.submit_window,
                                    contract.response_timeout,
                                    repeats,
                                    prepared.valid_until,
                                    {}};
  if (prepared.lane_state) t.lane_state = boost::json::serialize(*prepared.lane_state);
  t.attempt = std::move(superseded);
  t.event = {"journaled", "engine", attempt_id,
             boost::json::serialize(journaled_facts(order, prepared, *handle))};
  fault::point("engine.before_journal");
  // From before BEGIN: the database's own deadline, counted from its clock, can only be later.
  const BootTime deadline = BootTime::now() + contract.submit_window;
  store::Applied journaled;
  std::optional<std::string> unjournaled;
  try {
    journaled = co_await parts_.recorder.apply(std::move(t));
  } catch (const store::DataError& refused) {
    unjournaled = refused.what();  // rolled back: nothing was journaled, nothing is sent
  } catch (...) {
    handle->retire(attempt_id);  // nothing is sent; if it was journaled after all, it is asked about
    throw;
  }
  fault::point("engine.after_journal");
  if (unjournaled) {
    handle->retire(attempt_id);
    News news;
    news.saw = Saw::prepare_failed;
    news.message = "The attempt cannot be journaled: " + *unjournaled;
    co_await parts_.recorder.record(std::move(claimed), std::move(news));
    co_return;
  }
  if (!journaled.applied()) {
    handle->retire(attempt_id);
    co_await release(claimed.payout.id);  // does nothing where the lease is another's by now
    co_return;
  }
  parts_.balances.journaled(claimed.payout.id);
  claimed.payout.version = journaled.version;
  claimed.payout.state = State::submitting;
  claimed.payout.verify_first = false;
  ++claimed.payout.attempt_count;
  store::Attempt attempt;
  attempt.id = attempt_id;
  attempt.payout_id = claimed.payout.id;
  attempt.contract_id = contract_id;
  attempt.reference = order.reference;
  attempt.reference_n = claimed.payout.reference_n;
  attempt.repeats = repeats;
  claimed.attempt = std::move(attempt);
  if (claimed.payout.attempt_count > 1) {
    parts_.observer.retried(handle->name(), milliseconds{claimed.payout.age_ms});
  }
  if (journaled.timeline != parts_.heart.timeline()) {
    parts_.heart.suspect_history("a journal was committed on timeline " + journaled.timeline);
  }

  News news;
  news.attempt_id = attempt_id;
  news.reference = order.reference;
  // The place is there, unless other hosts came meanwhile and this one's share became smaller.
  const auto left =
      std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds{deadline.ns - BootTime::now().ns});
  const bool in_turn =
      co_await parts_.rates.take(handle, Kind::submit, left - kBeforeDeadline, std::move(place));
  if (!in_turn) {
    news.saw = Saw::submit_not_accepted;
    news.code = "not_sent";
    news.message = "The provider's submit_rate left no room in time: nothing was handed over.";
  } else if (!parts_.heart.fresh() || !parts_.heart.history_trusted()) {
    news.saw = Saw::submit_not_accepted;
    news.code = "not_sent";
    news.message =
        "This host's heartbeat was too old, or the database's history in doubt: nothing was handed over.";
  } else {
    trace::Span span = submit_span(parts_.observer, claimed.payout, attempt_id);
    const providers::SubmitReply reply =
        co_await handle->submit(std::move(order), std::move(prepared), attempt_id, deadline);
    fault::point("engine.after_answer");
    news.saw = saw_of(reply.submission.kind);
    end_as(span, news.saw);
    news.code = reply.submission.code;
    news.message = without_accounts(reply.submission.message);
    news.provider_ref = reply.submission.provider_ref;
    news.acceptance_sign = reply.evidence.acceptance_sign;
    news.evidence["bytes_left"] = reply.evidence.bytes_left;
    if (reply.evidence.http_status != 0) news.evidence["http_status"] = reply.evidence.http_status;
  }
  parts_.observer.saw(handle->name(), to_string(news.saw));
  parts_.health.note(handle->name(), news.saw);
  fault::point("engine.before_record");
  co_await parts_.recorder.record(std::move(claimed), std::move(news));
  fault::point("engine.after_record");
  handle->retire(attempt_id);
}

Awaitable<void> Life::resolve(store::Claimed claimed, ProviderRates::Place place) {
  providers::ProviderHandle* handle = parts_.provider(claimed.payout.provider);
  if (!claimed.attempt && claimed.payout.state != State::confirmed) {
    co_await give_to_a_human(std::move(claimed));
    co_return;
  }
  if (handle == nullptr || !handle->ready() || !claimed.attempt) {
    co_await release(claimed.payout.id, claimed.attempt ? milliseconds{500} : kNothingToDo);
    co_return;
  }
  const store::Attempt attempt = *claimed.attempt;
  News base;
  base.attempt_id = attempt.id;
  base.since_answer_deadline_ms = attempt.since_answer_deadline_ms;
  Status status;
  const std::string unreadable = unreadable_format(attempt, *handle);
  status.message = unreadable;
  if (unreadable.empty() && handle->contract().can_look_up()) {
    if (!co_await parts_.rates.take(handle, ProviderRates::Kind::query, kWaitToAsk, std::move(place))) {
      co_await release(claimed.payout.id, kRatePause);
      co_return;
    }
    trace::Span span = query_span(parts_.observer, claimed.payout, &attempt);
    try {
      status = co_await handle->query(
          order_of(claimed, attempt.reference), prepared_of(attempt),
          attempt.provider_ref.empty() ? claimed.payout.provider_ref : attempt.provider_ref);
    } catch (const std::exception& failure) {
      status = Status{};
      status.message = failure.what();
    }
    end_as(span, saw_of(status.kind));
  }
  fault::point("engine.after_query");
  // What its version cannot read is not submitted by it, either.
  const bool may_submit_again = unreadable.empty();
  Recorded recorded;
  std::string unstorable;
  try {
    recorded = co_await take_status(claimed, attempt, std::move(status), base, may_submit_again);
  } catch (const store::DataError& refused) {
    unstorable = refused.what();
  }
  if (!unstorable.empty()) {
    Status nothing;
    nothing.message = "The provider's answer cannot be stored: " + unstorable;
    recorded = co_await take_status(claimed, attempt, std::move(nothing), std::move(base), may_submit_again);
  }
  if (recorded.submit_again) {
    store::AttemptUpdate superseded;
    superseded.id = attempt.id;
    superseded.live = false;
    superseded.outcome = "superseded";
    superseded.acceptance_sign = false;
    co_await journal_and_submit(recorded.now, order_of(recorded.now, attempt.reference), prepared_of(attempt),
                                handle, std::move(superseded), {});
  } else if (recorded.now.payout.lease == parts_.heart.host().incarnation) {
    co_await release(recorded.now.payout.id);
  }
}

// News of an attempt that the database has lost was recorded. There is nothing to ask the provider about.
Awaitable<void> Life::give_to_a_human(store::Claimed claimed) {
  const State before = claimed.payout.state;
  store::Transition t = Recorder::keep(claimed.payout, State::review);
  t.needs_lease = true;
  t.reason = "unresolved";
  t.reason_text =
      "It was submitted, but the database has lost by what attempt: the provider cannot be asked.";
  t.event = {"attempt_missing", "engine", {}, "{}"};
  const auto applied = co_await parts_.recorder.apply(std::move(t));
  if (applied.applied()) parts_.observer.state_changed(claimed.payout, before, State::review);
}

Awaitable<Recorded> Life::take_status(store::Claimed current, store::Attempt attempt, Status status,
                                      News base, bool may_submit_again) {
  News news = news_of_status(current.payout, attempt.reference, status, std::move(base));
  news.attempt_id = attempt.id;
  parts_.observer.saw(current.payout.provider, to_string(news.saw));
  parts_.health.note(current.payout.provider, news.saw);
  const bool mine = current.payout.lease == parts_.heart.host().incarnation;
  co_return co_await parts_.recorder.record(std::move(current), std::move(news),
                                            may_submit_again && mine && !stopping_);
}

Awaitable<void> Life::recover(store::Claimed claimed, bool from_this_machine) {
  if (claimed.payout.state != State::submitting || !claimed.attempt) {
    co_await release(claimed.payout.id);
    co_return;
  }
  News news;
  news.attempt_id = claimed.attempt->id;
  news.reference = claimed.attempt->reference;
  news.saw = Saw::submit_unknown;
  news.message = "The host that submitted it is gone; whether the request left is not known.";
  news.kind = "recovered";
  providers::ProviderHandle* handle = parts_.provider(claimed.payout.provider);
  if (from_this_machine && handle != nullptr && handle->inherited_send_log()) {
    for (const providers::SendLogEntry& entry : *handle->inherited_send_log()) {
      if (entry.attempt_id != news.attempt_id) continue;
      if (!entry.marked) {
        news.saw = Saw::submit_not_accepted;
        news.code = "not_sent";
        news.message = "The send log proves that no byte of the request left.";
      } else {
        news.message = "The send log shows that the request may have left; its answer was lost.";
      }
    }
  }
  parts_.observer.recovered(claimed.payout.provider, to_string(news.saw));
  const std::string attempt_id = news.attempt_id;
  co_await parts_.recorder.record(std::move(claimed), std::move(news));
  if (handle != nullptr) handle->retire(attempt_id);
}

Awaitable<void> Life::screened_out(store::Claimed claimed, Ruling ruling) {
  // What may have been paid already is not FAILED because a rule would not have it paid now.
  const bool denied_too_late = ruling.kind != Ruling::Kind::hold && claimed.payout.verify_first;
  const bool held = ruling.kind == Ruling::Kind::hold || denied_too_late;
  if (denied_too_late) ruling.text += " (denied, but it may have been paid before: release or reject it)";
  boost::json::object told{{"reason", ruling.reason}, {"text", ruling.text}};
  if (!ruling.rule.empty()) told["rule"] = ruling.rule;
  if (!ruling.bundle.empty()) told["bundle"] = ruling.bundle;
  store::Transition t = Recorder::keep(claimed.payout, held ? State::held : State::failed);
  t.needs_lease = true;
  t.reason = ruling.reason;
  t.reason_text = ruling.text;
  t.event = {held ? "held" : "denied", "policy", {}, boost::json::serialize(told)};
  const auto applied = co_await parts_.recorder.apply(std::move(t));
  if (applied.applied())
    parts_.observer.state_changed(claimed.payout, State::pending, held ? State::held : State::failed);
}

}  // namespace payoutd::engine
