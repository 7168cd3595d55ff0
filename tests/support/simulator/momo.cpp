#include "momo.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kTransferPath = "/disbursement/v1_0/transfer";
constexpr std::string_view kBalancePath = "/disbursement/v1_0/account/balance";
constexpr std::string_view kHolderPath = "/disbursement/v1_0/accountholder/msisdn/";
constexpr std::string_view kHolderEnd = "/active";
constexpr std::string_view kUserPath = "/v1_0/apiuser";
constexpr std::string_view kKeyEnd = "/apikey";
constexpr std::size_t kMaxMessage = 160;  // characters
constexpr std::size_t kPruneTokensAt = 10'000;

struct Country {
  std::string_view environment;
  std::string_view currency;
  int decimals;
};

constexpr std::array kCountries{Country{"sandbox", "EUR", 2},   Country{"mtnivorycoast", "XOF", 0},
                                Country{"mtnbenin", "XOF", 0},  Country{"mtnuganda", "UGX", 0},
                                Country{"mtnghana", "GHS", 2},  Country{"mtncameroon", "XAF", 0},
                                Country{"mtncongo", "XAF", 0},  Country{"mtnzambia", "ZMW", 2},
                                Country{"mtnrwanda", "RWF", 0}, Country{"mtnguineaconakry", "GNF", 0}};

std::string error_body(std::string_view code, std::string_view message) {
  return json::serialize(json::object{{"code", code}, {"message", message}});
}

Answer coded(unsigned status, std::string_view code, std::string_view message) {
  return json_answer(status, error_body(code, message));
}

Answer invalid(std::string_view message) {
  return coded(400, "VALIDATION_ERROR", message);
}

/// The refusals that this API sends as HTTP 500.
std::string_view message_of(std::string_view code) {
  if (code == "PAYEE_NOT_FOUND") return "Payee does not exist";
  if (code == "NOT_ALLOWED") return "Authorization failed. Not allowed.";
  if (code == "NOT_ALLOWED_TARGET_ENVIRONMENT") return "Access to target environment is forbidden.";
  if (code == "INVALID_CALLBACK_URL_HOST")
    return "Callback URL with different host name then configured for API User.";
  if (code == "INVALID_CURRENCY") return "Currency not supported.";
  return "An internal error occurred while processing.";
}

Answer refused(std::string_view code) {
  return coded(500, code, message_of(code));
}

bool is_uuid4(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    const bool dash = at == 8 || at == 13 || at == 18 || at == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return text[14] == '4' && std::string_view{"89abAB"}.find(text[19]) != std::string_view::npos;
}

std::string lower(std::string_view text) {
  std::string copy{text};
  for (char& c : copy) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return copy;
}

bool is_msisdn(std::string_view text) {
  return text.size() >= 8 && text.size() <= 15 && text[0] != '0' &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// A field of a JSON object as text: null when it is absent or of another type.
const json::string* text_field(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_string();
}

std::optional<Answer> check_message(const json::object& body, std::string_view name) {
  const auto* value = body.if_contains(name);
  if (value == nullptr) return std::nullopt;
  const auto* text = value->if_string();
  if (text == nullptr) return invalid(std::string{name} + " must be a string");
  if (characters(*text) > kMaxMessage) return invalid(std::string{name} + " is longer than 160 characters");
  if (text->find('\'') != json::string::npos)
    return invalid(std::string{name} + " contains a forbidden character");
  return std::nullopt;
}

/// The middle of a path between a known beginning and a known end.
std::string_view between(std::string_view path, std::string_view before, std::string_view after) {
  path.remove_prefix(std::min(path.size(), before.size()));
  if (path.ends_with(after)) path.remove_suffix(after.size());
  return path;
}

}  // namespace

