#pragma once
#include <atomic>
#include <mutex>
#include <string>
#include <thread>

namespace payoutd::test {

/// A provider that behaves as badly with secrets as one can: it hands out a token, and answers everything
/// else with an error whose message repeats the request, headers and all.
class EchoProvider {
 public:
  /// `token` is what it hands out.
  explicit EchoProvider(std::string token);
  ~EchoProvider();
  EchoProvider(const EchoProvider&) = delete;
  EchoProvider& operator=(const EchoProvider&) = delete;

  std::string url() const;
  /// Whether a request held this text: shows that planted values did go over the wire.
  bool saw(const std::string& text) const;

 private:
  void serve();
  void serve_one(int connection);

  std::string token_;
  int listener_ = -1;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::string seen_;
  std::thread thread_;
};

}  // namespace payoutd::test
