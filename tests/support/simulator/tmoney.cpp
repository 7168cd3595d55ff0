#include "tmoney.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "json_text.hpp"
#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kLoginPath = "/login";
constexpr std::array<std::string_view, 2> kCreditPaths{"/m-banking/v1/api/tpcredit", "/api/tpcredit"};
constexpr std::string_view kStatusEnd = "/check-transaction-id";
constexpr std::string_view kCurrency = "XOF";
constexpr std::string_view kCountry = "228";
constexpr std::size_t kMsisdnDigits = 11;
constexpr std::size_t kMaxText = 255;

std::string_view text_of(Status status) {
  switch (status) {
    case Status::kSuccessful:
      return "SUCCES";
    case Status::kPending:
      return "EN ATTENTE";
    default:
      return "ECHEC";
  }
}

std::string_view message_of(Status status) {
  switch (status) {
    case Status::kSuccessful:
      return "Operation effectuee avec succes";
    case Status::kPending:
      return "Operation en cours de traitement";
    default:
      return "Operation echouee";
  }
}

/// "2021-03-30 17:09:05", in UTC, which is Togo's time.
std::string date_text(Timestamp at) {
  const auto text = to_text(at);
  return text.substr(0, 10) + " " + text.substr(11, 8);
}

bool is_date(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-dd dd:dd:dd";
  if (text.size() != kShape.size()) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool digit = text[at] >= '0' && text[at] <= '9';
    if (kShape[at] == 'd' ? !digit : text[at] != kShape[at]) return false;
  }
  const auto part = [&](std::size_t from) { return (text[from] - '0') * 10 + (text[from + 1] - '0'); };
  return part(5) >= 1 && part(5) <= 12 && part(8) >= 1 && part(8) <= 31 && part(11) <= 23 && part(14) <= 59 &&
         part(17) <= 59;
}

bool is_msisdn(std::string_view text) {
  return text.size() == kMsisdnDigits && text.starts_with(kCountry) && all_digits(text);
}

std::string_view credit_path_of(std::string_view path) {
  for (const auto known : kCreditPaths) {
    if (path.starts_with(known)) return known;
  }
  return {};
}

std::string_view operation_of(const Request& request) {
  if (request.method == "POST" && request.path == kLoginPath) return "login";
  const auto credit = credit_path_of(request.path);
  if (credit.empty()) return "other";
  const auto rest = request.path.substr(credit.size());
  if (request.method == "POST" && rest.empty()) return "credit";
  if (request.method == "GET" && rest == kStatusEnd) return "status";
  return "other";
}

/// What the gateway before TMoney says, in its own form.
Answer gateway_fault(unsigned status, std::string_view message) {
  return json_answer(status, json::serialize(json::object{{"fault", {{"message", message}}}}));
}

Answer answered(const json::object& body) {
  return json_answer(200, serialize_exactly(body));
}

}  // namespace

Tmoney::Tmoney(World& world, TmoneyOptions options) : Protocol(world), options_(std::move(options)) {
  passwords_.insert(options_.users.begin(), options_.users.end());
  set_balance(options_.balance, std::nullopt);
  start_balance_ = balance_;
}

std::vector<std::string_view> Tmoney::operations() const {
  return {"login", "credit", "status"};
}

void Tmoney::reset() {
  balance_ = start_balance_;
  behaviours_.clear();
  requested_at_.clear();
  payments_ = 0;
}

void Tmoney::set_balance(std::string_view amount, const std::optional<std::string>& account) {
  const auto units = parse_amount(amount, 8);
  if (!units) throw std::invalid_argument("amount: must be a plain decimal in a string, like \"2000\"");
  if (account) throw std::invalid_argument("account: tmoney has one account only");
  balance_ = *units;
}

json::object Tmoney::balances() const {
  return {{"partner", to_text(balance_)}};
}

void Tmoney::set_callback_url(std::string url) {
  options_.callback_url = std::move(url);
}

// ---- requests

Call Tmoney::read(const Request& request) {
  Call call;
  call.operation = operation_of(request);
  if (call.operation == "credit" || call.operation == "status") {
    const auto user = user_of(request);
    if (!user.empty()) call.scope = "tmoney:" + user;
  }
  if (call.operation == "credit") {
    call.moves_money = true;
    auto body = parse_object_exactly(request.body);
    if (!is_json(request.header("Content-Type")))
      call.body_problem = "the content type must be application/json";
    if (!body) call.body_problem = "the body is not a JSON object";
    if (!call.body_problem.empty()) return call;
    call.reference = string_field(*body, "idRequete").value_or("");
    call.external_id = string_field(*body, "refCommande").value_or("");
    call.payee = string_field(*body, "numeroClient").value_or("");
    call.body = std::move(*body);
  } else if (call.operation == "status") {
    call.reference = request.parameter("idRequete").value_or("");
    if (const auto* entry = world_.ledger.find(call.scope, call.reference)) {
      call.known_reference = true;
      call.payee = entry->payee;
      call.external_id = entry->external_id;
    }
  }
  return call;
}

