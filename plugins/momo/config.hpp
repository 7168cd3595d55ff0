#pragma once
/// The settings of one MoMo provider: their schema, their checks, and the values with everything derived that
/// an operator may leave out. Whatever public sources leave uncertain is a setting here, with a default that
/// errs on the safe side.
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>

namespace momo {

payoutd::SettingsSchema settings_schema();

/// What is wrong with settings that fit the schema. Production refuses the sandbox, loopback and plain HTTP;
/// staging refuses MTN's production hosts; development allows everything that is consistent.
std::vector<payoutd::Problem> validate_settings(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

struct Config {
  explicit Config(const payoutd::Settings& settings);

  std::string base_url;            ///< without a slash at its end
  std::string target_environment;  ///< the header X-Target-Environment
  std::string currency;            ///< the one that this target pays in; empty if it is neither known nor set
  int amount_decimals = 0;
  std::vector<std::string> country_prefixes;  ///< allowed beginnings of an MSISDN; empty: any
  std::string api_user;
  std::vector<payoutd::Secret> api_keys;           ///< current first
  std::vector<payoutd::Secret> subscription_keys;  ///< current first
  bool callbacks = false;
  std::string callback_host;  ///< lower case; the one registered as providerCallbackHost
  std::size_t message_length = 0;
  std::string default_note;
  bool check_account_holder = false;
};

payoutd::Contract make_contract(const payoutd::Settings& settings);
}  // namespace momo
