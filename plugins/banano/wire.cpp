#include "wire.hpp"

#include <algorithm>
#include <array>
#include <boost/json.hpp>
#include <charconv>
#include <payoutd/exact_json.hpp>

namespace banano {
namespace {

namespace json = boost::json;
using payoutd::CodeMeaning;
using payoutd::Problem;
using payoutd::Result;
using payoutd::Submission;
using payoutd::text_at;

// ---- JSON

/// Strict, and numbers keep their digits: raw amounts have up to 39 of them.
Result<json::object> read_object(std::string_view body) {
  return payoutd::read_json_object(body, {.bytes = kMaxBodyBytes, .members = 512});
}

/// A field that is written as a string or as a bare literal: "true" and true.
std::optional<bool> boolean_at(const json::object& object, std::string_view key) {
  const json::value* value = object.if_contains(key);
  if (value == nullptr) return std::nullopt;
  if (value->is_bool()) return value->get_bool();
  const auto text = text_at(object, key);
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return std::nullopt;
}

std::optional<std::uint64_t> number_at(const json::object& object, std::string_view key) {
  const auto text = text_at(object, key);
  if (!text) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), number);
  if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
  return number;
}

std::optional<Hash> hash_at(const json::object& object, std::string_view key) {
  const auto text = text_at(object, key);
  return text ? parse_bytes32(*text) : std::nullopt;
}

std::optional<Raw> raw_at(const json::object& object, std::string_view key) {
  const auto text = text_at(object, key);
  return text ? Raw::parse(*text) : std::nullopt;
}

std::optional<PublicKey> account_at(const json::object& object, std::string_view key) {
  const auto text = text_at(object, key);
  if (!text) return std::nullopt;
  const auto account = decode_address(*text);
  if (!account) return std::nullopt;
  return *account;
}

bool equal_without_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
  return std::ranges::equal(a, b, {}, lower, lower);
}

Problem missing(std::string field) {
  return {std::move(field), "is missing or unreadable"};
}

Problem refused(const Answer& answer) {
  return {"", answer.message};
}

std::string serialize(const json::object& object) {
  return json::serialize(object);
}

// ---- blocks

Result<StateBlock> read_state_block(const json::object& object) {
  if (text_at(object, "type") != "state") return Problem("type", "is not that of a state block");
  const auto account = account_at(object, "account");
  const auto previous = hash_at(object, "previous");
  const auto representative = account_at(object, "representative");
  const auto balance = raw_at(object, "balance");
  const auto link = hash_at(object, "link");
  if (!account) return missing("account");
  if (!previous) return missing("previous");
  if (!representative) return missing("representative");
  if (!balance) return missing("balance");
  if (!link) return missing("link");
  return StateBlock{*account, *previous, *representative, *balance, *link};
}

/// `contents` is an object, or a text that holds one (a node that was not asked for json_block).
std::optional<json::object> contents_of(const json::object& fields) {
  const json::value* value = fields.if_contains("contents");
  if (value == nullptr) return std::nullopt;
  if (value->is_object()) return value->get_object();
  if (!value->is_string()) return std::nullopt;
  auto object = read_object(value->get_string());
  return object ? std::optional(*std::move(object)) : std::nullopt;
}

// ---- submit

struct SubmitCode {
  std::string_view code;
  CodeMeaning meaning;
};
constexpr std::array kProcessCodes{SubmitCode{kOldBlock, CodeMeaning::duplicate}};
constexpr std::array kSendCodes{SubmitCode{kWalletLocked, CodeMeaning::not_accepted},
                                SubmitCode{kInsufficientBalance, CodeMeaning::not_accepted}};

/// The node's own words as a code, so that an operator can look them up: short, printable, in one line.
std::string code_of(const Answer& answer) {
  if (answer.kind == Answer::Kind::unusable) return std::string(kUnreadable);
  return answer.message.empty() || answer.message.size() > 100 ? std::string(kNodeError) : answer.message;
}

}  // namespace

