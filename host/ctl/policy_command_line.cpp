#include "ctl/policy_command_line.hpp"

#include <CLI/CLI.hpp>

namespace payoutd::ctl {
namespace {

constexpr const char* kScriptsFooter =
    "\nRules (abuse/*.lua), schedules (backoff/*.lua) and routing.lua are files that hosts watch. Save one, "
    "and "
    "within a\n"
    "second all hosts run it, or go on with what they have and say why not:\n\n"
    "  payoutctl scripts test /etc/payoutd/scripts      would a host take it? needs no host\n"
    "  payoutctl scripts status                         which host runs what, and what was refused and "
    "why\n\n"
    "A way to change what matters: edit a copy of the directory, look at what it would have done, let it "
    "judge\n"
    "without effect for a day, then make it active:\n\n"
    "  cp -r /etc/payoutd/scripts candidate\n"
    "  payoutctl scripts backtest candidate --since 7d\n"
    "  payoutctl scripts shadow candidate\n"
    "  payoutctl scripts promote --note 'limits of May, agreed with Awa'\n"
    "  payoutctl scripts rollback                       if it was wrong\n";

constexpr const char* kDiffFooter =
    "\nEach side is a directory, the first digits of a bundle's hash (at least 6), `active` or `shadow`.\n\n"
    "Examples:\n"
    "  payoutctl scripts diff                       the active bundle → the directory that the host reads\n"
    "  payoutctl scripts diff --dir candidate       the active bundle → candidate\n"
    "  payoutctl scripts diff 3f9a0c                the active bundle → an earlier one\n"
    "  payoutctl scripts diff active shadow\n";

constexpr const char* kBacktestFooter =
    "\nEvery decision was recorded with all that the scripts saw. This judges them again, by other scripts, "
    "and "
    "prints\n"
    "which payouts would have been held, denied, flagged or let pass that were not, in numbers and in money; "
    "how "
    "long\n"
    "payouts would have waited and how often they would have been submitted; and which would have gone "
    "through "
    "another\n"
    "provider. It changes nothing. The scripts that made the decisions come out as identical, byte for "
    "byte.\n\n"
    "Each decision stands for itself, with the history that was recorded. What the candidate needs of the "
    "past "
    "and\n"
    "nothing recorded is counted and named: let it run in shadow first.\n\n"
    "Examples:\n"
    "  payoutctl scripts backtest candidate --since 7d\n"
    "  payoutctl scripts backtest candidate --since 24h --all\n"
    "  payoutctl scripts backtest /etc/payoutd/scripts --fail-on-change --json    in CI: ends with 1 on a "
    "change\n";

constexpr const char* kFlagsFooter =
    "\nA rule that says \"flag\" lets the payout pass and opens one flag for the user; while it is open, "
    "further\n"
    "payouts are counted in it. Clear it when it is settled.\n\n"
    "Examples:\n"
    "  payoutctl flags list --rule shared_destination\n"
    "  payoutctl flags note 17 --note 'called the shop, waiting for papers'\n"
    "  payoutctl flags clear 17 --note 'papers are fine'\n";

constexpr const char* kLimitsFooter =
    "\nThe limits stand in the configuration (limits:), and no script widens them. When more would flow out "
    "through "
    "a\n"
    "provider in an hour or a day than is allowed, nothing of this provider and currency is submitted any "
    "more, on "
    "all\n"
    "hosts and across restarts, until somebody lifts it. Its payouts wait.\n\n"
    "Examples:\n"
    "  payoutctl limits show\n"
    "  payoutctl limits lift momo-ci XOF --note 'salaries, agreed with Awa'\n";

constexpr const char* kDecisionsFooter =
    "\nOldest first. About one payout, everything that the scripts saw is printed too.\n\n"
    "Examples:\n"
    "  payoutctl decisions 0b9d…                    why this payout was held, and how long it waits\n"
    "  payoutctl decisions --kind screen --since 1h\n"
    "  payoutctl decisions --shadow --since 24h     what the shadow said where it differed\n";

}  // namespace

PolicyCommandLine::PolicyCommandLine(CLI::App& app, Choose choose) : choose_(std::move(choose)) {
  CLI::App* scripts = group(app, "scripts", "Change rules, schedules and routing while payouts go on");
  scripts->footer(kScriptsFooter);
  add_active(scripts);
  add_bundles(scripts);
  add_candidates(scripts);
  add_writing(scripts);
  add_flags(app);
  add_limits(app);
  add_decisions(app);
}

CLI::App* PolicyCommandLine::group(CLI::App& app, const char* name, const char* about) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->require_subcommand(1);
  sub->fallthrough();
  return sub;
}

