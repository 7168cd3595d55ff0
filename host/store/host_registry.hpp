#pragma once
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "core/host_roles.hpp"
#include "store/rate_share.hpp"

namespace payoutd::store {

struct HostIdentity {
  std::string incarnation;  ///< UUID of this process start
  std::string name;
  std::string version;
  core::HostRoles roles = core::HostRoles::all();
  std::vector<std::string> providers{};  ///< that are configured here; their names need no quotes in an array
};

struct ProviderSwitches {
  std::string name;
  bool paused = false;
  bool dry_run = false;
  std::string quarantined_at;  ///< empty: not quarantined
  std::string quarantine_reason;
  std::string note;
  std::string changed_by;
  std::string changed_at;

  /// The throttle of admission as somebody set it; it counts only if `throttled_at` is not empty.
  std::string throttle_rate{};      ///< such as 10/s; empty: without limit
  std::int64_t throttle_depth = 0;  ///< 0: without limit
  std::string throttle_note{};
  std::string throttled_by{};
  std::string throttled_at{};

  /// Of the dry run; empty: nobody ever set it.
  std::string dry_run_note{};
  std::string dry_run_by{};
  std::string dry_run_at{};

  /// Live hosts with the role worker that have it configured, or may, because their version does not say.
  int working_hosts = 0;
};

/// What a beat brings back: all that one host must know of the others' and the operators' doings.
struct Beat {
  std::string timeline;           ///< of the database
  std::string system_identifier;  ///< of the database cluster
  std::int64_t last_event = 0;  ///< highest event id given out; falls only if the database went back in time
  bool dry_run = false;
  bool stop_submissions = false;
  bool stop_writes = false;
  bool look_up_first = false;  ///< new payouts are looked up before they are submitted
  bool drained = false;        ///< this host claims nothing until it is resumed
  std::int64_t now_ms = 0;     ///< the database's clock, since 1970
  /// Milliseconds since 1970: tokens that were issued then or before are refused; 0: nothing was revoked.
  std::int64_t sessions_revoked_until_ms = 0;
  std::vector<ProviderSwitches> providers;
  SharePart share;          ///< of every shared rate, from now on
  int admitting_hosts = 1;  ///< that live and have the role api, this one included
  int working_hosts = 1;    ///< that live and have the role worker, drained or not
};

/// Writes this host's heartbeat, settles its share of the rates and reads the switches. `keeps_share` false:
/// so much time has passed since the last beat that others may have taken this host's share.
Beat beat(pqxx::transaction_base& work, const HostIdentity& host, bool keeps_share = true);

/// Says that this host is gone for good: its leases may be taken over at once, and its share is free.
void say_stopped(pqxx::transaction_base& work, const std::string& incarnation);

struct HostRow {
  std::string incarnation;
  std::string name;
  std::string version;
  std::string started_at;
  std::string beat_at;
  std::string stopped_at;
  std::int64_t beat_age_ms = 0;
  std::int64_t leases = 0;
  bool drained = false;
  std::vector<std::string> roles;
  std::optional<std::vector<std::string>>
      providers{};  ///< configured there; nothing: its version does not say
};
std::vector<HostRow> hosts(pqxx::transaction_base& work);

struct SwitchChange {
  std::string name;  ///< dry_run, stop_submissions, stop_writes or look_up_first
  bool enabled = false;
  std::string actor;
  std::string note;
};
struct SwitchRow {
  std::string name;
  std::string note;
  std::string changed_by;
  std::string changed_at;
};
std::vector<SwitchRow> enabled_switches(pqxx::transaction_base& work);
void set_switch(pqxx::transaction_base& work, const SwitchChange& change);

/// Refuses every token that was issued up to now, by the database's clock or the caller's, whichever is
/// later; returns that time, in milliseconds since 1970. Never moves back.
std::int64_t invalidate_sessions(pqxx::transaction_base& work, std::int64_t callers_now_ms,
                                 const std::string& actor, const std::string& note);

/// Makes sure that the provider has a row, and notes which plugin it runs.
void register_provider(pqxx::transaction_base& work, const std::string& name, const std::string& plugin,
                       const std::string& plugin_version);
void set_paused(pqxx::transaction_base& work, const std::string& provider, bool paused,
                const std::string& actor, const std::string& note);
/// New submits through the provider end as SIMULATED.
void set_dry_run(pqxx::transaction_base& work, const std::string& provider, bool enabled,
                 const std::string& actor, const std::string& note);

struct ThrottleChange {
  std::string provider;
  bool by_configuration = false;  ///< nothing is set any more: the hosts' configuration counts
  std::string rate;               ///< empty: without limit
  std::int64_t depth = 0;         ///< 0: without limit
  std::string actor;
  std::string note;
};
void set_throttle(pqxx::transaction_base& work, const ThrottleChange& change);
/// An empty reason lifts the quarantine.
void set_quarantine(pqxx::transaction_base& work, const std::string& provider, const std::string& reason,
                    const std::string& actor);

/// Stores a contract under its content hash, once.
void keep_contract(pqxx::transaction_base& work, const std::string& id, const std::string& provider,
                   const std::string& scope, const std::string& contract_json);

struct StoredContract {
  std::string scope;
  std::string contract_json;
};
StoredContract load_contract(pqxx::transaction_base& work, const std::string& id);

/// Marks every payout that may have been sent without this database knowing it: nothing that is not finished
/// is submitted before its reference was looked up, and nothing that is admitted from now on until somebody
/// turns the switch look_up_first off. Used after a failover or a restore. Returns how many.
std::int64_t mark_verify_first(pqxx::transaction_base& work, const std::string& actor,
                               const std::string& why);

}  // namespace payoutd::store
