#include "config.hpp"

#include <payoutd/money.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

#include "wire.hpp"

namespace momo {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::host_of;
using payoutd::is_domain_or_below;
using payoutd::Problem;
using payoutd::Settings;
using payoutd::SettingType;

constexpr std::string_view kSandboxUrl = "https://sandbox.momodeveloper.mtn.com";
/// Named by public clients, not by MTN's documentation: base_url overrides it.
constexpr std::string_view kProductionUrl = "https://proxy.momoapi.mtn.com";
constexpr std::string_view kProductionDomain = "momoapi.mtn.com";
constexpr payoutd::BaseUrlRules kBaseUrlRules{
    .sandbox = {"momodeveloper.mtn.com", "must not be MTN's sandbox in production"},
    .live = {kProductionDomain, "is MTN's production host, which pays real money: not in staging"}};

/// The targets that MTN's portal lists, each with the currency and the country code of its market.
struct Target {
  std::string_view name;
  std::string_view currency;
  std::string_view prefix;
};
constexpr std::array kTargets{
    Target{"sandbox", "EUR", ""},          Target{"mtnbenin", "XOF", "229"},
    Target{"mtncameroon", "XAF", "237"},   Target{"mtncongo", "XAF", "242"},
    Target{"mtnghana", "GHS", "233"},      Target{"mtnguineaconakry", "GNF", "224"},
    Target{"mtnivorycoast", "XOF", "225"}, Target{"mtnliberia", "LRD", "231"},
    Target{"mtnnigeria", "NGN", "234"},    Target{"mtnrwanda", "RWF", "250"},
    Target{"mtnsouthafrica", "ZAR", "27"}, Target{"mtnsouthsudan", "SSP", "211"},
    Target{"mtnswaziland", "SZL", "268"},  Target{"mtnuganda", "UGX", "256"},
    Target{"mtnzambia", "ZMW", "260"},
};

const Target* find_target(std::string_view name) {
  const auto* found = std::ranges::find(kTargets, name, &Target::name);
  return found == kTargets.end() ? nullptr : found;
}

std::string text_or(const Settings& settings, std::string_view name, std::string_view otherwise) {
  return settings.has(name) ? settings.string(name) : std::string(otherwise);
}

bool is_production_host(const std::string& host) {
  return is_domain_or_below(host, kProductionDomain);
}

class Checker : public payoutd::SettingsCheck {
 public:
  Checker(const Settings& settings, Environment environment)
      : SettingsCheck(environment), settings_(settings), config_(settings) {}

  std::vector<Problem> check() {
    expect_base_url("base_url", config_.base_url, kBaseUrlRules);
    check_target();
    check_money();
    check_payees();
    check_api_user();
    check_callbacks();
    check_production_limits();
    return problems();
  }

 private:
  void check_target() {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const std::string& target = config_.target_environment;
    expect(!target.empty() && std::ranges::all_of(target, allowed), "target_environment",
           "must be lower-case letters and digits, such as mtnbenin");
    expect(!in_production() || target != "sandbox", "target_environment",
           "must not be the sandbox in production");
    expect(target != "sandbox" || !is_production_host(host_of(config_.base_url)), "target_environment",
           "is the sandbox, but base_url is MTN's production host");
  }

  void check_money() {
    if (config_.currency.empty()) {
      expect(false, "currency",
             "must be set, because target_environment is none of those known to this plugin");
      return;
    }
    expect_currency("currency", config_.currency, "amount_decimals", config_.amount_decimals);
    expect(config_.target_environment != "sandbox" || config_.currency == "EUR", "currency",
           "must be EUR in the sandbox, which knows no other");
  }

  void check_payees() {
    expect_country_codes("country_prefixes", config_.country_prefixes);
    expect(!clean_note(config_.default_note, config_.message_length).empty(), "default_note",
           "must contain something other than spaces and apostrophes");
  }

  void check_api_user() {
    expect(payoutd::is_visible_ascii(config_.api_user) && config_.api_user.find(':') == std::string::npos,
           "api_user", "must be the API user's id, without spaces and colons");
    check_secret("api_key", config_.api_keys);
    check_secret("subscription_key", config_.subscription_keys);
  }

  /// Secrets go into headers: a line break from a carelessly written file would end the header.
  void check_secret(std::string name, const std::vector<payoutd::Secret>& values) {
    const auto usable = [](const payoutd::Secret& value) {
      return payoutd::is_visible_ascii(value.reveal());
    };
    expect(std::ranges::all_of(values, usable), std::move(name), "must not contain spaces or line breaks");
  }