CLI::App* PolicyCommandLine::add(CLI::App* parent, const char* name, const char* about, Command command,
                                 bool needs_host) {
  CLI::App* sub = parent->add_subcommand(name, about);
  sub->fallthrough();
  sub->callback([this, command = std::move(command), needs_host] { choose_(command, needs_host); });
  return sub;
}

void PolicyCommandLine::add_active(CLI::App* group) {
  add(group, "status", "Which scripts run on which host, and what was refused and why", scripts_status)
      ->footer("\nEnds with 1 if a host refuses what it found in its directory or was ordered to run.\n");
  add(group, "reload", "Read the host's directory now, as it does by itself when a file is saved",
      scripts_reload)
      ->footer("\nEnds with 4, and the problems with file and line, if the scripts are refused.\n");
  CLI::App* rollback = add(group, "rollback", "Make an earlier bundle active again, on all hosts",
                           [this](Context& c) { return scripts_rollback(c, hash_, note_); });
  rollback->add_option("hash", hash_, "First digits of its hash (at least 6); the one before if left out");
  rollback->add_option("--note", note_, "Why; it is kept");
  rollback->footer(
      "\nExamples:\n  payoutctl scripts rollback\n"
      "  payoutctl scripts rollback 3f9a0c --note 'held all of Togo'\n");
}

void PolicyCommandLine::add_bundles(CLI::App* group) {
  CLI::App* show = add(group, "show", "Print the files of a bundle that is or was active",
                       [this](Context& c) { return scripts_show(c, hash_, file_); });
  show->add_option("hash", hash_,
                   "First digits of its hash (at least 6), active or shadow; active if left out");
  show->add_option("file", file_, "Only this file, unchanged, such as abuse/velocity_count.lua");
  show->footer(
      "\nExamples:\n  payoutctl scripts show\n"
      "  payoutctl scripts show 3f9a0c backoff/momo.lua > momo.lua\n");
  CLI::App* diff =
      add(group, "diff", "Say what differs between two bundles or directories", [this](Context& c) {
        diff_.directory = directory_;
        return scripts_diff(c, diff_);
      });
  diff->add_option("from", diff_.from, "One side; alone, it is compared with the active bundle");
  diff->add_option("to", diff_.to, "The other side");
  diff->add_option("--dir", directory_,
                   "The directory to compare the active bundle with; the host's if left out");
  diff->footer(kDiffFooter);
}

ExitCode PolicyCommandLine::run_shadow(Context& context) {
  if (stop_ != directory_.empty())
    throw CommandFailed(ExitCode::usage, "Name the candidate's directory, or say --stop.");
  return stop_ ? scripts_stop_shadow(context) : scripts_shadow(context, directory_);
}

void PolicyCommandLine::add_candidates(CLI::App* group) {
  CLI::App* backtest_command =
      add(group, "backtest", "Judge recorded decisions again by other scripts: what would be otherwise",
          [this](Context& c) {
            watch_interrupts();
            return backtest(c, backtest_);
          });
  backtest_command->add_option("directory", backtest_.directory, "Directory of the candidate")->required();
  backtest_command->add_option("--since", backtest_.since, "Decisions of the last 90s, 30m, 24h, 7d, …")
      ->capture_default_str();
  backtest_command->add_flag("--all", backtest_.all, "List every payout that would fare otherwise");
  backtest_command->add_flag("--fail-on-change", backtest_.fail_on_change,
                             "End with 1 if any decision comes out otherwise");
  backtest_command->footer(kBacktestFooter);
  CLI::App* shadow = add(group, "shadow", "Let a candidate judge beside the active scripts, without effect",
                         [this](Context& c) { return run_shadow(c); });
  shadow->add_option("directory", directory_, "Directory of the candidate");
  shadow->add_flag("--stop", stop_, "End it");
  shadow->footer(
      "\nAll hosts take it within a second; `scripts status` counts how often it judged and how often it "
      "differed,\n"
      "and `decisions --shadow` shows what it said there.\n\nExamples:\n"
      "  payoutctl scripts shadow candidate\n  payoutctl scripts shadow --stop\n");
  CLI::App* promote = add(group, "promote", "Make the candidate that runs in shadow the active bundle",
                          [this](Context& c) { return scripts_promote(c, note_); });
  promote->add_option("--note", note_, "Why; it is kept");
}

