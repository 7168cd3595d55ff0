#include "engine/admission.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"
#include "core/text.hpp"
#include "engine/payout_trace.hpp"
#include "policy/inputs.hpp"
#include "store/idempotency.hpp"

namespace payoutd::engine {
namespace {

struct TextField {
  const char* name;
  std::string PayoutRequest::* member;
  std::size_t max_length;
};

// Lengths in code points.
constexpr TextField kTextFields[] = {
    {"provider", &PayoutRequest::provider, 64}, {"destination", &PayoutRequest::destination, 128},
    {"user", &PayoutRequest::user, 128},        {"region", &PayoutRequest::region, 32},
    {"note", &PayoutRequest::note, 160},        {"batch", &PayoutRequest::batch, 128},
};
constexpr std::size_t kMaxMetadataKeys = 20;
constexpr std::size_t kMaxMetadataKey = 64;
constexpr std::size_t kMaxMetadataValue = 512;
constexpr std::size_t kMaxKey = 128;

std::optional<Problem> check_text(const std::string& field, std::string_view text, std::size_t max_length) {
  if (!core::is_utf8(text)) return Problem{field, "is not valid UTF-8"};
  if (core::has_control_character(text)) return Problem{field, "contains a control character"};
  if (core::length_utf8(text) > max_length) {
    return Problem{field, "is longer than " + std::to_string(max_length) + " characters"};
  }
  return std::nullopt;
}

Result<boost::json::object> read_metadata(const boost::json::value& value) {
  if (!value.is_object()) return Problem{"metadata", "must be an object of strings"};
  if (value.get_object().size() > kMaxMetadataKeys) {
    return Problem{"metadata", "has more than " + std::to_string(kMaxMetadataKeys) + " keys"};
  }
  for (const auto& [key, one] : value.get_object()) {
    if (key.empty() || key.size() > kMaxMetadataKey || !core::is_utf8(key) ||
        core::has_control_character(key)) {
      return Problem{"metadata", "has a key that is empty, too long or not plain text"};
    }
    const std::string field = "metadata." + std::string(key);
    if (!one.is_string()) return Problem{field, "must be a string"};
    if (auto problem = check_text(field, one.get_string(), kMaxMetadataValue)) return *problem;
  }
  return value.get_object();
}

Result<Money> read_money(const boost::json::object& object) {
  const auto* amount = object.if_contains("amount");
  const auto* currency = object.if_contains("currency");
  if (amount == nullptr) return Problem{"amount", "is missing"};
  if (!amount->is_string())
    return Problem{"amount", "must be a string such as \"100\" or \"10.50\", so that no digit is lost"};
  if (currency == nullptr) return Problem{"currency", "is missing"};
  if (!currency->is_string()) return Problem{"currency", "must be a string"};
  return parse_money(amount->get_string(), currency->get_string());
}

// The keys are written in this order, so that the text depends on the content alone.
void put(boost::json::object& out, const char* key, const std::string& value) {
  if (!value.empty()) out[key] = value;
}

}  // namespace

std::string PayoutRequest::canonical() const {
  boost::json::object out;
  out["amount"] = money.amount.to_string();
  put(out, "batch", batch);
  out["currency"] = money.currency;
  out["destination"] = destination;
  if (!metadata.empty()) {
    std::map<std::string, std::string> sorted;
    for (const auto& [key, value] : metadata) sorted.emplace(key, value.as_string());
    boost::json::object& target = out["metadata"].emplace_object();
    for (const auto& [key, value] : sorted) target[key] = value;
  }
  put(out, "note", note);
  put(out, "provider", provider);
  put(out, "region", region);
  put(out, "user", user);
  return boost::json::serialize(out);
}

std::optional<Problem> check_key(const std::string& key) {
  if (key.empty()) return Problem{"idempotency_key", "is missing"};
  if (key.size() > kMaxKey)
    return Problem{"idempotency_key", "is longer than " + std::to_string(kMaxKey) + " characters"};
  for (const char c : key) {
    if (c < 0x21 || c > 0x7e)
      return Problem{"idempotency_key", "may contain printable ASCII characters only, no spaces"};
  }
  return std::nullopt;
}

Result<PayoutRequest> read_payout(const boost::json::value& json, bool key_inside) {
  if (!json.is_object()) return Problem{"", "a payout must be a JSON object"};
  const boost::json::object& object = json.get_object();
  std::vector<std::string> known{"amount", "currency", "metadata"};
  for (const TextField& field : kTextFields) known.emplace_back(field.name);
  if (key_inside) known.emplace_back("idempotency_key");
  for (const auto& [key, value] : object) {
    if (std::find(known.begin(), known.end(), std::string_view(key)) != known.end()) continue;
    const auto near = nearest_name(key, known);
    const std::string shown =
        core::is_utf8(key) && !core::has_control_character(key) ? std::string(key.substr(0, 64)) : "?";
    return Problem{shown,
                   "is not a field of a payout" + (near ? ", did you mean '" + *near + "'?" : std::string())};
  }
  PayoutRequest request;
  const Result<Money> money = read_money(object);
  if (!money) return money.error();
  request.money = *money;
  for (const TextField& field : kTextFields) {
    const auto* value = object.if_contains(field.name);
    if (value == nullptr || value->is_null()) continue;
    if (!value->is_string()) return Problem{field.name, "must be a string"};
    if (auto problem = check_text(field.name, value->get_string(), field.max_length)) return *problem;
    request.*field.member = std::string(value->get_string());
  }
  if (request.destination.empty()) return Problem{"destination", "is missing"};
  if (const auto* metadata = object.if_contains("metadata"); metadata != nullptr && !metadata->is_null()) {
    auto read = read_metadata(*metadata);
    if (!read) return read.error();
    request.metadata = *read;
  }
  if (key_inside) {
    const auto* key = object.if_contains("idempotency_key");
    if (key != nullptr && !key->is_string()) return Problem{"idempotency_key", "must be a string"};
    if (key != nullptr) request.idempotency_key = std::string(key->get_string());
    if (auto problem = check_key(request.idempotency_key)) return *problem;
  }
  return request;
}

Admission::Admission(Parts parts, std::chrono::microseconds window)
    : parts_(std::move(parts)),
      writes_(
          parts_.pool,
          [&] {
            store::GroupCommitOptions options;
            options.name = "admission";
            options.window = window;
            options.retry_unavailable = false;
            options.deadline = std::chrono::milliseconds{5'000};
            options.max_queued = 20'000;
            return options;
          }(),
          [host = parts_.host, observer = &parts_.observer](pqxx::transaction_base& work,
                                                            std::span<const store::NewPayout> batch,
                                                            const store::BatchInfo& info) {
            observer->batch("admission", batch.size());
            return store::admit(work, batch, host, info.id);
          },
          [](const store::NewPayout& p) { return p.client_id + '\n' + p.idempotency_key; }) {}

Result<Admission::Route> Admission::choose(const PayoutRequest& request) const {
  std::vector<std::string> names;
  std::vector<providers::ProviderHandle*> fitting;
  for (providers::ProviderHandle* handle : parts_.providers()) {
    if (!request.provider.empty()) {
      if (handle->name() == request.provider) return Route{handle, {}};
      names.push_back(handle->name());
    } else if (!handle->plugin_version().empty() && handle->contract().decimals_of(request.money.currency)) {
      fitting.push_back(handle);
    }
  }
  if (!request.provider.empty()) {
    const auto near = nearest_name(request.provider, names);
    return Problem{"provider",
                   "is not configured here" + (near ? ", did you mean '" + *near + "'?" : std::string())};
  }
  if (fitting.empty()) return Problem{"currency", "no provider pays " + request.money.currency};
  return route(request, std::move(fitting));
}

// The scripts choose where there is a choice or not; without their opinion it must be plain.
Result<Admission::Route> Admission::route(const PayoutRequest& request,
                                          std::vector<providers::ProviderHandle*> fitting) const {
  std::ranges::sort(fitting, {}, [](const providers::ProviderHandle* handle) { return handle->name(); });
  policy::PayoutFacts facts;
  facts.client = request.client_id;
  facts.money = request.money;
  facts.destination = request.destination;
  facts.user = request.user;
  facts.region = request.region;
  facts.batch = request.batch;
  if (!request.metadata.empty()) facts.metadata = boost::json::serialize(request.metadata);
  facts.at_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::vector<policy::Candidate> candidates;
  for (const providers::ProviderHandle* handle : fitting) candidates.push_back(parts_.candidate(*handle));
  const policy::RouteChoice choice = parts_.policy.choose(facts, candidates);
  std::string decision;
  if (!choice.bundle.empty() && !choice.failed) {
    boost::json::object record{{"bundle", choice.bundle},
                               {"verdict", choice.provider.empty() ? "none" : choice.provider},
                               {"inputs", policy::route_inputs(facts, candidates)},
                               {"cost_ns", choice.cost.count()}};
    if (!choice.reason.empty()) record["reason"] = choice.reason;
    decision = boost::json::serialize(record);
  }
  for (providers::ProviderHandle* handle : fitting)
    if (handle->name() == choice.provider) return Route{handle, std::move(decision)};
  if (!choice.reason.empty()) return Problem{"provider", choice.reason};
  if (fitting.size() == 1) return Route{fitting.front(), {}};
  if (choice.failed) return Route{nullptr, {}};
  std::string all;
  for (const providers::ProviderHandle* handle : fitting) all += (all.empty() ? "" : ", ") + handle->name();
  return Problem{"provider",
                 "must be named, because more than one pays " + request.money.currency + ": " + all};
}

Awaitable<Admission::Checked> Admission::check(PayoutRequest request) const {
  AdmissionReply reply;
  const std::string& currency = request.money.currency;
  if (const auto most = core::Limits::of(parts_.limits().per_payout, currency);
      most && request.money.amount > *most) {
    reply.problem = {"amount", "is above the maximum of one payout, " + most->to_string() + " " + currency};
    co_return Checked{std::move(reply), {}};
  }
  auto chosen = choose(request);
  if (!chosen) {
    reply.problem = chosen.error();
    co_return Checked{std::move(reply), {}};
  }
  if (chosen->handle == nullptr) {
    reply.kind = AdmissionReply::Kind::not_ready;
    reply.problem = {"provider", "cannot be chosen, because routing.lua went wrong; name one, or wait"};
    co_return Checked{std::move(reply), {}};
  }
  std::string decision = std::move(chosen->decision);
  providers::ProviderHandle* handle = chosen->handle;
  reply = co_await check_provider(std::move(request), handle);
  co_return Checked{std::move(reply), std::move(decision)};
}

Awaitable<AdmissionReply> Admission::check_provider(PayoutRequest request,
                                                    providers::ProviderHandle* handle) const {
  AdmissionReply reply;
  reply.provider = handle->name();
  if (handle->plugin_version().empty()) {
    reply.kind = AdmissionReply::Kind::not_ready;
    reply.problem = {"provider", "has not started yet"};
    co_return reply;
  }
  const std::optional<int> decimals = handle->contract().decimals_of(request.money.currency);
  if (!decimals) {
    reply.problem = {"currency", request.money.currency + " is not paid by provider " + handle->name()};
    co_return reply;
  }
  if (!request.money.amount.fits(*decimals)) {
    reply.problem = {"amount", "has more than the " + std::to_string(*decimals) + " decimals that provider " +
                                   handle->name() + " takes for " + request.money.currency};
    co_return reply;
  }
  if (handle->ready()) {
    // While the process is away the same check stands before prepare.
    std::optional<Problem> problem;
    try {
      problem = co_await handle->check_destination(request.destination);
    } catch (const providers::CallFailed&) {
    }
    if (problem) {
      reply.problem = {problem->field.empty() ? "destination" : problem->field, problem->reason};
      co_return reply;
    }
  }
  reply.kind = AdmissionReply::Kind::created;
  co_return reply;
}

namespace {

void fill(AdmissionReply& reply, const store::Admitted& admitted) {
  reply.payout_id = admitted.payout_id;
  reply.created_at = admitted.created_at;
  reply.provider = admitted.provider;
  reply.existing_payload = admitted.existing_payload;
  reply.problem = {};
  switch (admitted.kind) {
    case store::Admitted::Kind::created:
      reply.kind = AdmissionReply::Kind::created;
      break;
    case store::Admitted::Kind::replayed:
      reply.kind = AdmissionReply::Kind::replayed;
      break;
    case store::Admitted::Kind::conflict:
      reply.kind = AdmissionReply::Kind::conflict;
      reply.problem = {"idempotency_key", "was used before with another payload"};
      break;
  }
}

}  // namespace

Awaitable<AdmissionReply> Admission::admit(PayoutRequest request) {
  const std::string id =
      core::derive_payout_id(parts_.instance_key, request.client_id, request.idempotency_key);
  if (request.flow_id.empty()) request.flow_id = id;
  trace::Span span = admission_span(parts_.observer, request, id);
  const std::string payload = request.canonical();
  const std::string hash = core::sha256_hex(payload);
  auto [reply, decision] = co_await check(request);
  std::optional<Throttle::Entry> entry;
  if (reply.kind == AdmissionReply::Kind::created) {
    if (const auto refusal = parts_.throttle.enter(reply.provider, entry)) {
      reply.kind = AdmissionReply::Kind::throttled;
      reply.problem = {"provider", refusal->why};
      reply.retry_after = refusal->retry_after;
    }
  }
  if (reply.kind != AdmissionReply::Kind::created) {
    // What was answered once is answered again, even if the provider is away or would refuse it today.
    const store::NewConflict other{request.client_id, request.idempotency_key, hash,
                                   payload,           request.actor,           request.flow_id};
    const auto standing = co_await parts_.pool.transact([other](pqxx::transaction_base& work) {
      auto found = store::find_key(work, other.client_id, other.key, other.payload_hash);
      if (found && found->kind == store::Admitted::Kind::conflict)
        store::record_conflicts(work, std::span(&other, 1));
      return found;
    });
    if (standing) fill(reply, *standing);
    end_admission(span, reply);
    if (reply.kind == AdmissionReply::Kind::throttled) parts_.observer.throttled(reply.provider);
    co_return reply;
  }
  store::NewPayout payout;
  payout.id = id;
  payout.client_id = std::move(request.client_id);
  payout.idempotency_key = std::move(request.idempotency_key);
  payout.payload_hash = hash;
  payout.payload = payload;
  payout.provider = reply.provider;
  payout.money = std::move(request.money);
  payout.destination = std::move(request.destination);
  payout.user_ref = std::move(request.user);
  payout.region = std::move(request.region);
  payout.note = std::move(request.note);
  if (!request.metadata.empty()) payout.metadata = boost::json::serialize(request.metadata);
  payout.batch = std::move(request.batch);
  payout.flow_id = std::move(request.flow_id);
  if (request.trace.caller.known()) payout.traceparent = core::to_traceparent(request.trace.caller);
  payout.tracestate = std::move(request.trace.caller.state);
  payout.actor = std::move(request.actor);
  payout.token = std::move(request.token);
  payout.decision = std::move(decision);
  const store::Admitted admitted = co_await writes_.submit(std::move(payout));
  fill(reply, admitted);
  end_admission(span, reply);
  if (reply.kind == AdmissionReply::Kind::created && entry) entry->admitted();
  if (reply.kind == AdmissionReply::Kind::created && parts_.admitted) parts_.admitted();
  co_return reply;
}

}  // namespace payoutd::engine
