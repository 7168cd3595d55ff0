#pragma once
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "banano_ledger.hpp"
#include "banano_options.hpp"
#include "protocol.hpp"

namespace simulator::banano {

/// Whose send it is; the scope of its payment in the payment ledger.
constexpr std::string_view kOurScope = "banano";
constexpr std::string_view kForeignScope = "banano:foreign";

struct Origin {
  std::string scope{kOurScope};
  std::string external_id;  // the id of a wallet's send; blocks signed elsewhere carry none
};

/// A block that somebody else signs with a key of the seed.
struct ForeignOrder {
  PublicKey account{};
  std::optional<Hash> previous;  // none: the frontier
  Subtype subtype = Subtype::kSend;
  std::optional<PublicKey> destination;  // none: the burn address
  Raw amount = 0;
  bool confirmed = false;
};

/// A node and the network behind it: the ledger that the network agrees on, what this node sees of it when it
/// lags, elections, blocks that wait for what they rest on, the node's wallet, and the payments that our
/// accounts' sends are. One thread.
class Node {
 public:
  using OnConfirmed = std::function<void(const StoredBlock&)>;

  Node(World& world, const BananoOptions& options, OnConfirmed on_confirmed);

  /// As after the start, but for the callback address.
  void reset();

  /// What the RPC sees.
  const ChainLedger& view() const { return lagging_ ? *lagging_ : network_; }
  const ChainLedger& network() const { return network_; }
  bool lagging() const { return lagging_.has_value(); }

  /// A block that reached this node. One with a gap is kept, and tried again when what it waits for comes.
  Verdict publish(const StateBlock& block, const Origin& origin = {});

  /// block_confirm: an unconfirmed block gets an election, a confirmed one is announced again.
  void request_confirmation(const Hash& hash);

  bool has_election(const Hash& hash) const { return elections_.contains(hash); }
  const std::map<Hash, std::size_t>& elections() const { return elections_; }

  // ---- the wallet

  /// The key of an account of the seed; null for others.
  const PrivateKey* key_of(const PublicKey& account) const;
  const std::vector<PublicKey>& accounts() const { return accounts_; }

  /// A complete block on the account's frontier, as far as this node sees it.
  StateBlock make_send(const PublicKey& source, const PublicKey& destination, Raw amount);
  StateBlock make_receive(const PublicKey& account, const Hash& send);
  std::map<std::string, Hash>& send_ids() { return send_ids_; }

  // ---- commands; each throws std::invalid_argument when it cannot be obeyed

  BananoOptions options;  // work server, confirmation and callback address may change while it runs
  bool wallet_locked = false;

  /// Confirms a block that is in the ledger.
  void confirm(const Hash& hash);
  /// Makes a block win its election: whatever unconfirmed stands in its place is rolled back.
  void elect(const Hash& hash);
  std::vector<StoredBlock> roll_back(const Hash& hash);
  Hash foreign(const ForeignOrder& order);
  /// The same just before the next block of this account arrives, on the previous that it names.
  void ambush(const ForeignOrder& order) { ambush_ = order; }
  bool ambush_waits() const { return ambush_.has_value(); }
  Hash deposit(const PublicKey& account, Raw amount);
  /// From now on the node sees nothing new of the network; of these accounts it also lacks the last blocks.
  void lag(std::uint64_t behind, const std::optional<PublicKey>& account);
  void catch_up();
  /// Everything that was ever seen on this root, in the order of its coming.
  std::vector<Hash> candidates(const Hash& root) const;
  const StateBlock* seen(const Hash& hash) const;

 private:
  void fund();
  StateBlock signed_block(const PrivateKey& key, StateBlock block);
  StateBlock send_block(const PrivateKey& key, const ChainLedger& ledger, const PublicKey& source,
                        const PublicKey& destination, Raw amount);
  StateBlock foreign_block(const ForeignOrder& order);
  void spring_ambush(const StateBlock& block);
  Verdict offer(const StateBlock& block);
  void remember(const StateBlock& block, const Hash& hash);
  void inserted(const Hash& hash);
  void start_election(const Hash& hash);
  void schedule_confirmation(const Hash& hash);
  bool is_ours(const PublicKey& account) const { return keys_.contains(account); }
  const Origin& origin_of(const Hash& hash) const;
  Entry* payment_of(const Hash& hash);
  void open_payment(const StateBlock& block, const Hash& hash, Raw amount);
  void note_fork(const StateBlock& block, const Hash& hash);
  void lose(const Hash& hash, std::string_view reason);

  World& world_;
  BananoOptions at_start_;
  OnConfirmed on_confirmed_;
  PrivateKey genesis_key_;
  ChainLedger network_;
  std::optional<ChainLedger> lagging_;
  std::vector<PublicKey> accounts_;          // by index
  std::map<PublicKey, PrivateKey> keys_;     // of these
  std::map<Hash, StateBlock> seen_;          // every block whose signature was good, in the ledger or not
  std::map<Hash, std::vector<Hash>> roots_;  // root → those seen on it
  std::map<Hash, Origin> origins_;           // of sends that are not simply ours
  std::map<Hash, std::vector<StateBlock>> unchecked_;  // missing hash → who waits for it
  std::vector<StateBlock> unchecked_here_;             // those that a lagging node could not place
  std::map<Hash, std::size_t> elections_;              // unconfirmed blocks that will be confirmed in time
  std::set<Hash> held_;                                // foreign blocks that no election confirms
  std::map<std::string, Hash> send_ids_;
  std::optional<ForeignOrder> ambush_;
  std::uint64_t signatures_ = 0;
  bool funding_ = false;
};

}  // namespace simulator::banano
