#include "banano.hpp"

#include <array>
#include <boost/property_tree/json_parser.hpp>
#include <charconv>
#include <cstdio>
#include <limits>
#include <sstream>
#include <stdexcept>

namespace simulator {
namespace {

using banano::ban_text;
using banano::Hash;
using banano::kOurScope;
using banano::PublicKey;
using banano::Raw;
using banano::raw_text;
using banano::StateBlock;
using banano::StoredBlock;
using banano::Subtype;
using banano::to_address;
using banano::to_hex;
using banano::Verdict;
using banano::work_text;
using Tree = boost::property_tree::ptree;

constexpr std::string_view kWalletScope =
    "banano:wallet";  // sends are counted under their id until there is a block
constexpr const char* kUnparsable = "Unable to parse JSON";

/// What the node answers as {"error": …}; HTTP 200 all the same.
class RpcError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

Answer reply(const Tree& tree) {
  std::ostringstream body;
  boost::property_tree::write_json(body, tree);
  return json_answer(200, body.str());
}

Answer failure(unsigned status, const std::string& message) {
  Tree tree;
  tree.put("error", message);
  auto answer = reply(tree);
  answer.status = status;
  return answer;
}

std::optional<Tree> parse_tree(std::string_view text) {
  std::istringstream stream{std::string{text}};
  Tree tree;
  try {
    boost::property_tree::read_json(stream, tree);
  } catch (const boost::property_tree::json_parser_error&) {
    return std::nullopt;
  }
  return tree;
}

/// A missing field throws: to the node that is JSON which it cannot parse.
std::string required(const Tree& request, const char* field) {
  return request.get<std::string>(field);
}

PublicKey account_in(const Tree& request, const char* field, const char* error) {
  const auto account = banano::parse_address(required(request, field));
  if (!account) throw RpcError(error);
  return *account;
}

PublicKey account_in(const Tree& request) {
  return account_in(request, "account", "Bad account number");
}

Hash hash_in(const Tree& request, const char* field = "hash") {
  const auto hash = banano::parse_hex<32>(required(request, field));
  if (!hash) throw RpcError("Invalid block hash");
  return *hash;
}

std::uint64_t count_in(const Tree& request) {
  const auto text = request.get_optional<std::string>("count");
  if (!text) return std::numeric_limits<std::uint64_t>::max();
  std::uint64_t count = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), count);
  if (error != std::errc{} || end != text->data() + text->size()) throw RpcError("Invalid count");
  return count;
}

Raw threshold_in(const Tree& request) {
  const auto text = request.get_optional<std::string>("threshold");
  if (!text) return 0;
  const auto threshold = banano::parse_raw(*text);
  if (!threshold) throw RpcError("Bad threshold number");
  return *threshold;
}

/// The block of a `process`: an object, or the text of one. None when there is no good state block.
std::optional<StateBlock> block_in(const Tree& request) {
  if (request.get<bool>("json_block", false)) return banano::read_block(request.get_child("block"));
  const auto tree = parse_tree(required(request, "block"));
  return tree ? banano::read_block(*tree) : std::nullopt;
}

const char* error_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kOld:
      return "Old block";
    case Verdict::kBadSignature:
      return "Bad signature";
    case Verdict::kFork:
      return "Fork";
    case Verdict::kGapPrevious:
      return "Gap previous block";
    case Verdict::kGapSource:
      return "Gap source block";
    case Verdict::kUnreceivable:
      return "Unreceivable";
    case Verdict::kBalanceMismatch:
      return "Balance and amount delta do not match";
    case Verdict::kBurnAccount:
    case Verdict::kProgress:
      break;
  }
  return "Error processing block";
}

/// How many times harder than the base; the node prints it with 15 digits.
std::string multiplier_text(std::uint64_t difficulty, std::uint64_t base) {
  constexpr double kAll = 18446744073709551616.0;
  const auto rest = kAll - static_cast<double>(difficulty);
  const auto multiplier = (kAll - static_cast<double>(base)) / (rest < 1.0 ? 1.0 : rest);
  std::array<char, 48> text{};
  const int length = std::snprintf(text.data(), text.size(), "%.15f", multiplier);
  return {text.data(), static_cast<std::size_t>(length)};
}

