/// MTN MoMo, Disbursement API v1_0. What the API is and why each answer means what it does: wire.hpp and
/// README.md.
#include <payoutd/conceal.hpp>
#include <payoutd/plugin.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

#include "../scope.hpp"
#include "config.hpp"
#include "wire.hpp"

namespace momo {
namespace {

namespace json = boost::json;
using payoutd::Awaitable;
using payoutd::base64;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::is_uuid;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Secret;
using payoutd::Services;
using payoutd::Settings;
using payoutd::Status;
using payoutd::Submission;
using payoutd::Token;

/// The API cannot be used as things stand; the message is for the operator.
class MomoFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string describe(const HttpResponse& answer) {
  const ErrorBody error = decode_error(answer.body);
  std::string text = "HTTP " + std::to_string(answer.status);
  if (!error.code.empty()) text += " " + error.code;
  if (!error.message.empty()) text += ": " + error.message;
  return text;
}

class MomoProvider final : public payoutd::Provider {
 public:
  MomoProvider(Services services, const Settings& settings)
      : services_(std::move(services)),
        config_(settings),
        tokens_(services_, [this] { return refresh_token(); }) {}

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
  std::string url(std::string_view path) const {
    return config_.base_url + "/disbursement" + std::string(path);
  }
  const Secret& subscription_key() const { return config_.subscription_keys.at(subscription_key_in_use_); }
  std::string without_secrets(std::string text) const;

  Awaitable<Token> refresh_token();
  Awaitable<HttpResponse> request_token(Secret api_key, Secret subscription_key);
  HttpRequest authorized(HttpRequest request, const Secret& token) const;
  Awaitable<HttpResponse> ask(std::string address);

  Transfer transfer_of(const Order& order) const;
  void expect_artefact_of(const Order& order, const Prepared& prepared) const;
  bool may_name_callback(const Order& order);
  Awaitable<std::optional<payoutd::Problem>> account_holder_problem(std::string msisdn);

