#pragma once
#include <filesystem>

namespace payoutd::test {

/// A small file system for tables, which a test fills; the log of the server is elsewhere, as a server
/// without room for that one ends. Needs root, and goes away with this object.
class SmallDisk {
 public:
  SmallDisk();
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  bool usable() const { return mounted_; }
  std::filesystem::path tables() const { return path_ / "tables"; }
  const std::filesystem::path& path() const { return path_; }
  void fill() const;
  void make_room() const;

 private:
  std::filesystem::path path_;
  bool mounted_ = false;
};

}  // namespace payoutd::test
