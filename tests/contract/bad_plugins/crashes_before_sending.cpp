// Crashes in submit before anything was sent.
#include <csignal>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order, payoutd::Prepared) override {
    std::raise(SIGSEGV);
    co_return payoutd::Submission::unknown("", "");
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
