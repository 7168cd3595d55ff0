#include "config.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/money.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

#include "wire.hpp"

namespace momo {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::host_of;
using payoutd::is_domain_or_below;
using payoutd::is_loopback_host;
using payoutd::Problem;
using payoutd::Settings;
using payoutd::SettingType;

constexpr std::string_view kSandboxUrl = "https://sandbox.momodeveloper.mtn.com";
/// Named by public clients, not by MTN's documentation: base_url overrides it.
constexpr std::string_view kProductionUrl = "https://proxy.momoapi.mtn.com";

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

bool is_sandbox_host(const std::string& host) {
  return is_domain_or_below(host, "momodeveloper.mtn.com");
}
bool is_production_host(const std::string& host) {
  return is_domain_or_below(host, "momoapi.mtn.com");
}

class Checker {
 public:
  Checker(const Settings& settings, Environment environment)
      : settings_(settings), config_(settings), environment_(environment) {}

  std::vector<Problem> check() {
    check_base_url();
    check_target();
    check_money();
    check_payees();
    check_api_user();
    check_callbacks();
    if (environment_ == Environment::prod) check_production_limits();
    return std::move(problems_);
  }

 private:
  void expect(bool holds, std::string field, std::string reason) {
    if (!holds) problems_.push_back({std::move(field), std::move(reason)});
  }

  void check_base_url() {
    const auto url = boost::urls::parse_absolute_uri(config_.base_url);
    expect(url && !url->has_query() && !url->encoded_host().empty(), "base_url",
           "must be an absolute URL without a query");
    const std::string host = host_of(config_.base_url);
    if (environment_ == Environment::prod) {
      expect(url && url->scheme() == "https", "base_url", "must be https in production");
      expect(!is_loopback_host(host), "base_url", "must not be this machine in production");
      expect(!is_sandbox_host(host), "base_url", "must not be MTN's sandbox in production");
    }
    expect(environment_ != Environment::staging || !is_production_host(host), "base_url",
           "is MTN's production host, which pays real money: not in staging");
  }