std::uint64_t difficulty_in(const Tree& request, std::uint64_t threshold) {
  const auto text = request.get_optional<std::string>("difficulty");
  if (!text) return threshold;
  const auto difficulty = banano::parse_work(*text);
  if (!difficulty) throw RpcError("Bad difficulty");
  return *difficulty;
}

/// The node makes work up to 64 times as hard as its network wants it.
std::uint64_t hardest(std::uint64_t threshold) {
  constexpr std::uint64_t kMultiplier = 64;
  if (threshold == 0) return std::numeric_limits<std::uint64_t>::max();
  return std::uint64_t{0} - (std::uint64_t{0} - threshold) / kMultiplier;
}

Tree list_entry(const std::string& text) {
  Tree entry;
  entry.put("", text);
  return entry;
}

const StoredBlock* confirmed_frontier(const banano::ChainLedger& ledger, const banano::Account& account) {
  const auto* block = ledger.find(account.frontier);
  while (block != nullptr && !block->confirmed) block = ledger.find(block->block.previous);
  return block;
}

Tree genesis_contents(const StoredBlock& stored) {
  Tree tree;
  tree.put("type", "open");
  tree.put("source", to_hex(stored.block.link));
  tree.put("representative", to_address(stored.block.representative));
  tree.put("account", to_address(stored.block.account));
  tree.put("work", work_text(stored.block.work));
  tree.put("signature", to_hex(stored.block.signature));
  return tree;
}

Tree contents_of(const StoredBlock& stored) {
  return stored.genesis ? genesis_contents(stored) : banano::write_block(stored.block);
}

std::string text_of(const Tree& tree) {
  std::ostringstream text;
  boost::property_tree::write_json(text, tree);
  return text.str();
}

}  // namespace

Banano::Banano(World& world, const BananoOptions& options)
    : Protocol(world), node_(world, options, [this](const StoredBlock& stored) { announce(stored); }) {}

// ---- requests

/// `process` is a block that sends, `process_other` one that opens, receives or changes: a fault for the
/// first never meets the second.
std::vector<std::string_view> Banano::operations() const {
  return {"process",         "process_other", "send",    "block_info",    "account_info",
          "account_balance", "work_generate", "pending", "block_confirm", "version"};
}

const std::vector<Banano::Known>& Banano::known_actions() {
  static const std::vector<Known> kActions{
      {"version", "version", &Banano::version, false},
      {"block_count", "other", &Banano::block_count, false},
      {"account_balance", "account_balance", &Banano::account_balance, false},
      {"accounts_balances", "account_balance", &Banano::accounts_balances, false},
      {"accounts_frontiers", "account_info", &Banano::accounts_frontiers, false},
      {"account_info", "account_info", &Banano::account_info, false},
      {"account_representative", "other", &Banano::account_representative, false},
      {"validate_account_number", "other", &Banano::validate_account_number, false},
      {"block_info", "block_info", &Banano::block_info, false},
      {"block", "block_info", &Banano::block_info, false},
      {"blocks_info", "block_info", &Banano::blocks_info, false},
      {"chain", "other", &Banano::chain, false},
      {"successors", "other", &Banano::successors, false},
      {"pending", "pending", &Banano::pending, false},
      {"pending_exists", "pending", &Banano::pending_exists, false},
      {"receivable", "pending", &Banano::pending, false, 23},
      {"receivable_exists", "pending", &Banano::pending_exists, false, 23},
      {"process", "process", &Banano::process_block, false},
      {"block_confirm", "block_confirm", &Banano::block_confirm, false},
      {"confirmation_active", "other", &Banano::confirmation_active, false},
      {"confirmation_info", "other", &Banano::confirmation_info, false},
      {"work_generate", "work_generate", &Banano::work_generate, true},
      {"work_validate", "other", &Banano::work_validate, false},
      {"send", "send", &Banano::send, true},
      {"receive", "other", &Banano::receive, true},
      {"account_list", "other", &Banano::account_list, false},
      {"wallet_locked", "other", &Banano::wallet_locked, false},
  };
  return kActions;
}

const Banano::Known* Banano::find_action(std::string_view action) const {
  for (const auto& known : known_actions()) {
    if (known.name == action && known.since <= node_.options.version) return &known;
  }
  return nullptr;
}

