/// Banano: payouts as blocks on the paying account's own chain. What makes this ledger different from a
/// payment service: a signed block is the same payment however often it is published, an account's blocks
/// form a chain, and only confirmation by the network's vote is final.
#include <boost/json.hpp>
#include <payoutd/conceal.hpp>
#include <payoutd/plugin.hpp>
#include <payoutd/url.hpp>

#include "../scope.hpp"
#include "config.hpp"
#include "lane_state.hpp"
#include "node.hpp"
#include "wire.hpp"

namespace banano {
namespace {

namespace json = boost::json;
using payoutd::HttpResponse;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Problem;
using payoutd::Services;
using payoutd::Settings;
using payoutd::Status;
using payoutd::Submission;

constexpr std::string_view kCurrency = "BAN";
/// How many blocks of an account are looked at to find a payment whose hash is not known.
constexpr int kSearchDepth = 64;
/// A maintain that has received for so long leaves the rest to the next one.
constexpr std::chrono::seconds kReceiveBudget{10};

/// "; nothing was sent" ends every message of a payment that stops before its one money-moving request.
[[noreturn]] void stop(const std::string& why) {
  throw BananoFailure(why + "; nothing was sent");
}

std::string shown(const Problem& problem) {
  return problem.field.empty() ? problem.reason : problem.field + " " + problem.reason;
}

std::string in_ban(Raw amount) {
  return amount.rounded_down().to_string() + " BAN";
}

Status cannot_tell(std::string_view code, std::string message) {
  Status status;
  status.code = code;
  status.message = std::move(message);
  return status;
}

Status absent(std::string_view code, std::string message) {
  Status status = cannot_tell(code, std::move(message));
  status.kind = Status::Kind::absent;
  return status;
}

std::string text_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string{};
}

/// One payment, in the ledger's own terms.
struct Payment {
  PublicKey source{};
  PublicKey destination{};
  Raw amount;
};

/// Where the next block of an account goes.
struct Tip {
  StateBlock last;  ///< of the account's state after its newest block; `previous` is that block
  LaneState state;
};

/// What came of one try to receive.
struct Receipt {
  enum class Kind {
    received,
    skipped,    ///< the node took no block, so the next one may stand in its place
    uncertain,  ///< it may have taken one: nothing more is built here before it was looked at again
  };
  Kind kind = Kind::skipped;
  Tip tip;  ///< as it stands now
};

/// What the nodes say of one block.
struct Sighting {
  std::optional<BlockInfo> info;
  std::size_t node = 0;                   ///< that said so
  std::optional<std::size_t> missing_at;  ///< a node that has no such block
  std::string why;                        ///< there is neither
};

class BananoProvider final : public payoutd::Provider {
 public:
  BananoProvider(Services services, const Settings& settings);

  static payoutd::Contract contract(const Settings& settings) { return make_contract(settings); }
  static std::vector<Problem> validate(const Settings& settings, payoutd::Environment environment) {
    return validate_settings(settings, environment);
  }

  std::string account_scope() const override;
  std::vector<std::string> lanes() const override;
  std::optional<Problem> check_destination(const std::string& destination) const override;
  Awaitable<Prepared> prepare(Order order) override;
  Awaitable<Submission> submit(Order order, Prepared prepared) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override;
  Awaitable<payoutd::Balance> balance() override;
  Awaitable<void> maintain(payoutd::Lane& lane) override;
  Awaitable<void> probe() override;
  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override;

 private:
  struct Account {
    std::string address;
    PublicKey key{};
    std::uint32_t index = 0;  ///< under the seed
  };

  const Account& account_of(const std::string& lane) const;
  Payment payment_of(const Order& order) const;
  SignedBlock sign(const StateBlock& block, std::uint64_t work) const;
  std::string without_secrets(std::string text) const;

  Awaitable<std::optional<AccountInfo>> look_at(std::string account, LaneState known);
  Awaitable<AccountInfo> opened_account(std::string account, LaneState known);
  Awaitable<bool> is_settled(AccountInfo info);
  Awaitable<PublicKey> representative_of(AccountInfo info);

  Awaitable<Prepared> prepare_block(Order order, Payment payment);
  Awaitable<Prepared> prepare_send(Order order, Payment payment);

  SignedBlock block_of(const Order& order, const Prepared& prepared) const;
  Awaitable<Submission> submit_block(Order order, Prepared prepared);
  Awaitable<Submission> submit_send(Order order, Prepared prepared, WalletSend send);

