#pragma once
#include <memory>
#include <string>

#include "ops/config.hpp"
#include "ops/metrics.hpp"
#include "ops/otlp_exporter.hpp"
#include "ops/trace.hpp"

namespace payoutd::daemon {

/// Sends the host's spans to the configured collector as long as it lives.
class Tracing {
 public:
  /// Attaches itself to `tracer`, if there is a collector. Both must outlive it.
  Tracing(const ops::Config& config, const std::string& incarnation, ops::Metrics& metrics,
          trace::Tracer& tracer);
  ~Tracing();
  Tracing(const Tracing&) = delete;
  Tracing& operator=(const Tracing&) = delete;

  void configure(const ops::LiveConfig& live) { tracer_.set_ratio(live.trace_sample_ratio); }
  /// Sends what is left, but does not keep the host for long.
  void stop();

 private:
  trace::Tracer& tracer_;
  std::unique_ptr<ops::OtlpExporter> exporter_;  ///< null: there is no collector
};

}  // namespace payoutd::daemon
