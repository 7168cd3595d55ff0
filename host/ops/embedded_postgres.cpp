#include "ops/embedded_postgres.hpp"

#include <fcntl.h>
#include <grp.h>
#include <libpq-fe.h>
#include <poll.h>
#include <pwd.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

namespace payoutd::ops {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::string_view kRole = "payoutd";
constexpr std::string_view kSocketName = ".s.PGSQL.5432";
constexpr std::size_t kSocketPathLimit = 107;  // sun_path holds 108 bytes with the final zero

[[noreturn]] void fail(const std::string& message) {
  throw EmbeddedPostgresError("embedded PostgreSQL: " + message);
}

// glibc 2.36 declares these without C linkage, so C++ cannot link its wrappers.
int open_pidfd(pid_t pid) {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
void signal_pidfd(int pidfd, int number) {
  ::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0);
}

std::string reason(int error) {
  return std::generic_category().message(error);
}

fs::path socket_directory(const EmbeddedPostgresOptions& options) {
  return options.socket_directory.empty() ? options.directory / "socket" : options.socket_directory;
}

std::string quoted_value(std::string_view value, char escape) {
  std::string text = "'";
  for (const char c : value) {
    if (c == '\'' || c == '\\') text += c == '\'' ? escape : '\\';
    text += c;
  }
  return text + "'";
}

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// Replaces the file whole, so that a crash leaves the old one or the new one.
void write_file(const fs::path& path, const std::string& text, gid_t group) {
  const auto temporary = path.string() + ".new";
  ::unlink(temporary.c_str());
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
  if (file < 0) fail("cannot write " + temporary + ": " + reason(errno));
  const auto written = ::write(file, text.data(), text.size());
  const int error = errno;
  if (::geteuid() == 0 && ::fchown(file, static_cast<uid_t>(-1), group) != 0)
    fail("cannot give " + temporary + " to the server's group: " + reason(errno));
  ::fchmod(file, 0640);
  ::close(file);
  if (written != static_cast<ssize_t>(text.size())) fail("cannot write " + temporary + ": " + reason(error));
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    fail("cannot write " + path.string() + ": " + reason(errno));
}

std::string user_name(uid_t uid) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr)
    fail("user id " + std::to_string(uid) + " has no name on this system, and PostgreSQL needs one");
  return found->pw_name;
}

// An eighth of the memory, at most a gigabyte: hot rows are few, and the page cache does the
// rest.
std::string shared_buffers() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  const auto megabytes = pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024);
  return std::to_string(std::clamp<std::uint64_t>(megabytes / 8, 64, 1024)) + "MB";
}

std::map<std::string, std::string> default_settings() {
  return {
      {"listen_addresses", ""},
      {"unix_socket_permissions", "0700"},
      {"max_connections", "50"},
      {"shared_buffers", shared_buffers()},
      {"work_mem", "8MB"},
      {"maintenance_work_mem", "64MB"},
      {"synchronous_commit", "on"},
      {"wal_compression", "on"},
      {"min_wal_size", "256MB"},
      {"max_wal_size", "1GB"},
      {"checkpoint_timeout", "5min"},
      // Small tables that change all the time: vacuum early and often.
      {"autovacuum_naptime", "10s"},
      {"autovacuum_vacuum_scale_factor", "0.02"},
      {"autovacuum_analyze_scale_factor", "0.05"},
      {"autovacuum_vacuum_cost_delay", "0"},
      // As often as that, samples of the default size would be a tenth of its work under load; rows are found
      // by key.
      {"default_statistics_target", "20"},
      // Short statements by index: no time for plans to be compiled or spread over processes.
      {"jit", "off"},
      {"max_parallel_workers_per_gather", "0"},
      {"random_page_cost", "1.1"},
      {"idle_in_transaction_session_timeout", "30s"},
      {"timezone", "UTC"},
      {"log_timezone", "UTC"},
      {"lc_messages", "C"},
      {"log_destination", "stderr"},
      {"logging_collector", "off"},
      {"log_line_prefix", "%m [%p] %q%a "},
      {"log_min_error_statement", "panic"},  // statements may hold phone numbers
      {"log_checkpoints", "off"},
      {"cluster_name", "payoutd"},
  };
}

