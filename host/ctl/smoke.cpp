#include "ctl/smoke.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <ostream>
#include <thread>

#include "core/ids.hpp"
#include "ctl/api_access.hpp"
#include "ctl/json_view.hpp"
#include "ctl/smoke_api.hpp"
#include "ctl/smoke_notification.hpp"
#include "identity/base64url.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;

constexpr const char* kFooter =
    "\nThe payout is real: it is paid to --destination through --provider. Take an account of your own, and "
    "a\n"
    "small amount. Steps, each with the exit code with which the command ends if it is the first to fail:\n\n"
    "  10  health        /livez, /healthz and /readyz answer 200\n"
    "  11  identity      the token is taken, and has the roles payouts:write, payouts:read and admin\n"
    "  12  create        POST /v1/payouts answers 201, and the same again is a replay of the same payout\n"
    "  13  submit        the payout is journaled and submitted; if it is not, it is cancelled\n"
    "  14  webhook       a callback signed with the provider's secret is taken, and one with another secret "
    "is "
    "not\n"
    "  15  confirm       the payout is CONFIRMED, with one attempt\n"
    "  16  admin         an operator finds it by its key, explained, with its callback\n"
    "  17  notification  the notification of it arrives, signed by the endpoint's secret, and is verified\n\n"
    "Without --token or --token-file the token is signed with the first key of the configuration (--config); "
    "where\n"
    "there are no keys, what operators do goes over the control socket. The webhook's secret is taken from\n"
    "--webhook-secret-file, else from the configuration; where there is none, the provider's own callback "
    "is\n"
    "waited for. With --notify-listen an endpoint is registered for as long as the test lasts, and the "
    "notification is\n"
    "received there. Outside of dev the host sends to https only: put a TLS proxy in front, and name it with "
    "--notify-url.\n"
    "Callbacks are written as MoMo, TMoney and Thunes write them; other plugins' are left "
    "out.\n\n"
    "Examples:\n"
    "  payoutctl smoke --base-url http://127.0.0.1:8480 --provider momo-dev --destination 46733100001\n"
    "  payoutctl smoke --base-url https://payouts.example --token-file token --provider momo-ci \\\n"
    "      --amount 100 --destination 22507000001 --webhook-secret-file momo.secret --json\n";

enum class Result { ok, skipped, failed, not_run };

const char* word(Result result) {
  switch (result) {
    case Result::ok:
      return "ok";
    case Result::skipped:
      return "skipped";
    case Result::failed:
      return "failed";
    case Result::not_run:
      return "not run";
  }
  return "";
}

struct Told {
  Result result = Result::ok;
  std::string detail;
};

struct Step {
  const char* name;
  ExitCode code;
  Result result = Result::not_run;
  std::string detail{};
  std::chrono::milliseconds took{0};
};

/// Ends the step that runs.
class StepFailed : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string said(const Answer& answer) {
  return std::to_string(answer.status) + (answer.code().empty() ? "" : " " + answer.code()) +
         (answer.code().empty() ? "" : ": " + answer.message());
}

void expect(const Answer& answer, int status, const std::string& what) {
  if (answer.status != status) throw StepFailed(what + " answered " + said(answer));
}

/// Of an answer that stays: what is returned is a part of it.
const json::object& object_of(const Answer& answer) {
  static const json::object kNone;
  return answer.body.is_object() ? answer.body.get_object() : kNone;
}
const json::object& object_of(Answer&&) = delete;

/// Whose payouts the bearer of a token makes. The host is the one who believes it or not.
std::string client_of(const std::string& token) {
  if (token.empty()) return "default";
  const auto begin = token.find('.') + 1;
  const auto claims = identity::read_base64url(token.substr(begin, token.find('.', begin) - begin));
  json::error_code unreadable;
  const json::value read = claims ? json::parse(*claims, unreadable) : json::value(nullptr);
  return !unreadable && read.is_object() ? text_at(read.get_object(), "client") : std::string();
}

/// One run: what each step found out for those after it.
class Smoke {
 public:
  Smoke(Context& context, const SmokeOptions& options)
      : context_(context),
        options_(options),
        api_({options.base_url, options.ca_file, socket_beside(options.base_url, context.socket),
              std::chrono::seconds(options.timeout_s)}) {}

