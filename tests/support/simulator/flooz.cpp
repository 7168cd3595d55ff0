#include "flooz.hpp"

#include <algorithm>
#include <array>
#include <stdexcept>

#include "flooz_token.hpp"
#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kPath = "/com.tlc.merchant.api/UssdPush";
constexpr std::string_view kXml = "text/xml;charset=UTF-8";
constexpr std::string_view kCurrency = "XOF";
constexpr std::size_t kMaxReference = 64;
constexpr std::uint64_t kFirstId = 920'190'616'000'000;

struct Meaning {
  std::string_view code;
  std::string_view message;
};

constexpr std::array kCodes{Meaning{"0", "Transaction completed"},
                            Meaning{"1", "Method not allowed"},
                            Meaning{"2", "Transaction not allowed"},
                            Meaning{"3", "Number is not valid"},
                            Meaning{"4", "No permission for this action"},
                            Meaning{"6", "Destination may not receive"},
                            Meaning{"7", "Destination is locked"},
                            Meaning{"8", "Service is unavailable"},
                            Meaning{"9", "Destination is inactive"},
                            Meaning{"10", "Insufficient funds"},
                            Meaning{"11", "Amount is above the limit"},
                            Meaning{"12", "Amount is below the limit"},
                            Meaning{"13", "Maximum amount per day reached"},
                            Meaning{"14", "Maximum amount per month reached"},
                            Meaning{"15", "Maximum transactions per day reached"},
                            Meaning{"16", "Maximum transactions per month reached"},
                            Meaning{"17", "Destination may not receive so little"},
                            Meaning{"18", "Destination reached its maximum balance"},
                            Meaning{"19", "Sender reached its daily limit"},
                            Meaning{"20", "Sender reached its monthly limit"},
                            Meaning{"91", "Parameters not complete"},
                            Meaning{"92", "Timeout"},
                            Meaning{"94", "Transaction does not exist"},
                            Meaning{"95", "Transaction failed due to an error"},
                            Meaning{"98", "Invalid credentials"},
                            Meaning{"99", "Interface internal error"},
                            Meaning{"-1", "Interface internal error"},
                            Meaning{"100", "Transaction pending"},
                            Meaning{"101", "Try again later"},
                            Meaning{"555", "Destination is not registered"}};

std::string_view message_of(std::string_view code) {
  for (const auto& known : kCodes) {
    if (known.code == code) return known.message;
  }
  return "Refused";
}

/// Behind these the money may have moved or not.
bool is_unclear(std::string_view code) {
  return code == "-1" || (code.size() == 2 && code[0] == '9');
}

std::string_view operation_of(std::string_view soap_operation) {
  if (soap_operation == "transferFlooz") return "transfer";
  if (soap_operation == "getTransactionStatus") return "status";
  if (soap_operation == "getBalance") return "balance";
  if (soap_operation == "getMobileAccountStatus") return "account_status";
  return "other";
}

std::string_view soap_operation_of(std::string_view operation) {
  if (operation == "transfer") return "transferFlooz";
  if (operation == "status") return "getTransactionStatus";
  if (operation == "balance") return "getBalance";
  return "getMobileAccountStatus";
}

/// "16819.00"
std::string money_text(Units units) {
  auto text = to_text(units);
  const auto point = text.find('.');
  if (point == std::string::npos) return text + ".00";
  text.resize(std::max(text.size(), point + 3), '0');
  return text;
}

bool is_msisdn(std::string_view text) {
  return text.size() >= 8 && text.size() <= 15 && text[0] != '0' && all_digits(text);
}

bool is_reference(std::string_view text) {
  return !text.empty() && text.size() <= kMaxReference && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  });
}

bool is_xml(std::string_view content_type) {
  const auto type = content_type.substr(0, content_type.find(';'));
  return type == "application/soap+xml" || type == "text/xml";
}

Answer xml_answer(unsigned status, std::string body) {
  auto answer = json_answer(status, std::move(body));
  answer.content_type = kXml;
  return answer;
}

}  // namespace

Flooz::Flooz(World& world, FloozOptions options) : Protocol(world), options_(std::move(options)) {
  passwords_.insert(options_.users.begin(), options_.users.end());
  if (options_.key.size() != 32) throw std::invalid_argument("flooz: the key must have 32 bytes");
  set_balance(options_.balance, std::nullopt);
  start_balance_ = balance_;
}

std::vector<std::string_view> Flooz::operations() const {
  return {"transfer", "status", "balance", "account_status"};
}

void Flooz::reset() {
  balance_ = start_balance_;
  behaviours_.clear();
  transfers_.clear();
  by_id_.clear();
}