Momo::Momo(World& world, MomoOptions options)
    : Protocol(world), options_(std::move(options)), start_balance_(0) {
  for (const auto& [user, key] : options_.users) users_[lower(user)] = User{key, {}};
  subscription_keys_.insert(options_.subscription_keys.begin(), options_.subscription_keys.end());
  for (const auto& country : kCountries) {
    environments_[std::string{country.environment}] = Environment{country.currency, country.decimals, 0};
  }
  set_balance(options_.balance, std::nullopt);
  start_balance_ = environments_.begin()->second.balance;
}

std::vector<std::string_view> Momo::operations() const {
  return {"transfer", "status", "token", "balance", "account_holder", "apiuser", "apikey"};
}

void Momo::reset() {
  for (auto& [name, environment] : environments_) environment.balance = start_balance_;
  behaviours_.clear();
  payments_ = 0;
}

void Momo::set_balance(std::string_view amount, const std::optional<std::string>& environment) {
  const auto units = parse_amount(amount, 8);
  if (!units) throw std::invalid_argument("amount: must be a plain decimal in a string, like \"2000\"");
  if (environment && !environments_.contains(*environment)) {
    throw std::invalid_argument("target_environment: unknown: " + *environment);
  }
  for (auto& [name, account] : environments_) {
    if (!environment || *environment == name) account.balance = *units;
  }
}

json::object Momo::balances() const {
  json::object object;
  for (const auto& [name, environment] : environments_) object[name] = to_text(environment.balance);
  return object;
}

// ---- requests
// --------------------------------------------------------------------------------------------------

std::string_view Momo::operation_of(const Request& request) {
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";
  const auto path = request.path;
  if (post && path == kTransferPath) return "transfer";
  if (get && path.starts_with(kTransferPath) && path.size() > kTransferPath.size() + 1) return "status";
  if (post && (path == "/disbursement/token/" || path == "/disbursement/token")) return "token";
  if (get && path == kBalancePath) return "balance";
  if (get && path.starts_with(kHolderPath) && path.ends_with(kHolderEnd)) return "account_holder";
  if (post && path == kUserPath) return "apiuser";
  if (post && path.starts_with(kUserPath) && path.ends_with(kKeyEnd)) return "apikey";
  if (get && path.starts_with(kUserPath) && path.size() > kUserPath.size() + 1) return "apiuser";
  return "other";
}

Call Momo::read(const Request& request) {
  Call call;
  call.operation = operation_of(request);
  if (call.operation == "transfer" || call.operation == "status") {
    if (const auto* token = token_of(request)) call.scope = token->user;
  }
  if (call.operation == "transfer") {
    call.moves_money = true;
    call.reference = lower(request.header("X-Reference-Id"));
    boost::system::error_code error;
    call.body = json::parse(json::string_view{request.body.data(), request.body.size()}, error);
    if (error || !call.body.is_object()) {
      call.body_problem = "the body is not a JSON object";
      return call;
    }
    const auto& body = call.body.get_object();
    if (const auto* external_id = text_field(body, "externalId")) call.external_id = *external_id;
    if (const auto* payee = body.if_contains("payee"); payee != nullptr && payee->is_object()) {
      if (const auto* party = text_field(payee->get_object(), "partyId")) call.payee = *party;
    }
  } else if (call.operation == "status") {
    call.reference = lower(request.path.substr(kTransferPath.size() + 1));
    if (const auto* entry = world_.ledger.find(call.scope, call.reference)) {
      call.known_reference = true;
      call.payee = entry->payee;
      call.external_id = entry->external_id;
    }
  } else if (call.operation == "account_holder") {
    call.payee = between(request.path, kHolderPath, kHolderEnd);
  }
  return call;
}

Answer Momo::process(const Request& request, Call& call) {
  if (call.operation == "other")
    return json_answer(404, R"({"statusCode":404,"message":"Resource not found"})");
  if (auto refusal = refuse_subscription(request))
    return call.moves_money ? refuse_transfer(*refusal) : *refusal;
  if (call.operation == "apiuser")
    return request.method == "POST" ? create_user(request) : read_user(request);
  if (call.operation == "apikey") return create_key(request);
  if (call.operation == "token") return issue_token(request);
  if (auto refusal = refuse_headers(request)) return call.moves_money ? refuse_transfer(*refusal) : *refusal;
  if (call.operation == "transfer") return transfer(request, call);
  if (call.operation == "status") return status(call);
  if (call.operation == "balance") return balance(request);
  return account_holder(request);
}

