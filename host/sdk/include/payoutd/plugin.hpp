#pragma once
/// The one header of a plugin: the Provider interface and the export macro.
#include <boost/config.hpp>
#include <boost/version.hpp>
#include <concepts>
#include <cstdint>
#include <memory>
#include <payoutd/provider.hpp>
#include <vector>

namespace payoutd {

inline constexpr std::uint32_t kSdkVersion = 1;

#define PAYOUTD_STRINGIFY_(x) #x
#define PAYOUTD_STRINGIFY(x) PAYOUTD_STRINGIFY_(x)
#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PAYOUTD_SANITIZER_TAG "address"
#elif __has_feature(thread_sanitizer)
#define PAYOUTD_SANITIZER_TAG "thread"
#endif
#endif
#ifndef PAYOUTD_SANITIZER_TAG
#define PAYOUTD_SANITIZER_TAG "none"
#endif

/// Everything that must agree between a plugin and the process that loads it, as `field=value` pairs.
inline constexpr const char* kAbiTag =
    "sdk=1;libstdcxx_cxx11_abi=" PAYOUTD_STRINGIFY(_GLIBCXX_USE_CXX11_ABI) ";libstdcxx=" PAYOUTD_STRINGIFY(
        _GLIBCXX_RELEASE) ";boost=" BOOST_LIB_VERSION ";sanitizer=" PAYOUTD_SANITIZER_TAG;

/// What a plugin exports under the name `payoutd_plugin_descriptor`. It is plain data up to `version`, so
/// that it can be read and refused before any function of the plugin is called.
struct PluginDescriptor {
  std::uint32_t struct_size;
  std::uint32_t sdk_version;
  const char* abi_tag;
  const char* name;
  const char* version;
  SettingsSchema (*settings_schema)();
  std::vector<Problem> (*validate)(const Settings&, Environment);
  Contract (*contract)(const Settings&);
  std::unique_ptr<Provider> (*create)(Services, const Settings&);
};

namespace detail {
template <class Plugin>
concept ValidatesSettings = requires(const Settings& settings, Environment environment) {
  { Plugin::validate(settings, environment) } -> std::same_as<std::vector<Problem>>;
};

template <class Plugin>
std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  if constexpr (ValidatesSettings<Plugin>) {
    return Plugin::validate(settings, environment);
  } else {
    return {};
  }
}
}  // namespace detail

}  // namespace payoutd

/// Exports `Plugin` (a class with `static Contract contract(const Settings&)`, a constructor from
/// (Services, const Settings&) and, optionally, `static std::vector<Problem> validate(const Settings&,
/// Environment)`) whose settings are described by `schema_function`. The name and version come from
/// payoutd_add_plugin() in CMake.
#define PAYOUTD_PLUGIN(Plugin, schema_function)                                               \
  extern "C" BOOST_SYMBOL_EXPORT const ::payoutd::PluginDescriptor payoutd_plugin_descriptor; \
  const ::payoutd::PluginDescriptor payoutd_plugin_descriptor = {                             \
      sizeof(::payoutd::PluginDescriptor),                                                    \
      ::payoutd::kSdkVersion,                                                                 \
      ::payoutd::kAbiTag,                                                                     \
      PAYOUTD_PLUGIN_NAME,                                                                    \
      PAYOUTD_PLUGIN_VERSION,                                                                 \
      schema_function,                                                                        \
      &::payoutd::detail::validate_settings<Plugin>,                                          \
      [](const ::payoutd::Settings& settings) { return Plugin::contract(settings); },         \
      [](::payoutd::Services services,                                                        \
         const ::payoutd::Settings& settings) -> std::unique_ptr<::payoutd::Provider> {       \
        return std::make_unique<Plugin>(std::move(services), settings);                       \
      }};