Call Banano::read(const Request& request) {
  Call call;
  request_.clear();
  auto tree = parse_tree(request.body);
  readable_ = tree.has_value();
  if (!tree) return call;
  request_ = std::move(*tree);
  const auto* known = find_action(request_.get<std::string>("action", {}));
  if (known == nullptr) return call;
  call.operation = known->operation;
  if (call.operation == "process") read_process(call);
  if (call.operation == "send") read_send(call);
  if (call.operation == "block_info") read_block_info(call);
  if (call.operation == "account_info" || call.operation == "account_balance" ||
      call.operation == "pending") {
    call.reference = request_.get<std::string>("account", {});
  }
  return call;
}

void Banano::read_process(Call& call) const {
  std::optional<StateBlock> block;
  try {
    block = block_in(request_);
  } catch (const boost::property_tree::ptree_error&) {
    return;  // the node will say so
  }
  if (!block) return;
  const auto subtype = request_.get<std::string>("subtype", {});
  const auto* below = node_.view().find(block->previous);
  call.moves_money = below != nullptr
                         ? block->balance < below->block.balance
                         : block->previous != banano::kZero && (subtype.empty() || subtype == "send");
  call.scope = kOurScope;
  call.reference = to_hex(block->hash());
  if (call.moves_money) {
    call.payee = to_address(block->link);
  } else {
    call.operation = "process_other";
  }
}

void Banano::read_send(Call& call) const {
  call.moves_money = true;
  call.payee = request_.get<std::string>("destination", {});
  call.external_id = request_.get<std::string>("id", {});
  if (call.external_id.empty()) return;
  call.scope = kWalletScope;
  call.reference = call.external_id;
}

void Banano::read_block_info(Call& call) const {
  const auto hash = banano::parse_hex<32>(request_.get<std::string>("hash", {}));
  if (!hash) return;
  call.reference = to_hex(*hash);
  const auto* payment = world_.ledger.find(kOurScope, call.reference);
  if (payment == nullptr) return;
  call.known_reference = true;
  call.payee = payment->payee;
  call.external_id = payment->external_id;
}

Answer Banano::process(const Request& request, Call& call) {
  if (request.method != "POST") return failure(200, "Can only POST requests");
  try {
    if (!readable_) throw RpcError(kUnparsable);
    const auto* known = find_action(required(request_, "action"));
    if (known == nullptr) throw RpcError("Unknown command");
    if (known->controlled && !node_.options.control) throw RpcError("RPC control is disabled");
    return reply(perform(*known, request_, call));
  } catch (const RpcError& error) {
    if (call.moves_money) ++world_.stats.transfers_refused;
    return failure(200, error.what());
  } catch (const boost::property_tree::ptree_error&) {
    return failure(200, kUnparsable);
  }
}

Tree Banano::perform(const Known& known, const Tree& request, const Call& call) {
  if (call.hidden_for) {
    world_.schedule.after(*call.hidden_for, [this, known, request, late = call]() mutable {
      late.hidden_for.reset();
      try {
        perform(known, request, late);
      } catch (const std::runtime_error&) {
        return;  // nobody is there to hear why not
      }
    });
    return {};
  }
  std::uint32_t times = 1;
  if (call.moves_money && !call.scope.empty()) {
    times = world_.ledger.note_request(call.scope, call.reference);
  }
  auto answer = (this->*known.action)(request);
  if (call.operation == "send") {
    auto* payment = world_.ledger.find(kOurScope, answer.get<std::string>("block"));
    if (payment != nullptr) payment->times_requested = times;
    if (times > 1) ++world_.stats.transfers_duplicated;
  }
  return answer;
}

// ---- the node and its accounts

Tree Banano::version(const Tree&) {
  Tree answer;
  answer.put("rpc_version", "1");
  answer.put("store_version", newer() ? "21" : "15");
  answer.put("protocol_version", newer() ? "18" : "17");
  answer.put("node_vendor", "Banano " + std::to_string(node_.options.version) + ".0");
  answer.put("store_vendor", "LMDB 0.9.70");
  answer.put("network", "test");
  answer.put("network_identifier", to_hex(node_.network().genesis()));
  answer.put("build_info", "simulator");
  return answer;
}

Tree Banano::block_count(const Tree&) {
  Tree answer;
  answer.put("count", std::to_string(node_.view().block_count()));
  answer.put("unchecked", "0");
  answer.put("cemented", std::to_string(node_.view().confirmed_count()));
  return answer;
}

