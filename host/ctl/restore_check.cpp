#include "ctl/restore_check.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <ostream>

#include "core/ids.hpp"
#include "ctl/backup.hpp"
#include "ctl/migrate.hpp"
#include "ctl/program.hpp"
#include "store/audit.hpp"
#include "store/schema_drift.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr int kOldestMajor = 15;

/// One question with its answer.
struct Step {
  std::string name;
  bool ok = false;
  std::string says;  ///< a sentence
  std::vector<std::string> details;
};

std::string counted(std::size_t count, const std::string& one, const std::string& several) {
  return std::to_string(count) + " " + (count == 1 ? one : several);
}

/// An empty database that goes away with this object, however the check ends.
class Scratch {
 public:
  Scratch(Context& context, const RestoreCheckOptions& options) : err_(context.err) {
    if (options.into.empty())
      start_private(options);
    else
      make_database(options.into);
  }
  ~Scratch() {
    if (server_) {
      server_.reset();
      std::error_code ignored;
      fs::remove_all(folder_, ignored);
      return;
    }
    try {
      store::Connection connection(
          store::connection_string(maker_, {.application_name = "payoutctl restore-check"}));
      pqxx::nontransaction(connection).exec("drop database if exists " + name_ + " with (force)");
    } catch (const std::exception& error) {
      err_ << "The scratch database " << name_ << " could not be dropped: " << error.what() << '\n';
    }
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  const std::string& dsn() const { return dsn_; }
  int server_major() const { return major_; }

 private:
  void start_private(const RestoreCheckOptions& options) {
    const fs::path base = options.scratch.empty() ? fs::temp_directory_path() : options.scratch;
    std::string pattern = (base / "payoutd-restore-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw CommandFailed(ExitCode::usage,
                          base.string() + " cannot be written: --scratch names another folder");
    folder_ = pattern;
    // The server's user has to reach its part of it.
    fs::permissions(folder_, fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec);
    ops::EmbeddedPostgresOptions server;
    server.directory = folder_ / "postgres";
    server.database = "payoutd_restore_check";
    // It need not survive anything.
    server.settings = {{"fsync", "off"},         {"full_page_writes", "off"}, {"synchronous_commit", "off"},
                       {"wal_level", "minimal"}, {"max_wal_senders", "0"},    {"autovacuum", "off"}};
    server_ = std::make_unique<ops::EmbeddedPostgres>(server);
    try {
      server_->start();
    } catch (const ops::EmbeddedPostgresError& error) {
      server_.reset();
      std::error_code ignored;
      fs::remove_all(folder_, ignored);
      throw CommandFailed(ExitCode::failed,
                          std::string(error.what()) + "\n--into DSN restores on another server.");
    }
    dsn_ = server_->dsn();
    major_ = major_of(dsn_);
  }

  void make_database(const std::string& dsn) {
    maker_ = dsn;
    name_ = "payoutd_restore_check_" + core::random_uuid().substr(0, 8);
    try {
      store::Connection connection(
          store::connection_string(dsn, {.application_name = "payoutctl restore-check"}));
      pqxx::nontransaction(connection).exec("create database " + name_);
    } catch (const std::exception& error) {
      throw CommandFailed(ExitCode::failed,
                          std::string("A scratch database cannot be made: ") + error.what());
    }
    dsn_ = store::connection_string(dsn, {}) + " dbname=" + name_;  // the last one counts
    major_ = major_of(dsn_);
  }

  static int major_of(const std::string& dsn) {
    store::Connection connection(store::connection_string(dsn, {}));
    return pqxx::nontransaction(connection)
        .exec1("select current_setting('server_version_num')::int / 10000")[0]
        .as<int>();
  }

  std::unique_ptr<ops::EmbeddedPostgres> server_;
  fs::path folder_;
  std::string maker_;
  std::string name_;
  std::string dsn_;
  int major_ = kOldestMajor;
  std::ostream& err_;
};

/// Where the dump is, and what was written down about it.
struct Source {
  fs::path dump;
  fs::path folder;  ///< empty: a bare dump
  std::optional<Manifest> manifest;
};

Source find_source(const fs::path& given) {
  std::error_code ignored;
  if (!fs::exists(given, ignored))
    throw CommandFailed(ExitCode::usage, given.string() + ": there is no such backup");
  Source source;
  source.dump = given;
  if (fs::is_directory(given) && fs::exists(given / "manifest.json")) {
    source.folder = given;
    source.dump = given / "dump";
  } else if (given.filename() == "dump" && fs::exists(given.parent_path() / "manifest.json")) {
    source.folder = given.parent_path();
  }
  if (!source.folder.empty()) source.manifest = read_manifest(source.folder / "manifest.json");
  return source;
}

/// Asks its questions one after the other; what cannot be asked any more is not.
class Check {
 public:
  Check(Context& context, const RestoreCheckOptions& options) : context_(context), options_(options) {}

