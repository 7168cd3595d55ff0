// Tries a second money-moving request when the first one failed.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    bool failed = false;
    try {
      static_cast<void>(co_await services_.http->send(pay(order)));
    } catch (const payoutd::HttpFailure&) {
      failed = true;
    }
    static_cast<void>(failed);
    co_return read_answer(co_await services_.http->send(pay(order)));
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
