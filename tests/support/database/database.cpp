#include "support/database/database.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace payoutd::test {
namespace {

std::vector<pid_t> children_of(pid_t parent) {
  const std::string pid = std::to_string(parent);
  std::ifstream in("/proc/" + pid + "/task/" + pid + "/children");
  return {std::istream_iterator<pid_t>(in), {}};
}

std::string unique_prefix() {
  static const std::string prefix = "test_" + std::to_string(::getpid()) + "_";
  return prefix;
}

ops::EmbeddedPostgresOptions options(const std::filesystem::path& directory,
                                     const std::map<std::string, std::string>& settings) {
  ops::EmbeddedPostgresOptions result;
  result.directory = directory;
  // Nothing here must survive a power cut, but everything a killed process.
  result.settings = {
      {"fsync", "off"}, {"full_page_writes", "off"}, {"shared_buffers", "64MB"}, {"max_connections", "100"}};
  for (const auto& [name, value] : settings) result.settings[name] = value;
  result.start_limit = std::chrono::seconds(60);
  result.stop_limit = std::chrono::seconds(10);
  return result;
}

}  // namespace

TestDatabase::TestDatabase(DatabaseServer& server, std::string name)
    : server_(&server), name_(std::move(name)) {}

TestDatabase::TestDatabase(TestDatabase&& other) noexcept
    : server_(std::exchange(other.server_, nullptr)), name_(std::move(other.name_)) {}

TestDatabase::~TestDatabase() {
  if (server_ == nullptr || server_->is_private()) return;
  try {
    store::Connection connection(server_->dsn("postgres"));
    pqxx::nontransaction(connection).exec("DROP DATABASE IF EXISTS " + name_ + " WITH (FORCE)");
  } catch (const std::exception&) {
    // A left-over database disturbs no other test.
  }
}

std::string TestDatabase::dsn() const {
  return server_->dsn(name_);
}

store::Connection TestDatabase::connect() const {
  return store::Connection(dsn());
}

std::string TestDatabase::value(const std::string& sql) const {
  store::Connection connection(dsn());
  const auto rows = pqxx::nontransaction(connection).exec(sql);
  return rows.empty() || rows[0][0].is_null() ? "" : rows[0][0].c_str();
}

DatabaseServer& DatabaseServer::shared() {
  static const auto server = [] {
    const char* url = std::getenv("PAYOUTD_TEST_DATABASE_URL");
    return std::unique_ptr<DatabaseServer>(url != nullptr ? new DatabaseServer(External(url))
                                                          : new DatabaseServer());
  }();
  return *server;
}

std::unique_ptr<DatabaseServer> DatabaseServer::at(std::string url) {
  return std::unique_ptr<DatabaseServer>(new DatabaseServer(External(std::move(url))));
}

DatabaseServer::DatabaseServer(std::map<std::string, std::string> settings) {
  std::string pattern = (std::filesystem::temp_directory_path() / "payoutd-test-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
  directory_ = pattern;
  server_ = std::make_unique<ops::EmbeddedPostgres>(options(directory_, settings));
  server_->start();
}

DatabaseServer::DatabaseServer(External external) : url_(std::move(external.url)) {}

DatabaseServer::~DatabaseServer() {
  if (!server_) return;
  server_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

TestDatabase DatabaseServer::fresh_database(std::span<const store::Migration> migrations) {
  const auto source = template_for(migrations);
  const auto name = unique_prefix() + std::to_string(++databases_);
  execute("CREATE DATABASE " + name + " TEMPLATE " + source);
  return TestDatabase(*this, name);
}

TestDatabase DatabaseServer::empty_database() {
  const auto name = unique_prefix() + std::to_string(++databases_);
  execute("CREATE DATABASE " + name);
  return TestDatabase(*this, name);
}

std::string DatabaseServer::template_for(std::span<const store::Migration> migrations) {
  std::string fingerprint;
  for (const auto& migration : migrations) fingerprint += migration.checksum;
  auto& name = templates_[fingerprint];
  if (!name.empty()) return name;
  name = unique_prefix() + "template_" + std::to_string(templates_.size());
  execute("CREATE DATABASE " + name);
  store::Connection connection(dsn(name));
  store::migrate_up(connection, {}, migrations);
  return name;
}

void DatabaseServer::execute(const std::string& sql) const {
  store::Connection connection(dsn("postgres"));
  pqxx::nontransaction(connection).exec(sql);
}

std::string DatabaseServer::dsn(const std::string& database) const {
  const auto base = is_private() ? server_->dsn() : store::connection_string(url_, {});
  return base + " dbname=" + database;  // the last one counts
}

void DatabaseServer::kill() {
  // The immediate death of the postmaster, as by the kernel's out-of-memory killer.
  const pid_t postmaster = server_->pid();
  const std::vector<pid_t> backends = children_of(postmaster);
  ::kill(postmaster, SIGKILL);
  while (server_->running()) ::usleep(1'000);
  // Its backends notice by themselves; until then they go on serving.
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{10};
  for (const pid_t backend : backends)
    while (::kill(backend, 0) == 0 && std::chrono::steady_clock::now() < until) ::usleep(1'000);
}

void DatabaseServer::stop() {
  server_->stop();
}
void DatabaseServer::start() {
  server_->start();
}

}  // namespace payoutd::test