std::optional<Answer> Momo::refuse_subscription(const Request& request) const {
  const auto key = request.header("Ocp-Apim-Subscription-Key");
  if (key.empty()) {
    return json_answer(401,
                       R"({"statusCode":401,"message":"Access denied due to missing subscription key."})");
  }
  if (options_.accept_any_credentials || subscription_keys_.empty()) return std::nullopt;
  if (subscription_keys_.contains(std::string{key})) return std::nullopt;
  return json_answer(401, R"({"statusCode":401,"message":"Access denied due to invalid subscription key."})");
}

std::optional<Answer> Momo::refuse_headers(const Request& request) const {
  const auto* token = token_of(request);
  if (token == nullptr || token->expires_at <= std::chrono::steady_clock::now()) {
    return json_answer(
        401, R"({"statusCode":401,"message":"Unauthorized. The access token is invalid or has expired."})");
  }
  const auto environment = request.header("X-Target-Environment");
  if (environment.empty()) return invalid("X-Target-Environment is missing");
  if (environments_.find(environment) == environments_.end())
    return refused("NOT_ALLOWED_TARGET_ENVIRONMENT");
  return std::nullopt;
}

std::optional<Answer> Momo::refuse_reference(const Request& request) const {
  if (is_uuid4(request.header("X-Reference-Id"))) return std::nullopt;
  return invalid("X-Reference-Id must be a UUID of version 4");
}

std::optional<Answer> Momo::refuse_callback_url(const Request& request, const std::string& user) const {
  if (!request.has_header("X-Callback-Url")) return std::nullopt;
  const auto host = host_of_url(request.header("X-Callback-Url"));
  const auto found = users_.find(user);
  const auto registered = found == users_.end() ? std::string{} : found->second.callback_host;
  if (host.empty() || (!registered.empty() && host != host_of_url(registered))) {
    return refused("INVALID_CALLBACK_URL_HOST");
  }
  return std::nullopt;
}

const Momo::Token* Momo::token_of(const Request& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  const auto header = request.header("Authorization");
  if (!header.starts_with(kBearer)) return nullptr;
  const auto found = tokens_.find(std::string{header.substr(kBearer.size())});
  return found == tokens_.end() ? nullptr : &found->second;
}

Momo::Environment* Momo::environment_of(const Request& request) {
  const auto found = environments_.find(request.header("X-Target-Environment"));
  return found == environments_.end() ? nullptr : &found->second;
}

// ---- users and tokens
// --------------------------------------------------------------------------------------------

