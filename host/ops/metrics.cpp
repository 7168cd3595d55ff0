#include "ops/metrics.hpp"

#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <sstream>

#include "core/assert.hpp"
#include "ops/process_metrics.hpp"

namespace payoutd::ops {
namespace {

/// What Metrics::show() shows.
struct ShownFamily {
  std::string_view name;
  std::string_view label;  ///< empty: it has none
  std::string_view help;
};
constexpr auto kShown = std::to_array<ShownFamily>({
    {"payoutd_database_lock_waiters", "",
     "Sessions that have waited for a lock of the database for more than a second."},
    {"payoutd_host_drained", "", "1 while this host is drained and claims nothing."},
    {"payoutd_hosts_live", "role",
     "Hosts whose heartbeat is fresh, by what they do; as this host sees them."},
    {"payoutd_maintenance_active", "", "1 while a maintenance window keeps payouts from being submitted."},
    {"payoutd_maintenance_next_timestamp_seconds", "", "When the next maintenance window begins."},
    {"payoutd_stop_file", "", "1 while the file stop-writes of this host stops all its writes."},
    {"secret_expires_timestamp_seconds", "secret", "When a secret that this host uses stops counting."},
});

prometheus::MetricFamily shown_family(const ShownFamily& known, const std::vector<Metrics::Sample>& samples) {
  prometheus::MetricFamily family;
  family.name = known.name;
  family.help = known.help;
  family.type = prometheus::MetricType::Gauge;
  for (const Metrics::Sample& sample : samples) {
    prometheus::ClientMetric metric;
    if (!known.label.empty()) metric.label.push_back({std::string(known.label), sample.label});
    metric.gauge.value = sample.value;
    family.metric.push_back(std::move(metric));
  }
  return family;
}

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;
using Buckets = Histogram::BucketBoundaries;

// 0.75 s is the runbooks' alert threshold: a bucket's bound must stand there for the quantile to be exact.
const Buckets kRequestSeconds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                 0.25,  0.5,    0.75,  1,    2.5,   5,    10};
const Buckets kRetrySeconds = {0.5, 1, 5, 15, 30, 60, 120, 300, 900, 3600, 14400, 86400};
const Buckets kBanAmounts = {.0001, .001, .01, .1, 1, 5, 10, 25, 50};  // the runbook's
const Buckets kBatchSizes = {1, 2, 5, 10, 25, 50, 100, 200, 500, 1000, 2000, 5000};

const std::vector<std::string> kMethods = {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"};
// Every status that the API's document names.
const std::vector<std::string> kStatuses = {"200", "201", "202", "207", "400", "401", "403", "404",
                                            "405", "408", "409", "413", "414", "415", "417", "421",
                                            "422", "429", "431", "500", "502", "503", "505"};
const std::vector<std::string> kResults = {"CONFIRMED",    "SENT",      "FAILED",  "REFUSED_FOR_NOW",
                                           "NOT_ACCEPTED", "DUPLICATE", "UNKNOWN", "SIMULATED"};
const std::vector<std::string> kProcessStates = {"starting", "ready",       "restarting",
                                                 "draining", "quarantined", "stopped"};
const std::vector<std::string> kWriters = {"admission", "callback_verdicts", "callbacks", "notifications",
                                           "transitions"};
const std::vector<std::string> kNotified = {"address_refused", "delivered",  "failed",  "given_up",   "gone",
                                            "no_answer",       "redirected", "refused", "unreachable"};
const std::vector<std::string> kServed = {"held", "served"};
const std::vector<std::string> kReloads = {"accepted", "refused", "unchanged"};
const std::vector<std::string> kVerdicts = {"allow", "flag", "hold", "deny"};
const std::vector<std::string> kBlocks = {"address",     "auth_failures", "callbacks",
                                          "connections", "exports",       "subject"};
const std::vector<std::string> kAuthRefusals = {
    "bad_claims",      "bad_signature",  "duplicate_header", "expired",      "malformed", "no_token",
    "not_yet_valid",   "retired_key",    "revoked",          "role_missing", "too_large", "unknown_key",
    "wrong_algorithm", "wrong_audience", "wrong_issuer",     "wrong_scheme"};
const std::vector<std::string> kScripts = {"abuse", "backoff", "routing"};
const std::vector<std::string> kSwitches = {"look_up_first", "stop_submissions", "stop_writes"};
const std::vector<std::string> kSpanFates = {"exported", "failed", "queue_full", "rejected"};
const std::vector<std::string> kDeferrals = {"low", "unknown"};
const std::vector<std::string> kBooleans = {"false", "true"};

const std::vector<std::string> kQueryResults = {"confirmed", "pending", "refused",     "refused_for_now",
                                                "reversed",  "absent",  "cannot_tell", "mismatch"};

constexpr const char* kBuildHelp = "The version that runs; always 1.";

struct SubmitResult {
  std::string_view saw;
  std::string_view result;
};
constexpr auto kSubmitResults = std::to_array<SubmitResult>({
    {"submit_confirmed", "CONFIRMED"},
    {"submit_accepted", "SENT"},
    {"submit_refused", "FAILED"},
    {"submit_refused_for_now", "REFUSED_FOR_NOW"},
    {"submit_not_accepted", "NOT_ACCEPTED"},
    {"submit_duplicate", "DUPLICATE"},
    {"submit_unknown", "UNKNOWN"},
});

std::string_view bool_text(bool value) {
  return value ? "true" : "false";
}

template <class Metric, class... Arguments>
typename MetricFamily<Metric>::Make maker(prometheus::Family<Metric>& family, Arguments... arguments) {
  return [&family, arguments...](const std::map<std::string, std::string>& labels) -> Metric& {
    return family.Add(labels, arguments...);
  };
}

template <class Metric>
using Label = typename MetricFamily<Metric>::Label;

/// Registers metrics and keeps the list of them: a family without series does not show in a scrape.
struct Catalog {
  prometheus::Registry& registry;
  std::vector<MetricDescription> described{};

  template <class Metric>
  void add(const char* name, const char* type, const char* help, const std::vector<Label<Metric>>& labels) {
    MetricDescription one{name, type, {}, help};
    for (const auto& label : labels) one.labels.push_back(label.name);
    described.push_back(std::move(one));
  }
};

MetricFamily<Counter> counters(Catalog& catalog, const char* name, const char* help,
                               std::vector<Label<Counter>> labels) {
  catalog.add<Counter>(name, "counter", help, labels);
  return {std::move(labels),
          maker(prometheus::BuildCounter().Name(name).Help(help).Register(catalog.registry))};
}

MetricFamily<Gauge> gauges(Catalog& catalog, const char* name, const char* help,
                           std::vector<Label<Gauge>> labels) {
  catalog.add<Gauge>(name, "gauge", help, labels);
  return {std::move(labels),
          maker(prometheus::BuildGauge().Name(name).Help(help).Register(catalog.registry))};
}

MetricFamily<Histogram> histograms(Catalog& catalog, const char* name, const char* help,
                                   std::vector<Label<Histogram>> labels, const Buckets& buckets) {
  catalog.add<Histogram>(name, "histogram", help, labels);
  return {std::move(labels),
          maker(prometheus::BuildHistogram().Name(name).Help(help).Register(catalog.registry), buckets)};
}

constexpr const char* kPoolConnections = "payoutd_database_connections";
constexpr const char* kPoolErrors = "payoutd_database_errors_total";

const char* type_name(prometheus::MetricType type) {
  switch (type) {
    case prometheus::MetricType::Counter:
      return "counter";
    case prometheus::MetricType::Histogram:
      return "histogram";
    default:
      return "gauge";
  }
}

prometheus::MetricFamily pool_family(const char* name, const char* help, prometheus::MetricType type) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  return family;
}

prometheus::ClientMetric pool_metric(const std::string& pool) {
  prometheus::ClientMetric metric;
  metric.label = {{"pool", pool}};
  return metric;
}

prometheus::ClientMetric pool_histogram(const std::string& pool, const std::vector<double>& bounds_s,
                                        const std::vector<std::uint64_t>& counts, double sum_s) {
  auto metric = pool_metric(pool);
  auto& histogram = metric.histogram;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    histogram.sample_count += counts[i];
    const double bound = i < bounds_s.size() ? bounds_s[i] : std::numeric_limits<double>::infinity();
    histogram.bucket.push_back({histogram.sample_count, bound});
  }
  histogram.sample_sum = sum_s;
  return metric;
}