  Awaitable<Sighting> look_for(Hash hash);
  Awaitable<Status> query_block(Order order, Prepared prepared);
  Awaitable<Status> query_send(Order order, Prepared prepared, WalletSend send, std::string provider_ref);
  Awaitable<Status> search_send(Order order, Prepared prepared, WalletSend send);
  Awaitable<Status> judge_absence(Order order, StateBlock ours, std::size_t node);
  Awaitable<Status> judge_rival(Order order, StateBlock ours, Hash rival, std::size_t node);
  Awaitable<std::optional<Hash>> successor_of(StateBlock ours, BlockInfo previous, std::size_t node);
  Awaitable<std::optional<Raw>> amount_of(BlockInfo info, std::size_t node);
  Awaitable<Status> found(Order order, BlockInfo info, Hash hash, std::size_t node);
  Awaitable<void> put_to_the_vote(Hash hash, std::size_t node);
  bool is_overdue(const BlockInfo& info) const;

  Awaitable<Tip> receive_all(Tip tip);
  Awaitable<Receipt> receive_one(Tip tip, Receivable funds);
  Awaitable<LaneState> with_work_for(LaneState state, Bytes32 root);

  Services services_;
  Config config_;
  NodeClient node_;
  std::vector<Account> accounts_;
};

BananoProvider::BananoProvider(Services services, const Settings& settings)
    : services_(std::move(services)), config_(settings), node_(services_, config_) {
  if (config_.mode == Mode::node_wallet) {
    for (const std::string& address : config_.wallet_accounts) {
      accounts_.push_back({address, decode_address(address).value(), 0});
    }
    return;
  }
  const auto seed = config_.seeds.empty() ? std::nullopt : Seed::parse(config_.seeds.front().reveal());
  if (!seed) throw BananoFailure("the seed is not 64 hexadecimal digits");
  for (std::uint32_t i = 0; i < config_.account_count; ++i) {
    const std::uint32_t index = config_.first_account_index + i;
    const PublicKey key = seed->key(index).public_key();
    accounts_.push_back({encode_address(key), key, index});
  }
}

/// A block is known to the whole network by its hash, whoever asks; what names our part of it is the network
/// and the first account, which changes with the seed but not when another account is added. A wallet's ids
/// are known to one node and one wallet.
std::string BananoProvider::account_scope() const {
  const std::string first = accounts_.empty() ? "" : accounts_.front().address;
  if (config_.mode == Mode::local_signing) return config_.network + "/" + first;
  return config_.network + "/" + payoutd::installation_of(config_.node_urls.front()) + "/wallet-" +
         fingerprint(config_.wallets.empty() ? "" : config_.wallets.front().reveal()) + "/" + first;
}

std::vector<std::string> BananoProvider::lanes() const {
  std::vector<std::string> names;
  for (const Account& account : accounts_) names.push_back(account.address);
  return names;
}

std::optional<Problem> BananoProvider::check_destination(const std::string& destination) const {
  const auto key = decode_address(destination);
  if (!key) return Problem("destination", key.error().reason);
  if (*key == kZero)
    return Problem("destination", "is the burn account, from which nobody can take anything");
  return std::nullopt;
}

const BananoProvider::Account& BananoProvider::account_of(const std::string& lane) const {
  const auto account = std::ranges::find(accounts_, lane, &Account::address);
  if (account == accounts_.end()) stop("'" + safe_text(lane) + "' is no account of this provider");
  return *account;
}

/// The ledger knows no currencies and no notes: an amount, a payee and the account that pays.
Payment BananoProvider::payment_of(const Order& order) const {
  if (order.money.currency != kCurrency) stop("this provider pays in BAN, not in " + order.money.currency);
  const auto problem = check_destination(order.destination);
  if (problem) stop("the destination " + problem->reason);
  const auto amount = Raw::of(order.money.amount);
  if (!amount || amount->is_zero())
    stop("an amount of " + order.money.amount.to_string() + " cannot be sent");
  const auto source = decode_address(order.lane);
  if (!source) stop("the lane '" + safe_text(order.lane) + "' is no account");
  return {*source, decode_address(order.destination).value(), *amount};
}

/// The private key exists for the length of this call.
SignedBlock BananoProvider::sign(const StateBlock& block, std::uint64_t work) const {
  const auto account = std::ranges::find(accounts_, block.account, &Account::key);
  const auto seed = config_.seeds.empty() ? std::nullopt : Seed::parse(config_.seeds.front().reveal());
  if (account == accounts_.end() || !seed) stop("there is no key for the account");
  const SigningKey key = seed->key(account->index);
  const SignedBlock signed_block{block, key.sign(block.hash()), work};
  // A signature that went wrong would be found by the node only after the block was journaled.
  if (!verify(block.account, block.hash(), signed_block.signature)) stop("the block's signature went wrong");
  return signed_block;
}

/// Should the node ever echo the wallet's id, that stops here.
std::string BananoProvider::without_secrets(std::string text) const {
  return payoutd::conceal(std::move(text), config_.wallets);
}

// ---- the paying account

/// nullopt for an account without blocks. Throws if the node knows less than what was confirmed before.
Awaitable<std::optional<AccountInfo>> BananoProvider::look_at(std::string account, LaneState known) {
  const Answer answer = co_await node_.ask(account_info_request(account));
  if (answer.is_error("Account not found")) {
    if (known.height > 0) {
      stop("the node lags behind: it does not know the account, of which " + std::to_string(known.height) +
           " blocks were confirmed");
    }
    co_return std::nullopt;
  }
  const auto info = decode_account_info(answer);
  if (!info) stop("the node's answer about the account cannot be used: " + shown(info.error()));
  if (const auto objection = known.objection_to(*info)) stop(*objection);
  co_return *info;
}

Awaitable<AccountInfo> BananoProvider::opened_account(std::string account, LaneState known) {
  const auto info = co_await look_at(account, std::move(known));
  if (!info) stop("the account " + account + " has no blocks yet: send it funds, which it will receive");
  co_return *info;
}

/// account_info says so where it can; block_info is the authority.
Awaitable<bool> BananoProvider::is_settled(AccountInfo info) {
  if (info.settled == true) co_return true;
  const Answer answer = co_await node_.ask(block_info_request(info.frontier));
  const auto frontier = decode_block_info(answer, info.frontier);
  co_return frontier && frontier->confirmed;
}

Awaitable<PublicKey> BananoProvider::representative_of(AccountInfo info) {
  if (config_.representative) co_return *config_.representative;
  if (info.representative) co_return *info.representative;
  const Answer answer = co_await node_.ask(block_info_request(info.frontier));
  const auto frontier = decode_block_info(answer, info.frontier);
  if (!frontier || !frontier->contents) stop("the node does not say who represents the account");
  co_return frontier->contents->representative;
}

// ---- prepare

Awaitable<Prepared> BananoProvider::prepare(Order order) {
  const Payment payment = payment_of(order);
  account_of(order.lane);  // one that was left out of the settings takes no new payments
  if (config_.mode == Mode::node_wallet) co_return co_await prepare_send(std::move(order), payment);
  co_return co_await prepare_block(std::move(order), payment);
}

Raw what_is_left(const AccountInfo& info, const Payment& payment, const std::string& account) {
  const auto left = info.balance.minus(payment.amount);
  if (!left) {
    stop("the account " + account + " holds " + in_ban(info.balance) + ", but " + in_ban(payment.amount) +
         " are to be paid");
  }
  return *left;
}

/// The block stands on a confirmed one only: then nothing below it can be taken away, and what becomes of it
/// is decided in one place, by which block the network confirms behind `previous`.
Awaitable<Prepared> BananoProvider::prepare_block(Order order, Payment payment) {
  LaneState state = LaneState::read(order.lane_state, config_.network);
  const AccountInfo info = co_await opened_account(order.lane, state);
  const Raw left = what_is_left(info, payment, order.lane);
  const bool settled = co_await is_settled(info);
  if (!settled) {
    co_await put_to_the_vote(info.frontier, 0);
    stop("the newest block of " + order.lane + " is not confirmed yet");
  }
  state.confirm(info.height, info.frontier);
  const PublicKey representative = co_await representative_of(info);
  const StateBlock block{payment.source, info.frontier, representative, left, payment.destination};
  state = co_await with_work_for(std::move(state), block.root());

  Prepared prepared;
  prepared.artefact = encode_block(sign(block, state.ready->work));
  prepared.lookup = {{"hash", to_hex(block.hash())},
                     {"previous", to_hex(block.previous)},
                     {"account", order.lane},
                     {"amount", payment.amount.to_string()},
                     {"height", std::to_string(info.height + 1)}};
  // Nothing of this block: it may never be sent, and what is recorded is a lower bound.
  prepared.lane_state = state.write(config_.network);
  co_return prepared;
}

/// The node builds the block when it is told to send; until then there is only what it will be told.
Awaitable<Prepared> BananoProvider::prepare_send(Order order, Payment payment) {
  LaneState state = LaneState::read(order.lane_state, config_.network);
  const AccountInfo info = co_await opened_account(order.lane, state);
  what_is_left(info, payment, order.lane);
  if (info.settled == true) state.confirm(info.height, info.frontier);
  Prepared prepared;
  prepared.artefact = encode_wallet_send({order.lane, order.destination, payment.amount, order.reference});
  prepared.lookup = {{"id", order.reference},
                     {"previous", to_hex(info.frontier)},
                     {"account", order.lane},
                     {"amount", payment.amount.to_string()}};
  prepared.lane_state = state.write(config_.network);
  co_return prepared;
}

/// The same state with work for this root in it, from what was prepared ahead or newly generated.
Awaitable<LaneState> BananoProvider::with_work_for(LaneState state, Bytes32 root) {
  if (state.work_for(root, config_.work_threshold)) co_return state;
  const std::uint64_t work = co_await node_.generate_work(root);
  state.ready = LaneState::Work{root, work};
  co_return state;
}

// ---- submit

/// The artefact is what the journal holds; its mode is its own, whatever the settings say today.
Awaitable<Submission> BananoProvider::submit(Order order, Prepared prepared) {
  if (prepared.format != 1) stop("artefact format " + std::to_string(prepared.format) + " is unknown");
  if (auto send = decode_wallet_send(prepared.artefact)) {
    co_return co_await submit_send(std::move(order), std::move(prepared), *std::move(send));
  }
  co_return co_await submit_block(std::move(order), std::move(prepared));
}

/// The block of the artefact, which must be the one that was looked up to be journaled.
SignedBlock BananoProvider::block_of(const Order& order, const Prepared& prepared) const {
  const auto signed_block = decode_block(prepared.artefact);
  if (!signed_block) stop("the artefact cannot be read: " + shown(signed_block.error()));
  const std::string hash = text_at(prepared.lookup, "hash");
  const bool is_same = hash.empty() || hash == to_hex(signed_block->block.hash());
  const bool pays_the_payee = order.destination == encode_address(signed_block->block.link);
  if (!is_same || !pays_the_payee) stop("the artefact is not that of this order");
  return *signed_block;
}

Awaitable<Submission> BananoProvider::submit_block(Order order, Prepared prepared) {
  SignedBlock signed_block = block_of(order, prepared);
  const StateBlock& block = signed_block.block;
  const Hash hash = block.hash();
  const Payment payment = payment_of(order);
  const bool is_whole = text_at(prepared.lookup, "amount") == payment.amount.to_string() &&
                        block.account == payment.source &&
                        verify(block.account, hash, signed_block.signature);
  if (!is_whole) stop("the artefact is not that of this order");
  std::string artefact = prepared.artefact;
  // The work is no part of what was signed. Where the network wants more of it than when the block was made,
  // the same block goes out with more: no other payment, and none that is stuck for ever.
  if (difficulty_of(signed_block.work, block.root()) < config_.work_threshold) {
    signed_block.work = co_await node_.generate_work(block.root());
    artefact = encode_block(signed_block);
  }
  const HttpResponse answer = co_await node_.publish(process_request(artefact, "send"));
  co_return decode_process(answer.status, answer.body, hash);
}

Awaitable<Submission> BananoProvider::submit_send(Order order, Prepared prepared, WalletSend send) {
  const Payment payment = payment_of(order);
  const bool is_whole = send.source == order.lane && send.destination == order.destination &&
                        send.amount == payment.amount && send.id == order.reference &&
                        text_at(prepared.lookup, "id") == send.id;
  if (!is_whole) stop("the artefact is not that of this order");
  if (config_.wallets.empty())
    stop("the payment was prepared for the node's wallet, which is not configured");
  const HttpResponse answer =
      co_await node_.send_from_wallet(send_request(send, config_.wallets.front().reveal()));
  Submission submission = decode_send(answer.status, answer.body);
  submission.code = without_secrets(std::move(submission.code));
  submission.message = without_secrets(std::move(submission.message));
  co_return submission;
}

// ---- query

Awaitable<Status> BananoProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  if (auto send = decode_wallet_send(prepared.artefact)) {
    co_return co_await query_send(std::move(order), std::move(prepared), *std::move(send),
                                  std::move(provider_ref));
  }
  co_return co_await query_block(std::move(order), std::move(prepared));
}

