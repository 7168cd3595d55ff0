#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ctl {

struct ArchivedFile {
  std::string name;  ///< at most 100 bytes
  std::string content;
};

/// A tar archive (POSIX ustar) of these files.
std::string tar(const std::vector<ArchivedFile>& files, std::int64_t modified_s);
/// The same bytes compressed, as gzip reads them (RFC 1952).
std::string gzip(std::string_view bytes);

}  // namespace payoutd::ctl
