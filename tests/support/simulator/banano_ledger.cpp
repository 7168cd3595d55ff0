#include "banano_ledger.hpp"

#include <stdexcept>

namespace simulator::banano {

std::string_view to_text(Subtype subtype) {
  switch (subtype) {
    case Subtype::kOpen:
      return "open";
    case Subtype::kReceive:
      return "receive";
    case Subtype::kSend:
      return "send";
    case Subtype::kChange:
      return "change";
  }
  return "?";
}

ChainLedger::ChainLedger(const PrivateKey& genesis_key, std::int64_t at_s) {
  genesis_account_ = public_key(genesis_key);
  // A legacy open block hashes source, representative and account, which are all the genesis account here.
  genesis_ = blake2b<32>({genesis_account_, genesis_account_, genesis_account_});
  StoredBlock stored;
  stored.block.account = genesis_account_;
  stored.block.representative = genesis_account_;
  stored.block.balance = ~Raw{0};
  stored.block.link = genesis_account_;
  stored.block.signature = sign(genesis_key, genesis_);
  stored.hash = genesis_;
  stored.amount = stored.block.balance;
  stored.height = 1;
  stored.subtype = Subtype::kOpen;
  stored.stored_at_s = at_s;
  stored.confirmed = true;
  stored.genesis = true;
  accounts_[genesis_account_] = Account{genesis_, genesis_, stored.block.balance, 1, 1, at_s};
  blocks_.emplace(genesis_, std::move(stored));
  confirmed_ = 1;
}

const StoredBlock* ChainLedger::find(const Hash& hash) const {
  const auto found = blocks_.find(hash);
  return found == blocks_.end() ? nullptr : &found->second;
}

const Account* ChainLedger::account(const PublicKey& account) const {
  const auto found = accounts_.find(account);
  return found == accounts_.end() ? nullptr : &found->second;
}

Raw ChainLedger::balance(const PublicKey& key) const {
  const auto* known = account(key);
  return known == nullptr ? 0 : known->balance;
}

const ChainLedger::Pending& ChainLedger::pending(const PublicKey& account) const {
  static const Pending kNone;
  const auto found = pending_.find(account);
  return found == pending_.end() ? kNone : found->second;
}

Raw ChainLedger::pending_sum(const PublicKey& account) const {
  Raw sum = 0;
  for (const auto& [hash, send] : pending(account)) sum += send.amount;
  return sum;
}

const StoredBlock* ChainLedger::on_root(const Hash& root) const {
  if (const auto* below = find(root)) return below->successor == kZero ? nullptr : find(below->successor);
  const auto* known = account(root);
  return known == nullptr ? nullptr : find(known->open_block);
}

// ---- blocks come

Verdict ChainLedger::process(const StateBlock& block, std::int64_t at_s) {
  const auto hash = block.hash();
  Effect effect;
  const auto verdict = judge(block, hash, effect);
  if (verdict == Verdict::kProgress) insert(block, hash, effect, at_s);
  return verdict;
}

/// The checks in the node's order, which decides what a block with two faults is told.
Verdict ChainLedger::judge(const StateBlock& block, const Hash& hash, Effect& effect) const {
  if (blocks_.contains(hash)) return Verdict::kOld;
  if (!verify(block.account, hash, block.signature)) return Verdict::kBadSignature;
  if (block.account == kZero) return Verdict::kBurnAccount;
  const auto* known = account(block.account);
  if (known == nullptr) {
    if (block.previous != kZero) return Verdict::kGapPrevious;
    if (block.link == kZero) return Verdict::kGapSource;
    effect = {Subtype::kOpen, block.balance};
    return judge_source(block, effect);
  }
  if (block.previous == kZero) return Verdict::kFork;
  if (!blocks_.contains(block.previous)) return Verdict::kGapPrevious;
  if (block.previous != known->frontier) return Verdict::kFork;
  if (block.balance < known->balance) {
    effect = {Subtype::kSend, known->balance - block.balance};
    return Verdict::kProgress;
  }
  effect = {Subtype::kReceive, block.balance - known->balance};
  if (block.link != kZero) return judge_source(block, effect);
  effect.subtype = Subtype::kChange;
  return effect.amount == 0 ? Verdict::kProgress : Verdict::kBalanceMismatch;
}

Verdict ChainLedger::judge_source(const StateBlock& block, Effect& effect) const {
  if (!blocks_.contains(block.link)) return Verdict::kGapSource;
  const auto& waiting = pending(block.account);
  const auto send = waiting.find(block.link);
  if (send == waiting.end()) return Verdict::kUnreceivable;
  return send->second.amount == effect.amount ? Verdict::kProgress : Verdict::kBalanceMismatch;
}

void ChainLedger::insert(const StateBlock& block, const Hash& hash, const Effect& effect, std::int64_t at_s) {
  auto& known = accounts_[block.account];
  if (known.block_count == 0) {
    known.open_block = hash;
  } else {
    blocks_.at(block.previous).successor = hash;
  }
  known.frontier = hash;
  known.balance = block.balance;
  known.modified_at_s = at_s;
  ++known.block_count;
  StoredBlock stored;
  stored.block = block;
  stored.hash = hash;
  stored.amount = effect.amount;
  stored.height = known.block_count;
  stored.subtype = effect.subtype;
  stored.stored_at_s = at_s;
  blocks_.emplace(hash, std::move(stored));
  if (effect.subtype == Subtype::kSend) {
    pending_[block.link].emplace(hash, PendingSend{block.account, effect.amount});
  } else if (effect.subtype != Subtype::kChange) {
    pending_[block.account].erase(block.link);
    received_by_[block.link] = hash;
  }
}

// ---- blocks become final, or go

std::vector<Hash> ChainLedger::confirm(const Hash& hash) {
  std::vector<Hash> confirmed;
  std::vector<Hash> waiting{hash};
  while (!waiting.empty()) {
    const auto found = blocks_.find(waiting.back());
    if (found == blocks_.end() || found->second.confirmed) {
      waiting.pop_back();
      continue;
    }
    auto& stored = found->second;
    const auto before = waiting.size();
    const auto first = [&](const Hash& other) {
      const auto* known = find(other);
      if (known != nullptr && !known->confirmed) waiting.push_back(other);
    };
    first(stored.block.previous);
    if (stored.subtype == Subtype::kOpen || stored.subtype == Subtype::kReceive) first(stored.block.link);
    if (waiting.size() != before) continue;
    stored.confirmed = true;
    ++confirmed_;
    accounts_.at(stored.block.account).confirmation_height = stored.height;
    confirmed.push_back(stored.hash);
    waiting.pop_back();
  }
  return confirmed;
}

std::vector<StoredBlock> ChainLedger::roll_back(Hash hash, bool even_confirmed) {
  const auto* stored = find(hash);
  if (stored == nullptr) throw std::invalid_argument("hash: no such block is in the ledger");
  if (stored->genesis) throw std::invalid_argument("hash: the genesis stays");
  // What rests on a block is confirmed only if the block is, so this one check covers them all.
  if (stored->confirmed && !even_confirmed) throw std::invalid_argument("hash: the block is confirmed");
  std::vector<StoredBlock> removed;
  undo(hash, removed);
  return removed;
}

void ChainLedger::undo(Hash hash, std::vector<StoredBlock>& removed) {
  for (const auto* stored = find(hash); stored != nullptr && stored->successor != kZero;) {
    undo(accounts_.at(stored->block.account).frontier, removed);
    stored = find(hash);
  }
  if (find(hash) == nullptr) return;
  if (const auto receiver = received_by_.find(hash); receiver != received_by_.end()) {
    undo(receiver->second, removed);
  }
  const auto found = blocks_.find(hash);
  if (found == blocks_.end()) return;
  const auto stored = found->second;
  if (stored.subtype == Subtype::kSend) {
    pending_[stored.block.link].erase(hash);
  } else if (stored.subtype != Subtype::kChange) {
    pending_[stored.block.account].emplace(
        stored.block.link, PendingSend{blocks_.at(stored.block.link).block.account, stored.amount});
    received_by_.erase(stored.block.link);
  }
  undo_account(stored);
  if (stored.confirmed) --confirmed_;
  blocks_.erase(hash);
  removed.push_back(stored);
}

void ChainLedger::undo_account(const StoredBlock& stored) {
  if (stored.block.previous == kZero) {
    accounts_.erase(stored.block.account);
    return;
  }
  auto& below = blocks_.at(stored.block.previous);
  below.successor = kZero;
  auto& known = accounts_.at(stored.block.account);
  known.frontier = below.hash;
  known.balance = below.block.balance;
  --known.block_count;
  known.confirmation_height = std::min(known.confirmation_height, known.block_count);
}

}  // namespace simulator::banano