/// Asks every node until one has the block confirmed: a node that lags behind does not hide what another
/// knows.
Awaitable<Sighting> BananoProvider::look_for(Hash hash) {
  Sighting sighting;
  for (std::size_t node = 0; node < node_.node_count(); ++node) {
    const Answer answer = co_await node_.ask_at(node, block_info_request(hash));
    if (answer.is_error("Block not found")) {
      if (!sighting.missing_at) sighting.missing_at = node;
      continue;
    }
    auto info = decode_block_info(answer, hash);
    if (info && !info->contents) info = Problem("contents", "are not those of a state block");
    if (!info) {
      sighting.why = shown(info.error());
      continue;
    }
    const bool confirmed = info->confirmed;
    if (!sighting.info || confirmed) {
      sighting.info = *std::move(info);
      sighting.node = node;
    }
    if (confirmed) break;
  }
  co_return sighting;
}

Awaitable<Status> BananoProvider::query_block(Order order, Prepared prepared) {
  const SignedBlock signed_block = block_of(order, prepared);
  const Hash hash = signed_block.block.hash();
  Sighting sighting = co_await look_for(hash);
  if (sighting.info) {
    // The node's block has the hash of what was journaled under this reference, so it is that payment.
    Status status = co_await found(order, *sighting.info, hash, sighting.node);
    if (status.kind != Status::Kind::cannot_tell && !status.found.reference) {
      status.found.reference = order.reference;
    }
    co_return status;
  }
  if (!sighting.missing_at) co_return cannot_tell(kUnreachable, sighting.why);
  co_return co_await judge_absence(std::move(order), signed_block.block, *sighting.missing_at);
}