Raw Banano::confirmed_pending(const PublicKey& account) const {
  Raw sum = 0;
  for (const auto& [hash, send] : node_.view().pending(account)) {
    if (node_.view().find(hash)->confirmed) sum += send.amount;
  }
  return sum;
}

Tree Banano::balance_of(const PublicKey& account, bool only_confirmed) const {
  const auto& ledger = node_.view();
  Raw balance = ledger.balance(account);
  Raw waiting = ledger.pending_sum(account);
  if (only_confirmed) {
    const auto* known = ledger.account(account);
    const auto* frontier = known == nullptr ? nullptr : confirmed_frontier(ledger, *known);
    balance = frontier == nullptr ? 0 : frontier->block.balance;
    waiting = confirmed_pending(account);
  }
  Tree answer;
  answer.put("balance", raw_text(balance));
  answer.put("pending", raw_text(waiting));
  if (newer()) answer.put("receivable", raw_text(waiting));
  return answer;
}

Tree Banano::account_balance(const Tree& request) {
  return balance_of(account_in(request), newer() && request.get<bool>("include_only_confirmed", true));
}

Tree Banano::accounts_balances(const Tree& request) {
  Tree balances;
  for (const auto& [nothing, entry] : request.get_child("accounts")) {
    const auto account = banano::parse_address(entry.data());
    if (!account) throw RpcError("Bad account number");
    balances.push_back({to_address(*account), balance_of(*account, false)});
  }
  Tree answer;
  answer.add_child("balances", balances);
  return answer;
}

Tree Banano::accounts_frontiers(const Tree& request) {
  Tree frontiers;
  for (const auto& [nothing, entry] : request.get_child("accounts")) {
    const auto account = banano::parse_address(entry.data());
    if (!account) throw RpcError("Bad account number");
    const auto* known = node_.view().account(*account);
    if (known != nullptr) frontiers.put(to_address(*account), to_hex(known->frontier));
  }
  Tree answer;
  answer.add_child("frontiers", frontiers);
  return answer;
}

Tree Banano::account_info(const Tree& request) {
  const auto key = account_in(request);
  const auto* account = node_.view().account(key);
  if (account == nullptr) throw RpcError("Account not found");
  const bool representative = request.get<bool>("representative", false);
  Tree answer;
  answer.put("frontier", to_hex(account->frontier));
  answer.put("open_block", to_hex(account->open_block));
  answer.put("representative_block", to_hex(account->frontier));  // each state block names it again
  answer.put("balance", raw_text(account->balance));
  answer.put("modified_timestamp", std::to_string(account->modified_at_s));
  answer.put("block_count", std::to_string(account->block_count));
  answer.put("account_version", "0");
  answer.put("confirmation_height", std::to_string(account->confirmation_height));
  if (representative) {
    answer.put("representative", to_address(node_.view().find(account->frontier)->block.representative));
  }
  if (request.get<bool>("weight", false)) answer.put("weight", "0");
  if (request.get<bool>("pending", false)) answer.put("pending", raw_text(node_.view().pending_sum(key)));
  if (newer() && request.get<bool>("include_confirmed", false)) {
    add_confirmed(answer, *account, representative);
  }
  return answer;
}

void Banano::add_confirmed(Tree& answer, const banano::Account& account, bool representative) const {
  const auto* frontier = confirmed_frontier(node_.view(), account);
  answer.erase("confirmation_height");
  answer.put("confirmed_balance", raw_text(frontier == nullptr ? 0 : frontier->block.balance));
  answer.put("confirmed_height", std::to_string(account.confirmation_height));
  answer.put("confirmed_frontier", to_hex(frontier == nullptr ? banano::kZero : frontier->hash));
  if (representative) {
    const auto& confirmed = frontier == nullptr ? banano::kZero : frontier->block.representative;
    answer.put("confirmed_representative", to_address(confirmed));
  }
}

Tree Banano::account_representative(const Tree& request) {
  const auto* account = node_.view().account(account_in(request));
  if (account == nullptr) throw RpcError("Account not found");
  Tree answer;
  answer.put("representative", to_address(node_.view().find(account->frontier)->block.representative));
  return answer;
}

Tree Banano::validate_account_number(const Tree& request) {
  Tree answer;
  answer.put("valid", banano::parse_address(required(request, "account")) ? "1" : "0");
  return answer;
}

// ---- blocks

