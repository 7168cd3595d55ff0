#include "engine/inbox.hpp"

#include <boost/json.hpp>

#include "core/fault.hpp"
#include "core/ids.hpp"
#include "engine/callback_proof.hpp"
#include "engine/payout_trace.hpp"
#include "ops/redact.hpp"

namespace payoutd::engine {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using store::InboxEvent;
using store::Settled;
using store::Verdict;

constexpr int kClaimAtOnce = 100;
constexpr int kMostTries = 20;
constexpr milliseconds kLooksForMatches{1'000};
constexpr milliseconds kOperatorWaits{2'000};
constexpr milliseconds kPluginWaits{1'500};  // providers give up after two seconds

store::GroupCommitOptions group_options(const char* name, const InboxOptions& from) {
  store::GroupCommitOptions options;
  options.name = name;
  options.max_batch = 200;
  options.window = from.group_commit_window;
  // Providers repeat what was not answered, so an outage is told at once.
  options.retry_unavailable = false;
  options.deadline = milliseconds{5'000};
  options.max_queued = 20'000;
  return options;
}

// 5 s, 10 s, 20 s … 5 min.
milliseconds pause_after(int tries) {
  return std::min<milliseconds>(milliseconds{5'000} * (1 << std::clamp(tries, 0, 6)),
                                std::chrono::minutes{5});
}

// A callback may be faster than the answer that tells us the provider's name for the payment; one that still
// names nobody an hour later is another system's.
std::optional<milliseconds> look_again_after(int tries) {
  static constexpr std::array<int, 6> kSeconds{5, 30, 120, 600, 1'200, 1'800};
  if (tries >= static_cast<int>(kSeconds.size())) return std::nullopt;
  return std::chrono::seconds{kSeconds[static_cast<std::size_t>(std::max(tries, 0))]};
}

std::string masked_digits(const std::string& digits) {
  constexpr std::size_t kShown = 6;
  if (digits.empty()) return {};
  if (digits.size() <= 3 * kShown) return "***";
  return digits.substr(0, kShown) + "…" + digits.substr(digits.size() - 4) + " (" +
         std::to_string(digits.size()) + " characters)";
}

std::string hash_of(const InboxEvent& event) {
  std::string bytes = event.url_reference;
  bytes += '\0';
  bytes += event.body;
  return core::sha256_hex(bytes);
}

// What a plugin says is stored and shown: at most so much of it, and nothing that is no text.
std::string told(const std::string& text) {
  constexpr std::size_t kMost = 500;
  std::string out = ops::redactor().redact(text).substr(0, kMost);
  for (char& c : out)
    if (c < ' ' || c > '~') c = '?';
  return out;
}

// A name that is no visible text is none of ours; cut short it would be another's.
std::string name_in(const std::string& text) {
  constexpr std::size_t kMost = 256;
  const bool visible = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  return visible && text.size() <= kMost ? text : std::string();
}

Webhook webhook_of(const InboxEvent& event) {
  Webhook webhook;
  webhook.method = event.method;
  webhook.path = event.path;
  webhook.headers = event.headers;
  webhook.body = event.body;
  webhook.reference = event.url_reference;
  return webhook;
}

Verdict verdict_of(const InboxEvent& event) {
  Verdict verdict;
  verdict.event_id = event.id;
  verdict.sought.provider = event.provider;
  verdict.sought.reference = event.url_reference;
  verdict.replay_of = event.replay_of;
  verdict.replayed_by = event.replayed_by;
  return verdict;
}

Verdict refused(Verdict verdict, std::string reason, std::string why) {
  verdict.kind = Verdict::Kind::settle;
  verdict.state = "rejected";
  verdict.reason = std::move(reason);
  verdict.error = told(why);
  return verdict;
}

Verdict again(Verdict verdict, std::string state, std::string reason, std::string why, milliseconds pause) {
  verdict.kind = Verdict::Kind::retry;
  verdict.state = std::move(state);
  verdict.reason = std::move(reason);
  verdict.error = told(why);
  verdict.pause = pause;
  return verdict;
}

}  // namespace

struct Inbox::Waiting {
  explicit Waiting(boost::asio::any_io_executor executor) : done(std::move(executor)) {}
  std::optional<Settled> settled;
  core::Signal done;
};

Inbox::Inbox(Parts parts, InboxOptions options)
    : parts_(std::move(parts)),
      options_(std::move(options)),
      arrivals_(
          parts_.pool, group_options("callbacks", options_),
          [visibility = options_.visibility, observer = &parts_.observer](
              pqxx::transaction_base& work, std::span<const InboxEvent> batch, const store::BatchInfo& info) {
            observer->batch("callbacks", batch.size());
            return store::keep_events(work, batch, visibility, info.replay);
          },
          [](const InboxEvent&) { return std::string(); }),
      verdicts_(
          parts_.pool, group_options("callback verdicts", options_),
          [host = parts_.heart.host().incarnation, observer = &parts_.observer](
              pqxx::transaction_base& work, std::span<const Verdict> batch, const store::BatchInfo&) {
            observer->batch("callback_verdicts", batch.size());
            return store::conclude(work, batch, host);  // a hint twice is a hint
          },
          [](const Verdict& verdict) { return verdict.event_id; }),
      due_(parts_.executor) {}

providers::ProviderHandle* Inbox::provider(const std::string& name) const {
  for (providers::ProviderHandle* handle : parts_.providers())
    if (handle->name() == name) return handle;
  return nullptr;
}

CallbackProof Inbox::prove(const InboxEvent& event, const std::string& reference,
                           const std::string& signature) const {
  const auto keys = keys_.find(event.provider);
  return prove_callback(event, reference, signature,
                        keys == keys_.end() ? std::vector<core::WebhookKey>() : keys->second,
                        options_.instance_key);
}

bool Inbox::may_store_unproven(const std::string& provider) {
  Bucket& bucket = unproven_[provider];
  const auto now = std::chrono::steady_clock::now();
  const double most = options_.unproven_burst;
  if (bucket.filled.time_since_epoch().count() == 0) {
    bucket.tokens = most;
  } else {
    const std::chrono::duration<double> passed = now - bucket.filled;
    bucket.tokens = std::min(most, bucket.tokens + passed.count() * options_.unproven_per_s);
  }
  bucket.filled = now;
  if (bucket.tokens < 1) return false;
  bucket.tokens -= 1;
  return true;
}

// Stored as evidence and told, as long as they do not come faster than anybody could look at them: strangers
// must fill neither the database nor the log.
Awaitable<CallbackReply> Inbox::turn_away(InboxEvent event, CallbackReply::Kind kind, std::string reason) {
  const bool valid = event.signature_valid.value_or(false);
  CallbackReply reply;
  reply.kind = kind;
  reply.reason = reason;
  event.state = "rejected";
  event.reason = std::move(reason);
  parts_.observer.webhook(event.provider, valid, false);
  if (!valid && !may_store_unproven(event.provider)) co_return reply;
  parts_.observer.log(LogLevel::warning, "webhook.refused", "A callback was refused.",
                      {{"provider", event.provider},
                       {"reason", event.reason},
                       {"remote_address", event.remote_address},
                       {"event", event.id},
                       {"flow_id", event.flow_id},
                       {"trace_id", event.trace_id}});
  reply.event_id = event.id;
  co_await arrivals_.submit(std::move(event));
  co_return reply;
}

Awaitable<CallbackReply> Inbox::receive(Callback callback) {
  const auto arrived = std::chrono::steady_clock::now();
  CallbackReply reply;
  if (provider(callback.provider) == nullptr) {
    parts_.observer.webhook(callback.provider, false, false);
    reply.kind = CallbackReply::Kind::unknown_provider;
    co_return reply;
  }
  if (parts_.heart.writes_stopped()) {
    reply.kind = CallbackReply::Kind::writes_stopped;
    co_return reply;
  }
  InboxEvent event;
  event.id = core::random_uuid();
  event.provider = std::move(callback.provider);
  event.method = std::move(callback.webhook.method);
  event.path = std::move(callback.webhook.path);
  event.headers = std::move(callback.webhook.headers);
  event.body = std::move(callback.webhook.body);
  event.remote_address = std::move(callback.remote_address);
  event.flow_id = std::move(callback.flow_id);
  event.trace_id = std::move(callback.trace_id);
  const CallbackProof proof = prove(event, callback.webhook.reference, callback.signature);
  const bool keyed = keys_.contains(event.provider) && !keys_.at(event.provider).empty();
  // Without a proof of ours, and with no secret that could be one, the plugin is the judge; and who is said
  // to send nothing owes no proof either, as nothing of it is ever done.
  const bool plugin_judges = !keyed && !proof.offered;
  if (proof.valid) {
    event.signature_valid = true;
    event.proof = proof.kind;
    event.key_id = proof.key_id;
    event.url_reference = proof.url_reference;
  } else if (!plugin_judges) {
    event.signature_valid = false;
    co_return co_await turn_away(
        std::move(event),
        proof.offered ? CallbackReply::Kind::signature_wrong : CallbackReply::Kind::signature_missing,
        proof.offered ? "bad_signature" : "signature_missing");
  }
  if (should_be_json(event) && !callback_json(event.body))
    co_return co_await turn_away(std::move(event), CallbackReply::Kind::bad_json, "bad_json");
  if (!proof.valid && !may_store_unproven(event.provider)) {
    reply.kind = CallbackReply::Kind::too_many;
    co_return reply;
  }
  if (proof.valid) event.hash = hash_of(event);
  const store::Kept kept = co_await arrivals_.submit(event);
  fault::point("inbox.after_store");
  reply.event_id = kept.id;
  if (kept.repeat) {
    parts_.observer.webhook(event.provider, true, false);
    due_.notify();
    reply.reason = "duplicate";
    co_return reply;
  }
  reply.reason = "stored";
  if (stopping_ || in_hand_ >= options_.max_in_hand) co_return reply;
  const auto waiting = std::make_shared<Waiting>(parts_.executor);
  // Whether it is genuine decides the answer: where only the plugin can say, the plugin is waited for.
  const milliseconds patience = proof.valid ? options_.answer_within : kPluginWaits;
  parts_.loops.spawn(work_and_tell(std::move(event), waiting), "callback");
  const auto gone = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - arrived);
  co_await waiting->done.wait(std::max(patience - gone, milliseconds{1}));
  if (!waiting->settled) co_return reply;
  const Settled& settled = *waiting->settled;
  reply.applied = settled.state == "applied";
  reply.reason = settled.reason;
  if (settled.reason == "signature_missing") reply.kind = CallbackReply::Kind::signature_missing;
  if (settled.reason == "bad_signature") reply.kind = CallbackReply::Kind::signature_wrong;
  co_return reply;
}

Awaitable<void> Inbox::work_and_tell(InboxEvent event, std::shared_ptr<Waiting> waiting) {
  ++in_hand_;
  std::string failure;
  try {
    waiting->settled = co_await work(std::move(event));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  --in_hand_;
  waiting->done.notify();
  // It is stored, and due again soon.
  if (!failure.empty()) report_failed_task(parts_.observer, "callback", failure);
}

Awaitable<void> Inbox::work_on(InboxEvent event) {
  std::string failure;
  const std::string id = event.id;
  try {
    co_await work(std::move(event));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  --in_hand_;
  if (!failure.empty()) report_failed_task(parts_.observer, "callback " + id, failure);
}

Awaitable<Settled> Inbox::work(InboxEvent event) {
  const trace::Moment began;
  const Verdict verdict = co_await judge(event);
  fault::point("inbox.before_verdict");
  const Settled settled = co_await verdicts_.submit(verdict);
  if (settled.asked) parts_.wake_questions();
  trace_webhook(parts_.observer, began, event, settled);
  tell(event, verdict, settled);
  co_return settled;
}

void Inbox::tell(const InboxEvent& event, const Verdict& verdict, const Settled& settled) {
  const bool applied = settled.state == "applied";
  const bool valid = verdict.signature_valid.value_or(event.signature_valid.value_or(false));
  const bool first_miss = settled.reason == "unknown_payout" && event.attempts == 0;
  const bool settled_now = verdict.kind != Verdict::Kind::retry && settled.reason != "unknown_payout";
  // An event counts when it is settled; one that names no payout yet counts as not applied, and once more
  // should it be applied later.
  if (settled_now || first_miss) parts_.observer.webhook(event.provider, valid, applied);
  json::object fields{
      {"event", event.id},          {"provider", event.provider},
      {"flow_id", event.flow_id},   {"state", settled.state},
      {"reason", settled.reason},   {"key_id", event.key_id.empty() ? verdict.key_id : event.key_id},
      {"payout", settled.payout_id}};
  // The payout's trace where it is known which payout it is about.
  if (!settled.trace.flow_id.empty()) {
    fields["trace_id"] = trace_id_of(settled.trace);
  } else if (!event.trace_id.empty()) {
    fields["trace_id"] = event.trace_id;
  }
  if (!event.replay_of.empty()) fields["replay_of"] = event.replay_of;
  if (!verdict.error.empty()) fields["error"] = verdict.error;
  const bool trouble = settled.state == "failed" || settled.state == "rejected";
  if (verdict.kind == Verdict::Kind::retry) {
    parts_.observer.log(LogLevel::info, "webhook.waits", "A callback is stored and waits.",
                        std::move(fields));
  } else {
    parts_.observer.log(trouble ? LogLevel::warning : LogLevel::info, "webhook.settled",
                        "A callback was worked off.", std::move(fields));
  }
}

Awaitable<Verdict> Inbox::judge(InboxEvent event) {
  Verdict verdict = verdict_of(event);
  providers::ProviderHandle* handle = provider(event.provider);
  if (handle == nullptr || !handle->ready()) {
    verdict.waits_for = "provider";
    co_return again(std::move(verdict), event.state, "provider_away", "The provider's process is away.",
                    milliseconds{30'000});
  }
  const Contract contract = handle->contract();
  if (contract.webhook == WebhookKind::none) {
    verdict.state = "ignored";
    verdict.reason = "provider_sends_none";
    co_return verdict;
  }
  WebhookReading reading;
  std::string failure;
  try {
    reading = co_await handle->read_webhook(webhook_of(event));
  } catch (const std::exception& error) {
    failure = error.what();
  }
  for (std::string* name : {&reading.reference, &reading.provider_ref, &reading.key_id})
    *name = name_in(*name);
  if (!failure.empty()) {
    if (event.attempts + 1 >= kMostTries) {
      verdict.state = "failed";
      verdict.reason = "plugin_failed";
      verdict.error = told(failure);
      co_return verdict;
    }
    co_return again(std::move(verdict), event.state, "plugin_failed", failure, pause_after(event.attempts));
  }
  const bool authentic = reading.kind == WebhookReading::Kind::verified ||
                         (reading.kind == WebhookReading::Kind::hint && !reading.key_id.empty());
  if (!event.signature_valid) {
    verdict.signature_valid = authentic;
    if (!authentic)
      co_return refused(
          std::move(verdict),
          reading.kind == WebhookReading::Kind::hint ? "signature_missing" : "bad_signature",
          reading.reason.empty() ? "Nothing proves that it is the provider's." : reading.reason);
    verdict.proof = "plugin";
    verdict.key_id = reading.key_id;
  }
  const bool by_url_only = event.proof == "url";
  if (reading.kind == WebhookReading::Kind::rejected) {
    // The plugin cannot read it, but the secret's owner sent it: it may name one of the provider's payouts in
    // words of its own, which is a reason to ask and no more.
    if (event.proof != "signature" || contract.webhook != WebhookKind::hint)
      co_return refused(std::move(verdict), "rejected_by_plugin", reading.reason);
    verdict.error = told(reading.reason);
  }
  if (!event.url_reference.empty() && !reading.reference.empty() &&
      reading.reference != event.url_reference && reading.kind == WebhookReading::Kind::verified)
    co_return refused(std::move(verdict), "reference_mismatch",
                      "The URL was minted for another payment than the callback names.");
  if (verdict.sought.reference.empty()) verdict.sought.reference = reading.reference;
  if (!by_url_only) verdict.sought.provider_ref = reading.provider_ref;
  if (reading.kind == WebhookReading::Kind::verified && contract.webhook == WebhookKind::signed_)
    co_return co_await apply_status(std::move(event), std::move(reading), std::move(verdict));
  if (event.proof == "signature") verdict.sought.anything = texts_of_callback(event.body);
  verdict.kind = Verdict::Kind::ask;
  verdict.look_again = look_again_after(event.attempts);
  co_return verdict;
}

// What an authentic callback says is news like any other: the decision table makes of it what it makes of a
// query's answer, and never goes back.
Awaitable<Verdict> Inbox::apply_status(InboxEvent event, WebhookReading reading, Verdict verdict) {
  verdict.status = std::string(to_string(reading.status.kind));
  const store::Sought sought = verdict.sought;
  auto found = co_await parts_.pool.transact([sought](pqxx::transaction_base& work) {
    const std::vector<store::Match> matches = store::match_payouts(work, std::span(&sought, 1));
    if (matches.front().payout_id.empty()) return std::vector<store::ByReference>();
    return store::find_by_reference(work, sought.provider, matches.front().reference, {});
  });
  verdict.look_again = look_again_after(event.attempts);
  if (found.empty()) {
    verdict.kind = Verdict::Kind::settle;
    verdict.state = verdict.look_again ? "verified" : "ignored";
    verdict.reason = "unknown_payout";
    co_return verdict;
  }
  const store::ByReference& hit = found.front();
  verdict.payout_id = hit.payout.id;
  const bool was_final = core::is_final(hit.payout.state);
  auto current = co_await parts_.recorder.reload(hit.payout.id);
  if (!current)
    co_return again(std::move(verdict), "verified", "payout_moved", "The payout is being moved.",
                    milliseconds{1'000});
  News base;
  base.actor = "webhook:" + event.provider;
  base.evidence["webhook"] = event.id;
  const store::Payout& payout = current->payout;
  verdict.trace = {payout.flow_id, payout.traceparent, payout.tracestate, hit.attempt.id, hit.attempt.n};
  const Recorded recorded =
      co_await parts_.life.take_status(std::move(*current), hit.attempt, reading.status, std::move(base));
  verdict.kind = Verdict::Kind::settle;
  verdict.state = recorded.changed ? "applied" : "ignored";
  verdict.reason = recorded.decision.contradiction ? "contradiction"
                   : recorded.changed              ? "status_applied"
                   : was_final                     ? "already_final"
                                                   : "nothing_new";
  co_return verdict;
}

void Inbox::provider_ready(const std::string& provider) {
  ready_again_.insert(provider);
  due_.notify();
}

void Inbox::stop() {
  stopping_ = true;
  due_.notify();
}

Awaitable<std::size_t> Inbox::take_what_is_due() {
  std::vector<std::string> ready;
  for (providers::ProviderHandle* handle : parts_.providers())
    if (handle->ready()) ready.push_back(handle->name());
  if (ready.empty()) co_return 0;
  std::vector<std::string> again(ready_again_.begin(), ready_again_.end());
  ready_again_.clear();
  const int room = std::min(kClaimAtOnce, options_.max_in_hand - in_hand_);
  if (room < 1) co_return 0;
  auto events = co_await parts_.pool.transact(
      [ready, again, room, visibility = options_.visibility](pqxx::transaction_base& work) {
        if (!again.empty()) store::wake_events_of(work, again);
        return store::claim_events(work, ready, room, visibility);
      });
  fault::point("inbox.after_claim");
  for (InboxEvent& event : events) {
    ++in_hand_;
    parts_.loops.spawn(work_on(std::move(event)), "callback");
  }
  co_return events.size();
}

// An event that named nobody is looked at again as soon as it names somebody. That costs the database a
// look-up for each such event, so that it takes at most a twentieth of the time.
Awaitable<void> Inbox::look_for_matches() {
  const auto began = std::chrono::steady_clock::now();
  if (began < look_again_at_) co_return;
  co_await parts_.pool.transact(
      [](pqxx::transaction_base& work) { return store::wake_matching_events(work); });
  const auto now = std::chrono::steady_clock::now();
  look_again_at_ = now + std::max<std::chrono::steady_clock::duration>(kLooksForMatches, 20 * (now - began));
}

Awaitable<void> Inbox::run() {
  while (!stopping_) {
    std::string failure;
    std::size_t taken = 0;
    try {
      if (parts_.heart.fresh() && !parts_.heart.writes_stopped()) {
        co_await look_for_matches();
        taken = co_await take_what_is_due();
      }
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) report_failed_task(parts_.observer, "inbox", failure);
    if (taken < kClaimAtOnce && !stopping_) co_await due_.wait(options_.tick);
  }
}

Awaitable<std::vector<store::InboxBacklog>> Inbox::backlog() {
  co_return co_await parts_.pool.transact(
      [](pqxx::transaction_base& work) { return store::inbox_backlog(work); });
}

// --- what operators do
// --------------------------------------------------------------------------------------------------

Awaitable<store::InboxPage> Inbox::list(store::InboxFilter filter) {
  co_return co_await parts_.pool.transact(
      [filter](pqxx::transaction_base& work) { return store::list_events(work, filter); });
}

Awaitable<std::optional<InboxEvent>> Inbox::find(std::string id) {
  co_return co_await parts_.pool.transact(
      [id](pqxx::transaction_base& work) { return store::find_event(work, id); });
}

Awaitable<std::optional<json::object>> Inbox::verify(std::string id) {
  const auto event = co_await find(id);
  if (!event) co_return std::nullopt;
  const CallbackHeader header = callback_header(*event, "x-signature");
  const std::string digits = signature_digits(header.value);
  const auto [reference, url_signature] = signed_url_of_path(event->path);
  const bool signed_url = !url_signature.empty();
  const auto now = std::chrono::system_clock::now();
  json::array tried;
  std::string matching;
  const auto try_key = [&](const std::string& key_id, const Secret* secret, const Secret& url_key,
                           bool expired) {
    json::object one{{"key_id", key_id}, {"expired", expired}};
    bool matches = false;
    if (secret != nullptr) {
      const std::string computed = core::hmac_sha256_hex(*secret, event->body);
      const bool same = header.count == 1 && core::equal_constant_time(computed, digits);
      one["signature"] = json::object{{"computed", masked_digits(computed)}, {"matches", same}};
      matches = matches || same;
    }
    if (signed_url) {
      const std::string computed = core::sign_callback(url_key, event->provider, reference);
      const bool same = core::equal_constant_time(computed, url_signature);
      one["url"] = json::object{{"computed", masked_digits(computed)}, {"matches", same}};
      matches = matches || same;
    }
    if (matches && !expired && matching.empty()) matching = key_id;
    tried.push_back(std::move(one));
  };
  if (const auto found = keys_.find(event->provider); found != keys_.end())
    for (const core::WebhookKey& key : found->second)
      try_key(key.id, &key.secret, core::callback_url_key(key.secret), key.expired(now));
  try_key(kInstanceKeyId, nullptr, options_.instance_key, false);
  json::object result{
      {"event", event->id},
      {"provider", event->provider},
      {"body_bytes", event->body.size()},
      {"body_sha256", core::sha256_hex(event->body)},
      {"received",
       json::object{
           {"x_signature", header.count == 0 ? json::value(nullptr) : json::value(masked_digits(digits))},
           {"x_signature_headers", header.count},
           {"url_signature", signed_url ? json::value(masked_digits(url_signature)) : json::value(nullptr)}}},
      {"keys", std::move(tried)},
      {"valid", !matching.empty()},
      {"key_id", matching.empty() ? json::value(nullptr) : json::value(matching)},
      {"valid_when_received",
       event->signature_valid ? json::value(*event->signature_valid) : json::value(nullptr)}};
  providers::ProviderHandle* handle = provider(event->provider);
  if (handle != nullptr && handle->ready()) {
    json::object said;
    try {
      InboxEvent shown = *event;
      const WebhookReading reading = co_await handle->read_webhook(webhook_of(shown));
      said["reading"] = reading.kind == WebhookReading::Kind::verified ? "verified"
                        : reading.kind == WebhookReading::Kind::hint   ? "hint"
                                                                       : "rejected";
      said["reason"] = told(reading.reason);
      said["key_id"] = name_in(reading.key_id);
      said["names_reference"] = name_in(reading.reference);
      said["names_provider_ref"] = name_in(reading.provider_ref);
    } catch (const std::exception& error) {
      said["error"] = told(error.what());
    }
    result["plugin"] = std::move(said);
  } else {
    result["plugin"] = nullptr;
  }
  co_return result;
}

// What was proven when it came stays proven: its key may have been retired since. What was not is tried with
// today's keys, which is what a replay after a wrong secret is for.
Awaitable<Inbox::ReplayReply> Inbox::store_replay(InboxEvent original, std::string actor, std::string note,
                                                  milliseconds delay) {
  ReplayReply reply;
  reply.found = true;
  store::Replay replay;
  replay.id = core::random_uuid();
  replay.of = original.replay_of.empty() ? original.id : original.replay_of;
  replay.actor = std::move(actor);
  replay.note = std::move(note);
  replay.signature_valid = original.signature_valid;
  replay.proof = original.proof;
  replay.key_id = original.key_id;
  if (!original.signature_valid.value_or(false)) {
    const SignedUrl url = signed_url_of_path(original.path);
    const CallbackProof proof = prove(original, url.reference, url.signature);
    const bool keyed = keys_.contains(original.provider) && !keys_.at(original.provider).empty();
    if (!proof.valid && (keyed || proof.offered)) {
      reply.settled = {"rejected", proof.offered ? "bad_signature" : "signature_missing", {}, false};
      reply.done = true;
      co_return reply;
    }
    replay.signature_valid = proof.valid ? std::optional<bool>(true) : std::nullopt;
    replay.proof = proof.kind;
    replay.key_id = proof.key_id;
    replay.url_reference = proof.url_reference;
  }
  reply.event_id = co_await parts_.pool.transact(
      [replay, delay](pqxx::transaction_base& work) { return store::replay_event(work, replay, delay); });
  reply.open = reply.event_id != replay.id;
  if (!reply.open) {
    parts_.observer.log(LogLevel::info, "webhook.replayed", "A callback is worked on again, by order.",
                        {{"event", reply.event_id},
                         {"replay_of", replay.of},
                         {"provider", original.provider},
                         {"actor", replay.actor}});
  }
  co_return reply;
}

Awaitable<Inbox::ReplayReply> Inbox::replay(std::string id, std::string actor, std::string note) {
  auto original = co_await find(id);
  if (!original) co_return ReplayReply{};
  ReplayReply reply =
      co_await store_replay(std::move(*original), std::move(actor), std::move(note), options_.visibility);
  if (reply.done || reply.open) co_return reply;
  auto event = co_await find(reply.event_id);
  if (!event) co_return reply;
  const auto waiting = std::make_shared<Waiting>(parts_.executor);
  parts_.loops.spawn(work_and_tell(std::move(*event), waiting), "callback");
  co_await waiting->done.wait(kOperatorWaits);
  if (waiting->settled) reply.settled = *waiting->settled;
  reply.done = waiting->settled.has_value();
  co_return reply;
}

Awaitable<Inbox::BulkReply> Inbox::replay_many(store::InboxFilter filter, bool dry_run, std::string actor,
                                               std::string note) {
  BulkReply reply;
  reply.matching = co_await parts_.pool.transact(
      [filter](pqxx::transaction_base& work) { return store::count_events(work, filter); });
  store::InboxPage page = co_await list(filter);
  reply.events = std::move(page.events);
  if (dry_run) co_return reply;
  for (const InboxEvent& shown : reply.events) {
    auto original = co_await find(shown.id);
    if (!original) continue;
    ReplayReply one = co_await store_replay(std::move(*original), actor, note, milliseconds{0});
    one.of = shown.id;
    reply.replays.push_back(std::move(one));
  }
  due_.notify();
  co_return reply;
}

}  // namespace payoutd::engine