/// The pools keep their own counts, on their own threads; a scrape copies them out.
std::vector<prometheus::MetricFamily> pool_families(const std::map<std::string, PoolSnapshot>& pools) {
  using prometheus::MetricType;
  auto connections = pool_family(kPoolConnections, "Connections of a pool by state.", MetricType::Gauge);
  auto queued =
      pool_family("payoutd_database_queued", "Work that waits for a connection.", MetricType::Gauge);
  auto acquired = pool_family("payoutd_database_acquired_total", "Work that was handed to a connection.",
                              MetricType::Counter);
  auto timeouts = pool_family("payoutd_database_acquire_timeouts_total", "Work that gave up waiting.",
                              MetricType::Counter);
  auto failures = pool_family("payoutd_database_connect_failures_total",
                              "Connections that could not be made.", MetricType::Counter);
  auto lost =
      pool_family("payoutd_database_connections_lost_total", "Connections that broke.", MetricType::Counter);
  auto waits = pool_family("payoutd_database_wait_seconds", "How long work waited for a connection.",
                           MetricType::Histogram);
  auto runs = pool_family("payoutd_database_query_seconds",
                          "How long work ran on its connection, from its first statement to its commit.",
                          MetricType::Histogram);
  auto use =
      pool_family("payoutd_database_pool_use_ratio", "Busy connections of those wanted.", MetricType::Gauge);
  auto errors = pool_family(kPoolErrors, "Work and connections that the database refused, by why.",
                            MetricType::Counter);
  for (const auto& [name, snapshot] : pools) {
    const auto add_connections = [&](const char* state, int count) {
      auto metric = pool_metric(name);
      metric.label.push_back({"state", state});
      metric.gauge.value = count;
      connections.metric.push_back(std::move(metric));
    };
    const auto add_count = [&](prometheus::MetricFamily& family, std::uint64_t count) {
      auto metric = pool_metric(name);
      metric.counter.value = static_cast<double>(count);
      family.metric.push_back(std::move(metric));
    };
    add_connections("wanted", snapshot.size);
    add_connections("connected", snapshot.connected);
    add_connections("busy", snapshot.busy);
    queued.metric.push_back(pool_metric(name));
    queued.metric.back().gauge.value = static_cast<double>(snapshot.queued);
    add_count(acquired, snapshot.acquired);
    add_count(timeouts, snapshot.acquire_timeouts);
    add_count(failures, snapshot.connect_failures);
    add_count(lost, snapshot.connections_lost);
    add_connections("outdated", snapshot.outdated);
    waits.metric.push_back(
        pool_histogram(name, snapshot.wait_bounds_s, snapshot.wait_counts, snapshot.wait_sum_s));
    runs.metric.push_back(
        pool_histogram(name, snapshot.run_bounds_s, snapshot.run_counts, snapshot.run_sum_s));
    use.metric.push_back(pool_metric(name));
    use.metric.back().gauge.value =
        snapshot.size == 0 ? 0 : static_cast<double>(snapshot.busy) / snapshot.size;
    for (const auto& [why, count] : {std::pair{"storage_full", snapshot.storage_full},
                                     {"too_many_connections", snapshot.too_many_connections}}) {
      errors.metric.push_back(pool_metric(name));
      errors.metric.back().label.push_back({"why", why});
      errors.metric.back().counter.value = static_cast<double>(count);
    }
  }
  return {connections, queued, acquired, timeouts, failures, lost, waits, runs, use, errors};
}

}  // namespace