  bool run() {
    const Source source = find_source(options_.backup);
    if (!check_files(source)) return false;
    Scratch scratch(context_, options_);
    if (!restore(source, scratch)) return false;
    store::Connection connection(
        store::connection_string(scratch.dsn(), {.application_name = "payoutctl restore-check"}));
    check_schema(connection);
    if (!steps_.back().ok && schema_missing_) return false;
    check_content(connection, source);
    for (const Step& step : steps_)
      if (!step.ok) return false;
    return true;
  }

  const std::vector<Step>& steps() const { return steps_; }

 private:
  bool add(Step step) {
    if (!context_.json) {
      context_.out << (step.ok ? context_.style.paint(Colour::green, "ok    ")
                               : context_.style.paint(Colour::red, "FAIL  "))
                   << step.name << ": " << step.says << '\n';
      for (const auto& detail : step.details) context_.out << "        " << printable(detail) << '\n';
      context_.out.flush();
    }
    steps_.push_back(std::move(step));
    return steps_.back().ok;
  }

  bool check_files(const Source& source) {
    if (!source.manifest)
      return add({"files", true, "there is no manifest beside it: what it should hold is not known", {}});
    Step step{"files", true, {}, {}};
    std::map<std::string, Manifest::File> there;
    for (auto& one : hash_files(source.folder)) there[one.path] = one;
    for (const auto& wanted : source.manifest->files) {
      const auto found = there.find(wanted.path);
      if (found == there.end())
        step.details.push_back(wanted.path + " is missing");
      else if (found->second.sha256 != wanted.sha256)
        step.details.push_back(wanted.path + " is not what was written (SHA-256 differs)");
    }
    step.ok = step.details.empty() && !source.manifest->files.empty();
    step.says = step.ok ? counted(source.manifest->files.size(), "file is", "files are") +
                              " what was written at " + source.manifest->created_at
                        : "the backup is damaged";
    return add(std::move(step));
  }

  bool restore(const Source& source, const Scratch& scratch) {
    const auto began = std::chrono::steady_clock::now();
    const int major = std::max(scratch.server_major(), source.manifest ? source.manifest->server_major : 0);
    auto environment = libpq_environment(scratch.dsn());
    environment["PGAPPNAME"] = "payoutctl restore-check";
    const std::string database = environment.at("PGDATABASE");
    const ProgramRun run =
        run_program(postgres_program("pg_restore", major),
                    {"--exit-on-error", "--no-owner", "--no-privileges", "--no-password",
                     "--jobs=" + std::to_string(options_.jobs), "--dbname=" + database, source.dump.string()},
                    environment);
    if (run.interrupted)
      throw CommandFailed(ExitCode::interrupted, "interrupted; the scratch was taken away");
    const auto elapsed =
        std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
    Step step{"restore", run.status == 0, {}, {}};
    step.says = step.ok ? "done in " + duration_text(elapsed) : "pg_restore failed";
    if (!step.ok) step.details.push_back(run.errors);
    return add(std::move(step));
  }