/// The block itself is in the ledger; what it paid is read from the ledger, not from what was meant.
Awaitable<Status> BananoProvider::found(Order order, BlockInfo info, Hash hash, std::size_t node) {
  const auto amount = co_await amount_of(info, node);
  if (!amount) co_return cannot_tell(kUnreadable, "the node does not say how much the block sends");
  Status status;
  status.kind = info.confirmed ? Status::Kind::confirmed : Status::Kind::pending;
  status.provider_ref = to_hex(hash);
  status.found.currency = kCurrency;
  status.found.destination = encode_address(info.contents->link);
  status.found.amount = amount->rounded_down();
  // What no payout can be, in amount or in source, is shown as another reference, so that it never matches.
  if (!amount->exactly()) {
    status.found.reference = "amount=" + amount->to_string() + "raw";
  } else if (!order.lane.empty() && encode_address(info.account) != order.lane) {
    status.found.reference = "account=" + encode_address(info.account);
  }
  if (!info.confirmed) {
    status.code = kUnconfirmed;
    status.message = "the block is in the ledger, but the network has not confirmed it yet";
    if (is_overdue(info)) co_await put_to_the_vote(hash, node);
  } else if (info.height) {
    LaneState state = LaneState::read(order.lane_state, config_.network);
    state.confirm(*info.height, hash);
    status.lane_state = state.write(config_.network);
  }
  co_return status;
}

