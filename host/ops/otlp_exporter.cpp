#include "ops/otlp_exporter.hpp"

#include <pthread.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/json.hpp>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

#include "core/signal.hpp"
#include "ops/log.hpp"
#include "ops/redact.hpp"

namespace payoutd::ops {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using trace::SpanRecord;

constexpr int kMostTries = 5;
constexpr milliseconds kLongestPause{30'000};
constexpr std::chrono::seconds kLogInterval{60};
constexpr milliseconds kThreadEnds{500};

// Of Span.flags: the W3C flags stand below, bit 8 says that bit 9 is known, bit 9 that the parent is remote.
constexpr int kSampled = 0x01;
constexpr int kRemoteKnown = 0x100;
constexpr int kRemote = 0x200;
constexpr int kStatusError = 2;

json::object attribute(std::string_view key, json::object value) {
  return {{"key", key}, {"value", std::move(value)}};
}

json::object attribute(std::string_view key, std::string_view text) {
  return attribute(key, json::object{{"stringValue", redactor().redact(text)}});
}

json::object span_json(const SpanRecord& span) {
  json::object out{{"traceId", span.context.trace_id}, {"spanId", span.context.span_id}};
  if (!span.context.state.empty()) out["traceState"] = span.context.state;
  if (!span.parent_id.empty()) out["parentSpanId"] = span.parent_id;
  out["flags"] = kSampled | kRemoteKnown | (span.remote_parent ? kRemote : 0);
  out["name"] = span.name;
  out["kind"] = static_cast<int>(span.kind);
  out["startTimeUnixNano"] = std::to_string(span.start_ns);
  out["endTimeUnixNano"] = std::to_string(span.end_ns);
  json::array attributes;
  for (const auto& [key, value] : span.attributes) {
    if (const auto* text = std::get_if<std::string>(&value)) {
      attributes.push_back(attribute(key, *text));
    } else {
      attributes.push_back(
          attribute(key, json::object{{"intValue", std::to_string(std::get<std::int64_t>(value))}}));
    }
  }
  out["attributes"] = std::move(attributes);
  // Unset where all is well: OK is a word for whoever reads traces to say.
  out["status"] = span.failed ? json::object{{"code", kStatusError}} : json::object{};
  return out;
}

bool may_repeat(int status) {
  return status == 429 || status == 502 || status == 503 || status == 504;
}

// Seconds only; a date is no better than our own pause.
std::optional<milliseconds> retry_after(const HttpResponse& response) {
  const std::string_view text = response.header("Retry-After");
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (text.empty() || error != std::errc{} || end != text.data() + text.size() || seconds < 0)
    return std::nullopt;
  return std::min<milliseconds>(std::chrono::seconds(seconds), kLongestPause);
}

// `{"partialSuccess": {"rejectedSpans": "3"}}`; a number or its text.
std::size_t rejected_in(const std::string& body, std::size_t sent) {
  boost::system::error_code failed;
  const json::value answer = json::parse(body, failed);
  if (failed || !answer.is_object()) return 0;
  const auto* partial = answer.get_object().if_contains("partialSuccess");
  if (partial == nullptr || !partial->is_object()) return 0;
  const auto* rejected = partial->get_object().if_contains("rejectedSpans");
  if (rejected == nullptr) return 0;
  std::int64_t count = 0;
  if (rejected->is_int64()) count = rejected->get_int64();
  if (rejected->is_string()) {
    const auto& text = rejected->get_string();
    std::from_chars(text.data(), text.data() + text.size(), count);
  }
  return static_cast<std::size_t>(std::clamp<std::int64_t>(count, 0, static_cast<std::int64_t>(sent)));
}

}  // namespace

std::string_view to_string(SpanFate fate) noexcept {
  switch (fate) {
    case SpanFate::exported:
      return "exported";
    case SpanFate::queue_full:
      return "queue_full";
    case SpanFate::failed:
      return "failed";
    case SpanFate::rejected:
      return "rejected";
  }
  return "invalid";
}

std::string otlp_json(const std::vector<SpanRecord>& spans, const OtlpOptions& options) {
  json::array attributes;
  for (const auto& [key, value] : options.resource) attributes.push_back(attribute(key, value));
  json::array all;
  all.reserve(spans.size());
  for (const SpanRecord& span : spans) all.push_back(span_json(span));
  json::object scope{{"scope", json::object{{"name", "payoutd"}, {"version", options.version}}},
                     {"spans", std::move(all)}};
  json::object resource{{"resource", json::object{{"attributes", std::move(attributes)}}},
                        {"scopeSpans", json::array{std::move(scope)}}};
  return json::serialize(json::object{{"resourceSpans", json::array{std::move(resource)}}});
}

/// Shared with the thread, so that one which hangs in the system's resolver can be left behind.
struct OtlpExporter::State {
  State(OtlpOptions from, Count counter) : options(std::move(from)), count(std::move(counter)) {}

