/// TMoney (Togocom / Yas), API "tpcredit": the calls. wire.hpp says what the bytes mean, config.hpp what may
/// be set. What the provider promises, and what it does not, stands in README.md.
#include <payoutd/conceal.hpp>
#include <payoutd/plugin.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

#include "../scope.hpp"
#include "config.hpp"
#include "wire.hpp"

namespace tmoney {
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
using payoutd::Token;

/// The API cannot be used as things stand; the message is for the operator.
class TmoneyFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// An idRequete that no payout has, for the probe.
constexpr std::string_view kProbeReference = "payoutd0probe0000000";

class TmoneyProvider final : public payoutd::Provider {
 public:
  TmoneyProvider(Services services, const Settings& settings)
      : services_(std::move(services)), config_(settings), tokens_(services_, [this] { return log_in(); }) {}

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
  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override;

 private:
  Awaitable<Token> log_in();
  HttpRequest authorized(HttpRequest request, const Secret& token) const;
  Awaitable<Status> ask(std::string reference);
  Credit credit_of(const Order& order, const Prepared& prepared) const;
  std::string without_secrets(std::string text) const;

  Services services_;
  Config config_;
  std::optional<payoutd::Amount> last_balance_;  ///< soldePartenaire of the last credit's answer
  payoutd::TokenCache tokens_;
};

/// References live under the partner's account in one installation, which the paths are part of. The password
/// is not part of the scope: it is rotated, and the account stays.
std::string TmoneyProvider::account_scope() const {
  return payoutd::installation_of(config_.base_url) + " " + config_.credit_path + " " + config_.status_path +
         " " + config_.username;
}

std::optional<payoutd::Problem> TmoneyProvider::check_destination(const std::string& destination) const {
  auto reason = msisdn_problem(destination);
  if (!reason) return std::nullopt;
  return payoutd::Problem{"destination", *std::move(reason)};
}

// ---- tokens

/// During a rotation the new password is tried first and the old one may still work. Logging in moves no
/// money.
Awaitable<Token> TmoneyProvider::log_in() {
  LoginAnswer answer;
  for (std::size_t i = 0; i < config_.passwords.size(); ++i) {
    HttpRequest request = HttpRequest::post(config_.base_url + config_.login_path);
    request.header("Accept", "application/json")
        .body(encode_login(config_.username, config_.passwords[i]), "application/json");
    const HttpResponse response = co_await services_.http->send(std::move(request));
    answer = decode_login(response.status, response.body);
    if (!answer.token.empty()) {
      services_.log->info("tmoney.token_refreshed", "a new token is in use", {{"previous_secret", i > 0}});
      const auto lifetime =
          std::min(config_.token_lifetime, answer.lifetime.value_or(config_.token_lifetime));
      co_return Token{std::move(answer.token), lifetime};
    }
    if (!answer.credentials_refused) break;
  }
  throw TmoneyFailure(
      (answer.credentials_refused ? "TMoney refuses the user or the password: " : "TMoney gives no token: ") +
      without_secrets(answer.problem));
}

HttpRequest TmoneyProvider::authorized(HttpRequest request, const Secret& token) const {
  request.header("Authorization", (config_.bearer ? "Bearer " : "") + token.reveal())
      .header("Accept", "application/json");
  return request;
}

/// What the provider says is shown to people: should it ever echo a password, that stops here.
std::string TmoneyProvider::without_secrets(std::string text) const {
  return payoutd::conceal(std::move(text), config_.passwords);
}

// ---- paying

/// The artefact is the body itself, byte for byte, the time of the request included: what the journal holds
/// is what TMoney hears. The token is fetched as well, so that trouble with the login costs no attempt.
Awaitable<Prepared> TmoneyProvider::prepare(Order order) {
  if (order.money.currency != "XOF")
    throw TmoneyFailure("TMoney pays in XOF, not in " + order.money.currency);
  Credit credit{.amount = order.money.amount,
                .reference = order.reference,
                .msisdn = order.destination,
                .payout_id = order.payout_id,
                .requested_at = format_time(services_.clock->wall(), config_.time_form, config_.utc_offset),
                .description = payoutd::clean_text(order.note, config_.description_length)};
  if (credit.description.empty())
    credit.description = payoutd::clean_text(config_.default_description, config_.description_length);
  Prepared prepared;
  prepared.artefact = encode_credit(credit);
  co_await tokens_.get();
  co_return prepared;
}

/// An artefact that does not say what the order says is a fault of ours, found before it costs anything.
Credit TmoneyProvider::credit_of(const Order& order, const Prepared& prepared) const {
  if (prepared.format != 1)
    throw TmoneyFailure("artefact format " + std::to_string(prepared.format) + " is unknown");
  if (!is_reference(order.reference)) throw TmoneyFailure("the reference is not of this contract's format");
  auto credit = decode_credit(prepared.artefact);
  if (!credit) throw TmoneyFailure("the artefact " + credit.error().field + " " + credit.error().reason);
  if (credit->amount != order.money.amount || order.money.currency != "XOF" ||
      credit->msisdn != order.destination || credit->reference != order.reference ||
      credit->payout_id != order.payout_id) {
    throw TmoneyFailure("the artefact is not that of this order");
  }
  return *std::move(credit);
}

Awaitable<Submission> TmoneyProvider::submit(Order order, Prepared prepared) {
  const Credit credit = credit_of(order, prepared);
  const Secret token = co_await tokens_.get();  // without one this throws, and nothing was sent
  HttpRequest request = authorized(HttpRequest::post(config_.base_url + config_.credit_path), token);
  request.body(prepared.artefact, "application/json");
  const HttpResponse response = co_await services_.http->send(std::move(request).moves_money());
  CreditAnswer answer = decode_credit_answer(response.status, response.body, credit, config_.passing_codes);
  if (answer.token_refused) tokens_.forget(token);  // for whoever comes next; this submit sends nothing more
  if (answer.balance) last_balance_ = answer.balance;
  answer.submission.message = without_secrets(std::move(answer.submission.message));
  co_return answer.submission;
}

/// A refused token is worth one more try with a new one, for nothing but the token may be wrong.
Awaitable<Status> TmoneyProvider::ask(std::string reference) {
  const std::string url = config_.base_url + config_.status_path + "?idRequete=" + reference;
  StatusAnswer answer;
  for (int tries = 0; tries < 2; ++tries) {
    const Secret token = co_await tokens_.get();
    const HttpResponse response = co_await services_.http->send(authorized(HttpRequest::get(url), token));
    answer = decode_status(response.status, response.body, reference, config_.passing_codes);
    if (!answer.token_refused) break;
    tokens_.forget(token);
  }
  answer.status.message = without_secrets(std::move(answer.status.message));
  co_return answer.status;
}

Awaitable<Status> TmoneyProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  static_cast<void>(prepared), static_cast<void>(provider_ref);  // TMoney looks up by our reference only
  if (!is_reference(order.reference)) throw TmoneyFailure("the reference is not of this contract's format");
  co_return co_await ask(std::move(order.reference));
}

