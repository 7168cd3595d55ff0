// A correct plugin: what the broken ones are compared with, and whom the host goes on serving beside them.
#include "plugin_base.hpp"

namespace {

class Good final : public contract_tests::Base {
 public:
  Good(payoutd::Services services, const payoutd::Settings& settings)
      : Base(std::move(services), settings),
        key_(settings.has("key") ? settings.secret("key") : payoutd::Secret()) {}

  static payoutd::Contract contract(const payoutd::Settings& settings) {
    auto contract = Base::contract(settings);
#ifdef CONTRACT_REPEAT_HARMLESS
    contract.repeat = payoutd::Repeat::harmless;
#endif
#ifdef CONTRACT_OTHER_REFERENCE
    contract.reference = {.uuid4 = false, .charset = "0123456789abcdef", .length = 24};
#endif
#ifdef CONTRACT_FORGETS_FORMATS
    contract.artefact_format = 2;
    contract.readable_formats = {2};
#endif
    return contract;
  }

#ifdef CONTRACT_OTHER_SCOPE
  std::string account_scope() const override { return "another account"; }
#endif

  static std::vector<payoutd::Problem> validate(const payoutd::Settings& settings,
                                                payoutd::Environment environment) {
    if (environment == payoutd::Environment::prod && settings.string("url").starts_with("http:")) {
      return {{"url", "must be https in production"}};
    }
    return {};
  }

  std::optional<payoutd::Problem> check_destination(const std::string& destination) const override {
    if (destination.size() == 11) return std::nullopt;
    return payoutd::Problem{"destination", "must have 11 digits"};
  }

  payoutd::Awaitable<void> probe() override {
    services_.log->info("good.probed", "with the key " + std::to_string(key_.reveal().size()) + " long");
    const auto answer = co_await services_.http->send(payoutd::HttpRequest::get(url_ + "/probe"));
    if (answer.status == 403) throw std::runtime_error("the PSP does not know us");
  }

  payoutd::Awaitable<payoutd::Balance> balance() override {
    co_return payoutd::Balance{payoutd::Amount::from_units(150'000'000), "XOF"};
  }

  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override {
    payoutd::WebhookReading reading;
    reading.kind = webhook.body == std::string("\xff\x00good", 6) ? payoutd::WebhookReading::Kind::hint
                                                                  : payoutd::WebhookReading::Kind::rejected;
    reading.reason = std::string("not utf-8: \xff");
    return reading;
  }

 private:
  payoutd::Secret key_;
};

}  // namespace

PAYOUTD_PLUGIN(Good, contract_tests::base_schema)
