#pragma once
#include <atomic>
#include <iosfwd>
#include <string>

#include "ctl/client.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {

/// What all commands share: where the host is and how to answer.
struct Context {
  std::string socket;
  bool json = false;  ///< standard output holds exactly one JSON document
  std::ostream& out;
  std::ostream& err;
  Style style{false};
  bool live = false;  ///< standard error is a terminal that a progress line may be drawn on
};

/// Set by Ctrl-C. Long commands look at it, and end in an orderly way.
std::atomic<bool>& interrupted();
/// The first Ctrl-C sets interrupted(), the second ends the program.
void watch_interrupts();

}  // namespace payoutd::ctl