Answer Momo::create_user(const Request& request) {
  if (auto refusal = refuse_reference(request)) return *refusal;
  boost::system::error_code error;
  const auto body = json::parse(json::string_view{request.body.data(), request.body.size()}, error);
  const auto* host =
      error || !body.is_object() ? nullptr : text_field(body.get_object(), "providerCallbackHost");
  if (host == nullptr) return invalid("providerCallbackHost must be a string");
  const auto [at, fresh] =
      users_.emplace(lower(request.header("X-Reference-Id")), User{{}, std::string{*host}});
  if (!fresh) {
    return coded(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.");
  }
  return json_answer(201, {});
}

Answer Momo::read_user(const Request& request) {
  const auto found = users_.find(lower(request.path.substr(kUserPath.size() + 1)));
  if (found == users_.end()) return unknown_resource();
  return json_answer(200, json::serialize(json::object{{"providerCallbackHost", found->second.callback_host},
                                                       {"targetEnvironment", "sandbox"}}));
}

Answer Momo::create_key(const Request& request) {
  const auto id = lower(between(request.path, "/v1_0/apiuser/", kKeyEnd));
  const auto found = users_.find(id);
  if (found == users_.end()) return unknown_resource();
  ++issued_;
  found->second.key =
      hex(world_.seed.draw("api key", id, issued_)) + hex(world_.seed.draw("api key", id, ~issued_));
  return json_answer(201, json::serialize(json::object{{"apiKey", found->second.key}}));
}

bool Momo::knows(std::string_view user, std::string_view key) {
  if (user.empty() || key.empty()) return false;
  const auto found = users_.find(lower(user));
  if (found != users_.end() && found->second.key == key) return true;
  return options_.accept_any_credentials;
}

Answer Momo::issue_token(const Request& request) {
  const auto credentials = basic_credentials(request.header("Authorization"));
  if (!credentials || !knows(credentials->user, credentials->password)) {
    return json_answer(401, R"({"error":"login_failed"})");
  }
  ++world_.stats.token_refreshes;
  ++issued_;
  const auto at = std::chrono::steady_clock::now();
  if (tokens_.size() > kPruneTokensAt) {
    std::erase_if(tokens_, [at](const auto& known) { return known.second.expires_at <= at; });
  }
  const auto user = lower(credentials->user);
  std::string token = "eyJzaW0iOjF9." + hex(world_.seed.draw("token", user, issued_)) +
                      hex(world_.seed.draw("token", user, ~issued_)) + "." + hex(issued_);
  const json::object body{
      {"access_token", token}, {"token_type", "access_token"}, {"expires_in", options_.token_ttl.count()}};
  tokens_.emplace(std::move(token), Token{user, at + options_.token_ttl});
  return json_answer(200, json::serialize(body));
}

// ---- transfers
// -----------------------------------------------------------------------------------------------------

Answer Momo::refuse_transfer(Answer answer) {
  ++world_.stats.transfers_refused;
  return answer;
}

std::optional<Answer> Momo::read_body(const Call& call, const Environment& environment, Body& out) const {
  if (!call.body_problem.empty()) return invalid(call.body_problem);
  const auto& body = call.body.get_object();
  const auto* amount = text_field(body, "amount");
  if (amount == nullptr) return invalid("amount must be a string");
  const auto units = parse_amount({amount->data(), amount->size()}, environment.decimals);
  if (!units || *units <= 0) return invalid("amount must be a positive decimal that fits the currency");
  const auto* currency = text_field(body, "currency");
  if (currency == nullptr) return invalid("currency must be a string");
  if (body.if_contains("externalId") != nullptr && text_field(body, "externalId") == nullptr) {
    return invalid("externalId must be a string");
  }
  const auto* payee = body.if_contains("payee");
  if (payee == nullptr || !payee->is_object()) return invalid("payee must be an object");
  const auto* type = text_field(payee->get_object(), "partyIdType");
  if (type == nullptr || *type != "MSISDN") return invalid("payee.partyIdType must be MSISDN");
  if (!is_msisdn(call.payee))
    return invalid("payee.partyId must be an international number without a plus sign");
  if (auto refusal = check_message(body, "payerMessage")) return refusal;
  if (auto refusal = check_message(body, "payeeNote")) return refusal;
  if (std::string_view{currency->data(), currency->size()} != environment.currency)
    return refused("INVALID_CURRENCY");
  out = Body{std::string{*amount}, std::string{*currency}, call.external_id, call.payee, *units};
  return std::nullopt;
}

Answer Momo::transfer(const Request& request, Call& call) {
  if (auto refusal = refuse_reference(request)) return refuse_transfer(*refusal);
  const auto times = world_.ledger.note_request(call.scope, call.reference);
  if (world_.ledger.find(call.scope, call.reference) != nullptr) {
    ++world_.stats.transfers_duplicated;
    return coded(409, "RESOURCE_ALREADY_EXIST", "Duplicated reference id. Creation of resource failed.");
  }
  if (auto refusal = refuse_callback_url(request, call.scope)) return refuse_transfer(*refusal);
  Body body;
  if (auto refusal = read_body(call, *environment_of(request), body)) return refuse_transfer(*refusal);

  const auto behaviour = behaviour_of(body.payee);
  if (behaviour.behaviour == Behaviour::kRefuse) return refuse_transfer(refused(behaviour.code));
  if (behaviour.behaviour == Behaviour::kUnknown) {
    // Each request draws anew: a client that asks, hears "unknown" and sends the same reference again gets
    // through.
    if (world_.seed.coin("paid in spite of 500", call.reference, times)) {
      start_processing(accept(request, call, body), behaviour, call.hidden_for);
    }
    return refuse_transfer(refused(behaviour.code));
  }
  start_processing(accept(request, call, body), behaviour, call.hidden_for);
  return json_answer(202, {});
}

Entry& Momo::accept(const Request& request, const Call& call, const Body& body) {
  Entry entry;
  entry.protocol = name();
  entry.scope = call.scope;
  entry.reference = call.reference;
  entry.external_id = body.external_id;
  entry.account = request.header("X-Target-Environment");
  entry.amount = body.amount;
  entry.units = body.units;
  entry.currency = body.currency;
  entry.payee = body.payee;
  entry.callback_url = request.header("X-Callback-Url");
  if (call.hidden_for) entry.hidden_until = std::chrono::steady_clock::now() + *call.hidden_for;
  return world_.ledger.accept(std::move(entry));
}

void Momo::start_processing(Entry& entry, PayeeBehaviour behaviour, std::optional<milliseconds> hidden_for) {
  if (behaviour.behaviour == Behaviour::kOngoing) return;
  const auto status = behaviour.behaviour == Behaviour::kFail ? Status::kFailed : Status::kSuccessful;
  const auto reason = status == Status::kFailed ? behaviour.code : std::string_view{};
  auto delay = behaviour.behaviour == Behaviour::kDelayed
                   ? world_.timing.delayed_payee
                   : within(world_.timing.processing, "processing", entry.reference);
  if (hidden_for) delay += *hidden_for;  // it lies in a queue until then
  if (delay.count() == 0) {
    settle(entry, status, reason);
    return;
  }
  world_.schedule.after(delay, [this, &entry, status, reason] { settle(entry, status, reason); });
}

bool Momo::settle(Entry& entry, Status status, std::string_view reason) {
  if (entry.status != Status::kPending || status == Status::kPending) return false;
  auto& account = environments_.at(entry.account);
  if (status == Status::kSuccessful && account.balance < entry.units) {
    status = Status::kFailed;
    reason = "NOT_ENOUGH_FUNDS";
  }
  if (status == Status::kFailed && reason.empty()) reason = "INTERNAL_PROCESSING_ERROR";
  std::string provider_ref;
  if (status == Status::kSuccessful) {
    account.balance -= entry.units;
    provider_ref = std::to_string(363'440'000 + ++payments_);
  }
  world_.ledger.finish(entry, status, reason, provider_ref);
  call_back(entry);
  return true;
}

Answer Momo::status(const Call& call) {
  const auto* entry = world_.ledger.find(call.scope, call.reference);
  if (entry == nullptr) return unknown_resource();
  if (entry->hidden_until && *entry->hidden_until > std::chrono::steady_clock::now())
    return unknown_resource();
  return json_answer(200, status_body(*entry, entry->status));
}

std::string Momo::status_body(const Entry& entry, Status status) const {
  const auto quoted = [&](std::string_view field, const std::string& number) {
    const bool bare = options_.unquoted_numbers && world_.seed.coin(field, entry.reference);
    return bare ? number : '"' + number + '"';
  };
  std::string body = R"({"amount":)" + quoted("amount", entry.amount);
  body.append(R"(,"currency":")").append(entry.currency).append("\"");
  if (status == Status::kSuccessful) {
    body.append(R"(,"financialTransactionId":)").append(quoted("financialTransactionId", entry.provider_ref));
  }
  if (!entry.external_id.empty()) {
    body.append(R"(,"externalId":)").append(json::serialize(json::string(entry.external_id)));
  }
  body.append(R"(,"payee":{"partyIdType":"MSISDN","partyId":")").append(entry.payee).append("\"}");
  body.append(R"(,"status":")").append(to_text(status)).append("\"");
  if (status == Status::kFailed && !entry.reason.empty()) {
    if (world_.seed.coin("reason as an object", entry.reference)) {
      body.append(R"(,"reason":)").append(error_body(entry.reason, message_of(entry.reason)));
    } else {
      body.append(R"(,"reason":")").append(entry.reason).append("\"");
    }
  }
  return body.append("}");
}