  Services services_;
  Config config_;
  std::size_t subscription_key_in_use_ = 0;  ///< the one with which the last token was given
  bool warned_of_callback_host_ = false;
  payoutd::TokenCache tokens_;
};

/// References live under the API user in one market of one installation. Keys are not part of the scope: they
/// are rotated, and the user stays.
std::string MomoProvider::account_scope() const {
  return payoutd::installation_of(config_.base_url) + " " + config_.target_environment + " " +
         config_.api_user;
}

std::optional<payoutd::Problem> MomoProvider::check_destination(const std::string& destination) const {
  auto reason = payoutd::msisdn_problem(destination, config_.country_prefixes);
  if (!reason) return std::nullopt;
  return payoutd::Problem{"destination", *std::move(reason)};
}

// ---- tokens
// ----------------------------------------------------------------------------------------------------

/// MTN hands out a subscription's primary and secondary key; an API key is replaced, not doubled. During a
/// rotation the new values are tried first and the old ones still work. Asking for a token moves no money.
Awaitable<Token> MomoProvider::refresh_token() {
  HttpResponse answer;
  for (std::size_t s = 0; s < config_.subscription_keys.size(); ++s) {
    for (std::size_t k = 0; k < config_.api_keys.size(); ++k) {
      answer = co_await request_token(config_.api_keys[k], config_.subscription_keys[s]);
      if (answer.status == 401) continue;
      if (answer.status != 200)
        throw MomoFailure("MTN gives no access token: " + without_secrets(describe(answer)));
      auto token = decode_token(answer.body);
      if (!token) {
        throw MomoFailure("MTN's access token cannot be read: " + token.error().field + " " +
                          token.error().reason);
      }
      subscription_key_in_use_ = s;
      services_.log->info("momo.token_refreshed", "a new access token is in use",
                          {{"lifetime_s", token->lifetime.count()}, {"previous_secret", s > 0 || k > 0}});
      co_return *std::move(token);
    }
  }
  throw MomoFailure("MTN refuses the API user, its key or the subscription key: " +
                    without_secrets(describe(answer)));
}

/// No body and no content type: the gateway rejects a token request that has one.
Awaitable<HttpResponse> MomoProvider::request_token(Secret api_key, Secret subscription_key) {
  HttpRequest request = HttpRequest::post(url("/token/"));
  request.header("Authorization", "Basic " + base64(config_.api_user + ":" + api_key.reveal()))
      .header("Ocp-Apim-Subscription-Key", subscription_key.reveal());
  co_return co_await services_.http->send(std::move(request));
}

HttpRequest MomoProvider::authorized(HttpRequest request, const Secret& token) const {
  request.header("Authorization", "Bearer " + token.reveal())
      .header("X-Target-Environment", config_.target_environment)
      .header("Ocp-Apim-Subscription-Key", subscription_key().reveal());
  return request;
}

/// One GET. A 401 is worth one more try with a new token, for nothing but the token may be wrong.
Awaitable<HttpResponse> MomoProvider::ask(std::string address) {
  const Secret token = co_await tokens_.get();
  HttpResponse answer = co_await services_.http->send(authorized(HttpRequest::get(address), token));
  if (answer.status != 401) co_return answer;
  tokens_.forget(token);
  const Secret fresh = co_await tokens_.get();
  co_return co_await services_.http->send(authorized(HttpRequest::get(address), fresh));
}

/// What the provider says is shown to people: should it ever echo a credential, that stops here.
std::string MomoProvider::without_secrets(std::string text) const {
  return payoutd::conceal(payoutd::conceal(std::move(text), config_.api_keys), config_.subscription_keys);
}

// ---- paying
// ----------------------------------------------------------------------------------------------------

Transfer MomoProvider::transfer_of(const Order& order) const {
  std::string note = clean_note(order.note, config_.message_length);
  if (note.empty()) note = clean_note(config_.default_note, config_.message_length);
  return {order.money.amount, order.money.currency, order.payout_id, order.destination, std::move(note)};
}

/// The artefact is the body itself, byte for byte: what the journal holds is what MTN hears.
Awaitable<Prepared> MomoProvider::prepare(Order order) {
  if (order.money.currency != config_.currency) {
    throw MomoFailure("this account pays in " + config_.currency + ", not in " + order.money.currency);
  }
  Prepared prepared;
  prepared.artefact = encode_transfer(transfer_of(order), config_.amount_decimals);
  if (config_.check_account_holder) prepared.impossible = co_await account_holder_problem(order.destination);
  co_return prepared;
}

/// Only a clear "no" stops a payment. Where the question itself fails, the transfer's own answer will tell.
Awaitable<std::optional<payoutd::Problem>> MomoProvider::account_holder_problem(std::string msisdn) {
  HttpResponse answer;
  std::string why;
  try {
    answer = co_await ask(url("/v1_0/accountholder/msisdn/" + msisdn + "/active"));
  } catch (const payoutd::HttpFailure& failure) {
    why = failure.what();
  }
  const auto active = decode_account_holder(answer.body);
  if (!why.empty() || answer.status != 200 || !active) {
    if (why.empty()) why = "HTTP " + std::to_string(answer.status);
    services_.log->warning("momo.account_holder_unchecked",
                           "MTN did not say whether the payee has an account",
                           {{"answer", without_secrets(std::move(why))}});
    co_return std::nullopt;
  }
  if (*active) co_return std::nullopt;
  co_return payoutd::Problem{std::string(kAccountHolderInactive), "the payee has no active MoMo account"};
}

/// An artefact that does not say what the order says is a fault of ours, found before it costs anything.
void MomoProvider::expect_artefact_of(const Order& order, const Prepared& prepared) const {
  if (prepared.format != 1)
    throw MomoFailure("artefact format " + std::to_string(prepared.format) + " is unknown");
  if (!is_uuid(order.reference)) throw MomoFailure("the reference is not a UUID");
  const auto transfer = decode_transfer(prepared.artefact);
  if (!transfer) throw MomoFailure("the artefact " + transfer.error().field + " " + transfer.error().reason);
  if (transfer->amount != order.money.amount || transfer->currency != order.money.currency ||
      transfer->msisdn != order.destination || transfer->external_id != order.payout_id) {
    throw MomoFailure("the artefact is not that of this order");
  }
}

/// MTN refuses a transfer for good when its callback URL has another host than the registered one. Such a URL
/// is left out: polling finds the outcome as well, a little later.
bool MomoProvider::may_name_callback(const Order& order) {
  if (!config_.callbacks || order.callback_url.empty()) return false;
  if (payoutd::is_visible_ascii(order.callback_url) &&
      payoutd::host_of(order.callback_url) == config_.callback_host)
    return true;
  if (!std::exchange(warned_of_callback_host_, true)) {
    services_.log->warning("momo.callback_host_differs",
                           "payoutd's callback URLs are not on callback_host: MTN is not given any",
                           {{"callback_host", config_.callback_host}});
  }
  return false;
}

Awaitable<Submission> MomoProvider::submit(Order order, Prepared prepared) {
  expect_artefact_of(order, prepared);
  const Secret token = co_await tokens_.get();  // without one this throws, and nothing was sent
  HttpRequest request = authorized(HttpRequest::post(url("/v1_0/transfer")), token);
  request.header("X-Reference-Id", order.reference);
  if (may_name_callback(order)) request.header("X-Callback-Url", order.callback_url);
  request.body(prepared.artefact, "application/json");
  const HttpResponse answer = co_await services_.http->send(std::move(request).moves_money());
  if (answer.status == 401)
    tokens_.forget(token);  // the next submit gets a new one; this one may not send again
  Submission submission = decode_submission(answer.status, answer.body);
  submission.message = without_secrets(std::move(submission.message));
  co_return submission;
}

Awaitable<Status> MomoProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  static_cast<void>(prepared), static_cast<void>(provider_ref);  // MTN looks up by our reference only
  if (!is_uuid(order.reference)) throw MomoFailure("the reference is not a UUID");
  const HttpResponse answer = co_await ask(url("/v1_0/transfer/" + order.reference));
  Status status = decode_status(answer.status, answer.body, order.reference, order.payout_id);
  status.message = without_secrets(std::move(status.message));
  co_return status;
}

// ---- account
// ---------------------------------------------------------------------------------------------------

Awaitable<payoutd::Balance> MomoProvider::balance() {
  const HttpResponse answer = co_await ask(url("/v1_0/account/balance"));
  if (answer.status != 200)
    throw MomoFailure("MTN does not tell the balance: " + without_secrets(describe(answer)));
  auto balance = decode_balance(answer.body);
  if (!balance) {
    throw MomoFailure("MTN's answer about the balance cannot be read: " + balance.error().field + " " +
                      balance.error().reason);
  }
  co_return *std::move(balance);
}

/// A token, the balance, and whether the account's currency is the one that the settings name: a wrong one
/// would be refused for good, payout by payout.
Awaitable<void> MomoProvider::probe() {
  const payoutd::Balance found = co_await balance();
  if (found.currency != config_.currency) {
    throw MomoFailure("the account is in " + found.currency + ", but the settings say " + config_.currency);
  }
}

/// Callbacks come as PUT or POST, unsigned, and name no reference: the host's signed URL does. The body is
/// looked at for MTN's transaction id only; the query that follows decides.
payoutd::WebhookReading MomoProvider::read_webhook(const payoutd::Webhook& webhook) {
  payoutd::WebhookReading reading;
  if (webhook.method != "PUT" && webhook.method != "POST") {
    reading.reason = "MTN calls back with PUT or POST";
    return reading;
  }
  const auto callback = decode_callback(webhook.body);
  if (!callback && webhook.reference.empty()) {
    reading.reason = "the body " + callback.error().reason + " and the URL names no payment";
    return reading;
  }
  reading.kind = payoutd::WebhookReading::Kind::hint;
  reading.reference = webhook.reference;
  if (callback) reading.provider_ref = callback->provider_ref;
  return reading;
}

}  // namespace
}  // namespace momo

PAYOUTD_PLUGIN(momo::MomoProvider, momo::settings_schema)