Answer Tmoney::process(const Request& request, Call& call) {
  if (call.operation == "other")
    return gateway_fault(404, "No matching resource found for given API Request");
  if (call.operation == "login") return login(request);
  if (call.scope.empty()) {
    if (call.moves_money) ++world_.stats.transfers_refused;
    return unauthorized(call);
  }
  return call.operation == "credit" ? credit(call) : status(request, call);
}

// ---- login

bool Tmoney::knows(const std::string& user, const std::string& password) const {
  if (user.empty() || password.empty()) return false;
  const auto known = passwords_.find(user);
  return options_.accept_any_credentials || (known != passwords_.end() && known->second == password);
}

Answer Tmoney::login(const Request& request) {
  const auto body = parse_object_exactly(request.body);
  const auto user = body ? string_field(*body, "nomUtilisateur").value_or("") : std::string{};
  const auto password = body ? string_field(*body, "motDePasse").value_or("") : std::string{};
  if (!knows(user, password)) {
    return login_failure(world_.seed.coin("bad login as 401", user) ? 401 : 200, "4001", user);
  }
  ++world_.stats.token_refreshes;
  ++issued_;
  const auto part = [&](std::string_view purpose) { return hex(world_.seed.draw(purpose, user, issued_)); };
  auto token = "eyJhbGciOiJIUzI1NiJ9." + part("token") + "." + part("token's signature") + hex(issued_);
  tokens_[token] = Token{user, std::chrono::steady_clock::now() + options_.token_ttl};
  return answered(
      {{"statut", {{"code", text_or_integer("code", "2000", user)}, {"message", "Connexion reussie"}}},
       {"data", {{"token", std::move(token)}}}});
}

Answer Tmoney::login_failure(unsigned status, const std::string& code, std::string_view about) const {
  const std::string_view message = code == "4001" ? "Identifiants incorrects" : "Erreur interne";
  const json::object body{{"statut", {{"code", text_or_integer("code", code, about)}, {"message", message}}},
                          {"data", nullptr}};
  return json_answer(status, serialize_exactly(body));
}

std::string Tmoney::user_of(const Request& request) const {
  using Authorization = TmoneyOptions::Authorization;
  constexpr std::string_view kBearer = "Bearer ";
  auto token = request.header("Authorization");
  const bool bearer = token.starts_with(kBearer);
  if (options_.authorization != Authorization::kBoth &&
      bearer != (options_.authorization == Authorization::kBearer)) {
    return {};
  }
  if (bearer) token.remove_prefix(kBearer.size());
  const auto known = tokens_.find(std::string{token});
  const bool good = known != tokens_.end() && known->second.expires_at > std::chrono::steady_clock::now();
  return good ? known->second.user : std::string{};
}

// ---- credits

std::optional<std::string> Tmoney::read_order(const Call& call, Order& order) const {
  if (!call.body_problem.empty()) return call.body_problem;
  const auto& body = call.body.get_object();
  for (const auto* name : {"idRequete", "refCommande"}) {
    const auto text = string_field(body, name);
    if (!text || text->empty() || characters(*text) > kMaxText) {
      return std::string{name} + " must be a string of 1 to 255 characters";
    }
  }
  if (!is_msisdn(call.payee)) return "numeroClient must be 228 and eight digits, in a string";
  const auto amount = number_field(body, "montant");
  const auto units = amount ? parse_amount(*amount, 0) : std::nullopt;
  if (!units || *units <= 0) return "montant must be a whole number above 0";
  const auto date = string_field(body, "dateHeureRequete");
  if (!date || !is_date(*date)) return "dateHeureRequete must be like 2021-03-30 17:09:03";
  if (has_field(body, "description")) {
    const auto description = string_field(body, "description");
    if (!description || characters(*description) > kMaxText) {
      return "description must be a string of at most 255 characters";
    }
  }
  order = Order{call.reference, call.external_id, call.payee, *date, *amount, *units};
  return std::nullopt;
}

