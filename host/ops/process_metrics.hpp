#pragma once
#include <prometheus/metric_family.h>

#include <vector>

namespace payoutd::ops {

/// What every exporter says of its own process, by Prometheus' usual names: processor time, memory, open
/// files, start time. Read from /proc at each call; what cannot be read is left out.
std::vector<prometheus::MetricFamily> process_families();

}  // namespace payoutd::ops
