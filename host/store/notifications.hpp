#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <span>
#include <string>
#include <vector>

namespace payoutd::store {

/// Which secret of an endpoint: derived from the master key `key_id`, counted by `version`.
struct SecretName {
  std::string key_id;
  int version = 1;
};

/// Where an integrator wants to be told what became of payouts. Times are RFC 3339 text in UTC with
/// milliseconds; empty text is null.
struct NotificationEndpoint {
  std::string id;
  std::string url;
  std::string description;
  std::string client_id;                 ///< whose payouts; empty: of all clients
  std::vector<std::string> event_types;  ///< `payout.confirmed`
  SecretName secret;
  std::optional<SecretName> old_secret;  ///< signs too until old_until
  std::string old_until;
  bool paused = false;
  std::string disabled_at;
  std::string disabled_why;  ///< gone, failing
  int failures = 0;          ///< in a row
  std::string failing_since;
  std::string quiet_until;
  std::string last_error;
  std::string last_success_at;
  std::string note;
  std::string created_at;
  std::string changed_by;
  std::string changed_at;
  std::string removed_at;
  std::int64_t pending = 0;  ///< deliveries that wait
};

void add_endpoint(pqxx::transaction_base& work, const NotificationEndpoint& endpoint);
/// By their age; removed ones only if they are wanted.
std::vector<NotificationEndpoint> notification_endpoints(pqxx::transaction_base& work, bool removed);
std::optional<NotificationEndpoint> find_endpoint(pqxx::transaction_base& work, const std::string& id);

enum class EndpointChange {
  pause,
  resume,
  enable,  ///< after it was disabled
  remove,  ///< for good; what it was not told yet is cancelled
};
/// The endpoint as it stands now; nothing: there is none of this id, or it was removed.
std::optional<NotificationEndpoint> change_endpoint(pqxx::transaction_base& work, const std::string& id,
                                                    EndpointChange change, const std::string& actor,
                                                    const std::string& note);
/// Its secret becomes the next version under `key_id`; the one before signs too for `overlap`.
std::optional<NotificationEndpoint> rotate_secret(pqxx::transaction_base& work, const std::string& id,
                                                  const std::string& key_id, std::chrono::seconds overlap,
                                                  const std::string& actor, const std::string& note);

/// One message to be sent now by who claimed it.
struct DueDelivery {
  std::string notification_id;
  std::string endpoint_id;
  std::string url;
  std::string type;
  std::string payload;
  SecretName secret;
  std::optional<SecretName> old_secret;  ///< only while it still signs
  int attempts = 0;                      ///< this one included
  int tries = 0;                         ///< the same since it was last wanted
  std::int64_t age_ms = 0;               ///< since then, by the database's clock
};

struct InFlight {
  std::string endpoint_id;
  int count = 0;
};
struct DeliveryClaim {
  std::string host;                   ///< incarnation that sends
  std::vector<std::string> key_ids;   ///< master keys that it has; endpoints under others are left to others
  std::vector<InFlight> in_flight;    ///< what it sends already
  int per_endpoint = 8;               ///< at most so many at once to one endpoint…
  int limit = 128;                    ///< …and so many now
  std::chrono::milliseconds lease{};  ///< nobody else takes them in this time
};
/// Takes what is due, oldest first, of each endpoint as many as it has room for; of one whose last delivery
/// failed, one at a time. What others hold is skipped, not waited for.
std::vector<DueDelivery> claim_deliveries(pqxx::transaction_base& work, const DeliveryClaim& claim);

/// What became of an attempt to deliver.
struct DeliveryOutcome {
  enum class Kind {
    delivered,
    retry,    ///< again after `pause`
    give_up,  ///< failed for good
  };
  Kind kind = Kind::delivered;
  std::string notification_id;
  std::string endpoint_id;
  int attempts = 0;  ///< as it was claimed: tells an attempt that is no longer this host's
  int status = 0;    ///< HTTP; 0: no answer came
  std::string error;
  std::chrono::milliseconds pause{0};
  bool gone = false;                   ///< the endpoint wants nothing more
  std::chrono::milliseconds quiet{0};  ///< nothing is sent to the endpoint for so long
};
/// What recording it came to.
struct RecordedDelivery {
  bool recorded = false;  ///< false: its lease was over, or it was cancelled or replayed meanwhile
  std::string disabled;   ///< the endpoint was disabled by it: gone, failing
  std::string url;        ///< of that endpoint
};
struct DeliveryRules {
  std::string host;
  std::chrono::seconds disable_after{};  ///< an endpoint that only failed for so long is disabled
};
/// Writes outcomes and what they say of their endpoints; one answer for each, in order. That an endpoint was
/// disabled is written into the audit log with it.
std::vector<RecordedDelivery> record_deliveries(pqxx::transaction_base& work,
                                                std::span<const DeliveryOutcome> outcomes,
                                                const DeliveryRules& rules);
/// What this host holds and has not begun to send is anybody's again.
void release_deliveries(pqxx::transaction_base& work, const std::string& host,
                        const std::vector<DueDelivery>& deliveries);

/// A delivery as operators see it.
struct DeliveryRow {
  std::string notification_id;
  std::string endpoint_id;
  std::string url;
  std::string type;
  std::string payout_id;
  std::string client_id;
  std::string created_at;
  std::string state;  ///< pending, delivered, failed, cancelled
  int attempts = 0;
  int tries = 0;
  std::string wanted_since;
  std::string next_attempt_at;
  std::string last_attempt_at;
  int last_status = 0;
  std::string last_error;
  std::string settled_at;
};
struct DeliveryFilter {
  std::string endpoint_id;
  std::string payout_id;
  std::string type;
  std::string state;
  std::int64_t since_s = 0;  ///< only the last so many seconds; 0: however old
  bool failed_only = false;  ///< what was given up, or failed at least once and still waits
  std::string before;        ///< the `next` of the page before; empty: from the newest
  int limit = 50;
};
struct DeliveryPage {
  std::vector<DeliveryRow> deliveries;  ///< newest first
  std::string next;                     ///< empty: there are no more
};
DeliveryPage list_deliveries(pqxx::transaction_base& work, const DeliveryFilter& filter);

struct NotificationRow {
  std::string id;
  std::string at;
  std::string payout_id;
  std::string client_id;
  std::string type;
  std::string payload;
  std::vector<DeliveryRow> deliveries;
};
std::optional<NotificationRow> find_notification(pqxx::transaction_base& work, const std::string& id);

/// What is to be sent again: the notifications of these endpoints, of those that are not removed. An endpoint
/// that was added later also gets what it would have wanted.
struct DeliveryReplay {
  std::string notification_id;  ///< only this one; empty: all that the rest names
  std::string endpoint_id;      ///< empty: every endpoint
  std::int64_t since_s = 0;     ///< of the last so many seconds; 0: however old
  bool failed_only = false;     ///< only what was not delivered
  int limit = 1'000;            ///< at most so many, the oldest first
  bool dry_run = false;
};
struct ReplayedDeliveries {
  std::int64_t matching = 0;
  std::vector<DeliveryRow> deliveries;  ///< of them, those that are sent again
};
ReplayedDeliveries replay_deliveries(pqxx::transaction_base& work, const DeliveryReplay& replay);

/// What waits to be delivered, for the metrics.
struct NotificationBacklog {
  std::int64_t pending = 0;          ///< to endpoints that are served
  std::int64_t oldest_ms = 0;        ///< how long the oldest of them has been wanted
  std::int64_t held = 0;             ///< to endpoints that are paused or disabled
  std::int64_t endpoints = 0;        ///< that are not removed
  std::int64_t disabled = 0;         ///< of them
  std::vector<std::string> key_ids;  ///< under which their secrets are derived
};
NotificationBacklog notification_backlog(pqxx::transaction_base& work);

struct PrunedNotifications {
  std::int64_t rows = 0;         ///< of both tables
  std::int64_t undelivered = 0;  ///< of them, deliveries that still waited
};
/// Forgets deliveries that have not been wanted for so long, settled or not, and notifications that have none
/// left; at most `limit` of each.
PrunedNotifications prune_notifications(pqxx::transaction_base& work, std::chrono::seconds age, int limit);

}  // namespace payoutd::store