LabelSet::LabelSet(std::vector<std::string> values) : values_(std::move(values)) {
  std::ranges::sort(values_);
  const auto [first, last] = std::ranges::unique(values_);
  values_.erase(first, last);
  std::erase(values_, kOther);
  values_.emplace_back(kOther);
}

std::size_t LabelSet::index(std::string_view value) const noexcept {
  const auto last = values_.end() - 1;
  const auto found = std::lower_bound(values_.begin(), last, value);
  return static_cast<std::size_t>((found != last && *found == value ? found : last) - values_.begin());
}

template <class Metric>
MetricFamily<Metric>::MetricFamily(std::vector<Label> labels, Make make)
    : labels_(std::move(labels)), make_(std::move(make)) {
  std::size_t combinations = 1;
  for (const auto& label : labels_) combinations *= label.values.size();
  series_ = std::vector<std::atomic<Metric*>>(combinations);
}

template <class Metric>
Metric& MetricFamily<Metric>::with(std::initializer_list<std::string_view> values) {
  std::size_t position = 0;
  auto label = labels_.begin();
  for (const auto value : values) {
    position = position * label->values.size() + label->values.index(value);
    ++label;
  }
  if (auto* known = series_[position].load(std::memory_order_acquire)) return *known;
  std::map<std::string, std::string> texts;
  label = labels_.begin();
  for (const auto value : values) {
    texts[label->name] = label->values.at(label->values.index(value));
    ++label;
  }
  Metric& made = make_(texts);  // the same one if another thread was first
  series_[position].store(&made, std::memory_order_release);
  return made;
}

