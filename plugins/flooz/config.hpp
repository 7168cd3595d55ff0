#pragma once
/// The settings of one Flooz provider: their schema, their checks and the values that they stand for.
/// Whatever public sources leave uncertain is a setting here, with a default that errs on the safe side.
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>

namespace flooz {

payoutd::SettingsSchema settings_schema();

/// What is wrong with settings that fit the schema. Production refuses the test host, loopback and plain
/// HTTP; staging refuses the production host that is known.
std::vector<payoutd::Problem> validate_settings(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

struct Config {
  explicit Config(const payoutd::Settings& settings);

  std::string endpoint;  ///< the whole URL: every operation goes to it
  std::string content_type;
  std::string username;
  payoutd::Secret password;        ///< the current one: nothing tells beforehand whether Moov takes it
  payoutd::Secret encryption_key;  ///< the vendor's published one if none is set
  std::string wallet_id;
  std::vector<std::string> country_prefixes;
  std::string account_msisdn;  ///< empty: the balance cannot be asked
  bool by_reference = false;   ///< query_by: client_ref
  std::vector<std::string> absent_codes;
  bool check_account = false;
  std::size_t remarks_length = 0;
  std::string default_remarks;
};

/// Needs only settings that have defaults, so that `--inspect` can show it.
payoutd::Contract make_contract(const payoutd::Settings& settings);

}  // namespace flooz
