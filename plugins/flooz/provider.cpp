/// Flooz (Moov Africa), merchant SOAP service: the calls. wire.hpp says what the bytes mean, config.hpp what
/// may be set. What the provider promises, and what it does not, stands in README.md.
#include <payoutd/conceal.hpp>
#include <payoutd/plugin.hpp>

#include "../scope.hpp"
#include "config.hpp"
#include "token.hpp"
#include "wire.hpp"

namespace flooz {
namespace {

using payoutd::Awaitable;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Secret;
using payoutd::Services;
using payoutd::Settings;
using payoutd::Status;
using payoutd::Submission;

/// The service cannot be used as things stand; the message is for the operator.
class FloozFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A transaction that nobody has, for the probe.
constexpr std::string_view kProbeTransaction = "0";

class FloozProvider final : public payoutd::Provider {
 public:
  FloozProvider(Services services, const Settings& settings)
      : services_(std::move(services)),
        config_(settings),
        token_(make_token(config_.username, config_.password, config_.encryption_key)) {}

  static payoutd::Contract contract(const Settings& settings) { return make_contract(settings); }
  static std::vector<payoutd::Problem> validate(const Settings& settings, payoutd::Environment environment) {
    return validate_settings(settings, environment);
  }

  std::string account_scope() const override;
  std::optional<payoutd::Problem> check_destination(const std::string& destination) const override;
  Awaitable<Prepared> prepare(Order order) override;
  Awaitable<Submission> submit(Order order, Prepared prepared) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override;
  Awaitable<payoutd::Balance> balance() override;
  Awaitable<void> probe() override;

 private:
  HttpRequest request(std::string_view operation, std::string_view content) const;
  Awaitable<HttpResponse> ask(std::string operation, std::string content);
  Awaitable<std::optional<payoutd::Problem>> account_problem(std::string msisdn);
  void expect_artefact_of(const Order& order, const Prepared& prepared) const;
  std::string without_secrets(std::string text) const;

