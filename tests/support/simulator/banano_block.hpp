#pragma once
#include <boost/property_tree/ptree_fwd.hpp>
#include <cstdint>
#include <optional>

#include "banano_amount.hpp"
#include "banano_crypto.hpp"

namespace simulator::banano {

/// What an account says about itself: each block carries the whole state after it.
struct StateBlock {
  PublicKey account{};
  Hash previous{};  // zero: the account's first block
  PublicKey representative{};
  Raw balance = 0;
  Hash link{};  // send: the destination's key; receive: the hash of the send; change: zero
  Signature signature{};
  std::uint64_t work = 0;

  /// blake2b-256 of a preamble and the first five fields: signature and work are not part of it.
  Hash hash() const;

  /// What work is made for, and what at most one confirmed block can stand on.
  const Hash& root() const { return previous == kZero ? account : previous; }
};

/// None when a field is missing or malformed, or when it is another type of block. A link may be an address.
std::optional<StateBlock> read_block(const boost::property_tree::ptree& tree);
boost::property_tree::ptree write_block(const StateBlock& block);

}  // namespace simulator::banano
