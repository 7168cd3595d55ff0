// Its constructor never returns.
#include <unistd.h>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  Plugin(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings) {
    for (;;) ::pause();
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