  void check_schema(store::Connection& connection) {
    const auto result = store::verify_schema(connection);
    schema_missing_ = result.migrations == 0;
    Step step{"schema", result.differences.empty() && !schema_missing_, {}, {}};
    // A backup of an older schema is a good one: `migrate up` brings it on.
    const bool known =
        result.check.state == store::SchemaState::current || result.check.state == store::SchemaState::behind;
    step.ok = step.ok && known;
    step.says = schema_missing_ ? "there is no schema of payoutd in it"
                : step.ok       ? std::to_string(result.objects) + " objects are what " +
                                std::to_string(result.migrations) + " migrations say"
                          : "it is not what its migrations say";
    if (result.check.state != store::SchemaState::current && !schema_missing_)
      step.details.push_back(result.check.explanation);
    for (const auto& one : result.differences)
      step.details.push_back(std::string(store::to_string(one.kind)) + " " + one.what + " " + one.name);
    add(std::move(step));
  }

  void check_content(store::Connection& connection, const Source& source) {
    store::in_transaction(
        connection, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", [&](store::Transaction& work) {
          const store::Inventory found = store::take_inventory(work);
          std::int64_t payouts = 0;
          for (const auto& stock : found.stocks) payouts += stock.count;
          if (source.manifest) {
            auto differences = store::compare_inventories(source.manifest->inventory, found);
            const bool same = differences.empty();
            add({"counts", same,
                 same ? std::to_string(payouts) +
                            " payouts, by state and sum, and all rows are those of the manifest"
                      : "what is in it is not what was written down",
                 std::move(differences)});
          } else {
            add({"counts",
                 true,
                 std::to_string(payouts) + " payouts; without a manifest there is nothing to compare",
                 {}});
          }
          check_money(work);
          const store::AuditCheck audit = store::verify_audit(work);
          const bool unbroken = audit.first_bad == 0;
          add({"audit",
               unbroken,
               unbroken ? std::to_string(audit.rows) + " entries, none changed, taken out or put in"
                        : "entry " + std::to_string(audit.first_bad) + ": " + audit.why,
               {}});
        });
  }

  void check_money(store::Transaction& work) {
    const auto checks = store::check_invariants(work);
    Step step{"money", true, {}, {}};
    for (const auto& one : checks)
      if (one.violations > 0)
        step.details.push_back(one.name + ": " + one.meaning + " Violated " + std::to_string(one.violations) +
                               " times, such as by " + one.example);
    step.ok = step.details.empty();
    step.says = step.ok
                    ? std::to_string(checks.size()) + " rules about attempts, states, keys and amounts hold"
                    : "the journal contradicts itself";
    add(std::move(step));
  }

  Context& context_;
  const RestoreCheckOptions& options_;
  std::vector<Step> steps_;
  bool schema_missing_ = false;
};

// False: hosts will not show it. Their database need not be reachable from where backups are checked.
bool record(Context& context, const DatabaseOptions& database, const fs::path& backup) {
  try {
    const Database opened = open_database(context, database, "restore-check");
    const char* user = ::getenv("USER");
    store::in_transaction(*opened.connection, [&](store::Transaction& work) {
      store::record_maintenance(work, "restore_check", user == nullptr ? "?" : user,
                                json::serialize(json::object{{"backup", fs::absolute(backup).string()}}));
    });
    return true;
  } catch (const std::exception& error) {
    context.err << "The check passed, but the hosts' database does not take the note of it (--no-record "
                   "leaves it out): "
                << error.what() << '\n';
    return false;
  }
}

}  // namespace

ExitCode restore_check(Context& context, const DatabaseOptions& database,
                       const RestoreCheckOptions& options) {
  Check check(context, options);
  bool passed = false;
  try {
    passed = check.run();
  } catch (const store::StoreError& error) {
    throw CommandFailed(ExitCode::failed,
                        std::string("The restored database cannot be asked: ") + error.what());
  }
  const bool recorded = passed && options.record && record(context, database, options.backup);
  if (context.json) {
    json::array steps;
    for (const Step& step : check.steps())
      steps.push_back(json::object{{"name", step.name},
                                   {"ok", step.ok},
                                   {"says", step.says},
                                   {"details", json::array(step.details.begin(), step.details.end())}});
    context.out << json::serialize(
                       json::object{{"passed", passed}, {"recorded", recorded}, {"steps", std::move(steps)}})
                << '\n';
  } else {
    context.out << (passed ? context.style.paint(Colour::green, "PASSED: this backup can be restored.")
                           : context.style.paint(Colour::red, "FAILED: do not count on this backup."))
                << '\n';
  }
  return passed ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