// What a child may do between fork and exec is little; everything is computed before.
struct Command {
  std::vector<std::string> arguments;
  fs::path working_directory = "/";
  int output = -1;
  bool own_session = false;
  int parent_death_signal = 0;
};

}  // namespace

struct EmbeddedPostgres::ServerUser {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;
  bool switch_user = false;

  static ServerUser resolve(const std::string& wanted) {
    ServerUser user;
    user.switch_user = ::geteuid() == 0;
    user.name = user.switch_user ? wanted : user_name(::geteuid());
    std::array<char, 4096> buffer{};
    passwd entry{};
    passwd* found = nullptr;
    if (::getpwnam_r(user.name.c_str(), &entry, buffer.data(), buffer.size(), &found) != 0 ||
        found == nullptr)
      fail("PostgreSQL refuses to run as root, and there is no user '" + user.name +
           "' to run it as; install Debian's package postgresql or set database.user");
    user.uid = found->pw_uid;
    user.gid = found->pw_gid;
    if (user.uid == 0) fail("PostgreSQL refuses to run as root; set database.user to another user");
    int count = 64;
    user.groups.resize(64);
    ::getgrouplist(user.name.c_str(), user.gid, user.groups.data(), &count);
    user.groups.resize(static_cast<std::size_t>(std::clamp(count, 0, 64)));
    return user;
  }

  // In the child, only async-signal-safe calls. False on failure.
  bool become() const {
    if (!switch_user) return true;
    return ::setgroups(groups.size(), groups.data()) == 0 && ::setresgid(gid, gid, gid) == 0 &&
           ::setresuid(uid, uid, uid) == 0;
  }

