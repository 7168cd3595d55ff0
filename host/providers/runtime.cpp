#include "providers/runtime.hpp"

#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <csignal>

#include "core/fault.hpp"
#include "providers/call_context.hpp"
#include "providers/channel.hpp"
#include "providers/frame.hpp"
#include "providers/http_client.hpp"
#include "providers/plugin_library.hpp"
#include "providers/send_log.hpp"
#include "providers/submit_verdict.hpp"
#include "providers/wire_codec.hpp"

namespace payoutd::providers {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kHeartbeat{500};
constexpr Milliseconds kLastWords{1'000};
constexpr std::size_t kMaxUnsentForLogs = 1u << 20;
constexpr std::size_t kMaxErrorBytes = 2048;

// Read by the SIGTERM handler: a process with payments under way is ended by the host (stop, then SIGKILL),
// not by a signal to the whole control group.
std::atomic<bool> g_busy{false};

void on_terminate(int) {
  if (!g_busy.load(std::memory_order_relaxed)) ::_exit(128 + SIGTERM);
}

[[noreturn]] void leave(ExitCode code) {
  ::_exit(static_cast<int>(code));
}

std::string describe(std::exception_ptr thrown) {
  try {
    std::rethrow_exception(thrown);
  } catch (const std::exception& error) {
    return wire::clean_text(error.what(), kMaxErrorBytes);
  } catch (...) {
    return "something that is not a std::exception was thrown";
  }
}

json::array encode_problems(const std::vector<Problem>& problems) {
  json::array out;
  for (const Problem& problem : problems) out.push_back(wire::encode(problem));
  return out;
}

class SystemClock final : public Clock {
 public:
  std::chrono::steady_clock::time_point now() const override { return std::chrono::steady_clock::now(); }
  std::chrono::system_clock::time_point wall() const override { return std::chrono::system_clock::now(); }
};

/// Sends what the plugin logs to the host; drops it while the host does not keep up.
class ChannelLogger final : public Logger {
 public:
  explicit ChannelLogger(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}

  void log(Level level, std::string_view event, std::string_view message, json::object fields) override {
    if (channel_->unsent_bytes() > kMaxUnsentForLogs) {
      ++dropped_;
      return;
    }
    json::object notice{{"notice", "log"},
                        {"level", name_of(level)},
                        {"event", wire::clean_text(event, 128)},
                        {"message", wire::clean_text(message, 8192)},
                        {"fields", std::move(fields)}};
    if (dropped_ > 0) notice["dropped_before"] = std::exchange(dropped_, 0);
    try {
      wire::make_sendable(notice);
      channel_->send(notice);
    } catch (const std::exception&) {
      ++dropped_;
    }
  }

 private:
  static std::string_view name_of(Level level) {
    switch (level) {
      case Level::debug:
        return "debug";
      case Level::info:
        return "info";
      case Level::warning:
        return "warning";
      case Level::error:
        return "error";
    }
    return "info";
  }

  std::shared_ptr<Channel> channel_;
  std::uint64_t dropped_ = 0;
};

/// One configuration of the plugin. Calls hold it, so that a rotation of secrets disturbs nothing in flight.
struct Instance {
  Settings settings;
  Contract contract;
  std::unique_ptr<Provider> provider;
  std::string account_scope;
  std::vector<std::string> lanes;
};

/// What a settings check, a validation or a factory found wrong.
class ConfigurationRefused : public std::runtime_error {
 public:
  explicit ConfigurationRefused(std::string what, std::vector<Problem> problems = {})
      : std::runtime_error(std::move(what)), problems_(std::move(problems)) {}
  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  std::vector<Problem> problems_;
};

Environment environment_of(const std::string& name) {
  if (name == "prod") return Environment::prod;
  if (name == "staging") return Environment::staging;
  if (name == "dev") return Environment::dev;
  throw wire::WireError("the environment '" + name + "' is not known");
}

/// Runs one step of the plugin's own code during configuration; whatever it throws names the step.
template <class Step>
auto plugin_step(const char* name, Step step) {
  try {
    return step();
  } catch (const ConfigurationRefused&) {
    throw;
  } catch (...) {
    throw ConfigurationRefused(std::string("the plugin's ") + name +
                               " threw: " + describe(std::current_exception()));
  }
}

json::object describe_plugin(const PluginDescriptor& descriptor, const SettingsSchema& schema) {
  return {{"name", wire::clean_text(descriptor.name, 128)},
          {"version", wire::clean_text(descriptor.version, 128)},
          {"sdk_version", descriptor.sdk_version},
          {"abi_tag", wire::clean_text(descriptor.abi_tag, 512)},
          {"schema", payoutd::describe(schema)}};
}

class Runtime : public std::enable_shared_from_this<Runtime> {
 public:
  Runtime(asio::io_context& io, ProcessOptions options, std::shared_ptr<Channel> channel,
          std::unique_ptr<SendLogMarker> send_log, const PluginDescriptor& plugin, SettingsSchema schema)
      : io_(io),
        options_(std::move(options)),
        channel_(std::move(channel)),
        send_log_(std::move(send_log)),
        plugin_(plugin),
        schema_(std::move(schema)),
        logger_(std::make_shared<ChannelLogger>(channel_)),
        heartbeat_(io) {}

  void start() {
    channel_->start({.on_message = [self = shared_from_this()](
                                       json::object message) { self->receive(std::move(message)); },
                     .on_closed = [](const std::string&) { leave(ExitCode::parent_gone); }});
    json::object hello = describe_plugin(plugin_, schema_);
    hello["notice"] = "hello";
    send(std::move(hello));
    beat();
  }

 private:
  struct Call {
    std::int64_t id = 0;
    std::shared_ptr<CallContext> context;
    std::shared_ptr<Instance> instance;
    /// Not a part of the context: Asio keeps the call's executor, and so the context, in the signal.
    std::shared_ptr<asio::cancellation_signal> cancellation = std::make_shared<asio::cancellation_signal>();
    SendLogTicket ticket{};  // of a submit
  };

  // --- messages
  // ------------------------------------------------------------------------------------------------

  void send(json::object message) {
    wire::make_sendable(message);
    channel_->send(message);
  }

  void reply(std::int64_t id, json::value result) {
    try {
      json::object message{{"id", id}};
      message["ok"] = std::move(result);
      send(std::move(message));
    } catch (const std::exception& error) {
      reply_error(id, "failed", std::string("the plugin's answer cannot be sent: ") + error.what());
    }
  }

  void reply_error(std::int64_t id, const char* type, const std::string& text,
                   const std::vector<Problem>& problems = {}) {
    json::object error{{"type", type}, {"message", wire::clean_text(text, kMaxErrorBytes)}};
    if (!problems.empty()) error["problems"] = encode_problems(problems);
    json::object message{{"id", id}};
    message["error"] = std::move(error);
    send(std::move(message));
  }

  void receive(json::object message) {
    std::int64_t id = 0;
    try {
      id = wire::integer_field(message, "id");
      const std::string operation = wire::text_field(message, "op");
      dispatch(id, operation, wire::object_field(message, "body"));
    } catch (const ConfigurationRefused& refused) {
      reply_error(id, "refused", refused.what(), refused.problems());
    } catch (const std::exception& error) {
      reply_error(id, "refused", error.what());
    }
  }

  void dispatch(std::int64_t id, const std::string& operation, const json::object& body) {
    if (operation == "cancel") return cancel(wire::integer_field(body, "id"));
    if (operation == "configure") return reply(id, configure(body));
    if (operation == "stop") return stop(id);
    if (operation == "drain") {
      draining_ = true;
      drain_ids_.push_back(id);
      return finish_drain();
    }
    if (!instance_) throw wire::WireError("the provider is not configured yet");
    if (operation == "check_destination") return check_destination(id, body);
    if (operation == "read_webhook") return read_webhook(id, body);
    if (operation == "submit" && draining_) throw wire::WireError("the provider is draining");
    start_call(id, operation, body);
  }

  // --- configuration
  // -------------------------------------------------------------------------------------------

  json::object configure(const json::object& body) {
    auto instance = std::make_shared<Instance>();
    std::vector<Problem> problems;
    const Environment environment = environment_of(wire::text_field(body, "environment"));
    HttpOptions http = HttpOptions::parse(wire::object_field(body, "http"), problems);
    instance->settings = Settings::check(schema_, wire::object_field(body, "settings"),
                                         wire::object_field(body, "secrets"), problems);
    refuse_problems("its settings", problems);
    problems = plugin_step("validate", [&] { return plugin_.validate(instance->settings, environment); });
    refuse_problems("its settings", problems);
    instance->contract = plugin_step("contract", [&] { return plugin_.contract(instance->settings); });
    refuse_problems("the plugin's contract", validate(instance->contract));
    http.response_timeout = instance->contract.response_timeout;
    Services services{.executor = io_.get_executor(),
                      .http = make_http_client(io_.get_executor(), http, sampler()),
                      .log = logger_,
                      .clock = std::make_shared<SystemClock>(),
                      .environment = environment};
    instance->provider =
        plugin_step("constructor", [&] { return plugin_.create(services, instance->settings); });
    if (!instance->provider) throw ConfigurationRefused("the plugin's factory made nothing");
    instance->account_scope =
        plugin_step("account_scope", [&] { return instance->provider->account_scope(); });
    instance->lanes = plugin_step("lanes", [&] { return instance->provider->lanes(); });
    refuse_problems("the plugin's lanes", lane_problems(instance->contract, instance->lanes));
    instance_ = std::move(instance);
    return {{"contract", to_json(instance_->contract)},
            {"account_scope", instance_->account_scope},
            {"lanes", json::array(instance_->lanes.begin(), instance_->lanes.end())},
            {"settings", instance_->settings.redacted()}};
  }

  static std::vector<Problem> lane_problems(const Contract& contract, std::vector<std::string> lanes) {
    std::vector<Problem> problems;
    const auto refuse = [&](std::string reason) { problems.push_back({"lanes", std::move(reason)}); };
    if (contract.serial == lanes.empty()) refuse("go with a serial contract, and only with one");
    if (lanes.size() > 256) refuse("are more than 256");
    std::ranges::sort(lanes);
    if (std::ranges::adjacent_find(lanes) != lanes.end()) refuse("name one account twice");
    for (const std::string& lane : lanes) {
      if (lane.empty() || lane.size() > 128) refuse("have a name that is empty or longer than 128 bytes");
    }
    return problems;
  }

  static void refuse_problems(const char* what, const std::vector<Problem>& problems) {
    if (problems.empty()) return;
    std::string text = std::string(what) + " cannot be used:";
    for (const Problem& problem : problems) text += " " + problem.field + " " + problem.reason + ";";
    text.pop_back();
    throw ConfigurationRefused(text, problems);
  }

  // --- calls
  // ---------------------------------------------------------------------------------------------------

  void check_destination(std::int64_t id, const json::object& body) {
    const auto problem = instance_->provider->check_destination(wire::text_field(body, "destination"));
    reply(id, problem ? json::value(wire::encode(*problem)) : json::value(nullptr));
  }

  void read_webhook(std::int64_t id, const json::object& body) {
    reply(id, wire::encode(
                  instance_->provider->read_webhook(wire::decode_webhook(wire::field(body, "webhook")))));
  }

  void start_call(std::int64_t id, const std::string& operation, const json::object& body) {
    Call call{.id = id, .context = std::make_shared<CallContext>(operation), .instance = instance_};
    if (operation == "submit") permit_submit(call, body);
    calls_.insert_or_assign(id, call);
    g_busy = true;
    const CallExecutor executor(io_.get_executor(), call.context);
    asio::co_spawn(asio::any_io_executor(executor), run(shared_from_this(), call, operation, body),
                   asio::bind_cancellation_slot(
                       call.cancellation->slot(),
                       [self = shared_from_this(), call](std::exception_ptr thrown, json::object result) {
                         self->finish_call(call, thrown, std::move(result));
                       }));
  }

  /// The attempt must stand announced in the send log, or it is none of the host's journal.
  void permit_submit(Call& call, const json::object& body) {
    const auto slot = wire::integer_field(body, "slot");
    const auto sequence = wire::integer_field(body, "sequence");
    if (slot < 0 || slot >= SendLogFile::kSlots || sequence < 0) throw wire::WireError("the slot is not one");
    call.ticket = {static_cast<std::uint32_t>(slot), static_cast<std::uint64_t>(sequence)};
    if (!send_log_->is_announced(call.ticket, wire::text_field(body, "attempt_id"))) {
      throw wire::WireError("the attempt is not announced in the send log");
    }
    const auto mark = [log = send_log_.get(), ticket = call.ticket] { return log->mark(ticket); };
    const auto host_gone = [fd = options_.channel_fd, channel = channel_] {
      pollfd state{fd, POLLRDHUP, 0};
      return !channel->is_open() || ::poll(&state, 1, 0) > 0;
    };
    call.context->permit_submit({.deadline = BootTime{wire::integer_field(body, "deadline_ns")},
                                 .response_timeout = call.instance->contract.response_timeout,
                                 .fresh_connection = call.instance->contract.repeat != Repeat::harmless,
                                 .mark = mark,
                                 .host_gone = host_gone});
  }

  static Awaitable<json::object> run(std::shared_ptr<Runtime> self, Call call, std::string operation,
                                     json::object body) {
    Provider& provider = *call.instance->provider;
    if (operation == "prepare") {
      Prepared prepared = co_await provider.prepare(wire::decode_order(wire::field(body, "order")));
      if (prepared.artefact.size() > wire::kMaxArtefactBytes) {
        throw std::length_error("the plugin made an artefact of " + std::to_string(prepared.artefact.size()) +
                                " bytes; the limit is " + std::to_string(wire::kMaxArtefactBytes));
      }
      if (prepared.format != call.instance->contract.artefact_format) {
        throw std::logic_error("the plugin made an artefact of format " + std::to_string(prepared.format) +
                               "; its contract says " +
                               std::to_string(call.instance->contract.artefact_format));
      }
      co_return wire::encode(prepared);
    }
    if (operation == "submit") {
      Submission claim = co_await provider.submit(wire::decode_order(wire::field(body, "order")),
                                                  wire::decode_prepared(wire::field(body, "prepared")));
      co_return self->judge(call, std::move(claim));
    }
    if (operation == "query") {
      Status status = co_await provider.query(wire::decode_order(wire::field(body, "order")),
                                              wire::decode_prepared(wire::field(body, "prepared")),
                                              wire::text_field(body, "provider_ref"));
      status.code = wire::clean_text(status.code, 128);
      status.message = wire::clean_text(status.message, 1024);
      if (status.provider_ref.size() > wire::kMaxProviderRefBytes)
        self->logger_->log(Logger::Level::warning, "provider.claim_downgraded",
                           "the plugin gave a provider_ref of " + std::to_string(status.provider_ref.size()) +
                               " bytes, which is left out",
                           {{"provider", self->options_.provider_name}});
      co_return wire::encode(status);
    }
    if (operation == "balance") co_return wire::encode(co_await provider.balance());
    if (operation == "probe") {
      co_await provider.probe();
      co_return json::object{};
    }
    if (operation == "maintain") {
      Lane lane = wire::decode_lane(wire::field(body, "lane"));
      co_await provider.maintain(lane);
      co_return wire::encode(lane);
    }
    throw wire::WireError("the operation '" + operation + "' is not known");
  }

  json::object judge(const Call& call, Submission claim) {
    call.context->close();
    Verdict verdict =
        judge_claim(call.instance->contract, *call.context, may_have_sent(call), std::move(claim));
    if (!verdict.downgraded.empty()) {
      logger_->log(
          Logger::Level::error, "provider.claim_downgraded", verdict.downgraded,
          {{"kind", to_string(verdict.reply.submission.kind)}, {"provider", options_.provider_name}});
    }
    return wire::encode(verdict.reply);
  }

  /// The runtime's own knowledge, made final: an attempt that was not marked is revoked, so that nothing that
  /// the plugin left running can send it any more.
  bool may_have_sent(const Call& call) { return call.context->marked() || !send_log_->revoke(call.ticket); }

  void finish_call(const Call& call, std::exception_ptr thrown, json::object result) {
    calls_.erase(call.id);
    asio::post(io_, [cancellation = call.cancellation] {});  // the coroutine's last steps still refer to it
    g_busy = !calls_.empty();
    call.context->close();
    const bool is_submit = call.context->operation() == "submit";
    if (thrown && is_submit) {
      const std::string what = describe(thrown);
      warn_of_broken_rule(call, what);
      result = wire::encode(judge_exception(*call.context, may_have_sent(call), what));
      thrown = nullptr;
    }
    if (is_submit) fault::point("provider.before_reply");
    if (thrown) {
      reply_exception(call, thrown);
    } else {
      reply(call.id, std::move(result));
    }
    finish_drain();
  }

  void reply_exception(const Call& call, std::exception_ptr thrown) {
    const std::string what = describe(thrown);
    warn_of_broken_rule(call, what);
    try {
      std::rethrow_exception(thrown);
    } catch (const Unsupported&) {
      reply_error(call.id, "unsupported", what);
    } catch (...) {
      reply_error(call.id, "failed", what);
    }
  }

  void warn_of_broken_rule(const Call& call, const std::string& what) {
    if (!call.context->broke_a_rule()) return;
    logger_->log(Logger::Level::error, "provider.money_rule_broken", what,
                 {{"operation", call.context->operation()}});
  }

  /// Cancelling counts only while nothing was sent: afterwards the answer is worth waiting for.
  void cancel(std::int64_t id) {
    const auto found = calls_.find(id);
    if (found == calls_.end() || found->second.context->marked()) return;
    const auto cancellation = found->second.cancellation;
    cancellation->emit(asio::cancellation_type::terminal);
  }

  // --- life
  // ----------------------------------------------------------------------------------------------------

  void beat() {
    send_samples();
    send({{"notice", "heartbeat"}, {"calls", calls_.size()}});
    heartbeat_.expires_after(kHeartbeat);
    heartbeat_.async_wait([self = shared_from_this()](const boost::system::error_code& stopped) {
      if (!stopped) self->beat();
    });
  }

  std::function<void(const HttpSample&)> sampler() {
    return [weak = weak_from_this()](const HttpSample& sample) {
      const auto self = weak.lock();
      if (!self) return;
      self->samples_.push_back(json::array{sample.operation, sample.outcome, sample.duration.count()});
      if (self->samples_.size() >= 512) self->send_samples();
    };
  }

  void send_samples() {
    if (samples_.empty()) return;
    json::object notice{{"notice", "http"}};
    notice["samples"] = std::exchange(samples_, {});
    send(std::move(notice));
  }

  void finish_drain() {
    if (!calls_.empty()) return;
    for (const std::int64_t id : std::exchange(drain_ids_, {})) reply(id, json::object{});
  }

  void stop(std::int64_t id) {
    g_busy = false;  // from here on SIGTERM ends the process
    instance_.reset();
    send_samples();
    reply(id, json::object{});
    channel_->flush_for(kLastWords);
    leave(ExitCode::stopped);
  }

  asio::io_context& io_;
  ProcessOptions options_;
  std::shared_ptr<Channel> channel_;
  std::unique_ptr<SendLogMarker> send_log_;
  const PluginDescriptor& plugin_;
  SettingsSchema schema_;
  std::shared_ptr<ChannelLogger> logger_;
  std::shared_ptr<Instance> instance_;
  std::unordered_map<std::int64_t, Call> calls_;
  std::vector<std::int64_t> drain_ids_;
  json::array samples_;
  bool draining_ = false;
  asio::steady_timer heartbeat_;
};

void bind_to_host(const ProcessOptions& options) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The host may have died before the line above; then nobody will ever send the signal.
  if (::getppid() != options.host_pid) leave(ExitCode::parent_gone);
  ::syscall(SYS_close_range, static_cast<unsigned>(options.channel_fd) + 1, ~0u, 0);
  ::umask(077);
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGINT, SIG_IGN);
  ::signal(SIGHUP, SIG_IGN);
  struct sigaction action{};
  action.sa_handler = on_terminate;
  action.sa_flags = SA_RESTART;
  ::sigaction(SIGTERM, &action, nullptr);
}

