#pragma once
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace prometheus {
class Registry;
}

namespace payoutd::ops {

/// The values that a label may have. Anything else becomes `other`, so that no client, provider or payout can
/// make new time series.
class LabelSet {
 public:
  static constexpr std::string_view kOther = "other";
  explicit LabelSet(std::vector<std::string> values);

  std::size_t index(std::string_view value) const noexcept;  ///< the last index stands for `other`
  const std::string& at(std::size_t index) const { return values_[index]; }
  std::size_t size() const noexcept { return values_.size(); }

 private:
  std::vector<std::string> values_;  ///< sorted, then `other`
};

/// One metric with closed labels. A series exists from its first use on; its reference is kept, so that later
/// uses cost two short searches and an addition. Thread-safe.
template <class Metric>
class MetricFamily {
 public:
  using Make = std::function<Metric&(const std::map<std::string, std::string>&)>;
  struct Label {
    std::string name;
    LabelSet values;
  };
  MetricFamily(std::vector<Label> labels, Make make);

  /// One value for each label, in their order. The reference stays valid as long as the Metrics.
  Metric& with(std::initializer_list<std::string_view> values);

 private:
  std::vector<Label> labels_;
  Make make_;
  std::vector<std::atomic<Metric*>> series_;
};

/// What one pool of database connections looks like now. Counts never go backwards.
struct PoolSnapshot {
  int size = 0;
  int connected = 0;
  int busy = 0;
  std::size_t queued = 0;
  std::uint64_t acquired = 0;
  std::uint64_t acquire_timeouts = 0;
  std::uint64_t connect_failures = 0;
  std::uint64_t connections_lost = 0;
  std::vector<double> wait_bounds_s;       ///< upper bounds of the buckets below
  std::vector<std::uint64_t> wait_counts;  ///< one more than bounds: the last is above every bound
  double wait_sum_s = 0;
  int outdated = 0;                  ///< connections with credentials that were replaced
  std::vector<double> run_bounds_s;  ///< as for waiting: how long work ran
  std::vector<std::uint64_t> run_counts;
  double run_sum_s = 0;
  std::uint64_t storage_full = 0;
  std::uint64_t too_many_connections = 0;
};

/// The closed sets that come from the configuration and the routes.
struct MetricsLabels {
  std::vector<std::string> providers;
  std::vector<std::string> routes;   ///< patterns such as `/v1/payouts/{id}`
  std::vector<std::string> regions;  ///< country codes
  std::vector<std::string> states;   ///< payout states
  std::vector<std::string> currencies{};
};

/// A metric as the documentation lists it.
struct MetricDescription {
  std::string name;
  std::string type;  ///< counter, gauge, histogram
  std::vector<std::string> labels;
  std::string help;
};

/// All metrics of the host, by the names that the runbooks use. One per process; thread-safe.
class Metrics {
 public:
  explicit Metrics(MetricsLabels labels);
  ~Metrics();

  // The runbooks' names.
  void http_request(std::string_view route, std::string_view method, int status, double seconds);
  /// `result` is one of the results below, or what the engine saw, by its name for it: `submit_refused`
  /// counts as FAILED and so on; a `query_…` is no attempt and counts in payoutd_queries_total. Results:
  /// CONFIRMED, SENT, FAILED, REFUSED_FOR_NOW, NOT_ACCEPTED, DUPLICATE, UNKNOWN, SIMULATED.
  void payout_attempt(std::string_view provider, std::string_view result);
  void idempotency_replay(std::string_view route);
  void webhook_event(std::string_view provider, bool signature_valid, bool applied);
  /// `by`: subject, address, auth_failures, connections.
  void rate_limit_block(std::string_view by);
  /// `reason`: why nobody knows, or may not, as in the log event http.auth_refused.
  void auth_refusal(std::string_view reason);
  /// Callbacks of a provider that are stored and not settled, and how long the oldest has been.
  void webhook_backlog(std::string_view provider, std::int64_t count, std::chrono::milliseconds oldest);
  /// One attempt to deliver a notification came to an end; `result`: delivered, refused, failed, redirected,
  /// gone, unreachable, no_answer, address_refused, given_up.
  void notification(std::string_view result);
  /// `pending` to endpoints that are served, `held` to those that are paused or disabled.
  void notification_backlog(std::int64_t pending, std::int64_t held, std::chrono::milliseconds oldest,
                            std::int64_t disabled_endpoints);
  /// A new payout was refused because its provider is throttled.
  void admission_throttled(std::string_view provider);
  void payout_retry_latency(double seconds);
  void payout_in_region(std::string_view region);
  void dry_run_mode(bool is_on);
  /// An amount in BAN that was paid, in units of 10^-8. The histogram is for people: nothing computes with
  /// it.
  void amount_ban(std::int64_t units);

