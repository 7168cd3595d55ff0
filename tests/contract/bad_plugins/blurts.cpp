// Puts its secrets wherever text goes.
#include <cstdio>

#include "plugin_base.hpp"

namespace {
class Plugin final : public contract_tests::Base {
 public:
  Plugin(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings), key_(settings.secret("key")) {}
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    static_cast<void>(co_await services_.http->send(pay(order)));
    co_return payoutd::Submission::unknown("500", "the key is " + key_.reveal());
  }
  payoutd::Awaitable<payoutd::Status> query(payoutd::Order, payoutd::Prepared, std::string) override {
    payoutd::Status status;
    status.message = key_.reveal();
    co_return status;
  }
  payoutd::Awaitable<void> probe() override {
    services_.log->info("blurts.log", "I know " + key_.reveal(),
                        {{"headers", {{"authorization", key_.reveal()}}}});
    std::fprintf(stderr, "debug: %s\n", key_.reveal().c_str());
    throw std::runtime_error(key_.reveal() + " is wrong");
    co_return;
  }

 private:
  payoutd::Secret key_;
};
}  // namespace

PAYOUTD_PLUGIN(Plugin, contract_tests::base_schema)
