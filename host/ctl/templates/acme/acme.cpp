#include "acme.hpp"

#include <boost/json.hpp>
#include <payoutd/exact_json.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

namespace json = boost::json;
using payoutd::Awaitable;
using payoutd::HttpRequest;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Status;
using payoutd::Submission;

namespace {

/// The body as an object; an empty one for everything else: an answer may come from a proxy. The SDK's reader
/// keeps numbers as their digits, so that an amount is exact whether Acme writes quotes around it or not.
json::object object_of(const std::string& body) {
  auto object = payoutd::read_json_object(body);
  return object ? *std::move(object) : json::object{};
}

std::string text_at(const json::object& object, std::string_view name) {
  return payoutd::text_at(object, name).value_or("");
}

Status cannot_tell(int http_status, const std::string& code) {
  Status status;  // its kind is cannot_tell: the host asks again later
  status.code = code.empty() ? "http." + std::to_string(http_status) : code;
  return status;
}

}  // namespace

// Only what Acme documents is claimed. An HTTP status alone proves nothing: the answer may be a proxy's.
Submission decode_submission(int http_status, const std::string& body) {
  const json::object answer = object_of(body);
  const std::string id = text_at(answer, "id");
  if (http_status == 201 && !id.empty() && text_at(answer, "status") == "accepted")
    return Submission::accepted(id);
  const std::string code = text_at(answer, "code");
  if (http_status == 409 && code == "DUPLICATE")
    return Submission::duplicate(code, "Acme has this reference already");
  if (http_status == 422 && code == "NO_SUCH_PAYEE")
    return Submission::refused(code, "Acme does not know the payee");
  return Submission::unknown(code.empty() ? "http." + std::to_string(http_status) : code,
                             "an answer that Acme does not document");
}

// The host compares what was found with what was owed, so Found is filled from the answer and nothing else.
Status decode_status(int http_status, const std::string& body) {
  const json::object answer = object_of(body);
  const std::string code = text_at(answer, "code");
  if (http_status == 404 && code == "NOT_FOUND") {
    Status status;
    status.kind = Status::Kind::absent;
    status.code = code;
    return status;
  }
  const std::string word = text_at(answer, "status");
  const auto amount = payoutd::Amount::parse(text_at(answer, "amount"));
  const std::string currency = text_at(answer, "currency");
  const std::string payee = text_at(answer, "to");
  const std::string reference = text_at(answer, "reference");
  if (http_status != 200 || !amount || currency.empty() || payee.empty() || reference.empty())
    return cannot_tell(http_status, code);
  Status status;
  status.found = {*amount, currency, payee, reference};
  status.provider_ref = text_at(answer, "id");
  status.code = code;
  if (word == "paid") {
    status.kind = Status::Kind::confirmed;
  } else if (word == "pending") {
    status.kind = Status::Kind::pending;
  } else if (word == "failed") {
    status.kind = Status::Kind::refused;
  } else {
    return cannot_tell(http_status, code);
  }
  return status;
}

Acme::Acme(payoutd::Services services, const payoutd::Settings& settings)
    : services_(std::move(services)),
      base_url_(payoutd::without_slash_at_end(settings.string("base_url"))),
      account_(settings.string("account")),
      api_key_(settings.secret("api_key")) {}

