#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace payoutd::engine {

/// Who stopped all writes of a host, when, and why.
struct StopOrder {
  std::string by;  ///< an actor, such as operator:awa
  std::string at;  ///< UTC
  std::string note;

  friend bool operator==(const StopOrder&, const StopOrder&) = default;
};

/// The file that stops all writes of this host while it exists, whatever the database says or does not say.
/// The host writes it, or an operator makes it by hand: whatever stands in it, or nothing, it counts. Its
/// functions block, none longer than a small file takes. Host thread only.
class StopFile {
 public:
  /// Looks at once. An empty path: there is no such file, ever.
  explicit StopFile(std::filesystem::path path);

  /// Looks whether it is there, for the price of one stat; true if that changed, or who stopped or why. What
  /// cannot be looked at counts as there.
  bool look();
  /// As it was last looked at; empty: writes are not stopped by it.
  const std::optional<StopOrder>& order() const { return order_; }
  const std::filesystem::path& path() const { return path_; }

  /// Makes or replaces it; it is on the disk when this returns. Throws std::system_error.
  void write(const StopOrder& order);
  /// Throws std::system_error; if it is gone already, nothing happens.
  void remove();

 private:
  /// Tells one file from another, and from itself before it was changed.
  struct Version {
    std::uint64_t inode = 0;
    std::int64_t modified_ns = 0;
    std::int64_t bytes = 0;

    friend bool operator==(const Version&, const Version&) = default;
  };
  bool take(std::optional<Version> version, std::optional<StopOrder> order);

  std::filesystem::path path_;
  std::optional<Version> version_;
  std::optional<StopOrder> order_;
};

}  // namespace payoutd::engine