  ExitCode run() {
    // Keys and secrets may stand in the configuration of this machine; else they must be given.
    config_ = readable_config(options_.config, options_.has_config);
    using Work = Told (Smoke::*)();
    const std::pair<Step, Work> plan[] = {
        {{"health", ExitCode::smoke_health}, &Smoke::health},
        {{"identity", ExitCode::smoke_identity}, &Smoke::identity},
        {{"listen", ExitCode::smoke_notification}, &Smoke::listen},
        {{"create", ExitCode::smoke_create}, &Smoke::create},
        {{"submit", ExitCode::smoke_submit}, &Smoke::submit},
        {{"webhook", ExitCode::smoke_webhook}, &Smoke::webhook},
        {{"confirm", ExitCode::smoke_confirm}, &Smoke::confirm},
        {{"admin", ExitCode::smoke_admin}, &Smoke::admin},
        {{"notification", ExitCode::smoke_notification}, &Smoke::notification},
    };
    ExitCode code = ExitCode::ok;
    for (const auto& [step, work] : plan) {
      steps_.push_back(step);
      if (code == ExitCode::ok) code = carry_out(steps_.back(), work);
      if (!context_.json) print(steps_.back());
    }
    stop_listening();
    finish(code);
    return code;
  }

 private:
  ExitCode carry_out(Step& step, Told (Smoke::*work)()) {
    const auto began = Clock::now();
    try {
      const Told told = (this->*work)();
      step.result = told.result;
      step.detail = told.detail;
    } catch (const CommandFailed& failure) {
      step.result = Result::failed;
      step.detail = failure.what();
    } catch (const StepFailed& failure) {
      step.result = Result::failed;
      step.detail = failure.what();
    }
    step.took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began);
    if (interrupted()) return ExitCode::interrupted;
    return step.result == Result::failed ? step.code : ExitCode::ok;
  }

  void print(const Step& step) const {
    const Colour colour = step.result == Result::ok       ? Colour::green
                          : step.result == Result::failed ? Colour::red
                                                          : Colour::dim;
    std::string name = step.name;
    std::string result = word(step.result);
    name.resize(14, ' ');
    result.resize(9, ' ');
    context_.out << name << context_.style.paint(colour, result) << printable(step.detail);
    if (step.result == Result::ok) context_.out << "  " << duration_text(step.took);
    context_.out << '\n' << std::flush;
  }

  void finish(ExitCode code) const {
    if (context_.json) {
      json::array steps;
      for (const Step& step : steps_)
        steps.push_back(json::object{{"step", step.name},
                                     {"result", word(step.result)},
                                     {"detail", step.detail},
                                     {"took_ms", step.took.count()}});
      context_.out << json::serialize(json::object{
                          {"ok", code == ExitCode::ok},
                          {"exit_code", static_cast<int>(code)},
                          {"base_url", api_.base_url()},
                          {"provider", provider_.empty() ? json::value(nullptr) : json::value(provider_)},
                          {"payout", id_.empty() ? json::value(nullptr) : json::value(id_)},
                          {"steps", std::move(steps)}})
                   << '\n';
    } else if (code == ExitCode::ok) {
      context_.out << context_.style.paint(Colour::green, "It works.") << '\n';
    } else if (!id_.empty()) {
      context_.out << "Look at the payout with: payoutctl explain " << id_ << '\n';
    }
  }

  std::string own_token() const {
    using identity::Role;
    return api_token({options_.token,
                      options_.token_file,
                      "smoke",
                      {Role::payouts_write, Role::payouts_read, Role::admin},
                      std::chrono::minutes(30)},
                     config_);
  }

  std::optional<Secret> webhook_secret() const {
    if (!options_.webhook_secret_file.empty())
      return Secret(first_line_of(options_.webhook_secret_file, "--webhook-secret-file"));
    if (!config_) return std::nullopt;
    const auto found = config_->live_config.providers.find(provider_);
    if (found == config_->live_config.providers.end()) return std::nullopt;
    for (const core::WebhookKey& key : found->second.webhook_keys)
      if (!key.expired(std::chrono::system_clock::now())) return key.secret;
    return std::nullopt;
  }

  template <class Done>
  bool within_limit(Done done) const {
    const auto deadline = Clock::now() + std::chrono::seconds(options_.timeout_s);
    while (!done()) {
      if (Clock::now() >= deadline || interrupted()) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
  }

  // --- the steps

  Told health() {
    for (const char* path : {"/livez", "/healthz", "/readyz"}) {
      const Answer answer = api_.send("GET", path);
      std::string reasons;
      for (const json::value& reason : array_at(object_of(answer), "reasons"))
        reasons += (reasons.empty() ? ": " : " ") + std::string(reason.as_string());
      if (answer.status != 200)
        throw StepFailed(std::string(path) + " answered " + std::to_string(answer.status) + reasons);
      if (std::string_view(path) == "/healthz") version_ = text_at(object_of(answer), "version");
    }
    return {Result::ok, "version " + version_ + " is ready"};
  }

  Told identity() {
    token_ = own_token();
    api_.use_token(token_);
    expect(api_.send("GET", "/v1/payouts?limit=1"), 200, "GET /v1/payouts");
    const Answer listed = api_.operate("GET", "/v1/admin/providers");
    expect(listed, 200, "GET /v1/admin/providers");
    choose_provider(array_at(object_of(listed), "providers"));
    return {Result::ok, api_.has_token() ? "the token is taken, and has the roles"
                                         : "no token is asked for; operators use the control socket"};
  }

  void choose_provider(const json::array& providers) {
    std::string names;
    int fitting = 0;
    for (const json::value& value : providers) {
      const json::object& one = value.as_object();
      const json::array& currencies = array_at(one, "currencies");
      const std::string name = text_at(one, "name");
      names += (names.empty() ? "" : ", ") + name;
      const bool pays = options_.currency.empty() ||
                        std::ranges::find(currencies, json::value(options_.currency)) != currencies.end();
      if (options_.provider.empty() ? !pays : name != options_.provider) continue;
      ++fitting;
      provider_ = name;
      plugin_ = text_at(one, "plugin");
      currency_ = options_.currency;
      if (currency_.empty() && currencies.size() == 1) currency_ = currencies.front().as_string().c_str();
    }
    if (fitting == 1 && !currency_.empty()) return;
    if (fitting == 1)
      throw CommandFailed(ExitCode::usage,
                          provider_ + " pays several currencies or none yet: say --currency");
    throw CommandFailed(ExitCode::usage, options_.provider.empty()
                                             ? "there are the providers " + names + ": say --provider"
                                             : "there is no provider " + options_.provider + " but " + names);
  }

  Told listen() {
    if (options_.notify_listen.empty()) return {Result::skipped, "--notify-listen is not given"};
    notification_ =
        SmokeNotification::open(api_, {options_.notify_listen, options_.notify_url, client_of(token_)});
    if (!notification_) return {Result::skipped, "this host has no notifications"};
    return {Result::ok, "an endpoint for this test is registered"};
  }

  Told create() {
    key_ = "smoke-" + core::random_uuid();
    const std::string body = json::serialize(json::object{{"amount", options_.amount},
                                                          {"currency", currency_},
                                                          {"destination", options_.destination},
                                                          {"provider", provider_},
                                                          {"batch", "smoke"}});
    const Answer created = api_.send("POST", "/v1/payouts", body, {{"Idempotency-Key", key_}});
    expect(created, 201, "POST /v1/payouts");
    id_ = text_at(object_of(created), "id");
    const Answer again = api_.send("POST", "/v1/payouts", body, {{"Idempotency-Key", key_}});
    expect(again, 201, "the same POST /v1/payouts again");
    const auto replayed = again.headers.find("idempotent-replayed");
    if (text_at(object_of(again), "id") != id_ || replayed == again.headers.end() ||
        replayed->second != "true")
      throw StepFailed("the same request with the same key was not answered as a replay");
    return {Result::ok, id_ + ", and the same again is a replay"};
  }

  json::object payout() {
    const Answer answer = api_.send("GET", "/v1/payouts/" + id_);
    expect(answer, 200, "GET /v1/payouts/" + id_);
    return object_of(answer);
  }

  Told submit() {
    std::string state;
    const bool submitted = within_limit([&] {
      const json::object now = payout();
      state = text_at(now, "state");
      return (number_at(now, "attempt_count") > 0 && state != "PENDING" && state != "SUBMITTING") ||
             state == "HELD" || true_at(now, "final");
    });
    if (submitted && (state == "SENT" || state == "UNKNOWN" || state == "CONFIRMED"))
      return {Result::ok, state};
    std::string why = "it is " + state + why_not_submitted();
    if (state == "PENDING" || state == "HELD") {
      const Answer cancelled = api_.operate("POST", "/v1/admin/payouts/" + id_ + "/cancel",
                                            {{"note", "the smoke test could not submit it"}});
      why +=
          cancelled.ok() ? "; it is cancelled now" : "; cancelling it was answered with " + said(cancelled);
    }
    throw StepFailed(why);
  }

  std::string why_not_submitted() {
    std::string why;
    if (const std::string reason = text_at(payout(), "reason_text"); !reason.empty()) why += ": " + reason;
    const Answer providers = api_.operate("GET", "/v1/admin/providers");
    for (const json::value& value : array_at(object_of(providers), "providers")) {
      const json::object& one = value.as_object();
      if (text_at(one, "name") != provider_) continue;
      if (true_at(one, "paused")) why += "; the provider is paused";
      if (true_at(one, "dry_run")) why += "; the provider's dry run is on";
      if (text_at(one, "state") != "ready") why += "; the provider is " + text_at(one, "state");
    }
    const Answer switches = api_.operate("GET", "/v1/admin/switches");
    for (const char* name : {"dry_run", "stop_submissions", "stop_writes"})
      if (true_at(object_of(switches), name)) why += std::string("; ") + name + " is on";
    return why;
  }

  /// Our reference of the last attempt.
  std::string reference() {
    const Answer answer = api_.send("GET", "/v1/payouts/" + id_ + "/events");
    std::string found;
    for (const json::value& event : array_at(object_of(answer), "events"))
      if (text_at(event.as_object(), "kind") == "journaled")
        found = text_at(object_at(event.as_object(), "data"), "reference");
    return found;
  }

  /// As the provider would write it; empty where nobody knows how.
  std::string callback_body() {
    if (plugin_ == "momo")
      return json::serialize(json::object{{"financialTransactionId", "smoke-" + id_.substr(0, 8)},
                                          {"externalId", id_},
                                          {"amount", options_.amount},
                                          {"currency", currency_},
                                          {"status", "SUCCESSFUL"}});
    if (plugin_ == "tmoney")
      return json::serialize(json::object{{"idRequete", reference()}, {"code", "2002"}});
    if (plugin_ == "thunes")
      return json::serialize(json::object{{"external_id", reference()}, {"status_class", "7"}});
    return {};
  }

  Answer call(const std::string& body, const Secret& secret) {
    return api_.send_without_token("POST", "/v1/webhooks/" + provider_, body,
                                   {{"X-Signature", "sha256=" + core::hmac_sha256_hex(secret, body)}});
  }

  Told webhook() {
    if (options_.no_webhook) return {Result::skipped, "--no-webhook"};
    const auto secret = webhook_secret();
    if (!secret) return await_callback();
    const std::string body = callback_body();
    if (body.empty())
      return {Result::skipped, "how callbacks of the plugin " + plugin_ + " are written is not known here"};
    const Answer forged = call(body, Secret("not the secret of the provider " + core::random_uuid()));
    expect(forged, 401, "a callback that is signed with another secret");
    const Answer taken = call(body, *secret);
    expect(taken, 200, "the signed callback");
    event_id_ = text_at(object_of(taken), "event_id");
    const std::string reason = text_at(object_of(taken), "reason");
    return {Result::ok, "taken" + (reason.empty() ? "" : " (" + reason + ")") + ", and a forged one refused"};
  }

  Told await_callback() {
    const bool came = within_limit([&] {
      const Answer answer = api_.operate("GET", "/v1/admin/webhooks/events?payout=" + id_ + "&limit=1");
      expect(answer, 200, "GET /v1/admin/webhooks/events");
      const json::array& events = array_at(object_of(answer), "events");
      if (!events.empty()) event_id_ = text_at(events.front().as_object(), "id");
      return !events.empty();
    });
    if (!came)
      throw StepFailed("no secret is known to sign a callback with, and none of the provider's own came in " +
                       std::to_string(options_.timeout_s) + " s");
    return {Result::ok, "the provider's own came"};
  }

  Told confirm() {
    json::object now;
    const bool final = within_limit([&] {
      now = payout();
      return true_at(now, "final") || text_at(now, "state") == "REVIEW";
    });
    const std::string state = text_at(now, "state");
    if (state != "CONFIRMED")
      throw StepFailed("it is " + state +
                       (final ? "" : " after " + std::to_string(options_.timeout_s) + " s") +
                       (text_at(now, "reason_text").empty() ? "" : ": " + text_at(now, "reason_text")));
    const std::int64_t attempts = number_at(now, "attempt_count");
    return {Result::ok, "CONFIRMED after " + std::to_string(attempts) +
                            (attempts == 1 ? " attempt" : " attempts") + " as " +
                            text_at(now, "provider_ref")};
  }

  Told admin() {
    const Answer listed = api_.operate("GET", "/v1/payouts?idempotency_key=" + key_);
    expect(listed, 200, "the list of payouts with this key");
    const json::array& found = array_at(object_of(listed), "payouts");
    if (found.size() != 1 || text_at(found.front().as_object(), "state") != "CONFIRMED")
      throw StepFailed("the payout is not found by its key, CONFIRMED, once");
    const Answer explained = api_.operate("GET", "/v1/payouts/" + id_ + "/explain");
    expect(explained, 200, "the explanation");
    const std::string headline = text_at(object_of(explained), "headline");
    if (!headline.starts_with("CONFIRMED")) throw StepFailed("it is explained as: " + headline);
    if (event_id_.empty()) return {Result::ok, "found by its key and explained"};
    std::string state;
    const bool settled = within_limit([&] {
      const Answer event = api_.operate("GET", "/v1/admin/webhooks/events/" + event_id_);
      expect(event, 200, "the stored callback");
      state = text_at(object_of(event), "state");
      return text_at(object_of(event), "payout") == id_ && true_at(object_of(event), "signature_valid") &&
             state != "received";
    });
    if (!settled) throw StepFailed("the stored callback is " + state + " and is not linked to the payout");
    return {Result::ok, "found by its key and explained; its callback is " + state};
  }

  Told notification() {
    if (!notification_) return {steps_.at(2).result, steps_.at(2).detail};
    return {Result::ok, notification_->await(id_, std::chrono::seconds(options_.timeout_s))};
  }

  void stop_listening() {
    if (!notification_) return;
    try {
      notification_->remove();
    } catch (const CommandFailed& failure) {
      context_.err << "payoutctl: the endpoint of this test is still registered: " << failure.what() << '\n';
    }
  }

  Context& context_;
  const SmokeOptions& options_;
  SmokeApi api_;
  std::optional<ops::Config> config_;
  std::unique_ptr<SmokeNotification> notification_;
  std::vector<Step> steps_;
  std::string token_;
  std::string version_;
  std::string provider_;
  std::string plugin_;
  std::string currency_;
  std::string key_;
  std::string id_;
  std::string event_id_;
};

}  // namespace