const StoredBlock& Banano::stored_block(const Hash& hash) const {
  const auto* stored = node_.view().find(hash);
  if (stored == nullptr) throw RpcError("Block not found");
  return *stored;
}

Tree Banano::describe(const StoredBlock& stored, bool json_block) const {
  Tree answer;
  answer.put("block_account", to_address(stored.block.account));
  answer.put("amount", raw_text(stored.amount));
  answer.put("balance", raw_text(stored.block.balance));
  answer.put("height", std::to_string(stored.height));
  answer.put("local_timestamp", std::to_string(stored.stored_at_s));
  if (newer()) answer.put("successor", to_hex(stored.successor));
  answer.put("confirmed", stored.confirmed);
  if (json_block) {
    answer.add_child("contents", contents_of(stored));
  } else {
    answer.put("contents", text_of(contents_of(stored)));
  }
  if (!stored.genesis) {
    // The node keeps no difference between an open block and another receive.
    const auto subtype = stored.subtype == Subtype::kOpen ? Subtype::kReceive : stored.subtype;
    answer.put("subtype", std::string{to_text(subtype)});
  }
  return answer;
}

Tree Banano::block_info(const Tree& request) {
  return describe(stored_block(hash_in(request)), request.get<bool>("json_block", false));
}

Tree Banano::blocks_info(const Tree& request) {
  const bool json_block = request.get<bool>("json_block", false);
  const bool include_not_found = request.get<bool>("include_not_found", false);
  Tree blocks;
  Tree missing;
  for (const auto& [nothing, entry] : request.get_child("hashes")) {
    const auto hash = banano::parse_hex<32>(entry.data());
    if (!hash) throw RpcError("Bad hash number");
    if (include_not_found && node_.view().find(*hash) == nullptr) {
      missing.push_back({"", list_entry(entry.data())});
      continue;
    }
    blocks.push_back({entry.data(), describe(stored_block(*hash), json_block)});
  }
  Tree answer;
  answer.add_child("blocks", blocks);
  if (include_not_found) answer.add_child("blocks_not_found", missing);
  return answer;
}

Tree Banano::chain(const Tree& request) {
  return walk(request, request.get<bool>("reverse", false));
}

Tree Banano::successors(const Tree& request) {
  return walk(request, !request.get<bool>("reverse", false));
}

/// The block that was asked for and those behind it, towards the frontier or away from it; of an unknown one
/// nothing.
Tree Banano::walk(const Tree& request, bool forwards) const {
  auto hash = hash_in(request, "block");
  required(request, "count");
  const auto count = count_in(request);
  auto offset = request.get<std::uint64_t>("offset", 0);
  Tree blocks;
  while (hash != banano::kZero && blocks.size() < count) {
    const auto* stored = node_.view().find(hash);
    if (stored == nullptr) break;
    if (offset > 0) {
      --offset;
    } else {
      blocks.push_back({"", list_entry(to_hex(hash))});
    }
    hash = forwards ? stored->successor : stored->block.previous;
  }
  Tree answer;
  answer.add_child("blocks", blocks);
  return answer;
}

Tree Banano::pending(const Tree& request) {
  const auto account = account_in(request);
  const auto count = count_in(request);
  const auto threshold = threshold_in(request);
  const bool source = request.get<bool>("source", false);
  const bool include_active = request.get<bool>("include_active", false);
  const bool only_confirmed = request.get<bool>("include_only_confirmed", node_.options.version >= 22);
  const bool simple = threshold == 0 && !source && !request.get<bool>("sorting", false);
  Tree blocks;
  for (const auto& [hash, send] : node_.view().pending(account)) {
    if (blocks.size() >= count) break;
    const bool shown = node_.view().find(hash)->confirmed ||
                       (!only_confirmed && (include_active || !node_.has_election(hash)));
    if (!shown || send.amount < threshold) continue;
    if (simple) {
      blocks.push_back({"", list_entry(to_hex(hash))});
    } else if (source) {
      Tree entry;
      entry.put("amount", raw_text(send.amount));
      entry.put("source", to_address(send.source));
      blocks.add_child(to_hex(hash), entry);
    } else {
      blocks.put(to_hex(hash), raw_text(send.amount));
    }
  }
  Tree answer;
  answer.add_child("blocks", blocks);
  return answer;
}

