#pragma once
#include <atomic>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

typedef struct ssl_st SSL;
typedef struct ssl_ctx_st SSL_CTX;

namespace contract_tests {

/// One accepted connection, blocking, over TCP or TLS.
class Connection {
 public:
  Connection(int fd, SSL* tls) : fd_(fd), tls_(tls) {}
  /// One whole request (head and body), nullopt at the end of the connection.
  std::optional<std::string> read_request();
  void send(const std::string& bytes);
  /// Ends the connection with a reset instead of a proper close.
  void reset();
  int fd() const { return fd_; }
  /// Carries bytes between this connection and a local port until one side ends.
  void relay_to(int port);

 private:
  bool read_more();
  int fd_;
  SSL* tls_;
  std::string buffer_;
};

/// Plays the PSP: a script handles each connection on a thread of its own, byte by byte if it likes.
class ScriptedServer {
 public:
  using Script = std::function<void(Connection&)>;
  /// The certificate and key (PEM files) make it speak TLS.
  explicit ScriptedServer(Script script, const std::string& certificate_file = {},
                          const std::string& key_file = {});
  ~ScriptedServer();

  int port() const { return port_; }
  std::string url() const;
  int connections() const { return connections_; }

 private:
  void serve(int fd);

  Script script_;
  SSL_CTX* tls_ = nullptr;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> connections_{0};
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::list<std::thread> threads_;
  std::list<int> open_;
  std::thread acceptor_;
};

/// A script that answers each request by `answer(request)`, keeping the connection; requests are counted in
/// `seen`.
ScriptedServer::Script answering(std::function<std::string(const std::string&)> answer,
                                 std::atomic<int>* seen = nullptr);

std::string http_answer(int status, const std::string& body = {}, const std::string& more_headers = {});

/// A certificate for these names, signed by itself, with its key, in files under a directory.
struct TestCertificate {
  explicit TestCertificate(const char* names = "DNS:localhost,IP:127.0.0.1");
  ~TestCertificate();
  std::string directory;
  std::string certificate_file;
  std::string key_file;
};

}  // namespace contract_tests
