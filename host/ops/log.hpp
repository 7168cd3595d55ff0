#pragma once
#include <boost/json/object.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// The structured log. Every event has a stable id (`engine.state_changed`) that docs/log-events.md
/// explains to operators. Messages and fields pass the redactor. Thread-safe.
namespace payoutd::log {

enum class Level { debug, info, warning, error };
enum class Format {
  automatic,  ///< text on a terminal, json elsewhere
  json,       ///< one object a line: ts, level, event, message, host, then the fields
  text
};

struct Options {
  Level level = Level::info;
  Format format = Format::automatic;
  std::string host;  ///< the host's name, on every line; empty: left out
  /// Where lines go, without their line break; called by one thread at a time. Empty: standard error.
  std::function<void(std::string_view line)> output;
};

/// Before it is called, lines of level info and above go to standard error.
void configure(Options options);
void set_level(Level level) noexcept;
Level level() noexcept;
bool enabled(Level level) noexcept;

void write(Level level, std::string_view event, std::string_view message, boost::json::object fields = {});

inline void debug(std::string_view event, std::string_view message, boost::json::object fields = {}) {
  if (enabled(Level::debug)) write(Level::debug, event, message, std::move(fields));
}
inline void info(std::string_view event, std::string_view message, boost::json::object fields = {}) {
  if (enabled(Level::info)) write(Level::info, event, message, std::move(fields));
}
inline void warning(std::string_view event, std::string_view message, boost::json::object fields = {}) {
  if (enabled(Level::warning)) write(Level::warning, event, message, std::move(fields));
}
inline void error(std::string_view event, std::string_view message, boost::json::object fields = {}) {
  write(Level::error, event, message, std::move(fields));
}

/// The last lines as JSON objects, whatever the format, the latest last; at most 2000 are kept.
std::vector<std::string> recent(std::size_t most);

std::string_view to_string(Level level) noexcept;
std::optional<Level> parse_level(std::string_view name) noexcept;

}  // namespace payoutd::log
