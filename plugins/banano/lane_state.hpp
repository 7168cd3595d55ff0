#pragma once
/// What the host keeps for us of one paying account between payments: the last block that the network had
/// confirmed, and work that is ready for the next one.
#include <boost/json/object.hpp>

#include "chain.hpp"

namespace banano {

struct AccountInfo;

struct LaneState {
  struct Work {
    Bytes32 root{};
    std::uint64_t work = 0;
  };

  /// A lower bound, never more: blocks that were only signed, or only published, are not in it. A node that
  /// knows less than this lags behind; a crash between two steps leaves a state that is older, not wrong.
  std::uint64_t height = 0;  ///< 0: nothing is known of the account yet
  Hash frontier{};
  std::optional<Work> ready;

  /// What cannot be read, and what was recorded on another network, is as if nothing were recorded.
  static LaneState read(const boost::json::object& object, std::string_view network);
  boost::json::object write(std::string_view network) const;

  /// The block at this height is confirmed. Older news changes nothing.
  void confirm(std::uint64_t confirmed_height, const Hash& block);

  /// Why this answer comes from a node that lags behind, or from another ledger; nullopt if it does not.
  std::optional<std::string> objection_to(const AccountInfo& info) const;

  /// The work for this root that is at hand and good enough.
  std::optional<std::uint64_t> work_for(const Bytes32& root, std::uint64_t threshold) const;
};

}  // namespace banano
