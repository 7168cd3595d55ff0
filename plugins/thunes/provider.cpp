/// Thunes, Money Transfer API v2. What the API is and why each answer means what it does: wire.hpp and
/// README.md.
///
/// A payment is a quotation, a transaction made from it, and the transaction's confirmation. Only the
/// confirmation moves money, and Thunes takes it once for each transaction. The transaction's external_id is
/// our reference: whatever becomes of the first two steps, they are found again under it.
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/conceal.hpp>
#include <payoutd/plugin.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

#include "../scope.hpp"
#include "config.hpp"
#include "wire.hpp"

namespace thunes {
namespace {

namespace json = boost::json;
using payoutd::Awaitable;
using payoutd::base64;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::is_uuid;
using payoutd::lower_case;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Problem;
using payoutd::Secret;
using payoutd::Services;
using payoutd::Settings;
using payoutd::Status;
using payoutd::Submission;

/// The API cannot be used as things stand; the message is for the operator.
class ThunesFailure : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Takes as long for a wrong text as for a right one of the same length.
bool equal_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char differing = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    differing = static_cast<unsigned char>(differing | (a[i] ^ b[i]));
  return differing == 0;
}

bool is_success(const HttpResponse& answer) {
  return answer.status / 100 == 2;
}

bool is_unauthorized(const HttpResponse& answer) {
  return answer.status == 401 || decode_error(answer.body).has("1000401");
}

std::string describe(const HttpResponse& answer) {
  const ErrorBody error = decode_error(answer.body);
  std::string text = "HTTP " + std::to_string(answer.status);
  for (const std::string& code : error.codes) text += " " + code;
  if (!error.message.empty()) text += ": " + error.message;
  return text;
}

/// Every name with every secret: one of the two may have been replaced before the other. The current pair
/// goes first, then the previous one.
std::vector<Secret> authorizations(const Config& config) {
  std::vector<Secret> all;
  const auto add = [&](std::size_t key, std::size_t secret) {
    if (key >= config.api_keys.size() || secret >= config.api_secrets.size()) return;
    all.emplace_back("Basic " +
                     base64(config.api_keys[key].reveal() + ":" + config.api_secrets[secret].reveal()));
  };
  add(0, 0);
  add(1, 1);
  add(0, 1);
  add(1, 0);
  return all;
}

/// What the look-up of a quotation tells.
struct FoundQuotation {
  enum class State {
    shown,
    gone,       ///< over, or unknown: no transaction can be made of it any more
    not_shown,  ///< Thunes has no such look-up, so it says nothing of the quotation
  };
  State state = State::not_shown;
  bool is_over = false;  ///< Thunes said so
  Quotation quotation;   ///< if it is shown
};

/// A quotation of which only our own name for it is known, as it is written in an address.
Quotation by_external_id(const std::string& reference) {
  Quotation quotation;
  quotation.external_id = quotation_external_id(reference);
  quotation.id = "ext-" + quotation.external_id;
  return quotation;
}

Prepared spent() {
  Prepared prepared;
  prepared.reference_spent = true;
  return prepared;
}

class ThunesProvider final : public payoutd::Provider {
 public:
  ThunesProvider(Services services, const Settings& settings)
      : services_(std::move(services)), config_(settings), authorizations_(authorizations(config_)) {}

  static payoutd::Contract contract(const Settings& settings) { return make_contract(settings); }
  static std::vector<Problem> validate(const Settings& settings, payoutd::Environment environment) {
    return validate_settings(settings, environment);
  }

  std::string account_scope() const override;
  std::optional<Problem> check_destination(const std::string& destination) const override;
  Awaitable<Prepared> prepare(Order order) override;
  Awaitable<Submission> submit(Order order, Prepared prepared) override;
  Awaitable<Status> query(Order order, Prepared prepared, std::string provider_ref) override;
  Awaitable<payoutd::Balance> balance() override;
  Awaitable<void> probe() override;
  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override;