/// The node's `amount`, or the difference to the block before where it leaves that out.
Awaitable<std::optional<Raw>> BananoProvider::amount_of(BlockInfo info, std::size_t node) {
  if (info.amount) co_return info.amount;
  const Hash previous_hash = info.contents->previous;
  const Answer answer = co_await node_.ask_at(node, block_info_request(previous_hash));
  const auto previous = decode_block_info(answer, previous_hash);
  if (!previous) co_return std::nullopt;
  if (previous->contents) co_return previous->contents->balance.minus(info.contents->balance);
  if (!previous->balance) co_return std::nullopt;
  co_return previous->balance->minus(info.contents->balance);
}

/// The network's vote may have been missed by too many; asking again costs nothing. Its answer says nothing.
Awaitable<void> BananoProvider::put_to_the_vote(Hash hash, std::size_t node) {
  static_cast<void>(co_await node_.ask_at(node, block_confirm_request(hash)));
}

bool BananoProvider::is_overdue(const BlockInfo& info) const {
  const auto seen = std::chrono::seconds(
      static_cast<std::int64_t>(std::min<std::uint64_t>(info.local_timestamp_s.value_or(0), 1ULL << 40)));
  return services_.clock->wall().time_since_epoch() - seen >= config_.confirm_after;
}

/// A node that answers does not have the block. Only a confirmed block of another kind in its place proves
/// that it can never come; where its place is free it may be published again; where an unconfirmed block
/// stands in it, either of the two may win.
Awaitable<Status> BananoProvider::judge_absence(Order order, StateBlock ours, std::size_t node) {
  const Answer answer = co_await node_.ask_at(node, block_info_request(ours.previous));
  if (answer.is_error("Block not found")) {
    co_return absent(kNotFound, "the node knows neither the block nor the one before it: it lags behind");
  }
  const auto previous = decode_block_info(answer, ours.previous);
  if (!previous) co_return cannot_tell(kUnreadable, shown(previous.error()));
  const auto successor = co_await successor_of(ours, *previous, node);
  if (!successor)
    co_return cannot_tell(kUnreadable, "the node does not say what follows the block before ours");
  if (*successor == kZero)
    co_return absent(kNotFound, "the node does not have the block, and its place is free");
  if (*successor == ours.hash())
    co_return cannot_tell(kUnconfirmed, "the block arrived while it was asked for");
  co_return co_await judge_rival(std::move(order), ours, *successor, node);
}