ExitCode smoke(Context& context, const SmokeOptions& options) {
  if (!options.base_url.starts_with("http://") && !options.base_url.starts_with("https://"))
    throw CommandFailed(ExitCode::usage, "--base-url must begin with http:// or https://");
  if (!options.token.empty() && !options.token_file.empty())
    throw CommandFailed(ExitCode::usage, "--token or --token-file, not both");
  watch_interrupts();
  return Smoke(context, options).run();
}

SmokeCommandLine::SmokeCommandLine(CLI::App& app, std::function<void(Command)> use,
                                   std::function<std::pair<std::filesystem::path, bool>()> config,
                                   std::function<std::string()> socket) {
  CLI::App* sub = app.add_subcommand("smoke", "Pay one payout from end to end, and say which step works");
  sub->fallthrough();
  sub->footer(kFooter);
  sub->add_option("--base-url", options_.base_url, "Where the API is: http://127.0.0.1:8480")->required();
  sub->add_option("--destination", options_.destination, "Who is paid")->required();
  sub->add_option("--provider", options_.provider, "Through which; may be left out where there is one");
  sub->add_option("--amount", options_.amount, "How much")->capture_default_str();
  sub->add_option("--currency", options_.currency, "May be left out where the provider pays one");
  sub->add_option("--token", options_.token, "Bearer token; others on this machine can see it in ps");
  sub->add_option("--token-file", options_.token_file, "File whose first line is the token");
  sub->add_option("--webhook-secret-file", options_.webhook_secret_file,
                  "File whose first line is the provider's webhook secret");
  sub->add_flag("--no-webhook", options_.no_webhook, "Send and await no callback");
  sub->add_option("--notify-listen", options_.notify_listen,
                  "ADDRESS:PORT where the host reaches this machine: await the notification there");
  sub->add_option("--notify-url", options_.notify_url,
                  "How the host reaches it, where it is not http://ADDRESS:PORT: a TLS proxy in front of it");
  sub->add_option("--ca-file", options_.ca_file, "PEM of an authority that the system does not know");
  sub->add_option("--timeout", options_.timeout_s, "Seconds that a step may take")
      ->check(CLI::Range(1, 3600))
      ->capture_default_str();
  sub->callback([this, use = std::move(use), config = std::move(config), socket = std::move(socket)] {
    std::tie(options_.config, options_.has_config) = config();
    use([this, socket](Context& context) {
      context.socket = socket();
      return smoke(context, options_);
    });
  });
}

}  // namespace payoutd::ctl
