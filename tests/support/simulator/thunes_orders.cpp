#include "thunes_orders.hpp"

#include <algorithm>
#include <array>

#include "json_text.hpp"
#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

constexpr std::size_t kMaxExternalId = 64;
constexpr std::size_t kMaxDepth = 8;
constexpr std::string_view kInvalid = "1000999";

constexpr std::array kCurrencies{ThunesCurrency{"USD", 2, 1000},      ThunesCurrency{"EUR", 2, 920},
                                 ThunesCurrency{"GBP", 2, 790},       ThunesCurrency{"XOF", 0, 600'000},
                                 ThunesCurrency{"XAF", 0, 600'000},   ThunesCurrency{"GNF", 0, 8'600'000},
                                 ThunesCurrency{"UGX", 0, 3'700'000}, ThunesCurrency{"RWF", 0, 1'300'000},
                                 ThunesCurrency{"GHS", 2, 12'000},    ThunesCurrency{"KES", 2, 130'000},
                                 ThunesCurrency{"NGN", 2, 1'500'000}, ThunesCurrency{"ZMW", 2, 25'000}};

ThunesProblem invalid(std::string_view field, std::string_view what) {
  return {kInvalid, "Invalid parameter: " + std::string{field} + " " + std::string{what}};
}

bool is_alpha3(std::string_view text) {
  return text.size() == 3 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

std::optional<ThunesProblem> check_external_id(const json::object& body, std::string& out) {
  const auto text = string_field(body, "external_id");
  if (!text || text->empty()) return invalid("external_id", "must be a string");
  if (characters(*text) > kMaxExternalId) return invalid("external_id", "is longer than 64 characters");
  out = *text;
  return std::nullopt;
}

/// One side of a quotation: its currency, and its amount if this side decides.
std::optional<ThunesProblem> read_side(const json::object& body, std::string_view name, bool decides,
                                       const ThunesCurrency*& currency, Units& amount) {
  const auto* side = object_field(body, name);
  if (side == nullptr) return invalid(name, "must be an object");
  const auto field = [&](std::string_view part) { return std::string{name} + "." + std::string{part}; };
  const auto code = string_field(*side, "currency");
  currency = code ? thunes_currency(*code) : nullptr;
  if (currency == nullptr) return invalid(field("currency"), "is no currency of this service");
  if (!decides) {
    if (has_field(*side, "amount")) return invalid(field("amount"), "must be null in this mode");
    return std::nullopt;
  }
  const auto text = string_or_number_field(*side, "amount");
  const auto units = text ? parse_amount(*text, currency->decimals) : std::nullopt;
  if (!units || *units <= 0)
    return invalid(field("amount"), "must be a positive decimal that fits the currency");
  amount = *units;
  return std::nullopt;
}

/// Whatever is named a country must be one in ISO 3166 alpha-3, at any depth.
std::optional<ThunesProblem> check_countries(const json::object& object, std::size_t depth = 0) {
  if (depth > kMaxDepth) return invalid("body", "is nested too deeply");
  for (const auto& field : object) {
    const std::string_view name{field.key()};
    if (const auto* inner = field.value().if_object()) {
      if (auto problem = check_countries(*inner, depth + 1)) return problem;
    } else if (name.ends_with("country_iso_code") && !field.value().is_null()) {
      const auto* text = field.value().if_string();
      if (text == nullptr || !is_alpha3({text->data(), text->size()})) {
        return invalid(name, "must be three letters of ISO 3166");
      }
    }
  }
  return std::nullopt;
}

/// A party: an object that says something, and says names as text.
std::optional<ThunesProblem> check_party(const json::object& body, std::string_view name) {
  const auto* party = object_field(body, name);
  if (party == nullptr || party->empty()) return invalid(name, "is required");
  for (const auto* part : {"lastname", "firstname", "registered_name"}) {
    const auto* value = party->if_contains(part);
    if (value == nullptr || value->is_null()) continue;
    if (!string_field(*party, part)) return invalid(std::string{name} + "." + part, "must be a string");
  }
  return std::nullopt;
}

std::optional<ThunesProblem> check_parties(const json::object& body, std::string_view type) {
  if (auto problem = check_party(body, type.starts_with('C') ? "sender" : "sending_business")) return problem;
  return check_party(body, type.ends_with('C') ? "beneficiary" : "receiving_business");
}

bool is_callable(std::string_view url) {
  return url.starts_with("http://") || url.starts_with("https://");
}

}  // namespace

const ThunesCurrency* thunes_currency(std::string_view code) {
  const auto found = std::find_if(kCurrencies.begin(), kCurrencies.end(),
                                  [&](const ThunesCurrency& known) { return known.code == code; });
  return found == kCurrencies.end() ? nullptr : &*found;
}

bool is_transaction_type(std::string_view text) {
  constexpr std::array<std::string_view, 4> kTypes{"C2C", "C2B", "B2C", "B2B"};
  return std::find(kTypes.begin(), kTypes.end(), text) != kTypes.end();
}

std::variant<QuotationOrder, ThunesProblem> read_quotation_order(const json::object& body) {
  QuotationOrder order;
  if (auto problem = check_external_id(body, order.external_id)) return *problem;
  order.payer_id = string_or_number_field(body, "payer_id").value_or("");
  if (!all_digits(order.payer_id) || order.payer_id.size() > 19) return invalid("payer_id", "must be an id");
  order.mode = string_field(body, "mode").value_or("");
  if (order.mode != "SOURCE_AMOUNT" && order.mode != "DESTINATION_AMOUNT") {
    return invalid("mode", "must be SOURCE_AMOUNT or DESTINATION_AMOUNT");
  }
  order.transaction_type = string_field(body, "transaction_type").value_or("");
  if (!is_transaction_type(order.transaction_type)) {
    return invalid("transaction_type", "must be C2C, C2B, B2C or B2B");
  }
  const bool by_source = order.mode == "SOURCE_AMOUNT";
  if (auto problem = read_side(body, "source", by_source, order.source, order.source_amount)) return *problem;
  if (auto problem =
          read_side(body, "destination", !by_source, order.destination, order.destination_amount)) {
    return *problem;
  }
  order.source_country = string_field(*object_field(body, "source"), "country_iso_code").value_or("");
  if (order.source_country.empty()) return invalid("source.country_iso_code", "is required");
  if (auto problem = check_countries(body)) return *problem;
  return order;
}

std::variant<TransactionOrder, ThunesProblem> read_transaction_order(const json::object& body,
                                                                     std::string_view transaction_type) {
  TransactionOrder order;
  if (auto problem = check_external_id(body, order.external_id)) return *problem;
  auto msisdn = read_credit_party(body);
  if (!msisdn) return invalid("credit_party_identifier.msisdn", "must be an international number");
  order.msisdn = std::move(*msisdn);
  if (auto problem = check_parties(body, transaction_type)) return *problem;
  const auto purpose = string_field(body, "purpose_of_remittance");
  if (!purpose || purpose->empty()) return invalid("purpose_of_remittance", "is required");
  for (const char c : *purpose) {
    if (c != '_' && (c < 'A' || c > 'Z')) return invalid("purpose_of_remittance", "is no known purpose");
  }
  if (has_field(body, "callback_url")) {
    order.callback_url = string_field(body, "callback_url").value_or("");
    if (!is_callable(order.callback_url)) return invalid("callback_url", "must be an http address");
  }
  for (const auto* free_field : {"additional_information_1", "external_code"}) {
    if (!has_field(body, free_field)) continue;
    const auto text = string_field(body, free_field);
    if (!text) return invalid(free_field, "must be a string");
    if (order.client_id.empty()) order.client_id = *text;
  }
  if (auto problem = check_countries(body)) return *problem;
  order.as_sent = body;
  return order;
}

std::optional<std::string> read_credit_party(const json::object& body) {
  const auto* party = object_field(body, "credit_party_identifier");
  auto msisdn = party == nullptr ? std::nullopt : string_field(*party, "msisdn");
  if (!msisdn) return std::nullopt;
  if (msisdn->starts_with('+')) msisdn->erase(0, 1);
  if (!all_digits(*msisdn) || msisdn->size() < 8 || msisdn->size() > 15 || msisdn->front() == '0') {
    return std::nullopt;
  }
  return msisdn;
}

}  // namespace simulator