  void check_callbacks() {
    expect(!config_.callbacks || !config_.callback_host.empty(), "callback_host",
           "must be set when callbacks are on: MTN refuses payments whose callback host is not the "
           "registered one");
    expect(config_.callback_host.find_first_of("/:@ ") == std::string::npos ||
               config_.callback_host.starts_with('['),
           "callback_host", "must be a host name only, without scheme, port and path");
  }

  void check_production_limits() {
    expect_careful_limits(settings_);
    expect(!in_production() || settings_.integer("query_rate_per_s") <= 10, "query_rate_per_s",
           "must be 1 to 10 in production, MTN asks for no more");
  }

  const Settings& settings_;
  Config config_;
};

}  // namespace

payoutd::SettingsSchema settings_schema() {
  using enum SettingType;
  return {
      {.name = "target_environment",
       .description = "MTN's market, sent as X-Target-Environment: sandbox, mtnbenin, mtnghana, …"},
      {.name = "base_url",
       .type = url,
       .description =
           "Address of the API; by default the sandbox for the sandbox, else MTN's production proxy.",
       .optional = true},
      {.name = "currency",
       .description = "Currency that the account pays in; by default the market's.",
       .optional = true},
      {.name = "amount_decimals",
       .type = integer,
       .description = "Decimal places that the API accepts; by default the currency's own.",
       .min = 0,
       .max = 8,
       .optional = true},
      {.name = "country_prefixes",
       .type = list,
       .description = "Country codes that a payee's number may begin with; by default the market's.",
       .optional = true},
      {.name = "api_user", .description = "Id of the API user (a UUID)."},
      {.name = "api_key", .type = secret, .description = "Key of the API user."},
      {.name = "subscription_key",
       .type = secret,
       .description = "Key of the subscription to the Disbursement product."},
      {.name = "callbacks",
       .type = boolean,
       .description = "Ask MTN to call back when a transfer is final; without it payoutd only polls.",
       .default_value = "false"},
      {.name = "callback_host",
       .description = "Host name registered as providerCallbackHost; other hosts are never sent to MTN.",
       .optional = true},
      {.name = "message_length",
       .type = integer,
       .description = "Longest payerMessage and payeeNote, in characters; older documents say 160.",
       .default_value = "128",
       .min = 1,
       .max = 160},
      {.name = "default_note",
       .description = "Text for the payee when a payout has none.",
       .default_value = "Payout"},
      {.name = "check_account_holder",
       .type = boolean,
       .description = "Ask before each payment whether the payee has an active account.",
       .default_value = "false"},
      {.name = "absence_wait",
       .type = duration,
       .description = "How long after the last moment of sending MTN must still not know a reference before "
                      "that counts as proof.",
       .default_value = "120s",
       .min = 1'000,
       .max = 86'400'000},
      payoutd::concurrency_setting("transfer", 8),
      payoutd::query_rate_setting(10),
      payoutd::submit_window_setting("transfer", 10s),
      payoutd::response_timeout_setting("transfer", 30s),
  };
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : target_environment(settings.string("target_environment")),
      api_user(settings.string("api_user")),
      api_keys(settings.secrets("api_key")),
      subscription_keys(settings.secrets("subscription_key")),
      callbacks(settings.boolean("callbacks")),
      callback_host(payoutd::lower_case(text_or(settings, "callback_host", ""))),
      message_length(static_cast<std::size_t>(settings.integer("message_length"))),
      default_note(settings.string("default_note")),
      check_account_holder(settings.boolean("check_account_holder")) {
  const Target* target = find_target(target_environment);
  base_url = payoutd::without_slash_at_end(
      text_or(settings, "base_url", target_environment == "sandbox" ? kSandboxUrl : kProductionUrl));
  currency = text_or(settings, "currency", target == nullptr ? "" : target->currency);
  amount_decimals = settings.has("amount_decimals") ? static_cast<int>(settings.integer("amount_decimals"))
                                                    : payoutd::currency_decimals(currency).value_or(0);
  if (settings.has("country_prefixes")) {
    country_prefixes = settings.list("country_prefixes");
  } else if (target != nullptr && !target->prefix.empty()) {
    country_prefixes = {std::string(target->prefix)};
  }
}

payoutd::Contract make_contract(const Settings& settings) {
  const Config config(settings);
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::refused_as_duplicate;
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after = payoutd::whole_seconds(settings, "absence_wait");
  contract.submit_codes = submit_codes();
  contract.webhook = payoutd::WebhookKind::hint;
  if (!config.currency.empty()) contract.currencies = {{config.currency, config.amount_decimals}};
  payoutd::apply_standard_settings(settings, contract);
  return contract;
}

}  // namespace momo