template class MetricFamily<Counter>;
template class MetricFamily<Gauge>;
template class MetricFamily<Histogram>;

struct Metrics::Families {
  Families(prometheus::Registry& registry, const MetricsLabels& labels)
      : r{registry},
        provider(labels.providers),
        route(labels.routes),
        state(labels.states),
        http_requests(
            counters(r, "http_requests_total", "Requests to the API.",
                     {{"route", route}, {"method", LabelSet(kMethods)}, {"status", LabelSet(kStatuses)}})),
        http_seconds(histograms(r, "http_request_duration_seconds", "How long requests to the API took.",
                                {{"route", route}, {"method", LabelSet(kMethods)}}, kRequestSeconds)),
        attempts(counters(
            r, "payout_attempts_total",
            "Submits by what came of them: at once, and once more when what was SENT, UNKNOWN or DUPLICATE "
            "got its final state.",
            {{"provider", provider}, {"result", LabelSet(kResults)}})),
        queries(counters(r, "payoutd_queries_total", "Questions to providers about payments, by the answer.",
                         {{"provider", provider}, {"result", LabelSet(kQueryResults)}})),
        replays(counters(r, "idempotency_replays_total", "Requests answered with a stored answer.",
                         {{"route", route}})),
        webhooks(counters(r, "webhook_events_total", "Callbacks from providers.",
                          {{"provider", provider},
                           {"signature_valid", LabelSet(kBooleans)},
                           {"applied", LabelSet(kBooleans)}})),
        blocks(counters(r, "rate_limit_blocks_total",
                        "Requests and connections that were told to come again later, or had to give way.",
                        {{"by", LabelSet(kBlocks)}})),
        auth_refusals(counters(r, "payoutd_auth_refused_total",
                               "Requests of which nobody knows whose they are, or that they may not make.",
                               {{"reason", LabelSet(kAuthRefusals)}})),
        throttled(counters(r, "admission_throttled_total",
                           "New payouts that were refused because their provider is throttled.",
                           {{"provider", provider}})),
        retry_latency(histograms(r, "payout_retry_latency_seconds",
                                 "From a payout's admission to each submit after its first.", {},
                                 kRetrySeconds)),
        regions(counters(r, "payouts_by_region_total", "Payouts confirmed, by region.",
                         {{"region", LabelSet(labels.regions)}})),
        dry_run(gauges(r, "app_dry_run_mode",
                       "1 while payouts are only simulated, whichever provider they are for.", {})),
        ban_amounts(
            histograms(r, "payout_amount_ban", "Confirmed payouts in BAN, by amount.", {}, kBanAmounts)),
        ready(gauges(r, "payoutd_ready", "1 while /readyz answers 200.", {})),
        switches(gauges(r, "payoutd_switch_on", "1 while an operator's switch is on.",
                        {{"switch", LabelSet(kSwitches)}})),
        paused(gauges(r, "payoutd_provider_paused", "1 while a provider gets no new submits.",
                      {{"provider", provider}})),
        provider_dry_run(
            gauges(r, "payoutd_provider_dry_run",
                   "1 while a provider's own dry run is on; app_dry_run_mode is that of the whole host.",
                   {{"provider", provider}})),
        failures_in_a_row(gauges(r, "payoutd_provider_failures_in_a_row",
                                 "Calls of this host, up to the last one, that brought no answer.",
                                 {{"provider", provider}})),
        halted(gauges(r, "payoutd_outflow_halted",
                      "Currencies of a provider that reached their outflow limit.",
                      {{"provider", provider}})),
        balance(gauges(r, "provider_balance",
                       "What a provider last told of its balance, where it is checked.",
                       {{"provider", provider}, {"currency", LabelSet(labels.currencies)}})),
        balance_defers(
            gauges(r, "payoutd_balance_defers",
                   "1 while payouts of a provider wait for its balance: it is too low, or not known.",
                   {{"provider", provider}, {"why", LabelSet(kDeferrals)}})),
        balance_deferred(counters(
            r, "balance_deferred_total",
            "Times that a payout was claimed and put back because its provider's balance does not cover it.",
            {{"provider", provider}, {"currency", LabelSet(labels.currencies)}})),
        payouts(
            gauges(r, "payoutd_payouts", "Payouts by state.", {{"provider", provider}, {"state", state}})),
        oldest(gauges(r, "payoutd_oldest_payout_age_seconds",
                      "How long the oldest payout has been in its state.",
                      {{"provider", provider}, {"state", state}})),
        backlog(gauges(r, "payoutd_webhook_backlog", "Callbacks that are stored and not settled.",
                       {{"provider", provider}})),
        backlog_age(gauges(r, "payoutd_webhook_backlog_age_seconds",
                           "How long the oldest callback has been stored and not settled.",
                           {{"provider", provider}})),
        notified(counters(r, "notifications_total",
                          "Attempts to deliver a notification, by what came of them.",
                          {{"result", LabelSet(kNotified)}})),
        deliveries_pending(
            gauges(r, "notification_deliveries_pending",
                   "Notifications that wait: for endpoints that are served, or held for those that "
                   "are paused or disabled.",
                   {{"endpoints", LabelSet(kServed)}})),
        deliveries_oldest(
            gauges(r, "notification_oldest_pending_age_seconds",
                   "How long the oldest notification has waited for an endpoint that is served.", {})),
        endpoints_disabled(gauges(r, "notification_endpoints_disabled",
                                  "Endpoints that are disabled: nothing is sent to them.", {})),
        batches(histograms(r, "payoutd_group_commit_batch_size", "Rows that were committed together.",
                           {{"writer", LabelSet(kWriters)}}, kBatchSizes)),
        process_state(gauges(r, "payoutd_provider_process_state",
                             "1 for the state that the provider's process is in.",
                             {{"provider", provider}, {"state", LabelSet(kProcessStates)}})),
        restarts(counters(r, "payoutd_provider_restarts_total", "Restarts of provider processes.",
                          {{"provider", provider}})),
        flagged(counters(r, "flagged_users_total", "Users that got a flag that they had not before.", {})),
        reloads(counters(r, "script_reload_total", "Changes of scripts that this host looked at, by result.",
                         {{"result", LabelSet(kReloads)}})),
        generation(
            gauges(r, "script_generation", "The generation of scripts that this host runs; 0: none.", {})),
        last_reload(gauges(r, "script_reload_last_success_timestamp_seconds",
                           "When this host last took over scripts.", {})),
        verdicts(counters(r, "payoutd_screened_total", "Verdicts of the rules on payouts.",
                          {{"verdict", LabelSet(kVerdicts)}})),
        script_failures(counters(r, "payoutd_script_failures_total",
                                 "Calls of scripts that went wrong: the payout was held, or the built-in "
                                 "schedule or choice taken.",
                                 {{"kind", LabelSet(kScripts)}})),
        shadow_judged(counters(r, "payoutd_shadow_judged_total", "Payouts that a shadow judged too.", {})),
        shadow_differed(counters(r, "payoutd_shadow_differed_total",
                                 "Payouts that a shadow judged otherwise than the active rules.", {})),
        spans(counters(r, "payoutd_trace_spans_total",
                       "Spans by what became of them; all but the exported ones are lost.",
                       {{"result", LabelSet(kSpanFates)}})),
        backup_success(gauges(r, "backup_last_success_timestamp_seconds",
                              "When `payoutctl backup` last succeeded; 0: never.", {})),
        restore_check_success(gauges(r, "restore_check_last_success_timestamp_seconds",
                                     "When `payoutctl restore-check` last passed; 0: never.", {})),
        replica_lag(gauges(r, "payoutd_database_replica_lag_seconds", "How far replicas are behind.",
                           {{"from", LabelSet({"primary", "read"})}})),
        database_bytes(gauges(r, "payoutd_database_size_bytes", "Bytes of the database.", {})),
        storage_used(gauges(r, "payoutd_database_storage_used_ratio",
                            "Share of the file system of the embedded database that is in use.", {})),
        disk_full(gauges(r, "payoutd_database_storage_full",
                         "1 while the database says that its disk is full; nothing is submitted then.", {})) {
    // Present from the start, so that a dashboard shows nothing as 0 and not as missing.
    disk_full.with({}).Set(0);
    flagged.with({});
    retry_latency.with({});
    ban_amounts.with({});
    generation.with({}).Set(0);
    dry_run.with({}).Set(0);
    r.described.push_back(
        {"payoutd_build_info", "gauge", {"version", "build_id", "environment"}, kBuildHelp});
  }

