#include "daemon/plugin_versions.hpp"

#include <map>

#include "ops/log.hpp"

namespace payoutd::daemon {
namespace {

namespace fs = std::filesystem;

providers::ProviderConfig with_library(const ops::ProviderConfig& provider, fs::path library) {
  providers::ProviderConfig one;
  one.name = provider.name;
  one.plugin_path = std::move(library);
  one.settings = provider.settings;
  one.secrets = provider.secrets_json();
  one.http = provider.http;
  return one;
}

const providers::ProviderStatus* status_of(const std::vector<providers::ProviderStatus>& all,
                                           const std::string& name) {
  const auto found = std::ranges::find(all, name, &providers::ProviderStatus::name);
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

fs::path PluginVersions::library_to_load(const ops::ProviderConfig& provider) const {
  try {
    return shelf_.wanted(provider.library);
  } catch (const ShelfError& failure) {
    log::warning("host.plugin_not_kept", failure.what(), {{"provider", provider.name}});
    return provider.library;
  }
}

std::vector<providers::ProviderConfig> PluginVersions::start(const ops::Config& config) {
  std::vector<providers::ProviderConfig> all;
  for (const auto& [name, provider] : config.live_config.providers) {
    if (!provider.enabled) continue;
    const fs::path library = library_to_load(provider);
    all.push_back(with_library(provider, library));
    try {
      if (library != provider.library) shelf_.put_in_service(provider.library, library);
    } catch (const ShelfError& failure) {
      log::warning("host.plugin_not_kept", failure.what(), {{"provider", name}});
    }
  }
  return all;
}

Awaitable<std::vector<std::string>> PluginVersions::reload(const ops::Config& config) {
  std::vector<std::string> refusals;
  const auto refuse = [&](const std::string& provider, const Problem& problem) {
    refusals.push_back(config.provider_problem(provider, problem).text());
    log::error("host.provider_reload_refused", refusals.back(), {{"provider", provider}});
  };
  const std::vector<providers::ProviderStatus> running = supervisor_.status();
  std::map<fs::path, std::vector<providers::ProviderConfig>> upgrades;
  for (const auto& [name, provider] : config.live_config.providers) {
    if (!provider.enabled) continue;
    const fs::path library = library_to_load(provider);
    const auto* status = status_of(running, name);
    if (status != nullptr && status->plugin_path != library) {
      upgrades[provider.library].push_back(with_library(provider, library));
      continue;
    }
    const std::vector<Problem> problems = co_await supervisor_.reconfigure(with_library(provider, library));
    for (const Problem& problem : problems) refuse(name, problem);
  }
  for (auto& [installed, configs] : upgrades) {
    const fs::path library = configs.front().plugin_path;
    const std::string first = configs.front().name;
    const std::vector<Problem> problems = co_await supervisor_.upgrade(std::move(configs));
    for (const Problem& problem : problems) {
      const std::string why =
          "the new version of its plugin is not taken over: " + problem.field + " " + problem.reason;
      refusals.push_back("providers." + first + ".plugin: " + why + " (" + installed.string() + ")");
      log::error("host.provider_reload_refused", why, {{"provider", first}, {"plugin", installed.string()}});
    }
    if (problems.empty() && library != installed) shelf_.put_in_service(installed, library);
  }
  co_return refusals;
}

Awaitable<http::HostView::PluginChange> PluginVersions::change(const ops::Config& config, std::string plugin,
                                                               std::string file) {
  http::HostView::PluginChange result;
  std::vector<providers::ProviderConfig> configs;
  std::vector<fs::path> installed;
  const std::vector<providers::ProviderStatus> running = supervisor_.status();
  for (const auto& [name, provider] : config.live_config.providers) {
    const auto* status = status_of(running, name);
    if (status == nullptr || (provider.plugin != plugin && status->plugin_name != plugin)) continue;
    result.version_before = status->plugin_version;
    result.providers.push_back(name);
    fs::path library;
    std::string trouble;
    try {
      if (file.empty()) {
        const auto before = shelf_.before(provider.library);
        if (before) library = *before;
        if (!before) trouble = "no version before the one in service is kept";
      } else {
        library = shelf_.copy_of(file);
      }
    } catch (const ShelfError& failure) {
      trouble = failure.what();
    }
    if (trouble.empty() && status->plugin_path == library)
      trouble = "this very library is in service already";
    if (!trouble.empty()) {
      result.problems.push_back({file.empty() ? "plugin" : "file", trouble});
      co_return result;
    }
    configs.push_back(with_library(provider, library));
    installed.push_back(provider.library);
  }
  if (configs.empty()) co_return result;
  const std::vector<providers::ProviderConfig> used = configs;
  result.problems = co_await supervisor_.upgrade(std::move(configs));
  if (!result.problems.empty()) co_return result;
  for (std::size_t i = 0; i < used.size(); ++i) shelf_.put_in_service(installed[i], used[i].plugin_path);
  for (const providers::ProviderStatus& status : supervisor_.status()) {
    if (status.name == result.providers.front()) result.version = status.plugin_version;
  }
  co_return result;
}

}  // namespace payoutd::daemon