/// `successor` came late to block_info; before, the account's frontier says whether anything follows at all,
/// and `successors` what.
Awaitable<std::optional<Hash>> BananoProvider::successor_of(StateBlock ours, BlockInfo previous,
                                                            std::size_t node) {
  if (previous.successor) co_return previous.successor;
  const Answer account = co_await node_.ask_at(node, account_info_request(encode_address(ours.account)));
  const auto info = decode_account_info(account);
  if (info && info->frontier == ours.previous) co_return kZero;
  const Answer answer = co_await node_.ask_at(node, successors_request(ours.previous));
  const auto successor = decode_successor(answer, ours.previous);
  if (!successor || *successor == kZero) co_return std::nullopt;  // it contradicts the frontier
  co_return *successor;
}

Awaitable<Status> BananoProvider::judge_rival(Order order, StateBlock ours, Hash rival_hash,
                                              std::size_t node) {
  const Answer answer = co_await node_.ask_at(node, block_info_request(rival_hash));
  const auto rival = decode_block_info(answer, rival_hash);
  // Its own contents, which hash to its name, say that it stands in our place.
  if (!rival || !rival->contents || rival->contents->account != ours.account ||
      rival->contents->previous != ours.previous) {
    co_return cannot_tell(kUnreadable, "what stands in the block's place cannot be read");
  }
  if (!rival->confirmed) {
    co_await put_to_the_vote(rival_hash, node);
    co_return cannot_tell(
        kForkOpen, "another block of the account stands in its place, unconfirmed: " + to_hex(rival_hash));
  }
  Status status;
  status.kind = Status::Kind::refused_for_now;
  status.code = kForkLost;
  status.message = "the network confirmed another block of the account in its place, " + to_hex(rival_hash) +
                   ": this one can never be confirmed";
  if (rival->height) {
    LaneState state = LaneState::read(order.lane_state, config_.network);
    state.confirm(*rival->height, rival_hash);
    status.lane_state = state.write(config_.network);
  }
  co_return status;
}

/// The hash that the node gave for the id, if it arrived; else, or if the node lost that block, what the
/// ledger holds.
Awaitable<Status> BananoProvider::query_send(Order order, Prepared prepared, WalletSend send,
                                             std::string provider_ref) {
  if (const auto hash = parse_bytes32(provider_ref)) {
    const Sighting sighting = co_await look_for(*hash);
    if (sighting.info) co_return co_await found(std::move(order), *sighting.info, *hash, sighting.node);
    if (!sighting.missing_at) co_return cannot_tell(kUnreachable, sighting.why);
  }
  co_return co_await search_send(std::move(order), std::move(prepared), std::move(send));
}

