#include "acme.hpp"

#include <boost/json/serialize.hpp>

Acme::Acme(payoutd::Services services, const payoutd::Settings& settings)
    : services_(std::move(services)),
      base_url_(settings.string("base_url")),
      account_(settings.string("account")) {}

payoutd::SettingsSchema Acme::schema() {
  using payoutd::SettingType;
  return {{.name = "base_url", .type = SettingType::url, .description = "Where the API answers."},
          {.name = "account", .type = SettingType::string, .description = "The paying account."},
          {.name = "api_key", .type = SettingType::secret, .description = "The key of the API."}};
}

payoutd::Contract Acme::contract(const payoutd::Settings&) {
  payoutd::Contract contract;
  contract.lookup_by_reference = true;
  contract.submit_codes = {{"NO_SUCH_PAYEE", payoutd::CodeMeaning::refused}};
  contract.currencies = {{"XOF", 0}};
  return contract;
}

std::string Acme::account_scope() const {
  return base_url_ + "#" + account_;
}

payoutd::Awaitable<payoutd::Submission> Acme::submit(payoutd::Order order, payoutd::Prepared) {
  const boost::json::object body{{"to", order.destination}, {"amount", order.money.amount.to_fixed(0)}};
  auto request = payoutd::HttpRequest::post(base_url_ + "/payments/" + order.reference)
                     .body(boost::json::serialize(body), "application/json")
                     .moves_money();
  const auto response = co_await services_.http->send(std::move(request));
  if (response.status == 201) co_return payoutd::Submission::accepted(response.body);
  if (response.status == 422)
    co_return payoutd::Submission::refused("NO_SUCH_PAYEE", "the payee does not exist");
  co_return payoutd::Submission::unknown(std::to_string(response.status),
                                         "an answer that Acme does not document");
}

payoutd::Awaitable<payoutd::Status> Acme::query(payoutd::Order, payoutd::Prepared, std::string) {
  co_return payoutd::Status{};
}

payoutd::Awaitable<void> Acme::probe() {
  co_return;
}

PAYOUTD_PLUGIN(Acme, &Acme::schema)