  Catalog r;
  LabelSet provider, route, state;
  MetricFamily<Counter> http_requests;
  MetricFamily<Histogram> http_seconds;
  MetricFamily<Counter> attempts, queries, replays, webhooks, blocks, auth_refusals, throttled;
  MetricFamily<Histogram> retry_latency;
  MetricFamily<Counter> regions;
  MetricFamily<Gauge> dry_run;
  MetricFamily<Histogram> ban_amounts;
  MetricFamily<Gauge> ready, switches, paused, provider_dry_run, failures_in_a_row, halted;
  MetricFamily<Gauge> balance, balance_defers;
  MetricFamily<Counter> balance_deferred;
  MetricFamily<Gauge> payouts, oldest, backlog, backlog_age;
  MetricFamily<Counter> notified;
  MetricFamily<Gauge> deliveries_pending, deliveries_oldest, endpoints_disabled;
  MetricFamily<Histogram> batches;
  MetricFamily<Gauge> process_state;
  MetricFamily<Counter> restarts, flagged, reloads;
  MetricFamily<Gauge> generation, last_reload;
  MetricFamily<Counter> verdicts, script_failures, shadow_judged, shadow_differed;
  MetricFamily<Counter> spans;
  MetricFamily<Gauge> backup_success, restore_check_success, replica_lag, database_bytes, storage_used,
      disk_full;
};

