#pragma once
/// The wire of a Banano node's RPC, as pure functions: bytes in, meaning out. No I/O, no state, no clock;
/// every function is safe on hostile input (size, depth, duplicate keys, invalid UTF-8).
///
/// The node answers every request with HTTP 200; `{"error":"…"}` is how it says no. It writes numbers and
/// booleans as strings; both spellings are read, numbers always from their digits.
///
/// Sources: BananoCoin/banano V20 (`nano/node/json_handler.cpp`, `nano/lib/errors.cpp`),
/// nanocurrency/nano-docs
/// (`docs/commands/rpc-protocol.md`, integration guides).
#include <payoutd/provider.hpp>

#include "chain.hpp"

namespace banano {

/// Bodies larger than this are not looked at: the largest answer that is asked for is below 16 KiB.
inline constexpr std::size_t kMaxBodyBytes = 64 * 1024;

/// Codes of our own.
inline constexpr std::string_view kOldBlock = "Old block";  ///< the node's word, the only one that counts
inline constexpr std::string_view kWalletLocked = "Wallet is locked";             ///< likewise
inline constexpr std::string_view kInsufficientBalance = "Insufficient balance";  ///< likewise
inline constexpr std::string_view kForkLost = "banano.fork_lost";
inline constexpr std::string_view kForkOpen = "banano.fork_open";
inline constexpr std::string_view kNotFound = "banano.block_not_found";
inline constexpr std::string_view kHashUnknown = "banano.hash_unknown";
inline constexpr std::string_view kUnconfirmed = "banano.unconfirmed";
inline constexpr std::string_view kUnreadable = "banano.unreadable";
inline constexpr std::string_view kNodeError = "banano.node_error";
inline constexpr std::string_view kUnreachable = "banano.unreachable";

/// How a submit is made: publish a block of ours, or have the node's wallet send.
enum class SubmitBy { process, send };
/// The codes of such a submit that say something about the money. See decode_process and decode_send. Those
/// of `process` are always among them.
std::vector<payoutd::CodeRule> submit_codes(SubmitBy by);

// ---- what an answer is, before anybody looks at its fields

struct Answer {
  enum class Kind {
    fields,    ///< a JSON object without `error`
    error,     ///< the node says no, and why
    unusable,  ///< no answer, not HTTP 200, not a JSON object: nothing was said
  };
  Kind kind = Kind::unusable;
  std::string message;  ///< the node's error, or why there is nothing to read; safe to show
  boost::json::object fields;

  static Answer read(int http_status, std::string_view body);
  static Answer unusable(std::string why);

  bool usable() const noexcept { return kind != Kind::unusable; }
  /// Compared without case.
  bool is_error(std::string_view text) const noexcept;
};

// ---- requests

std::string account_info_request(const std::string& account);
std::string account_balance_request(const std::string& account);
std::string block_info_request(const Hash& hash);
std::string block_confirm_request(const Hash& hash);
/// The block `hash` and the one behind it; for nodes whose block_info does not name the successor.
std::string successors_request(const Hash& hash);
/// `action` is `receivable`, or `pending` on V20. Only what is confirmed and at least `threshold` is listed.
std::string receivable_request(std::string_view action, const std::string& account, int count, Raw threshold);
std::string work_generate_request(const Bytes32& root, std::uint64_t threshold);
std::string version_request();
std::string wallet_locked_request(const std::string& wallet);
/// `block_json` goes in as it is, byte for byte.
std::string process_request(const std::string& block_json, std::string_view subtype);

// ---- blocks

/// The JSON of a block as `process` takes it; the same bytes for the same block.
std::string encode_block(const SignedBlock& signed_block);
payoutd::Result<SignedBlock> decode_block(std::string_view text);

/// A payment by the node's own wallet: what `send` is told, but for the wallet's id, which is a secret.
struct WalletSend {
  std::string source;
  std::string destination;
  Raw amount;
  std::string id;  ///< our reference: the node makes one block for it, however often it is asked

  friend bool operator==(const WalletSend&, const WalletSend&) = default;
};
std::string encode_wallet_send(const WalletSend& send);
payoutd::Result<WalletSend> decode_wallet_send(std::string_view text);
std::string send_request(const WalletSend& send, const std::string& wallet);

// ---- answers

struct AccountInfo {
  Hash frontier{};
  std::uint64_t height = 0;  ///< block_count: the frontier's height
  Raw balance;               ///< at the frontier
  std::optional<PublicKey> representative;
  std::optional<bool> settled;  ///< the frontier is confirmed; nullopt: the answer does not say so
};
payoutd::Result<AccountInfo> decode_account_info(const Answer& answer);

struct BlockInfo {
  PublicKey account{};
  bool confirmed = false;  ///< only where the answer says exactly "true"
  std::optional<Raw> amount;
  std::optional<Raw> balance;
  std::optional<std::uint64_t> height;
  std::optional<std::uint64_t> local_timestamp_s;
  std::optional<Hash> successor;       ///< zero: none; nullopt: this node does not say
  std::optional<StateBlock> contents;  ///< nullopt for the old kinds of block
};
/// Contents that do not hash to `asked` make the whole answer unreadable.
payoutd::Result<BlockInfo> decode_block_info(const Answer& answer, const Hash& asked);

/// The block behind `hash` of a successors_request: zero if there is none.
payoutd::Result<Hash> decode_successor(const Answer& answer, const Hash& hash);

struct Receivable {
  Hash source{};
  std::optional<Raw> amount;  ///< nullopt where only hashes were listed
};
payoutd::Result<std::vector<Receivable>> decode_receivable(const Answer& answer);

payoutd::Result<Raw> decode_account_balance(const Answer& answer);
payoutd::Result<std::uint64_t> decode_work(const Answer& answer);
/// The `hash` that `process` answers to a receive of ours.
payoutd::Result<Hash> decode_processed(const Answer& answer);

struct Version {
  std::string network;  ///< empty where the node does not say
  std::string vendor;
};
payoutd::Result<Version> decode_version(const Answer& answer);
/// nullopt where the answer says neither.
std::optional<bool> decode_wallet_locked(const Answer& answer);

/// What `process` says of our block. The block's own hash is acceptance, and `Old block` says that an earlier
/// publication arrived. Every other answer is unknown, also those that name a fault of the block: an earlier
/// publication of it may stand in a ledger nevertheless (a repeat is answered `Invalid block balance for
/// given subtype`), a node keeps blocks with gaps for later, and a fork may still be won. block_info decides.
payoutd::Submission decode_process(int http_status, std::string_view body, const Hash& expected);

/// What `send` says: the hash is acceptance. `Wallet is locked` and `Insufficient balance`, exactly, say that
/// this request made no block: not accepted, so that the same id is sent again. Everything else is unknown,
/// and no error is a refusal: an earlier request under the same id may have made its block.
payoutd::Submission decode_send(int http_status, std::string_view body);

/// The node's callback: unauthenticated, so nothing in it is believed.
struct Callback {
  std::string account;
  Hash hash{};
};
payoutd::Result<Callback> decode_callback(std::string_view body);

/// A text of the node's that may be logged and shown: control characters gone, at most 200 bytes. Not the
/// SDK's safe_text, which would mask the hashes and addresses that a public ledger's messages are about.
std::string safe_text(std::string_view text);

}  // namespace banano
