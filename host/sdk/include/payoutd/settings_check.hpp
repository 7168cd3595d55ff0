#pragma once
#include <payoutd/settings.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace payoutd {

/// A host of the provider's that does not belong into every environment, with everything below it, and why,
/// as half a sentence: "must not be Acme's sandbox in production".
struct HostRule {
  std::string_view domain{};  ///< in lower case; empty: there is none
  std::string_view reason{};
};

/// What is particular about a provider's addresses.
struct BaseUrlRules {
  HostRule sandbox{};  ///< nobody is paid there: refused in production
  HostRule live{};     ///< real money is paid there: refused in staging
};

/// Collects what is wrong with settings that fit their schema: what a plugin's `validate` returns. Each
/// expectation that does not hold adds a problem; the others are still looked at, so that an operator sees
/// all of them at once.
///
///     payoutd::SettingsCheck check(environment);
///     check.expect_base_url("base_url", settings.string("base_url"));
///     check.expect(!settings.string("account").empty(), "account", "must not be empty");
///     return check.problems();
class SettingsCheck {
 public:
  explicit SettingsCheck(Environment environment) : environment_(environment) {}

  bool in_production() const noexcept { return environment_ == Environment::prod; }
  bool in_staging() const noexcept { return environment_ == Environment::staging; }

  /// `reason` is half a sentence that can follow the field: "must be greater than 0".
  void expect(bool holds, std::string field, std::string reason) {
    if (!holds) problems_.emplace_back(std::move(field), std::move(reason));
  }

  /// An absolute http or https URL to which paths can be added: no user name, no query, no fragment.
  void expect_url(const std::string& field, std::string_view url);

  /// The same, and one that fits the environment: https and another machine in production, and what the rules
  /// say of the provider's own hosts.
  void expect_base_url(const std::string& field, std::string_view url, const BaseUrlRules& rules = {});

  /// Country codes such as "228", of which an MSISDN may begin with one; an empty list is fine.
  void expect_country_codes(const std::string& field, const std::vector<std::string>& codes);

  /// A currency that payoutd knows, and no more decimals than it has, for which `decimals_field` is to blame.
  void expect_currency(const std::string& field, const std::string& currency,
                       const std::string& decimals_field = {}, int decimals = 0);

  /// In production: at most 64 `concurrency`, for as many are unknown after one crash; at least one
  /// `query_rate_per_s`, for 0 is no limit at all; at least a minute of `absence_wait`. Of these, what the
  /// settings have.
  void expect_careful_limits(const Settings& settings);

  const std::vector<Problem>& problems() const noexcept { return problems_; }

 private:
  Environment environment_;
  std::vector<Problem> problems_;
};

}  // namespace payoutd
