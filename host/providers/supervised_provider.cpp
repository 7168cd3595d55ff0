#include "providers/supervised_provider.hpp"

#include <csignal>
#include <random>

#include "core/fault.hpp"
#include "providers/wire_codec.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kQuickCallTimeout{10'000};
constexpr Milliseconds kHeartbeat{500};
constexpr Milliseconds kExitGrace{1'000};
constexpr Milliseconds kSendLogRetry{10};
constexpr Milliseconds kSendLogLimit{5'000};
constexpr Milliseconds kReplySlack{5'000};  // for requests that a submit makes around the money-moving one
constexpr Milliseconds kQueryBurst{50};
constexpr Milliseconds kLongestQueryWait{30'000};
constexpr Clock::time_point kNever = Clock::time_point::max();

/// The process, or the host itself, will not run this plugin as it is; starting it again would not help.
class ProviderRefused : public std::runtime_error {
 public:
  explicit ProviderRefused(const std::string& what, std::vector<Problem> problems = {})
      : std::runtime_error(what), problems_(std::move(problems)) {}
  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

/// The process did not get as far as serving calls.
class StartFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A random factor, so that providers that died together do not come back together.
Milliseconds with_jitter(Milliseconds delay) {
  static std::minstd_rand random(std::random_device{}());
  return delay * std::uniform_int_distribution<int>(75, 125)(random) / 100;
}

Milliseconds until(Clock::time_point moment) {
  return std::max(Milliseconds(0), std::chrono::duration_cast<Milliseconds>(moment - Clock::now()));
}

std::string sentence(const std::vector<Problem>& problems) {
  std::string text = "its settings cannot be used:";
  for (const Problem& problem : problems) text += " " + problem.field + " " + problem.reason + ";";
  text.pop_back();
  return text;
}

/// `text` with every secret of the configuration blotted out: plugins quote what they please.
void blot(std::string& text, const json::object& secrets) {
  constexpr std::size_t kShortest = 4;  // shorter ones would blot out ordinary words
  for (const auto& secret : secrets) {
    if (!secret.value().is_array()) continue;
    for (const json::value& value : secret.value().get_array()) {
      if (!value.is_string() || value.get_string().size() < kShortest) continue;
      const std::string_view hidden = value.get_string();
      for (auto at = text.find(hidden); at != std::string::npos; at = text.find(hidden, at)) {
        text.replace(at, hidden.size(), "***");
      }
    }
  }
}

void blot(json::value& value, const json::object& secrets) {
  if (json::string* text = value.if_string()) {
    std::string copy(*text);
    blot(copy, secrets);
    if (copy != std::string_view(*text)) *text = copy;
  } else if (json::array* items = value.if_array()) {
    for (json::value& item : *items) blot(item, secrets);
  } else if (json::object* object = value.if_object()) {
    for (auto& member : *object) blot(member.value(), secrets);
  }
}

Logger::Level level_of(const std::string& name) {
  if (name == "debug") return Logger::Level::debug;
  if (name == "warning") return Logger::Level::warning;
  if (name == "error") return Logger::Level::error;
  return Logger::Level::info;
}

}  // namespace

SupervisedProvider::SupervisedProvider(asio::any_io_executor executor,
                                       std::shared_ptr<const SupervisorOptions> options,
                                       ProviderConfig config, std::string send_log, bool trial)
    : executor_(executor),
      options_(std::move(options)),
      config_(std::move(config)),
      send_log_path_(options_->state_directory / send_log),
      trial_(trial),
      changed_(executor) {}

void SupervisedProvider::launch() {
  asio::co_spawn(executor_, live(shared_from_this()), [self = shared_from_this()](std::exception_ptr thrown) {
    self->ended_ = true;
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      self->last_error_ = error.what();
      self->log(Logger::Level::error, "provider.abandoned", "its supervision ended: " + self->last_error_);
    }
    self->kill_process("the host let go of it");
    self->set_state(ProviderState::stopped);
    self->changed_.notify();
  });
}

// --- the life of a provider
// --------------------------------------------------------------------------------------

Awaitable<void> SupervisedProvider::live(Self self) {
  while (!self->stopping_ && !co_await take_over_send_log(self)) {
    if (self->trial_) co_return;
    co_await after_crash(self);
  }
  if (!self->trial_) co_await load_quarantine(self);
  while (!self->stopping_) {
    if (self->quarantine_) {
      co_await stand_still(self, ProviderState::quarantined);
      continue;
    }
    const RunEnd end = co_await run_process(self);
    if (self->stopping_ || self->trial_) break;
    if (end == RunEnd::refused) {
      self->log(Logger::Level::error, "provider.refused", self->last_error_);
      co_await stand_still(self, ProviderState::stopped);
    } else {
      co_await after_crash(self);
    }
  }
}

/// False: not within the limit; the reason is in last_error_.
Awaitable<bool> SupervisedProvider::take_over_send_log(Self self) {
  const auto& path = self->send_log_path_;
  const auto limit = Clock::now() + kSendLogLimit;
  std::string why = "the process that holds the send log " + path.string() + " does not end";
  while (!self->stopping_ && Clock::now() < limit) {
    try {
      self->send_log_ = SendLog::try_take_over(path);
      if (self->send_log_) co_return true;
    } catch (const SendLogError& error) {
      why = error.what();
      break;
    }
    co_await self->changed_.wait_for(kSendLogRetry);
  }
  self->last_error_ = why;
  co_return false;
}

Awaitable<void> SupervisedProvider::load_quarantine(Self self) {
  if (self->options_->quarantine == nullptr) co_return;
  try {
    self->quarantine_ = co_await self->options_->quarantine->load(self->config_.name);
    if (self->quarantine_) self->last_error_ = self->quarantine_->reason;
  } catch (const std::exception& error) {
    self->log(Logger::Level::warning, "provider.quarantine_unknown",
              std::string("whether it is quarantined could not be read: ") + error.what());
  }
}

Awaitable<SupervisedProvider::RunEnd> SupervisedProvider::run_process(Self self) {
  self->wake_ = false;
  self->problems_.clear();
  RunEnd end = RunEnd::crashed;
  try {
    self->process_ = self->spawn_process();
    co_await begin(self, Clock::now() + self->options_->start_limit);
    self->last_error_.clear();
    self->set_state(self->stopping_ ? ProviderState::draining : ProviderState::ready);
    self->log(Logger::Level::info, "provider.ready",
              "plugin " + self->plugin_name_ + " " + self->plugin_version_,
              {{"pid", self->process_->pid()}, {"account_scope", self->account_scope_}});
    while (!self->process_end_) co_await self->changed_.wait_until(kNever);
  } catch (const ProviderRefused& refused) {
    end = RunEnd::refused;
    self->last_error_ = refused.what();
    self->problems_ = refused.problems();
  } catch (const std::exception& error) {
    self->last_error_ = error.what();
  }
  const bool died = !self->lost_.empty() || self->process_end_;
  co_await end_process(self);
  if (end == RunEnd::crashed && died && self->process_end_)
    self->last_error_ = "its process " + self->process_end_->text();
  if (!self->kill_reason_.empty()) self->last_error_ = self->kill_reason_;
  self->last_error_ = self->scrubbed(self->last_error_);
  co_return self->stopping_ ? RunEnd::stopped : end;
}

std::shared_ptr<ProviderProcess> SupervisedProvider::spawn_process() {
  process_end_.reset();
  hello_.reset();
  lost_.clear();
  refused_.clear();
  kill_reason_.clear();
  beats_missed_ = 0;
  SpawnOptions spawn;
  spawn.executable = options_->provider_executable;
  spawn.arguments = {"--provider", config_.name,
                     "--plugin",   config_.plugin_path.string(),
                     "--send-log", send_log_path_.string(),
                     "--host-pid", std::to_string(::getpid())};
  if (!config_.plugin_name.empty()) {
    spawn.arguments.insert(spawn.arguments.end(), {"--plugin-name", config_.plugin_name});
  }
  const auto self = shared_from_this();
  auto process = ProviderProcess::start(
      executor_, spawn,
      {.on_notice = [self](json::object notice) { self->on_notice(std::move(notice)); },
       .on_stderr_line =
           [self](std::string line) {
             self->log(Logger::Level::warning, "provider.stderr", std::move(line));
           },
       .on_lost =
           [self](std::string why) {
             self->lost_ = std::move(why);
             if (self->state_ == ProviderState::ready) self->set_state(ProviderState::restarting);
           },
       .on_end =
           [self](ProcessEnd end) {
             self->process_end_ = end;
             if (self->state_ == ProviderState::ready) self->set_state(ProviderState::restarting);
             self->changed_.notify();
           }});
  log(Logger::Level::info, "provider.started", "its process was started", {{"pid", process->pid()}});
  asio::co_spawn(executor_, watch_heartbeat(self, process), [](std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  return process;
}

/// From the new process to a configured plugin.
Awaitable<void> SupervisedProvider::begin(Self self, Clock::time_point limit) {
  while (!self->hello_ && self->refused_.empty() && !self->process_end_ && Clock::now() < limit) {
    co_await self->changed_.wait_until(limit);
  }
  if (!self->refused_.empty()) {
    // Only what is wrong with the library itself is final; a send log that is still locked passes.
    while (!self->process_end_ && Clock::now() < limit) co_await self->changed_.wait_until(limit);
    constexpr int kPluginRefused = 65;
    if (self->process_end_ && self->process_end_->exit_code == kPluginRefused)
      throw ProviderRefused(self->refused_);
    throw StartFailed(self->refused_);
  }
  if (self->process_end_)
    throw StartFailed("its process " + self->process_end_->text() + " while it loaded the plugin");
  if (!self->hello_) {
    throw StartFailed("the plugin was not loaded within " +
                      std::to_string(self->options_->start_limit.count()) + " ms");
  }
  self->plugin_name_ = wire::text_field(*self->hello_, "name");
  self->plugin_version_ = wire::text_field(*self->hello_, "version");
  try {
    int taken = 0;
    do {  // reconfigure() may bring other settings meanwhile
      taken = self->configs_;
      co_await configure(self, self->config_, until(limit));
    } while (taken != self->configs_);
  } catch (const PluginError& error) {
    if (error.type() == "refused") throw ProviderRefused(error.what(), error.problems());
    throw;
  }
  if (!self->process_->is_open()) throw StartFailed("its process ended once it was configured");
}

/// Checks the settings here, has the process check them again and make the plugin, and takes over its
/// contract.
Awaitable<void> SupervisedProvider::configure(Self self, ProviderConfig config, Milliseconds timeout) {
  const auto schema = schema_from_json(wire::field(*self->hello_, "schema"));
  if (!schema)
    throw ProviderRefused("its settings schema is not one: " + std::string(BadInput(schema.error()).what()));
  std::vector<Problem> problems;
  HttpOptions::parse(config.http, problems);
  Settings::check(*schema, config.settings, config.secrets, problems);
  if (!problems.empty()) throw ProviderRefused(sentence(problems), problems);

  json::object body{{"environment", to_string(self->options_->environment)}};
  body["settings"] = config.settings;
  body["secrets"] = config.secrets;
  body["http"] = config.http;
  const json::value answer = co_await self->process_->call("configure", std::move(body), timeout);
  if (!answer.is_object()) throw StartFailed("the answer to configure is not an object");
  auto contract = contract_from_json(wire::object_field(answer.get_object(), "contract"));
  if (!contract)
    throw ProviderRefused("its contract is not one: " + std::string(BadInput(contract.error()).what()));
  self->account_scope_ = wire::text_field(answer.get_object(), "account_scope");
  self->lanes_ = wire::texts_field(answer.get_object(), "lanes");
  self->contract_ = *std::move(contract);
}

/// Makes sure that nothing of the process is left.
Awaitable<void> SupervisedProvider::end_process(Self self) {
  if (!self->process_) co_return;
  // One that closed its channel is ending by itself; its own exit code says more than our signal.
  const auto grace = Clock::now() + (self->lost_.empty() ? Milliseconds(0) : kExitGrace);
  while (!self->process_end_ && Clock::now() < grace) co_await self->changed_.wait_until(grace);
  if (!self->process_end_) self->process_->signal(SIGKILL);
  while (!self->process_end_) co_await self->changed_.wait_until(kNever);
  self->process_.reset();
}

Awaitable<void> SupervisedProvider::after_crash(Self self) {
  const auto now = Clock::now();
  self->log(Logger::Level::error, "provider.crashed", self->last_error_);
  // A process that lived for the whole window was well: its end begins a new series.
  const bool series = !self->crashes_.empty() && now - self->crashes_.back() < self->options_->crash_window;
  self->crashes_in_a_row_ = series ? self->crashes_in_a_row_ + 1 : 1;
  self->crashes_.push_back(now);
  while (self->crashes_.front() < now - self->options_->crash_window) self->crashes_.pop_front();
  const auto limit = static_cast<std::size_t>(self->options_->crashes_until_quarantine);
  if (self->send_log_ && self->crashes_.size() >= limit) {
    co_return co_await quarantine(self, "its process ended " + std::to_string(limit) + " times within " +
                                            std::to_string(self->options_->crash_window.count() / 1000) +
                                            " s, the last time because " + self->last_error_);
  }
  ++self->restarts_;
  self->set_state(ProviderState::restarting);
  const int doublings = std::min(self->crashes_in_a_row_ - 1, 16);
  const auto delay = with_jitter(std::min(self->options_->longest_restart_delay,
                                          self->options_->first_restart_delay * (1 << doublings)));
  const auto restart_at = Clock::now() + delay;
  while (!self->stopping_ && !self->wake_ && Clock::now() < restart_at)
    co_await self->changed_.wait_until(restart_at);
}

Awaitable<void> SupervisedProvider::quarantine(Self self, std::string reason) {
  self->quarantine_ = QuarantineRecord{reason, std::chrono::system_clock::now()};
  self->last_error_ = reason;
  self->wake_ = false;
  self->set_state(ProviderState::quarantined);
  self->log(Logger::Level::error, "provider.quarantined", reason + "; it stays down until it is lifted");
  if (self->options_->quarantine == nullptr) co_return;
  try {
    co_await self->options_->quarantine->persist(self->config_.name, *self->quarantine_);
  } catch (const std::exception& error) {
    self->log(Logger::Level::error, "provider.quarantine_not_persisted", error.what());
  }
}

/// Waits in `state` until somebody asks for a start.
Awaitable<void> SupervisedProvider::stand_still(Self self, ProviderState state) {
  self->set_state(state);
  while (!self->stopping_ && !self->wake_) co_await self->changed_.wait_until(kNever);
  if (self->stopping_) co_return;
  self->crashes_.clear();
  self->crashes_in_a_row_ = 0;
  self->quarantine_.reset();
  self->set_state(ProviderState::restarting);
}

void SupervisedProvider::lift() {
  if (state_ == ProviderState::ready || state_ == ProviderState::draining) return;
  wake_ = true;
  changed_.notify();
}

Awaitable<std::vector<Problem>> SupervisedProvider::reconfigure(ProviderConfig config) {
  const Self self = shared_from_this();
  if (state_ != ProviderState::ready) {
    config_ = std::move(config);
    ++configs_;
    if (!quarantine_) lift();
    co_return std::vector<Problem>{};
  }
  try {
    co_await configure(self, config, options_->start_limit);
    config_ = std::move(config);
  } catch (const ProviderRefused& refused) {
    co_return refused.problems().empty() ? std::vector<Problem>{{"", refused.what()}} : refused.problems();
  } catch (const PluginError& error) {
    co_return error.problems().empty() ? std::vector<Problem>{{"", error.what()}} : error.problems();
  } catch (const CallFailed& failed) {
    co_return std::vector<Problem>{{"", scrubbed(failed.what())}};
  }
  co_return std::vector<Problem>{};
}

/// Counts beats that did not come, not time: a host that was itself stopped for a while must not take it out
/// on its providers.
Awaitable<void> SupervisedProvider::watch_heartbeat(Self self, std::shared_ptr<ProviderProcess> process) {
  const auto limit = static_cast<int>(self->options_->heartbeat_limit / kHeartbeat);
  asio::steady_timer timer(self->executor_);
  // Until the process has said hello its plugin is loading, for which start_limit is the measure.
  while (self->process_ == process || !self->process_) {
    timer.expires_after(kHeartbeat);
    co_await timer.async_wait(asio::use_awaitable);
    if (self->process_ != process || self->process_end_) co_return;
    if (!self->hello_ || ++self->beats_missed_ < std::max(limit, 2)) continue;
    self->kill_process("it gave no sign of life for " +
                       std::to_string(self->options_->heartbeat_limit.count()) +
                       " ms: the plugin spins or blocks, or the process is stopped");
    co_return;
  }
}

void SupervisedProvider::kill_process(const std::string& reason) {
  if (!process_ || process_end_) return;
  kill_reason_ = reason;
  process_->signal(SIGKILL);
}

Awaitable<void> SupervisedProvider::stop() {
  return stop_within(shared_from_this(), options_->drain_limit);
}

Awaitable<void> SupervisedProvider::finish() {
  const Milliseconds answered = contract_.submit_window + contract_.response_timeout + kReplySlack;
  return stop_within(shared_from_this(), std::max(options_->drain_limit, answered));
}

void SupervisedProvider::hurry() {
  drained_by_ = std::min(drained_by_, Clock::now() + options_->drain_limit);
  changed_.notify();
}

Awaitable<void> SupervisedProvider::stop_within(Self self, Milliseconds drain_limit) {
  self->stopping_ = true;
  self->drained_by_ = Clock::now() + drain_limit;
  if (self->state_ == ProviderState::ready) self->set_state(ProviderState::draining);
  self->changed_.notify();
  co_await stop_process(self);
  self->changed_.notify();
  while (!self->ended_) co_await self->changed_.wait_for(Milliseconds(100));
}

/// Drains and ends the process: asked, then told, then forced.
Awaitable<void> SupervisedProvider::stop_process(Self self) {
  const auto process = self->process_;
  if (!process) co_return;
  const auto gone = [&] { return self->process_ != process || self->process_end_.has_value(); };
  while (!self->in_flight_.empty() && !gone() && Clock::now() < self->drained_by_) {
    co_await self->changed_.wait_until(self->drained_by_);
  }
  self->cut_off_ = static_cast<int>(self->in_flight_.size());
  if (!gone() && self->hello_) {
    try {
      co_await process->call("stop", {}, self->options_->stop_limit);
    } catch (const CallFailed& failed) {
      if (!gone()) self->log(Logger::Level::warning, "provider.stop_hangs", failed.what());
    }
  }
  const auto left_by = Clock::now() + self->options_->terminate_limit;
  while (!gone() && !process->is_open() && Clock::now() < left_by)
    co_await self->changed_.wait_until(left_by);
  if (!gone()) process->signal(SIGTERM);
  const auto terminated_by = Clock::now() + self->options_->terminate_limit;
  while (!gone() && Clock::now() < terminated_by) co_await self->changed_.wait_until(terminated_by);
  if (!gone()) self->kill_process("it did not stop when told to");
}

Awaitable<void> SupervisedProvider::left_starting(Clock::time_point limit) {
  while (state_ == ProviderState::starting && Clock::now() < limit) co_await changed_.wait_until(limit);
}

ProviderStatus SupervisedProvider::status() const {
  return {.name = config_.name,
          .state = state_,
          .plugin_name = plugin_name_,
          .plugin_version = plugin_version_,
          .plugin_path = config_.plugin_path,
          .pid = process_ && !process_end_ ? process_->pid() : 0,
          .restarts = restarts_,
          .submits_in_flight = static_cast<int>(in_flight_.size()),
          .last_error = last_error_,
          .problems = problems_,
          .quarantine = quarantine_};
}

// --- notices
// -----------------------------------------------------------------------------------------------------

void SupervisedProvider::on_notice(json::object notice) {
  beats_missed_ = 0;
  try {
    const std::string kind = wire::text_field(notice, "notice");
    if (kind == "hello") {
      hello_ = std::move(notice);
      changed_.notify();
    } else if (kind == "refused") {
      refused_ = wire::text_field(notice, "reason");
      changed_.notify();
    } else if (kind == "log") {
      forward_log(notice);
    } else if (kind == "http") {
      forward_samples(notice);
    }
  } catch (const wire::WireError& error) {
    log(Logger::Level::warning, "provider.unreadable_notice", error.what());
  }
}

void SupervisedProvider::forward_log(const json::object& notice) {
  log(level_of(wire::text_field(notice, "level")), wire::text_field(notice, "event"),
      wire::text_field(notice, "message"), wire::object_field(notice, "fields"));
}

void SupervisedProvider::forward_samples(const json::object& notice) {
  if (!options_->on_http) return;
  const json::value& samples = wire::field(notice, "samples");
  if (!samples.is_array()) throw wire::WireError("the samples are not an array");
  for (const json::value& sample : samples.get_array()) {
    const json::array* parts = sample.if_array();
    if (parts == nullptr || parts->size() != 3 || !(*parts)[0].is_string() || !(*parts)[1].is_string() ||
        !(*parts)[2].is_int64()) {
      throw wire::WireError("a sample is not one");
    }
    options_->on_http(config_.name,
                      {std::string((*parts)[0].get_string()), std::string((*parts)[1].get_string()),
                       std::chrono::microseconds((*parts)[2].get_int64())});
  }
}

void SupervisedProvider::set_state(ProviderState state) {
  if (state_ == state) return;
  state_ = state;
  changed_.notify();
  if (options_->on_state) options_->on_state(config_.name, state);
}

void SupervisedProvider::log(Logger::Level level, std::string event, std::string message,
                             json::object fields) const {
  if (!options_->on_log) return;
  json::value blotted = std::move(fields);
  blot(blotted, config_.secrets);
  options_->on_log(
      {config_.name, level, std::move(event), scrubbed(std::move(message)), std::move(blotted.get_object())});
}

std::string SupervisedProvider::scrubbed(std::string text) const {
  blot(text, config_.secrets);
  return text;
}

// --- calls
// -------------------------------------------------------------------------------------------------------

Awaitable<json::value> SupervisedProvider::call(Self self, std::string operation, json::object body,
                                                Milliseconds timeout) {
  const auto process = self->process_;
  const bool serving = self->state_ == ProviderState::ready || self->state_ == ProviderState::draining;
  if (!process || !serving) {
    throw CallFailed(false,
                     "the provider " + self->config_.name + " is " + std::string(to_string(self->state_)));
  }
  try {
    co_return co_await process->call(operation, std::move(body), timeout);
  } catch (const PluginError& error) {
    throw PluginError(error.type(), self->scrubbed(self->config_.name + ": " + error.what()),
                      error.problems());
  } catch (const CallFailed& failed) {
    throw CallFailed(failed.reached_process(), self->scrubbed(self->config_.name + ": " + failed.what()));
  }
}

namespace {

/// Decodes an answer; an unreadable one is a failed call.
template <class Decode>
auto decoded(const std::string& name, Decode decode, const json::value& answer) {
  try {
    return decode(answer);
  } catch (const wire::WireError& error) {
    throw CallFailed(true, name + ": the answer cannot be read: " + error.what());
  }
}

}  // namespace

Awaitable<std::optional<Problem>> SupervisedProvider::check_destination(std::string destination) {
  const auto answer = co_await call(shared_from_this(), "check_destination", {{"destination", destination}},
                                    kQuickCallTimeout);
  if (answer.is_null()) co_return std::nullopt;
  co_return decoded(name(), wire::decode_problem, answer);
}

Awaitable<Prepared> SupervisedProvider::prepare(Order order, Milliseconds timeout) {
  json::object body;
  body["order"] = wire::encode(order);
  co_return decoded(name(), wire::decode_prepared,
                    co_await call(shared_from_this(), "prepare", std::move(body), timeout));
}

bool SupervisedProvider::announce(const std::string& attempt_id) {
  if (state_ != ProviderState::ready || !send_log_) return false;
  if (in_flight_.contains(attempt_id)) return true;
  if (static_cast<int>(in_flight_.size()) >= contract_.concurrency) return false;
  if (!send_log_->announce(attempt_id)) return false;
  in_flight_.insert(attempt_id);
  return true;
}

void SupervisedProvider::retire(const std::string& attempt_id) {
  if (send_log_) send_log_->retire(attempt_id);
  release(attempt_id);
}

void SupervisedProvider::release(const std::string& attempt_id) {
  if (in_flight_.erase(attempt_id) > 0) changed_.notify();
}

Awaitable<SubmitReply> SupervisedProvider::submit(Order order, Prepared prepared, std::string attempt_id,
                                                  BootTime deadline) {
  return submit(shared_from_this(), std::move(order), std::move(prepared), std::move(attempt_id), deadline);
}

/// Without an answer the send log decides: revoked before any byte, or unknown.
SubmitReply SupervisedProvider::without_answer(SendLogTicket ticket, const std::string& why) {
  SubmitReply reply;
  if (send_log_->revoke(ticket)) {
    reply.submission =
        Submission::not_accepted("not_sent", why + "; the send log proves that nothing was sent");
  } else {
    reply.submission = Submission::unknown("no_answer", why);
    reply.evidence.bytes_left = true;
  }
  return reply;
}

Awaitable<SubmitReply> SupervisedProvider::submit(Self self, Order order, Prepared prepared,
                                                  std::string attempt_id, BootTime deadline) {
  const auto ticket = self->send_log_ ? self->send_log_->find(attempt_id) : std::nullopt;
  if (!ticket) {
    co_return SubmitReply{
        Submission::not_accepted("not_sent", "the attempt was not announced in the send log"), {}};
  }
  const auto left =
      std::chrono::duration_cast<Milliseconds>(std::chrono::nanoseconds(deadline.ns - BootTime::now().ns));
  const auto timeout = std::max(left, Milliseconds(0)) + self->contract_.response_timeout + kReplySlack;
  SubmitReply reply;
  try {
    json::object body{{"attempt_id", attempt_id},
                      {"slot", ticket->slot},
                      {"sequence", static_cast<std::int64_t>(ticket->sequence)},
                      {"deadline_ns", deadline.ns}};
    body["order"] = wire::encode(order);
    body["prepared"] = wire::encode(prepared);
    reply = decoded(self->name(), wire::decode_submit_reply,
                    co_await call(self, "submit", std::move(body), timeout));
    reply.submission.message = self->scrubbed(std::move(reply.submission.message));
    const bool claims_not_sent =
        reply.submission.kind == Submission::Kind::not_accepted && !reply.evidence.bytes_left;
    if (self->send_log_->may_have_sent(*ticket)) reply.evidence.bytes_left = true;
    if (claims_not_sent && reply.evidence.bytes_left) {
      reply.submission.kind = Submission::Kind::unknown;  // the log is the stronger witness
    }
  } catch (const CallFailed& failed) {
    reply = self->without_answer(*ticket, failed.what());
  }
  self->release(attempt_id);
  co_return reply;
}

/// A token bucket with a small burst: each query takes the next free moment and waits for it.
Awaitable<void> SupervisedProvider::take_query_token(Self self) {
  if (self->contract_.query_rate_per_s <= 0 || !self->options_->limit_query_rate) co_return;
  const auto now = Clock::now();
  const auto interval = std::chrono::nanoseconds(1'000'000'000) / self->contract_.query_rate_per_s;
  const auto mine = std::max(self->next_query_, now - kQueryBurst);
  if (mine - now > kLongestQueryWait) {
    throw CallFailed(false,
                     self->config_.name + ": too many queries are waiting for the contract's rate limit");
  }
  self->next_query_ = mine + interval;
  if (mine <= now) co_return;
  asio::steady_timer timer(self->executor_, mine);
  co_await timer.async_wait(asio::use_awaitable);
}

Awaitable<Status> SupervisedProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  const Self self = shared_from_this();
  co_await take_query_token(self);
  json::object body{{"provider_ref", provider_ref}};
  body["order"] = wire::encode(order);
  body["prepared"] = wire::encode(prepared);
  Status status = decoded(name(), wire::decode_status,
                          co_await call(self, "query", std::move(body), options_->call_timeout));
  status.message = scrubbed(std::move(status.message));
  co_return status;
}

Awaitable<Balance> SupervisedProvider::balance() {
  co_return decoded(name(), wire::decode_balance,
                    co_await call(shared_from_this(), "balance", {}, options_->call_timeout));
}

Awaitable<Lane> SupervisedProvider::maintain(Lane lane) {
  json::object body;
  body["lane"] = wire::encode(lane);
  co_return decoded(name(), wire::decode_lane,
                    co_await call(shared_from_this(), "maintain", std::move(body), options_->call_timeout));
}

Awaitable<void> SupervisedProvider::probe() {
  co_await call(shared_from_this(), "probe", {}, options_->call_timeout);
}

Awaitable<WebhookReading> SupervisedProvider::read_webhook(Webhook webhook) {
  json::object body;
  body["webhook"] = wire::encode(webhook);
  co_return decoded(name(), wire::decode_webhook_reading,
                    co_await call(shared_from_this(), "read_webhook", std::move(body), kQuickCallTimeout));
}

const std::optional<std::vector<SendLogEntry>>& SupervisedProvider::inherited_send_log() const {
  static const std::optional<std::vector<SendLogEntry>> kNothing;
  return send_log_ ? send_log_->inherited() : kNothing;
}

}  // namespace payoutd::providers
