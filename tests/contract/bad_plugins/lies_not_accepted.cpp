// Says that the PSP did not take the request, with a listed code, though it cannot know.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    try {
      static_cast<void>(co_await services_.http->send(pay(order)));
    } catch (const payoutd::HttpFailure&) {
    }
    co_return payoutd::Submission::not_accepted("BUSY", "surely nothing happened");
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