Answer Tmoney::credit(const Call& call) {
  Order order;
  if (const auto problem = read_order(call, order)) {
    ++world_.stats.transfers_refused;
    return failure(400, "5000", *problem, call.reference);
  }
  const auto asked = world_.ledger.note_request(call.scope, call.reference);
  if (world_.ledger.find(call.scope, call.reference) != nullptr) return duplicate(call, order);

  const auto behaviour = behaviour_of(order.payee);
  if (behaviour == Behaviour::kRefuse || behaviour == Behaviour::kUnknown) {
    // Behind "error" the money may have moved or not; each request draws anew.
    if (behaviour == Behaviour::kUnknown &&
        world_.seed.coin("paid in spite of 5000", call.reference, asked)) {
      start_processing(accept(call, order), behaviour, call.hidden_for);
    }
    ++world_.stats.transfers_refused;
    return failure(200, "5000", "Erreur technique", call.reference);
  }
  auto& entry = accept(call, order);
  start_processing(entry, behaviour, call.hidden_for);
  return answered(answer_json(entry));
}

Answer Tmoney::duplicate(const Call& call, const Order& order) {
  ++world_.stats.transfers_duplicated;
  if (options_.duplicates == Duplicates::kRefuse) {
    return failure(400, "5000", "idRequete deja utilise", call.reference);
  }
  if (options_.duplicates == Duplicates::kReplay) {
    return answered(answer_json(*world_.ledger.find(call.scope, call.reference)));
  }
  auto& again = accept(call, order);
  start_processing(again, behaviour_of(order.payee), call.hidden_for);
  return answered(answer_json(again));
}

Entry& Tmoney::accept(const Call& call, const Order& order) {
  Entry entry;
  entry.protocol = name();
  entry.scope = call.scope;
  entry.reference = order.request_id;
  entry.external_id = order.command;
  entry.account = "partner";
  entry.amount = order.amount;
  entry.units = order.units;
  entry.currency = kCurrency;
  entry.payee = order.payee;
  entry.callback_url = options_.callback_url;
  const auto absent_for = std::max(call.hidden_for.value_or(milliseconds{0}),
                                   within(options_.absence, "absence", order.request_id));
  if (absent_for.count() > 0) entry.hidden_until = std::chrono::steady_clock::now() + absent_for;
  auto& stored = world_.ledger.accept(std::move(entry));
  requested_at_[&stored] = order.requested_at;
  return stored;
}

void Tmoney::start_processing(Entry& entry, Behaviour behaviour, std::optional<milliseconds> hidden_for) {
  if (behaviour == Behaviour::kOngoing) return;
  const auto status = behaviour == Behaviour::kFail ? Status::kFailed : Status::kSuccessful;
  auto delay = behaviour == Behaviour::kDelayed
                   ? world_.timing.delayed_payee
                   : within(world_.timing.processing, "processing", entry.reference);
  if (hidden_for) delay += *hidden_for;  // it lies in a queue until then
  if (delay.count() == 0) {
    settle(entry, status, {});
    return;
  }
  world_.schedule.after(delay, [this, &entry, status] { settle(entry, status, {}); });
}

