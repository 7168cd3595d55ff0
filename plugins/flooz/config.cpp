#include "config.hpp"

#include <algorithm>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>
#include <set>

#include "token.hpp"
#include "wire.hpp"

namespace flooz {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::is_digits;
using payoutd::Problem;
using payoutd::Setting;
using payoutd::Settings;
using payoutd::SettingType;

/// Published by the vendor with its examples: it hides nothing, and installations may have their own.
constexpr std::string_view kPublishedKey = "tlc12345tlc12345tlc12345tlc12345";
/// Benin's hosts, the only ones that are known; Togo's come with the contract.
constexpr payoutd::BaseUrlRules kEndpointRules{
    .sandbox = {"testapimarchand2.moov-africa.bj", "must not be Moov's test host in production"},
    .live = {"apimarchand.moov-africa.bj",
             "is Moov's production host, which pays real money: not in staging"}};

bool is_one_line(std::string_view text) {
  return text.find_first_of("\r\n") == std::string_view::npos;
}

class Checker : public payoutd::SettingsCheck {
 public:
  Checker(const Settings& settings, Environment environment)
      : SettingsCheck(environment), settings_(settings), config_(settings) {}

  std::vector<Problem> check() {
    expect_base_url("endpoint", config_.endpoint, kEndpointRules);
    check_credentials();
    check_accounts();
    check_texts();
    check_look_up();
    expect_careful_limits(settings_);
    return problems();
  }

 private:
  void check_credentials() {
    // The token is `0:username:password`: a colon in the name would move its end.
    expect(!config_.username.empty() && config_.username.find(':') == std::string::npos &&
               is_one_line(config_.username),
           "username", "must not be empty nor contain a colon or a line break");
    expect(is_one_line(config_.password.reveal()), "password", "must not contain a line break");
    expect(config_.encryption_key.reveal().size() == kKeyBytes, "encryption_key",
           "must have exactly 32 bytes");
  }

  void check_accounts() {
    expect(!config_.country_prefixes.empty(), "country_prefixes", "must name at least one country code");
    expect_country_codes("country_prefixes", config_.country_prefixes);
    expect(config_.account_msisdn.empty() || is_digits(config_.account_msisdn), "account_msisdn",
           "must be digits only");
    expect(is_reference(config_.wallet_id), "wallet_id", "must be letters and digits");
  }

  void check_texts() {
    expect(!clean_remarks(config_.default_remarks, config_.remarks_length).empty(), "default_remarks",
           "must contain something other than spaces");
  }

  void check_look_up() {
    if (settings_.has("absence_wait")) {
      expect(config_.by_reference, "absence_wait",
             "needs query_by: client_ref, because a transfer without Moov's reference cannot be asked about");
      expect(!config_.absent_codes.empty(), "absence_wait",
             "needs absent_codes: public clients differ on the code of \"does not exist\"");
    }
    const auto rules = submit_codes();
    std::set<std::string> seen;
    for (const std::string& code : config_.absent_codes) {
      const bool taken = code == "0" || code == "100" ||
                         std::ranges::find(rules, code, &payoutd::CodeRule::code) != rules.end();
      expect(is_digits(code.starts_with('-') ? code.substr(1) : code), "absent_codes",
             "must be codes of digits, such as \"94\"");
      expect(!taken, "absent_codes", "must not contain " + code + ", which means something else");
      expect(seen.insert(code).second, "absent_codes", "must not name " + code + " twice");
    }
  }

  const Settings& settings_;
  Config config_;
};

}  // namespace

