#include "thunes.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "json_text.hpp"
#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kBase = "/v2/money-transfer";
constexpr std::uint64_t kFirstId =
    9'007'199'254'740'993;  // ids have 64 bits: a double cannot tell 2^53 + 1 from 2^53
constexpr Units kUnit = 100'000'000;

// The statuses that the simulator itself goes through.
constexpr int kCreated = 10000;
constexpr int kConfirmed = 20000;
constexpr int kCancelled = 40000;
constexpr int kSubmitted = 50000;
constexpr int kAvailable = 60000;
constexpr int kCompleted = 70000;
constexpr int kReversed = 80000;
constexpr int kDeclined = 90000;

struct Meaning {
  std::string_view code;
  std::string_view message;
};

constexpr std::array kErrors{Meaning{"1000401", "Unauthorized"},
                             Meaning{"1000404", "Not found"},
                             Meaning{"1003007", "Payer is currently unavailable"},
                             Meaning{"1003011", "Amount is below the minimum of the payer"},
                             Meaning{"1003012", "Amount is above the maximum of the payer"},
                             Meaning{"1005001", "Credit party account is invalid"},
                             Meaning{"1006001", "Limit on the number of transactions reached"},
                             Meaning{"1006002", "Limit on the amount of transactions reached"},
                             Meaning{"1006099", "Limit reached"},
                             Meaning{"1007001", "External ID has already been used"},
                             Meaning{"1007002", "Transaction has already been confirmed"},
                             Meaning{"1007003", "Transaction has already been cancelled"},
                             Meaning{"1007004", "Transaction has expired"},
                             Meaning{"1007005", "Insufficient balance"},
                             Meaning{"1008002", "Quotation not found"},
                             Meaning{"1008003", "Quotation has expired"},
                             Meaning{"1008004", "Transaction not found"},
                             Meaning{"1009001", "Unexpected error"}};

std::string_view message_of(std::string_view code) {
  for (const auto& known : kErrors) {
    if (known.code == code) return known.message;
  }
  return "Request refused";
}

/// The first digit of a status is its class.
std::string_view class_message(int status) {
  constexpr std::array<std::string_view, 10> kClasses{"UNKNOWN",   "CREATED",   "CONFIRMED", "REJECTED",
                                                      "CANCELLED", "SUBMITTED", "AVAILABLE", "COMPLETED",
                                                      "REVERSED",  "DECLINED"};
  return kClasses[static_cast<std::size_t>(status / 10000)];
}

std::string_view status_message(int status) {
  if (status == 20110) return "CONFIRMED-UNDER-REVIEW";
  if (status == 20150) return "CONFIRMED-WAITING-FOR-PICKUP";
  if (status / 10000 == 6 && status != kAvailable) return "COMPLETED-WITH-EXCEPTION";
  if (status == 90201) return "DECLINED-BARRED-BENEFICIARY";
  if (status == 90305) return "DECLINED-LIMITATIONS-ON-TRANSACTION-VALUE";
  if (status == 90400) return "DECLINED-PAYER-CURRENTLY-UNAVAILABLE";
  return class_message(status);
}

bool is_open(int status) {
  const auto status_class = status / 10000;
  return status_class == 1 || status_class == 2 || status_class == 5 || status == kAvailable;
}

/// With an exception or without, the payee has the money.
bool is_paid(int status) {
  return status / 10000 == 7 || (status / 10000 == 6 && status != kAvailable);
}

unsigned http_status_of(std::string_view code) {
  if (code == "1000401") return 401;
  if (code == "1007001" || code == "1007002" || code == "1007003") return 409;
  if (code == "1000404" || code == "1008002" || code == "1008004") return 404;
  return code == "1009001" ? 500 : 400;
}

Answer refused(unsigned status, std::string_view code, std::string_view message) {
  const json::object error{{"code", code}, {"message", message}};
  return json_answer(status, json::serialize(json::object{{"errors", json::array{error}}}));
}

Answer refused(std::string_view code) {
  return refused(http_status_of(code), code, message_of(code));
}

Answer refused(const ThunesProblem& problem) {
  return refused(http_status_of(problem.code), problem.code, problem.message);
}

Answer answered(unsigned status, const json::value& body) {
  return json_answer(status, serialize_exactly(body));
}

json::object amount_json(Units amount, const ThunesCurrency& currency) {
  return {{"currency", currency.code}, {"amount", exact_number(to_text(amount))}};
}

