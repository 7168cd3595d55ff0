// A plugin for a made-up PSP that does one thing wrong, or none: each vice is one that integrators really
// have.
#include <algorithm>
#include <boost/json.hpp>
#include <payoutd/plugin.hpp>

namespace {

namespace json = boost::json;
using payoutd::Awaitable;
using payoutd::CodeMeaning;
using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::Order;
using payoutd::Prepared;
using payoutd::Status;
using payoutd::Submission;

json::object object_of(const std::string& body) {
  json::error_code unreadable;
  const json::value value = json::parse(body, unreadable);
  return !unreadable && value.is_object() ? value.get_object() : json::object{};
}

std::string text_at(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// Stands in for a keyed hash: enough to tell a signed callback from an unsigned one in a test.
std::string sign(const std::string& key, const std::string& body) {
  std::uint64_t hash = 14695981039346656037ull;
  for (const char c : key + "|" + body) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ull;
  return std::to_string(hash);
}

class Careless final : public payoutd::Provider {
 public:
  Careless(payoutd::Services services, const payoutd::Settings& settings)
      : services_(std::move(services)),
        url_(settings.string("url")),
        vice_(settings.string("vice")),
        key_(settings.secret("callback_key")) {}

  static payoutd::SettingsSchema schema() {
    using payoutd::SettingType;
    return {{.name = "url", .type = SettingType::url, .description = "Where the PSP is."},
            {.name = "vice",
             .type = SettingType::choice,
             .description = "What it does wrong.",
             .default_value = "claims_not_sent_after_timeout",
             .choices = {"none", "claims_not_sent_after_timeout", "takes_500_for_a_refusal",
                         "trusts_unsigned_callbacks", "reuses_a_spent_reference", "takes_any_404_for_absence",
                         "reports_the_order_as_found", "does_not_mark_the_request", "pays_in_a_query",
                         "sends_twice", "says_impossible_when_it_cannot_ask", "crashes_on_garbage",
                         "remembers_the_first_amount", "remembers_the_first_payee",
                         "repeats_the_first_payment", "keeps_the_order_in_a_member"}},
            {.name = "callback_key", .type = SettingType::secret, .description = "Signs the callbacks."}};
  }

  static payoutd::Contract contract(const payoutd::Settings& settings) {
    payoutd::Contract contract;
    contract.repeat = payoutd::Repeat::refused_as_duplicate;
    contract.lookup_by_reference = true;
    contract.absence_is_proof_after = std::chrono::seconds(60);
    contract.submit_codes = {{"NO_SUCH_PAYEE", CodeMeaning::refused}, {"DUPLICATE", CodeMeaning::duplicate}};
    if (settings.string("vice") == "claims_not_sent_after_timeout")
      contract.submit_codes.push_back({"TIMEOUT", CodeMeaning::not_accepted});
    if (settings.string("vice") == "takes_500_for_a_refusal")
      contract.submit_codes.push_back({"HTTP_500", CodeMeaning::refused});
    contract.webhook = payoutd::WebhookKind::signed_;
    contract.concurrency = 4;
    contract.currencies = {{"XOF", 0}};
    return contract;
  }

  std::string account_scope() const override { return url_; }

  Awaitable<Prepared> prepare(Order order) override {
    const HttpResponse answer =
        co_await services_.http->send(HttpRequest::get(url_ + "/payees/" + order.destination));
    const json::object body = object_of(answer.body);
    if (vice_ == "crashes_on_garbage" && answer.status == 200 && body.empty()) std::abort();
    Prepared prepared;
    if (answer.status != 200 || text_at(body, "active") != "yes") {
      if (vice_ != "says_impossible_when_it_cannot_ask")
        throw std::runtime_error("the payee could not be asked about");
      prepared.impossible = payoutd::Problem{"INACTIVE", "the payee is not active"};
    }
    co_return prepared;
  }

  Awaitable<Submission> submit(Order order, Prepared) override {
    current_ = order;
    if (vice_ == "keeps_the_order_in_a_member") {
      static_cast<void>(
          co_await services_.http->send(HttpRequest::get(url_ + "/payees/" + order.destination)));
      order = current_;
    }
    if (!first_order_) first_order_ = order;
    if (vice_ == "repeats_the_first_payment") order = *first_order_;
    HttpRequest request = HttpRequest::post(url_ + "/payments/" + reference_of(order));
    const Order& amount_of = vice_ == "remembers_the_first_amount" ? *first_order_ : order;
    const Order& payee_of = vice_ == "remembers_the_first_payee" ? *first_order_ : order;
    request.body(json::serialize(json::object{{"amount", amount_of.money.amount.to_fixed(0)},
                                              {"to", payee_of.destination}}),
                 "application/json");
    if (vice_ == "sends_twice") static_cast<void>(co_await services_.http->send(request));
    std::optional<HttpFailure> failure;
    HttpResponse answer;
    try {
      if (vice_ == "does_not_mark_the_request") {
        answer = co_await services_.http->send(std::move(request));
      } else {
        answer = co_await services_.http->send(std::move(request).moves_money());
      }
    } catch (const HttpFailure& failed) {
      if (vice_ != "claims_not_sent_after_timeout") throw;
      failure = failed;
    }
    if (failure) co_return Submission::not_accepted("TIMEOUT", "nothing came back, so nothing was sent");
    co_return judge(answer);
  }

  Awaitable<Status> query(Order order, Prepared, std::string) override {
    const std::string url = url_ + "/payments/" + reference_of(order);
    if (vice_ == "pays_in_a_query") {
      HttpRequest again = HttpRequest::post(url);
      again.body(json::serialize(
                     json::object{{"amount", order.money.amount.to_fixed(0)}, {"to", order.destination}}),
                 "application/json");
      static_cast<void>(co_await services_.http->send(std::move(again)));
    }
    const HttpResponse answer = co_await services_.http->send(HttpRequest::get(url));
    if (answer.status == 404 && vice_ == "takes_any_404_for_absence") {
      Status status;
      status.kind = Status::Kind::absent;
      co_return status;
    }
    co_return read_status(answer.status, object_of(answer.body), order);
  }

  Awaitable<void> probe() override { co_return; }

  payoutd::WebhookReading read_webhook(const payoutd::Webhook& webhook) override {
    payoutd::WebhookReading reading;
    std::string signature;
    for (const auto& [name, value] : webhook.headers)
      if (name == "X-Signature") signature = value;
    if (vice_ != "trusts_unsigned_callbacks" && signature != sign(key_.reveal(), webhook.body)) {
      reading.reason = "the signature is not right";
      return reading;
    }
    reading.kind = payoutd::WebhookReading::Kind::verified;
    const json::object body = object_of(webhook.body);
    reading.reference = text_at(body, "reference");
    reading.status = read_status(200, body, {});
    return reading;
  }

 private:
  /// What goes over the wire: the order's, or the first one that was ever used for the payout.
  std::string reference_of(const Order& order) {
    if (vice_ != "reuses_a_spent_reference") return order.reference;
    return first_references_.try_emplace(order.payout_id, order.reference).first->second;
  }

  Submission judge(const HttpResponse& answer) const {
    const json::object body = object_of(answer.body);
    const std::string code = text_at(body, "code");
    if (answer.status == 201 && text_at(body, "status") == "taken")
      return Submission::accepted(text_at(body, "id"));
    if (answer.status == 409 && code == "DUPLICATE") return Submission::duplicate(code, "known already");
    if (answer.status == 422 && code == "NO_SUCH_PAYEE") return Submission::refused(code, "no such payee");
    if (answer.status >= 500 && vice_ == "takes_500_for_a_refusal")
      return Submission::refused("HTTP_500", "the server could not do it");
    return Submission::unknown("http." + std::to_string(answer.status), "not documented");
  }

  Status read_status(int http_status, const json::object& body, const Order& order) const {
    Status status;
    if (http_status == 404 && text_at(body, "code") == "NOT_FOUND") {
      status.kind = Status::Kind::absent;
      return status;
    }
    const auto amount = payoutd::Amount::parse(text_at(body, "amount"));
    const std::string word = text_at(body, "status");
    if (http_status != 200 || !amount) return status;
    if (word == "paid") status.kind = Status::Kind::confirmed;
    if (word == "waiting") status.kind = Status::Kind::pending;
    if (word == "failed") status.kind = Status::Kind::refused_for_now;
    status.found = {*amount, text_at(body, "currency"), text_at(body, "to"), text_at(body, "reference")};
    if (vice_ == "reports_the_order_as_found")
      status.found = {order.money.amount, order.money.currency, order.destination, order.reference};
    return status;
  }

  payoutd::Services services_;
  std::string url_;
  std::string vice_;
  payoutd::Secret key_;
  std::map<std::string, std::string> first_references_;
  std::optional<Order> first_order_;
  Order current_;
};

}  // namespace

PAYOUTD_PLUGIN(Careless, &Careless::schema)
