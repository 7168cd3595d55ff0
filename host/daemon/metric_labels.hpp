#pragma once
#include <string>
#include <vector>

#include "ops/config.hpp"
#include "ops/metrics.hpp"

namespace payoutd::daemon {

/// The closed sets that labels of metrics are taken from, whatever clients send. `routes`: the patterns.
ops::MetricsLabels metric_labels(const ops::Config& config, std::vector<std::string> routes);

}  // namespace payoutd::daemon
