// Its constructor throws.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  Plugin(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings) {
    throw std::runtime_error("the licence file is missing");
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