/// To the second, as Thunes writes it.
std::string date_text(Timestamp at) {
  return to_text(at).substr(0, 19) + "Z";
}

/// Half a dollar, or a hundred of what has no cents.
Units fee_in(const ThunesCurrency& currency) {
  return currency.decimals == 0 ? 100 * kUnit : kUnit / 2;
}

/// At the fixed rates; what is not whole is rounded up.
Units converted(Units amount, const ThunesCurrency& from, const ThunesCurrency& to) {
  Units smallest = kUnit;
  for (int place = 0; place < to.decimals; ++place) smallest /= 10;
  const Units divisor = from.per_thousand_dollars * smallest;
  return (amount * to.per_thousand_dollars + divisor - 1) / divisor * smallest;
}

std::string name_of(std::string_view scope, std::string_view target) {
  return std::string{scope} + '/' + std::string{target};
}

std::string ext(std::string_view external_id) {
  return "ext-" + std::string{external_id};
}

}  // namespace

Thunes::Thunes(World& world, ThunesOptions options) : Protocol(world), options_(std::move(options)) {
  secrets_.insert(options_.keys.begin(), options_.keys.end());
  for (const auto& [text, units] : {std::pair{&options_.balance, &start_balance_},
                                    {&options_.minimum, &minimum_},
                                    {&options_.maximum, &maximum_}}) {
    const auto amount = parse_amount(*text, 8);
    if (!amount) throw std::invalid_argument("thunes: not an amount: " + *text);
    *units = *amount;
  }
  reset();
}

std::vector<std::string_view> Thunes::operations() const {
  return {"quotation", "quotation_status", "transaction",  "confirm", "cancel",
          "status",    "balance",          "verification", "ping"};
}

void Thunes::reset() {
  accounts_.clear();
  for (const auto* currency : {"USD", "EUR", "XOF"}) accounts_[currency].balance = start_balance_;
  behaviours_.clear();
  quotations_by_name_.clear();
  transactions_by_name_.clear();
  transactions_.clear();
  quotations_.clear();
}

// ---- requests

Thunes::Route Thunes::route_of(const Request& request) {
  const bool get = request.method == "GET";
  const bool post = request.method == "POST";
  auto path = request.path;
  if (get && (path == "/ping" || path == "/v2/money-transfer/ping")) return {"ping", {}, {}};
  if (!path.starts_with(kBase)) return {};
  path.remove_prefix(kBase.size());
  if (get && path == "/balances") return {"balance", {}, {}};
  if (post && path == "/quotations") return {"quotation", {}, {}};
  std::array<std::string_view, 4> parts;  // "/quotations/7/transactions": its names from the first slash on
  std::size_t count = 0;
  while (!path.empty()) {
    path.remove_prefix(1);
    if (count == parts.size()) return {};
    parts[count] = path.substr(0, path.find('/'));
    path.remove_prefix(parts[count++].size());
  }
  if (count < 2 || parts[1].empty()) return {};
  const auto [collection, target, last, more] = parts;
  if (collection == "quotations" && get && count == 2) return {"quotation_status", target, {}};
  if (collection == "quotations" && post && count == 3 && last == "transactions")
    return {"transaction", target, {}};
  if (collection == "transactions" && get && count == 2) return {"status", target, {}};
  if (collection == "transactions" && post && count == 3 && last == "confirm") return {"confirm", target, {}};
  if (collection == "transactions" && post && count == 3 && last == "cancel") return {"cancel", target, {}};
  if (collection == "payers" && post && count == 4 && is_transaction_type(last) &&
      more == "credit-party-verification") {
    return {"verification", {}, target};
  }
  return {};
}

/// The body that such a request must have, or why it has none.
void Thunes::read_body(const Request& request, Call& call) {
  auto body = parse_object_exactly(request.body);
  if (!is_json(request.header("Content-Type"))) {
    call.body_problem = "the content type must be application/json";
  } else if (!body) {
    call.body_problem = "the body is not a JSON object";
  } else {
    call.reference = string_field(*body, "external_id").value_or("");
    call.payee = read_credit_party(*body).value_or("");
    call.external_id = string_field(*body, "additional_information_1").value_or("");
    call.body = std::move(*body);
  }
}

