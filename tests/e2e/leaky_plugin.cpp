// A plugin that puts its secret and the payee's number wherever text goes: it logs them, prints them, throws
// them and reports them as what the provider said.
#include <cstdio>

#include "contract/plugin_base.hpp"

namespace {

class Leaky final : public contract_tests::Base {
 public:
  Leaky(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings), key_(settings.secret("key")) {}

  payoutd::Awaitable<payoutd::Prepared> prepare(payoutd::Order order) override {
    tell("leaky.prepare", order.destination);
    co_return co_await Base::prepare(std::move(order));
  }

  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    tell("leaky.submit", order.destination);
    static_cast<void>(co_await services_.http->send(pay(order)));
    co_return payoutd::Submission::unknown("", all(order.destination));
  }

  payoutd::Awaitable<payoutd::Status> query(payoutd::Order order, payoutd::Prepared, std::string) override {
    tell("leaky.query", order.destination);
    if (++queries_ % 2 == 0) throw std::runtime_error(all(order.destination));
    payoutd::Status status;
    status.message = all(order.destination);
    co_return status;
  }

  payoutd::Awaitable<void> probe() override {
    tell("leaky.probe", {});
    throw std::runtime_error(all({}));
    co_return;
  }

 private:
  std::string all(const std::string& payee) const {
    return "the key is " + key_.reveal() + ", the payee " + payee + ".";
  }

  void tell(const char* event, const std::string& payee) {
    services_.log->info(event, all(payee),
                        {{"headers", {{"authorization", "Bearer " + key_.reveal()}}},
                         {"msisdn", payee},
                         {"text", all(payee)}});
    std::fprintf(stderr, "debug: %s\n", all(payee).c_str());
    std::fprintf(stdout, "debug: %s\n", all(payee).c_str());
    std::fflush(stdout);
  }

  payoutd::Secret key_;
  int queries_ = 0;
};

}  // namespace

PAYOUTD_PLUGIN(Leaky, contract_tests::base_schema)
