#pragma once
#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulator {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// What became of waiting for an answer.
enum class Wire {
  kAnswered,
  kRefused,   // the connect was refused
  kClosed,    // the other side closed before the answer was whole
  kReset,     // the other side reset the connection
  kTimedOut,  // nothing (more) came in time
};

struct Reply {
  Wire wire = Wire::kTimedOut;
  int status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
  std::string body;                            // chunks joined
  std::size_t bytes_received = 0;

  bool answered(int expected) const { return wire == Wire::kAnswered && status == expected; }
};

/// A blocking HTTP/1.1 client over one keep-alive connection, which shows what really happened on the wire
/// instead of hiding it. It connects again by itself when the connection is closed. Not for more than one
/// thread.
class WireClient {
 public:
  /// "http://127.0.0.1:40001", perhaps with a path, which is ignored.
  explicit WireClient(std::string_view url);
  ~WireClient();
  WireClient(const WireClient&) = delete;
  WireClient& operator=(const WireClient&) = delete;

  Reply exchange(std::string_view method, std::string_view target, const Headers& headers,
                 std::string_view body, std::chrono::milliseconds patience = std::chrono::seconds{10});

  /// The two halves of exchange. `send` is false when the connect was refused or the connection broke.
  bool send(std::string_view method, std::string_view target, const Headers& headers, std::string_view body);
  Reply receive(std::chrono::milliseconds patience);

  bool connected() const { return socket_ >= 0; }
  void close();

 private:
  bool connect();

  std::string authority_;
  std::uint16_t port_ = 0;
  int socket_ = -1;
  bool refused_ = false;
  std::string buffered_;
};

struct ReceivedRequest {
  std::string method;
  std::string target;
  std::map<std::string, std::string> headers;
  std::string body;
};

/// Receives callbacks: waits for one request at a time and answers it. Not for more than one thread.
class WireListener {
 public:
  WireListener();
  ~WireListener();
  WireListener(const WireListener&) = delete;
  WireListener& operator=(const WireListener&) = delete;

  std::string url() const;

  /// The next request, answered with `status`; none when nothing came in time.
  std::optional<ReceivedRequest> next(int status = 200,
                                      std::chrono::milliseconds patience = std::chrono::seconds{10});

 private:
  struct Peer {
    int socket;
    std::string buffered;
  };

  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Peer> peers_;
};

}  // namespace simulator
