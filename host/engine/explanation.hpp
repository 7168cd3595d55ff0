#pragma once
#include <boost/json/object.hpp>
#include <vector>

#include "engine/obstacles.hpp"
#include "store/rows.hpp"

namespace payoutd::engine {

/// All that is written down about one payout.
struct Dossier {
  store::Payout payout;
  std::vector<store::Attempt> attempts;
  std::vector<store::Event> events;
  std::vector<Obstacle> obstacles{};  ///< of a PENDING payout
};

/// Why a payout is where it is, from the journal and what stands around it:
/// `{"headline", "payout": {…}, "timeline": [{"at", "what", "by", "evidence"}], "evidence": [sentences],
///   "waits_for": [{"kind", "text"}], "next": sentence, "who_may_act": sentence,
///   "commands": [what an operator can type]}`.
/// Destinations are shortened; nothing secret is in it.
boost::json::object explain(const Dossier& dossier);

}  // namespace payoutd::engine