Tree Banano::pending_exists(const Tree& request) {
  const auto& stored = stored_block(hash_in(request));
  const bool only_confirmed = request.get<bool>("include_only_confirmed", node_.options.version >= 22);
  const bool exists = stored.subtype == Subtype::kSend &&
                      node_.view().pending(stored.block.link).contains(stored.hash) &&
                      (stored.confirmed || !only_confirmed);
  Tree answer;
  answer.put("exists", exists ? "1" : "0");
  return answer;
}

/// The node compares the block with what its account has *now*. A block that is in the ledger already is the
/// account's state, or older than it, so its repetition is told that it is no send.
void Banano::check_subtype(const StateBlock& block, const std::string& subtype) const {
  constexpr const char* kBalance = "Invalid block balance for given subtype";
  constexpr const char* kPrevious = "Invalid previous block for given subtype";
  if (subtype.empty()) return;
  const bool first = block.previous == banano::kZero;
  if (!first && node_.view().find(block.previous) == nullptr) throw RpcError(error_of(Verdict::kGapPrevious));
  const auto balance = node_.view().balance(block.account);
  if (subtype == "send") {
    if (balance <= block.balance) throw RpcError(kBalance);
  } else if (subtype == "receive") {
    if (balance > block.balance) throw RpcError(kBalance);
  } else if (subtype == "open") {
    if (!first) throw RpcError(kPrevious);
  } else if (subtype == "change") {
    if (balance != block.balance) throw RpcError(kBalance);
    if (first) throw RpcError(kPrevious);
  } else if (subtype == "epoch") {
    throw RpcError(balance != block.balance ? kBalance : "Invalid epoch link");
  } else {
    throw RpcError("Invalid block subtype");
  }
}

Tree Banano::process_block(const Tree& request) {
  const bool asynchronous = request.get<bool>("async", false);
  const auto block = block_in(request);
  if (!block) throw RpcError("Block is invalid");
  const auto hash = block->hash();
  if (node_.view().find(hash) != nullptr) ++world_.stats.transfers_duplicated;
  check_subtype(*block, request.get<std::string>("subtype", {}));
  if (banano::work_difficulty(block->root(), block->work) < node_.options.work_threshold) {
    throw RpcError("Block work is less than threshold");
  }
  const auto verdict = node_.publish(*block);
  Tree answer;
  if (asynchronous) {
    answer.put("started", "1");
    return answer;
  }
  if (verdict != Verdict::kProgress) throw RpcError(error_of(verdict));
  answer.put("hash", to_hex(hash));
  return answer;
}

// ---- confirmation and work

Tree Banano::block_confirm(const Tree& request) {
  node_.request_confirmation(stored_block(hash_in(request)).hash);
  Tree answer;
  answer.put("started", "1");
  return answer;
}

Tree Banano::confirmation_active(const Tree&) {
  Tree roots;
  for (const auto& [hash, times] : node_.elections()) {
    const auto* block = node_.seen(hash);
    if (block != nullptr) roots.push_back({"", list_entry(to_hex(block->root()) + to_hex(block->previous))});
  }
  Tree answer;
  answer.add_child("confirmations", roots);
  return answer;
}

Tree Banano::confirmation_info(const Tree& request) {
  const auto root = banano::parse_hex<64>(required(request, "root"));
  if (!root) throw RpcError("Invalid root hash");
  Hash first{};
  std::copy_n(root->begin(), first.size(), first.begin());
  const auto* standing = node_.network().on_root(first);
  if (standing == nullptr || !node_.has_election(standing->hash)) {
    throw RpcError("Active confirmation not found");
  }
  Tree blocks;
  for (const auto& hash : node_.candidates(first)) {
    Tree entry;
    entry.put("tally", "0");
    entry.put("contents", text_of(banano::write_block(*node_.seen(hash))));
    blocks.add_child(to_hex(hash), entry);
  }
  Tree answer;
  answer.put("announcements", "0");
  answer.put("last_winner", to_hex(standing->hash));
  answer.put("total_tally", "0");
  answer.add_child("blocks", blocks);
  return answer;
}

void Banano::check_work_server() const {
  if (node_.options.work_server == BananoWorkServer::kDisabled) throw RpcError("Work generation is disabled");
}