payoutd::SettingsSchema Acme::schema() {
  using namespace std::chrono_literals;
  using payoutd::SettingType;
  return {{.name = "base_url", .type = SettingType::url, .description = "Where the API answers."},
          {.name = "account", .type = SettingType::string, .description = "The paying account."},
          {.name = "currency",
           .type = SettingType::string,
           .description = "What the account pays in.",
           .default_value = "XOF"},
          {.name = "absence_wait",
           .type = SettingType::duration,
           .description = "How long Acme may need until it knows a payment that it took.",
           .default_value = "5m",
           .min = 1'000},
          {.name = "api_key", .type = SettingType::secret, .description = "The key of the API."},
          payoutd::concurrency_setting("payment", 4),
          payoutd::query_rate_setting(10),
          payoutd::submit_window_setting("payment", 10s),
          payoutd::response_timeout_setting("payment", 30s)};
}

// Every line is a promise of Acme's documentation. What it does not promise stays as it is by default.
payoutd::Contract Acme::contract(const payoutd::Settings& settings) {
  using payoutd::CodeMeaning;
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::refused_as_duplicate;
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after = payoutd::whole_seconds(settings, "absence_wait");
  contract.submit_codes = {{"NO_SUCH_PAYEE", CodeMeaning::refused}, {"DUPLICATE", CodeMeaning::duplicate}};
  contract.webhook = payoutd::WebhookKind::hint;
  payoutd::apply_standard_settings(settings, contract);
  const std::string currency = settings.string("currency");
  contract.currencies = {{currency, payoutd::currency_decimals(currency).value_or(0)}};
  return contract;
}

std::vector<payoutd::Problem> Acme::validate(const payoutd::Settings& settings,
                                             payoutd::Environment environment) {
  payoutd::SettingsCheck check(environment);
  check.expect_base_url("base_url", settings.string("base_url"),
                        {.sandbox = {"sandbox.acme.example", "must not be Acme's sandbox in production"}});
  check.expect(payoutd::is_word(settings.string("account"), "-"), "account",
               "must be letters, digits and dashes");
  check.expect_currency("currency", settings.string("currency"));
  check.expect_careful_limits(settings);
  return check.problems();
}

std::string Acme::account_scope() const {
  return payoutd::authority_of(base_url_) + "/" + account_;
}

std::optional<payoutd::Problem> Acme::check_destination(const std::string& destination) const {
  auto reason = payoutd::msisdn_problem(destination, {});
  if (!reason) return std::nullopt;
  return payoutd::Problem{"destination", *std::move(reason)};
}

HttpRequest Acme::authorized(HttpRequest request) const {
  request.header("Authorization", "Bearer " + api_key_.reveal());
  return request;
}

// The artefact is the body itself: what the journal keeps is what Acme hears, byte for byte.
Awaitable<Prepared> Acme::prepare(Order order) {
  const int decimals = payoutd::currency_decimals(order.money.currency).value_or(0);
  Prepared prepared;
  prepared.artefact = json::serialize(json::object{{"amount", order.money.amount.to_fixed(decimals)},
                                                   {"currency", order.money.currency},
                                                   {"to", order.destination}});
  co_return prepared;
}

Awaitable<Submission> Acme::submit(Order order, Prepared prepared) {
  HttpRequest request = authorized(HttpRequest::post(payment_url(order.reference)));
  request.body(prepared.artefact, "application/json");
  const auto answer = co_await services_.http->send(std::move(request).moves_money());
  co_return decode_submission(answer.status, answer.body);
}

Awaitable<Status> Acme::query(Order order, Prepared, std::string) {
  const auto answer =
      co_await services_.http->send(authorized(HttpRequest::get(payment_url(order.reference))));
  co_return decode_status(answer.status, answer.body);
}

Awaitable<void> Acme::probe() {
  const auto answer =
      co_await services_.http->send(authorized(HttpRequest::get(base_url_ + "/v1/accounts/" + account_)));
  if (answer.status != 200)
    throw std::runtime_error("Acme does not show the account: HTTP " + std::to_string(answer.status));
}

// Acme's callbacks are not signed: whatever they say, the host asks.
payoutd::WebhookReading Acme::read_webhook(const payoutd::Webhook& webhook) {
  payoutd::WebhookReading reading;
  if (webhook.reference.empty()) {
    reading.reason = "the URL names no payment";
    return reading;
  }
  reading.kind = payoutd::WebhookReading::Kind::hint;
  reading.reference = webhook.reference;
  return reading;
}

PAYOUTD_PLUGIN(Acme, &Acme::schema)
