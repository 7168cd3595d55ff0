#include "ctl/database_command_line.hpp"

#include <CLI/CLI.hpp>

namespace payoutd::ctl {
namespace {

constexpr const char* kRolesFooter =
    "\nThree roles: the owner migrates and prunes, hosts work as runtime, reports read views as read-only. "
    "The\n"
    "runtime role cannot drop or alter anything, and can take no row out of the journal, the history, the "
    "audit log\n"
    "and the idempotency keys. The roles can log in and have no password: give them one, or certificates.\n\n"
    "Once, as a superuser, after the first `migrate up`:\n"
    "  payoutctl db roles --print > roles.sql      to read it, and for psql\n"
    "  payoutctl db roles --apply --database postgres://postgres@db/payoutd\n"
    "From then on `migrate up` as the owner grants what new tables need by itself.\n";

constexpr const char* kAuditFooter =
    "\nLooks at the role that --database, or the configuration, connects as. Ends with 1 if it may do more, "
    "or less,\n"
    "than a role of its kind needs.\n\nExamples:\n"
    "  payoutctl db audit                                  is the host's role what it should be?\n"
    "  payoutctl db audit --as read-only --database postgres://payoutd_readonly@replica/payoutd --json\n";

constexpr const char* kActivityFooter =
    "\nWho is connected, what runs and for how long, what it waits for, who holds what, and who blocks whom. "
    "Needs\n"
    "no host. Other roles' queries are shown with pg_read_all_stats only.\n\nExamples:\n"
    "  payoutctl db activity\n  payoutctl db activity --idle --long 5\n";

constexpr const char* kBackupFooter =
    "\nWrites DIR/payoutd-TIME/ with `dump` (pg_dump's custom form, or its directory form with --jobs) and\n"
    "`manifest.json`: schema revision, payouts by state and sum, rows, high-water marks, SHA-256 of every "
    "file. Both are\n"
    "of one moment, and hosts go on meanwhile. By the owner, or a role with pg_read_all_data. Not in it: the "
    "instance\n"
    "key, without which references cannot be derived again.\n\nExamples:\n"
    "  payoutctl backup --out /var/backups/payoutd\n"
    "  payoutctl backup --out /var/backups/payoutd --jobs 4 --database postgres://payoutd_owner@db/payoutd "
    "--json\n";

constexpr const char* kRestoreFooter =
    "\nRestores the backup into a private PostgreSQL (or, with --into, a scratch database of a server), "
    "compares files,\n"
    "schema, counts and sums with the manifest, checks that the journal agrees with itself (no payout with "
    "two live\n"
    "attempts, counters equal, keys and amounts agree) and the audit log's chain, and takes the scratch "
    "away. Ends\n"
    "with 0 only if all of it is right. A success is noted in the hosts' database, for the metric\n"
    "restore_check_last_success_timestamp_seconds.\n\nExamples:\n"
    "  payoutctl restore-check /var/backups/payoutd/payoutd-20260131T080000Z\n"
    "  payoutctl restore-check old.dump --into postgres://postgres@scratch/postgres --no-record\n";

constexpr const char* kPruneFooter =
    "\nTakes away what finished so long ago and is final: payouts in history with their attempts, events, "
    "decisions,\n"
    "approvals and callbacks, and empty monthly partitions. Never what is not settled, and never the audit "
    "log. Of\n"
    "idempotency keys the payload goes and the rest stays for ever: a request that comes again after years "
    "gets the\n"
    "answer of then and pays nothing. Runs beside hosts, in batches, half of the time idle, and waits while "
    "a replica\n"
    "is further behind than --max-lag. By the schema's owner.\n\nExamples:\n"
    "  payoutctl prune --older-than 400d --dry-run\n"
    "  payoutctl prune --older-than 400d --database postgres://payoutd_owner@db/payoutd\n";

}  // namespace

DatabaseCommandLine::DatabaseCommandLine(CLI::App& app, Choose choose) : choose_(std::move(choose)) {
  CLI::App* group = app.add_subcommand("db", "Look after the database: roles, grants, activity, connections");
  group->require_subcommand(1);
  group->fallthrough();
  add_roles(*group);
  add_activity(*group);
  add_pool(*group);
  add_backup(app);
  add_prune(app);
}

CLI::App* DatabaseCommandLine::add(CLI::App& parent, const char* name, const char* about,
                                   std::function<ExitCode(Context&, const DatabaseOptions&)> command) {
  CLI::App* sub = parent.add_subcommand(name, about);
  sub->fallthrough();
  sub->add_option("--database", database_.database, "DSN; goes before the configuration");
  sub->callback([this, command = std::move(command)] {
    choose_(
        [this, command](Context& context, std::filesystem::path config) {
          database_.config = std::move(config);
          return command(context, database_);
        },
        false);
  });
  return sub;
}

void DatabaseCommandLine::add_roles(CLI::App& group) {
  CLI::App* roles =
      add(group, "roles", "Print, or set up, roles that may do no more than they need",
          [this](Context& c, const DatabaseOptions& d) { return database_roles(c, d, roles_); });
  CLI::Option* print = roles->add_flag("--print", roles_.print, "Print the SQL; needs no database");
  roles->add_flag("--apply", roles_.apply, "Set the roles up in the database")->excludes(print);
  roles->add_option("--owner", roles_.owner, "Name of the owner")->capture_default_str();
  roles->add_option("--runtime", roles_.runtime, "Name of the hosts' role")->capture_default_str();
  roles->add_option("--read-only", roles_.read_only, "Name of the reports' role")->capture_default_str();
  roles->footer(kRolesFooter);
  CLI::App* audit =
      add(group, "audit", "Check that the connected role may do what it needs, and no more",
          [this](Context& c, const DatabaseOptions& d) { return database_audit(c, d, audit_); });
  audit->add_option("--as", audit_.kind, "What the role is for: owner, runtime or read-only")
      ->check(CLI::IsMember({"owner", "runtime", "read-only"}))
      ->capture_default_str();
  audit->footer(kAuditFooter);
}

void DatabaseCommandLine::add_activity(CLI::App& group) {
  CLI::App* activity =
      add(group, "activity", "What the database's sessions do, wait for and hold",
          [this](Context& c, const DatabaseOptions& d) { return database_activity(c, d, activity_); });
  activity->add_flag("--idle", activity_.idle, "Idle sessions too");
  activity
      ->add_option_function<std::int64_t>(
          "--long", [this](const std::int64_t& seconds) { activity_.long_ms = seconds * 1000; },
          "Point out transactions older than so many seconds (30)")
      ->check(CLI::PositiveNumber);
  activity->footer(kActivityFooter);
}

void DatabaseCommandLine::add_pool(CLI::App& group) {
  CLI::App* sub =
      group.add_subcommand("pool", "How busy this host's connections are, or how many there are to be");
  sub->fallthrough();
  sub->callback([this] {
    choose_([this](Context& c, const std::filesystem::path&) { return database_pool(c, pool_); }, true);
  });
  sub->add_option("name", pool_.name, "engine, http, jobs, heart or reports");
  sub->add_option("--size", pool_.size, "So many connections (of the engine, if no pool is named)")
      ->check(CLI::Range(1, 64));
  sub->add_option("--note", pool_.note, "Why; it stands in the audit log");
  sub->footer(
      "\nThe work, the API with its webhooks, the jobs and the heartbeat have pools of their own, so that "
      "none can\n"
      "starve another. A new size holds until the next reload or start; database_pool in the configuration "
      "is what\n"
      "stays.\n\nExamples:\n  payoutctl db pool\n  payoutctl db pool engine --size 8 --note 'month end'\n");
}

void DatabaseCommandLine::add_backup(CLI::App& app) {
  CLI::App* make = add(app, "backup", "Dump the database, with a manifest of what it holds",
                       [this](Context& c, const DatabaseOptions& d) {
                         watch_interrupts();
                         return backup(c, d, backup_);
                       });
  make->add_option("--out", backup_.out, "Folder for backups; each gets a folder in it")->required();
  make->add_option("--jobs", backup_.jobs, "Tables to dump at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  make->footer(kBackupFooter);
  CLI::App* check = add(app, "restore-check", "Restore a backup aside, and say whether it is whole and right",
                        [this](Context& c, const DatabaseOptions& d) {
                          watch_interrupts();
                          restore_.record = !no_record_;
                          return restore_check(c, d, restore_);
                        });
  check->add_option("backup", restore_.backup, "Folder of a backup, or a dump of pg_dump")->required();
  check->add_option("--into", restore_.into, "DSN of a server that a scratch database may be made on");
  check->add_option("--scratch", restore_.scratch,
                    "Folder for the private server; it takes as much as the database");
  check->add_option("--jobs", restore_.jobs, "Tables to restore at the same time")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  check->add_flag("--no-record", no_record_, "Do not note the success in the hosts' database");
  check->footer(kRestoreFooter);
}

void DatabaseCommandLine::add_prune(CLI::App& app) {
  CLI::App* sub = add(app, "prune", "Take old history away while hosts go on",
                      [this](Context& c, const DatabaseOptions& d) { return prune(c, d, prune_); });
  sub->add_option("--older-than", prune_.older_than, "How long ago it must have finished: 90d, 400d")
      ->required();
  sub->add_flag("--dry-run", prune_.dry_run, "Only say what would go");
  sub->add_option("--batch", prune_.batch, "Payouts in one transaction")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
  sub->add_option("--max-lag", prune_.max_lag, "Wait while a replica is further behind")
      ->capture_default_str();
  sub->footer(kPruneFooter);
}

}  // namespace payoutd::ctl
