#include "ctl/migrate.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "store/migrations.hpp"
#include "store/roles.hpp"
#include "store/schema_drift.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr const char* kPurpose = "migrate";

const char* word_of(store::SchemaState state) {
  switch (state) {
    case store::SchemaState::current:
      return "current";
    case store::SchemaState::behind:
      return "behind";
    case store::SchemaState::ahead:
      return "ahead";
    case store::SchemaState::changed:
      return "changed";
  }
  return "";
}

// "1234567 rows, 812 MB"; empty where nothing is known.
std::string size_text(const store::StatementRemark& remark) {
  if (remark.bytes < 0) return {};
  constexpr std::int64_t kMegabyte = 1024 * 1024;
  std::string text =
      remark.bytes < kMegabyte ? "less than 1 MB" : std::to_string(remark.bytes / kMegabyte) + " MB";
  if (remark.rows >= 0) text = "about " + std::to_string(remark.rows) + " rows, " + text;
  return text;
}

void print_remark(Context& context, const store::StatementRemark& remark) {
  using Kind = store::StatementRemark::Kind;
  const bool destroys = remark.kind == Kind::destroys;
  std::string line = destroys                        ? "-- DESTRUCTIVE: "
                     : remark.kind == Kind::rewrites ? "-- REWRITES: "
                                                     : "-- LOCKS: ";
  line += printable(remark.statement);
  context.out << context.style.paint(destroys ? Colour::red : Colour::yellow, line) << '\n';
  if (remark.table.empty()) return;
  const std::string size = size_text(remark);
  context.out << "--   " << remark.table << (size.empty() ? "" : " (" + size + ")") << ", " << remark.lock
              << ". " << remark.meaning << '\n';
}

json::object plan_json(const std::vector<store::PlannedMigration>& plan) {
  json::array steps;
  bool any_destroys = false;
  for (const auto& step : plan) {
    json::array destructive(step.destructive.begin(), step.destructive.end());
    any_destroys = any_destroys || !destructive.empty();
    json::array remarks;
    for (const auto& remark : step.remarks) {
      json::object one{{"kind", store::to_string(remark.kind)},
                       {"statement", remark.statement},
                       {"table", remark.table},
                       {"lock", remark.lock},
                       {"meaning", remark.meaning}};
      if (remark.rows >= 0) one["rows"] = remark.rows;
      if (remark.bytes >= 0) one["bytes"] = remark.bytes;
      remarks.push_back(std::move(one));
    }
    steps.push_back(json::object{{"version", step.migration.version},
                                 {"name", step.migration.name},
                                 {"sql", step.migration.sql},
                                 {"destructive", std::move(destructive)},
                                 {"remarks", std::move(remarks)}});
  }
  return {{"destructive", any_destroys}, {"plan", std::move(steps)}};
}

void print_difference(Context& context, const store::SchemaDifference& one) {
  const std::string line = std::string(store::to_string(one.kind)) + " " + one.what + " " + one.name;
  context.out << context.style.paint(Colour::red, line) << '\n';
  if (!one.expected.empty())
    context.out << "  expected  " << wrapped(printable(one.expected), 100, 12) << '\n';
  if (!one.found.empty()) context.out << "  found     " << wrapped(printable(one.found), 100, 12) << '\n';
}

}  // namespace

json::object verification_json(const store::SchemaVerification& result) {
  json::array differences;
  for (const auto& one : result.differences)
    differences.push_back(json::object{{"kind", store::to_string(one.kind)},
                                       {"what", one.what},
                                       {"name", one.name},
                                       {"expected", one.expected},
                                       {"found", one.found}});
  return {{"ok", result.all_right()},
          {"state", word_of(result.check.state)},
          {"explanation", result.check.explanation},
          {"migrations", result.migrations},
          {"objects", result.objects},
          {"differences", std::move(differences)}};
}

