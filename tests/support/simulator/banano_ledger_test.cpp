// The account chains alone: what is let in, what becomes final, what can be taken back.
#include "banano_ledger.hpp"

#include <catch2/catch.hpp>
#include <stdexcept>

using namespace simulator::banano;

namespace {

struct Chain {
  PrivateKey genesis_key = *parse_hex<32>("34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4");
  PrivateKey key = derive_key(kZero, 0);
  PublicKey account = public_key(key);
  PublicKey genesis = public_key(genesis_key);
  ChainLedger ledger{genesis_key, 100};

  StateBlock block(const PrivateKey& signer, const Hash& previous, Raw balance, const Hash& link) const {
    StateBlock made;
    made.account = public_key(signer);
    made.previous = previous;
    made.representative = genesis;
    made.balance = balance;
    made.link = link;
    made.signature = sign(signer, made.hash());
    return made;
  }
  StateBlock from_genesis(Raw amount) const {
    const auto* known = ledger.account(genesis);
    return block(genesis_key, known->frontier, known->balance - amount, account);
  }
  /// Opens the account with this much; the hash of its first block.
  Hash open(Raw amount) {
    const auto send = from_genesis(amount);
    REQUIRE(ledger.process(send, 101) == Verdict::kProgress);
    const auto first = block(key, kZero, amount, send.hash());
    REQUIRE(ledger.process(first, 102) == Verdict::kProgress);
    return first.hash();
  }
};

const Hash kElsewhere = public_key(derive_key(kZero, 77));

}  // namespace

TEST_CASE("Banano ledger: money goes from account to account") {
  Chain chain;
  const auto first = chain.open(1000);
  CHECK(chain.ledger.balance(chain.account) == 1000);
  CHECK(chain.ledger.balance(chain.genesis) == ~Raw{0} - 1000);
  CHECK(chain.ledger.pending(chain.account).empty());
  const auto send = chain.block(chain.key, first, 700, kElsewhere);
  CHECK(chain.ledger.process(send, 103) == Verdict::kProgress);
  CHECK(chain.ledger.find(send.hash())->amount == 300);
  CHECK(chain.ledger.find(send.hash())->height == 2);
  CHECK(chain.ledger.find(first)->successor == send.hash());
  CHECK(chain.ledger.pending_sum(kElsewhere) == 300);
  CHECK(chain.ledger.process(send, 104) == Verdict::kOld);
  CHECK(chain.ledger.find(send.hash())->stored_at_s == 103);
}

TEST_CASE("Banano ledger: what is not let in") {
  Chain chain;
  const auto first = chain.open(1000);
  const auto verdict = [&](StateBlock block) { return chain.ledger.process(block, 105); };
  auto forged = chain.block(chain.key, first, 0, kElsewhere);
  forged.signature[0] ^= 1U;
  CHECK(verdict(forged) == Verdict::kBadSignature);
  auto stolen = chain.block(chain.genesis_key, first, 0, kElsewhere);
  stolen.account = chain.account;
  CHECK(verdict(stolen) == Verdict::kBadSignature);
  CHECK(verdict(chain.block(chain.key, kElsewhere, 0, kElsewhere)) == Verdict::kGapPrevious);
  CHECK(verdict(chain.block(chain.key, kZero, 1, kElsewhere)) == Verdict::kFork);
  CHECK(verdict(chain.block(chain.key, first, 1001, kElsewhere)) == Verdict::kGapSource);
  CHECK(verdict(chain.block(chain.key, first, 1001, kZero)) == Verdict::kBalanceMismatch);
  CHECK(verdict(chain.block(chain.key, first, 1001, first)) == Verdict::kUnreceivable);
  CHECK(verdict(chain.block(chain.key, first, 1000, kZero)) == Verdict::kProgress);  // a change
  CHECK(verdict(chain.block(chain.key, first, 999, kElsewhere)) == Verdict::kFork);
  const auto unopened = derive_key(kZero, 9);
  CHECK(verdict(chain.block(unopened, first, 5, kElsewhere)) == Verdict::kGapPrevious);
  CHECK(verdict(chain.block(unopened, kZero, 5, kElsewhere)) == Verdict::kGapSource);
  CHECK(verdict(chain.block(unopened, kZero, 5, kZero)) == Verdict::kGapSource);
}

TEST_CASE("Banano ledger: a receive takes exactly what was sent, once") {
  Chain chain;
  const auto first = chain.open(1000);
  const auto send = chain.from_genesis(50);
  REQUIRE(chain.ledger.process(send, 1) == Verdict::kProgress);
  CHECK(chain.ledger.process(chain.block(chain.key, first, 1049, send.hash()), 1) ==
        Verdict::kBalanceMismatch);
  const auto receive = chain.block(chain.key, first, 1050, send.hash());
  CHECK(chain.ledger.process(receive, 1) == Verdict::kProgress);
  CHECK(chain.ledger.process(chain.block(chain.key, receive.hash(), 1100, send.hash()), 1) ==
        Verdict::kUnreceivable);
}