bool Tmoney::settle(Entry& entry, Status status, std::string_view reason) {
  if (entry.status != Status::kPending || status == Status::kPending) return false;
  if (status == Status::kFailed && reason.empty()) reason = "ECHEC";
  if (status == Status::kSuccessful && balance_ < entry.units) {
    status = Status::kFailed;
    reason = "SOLDE_INSUFFISANT";
  }
  std::string provider_ref;
  if (status == Status::kSuccessful) {
    balance_ -= entry.units;
    provider_ref = std::to_string(7'000'200'000 + ++payments_);
  }
  const auto stale = credit_json(entry, Status::kPending);
  world_.ledger.finish(entry, status, reason, provider_ref);
  if (!entry.callback_url.empty()) {
    call_back({name(), "credit", entry.payee, entry.external_id, entry.reference, true, false},
              {"POST", entry.callback_url, serialize_exactly(credit_json(entry, entry.status))},
              serialize_exactly(stale));
  }
  return true;
}

Answer Tmoney::status(const Request& request, const Call& call) {
  if (!request.parameter("idRequete") || call.reference.empty()) {
    return failure(400, "5000", "idRequete est obligatoire", {});
  }
  json::array data;
  const auto at = std::chrono::steady_clock::now();
  for (const auto* entry : world_.ledger.find_all(call.scope, call.reference)) {
    if (entry->hidden_until && *entry->hidden_until > at) continue;
    data.push_back(credit_json(*entry, entry->status));
  }
  return answered({{"total", data.size()}, {"data", data}});
}

// ---- how a credit is told

json::value Tmoney::text_or_integer(std::string_view field, const std::string& digits,
                                    std::string_view about) const {
  using Types = TmoneyOptions::Types;
  const bool integer = options_.types == Types::kIntegers ||
                       (options_.types == Types::kMixed && world_.seed.coin(field, about));
  return integer ? json::value(exact_number(digits)) : json::value(digits);
}

json::object Tmoney::credit_json(const Entry& entry, Status status) const {
  const auto found = requested_at_.find(&entry);
  // Until it is done TMoney has no number of its own for it; the place stays empty.
  const auto number = entry.provider_ref.empty()
                          ? json::value("")
                          : text_or_integer("refTmoney", entry.provider_ref, entry.reference);
  return {{"refTmoney", number},
          {"dateHeureTmoney", date_text(entry.final_at.value_or(entry.accepted_at))},
          {"idRequete", entry.reference},
          {"statutRequete", text_of(status)},
          {"typeRequete", "CREDIT"},
          {"dateHeureRequete", found == requested_at_.end() ? std::string{} : found->second},
          {"refCommande", entry.external_id},
          {"montant", exact_number(entry.amount)},
          {"numeroClient", entry.payee},
          {"idPartenaire", entry.scope.substr(entry.scope.find(':') + 1)},
          {"nomPartenaire", "Partenaire simule"}};
}

json::object Tmoney::answer_json(const Entry& entry) const {
  std::string code = "5000";
  if (entry.status == Status::kSuccessful) {
    code = world_.seed.coin("final as 2002", entry.reference) ? "2002" : "2000";
  } else if (entry.status == Status::kPending) {
    code = world_.seed.coin("accepted as 2001", entry.reference) ? "2001" : "2000";
  }
  auto body = credit_json(entry, entry.status);
  body["code"] = text_or_integer("code", code, entry.reference);
  body["message"] = message_of(entry.status);
  const auto balance = to_text(balance_);
  body["soldePartenaire"] = exact_number(balance.find('.') == std::string::npos ? balance + ".0" : balance);
  return body;
}

// ---- payees

Tmoney::Behaviour Tmoney::behaviour_of(const std::string& payee) const {
  const auto found = behaviours_.find(payee);
  return found == behaviours_.end() ? Behaviour::kSucceed : found->second;
}

void Tmoney::set_behaviour(std::string payee, std::string_view behaviour) {
  constexpr std::array kNames{std::pair{std::string_view{"succeed"}, Behaviour::kSucceed},
                              std::pair{std::string_view{"ongoing"}, Behaviour::kOngoing},
                              std::pair{std::string_view{"delayed"}, Behaviour::kDelayed},
                              std::pair{std::string_view{"ECHEC"}, Behaviour::kFail},
                              std::pair{std::string_view{"5000"}, Behaviour::kRefuse},
                              std::pair{std::string_view{"unknown_5000"}, Behaviour::kUnknown}};
  if (!is_msisdn(payee)) throw std::invalid_argument("payee: must be 228 and eight digits");
  for (const auto& [name, known] : kNames) {
    if (name != behaviour) continue;
    behaviours_[std::move(payee)] = known;
    return;
  }
  throw std::invalid_argument("behaviour: must be one of succeed ongoing delayed ECHEC 5000 unknown_5000");
}

// ---- shapes of failure

Answer Tmoney::failure(unsigned status, std::string_view code, std::string_view message,
                       std::string_view about) const {
  const json::object body{{"code", text_or_integer("code", std::string{code}, about)}, {"message", message}};
  return json_answer(status, serialize_exactly(body));
}

Answer Tmoney::server_error(const Fault& fault, const Call& call) {
  if (!fault.code.empty()) return json_answer(500, json::serialize(json::object{{"code", fault.code}}));
  if (world_.seed.coin("error as a fault", call.reference)) return gateway_fault(500, "Runtime Error");
  if (call.operation == "login") return login_failure(500, "5000", {});
  return failure(500, "5000", "Erreur interne", call.reference);
}

Answer Tmoney::not_found(const Call&) {
  return answered({{"total", 0}, {"data", json::array{}}});
}

Answer Tmoney::unauthorized(const Call& call) {
  if (world_.seed.coin("unauthorised as a fault", call.reference)) {
    return gateway_fault(401, "Invalid Credentials");
  }
  if (call.operation == "login") return login_failure(401, "4001", {});
  return failure(401, "4001", "Non autorise", call.reference);
}

Answer Tmoney::turned_away(unsigned status, const Call&) {
  return gateway_fault(status, status == 403
                                   ? "The access token does not allow you to access the requested resource"
                                   : "Message throttled out");
}

std::string Tmoney::wrong_types(const Call& call) {
  if (call.operation == "login") return R"({"statut":"2000","data":{"token":["eyJ"]}})";
  if (call.operation == "status") {
    return R"({"total":"one","data":[{"refTmoney":[1],"idRequete":5,"statutRequete":{"code":"SUCCES"},"montant":[300]}]})";
  }
  return R"({"code":{"value":2000},"refTmoney":false,"idRequete":[],"statutRequete":["SUCCES"],"montant":{"xof":300}})";
}

}  // namespace simulator