void Flooz::set_balance(std::string_view amount, const std::optional<std::string>& account) {
  const auto units = parse_amount(amount, 8);
  if (!units) throw std::invalid_argument("amount: must be a plain decimal in a string, like \"2000\"");
  if (account) throw std::invalid_argument("account: flooz has one account only");
  balance_ = *units;
}

json::object Flooz::balances() const {
  return {{"merchant", to_text(balance_)}};
}

// ---- requests

Call Flooz::read(const Request& request) {
  Call call;
  if (request.method != "POST" || request.path != kPath) return call;
  const auto parsed = read_soap_request(request.body);
  const auto* order = std::get_if<SoapRequest>(&parsed);
  if (order == nullptr) return call;
  call.operation = operation_of(order->operation);
  call.scope = scope_of(order->token);
  if (call.operation == "transfer") {
    call.moves_money = true;
    call.reference = order->field("referenceid");
    call.payee = order->field("destination");
    call.external_id = order->field("extendeddata");
  } else if (call.operation == "status") {
    call.reference = order->field("transid");
    if (const auto* entry = find_transfer(call.scope, call.reference)) {
      call.known_reference = true;
      call.reference = entry->reference;
      call.payee = entry->payee;
      call.external_id = entry->external_id;
    }
  } else {
    call.payee = order->field("msisdn");
  }
  return call;
}

std::string Flooz::scope_of(std::string_view token) const {
  const auto read = read_flooz_token(token, options_.key);
  if (!read || read->user.empty() || read->password.empty()) return {};
  const auto known = passwords_.find(read->user);
  const bool good = known != passwords_.end() && known->second == read->password;
  return good || options_.accept_any_credentials ? "flooz:" + read->user : std::string{};
}

Answer Flooz::process(const Request& request, Call& call) {
  if (request.path != kPath) return fault(404, "Client", "No such service", call);
  if (request.method != "POST") return fault(405, "Client", "Only POST is served", call);
  if (!is_xml(request.header("Content-Type"))) return fault(415, "Client", "Unsupported media type", call);
  const auto parsed = read_soap_request(request.body);
  if (const auto* problem = std::get_if<SoapProblem>(&parsed)) {
    return fault(500, problem->code, problem->message, call);
  }
  const auto& order = std::get<SoapRequest>(parsed);
  if (call.operation == "other") return fault(500, "Client", "Unknown operation " + order.operation, call);
  if (call.scope.empty()) return refuse(call, "98");
  if (call.operation == "transfer") return transfer(call, order);
  if (call.operation == "status") return status(call, order);
  return call.operation == "balance" ? balance(call, order) : account_status(call, order);
}

// ---- transfers

Answer Flooz::refuse(const Call& call, std::string_view code) {
  if (call.moves_money) ++world_.stats.transfers_refused;
  return coded(call, code);
}

Answer Flooz::transfer(const Call& call, const SoapRequest& order) {
  for (const auto* name : {"destination", "amount", "referenceid", "walletid"}) {
    if (order.field(name).empty()) return refuse(call, "91");
  }
  // The server reads these as numbers before anything else; what is none is an exception of its runtime.
  for (const auto* name : {"amount", "walletid"}) {
    if (all_digits(order.field(name))) continue;
    ++world_.stats.transfers_refused;
    return fault(500, "Server", "For input string: \"" + std::string{order.field(name)} + "\"", call);
  }
  if (!is_reference(call.reference)) return refuse(call, "91");
  if (!is_msisdn(call.payee)) return refuse(call, "3");
  const auto units = parse_amount(order.field("amount"), 0);
  if (!units) return refuse(call, "11");
  if (*units == 0) return refuse(call, "12");

  const auto asked = world_.ledger.note_request(call.scope, call.reference);
  if (auto* first = world_.ledger.find(call.scope, call.reference)) {
    ++world_.stats.transfers_duplicated;
    if (options_.duplicates == Duplicates::kRefuse) return coded(call, "2");
    if (options_.duplicates == Duplicates::kReplay) return transfer_answer(call, *first);
  }
  const auto behaviour = behaviour_of(call.payee);
  if (is_unclear(behaviour.code)) {  // each request draws anew
    if (world_.seed.coin("paid in spite of the code", call.reference, asked)) {
      start_processing(accept(call, order, *units), {}, call.hidden_for);
    }
    return refuse(call, behaviour.code);
  }
  auto& entry = accept(call, order, *units);
  start_processing(entry, behaviour, call.hidden_for);
  return transfer_answer(call, entry);
}