std::vector<payoutd::CodeRule> submit_codes(SubmitBy by) {
  std::vector<payoutd::CodeRule> rules;
  const auto add = [&rules](const SubmitCode& code) {
    rules.push_back({std::string(code.code), code.meaning});
  };
  std::ranges::for_each(kProcessCodes, add);  // also for blocks that were signed before a change of mode
  if (by == SubmitBy::send) std::ranges::for_each(kSendCodes, add);
  return rules;
}

// ---- answers as such

Answer Answer::read(int http_status, std::string_view body) {
  if (http_status != 200) return unusable("HTTP " + std::to_string(http_status) + " instead of an answer");
  auto object = read_object(body);
  if (!object) return unusable("HTTP 200 with a body that is not a JSON object");
  Answer answer;
  if (const json::value* error = object->if_contains("error"); error != nullptr) {
    answer.kind = Kind::error;
    answer.message = safe_text(text_at(*object, "error").value_or("an error without a text"));
    answer.fields = *std::move(object);
    return answer;
  }
  answer.kind = Kind::fields;
  answer.fields = *std::move(object);
  return answer;
}

Answer Answer::unusable(std::string why) {
  Answer answer;
  answer.message = safe_text(why);
  return answer;
}

bool Answer::is_error(std::string_view text) const noexcept {
  return kind == Kind::error && equal_without_case(message, text);
}

// ---- requests

std::string account_info_request(const std::string& account) {
  return serialize({{"action", "account_info"},
                    {"account", account},
                    {"representative", "true"},
                    {"include_confirmed", "true"}});
}

std::string account_balance_request(const std::string& account) {
  return serialize({{"action", "account_balance"}, {"account", account}});
}

std::string block_info_request(const Hash& hash) {
  return serialize({{"action", "block_info"}, {"json_block", "true"}, {"hash", to_hex(hash)}});
}

std::string block_confirm_request(const Hash& hash) {
  return serialize({{"action", "block_confirm"}, {"hash", to_hex(hash)}});
}

std::string successors_request(const Hash& hash) {
  return serialize({{"action", "successors"}, {"block", to_hex(hash)}, {"count", "2"}});
}

std::string receivable_request(std::string_view action, const std::string& account, int count,
                               Raw threshold) {
  return serialize({{"action", action},
                    {"account", account},
                    {"count", std::to_string(count)},
                    {"threshold", threshold.to_string()},
                    {"include_only_confirmed", "true"}});
}

std::string work_generate_request(const Bytes32& root, std::uint64_t threshold) {
  return serialize(
      {{"action", "work_generate"}, {"hash", to_hex(root)}, {"difficulty", to_hex64(threshold)}});
}

std::string version_request() {
  return serialize({{"action", "version"}});
}

std::string wallet_locked_request(const std::string& wallet) {
  return serialize({{"action", "wallet_locked"}, {"wallet", wallet}});
}

std::string process_request(const std::string& block_json, std::string_view subtype) {
  return R"({"action":"process","json_block":"true","subtype":")" + std::string(subtype) + R"(","block":)" +
         block_json + "}";
}

// ---- blocks

std::string encode_block(const SignedBlock& signed_block) {
  const StateBlock& block = signed_block.block;
  // An object keeps the order of its keys, so the same block always gives the same bytes.
  return serialize({{"type", "state"},
                    {"account", encode_address(block.account)},
                    {"previous", to_hex(block.previous)},
                    {"representative", encode_address(block.representative)},
                    {"balance", block.balance.to_string()},
                    {"link", to_hex(block.link)},
                    {"link_as_account", encode_address(block.link)},
                    {"signature", to_hex(signed_block.signature)},
                    {"work", to_hex64(signed_block.work)}});
}

Result<SignedBlock> decode_block(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return Problem("", "is not a JSON object");
  const auto block = read_state_block(*object);
  if (!block) return block.error();
  SignedBlock signed_block;
  signed_block.block = *block;
  if (!read_hex(text_at(*object, "signature").value_or(""), signed_block.signature)) {
    return missing("signature");
  }
  const auto work = parse_hex64(text_at(*object, "work").value_or(""));
  if (!work) return missing("work");
  signed_block.work = *work;
  return signed_block;
}

std::string encode_wallet_send(const WalletSend& send) {
  return serialize({{"action", "send"},
                    {"source", send.source},
                    {"destination", send.destination},
                    {"amount", send.amount.to_string()},
                    {"id", send.id}});
}

