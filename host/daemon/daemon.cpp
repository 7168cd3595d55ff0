#include "daemon/daemon.hpp"

#include <signal.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/signal_set.hpp>
#include <thread>

#include "core/ids.hpp"
#include "core/signal.hpp"
#include "daemon/database_credentials.hpp"
#include "daemon/database_keeper.hpp"
#include "daemon/database_pools.hpp"
#include "daemon/database_sampler.hpp"
#include "daemon/incarnations.hpp"
#include "daemon/metric_labels.hpp"
#include "daemon/observer.hpp"
#include "daemon/operations.hpp"
#include "daemon/options.hpp"
#include "daemon/plugin_versions.hpp"
#include "daemon/pulse.hpp"
#include "daemon/quarantine_store.hpp"
#include "daemon/report_reader.hpp"
#include "daemon/script_keeper.hpp"
#include "daemon/secret_keeper.hpp"
#include "daemon/tracing.hpp"
#include "daemon/view.hpp"
#include "http/monitor.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "jobs/housekeeper.hpp"
#include "notify/notifier.hpp"
#include "ops/log.hpp"
#include "ops/service_manager.hpp"
#include "policy/scripted_policy.hpp"
#include "store/lookup.hpp"
#include "store/migrations.hpp"

namespace payoutd::daemon {
namespace {

namespace asio = boost::asio;
namespace service_manager = ops::service_manager;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kDatabaseWait{10};
constexpr milliseconds kProvidersSettle{6'000};
constexpr milliseconds kSampleInterval{2'000};
// Payouts are counted by reading all live ones. Where they are many, that takes no more than one part in so
// many of the time of one connection.
constexpr int kCountingShare = 20;
constexpr milliseconds kCountAtLeastEvery{15'000};
constexpr milliseconds kHttpStop{5'000};
constexpr milliseconds kNotificationsStop{15'000};
// What a stop takes beside the drain: answers that are under way, provider processes, the private database.
constexpr milliseconds kStopMargin{120'000};
constexpr int kSamplesBetweenSecrets = 30;

// Connects once, before anything else runs, so that a wrong address, password or schema is said plainly. The
// private database belongs to this host alone, and is migrated by it.
std::string check_database(const std::string& dsn, bool embedded) {
  const auto until = std::chrono::steady_clock::now() + kDatabaseWait;
  for (;;) {
    try {
      store::Connection connection(store::connection_string(dsn, {}));
      if (embedded) {
        store::migrate_up(connection, [](const store::MigrationProgress& p) {
          if (p.step == store::MigrationProgress::Step::applied) {
            log::info("database.migrated", "A migration was applied.",
                      {{"version", p.version}, {"name", p.name}});
          }
        });
      }
      const store::SchemaCheck check = store::check_schema(connection);
      if (check.state != store::SchemaState::current) throw StartError("database: " + check.explanation);
      const auto status = store::migration_status(connection);
      return status.applied.empty() ? "" : status.applied.back().version;
    } catch (const store::Unavailable& failure) {
      if (std::chrono::steady_clock::now() > until) {
        throw StartError("database: cannot be reached at " + store::masked_dsn(dsn) + ": " + failure.what() +
                         ". Is it running, and is DATABASE_URL or database.dsn right?");
      }
    } catch (const store::StoreError& failure) {
      throw StartError("database: " + std::string(failure.what()) + " (" + store::masked_dsn(dsn) + ")");
    }
    std::this_thread::sleep_for(milliseconds{300});
  }
}

std::set<std::string> enabled_providers(const ops::Config& config) {
  std::set<std::string> names;
  for (const auto& [name, provider] : config.live_config.providers)
    if (provider.enabled) names.insert(name);
  return names;
}

// What a new configuration asks for and only a start does.
std::string waits_for_restart(const std::set<std::string>& running, const ops::Config& fresh) {
  const std::set<std::string> wanted = enabled_providers(fresh);
  std::string text;
  const auto say = [&text](const std::string& name, const char* what) {
    text.append(text.empty() ? "" : ", ").append(name).append(what);
  };
  for (const std::string& name : wanted)
    if (!running.contains(name)) say(name, " starts");
  for (const std::string& name : running)
    if (!wanted.contains(name)) say(name, " stops");
  return text.empty() ? text : text + " with the next start of the host only";
}

Awaitable<http::HostView::ReloadPart> reload_scripts(ScriptKeeper* scripts, std::string actor) {
  http::HostView::ReloadPart part{"scripts", false, {}, {}};
  try {
    const http::ScriptChange change = co_await scripts->reload_changed(std::move(actor));
    part.done = change.done;
    part.message = change.message;
    for (const policy::ScriptProblem& problem : change.problems) part.problems.push_back(problem.text());
    if (!change.done && part.problems.empty()) part.problems.push_back(change.message);
  } catch (const store::StoreError& error) {
    part.problems.push_back(std::string("the scripts cannot be published: ") + error.what());
  }
  co_return part;
}

/// Whoever holds it reloads.
class ReloadTurn {
 public:
  ReloadTurn(bool& taken, core::Signal& over) : taken_(taken), over_(over) { taken_ = true; }
  ~ReloadTurn() {
    taken_ = false;
    over_.notify();
  }
  ReloadTurn(const ReloadTurn&) = delete;
  ReloadTurn& operator=(const ReloadTurn&) = delete;

 private:
  bool& taken_;
  core::Signal& over_;
};

class Host {
 public:
  Host(const DaemonOptions& options, ops::Config config) : options_(options), config_(std::move(config)) {}
  int run();

 private:
  providers::SupervisorOptions supervisor_options();
  engine::EngineOptions engine_options() const;
  void make_policy();
  void make_notifier();
  std::vector<DatabasePools::Pool> named_pools() const;
  DaemonView::Parts view_parts();
  Awaitable<void> live();
  Awaitable<void> sample();
  Awaitable<void> sample_standstill();
  Awaitable<void> sample_payouts();
  void sample_switches();
  Awaitable<void> sample_halts();
  Awaitable<void> sample_callbacks();
  Awaitable<void> sample_notifications();
  Awaitable<void> reload_on_hangup();
  Awaitable<http::HostView::ReloadReport> reload(std::string actor);
  Awaitable<http::HostView::ReloadReport> reload_parts(std::string actor);
  Awaitable<std::vector<std::string>> reload_with(ops::Config fresh, std::string actor);
  Awaitable<http::HostView::PluginChange> change_plugin(std::string plugin, std::string file);
  Awaitable<void> take_over_dsn(Secret* current, Secret fresh, std::vector<store::Pool*> pools,
                                http::HostView::ReloadReport* report);
  Awaitable<void> take_over(ops::Config fresh, std::string actor, http::HostView::ReloadReport* report);
  std::vector<std::string> note_restart_needed(const ops::Config& fresh) const;
  void make_operations();
  void show_standstill();
  void apply(const ops::LiveConfig& live);
  void spawn(Awaitable<void> task, std::string name);

  DaemonOptions options_;
  ops::Config config_;
  std::string incarnation_ = core::random_uuid();
  Secret instance_key_;
  std::string revision_;
  std::set<std::string> running_;  ///< providers that this host started with
  // Declared in the order in which they are needed: destruction goes the other way round.
  std::unique_ptr<DatabaseKeeper> database_;
  trace::Tracer tracer_;  // of spans that end with the coroutines of io_
  asio::io_context io_{1};
  std::unique_ptr<ops::Metrics> metrics_;
  std::unique_ptr<Tracing> tracing_;
  std::unique_ptr<HostObserver> observer_;
  std::unique_ptr<store::Pool> pool_;
  std::unique_ptr<store::Pool> front_pool_;
  std::unique_ptr<store::Pool> job_pool_;
  std::unique_ptr<store::Pool> heart_pool_;
  std::unique_ptr<store::Pool> read_pool_;  ///< of the replica; none: there is none
  std::unique_ptr<ReportReader> reports_;
  std::unique_ptr<DatabasePools> pools_;
  std::unique_ptr<DatabaseQuarantine> quarantine_;
  std::unique_ptr<providers::Supervisor> supervisor_;
  std::unique_ptr<PluginVersions> plugins_;
  std::unique_ptr<policy::ScriptedPolicy> policy_;
  std::unique_ptr<ScriptKeeper> scripts_;
  std::unique_ptr<engine::Engine> engine_;
  std::unique_ptr<notify::Notifier> notifier_;
  std::unique_ptr<DatabaseSampler> database_sampler_;
  std::unique_ptr<jobs::Housekeeper> housekeeper_;
  std::unique_ptr<SecretKeeper> secrets_;
  std::unique_ptr<DaemonView> view_;
  std::unique_ptr<Pulse> pulse_;
  std::unique_ptr<Operations> operations_;
  std::unique_ptr<http::Router> router_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<http::MonitorService> monitor_;
  std::unique_ptr<http::Server> monitor_server_;  ///< null: monitoring has no listener of its own
  std::unique_ptr<core::Signal> stop_;
  core::Signal reload_over_{io_.get_executor()};
  bool reloading_ = false;
  bool stopping_ = false;
  std::set<std::pair<std::string, std::string>> payouts_shown_;  ///< provider and state that have a gauge
  std::string stop_reason_;
  std::exception_ptr failure_;  ///< why the host had to end
};

void Host::spawn(Awaitable<void> task, std::string name) {
  asio::co_spawn(io_, std::move(task), [this, name = std::move(name)](std::exception_ptr error) {
    if (!error) return;
    if (name == "host") {
      failure_ = error;
      return io_.stop();
    }
    try {
      std::rethrow_exception(error);
    } catch (const std::exception& failure) {
      log::error("host.task_failed", "A task of the host ended with an error.",
                 {{"task", name}, {"error", failure.what()}});
    }
  });
}

providers::SupervisorOptions Host::supervisor_options() {
  providers::SupervisorOptions o;
  o.provider_executable =
      options_.provider_executable.empty() ? companion("payoutd-provider") : options_.provider_executable;
  o.state_directory = config_.static_config.state_dir / "providers";
  o.environment = config_.static_config.environment;
  o.start_limit = kProvidersSettle - milliseconds{1'000};
  o.quarantine = quarantine_.get();
  o.on_log = [](const providers::ProviderLog& line) {
    const auto level = static_cast<log::Level>(static_cast<int>(line.level));
    if (!log::enabled(level)) return;
    boost::json::object fields = line.fields;
    fields["provider"] = line.provider;
    log::write(level, line.event, line.message, std::move(fields));
  };
  o.live_artefact_formats = [this](std::string provider) {
    return pool_->transact([provider = std::move(provider)](pqxx::transaction_base& work) {
      return store::live_artefact_formats(work, provider);
    });
  };
  o.on_state = [this](const std::string& provider, providers::ProviderState state) {
    metrics_->provider_process(provider, providers::to_string(state));
    if (state == providers::ProviderState::restarting) metrics_->provider_restart(provider);
    if (engine_) engine_->provider_changed(provider);
  };
  return o;
}

engine::EngineOptions Host::engine_options() const {
  const ops::StaticConfig& fixed = config_.static_config;
  engine::EngineOptions o;
  o.host = {incarnation_, fixed.name, version(), fixed.roles};
  o.life.instance_key = instance_key_;
  o.life.public_url = fixed.public_url;
  o.life.dry_run = config_.live_config.engine.dry_run;
  o.dispatcher = dispatcher_options(config_.live_config.engine);
  o.limits = config_.live_config.limits;
  o.group_commit_window = config_.live_config.engine.group_commit_window;
  o.high_water_file = (fixed.state_dir / "high-water.json").string();
  o.stop_file = (fixed.state_dir / "stop-writes").string();
  return o;
}

void Host::make_policy() {
  policy::ScriptedPolicy::Callbacks callbacks;
  callbacks.failed = [this](std::string_view kind, const std::string& error) {
    metrics_->script_failed(kind);
    log::error("scripts.failed", "A script went wrong.", {{"kind", kind}, {"error", error}});
  };
  callbacks.shadow = [this](std::size_t judged, std::size_t differed) {
    metrics_->shadow(judged, differed);
    scripts_->shadow_judged(judged, differed);
  };
  policy_ = std::make_unique<policy::ScriptedPolicy>(policy_options(config_.live_config.engine),
                                                     std::move(callbacks));
  const ops::StaticConfig& fixed = config_.static_config;
  scripts_ = std::make_unique<ScriptKeeper>(
      ScriptKeeper::Parts{io_.get_executor(), *front_pool_, *policy_, incarnation_, fixed.name,
                          fixed.scripts_dir, [this](std::string_view result, std::int64_t generation) {
                            metrics_->script_reload(result);
                            metrics_->script_generation(generation);
                          }});
}

void Host::make_notifier() {
  try {
    notifier_ = std::make_unique<notify::Notifier>(
        notify::Sender::Parts{io_.get_executor(), *front_pool_, *policy_, *observer_, incarnation_,
                              [this](std::string_view result) { metrics_->notification(result); }},
        notifier_options(config_, config_.live_config.notifications, instance_key_));
  } catch (const std::runtime_error& error) {
    throw StartError("notifications: " + std::string(error.what()));
  }
}

std::vector<DatabasePools::Pool> Host::named_pools() const {
  std::vector<DatabasePools::Pool> all{{"engine", pool_.get()},
                                       {"http", front_pool_.get()},
                                       {"jobs", job_pool_.get()},
                                       {"heart", heart_pool_.get(), false}};
  if (read_pool_) all.push_back({"reports", read_pool_.get()});
  return all;
}

DaemonView::Parts Host::view_parts() {
  return {
      .engine = *engine_,
      .pool = *front_pool_,
      .supervisor = *supervisor_,
      .migration_revision = revision_,
      .drain =
          [this](std::string actor) {
            stop_reason_ = "drained by " + actor;
            stopping_ = true;
            stop_->notify();
          },
      .change_plugin = [this](std::string plugin,
                              std::string file) { return change_plugin(std::move(plugin), std::move(file)); },
      .scripts = scripts_.get(),
      .notifications = notifier_.get(),
      .reload = [this](std::string actor) { return reload(std::move(actor)); },
      .pools = pools_.get(),
      .reports = reports_.get()};
}

void Host::make_operations() {
  secrets_ = std::make_unique<SecretKeeper>(*front_pool_, incarnation_);
  operations_ =
      std::make_unique<Operations>(Operations::Parts{*engine_, *front_pool_, *view_, *secrets_,
                                                     options_.config_file.string(), instance_key_,
                                                     [this](ops::Config fresh, std::string actor) {
                                                       return reload_with(std::move(fresh), std::move(actor));
                                                     }},
                                   config_);
  view_->attach(*operations_);
}

int Host::run() {
  const ops::StaticConfig& fixed = config_.static_config;
  std::filesystem::create_directories(fixed.state_dir / "providers");
  instance_key_ =
      fixed.instance_key ? *fixed.instance_key : ops::load_or_create_instance_key(fixed.state_dir);
  if (fixed.database.embedded)
    database_ = std::make_unique<DatabaseKeeper>(ops::embedded_in(fixed.state_dir));
  const std::string dsn = database_ ? database_->dsn() : fixed.database.dsn.reveal();
  revision_ = check_database(dsn, database_ != nullptr);

  const ops::DatabasePoolConfig& sizes = config_.live_config.database_pool;
  pool_ = std::make_unique<store::Pool>(
      io_.get_executor(),
      pool_options(dsn, sizes.engine_connections, sizes.acquire_timeout, "payoutd engine"));
  front_pool_ = std::make_unique<store::Pool>(
      io_.get_executor(), pool_options(dsn, sizes.http_connections, sizes.acquire_timeout, "payoutd http"));
  job_pool_ = std::make_unique<store::Pool>(
      io_.get_executor(), pool_options(dsn, sizes.job_connections, sizes.acquire_timeout, "payoutd jobs"));
  heart_pool_ = std::make_unique<store::Pool>(io_.get_executor(),
                                              pool_options(dsn, 1, milliseconds{2'000}, "payoutd heart"));
  if (!fixed.database.read_dsn.empty())
    read_pool_ = std::make_unique<store::Pool>(
        io_.get_executor(), pool_options(fixed.database.read_dsn.reveal(), sizes.http_connections,
                                         milliseconds{2'000}, "payoutd reports"));
  reports_ = std::make_unique<ReportReader>(*front_pool_, read_pool_.get());
  pools_ = std::make_unique<DatabasePools>(named_pools());
  quarantine_ = std::make_unique<DatabaseQuarantine>(*heart_pool_);
  make_policy();
  stop_ = std::make_unique<core::Signal>(io_.get_executor());

  observer_ = std::make_unique<HostObserver>();
  supervisor_ = providers::Supervisor::make(io_.get_executor(), supervisor_options());
  plugins_ = std::make_unique<PluginVersions>(fixed.state_dir / "plugins", *supervisor_);
  engine_ = std::make_unique<engine::Engine>(
      engine::Engine::Parts{io_.get_executor(), *pool_, *front_pool_, *heart_pool_, *policy_, *observer_,
                            [this] { return supervisor_->providers(); }, [this] { notifier_->wake(); }},
      engine_options());
  make_notifier();
  engine_->heart().set_maintenance(config_.live_config.maintenance);
  engine_->set_webhook_keys(webhook_keys(config_.live_config));
  engine_->set_pace(paces(config_.live_config));
  engine_->set_minimum_balances(minimum_balances(config_.live_config));
  engine_->inbox().set_answer_within(config_.live_config.engine.callback_answer_within);
  database_sampler_ = std::make_unique<DatabaseSampler>(
      DatabaseSampler::Parts{*job_pool_, *pools_, *reports_, engine_->heart(),
                             database_ ? fixed.state_dir : std::filesystem::path()});
  housekeeper_ = std::make_unique<jobs::Housekeeper>(*job_pool_, *observer_, jobs::HousekeeperOptions{});
  view_ = std::make_unique<DaemonView>(view_parts());
  pulse_ = std::make_unique<Pulse>(
      Pulse::Parts{io_.get_executor(), *engine_, *supervisor_, [this] { return scripts_->generation(); }});
  make_operations();
  http::RouterOptions router_options;
  router_options.max_body_bytes = static_cast<std::size_t>(fixed.http.max_body_bytes);
  router_options.host_roles = fixed.roles;
  router_options.gate = gate_options(fixed.http, config_.live_config.access);
  router_ = std::make_unique<http::Router>(*view_, router_options);
  // The routes are one of the metrics' closed label sets, so the metrics come after them.
  metrics_ = std::make_unique<ops::Metrics>(metric_labels(config_, router_->patterns()));
  metrics_->build_info(version(), build_id(), std::string(to_string(fixed.environment)));
  tracing_ = std::make_unique<Tracing>(config_, incarnation_, *metrics_, tracer_);
  observer_->attach(*metrics_, tracer_);
  database_sampler_->attach(*metrics_);
  pools_->show(*metrics_);
  view_->attach(*metrics_, tracer_);
  http::ServerOptions server_options;
  server_options.address = fixed.http.listen_address;
  server_options.port = fixed.http.listen_port;
  server_options.control_socket = fixed.control_socket;
  server_options.beyond_loopback = fixed.http.auth_required;
  server_options.tls_certificate = fixed.http.tls_certificate;
  server_options.tls_key = fixed.http.tls_key;
  server_options.trusted_proxies = fixed.http.trusted_proxies;
  server_options.max_connections_per_address =
      static_cast<std::size_t>(fixed.http.max_connections_per_address);
  server_options.max_connections = static_cast<std::size_t>(fixed.http.max_connections);
  server_ = std::make_unique<http::Server>(io_.get_executor(), *router_, server_options);
  if (!fixed.metrics.listen_address.empty()) {
    monitor_ = std::make_unique<http::MonitorService>(*router_);
    monitor_server_ = std::make_unique<http::Server>(
        io_.get_executor(), *monitor_,
        http::monitor_options(fixed.metrics.listen_address, fixed.metrics.listen_port));
  }

  spawn(live(), "host");
  io_.run();
  tracing_->stop();
  if (failure_) std::rethrow_exception(failure_);
  monitor_server_.reset();
  server_.reset();
  database_.reset();
  log::info("host.stopped", "The host has stopped.", {{"reason", stop_reason_}});
  return 0;
}

// The order matters: the state directory is locked and old provider processes are dead before leases are
// taken over; nothing is admitted before the engine can say what it admitted.
Awaitable<void> Host::live() {
  asio::signal_set terminate(io_, SIGTERM, SIGINT);
  terminate.async_wait([this](const boost::system::error_code& error, int number) {
    if (error) return;
    stop_reason_ = number == SIGTERM ? "SIGTERM" : "SIGINT";
    stopping_ = true;
    stop_->notify();
  });
  std::vector<providers::ProviderConfig> configs = plugins_->start(config_);
  std::vector<std::string> names;
  for (const auto& one : configs) names.push_back(one.name);
  running_ = enabled_providers(config_);
  co_await engine_->prepare_start(std::move(names));
  try {
    co_await scripts_->start();
  } catch (const policy::ScriptError& error) {
    throw StartError("scripts: " + std::string(error.what()));
  }
  supervisor_->start(std::move(configs));
  Incarnations incarnations(config_.static_config.state_dir, incarnation_);
  co_await supervisor_->settled(kProvidersSettle);
  co_await engine_->start(incarnations.predecessors());
  incarnations.forget_predecessors();
  const bool works = config_.static_config.roles.has(core::HostRole::worker);
  if (works) notifier_->start();
  co_await secrets_->use(secrets_in_use(config_, instance_key_, identity::now()),
                         "host:" + config_.static_config.name);
  if (works) spawn(housekeeper_->run(), "housekeeping");
  spawn(pulse_->run(), "pulse");
  spawn(sample_standstill(), "metrics of what stops");
  spawn(sample(), "metrics");
  spawn(database_sampler_->run(), "metrics of the database");
  spawn(database_sampler_->watch_storage(), "space of the database");
  spawn(reload_on_hangup(), "reload");
  spawn(scripts_->follow_directory(), "scripts of the directory");
  spawn(scripts_->follow_database(), "scripts of the database");
  server_->start();
  if (monitor_server_) monitor_server_->start();
  log::info("host.ready", "The host is ready.",
            {{"version", version()},
             {"incarnation", incarnation_},
             {"roles", core::to_text(config_.static_config.roles)},
             {"listen", config_.static_config.http.listen_address + ":" + std::to_string(server_->port())},
             {"control_socket", config_.static_config.control_socket.string()}});
  service_manager::ready();

  while (!stopping_) co_await stop_->wait(milliseconds{60'000});

  service_manager::stopping();
  service_manager::extend_timeout(config_.live_config.engine.drain_timeout + kStopMargin);
  pulse_->draining();
  log::info("host.draining", "The host drains: no new submits, what is in flight comes to its record.",
            {{"in_hand", engine_->dispatcher().in_hand()}, {"reason", stop_reason_}});
  view_->draining = true;
  scripts_->stop();
  bool clean = co_await engine_->drain(config_.live_config.engine.drain_timeout);
  if (!clean) {
    log::warning("host.drain_incomplete", "Payouts are still in hand; the next host takes them over.",
                 {{"in_hand", engine_->dispatcher().in_hand()}});
  }
  // What the last outcomes say to endpoints is told by the next host, if not by this one.
  if (!co_await notifier_->drain(std::min(config_.live_config.engine.drain_timeout, kNotificationsStop))) {
    log::warning("notify.drain_incomplete",
                 "Notifications are still being sent; the next host sends them again.", {});
  }
  co_await server_->stop(kHttpStop);
  if (monitor_server_) co_await monitor_server_->stop(kHttpStop);
  co_await supervisor_->stop();
  // The processes are gone, so every submit that was still in flight has its answer, if only "unknown".
  if (!clean) clean = co_await engine_->drain(milliseconds{5'000});
  housekeeper_->stop();
  database_sampler_->stop();
  pools_->stop();
  pulse_->stop();
  io_.stop();
}

// Apart from what is read of the database: what stops a host is to be seen while that is away.
Awaitable<void> Host::sample_standstill() {
  core::Signal never(io_.get_executor());
  while (!stopping_) {
    show_standstill();
    sample_switches();
    co_await never.wait(kSampleInterval);
  }
}

Awaitable<void> Host::sample() {
  using Clock = std::chrono::steady_clock;
  core::Signal never(io_.get_executor());
  Clock::time_point count_again = Clock::now();
  for (int round = 0; !stopping_; ++round) {
    if (round % kSamplesBetweenSecrets == 0) co_await secrets_->look_after(*metrics_, identity::now());
    pools_->show(*metrics_);
    if (const auto began = Clock::now(); began >= count_again) {
      co_await sample_payouts();
      count_again =
          began + std::min<Clock::duration>((Clock::now() - began) * kCountingShare, kCountAtLeastEvery);
    }
    co_await sample_callbacks();
    co_await sample_halts();
    co_await sample_notifications();
    co_await never.wait(kSampleInterval);
  }
}

Awaitable<void> Host::sample_payouts() {
  std::vector<store::Tally> tallies;
  try {
    tallies = co_await engine_->tally({});
  } catch (const store::StoreError&) {
    co_return;  // the pools' gauges say that the database is away; the old counts would be a guess
  }
  std::map<std::pair<std::string, std::string>, std::pair<std::int64_t, std::int64_t>> counts;
  std::map<std::string, std::int64_t> waiting;
  for (const auto& key : payouts_shown_) counts[key];
  for (const store::Tally& t : tallies) {
    auto& [count, oldest] = counts[{t.provider, t.state}];
    count += t.count;
    oldest = std::max(oldest, t.oldest_ms);
    if (t.state == core::to_string(core::State::pending)) waiting[t.provider] += t.count;
  }
  for (const auto& [key, value] : counts) {
    metrics_->payouts(key.first, key.second, value.first, milliseconds{value.second});
    payouts_shown_.insert(key);
  }
  engine_->note_waiting(std::move(waiting));
}

void Host::sample_switches() {
  const store::Beat& beat = engine_->heart().last();
  metrics_->dry_run_mode(beat.dry_run || config_.live_config.engine.dry_run);
  metrics_->switch_on("stop_submissions", beat.stop_submissions);
  metrics_->switch_on("look_up_first", beat.look_up_first);
  metrics_->switch_on("stop_writes", engine_->heart().writes_stopped());
  metrics_->show("payoutd_stop_file", {{"", engine_->heart().stop_file().order() ? 1.0 : 0.0}});
  metrics_->ready(view_->readiness().is_ready());
  for (const auto& [name, provider] : config_.live_config.providers) {
    metrics_->provider_paused(name, engine_->heart().paused(name));
    const store::ProviderSwitches* own = engine_->heart().switches_of(name);
    metrics_->provider_dry_run(name, own != nullptr && own->dry_run);
    metrics_->provider_failures_in_a_row(name, engine_->health().failures_in_a_row(name));
    const auto balance = engine_->balances().view(name);
    metrics_->balance_defers(name, balance && balance->low, balance && !balance->available);
    if (balance && balance->available)
      metrics_->provider_balance(name, balance->rule.currency, balance->available->units());
  }
}

Awaitable<void> Host::sample_halts() {
  std::map<std::string, int> halted;
  for (const auto& [name, provider] : config_.live_config.providers) halted[name] = 0;
  try {
    for (const store::HaltRow& halt : co_await engine_->halts()) ++halted[halt.provider];
  } catch (const store::StoreError&) {
    co_return;
  }
  for (const auto& [name, currencies] : halted) metrics_->outflow_halted(name, currencies);
}

void Host::show_standstill() {
  const engine::Heart& heart = engine_->heart();
  const auto seconds = [](core::UtcTime time) {
    return static_cast<double>(time.time_since_epoch().count()) / 1000;
  };
  metrics_->show("payoutd_maintenance_active", {{"", heart.maintenance() ? 1.0 : 0.0}});
  std::vector<ops::Metrics::Sample> next;
  if (const auto period = core::next_maintenance(heart.maintenance_windows(), heart.now()))
    next.push_back({"", seconds(period->begins)});
  metrics_->show("payoutd_maintenance_next_timestamp_seconds", std::move(next));
  metrics_->show("payoutd_host_drained", {{"", heart.drained() ? 1.0 : 0.0}});
  metrics_->show("payoutd_hosts_live", {{"api", static_cast<double>(heart.last().admitting_hosts)},
                                        {"worker", static_cast<double>(heart.last().working_hosts)}});
}

Awaitable<void> Host::sample_callbacks() {
  std::vector<store::InboxBacklog> backlog;
  try {
    backlog = co_await engine_->inbox().backlog();
  } catch (const store::StoreError&) {
    co_return;
  }
  std::map<std::string, store::InboxBacklog> by_provider;
  for (const auto& [name, provider] : config_.live_config.providers) by_provider[name];
  for (store::InboxBacklog& one : backlog) by_provider[one.provider] = one;
  for (const auto& [name, one] : by_provider)
    metrics_->webhook_backlog(name, one.count, milliseconds{one.oldest_ms});
}

Awaitable<void> Host::sample_notifications() {
  try {
    const store::NotificationBacklog backlog = co_await notifier_->backlog();
    metrics_->notification_backlog(backlog.pending, backlog.held, milliseconds{backlog.oldest_ms},
                                   backlog.disabled);
  } catch (const store::StoreError&) {
    // As above: an old count would be a guess.
  }
}

Awaitable<void> Host::reload_on_hangup() {
  asio::signal_set hangup(io_, SIGHUP);
  while (!stopping_) {
    boost::system::error_code error;
    co_await hangup.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    co_await reload("SIGHUP");
  }
}

// Providers are added and removed at a start only: what is taken over here is what changes about those that
// run.
void Host::apply(const ops::LiveConfig& live) {
  log::set_level(live.log_level);
  tracing_->configure(live);
  router_->gate().configure(gate_options(config_.static_config.http, live.access));
  policy_->configure(policy_options(live.engine));
  engine_->configure(dispatcher_options(live.engine), live.limits, live.engine.dry_run);
  engine_->heart().set_maintenance(live.maintenance);
  engine_->set_webhook_keys(webhook_keys(live));
  engine_->set_pace(paces(live));
  engine_->set_minimum_balances(minimum_balances(live));
  engine_->inbox().set_answer_within(live.engine.callback_answer_within);
  try {
    notifier_->configure(notifier_options(config_, live.notifications, instance_key_));
  } catch (const std::runtime_error& error) {
    log::error("notify.reload_refused", "Notifications go on with their settings before.",
               {{"error", error.what()}});
  }
  pool_->resize(live.database_pool.engine_connections);
  front_pool_->resize(live.database_pool.http_connections);
  job_pool_->resize(live.database_pool.job_connections);
  for (store::Pool* pool : {pool_.get(), front_pool_.get(), job_pool_.get()})
    pool->set_acquire_timeout(live.database_pool.acquire_timeout);
  config_.live_config.access = live.access;
  config_.live_config.engine = live.engine;
  config_.live_config.limits = live.limits;
  config_.live_config.notifications = live.notifications;
  config_.live_config.maintenance = live.maintenance;
  config_.live_config.providers = live.providers;
}

// One after the other: two at once would mix what they read.
Awaitable<http::HostView::ReloadReport> Host::reload(std::string actor) {
  while (reloading_) co_await reload_over_.wait(milliseconds{500});
  const ReloadTurn mine(reloading_, reload_over_);
  co_return co_await reload_parts(std::move(actor));
}

// All or nothing for what is checked here: a file with a mistake changes nothing.
Awaitable<http::HostView::ReloadReport> Host::reload_parts(std::string actor) {
  http::HostView::ReloadReport report;
  std::optional<ops::Config> fresh;
  try {
    fresh = ops::load_config(options_.config_file);
  } catch (const ops::ConfigError& error) {
    std::vector<std::string> problems;
    for (const ops::ConfigProblem& problem : error.problems()) problems.push_back(problem.text());
    log::error("host.reload_refused", "The configuration was not taken over: " + std::string(error.what()),
               {{"actor", actor}});
    report.parts.push_back({"configuration", false, {}, std::move(problems)});
  }
  if (!fresh) co_return report;
  co_await take_over(*std::move(fresh), std::move(actor), &report);
  co_return report;
}

// What changed in the files and needs a restart to count.
std::vector<std::string> Host::note_restart_needed(const ops::Config& fresh) const {
  std::vector<std::string> waits;
  for (const ops::SettingDifference& one : operations_->differences_to(fresh))
    if (one.needs_restart) waits.push_back(one.path);
  if (!waits.empty())
    log::warning("host.restart_needed", "Settings that changed in the files need a restart to count.",
                 {{"settings", list_text(waits)}});
  // Of providers it is said which start and which stop.
  std::erase_if(waits, [](const std::string& path) { return path.starts_with("providers."); });
  return waits;
}

// A reload meanwhile would configure the version that goes.
Awaitable<http::HostView::PluginChange> Host::change_plugin(std::string plugin, std::string file) {
  while (reloading_) co_await reload_over_.wait(milliseconds{500});
  const ReloadTurn mine(reloading_, reload_over_);
  co_return co_await plugins_->change(config_, std::move(plugin), std::move(file));
}

// For who has read the files and found that they may be taken over.
Awaitable<std::vector<std::string>> Host::reload_with(ops::Config fresh, std::string actor) {
  while (reloading_) co_await reload_over_.wait(milliseconds{500});
  const ReloadTurn mine(reloading_, reload_over_);
  http::HostView::ReloadReport report;
  co_await take_over(std::move(fresh), std::move(actor), &report);
  std::vector<std::string> problems;
  for (const http::HostView::ReloadPart& part : report.parts)
    problems.insert(problems.end(), part.problems.begin(), part.problems.end());
  co_return problems;
}

// The way to the same database under another role or password; a way to another one waits for a restart.
Awaitable<void> Host::take_over_dsn(Secret* current, Secret fresh, std::vector<store::Pool*> pools,
                                    http::HostView::ReloadReport* report) {
  if (current->reveal() == fresh.reveal()) co_return;
  http::HostView::ReloadPart part{"database", false, "taken over", {}};
  part.done = co_await take_over_credentials(current->reveal(), fresh.reveal(), std::move(pools));
  if (part.done)
    *current = fresh;
  else
    part.problems.emplace_back(
        "the database does not let the host in with it, or it is another database; the log says which");
  report->parts.push_back(std::move(part));
}

Awaitable<void> Host::take_over(ops::Config fresh, std::string actor, http::HostView::ReloadReport* report) {
  std::string waiting = waits_for_restart(running_, fresh);
  if (const auto waits = note_restart_needed(fresh); !waits.empty())
    waiting += (waiting.empty() ? "" : "; ") + list_text(waits) + (waits.size() == 1 ? " needs" : " need") +
               " a restart";
  report->parts.push_back(
      {"configuration", true, "taken over" + (waiting.empty() ? "" : "; " + waiting), {}});
  try {
    server_->reload_tls();
    if (!config_.static_config.http.tls_certificate.empty())
      report->parts.push_back({"certificate", true, "taken over", {}});
  } catch (const http::ListenError& error) {
    log::error("host.certificate_refused", "The certificate before stays in use.", {{"error", error.what()}});
    report->parts.push_back({"certificate", false, {}, {error.what()}});
  }
  if (!database_ && !fresh.static_config.database.embedded) {
    ops::DatabaseConfig& current = config_.static_config.database;
    co_await take_over_dsn(&current.dsn, fresh.static_config.database.dsn,
                           {heart_pool_.get(), pool_.get(), front_pool_.get(), job_pool_.get()}, report);
  }
  if (read_pool_) {
    ops::DatabaseConfig& current = config_.static_config.database;
    co_await take_over_dsn(&current.read_dsn, fresh.static_config.database.read_dsn, {read_pool_.get()},
                           report);
  }
  http::HostView::ReloadPart providers{"providers", false, "taken over", {}};
  try {
    providers.problems = co_await plugins_->reload(fresh);
  } catch (const store::StoreError& error) {
    providers.problems.push_back(error.what());
  }
  providers.done = providers.problems.empty();
  report->parts.push_back(std::move(providers));
  apply(fresh.live_config);
  std::vector<std::string> kept;
  const ops::DatabaseConfig& database = config_.static_config.database;
  if (database.dsn.reveal() != fresh.static_config.database.dsn.reveal())
    kept.insert(kept.end(), {"database", "database.url"});
  if (database.read_dsn.reveal() != fresh.static_config.database.read_dsn.reveal())
    kept.emplace_back("database.read_url");
  operations_->took_over(fresh, kept);
  if (!config_.static_config.scripts_dir.empty())
    report->parts.push_back(co_await reload_scripts(scripts_.get(), actor));
  ops::Config used = std::move(fresh);
  used.static_config = config_.static_config;
  co_await secrets_->use(secrets_in_use(used, instance_key_, identity::now()), actor);
  co_await secrets_->look_after(*metrics_, identity::now());
  log::info("host.reloaded", "The live part of the configuration was taken over.", {{"actor", actor}});
}

}  // namespace

int run(const DaemonOptions& options) {
  ops::Config config = ops::load_config(options.config_file);
  log::Options logging;
  logging.level = config.live_config.log_level;
  logging.format = config.static_config.log_format;
  logging.host = config.static_config.name;
  log::configure(std::move(logging));
  for (const ops::ConfigProblem& warning : config.warnings)
    log::warning("host.configuration_warning", "The configuration is accepted and should be better.",
                 {{"problem", warning.text()}});
  ::signal(SIGPIPE, SIG_IGN);
  try {
    return Host(options, std::move(config)).run();
  } catch (const http::ListenError& error) {
    throw StartError(error.what());
  } catch (const ops::EmbeddedPostgresError& error) {
    throw StartError(error.what());
  } catch (const providers::StateDirectoryError& error) {
    throw StartError(error.what());
  }
}

std::filesystem::path companion(const std::string& name) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const auto& candidate : {here / name, here.parent_path() / "lib/payoutd" / name}) {
    if (std::filesystem::exists(candidate)) return candidate;
  }
  return here / name;
}

const char* version() noexcept {
  return PAYOUTD_VERSION;
}
const char* build_id() noexcept {
  return PAYOUTD_BUILD_ID;
}

}  // namespace payoutd::daemon
