#include "ctl/operations_command_line.hpp"

#include <CLI/CLI.hpp>

#include "ctl/doctor.hpp"

namespace payoutd::ctl {
namespace {

constexpr const char* kHealthFooter =
    "\nEnds with 0 if all is well, 1 if it is degraded (somebody should look), 2 if it is down or no host "
    "answers.\n"
    "For monitors: GET /v1/admin/health answers 503 while it is down.\n\nExamples:\n"
    "  payoutctl health\n  payoutctl health --json | jq -r '.checks[] | select(.status != \"ok\")'\n";

constexpr const char* kDoctorFooter =
    "\nEach finding says what to type and where docs/operations.md says more. Works without a host too: then "
    "it looks "
    "at\nthe configuration. Ends with 0 if nothing is wrong, 1 if somebody should look, 2 if payments stand "
    "still.\n";

constexpr const char* kDrainFooter =
    "\nThe switch is kept in the database and survives restarts; payouts are admitted and callbacks taken as "
    "before, "
    "and\nother hosts go on. Ends with 1 if something is still in hand after --timeout.\n\nExamples:\n"
    "  payoutctl drain --note 'kernel update'      this host; then restart it, and payoutctl resume\n"
    "  payoutctl drain --all                       every host of the database\n"
    "  payoutctl drain --stop                      this host, which then ends: as systemctl stop does\n";

constexpr const char* kTestFooter =
    "\nIt is admitted, judged by the rules and prepared by the plugin, and ends as SIMULATED: a constraint "
    "of the "
    "database\nkeeps it from ever being submitted or taken for paid. It counts in no limit and no statistic. "
    "Ends with "
    "1 if it does\nnot come that far, and says which step failed.\n\nExample:\n"
    "  payoutctl test-payout --provider momo-ci --amount 100 --currency XOF --destination 22507000001\n";

constexpr const char* kSeedFooter =
    "\nDone again it changes nothing, and says who did it when. In prod it is refused unless the name stands "
    "in\n"
    "auth.seed_admins. The token goes to standard output and is kept nowhere.\n\nExample:\n"
    "  TOKEN=$(payoutctl seed admin --subject awa --ttl 8h)\n";

constexpr const char* kShowFooter =
    "\nWithout an option it shows what runs; if no host answers, what the files say. Secrets are masked: in "
    "brackets "
    "stands\na fingerprint, by which two values can be told apart.\n\nExamples:\n"
    "  payoutctl config show engine --written\n  payoutctl config show --profile prod\n";

constexpr const char* kDiffFooter =
    "\nEnds with 1 if something differs.\n\nExamples:\n"
    "  payoutctl config diff                                      what runs against the files\n"
    "  payoutctl config diff --profile staging --profile prod     two profiles of the host's files\n"
    "  payoutctl config diff /etc/payoutd/payoutd.yaml new.yaml   two files\n";

constexpr const char* kReloadFooter =
    "\nAll live settings are taken over together, or none: a file with a mistake changes nothing, and "
    "neither does one "
    "in\nwhich something changed that needs a restart (--live-only leaves that for the restart). Ends with 4 "
    "if it is "
    "refused.\nWhat would change: payoutctl config diff.\n";

constexpr const char* kRotateFooter =
    "\nSays where hosts do not agree, what has expired, what expires soon, and what has been current for too "
    "long. "
    "Ends with 1\nif something is to be done.\n\nExample:\n"
    "  payoutctl secrets rotate-check auth.keys\n";

constexpr const char* kAcceptedFooter =
    "\nPayouts that its tokens had admitted and what operators did with them (the audit log), callbacks that "
    "it proved and\nthe payouts that these changed: figures first, then the latest of each. Retire the key "
    "before you ask, or more comes.\nEnds with 1 while some of these payouts can still be stopped (PENDING "
    "or "
    "HELD).\n\nExamples:\n"
    "  payoutctl secrets accepted 2026-05 --since 7d\n"
    "  payoutctl secrets accepted 2026-05 --kind webhook --provider momo-ci\n"
    "  payoutctl secrets accepted --token-id 0b9d2c1e-… --json\n"
    "  payoutctl secrets accepted 2026-05 --stoppable | xargs -n 1 payoutctl cancel --note 'the key "
    "leaked'\n";

constexpr const char* kSnapshotFooter =
    "\nMetrics, health, queues, statistics, masked configuration, switches, providers, hosts, scripts, "
    "limits, the "
    "registry\nof secrets (fingerprints only), the audit log's and the log's last lines, and what the doctor "
    "finds. "
    "For tickets and\npostmortems. Only you can read the file.\n\nExample:\n"
    "  payoutctl snapshot --out incident-4711.tar.gz\n";

}  // namespace

OperationsCommandLine::OperationsCommandLine(CLI::App& app, Parts parts) : parts_(std::move(parts)) {
  add_looks(app);
  add_drain(app);
  add_tests(app);
  add_config(app);
  add_secrets(app);
}

CLI::App* OperationsCommandLine::add(CLI::App* parent, const char* name, const char* about, Command command,
                                     bool needs_host) {
  CLI::App* sub = parent->add_subcommand(name, about);
  sub->fallthrough();
  sub->callback([this, command = std::move(command), needs_host] { parts_.choose(command, needs_host); });
  return sub;
}

CLI::App* OperationsCommandLine::group(CLI::App& app, const char* name, const char* about) {
  CLI::App* sub = app.add_subcommand(name, about);
  sub->require_subcommand(1);
  sub->fallthrough();
  return sub;
}

void OperationsCommandLine::find_socket(Context& context) const {
  try {
    context.socket = parts_.socket();
  } catch (const CommandFailed&) {
    // The configuration hides it, which the command will say.
  }
}

void OperationsCommandLine::add_looks(CLI::App& app) {
  add(&app, "health", "How well the host is, and why", health)->footer(kHealthFooter);
  CLI::App* stats_command =
      add(&app, "stats", "What came in and what became of it: counts, rates, amounts, latencies",
          [this](Context& c) { return stats(c, stats_); });
  stats_command->add_option("--since", stats_.since, "Of the last 10m, 1h, 24h, …")->capture_default_str();
  stats_command->add_option("--provider", stats_.provider, "Only of this provider");
  stats_command->footer(
      "\nLatencies are from admission to the end, as percentiles. What is open now stands below, whatever "
      "its "
      "age.\n\nExample:\n  payoutctl stats --since 24h --provider momo-ci\n");
  add(&app, "status", "What to tell Support: how many payouts wait, how old, and when they will be done",
      status)
      ->footer(
          "\nA sentence for each provider, at the rate of the last five minutes. Ends with 1 while payouts "
          "are "
          "under way.\n");
  add(&app, "maintenance", "The windows in which nothing is submitted, and whether one goes on", maintenance)
      ->footer(
          "\nThey are configured in maintenance.windows, and taken over by a reload. Ends with 1 while one "
          "goes on.\n");
  CLI::App* top_command =
      add(&app, "top", "Watch queues, rates, providers and the oldest payouts in the terminal",
          [this](Context& c) { return top(c, top_); });
  top_command->add_option("--interval", top_.interval_s, "Seconds between two looks")
      ->check(CLI::Range(0.2, 3600.0))
      ->capture_default_str();
  top_command->add_flag("--once", top_.once, "One picture, without taking over the terminal; for scripts");
  top_command->footer(
      "\nq quits, any other key renews at once. With --json: one document with what it shows.\n");
  add(
      &app, "doctor", "Say what is wrong, and what to do about it",
      [this](Context& c) {
        find_socket(c);
        return doctor(c, parts_.config_file());
      },
      false)
      ->footer(kDoctorFooter);
  CLI::App* snapshot_command = add(
      &app, "snapshot", "Write all there is to know of the host now into one archive", [this](Context& c) {
        snapshot_.config = parts_.config_file();
        return snapshot(c, snapshot_);
      });
  snapshot_command->add_option("--out", snapshot_.out,
                               "The archive; payoutd-snapshot-TIME.tar.gz if left out");
  snapshot_command->footer(kSnapshotFooter);
}

void OperationsCommandLine::add_drain(CLI::App& app) {
  CLI::App* drain_command =
      add(&app, "drain", "Have a host claim nothing more, and wait until nothing is in hand",
          [this](Context& c) { return drain(c, drain_); });
  CLI::App* resume_command = add(&app, "resume", "Have a drained host claim payouts again",
                                 [this](Context& c) { return resume(c, drain_); });
  for (CLI::App* sub : {drain_command, resume_command}) {
    sub->add_option("--host", drain_.host, "Name of the host; the one that answers here if left out");
    sub->add_flag("--all", drain_.all, "All hosts of the database");
    sub->add_option("--note", drain_.note, "Why; it is kept");
  }
  drain_command->add_flag("--no-wait", drain_.no_wait, "Return at once");
  drain_command->add_option("--timeout", drain_.timeout_s, "Seconds to wait")
      ->check(CLI::Range(1, 86'400))
      ->capture_default_str();
  drain_command->add_flag("--stop", drain_.stop, "And end this host when nothing is in hand");
  drain_command->footer(kDrainFooter);
  resume_command->footer(
      "\n`payoutctl hosts` shows which are drained. --all also resumes those drained by name.\n");
}

void OperationsCommandLine::add_tests(CLI::App& app) {
  CLI::App* test_command =
      add(&app, "test-payout", "Prove that schema, rules and plugin work, without moving money",
          [this](Context& c) { return test_payout(c, test_); });
  test_command->add_option("--provider", test_.provider,
                           "Through this provider; chosen by the rules if left out");
  test_command->add_option("--amount", test_.amount, "Amount")->capture_default_str();
  test_command->add_option("--currency", test_.currency, "Currency, such as XOF")->required();
  test_command->add_option("--destination", test_.destination, "Whom it would pay")->required();
  test_command->add_option("--user", test_.user, "The client's name for who would be paid");
  test_command->add_option("--region", test_.region, "Region");
  test_command->add_option("--timeout", test_.timeout_s, "Seconds to wait")
      ->check(CLI::Range(1, 600))
      ->capture_default_str();
  test_command->footer(kTestFooter);
  CLI::App* seed = group(app, "seed", "Make the first records of an installation");
  CLI::App* admin = add(seed, "admin", "Make somebody the first administrator, with a token",
                        [this](Context& c) { return seed_admin(c, seed_); });
  admin->add_option("--subject", seed_.subject, "Name of the administrator")->capture_default_str();
  admin->add_option("--ttl", seed_.ttl, "How long the token is good: 1h, 30d at most")->capture_default_str();
  admin->add_flag("--new-token", seed_.new_token, "Make a token also if the record is there already");
  admin->footer(kSeedFooter);
}

void OperationsCommandLine::add_config(CLI::App& app) {
  CLI::App* config = group(app, "config", "See, compare and reload the configuration; its reference");
  CLI::App* show = add(
      config, "show", "Every setting with its value and where that comes from",
      [this](Context& c) {
        find_socket(c);
        show_.config = parts_.config_file();
        return config_show(c, show_);
      },
      false);
  show->add_option("section", show_.prefix, "Only of this section, such as engine or providers.momo-ci");
  show->add_flag("--files", show_.files, "What the files say, instead of what runs");
  show->add_option("--profile", show_.profile, "What the files say in this environment")
      ->check(CLI::IsMember({"dev", "staging", "prod"}));
  show->add_flag("--written", show_.written, "Without defaults");
  show->footer(kShowFooter);
  CLI::App* diff = add(
      config, "diff", "What differs between what runs and the files, or two files or profiles",
      [this](Context& c) {
        diff_.config = parts_.config_file();
        if (diff_.files.empty() && diff_.profiles.empty()) c.socket = parts_.socket();
        return config_diff(c, diff_);
      },
      false);
  diff->add_option("files", diff_.files, "One or two files");
  diff->add_option("--profile", diff_.profiles, "dev, staging or prod; stands twice to compare two")
      ->check(CLI::IsMember({"dev", "staging", "prod"}));
  diff->footer(kDiffFooter);
  CLI::App* reload = add(config, "reload", "Have the host take over the live settings of its files",
                         [this](Context& c) { return config_reload(c, live_only_); });
  reload->add_flag("--live-only", live_only_, "Leave what needs a restart for the restart");
  reload->footer(kReloadFooter);
  CLI::App* reference = add(
      config, "reference", "Every setting: type, unit, default, live or not, meaning",
      [this](Context& c) { return config_reference(c, reference_); }, false);
  reference->add_option("--into", reference_.into, "Write it into the section of this Markdown file");
  reference->add_option("--check", reference_.check, "End with 1 if the section of this file is not current");
}

void OperationsCommandLine::add_secrets(CLI::App& app) {
  CLI::App* secrets =
      group(app, "secrets", "Which secrets are in use, since when, and which are to be rotated");
  secrets->footer(
      "\nNo value is stored or shown. A fingerprint is a keyed hash of one, which only hosts with the same "
      "instance key "
      "make.\n");
  add(secrets, "list", "Versions in use, with age, expiry and hosts", secrets_list);
  CLI::App* history = add(secrets, "history", "Every version that there was, with dates and names",
                          [this](Context& c) { return secrets_history(c, secret_); });
  history->add_option("secret", secret_, "Only of this one, such as auth.keys or providers.momo-ci");
  CLI::App* accepted = add(secrets, "accepted", "What was accepted under a key, for when it leaked",
                           [this](Context& c) { return secrets_accepted(c, accepted_); });
  accepted->add_option("key", accepted_.key_id, "Id of the key, of tokens or of callbacks");
  accepted->add_option("--since", accepted_.since, "Of the last 90s, 30m, 24h, 7d, …")->capture_default_str();
  accepted->add_option("--kind", accepted_.kind, "Only what tokens brought in, or only callbacks")
      ->check(CLI::IsMember({"token", "webhook"}));
  accepted->add_option("--token-id", accepted_.token_id, "Only what came with this token (its jti)");
  accepted->add_option("--subject", accepted_.subject, "Only what came with tokens of this subject");
  accepted->add_option("--provider", accepted_.provider, "Only callbacks of this provider");
  accepted->add_option("--rows", accepted_.rows, "Rows of each kind to show")
      ->check(CLI::Range(0, 100'000))
      ->capture_default_str();
  accepted->add_flag("--stoppable", accepted_.stoppable,
                     "Only the ids of payouts that can still be stopped, a line each");
  accepted->footer(kAcceptedFooter);
  CLI::App* check = add(secrets, "rotate-check", "Whether rotations are complete, and which are due",
                        [this](Context& c) { return secrets_rotate_check(c, rotate_); });
  check->add_option("secret", rotate_.secret, "Only of this one");
  check->add_option("--max-age", rotate_.max_age, "How long one may be current")->capture_default_str();
  check->add_option("--overlap", rotate_.overlap, "How long one may be accepted besides the current one")
      ->capture_default_str();
  check->footer(kRotateFooter);
}

}  // namespace payoutd::ctl
