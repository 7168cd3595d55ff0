// From the future: made for version 7 of the SDK, whose descriptor may look different behind that field.
#include "plugin_base.hpp"

extern "C" BOOST_SYMBOL_EXPORT const std::uint32_t payoutd_plugin_descriptor[4];
const std::uint32_t payoutd_plugin_descriptor[4] = {16, 7, 0, 0};