Result<WalletSend> decode_wallet_send(std::string_view text) {
  const auto object = read_object(text);
  if (!object) return Problem("", "is not a JSON object");
  if (text_at(*object, "action") != "send") return Problem("action", "is not send");
  const auto source = text_at(*object, "source");
  const auto destination = text_at(*object, "destination");
  const auto amount = raw_at(*object, "amount");
  const auto id = text_at(*object, "id");
  if (!source) return missing("source");
  if (!destination) return missing("destination");
  if (!amount) return missing("amount");
  if (!id || id->empty()) return missing("id");
  return WalletSend{*source, *destination, *amount, *id};
}

std::string send_request(const WalletSend& send, const std::string& wallet) {
  return serialize({{"action", "send"},
                    {"wallet", wallet},
                    {"source", send.source},
                    {"destination", send.destination},
                    {"amount", send.amount.to_string()},
                    {"id", send.id}});
}

// ---- answers

Result<AccountInfo> decode_account_info(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const json::object& fields = answer.fields;
  const auto frontier = hash_at(fields, "frontier");
  const auto balance = raw_at(fields, "balance");
  const auto height = number_at(fields, "block_count");
  if (!frontier) return missing("frontier");
  if (!balance) return missing("balance");
  if (!height) return missing("block_count");
  AccountInfo info{*frontier, *height, *balance, account_at(fields, "representative"), std::nullopt};
  // Which of the names a node uses depends on its version and on include_confirmed, which V20 ignores.
  auto confirmed_frontier = hash_at(fields, "confirmed_frontier");
  if (!confirmed_frontier) confirmed_frontier = hash_at(fields, "confirmation_height_frontier");
  auto confirmed_height = number_at(fields, "confirmed_height");
  if (!confirmed_height) confirmed_height = number_at(fields, "confirmation_height");
  if (confirmed_frontier) {
    info.settled = *confirmed_frontier == *frontier;
  } else if (confirmed_height) {
    info.settled = *confirmed_height >= *height;
  }
  return info;
}

Result<BlockInfo> decode_block_info(const Answer& answer, const Hash& asked) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const json::object& fields = answer.fields;
  const auto contents = contents_of(fields);
  if (!contents) return missing("contents");
  BlockInfo info;
  if (text_at(*contents, "type") == "state") {
    const auto block = read_state_block(*contents);
    if (!block) return Problem("contents." + block.error().field, block.error().reason);
    if (block->hash() != asked) return Problem("contents", "are not those of the block that was asked for");
    info.contents = *block;
    info.account = block->account;
  } else if (const auto account = account_at(fields, "block_account")) {
    info.account = *account;
  } else {
    return missing("block_account");
  }
  const json::value* confirmed = fields.if_contains("confirmed");
  const bool is_true = confirmed != nullptr && confirmed->is_bool() && confirmed->get_bool();
  info.confirmed = is_true || text_at(fields, "confirmed") == "true";
  info.amount = raw_at(fields, "amount");
  info.balance = raw_at(fields, "balance");
  info.height = number_at(fields, "height");
  info.local_timestamp_s = number_at(fields, "local_timestamp");
  info.successor = hash_at(fields, "successor");
  return info;
}

Result<Hash> decode_successor(const Answer& answer, const Hash& hash) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const json::value* blocks = answer.fields.if_contains("blocks");
  if (blocks == nullptr || !blocks->is_array()) return missing("blocks");
  const json::array& list = blocks->get_array();
  if (list.empty() || list.size() > 2) return missing("blocks");
  std::vector<Hash> hashes;
  for (const json::value& item : list) {
    const auto read = item.is_string() ? parse_bytes32(item.get_string()) : std::nullopt;
    if (!read) return missing("blocks");
    hashes.push_back(*read);
  }
  if (hashes[0] != hash) return Problem("blocks", "do not begin with the block that was asked for");
  return hashes.size() == 2 ? hashes[1] : kZero;
}

