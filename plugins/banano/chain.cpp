#include "chain.hpp"

#include <sodium.h>

#include <algorithm>
#include <stdexcept>

namespace banano {
namespace {

using payoutd::Amount;
using payoutd::Problem;

constexpr Uint128 kMaxRaw = ~Uint128{0};
constexpr std::string_view kAlphabet = "13456789abcdefghijkmnopqrstuwxyz";
constexpr std::string_view kPrefix = "ban_";
constexpr std::size_t kKeyCharacters = 52;
constexpr std::size_t kChecksumCharacters = 8;

constexpr Uint128 power_of_ten(int exponent) {
  return exponent == 0 ? Uint128{1} : 10 * power_of_ten(exponent - 1);
}
/// 10^29 raw are one BAN, and an Amount counts 10^-8 BAN.
constexpr Uint128 kRawPerUnit = power_of_ten(29 - Amount::kDecimals);

/// libsodium chooses its fastest code once; without it the reference code would be used.
void ready_sodium() {
  static const int outcome = sodium_init();
  if (outcome < 0) throw std::runtime_error("libsodium cannot be initialised");
}

/// BLAKE2b over the concatenation of its inputs.
class Blake2b {
 public:
  explicit Blake2b(std::size_t size) : size_(size) {
    ready_sodium();
    crypto_generichash_blake2b_init(&state_, nullptr, 0, size_);
  }
  ~Blake2b() { sodium_memzero(&state_, sizeof state_); }
  Blake2b(const Blake2b&) = delete;
  Blake2b& operator=(const Blake2b&) = delete;

  Blake2b& add(std::span<const std::uint8_t> bytes) {
    crypto_generichash_blake2b_update(&state_, bytes.data(), bytes.size());
    return *this;
  }
  void finish(std::span<std::uint8_t> out) { crypto_generichash_blake2b_final(&state_, out.data(), size_); }

 private:
  std::size_t size_;
  crypto_generichash_blake2b_state state_{};
};

/// 64 bytes that are wiped: the secret's expansion, nonces.
struct Wiped64 {
  std::array<std::uint8_t, 64> bytes{};
  Wiped64() = default;
  ~Wiped64() { sodium_memzero(bytes.data(), bytes.size()); }
  Wiped64(const Wiped64&) = delete;
  Wiped64& operator=(const Wiped64&) = delete;
};

struct Wiped32 {
  Bytes32 bytes{};
  Wiped32() = default;
  ~Wiped32() { sodium_memzero(bytes.data(), bytes.size()); }
  Wiped32(const Wiped32&) = delete;
  Wiped32& operator=(const Wiped32&) = delete;
};

/// scalar · base point. A clamped secret or a nonce is never a multiple of the order, so this cannot fail.
Bytes32 times_base(const Bytes32& scalar) {
  Bytes32 point{};
  if (crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) != 0) {
    throw std::runtime_error("the scalar of a key or nonce is zero");
  }
  return point;
}

/// The challenge of a signature: BLAKE2b-512(R ‖ public key ‖ message), reduced to a scalar.
Bytes32 challenge(const Bytes32& nonce_point, const PublicKey& key, const Hash& hash) {
  std::array<std::uint8_t, 64> wide{};
  Blake2b(wide.size()).add(nonce_point).add(key).add(hash).finish(wide);
  Bytes32 reduced{};
  crypto_core_ed25519_scalar_reduce(reduced.data(), wide.data());
  return reduced;
}

/// A scalar below the group's order has one spelling only; another one would be a second signature for the
/// same block.
bool is_reduced(const Bytes32& scalar) {
  std::array<std::uint8_t, 64> wide{};
  std::ranges::copy(scalar, wide.begin());
  Bytes32 reduced{};
  crypto_core_ed25519_scalar_reduce(reduced.data(), wide.data());
  return reduced == scalar;
}

int digit_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::array<std::uint8_t, 5> checksum_of(const PublicKey& key) {
  std::array<std::uint8_t, 5> digest{};
  Blake2b(digest.size()).add(key).finish(digest);
  std::ranges::reverse(digest);
  return digest;
}

/// Writes the bytes as base32, five bits a character, with as many zero bits in front as it takes.
std::string encode_base32(std::span<const std::uint8_t> bytes, std::size_t characters) {
  std::string text(characters, kAlphabet[0]);
  const std::size_t bits = bytes.size() * 8;
  for (std::size_t i = 0; i < characters; ++i) {
    unsigned value = 0;
    for (std::size_t k = 0; k < 5; ++k) {
      const std::size_t from_end = 5 * (characters - i) - 1 - k;
      const bool is_padding = from_end >= bits;
      const std::size_t bit = is_padding ? 0 : bits - 1 - from_end;
      value = value << 1 | (is_padding ? 0U : static_cast<unsigned>(bytes[bit / 8]) >> (7 - bit % 8) & 1U);
    }
    text[i] = kAlphabet[value];
  }
  return text;
}

/// The reverse; false for a character outside the alphabet or bits where zeros belong.
bool decode_base32(std::string_view text, std::span<std::uint8_t> bytes) {
  std::ranges::fill(bytes, std::uint8_t{0});
  const std::size_t bits = bytes.size() * 8;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t value = kAlphabet.find(text[i]);
    if (value == std::string_view::npos) return false;
    for (std::size_t k = 0; k < 5; ++k) {
      if ((value >> (4 - k) & 1U) == 0) continue;
      const std::size_t from_end = 5 * (text.size() - i) - 1 - k;
      if (from_end >= bits) return false;
      const std::size_t bit = bits - 1 - from_end;
      bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] | 1U << (7 - bit % 8));
    }
  }
  return true;
}

}  // namespace