void PolicyCommandLine::add_writing(CLI::App* group) {
  CLI::App* test = add(
      group, "test", "Check scripts and run their tests as a host would, without one",
      [this](Context& c) { return script_test(c, test_); }, false);
  test->add_option("path", test_.path, "The scripts' directory, or a file in it; ./scripts if left out");
  test->footer(
      "\nEnds with 0 if a host would take them, 1 if not; problems as FILE:LINE: REASON on standard "
      "error.\n\n"
      "Examples:\n  payoutctl scripts test /etc/payoutd/scripts\n"
      "  payoutctl scripts test scripts/abuse/velocity_count.lua --json\n");
  CLI::App* create = add(
      group, "new", "Write a commented rule or schedule whose tests pass",
      [this](Context& c) {
        new_.directory = directory_;
        return script_new(c, new_);
      },
      false);
  create->add_option("kind", new_.kind, "rule or backoff")
      ->required()
      ->check(CLI::IsMember({"rule", "backoff"}));
  create->add_option("name", new_.name, "Name of the rule; of the provider, or default, for backoff")
      ->required();
  create->add_option("--dir", directory_, "The scripts' directory; ./scripts if left out");
  create->footer(
      "\nA new rule is off until it says `enabled = true`.\n\nExamples:\n"
      "  payoutctl scripts new rule night_limit --dir /etc/payoutd/scripts\n"
      "  payoutctl scripts new backoff momo-ci\n");
}

void PolicyCommandLine::add_flags(CLI::App& app) {
  CLI::App* flags = group(app, "flags", "Look after users whom a rule flagged");
  flags->footer(kFlagsFooter);
  CLI::App* list = add(flags, "list", "List flags, the latest first",
                       [this](Context& c) { return flags_list(c, flags_); });
  list->add_option("--user", flags_.user, "Only of this user");
  list->add_option("--rule", flags_.rule, "Only by this rule");
  list->add_flag("--all", flags_.all, "Cleared ones too");
  list->add_option("--limit", flags_.limit, "Rows to show")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  CLI::App* clear = add(flags, "clear", "Settle a flag",
                        [this](Context& c) { return flags_change(c, flag_, true, note_); });
  CLI::App* note = add(flags, "note", "Write a note to an open flag",
                       [this](Context& c) { return flags_change(c, flag_, false, note_); });
  for (CLI::App* sub : {clear, note}) {
    sub->add_option("flag", flag_, "Number of the flag")->required();
    sub->add_option("--note", note_, "What was found; it is kept")->required(sub == note);
  }
}

void PolicyCommandLine::add_limits(CLI::App& app) {
  CLI::App* limits = group(app, "limits", "See what limits payouts, and lift what they halted");
  limits->footer(kLimitsFooter);
  add(limits, "show", "The limits, and what is halted", limits_show);
  CLI::App* lift = add(limits, "lift", "Let a provider's halted outflow go on",
                       [this](Context& c) { return limits_lift(c, provider_, currency_, note_); });
  lift->add_option("provider", provider_, "Name of the provider")->required();
  lift->add_option("currency", currency_, "The currency that is halted")->required();
  lift->add_option("--note", note_, "Why so much may flow out; it is kept")->required();
}

void PolicyCommandLine::add_decisions(CLI::App& app) {
  CLI::App* list = add(&app, "decisions", "Say what scripts were asked about payouts, and what they said",
                       [this](Context& c) { return decisions(c, decisions_); });
  list->add_option("id", decisions_.payout, "Id of the payout; of all if left out");
  list->add_option("--kind", decisions_.kind, "screen, backoff or route")
      ->check(CLI::IsMember({"screen", "backoff", "route"}));
  list->add_option("--since", decisions_.since, "Only of the last 90s, 30m, 24h, 7d, …");
  list->add_flag("--shadow", decisions_.shadow, "What the shadow said where it differed");
  list->add_flag("--all", decisions_.all, "All rows, however many");
  list->add_option("--limit", decisions_.limit, "Rows to show")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  list->footer(kDecisionsFooter);
}

}  // namespace payoutd::ctl