// ---- the account
// -----------------------------------------------------------------------------------------------------

Answer Momo::balance(const Request& request) {
  const auto& environment = *environment_of(request);
  auto number = to_text(environment.balance);
  if (!options_.unquoted_numbers || !world_.seed.coin("availableBalance", number))
    number = '"' + number + '"';
  return json_answer(200, R"({"availableBalance":)" + number + R"(,"currency":")" +
                              std::string{environment.currency} + "\"}");
}

Answer Momo::account_holder(const Request& request) {
  const auto msisdn = between(request.path, kHolderPath, kHolderEnd);
  if (!is_msisdn(msisdn))
    return invalid("the account holder must be an international number without a plus sign");
  const std::string_view active = behaviour_of(msisdn).code == "PAYEE_NOT_FOUND" ? "false" : "true";
  // Older versions of the API sent the word as a string.
  const std::string_view quote = world_.seed.coin("result as a string", msisdn) ? "\"" : "";
  std::string body = R"({"result":)";
  body.append(quote).append(active).append(quote).append("}");
  return json_answer(200, std::move(body));
}

// ---- payees
// ------------------------------------------------------------------------------------------------------------

Momo::PayeeBehaviour Momo::behaviour_of(std::string_view payee) const {
  if (!behaviours_.empty()) {
    const auto found = behaviours_.find(std::string{payee});
    if (found != behaviours_.end()) return found->second;
  }
  constexpr std::string_view kSpecial = "467331234";
  if (payee.size() != kSpecial.size() + 2 || !payee.starts_with(kSpecial)) return {Behaviour::kSucceed, {}};
  constexpr std::array<PayeeBehaviour, 14> kFrom50{{{Behaviour::kFail, "INTERNAL_PROCESSING_ERROR"},
                                                    {Behaviour::kFail, "APPROVAL_REJECTED"},
                                                    {Behaviour::kFail, "EXPIRED"},
                                                    {Behaviour::kOngoing, {}},
                                                    {Behaviour::kDelayed, {}},
                                                    {Behaviour::kFail, "NOT_ENOUGH_FUNDS"},
                                                    {Behaviour::kFail, "PAYER_LIMIT_REACHED"},
                                                    {Behaviour::kRefuse, "PAYEE_NOT_FOUND"},
                                                    {Behaviour::kRefuse, "NOT_ALLOWED"},
                                                    {Behaviour::kRefuse, "NOT_ALLOWED_TARGET_ENVIRONMENT"},
                                                    {Behaviour::kRefuse, "INVALID_CALLBACK_URL_HOST"},
                                                    {Behaviour::kRefuse, "INVALID_CURRENCY"},
                                                    {Behaviour::kUnknown, "INTERNAL_PROCESSING_ERROR"},
                                                    {Behaviour::kFail, "SERVICE_UNAVAILABLE"}}};
  const auto number = (payee[9] - '0') * 10 + (payee[10] - '0') - 50;
  if (number < 0 || number >= static_cast<int>(kFrom50.size())) return {Behaviour::kSucceed, {}};
  return kFrom50[static_cast<std::size_t>(number)];
}

