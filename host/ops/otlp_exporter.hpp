#pragma once
#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <payoutd/http.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "ops/trace.hpp"

namespace payoutd::ops {

struct OtlpOptions {
  std::string url;                                      ///< whole: `http://collector:4318/v1/traces`
  std::vector<std::pair<std::string, Secret>> headers;  ///< such as Authorization
  /// Who exports: `service.name` and so on, the same for all spans.
  std::vector<std::pair<std::string, std::string>> resource;
  std::string version;                           ///< of the instrumentation, which is the host
  std::size_t queue_size = 8192;                 /// spans; more are dropped and counted
  std::size_t batch_size = 512;                  ///< most spans of one request
  std::chrono::milliseconds interval{5'000};     ///< between requests, unless a batch is full before
  std::chrono::milliseconds timeout{10'000};     ///< of one request
  std::chrono::milliseconds retry_pause{1'000};  ///< after the first failure; twice as long after each
};

/// What became of spans, for the metric.
enum class SpanFate {
  exported,
  queue_full,  ///< they came faster than they could be sent
  failed,      ///< the collector could not be reached, or refused the request
  rejected,    ///< the collector took the request and not these spans
};
std::string_view to_string(SpanFate fate) noexcept;

/// An ExportTraceServiceRequest in OTLP's JSON form (opentelemetry-proto, docs/specification.md, "JSON
/// Protobuf Encoding"): ids in lower-case hexadecimal, 64-bit numbers as text, enumerations as numbers.
std::string otlp_json(const std::vector<trace::SpanRecord>& spans, const OtlpOptions& options);

/// Sends spans to a collector by OTLP over HTTP, from a thread of its own with a queue that has an end. A
/// collector that is away, slow, silent or wrong changes nothing but counters and a line in the log once a
/// minute. Requests are repeated only as OTLP says: no answer, 429, 502, 503 and 504, with growing pauses,
/// five times in all.
class OtlpExporter final : public trace::Exporter {
 public:
  /// Makes the client on the exporter's thread, which alone uses it.
  using MakeClient = std::function<std::shared_ptr<HttpClient>(boost::asio::any_io_executor)>;
  /// Thread-safe; called on any thread, and not any more after stop().
  using Count = std::function<void(SpanFate fate, std::size_t spans)>;

  OtlpExporter(OtlpOptions options, MakeClient make_client, Count count);
  ~OtlpExporter() override;  ///< as stop() without patience
  OtlpExporter(const OtlpExporter&) = delete;
  OtlpExporter& operator=(const OtlpExporter&) = delete;

  /// Not while stop() runs.
  void take(trace::SpanRecord span) noexcept override;

  /// Sends what is queued, each batch once, for at most `limit` (and half a second for the thread's end);
  /// what is left then is dropped and counted. True if nothing was. Takes nothing any more.
  bool stop(std::chrono::milliseconds limit);

 private:
  struct State;
  static void work(State& state, const MakeClient& make_client);
  std::size_t give_up(std::chrono::milliseconds limit);
  std::shared_ptr<State> state_;  ///< null once it has stopped
  std::future<void> gone_;        ///< the thread holds nothing any more
  std::thread thread_;
};

}  // namespace payoutd::ops
