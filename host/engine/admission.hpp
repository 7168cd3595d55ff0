#pragma once
#include <boost/json/object.hpp>
#include <functional>
#include <payoutd/awaitable.hpp>
#include <payoutd/result.hpp>
#include <string>
#include <vector>

#include "core/limits.hpp"
#include "core/trace_context.hpp"
#include "core/used_token.hpp"
#include "engine/observer.hpp"
#include "engine/throttle.hpp"
#include "policy/bundle.hpp"
#include "providers/provider_handle.hpp"
#include "store/admission.hpp"
#include "store/group_commit.hpp"

namespace payoutd::engine {

/// What a client asks for, as it stands in the request: checked for shape, not yet for the provider's rules.
struct PayoutRequest {
  std::string client_id;
  std::string idempotency_key;
  std::string provider;  ///< empty: the host chooses
  Money money;
  std::string destination;
  std::string user;
  std::string region;
  std::string note;
  boost::json::object metadata;
  std::string batch;
  std::string flow_id;
  core::RequestTrace trace;
  std::string actor;
  core::UsedToken token;

  /// What the client sent, keys sorted, defaults left out: two requests are the same if this is the same.
  std::string canonical() const;
};

/// Reads the JSON form of a payout: `amount` (string), `currency`, `destination`, and optionally `provider`,
/// `user`, `region`, `note`, `metadata`, `batch`. Unknown fields, wrong types, over-long text, control
/// characters and invalid UTF-8 are Problems that name the field. `idempotency_key` is allowed inside when
/// `key_inside`.
Result<PayoutRequest> read_payout(const boost::json::value& json, bool key_inside);

/// A key is 1 to 128 printable ASCII characters.
std::optional<Problem> check_key(const std::string& key);

struct AdmissionReply {
  enum class Kind {
    created,
    replayed,   ///< same key, same payload: the stored answer
    conflict,   ///< same key, other payload
    refused,    ///< the request cannot be paid as it is; `problem` says why
    throttled,  ///< the provider takes no more for the moment; nothing was stored, try again later
    not_ready,  ///< the provider has not declared itself yet; nothing was stored, try again
  };
  Kind kind = Kind::refused;
  std::string payout_id;
  std::string created_at;
  std::string provider;
  Problem problem;                      ///< of `throttled`: `reason` is a whole sentence
  std::chrono::seconds retry_after{0};  ///< of `throttled`
  std::string existing_payload;         ///< for a conflict
};

/// Takes payouts in: provider's rules first, then key, payout and event in one group-committed statement.
class Admission {
 public:
  struct Parts {
    store::Pool& pool;
    Observer& observer;
    std::string host;     ///< incarnation
    Secret instance_key;  ///< payouts' ids are derived from it
    policy::Policy& policy;
    Throttle& throttle;
    std::function<policy::Candidate(const providers::ProviderHandle&)> candidate;
    std::function<const core::Limits&()> limits;
    std::function<std::vector<providers::ProviderHandle*>()> providers;
    std::function<void()> admitted;  ///< something is due
  };
  Admission(Parts parts, std::chrono::microseconds window);

  /// Throws the store's errors when the database is away: then nothing was admitted, or (InDoubt) the same
  /// request with the same key finds out.
  Awaitable<AdmissionReply> admit(PayoutRequest request);

  void stop() { writes_.stop(); }
  store::GroupCommitStats stats() const { return writes_.stats(); }

 private:
  struct Route {
    providers::ProviderHandle* handle =
        nullptr;           ///< nullptr: the script that chooses among several went wrong
    std::string decision;  ///< JSON text for app.decisions; empty: no script was asked
  };
  Result<Route> choose(const PayoutRequest& request) const;
  Result<Route> route(const PayoutRequest& request, std::vector<providers::ProviderHandle*> fitting) const;
  /// Why the provider cannot pay this as it is; a reply of kind created means that it can.
  struct Checked {
    AdmissionReply reply;
    std::string decision;
  };
  Awaitable<Checked> check(PayoutRequest request) const;
  Awaitable<AdmissionReply> check_provider(PayoutRequest request, providers::ProviderHandle* handle) const;

  Parts parts_;
  store::GroupCommit<store::NewPayout, store::Admitted> writes_;
};

}  // namespace payoutd::engine