  pid_t spawn(const Command& command) const {
    std::vector<char*> arguments;
    for (const auto& argument : command.arguments) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    static std::array<const char*, 4> environment = {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC", nullptr};
    const auto working_directory = command.working_directory.string();
    const pid_t parent = ::getpid();
    const pid_t child = ::fork();
    if (child < 0) fail("cannot start " + command.arguments[0] + ": " + reason(errno));
    if (child > 0) return child;

    if (command.own_session) ::setsid();
    if (!become()) ::_exit(126);
    if (command.parent_death_signal != 0) {
      ::prctl(PR_SET_PDEATHSIG, command.parent_death_signal);
      if (::getppid() != parent) ::_exit(126);
    }
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    for (const int number : {SIGPIPE, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGCHLD}) ::signal(number, SIG_DFL);
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(command.output, 1);
    ::dup2(command.output, 2);
    ::close_range(3, ~0U, 0);
    ::umask(0077);
    if (::chdir(working_directory.c_str()) != 0) ::_exit(125);
    ::execve(arguments[0], arguments.data(), const_cast<char**>(environment.data()));
    ::_exit(127);
  }

  // Runs the action in a child with the server's rights; true if it returned true.
  bool does(const std::function<bool()>& action) const {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(become() && action() ? 0 : 1);
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
};

// What an earlier server left in postmaster.pid.
struct EmbeddedPostgres::Leftover {
  pid_t pid = 0;
  int pidfd = -1;

  // Ours is a living postgres whose working directory is this cluster, started when the file says. A pid
  // alone proves nothing: after a reboot it may belong to anybody.
  static std::optional<Leftover> find(const fs::path& data) {
    std::istringstream file(read_text(data / "postmaster.pid"));
    std::string pid_line, directory_line, start_line;
    if (!std::getline(file, pid_line) || !std::getline(file, directory_line)) return std::nullopt;
    std::getline(file, start_line);
    const auto pid = static_cast<pid_t>(std::atoi(pid_line.c_str()));
    if (pid <= 0) return std::nullopt;
    const int descriptor = open_pidfd(pid);
    if (descriptor < 0) return std::nullopt;
    if (is_our_server(pid, data, std::atoll(start_line.c_str()))) return Leftover{pid, descriptor};
    ::close(descriptor);
    return Leftover{pid, -1};
  }

  static bool is_our_server(pid_t pid, const fs::path& data, std::int64_t started_s) {
    const fs::path process = "/proc/" + std::to_string(pid);
    const auto name = first_line(process / "comm");
    if (name != "postgres" && name != "postmaster") return false;
    std::error_code error;
    const auto directory = fs::read_symlink(process / "cwd", error);
    if (!error) return directory == fs::weakly_canonical(data);
    return std::abs(start_time_s(process) - started_s) <= 5;
  }

  static std::int64_t start_time_s(const fs::path& process) {
    const auto stat = read_text(process / "stat");
    std::istringstream fields(stat.substr(std::min(stat.size(), stat.rfind(')') + 1)));
    std::string field;
    for (int index = 3; index <= 22 && fields >> field; ++index) {
    }
    std::int64_t boot_s = 0;
    std::istringstream system(read_text("/proc/stat"));
    for (std::string line; std::getline(system, line);)
      if (line.starts_with("btime ")) boot_s = std::atoll(line.c_str() + 6);
    return boot_s + std::atoll(field.c_str()) / ::sysconf(_SC_CLK_TCK);
  }
};

EmbeddedPostgresOptions embedded_in(const std::filesystem::path& state_dir) {
  EmbeddedPostgresOptions options;
  options.directory = state_dir / "postgres";
  return options;
}

EmbeddedPostgres::EmbeddedPostgres(EmbeddedPostgresOptions options) : options_(std::move(options)) {
  if (options_.directory.empty()) fail("no directory is configured");
  options_.directory = fs::absolute(options_.directory).lexically_normal();
  if (!options_.socket_directory.empty())
    options_.socket_directory = fs::absolute(options_.socket_directory).lexically_normal();
  const auto socket = socket_directory(options_) / kSocketName;
  if (socket.string().size() > kSocketPathLimit)
    fail("the socket's path " + socket.string() + " has " + std::to_string(socket.string().size()) +
         " bytes and the system allows " + std::to_string(kSocketPathLimit) +
         "; choose a shorter directory, or set database.socket_directory");
}

EmbeddedPostgres::~EmbeddedPostgres() {
  try {
    stop();
  } catch (const std::exception&) {
    // The next start deals with what is left.
  }
  forget_server();
  if (lock_ >= 0) ::close(lock_);
}

std::string EmbeddedPostgres::dsn(const EmbeddedPostgresOptions& options) {
  auto absolute = options;
  absolute.directory = fs::absolute(options.directory).lexically_normal();
  if (!options.socket_directory.empty()) absolute.socket_directory = fs::absolute(options.socket_directory);
  return "host=" + quoted_value(socket_directory(absolute).string(), '\\') +
         " port=5432 user=" + std::string(kRole) + " dbname=" + quoted_value(options.database, '\\');
}

void EmbeddedPostgres::start(const Progress& progress) {
  if (running()) return;
  forget_server();
  const auto say = [&](std::string_view sentence) {
    if (progress) progress(sentence);
  };
  const auto user = ServerUser::resolve(options_.user);
  prepare_directories(user);
  lock_directory();
  choose_binaries();
  if (!fs::exists(data() / "PG_VERSION")) create_cluster(user, progress);
  write_configuration(user);
  if (take_over_leftover(user, progress)) {
    create_database();
    return;
  }
  // Server processes that outlive their postmaster by a moment still hold the old shared memory.
  const auto give_up = Clock::now() + seconds(30);
  while (true) {
    launch(user);
    if (await_ready(progress)) break;
    const auto tail = log_tail();
    const bool orphans = tail.find("pre-existing shared memory block") != std::string::npos;
    forget_server();
    if (!orphans || Clock::now() > give_up)
      fail("the server ended while it was starting. The end of " + log_path().string() + ":\n" + tail);
    say("waiting for the processes of an earlier server to end");
    std::this_thread::sleep_for(milliseconds(200));
  }
  create_database();
}

void EmbeddedPostgres::prepare_directories(const ServerUser& user) {
  std::error_code error;
  fs::create_directories(options_.directory, error);
  if (error) fail("cannot make " + options_.directory.string() + ": " + error.message());
  if (user.switch_user) {
    ::chmod(options_.directory.c_str(), 0711);
    for (fs::path path = options_.directory; path != path.root_path(); path = path.parent_path()) {
      struct stat info{};
      if (::stat(path.c_str(), &info) == 0 && (info.st_mode & S_IXOTH) == 0 &&
          !(info.st_uid == user.uid && (info.st_mode & S_IXUSR) != 0) &&
          !(std::find(user.groups.begin(), user.groups.end(), info.st_gid) != user.groups.end() &&
            (info.st_mode & S_IXGRP) != 0))
        fail("the server's user '" + user.name + "' cannot pass through " + path.string() +
             "; choose a directory that it can reach, such as /var/lib/payoutd, or chmod o+x " +
             path.string());
    }
  }
  for (const auto& path : {data(), socket_directory(options_)}) {
    if (path == data() && !fs::exists(path)) continue;  // made by create_cluster, whole
    fs::create_directories(path, error);
    if (error) fail("cannot make " + path.string() + ": " + error.message());
    if (user.switch_user && ::lchown(path.c_str(), user.uid, user.gid) != 0)
      fail("cannot give " + path.string() + " to '" + user.name + "': " + reason(errno));
    ::chmod(path.c_str(), 0700);
  }
}

void EmbeddedPostgres::lock_directory() {
  if (lock_ >= 0) return;
  const auto path = options_.directory / "host.lock";
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (file < 0) fail("cannot open " + path.string() + ": " + reason(errno));
  // A host that was just killed lets go a moment later.
  const auto give_up = Clock::now() + seconds(3);
  while (::flock(file, LOCK_EX | LOCK_NB) != 0) {
    if (Clock::now() < give_up) {
      std::this_thread::sleep_for(milliseconds(50));
      continue;
    }
    const auto holder = first_line(path);
    ::close(file);
    fail(options_.directory.string() + " is in use by the host with pid " + holder +
         "; stop it, or give this host its own directory, or let both use a database server (the setting "
         "`database`)");
  }
  lock_ = file;
}

void EmbeddedPostgres::choose_binaries() {
  const auto cluster_version = first_line(data() / "PG_VERSION");
  std::string searched;
  for (const auto& directory : options_.binary_directories) {
    searched += (searched.empty() ? "" : ", ") + directory.string();
    if (!fs::exists(directory / "postgres")) continue;
    const auto version = directory.parent_path().filename().string();
    if (!cluster_version.empty() && version != cluster_version && std::isdigit(version.front()) != 0)
      continue;
    binaries_ = directory;
    return;
  }
  if (cluster_version.empty()) fail("no PostgreSQL in " + searched + "; install Debian's package postgresql");
  fail(data().string() + " was made by PostgreSQL " + cluster_version + ", which is in none of " + searched +
       "; install it, or upgrade the cluster with pg_upgrade");
}

void EmbeddedPostgres::create_cluster(const ServerUser& user, const Progress& progress) {
  if (progress) progress("making a new database cluster in " + data().string());
  // Made aside and renamed when it is whole: a crash in between leaves nothing that looks like a cluster.
  const auto fresh = options_.directory / "data.new";
  fs::remove_all(fresh);
  if (::mkdir(fresh.c_str(), 0700) != 0) fail("cannot make " + fresh.string() + ": " + reason(errno));
  if (user.switch_user && ::lchown(fresh.c_str(), user.uid, user.gid) != 0)
    fail("cannot give " + fresh.string() + " to '" + user.name + "': " + reason(errno));
  const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  const pid_t child = user.spawn(
      {.arguments = {(binaries_ / "initdb").string(), "-D", fresh.string(), "--no-locale", "-E", "UTF8",
                     "--data-checksums", "--auth-local=peer", "--auth-host=reject", "-U", std::string(kRole)},
       .output = log});
  ::close(log);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    fail("initdb failed. The end of " + log_path().string() + ":\n" + log_tail());
  std::error_code error;
  fs::rename(fresh, data(), error);
  if (error) fail("cannot rename " + fresh.string() + ": " + error.message());
}

void EmbeddedPostgres::write_configuration(const ServerUser& user) {
  auto settings = default_settings();
  for (const auto& [name, value] : options_.settings) settings[name] = value;
  settings["unix_socket_directories"] = "\"" + socket_directory(options_).string() + "\"";
  settings["hba_file"] = (options_.directory / "pg_hba.conf").string();
  settings["ident_file"] = (options_.directory / "pg_ident.conf").string();
  std::string text = "# Written by payoutd at every start. Change its configuration, not this file.\n";
  for (const auto& [name, value] : settings) text += name + " = " + quoted_value(value, '\'') + "\n";
  write_file(options_.directory / "postgresql.conf", text, user.gid);
  write_file(options_.directory / "pg_hba.conf",
             "local all all peer map=payoutd\nlocal replication all peer map=payoutd\n", user.gid);
  std::set<std::string> names = {"root", user.name, user_name(::geteuid())};
  std::string map;
  for (const auto& name : names) map += "payoutd \"" + name + "\" " + std::string(kRole) + "\n";
  write_file(options_.directory / "pg_ident.conf", map, user.gid);
}

// True if a server that was left running is ours now and answers.
bool EmbeddedPostgres::take_over_leftover(const ServerUser& user, const Progress& progress) {
  // The lock file says how the last host started its server.
  const auto last_host = read_text(options_.directory / "host.lock");
  const bool was_to_stop = last_host.find("stop_with_host") != std::string::npos;
  const auto note = std::to_string(::getpid()) + (options_.stop_with_host ? "\nstop_with_host\n" : "\n");
  if (::ftruncate(lock_, 0) != 0 || ::pwrite(lock_, note.data(), note.size(), 0) < 0)
    fail("cannot write host.lock: " + reason(errno));

  const auto leftover = Leftover::find(data());
  if (!leftover) return false;
  if (leftover->pidfd < 0) {
    // The pid belongs to somebody else now, which would make the new server refuse to start. The rest of the
    // file stays: with it the server checks that no process of the old one still uses its shared memory.
    const auto path = (data() / "postmaster.pid").string();
    const auto text = read_text(path);
    const auto neutral = "99999999" + text.substr(std::min(text.size(), text.find('\n')));
    user.does([&] {
      const int file = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_NOFOLLOW);
      return file >= 0 && ::write(file, neutral.data(), neutral.size()) > 0;
    });
    return false;
  }
  pid_ = leftover->pid;
  pidfd_ = leftover->pidfd;
  child_ = false;
  if (!was_to_stop && !options_.stop_with_host) {
    if (progress) progress("taking over the server that an earlier host left running");
    signal_pidfd(pidfd_, SIGHUP);
    adopted_ = await_ready(progress);
    if (adopted_) return true;
  }
  if (progress) progress("stopping the server that an earlier host left behind");
  stop_process(progress);
  return false;
}

void EmbeddedPostgres::launch(const ServerUser& user) {
  std::error_code ignored;
  if (fs::file_size(log_path(), ignored) > 16U * 1024 * 1024 && !ignored)
    fs::rename(log_path(), log_path().string() + ".1", ignored);
  const int log = ::open(log_path().c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
  if (log < 0) fail("cannot open " + log_path().string() + ": " + reason(errno));
  const auto mark = "---- payoutd (pid " + std::to_string(::getpid()) + ") starts the server\n";
  if (::write(log, mark.data(), mark.size()) < 0)
    fail("cannot write " + log_path().string() + ": " + reason(errno));
  pid_ = user.spawn({.arguments = {(binaries_ / "postgres").string(), "-D", data().string(), "-c",
                                   "config_file=" + (options_.directory / "postgresql.conf").string()},
                     .output = log,
                     .own_session = true,
                     .parent_death_signal = options_.stop_with_host ? SIGINT : 0});
  ::close(log);
  child_ = true;
  adopted_ = false;
  pidfd_ = open_pidfd(pid_);
}

namespace {

struct ConnectionDeleter {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using LibpqConnection = std::unique_ptr<PGconn, ConnectionDeleter>;

LibpqConnection connect(const EmbeddedPostgresOptions& options, const std::string& database) {
  auto target = options;
  target.database = database;
  return LibpqConnection(PQconnectdb((EmbeddedPostgres::dsn(target) + " connect_timeout=5").c_str()));
}

}  // namespace

// False if the server ended. Throws when the limit passed, leaving the server alone: recovery goes on.
bool EmbeddedPostgres::await_ready(const Progress& progress) {
  const auto begin = Clock::now();
  auto next_report = begin + seconds(2);
  std::string last_message;
  while (Clock::now() - begin < options_.start_limit) {
    const auto connection = connect(options_, "postgres");
    if (PQstatus(connection.get()) == CONNECTION_OK) return true;
    last_message = PQerrorMessage(connection.get());
    if (last_message.find("shutting down") != std::string::npos && !child_) return false;
    if (wait_for_end(milliseconds(20))) return false;
    if (progress && Clock::now() > next_report) {
      next_report = Clock::now() + seconds(2);
      const auto waited = std::chrono::duration_cast<seconds>(Clock::now() - begin).count();
      progress("waiting for the server since " + std::to_string(waited) + " s: " + log_tail(1));
    }
  }
  fail("the server did not answer within " + std::to_string(options_.start_limit.count()) + " s (" +
       last_message + "). The end of " + log_path().string() + ":\n" + log_tail());
}

void EmbeddedPostgres::create_database() {
  const auto connection = connect(options_, "postgres");
  if (PQstatus(connection.get()) != CONNECTION_OK) fail(PQerrorMessage(connection.get()));
  const char* values[] = {options_.database.c_str()};
  const std::unique_ptr<PGresult, decltype(&PQclear)> found(
      PQexecParams(connection.get(), "SELECT 1 FROM pg_database WHERE datname = $1", 1, nullptr, values,
                   nullptr, nullptr, 0),
      &PQclear);
  if (PQntuples(found.get()) == 1) return;
  const std::unique_ptr<char, decltype(&PQfreemem)> name(
      PQescapeIdentifier(connection.get(), options_.database.c_str(), options_.database.size()), &PQfreemem);
  const std::unique_ptr<PGresult, decltype(&PQclear)> made(
      PQexec(connection.get(), (std::string("CREATE DATABASE ") + name.get()).c_str()), &PQclear);
  if (PQresultStatus(made.get()) != PGRES_COMMAND_OK)
    fail("cannot make the database " + options_.database + ": " + PQerrorMessage(connection.get()));
}

bool EmbeddedPostgres::running() const {
  if (pidfd_ < 0) return false;
  pollfd descriptor{pidfd_, POLLIN, 0};
  return ::poll(&descriptor, 1, 0) == 0;
}

// True if the server has ended within the limit.
bool EmbeddedPostgres::wait_for_end(milliseconds limit) {
  if (pidfd_ < 0) return true;
  pollfd descriptor{pidfd_, POLLIN, 0};
  const auto deadline = Clock::now() + limit;
  while (true) {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now()).count();
    const int ready = ::poll(&descriptor, 1, static_cast<int>(std::max<std::int64_t>(0, left)));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) return false;
  }
}

void EmbeddedPostgres::forget_server() {
  if (pidfd_ >= 0) {
    if (child_ && !running()) ::waitpid(pid_, nullptr, WNOHANG);
    ::close(pidfd_);
  }
  pidfd_ = -1;
  pid_ = 0;
  child_ = false;
  adopted_ = false;
}

void EmbeddedPostgres::stop_process(const Progress& progress) {
  signal_pidfd(pidfd_, SIGINT);
  if (!wait_for_end(options_.stop_limit)) {
    if (progress) progress("the server did not stop in time: stopping it at once");
    signal_pidfd(pidfd_, SIGQUIT);
    if (!wait_for_end(seconds(15)))
      fail("the server with pid " + std::to_string(pid_) + " cannot be stopped. The end of " +
           log_path().string() + ":\n" + log_tail());
  }
  forget_server();
}

void EmbeddedPostgres::stop() {
  if (running())
    stop_process({});
  else
    forget_server();
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
}

void EmbeddedPostgres::release() {
  forget_server();
  if (lock_ >= 0) ::close(std::exchange(lock_, -1));
}

std::string EmbeddedPostgres::log_tail(std::size_t lines) const {
  std::ifstream file(log_path(), std::ios::ate);
  const auto size = static_cast<std::int64_t>(file.tellg());
  if (size <= 0) return "(the log is empty)";
  const auto start = std::max<std::int64_t>(0, size - 16 * 1024);
  file.seekg(start);
  std::deque<std::string> tail;
  for (std::string line; std::getline(file, line);) {
    tail.push_back(line);
    if (tail.size() > lines) tail.pop_front();
  }
  std::string text;
  for (const auto& line : tail) text += (text.empty() ? "" : "\n") + line;
  return text;
}

}  // namespace payoutd::ops