Entry& Flooz::accept(const Call& call, const SoapRequest& order, Units units) {
  Entry entry;
  entry.protocol = name();
  entry.scope = call.scope;
  entry.reference = call.reference;
  entry.external_id = call.external_id;
  entry.account = "merchant";
  entry.amount = order.field("amount");
  entry.units = units;
  entry.currency = kCurrency;
  entry.payee = call.payee;
  if (call.hidden_for) entry.hidden_until = std::chrono::steady_clock::now() + *call.hidden_for;
  auto& stored = world_.ledger.accept(std::move(entry));
  auto& moved = transfers_[&stored];
  moved.id = std::to_string(kFirstId + transfers_.size());
  moved.balance_before = moved.balance_after = balance_;
  by_id_[moved.id] = &stored;
  return stored;
}

void Flooz::start_processing(Entry& entry, const Behaviour& behaviour,
                             std::optional<milliseconds> hidden_for) {
  if (behaviour.kind == Behaviour::Kind::kOngoing) return;
  const auto status = behaviour.code.empty() ? Status::kSuccessful : Status::kFailed;
  auto delay = behaviour.kind == Behaviour::Kind::kDelayed ? world_.timing.delayed_payee : milliseconds{0};
  if (hidden_for) delay += *hidden_for;  // it lies in a queue until then
  if (delay.count() == 0) {
    settle(entry, status, behaviour.code);
    return;
  }
  world_.schedule.after(delay,
                        [this, &entry, status, code = behaviour.code] { settle(entry, status, code); });
}

bool Flooz::settle(Entry& entry, Status status, std::string_view reason) {
  if (entry.status != Status::kPending || status == Status::kPending) return false;
  if (status == Status::kFailed && reason.empty()) reason = "95";
  if (status == Status::kSuccessful && balance_ < entry.units) {
    status = Status::kFailed;
    reason = "10";
  }
  auto& moved = transfers_.at(&entry);
  moved.balance_before = balance_;
  if (status == Status::kSuccessful) balance_ -= entry.units;
  moved.balance_after = balance_;
  world_.ledger.finish(entry, status, reason, status == Status::kSuccessful ? moved.id : std::string{});
  return true;
}

Entry* Flooz::find_transfer(std::string_view scope, std::string_view id) {
  Entry* found = nullptr;
  if (options_.status_by != FloozOptions::StatusBy::kProvider) found = world_.ledger.find(scope, id);
  if (found == nullptr && options_.status_by != FloozOptions::StatusBy::kClient) {
    const auto at = by_id_.find(std::string{id});
    if (at != by_id_.end() && at->second->scope == scope) found = at->second;
  }
  return found;
}

std::string_view Flooz::code_of(const Entry& entry) {
  if (entry.status == Status::kPending) return "100";
  return entry.status == Status::kSuccessful ? std::string_view{"0"} : entry.reason;
}

Answer Flooz::status(const Call& call, const SoapRequest& order) {
  if (order.field("transid").empty()) return refuse(call, "91");
  const auto* entry = find_transfer(call.scope, order.field("transid"));
  const bool hidden =
      entry != nullptr && entry->hidden_until && *entry->hidden_until > std::chrono::steady_clock::now();
  if (entry == nullptr || hidden) return not_found(call);
  const auto code = code_of(*entry);
  return answered(call, {{"description", std::string{message_of(code)}},
                         {"referenceid", transfers_.at(entry).id},
                         {"status", std::string{code}}});
}

Answer Flooz::transfer_answer(const Call& call, const Entry& entry) {
  const auto code = code_of(entry);
  const auto& moved = transfers_.at(&entry);
  return answered(call, {{"transactionid", entry.reference},
                         {"status", std::string{code}},
                         {"message", std::string{message_of(code)}},
                         {"referenceid", moved.id},
                         {"senderkeycost", {}},
                         {"senderbonus", {}},
                         {"senderbalancebefore", money_text(moved.balance_before)},
                         {"senderbalanceafter", money_text(moved.balance_after)}});
}

// ---- accounts

Answer Flooz::balance(const Call& call, const SoapRequest& order) {
  if (!is_msisdn(order.field("msisdn"))) return refuse(call, "3");
  return answered(call, {{"balance", money_text(balance_)}, {"message", "SUCCESS"}, {"status", "0"}});
}

Answer Flooz::account_status(const Call& call, const SoapRequest& order) {
  if (!is_msisdn(order.field("msisdn"))) return refuse(call, "3");
  const auto code = behaviour_of(call.payee).code;
  if (code == "555") return refuse(call, "555");
  std::string state = "ACTIVE";
  if (code == "9") state = "INACTIVE";
  if (code == "7") state = "LOCKED";
  return answered(call, {{"accounttype", "SUBSCRIBER"},
                         {"firstname", "Afi & Kofi"},
                         {"lastname", "Mensah"},
                         {"message", "SUCCESS"},
                         {"msisdn", call.payee},
                         {"status", "0"},
                         {"subscriberstatus", state}});
}