Call Thunes::read(const Request& request) {
  const auto route = route_of(request);
  Call call;
  call.operation = route.operation;
  call.scope = scope_of(request);
  call.moves_money = route.operation == "confirm";
  if (route.operation == "quotation" || route.operation == "transaction" ||
      route.operation == "verification") {
    read_body(request, call);
    return call;
  }
  if (route.target.starts_with("ext-")) call.reference = percent_decoded(route.target.substr(4), false);
  if (route.operation == "quotation_status") return call;
  if (const auto* transaction = find_transaction(call.scope, route.target)) {
    call.known_reference = route.operation == "status";
    call.reference = transaction->order.external_id;
    call.payee = transaction->order.msisdn;
    call.external_id = transaction->order.client_id;
  }
  return call;
}

std::string Thunes::scope_of(const Request& request) const {
  const auto credentials = basic_credentials(request.header("Authorization"));
  if (!credentials || credentials->user.empty() || credentials->password.empty()) return {};
  const auto known = secrets_.find(credentials->user);
  const bool good = known != secrets_.end() && known->second == credentials->password;
  return good || options_.accept_any_credentials ? "thunes:" + credentials->user : std::string{};
}

Answer Thunes::process(const Request& request, Call& call) {
  if (call.operation == "ping") return answered(200, json::object{{"status", "up"}});
  if (call.scope.empty()) return unauthorized(call);
  if (call.operation == "other") return refused("1000404");
  if (!call.body_problem.empty()) return refused(400, "1000999", "Invalid parameter: " + call.body_problem);
  if (call.operation == "verification") return verify(request, call);
  if (call.operation == "quotation") return create_quotation(call);
  if (call.operation == "quotation_status") return read_quotation(request, call);
  if (call.operation == "transaction") return create_transaction(request, call);
  if (call.operation == "confirm") return confirm(request, call);
  if (call.operation == "cancel") return cancel(request, call);
  if (call.operation == "balance") return list_balances();
  return read_transaction(request, call);
}

Thunes::Quotation* Thunes::find_quotation(std::string_view scope, std::string_view target) {
  const auto found = quotations_by_name_.find(name_of(scope, percent_decoded(target, false)));
  return found == quotations_by_name_.end() ? nullptr : found->second;
}

Thunes::Transaction* Thunes::find_transaction(std::string_view scope, std::string_view target) {
  const auto found = transactions_by_name_.find(name_of(scope, percent_decoded(target, false)));
  return found == transactions_by_name_.end() ? nullptr : found->second;
}

Answer Thunes::verify(const Request& request, const Call& call) {
  const auto payer = route_of(request).payer;
  if (!all_digits(payer)) return refused("1000404");
  if (call.payee.empty()) {
    return refused(400, "1000999",
                   "Invalid parameter: credit_party_identifier.msisdn must be an international number");
  }
  return answered(200, json::object{{"id", exact_number(payer)},
                                    {"account_status", behaviour_of(call.payee).account_status}});
}

// ---- quotations

Answer Thunes::create_quotation(const Call& call) {
  auto read = read_quotation_order(call.body.get_object());
  if (const auto* problem = std::get_if<ThunesProblem>(&read)) return refused(*problem);
  auto& order = std::get<QuotationOrder>(read);
  if (find_quotation(call.scope, ext(call.reference)) != nullptr) return refused("1007001");
  if (!accounts_.contains(order.source->code)) {
    return refused(400, "1000999", "Invalid parameter: source.currency has no account");
  }
  if (order.mode == "SOURCE_AMOUNT") {
    order.destination_amount = converted(order.source_amount, *order.source, *order.destination);
  } else {
    order.source_amount = converted(order.destination_amount, *order.destination, *order.source);
  }
  if (const auto problem = refuse_amount(order)) return refused(*problem);

  auto& quotation = quotations_.emplace_back();
  quotation.id = kFirstId + quotations_.size();
  quotation.scope = call.scope;
  quotation.order = std::move(order);
  quotation.fee = fee_in(*quotation.order.source);
  quotation.created_at = now();
  quotation.expires_at = quotation.created_at + options_.quotation_ttl;
  quotation.good_until = Clock::now() + options_.quotation_ttl;
  quotations_by_name_[name_of(call.scope, std::to_string(quotation.id))] = &quotation;
  quotations_by_name_[name_of(call.scope, ext(quotation.order.external_id))] = &quotation;
  return answered(201, quotation_json(quotation));
}

