#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace payoutd::daemon {

/// The incarnations that used a state directory before this one. They are dead, because the directory is
/// locked by this host, so their leases can be taken over at once instead of after the reaper's wait.
class Incarnations {
 public:
  /// Reads the list and adds this host's own to it. Throws std::runtime_error if it cannot be written.
  Incarnations(const std::filesystem::path& state_dir, const std::string& own);

  const std::vector<std::string>& predecessors() const { return predecessors_; }
  /// The predecessors' payouts are taken over: only this host's own stays listed.
  void forget_predecessors();

 private:
  void write(const std::vector<std::string>& all) const;

  std::filesystem::path file_;
  std::string own_;
  std::vector<std::string> predecessors_;
};

}  // namespace payoutd::daemon