Result<std::vector<Receivable>> decode_receivable(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const json::value* blocks = answer.fields.if_contains("blocks");
  if (blocks == nullptr) return missing("blocks");
  std::vector<Receivable> found;
  const auto add = [&found](std::string_view hash, std::optional<Raw> amount) {
    const auto source = parse_bytes32(hash);
    if (source) found.push_back({*source, amount});
    return source.has_value();
  };
  if (blocks->is_string() && blocks->get_string().empty()) return found;  // how V20 writes an empty set
  if (blocks->is_array()) {
    for (const json::value& item : blocks->get_array()) {
      if (!item.is_string() || !add(item.get_string(), std::nullopt)) return missing("blocks");
    }
    return found;
  }
  if (!blocks->is_object()) return missing("blocks");
  for (const auto& item : blocks->get_object()) {
    const json::object* details = item.value().if_object();
    const auto amount = details != nullptr         ? raw_at(*details, "amount")
                        : item.value().is_string() ? Raw::parse(item.value().get_string())
                                                   : std::nullopt;
    if (!amount || !add(item.key(), amount)) return missing("blocks");
  }
  return found;
}

Result<Raw> decode_account_balance(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const auto balance = raw_at(answer.fields, "balance");
  if (!balance) return missing("balance");
  return *balance;
}

Result<std::uint64_t> decode_work(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const auto work = parse_hex64(text_at(answer.fields, "work").value_or(""));
  if (!work) return missing("work");
  return *work;
}

Result<Hash> decode_processed(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  const auto hash = hash_at(answer.fields, "hash");
  if (!hash) return missing("hash");
  return *hash;
}

Result<Version> decode_version(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return refused(answer);
  if (!answer.fields.contains("node_vendor") && !answer.fields.contains("protocol_version")) {
    return missing("node_vendor");
  }
  return Version{safe_text(text_at(answer.fields, "network").value_or("")),
                 safe_text(text_at(answer.fields, "node_vendor").value_or(""))};
}

std::optional<bool> decode_wallet_locked(const Answer& answer) {
  if (answer.kind != Answer::Kind::fields) return std::nullopt;
  return boolean_at(answer.fields, "locked");
}

Submission decode_process(int http_status, std::string_view body, const Hash& expected) {
  const Answer answer = Answer::read(http_status, body);
  if (answer.kind == Answer::Kind::fields) {
    const auto hash = hash_at(answer.fields, "hash");
    if (hash == expected) return Submission::accepted(to_hex(expected));
    return Submission::unknown(std::string(kUnreadable),
                               hash ? "the node names another block than the one that was published"
                                    : "the node's answer has no hash");
  }
  if (answer.is_error(kOldBlock)) return Submission::duplicate(std::string(kOldBlock), answer.message);
  return Submission::unknown(code_of(answer), answer.message);
}

Submission decode_send(int http_status, std::string_view body) {
  const Answer answer = Answer::read(http_status, body);
  if (answer.kind == Answer::Kind::fields) {
    const auto hash = hash_at(answer.fields, "block");
    if (hash && *hash != kZero) return Submission::accepted(to_hex(*hash));
    return Submission::unknown(std::string(kUnreadable), "the node's answer names no block");
  }
  const bool says_only_no = answer.kind == Answer::Kind::error && answer.fields.size() == 1;
  for (const SubmitCode& code : kSendCodes) {
    if (says_only_no && text_at(answer.fields, "error") == code.code)
      return Submission::not_accepted(std::string(code.code), answer.message);
  }
  return Submission::unknown(code_of(answer), answer.message);
}

Result<Callback> decode_callback(std::string_view body) {
  const auto object = read_object(body);
  if (!object) return Problem("", "is not a JSON object");
  const auto account = text_at(*object, "account");
  const auto hash = hash_at(*object, "hash");
  if (!account || !decode_address(*account)) return missing("account");
  if (!hash) return missing("hash");
  return Callback{*account, *hash};
}

std::string safe_text(std::string_view text) {
  static constexpr std::size_t kMaxBytes = 200;
  std::string safe;
  for (const char c : text.substr(0, kMaxBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    // The node speaks plain ASCII; whatever else is in a text did not come from it.
    safe += byte < 0x20 ? ' ' : byte < 0x7F ? c : '?';
  }
  return safe;
}

}  // namespace banano
