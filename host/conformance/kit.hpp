#pragma once
#include <atomic>
#include <boost/json/object.hpp>
#include <chrono>
#include <filesystem>
#include <functional>
#include <stdexcept>
#include <string>
#include <vector>

#include "conformance/report.hpp"
#include "conformance/transcript.hpp"

namespace payoutd::conformance {

/// The plugin cannot be verified: it is refused, its settings are, or its transcripts do not fit it. what()
/// is for people.
class CannotVerify : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct Progress {
  std::size_t done = 0;
  std::size_t planned = 0;
  int wrong = 0;
};

struct VerifyOptions {
  std::filesystem::path provider_executable;  ///< payoutd-provider
  std::filesystem::path plugin;
  std::vector<Transcript> transcripts;
  boost::json::object settings;  ///< go over the transcripts', but for addresses
  boost::json::object secrets;   ///< name → [value]; likewise
  int jobs = 8;                  ///< provider processes at the same time
  std::chrono::milliseconds connect_timeout{400};
  std::chrono::milliseconds response_limit{1'000};  ///< for every answer
  std::function<void(const Progress&)> on_progress;
  const std::atomic<bool>* interrupted = nullptr;  ///< ends early when it becomes true
};

/// Plays every transcript undisturbed, then with every fault at every exchange, and the callbacks. Blocks;
/// runs its own event loop, provider processes and servers on loopback, and leaves nothing behind.
Report verify(VerifyOptions options);

}  // namespace payoutd::conformance
