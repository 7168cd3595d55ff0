// Stands between a client and PostgreSQL's unix socket, and does to one COMMIT what a failing network does.
#pragma once
#include <atomic>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

namespace payoutd::test {

class CommitProxy {
 public:
  enum class Fault {
    none,
    lose_answer,   // the server commits, the client never hears of it
    lose_request,  // the COMMIT never arrives, the server rolls back
    late_commit,   // the client hears nothing; after hold_ms the COMMIT arrives all the same
    late_abort,    // the client hears nothing; after hold_ms the server finds the connection closed
    lose_insert,   // the connection breaks before COMMIT, at the first statement with parameters
  };

  // server_socket is the directory of PostgreSQL's socket.
  explicit CommitProxy(std::string server_socket);
  ~CommitProxy();

  std::string directory() const { return directory_; }

  // Meets the next `times` COMMITs (or statements), one each.
  void arm(Fault fault, int times = 1, int hold_ms = 300);
  int injected() const { return injected_; }
  int commits_seen() const { return commits_seen_; }

 private:
  void accept_loop();
  void serve(int client);
  Fault fault_for(std::string_view bytes);
  void hold(int server, std::string_view commit, Fault fault);

  std::string server_socket_;
  std::string directory_;
  int listener_ = -1;
  std::atomic<bool> stopping_ = false;
  std::atomic<Fault> fault_ = Fault::none;
  std::atomic<int> remaining_ = 0;
  std::atomic<int> hold_ms_ = 0;
  std::atomic<int> injected_ = 0;
  std::atomic<int> commits_seen_ = 0;
  std::thread acceptor_;
  std::mutex mutex_;
  std::vector<std::thread> sessions_;
};

}  // namespace payoutd::test
