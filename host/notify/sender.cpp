#include "notify/sender.hpp"

#include "core/fault.hpp"
#include "providers/http_client.hpp"
#include "store/notifications.hpp"

namespace payoutd::notify {
namespace {

using engine::LogLevel;
using std::chrono::milliseconds;
using store::DeliveryOutcome;
using store::DueDelivery;

constexpr milliseconds kLongestStep{5'000};    // of resolving, connecting, shaking hands, writing
constexpr milliseconds kTimeToRecord{2'000};   // what a lease has left when the last answer may come
constexpr milliseconds kLongestQuiet{30'000};  // for an endpoint that is away and asked for nothing
constexpr milliseconds kUpkeep{60'000};
constexpr milliseconds kNoOpinion{300'000};  // a schedule that asks for a person: there is none to ask
constexpr int kPruneAtOnce = 2'000;
constexpr const char* kScheduleName = "notification";

std::int64_t now_s() {
  return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

store::GroupCommitOptions commit_options() {
  store::GroupCommitOptions options;
  options.name = "notifications";
  options.max_batch = 200;
  options.max_in_flight = 1;  // batches lock endpoints: two of one host would wait for each other
  options.deadline = milliseconds{20'000};
  return options;
}

milliseconds step(const SenderOptions& options) {
  return std::min(options.timeout, kLongestStep);
}

}  // namespace

Sender::Sender(Parts parts, SenderOptions options)
    : parts_(std::move(parts)),
      disable_after_s_(std::make_shared<std::atomic<std::int64_t>>()),
      loops_(parts_.executor, parts_.observer),
      outcomes_(
          parts_.pool, commit_options(),
          [host = parts_.host, disable_after_s = disable_after_s_, observer = &parts_.observer](
              pqxx::transaction_base& work, std::span<const DeliveryOutcome> batch, const store::BatchInfo&) {
            observer->batch("notifications", batch.size());
            const store::DeliveryRules rules{host, std::chrono::seconds{disable_after_s->load()}};
            return store::record_deliveries(work, batch, rules);  // what stands already is not changed again
          },
          [](const DeliveryOutcome& o) { return o.notification_id + o.endpoint_id; }),
      due_(parts_.executor) {
  configure(std::move(options));
}

void Sender::configure(SenderOptions options) {
  providers::HttpOptions http;
  http.ca_file = options.ca_file;
  http.resolve_timeout = http.connect_timeout = http.handshake_timeout = http.write_timeout = step(options);
  http.response_timeout = options.timeout;
  http.max_connections = options.max_in_flight;
  http.repeats_are_harmless = true;  // the receiver knows a message by its id
  http.refuse_address = [guard = AddressGuard(options.allowed_networks)](
                            const boost::asio::ip::address& address) { return guard.refusal(address); };
  // A new one, so that no connection is used that was made under other rules.
  client_ = providers::make_http_client(parts_.executor, std::move(http), {});
  options_ = std::move(options);
  *disable_after_s_ = options_.disable_after.count();
}

void Sender::start() {
  loops_.spawn(run(), "notifications");
  loops_.spawn(look_after(), "upkeep of notifications");
}

Awaitable<bool> Sender::drain(milliseconds limit) {
  stopping_ = true;
  due_.notify();
  loops_.stop();
  const bool clean = co_await loops_.ended(limit);
  if (!clean) outcomes_.stop();
  co_return clean;
}

// No other host may take what this one still sends: every step's limit, twice where a kept connection was
// dead.
milliseconds Sender::lease() const {
  return 2 * (4 * step(options_) + options_.timeout) + kTimeToRecord;
}

Awaitable<void> Sender::run() {
  while (!stopping_) {
    bool more = false;
    std::string failure;
    try {
      more = co_await send_what_is_due();
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty() && !failing_) {
      parts_.observer.log(LogLevel::warning, "notify.waits",
                          "Notifications wait: the database does not say what is due.", {{"error", failure}});
    }
    failing_ = !failure.empty();
    if (!more) co_await due_.wait(options_.tick);
  }
}

store::DeliveryClaim Sender::next_claim() const {
  store::DeliveryClaim claim;
  claim.host = parts_.host;
  claim.key_ids = options_.keys.ids();
  for (const auto& [endpoint, count] : busy_) claim.in_flight.push_back({endpoint, count});
  claim.per_endpoint = options_.per_endpoint;
  claim.limit = options_.max_in_flight - in_flight_;
  claim.lease = lease();
  return claim;
}

/// True: there may be more, and room for it.
Awaitable<bool> Sender::send_what_is_due() {
  const store::DeliveryClaim claim = next_claim();
  if (claim.limit <= 0) co_return false;
  std::vector<DueDelivery> due = co_await parts_.pool.transact(
      [claim](pqxx::transaction_base& work) { return store::claim_deliveries(work, claim); });
  if (stopping_ && !due.empty()) {
    co_await parts_.pool.transact([host = parts_.host, due](pqxx::transaction_base& work) {
      store::release_deliveries(work, host, due);
    });
    co_return false;
  }
  const bool more =
      static_cast<int>(due.size()) == claim.limit && in_flight_ + claim.limit < options_.max_in_flight;
  for (DueDelivery& one : due) {
    ++busy_[one.endpoint_id];
    ++in_flight_;
    loops_.spawn(deliver(std::move(one)), "notification");
  }
  co_return more;
}

Awaitable<void> Sender::deliver(DueDelivery delivery) {
  const std::string endpoint = delivery.endpoint_id;
  std::string failure;
  try {
    const Answer answer = co_await send(delivery);
    fault::point("notify.before_record");
    const DeliveryOutcome outcome = outcome_of(delivery, answer);
    const store::RecordedDelivery recorded = co_await outcomes_.submit(outcome);
    tell(delivery, outcome, answer, recorded);
  } catch (const std::exception& error) {
    failure = error.what();
  }
  if (!failure.empty()) {
    parts_.observer.log(
        LogLevel::warning, "notify.not_recorded",
        "What became of a notification could not be recorded; it is sent again.",
        {{"notification", delivery.notification_id}, {"endpoint", endpoint}, {"error", failure}});
  }
  if (--busy_[endpoint] == 0) busy_.erase(endpoint);
  --in_flight_;
  due_.notify();
}

Awaitable<Answer> Sender::send(DueDelivery delivery) {
  const std::int64_t timestamp_s = now_s();
  const std::string signature = signatures(options_.keys, delivery, timestamp_s);
  Answer refused;
  refused.result = refused.code = "address_refused";
  if (signature.empty())
    refused.error = "its key " + delivery.secret.key_id + " is not configured on this host";
  if (!options_.plain_http && !delivery.url.starts_with("https://"))
    refused.error = "only https is allowed outside of dev";
  if (!refused.error.empty()) co_return refused;
  HttpRequest request = HttpRequest::post(delivery.url);
  request.header("User-Agent", "payoutd-notifications/1")
      .header("webhook-id", delivery.notification_id)
      .header("webhook-timestamp", std::to_string(timestamp_s))
      .header("webhook-signature", signature)
      .body(delivery.payload, "application/json");
  const std::shared_ptr<HttpClient> client = client_;
  fault::point("notify.before_send");
  try {
    const HttpResponse response = co_await client->send(std::move(request));
    co_return judge(response, now_s());
  } catch (const HttpFailure& failure) {
    refused = judge(failure);
  }
  co_return refused;
}

DeliveryOutcome Sender::outcome_of(const DueDelivery& delivery, const Answer& answer) {
  DeliveryOutcome outcome;
  outcome.notification_id = delivery.notification_id;
  outcome.endpoint_id = delivery.endpoint_id;
  outcome.attempts = delivery.attempts;
  outcome.status = answer.status;
  outcome.error = answer.error;
  if (answer.delivered) return outcome;
  policy::BackoffQuestion question;
  question.provider = kScheduleName;
  question.purpose = policy::Purpose::notify;
  question.count = delivery.tries;
  question.in_state = question.age = milliseconds{delivery.age_ms};
  question.code = answer.code;
  const policy::BackoffAnswer advice = parts_.policy.backoff(std::move(question)).answer;
  const auto* wait = std::get_if<milliseconds>(&advice);
  outcome.pause = wait == nullptr ? kNoOpinion : *wait;
  outcome.quiet =
      answer.retry_after.value_or(answer.away ? std::min(outcome.pause, kLongestQuiet) : milliseconds{0});
  if (answer.retry_after) outcome.pause = std::max(outcome.pause, *answer.retry_after);
  outcome.gone = answer.gone;
  const bool over = milliseconds{delivery.age_ms} + outcome.pause > options_.give_up_after;
  const bool gives_up = std::holds_alternative<policy::GiveUp>(advice) || over;
  // What an endpoint that is gone was not told waits for whoever enables it again.
  outcome.kind = gives_up && !answer.gone ? DeliveryOutcome::Kind::give_up : DeliveryOutcome::Kind::retry;
  return outcome;
}

void Sender::tell(const DueDelivery& delivery, const DeliveryOutcome& outcome, const Answer& answer,
                  const store::RecordedDelivery& recorded) {
  if (parts_.on_result) parts_.on_result(answer.result);
  const bool gave_up = outcome.kind == DeliveryOutcome::Kind::give_up;
  if (gave_up && parts_.on_result) parts_.on_result("given_up");
  boost::json::object fields{{"notification", delivery.notification_id},
                             {"endpoint", delivery.endpoint_id},
                             {"type", delivery.type},
                             {"attempts", delivery.attempts},
                             {"result", answer.result}};
  if (answer.delivered) {
    parts_.observer.log(LogLevel::debug, "notify.delivered", "A notification was taken.", std::move(fields));
  } else {
    fields["error"] = answer.error;
    if (gave_up) {
      parts_.observer.log(LogLevel::warning, "notify.given_up", "A notification is not sent any more.",
                          std::move(fields));
    } else {
      fields["pause_ms"] = outcome.pause.count();
      parts_.observer.log(LogLevel::debug, "notify.not_delivered",
                          "A notification was not taken; it is sent again.", std::move(fields));
    }
  }
  if (recorded.disabled.empty()) return;
  parts_.observer.log(LogLevel::error, "notify.endpoint_disabled",
                      recorded.disabled == "gone"
                          ? "An endpoint answered that it wants nothing more; nothing is sent to it."
                          : "An endpoint has only failed for too long; nothing more is sent to it.",
                      {{"endpoint", delivery.endpoint_id},
                       {"url", providers::redacted_url(recorded.url)},
                       {"why", recorded.disabled},
                       {"error", answer.error}});
}

// Forgets what is old, and says which endpoints nobody here can sign for.
Awaitable<void> Sender::look_after() {
  std::set<std::string> missing;
  while (!stopping_) {
    std::string failure;
    try {
      store::PrunedNotifications pruned;
      do {
        pruned = co_await parts_.pool.transact([keep = options_.keep](pqxx::transaction_base& work) {
          return store::prune_notifications(work, keep, kPruneAtOnce);
        });
        if (pruned.undelivered > 0) {
          parts_.observer.log(LogLevel::warning, "notify.expired",
                              "Notifications that waited for an endpoint were forgotten for their age.",
                              {{"count", pruned.undelivered}});
        }
      } while (pruned.rows >= kPruneAtOnce && !stopping_);
      const auto backlog = co_await parts_.pool.transact(
          [](pqxx::transaction_base& work) { return store::notification_backlog(work); });
      std::set<std::string> now_missing;
      for (const std::string& id : backlog.key_ids)
        if (!options_.keys.has(id)) now_missing.insert(id);
      for (const std::string& id : now_missing) {
        if (missing.contains(id)) continue;
        parts_.observer.log(
            LogLevel::error, "notify.key_missing",
            "Endpoints have secrets under a key that this host does not have; others must serve them.",
            {{"key", id}});
      }
      missing = std::move(now_missing);
    } catch (const std::exception& error) {
      failure = error.what();
    }
    if (!failure.empty()) {
      parts_.observer.log(LogLevel::warning, "notify.upkeep_failed",
                          "The upkeep of notifications failed; it is repeated.", {{"error", failure}});
    }
    co_await loops_.pause(kUpkeep);
  }
}

}  // namespace payoutd::notify
