#include "policy/lua_memory.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace payoutd::policy {
namespace {

// A sanitizer sees what happens to blocks only if each is one of its own.
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool kKeepsLists = false;
#else
constexpr bool kKeepsLists = true;
#endif
#else
constexpr bool kKeepsLists = true;
#endif

}  // namespace

void* LuaMemory::resize(void* block, std::size_t old_size, std::size_t new_size) noexcept {
  const bool was_small = kKeepsLists && old_size <= kSmallBytes && block != nullptr;
  const bool is_small = kKeepsLists && new_size <= kSmallBytes;
  if (!was_small && !is_small) return std::realloc(block, new_size);
  if (was_small && is_small && (old_size - 1) / kStepBytes == (new_size - 1) / kStepBytes) return block;
  void* given = is_small ? take(new_size) : std::malloc(new_size);
  if (given == nullptr || block == nullptr) return given;
  std::memcpy(given, block, std::min(old_size, new_size));
  give_back(block, old_size);
  return given;
}

void LuaMemory::give_back(void* block, std::size_t size) noexcept {
  if (block == nullptr) return;
  if (!kKeepsLists || size > kSmallBytes) {
    std::free(block);
    return;
  }
  auto*& list = lists_[(size - 1) / kStepBytes];
  list = new (block) Free{list};
}

void* LuaMemory::take(std::size_t size) noexcept {
  const std::size_t list = (size - 1) / kStepBytes;
  if (lists_[list] == nullptr && !refill(list)) return nullptr;
  Free* block = lists_[list];
  lists_[list] = block->next;
  return block;
}

bool LuaMemory::refill(std::size_t list) noexcept {
  try {
    chunks_.push_back(std::make_unique_for_overwrite<std::byte[]>(kChunkBytes));
  } catch (const std::bad_alloc&) {
    return false;
  }
  const std::size_t size = (list + 1) * kStepBytes;
  std::byte* const chunk = chunks_.back().get();
  for (std::size_t at = 0; at + size <= kChunkBytes; at += size)
    lists_[list] = new (chunk + at) Free{lists_[list]};
  return true;
}

}  // namespace payoutd::policy
