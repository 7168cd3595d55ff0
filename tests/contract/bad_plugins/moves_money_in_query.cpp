// Pays while it is only asked.
#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  using Base::Base;
  payoutd::Awaitable<payoutd::Status> query(payoutd::Order order, payoutd::Prepared, std::string) override {
    static_cast<void>(co_await services_.http->send(pay(order)));
    co_return payoutd::Status{};
  }
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
