#pragma once
/// Acme pays people over a small JSON API (an invented one: replace it by yours).
///
///   POST /v1/payments/{reference}  {"amount","currency","to"}  -> 201 {"id","status":"accepted"}
///                                                              -> 409 {"code":"DUPLICATE"}
///                                                              -> 422 {"code":"NO_SUCH_PAYEE"}
///   GET  /v1/payments/{reference}  -> 200 {"id","reference","status","amount","currency","to"}
///                                  -> 404 {"code":"NOT_FOUND"}
///
/// `status` is pending, paid or failed. Amounts are texts. The key goes into the Authorization header.
#include <payoutd/plugin.hpp>

/// What the answer to the payment says of the money. Pure, so that tests can try every answer.
payoutd::Submission decode_submission(int http_status, const std::string& body);

/// What the answer to the look-up says of the money.
payoutd::Status decode_status(int http_status, const std::string& body);

class Acme final : public payoutd::Provider {
 public:
  Acme(payoutd::Services services, const payoutd::Settings& settings);

  static payoutd::SettingsSchema schema();
  static payoutd::Contract contract(const payoutd::Settings& settings);
  static std::vector<payoutd::Problem> validate(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

  std::string account_scope() const override;
  std::optional<payoutd::Problem> check_destination(const std::string& destination) const override;
  payoutd::Awaitable<payoutd::Prepared> prepare(payoutd::Order order) override;
  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared prepared) override;
  payoutd::Awaitable<payoutd::Status> query(payoutd::Order order, payoutd::Prepared prepared,
                                            std::string provider_ref) override;
  payoutd::Awaitable<void> probe() override;
  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override;

 private:
  payoutd::HttpRequest authorized(payoutd::HttpRequest request) const;
  std::string payment_url(const std::string& reference) const {
    return base_url_ + "/v1/payments/" + reference;
  }

  payoutd::Services services_;
  std::string base_url_;
  std::string account_;
  payoutd::Secret api_key_;
};