 private:
  std::string url(std::string_view path) const {
    return config_.base_url + "/v2/money-transfer" + std::string(path);
  }
  HttpRequest plain(HttpRequest request) const;
  Awaitable<HttpResponse> ask(HttpRequest request);
  std::string without_secrets(std::string text) const;
  [[noreturn]] void fail(std::string_view what, const HttpResponse& answer) const;
  [[noreturn]] void fail(std::string_view what, const Problem& problem) const;

  Awaitable<std::optional<Problem>> account_problem(std::string destination);
  Awaitable<Prepared> after_quotation_refused(Order order, HttpResponse answer);
  Awaitable<Prepared> make_transaction(Order order, Quotation quotation);
  Awaitable<Prepared> after_transaction_refused(Order order, Quotation quotation, HttpResponse answer);
  Awaitable<Prepared> impossible_unless_made(Order order, Problem problem);
  Awaitable<Prepared> take_up(Order order, Transaction transaction);
  Awaitable<Prepared> replace(Order order, Transaction transaction);

  Awaitable<FoundQuotation> find_quotation(std::string external_id);
  Awaitable<std::optional<Transaction>> find_transaction(std::string external_id);
  Awaitable<void> cancel(std::string transaction_id);

  std::string quotation_body(const Order& order) const;
  std::string transaction_body(const Order& order);
  std::string msisdn(const std::string& destination) const {
    return (config_.msisdn_plus ? "+" : "") + destination;
  }
  bool has_expired(std::optional<Time> expires_at, std::chrono::milliseconds margin) const {
    return expires_at && services_.clock->wall() + margin >= *expires_at;
  }
  void expect_quotation_of(const Order& order, const Quotation& quotation) const;
  void expect_transaction_of(const Order& order, const Transaction& transaction) const;
  Prepared prepared_of(const Order& order, const Transaction& transaction);
  Artefact artefact_of(const Order& order, const Prepared& prepared) const;

