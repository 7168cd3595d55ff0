#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "banano_block.hpp"

namespace simulator::banano {

/// What the ledger says to a block.
enum class Verdict {
  kProgress,  // it is in the ledger now
  kOld,       // it was already
  kBadSignature,
  kBurnAccount,
  kFork,  // another block stands on its previous
  kGapPrevious,
  kGapSource,
  kUnreceivable,
  kBalanceMismatch,
};

enum class Subtype { kOpen, kReceive, kSend, kChange };
std::string_view to_text(Subtype subtype);

struct StoredBlock {
  StateBlock block;
  Hash hash{};
  Raw amount = 0;  // what it sends or receives
  std::uint64_t height = 0;
  Subtype subtype{};
  std::int64_t stored_at_s = 0;  // since 1970
  bool confirmed = false;
  Hash successor{};      // zero: it is the frontier
  bool genesis = false;  // a block of the legacy form, which nothing but the genesis uses here
};

struct Account {
  Hash open_block{};
  Hash frontier{};
  Raw balance = 0;
  std::uint64_t block_count = 0;
  std::uint64_t confirmation_height = 0;
  std::int64_t modified_at_s = 0;
};

struct PendingSend {
  PublicKey source{};
  Raw amount = 0;
};

/// One node's ledger of account chains. It verifies signature, position and balance of each block, not its
/// work. Blocks are confirmed or not; those that are not can be rolled back. A copy is an independent ledger.
class ChainLedger {
 public:
  using Pending = std::map<Hash, PendingSend>;  // by the hash of the send

  /// Holds the genesis account's first block, confirmed, with the whole supply.
  ChainLedger(const PrivateKey& genesis_key, std::int64_t at_s);

  Verdict process(const StateBlock& block, std::int64_t at_s);

  /// Null when it is not in the ledger. Good until the ledger changes.
  const StoredBlock* find(const Hash& hash) const;
  const Account* account(const PublicKey& account) const;
  Raw balance(const PublicKey& account) const;
  const Pending& pending(const PublicKey& account) const;
  Raw pending_sum(const PublicKey& account) const;

  /// The block that stands on this root, a block's hash or an account.
  const StoredBlock* on_root(const Hash& root) const;

  /// Confirms the block and everything that it rests on: who was not confirmed before, ancestors first.
  std::vector<Hash> confirm(const Hash& hash);

  /// Takes the block and everything that rests on it out, the newest first. Throws std::invalid_argument,
  /// and changes nothing, when it is confirmed; with `even_confirmed` it forgets those too. The hash is a
  /// copy because the caller's often is that of a frontier, which changes on the way.
  std::vector<StoredBlock> roll_back(Hash hash, bool even_confirmed = false);

  const Hash& genesis() const { return genesis_; }
  const PublicKey& genesis_account() const { return genesis_account_; }
  std::size_t block_count() const { return blocks_.size(); }
  std::size_t confirmed_count() const { return confirmed_; }
  const std::map<PublicKey, Account>& accounts() const { return accounts_; }

 private:
  struct Effect {
    Subtype subtype{};
    Raw amount = 0;
  };

  Verdict judge(const StateBlock& block, const Hash& hash, Effect& effect) const;
  Verdict judge_source(const StateBlock& block, Effect& effect) const;
  void insert(const StateBlock& block, const Hash& hash, const Effect& effect, std::int64_t at_s);
  void undo(Hash hash, std::vector<StoredBlock>& removed);
  void undo_account(const StoredBlock& stored);

  std::map<Hash, StoredBlock> blocks_;
  std::map<PublicKey, Account> accounts_;
  std::map<PublicKey, Pending> pending_;
  std::map<Hash, Hash> received_by_;  // send → the block that received it
  Hash genesis_{};
  PublicKey genesis_account_{};
  std::size_t confirmed_ = 0;
};

}  // namespace simulator::banano
