#include "ops/exposure.hpp"

#include <sys/stat.h>

namespace payoutd::ops {
namespace {

namespace fs = std::filesystem;

bool is_world_writable(const fs::path& path) {
  struct stat found{};
  // Of a link only its target counts.
  return ::stat(path.c_str(), &found) == 0 && (found.st_mode & S_IWOTH) != 0;
}

}  // namespace

std::vector<fs::path> world_writable(const fs::path& root, std::size_t most) {
  std::vector<fs::path> found;
  if (is_world_writable(root)) found.push_back(root);
  std::error_code error;
  auto at = fs::recursive_directory_iterator(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator() && found.size() < most; at.increment(error)) {
    if (is_world_writable(at->path())) found.push_back(at->path());
  }
  return found;
}

bool is_placeholder(std::string_view secret) {
  std::string text;
  for (const char c : secret) {
    if (c >= 'A' && c <= 'Z') text += static_cast<char>(c + ('a' - 'A'));
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9')) text += c;
  }
  for (const std::string_view start : {"changeme", "replaceme", "replacewith", "yoursecret", "yourjwtsecret"})
    if (text.starts_with(start)) return true;
  for (const std::string_view word :
       {"secret", "jwtsecret", "default", "defaultsecret", "password", "devsecret", "devsecretkey", "test",
        "testsecret", "supersecret", "supersecretkey", "example", "examplesecret", "todo", "none", "null"})
    if (text == word) return true;
  return !secret.empty() && secret.find_first_not_of(secret.front()) == std::string_view::npos;
}

}  // namespace payoutd::ops
