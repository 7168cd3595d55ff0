#include "ctl/load.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cmath>
#include <ostream>

#include "core/ids.hpp"
#include "core/rate.hpp"
#include "ctl/api_access.hpp"
#include "ctl/health.hpp"
#include "ctl/load_guard.hpp"
#include "ctl/load_outcome.hpp"
#include "ctl/load_sender.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::int64_t kMostPayouts = 10'000'000;

constexpr const char* kFooter =
    "\nPosts at the given rate whatever the host does, each payout with a key of its own, and counts latency "
    "from "
    "the\ntime at which a payout should have been posted: a host that stands still shows. Then it waits for "
    "outcomes\n(--settle), and tells admission's latency, errors by code, and the time from admission until "
    "payouts were SENT and\nCONFIRMED.\n\n"
    "The payouts are like any others. So it is refused unless the host's environment is dev or staging and "
    "the "
    "provider\nsays `environment: sandbox`, but for --real-money. With the switch dry_run on, payouts end as "
    "SIMULATED: "
    "then all but\nthe provider is measured.\n\n"
    "Ends with 1 if a threshold was missed (--p95-ms, --p99-ms, --confirmed-p95-ms, --max-errors), or a "
    "payout "
    "that\nwas taken is not in the list afterwards; with 4 if it is refused.\n\nExamples:\n"
    "  payoutctl load --rate 50/s --duration 60s --provider momo-dev --currency EUR --destination-prefix "
    "4673310 \\\n"
    "      --p95-ms 150\n"
    "  payoutctl load --base-url https://staging.example --token-file token --rate 500/s --bulk 100 --json "
    "\\\n"
    "      --duration 5m --provider momo-ci --currency XOF --amount 100 --destination-prefix 2250700\n";