std::optional<ThunesProblem> Thunes::refuse_amount(const QuotationOrder& order) const {
  if (order.destination_amount < minimum_)
    return ThunesProblem{"1003011", std::string{message_of("1003011")}};
  if (order.destination_amount > maximum_)
    return ThunesProblem{"1003012", std::string{message_of("1003012")}};
  return std::nullopt;
}

Answer Thunes::read_quotation(const Request& request, const Call& call) {
  const auto* quotation = find_quotation(call.scope, route_of(request).target);
  return quotation == nullptr ? refused("1008002") : answered(200, quotation_json(*quotation));
}

std::uint64_t Thunes::expire(std::string_view external_id) {
  std::uint64_t count = 0;
  const auto expire_one = [&](Quotation& quotation) {
    if (quotation.expired()) return;
    quotation.good_until = Clock::now();
    quotation.expires_at = now();
    ++count;
  };
  for (auto& quotation : quotations_) {
    if (external_id.empty() || quotation.order.external_id == external_id) expire_one(quotation);
  }
  for (auto& transaction : transactions_) {
    if (transaction.order.external_id == external_id || transaction.order.client_id == external_id) {
      expire_one(*transaction.quotation);
    }
  }
  return count;
}

json::object Thunes::quotation_json(const Quotation& quotation) const {
  const auto& order = quotation.order;
  auto source = amount_json(order.source_amount, *order.source);
  source["country_iso_code"] = order.source_country;
  const auto rate =
      Units{order.destination->per_thousand_dollars} * kUnit / order.source->per_thousand_dollars;
  const json::object payer{{"id", exact_number(order.payer_id)},
                           {"name", "Simulated payer"},
                           {"currency", order.destination->code},
                           {"service", {{"id", 1}, {"name", "MobileWallet"}}}};
  return {{"id", quotation.id},
          {"external_id", order.external_id},
          {"payer", payer},
          {"mode", order.mode},
          {"transaction_type", order.transaction_type},
          {"source", source},
          {"destination", amount_json(order.destination_amount, *order.destination)},
          {"sent_amount", amount_json(order.source_amount, *order.source)},
          {"wholesale_fx_rate", exact_number(to_text(rate))},
          {"fee", amount_json(quotation.fee, *order.source)},
          {"creation_date", date_text(quotation.created_at)},
          {"expiration_date", date_text(quotation.expires_at)}};
}

// ---- transactions

Answer Thunes::create_transaction(const Request& request, const Call& call) {
  auto* quotation = find_quotation(call.scope, route_of(request).target);
  if (quotation == nullptr) return refused("1008002");
  auto read = read_transaction_order(call.body.get_object(), quotation->order.transaction_type);
  if (const auto* problem = std::get_if<ThunesProblem>(&read)) return refused(*problem);
  auto& order = std::get<TransactionOrder>(read);
  if (find_transaction(call.scope, ext(order.external_id)) != nullptr) return refused("1007001");
  if (quotation->expired()) return refused("1008003");
  const auto behaviour = behaviour_of(order.msisdn);
  if (!behaviour.refused_with.empty() && behaviour.refused_at == Stage::kTransaction) {
    return refused(behaviour.refused_with);
  }

  auto& transaction = transactions_.emplace_back();
  transaction.id = kFirstId + 1'000'000'000 + transactions_.size();
  transaction.quotation = quotation;
  transaction.order = std::move(order);
  transaction.created_at = now();
  transactions_by_name_[name_of(call.scope, std::to_string(transaction.id))] = &transaction;
  transactions_by_name_[name_of(call.scope, ext(transaction.order.external_id))] = &transaction;
  return answered(201, transaction_json(transaction, transaction.status, StatusAs::kText));
}

Answer Thunes::read_transaction(const Request& request, const Call& call) {
  const auto* transaction = find_transaction(call.scope, route_of(request).target);
  if (transaction == nullptr) return refused("1008004");
  return answered(200, transaction_json(*transaction, transaction->status, StatusAs::kText));
}

