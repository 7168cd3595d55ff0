#pragma once
#include <boost/json/object.hpp>
#include <vector>

#include "store/rows.hpp"

namespace payoutd::engine {

/// All that is written down about one payout.
struct Dossier {
  store::Payout payout;
  std::vector<store::Attempt> attempts;
  std::vector<store::Event> events;
  /// Why nothing of its provider is submitted at the moment, as a sentence; empty: nothing stands in the way.
  std::string standstill{};
};

/// Why a payout is where it is, from the journal and what is switched off:
/// `{"headline", "payout": {…}, "timeline": [{"at", "what", "by", "evidence"}], "evidence": [sentences],
///   "next": sentence, "who_may_act": sentence, "commands": [what an operator can type]}`.
/// Destinations are shortened; nothing secret is in it.
boost::json::object explain(const Dossier& dossier);

}  // namespace payoutd::engine