payoutd::SettingsSchema settings_schema() {
  using enum SettingType;
  return {
      Setting{.name = "endpoint",
              .type = url,
              .description = "Whole address of the merchant service, as Moov's contract names it; it ends in "
                             "/com.tlc.merchant.api/UssdPush."},
      Setting{.name = "content_type",
              .type = choice,
              .description = "Content-Type of the requests; clients differ.",
              .default_value = "application/soap+xml",
              .choices = {"application/soap+xml", "text/xml", "application/xml"}},
      Setting{.name = "username", .description = "Name of the merchant's user."},
      Setting{.name = "password", .type = secret, .description = "Password of the merchant's user."},
      Setting{.name = "encryption_key",
              .type = secret,
              .description = "Key of the token, 32 bytes; by default the one that the vendor published.",
              .optional = true},
      Setting{.name = "wallet_id", .description = "walletid that is paid from.", .default_value = "0"},
      Setting{.name = "country_prefixes",
              .type = list,
              .description = "Country codes that a payee's number may begin with.",
              .default_value = "[228]"},
      Setting{.name = "account_msisdn",
              .description = "The merchant's own number, of which the balance is asked.",
              .optional = true},
      Setting{.name = "query_by",
              .type = choice,
              .description =
                  "What getTransactionStatus is asked by: `provider_ref` (Moov's reference, known only "
                  "if an answer came) or `client_ref` (ours; only if Moov has confirmed that it works).",
              .default_value = "provider_ref",
              .choices = {"provider_ref", "client_ref"}},
      Setting{
          .name = "absent_codes",
          .type = list,
          .description = "Codes by which Moov says that a transaction does not exist, as agreed with Moov.",
          .default_value = "[]"},
      Setting{.name = "absence_wait",
              .type = duration,
              .description = "How long after the last moment of sending Moov must still not know a reference "
                             "before that counts as proof; without it a human decides.",
              .min = 1'000,
              .max = 604'800'000,
              .optional = true},
      Setting{.name = "reference_form",
              .type = choice,
              .description =
                  "Form of referenceid: `digits` (20 of them) or `alphanumeric` (13 letters and digits, "
                  "where 20 are too long).",
              .default_value = "digits",
              .choices = {"digits", "alphanumeric"}},
      Setting{.name = "check_account",
              .type = boolean,
              .description = "Ask before each payment whether the payee's account is active.",
              .default_value = "false"},
      Setting{.name = "remarks_length",
              .type = integer,
              .description = "Longest extendeddata, in characters.",
              .default_value = "100",
              .min = 1,
              .max = 255},
      Setting{.name = "default_remarks",
              .description = "extendeddata of a payout without a note.",
              .default_value = "Payout"},
      payoutd::concurrency_setting("transfer", 4),
      payoutd::query_rate_setting(10),
      payoutd::submit_window_setting("transfer", 10s),
      payoutd::response_timeout_setting("transfer", 60s),
  };
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : endpoint(settings.string("endpoint")),
      content_type(settings.string("content_type") + "; charset=utf-8"),
      username(settings.string("username")),
      password(settings.secret("password")),
      encryption_key(settings.has("encryption_key") ? settings.secret("encryption_key")
                                                    : payoutd::Secret(std::string(kPublishedKey))),
      wallet_id(settings.string("wallet_id")),
      country_prefixes(settings.list("country_prefixes")),
      account_msisdn(settings.has("account_msisdn") ? settings.string("account_msisdn") : ""),
      by_reference(settings.string("query_by") == "client_ref"),
      absent_codes(settings.list("absent_codes")),
      check_account(settings.boolean("check_account")),
      remarks_length(static_cast<std::size_t>(settings.integer("remarks_length"))),
      default_remarks(settings.string("default_remarks")) {}

payoutd::Contract make_contract(const Settings& settings) {
  const bool by_reference = settings.string("query_by") == "client_ref";
  const bool digits = settings.string("reference_form") == "digits";
  payoutd::Contract contract;
  contract.repeat =
      payoutd::Repeat::unknown;  // what a second transfer under one referenceid does is not known
  contract.reference = {.uuid4 = false,
                        .charset = digits ? "0123456789" : "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
                        .length = digits ? 20 : 13};
  // By Moov's own reference a payment can be looked up either way. With client_ref it is ours that is asked
  // by, for it is known before anything is sent; both flags let what was sent before the change be asked
  // about.
  contract.lookup_by_reference = by_reference;
  contract.lookup_by_provider_ref = true;
  if (by_reference) contract.absence_is_proof_after = payoutd::whole_seconds(settings, "absence_wait");
  contract.submit_codes = submit_codes();
  contract.webhook = payoutd::WebhookKind::none;
  contract.currencies = {{"XOF", 0}};
  payoutd::apply_standard_settings(settings, contract);
  return contract;
}

}  // namespace flooz