Answer Thunes::confirm(const Request& request, const Call& call) {
  auto* transaction = find_transaction(call.scope, route_of(request).target);
  if (transaction == nullptr) return refused("1008004");
  const auto asked = world_.ledger.note_request(call.scope, call.reference);
  if (call.hidden_for) {  // it lies in a queue, and until then the transaction is as it was
    world_.schedule.after(*call.hidden_for, [this, transaction] {
      if (!refuse_confirm(*transaction)) hold(*transaction);
    });
    return answered(200, transaction_json(*transaction, kConfirmed, StatusAs::kText));
  }
  if (const auto problem = refuse_confirm(*transaction)) {
    if (problem->code == "1007002") {
      ++world_.stats.transfers_duplicated;
    } else {
      ++world_.stats.transfers_refused;
    }
    return refused(*problem);
  }
  const auto behaviour = behaviour_of(transaction->order.msisdn);
  if (!behaviour.refused_with.empty() && behaviour.refused_at == Stage::kConfirm) {
    // Behind "unexpected" the money may have moved or not; each request draws anew.
    const bool unexpected = behaviour.refused_with == "1009001";
    if (unexpected && world_.seed.coin("confirmed in spite of 1009001", call.reference, asked))
      hold(*transaction);
    ++world_.stats.transfers_refused;
    return refused(behaviour.refused_with);
  }
  hold(*transaction);
  return answered(200, transaction_json(*transaction, kConfirmed, StatusAs::kText));
}

std::optional<ThunesProblem> Thunes::refuse_confirm(const Transaction& transaction) const {
  const auto because = [](std::string_view code) {
    return ThunesProblem{code, std::string{message_of(code)}};
  };
  if (transaction.status == kCancelled) return because("1007003");
  if (transaction.status != kCreated) return because("1007002");
  if (transaction.quotation->expired()) return because("1007004");
  const auto& account = accounts_.find(transaction.quotation->order.source->code)->second;
  if (account.available() < transaction.cost()) return because("1007005");
  return std::nullopt;
}

Answer Thunes::cancel(const Request& request, const Call& call) {
  auto* transaction = find_transaction(call.scope, route_of(request).target);
  if (transaction == nullptr) return refused("1008004");
  if (transaction->status == kCancelled) return refused("1007003");
  if (transaction->status != kCreated) return refused("1007002");
  move_to(*transaction, kCancelled);
  return answered(200, transaction_json(*transaction, transaction->status, StatusAs::kText));
}

/// From here on the funds are held, and the ledger knows.
void Thunes::hold(Transaction& transaction) {
  const auto& order = transaction.quotation->order;
  accounts_.find(order.source->code)->second.pending += transaction.cost();
  Entry entry;
  entry.protocol = name();
  entry.scope = transaction.quotation->scope;
  entry.reference = transaction.order.external_id;
  entry.external_id = transaction.order.client_id;
  entry.account = order.source->code;
  entry.amount = to_text(order.destination_amount);
  entry.units = order.destination_amount;
  entry.currency = order.destination->code;
  entry.payee = transaction.order.msisdn;
  entry.callback_url = transaction.order.callback_url;
  transaction.entry = &world_.ledger.accept(std::move(entry));
  transaction.status = kConfirmed;
  start_processing(transaction);
}

void Thunes::start_processing(Transaction& transaction) {
  const auto behaviour = behaviour_of(transaction.order.msisdn);
  const auto whole = behaviour.delayed
                         ? world_.timing.delayed_payee
                         : within(world_.timing.processing, "processing", transaction.order.external_id);
  const bool is_submitted = behaviour.ends_at / 10000 != 2 && behaviour.ends_at / 10000 != 3;
  const auto go_on = [this, &transaction, ends_at = behaviour.ends_at] {
    if (is_open(transaction.status)) move_to(transaction, ends_at);
  };
  const auto submit = [this, &transaction] {
    if (transaction.status == kConfirmed) move_to(transaction, kSubmitted);
  };
  if (whole.count() == 0) {
    if (is_submitted) submit();
    if (behaviour.ends_at != kSubmitted) go_on();
    return;
  }
  if (is_submitted) world_.schedule.after(whole / 3, submit);
  if (behaviour.ends_at != kSubmitted) world_.schedule.after(whole, go_on);
}

void Thunes::move_to(Transaction& transaction, int status) {
  if (!is_open(status) && transaction.entry != nullptr) {
    come_to_rest(transaction, status);
    return;
  }
  const auto before = transaction.status;
  transaction.status = status;
  tell_client(transaction, before);
}

