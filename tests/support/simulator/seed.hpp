#pragma once
#include <cstdint>
#include <string_view>

namespace simulator {

/// The only source of chance. A draw depends on the seed, on what is decided and about whom, not on the order
/// in which requests happened to arrive, so that a run with concurrent clients can be repeated.
class Seed {
 public:
  explicit Seed(std::uint64_t value) : value_(value) {}

  void set(std::uint64_t value) { value_ = value; }
  std::uint64_t value() const { return value_; }

  std::uint64_t draw(std::string_view purpose, std::string_view about, std::uint64_t nth = 0) const {
    std::uint64_t state = mix(value_ + 0x9e3779b97f4a7c15ULL);
    state = mix(state ^ hash(purpose));
    state = mix(state ^ hash(about));
    return mix(state + nth * 0x9e3779b97f4a7c15ULL);
  }

  bool coin(std::string_view purpose, std::string_view about, std::uint64_t nth = 0) const {
    return (draw(purpose, about, nth) & 1U) != 0;
  }

  /// Uniform in [0, 1).
  double fraction(std::string_view purpose, std::string_view about, std::uint64_t nth = 0) const {
    return static_cast<double>(draw(purpose, about, nth) >> 11U) * 0x1.0p-53;
  }

 private:
  static std::uint64_t mix(std::uint64_t x) {
    x = (x ^ (x >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27U)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31U);
  }

  static std::uint64_t hash(std::string_view text) {
    std::uint64_t state = 0xcbf29ce484222325ULL;
    for (const char c : text) state = (state ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
    return state;
  }

  std::uint64_t value_;
};

}  // namespace simulator