  Services services_;
  Config config_;
  Secret token_;
};

/// References live under the merchant's user in one installation. The password is not part of the scope: it
/// is changed, and the merchant stays.
std::string FloozProvider::account_scope() const {
  return payoutd::installation_of(config_.endpoint) + " " + config_.username;
}

std::optional<payoutd::Problem> FloozProvider::check_destination(const std::string& destination) const {
  auto reason = msisdn_problem(destination, config_.country_prefixes);
  if (!reason) return std::nullopt;
  return payoutd::Problem{"destination", *std::move(reason)};
}

// ---- calls

HttpRequest FloozProvider::request(std::string_view operation, std::string_view content) const {
  HttpRequest http = HttpRequest::post(config_.endpoint);
  http.header("Accept", "application/soap+xml, text/xml, application/xml")
      .body(envelope(operation, token_.reveal(), content), config_.content_type);
  return http;
}

Awaitable<HttpResponse> FloozProvider::ask(std::string operation, std::string content) {
  co_return co_await services_.http->send(request(operation, content));
}

/// What the provider says is shown to people: should it ever echo the password or the token, that stops here.
std::string FloozProvider::without_secrets(std::string text) const {
  return payoutd::conceal(std::move(text), {config_.password, config_.encryption_key, token_});
}

// ---- paying

/// The artefact is the request as it stands in the envelope, without the token: artefacts are stored, and the
/// token is the password under a key that is public.
Awaitable<Prepared> FloozProvider::prepare(Order order) {
  if (order.money.currency != "XOF") throw FloozFailure("Flooz pays in XOF, not in " + order.money.currency);
  std::string remarks = clean_remarks(order.note, config_.remarks_length);
  if (remarks.empty()) remarks = clean_remarks(config_.default_remarks, config_.remarks_length);
  Prepared prepared;
  prepared.artefact = encode_transfer({.destination = order.destination,
                                       .amount = order.money.amount,
                                       .reference = order.reference,
                                       .wallet_id = config_.wallet_id,
                                       .remarks = std::move(remarks)});
  if (config_.check_account) prepared.impossible = co_await account_problem(order.destination);
  co_return prepared;
}

/// Only a clear "no" stops a payment. Where the question itself fails, the transfer's own answer will tell.
Awaitable<std::optional<payoutd::Problem>> FloozProvider::account_problem(std::string msisdn) {
  Account account;
  try {
    const HttpResponse response = co_await ask("getMobileAccountStatus", encode_account_request(msisdn));
    account = decode_account(response.status, response.body, msisdn);
  } catch (const payoutd::HttpFailure& failure) {
    account.reason = failure.what();
  }
  if (account.state == AccountState::active) co_return std::nullopt;
  if (account.state == AccountState::unusable)
    co_return payoutd::Problem{std::string(kAccountInactive), std::move(account.reason)};
  services_.log->warning("flooz.account_unchecked", "Moov did not say whether the payee's account is active",
                         {{"reason", without_secrets(std::move(account.reason))}});
  co_return std::nullopt;
}

/// An artefact that does not say what the order says is a fault of ours, found before it costs anything.
void FloozProvider::expect_artefact_of(const Order& order, const Prepared& prepared) const {
  if (prepared.format != 1)
    throw FloozFailure("artefact format " + std::to_string(prepared.format) + " is unknown");
  if (!is_reference(order.reference)) throw FloozFailure("the reference is not of this contract's format");
  const auto transfer = decode_transfer(prepared.artefact);
  if (!transfer) throw FloozFailure("the artefact " + transfer.error().field + " " + transfer.error().reason);
  if (transfer->amount != order.money.amount || order.money.currency != "XOF" ||
      transfer->destination != order.destination || transfer->reference != order.reference) {
    throw FloozFailure("the artefact is not that of this order");
  }
}

Awaitable<Submission> FloozProvider::submit(Order order, Prepared prepared) {
  expect_artefact_of(order, prepared);
  const HttpResponse response =
      co_await services_.http->send(request("transferFlooz", prepared.artefact).moves_money());
  Submission submission =
      decode_transfer_answer(response.status, response.body, order.reference, config_.by_reference);
  submission.message = without_secrets(std::move(submission.message));
  co_return submission;
}

/// A transfer whose answer was lost has no reference of Moov's. Where ours is not known to work, nobody can
/// be asked: the host gives it to a human.
Awaitable<Status> FloozProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  static_cast<void>(prepared);
  if (!is_reference(order.reference)) throw FloozFailure("the reference is not of this contract's format");
  Status status;
  if (!config_.by_reference && provider_ref.empty()) {
    status.code = kNoProviderRef;
    status.message = "Moov's answer was lost, and with it the only name by which Moov can be asked";
    co_return status;
  }
  const StatusQuestion question{.transid = config_.by_reference ? order.reference : provider_ref,
                                .reference = order.reference,
                                .known_ref = provider_ref,
                                .by_reference = config_.by_reference,
                                .absent_codes = config_.absent_codes};
  const HttpResponse response = co_await ask("getTransactionStatus", encode_status_request(question.transid));
  status = decode_status(response.status, response.body, question);
  status.message = without_secrets(std::move(status.message));
  co_return status;
}

// ---- account

Awaitable<payoutd::Balance> FloozProvider::balance() {
  if (config_.account_msisdn.empty())
    throw payoutd::Unsupported("the balance is asked by the merchant's own number: set account_msisdn");
  const HttpResponse response = co_await ask("getBalance", encode_account_request(config_.account_msisdn));
  auto balance = decode_balance(response.status, response.body);
  if (!balance) {
    throw FloozFailure("Moov does not tell the balance: " +
                       without_secrets(balance.error().field + " " + balance.error().reason));
  }
  co_return *std::move(balance);
}

/// The balance shows that the credentials work. Without a number to ask it of, a question about a transaction
/// that does not exist shows that the service answers and lets us ask.
Awaitable<void> FloozProvider::probe() {
  if (!config_.account_msisdn.empty()) {
    co_await balance();
    co_return;
  }
  const HttpResponse response =
      co_await ask("getTransactionStatus", encode_status_request(kProbeTransaction));
  if (auto problem = service_problem(response.status, response.body))
    throw FloozFailure("Moov's merchant service cannot be used: " + without_secrets(*std::move(problem)));
}

}  // namespace
}  // namespace flooz

PAYOUTD_PLUGIN(flooz::FloozProvider, flooz::settings_schema)