Metrics::Metrics(MetricsLabels labels)
    : registry_(std::make_shared<prometheus::Registry>()),
      families_(std::make_unique<Families>(*registry_, labels)) {}
Metrics::~Metrics() = default;

void Metrics::http_request(std::string_view route, std::string_view method, int status, double seconds) {
  families_->http_requests.with({route, method, std::to_string(status)}).Increment();
  families_->http_seconds.with({route, method}).Observe(seconds);
}

void Metrics::payout_attempt(std::string_view provider, std::string_view result) {
  constexpr std::string_view kQuery = "query_";
  if (result.starts_with(kQuery)) {
    families_->queries.with({provider, result.substr(kQuery.size())}).Increment();
    return;
  }
  const auto known = std::ranges::find(kSubmitResults, result, &SubmitResult::saw);
  families_->attempts.with({provider, known == kSubmitResults.end() ? result : known->result}).Increment();
}

void Metrics::idempotency_replay(std::string_view route) {
  families_->replays.with({route}).Increment();
}

void Metrics::rate_limit_block(std::string_view by) {
  families_->blocks.with({by}).Increment();
}

void Metrics::auth_refusal(std::string_view reason) {
  families_->auth_refusals.with({reason}).Increment();
}

void Metrics::webhook_backlog(std::string_view provider, std::int64_t count,
                              std::chrono::milliseconds oldest) {
  families_->backlog.with({provider}).Set(static_cast<double>(count));
  families_->backlog_age.with({provider}).Set(static_cast<double>(oldest.count()) / 1000);
}