  void tell(SpanFate fate, std::size_t spans) noexcept;
  std::vector<SpanRecord> next_batch();
  Awaitable<void> run();
  Awaitable<void> deliver(std::vector<SpanRecord> batch);
  Awaitable<std::string> send(std::shared_ptr<const std::string> body, std::size_t spans,
                              std::optional<milliseconds>* pause);
  void complain(const std::string& why);

  const OtlpOptions options;
  boost::asio::io_context io{1};
  core::Signal wake{io.get_executor()};     ///< a batch is full, or the end is near
  core::Signal hurry{io.get_executor()};    ///< the end is near
  std::shared_ptr<HttpClient> client;       ///< the thread's own
  std::optional<Clock::time_point> spoken;  ///< the thread's own: when a line was last logged
  std::size_t lost_since = 0;               ///< the thread's own: spans lost since then

  std::mutex mutex;  // of everything below
  Count count;       ///< empty: nobody counts any more
  std::deque<SpanRecord> queue;
  std::size_t in_hand = 0;    ///< of a batch that is being sent
  std::size_t overflown = 0;  ///< not logged yet
  bool stopping = false;
  bool ended = false;  ///< everything was sent or given up
  std::condition_variable end;
};

void OtlpExporter::State::tell(SpanFate fate, std::size_t spans) noexcept {
  if (spans == 0) return;
  try {
    const std::lock_guard lock(mutex);
    if (count) count(fate, spans);
  } catch (const std::exception&) {
    // A count that is not counted is all that is lost.
  }
}

std::vector<SpanRecord> OtlpExporter::State::next_batch() {
  const std::lock_guard lock(mutex);
  const auto size = static_cast<std::ptrdiff_t>(std::min(queue.size(), options.batch_size));
  std::vector<SpanRecord> batch(std::make_move_iterator(queue.begin()),
                                std::make_move_iterator(queue.begin() + size));
  queue.erase(queue.begin(), queue.begin() + size);
  in_hand = batch.size();
  lost_since += std::exchange(overflown, 0);
  return batch;
}

Awaitable<void> OtlpExporter::State::run() {
  for (;;) {
    std::vector<SpanRecord> batch = next_batch();
    if (lost_since > 0) complain("the queue was full");
    if (!batch.empty()) {
      co_await deliver(std::move(batch));
      continue;
    }
    {
      const std::lock_guard lock(mutex);
      if (stopping) break;
    }
    co_await wake.wait(options.interval);
  }
}

Awaitable<void> OtlpExporter::State::deliver(std::vector<SpanRecord> batch) {
  const auto body = std::make_shared<const std::string>(otlp_json(batch, options));
  const std::size_t spans = batch.size();
  batch.clear();
  milliseconds pause = options.retry_pause;
  for (int tries = 1;; ++tries) {
    std::optional<milliseconds> again;
    const std::string why = co_await send(body, spans, &again);
    if (why.empty()) break;
    bool last = false;
    {
      const std::lock_guard lock(mutex);
      last = stopping;
    }
    if (!again || tries == kMostTries || last) {
      tell(SpanFate::failed, spans);
      lost_since += spans;
      complain(why);
      break;
    }
    co_await hurry.wait(again->count() > 0 ? *again : pause);
    pause = std::min(2 * pause, kLongestPause);
  }
  const std::lock_guard lock(mutex);
  in_hand = 0;
}

// Empty: it was taken. `pause` is set where it may be sent again; 0: whenever we like.
Awaitable<std::string> OtlpExporter::State::send(std::shared_ptr<const std::string> body, std::size_t spans,
                                                 std::optional<milliseconds>* pause) {
  HttpRequest request = HttpRequest::post(options.url).timeout(milliseconds(options.timeout));
  for (const auto& [name, value] : options.headers) request.header(name, value.reveal());
  request.body(*body, "application/json");
  HttpResponse response;
  try {
    response = co_await client->send(std::move(request));
  } catch (const HttpFailure& failure) {
    *pause = milliseconds{0};
    co_return failure.what();
  }
  if (response.status / 100 == 2) {
    const std::size_t rejected = rejected_in(response.body, spans);
    tell(SpanFate::exported, spans - rejected);
    tell(SpanFate::rejected, rejected);
    if (rejected > 0) {
      lost_since += rejected;
      complain("the collector rejected some of the spans");
    }
    co_return std::string();
  }
  if (may_repeat(response.status)) *pause = retry_after(response).value_or(milliseconds{0});
  co_return "the collector answered " + std::to_string(response.status);
}

void OtlpExporter::State::complain(const std::string& why) {
  const auto now = Clock::now();
  if (spoken && now - *spoken < kLogInterval) return;
  spoken = now;
  log::warning("trace.spans_lost", "Spans were not exported; payouts are not affected.",
               {{"spans", std::exchange(lost_since, 0)}, {"error", why}});
}

OtlpExporter::OtlpExporter(OtlpOptions options, MakeClient make_client, Count count)
    : state_(std::make_shared<State>(std::move(options), std::move(count))) {
  std::promise<void> gone;
  gone_ = gone.get_future();
  thread_ = std::thread([state = state_, make = std::move(make_client), gone = std::move(gone)]() mutable {
    ::pthread_setname_np(::pthread_self(), "payoutd-spans");
    work(*state, make);
    state.reset();  // a look-up that hangs in the system's resolver would keep us here
    gone.set_value();
  });
}

void OtlpExporter::work(State& state, const MakeClient& make_client) {
  std::string failure;
  try {
    state.client = make_client(state.io.get_executor());
    boost::asio::co_spawn(state.io, state.run(), [&failure](std::exception_ptr error) {
      try {
        if (error) std::rethrow_exception(error);
      } catch (const std::exception& caught) {
        failure = caught.what();
      }
    });
    state.io.run();
  } catch (const std::exception& caught) {
    failure = caught.what();
  }
  if (!failure.empty())
    log::error("trace.exporter_failed", "Spans are not exported any more; payouts are not affected.",
               {{"error", failure}});
  const std::lock_guard lock(state.mutex);
  state.ended = true;
  state.end.notify_all();
}

OtlpExporter::~OtlpExporter() {
  stop(milliseconds{0});
}

void OtlpExporter::take(SpanRecord span) noexcept {
  if (!state_) return;
  std::optional<SpanFate> lost;
  bool is_batch = false;
  try {
    const std::lock_guard lock(state_->mutex);
    if (state_->ended) {
      lost = SpanFate::failed;
    } else if (state_->queue.size() >= state_->options.queue_size) {
      lost = SpanFate::queue_full;
      ++state_->overflown;
    } else {
      state_->queue.push_back(std::move(span));
      is_batch = state_->queue.size() == state_->options.batch_size;
    }
  } catch (const std::exception&) {
    lost = SpanFate::queue_full;  // no memory for it
  }
  if (lost) state_->tell(*lost, 1);
  if (!is_batch) return;
  try {
    boost::asio::post(state_->io, [state = state_.get()] { state->wake.notify(); });
  } catch (const std::exception&) {
    // The interval wakes it too.
  }
}

bool OtlpExporter::stop(milliseconds limit) {
  if (!thread_.joinable()) return true;
  const std::size_t left = give_up(limit);
  state_.reset();
  // The process may end while a thread is left behind: it works on nothing but its own memory.
  if (gone_.wait_for(kThreadEnds) == std::future_status::ready) {
    thread_.join();
  } else {
    thread_.detach();
  }
  if (left > 0)
    log::warning("trace.spans_lost", "Spans were not exported; payouts are not affected.",
                 {{"spans", left}, {"error", "the host stopped"}});
  return left == 0;
}

std::size_t OtlpExporter::give_up(milliseconds limit) {
  State& state = *state_;
  std::unique_lock lock(state.mutex);
  state.stopping = true;
  boost::asio::post(state.io, [&state] {
    state.hurry.notify();
    state.wake.notify();
  });
  state.end.wait_for(lock, limit, [&] { return state.ended; });
  const std::size_t left = state.queue.size() + state.in_hand;
  if (left > 0 && state.count) state.count(SpanFate::failed, left);
  state.count = {};
  state.queue.clear();
  state.io.stop();
  return left;
}

}  // namespace payoutd::ops