TEST_CASE("Banano ledger: confirming a block confirms what it rests on") {
  Chain chain;
  const auto first = chain.open(1000);
  const auto second = chain.block(chain.key, first, 900, kElsewhere);
  const auto third = chain.block(chain.key, second.hash(), 800, kElsewhere);
  REQUIRE(chain.ledger.process(second, 1) == Verdict::kProgress);
  REQUIRE(chain.ledger.process(third, 1) == Verdict::kProgress);
  const auto funding = chain.ledger.find(first)->block.link;
  CHECK_FALSE(chain.ledger.find(funding)->confirmed);
  const auto confirmed = chain.ledger.confirm(second.hash());
  CHECK(confirmed == std::vector<Hash>{funding, first, second.hash()});
  CHECK(chain.ledger.account(chain.account)->confirmation_height == 2);
  CHECK_FALSE(chain.ledger.find(third.hash())->confirmed);
  CHECK(chain.ledger.confirm(second.hash()).empty());
  CHECK(chain.ledger.confirmed_count() == 4);
}

TEST_CASE("Banano ledger: what is not confirmed can be rolled back") {
  Chain chain;
  const auto first = chain.open(1000);
  chain.ledger.confirm(first);
  const auto other = derive_key(kZero, 1);
  const auto second = chain.block(chain.key, first, 900, public_key(other));
  const auto third = chain.block(chain.key, second.hash(), 800, kElsewhere);
  const auto received = chain.block(other, kZero, 100, second.hash());
  const auto spent = chain.block(other, received.hash(), 10, kElsewhere);
  for (const auto& block : {second, third, received, spent}) {
    REQUIRE(chain.ledger.process(block, 1) == Verdict::kProgress);
  }
  CHECK_THROWS_AS(chain.ledger.roll_back(first), std::invalid_argument);
  CHECK(chain.ledger.find(third.hash()) != nullptr);
  CHECK(chain.ledger.roll_back(second.hash()).size() == 4);
  CHECK(chain.ledger.balance(chain.account) == 1000);
  CHECK(chain.ledger.account(chain.account)->frontier == first);
  CHECK(chain.ledger.account(chain.account)->block_count == 1);
  CHECK(chain.ledger.find(first)->successor == kZero);
  CHECK(chain.ledger.account(public_key(other)) == nullptr);
  CHECK(chain.ledger.pending(kElsewhere).empty());
  CHECK(chain.ledger.pending(public_key(other)).empty());
  CHECK(chain.ledger.process(second, 2) == Verdict::kProgress);  // the same block may come again
}

TEST_CASE("Banano ledger: a rolled-back receive leaves its money pending") {
  Chain chain;
  const auto first = chain.open(1000);
  const auto funding = chain.ledger.find(first)->block.link;
  chain.ledger.roll_back(first);
  CHECK(chain.ledger.account(chain.account) == nullptr);
  CHECK(chain.ledger.pending_sum(chain.account) == 1000);
  CHECK(chain.ledger.process(chain.block(chain.key, kZero, 1000, funding), 1) == Verdict::kProgress);
}

TEST_CASE("Banano ledger: a copy goes its own way") {
  Chain chain;
  const auto first = chain.open(1000);
  auto copy = chain.ledger;
  REQUIRE(chain.ledger.process(chain.block(chain.key, first, 900, kElsewhere), 1) == Verdict::kProgress);
  CHECK(copy.account(chain.account)->frontier == first);
  CHECK(copy.process(chain.block(chain.key, first, 800, kElsewhere), 1) == Verdict::kProgress);
  copy.confirm(copy.account(chain.account)->frontier);
  CHECK(copy.roll_back(copy.account(chain.account)->frontier, true).size() == 1);
  CHECK(copy.account(chain.account)->confirmation_height == 1);
}

TEST_CASE("Banano ledger: no raw appears or vanishes, whatever comes and goes") {
  Chain chain;
  std::vector<PrivateKey> keys{chain.genesis_key};
  for (std::uint32_t index = 0; index < 4; ++index) keys.push_back(derive_key(kZero, index));
  std::vector<Hash> blocks;
  std::uint64_t state = 20240501;
  const auto draw = [&state](std::size_t below) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state >> 33U) % below);
  };
  std::size_t rolled_back = 0;
  std::size_t received = 0;
  for (int step = 0; step < 1200; ++step) {
    const auto& key = keys[draw(keys.size())];
    const auto account = public_key(key);
    const auto* known = chain.ledger.account(account);
    const auto& waiting = chain.ledger.pending(account);
    const auto head = known == nullptr ? kZero : known->frontier;
    const auto choice = draw(10);
    if (choice < 4 && known != nullptr && known->balance > 0) {
      const auto left = known->balance - 1 - draw(1000) % known->balance;
      const auto block = chain.block(key, head, left, public_key(keys[draw(keys.size())]));
      if (chain.ledger.process(block, step) == Verdict::kProgress) blocks.push_back(block.hash());
    } else if (choice < 8 && !waiting.empty()) {
      const auto& [send, what] = *waiting.begin();
      const auto block = chain.block(key, head, chain.ledger.balance(account) + what.amount, send);
      CHECK(chain.ledger.process(block, step) == Verdict::kProgress);
      blocks.push_back(block.hash());
      ++received;
    } else if (!blocks.empty()) {
      const auto hash = blocks[draw(blocks.size())];
      const auto* stored = chain.ledger.find(hash);
      if (stored == nullptr || stored->confirmed) continue;
      if (draw(3) == 0) {
        chain.ledger.confirm(hash);
      } else {
        rolled_back += chain.ledger.roll_back(hash).size();
      }
    }
    Raw sum = 0;
    for (const auto& one : keys) {
      sum += chain.ledger.balance(public_key(one)) + chain.ledger.pending_sum(public_key(one));
    }
    REQUIRE(sum == ~Raw{0});
  }
  CHECK(rolled_back > 50);
  CHECK(received > 50);
}