void Momo::set_behaviour(std::string payee, std::string_view behaviour) {
  constexpr std::array kPlain{std::pair{std::string_view{"succeed"}, Behaviour::kSucceed},
                              std::pair{std::string_view{"ongoing"}, Behaviour::kOngoing},
                              std::pair{std::string_view{"delayed"}, Behaviour::kDelayed}};
  constexpr std::array<std::string_view, 5> kRefusals{"PAYEE_NOT_FOUND", "NOT_ALLOWED",
                                                      "NOT_ALLOWED_TARGET_ENVIRONMENT",
                                                      "INVALID_CALLBACK_URL_HOST", "INVALID_CURRENCY"};
  constexpr std::array<std::string_view, 12> kReasons{"INTERNAL_PROCESSING_ERROR",
                                                      "APPROVAL_REJECTED",
                                                      "EXPIRED",
                                                      "NOT_ENOUGH_FUNDS",
                                                      "PAYER_LIMIT_REACHED",
                                                      "PAYEE_LIMIT_REACHED",
                                                      "SERVICE_UNAVAILABLE",
                                                      "COULD_NOT_PERFORM_TRANSACTION",
                                                      "PAYEE_NOT_ALLOWED_TO_RECEIVE",
                                                      "SENDER_ACCOUNT_NOT_ACTIVE",
                                                      "PAYMENT_NOT_APPROVED",
                                                      "TRANSACTION_CANCELED"};
  if (!is_msisdn(payee))
    throw std::invalid_argument("payee: must be an international number without a plus sign");
  for (const auto& [name, plain] : kPlain) {
    if (name == behaviour) {
      behaviours_[std::move(payee)] = {plain, {}};
      return;
    }
  }
  if (behaviour == "unknown_500") {
    behaviours_[std::move(payee)] = {Behaviour::kUnknown, "INTERNAL_PROCESSING_ERROR"};
    return;
  }
  if (const auto at = std::find(kRefusals.begin(), kRefusals.end(), behaviour); at != kRefusals.end()) {
    behaviours_[std::move(payee)] = {Behaviour::kRefuse, *at};
    return;
  }
  if (const auto at = std::find(kReasons.begin(), kReasons.end(), behaviour); at != kReasons.end()) {
    behaviours_[std::move(payee)] = {Behaviour::kFail, *at};
    return;
  }
  std::string message = "behaviour: must be one of succeed ongoing delayed unknown_500";
  for (const auto name : kRefusals) message.append(" ").append(name);
  for (const auto name : kReasons) message.append(" ").append(name);
  throw std::invalid_argument(message);
}