/// The node cannot be asked by id, and telling it to send again is not a question. But while the payment
/// holds its lane nothing else is sent from the account: what stands above the block that was the newest when
/// it was prepared is this payment or none.
Awaitable<Status> BananoProvider::search_send(Order order, Prepared prepared, WalletSend send) {
  const auto bottom = parse_bytes32(text_at(prepared.lookup, "previous"));
  const auto destination = decode_address(send.destination);
  const Answer account = co_await node_.ask_at(0, account_info_request(send.source));
  const auto tip = decode_account_info(account);
  if (!tip) co_return cannot_tell(kUnreachable, shown(tip.error()));
  if (!bottom || !destination) co_return cannot_tell(kHashUnknown, "there is nothing to search by");
  std::optional<BlockInfo> match;
  Hash match_hash{};
  Hash hash = tip->frontier;
  for (int depth = 0; hash != *bottom; ++depth) {
    if (depth == kSearchDepth) co_return cannot_tell(kHashUnknown, "the account has moved on too far");
    const Answer answer = co_await node_.ask_at(0, block_info_request(hash));
    const auto info = decode_block_info(answer, hash);
    if (!info || !info->contents) {
      co_return cannot_tell(kUnreadable, "the account's blocks cannot be read back to where it was prepared");
    }
    if (info->contents->link == *destination) {
      // One that pays the same payee, but another amount, is no proof of anything.
      const auto amount = co_await amount_of(*info, 0);
      if (amount != send.amount)
        co_return cannot_tell(kHashUnknown, "the payee got another amount meanwhile");
      if (match) co_return cannot_tell(kHashUnknown, "several blocks of the account could be this payment");
      match = *info;
      match_hash = hash;
    }
    hash = info->contents->previous;
  }
  if (match) co_return co_await found(std::move(order), *match, match_hash, 0);
  co_return absent(kNotFound, "the account has sent nothing of the kind since the payment was prepared");
}

// ---- upkeep of an account

Awaitable<void> BananoProvider::maintain(payoutd::Lane& lane) {
  const Account& account = account_of(lane.name);
  Tip tip{.last = {}, .state = LaneState::read(lane.state, config_.network)};
  const auto info = co_await look_at(account.address, tip.state);
  tip.last.account = account.key;
  tip.last.representative = config_.representative.value_or(account.key);
  if (info) {
    const bool settled = co_await is_settled(*info);
    if (!settled) {  // nothing is built on it; the next maintain looks again
      co_await put_to_the_vote(info->frontier, 0);
      co_return;
    }
    tip.state.confirm(info->height, info->frontier);
    tip.last.previous = info->frontier;
    tip.last.balance = info->balance;
  }
  if (config_.mode == Mode::local_signing) {
    if (info) tip.last.representative = co_await representative_of(*info);
    if (config_.receive) tip = co_await receive_all(std::move(tip));
    if (config_.work_ahead) tip.state = co_await with_work_for(tip.state, tip.last.root());
  }
  lane.state = tip.state.write(config_.network);
}

/// Receive blocks are chained onto the confirmed frontier, one behind the other; the state keeps the
/// confirmed one until a later look finds them confirmed. A crash in between leaves blocks in the ledger that
/// the next look sees, or none.
Awaitable<Tip> BananoProvider::receive_all(Tip tip) {
  const auto funds = co_await node_.receivable(encode_address(tip.last.account));
  const auto begin = services_.clock->now();
  int received = 0;
  for (const Receivable& one : funds) {
    if (received == config_.receive_limit || services_.clock->now() - begin >= kReceiveBudget) break;
    Receipt receipt = co_await receive_one(std::move(tip), one);
    tip = std::move(receipt.tip);
    if (receipt.kind == Receipt::Kind::uncertain) break;
    if (receipt.kind == Receipt::Kind::received) ++received;
  }
  co_return tip;
}

/// The node says of these funds that they are not there to be received, or are another amount. Every other
/// error may be about the account (`Fork`), about all blocks, or about one that was taken already.
bool cannot_be_received(const Answer& answer) {
  return answer.kind == Answer::Kind::error && (answer.message.starts_with("Unreceivable") ||
                                                answer.message.starts_with("Balance and amount delta"));
}

