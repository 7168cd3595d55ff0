#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "amount.hpp"
#include "timestamp.hpp"

namespace simulator {

enum class Status { kPending, kSuccessful, kFailed, kReversed };
std::string_view to_text(Status status);

/// One transfer that a simulated provider accepted. Money moved exactly when the status is SUCCESSFUL, and
/// came back when it is REVERSED.
struct Entry {
  std::uint64_t sequence = 0;
  std::string_view protocol;  // a literal: "momo"
  std::string scope;          // whose references these are (MoMo: the API user; the others: "thunes:KEY")
  std::string reference;
  std::string external_id;  // what the wire carried of the client's own order; may be empty
  std::string account;      // what pays (MoMo: the target environment)
  std::string amount;       // as the request wrote it
  Units units = 0;
  std::string currency;
  std::string payee;
  std::string callback_url;
  Status status = Status::kPending;
  std::string reason;        // empty unless FAILED
  std::string provider_ref;  // the provider's own number; empty until SUCCESSFUL
  std::uint32_t times_requested = 0;
  Timestamp accepted_at{};
  std::optional<Timestamp> final_at;
  std::optional<Timestamp> reversed_at;
  std::optional<std::chrono::steady_clock::time_point>
      hidden_until;  // status queries say "unknown" until then

  bool paid() const { return status == Status::kSuccessful; }
};

boost::json::object to_json(const Entry& entry);

/// The truth about what the simulator was asked and what it paid, of all protocols. Entries never move or
/// vanish before `clear`, so pointers to them stay good until then. One thread.
class Ledger {
 public:
  /// Null when this scope never had the reference accepted.
  Entry* find(std::string_view scope, std::string_view reference);

  /// Counts a request to move money, accepted or not; says how many there were for this reference, this one
  /// included.
  std::uint32_t note_request(std::string_view scope, std::string_view reference);

  /// A reference that was accepted before makes a second entry: providers that pay a repeated request again.
  /// `find` goes on giving the first.
  Entry& accept(Entry entry);

  /// The entries of this reference, of every scope, in the order of acceptance. Reads the whole ledger.
  std::vector<Entry*> with_reference(std::string_view reference);

  /// The entries of this scope and reference, in the order of acceptance.
  std::vector<Entry*> find_all(std::string_view scope, std::string_view reference);

  /// Makes the transfer final: the moment at which money moves, or never will.
  void finish(Entry& entry, Status status, std::string_view reason, std::string_view provider_ref);

  /// The money of a SUCCESSFUL transfer is back.
  void reverse(Entry& entry);

  const std::deque<Entry>& entries() const { return entries_; }
  void each_with_external_id(std::string_view external_id,
                             const std::function<void(const Entry&)>& visit) const;

  /// Count and sum by status and currency, and what was paid more than once: external ids, and references
  /// whose external id does not show it. Of one protocol, or of all.
  boost::json::object summary(const std::optional<std::string>& protocol = std::nullopt) const;

  void clear();

 private:
  struct Key {
    std::string_view scope;
    std::string_view reference;
    bool operator==(const Key&) const = default;
  };
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };

  boost::json::array paid_twice(const std::optional<std::string>& protocol) const;

  std::deque<Entry> entries_;
  // The views look into entries_, whose elements stay where they are.
  std::unordered_map<Key, Entry*, KeyHash> by_reference_;              // the first of each
  std::unordered_multimap<Key, Entry*, KeyHash> repeated_references_;  // the others
  std::unordered_multimap<std::string_view, Entry*> by_external_id_;
  // Requests whose reference is not accepted (yet): refused, cut, lost.
  std::unordered_map<std::string, std::uint32_t> unaccepted_requests_;
};

}  // namespace simulator
