#pragma once
#include <memory>
#include <payoutd/awaitable.hpp>
#include <string>
#include <vector>

#include "conformance/scripted_server.hpp"
#include "core/state.hpp"
#include "providers/provider_handle.hpp"

namespace payoutd::conformance {

/// One call of the host to the plugin, and what came of it.
struct Step {
  std::string operation;  ///< check_destination, prepare, submit, query
  std::string claim;      ///< what the plugin said: `accepted`, `refused NO_SUCH_PAYEE`, `an exception`, …
  std::string believed;   ///< what the host made of it, where that is something else
  int paid = 0;           ///< how often the provider had really paid when the call was over
  core::State state = core::State::pending;  ///< of the payout, after the engine's decision
  std::vector<std::string> wrong;  ///< sentences: what was claimed or done that is not true or not allowed
};

/// How one payment went.
struct Rehearsal {
  std::vector<Step> steps;
  core::State end = core::State::pending;
  int paid = 0;
  std::vector<std::string> notes;

  std::vector<std::string> wrong() const;  ///< of all steps
};

struct Stage {
  providers::ProviderHandle* provider = nullptr;
  std::shared_ptr<ScriptedServer> server;
  Order order;  ///< the first reference is the order's own
  std::chrono::milliseconds prepare_timeout{15'000};
  /// Nothing goes wrong in this life: what the plugin says must be complete, too.
  bool undisturbed = false;
  /// Another payout is rehearsed on the same server at the same time.
  bool overlaps = false;
  /// Only prepare and the first submit: the host got no further with this reference.
  bool ends_after_submit = false;
  /// The transcript says what a look-up answers while nothing is paid.
  bool can_tell_unpaid = false;
  /// In which call a look-up shows another payment's record, and what is other in it; empty: never.
  std::string lied_about;
  int lied_in_call = 0;
  /// Takes what the runtime logged since it was asked last: events that prove a broken rule.
  std::function<std::vector<std::string>()> take_alarms;
};

/// Pays one order as the engine would: prepare, submit, and then what the engine's own decision table says
/// (query, the same artefact again where the contract calls that harmless, a new attempt under the same or
/// the next reference), without waiting: the provider is taken to have had all the time that the contract
/// asks for. Each claim is compared with the scripted server's ledger.
Awaitable<Rehearsal> rehearse(Stage stage);

}  // namespace payoutd::conformance
