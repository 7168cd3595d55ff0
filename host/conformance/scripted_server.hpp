#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "conformance/fault.hpp"
#include "conformance/transcript.hpp"

namespace payoutd::conformance {

/// A fault and where it strikes: at the `request`-th request of the `call`-th call of a life, both from 0.
struct Injection {
  int call = 0;
  int request = 0;
  Fault fault;
};

/// One request that the server read to its end.
struct Arrival {
  int call = 0;
  int request = 0;
  std::string operation;  ///< of the call: prepare, submit, query
  std::string exchange;   ///< empty: it matches none
  std::string unmatched;  ///< … and this is why
  bool moves_money = false;
  bool paid = false;             ///< it made a payment
  std::string reference;         ///< of the payment that it was matched with
  std::string payout_id;         ///< likewise
  bool names_reference = false;  ///< … by its reference, and not only by what came last
  bool reference_spent = false;  ///< that reference was used up before
  WireAnswer answer;             ///< the undisturbed one
};

/// Plays one provider from a transcript on a port of its own, keeps the ledger of what was really paid, and
/// does one or more things wrong. Everything runs on the executor's thread; functions are called from there.
class ScriptedServer {
 public:
  /// `transcript` must outlive the server. Throws boost::system::system_error when no port can be had.
  static std::shared_ptr<ScriptedServer> start(boost::asio::any_io_executor executor,
                                               const Transcript& transcript);
  virtual ~ScriptedServer() = default;

  virtual std::string url() const = 0;

  /// The payment that the next calls are about. Earlier ones stay known: a late request finds its own.
  virtual void expect(const Order& order) = 0;
  /// References of later attempts of the same payout count for the same payout.
  virtual void inject(std::vector<Injection> injections) = 0;
  /// Every payment fails from now on: the money-moving exchange spends the first reference instead of paying.
  virtual void refuse_first_reference() = 0;

  /// Answers two requests at a time from now on; one that stays alone waits for a moment only.
  virtual void answer_in_pairs() = 0;

  virtual void begin_call(const std::string& operation) = 0;
  /// Lets go of what a fault still holds, and listens again.
  virtual void end_call() = 0;

  virtual const std::vector<Arrival>& arrivals() const = 0;
  /// How many of the injections have struck.
  virtual int struck() const = 0;
  virtual int times_paid(const std::string& payout_id) const = 0;
  virtual bool is_spent(const std::string& reference) const = 0;
  /// What went wrong in the server itself; empty: nothing.
  virtual const std::string& trouble() const = 0;

  /// Closes everything. The object may be let go of afterwards.
  virtual void stop() = 0;
};

}  // namespace payoutd::conformance
