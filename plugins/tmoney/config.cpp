#include "config.hpp"

#include <algorithm>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>
#include <set>

namespace tmoney {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::Problem;
using payoutd::Setting;
using payoutd::Settings;
using payoutd::SettingType;

/// Both are named by public clients. The first answers to test accounts; that the second is the live one is
/// what its name and its use suggest.
constexpr payoutd::BaseUrlRules kBaseUrlRules{
    .sandbox = {"ms-tpc-prep.togocom.tg", "must not be the operator's pre-production host in production"},
    .live = {"tgpp-mbanking-stp-gw-gen.togocom.tg",
             "is the operator's gateway, which may pay real money: not in staging"}};

bool is_path(std::string_view path) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~").find(c) != std::string_view::npos;
  };
  return path.starts_with('/') && !path.ends_with('/') && std::ranges::all_of(path, allowed);
}

class Checker : public payoutd::SettingsCheck {
 public:
  Checker(const Settings& settings, Environment environment)
      : SettingsCheck(environment), settings_(settings), config_(settings) {}

  std::vector<Problem> check() {
    expect_base_url("base_url", config_.base_url, kBaseUrlRules);
    check_paths();
    check_credentials();
    check_texts();
    check_passing_codes();
    expect_careful_limits(settings_);
    return problems();
  }

 private:
  void check_paths() {
    check_path("login_path", config_.login_path);
    check_path("credit_path", config_.credit_path);
    check_path("status_path", config_.status_path);
    expect(config_.status_path != config_.credit_path, "status_path", "must not be the path of the credit");
  }

  void check_path(std::string name, std::string_view path) {
    expect(is_path(path), std::move(name),
           "must be a path such as /api/tpcredit, without a slash at its end");
  }

  void check_credentials() {
    expect(!config_.username.empty(), "username", "must not be empty");
    const auto usable = [](const payoutd::Secret& value) {
      return value.reveal().find_first_of("\r\n") == std::string::npos;
    };
    expect(std::ranges::all_of(config_.passwords, usable), "password",
           "must not contain a line break: it would be sent as part of it");
  }

  void check_texts() {
    expect(!payoutd::clean_text(config_.default_description, config_.description_length).empty(),
           "default_description", "must contain something other than spaces");
  }

  void check_passing_codes() {
    std::set<std::string> seen;
    for (const std::string& code : config_.passing_codes) {
      const bool digits =
          !code.empty() && code.size() <= 16 && code.find_first_not_of("0123456789") == std::string::npos;
      expect(digits, "passing_codes", "must be codes of digits, such as \"5003\"");
      expect(code != "2000" && code != "2001" && code != "2002" && code != "4001", "passing_codes",
             "must not contain " + code + ", which does not mean that a payment failed");
      expect(seen.insert(code).second, "passing_codes", "must not name " + code + " twice");
    }
  }

  const Settings& settings_;
  Config config_;
};

}  // namespace

payoutd::SettingsSchema settings_schema() {
  using enum SettingType;
  return {
      Setting{.name = "base_url",
              .type = url,
              .description = "Address of the API as the operator's contract names it."},
      Setting{.name = "login_path", .description = "Path of the login.", .default_value = "/login"},
      Setting{.name = "credit_path",
              .description = "Path of the credit; installations of the older kind have /api/tpcredit.",
              .default_value = "/m-banking/v1/api/tpcredit"},
      Setting{.name = "status_path",
              .description = "Path of the status query; by default credit_path and /check-transaction-id.",
              .optional = true},
      Setting{.name = "username", .description = "nomUtilisateur of the partner's account."},
      Setting{.name = "password", .type = secret, .description = "motDePasse of the partner's account."},
      Setting{.name = "authorization",
              .type = choice,
              .description = "How the token is sent: `bearer` as most clients do, `bare` without that word.",
              .default_value = "bearer",
              .choices = {"bearer", "bare"}},
      Setting{.name = "token_lifetime",
              .type = duration,
              .description =
                  "How long a token is used at most; one that is a JWT and says that it lives shorter is "
                  "used for that long.",
              .default_value = "5m",
              .min = 10'000,
              .max = 86'400'000},
      Setting{.name = "time_form",
              .type = choice,
              .description = "Form of dateHeureRequete: `plain` (2021-03-30 17:09:03) or `iso8601`.",
              .default_value = "plain",
              .choices = {"plain", "iso8601"}},
      Setting{.name = "utc_offset_minutes",
              .type = integer,
              .description = "Time zone of dateHeureRequete, in minutes east of UTC; Togo has 0.",
              .default_value = "0",
              .min = -720,
              .max = 840},
      Setting{.name = "description_length",
              .type = integer,
              .description = "Longest description, in characters.",
              .default_value = "100",
              .min = 1,
              .max = 255},
      Setting{.name = "default_description",
              .description = "Description of a payout without a note.",
              .default_value = "Payout"},
      Setting{.name = "passing_codes",
              .type = list,
              .description =
                  "Values of `code` beside ECHEC after which a later try may succeed, such as that "
                  "of an account without funds; every other ECHEC is final.",
              .default_value = "[]"},
      Setting{.name = "absence_wait",
              .type = duration,
              .description =
                  "How long after the last moment of sending TMoney must still not know an idRequete "
                  "before that counts as proof; without it a human decides.",
              .min = 1'000,
              .max = 604'800'000,
              .optional = true},
      payoutd::concurrency_setting("credit", 8),
      payoutd::query_rate_setting(10),
      payoutd::submit_window_setting("credit", 10s),
      payoutd::response_timeout_setting("credit", 60s),
  };
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : base_url(payoutd::without_slash_at_end(settings.string("base_url"))),
      login_path(settings.string("login_path")),
      credit_path(settings.string("credit_path")),
      status_path(settings.has("status_path") ? settings.string("status_path")
                                              : credit_path + "/check-transaction-id"),
      username(settings.string("username")),
      passwords(settings.secrets("password")),
      bearer(settings.string("authorization") == "bearer"),
      token_lifetime(std::chrono::floor<std::chrono::seconds>(settings.duration("token_lifetime"))),
      time_form(settings.string("time_form") == "plain" ? TimeForm::plain : TimeForm::iso8601),
      utc_offset(settings.integer("utc_offset_minutes")),
      description_length(static_cast<std::size_t>(settings.integer("description_length"))),
      default_description(settings.string("default_description")),
      passing_codes(settings.list("passing_codes")) {}

payoutd::Contract make_contract(const Settings& settings) {
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::unknown;  // what a second credit under one idRequete does is not known
  contract.reference = {
      .uuid4 = false, .charset = std::string(kReferenceCharset), .length = kReferenceLength};
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after = payoutd::whole_seconds(settings, "absence_wait");
  contract.submit_codes = submit_codes(settings.list("passing_codes"));
  contract.webhook = payoutd::WebhookKind::hint;
  contract.currencies = {{"XOF", 0}};
  payoutd::apply_standard_settings(settings, contract);
  return contract;
}

}  // namespace tmoney
