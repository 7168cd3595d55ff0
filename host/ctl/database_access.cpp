#include "ctl/database_access.hpp"

#include <ostream>

#include "ops/config.hpp"

namespace payoutd::ctl {
namespace {

std::unique_ptr<store::Connection> connect(const std::string& dsn, const std::string& purpose) {
  return std::make_unique<store::Connection>(
      store::connection_string(dsn, {.application_name = "payoutctl " + purpose}));
}

Database connect_to(const std::string& dsn, const std::string& purpose) {
  return {nullptr, dsn, connect(dsn, purpose)};
}

Database open_embedded(Context& context, const ops::Config& config, const std::string& purpose) {
  const ops::EmbeddedPostgresOptions options = ops::embedded_in(config.static_config.state_dir);
  try {
    return connect_to(ops::EmbeddedPostgres::dsn(options), purpose);  // a host runs it
  } catch (const store::StoreError&) {
    context.err << "No host runs the embedded database in " << options.directory.string()
                << "; starting it for this.\n";
  }
  Database database;
  database.embedded = std::make_unique<ops::EmbeddedPostgres>(options);
  database.embedded->start();
  database.dsn = database.embedded->dsn();
  database.connection = connect(database.dsn, purpose);
  return database;
}

}  // namespace

Database open_database(Context& context, const DatabaseOptions& options, const std::string& purpose) {
  try {
    if (!options.database.empty()) return connect_to(options.database, purpose);
    const ops::Config config = ops::load_config(options.config);
    if (config.static_config.database.embedded) return open_embedded(context, config, purpose);
    return connect_to(config.static_config.database.dsn.reveal(), purpose);
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

std::unique_ptr<store::Connection> connect_again(const Database& database, const std::string& purpose) {
  return connect(database.dsn, purpose);
}

void fail_with(const store::StoreError& error) {
  if (error.sqlstate() == "42501")
    throw CommandFailed(ExitCode::refused, std::string("The database refuses it to this role: ") +
                                               error.what() +
                                               ". --database DSN names another role, such as the owner.");
  if (error.sqlstate() == "42P01" || error.sqlstate() == "3F000" || error.sqlstate() == "42883" ||
      error.sqlstate() == "42703")
    throw CommandFailed(ExitCode::failed, std::string("The database's schema is not this version's: ") +
                                              error.what() + ". Run `payoutctl migrate status`.");
  throw CommandFailed(ExitCode::failed, error.what());
}

}  // namespace payoutd::ctl
