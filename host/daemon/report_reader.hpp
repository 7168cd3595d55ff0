#pragma once
#include <chrono>
#include <optional>
#include <payoutd/awaitable.hpp>
#include <vector>

#include "store/lookup.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// Lists and figures, from a replica if there is one. While it is away, or too far behind, they come from the
/// database itself, and the log says so once. Host thread only.
class ReportReader {
 public:
  /// `replica` may be nullptr.
  ReportReader(store::Pool& primary, store::Pool* replica) : primary_(primary), replica_(replica) {}

  Awaitable<store::Page> list(store::ListFilter filter);
  Awaitable<std::vector<store::Tally>> tally(store::TallyFilter filter);

  /// Asks the replica how far it is behind, and keeps the answer for the decisions above; nullopt: there is
  /// none, or it does not answer.
  Awaitable<std::optional<std::chrono::milliseconds>> measure_lag();

 private:
  bool use_replica() const;
  void fell_back(const std::string& why);
  void read_again();

  store::Pool& primary_;
  store::Pool* replica_;
  bool too_far_behind_ = false;
  bool told_ = false;
};

}  // namespace payoutd::daemon