/// The moment at which the held money is gone, or free again.
bool Thunes::come_to_rest(Transaction& transaction, int status) {
  if (transaction.entry->status != Status::kPending) return false;
  auto& account = accounts_.find(transaction.quotation->order.source->code)->second;
  account.pending -= transaction.cost();
  const bool paid = is_paid(status);
  if (paid) account.balance -= transaction.cost();
  const auto provider_ref = paid ? std::to_string(transaction.id) : std::string{};
  world_.ledger.finish(*transaction.entry, paid ? Status::kSuccessful : Status::kFailed,
                       status == kCompleted ? std::string{} : std::to_string(status), provider_ref);
  const auto before = transaction.status;
  transaction.status = status;
  tell_client(transaction, before);
  return true;
}

bool Thunes::settle(Entry& entry, Status status, std::string_view reason) {
  auto* transaction = find_transaction(entry.scope, ext(entry.reference));
  if (transaction == nullptr || status == Status::kPending) return false;
  int code = status == Status::kSuccessful ? kCompleted : kDeclined;
  if (!reason.empty()) {
    if (reason.size() != 5 || !all_digits(reason) || is_open(std::stoi(std::string{reason})) ||
        is_paid(std::stoi(std::string{reason}))) {
      throw std::invalid_argument("reason: must be a status of what is not paid, like 90201");
    }
    code = std::stoi(std::string{reason});
  }
  return come_to_rest(*transaction, code);
}

bool Thunes::reverse(Entry& entry) {
  auto* transaction = find_transaction(entry.scope, ext(entry.reference));
  if (transaction == nullptr || !entry.paid()) return false;
  accounts_.find(transaction->quotation->order.source->code)->second.balance += transaction->cost();
  world_.ledger.reverse(entry);
  const auto before = transaction->status;
  transaction->status = kReversed;
  tell_client(*transaction, before);
  return true;
}

json::object Thunes::transaction_json(const Transaction& transaction, int status, StatusAs form) const {
  const auto number = [form](int value) {
    return form == StatusAs::kNumber ? json::value(value) : json::value(std::to_string(value));
  };
  const auto& quotation = *transaction.quotation;
  const auto quoted = quotation_json(quotation);
  json::object object{{"id", transaction.id},
                      {"status", number(status)},
                      {"status_message", status_message(status)},
                      {"status_class", number(status / 10000)},
                      {"status_class_message", class_message(status)},
                      {"external_id", transaction.order.external_id},
                      {"creation_date", date_text(transaction.created_at)}};
  for (const auto* shared : {"transaction_type", "expiration_date", "payer", "source", "destination",
                             "sent_amount", "wholesale_fx_rate", "fee"}) {
    object[shared] = quoted.at(shared);
  }
  for (const auto* sent :
       {"credit_party_identifier", "sender", "sending_business", "beneficiary", "receiving_business",
        "callback_url", "purpose_of_remittance", "external_code", "additional_information_1",
        "additional_information_2", "additional_information_3"}) {
    const auto* value = transaction.order.as_sent.if_contains(sent);
    object[sent] = value == nullptr ? json::value(nullptr) : *value;
  }
  return object;
}

// ---- the accounts

json::object Thunes::account_json(std::uint64_t id, std::string_view currency, const Account& account) {
  return {{"id", id},
          {"currency", currency},
          {"balance", exact_number(to_text(account.balance))},
          {"pending", exact_number(to_text(account.pending))},
          {"available", exact_number(to_text(account.available()))},
          {"credit_facility", 0}};
}

Answer Thunes::list_balances() const {
  json::array list;
  for (const auto& [currency, account] : accounts_) {
    list.push_back(account_json(list.size() + 1, currency, account));
  }
  return answered(200, list);
}

void Thunes::set_balance(std::string_view amount, const std::optional<std::string>& currency) {
  const auto units = parse_amount(amount, 8);
  if (!units) throw std::invalid_argument("amount: must be a plain decimal in a string, like \"2000\"");
  if (currency && !accounts_.contains(*currency)) {
    throw std::invalid_argument("account: no account in this currency: " + *currency);
  }
  for (auto& [code, account] : accounts_) {
    if (!currency || *currency == code) account.balance = *units;
  }
}

json::object Thunes::balances() const {
  json::object object;
  for (const auto& [currency, account] : accounts_) {
    object[currency] = {{"balance", to_text(account.balance)},
                        {"pending", to_text(account.pending)},
                        {"available", to_text(account.available())}};
  }
  return object;
}

// ---- payees

