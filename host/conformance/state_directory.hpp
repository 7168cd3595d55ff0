#pragma once
#include <filesystem>

namespace payoutd::conformance {

/// A temporary folder for send logs, which goes with the object. Throws std::filesystem::filesystem_error.
class StateDirectory {
 public:
  StateDirectory();
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace payoutd::conformance
