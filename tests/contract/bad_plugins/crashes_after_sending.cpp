// Crashes in submit when the PSP has already paid.
#include <csignal>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    const auto answer = co_await services_.http->send(pay(order));
    std::raise(SIGSEGV);
    co_return read_answer(answer);
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
