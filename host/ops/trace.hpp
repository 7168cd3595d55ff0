#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "core/trace_context.hpp"

/// Spans: who did what to a payout and how long it took, told to a collector. Where there is no collector
/// all of it costs a comparison. Nothing here waits, throws or changes anything but the spans themselves.
namespace payoutd::trace {

/// The numbers are OTLP's (Span.SpanKind).
enum class Kind { internal = 1, server = 2, client = 3, consumer = 5 };

/// One finished span. Texts pass the redactor when they are exported; an account number belongs nowhere
/// here all the same.
struct SpanRecord {
  core::TraceContext context;  ///< the span itself
  std::string parent_id;       ///< empty: it begins its trace
  bool remote_parent = false;  ///< the parent is another system's
  std::string_view name;       ///< of static storage
  Kind kind = Kind::internal;
  std::int64_t start_ns = 0;  ///< since 1970
  std::int64_t end_ns = 0;
  std::vector<std::pair<std::string_view, std::variant<std::string, std::int64_t>>> attributes;
  bool failed = false;
};

/// Takes finished spans to wherever they go.
class Exporter {
 public:
  virtual ~Exporter() = default;
  /// Thread-safe. Returns at once, whatever the collector does; what there is no room for is dropped.
  virtual void take(SpanRecord span) noexcept = 0;
};

/// Decides which spans are recorded. Host thread only.
class Tracer {
 public:
  /// Off until then. `exporter` outlives the spans that are open.
  void attach(Exporter& exporter) { exporter_ = &exporter; }
  void detach() { exporter_ = nullptr; }
  /// The share of the traces that is recorded where no caller decided, 0 to 1; decided by the trace id, so
  /// that every host and every later day decides alike.
  void set_ratio(double ratio);

  bool enabled() const noexcept { return exporter_ != nullptr; }
  /// Where nobody upstream decided.
  bool samples(std::string_view trace_id) const noexcept;
  /// The caller's trace and its decision, or else the flow's own. `span_id` is left empty.
  core::TraceContext trace_of(const core::TraceContext& caller, std::string_view flow_id) const;

  void take(SpanRecord span) noexcept {
    if (exporter_ != nullptr) exporter_->take(std::move(span));
  }

 private:
  Exporter* exporter_ = nullptr;
  std::uint64_t threshold_ = 0;  ///< a trace is left out whose last 7 bytes are below it
};

/// A tracer that records nothing.
Tracer& off();

/// A moment on both clocks: the one that collectors want and the one that measures.
struct Moment {
  std::chrono::system_clock::time_point wall = std::chrono::system_clock::now();
  std::chrono::steady_clock::time_point steady = std::chrono::steady_clock::now();
};

/// A span that is being recorded, or nothing at all. It ends with `end()`; one that is destroyed before
/// (by an exception) ends as failed, with the outcome `interrupted`.
class Span {
 public:
  Span() = default;
  /// Records if the tracer is on and `context` is sampled; its span id is the new span's.
  Span(Tracer& tracer, core::TraceContext context, std::string parent_id, std::string_view name, Kind kind,
       Moment began = {});
  Span(Span&& other) noexcept = default;
  Span& operator=(Span&&) = delete;
  ~Span();

  explicit operator bool() const noexcept { return open_ != nullptr; }
  /// Empty values are left out. `key` is of static storage.
  Span& with(std::string_view key, std::string_view value);
  Span& with(std::string_view key, std::int64_t value);
  /// The parent is a span of another system.
  Span& remote_parent();
  /// Another parent than it was begun with.
  Span& below(std::string parent_id);
  /// Another id than it was begun with.
  Span& known_as(std::string span_id);
  void end(std::string_view outcome, bool failed = false);

 private:
  struct Open {
    Tracer& tracer;
    SpanRecord record;
    std::chrono::steady_clock::time_point began;
  };
  std::unique_ptr<Open> open_;
};

}  // namespace payoutd::trace
