// Built with another Boost: its descriptor says so, and nothing of it may be called.
#include "plugin_base.hpp"

extern "C" BOOST_SYMBOL_EXPORT const payoutd::PluginDescriptor payoutd_plugin_descriptor;
const payoutd::PluginDescriptor payoutd_plugin_descriptor = {
    sizeof(payoutd::PluginDescriptor),
    payoutd::kSdkVersion,
    "sdk=1;libstdcxx_cxx11_abi=1;libstdcxx=12;boost=1_74;sanitizer=" PAYOUTD_SANITIZER_TAG,
    PAYOUTD_PLUGIN_NAME,
    PAYOUTD_PLUGIN_VERSION,
    [] {
      std::abort();
      return payoutd::SettingsSchema{};
    },
    [](const payoutd::Settings&, payoutd::Environment) { return std::vector<payoutd::Problem>{}; },
    [](const payoutd::Settings&) { return payoutd::Contract{}; },
    [](payoutd::Services, const payoutd::Settings&) { return std::unique_ptr<payoutd::Provider>(); }};
