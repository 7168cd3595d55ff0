#include "banano_node.hpp"

#include <algorithm>
#include <chrono>
#include <stdexcept>

#include "text.hpp"

namespace simulator::banano {
namespace {

/// The test network's genesis account: public by design, it holds the whole supply.
constexpr std::string_view kGenesisKey = "34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4";
constexpr std::uint64_t kFundingWork = 0xff00000000000000ULL;  // at most: nobody checks these blocks' work

std::int64_t seconds() {
  return std::chrono::duration_cast<std::chrono::seconds>(now().time_since_epoch()).count();
}

[[noreturn]] void refuse(std::string_view reason) {
  throw std::invalid_argument(std::string{reason});
}

}  // namespace

Node::Node(World& world, const BananoOptions& chosen, OnConfirmed on_confirmed)
    : options(chosen),
      world_(world),
      at_start_(chosen),
      on_confirmed_(std::move(on_confirmed)),
      genesis_key_(*parse_hex<32>(kGenesisKey)),
      network_(genesis_key_, seconds()) {
  for (std::uint32_t index = 0; index < options.accounts; ++index) {
    const auto key = derive_key(options.seed, index);
    accounts_.push_back(public_key(key));
    keys_.emplace(accounts_.back(), key);
  }
  fund();
}

void Node::reset() {
  network_ = ChainLedger{genesis_key_, seconds()};
  lagging_.reset();
  seen_.clear();
  roots_.clear();
  origins_.clear();
  unchecked_.clear();
  unchecked_here_.clear();
  elections_.clear();
  held_.clear();
  send_ids_.clear();
  ambush_.reset();
  wallet_locked = false;
  options.work_server = at_start_.work_server;
  options.confirmation = at_start_.confirmation;
  fund();
}

void Node::fund() {
  if (options.funding == BananoFunding::kNone || options.balance == 0) return;
  funding_ = true;
  for (const auto& account : accounts_) {
    if (network_.balance(network_.genesis_account()) < options.balance) {
      refuse("--banano-balance: all accounts together would have more than there is");
    }
    const auto send =
        send_block(genesis_key_, network_, network_.genesis_account(), account, options.balance);
    network_.process(send, seconds());
    network_.confirm(send.hash());
    if (options.funding == BananoFunding::kPending) continue;
    const auto open = make_receive(account, send.hash());
    network_.process(open, seconds());
    network_.confirm(open.hash());
  }
  funding_ = false;
}

// ---- making blocks

const PrivateKey* Node::key_of(const PublicKey& account) const {
  const auto found = keys_.find(account);
  return found == keys_.end() ? nullptr : &found->second;
}

/// With work and a signature that differs each time, as the node's do; the hash depends on neither.
StateBlock Node::signed_block(const PrivateKey& key, StateBlock block) {
  const auto hash = block.hash();
  const auto about = to_hex(hash);
  Bytes<32> noise{};
  ++signatures_;
  for (std::size_t at = 0; at < noise.size(); ++at) {
    noise[at] = static_cast<unsigned char>(world_.seed.draw("signature", about, signatures_ * 32 + at));
  }
  block.signature = sign(key, hash, noise);
  const auto threshold = funding_ ? std::min(options.work_threshold, kFundingWork) : options.work_threshold;
  block.work = generate_work(block.root(), threshold, world_.seed.draw("work", about, signatures_));
  return block;
}

StateBlock Node::send_block(const PrivateKey& key, const ChainLedger& ledger, const PublicKey& source,
                            const PublicKey& destination, Raw amount) {
  const auto* from = ledger.account(source);
  if (from == nullptr) refuse("account: not opened");
  if (from->balance < amount || amount == 0) refuse("amount: the account does not have it, or it is nothing");
  StateBlock block;
  block.account = source;
  block.previous = from->frontier;
  block.representative = ledger.find(from->frontier)->block.representative;
  block.balance = from->balance - amount;
  block.link = destination;
  return signed_block(key, block);
}

StateBlock Node::make_send(const PublicKey& source, const PublicKey& destination, Raw amount) {
  const auto* key = key_of(source);
  if (key == nullptr) refuse("account: not of the seed");
  return send_block(*key, view(), source, destination, amount);
}

StateBlock Node::make_receive(const PublicKey& account, const Hash& send) {
  const auto* key = key_of(account);
  if (key == nullptr) refuse("account: not of the seed");
  const auto& waiting = view().pending(account);
  const auto found = waiting.find(send);
  if (found == waiting.end()) refuse("nothing is pending for the account");
  const auto* known = view().account(account);
  StateBlock block;
  block.account = account;
  block.previous = known == nullptr ? kZero : known->frontier;
  block.representative =
      known == nullptr ? network_.genesis_account() : view().find(known->frontier)->block.representative;
  block.balance = view().balance(account) + found->second.amount;
  block.link = send;
  return signed_block(*key, block);
}

// ---- blocks arrive

Verdict Node::publish(const StateBlock& block, const Origin& origin) {
  if (origin.scope == kOurScope) spring_ambush(block);
  if (origin.scope != kOurScope || !origin.external_id.empty()) origins_.try_emplace(block.hash(), origin);
  if (!lagging_) return offer(block);
  const auto verdict = lagging_->process(block, seconds());
  if (verdict == Verdict::kProgress) offer(block);  // it goes out to the network, which may know better
  if (verdict == Verdict::kGapPrevious || verdict == Verdict::kGapSource) unchecked_here_.push_back(block);
  return verdict;
}

void Node::spring_ambush(const StateBlock& block) {
  if (!ambush_ || ambush_->account != block.account) return;
  auto order = *ambush_;
  ambush_.reset();
  order.previous = block.previous;
  try {
    foreign(order);
  } catch (const std::invalid_argument&) {
    return;  // the block stands where nobody could outrun it
  }
}

Verdict Node::offer(const StateBlock& block) {
  const auto hash = block.hash();
  const auto verdict = network_.process(block, seconds());
  switch (verdict) {
    case Verdict::kProgress:
      remember(block, hash);
      inserted(hash);
      break;
    case Verdict::kFork:
      remember(block, hash);
      note_fork(block, hash);
      break;
    case Verdict::kGapPrevious:
      remember(block, hash);
      unchecked_[block.previous].push_back(block);
      break;
    case Verdict::kGapSource:
      remember(block, hash);
      unchecked_[block.link].push_back(block);
      break;
    default:
      break;
  }
  return verdict;
}

void Node::remember(const StateBlock& block, const Hash& hash) {
  if (seen_.emplace(hash, block).second) roots_[block.root()].push_back(hash);
}

void Node::inserted(const Hash& hash) {
  const auto stored = *network_.find(hash);
  if (stored.subtype == Subtype::kSend && is_ours(stored.block.account)) {
    open_payment(stored.block, hash, stored.amount);
  }
  start_election(hash);
  auto waiting = unchecked_.extract(hash);
  if (waiting.empty()) return;
  for (const auto& block : waiting.mapped()) offer(block);
}

/// A candidate that lost the race to the ledger may still win the election, unless it is over.
void Node::note_fork(const StateBlock& block, const Hash& hash) {
  if (!is_ours(block.account)) return;
  const auto* below = network_.find(block.previous);
  if (below == nullptr || block.balance >= below->block.balance) return;
  open_payment(block, hash, below->block.balance - block.balance);
  const auto* standing = network_.on_root(block.root());
  if (standing != nullptr && standing->confirmed) lose(hash, "FORK_LOST");
}

// ---- elections

void Node::start_election(const Hash& hash) {
  if (options.confirmation == BananoConfirmation::kAuto && !held_.contains(hash)) schedule_confirmation(hash);
}

void Node::schedule_confirmation(const Hash& hash) {
  const auto& range = world_.timing.processing;
  const auto width = static_cast<std::uint64_t>((range.to - range.from).count());
  const auto draw = world_.seed.draw("confirmation", to_hex(hash)) % (width + 1);
  const auto delay =
      range.from + std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(draw)};
  if (delay.count() == 0) {
    confirm(hash);
    return;
  }
  ++elections_[hash];
  world_.schedule.after(delay, [this, hash] {
    if (--elections_[hash] == 0) elections_.erase(hash);
    if (options.confirmation != BananoConfirmation::kManual && network_.find(hash) != nullptr) confirm(hash);
  });
}