void Metrics::webhook_event(std::string_view provider, bool signature_valid, bool applied) {
  families_->webhooks.with({provider, bool_text(signature_valid), bool_text(applied)}).Increment();
}

void Metrics::notification(std::string_view result) {
  families_->notified.with({result}).Increment();
}

void Metrics::notification_backlog(std::int64_t pending, std::int64_t held, std::chrono::milliseconds oldest,
                                   std::int64_t disabled_endpoints) {
  families_->deliveries_pending.with({"served"}).Set(static_cast<double>(pending));
  families_->deliveries_pending.with({"held"}).Set(static_cast<double>(held));
  families_->deliveries_oldest.with({}).Set(static_cast<double>(oldest.count()) / 1000);
  families_->endpoints_disabled.with({}).Set(static_cast<double>(disabled_endpoints));
}

void Metrics::admission_throttled(std::string_view provider) {
  families_->throttled.with({provider}).Increment();
}

void Metrics::payout_retry_latency(double seconds) {
  families_->retry_latency.with({}).Observe(seconds);
}

void Metrics::payout_in_region(std::string_view region) {
  families_->regions.with({region}).Increment();
}

void Metrics::dry_run_mode(bool is_on) {
  families_->dry_run.with({}).Set(is_on ? 1 : 0);
}

void Metrics::amount_ban(std::int64_t units) {
  families_->ban_amounts.with({}).Observe(static_cast<double>(units) / 1e8);
}

void Metrics::ready(bool is_ready) {
  families_->ready.with({}).Set(is_ready ? 1 : 0);
}

void Metrics::switch_on(std::string_view name, bool is_on) {
  families_->switches.with({name}).Set(is_on ? 1 : 0);
}

void Metrics::provider_paused(std::string_view provider, bool is_paused) {
  families_->paused.with({provider}).Set(is_paused ? 1 : 0);
}

void Metrics::provider_dry_run(std::string_view provider, bool is_on) {
  families_->provider_dry_run.with({provider}).Set(is_on ? 1 : 0);
}

void Metrics::provider_failures_in_a_row(std::string_view provider, int count) {
  families_->failures_in_a_row.with({provider}).Set(count);
}

void Metrics::outflow_halted(std::string_view provider, int currencies) {
  families_->halted.with({provider}).Set(currencies);
}

void Metrics::provider_balance(std::string_view provider, std::string_view currency, std::int64_t units) {
  families_->balance.with({provider, currency}).Set(static_cast<double>(units) / 1e8);
}

void Metrics::balance_deferred(std::string_view provider, std::string_view currency, int count) {
  families_->balance_deferred.with({provider, currency}).Increment(count);
}

void Metrics::balance_defers(std::string_view provider, bool too_low, bool unknown) {
  families_->balance_defers.with({provider, "low"}).Set(too_low ? 1 : 0);
  families_->balance_defers.with({provider, "unknown"}).Set(unknown ? 1 : 0);
}

void Metrics::users_flagged(std::int64_t count) {
  families_->flagged.with({}).Increment(static_cast<double>(count));
}

void Metrics::script_reload(std::string_view result) {
  families_->reloads.with({result}).Increment();
  if (result == "accepted") families_->last_reload.with({}).SetToCurrentTime();
}

void Metrics::script_generation(std::int64_t generation) {
  families_->generation.with({}).Set(static_cast<double>(generation));
}

void Metrics::screened(std::string_view verdict, int count) {
  families_->verdicts.with({verdict}).Increment(count);
}

void Metrics::script_failed(std::string_view kind) {
  families_->script_failures.with({kind}).Increment();
}

