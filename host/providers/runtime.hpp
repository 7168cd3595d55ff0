#pragma once
#include <sys/types.h>

#include <filesystem>
#include <ostream>
#include <string>

namespace payoutd::providers {

/// How a provider process ends. The host tells the operator; the sentence came over the channel before.
enum class ExitCode : int {
  stopped = 0,          ///< told to
  bad_usage = 64,       ///< started by hand, or by a host of another version
  plugin_refused = 65,  ///< the library cannot be used; starting it again will not help
  parent_gone = 66,     ///< the host died
  send_log = 67,        ///< the send log could not be locked or read
};

struct ProcessOptions {
  std::filesystem::path plugin_path;
  std::string plugin_name;    ///< as configured; empty: any
  std::string provider_name;  ///< the configured instance, for logs
  std::filesystem::path send_log_path;
  pid_t host_pid = 0;
  int channel_fd = 3;
};

/// The life of a provider process: detaches from everything inherited but the channel, binds itself to the
/// host's life, takes the send log's lock, loads the plugin, and serves the host until it is told to stop.
/// Never returns by exception.
int serve_provider(const ProcessOptions& options);

/// Writes what a plugin is as one JSON object: descriptor, schema and, with default settings where they
/// suffice, its contract; or {"refused": sentence} with ExitCode::plugin_refused.
int inspect_plugin(const std::filesystem::path& path, std::ostream& out);

}  // namespace payoutd::providers