void Node::request_confirmation(const Hash& hash) {
  const auto* stored = network_.find(hash);
  if (stored == nullptr) return;  // only a lagging node's own view has it
  if (stored->confirmed) {
    on_confirmed_(*stored);
  } else if (options.confirmation != BananoConfirmation::kManual && !held_.contains(hash) &&
             !has_election(hash)) {
    schedule_confirmation(hash);
  }
}

void Node::confirm(const Hash& hash) {
  if (network_.find(hash) == nullptr) refuse("hash: no such block is in the ledger");
  for (const auto& confirmed : network_.confirm(hash)) {
    const auto stored = *network_.find(confirmed);
    if (auto* payment = payment_of(confirmed)) {
      world_.ledger.finish(*payment, Status::kSuccessful, {}, payment->reference);
    }
    for (const auto& other : candidates(stored.block.root())) {
      if (other != confirmed) lose(other, "FORK_LOST");
    }
    on_confirmed_(stored);
  }
}

void Node::elect(const Hash& hash) {
  const auto* candidate = seen(hash);
  if (network_.find(hash) == nullptr) {
    if (candidate == nullptr) refuse("hash: no such block was ever seen");
    const auto block = *candidate;
    if (const auto* standing = network_.on_root(block.root())) {
      const auto loser = standing->hash;
      roll_back(loser);  // refuses when that one is confirmed
    }
    if (offer(block) != Verdict::kProgress) refuse("hash: the block does not fit the ledger");
  }
  confirm(hash);
}