ExitCode migrate_verify(Context& context, const MigrateOptions& options) {
  const Database database = open_database(context, options, kPurpose);
  const auto result = ask_database([&] { return store::verify_schema(*database.connection); });
  const ExitCode code = result.all_right() ? ExitCode::ok : ExitCode::negative;
  if (context.json) {
    context.out << json::serialize(verification_json(result)) << '\n';
    return code;
  }
  for (const auto& one : result.differences) print_difference(context, one);
  if (result.check.state != store::SchemaState::current) context.out << result.check.explanation << ".\n";
  if (result.all_right()) {
    context.out << "The schema is what its " << result.migrations << " migrations say: " << result.objects
                << " objects compared.\n";
  } else if (!result.differences.empty()) {
    context.out << result.differences.size()
                << (result.differences.size() == 1 ? " difference" : " differences")
                << " to what the migrations say. Somebody changed the schema by "
                << "other means: undo that, by the definitions above.\n";
  }
  return code;
}

ExitCode migrate_status(Context& context, const MigrateOptions& options) {
  const Database database = open_database(context, options, kPurpose);
  const store::MigrationStatus status = store::migration_status(*database.connection);
  const store::SchemaCheck check = store::check_schema(*database.connection);
  const ExitCode code = check.state == store::SchemaState::current ? ExitCode::ok : ExitCode::negative;
  if (context.json) {
    json::array applied;
    for (const auto& one : status.applied) {
      applied.push_back(json::object{{"version", one.version},
                                     {"name", one.name},
                                     {"applied_at", one.applied_at},
                                     {"applied_by", one.applied_by}});
    }
    json::array pending;
    for (const auto& one : status.pending)
      pending.push_back(json::object{{"version", one.version}, {"name", one.name}});
    context.out << json::serialize(json::object{{"state", word_of(check.state)},
                                                {"explanation", check.explanation},
                                                {"applied", std::move(applied)},
                                                {"pending", std::move(pending)}})
                << '\n';
    return code;
  }
  Table table({{"VERSION"}, {"NAME"}, {"STATUS"}, {"BY"}});
  for (const auto& one : status.applied) {
    table.add(
        {one.version, one.name, {"applied " + time_text(one.applied_at), Colour::green}, one.applied_by});
  }
  for (const auto& one : status.pending) table.add({one.version, one.name, {"pending", Colour::yellow}, ""});
  table.print(context.out, context.style);
  context.out << '\n' << check.explanation << '\n';
  return code;
}

ExitCode migrate_plan(Context& context, const MigrateOptions& options) {
  const Database database = open_database(context, options, kPurpose);
  const auto plan = ask_database([&] { return store::migration_plan(*database.connection); });
  if (context.json) {
    context.out << json::serialize(plan_json(plan)) << '\n';
    return ExitCode::ok;
  }
  if (plan.empty()) context.out << "There is nothing to migrate.\n";
  for (const auto& step : plan) {
    context.out << context.style.paint(Colour::bold,
                                       "-- " + step.migration.version + " " + step.migration.name)
                << '\n';
    for (const auto& remark : step.remarks) print_remark(context, remark);
    context.out << step.migration.sql << '\n';
  }
  return ExitCode::ok;
}

ExitCode migrate_up(Context& context, const MigrateOptions& options) {
  const Database database = open_database(context, options, kPurpose);
  int applied = 0;
  try {
    applied = store::migrate_up(*database.connection, [&context](const store::MigrationProgress& progress) {
      using Step = store::MigrationProgress::Step;
      if (progress.step == Step::waiting_for_lock)
        context.err << "Waiting for another migration to finish …\n";
      if (progress.step == Step::applied) {
        context.err << "Applied " << progress.version << " " << progress.name << " in "
                    << duration_text(progress.elapsed) << '\n';
      }
    });
    if (store::renew_grants(*database.connection)) context.err << "The roles' grants were renewed.\n";
  } catch (const store::StoreError& error) {
    throw CommandFailed(ExitCode::failed, error.what());
  }
  if (context.json) {
    context.out << json::serialize(json::object{{"applied", applied}}) << '\n';
  } else {
    context.out << (applied == 0
                        ? "The schema is current; nothing was done."
                        : "The schema is current: " + std::to_string(applied) + " migrations were applied.")
                << '\n';
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
