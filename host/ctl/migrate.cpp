#include "ctl/migrate.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ops/config.hpp"
#include "ops/embedded_postgres.hpp"
#include "store/migrations.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

/// A connection, and the embedded server if it had to be started for it.
struct Database {
  std::unique_ptr<ops::EmbeddedPostgres> embedded;
  std::unique_ptr<store::Connection> connection;
};

std::unique_ptr<store::Connection> connect(const std::string& dsn) {
  return std::make_unique<store::Connection>(
      store::connection_string(dsn, {.application_name = "payoutctl migrate"}));
}

Database open_embedded(Context& context, const ops::Config& config) {
  Database database;
  const ops::EmbeddedPostgresOptions options = ops::embedded_in(config.static_config.state_dir);
  try {
    database.connection = connect(ops::EmbeddedPostgres::dsn(options));
    return database;  // a host runs it
  } catch (const store::StoreError&) {
    context.err << "No host runs the embedded database in " << options.directory.string()
                << "; starting it for this.\n";
  }
  database.embedded = std::make_unique<ops::EmbeddedPostgres>(options);
  database.embedded->start();
  database.connection = connect(database.embedded->dsn());
  return database;
}

Database open(Context& context, const MigrateOptions& options) {
  try {
    if (!options.database.empty()) return {nullptr, connect(options.database)};
    const ops::Config config = ops::load_config(options.config);
    if (config.static_config.database.embedded) return open_embedded(context, config);
    return {nullptr, connect(config.static_config.database.dsn.reveal())};
  } catch (const ops::ConfigError& error) {
    throw CommandFailed(ExitCode::usage,
                        std::string(error.what()) +
                            "\nThe configuration says which database it is; --database DSN names another.");
  } catch (const ops::EmbeddedPostgresError& error) {
    throw CommandFailed(ExitCode::failed, error.what());
  } catch (const store::StoreError& error) {
    throw CommandFailed(ExitCode::unreachable,
                        std::string("The database cannot be reached: ") + error.what());
  }
}

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

}  // namespace

ExitCode migrate_status(Context& context, const MigrateOptions& options) {
  const Database database = open(context, options);
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
  const Database database = open(context, options);
  const auto plan = store::migration_plan(*database.connection);
  if (context.json) {
    json::array steps;
    for (const auto& step : plan) {
      json::array destructive;
      for (const std::string& statement : step.destructive) destructive.emplace_back(statement);
      steps.push_back(json::object{{"version", step.migration.version},
                                   {"name", step.migration.name},
                                   {"sql", step.migration.sql},
                                   {"destructive", std::move(destructive)}});
    }
    context.out << json::serialize(json::object{{"plan", std::move(steps)}}) << '\n';
    return ExitCode::ok;
  }
  if (plan.empty()) context.out << "There is nothing to migrate.\n";
  for (const auto& step : plan) {
    context.out << context.style.paint(Colour::bold,
                                       "-- " + step.migration.version + " " + step.migration.name)
                << '\n';
    for (const std::string& statement : step.destructive) {
      context.out << context.style.paint(Colour::red, "-- DESTRUCTIVE: " + printable(statement)) << '\n';
    }
    context.out << step.migration.sql << '\n';
  }
  return ExitCode::ok;
}

ExitCode migrate_up(Context& context, const MigrateOptions& options) {
  const Database database = open(context, options);
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
