#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "seed.hpp"

namespace simulator {

enum class FaultKind {
  // of the connection
  kRefuseConnection,
  kResetOnAccept,
  // the request is read and not processed
  kNeverAnswer,
  kCutBeforePaying,
  kAnswer500BeforePaying,
  kAnswer503Html,
  kRedirect,
  kAnswer401,
  kAnswer403,
  kAnswer429,
  // the request is processed
  kNeverAnswerAfterPaying,
  kPayAndCut,
  kAnswer500AfterPaying,
  kSlow,
  kSlowDrip,
  kGarbage,
  kTruncated,
  kWrongTypes,
  kHugeBody,
  kLostThenLate,
  kStatusFlap,
  // of the callback
  kDuplicateCallback,
  kOutOfOrderCallback,
  kDelayedCallback,
  kNoCallback,
};

/// When a fault applies.
enum class FaultStage { kConnection, kRequest, kCallback };

std::string_view to_text(FaultKind kind);
FaultStage stage_of(FaultKind kind);

/// A command that cannot be obeyed; the message names the field and what it may be.
class BadFault : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

struct Fault {
  std::uint64_t id = 0;
  FaultKind kind{};
  std::string protocol = "any";
  std::string operation = "any";
  std::optional<std::string> payee;
  std::optional<std::string> external_id;
  std::optional<std::string> reference;
  double probability = 1.0;
  std::optional<std::uint64_t> remaining;  // applications left; none: until it is deleted
  std::chrono::milliseconds delay{0};
  std::optional<std::chrono::milliseconds> duration;  // refuse_connection only; none: until it is deleted
  bool reset = false;                                 // cut with RST instead of FIN
  std::string code;                                   // of the answer_500 kinds; empty: the protocol's own
  std::uint64_t body_bytes = 0;                       // of huge_body
  std::uint64_t considered = 0;
  std::uint64_t applied = 0;
};

/// Throws BadFault. `operations` are those that a fault may name besides "any".
Fault read_fault(const boost::json::value& command, const std::vector<std::string_view>& operations);
boost::json::object to_json(const Fault& fault);

/// The faults in force, oldest first; the first that matches and wins its draw applies. One thread.
class Faults {
 public:
  explicit Faults(const Seed& seed) : seed_(seed) {}

  struct Subject {
    std::string_view protocol;
    std::string_view operation;
    std::string_view payee;
    std::string_view external_id;
    std::string_view reference;
    bool moves_money = false;  // lost_then_late applies to nothing else
    bool known_reference =
        false;  // a status query of a transfer in the ledger: status_flap applies to nothing else
  };

  std::uint64_t add(Fault fault);
  bool remove(std::uint64_t id);
  void clear() { faults_.clear(); }
  /// As after the start: the next fault has the first id again, and so the same draws.
  void reset() {
    faults_.clear();
    next_id_ = 1;
  }
  bool empty() const { return faults_.empty(); }
  const std::vector<Fault>& all() const { return faults_; }

  /// The fault to apply to this request, callback or new connection. It counts as applied.
  std::optional<Fault> pick(FaultStage stage, const Subject& subject);

 private:
  const Seed& seed_;
  std::vector<Fault> faults_;
  std::uint64_t next_id_ = 1;
};

}  // namespace simulator
