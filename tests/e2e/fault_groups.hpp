#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/scene.hpp"

namespace payoutd::test {

struct FaultCase {
  std::string fault;
  boost::json::object more;  ///< delays and the like
};

/// The faults of one request. Times are chosen around the response time-out (1 s) and the time after which
/// absence is proof (1 s): longer delays would break the promises of the contract, and no client could be
/// right.
const std::vector<FaultCase>& request_faults();

/// Faults on the calls of the scene's provider. Those on one payment's calls meet payees of their own, two
/// for each fault: the first payee's payment meets it once, the second's so often as `add` says.
class FaultGroups {
 public:
  explicit FaultGroups(Scene& scene) : scene_(scene) {}

  /// A fault that meets the operation of a payment. `before` are faults that its other calls meet first, once
  /// each.
  void add(const FaultCase& fault, const std::string& operation, int count,
           const std::map<std::string, std::string>& before = {});
  /// A fault that meets the next calls of the operation, whosever they are.
  void add_for_anyone(const FaultCase& fault, const std::string& operation, int count);
  /// Posts a payout to each payee, a batch for each group.
  void post(HostProcess& host);
  /// Whether each fault was met; `missed` names the others.
  bool all_met(std::string& missed);
  /// Names of the groups, which are their batches.
  const std::vector<std::string>& names() const { return names_; }
  int payouts() const { return static_cast<int>(2 * names_.size()); }

 private:
  std::uint64_t command(const FaultCase& fault, const std::string& operation, boost::json::object more);

  Scene& scene_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> payees_;
  std::map<std::string, std::vector<std::uint64_t>> faults_;  ///< by name: met if one of them was applied
};

/// Commands a fault on the scene's provider; its id.
std::uint64_t add_provider_fault(Scene& scene, const std::string& fault, boost::json::object more);

/// How often each fault was applied, by its id.
std::map<std::uint64_t, std::uint64_t> applied_faults(Scene& scene);

/// How many requests of this operation the simulator saw.
std::uint64_t requests_seen(Scene& scene, const std::string& operation);

/// A host for the scene's provider, started and ready.
HostProcess& ready_host(Scene& scene, const std::map<std::string, std::string>& engine = {});

/// Waits for the end and requires that both books agree; says what they say. Some payouts may be in REVIEW.
LedgerCheck require_settled(Scene& scene, std::chrono::milliseconds limit = std::chrono::seconds{60});

/// The same, and that everybody was paid.
void require_everybody_paid(Scene& scene, std::chrono::milliseconds limit = std::chrono::seconds{60});

/// "STATE reason" of every payout of the batch, the different ones joined by commas.
std::string outcome_of(Scene& scene, const std::string& batch);

}  // namespace payoutd::test
