// Computes for ever in query.
#include "plugin_base.hpp"

namespace {
volatile bool spinning = true;

class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Status> query(payoutd::Order, payoutd::Prepared, std::string) override {
    while (spinning) {
    }
    co_return payoutd::Status{};
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
