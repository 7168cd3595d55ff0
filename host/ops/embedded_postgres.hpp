// A private PostgreSQL for `database: embedded`: one directory, one server, reachable through one unix
// socket.
//
//   DIRECTORY/            the host's; others may pass through it
//     data/               the cluster, owned by the server's user, 0700
//     socket/             the unix socket, owned by the server's user, 0700
//     postgresql.conf, pg_hba.conf, pg_ident.conf    written at every start: change options, not these files
//     postgres.log        the server's output
//     host.lock           locked by the host that runs the server
//
// Who may connect: the kernel says who is on the other end of a unix socket, and the server maps the host's
// user, its own user and root to the role `payoutd` (peer authentication), behind a socket directory that
// nobody else can enter. There is no password to keep, to leak or to rotate.
//
// If the host dies (kill -9), the kernel tells the server to shut down (stop_with_host). Otherwise, or if the
// server itself died, the next start finds out what is left: a server that lives is adopted or stopped, a
// stale pid file is seen through, crash recovery is waited for.
#pragma once
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ops {

struct EmbeddedPostgresError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct EmbeddedPostgresOptions {
  std::filesystem::path directory = {};         // made if absent
  std::filesystem::path socket_directory = {};  // empty: DIRECTORY/socket. At most 90 bytes or so
  std::string user = "postgres";     // the server's user where the host is root; else it is the host's
  std::string database = "payoutd";  // made if absent
  // The first that has the cluster's major version is used; for a new cluster, the first that exists.
  std::vector<std::filesystem::path> binary_directories = {
      "/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"};
  std::map<std::string, std::string> settings = {};  // over the defaults: {"max_connections", "100"}
  // The server shuts down when the thread that called start() ends, however it ends: call it from the main
  // thread. False leaves it running for the next host to adopt.
  bool stop_with_host = true;
  std::chrono::seconds start_limit{600};  // crash recovery of a large log included
  std::chrono::seconds stop_limit{60};    // for a fast shutdown, then it is made immediate
};

// The server of a host whose state directory this is.
EmbeddedPostgresOptions embedded_in(const std::filesystem::path& state_dir);

// Blocking, for one thread. Not copyable: it holds the directory's lock and the server.
class EmbeddedPostgres {
 public:
  using Progress = std::function<void(std::string_view sentence)>;

  explicit EmbeddedPostgres(EmbeddedPostgresOptions options);
  ~EmbeddedPostgres();  // stop(), errors swallowed
  EmbeddedPostgres(const EmbeddedPostgres&) = delete;
  EmbeddedPostgres& operator=(const EmbeddedPostgres&) = delete;

  // Returns when a connection has really been made and the database exists. Throws EmbeddedPostgresError that
  // says what to do, with the last lines of the server's log where it has something to say. May be called
  // again after the server died.
  void start(const Progress& progress = {});

  // Fast shutdown, then immediate. Throws if the server outlives both.
  void stop();

  // Lets go of the server and of the directory without stopping it: the next start() adopts it, or stops it
  // if stop_with_host.
  void release();

  bool running() const;
  bool adopted() const { return adopted_; }
  pid_t pid() const { return pid_; }  // of the postmaster; 0 when not running

  // Becomes readable when the postmaster ends; -1 when not running. Owned by this object.
  int death_descriptor() const { return pidfd_; }

  // For the store's pool; holds no secret.
  std::string dsn() const { return dsn(options_); }
  static std::string dsn(const EmbeddedPostgresOptions& options);

  std::string log_tail(std::size_t lines = 15) const;

 private:
  struct ServerUser;
  struct Leftover;

  void prepare_directories(const ServerUser& user);
  void lock_directory();
  void choose_binaries();
  void create_cluster(const ServerUser& user, const Progress& progress);
  void write_configuration(const ServerUser& user);
  bool take_over_leftover(const ServerUser& user, const Progress& progress);
  void launch(const ServerUser& user);
  bool await_ready(const Progress& progress);
  void create_database();
  void forget_server();
  void stop_process(const Progress& progress);
  bool wait_for_end(std::chrono::milliseconds limit);
  std::filesystem::path data() const { return options_.directory / "data"; }
  std::filesystem::path log_path() const { return options_.directory / "postgres.log"; }

  EmbeddedPostgresOptions options_;
  std::filesystem::path binaries_;
  int lock_ = -1;
  int pidfd_ = -1;
  pid_t pid_ = 0;
  bool child_ = false;
  bool adopted_ = false;
};

}  // namespace payoutd::ops
