#pragma once
/// The ledger's own arithmetic: raw amounts, addresses, keys, state blocks, signatures and proof of work, as
/// pure functions on libsodium. No I/O, no state; key material is wiped when it goes.
///
/// Sources: BananoCoin/banano V20 (`nano/lib/numbers.cpp`, `nano/lib/blocks.cpp`, `nano/lib/config.hpp`) and
/// nanocurrency/nano-docs (integration guides: the basics, key management, work generation).
#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <payoutd/money.hpp>
#include <span>
#include <string>
#include <string_view>

namespace banano {

__extension__ typedef unsigned __int128 Uint128;

using Bytes32 = std::array<std::uint8_t, 32>;
using Hash = Bytes32;       ///< of a block
using PublicKey = Bytes32;  ///< of an account
using Signature = std::array<std::uint8_t, 64>;

inline constexpr Bytes32 kZero{};

// ---- amounts

/// An amount in raw, the ledger's smallest unit: 1 BAN = 10^29 raw. All 128 bits are used.
class Raw {
 public:
  constexpr Raw() = default;
  explicit constexpr Raw(Uint128 value) : value_(value) {}

  /// Decimal digits only, without leading zeros, at most 2^128 - 1.
  static std::optional<Raw> parse(std::string_view text);
  /// nullopt where the amount exceeds what 128 bits hold (about 3.4 thousand million BAN).
  static std::optional<Raw> of(payoutd::Amount amount);

  std::string to_string() const;
  std::array<std::uint8_t, 16> big_endian() const;
  constexpr bool is_zero() const noexcept { return value_ == 0; }

  std::optional<Raw> plus(Raw other) const;
  std::optional<Raw> minus(Raw other) const;

  /// nullopt if digits stand behind the eighth decimal place of BAN, or if it is no payable amount.
  std::optional<payoutd::Amount> exactly() const;
  /// Rounded down to 10^-8 BAN; the largest payable amount where it is more than that.
  payoutd::Amount rounded_down() const;

  friend constexpr auto operator<=>(const Raw&, const Raw&) = default;

 private:
  Uint128 value_ = 0;
};

// ---- texts

/// Upper-case hexadecimal digits, as the node writes hashes, keys and signatures.
std::string to_hex(std::span<const std::uint8_t> bytes);
/// Exactly `out.size()` bytes in either case; false otherwise.
bool read_hex(std::string_view text, std::span<std::uint8_t> out);
std::optional<Bytes32> parse_bytes32(std::string_view text);

/// `ban_`, 52 characters of the public key and 8 of its checksum.
std::string encode_address(const PublicKey& key);
/// Verifies form and checksum. The Problem has no field.
payoutd::Result<PublicKey> decode_address(std::string_view address);

// ---- keys

/// A private key of an account; wiped when it goes.
class SigningKey {
 public:
  explicit SigningKey(const Bytes32& secret);
  ~SigningKey();
  SigningKey(const SigningKey&) = delete;
  SigningKey& operator=(const SigningKey&) = delete;
  SigningKey(SigningKey&&) = delete;
  SigningKey& operator=(SigningKey&&) = delete;

  const PublicKey& public_key() const noexcept { return public_key_; }
  /// ed25519 with BLAKE2b-512 in place of SHA-512, deterministic: the same block has the same signature.
  Signature sign(const Hash& hash) const;

 private:
  Bytes32 scalar_{};  ///< clamped
  Bytes32 prefix_{};  ///< from which nonces are derived
  PublicKey public_key_{};
};

/// The secret from which a wallet's keys are derived; wiped when it goes.
class Seed {
 public:
  /// 64 hexadecimal digits; nullopt otherwise.
  static std::optional<Seed> parse(std::string_view hex);
  ~Seed();
  Seed(const Seed&) = delete;
  Seed& operator=(const Seed&) = delete;
  Seed(Seed&& other) noexcept;
  Seed& operator=(Seed&&) = delete;

  /// blake2b-256(seed ‖ index as big-endian 32 bits), as every Nano and Banano wallet derives it. The caller
  /// wipes it: SigningKey takes it and keeps its own.
  Bytes32 secret_of(std::uint32_t index) const;
  SigningKey key(std::uint32_t index) const;
  /// True for the seeds that documents print: whoever reads them owns the accounts.
  bool is_public_knowledge() const;

 private:
  Seed() = default;
  Bytes32 bytes_{};
};

bool verify(const PublicKey& key, const Hash& hash, const Signature& signature);

/// The account of the test network's genesis: its private key is public by design.
bool is_test_genesis(const PublicKey& account);

/// A short name for something that must not be named itself (a wallet id): 8 bytes of BLAKE2b, in hex.
std::string fingerprint(std::string_view text);

// ---- blocks

/// A state block without what a hash does not cover. A send names the payee's key as `link`, a receive the
/// hash of the send.
struct StateBlock {
  PublicKey account{};
  Hash previous{};  ///< zero for an account's first block
  PublicKey representative{};
  Raw balance;  ///< after the block
  Bytes32 link{};

  Hash hash() const;
  /// What its work is computed for: the previous block, or the account for a first block.
  const Bytes32& root() const noexcept { return previous == kZero ? account : previous; }

  friend bool operator==(const StateBlock&, const StateBlock&) = default;
};

struct SignedBlock {
  StateBlock block;
  Signature signature{};
  std::uint64_t work = 0;  ///< not covered by the hash: another work makes no other block

  friend bool operator==(const SignedBlock&, const SignedBlock&) = default;
};

// ---- work

std::uint64_t difficulty_of(std::uint64_t work, const Bytes32& root);

/// Sixteen hexadecimal digits of a big-endian 64-bit number, lower case: works and thresholds.
std::string to_hex64(std::uint64_t value);
std::optional<std::uint64_t> parse_hex64(std::string_view text);

}  // namespace banano