  void check_target() {
    const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
    const std::string& target = config_.target_environment;
    expect(!target.empty() && std::ranges::all_of(target, allowed), "target_environment",
           "must be lower-case letters and digits, such as mtnbenin");
    expect(environment_ != Environment::prod || target != "sandbox", "target_environment",
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
    const auto decimals = payoutd::currency_decimals(config_.currency);
    expect(decimals.has_value(), "currency", "is not a currency that payoutd knows");
    expect(!decimals || config_.amount_decimals <= *decimals, "amount_decimals",
           "must not be more than the currency has (" + std::to_string(decimals.value_or(0)) + ")");
    expect(config_.target_environment != "sandbox" || config_.currency == "EUR", "currency",
           "must be EUR in the sandbox, which knows no other");
  }

  void check_payees() {
    for (const std::string& prefix : config_.country_prefixes) {
      const bool digits = !prefix.empty() && prefix.size() <= 8 && prefix[0] != '0' &&
                          prefix.find_first_not_of("0123456789") == std::string::npos;
      expect(digits, "country_prefixes", "must be country codes of digits only, such as \"229\"");
    }
    expect(!clean_note(config_.default_note, config_.message_length).empty(), "default_note",
           "must contain something other than spaces and apostrophes");
  }

  void check_api_user() {
    const auto visible = [](char c) { return c > ' ' && c < 0x7F && c != ':'; };
    expect(!config_.api_user.empty() && std::ranges::all_of(config_.api_user, visible), "api_user",
           "must be the API user's id, without spaces and colons");
    check_secret("api_key", config_.api_keys);
    check_secret("subscription_key", config_.subscription_keys);
  }

  /// Secrets go into headers: a line break from a carelessly written file would end the header.
  void check_secret(std::string name, const std::vector<payoutd::Secret>& values) {
    const auto visible = [](char c) { return c > ' ' && c < 0x7F; };
    const auto usable = [&](const payoutd::Secret& value) {
      return std::ranges::all_of(value.reveal(), visible);
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
    const auto rate = settings_.integer("query_rate_per_s");
    expect(rate >= 1 && rate <= 10, "query_rate_per_s",
           "must be 1 to 10 in production, MTN asks for no more");
    expect(settings_.duration("absence_wait") >= 60s, "absence_wait", "must be at least 60s in production");
    expect(settings_.integer("concurrency") <= 64, "concurrency", "must be at most 64 in production");
  }

  const Settings& settings_;
  Config config_;
  Environment environment_;
  std::vector<Problem> problems_;
};

}  // namespace

payoutd::SettingsSchema settings_schema() {
  using enum SettingType;
  return {
      {"target_environment",
       string,
       "MTN's market, sent as X-Target-Environment: sandbox, mtnbenin, mtnghana, …",
       std::nullopt,
       {},
       {},
       {},
       false},
      {"base_url",
       url,
       "Address of the API; by default the sandbox for the sandbox, else MTN's production proxy.",
       std::nullopt,
       {},
       {},
       {},
       true},
      {"currency",
       string,
       "Currency that the account pays in; by default the market's.",
       std::nullopt,
       {},
       {},
       {},
       true},
      {"amount_decimals",
       integer,
       "Decimal places that the API accepts; by default the currency's own.",
       std::nullopt,
       0,
       8,
       {},
       true},
      {"country_prefixes",
       list,
       "Country codes that a payee's number may begin with; by default the market's.",
       std::nullopt,
       {},
       {},
       {},
       true},
      {"api_user", string, "Id of the API user (a UUID).", std::nullopt, {}, {}, {}, false},
      {"api_key", secret, "Key of the API user.", std::nullopt, {}, {}, {}, false},
      {"subscription_key",
       secret,
       "Key of the subscription to the Disbursement product.",
       std::nullopt,
       {},
       {},
       {},
       false},
      {"callbacks",
       boolean,
       "Ask MTN to call back when a transfer is final; without it payoutd only polls.",
       "false",
       {},
       {},
       {},
       false},
      {"callback_host",
       string,
       "Host name registered as providerCallbackHost; other hosts are never sent to MTN.",
       std::nullopt,
       {},
       {},
       {},
       true},
      {"message_length",
       integer,
       "Longest payerMessage and payeeNote, in characters; some documents say 128.",
       "160",
       1,
       160,
       {},
       false},
      {"default_note", string, "Text for the payee when a payout has none.", "Payout", {}, {}, {}, false},
      {"check_account_holder",
       boolean,
       "Ask before each payment whether the payee has an active account.",
       "false",
       {},
       {},
       {},
       false},
      {"absence_wait",
       duration,
       "How long after the last moment of sending MTN must still not know a reference before that counts as "
       "proof.",
       "120s",
       1'000,
       86'400'000,
       {},
       false},
      {"concurrency",
       integer,
       "Transfers in flight at once; also how many a crash can make unknown.",
       "8",
       1,
       1024,
       {},
       false},
      {"query_rate_per_s",
       integer,
       "Upper limit of status queries a second; 0 for none (never in production).",
       "10",
       0,
       100'000,
       {},
       false},
      {"submit_window",
       duration,
       "How long after its journal entry a transfer may still be started.",
       "10s",
       500,
       60'000,
       {},
       false},
      {"response_timeout",
       duration,
       "How long to wait for the answer to a transfer.",
       "30s",
       500,
       300'000,
       {},
       false},
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
  base_url = text_or(settings, "base_url", target_environment == "sandbox" ? kSandboxUrl : kProductionUrl);
  while (base_url.ends_with('/')) base_url.pop_back();
  currency = text_or(settings, "currency", target == nullptr ? "" : target->currency);
  amount_decimals = settings.has("amount_decimals") ? static_cast<int>(settings.integer("amount_decimals"))
                                                    : payoutd::currency_decimals(currency).value_or(0);
  if (settings.has("country_prefixes")) {
    country_prefixes = settings.list("country_prefixes");
  } else if (target != nullptr && !target->prefix.empty()) {
    country_prefixes = {std::string(target->prefix)};
  }
}

std::string Config::base_authority() const {
  const std::string authority = payoutd::host_and_port_of(base_url);
  return authority.empty() ? base_url : authority;
}

payoutd::Contract make_contract(const Settings& settings) {
  const Config config(settings);
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::refused_as_duplicate;
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after =
      std::chrono::ceil<std::chrono::seconds>(settings.duration("absence_wait"));
  contract.submit_codes = submit_codes();
  contract.webhook = payoutd::WebhookKind::hint;
  contract.concurrency = static_cast<int>(settings.integer("concurrency"));
  contract.query_rate_per_s = static_cast<int>(settings.integer("query_rate_per_s"));
  if (!config.currency.empty()) contract.currencies = {{config.currency, config.amount_decimals}};
  contract.submit_window = settings.duration("submit_window");
  contract.response_timeout = settings.duration("response_timeout");
  return contract;
}

}  // namespace momo
