#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "conformance/transcript.hpp"

namespace payoutd::conformance {

/// What goes wrong with one exchange.
struct Fault {
  enum class Kind {
    none,
    refused,           ///< nobody listens
    connect_timeout,   ///< the connection is never taken: no byte of the request can leave
    reset_at_accept,   ///< taken and reset at once
    never_read,        ///< taken, and nothing is read from it
    reset_after_head,  ///< reset before the request was read to its end
    silent,            ///< read, and not answered
    closed,            ///< read, and closed without an answer
    reset,             ///< read, and reset without an answer
    cut_head,          ///< reset in the middle of the answer's status line
    cut,               ///< closed in the middle of the answer's body
    cut_reset,         ///< reset in the middle of the answer's body
    drip,              ///< the answer comes so slowly that it is given up
    twice,             ///< the answer is sent twice
    rewrite,           ///< another answer
    delivered_twice,   ///< the request arrives twice; the answer is that to the second arrival
    another_record,    ///< the answer is about a payment that differs in one thing
  };
  Kind kind = Kind::none;
  std::string family;     ///< of which faults it is one, for the report: `wrong types`
  std::string text;       ///< the fault itself: `data.amount is null`
  bool processed = true;  ///< the provider did what was asked before things went wrong
  std::function<WireAnswer(WireAnswer)> rewrite;
  Binding lie;  ///< variables with other values, for another_record

  /// It is about the connection, before any request is read from it.
  bool is_of_connection() const {
    return kind == Kind::refused || kind == Kind::connect_timeout || kind == Kind::reset_at_accept ||
           kind == Kind::never_read || kind == Kind::reset_after_head;
  }
};

/// What is known of an exchange when faults for it are made up.
struct FaultPlace {
  const Exchange* exchange = nullptr;
  std::string call;         ///< prepare, submit or query
  WireAnswer answer;        ///< the one that was given when nothing went wrong
  bool has_effect = false;  ///< it changes something at the provider
  Order order;
};

/// Another payee's number: the order's with another last digit; empty where payees are not numbers.
std::string another_destination(const Order& order);

/// Every fault that makes sense there. An exchange that has an effect gets each fault twice: processed and
/// not processed.
std::vector<Fault> faults_at(const FaultPlace& place);

}  // namespace payoutd::conformance
