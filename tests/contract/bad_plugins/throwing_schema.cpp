// Its settings schema throws.
#include "plugin_base.hpp"

namespace {
payoutd::SettingsSchema schema() {
  throw std::runtime_error("no schema today");
}
}  // namespace

PAYOUTD_PLUGIN(contract_tests::Base, schema)
