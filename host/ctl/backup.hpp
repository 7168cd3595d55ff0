#pragma once
#include <filesystem>
#include <string>

#include "ctl/context.hpp"
#include "ctl/database_access.hpp"
#include "store/inventory.hpp"

namespace payoutd::ctl {

struct BackupOptions {
  std::filesystem::path out;  ///< folder in which each backup is a folder of its own
  int jobs = 1;               ///< more than one: tables are dumped at the same time
};

/// Dumps the database as it is at one moment, with a manifest of what it held then. The folder appears under
/// its name only when it is complete and on disk.
ExitCode backup(Context& context, const DatabaseOptions& database, const BackupOptions& options);

/// A backup as it lies in its folder: `manifest.json`, and `dump` (a file, or a folder where jobs were many).
struct Manifest {
  struct File {
    std::string path;  ///< relative to the folder
    std::int64_t bytes = 0;
    std::string sha256;
  };
  std::string created_at;
  std::string payoutd_version;
  int server_major = 0;
  store::Inventory inventory;
  std::vector<File> files;
};

/// Throws CommandFailed if the text is none.
Manifest read_manifest(const std::filesystem::path& file);

/// Each regular file below `folder` but the manifest, with its hash, sorted by path.
std::vector<Manifest::File> hash_files(const std::filesystem::path& folder);

}  // namespace payoutd::ctl
