// Writes garbage into the runtime's own descriptor.
#include <unistd.h>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<void> probe() override {
    const char garbage[] = "\xff\xff\xff\xff and so on";
    static_cast<void>(::write(3, garbage, sizeof garbage));
    co_return;
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
