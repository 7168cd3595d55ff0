#include "daemon/tracing.hpp"

#include "daemon/daemon.hpp"
#include "ops/log.hpp"
#include "providers/http_client.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kLastSpans{1'500};
constexpr std::size_t kMostOfAnAnswer = 64 * 1024;

// `deployment.environment` is the name that filters such as `env:prod` go by; `…environment.name` is what
// newer versions of the semantic conventions call it.
ops::OtlpOptions exporter_options(const ops::Config& config, const std::string& incarnation) {
  const ops::TracingConfig& tracing = config.static_config.tracing;
  const std::string environment(to_string(config.static_config.environment));
  ops::OtlpOptions options;
  options.url = tracing.url;
  options.headers = tracing.headers;
  options.version = version();
  options.resource = {{"service.name", tracing.service_name},  {"service.version", version()},
                      {"service.instance.id", incarnation},    {"host.name", config.static_config.name},
                      {"deployment.environment", environment}, {"deployment.environment.name", environment}};
  options.queue_size = static_cast<std::size_t>(tracing.queue_size);
  options.batch_size = static_cast<std::size_t>(tracing.batch_size);
  options.interval = tracing.interval;
  options.timeout = tracing.timeout;
  return options;
}

std::shared_ptr<HttpClient> make_client(boost::asio::any_io_executor executor, milliseconds timeout) {
  providers::HttpOptions options;
  for (milliseconds* limit : {&options.resolve_timeout, &options.connect_timeout, &options.handshake_timeout,
                              &options.write_timeout})
    *limit = std::min(*limit, timeout);
  options.response_timeout = timeout;
  options.max_connections = 1;
  options.max_body_bytes = kMostOfAnAnswer;
  return providers::make_http_client(std::move(executor), std::move(options), {});
}

}  // namespace

Tracing::Tracing(const ops::Config& config, const std::string& incarnation, ops::Metrics& metrics,
                 trace::Tracer& tracer)
    : tracer_(tracer) {
  configure(config.live_config);
  const ops::TracingConfig& tracing = config.static_config.tracing;
  if (!tracing.enabled()) return;
  exporter_ = std::make_unique<ops::OtlpExporter>(
      exporter_options(config, incarnation),
      [timeout = tracing.timeout](boost::asio::any_io_executor executor) {
        return make_client(std::move(executor), timeout);
      },
      [&metrics](ops::SpanFate fate, std::size_t spans) { metrics.spans(to_string(fate), spans); });
  tracer_.attach(*exporter_);
  log::info("trace.exporting", "Spans are sent to a collector.",
            {{"url", providers::redacted_url(tracing.url)}, {"service_name", tracing.service_name}});
}

Tracing::~Tracing() {
  tracer_.detach();
}

void Tracing::stop() {
  tracer_.detach();
  if (exporter_) exporter_->stop(kLastSpans);
}

}  // namespace payoutd::daemon
