#pragma once
/// The settings of one Thunes provider: their schema, their checks, and the values with everything derived
/// that an operator may leave out. Whatever public sources leave uncertain is a setting here, with a default
/// that errs on the safe side.
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>
#include <set>

#include "wire.hpp"

namespace thunes {

payoutd::SettingsSchema settings_schema();

/// What is wrong with settings that fit the schema. Production refuses pre-production, simulation, loopback
/// and plain HTTP; every environment refuses what contradicts itself.
std::vector<payoutd::Problem> validate_settings(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

struct Config {
  explicit Config(const payoutd::Settings& settings);

  std::string base_url;  ///< without a slash at its end
  std::string account;
  std::string payer_id;
  std::string transaction_type;  ///< C2C, C2B, B2C or B2B
  std::string currency;          ///< what the payee gets
  int amount_decimals = 0;
  std::string source_currency;                ///< of the balance that pays
  std::string source_country;                 ///< ISO 3166 alpha-3
  std::vector<std::string> country_prefixes;  ///< allowed beginnings of an MSISDN; empty: any
  bool msisdn_plus = false;
  Fields sender;
  Fields sending_business;
  Fields beneficiary;
  Fields receiving_business;
  Fields transaction_fields;
  std::string purpose_of_remittance;
  std::set<std::string, std::less<>> temporary_statuses;
  bool verify_credit_party = false;
  bool simulated = false;
  bool callbacks = false;
  std::vector<payoutd::Secret> api_keys;     ///< current first
  std::vector<payoutd::Secret> api_secrets;  ///< current first
  std::vector<payoutd::Secret>
      callback_credentials;  ///< `user:password`, current first; empty: none asked for
  std::chrono::milliseconds expiry_margin{0};

  /// Who pays and who is paid, by the names that the transaction's type wants.
  Parties parties() const;
};

payoutd::Contract make_contract(const payoutd::Settings& settings);

/// `name=value` texts as fields, in their order; the Problem's field is the text that is wrong.
payoutd::Result<Fields> parse_fields(const std::vector<std::string>& texts);

}  // namespace thunes
