#include "daemon/daemon.hpp"

#include <signal.h>
#include <systemd/sd-daemon.h>

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
#include "daemon/observer.hpp"
#include "daemon/plugin_versions.hpp"
#include "daemon/quarantine_store.hpp"
#include "daemon/report_reader.hpp"
#include "daemon/script_keeper.hpp"
#include "daemon/view.hpp"
#include "http/router.hpp"
#include "http/server.hpp"
#include "jobs/housekeeper.hpp"
#include "ops/log.hpp"
#include "policy/scripted_policy.hpp"
#include "store/lookup.hpp"
#include "store/migrations.hpp"

namespace payoutd::daemon {
namespace {

namespace asio = boost::asio;
using std::chrono::milliseconds;

constexpr std::chrono::seconds kDatabaseWait{10};
constexpr milliseconds kProvidersSettle{6'000};
constexpr milliseconds kSampleInterval{2'000};
constexpr milliseconds kHttpStop{5'000};

policy::Schedule schedule_of(const ops::BackoffConfig& c) {
  return {c.base, c.max, static_cast<int>(c.jitter * 100), static_cast<int>(c.factor * 100)};
}

policy::BuiltInOptions policy_options(const ops::EngineConfig& c) {
  policy::BuiltInOptions options;
  options.retry = schedule_of(c.backoff);
  options.query = schedule_of(c.query_backoff);
  options.resend = options.query;
  // A minute at the longest, unless less often was asked for.
  const auto longest = std::min(10 * c.poll_interval, std::max(c.poll_interval, milliseconds{60'000}));
  options.poll = {c.poll_interval, longest, 20};
  options.max_attempts = c.backoff.max_attempts;
  options.review_after = c.unknown_review_after;
  return options;
}

engine::DispatcherOptions dispatcher_options(const ops::EngineConfig& c) {
  engine::DispatcherOptions options;
  options.tick = c.claim_interval;
  options.max_in_hand = c.claim_batch;
  return options;
}

core::WebhookKeys webhook_keys(const ops::LiveConfig& live) {
  core::WebhookKeys keys;
  for (const auto& [name, provider] : live.providers)
    if (provider.enabled && !provider.webhook_keys.empty()) keys[name] = provider.webhook_keys;
  return keys;
}

http::GateOptions gate_options(const ops::HttpConfig& http, const ops::AccessConfig& access) {
  http::GateOptions options;
  options.auth_required = http.auth_required;
  options.trusted_proxies = http.trusted_proxies;
  options.keyring = access.keyring;
  options.clock_skew = access.clock_skew;
  options.cors_origins = access.cors_origins;
  options.requests_per_subject = access.requests_per_subject;
  options.requests_per_address = access.requests_per_address;
  options.auth_failures_per_minute = access.auth_failures_per_minute;
  return options;
}

store::PoolOptions pool_options(const std::string& dsn, int connections, milliseconds acquire,
                                const char* name) {
  store::PoolOptions options;
  options.dsn = dsn;
  options.connections = connections;
  options.acquire_timeout_ms = static_cast<int>(acquire.count());
  options.application_name = name;
  return options;
}

// ISO 3166-1 alpha-2, without the reserved ones: the closed set of the region label.
constexpr std::string_view kCountries =
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV "
    "BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ "
    "FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR "
    "IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML "
    "MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR "
    "PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ "
    "TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW ";

ops::MetricsLabels labels(const ops::Config& config, std::vector<std::string> routes) {
  ops::MetricsLabels out;
  for (std::size_t i = 0; i < kCountries.size(); i += 3) out.regions.emplace_back(kCountries.substr(i, 2));
  for (const auto& [name, p] : config.live_config.providers) out.providers.push_back(name);
  out.routes = std::move(routes);
  for (const core::State state : core::kAllStates) out.states.emplace_back(core::to_string(state));
  return out;
}

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

class Host {
 public:
  Host(const DaemonOptions& options, ops::Config config) : options_(options), config_(std::move(config)) {}
  int run();

 private:
  providers::SupervisorOptions supervisor_options();
  engine::EngineOptions engine_options() const;
  void make_policy();
  std::vector<DatabasePools::Pool> named_pools() const;
  DaemonView::Parts view_parts();
  Awaitable<void> live();
  Awaitable<void> sample();
  Awaitable<void> sample_callbacks();
  Awaitable<void> reload_on_hangup();
  Awaitable<void> reload();
  void apply(const ops::LiveConfig& live);
  void spawn(Awaitable<void> task, std::string name);

  DaemonOptions options_;
  ops::Config config_;
  std::string incarnation_ = core::random_uuid();
  std::string revision_;
  // Declared in the order in which they are needed: destruction goes the other way round.
  std::unique_ptr<DatabaseKeeper> database_;
  asio::io_context io_{1};
  std::unique_ptr<ops::Metrics> metrics_;
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
  std::unique_ptr<DatabaseSampler> database_sampler_;
  std::unique_ptr<jobs::Housekeeper> housekeeper_;
  std::unique_ptr<DaemonView> view_;
  std::unique_ptr<http::Router> router_;
  std::unique_ptr<http::Server> server_;
  std::unique_ptr<core::Signal> stop_;
  bool stopping_ = false;
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
  o.host = {incarnation_, fixed.name, version()};
  o.life.instance_key =
      fixed.instance_key ? *fixed.instance_key : ops::load_or_create_instance_key(fixed.state_dir);
  o.life.public_url = fixed.public_url;
  o.life.dry_run = config_.live_config.engine.dry_run;
  o.dispatcher = dispatcher_options(config_.live_config.engine);
  o.limits = config_.live_config.limits;
  o.group_commit_window = config_.live_config.engine.group_commit_window;
  o.high_water_file = (fixed.state_dir / "high-water.json").string();
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

std::vector<DatabasePools::Pool> Host::named_pools() const {
  std::vector<DatabasePools::Pool> all{{"engine", pool_.get()},
                                       {"http", front_pool_.get()},
                                       {"jobs", job_pool_.get()},
                                       {"heart", heart_pool_.get(), false}};
  if (read_pool_) all.push_back({"reports", read_pool_.get()});
  return all;
}

DaemonView::Parts Host::view_parts() {
  return {.engine = *engine_,
          .pool = *front_pool_,
          .supervisor = *supervisor_,
          .migration_revision = revision_,
          .drain =
              [this](std::string actor) {
                stop_reason_ = "drained by " + actor;
                stopping_ = true;
                stop_->notify();
              },
          .change_plugin =
              [this](std::string plugin, std::string file) {
                return plugins_->change(config_, std::move(plugin), std::move(file));
              },
          .scripts = scripts_.get(),
          .pools = pools_.get(),
          .reports = reports_.get()};
}

int Host::run() {
  const ops::StaticConfig& fixed = config_.static_config;
  std::filesystem::create_directories(fixed.state_dir / "providers");
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
                            [this] { return supervisor_->providers(); }},
      engine_options());
  engine_->set_webhook_keys(webhook_keys(config_.live_config));
  engine_->inbox().set_answer_within(config_.live_config.engine.callback_answer_within);
  database_sampler_ = std::make_unique<DatabaseSampler>(
      DatabaseSampler::Parts{*job_pool_, *pools_, *reports_, engine_->heart(),
                             database_ ? fixed.state_dir : std::filesystem::path()});
  housekeeper_ = std::make_unique<jobs::Housekeeper>(*job_pool_, *observer_, jobs::HousekeeperOptions{});
  view_ = std::make_unique<DaemonView>(view_parts());
  http::RouterOptions router_options;
  router_options.max_body_bytes = static_cast<std::size_t>(fixed.http.max_body_bytes);
  router_options.gate = gate_options(fixed.http, config_.live_config.access);
  router_ = std::make_unique<http::Router>(*view_, router_options);
  // The routes are one of the metrics' closed label sets, so the metrics come after them.
  metrics_ = std::make_unique<ops::Metrics>(labels(config_, router_->patterns()));
  metrics_->build_info(version(), build_id());
  observer_->attach(*metrics_);
  database_sampler_->attach(*metrics_);
  view_->attach(*metrics_);
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

  spawn(live(), "host");
  io_.run();
  if (failure_) std::rethrow_exception(failure_);
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
  spawn(housekeeper_->run(), "housekeeping");
  spawn(sample(), "metrics");
  spawn(database_sampler_->run(), "metrics of the database");
  spawn(database_sampler_->watch_storage(), "space of the database");
  spawn(reload_on_hangup(), "reload");
  spawn(scripts_->follow_directory(), "scripts of the directory");
  spawn(scripts_->follow_database(), "scripts of the database");
  server_->start();
  log::info("host.ready", "The host is ready.",
            {{"version", version()},
             {"incarnation", incarnation_},
             {"listen", config_.static_config.http.listen_address + ":" + std::to_string(server_->port())},
             {"control_socket", config_.static_config.control_socket.string()}});
  sd_notify(0, "READY=1");

  while (!stopping_) co_await stop_->wait(milliseconds{60'000});

  sd_notify(0, "STOPPING=1");
  log::info("host.draining", "The host drains: no new submits, what is in flight comes to its record.",
            {{"in_hand", engine_->dispatcher().in_hand()}, {"reason", stop_reason_}});
  view_->draining = true;
  scripts_->stop();
  bool clean = co_await engine_->drain(config_.live_config.engine.drain_timeout);
  if (!clean) {
    log::warning("host.drain_incomplete", "Payouts are still in hand; the next host takes them over.",
                 {{"in_hand", engine_->dispatcher().in_hand()}});
  }
  co_await server_->stop(kHttpStop);
  co_await supervisor_->stop();
  // The processes are gone, so every submit that was still in flight has its answer, if only "unknown".
  if (!clean) clean = co_await engine_->drain(milliseconds{5'000});
  housekeeper_->stop();
  database_sampler_->stop();
  pools_->stop();
  io_.stop();
}

Awaitable<void> Host::sample() {
  core::Signal never(io_.get_executor());
  std::set<std::pair<std::string, std::string>> shown;
  while (!stopping_) {
    pools_->show(*metrics_);
    metrics_->dry_run_mode(engine_->heart().last().dry_run || config_.live_config.engine.dry_run);
    std::vector<store::Tally> tallies;
    bool read = false;
    try {
      tallies = co_await engine_->tally({});
      read = true;
    } catch (const store::StoreError&) {
      // The pools' gauges say that the database is away; the old counts would be a guess.
    }
    if (read) {
      std::map<std::pair<std::string, std::string>, std::pair<std::int64_t, std::int64_t>> counts;
      std::map<std::string, std::int64_t> waiting;
      for (const auto& key : shown) counts[key];
      for (const store::Tally& t : tallies) {
        auto& [count, oldest] = counts[{t.provider, t.state}];
        count += t.count;
        oldest = std::max(oldest, t.oldest_ms);
        if (t.state == core::to_string(core::State::pending)) waiting[t.provider] += t.count;
      }
      for (const auto& [key, value] : counts) {
        metrics_->payouts(key.first, key.second, value.first, milliseconds{value.second});
        shown.insert(key);
      }
      engine_->note_waiting(std::move(waiting));
    }
    co_await sample_callbacks();
    co_await never.wait(kSampleInterval);
  }
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

Awaitable<void> Host::reload_on_hangup() {
  asio::signal_set hangup(io_, SIGHUP);
  while (!stopping_) {
    boost::system::error_code error;
    co_await hangup.async_wait(asio::redirect_error(asio::use_awaitable, error));
    if (error) break;
    co_await reload();
  }
}

// Providers are added and removed at a start only: what is taken over here is what changes about those that
// run.
void Host::apply(const ops::LiveConfig& live) {
  log::set_level(live.log_level);
  router_->gate().configure(gate_options(config_.static_config.http, live.access));
  policy_->configure(policy_options(live.engine));
  engine_->configure(dispatcher_options(live.engine), live.limits, live.engine.dry_run);
  engine_->set_webhook_keys(webhook_keys(live));
  engine_->inbox().set_answer_within(live.engine.callback_answer_within);
  pool_->resize(live.database_pool.engine_connections);
  front_pool_->resize(live.database_pool.http_connections);
  job_pool_->resize(live.database_pool.job_connections);
  for (store::Pool* pool : {pool_.get(), front_pool_.get(), job_pool_.get()})
    pool->set_acquire_timeout(live.database_pool.acquire_timeout);
  config_.live_config.access = live.access;
  config_.live_config.engine = live.engine;
  config_.live_config.limits = live.limits;
  config_.live_config.providers = live.providers;
}

// All or nothing for what is checked here: a file with a mistake changes nothing.
Awaitable<void> Host::reload() {
  std::optional<ops::Config> fresh;
  std::string refused;
  try {
    fresh = ops::load_config(options_.config_file);
  } catch (const ops::ConfigError& error) {
    refused = error.what();
  }
  if (!fresh) {
    log::error("host.reload_refused", "The configuration was not taken over: " + refused);
    co_return;
  }
  try {
    server_->reload_tls();
  } catch (const http::ListenError& error) {
    log::error("host.certificate_refused", "The certificate before stays in use.", {{"error", error.what()}});
  }
  if (!database_ && !fresh->static_config.database.embedded) {
    ops::DatabaseConfig& current = config_.static_config.database;
    const bool taken =
        co_await take_over_credentials(current.dsn.reveal(), fresh->static_config.database.dsn.reveal(),
                                       {heart_pool_.get(), pool_.get(), front_pool_.get(), job_pool_.get()});
    if (taken) current.dsn = fresh->static_config.database.dsn;
  }
  if (read_pool_) {
    ops::DatabaseConfig& current = config_.static_config.database;
    const bool taken = co_await take_over_credentials(
        current.read_dsn.reveal(), fresh->static_config.database.read_dsn.reveal(), {read_pool_.get()});
    if (taken) current.read_dsn = fresh->static_config.database.read_dsn;
  }
  co_await plugins_->reload(*fresh);
  apply(fresh->live_config);
  if (!config_.static_config.scripts_dir.empty()) co_await scripts_->reload("SIGHUP");
  log::info("host.reloaded", "The live part of the configuration was taken over.");
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
