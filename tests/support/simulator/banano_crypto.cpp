#include "banano_crypto.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

#include "text.hpp"

namespace simulator::banano {
namespace {

constexpr std::string_view kPrefix = "ban_";
constexpr std::string_view kAlphabet = "13456789abcdefghijkmnopqrstuwxyz";
constexpr std::size_t kKeyDigits = 52;      // 4 zero bits and the 256 of the key, 5 to a digit
constexpr std::size_t kAddressDigits = 60;  // and 40 bits of checksum

[[maybe_unused]] const int kSodiumReady = sodium_init();  // picks the fast implementations

struct ExpandedKey {
  Bytes<32> scalar;
  Bytes<32> prefix;
};

ExpandedKey expand(const PrivateKey& key) {
  const auto digest = blake2b<64>({key});
  ExpandedKey expanded;
  std::copy_n(digest.begin(), 32, expanded.scalar.begin());
  std::copy_n(digest.begin() + 32, 32, expanded.prefix.begin());
  expanded.scalar[0] &= 0xf8U;
  expanded.scalar[31] = static_cast<unsigned char>((expanded.scalar[31] & 0x7fU) | 0x40U);
  return expanded;
}

Bytes<32> times_base(const Bytes<32>& scalar) {
  Bytes<32> point{};
  if (crypto_scalarmult_ed25519_base_noclamp(point.data(), scalar.data()) != 0) {
    throw std::runtime_error("banano: this scalar gives no point");
  }
  return point;
}

Bytes<32> reduced(const Bytes<64>& number) {
  Bytes<32> scalar{};
  crypto_core_ed25519_scalar_reduce(scalar.data(), number.data());
  return scalar;
}

Bytes<32> reduced(const Bytes<32>& number) {
  Bytes<64> wide{};
  std::copy(number.begin(), number.end(), wide.begin());
  return reduced(wide);
}

Signature sign_with(const ExpandedKey& key, const Hash& message, const Bytes<32>& nonce) {
  const auto account = times_base(key.scalar);
  const auto commitment = times_base(nonce);
  const auto challenge = reduced(blake2b<64>({commitment, account, message}));
  const auto scalar = reduced(key.scalar);
  Bytes<32> product{};
  Bytes<32> response{};
  crypto_core_ed25519_scalar_mul(product.data(), challenge.data(), scalar.data());
  crypto_core_ed25519_scalar_add(response.data(), nonce.data(), product.data());
  Signature signature{};
  std::copy(commitment.begin(), commitment.end(), signature.begin());
  std::copy(response.begin(), response.end(), signature.begin() + 32);
  return signature;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Bytes<5> checksum(const PublicKey& account) {
  auto digest = blake2b<5>({account});
  std::reverse(digest.begin(), digest.end());
  return digest;
}

/// Appends `digits` digits of 5 bits each; the bits stand at the end of the bytes, zeros come before them.
void append_base32(std::string& text, View bytes, std::size_t digits) {
  const auto padding = digits * 5 - bytes.size() * 8;
  for (std::size_t digit = 0; digit < digits; ++digit) {
    unsigned value = 0;
    for (std::size_t at = digit * 5; at < digit * 5 + 5; ++at) {
      const unsigned bit = at < padding ? 0U : (bytes[(at - padding) / 8] >> (7U - (at - padding) % 8)) & 1U;
      value = (value << 1U) | bit;
    }
    text += kAlphabet[value];
  }
}

/// The opposite: false when a digit is none, or when a bit before the bytes is set.
bool read_base32(std::string_view text, std::span<unsigned char> bytes) {
  const auto padding = text.size() * 5 - bytes.size() * 8;
  std::fill(bytes.begin(), bytes.end(), static_cast<unsigned char>(0));
  for (std::size_t digit = 0; digit < text.size(); ++digit) {
    const auto value = kAlphabet.find(text[digit]);
    if (value == std::string_view::npos) return false;
    for (std::size_t bit = 0; bit < 5; ++bit) {
      if (((value >> (4U - bit)) & 1U) == 0) continue;
      const auto at = digit * 5 + bit;
      if (at < padding) return false;
      auto& byte = bytes[(at - padding) / 8];
      byte = static_cast<unsigned char>(byte | (1U << (7U - (at - padding) % 8)));
    }
  }
  return true;
}

}  // namespace

template <std::size_t N>
Bytes<N> blake2b(std::initializer_list<View> parts) {
  crypto_generichash_blake2b_state state;
  Bytes<N> digest{};
  crypto_generichash_blake2b_init(&state, nullptr, 0, N);
  for (const auto part : parts) crypto_generichash_blake2b_update(&state, part.data(), part.size());
  crypto_generichash_blake2b_final(&state, digest.data(), N);
  return digest;
}

template Bytes<5> blake2b<5>(std::initializer_list<View> parts);
template Bytes<8> blake2b<8>(std::initializer_list<View> parts);
template Bytes<32> blake2b<32>(std::initializer_list<View> parts);
template Bytes<64> blake2b<64>(std::initializer_list<View> parts);

PrivateKey derive_key(const SeedBytes& seed, std::uint32_t index) {
  const Bytes<4> number{static_cast<unsigned char>(index >> 24U), static_cast<unsigned char>(index >> 16U),
                        static_cast<unsigned char>(index >> 8U), static_cast<unsigned char>(index)};
  return blake2b<32>({seed, number});
}

PublicKey public_key(const PrivateKey& key) {
  return times_base(expand(key).scalar);
}

Signature sign(const PrivateKey& key, const Hash& message) {
  const auto expanded = expand(key);
  return sign_with(expanded, message, reduced(blake2b<64>({expanded.prefix, message})));
}

Signature sign(const PrivateKey& key, const Hash& message, const Bytes<32>& noise) {
  const auto expanded = expand(key);
  return sign_with(expanded, message, reduced(blake2b<64>({noise, expanded.prefix, message})));
}

bool verify(const PublicKey& account, const Hash& message, const Signature& signature) {
  Bytes<32> commitment{};
  Bytes<32> response{};
  std::copy_n(signature.begin(), 32, commitment.begin());
  std::copy_n(signature.begin() + 32, 32, response.begin());
  if ((response[31] & 0xe0U) != 0) return false;
  const auto challenge = reduced(blake2b<64>({commitment, account, message}));
  Bytes<32> ours{};
  Bytes<32> theirs{};
  Bytes<32> difference{};
  if (crypto_scalarmult_ed25519_base_noclamp(ours.data(), response.data()) != 0) return false;
  if (crypto_scalarmult_ed25519_noclamp(theirs.data(), challenge.data(), account.data()) != 0) return false;
  if (crypto_core_ed25519_sub(difference.data(), ours.data(), theirs.data()) != 0) return false;
  return difference == commitment;
}

std::uint64_t work_difficulty(const Hash& root, std::uint64_t work) {
  Bytes<40> input{};
  for (std::size_t at = 0; at < 8; ++at) input[at] = static_cast<unsigned char>(work >> (8 * at));
  std::copy(root.begin(), root.end(), input.begin() + 8);
  Bytes<8> digest{};
  crypto_generichash_blake2b(digest.data(), digest.size(), input.data(), input.size(), nullptr, 0);
  std::uint64_t difficulty = 0;
  for (std::size_t at = 8; at-- > 0;) difficulty = (difficulty << 8U) | digest[at];
  return difficulty;
}

std::uint64_t generate_work(const Hash& root, std::uint64_t threshold, std::uint64_t start) {
  auto work = start;
  while (work_difficulty(root, work) < threshold) ++work;
  return work;
}

std::string to_hex(View bytes) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const auto byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xfU];
  }
  return text;
}