// ---- amounts

std::optional<Raw> Raw::parse(std::string_view text) {
  if (text.empty() || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  Uint128 value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    const auto digit = static_cast<Uint128>(c - '0');
    if (value > (kMaxRaw - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  return Raw(value);
}

std::optional<Raw> Raw::of(Amount amount) {
  const auto units = static_cast<Uint128>(amount.units());
  if (units > kMaxRaw / kRawPerUnit) return std::nullopt;
  return Raw(units * kRawPerUnit);
}

std::string Raw::to_string() const {
  std::string digits;
  Uint128 rest = value_;
  do {
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest > 0);
  std::ranges::reverse(digits);
  return digits;
}

std::array<std::uint8_t, 16> Raw::big_endian() const {
  std::array<std::uint8_t, 16> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[bytes.size() - 1 - i] = static_cast<std::uint8_t>(value_ >> (8 * i) & 0xFF);
  }
  return bytes;
}

std::optional<Raw> Raw::plus(Raw other) const {
  if (other.value_ > kMaxRaw - value_) return std::nullopt;
  return Raw(value_ + other.value_);
}

std::optional<Raw> Raw::minus(Raw other) const {
  if (other.value_ > value_) return std::nullopt;
  return Raw(value_ - other.value_);
}

std::optional<Amount> Raw::exactly() const {
  // 2^128 raw are below 10^18 units, so every whole number of units is an Amount.
  static_assert(kMaxRaw / kRawPerUnit < Uint128{Amount::kLimitUnits});
  if (value_ % kRawPerUnit != 0) return std::nullopt;
  return Amount::from_units(static_cast<std::int64_t>(value_ / kRawPerUnit));
}

Amount Raw::rounded_down() const {
  const Uint128 most = Uint128{Amount::kLimitUnits} - 1;
  return Amount::from_units(static_cast<std::int64_t>(std::min(value_ / kRawPerUnit, most)));
}

// ---- texts

std::string to_hex(std::span<const std::uint8_t> bytes) {
  static constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

bool read_hex(std::string_view text, std::span<std::uint8_t> out) {
  if (text.size() != out.size() * 2) return false;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const int high = digit_of(text[2 * i]);
    const int low = digit_of(text[2 * i + 1]);
    if (high < 0 || low < 0) return false;
    out[i] = static_cast<std::uint8_t>(high << 4 | low);
  }
  return true;
}

std::optional<Bytes32> parse_bytes32(std::string_view text) {
  Bytes32 bytes{};
  if (!read_hex(text, bytes)) return std::nullopt;
  return bytes;
}

std::string encode_address(const PublicKey& key) {
  return std::string(kPrefix) + encode_base32(key, kKeyCharacters) +
         encode_base32(checksum_of(key), kChecksumCharacters);
}

payoutd::Result<PublicKey> decode_address(std::string_view address) {
  const auto refuse = [](const char* reason) { return Problem("", reason); };
  if (!address.starts_with(kPrefix)) return refuse("must be a Banano address, which begins with ban_");
  const std::string_view body = address.substr(kPrefix.size());
  if (body.size() != kKeyCharacters + kChecksumCharacters) {
    return refuse("must have 60 characters behind ban_");
  }
  PublicKey key{};
  std::array<std::uint8_t, 5> checksum{};
  // The first character carries one bit only: anything but 1 or 3 is outside of 256 bits.
  if (!decode_base32(body.substr(0, kKeyCharacters), key) ||
      !decode_base32(body.substr(kKeyCharacters), checksum)) {
    return refuse("has a character that no Banano address has in that place");
  }
  if (checksum != checksum_of(key)) return refuse("has a wrong checksum: it is mistyped");
  return key;
}

// ---- keys

SigningKey::SigningKey(const Bytes32& secret) {
  Wiped64 expanded;
  Blake2b(expanded.bytes.size()).add(secret).finish(expanded.bytes);
  std::copy_n(expanded.bytes.begin(), 32, scalar_.begin());
  std::copy_n(expanded.bytes.begin() + 32, 32, prefix_.begin());
  scalar_[0] &= 248;
  scalar_[31] &= 63;
  scalar_[31] |= 64;
  public_key_ = times_base(scalar_);
}

SigningKey::~SigningKey() {
  sodium_memzero(scalar_.data(), scalar_.size());
  sodium_memzero(prefix_.data(), prefix_.size());
}

Signature SigningKey::sign(const Hash& hash) const {
  Wiped64 wide;
  Blake2b(wide.bytes.size()).add(prefix_).add(hash).finish(wide.bytes);
  Wiped32 nonce;
  crypto_core_ed25519_scalar_reduce(nonce.bytes.data(), wide.bytes.data());
  const Bytes32 nonce_point = times_base(nonce.bytes);
  const Bytes32 k = challenge(nonce_point, public_key_, hash);

  Wiped64 wide_scalar;
  std::ranges::copy(scalar_, wide_scalar.bytes.begin());
  Wiped32 product;
  crypto_core_ed25519_scalar_reduce(product.bytes.data(), wide_scalar.bytes.data());
  crypto_core_ed25519_scalar_mul(product.bytes.data(), k.data(), product.bytes.data());
  Bytes32 sum{};
  crypto_core_ed25519_scalar_add(sum.data(), nonce.bytes.data(), product.bytes.data());

  Signature signature{};
  std::ranges::copy(nonce_point, signature.begin());
  std::ranges::copy(sum, signature.begin() + 32);
  return signature;
}

bool verify(const PublicKey& key, const Hash& hash, const Signature& signature) {
  ready_sodium();
  Bytes32 nonce_point{};
  Bytes32 sum{};
  std::copy_n(signature.begin(), 32, nonce_point.begin());
  std::copy_n(signature.begin() + 32, 32, sum.begin());
  if (!is_reduced(sum)) return false;
  const Bytes32 k = challenge(nonce_point, key, hash);
  Bytes32 left{};
  Bytes32 right{};
  Bytes32 expected{};
  // R must be what is left of S·B after k·A; libsodium refuses keys that are no point of the main subgroup.
  if (crypto_scalarmult_ed25519_base_noclamp(left.data(), sum.data()) != 0) return false;
  if (crypto_scalarmult_ed25519_noclamp(right.data(), k.data(), key.data()) != 0) return false;
  if (crypto_core_ed25519_sub(expected.data(), left.data(), right.data()) != 0) return false;
  return sodium_memcmp(expected.data(), nonce_point.data(), expected.size()) == 0;
}

std::optional<Seed> Seed::parse(std::string_view hex) {
  Seed seed;
  if (!read_hex(hex, seed.bytes_)) return std::nullopt;
  return std::optional<Seed>(std::move(seed));
}

Seed::Seed(Seed&& other) noexcept : bytes_(other.bytes_) {
  sodium_memzero(other.bytes_.data(), other.bytes_.size());
}

Seed::~Seed() {
  sodium_memzero(bytes_.data(), bytes_.size());
}

Bytes32 Seed::secret_of(std::uint32_t index) const {
  const std::array<std::uint8_t, 4> big_endian{
      static_cast<std::uint8_t>(index >> 24), static_cast<std::uint8_t>(index >> 16 & 0xFF),
      static_cast<std::uint8_t>(index >> 8 & 0xFF), static_cast<std::uint8_t>(index & 0xFF)};
  Bytes32 secret{};
  Blake2b(secret.size()).add(bytes_).add(big_endian).finish(secret);
  return secret;
}

SigningKey Seed::key(std::uint32_t index) const {
  Wiped32 secret;
  secret.bytes = secret_of(index);
  return SigningKey(secret.bytes);
}

bool Seed::is_public_knowledge() const {
  static constexpr std::array<std::string_view, 3> kPrinted{
      "0000000000000000000000000000000000000000000000000000000000000000",
      "0000000000000000000000000000000000000000000000000000000000000001",
      "34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4"};  // the test genesis' private key
  return std::ranges::any_of(kPrinted, [&](std::string_view hex) { return parse_bytes32(hex) == bytes_; });
}

bool is_test_genesis(const PublicKey& account) {
  static constexpr std::string_view kGenesis =
      "ban_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo";
  return encode_address(account) == kGenesis;
}

std::string fingerprint(std::string_view text) {
  std::array<std::uint8_t, 16> digest{};
  Blake2b(digest.size())
      .add({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()})
      .finish(digest);
  return to_hex(std::span(digest).first(8));
}

// ---- blocks

Hash StateBlock::hash() const {
  static constexpr Bytes32 kPreamble = [] {
    Bytes32 bytes{};
    bytes[31] = 6;  // the type of a state block
    return bytes;
  }();
  Hash hash{};
  Blake2b(hash.size())
      .add(kPreamble)
      .add(account)
      .add(previous)
      .add(representative)
      .add(balance.big_endian())
      .add(link)
      .finish(hash);
  return hash;
}

// ---- work

std::uint64_t difficulty_of(std::uint64_t work, const Bytes32& root) {
  std::array<std::uint8_t, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(work >> (8 * i) & 0xFF);
  std::array<std::uint8_t, 8> digest{};
  Blake2b(digest.size()).add(bytes).add(root).finish(digest);
  std::uint64_t difficulty = 0;
  for (std::size_t i = digest.size(); i > 0; --i) difficulty = difficulty << 8 | digest[i - 1];
  return difficulty;
}

std::string to_hex64(std::uint64_t value) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text(16, '0');
  for (std::size_t i = 0; i < text.size(); ++i) text[text.size() - 1 - i] = kDigits[value >> (4 * i) & 15];
  return text;
}

std::optional<std::uint64_t> parse_hex64(std::string_view text) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : text) {
    const int digit = digit_of(c);
    if (digit < 0) return std::nullopt;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

}  // namespace banano
