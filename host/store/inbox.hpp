#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace payoutd::store {

/// One callback in app.webhook_inbox. Times are RFC 3339 text in UTC with milliseconds; empty text is null.
struct InboxEvent {
  std::string id;
  std::string received_at;
  std::string provider;
  std::string method;
  std::string path;  ///< with query
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string remote_address;
  std::string flow_id;
  std::string url_reference;            ///< of the signed URL, if the URL proved itself
  std::optional<bool> signature_valid;  ///< nullopt: for the plugin to judge
  std::string proof;                    ///< signature, url, plugin; empty: none
  std::string key_id;
  std::string state = "received";
  std::string reason;
  int attempts = 0;
  std::string last_error;
  std::string next_attempt_at;
  std::string waits_for;
  std::string reference;
  std::string provider_ref;
  std::string status;
  std::string payout_id;
  std::string settled_at;
  int repeats = 0;
  std::string repeated_at;
  std::string replay_of;
  std::string replayed_by;
  std::string note;

  std::string trace_id;  ///< of the request that brought it; known to the host only that it came to
  std::string hash;  ///< 64 hex digits under which the same bytes are known; empty: each one counts. Written
                     ///< only
};

/// What became of a callback that was to be stored.
struct Kept {
  std::string id;       ///< under which it stands; another's, if the same bytes came before
  bool repeat = false;  ///< nothing was stored: they came before
};

/// Stores callbacks. What is not settled is due again after `visibility`, so that another host takes it if
/// this one does not finish. `replay`: exactly this batch has committed before.
std::vector<Kept> keep_events(pqxx::transaction_base& work, std::span<const InboxEvent> events,
                              std::chrono::milliseconds visibility, bool replay);

/// Takes what is due of these providers, oldest first; other hosts' claims are skipped, not waited for.
std::vector<InboxEvent> claim_events(pqxx::transaction_base& work, const std::vector<std::string>& providers,
                                     int limit, std::chrono::milliseconds visibility);

/// Events that wait for these providers' processes are due now.
void wake_events_of(pqxx::transaction_base& work, const std::vector<std::string>& providers);
/// Events of the last day that named no payout of ours are due again if they do now; how many.
std::int64_t wake_matching_events(pqxx::transaction_base& work);

/// A payment as a callback names it.
struct Sought {
  std::string provider;
  std::string reference;              ///< ours; goes before the others
  std::string provider_ref;           ///< theirs
  std::vector<std::string> anything;  ///< texts of which one may be either of them, or a payout's id
};
/// Where the spans of what happens to a payout belong.
struct TracePlace {
  std::string flow_id;
  std::string traceparent;
  std::string tracestate;
  std::string attempt_id;
  int attempt = 0;
};
struct Match {
  std::string payout_id;  ///< empty: none of ours
  std::string reference;
  bool live = false;  ///< its attempt is
  std::string state;
  bool due = false;       ///< something is still to be done for it
  bool archived = false;  ///< it stands in the history
  TracePlace trace{};
};
/// One for each, in order. A provider's callback only ever finds the provider's own payouts.
std::vector<Match> match_payouts(pqxx::transaction_base& work, std::span<const Sought> sought);

/// What working on an event came to.
struct Verdict {
  enum class Kind {
    ask,     ///< whichever payout it names is to be asked about now
    settle,  ///< `state` and `reason` stand
    retry,   ///< try again after `pause`
  };
  Kind kind = Kind::settle;
  std::string event_id;
  Sought sought;
  std::string state;
  std::string reason;
  std::string error;
  std::string waits_for;
  std::chrono::milliseconds pause{0};
  std::optional<bool> signature_valid;  ///< nullopt: as it was
  std::string proof;
  std::string key_id;
  std::string status;
  std::string payout_id;
  TracePlace trace{};  ///< of the payout
  /// When to look again for a payout that is not there yet; nullopt: never by schedule.
  std::optional<std::chrono::milliseconds> look_again;
  // Of a replay: it is told in the payout's events.
  std::string replay_of;
  std::string replayed_by;
};
struct Settled {
  std::string state;
  std::string reason;
  std::string payout_id;
  bool asked = false;  ///< a payout is due to be asked about
  TracePlace trace{};
};
/// Writes verdicts; one answer for each, in order. `host` is this host's incarnation.
std::vector<Settled> conclude(pqxx::transaction_base& work, std::span<const Verdict> verdicts,
                              const std::string& host);

struct InboxFilter {
  std::string provider;
  std::string state;
  std::string payout_id;
  std::int64_t since_s = 0;  ///< only the last so many seconds; 0: however old
  bool failed_only = false;  ///< what was not applied though it might have to be, nor was a replay of it
  std::string before;        ///< the `next` of the page before; empty: from the newest
  int limit = 50;
};
struct InboxPage {
  std::vector<InboxEvent> events;  ///< newest first, without headers and body
  std::string next;                ///< empty: there are no more
};
InboxPage list_events(pqxx::transaction_base& work, const InboxFilter& filter);
std::optional<InboxEvent> find_event(pqxx::transaction_base& work, const std::string& id);
std::int64_t count_events(pqxx::transaction_base& work, const InboxFilter& filter);

/// Stores a replay of an event under `id`, due after `due_in`; returns the id of one that is still being
/// worked on instead, if there is one.
struct Replay {
  std::string id;
  std::string of;
  std::optional<bool> signature_valid;
  std::string proof;
  std::string key_id;
  std::string url_reference;  ///< empty: the original's
  std::string actor;
  std::string note;
};
std::string replay_event(pqxx::transaction_base& work, const Replay& replay,
                         std::chrono::milliseconds due_in);

/// What lies in the inbox, for the metrics.
struct InboxBacklog {
  std::string provider;
  std::int64_t count = 0;
  std::int64_t oldest_ms = 0;
};
std::vector<InboxBacklog> inbox_backlog(pqxx::transaction_base& work);

/// Forgets hashes that no longer matter, and refused callbacks of a month ago.
void prune_inbox(pqxx::transaction_base& work);

/// Bytes as text that JSON and PostgreSQL take: those above 127 become U+0080 to U+00FF. And back.
std::string text_of_bytes(std::string_view bytes);
std::string bytes_of_text(std::string_view text);

}  // namespace payoutd::store
