#pragma once
/// The settings of one TMoney provider: their schema, their checks and the values that they stand for.
/// Whatever public sources leave uncertain is a setting here, with a default that errs on the safe side.
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>

#include "wire.hpp"

namespace tmoney {

payoutd::SettingsSchema settings_schema();

/// What is wrong with settings that fit the schema. Production refuses the pre-production host, loopback and
/// plain HTTP; staging refuses the operator's live gateway.
std::vector<payoutd::Problem> validate_settings(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

struct Config {
  explicit Config(const payoutd::Settings& settings);

  std::string base_url;  ///< without a slash at its end
  std::string login_path;
  std::string credit_path;
  std::string status_path;
  std::string username;
  std::vector<payoutd::Secret> passwords;  ///< current first
  bool bearer = true;
  std::chrono::seconds token_lifetime{0};
  TimeForm time_form = TimeForm::plain;
  std::chrono::minutes utc_offset{0};
  std::size_t description_length = 0;
  std::string default_description;
  std::vector<std::string> passing_codes;
};

/// Needs only settings that have defaults, so that `--inspect` can show it.
payoutd::Contract make_contract(const payoutd::Settings& settings);

}  // namespace tmoney
