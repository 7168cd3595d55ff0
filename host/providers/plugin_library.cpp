#include "providers/plugin_library.hpp"

#include <boost/dll/shared_library.hpp>
#include <map>

namespace payoutd::providers {
namespace {

constexpr const char* kSymbol = "payoutd_plugin_descriptor";

std::map<std::string, std::string> abi_fields(std::string_view tag) {
  std::map<std::string, std::string> fields;
  while (!tag.empty()) {
    const auto part = tag.substr(0, tag.find(';'));
    tag.remove_prefix(std::min(tag.size(), part.size() + 1));
    const auto equals = part.find('=');
    if (equals != std::string_view::npos) fields.emplace(part.substr(0, equals), part.substr(equals + 1));
  }
  return fields;
}

/// Names the first field of the tags that differs: both are `field=value` pairs.
std::string abi_difference(std::string_view plugin_tag, std::string_view host_tag) {
  if (plugin_tag == host_tag) return {};
  const auto plugin = abi_fields(plugin_tag);
  for (const auto& [field, wanted] : abi_fields(host_tag)) {
    const auto found = plugin.find(field);
    if (found == plugin.end()) return "its ABI tag does not say '" + field + "'";
    if (found->second != wanted) {
      return "its ABI tag says " + field + "=" + found->second + ", this host needs " + field + "=" + wanted;
    }
  }
  return "its ABI tag is '" + std::string(plugin_tag) + "', this host's is '" + std::string(host_tag) + "'";
}

}  // namespace

std::string refusal(const PluginDescriptor& descriptor, const std::string& expected_name) {
  // In the order of the layout: nothing is read before what stands in front of it is known to be right.
  if (descriptor.struct_size < sizeof(std::uint32_t) * 2 || descriptor.struct_size > 4096) {
    return "its descriptor's struct_size is " + std::to_string(descriptor.struct_size) +
           ", which cannot be right";
  }
  if (descriptor.sdk_version != kSdkVersion) {
    return "it was built with sdk_version " + std::to_string(descriptor.sdk_version) + ", this host needs " +
           std::to_string(kSdkVersion);
  }
  if (descriptor.struct_size != sizeof(PluginDescriptor)) {
    return "its descriptor's struct_size is " + std::to_string(descriptor.struct_size) +
           ", this host needs " + std::to_string(sizeof(PluginDescriptor));
  }
  if (descriptor.abi_tag == nullptr) return "its descriptor's abi_tag is missing";
  if (auto difference = abi_difference(descriptor.abi_tag, kAbiTag); !difference.empty()) return difference;
  if (descriptor.name == nullptr || *descriptor.name == '\0') return "its descriptor's name is missing";
  if (descriptor.version == nullptr || *descriptor.version == '\0')
    return "its descriptor's version is missing";
  if (descriptor.settings_schema == nullptr) return "its descriptor's settings_schema is missing";
  if (descriptor.validate == nullptr) return "its descriptor's validate is missing";
  if (descriptor.contract == nullptr) return "its descriptor's contract is missing";
  if (descriptor.create == nullptr) return "its descriptor's create is missing";
  if (!expected_name.empty() && expected_name != descriptor.name) {
    return "its name is '" + std::string(descriptor.name) + "', the configuration expects '" + expected_name +
           "'";
  }
  return {};
}

const PluginDescriptor& load_plugin(const std::filesystem::path& path, const std::string& expected_name) {
  const auto refuse = [&](const std::string& why) {
    throw PluginRefused("plugin " + path.string() + ": " + why);
  };
  std::error_code unreadable;
  if (!std::filesystem::is_regular_file(path, unreadable)) refuse("there is no such file");
  // Never destroyed: the library stays.
  auto* library = new boost::dll::shared_library;
  const auto absolute = std::filesystem::absolute(path).string();
  try {
    library->load(boost::dll::fs::path(absolute), boost::dll::load_mode::rtld_now);
  } catch (const std::exception& error) {
    refuse(std::string("it cannot be loaded: ") + error.what());
  } catch (...) {
    refuse("it cannot be loaded: its initialisation threw something");
  }
  if (!library->has(kSymbol)) {
    refuse(std::string("it does not export ") + kSymbol + "; is it a payoutd plugin (PAYOUTD_PLUGIN)?");
  }
  const auto& descriptor = library->get<const PluginDescriptor>(kSymbol);
  if (auto why = refusal(descriptor, expected_name); !why.empty()) refuse(why);
  return descriptor;
}

}  // namespace payoutd::providers