std::vector<StoredBlock> Node::roll_back(const Hash& hash) {
  auto removed = network_.roll_back(hash);
  for (const auto& stored : removed) {
    if (auto* payment = payment_of(stored.hash)) payment->reason = "ROLLED_BACK";
  }
  return removed;
}

std::vector<Hash> Node::candidates(const Hash& root) const {
  const auto found = roots_.find(root);
  return found == roots_.end() ? std::vector<Hash>{} : found->second;
}

const StateBlock* Node::seen(const Hash& hash) const {
  const auto found = seen_.find(hash);
  return found == seen_.end() ? nullptr : &found->second;
}

// ---- payments

const Origin& Node::origin_of(const Hash& hash) const {
  static const Origin kOurs;
  const auto found = origins_.find(hash);
  return found == origins_.end() ? kOurs : found->second;
}

Entry* Node::payment_of(const Hash& hash) {
  return world_.ledger.find(origin_of(hash).scope, to_hex(hash));
}

void Node::open_payment(const StateBlock& block, const Hash& hash, Raw amount) {
  if (auto* known = payment_of(hash)) {  // it was rolled back and came again
    if (known->status == Status::kPending) known->reason.clear();
    return;
  }
  const auto& origin = origin_of(hash);
  Entry entry;
  entry.protocol = "banano";
  entry.scope = origin.scope;
  entry.reference = to_hex(hash);
  entry.external_id = origin.external_id;
  entry.account = to_address(block.account);
  entry.amount = ban_text(amount);
  entry.units = units_of(amount);
  entry.currency = "BAN";
  entry.payee = to_address(block.link);
  world_.ledger.accept(std::move(entry));
}

/// The block can never be confirmed, nor can anything that rests on it.
void Node::lose(const Hash& hash, std::string_view reason) {
  auto* payment = payment_of(hash);
  if (payment != nullptr && payment->status == Status::kPending) {
    world_.ledger.finish(*payment, Status::kFailed, reason, {});
  }
  for (const auto& above : candidates(hash)) lose(above, "ANCESTOR_LOST");
}

// ---- commands

StateBlock Node::foreign_block(const ForeignOrder& order) {
  const auto* key = key_of(order.account);
  if (key == nullptr) refuse("account: not of the seed");
  const auto* known = network_.account(order.account);
  if (known == nullptr && order.subtype != Subtype::kReceive) refuse("account: not opened");
  StateBlock block;
  block.account = order.account;
  block.previous = order.previous.value_or(known == nullptr ? kZero : known->frontier);
  const auto* below = network_.find(block.previous);
  if (below == nullptr && block.previous != kZero) refuse("previous: no such block is in the ledger");
  const Raw before = below == nullptr ? 0 : below->block.balance;
  block.representative = below == nullptr ? network_.genesis_account() : below->block.representative;
  if (order.subtype == Subtype::kSend) {
    if (order.amount == 0 || order.amount > before) refuse("amount: must be what the account can send");
    block.balance = before - order.amount;
    block.link = order.destination.value_or(kZero);
  } else if (order.subtype == Subtype::kChange) {
    block.balance = before;
    // Whoever is the representative now, it is somebody else afterwards: the hash must be a new one.
    block.representative = block.representative == order.account ? network_.genesis_account() : order.account;
  } else {
    const auto& waiting = network_.pending(order.account);
    if (waiting.empty()) refuse("nothing is pending for the account");
    block.balance = before + waiting.begin()->second.amount;
    block.link = waiting.begin()->first;
  }
  return signed_block(*key, block);
}

Hash Node::foreign(const ForeignOrder& order) {
  const auto block = foreign_block(order);
  const auto hash = block.hash();
  const auto* standing = network_.on_root(block.root());
  if (order.confirmed && standing != nullptr && standing->confirmed && standing->hash != hash) {
    refuse("previous: a confirmed block stands on it");
  }
  if (seen(hash) == nullptr) origins_.try_emplace(hash, Origin{std::string{kForeignScope}, {}});
  if (!order.confirmed) held_.insert(hash);
  offer(block);
  if (order.confirmed) elect(hash);
  return hash;
}

Hash Node::deposit(const PublicKey& account, Raw amount) {
  const auto send = send_block(genesis_key_, network_, network_.genesis_account(), account, amount);
  held_.insert(send.hash());
  offer(send);
  confirm(send.hash());
  return send.hash();
}

void Node::lag(std::uint64_t behind, const std::optional<PublicKey>& account) {
  auto old = network_;
  for (const auto& ours : accounts_) {
    if (account && *account != ours) continue;
    for (std::uint64_t at = 0; at < behind && old.account(ours) != nullptr; ++at) {
      old.roll_back(old.account(ours)->frontier, true);
    }
  }
  lagging_ = std::move(old);
}

void Node::catch_up() {
  lagging_.reset();
  const auto waiting = std::move(unchecked_here_);
  unchecked_here_.clear();
  for (const auto& block : waiting) offer(block);
}

}  // namespace simulator::banano