void Metrics::shadow(std::size_t judged, std::size_t differed) {
  families_->shadow_judged.with({}).Increment(static_cast<double>(judged));
  families_->shadow_differed.with({}).Increment(static_cast<double>(differed));
}

void Metrics::payouts(std::string_view provider, std::string_view state, std::int64_t count,
                      std::chrono::milliseconds oldest) {
  families_->payouts.with({provider, state}).Set(static_cast<double>(count));
  families_->oldest.with({provider, state}).Set(count == 0 ? 0 : static_cast<double>(oldest.count()) / 1000);
}

void Metrics::group_commit(std::string_view writer, std::size_t batch_size) {
  families_->batches.with({writer}).Observe(static_cast<double>(batch_size));
}

void Metrics::provider_process(std::string_view provider, std::string_view state) {
  for (const auto& known : kProcessStates)
    families_->process_state.with({provider, known}).Set(known == state ? 1 : 0);
}

void Metrics::provider_restart(std::string_view provider) {
  families_->restarts.with({provider}).Increment();
}

void Metrics::spans(std::string_view fate, std::size_t count) {
  families_->spans.with({fate}).Increment(static_cast<double>(count));
}

void Metrics::pool(const std::string& name, PoolSnapshot snapshot) {
  const std::lock_guard lock(pools_mutex_);
  pools_[name] = std::move(snapshot);
}

void Metrics::show(std::string_view name, std::vector<Sample> samples) {
  PAYOUTD_ASSERT(std::ranges::count(kShown, name, &ShownFamily::name) == 1, "what is shown is described");
  const std::lock_guard lock(pools_mutex_);
  shown_[std::string(name)] = std::move(samples);
}

void Metrics::replica_lag(std::string_view from, std::chrono::milliseconds lag) {
  families_->replica_lag.with({from}).Set(static_cast<double>(lag.count()) / 1000);
}

void Metrics::database_storage(std::int64_t bytes, std::optional<double> used_ratio) {
  families_->database_bytes.with({}).Set(static_cast<double>(bytes));
  if (used_ratio) families_->storage_used.with({}).Set(*used_ratio);
}

void Metrics::storage_full(bool is_full) {
  families_->disk_full.with({}).Set(is_full ? 1 : 0);
}

void Metrics::last_success(std::string_view what, std::int64_t timestamp_s) {
  auto& family = what == "backup" ? families_->backup_success : families_->restore_check_success;
  family.with({}).Set(static_cast<double>(timestamp_s));
}

void Metrics::build_info(const std::string& version, const std::string& build_id,
                         const std::string& environment) {
  prometheus::BuildGauge()
      .Name("payoutd_build_info")
      .Help(kBuildHelp)
      .Register(*registry_)
      .Add({{"version", version}, {"build_id", build_id}, {"environment", environment}})
      .Set(1);
}

std::vector<MetricDescription> Metrics::described() const {
  std::vector<MetricDescription> all = families_->r.described;
  for (const auto& family : pool_families({})) {
    MetricDescription one{family.name, type_name(family.type), {"pool"}, family.help};
    if (one.name == kPoolConnections) one.labels.emplace_back("state");
    if (one.name == kPoolErrors) one.labels.emplace_back("why");
    all.push_back(std::move(one));
  }
  for (const auto& family : process_families())
    all.push_back({family.name, type_name(family.type), {}, family.help});
  for (const ShownFamily& family : kShown) {
    MetricDescription one{std::string(family.name), "gauge", {}, std::string(family.help)};
    if (!family.label.empty()) one.labels.emplace_back(family.label);
    all.push_back(std::move(one));
  }
  std::ranges::sort(all, {}, &MetricDescription::name);
  return all;
}

std::string Metrics::serialize() const {
  auto families = registry_->Collect();
  for (auto& family : process_families()) families.push_back(std::move(family));
  {
    const std::lock_guard lock(pools_mutex_);
    if (!pools_.empty())
      for (auto& family : pool_families(pools_)) families.push_back(std::move(family));
    for (const ShownFamily& known : kShown)
      if (const auto found = shown_.find(std::string(known.name)); found != shown_.end())
        families.push_back(shown_family(known, found->second));
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  return text.str();
}

}  // namespace payoutd::ops