[[noreturn]] void refuse(Channel& channel, const std::string& why, ExitCode code) {
  channel.send({{"notice", "refused"}, {"reason", wire::clean_text(why, kMaxErrorBytes)}});
  channel.flush_for(kLastWords);
  leave(code);
}

SettingsSchema read_schema(const PluginDescriptor& plugin) {
  return plugin_step("settings schema", [&] { return plugin.settings_schema(); });
}

}  // namespace

int serve_provider(const ProcessOptions& options) {
  bind_to_host(options);
  asio::io_context io(1);
  const auto channel = Channel::open(io.get_executor(), options.channel_fd);
  std::shared_ptr<Runtime> runtime;
  try {
    auto send_log = SendLogMarker::attach(options.send_log_path);
    const PluginDescriptor& plugin = load_plugin(options.plugin_path, options.plugin_name);
    runtime =
        std::make_shared<Runtime>(io, options, channel, std::move(send_log), plugin, read_schema(plugin));
    runtime->start();
  } catch (const SendLogError& error) {
    refuse(*channel, error.what(), ExitCode::send_log);
  } catch (const std::exception& error) {
    refuse(*channel, error.what(), ExitCode::plugin_refused);
  }
  io.run();
  leave(ExitCode::parent_gone);
}

int inspect_plugin(const std::filesystem::path& path, std::ostream& out) {
  json::object about;
  ExitCode code = ExitCode::stopped;
  try {
    const PluginDescriptor& plugin = load_plugin(path, {});
    const SettingsSchema schema = read_schema(plugin);
    about = describe_plugin(plugin, schema);
    std::vector<Problem> missing;
    const Settings defaults = Settings::check(schema, {}, {}, missing);
    about["contract"] = nullptr;
    if (!missing.empty()) about["contract_needs"] = encode_problems(missing);
    try {
      about["contract"] = to_json(plugin.contract(defaults));
    } catch (...) {
      about["contract_error"] = describe(std::current_exception());
    }
  } catch (const std::exception& error) {
    about = {{"refused", wire::clean_text(error.what(), kMaxErrorBytes)}};
    code = ExitCode::plugin_refused;
  }
  out << json::serialize(about) << '\n';
  return static_cast<int>(code);
}

}  // namespace payoutd::providers