  Services services_;
  Config config_;
  std::vector<Secret> authorizations_;    ///< whole values of the header Authorization
  std::size_t authorization_in_use_ = 0;  ///< the one that worked last
};

/// References live under the account at one installation. Keys are not part of the scope: they are rotated.
std::string ThunesProvider::account_scope() const {
  return payoutd::installation_of(config_.base_url) + " " + config_.account;
}

std::optional<Problem> ThunesProvider::check_destination(const std::string& destination) const {
  auto reason = payoutd::msisdn_problem(destination, config_.country_prefixes);
  if (!reason) return std::nullopt;
  return Problem{"destination", *std::move(reason)};
}

// ---- calls
// ------------------------------------------------------------------------------------------------------

HttpRequest ThunesProvider::plain(HttpRequest request) const {
  request.header("Accept", "application/json");
  if (config_.simulated) request.header("x-simulated-transaction", "true");
  return request;
}

/// Any request but the confirmation: it moves no money, so it may be repeated with the next credentials while
/// the present ones are refused.
Awaitable<HttpResponse> ThunesProvider::ask(HttpRequest request) {
  HttpResponse answer;
  const std::size_t first = authorization_in_use_;
  for (std::size_t i = 0; i < authorizations_.size(); ++i) {
    const std::size_t index = (first + i) % authorizations_.size();
    HttpRequest attempt = plain(request);
    attempt.header("Authorization", authorizations_[index].reveal());
    answer = co_await services_.http->send(std::move(attempt));
    if (is_unauthorized(answer)) continue;
    if (index != authorization_in_use_) {
      authorization_in_use_ = index;
      services_.log->info("thunes.credentials_changed", "other credentials are in use",
                          {{"previous_secret", index > 0}});
    }
    co_return answer;
  }
  co_return answer;
}

/// What the provider says is shown to people: should it ever echo a credential, that stops here.
std::string ThunesProvider::without_secrets(std::string text) const {
  text = payoutd::conceal(std::move(text), config_.api_keys);
  text = payoutd::conceal(std::move(text), config_.api_secrets);
  for (const Secret& pair : config_.callback_credentials) {
    const std::string_view both = pair.reveal();
    text = payoutd::conceal(std::move(text), both);
    text = payoutd::conceal(std::move(text), both.substr(both.find(':') + 1));
  }
  return text;
}

void ThunesProvider::fail(std::string_view what, const HttpResponse& answer) const {
  throw ThunesFailure(std::string(what) + ": " + without_secrets(describe(answer)));
}

void ThunesProvider::fail(std::string_view what, const Problem& problem) const {
  throw ThunesFailure(std::string(what) + ": " + without_secrets(problem.field + " " + problem.reason));
}

// ---- preparing
// ---------------------------------------------------------------------------------------------------

/// A quotation, then a transaction: none of it moves money. It may have been prepared before, up to any
/// point, and the answer may have been lost: an external_id that is used leads to what was made. Nothing is
/// called impossible or spent before it is known that no living transaction stands under the reference.
Awaitable<Prepared> ThunesProvider::prepare(Order order) {
  if (!is_uuid(order.reference)) throw ThunesFailure("the reference is not a UUID");
  if (order.money.currency != config_.currency) {
    throw ThunesFailure("this provider pays in " + config_.currency + ", not in " + order.money.currency);
  }
  if (config_.verify_credit_party) {
    const auto problem = co_await account_problem(order.destination);
    if (problem) co_return co_await impossible_unless_made(std::move(order), *problem);
  }
  const HttpResponse answer =
      co_await ask(HttpRequest::post(url("/quotations")).body(quotation_body(order), "application/json"));
  if (!is_success(answer) || !decode_error(answer.body).codes.empty())
    co_return co_await after_quotation_refused(std::move(order), answer);
  auto quotation = decode_quotation(answer.body);
  if (!quotation) fail("Thunes' quotation cannot be read", quotation.error());
  expect_quotation_of(order, *quotation);
  if (has_expired(quotation->expires_at, std::chrono::milliseconds{0})) {
    services_.log->warning("thunes.clock_differs",
                           "a new quotation is over already: this machine's clock and Thunes' differ",
                           {{"expiration_date", format_time(*quotation->expires_at)}});
  }
  co_return co_await make_transaction(std::move(order), *std::move(quotation));
}

/// Only a clear "no" stops a payment. Where the question itself fails, the transaction's own answer will
/// tell.
Awaitable<std::optional<Problem>> ThunesProvider::account_problem(std::string destination) {
  static constexpr std::array<std::string_view, 3> kUnpayable{"BARRED", "INACTIVE", "SUSPENDED"};
  HttpResponse answer;
  std::string why;
  try {
    answer = co_await ask(HttpRequest::post(url("/payers/" + config_.payer_id + "/" +
                                                config_.transaction_type + "/credit-party-verification"))
                              .body(encode_verification(msisdn(destination)), "application/json"));
  } catch (const payoutd::HttpFailure& failure) {
    why = failure.what();
  }
  const auto account = is_success(answer) ? decode_verification(answer.body) : std::nullopt;
  if (account && std::ranges::find(kUnpayable, *account) != kUnpayable.end())
    co_return Problem{"thunes.account_" + lower_case(*account),
                      "the payee's account is " + lower_case(*account)};
  if (account == "AVAILABLE") co_return std::nullopt;
  if (why.empty()) why = account ? *account : without_secrets(describe(answer));
  services_.log->warning("thunes.credit_party_unchecked", "Thunes did not say whether the payee can be paid",
                         {{"answer", why}});
  co_return std::nullopt;
}

Awaitable<Prepared> ThunesProvider::after_quotation_refused(Order order, HttpResponse answer) {
  const ErrorBody error = decode_error(answer.body);
  if (const std::string code = error.permanent(); !code.empty())
    co_return co_await impossible_unless_made(std::move(order),
                                              Problem{code, without_secrets(error.message)});
  if (!error.external_id_used()) fail("Thunes makes no quotation", answer);
  auto transaction = co_await find_transaction(order.reference);
  if (transaction) co_return co_await take_up(std::move(order), *std::move(transaction));
  // No transaction stands under the reference, and nothing else can be confirmed.
  FoundQuotation found = co_await find_quotation(quotation_external_id(order.reference));
  if (found.state == FoundQuotation::State::not_shown) {
    Quotation unseen = by_external_id(order.reference);
    co_return co_await make_transaction(std::move(order), std::move(unseen));
  }
  if (found.state == FoundQuotation::State::shown) expect_quotation_of(order, found.quotation);
  if (found.state == FoundQuotation::State::gone ||
      has_expired(found.quotation.expires_at, config_.expiry_margin))
    co_return spent();
  co_return co_await make_transaction(std::move(order), std::move(found.quotation));
}

Awaitable<Prepared> ThunesProvider::make_transaction(Order order, Quotation quotation) {
  const HttpResponse answer =
      co_await ask(HttpRequest::post(url("/quotations/" + quotation.id + "/transactions"))
                       .body(transaction_body(order), "application/json"));
  if (!is_success(answer) || !decode_error(answer.body).codes.empty())
    co_return co_await after_transaction_refused(std::move(order), std::move(quotation), answer);
  auto transaction = decode_transaction(answer.body);
  if (!transaction) fail("Thunes' transaction cannot be read", transaction.error());
  expect_transaction_of(order, *transaction);
  Prepared prepared;
  prepared.reference_spent = is_dead(transaction->status_class);
  if (prepared.reference_spent) co_return prepared;
  const bool is_usable =
      transaction->status_class == StatusClass::created || is_taken(transaction->status_class);
  if (!is_usable) throw ThunesFailure("Thunes' new transaction has a status that cannot be placed");
  if (!transaction->expires_at) transaction->expires_at = quotation.expires_at;
  if (!transaction->cost) transaction->cost = quotation.cost;
  co_return prepared_of(order, *transaction);
}

Awaitable<Prepared> ThunesProvider::after_transaction_refused(Order order, Quotation quotation,
                                                              HttpResponse answer) {
  const ErrorBody error = decode_error(answer.body);
  if (const std::string code = error.permanent(); !code.empty())
    co_return co_await impossible_unless_made(std::move(order),
                                              Problem{code, without_secrets(error.message)});
  // Only a quotation of which nothing but our own name is known can be missing for long.
  const bool is_over =
      error.expired() || (error.not_found() && quotation.id == by_external_id(order.reference).id);
  if (!error.external_id_used() && !is_over) fail("Thunes makes no transaction", answer);
  auto transaction = co_await find_transaction(order.reference);
  if (!transaction && !is_over)
    throw ThunesFailure("Thunes calls the transaction's external_id used, but knows no transaction of it");
  if (!transaction) co_return spent();
  if (!transaction->expires_at) transaction->expires_at = quotation.expires_at;
  if (!transaction->cost) transaction->cost = quotation.cost;
  co_return co_await take_up(std::move(order), *std::move(transaction));
}

/// The same refusal may meet a payment that was prepared and confirmed before, when this database has
/// forgotten it: only where no living transaction is known can nobody have been paid.
Awaitable<Prepared> ThunesProvider::impossible_unless_made(Order order, Problem problem) {
  auto transaction = co_await find_transaction(order.reference);
  if (transaction) expect_transaction_of(order, *transaction);
  if (transaction && !is_dead(transaction->status_class))
    co_return co_await take_up(std::move(order), *std::move(transaction));
  Prepared prepared;
  prepared.impossible = std::move(problem);
  co_return prepared;
}

/// Goes on with a transaction that stands under the reference already. One that was confirmed, or whose
/// status does not say whether it was, is taken up as well: submit then sends nothing and the host asks what
/// became of it.
Awaitable<Prepared> ThunesProvider::take_up(Order order, Transaction transaction) {
  expect_transaction_of(order, transaction);
  Prepared prepared;
  prepared.reference_spent = is_dead(transaction.status_class);
  if (prepared.reference_spent) co_return prepared;
  if (transaction.status_class == StatusClass::created && !transaction.expires_at) {
    const FoundQuotation found = co_await find_quotation(quotation_external_id(order.reference));
    if (found.is_over) co_return co_await replace(std::move(order), std::move(transaction));
    transaction.expires_at = found.quotation.expires_at;  // none: Thunes' answer to the confirmation tells
    if (!transaction.cost) transaction.cost = found.quotation.cost;
  }
  const bool is_over = transaction.status_class == StatusClass::created &&
                       has_expired(transaction.expires_at, config_.expiry_margin);
  if (is_over) co_return co_await replace(std::move(order), std::move(transaction));
  co_return prepared_of(order, transaction);
}

/// Its quotation is over. Another transaction may take its place only when this one is seen dead: it may have
/// been confirmed by a submit that is still on its way, and cancelling decides that race at Thunes.
Awaitable<Prepared> ThunesProvider::replace(Order order, Transaction transaction) {
  co_await cancel(transaction.id);
  const auto now = co_await find_transaction(order.reference);
  if (!now || now->id != transaction.id)
    throw ThunesFailure("Thunes no longer knows a transaction that it knew");
  expect_transaction_of(order, *now);
  if (now->status_class == StatusClass::created)
    throw ThunesFailure("an expired transaction cannot be cancelled");
  Prepared prepared;
  prepared.reference_spent = is_dead(now->status_class);
  if (prepared.reference_spent) co_return prepared;
  co_return prepared_of(order, *now);
}

/// The documentation lists no look-up of a quotation by our name: where there is none, a 404 or 405 without a
/// code says so.
Awaitable<FoundQuotation> ThunesProvider::find_quotation(std::string external_id) {
  const HttpResponse answer = co_await ask(HttpRequest::get(url("/quotations/ext-" + external_id)));
  const ErrorBody error = decode_error(answer.body);
  if (error.expired() || error.not_found())
    co_return FoundQuotation{FoundQuotation::State::gone, error.expired(), {}};
  if (error.codes.empty() && (answer.status == 404 || answer.status == 405))
    co_return FoundQuotation{FoundQuotation::State::not_shown, false, {}};
  if (!is_success(answer)) fail("Thunes does not show the quotation", answer);
  auto quotation = decode_quotation(answer.body);
  if (!quotation) fail("Thunes' quotation cannot be read", quotation.error());
  co_return FoundQuotation{FoundQuotation::State::shown, false, *std::move(quotation)};
}

Awaitable<std::optional<Transaction>> ThunesProvider::find_transaction(std::string external_id) {
  const HttpResponse answer = co_await ask(HttpRequest::get(url("/transactions/ext-" + external_id)));
  if (decode_error(answer.body).not_found()) co_return std::nullopt;
  if (!is_success(answer)) fail("Thunes does not show the transaction", answer);
  auto transaction = decode_transaction(answer.body);
  if (!transaction) fail("Thunes' transaction cannot be read", transaction.error());
  co_return *std::move(transaction);
}

/// Moves no money. What came of it is not read here: whoever cancels looks at the transaction afterwards.
Awaitable<void> ThunesProvider::cancel(std::string transaction_id) {
  std::string came;
  try {
    const HttpResponse answer =
        co_await ask(HttpRequest::post(url("/transactions/" + transaction_id + "/cancel")));
    came = without_secrets(describe(answer));
  } catch (const payoutd::HttpFailure& failure) {
    came = failure.what();
  }
  services_.log->info("thunes.cancelled_expired",
                      "a transaction whose quotation is over was asked to be cancelled",
                      {{"transaction", transaction_id}, {"answer", came}});
}

std::string ThunesProvider::quotation_body(const Order& order) const {
  return encode_quotation({quotation_external_id(order.reference), config_.payer_id, config_.transaction_type,
                           config_.source_currency, config_.source_country, order.money},
                          config_.amount_decimals);
}

std::string ThunesProvider::transaction_body(const Order& order) {
  static constexpr std::string_view kPayoutId = "{payout_id}";
  Fields more = config_.transaction_fields;
  for (auto& [name, value] : more) {
    for (auto at = value.find(kPayoutId); at != std::string::npos; at = value.find(kPayoutId, at)) {
      value.replace(at, kPayoutId.size(), order.payout_id);
      at += order.payout_id.size();
    }
  }
  return encode_transaction({order.reference, msisdn(order.destination), config_.parties(),
                             config_.purpose_of_remittance, std::move(more),
                             config_.callbacks ? order.callback_url : std::string{}});
}

void ThunesProvider::expect_quotation_of(const Order& order, const Quotation& quotation) const {
  const bool same =
      (!quotation.amount || *quotation.amount == order.money.amount) &&
      (!quotation.currency || *quotation.currency == order.money.currency) &&
      (quotation.external_id.empty() || quotation.external_id == quotation_external_id(order.reference));
  if (!same) throw ThunesFailure("Thunes' quotation is not what was asked for; it is not used");
}

void ThunesProvider::expect_transaction_of(const Order& order, const Transaction& transaction) const {
  const Artefact wanted{{}, order.reference, {}, order.money.amount, order.money.currency, order.destination,
                        {}};
  const std::string why = difference(transaction, wanted);
  if (!why.empty())
    throw ThunesFailure("Thunes' transaction is not what is owed, it is not confirmed: " + why);
}

Prepared ThunesProvider::prepared_of(const Order& order, const Transaction& transaction) {
  const bool is_known = transaction.status_class != StatusClass::unknown;
  const bool waits = transaction.status_class == StatusClass::created;
  const Artefact artefact{
      transaction.id,        order.reference,      is_known ? transaction.status : "unknown",
      order.money.amount,    order.money.currency, order.destination,
      transaction.expires_at};
  Prepared prepared;
  prepared.artefact = encode_artefact(artefact);
  prepared.format = kArtefactFormat;
  prepared.lookup = {{"transaction_id", transaction.id}, {"external_id", order.reference}};
  prepared.cost = transaction.cost;
  // What was confirmed is valid without end, and what is over by a clock that differs from Thunes' is left to
  // Thunes to judge.
  if (waits && !has_expired(transaction.expires_at, std::chrono::milliseconds{0}))
    prepared.valid_until = transaction.expires_at;
  return prepared;
}

// ---- paying
// ----------------------------------------------------------------------------------------------------

/// An artefact that does not say what the order says is a fault of ours, found before it costs anything.
Artefact ThunesProvider::artefact_of(const Order& order, const Prepared& prepared) const {
  if (prepared.format != kArtefactFormat)
    throw ThunesFailure("artefact format " + std::to_string(prepared.format) + " is unknown");
  auto artefact = decode_artefact(prepared.artefact);
  if (!artefact) fail("the artefact cannot be read", artefact.error());
  if (!is_uuid(order.reference) || artefact->external_id != order.reference ||
      artefact->amount != order.money.amount || artefact->currency != order.money.currency ||
      artefact->destination != order.destination) {
    throw ThunesFailure("the artefact is not that of this order");
  }
  return *std::move(artefact);
}

Awaitable<Submission> ThunesProvider::submit(Order order, Prepared prepared) {
  const Artefact artefact = artefact_of(order, prepared);
  if (artefact.was_taken()) {
    co_return Submission::duplicate(
        std::string(kConfirmedBefore),
        "the transaction no longer waited for its confirmation when it was prepared again");
  }
  HttpRequest request =
      plain(HttpRequest::post(url("/transactions/" + artefact.transaction_id + "/confirm")));
  request.header("Authorization", authorizations_.at(authorization_in_use_).reveal());
  const HttpResponse answer = co_await services_.http->send(std::move(request).moves_money());
  Submission submission = decode_submission(answer.status, answer.body, artefact);
  submission.message = without_secrets(std::move(submission.message));
  // The outcome stays unknown: the query that follows must see the transaction dead before another may be
  // made.
  if (submission.kind == Submission::Kind::unknown && decode_error(answer.body).expired())
    co_await cancel(artefact.transaction_id);
  co_return submission;
}

/// Looks the transaction up by our reference. One that still waits for its confirmation when its quotation is
/// over never will be confirmed; cancelling makes that certain, and then another may be made.
Awaitable<Status> ThunesProvider::query(Order order, Prepared prepared, std::string provider_ref) {
  const Artefact artefact = artefact_of(order, prepared);
  const StatusRules rules{config_.temporary_statuses,
                          !provider_ref.empty() && provider_ref == artefact.transaction_id};
  const std::string address = url("/transactions/ext-" + artefact.external_id);
  HttpResponse answer = co_await ask(HttpRequest::get(address));
  Status status = decode_status(answer.status, answer.body, artefact, rules);
  if (status.kind == Status::Kind::absent && has_expired(artefact.expires_at, std::chrono::milliseconds{0})) {
    co_await cancel(artefact.transaction_id);
    answer = co_await ask(HttpRequest::get(address));
    status = decode_status(answer.status, answer.body, artefact, rules);
  }
  status.message = without_secrets(std::move(status.message));
  const bool is_other = status.found.reference && *status.found.reference != artefact.external_id;
  if (is_other || (status.kind == Status::Kind::cannot_tell && is_success(answer))) {
    services_.log->warning("thunes.needs_a_person",
                           "Thunes' answer about a transaction is none that the plugin may judge",
                           {{"transaction", artefact.transaction_id},
                            {"status", status.code},
                            {"message", status.message},
                            {"completed_before", rules.completion_recorded}});
  }
  co_return status;
}

// ---- account
// ---------------------------------------------------------------------------------------------------

Awaitable<payoutd::Balance> ThunesProvider::balance() {
  const HttpResponse answer = co_await ask(HttpRequest::get(url("/balances")));
  if (!is_success(answer)) fail("Thunes does not tell the balances", answer);
  auto balance = decode_balances(answer.body, config_.source_currency);
  if (!balance) fail("Thunes' answer about the balances cannot be used", balance.error());
  co_return *std::move(balance);
}

/// Whether Thunes is up, takes the credentials, and keeps a balance in the currency that pays.
Awaitable<void> ThunesProvider::probe() {
  const HttpResponse answer = co_await ask(HttpRequest::get(config_.base_url + "/ping"));
  if (!is_success(answer) || !decode_ping(answer.body)) fail("Thunes does not say that it is up", answer);
  co_await balance();
}

/// A callback is the transaction as it stands. It is a reason to ask, also where it carries the agreed
/// credentials: they do not vouch for the body, and its statuses are numbers where the API's are strings.
payoutd::WebhookReading ThunesProvider::read_webhook(const payoutd::Webhook& webhook) {
  payoutd::WebhookReading reading;
  if (webhook.method != "POST" && webhook.method != "PUT") {
    reading.reason = "Thunes calls back with POST";
    return reading;
  }
  std::string given;
  for (const auto& [name, value] : webhook.headers) {
    if (lower_case(name) == "authorization") given = value;
  }
  const bool is_basic = lower_case(given.substr(0, 6)) == "basic ";
  for (std::size_t i = 0; i < config_.callback_credentials.size(); ++i) {
    const std::string expected = base64(config_.callback_credentials[i].reveal());
    if (is_basic && equal_constant_time(expected, std::string_view(given).substr(6)))
      reading.key_id = i == 0 ? "current" : "previous";
  }
  if (!config_.callback_credentials.empty() && reading.key_id.empty()) {
    reading.reason = "the callback lacks the agreed credentials";
    return reading;
  }
  const auto callback = decode_callback(webhook.body);
  reading.reference = webhook.reference;
  if (callback && reading.reference.empty() && is_uuid(callback->external_id))
    reading.reference = callback->external_id;
  if (reading.reference.empty()) {
    reading.reason = callback ? "it names no payment of ours" : "the body " + callback.error().reason;
    return reading;
  }
  reading.kind = payoutd::WebhookReading::Kind::hint;
  if (callback) reading.provider_ref = callback->transaction_id;
  return reading;
}

}  // namespace
}  // namespace thunes

PAYOUTD_PLUGIN(thunes::ThunesProvider, thunes::settings_schema)
