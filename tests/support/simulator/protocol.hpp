#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "callbacks.hpp"
#include "faults.hpp"
#include "http_message.hpp"
#include "ledger.hpp"
#include "schedule.hpp"
#include "seed.hpp"
#include "stats.hpp"

namespace simulator {

/// How long things take; of all protocols.
struct Timing {
  struct Range {
    std::chrono::milliseconds from{0};
    std::chrono::milliseconds to{0};
  };
  Range processing{std::chrono::milliseconds{50}, std::chrono::milliseconds{500}};  // accepted to final
  Range transfer_latency{};                       // before a transfer is answered
  std::chrono::milliseconds delayed_payee{3000};  // the sandbox payee that is slow
};

/// What every protocol works with; it outlives them all.
struct World {
  Seed& seed;
  Ledger& ledger;
  Faults& faults;
  Schedule& schedule;
  Callbacks& callbacks;
  Stats& stats;
  Timing timing;
  bool log = false;
};

/// One request as far as its protocol could read it before processing.
struct Call {
  std::string_view operation = "other";  // a literal of the protocol's `operations`
  bool moves_money = false;
  bool known_reference = false;
  std::string scope;
  std::string reference;
  std::string payee;
  std::string external_id;
  boost::json::value body;                              // of the requests that carry JSON
  std::string body_problem;                             // why there is no body, when there should be one
  std::optional<std::chrono::milliseconds> hidden_for;  // set by lost_then_late
};

/// What one payment provider's protocol shares with every other: it reads a request, lets the faults in force
/// replace or deform what comes of it, and settles transfers in the ledger. One thread.
class Protocol : public Service {
 public:
  explicit Protocol(World& world) : world_(world) {}

  Answer handle(const Request& request) final;
  bool resets_connection() final;

  virtual std::string_view name() const = 0;
  virtual std::vector<std::string_view> operations() const = 0;

  /// Forgets payments, keeps credentials.
  virtual void reset() = 0;

  /// Makes a pending transfer final by command. False when it is final already.
  virtual bool settle(Entry& entry, Status status, std::string_view reason) = 0;

  // What a protocol may have or not; without it the command is refused (std::invalid_argument, whose message
  // names the field and what it may be).

  /// Brings the money of a paid transfer back. False when it was not paid, or is back already.
  virtual bool reverse(Entry& entry);
  /// Ends the time in which what has this external id may be paid (empty: all that is open); says how many
  /// there were.
  virtual std::uint64_t expire(std::string_view external_id);
  /// Of one account, or of all.
  virtual void set_balance(std::string_view amount, const std::optional<std::string>& account);
  virtual boost::json::object balances() const;
  /// Makes a payee behave in a way that the protocol knows by this name.
  virtual void set_behaviour(std::string payee, std::string_view behaviour);
  /// Where a protocol whose requests name no address calls back; empty: nowhere.
  virtual void set_callback_url(std::string url);

 protected:
  virtual Call read(const Request& request) = 0;
  virtual Answer process(const Request& request, Call& call) = 0;
  virtual Answer server_error(const Fault& fault, const Call& call) = 0;
  /// What a status query hears about a reference that nobody knows.
  virtual Answer not_found(const Call& call) = 0;
  virtual Answer unauthorized(const Call& call) = 0;
  /// What stands before the provider says 403 (a foreign address) or 429 (too many requests).
  virtual Answer turned_away(unsigned status, const Call& call);
  /// A well-formed body of this operation whose fields have types that they never have.
  virtual std::string wrong_types(const Call& call) = 0;
  /// What stands around the padding of an endless body.
  virtual std::pair<std::string_view, std::string_view> huge_body_frame() const;

  /// Sends what became of a transfer as the callback faults in force have it. `stale_body` is what
  /// out_of_order_callback sends after it.
  void call_back(const Faults::Subject& subject, Callback callback, std::string stale_body);

  std::chrono::milliseconds within(Timing::Range range, std::string_view purpose,
                                   std::string_view about) const;

  World& world_;

 private:
  Answer answer_under(const Fault& fault, const Request& request, Call& call);
  std::optional<Answer> instead_of_processing(const Fault& fault, const Request& request, const Call& call);
  void deform(const Fault& fault, const Call& call, Answer& answer);
  void send_later(std::chrono::milliseconds delay, Callback callback);
  void log(const Call& call, const std::optional<Fault>& fault, const Answer& answer) const;
};

}  // namespace simulator
