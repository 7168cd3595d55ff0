// Answers with more than a frame can hold.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Prepared> prepare(payoutd::Order) override {
    payoutd::Prepared prepared;
    prepared.lookup["padding"] = std::string(5u << 20, 'x');
    co_return prepared;
  }
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    auto submission = read_answer(co_await services_.http->send(pay(order)));
    submission.message = std::string(8u << 20, '\xff');
    co_return submission;
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