Tree Banano::work_generate(const Tree& request) {
  const auto root = hash_in(request);
  const auto threshold = node_.options.work_threshold;
  const auto wanted = difficulty_in(request, threshold);
  if (wanted > hardest(threshold) || wanted < threshold) {
    throw RpcError("Difficulty above config limit or below publish threshold");
  }
  check_work_server();
  if (node_.options.work_server == BananoWorkServer::kFailing) throw RpcError("Cancelled");
  const auto start = world_.seed.draw("work_generate", to_hex(root));
  auto work = start;
  auto difficulty = wanted;
  if (node_.options.work_server == BananoWorkServer::kWrong) {
    while (banano::work_difficulty(root, work) >= threshold) ++work;
  } else {
    work = banano::generate_work(root, wanted, start);
    difficulty = banano::work_difficulty(root, work);
  }
  Tree answer;
  answer.put("hash", to_hex(root));
  answer.put("work", work_text(work));
  answer.put("difficulty", work_text(difficulty));
  answer.put("multiplier", multiplier_text(difficulty, threshold));
  return answer;
}

Tree Banano::work_validate(const Tree& request) {
  const auto root = hash_in(request);
  const auto work = banano::parse_work(required(request, "work"));
  if (!work) throw RpcError("Bad work");
  const auto threshold = node_.options.work_threshold;
  const auto difficulty = banano::work_difficulty(root, *work);
  Tree answer;
  if (request.count("difficulty") != 0) {
    answer.put("valid", difficulty >= difficulty_in(request, threshold) ? "1" : "0");
  }
  answer.put("valid_all", difficulty >= threshold ? "1" : "0");
  answer.put("valid_receive", difficulty >= threshold ? "1" : "0");
  answer.put("difficulty", work_text(difficulty));
  answer.put("multiplier", multiplier_text(difficulty, threshold));
  return answer;
}

// ---- the wallet

void Banano::check_wallet(const Tree& request) const {
  const auto wallet = banano::parse_hex<32>(required(request, "wallet"));
  if (!wallet) throw RpcError("Bad wallet number");
  if (wallet != banano::parse_hex<32>(node_.options.wallet)) throw RpcError("Wallet not found");
}

/// An id that was used before stands for its first block whatever else the request says, unless that block is
/// not in the ledger (any more): then there is a new one.
Tree Banano::send(const Tree& request) {
  check_wallet(request);
  const auto amount = banano::parse_raw(required(request, "amount"));
  if (!amount || *amount == 0) throw RpcError("Invalid amount number");
  const auto source = account_in(request, "source", "Bad source");
  const auto destination = account_in(request, "destination", "Bad destination account");
  check_work_server();
  if (node_.wallet_locked) throw RpcError("Wallet is locked");
  if (node_.key_of(source) == nullptr) throw RpcError("Account not found in wallet");
  if (node_.view().account(source) == nullptr) throw RpcError("Account not found");
  const auto id = request.get<std::string>("id", {});
  Tree answer;
  const auto known = id.empty() ? node_.send_ids().end() : node_.send_ids().find(id);
  if (known != node_.send_ids().end() && node_.view().find(known->second) != nullptr) {
    answer.put("block", to_hex(known->second));
    return answer;
  }
  if (node_.view().balance(source) < *amount) throw RpcError("Insufficient balance");
  const auto block = node_.make_send(source, destination, *amount);
  const auto hash = block.hash();
  if (!id.empty()) node_.send_ids()[id] = hash;  // before the block is anywhere: so does the node
  if (node_.options.work_server == BananoWorkServer::kFailing ||
      node_.publish(block, {std::string{kOurScope}, id}) != Verdict::kProgress) {
    throw RpcError("Error generating block");
  }
  answer.put("block", to_hex(hash));
  return answer;
}

Tree Banano::receive(const Tree& request) {
  check_wallet(request);
  const auto account = account_in(request);
  const auto hash = hash_in(request, "block");
  if (node_.wallet_locked) throw RpcError("Wallet is locked");
  if (node_.key_of(account) == nullptr) throw RpcError("Account not found in wallet");
  stored_block(hash);
  if (!node_.view().pending(account).contains(hash)) throw RpcError("Unreceivable");
  check_work_server();
  const auto block = node_.make_receive(account, hash);
  if (node_.options.work_server == BananoWorkServer::kFailing || node_.publish(block) != Verdict::kProgress) {
    throw RpcError("Error generating block");
  }
  Tree answer;
  answer.put("block", to_hex(block.hash()));
  return answer;
}