// ---- callbacks
// -----------------------------------------------------------------------------------------------------------

void Momo::call_back(const Entry& entry) {
  if (!options_.callbacks || entry.callback_url.empty()) return;
  Callback callback;
  callback.method = world_.seed.coin("callback by POST", entry.reference) ? "POST" : "PUT";
  callback.url = entry.callback_url;
  callback.body = status_body(entry, entry.status);
  Protocol::call_back({name(), "transfer", entry.payee, entry.external_id, entry.reference, true, false},
                      std::move(callback), status_body(entry, Status::kPending));
}

// ---- shapes of failure
// -----------------------------------------------------------------------------------------------------

Answer Momo::server_error(const Fault& fault, const Call&) {
  return refused(fault.code.empty() ? std::string_view{"INTERNAL_PROCESSING_ERROR"} : fault.code);
}

Answer Momo::not_found(const Call&) {
  return unknown_resource();
}

Answer Momo::unknown_resource() {
  return coded(404, "RESOURCE_NOT_FOUND", "Requested resource was not found.");
}

Answer Momo::unauthorized(const Call&) {
  return json_answer(
      401, R"({"statusCode":401,"message":"Unauthorized. The access token is invalid or has expired."})");
}

std::string Momo::wrong_types(const Call& call) {
  if (call.operation == "token") return R"({"access_token":12345,"token_type":null,"expires_in":"soon"})";
  if (call.operation == "balance") return R"({"availableBalance":["2000"],"currency":7})";
  if (call.operation == "account_holder") return R"({"result":{"active":"yes"}})";
  if (call.operation == "status") {
    return R"({"amount":{"value":100},"currency":42,"externalId":false,"payee":"somebody","status":["SUCCESSFUL"]})";
  }
  return R"(["accepted",202,{"status":null}])";
}

}  // namespace simulator
