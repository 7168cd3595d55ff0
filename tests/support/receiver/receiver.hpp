#pragma once
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace payoutd::test {

/// A message as it arrived, whatever was answered to it.
struct ReceivedMessage {
  std::string method;
  std::string path;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::chrono::steady_clock::time_point at;

  std::string header(const std::string& name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
  std::string id() const { return header("webhook-id"); }
};

struct ReceiverAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  std::chrono::milliseconds delay{0};
  bool cut = false;  ///< the connection is closed without an answer
};

/// An integrator's server: plain HTTP on loopback, a thread for each connection. It writes down what comes,
/// and answers as the test says.
class Receiver {
 public:
  using Behaviour = std::function<ReceiverAnswer(const ReceivedMessage&)>;
  Receiver();
  ~Receiver();
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  std::string url(const std::string& path = "/hook") const;
  std::uint16_t port() const;
  /// For what comes from now on; called on threads of the receiver's. Without one: 200 at once.
  void behave(Behaviour behaviour);
  void behave(int status);
  void stop();   ///< refuses connections and closes those that there are
  void start();  ///< on the same port again

  std::vector<ReceivedMessage> received() const;
  std::size_t count() const;
  std::size_t connections() const;  ///< that were ever made
  /// True once there are so many; false after `limit`.
  bool wait_for(std::size_t count, std::chrono::milliseconds limit = std::chrono::seconds{20}) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

/// True if the message carries a signature of version v1 under this secret (`whsec_…`), computed here from
/// the specification of Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`, keyed with the decoded
/// secret.
bool signed_with(const ReceivedMessage& message, const std::string& secret);
/// How many signatures the message carries.
int signatures_of(const ReceivedMessage& message);

}  // namespace payoutd::test