Tree Banano::account_list(const Tree& request) {
  check_wallet(request);
  Tree accounts;
  for (const auto& account : node_.accounts()) accounts.push_back({"", list_entry(to_address(account))});
  Tree answer;
  answer.add_child("accounts", accounts);
  return answer;
}

Tree Banano::wallet_locked(const Tree& request) {
  check_wallet(request);
  Tree answer;
  answer.put("locked", node_.wallet_locked ? "1" : "0");
  return answer;
}

// ---- callbacks

namespace {

std::string callback_body(const StoredBlock& stored) {
  Tree event;
  event.put("account", to_address(stored.block.account));
  event.put("hash", to_hex(stored.hash));
  event.put("block", text_of(contents_of(stored)));
  event.put("amount", raw_text(stored.amount));
  if (stored.subtype == Subtype::kSend) event.put("is_send", "true");
  const auto subtype = stored.subtype == Subtype::kOpen ? Subtype::kReceive : stored.subtype;
  event.put("subtype", std::string{to_text(subtype)});
  return text_of(event);
}

}  // namespace

void Banano::announce(const StoredBlock& stored) {
  const auto& url = node_.options.callback_url;
  if (url.empty()) return;
  const bool is_send = stored.subtype == Subtype::kSend;
  const auto reference = to_hex(stored.hash);
  const auto* payment = world_.ledger.find(kOurScope, reference);
  const auto payee = is_send ? to_address(stored.block.link) : std::string{};
  const auto external_id = payment == nullptr ? std::string{} : payment->external_id;
  // Out of order: the block below it is announced (again) after it.
  const auto* below = node_.network().find(stored.block.previous);
  call_back({name(), is_send ? "process" : "process_other", payee, external_id, reference, is_send, false},
            {"POST", url, callback_body(stored), {}}, callback_body(below == nullptr ? stored : *below));
}

// ---- commands that every protocol has

/// SUCCESSFUL lets the block win; FAILED lets another block of the same account win in its place.
bool Banano::settle(Entry& entry, Status status, std::string_view) {
  if (entry.status != Status::kPending || status == Status::kPending) return false;
  const auto hash = *banano::parse_hex<32>(entry.reference);
  if (status == Status::kSuccessful) {
    node_.elect(hash);
    return true;
  }
  const auto* block = node_.seen(hash);
  if (block == nullptr) throw std::invalid_argument("reference: no such block was ever seen");
  node_.foreign({block->account, block->previous, Subtype::kChange, {}, 0, true});
  return true;
}

boost::json::object Banano::balances() const {
  boost::json::object object;
  for (const auto& account : node_.accounts()) {
    object[to_address(account)] = ban_text(node_.network().balance(account));
  }
  return object;
}

// ---- shapes of failure

/// A gateway's 500; with a code it is the node's own error of that text, which is HTTP 200 like all of its.
Answer Banano::server_error(const Fault& fault, const Call&) {
  return fault.code.empty() ? failure(500, "Internal server error in RPC") : failure(200, fault.code);
}

Answer Banano::not_found(const Call& call) {
  return failure(200, call.operation == "account_info" ? "Account not found" : "Block not found");
}

Answer Banano::unauthorized(const Call&) {
  return failure(401, "Unauthorized");
}

std::string Banano::wrong_types(const Call& call) {
  if (call.operation == "process" || call.operation == "process_other") return R"({"hash":["00",1]})";
  if (call.operation == "send") return R"({"block":{"hash":7}})";
  if (call.operation == "block_info") {
    return R"({"block_account":7,"amount":["1"],"balance":{"raw":"1"},"height":null,"confirmed":["true"],)"
           R"("contents":"send","subtype":{"send":true}})";
  }
  if (call.operation == "account_info") {
    return R"({"frontier":42,"open_block":[],"balance":{"raw":"1"},"block_count":["1"],"representative":null})";
  }
  if (call.operation == "account_balance") return R"({"balance":["1"],"pending":{"raw":1}})";
  if (call.operation == "work_generate") return R"({"work":{"nonce":1},"difficulty":null,"hash":[]})";
  if (call.operation == "pending") return R"({"blocks":[1,{"amount":"2"},null]})";
  return R"({"rpc_version":[1],"network":{"name":7},"started":[]})";
}

}  // namespace simulator
