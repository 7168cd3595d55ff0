#pragma once
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace payoutd::policy {

/// Memory for one Lua state. Almost everything that Lua asks for is small and soon given back: such blocks
/// are kept in lists by size, several times as fast as the general allocator. Not for two threads at once.
class LuaMemory {
 public:
  LuaMemory() = default;
  LuaMemory(const LuaMemory&) = delete;
  LuaMemory& operator=(const LuaMemory&) = delete;

  /// As lua_Alloc wants it, where `new_size` is not 0 and `block` may be null (of size 0); null: there is
  /// none.
  void* resize(void* block, std::size_t old_size, std::size_t new_size) noexcept;
  void give_back(void* block, std::size_t size) noexcept;

 private:
  static constexpr std::size_t kStepBytes = 16;
  static constexpr std::size_t kSmallBytes = 512;
  static constexpr std::size_t kChunkBytes = std::size_t{32} << 10;
  struct Free {
    Free* next;
  };

  void* take(std::size_t size) noexcept;
  bool refill(std::size_t list) noexcept;
  std::array<Free*, kSmallBytes / kStepBytes> lists_{};
  std::vector<std::unique_ptr<std::byte[]>> chunks_;
};

}  // namespace payoutd::policy
