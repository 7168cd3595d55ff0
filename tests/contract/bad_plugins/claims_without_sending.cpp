// Reports success without having sent anything.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order, payoutd::Prepared) override {
    co_return payoutd::Submission::confirmed("made-up");
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
