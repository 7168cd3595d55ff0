#pragma once
#include <filesystem>
#include <payoutd/plugin.hpp>
#include <stdexcept>
#include <string>

namespace payoutd::providers {

/// The library cannot be used; the text is a sentence for the operator that names what differs or is missing.
class PluginRefused : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Loads the plugin at `path` with Boost.DLL for the rest of the process's life (never dlclose: its code may
/// be on a coroutine's frame at any time) and checks its descriptor field by field before anything of it is
/// called. Throws PluginRefused. With a non-empty `expected_name`, so must the plugin be called.
const PluginDescriptor& load_plugin(const std::filesystem::path& path, const std::string& expected_name);

/// The check alone: the sentence that says which field differs; empty if all agree.
std::string refusal(const PluginDescriptor& descriptor, const std::string& expected_name);

}  // namespace payoutd::providers