std::string ms_text(Percentiles::Duration duration) {
  const std::int64_t us = duration.count();
  if (us < 10'000) return std::to_string(us / 1000) + "." + std::to_string(us % 1000 / 100) + " ms";
  if (us < 10'000'000) return std::to_string((us + 500) / 1000) + " ms";
  return duration_text(std::chrono::duration_cast<milliseconds>(duration));
}

std::string rate_text(double per_second) {
  const auto tenths = static_cast<std::int64_t>(std::llround(per_second * 10));
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + "/s";
}

/// One run: what is asked for, what was posted, what became of it.
class Load {
 public:
  Load(Context& context, const LoadOptions& options) : context_(context), options_(options) {
    const auto rate = core::Rate::parse(options.rate);
    if (!rate || !rate->limited())
      throw CommandFailed(ExitCode::usage, "--rate must be so many in a time, such as 50/s or 300/m, not '" +
                                               printable(options.rate) + "'");
    const std::int64_t duration_s = span_s("--duration", options.duration);
    const double wanted = rate->per_second() * static_cast<double>(duration_s);
    if (wanted < 1 || wanted > static_cast<double>(kMostPayouts))
      throw CommandFailed(ExitCode::usage, "--rate and --duration must come to 1 to 10000000 payouts");
    settle_ = std::chrono::seconds(span_s("--settle", options.settle));
    plan_ = {.payouts = std::llround(wanted),
             .bulk = options.bulk,
             .per_second = rate->per_second(),
             .connections = options.connections,
             .provider = options.provider,
             .amount = options.amount,
             .currency = options.currency,
             .destination_prefix = options.destination_prefix,
             .destination_digits = options.destination_digits,
             .batch = options.batch,
             .key_prefix = "load-" + core::random_uuid() + "-"};
    if (plan_.batch.empty()) plan_.batch = plan_.key_prefix.substr(0, plan_.key_prefix.size() - 1);
    const auto ttl =
        std::chrono::duration_cast<std::chrono::minutes>(std::chrono::seconds(duration_s) + settle_) +
        std::chrono::minutes(30);
    where_ = {.base_url = options.base_url,
              .ca_file = options.ca_file,
              .token = options.base_url.empty() ? std::string() : own_token(ttl),
              .control_socket = context.socket,
              .timeout = std::chrono::seconds(options.timeout_s)};
  }

  ExitCode run() {
    LoadApi api(where_);
    if (!options_.real_money) {
      if (const std::string risk = real_money_risk(api, options_.provider); !risk.empty())
        throw CommandFailed(ExitCode::refused,
                            "This may pay real money: " + risk + ". --real-money does it all the same.");
    }
    LoadSender sender(plan_, where_);
    posted_ =
        sender.run([] { return interrupted().load(); }, [&] { progress(sender.taken(), sender.failed()); });
    clear_progress();
    if (!posted_.ids.empty()) read_outcome(api);
    judge();
    context_.json ? print_json() : print();
    if (interrupted()) return ExitCode::interrupted;
    return missed_.empty() ? ExitCode::ok : ExitCode::negative;
  }

 private:
  std::string own_token(std::chrono::minutes ttl) const {
    using identity::Role;
    return api_token({options_.token,
                      options_.token_file,
                      "load",
                      {Role::payouts_write, Role::payouts_read, Role::admin},
                      ttl},
                     readable_config(options_.config, options_.has_config));
  }

  // What was measured is told even if the host answers no more.
  void read_outcome(LoadApi& api) {
    try {
      const bool settled = await_load(api, plan_.batch, settle_, [] { return interrupted().load(); });
      outcome_ = read_load(api, plan_.batch, options_.sample);
      outcome_.settled = settled;
    } catch (const CommandFailed& failure) {
      unread_ = failure.what();
    }
  }

  void progress(std::int64_t taken, std::int64_t failed) const {
    if (!context_.live) return;
    context_.err << "\r\033[K" << taken << " of " << plan_.payouts << " taken, " << failed << " refused"
                 << std::flush;
  }
  void clear_progress() const {
    if (context_.live) context_.err << "\r\033[K" << std::flush;
  }

  /// What was not as it was asked to be, in sentences.
  void judge() {
    const auto limit = [this](const char* what, Percentiles::Duration measured, int most_ms) {
      if (most_ms == 0 || measured <= milliseconds(most_ms)) return;
      missed_.push_back(std::string(what) + " is " + ms_text(measured) + ", more than " +
                        std::to_string(most_ms) + " ms");
    };
    limit("p95 of admission", posted_.admission.at(95), options_.p95_ms);
    limit("p99 of admission", posted_.admission.at(99), options_.p99_ms);
    limit("p95 until CONFIRMED", outcome_.to_confirmed.at(95), options_.confirmed_p95_ms);
    if (options_.confirmed_p95_ms > 0 && outcome_.to_confirmed.count() == 0)
      missed_.emplace_back("no payout was CONFIRMED in time");
    if (posted_.failed() > options_.max_errors)
      missed_.push_back(std::to_string(posted_.failed()) + " payouts were not taken, more than " +
                        std::to_string(options_.max_errors));
    const auto taken = std::ssize(posted_.ids);
    if (!unread_.empty())
      missed_.push_back("what became of the payouts could not be read: " + unread_);
    else if (outcome_.found < taken)
      missed_.push_back(std::to_string(taken - outcome_.found) +
                        " payouts that were taken are not in the list of the batch");
  }

  double throughput() const {
    const double seconds = static_cast<double>(posted_.took.count()) / 1'000'000;
    return seconds > 0 ? static_cast<double>(posted_.ids.size()) / seconds : 0;
  }

  void print_json() const {
    json::object errors;
    for (const auto& [code, count] : posted_.errors) errors[code] = count;
    json::object states;
    for (const auto& [state, count] : outcome_.states) states[state] = count;
    context_.out << json::serialize(json::object{
                        {"ok", missed_.empty()},
                        {"batch", plan_.batch},
                        {"provider", plan_.provider},
                        {"rate_per_s", plan_.per_second},
                        {"planned", plan_.payouts},
                        {"requests", posted_.requests},
                        {"admitted", posted_.ids.size()},
                        {"failed", posted_.failed()},
                        {"throughput_per_s", throughput()},
                        {"latest_start_ms", static_cast<double>(posted_.latest_start.count()) / 1000},
                        {"errors", std::move(errors)},
                        {"admission", posted_.admission.to_json()},
                        {"to_sent", outcome_.to_sent.to_json()},
                        {"to_confirmed", outcome_.to_confirmed.to_json()},
                        {"states", std::move(states)},
                        {"settled", outcome_.settled},
                        {"missed", json::array(missed_.begin(), missed_.end())}})
                 << '\n';
  }

  void print() const {
    context_.out << posted_.ids.size() << " of " << plan_.payouts << " payouts taken at "
                 << rate_text(throughput()) << ", batch " << plan_.batch << "\n\n";
    Table table({{""}, {"PAYOUTS", true}, {"P50", true}, {"P95", true}, {"P99", true}, {"MAX", true}});
    for (const auto& [name, figures] : {std::pair{"admission", &posted_.admission},
                                        {"until SENT", &outcome_.to_sent},
                                        {"until CONFIRMED", &outcome_.to_confirmed}}) {
      if (figures->count() == 0) continue;
      table.add({name, std::to_string(figures->count()), ms_text(figures->at(50)), ms_text(figures->at(95)),
                 ms_text(figures->at(99)), ms_text(figures->max())});
    }
    if (!table.empty()) table.print(context_.out, context_.style);
    context_.out << '\n';
    for (const auto& [code, count] : posted_.errors)
      context_.out << context_.style.paint(Colour::red, code) << ": " << count << '\n';
    std::string states;
    for (const auto& [state, count] : outcome_.states)
      states += (states.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    if (!states.empty())
      context_.out << "Now: " << states << (outcome_.settled ? "" : "; not all of them settled in time")
                   << ".\n";
    if (posted_.latest_start > milliseconds(100))
      context_.out
          << "Some were posted up to " << ms_text(posted_.latest_start)
          << " after their time, which their latency counts: the host was slow, or --connections is too "
             "low.\n";
    for (const std::string& one : missed_)
      context_.out << context_.style.paint(Colour::red, "Missed") << ": " << one << ".\n";
    if (missed_.empty()) context_.out << context_.style.paint(Colour::green, "As it should be.") << '\n';
  }

  Context& context_;
  const LoadOptions& options_;
  LoadPlan plan_;
  LoadApi::Where where_;
  std::chrono::seconds settle_{0};
  LoadPosted posted_;
  LoadOutcome outcome_;
  std::string unread_;  ///< why what became of the payouts is not known; empty: it is
  std::vector<std::string> missed_;
};

}  // namespace

ExitCode load(Context& context, const LoadOptions& options) {
  if (!options.base_url.empty() && !options.base_url.starts_with("http://") &&
      !options.base_url.starts_with("https://"))
    throw CommandFailed(ExitCode::usage, "--base-url must begin with http:// or https://");
  if (!options.token.empty() && !options.token_file.empty())
    throw CommandFailed(ExitCode::usage, "--token or --token-file, not both");
  watch_interrupts();
  return Load(context, options).run();
}

LoadCommandLine::LoadCommandLine(CLI::App& app, std::function<void(Command)> use,
                                 std::function<std::pair<std::filesystem::path, bool>()> config,
                                 std::function<std::string()> socket) {
  CLI::App* sub = app.add_subcommand("load", "Post payouts at a fixed rate, and report latencies");
  sub->fallthrough();
  sub->footer(kFooter);
  add_options(sub);
  sub->callback([this, use = std::move(use), config = std::move(config), socket = std::move(socket)] {
    std::tie(options_.config, options_.has_config) = config();
    use([this, socket](Context& context) {
      context.socket = socket();
      return load(context, options_);
    });
  });
}

void LoadCommandLine::add_options(CLI::App* sub) {
  LoadOptions& o = options_;
  sub->add_option("--provider", o.provider, "Through which")->required();
  sub->add_option("--currency", o.currency, "Of each payout")->required();
  sub->add_option("--destination-prefix", o.destination_prefix,
                  "How the payees begin; counting digits follow")
      ->required();
  sub->add_option("--destination-digits", o.destination_digits, "How many digits follow the prefix")
      ->check(CLI::Range(0, 18))
      ->capture_default_str();
  sub->add_option("--amount", o.amount, "Of each payout")->capture_default_str();
  sub->add_option("--rate", o.rate, "Payouts in a time: 50/s, 300/m")->capture_default_str();
  sub->add_option("--duration", o.duration, "For how long: 60s, 5m")->capture_default_str();
  sub->add_option("--bulk", o.bulk, "Payouts in a request")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  sub->add_option("--connections", o.connections, "Requests that may be under way together")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  sub->add_option("--batch", o.batch, "Batch of the payouts; a new name if left out");
  sub->add_option("--settle", o.settle, "How long to wait for outcomes afterwards")->capture_default_str();
  sub->add_option("--sample", o.sample, "Payouts whose events are read for the time until SENT")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  sub->add_option("--p95-ms", o.p95_ms, "End with 1 if p95 of admission is longer");
  sub->add_option("--p99-ms", o.p99_ms, "End with 1 if p99 of admission is longer");
  sub->add_option("--confirmed-p95-ms", o.confirmed_p95_ms, "End with 1 if p95 until CONFIRMED is longer");
  sub->add_option("--max-errors", o.max_errors, "End with 1 if more payouts are not taken")
      ->capture_default_str();
  sub->add_option("--base-url", o.base_url, "Where the API is; the control socket if left out");
  sub->add_option("--token", o.token, "Bearer token; others on this machine can see it in ps");
  sub->add_option("--token-file", o.token_file, "File whose first line is the token");
  sub->add_option("--ca-file", o.ca_file, "PEM of an authority that the system does not know");
  sub->add_option("--timeout", o.timeout_s, "Seconds that a request may take")
      ->check(CLI::Range(1, 3'600))
      ->capture_default_str();
  sub->add_flag("--real-money", o.real_money,
                "Also where it may pay real money: in prod, or through no sandbox");
}

}  // namespace payoutd::ctl
