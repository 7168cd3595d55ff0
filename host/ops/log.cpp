#include "ops/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <mutex>

#include "ops/redact.hpp"

namespace payoutd::log {
namespace {

namespace json = boost::json;

spdlog::level::level_enum spdlog_level(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warning:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

/// Hands finished lines to a function.
class OutputSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit OutputSink(std::function<void(std::string_view)> output) : output_(std::move(output)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    output_({line.payload.data(), line.payload.size()});
  }
  void flush_() override {}

  std::function<void(std::string_view)> output_;
};

struct Log {
  std::shared_ptr<spdlog::logger> sink;
  bool as_json = true;
  std::string host;
};

std::shared_ptr<const Log> make_log(Options options) {
  auto log = std::make_shared<Log>();
  spdlog::sink_ptr sink;
  if (options.output)
    sink = std::make_shared<OutputSink>(std::move(options.output));
  else
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  log->sink = std::make_shared<spdlog::logger>("payoutd", std::move(sink));
  log->sink->set_formatter(std::make_unique<spdlog::pattern_formatter>("%v"));
  log->sink->set_level(spdlog::level::trace);  // `current_level` decides, before anything is formatted
  log->sink->flush_on(spdlog::level::trace);
  log->as_json =
      options.format == Format::json || (options.format == Format::automatic && ::isatty(STDERR_FILENO) == 0);
  log->host = std::move(options.host);
  return log;
}

std::atomic<Level> current_level{Level::info};

struct Current {
  std::mutex mutex;
  std::shared_ptr<const Log> log = make_log({});
};

Current& current() {
  static auto* instance = new Current;  // never destroyed: the last lines come from other destructors
  return *instance;
}

std::shared_ptr<const Log> current_log() {
  const std::lock_guard lock(current().mutex);
  return current().log;
}

/// For who looks into a host that runs: the log itself is where its lines are kept.
struct Ring {
  std::mutex mutex;
  std::deque<std::string> lines;
};

Ring& ring() {
  static auto* instance = new Ring;
  return *instance;
}

void keep(std::string line) {
  constexpr std::size_t kMostLines = 2000;
  constexpr std::size_t kLongestLine = 16 * 1024;
  if (line.size() > kLongestLine) return;
  Ring& all = ring();
  const std::lock_guard lock(all.mutex);
  all.lines.push_back(std::move(line));
  if (all.lines.size() > kMostLines) all.lines.pop_front();
}

/// RFC 3339 with milliseconds, in UTC.
std::string timestamp() {
  const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto seconds = std::chrono::floor<std::chrono::seconds>(now);
  const std::time_t time = std::chrono::system_clock::to_time_t(seconds);
  std::tm utc{};
  ::gmtime_r(&time, &utc);
  std::array<char, 32> text{};
  const auto length = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000Z", &utc);
  auto ms = static_cast<int>((now - seconds).count());
  for (std::size_t i = length - 2; ms > 0; ms /= 10, --i) text[i] = static_cast<char>('0' + ms % 10);
  return {text.data(), length};
}

std::string json_line(const Log& log, Level level, std::string_view event, std::string_view message,
                      json::object fields) {
  json::object line{{"ts", timestamp()}, {"level", to_string(level)}, {"event", event}, {"message", message}};
  if (!log.host.empty()) line["host"] = log.host;
  for (auto& field : fields) {
    const bool is_taken = line.contains(field.key());
    line.insert_or_assign(is_taken ? "field_" + std::string(field.key()) : std::string(field.key()),
                          std::move(field.value()));
  }
  return json::serialize(line);
}

std::string_view colour(Level level) {
  switch (level) {
    case Level::debug:
      return "\033[2m";
    case Level::info:
      return "\033[32m";
    case Level::warning:
      return "\033[33m";
    case Level::error:
      return "\033[31m";
  }
  return "";
}

/// For people: the time of day, the level, the message, then the event and its fields.
std::string text_line(Level level, std::string_view event, std::string_view message,
                      const json::object& fields) {
  constexpr std::string_view kDim = "\033[2m", kReset = "\033[0m";
  auto line = timestamp().substr(11, 12);
  line.append(" ").append(colour(level)).append(to_string(level)).append(kReset);
  line.append(8 - std::min<std::size_t>(8, to_string(level).size()), ' ').append(message);
  line.append("  ").append(kDim).append(event);
  for (const auto& field : fields) {
    line.append(" ").append(field.key()).append("=");
    line.append(field.value().is_string() ? std::string(field.value().get_string())
                                          : json::serialize(field.value()));
  }
  for (auto& c : line)
    if (c == '\n' || c == '\r') c = ' ';
  return line.append(kReset);
}

}  // namespace

void configure(Options options) {
  set_level(options.level);
  auto log = make_log(std::move(options));
  const std::lock_guard lock(current().mutex);
  current().log = std::move(log);
}

void set_level(Level level) noexcept {
  current_level.store(level, std::memory_order_relaxed);
}
Level level() noexcept {
  return current_level.load(std::memory_order_relaxed);
}
bool enabled(Level level) noexcept {
  return level >= log::level();
}

void write(Level level, std::string_view event, std::string_view message, boost::json::object fields) {
  if (!enabled(level)) return;
  const auto log = current_log();
  const auto& redactor = ops::redactor();
  json::value redacted(std::move(fields));
  redactor.redact(redacted);
  const auto safe_message = redactor.redact(message);
  std::string line;
  if (!log->as_json) line = text_line(level, event, safe_message, redacted.get_object());
  auto kept = json_line(*log, level, event, safe_message, std::move(redacted.get_object()));
  if (log->as_json) line = kept;
  keep(std::move(kept));
  log->sink->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

std::vector<std::string> recent(std::size_t most) {
  Ring& all = ring();
  const std::lock_guard lock(all.mutex);
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, all.lines.size()));
  return {all.lines.end() - count, all.lines.end()};
}

std::string_view to_string(Level level) noexcept {
  switch (level) {
    case Level::debug:
      return "debug";
    case Level::info:
      return "info";
    case Level::warning:
      return "warning";
    case Level::error:
      return "error";
  }
  return "invalid";
}

std::optional<Level> parse_level(std::string_view name) noexcept {
  for (const auto level : {Level::debug, Level::info, Level::warning, Level::error})
    if (to_string(level) == name) return level;
  return std::nullopt;
}

}  // namespace payoutd::log
