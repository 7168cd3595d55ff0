#include "ctl/app.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "ctl/bulk_decision.hpp"
#include "ctl/check.hpp"
#include "ctl/commands.hpp"
#include "ctl/database_command_line.hpp"
#include "ctl/export.hpp"
#include "ctl/idempotency.hpp"
#include "ctl/load.hpp"
#include "ctl/manual.hpp"
#include "ctl/migrate.hpp"
#include "ctl/notification.hpp"
#include "ctl/operations_command_line.hpp"
#include "ctl/pay.hpp"
#include "ctl/plugin_inspect.hpp"
#include "ctl/plugin_new.hpp"
#include "ctl/plugin_verify.hpp"
#include "ctl/policy_command_line.hpp"
#include "ctl/reload.hpp"
#include "ctl/retry.hpp"
#include "ctl/service_environment.hpp"
#include "ctl/smoke.hpp"
#include "ctl/throttle.hpp"
#include "ctl/token.hpp"
#include "ctl/webhook.hpp"
#include "identity/role.hpp"
#include "ops/config.hpp"

namespace payoutd::ctl {
namespace {

constexpr const char* kDefaultConfig = "/etc/payoutd/payoutd.yaml";
constexpr const char* kDefaultSocket = "/run/payoutd/control.sock";

constexpr const char* kAbout =
    "payoutctl: pays files, and looks after payouts, through a running payoutd.\n\n"
    "It talks to the host on this machine over its control socket; what you do is recorded under your\n"
    "user name. Start with:\n\n"
    "  payoutctl pay salaries.csv --batch salaries-2026-01    pay a file and wait for its outcome\n"
    "  payoutctl list --state UNKNOWN                         what may or may not have been paid\n"
    "  payoutctl explain ID                                   why a payout is where it is\n"
    "  payoutctl review list                                  what waits for a human\n"
    "  payoutctl provider list                                how the providers are\n"
    "  payoutctl scripts status                               which rules and schedules run where\n"
    "  payoutctl health, stats, top                           how the host is, and what goes through it\n"
    "  payoutctl doctor                                       what is wrong, and what to do about it\n";

constexpr const char* kFooter =
    "\nWhere the host is: --socket, else $PAYOUTD_SOCKET, else control_socket of the configuration "
    "(--config, else\n"
    "$PAYOUTD_CONFIG, else /etc/payoutd/payoutd.yaml), else /run/payoutd/control.sock.\n"
    "Colours only on a terminal, and not if NO_COLOR is set.\n\n"
    "Exit codes:\n"
    "  0    done, and the answer is good\n"
    "  1    done, and the answer is bad: not all of a file was paid, a probe failed, a configuration has "
    "problems\n"
    "  2    the command line, a file or the configuration is wrong; nothing was done\n"
    "  3    no host (or database) answers\n"
    "  4    the host refuses: no such payout, a state that does not allow it, …\n"
    "  5    the host, its database or a provider could not do it now\n"
    "  10   and above: the step of `smoke` that failed; its help says which\n"
    "  health and doctor end with 1 where somebody should look, and with 2 where payments stand still\n"
    "  130  interrupted; what was sent goes on, and the same command resumes\n";

constexpr const char* kPayFooter =
    "\nThe file is CSV with a header line, or one JSON object a line (.jsonl, .ndjson). Columns: amount, "
    "currency,\n"
    "destination, and optionally provider, user, region, note, key. Amounts are decimal digits: 100, "
    "10.50.\n\n"
    "  amount,currency,destination,key\n"
    "  1500,XOF,22507000001,salary-2026-01-17\n\n"
    "`key` is your own name for each payout. Without that column, --batch NAME makes them: NAME:1, NAME:2, … "
    "by row.\n"
    "Send the same file again whenever you are in doubt: what was taken before is not paid a second time, "
    "and what\n"
    "was not is sent. A row that was changed since is refused as a conflict, with its line.\n\n"
    "Examples:\n"
    "  payoutctl pay salaries.csv --batch salaries-2026-01\n"
    "  payoutctl pay refunds.jsonl --no-wait --json\n"
    "  payoutctl pay salaries.csv --batch salaries-2026-01 --out outcome.csv --timeout 600\n";

constexpr const char* kExportFooter =
    "\nThe file appears under its name only when it is complete; what was cut is thrown away, and the "
    "command ends\n"
    "with 3. CSV (RFC 4180) has a header line; cells that a spreadsheet would take for a formula begin with "
    "an\n"
    "apostrophe. JSON lines end with {\"end\":true,\"count\":N}.\n\nExamples:\n"
    "  payoutctl export --after 2026-01-01T00:00:00Z --before 2026-02-01T00:00:00Z --out january.csv\n"
    "  payoutctl export --format jsonl --state CONFIRMED | jq -r .provider_ref\n";

std::string environment(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

/// What the command line says; commands fill in theirs.
struct Arguments {
  std::string socket;
  std::string config;
  bool json = false;

  PayOptions pay;
  std::string form;
  bool no_wait = false;
  std::int64_t timeout_s = 0;
  ListOptions list;
  std::string id;
  std::string note;
  std::string name;
  std::string value;
  std::string batch;
  std::string provider;
  bool paid = false;
  bool not_paid = false;
  bool ask_again = false;
  MigrateOptions migrate;
  std::string provider_executable;
  PluginInspectOptions plugin_inspect;
  PluginVerifyOptions plugin_verify;
  PluginNewOptions plugin_new;
  BulkDecisionOptions many;
  RetryOptions retry;
  AuditOptions audit;
  ThrottleOptions throttle;
  ExportOptions exported;
  IdempotencyOptions idempotency;
  TokenIssueOptions token_issue;
  TokenInspectOptions token_inspect;

  std::filesystem::path config_file() const {
    if (!config.empty()) return config;
    const std::string from_environment = environment("PAYOUTD_CONFIG");
    return from_environment.empty() ? kDefaultConfig : from_environment;
  }
};

// A configuration that this user may not read, or whose secrets are not there, still leaves the usual place.
std::string find_socket(const Arguments& arguments) {
  if (!arguments.socket.empty()) return arguments.socket;
  if (std::string named = environment("PAYOUTD_SOCKET"); !named.empty()) return named;
  std::error_code ec;
  const std::filesystem::path file = arguments.config_file();
  if (std::filesystem::exists(file, ec)) {
    try {
      return ops::load_config(file).static_config.control_socket.string();
    } catch (const ops::ConfigError& error) {
      if (!arguments.config.empty()) throw CommandFailed(ExitCode::usage, error.what());
    }
  } else if (!arguments.config.empty()) {
    throw CommandFailed(ExitCode::usage, arguments.config + ": there is no such file");
  }
  return kDefaultSocket;
}

using Command = std::function<ExitCode(Context&)>;

/// The commands, each with its options and the function that carries it out.
class CommandLine {
 public:
  CommandLine() {
    app_.require_subcommand(1);
    app_.fallthrough();
    app_.footer(kFooter);
    app_.add_option("--socket", a_.socket, "Control socket of the host");
    app_.add_option("-c,--config", a_.config, "Configuration of the host");
    app_.add_flag("--json", a_.json, "Answer with one JSON document on standard output");
    app_.set_version_flag("--version", PAYOUTD_VERSION);
    add_pay();
    add_lookups();
    add_decisions();
    add_providers();
    add_operations();
    add_manual();
    add_migrate();
    add_plugins();
    add_tokens();
    webhook_.emplace(app_, [this](Command command) {
      chosen_ = std::move(command);
      needs_host_ = true;
    });
    notification_.emplace(app_, [this](Command command, bool needs_host) {
      chosen_ = std::move(command);
      needs_host_ = needs_host;
    });
    operations_.emplace(app_, OperationsCommandLine::Parts{[this](Command command, bool needs_host) {
                                                             chosen_ = std::move(command);
                                                             needs_host_ = needs_host;
                                                           },
                                                           [this] { return a_.config_file(); },
                                                           [this] { return find_socket(a_); }});
    database_.emplace(app_, [this](DatabaseCommandLine::Command command, bool needs_host) {
      needs_host_ = needs_host;
      chosen_ = [this, command = std::move(command)](Context& context) {
        return command(context, a_.config_file());
      };
    });
    policy_.emplace(app_, [this](Command command, bool needs_host) {
      chosen_ = std::move(command);
      needs_host_ = needs_host;
    });
    smoke_.emplace(
        app_,
        [this](Command command) {
          chosen_ = std::move(command);
          needs_host_ = false;
        },
        [this] { return std::pair{a_.config_file(), !a_.config.empty()}; },
        [this] { return find_socket(a_); });
    load_.emplace(
        app_,
        [this](Command command) {
          chosen_ = std::move(command);
          needs_host_ = false;
        },
        [this] { return std::pair{a_.config_file(), !a_.config.empty()}; },
        [this] { return find_socket(a_); });
  }

  CLI::App& app() { return app_; }
  const Arguments& arguments() const { return a_; }
  const Command& chosen() const { return chosen_; }
  bool needs_host() const { return needs_host_; }

 private:
  CLI::App* add(CLI::App* parent, const std::string& name, const std::string& about, Command command) {
    CLI::App* sub = parent->add_subcommand(name, about);
    sub->fallthrough();
    sub->callback([this, command = std::move(command)] { chosen_ = command; });
    return sub;
  }
  /// A command that works without a host.
  CLI::App* add_offline(const std::string& name, const std::string& about, Command command) {
    CLI::App* sub = app_.add_subcommand(name, about);
    sub->fallthrough();
    sub->callback([this, command = std::move(command)] {
      chosen_ = command;
      needs_host_ = false;
    });
    return sub;
  }
  void add_note(CLI::App* sub, const char* about) { sub->add_option("--note", a_.note, about); }
  void add_id(CLI::App* sub) { sub->add_option("id", a_.id, "Id of the payout")->required(); }

  void add_pay() {
    CLI::App* sub =
        add(&app_, "pay", "Pay what a file lists, and wait for the outcome", [this](Context& context) {
          PayOptions& options = a_.pay;
          options.wait = !a_.no_wait;
          options.timeout = std::chrono::seconds(a_.timeout_s);
          const std::string ending = std::filesystem::path(options.file).extension().string();
          const bool lines = a_.form.empty() ? ending == ".jsonl" || ending == ".ndjson" : a_.form == "jsonl";
          options.format.form = lines ? FileOptions::Form::lines : FileOptions::Form::csv;
          watch_interrupts();
          return pay(context, options);
        });
    sub->footer(kPayFooter);
    sub->add_option("file", a_.pay.file, "CSV or JSON lines; - for standard input")->required();
    sub->add_option("--batch", a_.pay.format.batch,
                    "Name of the batch; also makes the keys where the file has none");
    sub->add_option("--format", a_.form, "csv or jsonl; by the file's ending if left out")
        ->check(CLI::IsMember({"csv", "jsonl"}));
    sub->add_flag("--skip-bad", a_.pay.skip_bad, "Send the good rows of a file that has bad ones");
    sub->add_flag("--no-wait", a_.no_wait, "Return when all is admitted");
    sub->add_option("--timeout", a_.timeout_s, "Seconds after which to stop waiting; the host goes on")
        ->check(CLI::NonNegativeNumber);
    sub->add_option("--out", a_.pay.out_file, "Write what became of each row to this CSV file");
    sub->add_option("--in-flight", a_.pay.in_flight, "Requests at the same time")->check(CLI::Range(1, 64));
    sub->add_option("--chunk", a_.pay.chunk, "Payouts in one request")->check(CLI::Range(1, 1000));
  }

  void add_lookups() {
    CLI::App* sub =
        add(&app_, "list", "List payouts, newest first", [this](Context& c) { return list(c, a_.list); });
    add_filters(sub);
    sub->footer(
        "\nExamples:\n  payoutctl list --state FAILED --batch salaries-2026-01\n"
        "  payoutctl list --key salary-2026-01-17\n");
    add_export();
    add_idempotency();
    add_id(add(&app_, "show", "Show one payout", [this](Context& c) { return show(c, a_.id); }));
    add_id(add(&app_, "explain", "Say why a payout is where it is, on what evidence, and what happens next",
               [this](Context& c) { return explain(c, a_.id); }));
    add_id(add(&app_, "events", "List everything that happened to a payout",
               [this](Context& c) { return events(c, a_.id); }));
  }

  static void add_filter(CLI::App* sub, ListOptions& o) {
    sub->add_option("--state", o.state,
                    "PENDING, HELD, SUBMITTING, SENT, UNKNOWN, REVIEW, CONFIRMED, FAILED, …");
    add_choice(sub, o);
  }

  /// Which payouts, whatever their state.
  static void add_choice(CLI::App* sub, ListOptions& o) {
    sub->add_option("--provider", o.provider, "Only of this provider");
    sub->add_option("--batch", o.batch, "Only of this batch");
    sub->add_option("--user", o.user, "Only of this user");
    sub->add_option("--destination", o.destination, "Only to this destination");
    sub->add_option("--key", o.idempotency_key, "The one with this key");
    sub->add_option("--reason", o.reason, "Only with this reason");
    sub->add_option("--after", o.created_after, "Created after this time (2026-01-31T08:00:00Z)");
    sub->add_option("--before", o.created_before, "Created before this time");
  }

  void add_filters(CLI::App* sub) {
    add_filter(sub, a_.list);
    sub->add_option("--limit", a_.list.limit, "Rows to show")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
    sub->add_flag("--all", a_.list.all, "All rows, however many");
  }

  void add_idempotency() {
    IdempotencyOptions& o = a_.idempotency;
    CLI::App* group =
        app_.add_subcommand("idempotency", "See what stands under keys, and what conflicts with it");
    group->require_subcommand(1);
    group->fallthrough();
    CLI::App* show = add(group, "show", "The stored request and answer of a key, and how others differ",
                         [this](Context& c) { return idempotency_show(c, a_.idempotency); });
    show->add_option("key", o.key, "The key")->required();
    show->add_option("--client", o.client, "Of this client; of every one if left out");
    CLI::App* conflicts =
        add(group, "conflicts", "Keys that came again with another payload, the latest first",
            [this](Context& c) { return idempotency_conflicts(c, a_.idempotency); });
    conflicts->add_option("--client", o.client, "Only of this client");
    conflicts->add_option("--limit", o.limit, "Keys to show")
        ->check(CLI::Range(1, 500))
        ->capture_default_str();
  }

  void add_export() {
    ExportOptions& o = a_.exported;
    CLI::App* sub = add(&app_, "export", "Write all payouts that a filter names to a file, however many",
                        [this](Context& c) {
                          watch_interrupts();
                          return export_payouts(c, a_.exported);
                        });
    add_filter(sub, o.filter);
    sub->add_option("--format", o.format, "csv or jsonl")
        ->check(CLI::IsMember({"csv", "jsonl"}))
        ->capture_default_str();
    sub->add_option("--out", o.file, "File to write; standard output if left out");
    sub->footer(kExportFooter);
  }

  void add_retry() {
    RetryOptions& o = a_.retry;
    CLI::App* sub = add(&app_, "retry", "Do the safe thing for payouts now instead of at their time",
                        [this](Context& c) { return retry(c, a_.retry); });
    sub->add_option("id", o.id, "One payout");
    sub->add_option("--provider", o.provider, "All that wait at this provider");
    sub->add_option("--state", o.state, "PENDING, SENT or UNKNOWN; all three if left out");
    sub->add_option("--reason", o.reason, "Only with this reason");
    sub->add_option("--batch", o.batch, "Only of this batch");
    sub->add_option("--older-than", o.older_than, "Only those in their state for so long: 30m, 24h");
    sub->add_option("--limit", o.limit, "At most so many")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    sub->add_option("--rate", o.per_second, "So many a second")
        ->check(CLI::Range(1, 1'000))
        ->capture_default_str();
    sub->add_flag("--preview", o.preview, "Only say which and how many");
    sub->add_option("--note", o.note, "Why; it stays with the payouts");
    sub->footer(
        "\nA PENDING payout is submitted. One that is SENT or UNKNOWN may have been paid, so the provider is "
        "asked,\n"
        "and it is sent again only where the provider's contract proves that nothing was "
        "accepted.\n\nExamples:\n"
        "  payoutctl retry 4a9bd396-474b-4975-bd20-e274cad979bc\n"
        "  payoutctl retry --provider momo --state SENT --older-than 30m --preview\n"
        "  payoutctl retry --provider momo --state SENT --older-than 30m --rate 5 --note 'after the "
        "outage'\n");
  }

  void add_audit() {
    CLI::App* group =
        app_.add_subcommand("audit", "See what people did, and that nobody changed the record of it");
    group->require_subcommand(1);
    group->fallthrough();
    CLI::App* list = add(group, "list", "What people did, the latest first",
                         [this](Context& c) { return audit_list(c, a_.audit); });
    list->add_option("--actor", a_.audit.actor, "Only by this one, such as operator:awa");
    list->add_option("--subject", a_.audit.subject, "Only to this payout, provider or switch");
    list->add_option("--key-id", a_.audit.key_id, "Only with tokens that this key signed");
    list->add_option("--token-id", a_.audit.token_id, "Only with this token (its jti)");
    list->add_option("--since", a_.audit.since, "Only of the last 90s, 30m, 24h, 7d, …");
    list->add_option("--limit", a_.audit.limit, "Rows to show")
        ->check(CLI::Range(1, 1'000))
        ->capture_default_str();
    add(group, "verify", "Check that no entry was changed, taken out or put in", audit_verify)
        ->footer("\nEnds with 1 if something was.\n");
  }

  void add_decisions() {
    for (const auto& [name, about] :
         {std::pair{"cancel", "Do not pay a payout; possible while nothing is under way"},
          std::pair{"hold", "Keep a payout from being submitted"},
          std::pair{"release", "Let a held payout go on; the rules judge it again"},
          std::pair{"approve",
                    "Pay a held payout, whatever the rules say; above an amount it takes two people"},
          std::pair{"reject", "Do not pay a held payout"}}) {
      const std::string action = name;
      if (action == "approve") {  // each for itself: it goes over what the rules say
        CLI::App* sub =
            add(&app_, name, about, [this](Context& c) { return change(c, "approve", a_.id, a_.note); });
        add_id(sub);
        add_note(sub, "Why; it stays with the payout");
      } else {
        add_decision_for_many(action, about);
      }
    }
    add_retry();
    add_audit();
    CLI::App* sub = add(&app_, "review", "Decide on a payout that only a human can settle",
                        [this](Context& c) { return run_review(c); });
    sub->add_option("id", a_.id, "Id of the payout, or `list` to see which wait")->required();
    CLI::Option* paid = sub->add_flag("--paid", a_.paid, "It was paid: it becomes CONFIRMED");
    CLI::Option* not_paid =
        sub->add_flag("--not-paid", a_.not_paid, "It was not paid: it is released to be paid again");
    CLI::Option* ask = sub->add_flag("--ask-again", a_.ask_again, "Have the provider asked now");
    paid->excludes(not_paid)->excludes(ask);
    not_paid->excludes(ask);
    add_note(sub, "The evidence: what was found, where, by whom. Required for --paid and --not-paid");
    sub->footer(
        "\nFind out at the provider (its portal, its statement) before you say --paid or --not-paid: saying\n"
        "--not-paid of something that was paid makes it be paid twice.\n\nExamples:\n"
        "  payoutctl review list\n  payoutctl review ID --ask-again\n"
        "  payoutctl review ID --paid --note 'statement of 3 May, line 17, checked by Awa'\n");
  }

  void add_decision_for_many(const std::string& action, const char* about) {
    BulkDecisionOptions& o = a_.many;
    CLI::App* sub = add(&app_, action, about, [this, action](Context& c) {
      const bool filtered = names_payouts(a_.many.filter);
      if (a_.id.empty() == !filtered)
        throw CommandFailed(ExitCode::usage,
                            "name one payout, or say which by --provider, --reason, --batch and so on");
      return filtered ? decide_many(c, action, a_.many) : change(c, action, a_.id, a_.many.note);
    });
    sub->add_option("id", a_.id, "One payout");
    add_choice(sub, o.filter);
    sub->add_option("--limit", o.limit, "At most so many, the latest first")
        ->check(CLI::Range(1, 10'000))
        ->capture_default_str();
    sub->add_flag("--preview", o.preview, "Only say which and how many");
    sub->add_option("--note", o.note, "Why; it stays with each payout. Required for many");
    sub->footer("\nExamples:\n  payoutctl " + action + " 4a9bd396-474b-4975-bd20-e274cad979bc\n  payoutctl " +
                action + " --provider momo --batch may --preview\n  payoutctl " + action +
                " --provider momo --batch may --note 'asked for by Awa'\n");
  }

  ExitCode run_review(Context& context) {
    if (a_.id == "list") {
      a_.list.state = "REVIEW";
      a_.list.limit = 500;
      return list(context, a_.list);
    }
    if (!a_.paid && !a_.not_paid && !a_.ask_again) {
      throw CommandFailed(ExitCode::usage,
                          "Say what is decided: --paid, --not-paid or --ask-again. `payoutctl explain " +
                              a_.id + "` shows the evidence.");
    }
    if ((a_.paid || a_.not_paid) && a_.note.empty()) {
      throw CommandFailed(ExitCode::usage, "--note TEXT is required: what was found, where, and by whom.");
    }
    return review(context, a_.id, a_.paid ? "paid" : a_.not_paid ? "not_paid" : "ask_again", a_.note);
  }

  void add_providers() {
    CLI::App* group = app_.add_subcommand("provider", "Look after providers");
    group->require_subcommand(1);
    group->fallthrough();
    add(group, "list", "How the providers are", [](Context& c) { return providers(c); });
    add_options(*add(group, "throttle", "Take no more new payouts than a rate and a depth allow",
                     [this](Context& c) { return throttle(c, a_.throttle); }),
                a_.throttle);
    const auto named = [this, group](const char* name, const char* about, Command command, bool note) {
      CLI::App* sub = add(group, name, about, std::move(command));
      sub->add_option("name", a_.name, "Name of the provider")->required();
      if (note) add_note(sub, "Why; it is kept");
    };
    const auto action = [this](const char* name) {
      return
          [this, text = std::string(name)](Context& c) { return provider_action(c, a_.name, text, a_.note); };
    };
    named("show", "How one provider is", [this](Context& c) { return provider_show(c, a_.name); }, false);
    named("pause", "Submit nothing new through it; what is in flight goes on", action("pause"), true);
    named("resume", "Submit through it again", action("resume"), true);
    CLI::App* dry_run =
        add(group, "dry-run", "Have its payouts end as SIMULATED instead of being paid",
            [this](Context& c) { return provider_dry_run(c, a_.name, a_.value == "on", a_.note); });
    dry_run->add_option("name", a_.name, "Name of the provider")->required();
    dry_run->add_option("value", a_.value, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
    add_note(dry_run, "Why; it is kept");
    named("probe", "Check that it is reachable and takes our credentials", action("probe"), false);
    named(
        "balance", "What is left on its account", [this](Context& c) { return provider_balance(c, a_.name); },
        false);
    named("lift", "Start a plugin again that was quarantined because it kept crashing",
          action("lift-quarantine"), true);
  }

  void add_operations() {
    CLI::App* group = app_.add_subcommand("switch", "Stop or simulate payments on all hosts at once");
    group->require_subcommand(1);
    group->fallthrough();
    add(group, "list", "How the switches are", [](Context& c) { return switches(c); });
    CLI::App* set = add(group, "set", "Turn a switch on or off",
                        [this](Context& c) { return set_switch(c, a_.name, a_.value == "on", a_.note); });
    set->add_option("name", a_.name, "dry_run, stop_submissions, stop_writes or look_up_first")
        ->required()
        ->check(CLI::IsMember({"dry_run", "stop_submissions", "stop_writes", "look_up_first"}));
    set->add_option("value", a_.value, "on or off")->required()->check(CLI::IsMember({"on", "off"}));
    add_note(set, "Why; it is kept");
    set->footer(
        "\nstop_writes works while the database is down: then it stops the host that is asked, by a file in "
        "its\n"
        "state_dir, and becomes the switch for all hosts when the database answers. Where no host answers,\n"
        "`touch stop-writes` in its state_dir does the same. Ends with 1 if the host is not as asked.\n");
    add(&app_, "hosts", "Which hosts share the database, and whether they live",
        [](Context& c) { return hosts(c); });
    CLI::App* tally_command = add(&app_, "tally", "How many payouts stand where, and for how long",
                                  [this](Context& c) { return tally(c, a_.batch, a_.provider); });
    tally_command->add_option("--batch", a_.batch, "Only of this batch, finished ones included");
    tally_command->add_option("--provider", a_.provider, "Only of this provider");
    add(&app_, "reload", "Have the host read its configuration, secrets, plugins and scripts again", reload)
        ->footer(
            "\nWhat is refused stays as it was; every reason is printed, and the exit code is 4. Secrets "
            "that "
            "systemd\nhands over (credential:NAME) and variables are read at a start only.\n");
    add(&app_, "version", "Versions of payoutctl and of the host", [](Context& c) { return version(c); });
    CLI::App* check_command = add_offline(
        "check", "Say what is wrong with a configuration, without starting", [this](Context& context) {
          return check(context, a_.value.empty() ? a_.config_file() : std::filesystem::path(a_.value),
                       a_.provider_executable);
        });
    check_command->add_option("file", a_.value, "Configuration file; the host's if left out");
    check_command->add_option("--provider-executable", a_.provider_executable,
                              "payoutd-provider, which looks into the plugins");
  }

  /// What the package's manual and completion are made from.
  void add_manual() {
    CLI::App* sub =
        add_offline("help", "Print the manual's pages, or the completion of bash", [this](Context& c) {
          const std::string version = PAYOUTD_VERSION;
          if (a_.value == "completion") {
            c.out << bash_completion(app_);
          } else if (a_.value == "settings") {
            c.out << settings_man_page(ops::describe_config(), version);
          } else if (a_.value == "man") {
            c.out << man_page(app_, {.section = 1,
                                     .version = version,
                                     .summary = "pay files, and look after payouts, through payoutd",
                                     .files = {},
                                     .see_also = "payoutd(8), payoutd.yaml(5)"});
          } else {
            c.out << app_.help();
          }
          return ExitCode::ok;
        });
    sub->group("");
    sub->add_option("what", a_.value, "man, settings or completion")
        ->check(CLI::IsMember({"man", "settings", "completion"}));
  }

  void add_migrate() {
    CLI::App* group =
        app_.add_subcommand("migrate", "Bring the database's schema to what this version knows");
    group->require_subcommand(1);
    group->fallthrough();
    group->footer(
        "\nWorks on the database itself, not through a host. Migrations only ever add, so hosts of the "
        "version\n"
        "before go on working. Examples:\n"
        "  payoutctl migrate status --config /etc/payoutd/payoutd.yaml\n"
        "  payoutctl migrate up --database postgres://payoutd@db/payoutd\n");
    const auto step = [this, group](const char* name, const char* about, auto function) {
      CLI::App* sub = group->add_subcommand(name, about);
      sub->fallthrough();
      sub->add_option("--database", a_.migrate.database, "DSN; goes before the configuration");
      sub->callback([this, function] {
        needs_host_ = false;
        chosen_ = [this, function](Context& context) {
          a_.migrate.config = a_.config_file();
          return function(context, a_.migrate);
        };
      });
    };
    step("status", "Which migrations are applied, and which are pending", migrate_status);
    step("plan", "Print the SQL that `up` would run, with what destroys, rewrites or locks marked",
         migrate_plan);
    step("up", "Apply what is pending", migrate_up);
    step("verify", "Compare the schema with what the migrations say; ends with 1 if it drifted",
         migrate_verify);
  }

  void add_plugin_versions(CLI::App* group) {
    CLI::App* upgrade = add(group, "upgrade", "Put another version of a plugin in service, without a pause",
                            [this](Context& c) { return plugin_change(c, a_.name, a_.value); });
    upgrade->add_option("plugin", a_.name, "Name of the plugin, such as momo")->required();
    upgrade->add_option("file", a_.value, "The new library, on the host's machine")
        ->required()
        ->check(CLI::ExistingFile);
    upgrade->footer(
        "The new version is started beside the old one, compared with it and probed. Then new payments go to "
        "it,\n"
        "and the old one ends when what it has in flight is answered. If it is not fit, nothing changes.\n");
    CLI::App* rollback = add(group, "rollback", "Put the version before back in service, in the same way",
                             [this](Context& c) { return plugin_change(c, a_.name, ""); });
    rollback->add_option("plugin", a_.name, "Name of the plugin, such as momo")->required();
  }

  /// The integrator's commands need no host; those about versions ask one.
  void add_plugins() {
    CLI::App* group = app_.add_subcommand("plugin", "Make, look into, verify and upgrade plugins");
    group->require_subcommand(1);
    group->fallthrough();
    add_plugin_inspect(group);
    add_plugin_verify(group);
    add_plugin_new(group);
    add_plugin_versions(group);
  }

  /// Whoever can read the configuration's keys needs no host.
  void add_tokens() {
    CLI::App* group = app_.add_subcommand("token", "Make and look into the API's tokens; end all sessions");
    group->require_subcommand(1);
    group->fallthrough();
    CLI::App* issue = add(group, "issue", "Sign a token with the configuration's first key", {});
    issue->callback([this] {
      needs_host_ = false;
      chosen_ = [this](Context& context) {
        a_.token_issue.config = a_.config_file();
        return token_issue(context, a_.token_issue);
      };
    });
    issue->add_option("--sub", a_.token_issue.subject, "Who acts: stands in every record of what was done")
        ->required();
    issue->add_option("--client", a_.token_issue.client, "Whose payouts are made and seen")
        ->capture_default_str();
    issue
        ->add_option(
            "--role", a_.token_issue.roles,
            "payouts:read, payouts:write, webhooks:replay, metrics:read, support:read, approver, admin")
        ->required()
        ->delimiter(',');
    issue->add_option("--ttl", a_.token_issue.ttl, "How long it is good: 30m, 12h, 90d")
        ->capture_default_str();
    issue->footer(
        "\nExamples:\n  payoutctl token issue --sub shop --client shop --role payouts:write --role "
        "payouts:read "
        "--ttl 90d\n  payoutctl token issue --sub awa --role admin --role approver --ttl 8h --json\n");
    CLI::App* inspect = add(group, "inspect", "Say what a token claims, and whether it is accepted", {});
    inspect->callback([this] {
      needs_host_ = false;
      chosen_ = [this](Context& context) {
        a_.token_inspect.config = a_.config_file();
        return token_inspect(context, a_.token_inspect);
      };
    });
    inspect->add_option("token", a_.token_inspect.token, "The token; - for standard input")->required();
    CLI::App* invalidate =
        add(group, "invalidate-all", "Refuse all tokens that were issued up to now, on all hosts",
            [this](Context& c) { return invalidate_sessions(c, a_.note); });
    add_note(invalidate, "Why; it is kept");
  }

  CLI::App* add_plugin_command(CLI::App* group, const char* name, const char* about, Command command) {
    CLI::App* sub = add(group, name, about, {});
    sub->callback([this, command = std::move(command)] {
      needs_host_ = false;
      chosen_ = [this, command](Context& context) {
        a_.plugin_inspect.provider_executable = a_.plugin_verify.provider_executable = a_.provider_executable;
        return command(context);
      };
    });
    return sub;
  }

  void add_plugin_inspect(CLI::App* group) {
    CLI::App* sub =
        add_plugin_command(group, "inspect", "Say what a plugin library is: descriptor, contract, settings",
                           [this](Context& context) { return plugin_inspect(context, a_.plugin_inspect); });
    sub->add_option("file", a_.plugin_inspect.plugin, "The library (libNAME.so)")->required();
    sub->add_option("--settings", a_.plugin_inspect.settings,
                    "YAML with settings and secrets to ask for the contract with");
    sub->add_option("--provider-executable", a_.provider_executable,
                    "payoutd-provider, which loads the plugin");
  }

  void add_plugin_verify(CLI::App* group) {
    CLI::App* sub = add_plugin_command(
        group, "verify", "Break everything around a plugin, and compare what it claims with what is true",
        [this](Context& context) { return plugin_verify(context, a_.plugin_verify); });
    sub->add_option("file", a_.plugin_verify.plugin, "The library (libNAME.so)")->required();
    sub->add_option("--transcripts", a_.plugin_verify.transcripts,
                    "Folder of recorded payments (*.json); beside the library if left out");
    sub->add_option("--settings", a_.plugin_verify.settings,
                    "YAML with settings and secrets that go over the transcripts', but for addresses");
    sub->add_option("--jobs", a_.plugin_verify.jobs, "Provider processes at the same time")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    sub->add_flag("--all", a_.plugin_verify.all, "A line for every run");
    sub->add_option("--provider-executable", a_.provider_executable,
                    "payoutd-provider, which loads the plugin");
    sub->footer(
        "\nEvery recorded payment is played undisturbed, then once for each fault at each of its exchanges. "
        "Ends\n"
        "with 0 only if nothing that the plugin claimed about the money was wrong.\n\nExamples:\n"
        "  payoutctl plugin verify build/plugins/libacme.so --transcripts transcripts\n"
        "  payoutctl plugin verify /usr/lib/payoutd/plugins/libmomo.so --json\n");
  }

  void add_plugin_new(CLI::App* group) {
    CLI::App* sub =
        add_plugin_command(group, "new", "Write a small project for a plugin of your own",
                           [this](Context& context) { return plugin_new(context, a_.plugin_new); });
    sub->add_option("name", a_.plugin_new.name, "Name of the plugin: lower-case letters, digits, _")
        ->required();
    sub->add_option("--into", a_.plugin_new.into, "Folder for the project; ./NAME if left out");
  }

  Arguments a_;
  CLI::App app_{kAbout, "payoutctl"};
  std::optional<OperationsCommandLine> operations_;
  std::optional<PolicyCommandLine> policy_;
  std::optional<DatabaseCommandLine> database_;
  std::optional<WebhookCommandLine> webhook_;
  std::optional<NotificationCommandLine> notification_;
  std::optional<SmokeCommandLine> smoke_;
  std::optional<LoadCommandLine> load_;
  Command chosen_;
  bool needs_host_ = true;
};

std::vector<std::string> names_of(CLI::App& group) {
  std::vector<std::string> names;
  for (const CLI::App* sub : group.get_subcommands([](CLI::App*) { return true; }))
    names.push_back(sub->get_name());
  return names;
}

// CLI11 says that a command is required where there is one that it does not know: this says which, and what
// may have been meant.
int explain_usage(CLI::App& app, const CLI::ParseError& error, int argc, char** argv) {
  if (error.get_exit_code() == 0) return app.exit(error);
  CLI::App* group = &app;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--socket" || word == "-c" || word == "--config") ++i;
    const std::vector<std::string> names = names_of(*group);
    if (word.starts_with('-') || names.empty()) continue;
    if (std::find(names.begin(), names.end(), word) != names.end()) {
      group = group->get_subcommand(word);
      continue;
    }
    const auto near = nearest_name(word, names);
    std::cerr << "payoutctl: '" << printable(word) << "' is not a command"
              << (near ? ", did you mean '" + *near + "'?" : std::string(".")) << '\n';
    return static_cast<int>(ExitCode::usage);
  }
  if (names_of(*group).empty()) {
    std::cerr << "payoutctl: " << error.what() << "\nHow it is used:  payoutctl "
              << (group->get_parent() == &app ? "" : group->get_parent()->get_name() + " ")
              << group->get_name() << " --help\n";
  } else {
    std::cerr << group->help(group == &app ? "" : "payoutctl");
  }
  return static_cast<int>(ExitCode::usage);
}

int carry_out(const CommandLine& line) {
  Context context{.socket = {},
                  .json = line.arguments().json,
                  .out = std::cout,
                  .err = std::cerr,
                  .style = Style::of_descriptor(STDOUT_FILENO),
                  .live = ::isatty(STDERR_FILENO) == 1};
  const auto complain = [&](const std::string& message) {
    std::cout.flush();
    std::cerr << "payoutctl: " << message << '\n';
  };
  try {
    adopt_service_environment(line.arguments().config_file());
    if (line.needs_host()) context.socket = find_socket(line.arguments());
    const ExitCode code = line.chosen()(context);
    std::cout.flush();
    if (!std::cout) {
      complain("standard output cannot be written");
      return static_cast<int>(ExitCode::failed);
    }
    return static_cast<int>(code);
  } catch (const CommandFailed& failure) {
    complain(failure.what());
    return static_cast<int>(failure.code());
  } catch (const std::exception& failure) {
    complain(failure.what());
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace

std::atomic<bool>& interrupted() {
  static std::atomic<bool> flag{false};
  return flag;
}

void watch_interrupts() {
  interrupted();  // made before a signal can ask for it
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted() = true; };
  action.sa_flags = static_cast<int>(SA_RESETHAND);  // the second one ends the program
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
}

int run(int argc, char** argv) {
  try {
    CommandLine line;
    try {
      line.app().parse(argc, argv);
    } catch (const CLI::ParseError& error) {
      return explain_usage(line.app(), error, argc, argv);
    }
    return carry_out(line);
  } catch (const std::exception& failure) {
    std::cerr << "payoutctl: " << failure.what() << '\n';
    return static_cast<int>(ExitCode::failed);
  }
}

}  // namespace payoutd::ctl