Thunes::Behaviour Thunes::behaviour_of(std::string_view msisdn) const {
  const auto commanded = behaviours_.find(std::string{msisdn});
  if (commanded != behaviours_.end()) return commanded->second;
  Behaviour behaviour;
  if (msisdn == "263775892100") behaviour.ends_at = kCompleted;
  if (msisdn == "263775892117") behaviour.ends_at = 90400;
  if (msisdn == "263775892104") behaviour.ends_at = 90201;
  if (msisdn == "263775892111") behaviour.ends_at = 90305;
  return behaviour;
}

void Thunes::set_behaviour(std::string payee, std::string_view text) {
  constexpr std::array<std::string_view, 4> kAccountStatuses{"BARRED", "INACTIVE", "SUSPENDED", "UNVERIFIED"};
  constexpr std::string_view kAtConfirm = "@confirm";
  if (payee.starts_with('+')) payee.erase(0, 1);
  if (!all_digits(payee)) throw std::invalid_argument("payee: must be an international number");
  Behaviour behaviour;
  const auto account_status = std::find(kAccountStatuses.begin(), kAccountStatuses.end(), text);
  auto code = text;
  if (code.ends_with(kAtConfirm)) {
    code.remove_suffix(kAtConfirm.size());
    behaviour.refused_at = Stage::kConfirm;
  }
  if (text == "ongoing") {
    behaviour.ends_at = kSubmitted;
  } else if (text == "delayed") {
    behaviour.delayed = true;
  } else if (account_status != kAccountStatuses.end()) {
    behaviour.account_status = *account_status;
    behaviour.ends_at = 90201;
  } else if (text.size() == 5 && all_digits(text) && text[0] >= '2') {
    behaviour.ends_at = std::stoi(std::string{text});
  } else if (code.size() == 7 && all_digits(code)) {
    behaviour.refused_with = code;
  } else if (text != "succeed") {
    throw std::invalid_argument(
        "behaviour: must be one of succeed ongoing delayed BARRED INACTIVE SUSPENDED UNVERIFIED, the status "
        "at which "
        "it ends (90201), or the error that refuses it (1005001, 1006001@confirm)");
  }
  behaviours_[std::move(payee)] = std::move(behaviour);
}

// ---- callbacks

void Thunes::tell_client(const Transaction& transaction, int status_before) {
  if (!options_.callbacks || transaction.order.callback_url.empty()) return;
  Callback callback;
  callback.method = "POST";
  callback.url = transaction.order.callback_url;
  callback.body = serialize_exactly(transaction_json(transaction, transaction.status, StatusAs::kNumber));
  if (!options_.callback_user.empty()) {
    callback.headers.emplace_back(
        "Authorization", "Basic " + base64(options_.callback_user + ":" + options_.callback_password));
  }
  const auto stale = serialize_exactly(transaction_json(transaction, status_before, StatusAs::kNumber));
  for (unsigned time = 0; time < options_.callback_times; ++time) {
    call_back({name(), "confirm", transaction.order.msisdn, transaction.order.client_id,
               transaction.order.external_id, true, false},
              callback, stale);
  }
}

// ---- shapes of failure

Answer Thunes::server_error(const Fault& fault, const Call&) {
  const std::string_view code = fault.code.empty() ? std::string_view{"1009001"} : fault.code;
  return refused(500, code, message_of(code));
}

Answer Thunes::not_found(const Call& call) {
  return refused(call.operation == "quotation_status" ? "1008002" : "1008004");
}

Answer Thunes::unauthorized(const Call&) {
  return refused("1000401");
}

Answer Thunes::turned_away(unsigned status, const Call&) {
  return refused(status, status == 403 ? "1000403" : "1000429",
                 status == 403 ? "Forbidden" : "Too many requests");
}

std::string Thunes::wrong_types(const Call& call) {
  if (call.operation == "balance")
    return R"([{"id":"one","currency":952,"balance":{"amount":"5"},"available":[]}])";
  if (call.operation == "ping") return R"({"status":["up"]})";
  if (call.operation == "verification") return R"({"id":"x","account_status":{"value":"AVAILABLE"}})";
  if (call.operation == "quotation" || call.operation == "quotation_status") {
    return R"({"id":{},"external_id":7,"sent_amount":"15.50 USD","destination":["XOF",10000],"expiration_date":0})";
  }
  return R"({"id":[],"status":{"code":70000},"status_class":[7],"external_id":false,"destination":"10000 XOF"})";
}

}  // namespace simulator