Awaitable<Receipt> BananoProvider::receive_one(Tip tip, Receivable funds) {
  if (!funds.amount) {
    const Answer answer = co_await node_.ask(block_info_request(funds.source));
    const auto source = decode_block_info(answer, funds.source);
    if (source) funds.amount = source->amount;
  }
  const auto balance = funds.amount ? tip.last.balance.plus(*funds.amount) : std::nullopt;
  if (!balance) co_return Receipt{Receipt::Kind::skipped, std::move(tip)};
  StateBlock block = tip.last;
  block.balance = *balance;
  block.link = funds.source;
  tip.state = co_await with_work_for(tip.state, block.root());
  const std::string artefact = encode_block(sign(block, tip.state.ready->work));
  const Answer answer =
      co_await node_.ask(process_request(artefact, block.previous == kZero ? "open" : "receive"));
  const Hash hash = block.hash();
  const auto processed = decode_processed(answer);
  if (!processed || *processed != hash) {
    services_.log->warning("banano.receive_failed", "the node did not take a receive block",
                           {{"account", encode_address(block.account)},
                            {"reason", processed ? "it named another block" : shown(processed.error())}});
    co_return Receipt{cannot_be_received(answer) ? Receipt::Kind::skipped : Receipt::Kind::uncertain,
                      std::move(tip)};
  }
  services_.log->info("banano.received", "funds were received into a paying account",
                      {{"account", encode_address(block.account)},
                       {"amount", funds.amount->rounded_down().to_string()},
                       {"hash", to_hex(hash)}});
  tip.last.previous = hash;
  tip.last.balance = *balance;
  co_return Receipt{Receipt::Kind::received, std::move(tip)};
}

// ---- the provider as a whole

Awaitable<payoutd::Balance> BananoProvider::balance() {
  Raw sum;
  for (const Account& account : accounts_) {
    const Answer answer = co_await node_.ask(account_balance_request(account.address));
    if (answer.is_error("Account not found")) continue;
    const auto one = decode_account_balance(answer);
    if (!one) {
      throw BananoFailure("the balance of " + account.address + " cannot be read: " + shown(one.error()));
    }
    // More than 2^128 - 1 raw do not exist; a node that says otherwise counts as all there is.
    sum = sum.plus(*one).value_or(Raw(~Uint128{0}));
  }
  co_return payoutd::Balance{sum.rounded_down(), std::string(kCurrency)};
}

/// The node answers, is on the right network, and its wallet, if it pays, is open.
Awaitable<void> BananoProvider::probe() {
  const Answer answer = co_await node_.ask(version_request());
  const auto version = decode_version(answer);
  if (!version) throw BananoFailure("the node does not say what it is: " + shown(version.error()));
  const bool node_is_live = version->network == "live";
  if (!version->network.empty() && node_is_live != (config_.network == "live")) {
    throw BananoFailure("the node is on the network '" + version->network + "', but the settings say " +
                        config_.network);
  }
  static_cast<void>(co_await balance());
  if (config_.mode != Mode::node_wallet) co_return;
  const Answer wallet = co_await node_.ask_at(0, wallet_locked_request(config_.wallets.front().reveal()));
  if (wallet.kind == Answer::Kind::error && !wallet.is_error("Unknown command")) {
    throw BananoFailure("the node's wallet cannot be used: " + without_secrets(wallet.message));
  }
  if (decode_wallet_locked(wallet) == true) throw BananoFailure("the node's wallet is locked");
}

/// The node's callback is unauthenticated, tells of every block of the network, and may be lost: it names a
/// block of ours, and the query that follows decides.
payoutd::WebhookReading BananoProvider::read_webhook(const payoutd::Webhook& webhook) {
  payoutd::WebhookReading reading;
  if (webhook.method != "POST") {
    reading.reason = "a Banano node calls back with POST";
    return reading;
  }
  const auto callback = decode_callback(webhook.body);
  if (!callback && webhook.reference.empty()) {
    reading.reason = "the body " + shown(callback.error()) + " and the URL names no payment";
    return reading;
  }
  const bool is_ours =
      callback && std::ranges::find(accounts_, callback->account, &Account::address) != accounts_.end();
  if (!is_ours && webhook.reference.empty()) {
    reading.reason = "the block is of an account that is none of ours";
    return reading;
  }
  reading.kind = payoutd::WebhookReading::Kind::hint;
  reading.reference = webhook.reference;
  if (is_ours) reading.provider_ref = to_hex(callback->hash);
  return reading;
}

}  // namespace
}  // namespace banano

PAYOUTD_PLUGIN(banano::BananoProvider, banano::settings_schema)
