#pragma once
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>

namespace payoutd::daemon {

/// The shelf cannot be read or written; the sentence names the file.
class ShelfError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The versions of each plugin that this host keeps: the one in service and the one before. Provider
/// processes load these copies, never the installed file, which may be overwritten while it is mapped. A copy
/// is named by its content, so that the same file is kept once.
///
/// An installed file that has changed since the record was written takes precedence: a package's upgrade or a
/// build is a new version like one that was handed over by command.
class PluginShelf {
 public:
  explicit PluginShelf(std::filesystem::path directory) : directory_(std::move(directory)) {}

  /// The copy to load for a plugin whose installed library is `installed`; made if it is not there yet. If
  /// the installed file cannot be read the answer is `installed` itself: loading it will say why.
  std::filesystem::path wanted(const std::filesystem::path& installed) const;

  /// A copy of any library, ready to be tried.
  std::filesystem::path copy_of(const std::filesystem::path& library) const;

  /// `copy` is in service from now on, the one that was so far is the one before; older ones are removed.
  void put_in_service(const std::filesystem::path& installed, const std::filesystem::path& copy) const;

  /// The version before the one in service, if it is still there.
  std::optional<std::filesystem::path> before(const std::filesystem::path& installed) const;

 private:
  struct Record;
  Record read(const std::filesystem::path& installed) const;
  std::filesystem::path record_file(const std::filesystem::path& installed) const;

  std::filesystem::path directory_;
};

}  // namespace payoutd::daemon
