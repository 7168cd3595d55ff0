// Crashes whenever it is loaded.
#include <csignal>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  Plugin(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings) {
    std::raise(SIGABRT);
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
