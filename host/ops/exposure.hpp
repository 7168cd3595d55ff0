#pragma once
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::ops {

/// What of `root` (a file or a folder with all that is in it) every user of the machine may write: whoever
/// can change a plugin or a script decides about payments. Folders that cannot be read are passed over. At
/// most `most` paths.
std::vector<std::filesystem::path> world_writable(const std::filesystem::path& root, std::size_t most = 8);

/// A secret that stands in documentation, or that somebody meant to replace: `change-me`, `secret`, one
/// character again and again.
bool is_placeholder(std::string_view secret);

}  // namespace payoutd::ops
