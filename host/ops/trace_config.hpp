#pragma once
#include <chrono>
#include <payoutd/result.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace payoutd::ops {

/// Where spans go; without a URL nowhere.
struct TracingConfig {
  std::string url;  ///< whole, with its path
  std::vector<std::pair<std::string, Secret>> headers;
  std::string service_name;
  int queue_size = 0;
  int batch_size = 0;
  std::chrono::milliseconds interval{};
  std::chrono::milliseconds timeout{};

  bool enabled() const noexcept { return !url.empty(); }
};

/// `Name=value,Other=value`, as OTEL_EXPORTER_OTLP_HEADERS writes them: spaces around are dropped, values may
/// be percent-encoded. The values are registered with the redactor; the Problem shows none of them.
Result<std::vector<std::pair<std::string, Secret>>> parse_otlp_headers(std::string_view text);

/// `/v1/traces` below the base, where OTLP over HTTP takes traces.
std::string traces_url(std::string base);

}  // namespace payoutd::ops
