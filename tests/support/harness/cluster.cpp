#include "harness/cluster.hpp"

#include <pwd.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>

#include "harness/host_process.hpp"
#include "store/connection.hpp"

namespace payoutd::test {
namespace {

using std::chrono::seconds;

constexpr const char* kBinaries = "/usr/lib/postgresql/15/bin/";

}  // namespace

Cluster::Cluster(Options options)
    : directory_(std::move(options.directory)), port_(options.port == 0 ? free_port() : options.port) {
  prepare_directory();
  std::ofstream(directory_ / "password") << kPassword << '\n';
  run_program("initdb",
              {"-D", data().string(), "-U", kAdmin, "--auth=scram-sha-256", "--no-sync", "--encoding=UTF8",
               "--locale=C.UTF-8", "--pwfile=" + (directory_ / "password").string()});
  write_configuration(options.settings);
  start();
}

Cluster::Cluster(Cluster& primary, Options options)
    : directory_(std::move(options.directory)), port_(options.port == 0 ? free_port() : options.port) {
  prepare_directory();
  run_program("pg_basebackup", {"-D", data().string(), "-R", "-X", "stream", "-c", "fast", "--no-sync", "-d",
                                primary.admin_dsn("postgres") + " application_name=replica"});
  write_configuration(options.settings);
  start();
  const bool streams = eventually(seconds{30}, [&] {
    return primary.value("postgres", "select count(*) from pg_stat_replication where state = 'streaming'") !=
           "0";
  });
  if (!streams) throw std::runtime_error("the replica does not stream:\n" + log_end());
}

Cluster::~Cluster() {
  if (process_ && process_->running()) {
    process_->signal(SIGQUIT);
    process_->wait(seconds{10});
  }
  process_.reset();
  std::error_code ignored;
  if (own_directory_) std::filesystem::remove_all(directory_, ignored);
}

void Cluster::prepare_directory() {
  own_directory_ = directory_.empty();
  if (own_directory_) {
    std::string pattern = (std::filesystem::temp_directory_path() / "payoutd-cluster-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
    directory_ = pattern;
  }
  std::filesystem::create_directories(directory_);
  std::filesystem::permissions(directory_, std::filesystem::perms(0777));
}

// PostgreSQL refuses to run as root. setpriv becomes the other user without a process in between, and keeps
// the death of the test's process deadly.
void Cluster::run_program(const std::string& program, std::vector<std::string> arguments) {
  ChildProcess::Start start;
  start.program = kBinaries + program;
  start.arguments = std::move(arguments);
  if (::geteuid() == 0) {
    std::vector<std::string> words{"--reuid=postgres", "--regid=postgres", "--init-groups",
                                   "--pdeathsig=KILL", start.program.string()};
    words.insert(words.end(), start.arguments.begin(), start.arguments.end());
    start.program = "/usr/bin/setpriv";
    start.arguments = std::move(words);
  }
  start.environment = {{"LC_ALL", "C"}, {"TZ", "UTC"}};
  start.log = directory_ / "log";
  process_ = std::make_unique<ChildProcess>(start);
  if (program == "postgres") return;
  const auto status = process_->wait(seconds{60});
  if (!status || *status != 0) throw std::runtime_error(program + " failed:\n" + log_end());
  process_.reset();
}

void Cluster::write_configuration(const std::map<std::string, std::string>& settings) const {
  std::map<std::string, std::string> all{
      {"listen_addresses", "127.0.0.1"}, {"port", std::to_string(port_)},
      {"unix_socket_directories", ""},   {"fsync", "off"},
      {"full_page_writes", "off"},       {"shared_buffers", "64MB"},
      {"max_connections", "100"},        {"wal_receiver_status_interval", "1s"},
      {"log_line_prefix", "%m [%p] %a "}};
  for (const auto& [name, value] : settings) all[name] = value;
  std::ofstream out(directory_ / "tests.conf", std::ios::trunc);
  for (const auto& [name, value] : all) out << name << " = '" << value << "'\n";
  out.close();
  std::ofstream(directory_ / "hba.conf", std::ios::trunc)
      << "host all all 127.0.0.1/32 scram-sha-256\nhost replication all 127.0.0.1/32 scram-sha-256\n";
  std::ofstream(data() / "postgresql.conf", std::ios::trunc)
      << "include '" << (directory_ / "tests.conf").string() << "'\nhba_file = '"
      << (directory_ / "hba.conf").string() << "'\n";
}

void Cluster::start() {
  run_program("postgres", {"-D", data().string()});
  if (!wait_until_it_answers()) throw std::runtime_error("the cluster does not answer:\n" + log_end());
}

bool Cluster::wait_until_it_answers() const {
  return eventually(seconds{30}, [this] {
    try {
      store::Connection connection(store::connection_string(admin_dsn(), {}));
      return true;
    } catch (const store::StoreError&) {
      return !process_->running();
    }
  });
}

void Cluster::kill() {
  const auto backends = children_of(process_->pid(), "postgres");
  process_->signal(SIGKILL);
  process_->wait(seconds{10});
  // Backends notice by themselves; until then they go on serving.
  for (const pid_t backend : backends)
    eventually(seconds{10}, [backend] { return ::kill(backend, 0) != 0 || process_state(backend) == 'Z'; });
}

void Cluster::stop() {
  process_->signal(SIGINT);
  if (!process_->wait(seconds{30})) throw std::runtime_error("the cluster does not stop:\n" + log_end());
}

void Cluster::promote() {
  run("postgres", "select pg_promote(true, 30)");
}

std::string Cluster::dsn(const std::string& user, const std::string& password,
                         const std::string& database) const {
  return "host=127.0.0.1 port=" + std::to_string(port_) + " user=" + user + " password='" + password +
         "' dbname=" + database;
}

std::string Cluster::admin_dsn(const std::string& database) const {
  return dsn(kAdmin, kPassword, database);
}

std::string Cluster::value(const std::string& database, const std::string& sql) const {
  store::Connection connection(store::connection_string(admin_dsn(database), {}));
  const auto rows = pqxx::nontransaction(connection).exec(sql);
  return rows.empty() || rows.columns() == 0 || rows[0][0].is_null() ? "" : rows[0][0].c_str();
}

std::string Cluster::log_end() const {
  std::ifstream in(directory_ / "log");
  const std::string all{std::istreambuf_iterator<char>(in), {}};
  constexpr std::size_t kShown = 4000;
  return all.substr(all.size() > kShown ? all.size() - kShown : 0);
}

}  // namespace payoutd::test
