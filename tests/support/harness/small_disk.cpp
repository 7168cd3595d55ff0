#include "harness/small_disk.hpp"

#include <pwd.h>
#include <sys/mount.h>
#include <unistd.h>

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace payoutd::test {

namespace fs = std::filesystem;

SmallDisk::SmallDisk() {
  std::string pattern = (fs::temp_directory_path() / "payoutd-small-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no folder");
  path_ = pattern;
  mounted_ = ::geteuid() == 0 && ::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=96m") == 0;
  if (!mounted_) return;
  fs::create_directory(path_ / "tables");
  const passwd* user = ::getpwnam("postgres");
  if (user == nullptr || ::chown((path_ / "tables").c_str(), user->pw_uid, user->pw_gid) != 0)
    mounted_ = false;
}

SmallDisk::~SmallDisk() {
  ::umount2(path_.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove(path_, ignored);
}

void SmallDisk::fill() const {
  std::ofstream out(path_ / "ballast", std::ios::binary | std::ios::trunc);
  const std::vector<char> block(1 << 16, 'x');
  while (out.write(block.data(), static_cast<std::streamsize>(block.size()))) {
  }
  std::ofstream rest(path_ / "rest", std::ios::binary | std::ios::trunc);
  while (rest.write(block.data(), 512) && rest.flush()) {
  }
}

void SmallDisk::make_room() const {
  fs::remove(path_ / "ballast");
  fs::remove(path_ / "rest");
}

}  // namespace payoutd::test