// ---- payees

Flooz::Behaviour Flooz::behaviour_of(std::string_view payee) const {
  const auto found = behaviours_.find(std::string{payee});
  return found == behaviours_.end() ? Behaviour{} : found->second;
}

void Flooz::set_behaviour(std::string payee, std::string_view behaviour) {
  using Kind = Behaviour::Kind;
  if (!is_msisdn(payee))
    throw std::invalid_argument("payee: must be an international number without a plus sign");
  const auto known = std::any_of(kCodes.begin(), kCodes.end(),
                                 [&](const Meaning& meaning) { return meaning.code == behaviour; });
  Behaviour wanted;
  if (behaviour == "ongoing" || behaviour == "100") {
    wanted.kind = Kind::kOngoing;
  } else if (behaviour == "delayed") {
    wanted.kind = Kind::kDelayed;
  } else if (known && behaviour != "0") {
    wanted.code = behaviour;
  } else if (behaviour != "succeed" && behaviour != "0") {
    throw std::invalid_argument(
        "behaviour: must be one of succeed ongoing delayed, or a status code of the service, like 9");
  }
  behaviours_[std::move(payee)] = std::move(wanted);
}

// ---- answers

SoapForm Flooz::form(const Call& call) const {
  SoapForm form;
  if (call.operation == "status") form.wrapper = "response";
  if (!options_.varied_xml) return form;
  constexpr std::array<std::string_view, 5> kEnvelopes{"soap", "soapenv", "S", "env", ""};
  constexpr std::array<std::string_view, 4> kOperations{"ns2", "api", "", "m"};
  constexpr std::array<std::string_view, 3> kWrappers{"return", "response", "result"};
  const auto about = std::string{call.operation} + call.reference + call.payee;
  const auto pick = [&](std::string_view what, const auto& choices) {
    return choices[world_.seed.draw(what, about) % choices.size()];
  };
  form.envelope_prefix = pick("envelope", kEnvelopes);
  form.operation_prefix = pick("operation", kOperations);
  form.wrapper = pick("wrapper", kWrappers);
  form.declaration = world_.seed.coin("declaration", about);
  form.soap12 = world_.seed.coin("soap 1.2", about);
  return form;
}

Answer Flooz::answered(const Call& call, const SoapFields& fields) const {
  return xml_answer(200, soap_answer(form(call), soap_operation_of(call.operation), fields));
}

/// A status code in the shape of this operation's answer.
Answer Flooz::coded(const Call& call, std::string_view code) const {
  const auto message = std::string{message_of(code)};
  if (call.operation == "transfer") {
    return answered(call, {{"transactionid", call.reference},
                           {"status", std::string{code}},
                           {"message", message},
                           {"referenceid", {}},
                           {"senderkeycost", {}},
                           {"senderbonus", {}},
                           {"senderbalancebefore", {}},
                           {"senderbalanceafter", {}}});
  }
  if (call.operation == "status") {
    return answered(call, {{"description", message}, {"referenceid", {}}, {"status", std::string{code}}});
  }
  return answered(call, {{"message", message}, {"status", std::string{code}}});
}

Answer Flooz::fault(unsigned status, std::string_view code, std::string_view message,
                    const Call& call) const {
  return xml_answer(status, soap_fault(form(call), code, message));
}

Answer Flooz::server_error(const Fault& commanded, const Call& call) {
  return fault(500, "Server", commanded.code.empty() ? std::string_view{"Internal error"} : commanded.code,
               call);
}

Answer Flooz::not_found(const Call& call) {
  return coded(call, "94");
}

Answer Flooz::unauthorized(const Call& call) {
  return fault(401, "Client", "Unauthorized", call);
}

Answer Flooz::turned_away(unsigned status, const Call& call) {
  return fault(status, "Client", status == 403 ? "Forbidden" : "Too many requests", call);
}

std::string Flooz::wrong_types(const Call& call) {
  if (call.operation == "balance") {
    return soap_answer(form(call), "getBalance", {{"balance", "much"}, {"message", "5"}, {"status", "zero"}});
  }
  return soap_answer(
      form(call), soap_operation_of(call.operation),
      {{"transactionid", "0x0"}, {"status", "DONE"}, {"referenceid", "none"}, {"amount", "10,5"}});
}

std::pair<std::string_view, std::string_view> Flooz::huge_body_frame() const {
  return {R"(<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><padding>)",
          "</padding></soap:Body></soap:Envelope>"};
}

}  // namespace simulator