// ---- account

/// No request tells the balance. The answers to credits do: the last one seen is the best there is.
Awaitable<payoutd::Balance> TmoneyProvider::balance() {
  if (!last_balance_) {
    throw payoutd::Unsupported(
        "TMoney tells the balance only in the answer to a credit, and there was none since the provider "
        "started");
  }
  co_return payoutd::Balance{*last_balance_, "XOF"};
}

/// A login, and a question about a request that does not exist: it finds wrong credentials, a wrong form of
/// the Authorization header and a wrong path.
Awaitable<void> TmoneyProvider::probe() {
  const Status status = co_await ask(std::string(kProbeReference));
  if (status.kind == Status::Kind::cannot_tell) {
    throw TmoneyFailure("TMoney's status query gives no usable answer: " + status.code + " " +
                        status.message);
  }
}

/// Documented for debits and unsigned. The query that follows decides.
payoutd::WebhookReading TmoneyProvider::read_webhook(const payoutd::Webhook& webhook) {
  payoutd::WebhookReading reading;
  if (webhook.method != "POST") {
    reading.reason = "TMoney calls back with POST";
    return reading;
  }
  const auto callback = decode_callback(webhook.body);
  if (!callback && webhook.reference.empty()) {
    reading.reason = "the body " + callback.error().reason + " and the URL names no payment";
    return reading;
  }
  reading.kind = payoutd::WebhookReading::Kind::hint;
  if (callback) {
    reading.reference = callback->reference;
    reading.provider_ref = callback->provider_ref;
  }
  if (!webhook.reference.empty()) reading.reference = webhook.reference;
  return reading;
}

}  // namespace
}  // namespace tmoney

PAYOUTD_PLUGIN(tmoney::TmoneyProvider, tmoney::settings_schema)