  void users_flagged(std::int64_t count);
  /// `result`: accepted, refused, unchanged. An accepted one sets the time of the last success.
  void script_reload(std::string_view result);
  void script_generation(std::int64_t generation);

  // payoutd's own.
  void screened(std::string_view verdict, int count);
  /// `kind`: abuse, backoff, routing.
  void script_failed(std::string_view kind);
  void shadow(std::size_t judged, std::size_t differed);
  /// How many payouts of a provider are in a state, and how long the oldest has been there (0 if there are
  /// none).
  void payouts(std::string_view provider, std::string_view state, std::int64_t count,
               std::chrono::milliseconds oldest);
  void group_commit(std::string_view writer, std::size_t batch_size);
  /// `state` is 1 for the process's present state and 0 for the others.
  void provider_process(std::string_view provider, std::string_view state);
  void provider_restart(std::string_view provider);
  /// `fate`: exported, queue_full, failed, rejected.
  void spans(std::string_view fate, std::size_t count);
  void pool(const std::string& name, PoolSnapshot snapshot);
  /// `from`: primary, as it sees its replicas; read, as the database of reports sees itself.
  void replica_lag(std::string_view from, std::chrono::milliseconds lag);
  /// Bytes of the database; the share of its file system that is in use, if it is on this machine.
  void database_storage(std::int64_t bytes, std::optional<double> used_ratio);
  /// 1 while the database says that its disk is full, and nothing is submitted.
  void storage_full(bool is_full);
  /// `what`: backup, restore_check; seconds since 1970, 0: never.
  void last_success(std::string_view what, std::int64_t timestamp_s);
  /// Whether new payouts are paid by this host, and what forbids it.
  void ready(bool is_ready);
  /// `name`: look_up_first, stop_submissions, stop_writes.
  void switch_on(std::string_view name, bool is_on);
  void provider_paused(std::string_view provider, bool is_paused);
  /// By the provider's own switch.
  void provider_dry_run(std::string_view provider, bool is_on);
  /// How many calls of the provider in a row, up to now, brought no answer.
  void provider_failures_in_a_row(std::string_view provider, int count);
  /// How many currencies of the provider the core's limits halted.
  void outflow_halted(std::string_view provider, int currencies);
  /// The last sample of a provider's balance, in units of 10^-8. The gauge is for people: nothing computes
  /// with it.
  void provider_balance(std::string_view provider, std::string_view currency, std::int64_t units);
  /// Payouts that were claimed and put back because the balance does not cover them.
  void balance_deferred(std::string_view provider, std::string_view currency, int count);
  /// Whether new payouts wait because the balance is too low, or because nobody knows it.
  void balance_defers(std::string_view provider, bool too_low, bool unknown);
  /// `environment`: dev, staging or prod.
  void build_info(const std::string& version, const std::string& build_id, const std::string& environment);

  /// Gauges whose labels are not known beforehand and are few (kShown in metrics.cpp lists them): what is
  /// shown of `name` is just this.
  struct Sample {
    std::string label;  ///< its value; empty where the metric has none
    double value = 0;
  };
  void show(std::string_view name, std::vector<Sample> samples);
  /// Everything that serialize() can show, by name.
  std::vector<MetricDescription> described() const;
  /// The text format of Prometheus.
  std::string serialize() const;

 private:
  struct Families;
  std::shared_ptr<prometheus::Registry> registry_;
  std::unique_ptr<Families> families_;
  mutable std::mutex pools_mutex_;
  std::map<std::string, PoolSnapshot> pools_;
  std::map<std::string, std::vector<Sample>> shown_;
};

}  // namespace payoutd::ops
