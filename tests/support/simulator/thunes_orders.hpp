#pragma once
#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "amount.hpp"

namespace simulator {

/// What is wrong with a request to Thunes, in its own words.
struct ThunesProblem {
  std::string_view code;  // "1000999"
  std::string message;
};

struct ThunesCurrency {
  std::string_view code;
  int decimals;
  int per_thousand_dollars;  // at the simulator's fixed rates, in whole units of the currency
};

/// Null when Thunes does not pay in it.
const ThunesCurrency* thunes_currency(std::string_view code);

/// The body of POST /quotations, checked.
struct QuotationOrder {
  std::string external_id;
  std::string payer_id;
  std::string mode;              // SOURCE_AMOUNT or DESTINATION_AMOUNT
  std::string transaction_type;  // C2C, C2B, B2C, B2B
  std::string source_country;    // ISO 3166 alpha-3
  const ThunesCurrency* source = nullptr;
  const ThunesCurrency* destination = nullptr;
  Units source_amount = 0;
  Units destination_amount = 0;
};

/// The body of POST /quotations/{id}/transactions, checked.
struct TransactionOrder {
  std::string external_id;
  std::string client_id;  // the free field in which a client may carry a number of its own
  std::string msisdn;     // without a plus sign
  std::string callback_url;
  boost::json::object as_sent;  // its numbers marked as json_text.hpp says
};

std::variant<QuotationOrder, ThunesProblem> read_quotation_order(const boost::json::object& body);
std::variant<TransactionOrder, ThunesProblem> read_transaction_order(const boost::json::object& body,
                                                                     std::string_view transaction_type);

/// The msisdn of a credit_party_identifier without its plus sign; none when there is none or it is no number.
std::optional<std::string> read_credit_party(const boost::json::object& body);

bool is_transaction_type(std::string_view text);

}  // namespace simulator
