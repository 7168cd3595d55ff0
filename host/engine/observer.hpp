#pragma once
#include <boost/json/object.hpp>
#include <chrono>
#include <string_view>

#include "ops/trace.hpp"
#include "store/rows.hpp"

namespace payoutd::engine {

enum class LogLevel { debug, info, warning, error };

/// Where the engine tells what it does: the log and the metrics of the host. Called on the host's thread.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void log(LogLevel level, std::string_view event, std::string_view message,
                   boost::json::object fields) = 0;
  /// One submit or query came to an end; `result` is one of the engine's `Saw` names.
  virtual void saw(const std::string& provider, std::string_view result) = 0;
  virtual void state_changed(const store::Payout& payout, core::State from, core::State to) = 0;
  /// A submit was repeated or retried so long after the payout was admitted.
  virtual void retried(const std::string& provider, std::chrono::milliseconds after_admission) = 0;
  /// A batch of so many items was tried. Called on a database thread, unlike everything else here.
  virtual void batch(std::string_view writer, std::size_t items) = 0;
  /// So many payouts got this verdict of the rules.
  virtual void screened(std::string_view verdict, int count) = 0;
  /// So many users got a flag that they had not before.
  virtual void users_flagged(std::int64_t count) = 0;
  /// A callback was refused or settled.
  virtual void webhook(const std::string& provider, bool signature_valid, bool applied) = 0;
  /// A new payout was refused because its provider is throttled.
  virtual void throttled(const std::string& provider) { static_cast<void>(provider); }
  /// So many payouts were claimed and put back because the provider's balance does not cover them.
  virtual void balance_deferred(const std::string& provider, const std::string& currency, int count) {
    static_cast<void>(provider);
    static_cast<void>(currency);
    static_cast<void>(count);
  }
  virtual void recovered(const std::string& provider, std::string_view how) = 0;
  /// Where spans go.
  virtual trace::Tracer& tracer() { return trace::off(); }
};

}  // namespace payoutd::engine
