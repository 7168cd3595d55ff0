#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace simulator::banano {

template <std::size_t N>
using Bytes = std::array<unsigned char, N>;
using Hash = Bytes<32>;       // of a block; also what a block links to
using PublicKey = Bytes<32>;  // an account
using PrivateKey = Bytes<32>;
using SeedBytes = Bytes<32>;
using Signature = Bytes<64>;
using View = std::span<const unsigned char>;

constexpr Bytes<32> kZero{};

/// BLAKE2b of the parts one after the other. The digest's length is part of what is hashed.
template <std::size_t N>
Bytes<N> blake2b(std::initializer_list<View> parts);

/// The i-th account of a seed: blake2b-256(seed, i as four big-endian bytes).
PrivateKey derive_key(const SeedBytes& seed, std::uint32_t index);

/// Ed25519 with BLAKE2b-512 where RFC 8032 has SHA-512.
PublicKey public_key(const PrivateKey& key);

/// The deterministic signature of RFC 8032; with `noise` a randomised one, as the node makes them.
Signature sign(const PrivateKey& key, const Hash& message);
Signature sign(const PrivateKey& key, const Hash& message, const Bytes<32>& noise);
bool verify(const PublicKey& account, const Hash& message, const Signature& signature);

/// How much work this is for the root: the higher, the rarer.
std::uint64_t work_difficulty(const Hash& root, std::uint64_t work);

/// Tries one number after the other from `start`; about 2^64 / (2^64 - threshold) of them.
std::uint64_t generate_work(const Hash& root, std::uint64_t threshold, std::uint64_t start);

/// Upper case, as the node prints hashes, keys and signatures.
std::string to_hex(View bytes);

/// As the node reads them: 1 to 2N digits of either case, zeros in front may be missing.
template <std::size_t N>
std::optional<Bytes<N>> parse_hex(std::string_view text);

/// Sixteen digits in lower case, as the node prints work and difficulty.
std::string work_text(std::uint64_t work);
std::optional<std::uint64_t> parse_work(std::string_view text);

/// "ban_…" with its checksum.
std::string to_address(const PublicKey& account);
std::optional<PublicKey> parse_address(std::string_view text);

}  // namespace simulator::banano