template <std::size_t N>
std::optional<Bytes<N>> parse_hex(std::string_view text) {
  if (text.empty() || text.size() > 2 * N) return std::nullopt;
  Bytes<N> bytes{};
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto digit = hex_digit(text[text.size() - 1 - at]);
    if (digit < 0) return std::nullopt;
    auto& byte = bytes[N - 1 - at / 2];
    byte = static_cast<unsigned char>(byte | (static_cast<unsigned>(digit) << (at % 2 == 0 ? 0U : 4U)));
  }
  return bytes;
}

template std::optional<Bytes<8>> parse_hex<8>(std::string_view text);
template std::optional<Bytes<32>> parse_hex<32>(std::string_view text);
template std::optional<Bytes<64>> parse_hex<64>(std::string_view text);

std::string work_text(std::uint64_t work) {
  return hex(work);
}

std::optional<std::uint64_t> parse_work(std::string_view text) {
  const auto bytes = parse_hex<8>(text);
  if (!bytes) return std::nullopt;
  std::uint64_t work = 0;
  for (const auto byte : *bytes) work = (work << 8U) | byte;
  return work;
}

std::string to_address(const PublicKey& account) {
  std::string text{kPrefix};
  append_base32(text, account, kKeyDigits);
  append_base32(text, checksum(account), kAddressDigits - kKeyDigits);
  return text;
}

std::optional<PublicKey> parse_address(std::string_view text) {
  if (!text.starts_with(kPrefix)) return std::nullopt;
  text.remove_prefix(kPrefix.size());
  PublicKey account{};
  Bytes<5> check{};
  if (text.size() != kAddressDigits || !read_base32(text.substr(0, kKeyDigits), account) ||
      !read_base32(text.substr(kKeyDigits), check) || check != checksum(account)) {
    return std::nullopt;
  }
  return account;
}

}  // namespace simulator::banano
