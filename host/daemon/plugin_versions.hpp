#pragma once
#include <functional>
#include <string>
#include <vector>

#include "daemon/plugin_shelf.hpp"
#include "http/host_view.hpp"
#include "ops/config.hpp"
#include "providers/supervisor.hpp"

namespace payoutd::daemon {

/// Which version of each plugin serves, and how another takes its place while payouts go on. On the host's
/// thread.
class PluginVersions {
 public:
  PluginVersions(std::filesystem::path shelf, providers::Supervisor& supervisor)
      : shelf_(std::move(shelf)), supervisor_(supervisor) {}

  /// The providers of a configuration with the libraries to load now; what is new is put in service.
  std::vector<providers::ProviderConfig> start(const ops::Config& config);

  /// New settings, secrets and libraries for the providers that run. A library that changed is an upgrade of
  /// all providers that use it, or of none. What is refused is logged and stays as it was; a line for each.
  Awaitable<std::vector<std::string>> reload(const ops::Config& config);

  /// The library in `file`, or (empty) the version before, for all providers that use this plugin.
  Awaitable<http::HostView::PluginChange> change(const ops::Config& config, std::string plugin,
                                                 std::string file);

 private:
  std::filesystem::path library_to_load(const ops::ProviderConfig& provider) const;

  PluginShelf shelf_;
  providers::Supervisor& supervisor_;
};

}  // namespace payoutd::daemon
