#include "config.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>
#include <set>

#include "token.hpp"
#include "wire.hpp"

namespace flooz {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::host_of;
using payoutd::is_digits;
using payoutd::is_loopback_host;
using payoutd::Problem;
using payoutd::Setting;
using payoutd::Settings;
using payoutd::SettingType;

/// Published by the vendor with its examples: it hides nothing, and installations may have their own.
constexpr std::string_view kPublishedKey = "tlc12345tlc12345tlc12345tlc12345";
/// Benin's hosts, the only ones that are known; Togo's come with the contract.
constexpr std::string_view kTestDomain = "testapimarchand2.moov-africa.bj";
constexpr std::string_view kProductionDomain = "apimarchand.moov-africa.bj";

bool is_one_line(std::string_view text) {
  return text.find_first_of("\r\n") == std::string_view::npos;
}

class Checker {
 public:
  Checker(const Settings& settings, Environment environment)
      : settings_(settings), config_(settings), environment_(environment) {}

  std::vector<Problem> check() {
    check_endpoint();
    check_credentials();
    check_accounts();
    check_texts();
    check_look_up();
    if (environment_ == Environment::prod) check_production_limits();
    return std::move(problems_);
  }

 private:
  void expect(bool holds, std::string field, std::string reason) {
    if (!holds) problems_.push_back({std::move(field), std::move(reason)});
  }

  void check_endpoint() {
    const auto url = boost::urls::parse_absolute_uri(config_.endpoint);
    expect(url && !url->has_query() && !url->has_fragment() && !url->encoded_host().empty(), "endpoint",
           "must be an absolute URL without a query");
    const std::string host = host_of(config_.endpoint);
    if (environment_ == Environment::prod) {
      expect(url && url->scheme() == "https", "endpoint", "must be https in production");
      expect(!is_loopback_host(host), "endpoint", "must not be this machine in production");
      expect(host != kTestDomain, "endpoint", "must not be Moov's test host in production");
    }
    expect(environment_ != Environment::staging || host != kProductionDomain, "endpoint",
           "is Moov's production host, which pays real money: not in staging");
  }

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
    for (const std::string& prefix : config_.country_prefixes) {
      expect(is_digits(prefix) && prefix.size() <= 8 && prefix[0] != '0', "country_prefixes",
             "must be country codes of digits only, such as \"228\"");
    }
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

  void check_production_limits() {
    expect(!settings_.has("absence_wait") || settings_.duration("absence_wait") >= 60s, "absence_wait",
           "must be at least 60s in production");
    expect(settings_.integer("concurrency") <= 64, "concurrency", "must be at most 64 in production");
    expect(settings_.integer("query_rate_per_s") >= 1, "query_rate_per_s",
           "must be at least 1 in production");
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
      Setting{.name = "concurrency",
              .type = integer,
              .description = "Transfers in flight at once; also how many a crash can make unknown.",
              .default_value = "4",
              .min = 1,
              .max = 1024},
      Setting{.name = "query_rate_per_s",
              .type = integer,
              .description = "Upper limit of status queries a second; 0 for none (never in production).",
              .default_value = "10",
              .min = 0,
              .max = 100'000},
      Setting{.name = "submit_window",
              .type = duration,
              .description = "How long after its journal entry a transfer may still be started.",
              .default_value = "10s",
              .min = 500,
              .max = 60'000},
      Setting{.name = "response_timeout",
              .type = duration,
              .description = "How long to wait for the answer to a transfer.",
              .default_value = "60s",
              .min = 500,
              .max = 300'000},
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

std::string Config::authority() const {
  const std::string authority = payoutd::host_and_port_of(endpoint);
  return authority.empty() ? endpoint : authority;
}

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
  if (by_reference && settings.has("absence_wait")) {
    contract.absence_is_proof_after =
        std::chrono::ceil<std::chrono::seconds>(settings.duration("absence_wait"));
  }
  contract.submit_codes = submit_codes();
  contract.webhook = payoutd::WebhookKind::none;
  contract.concurrency = static_cast<int>(settings.integer("concurrency"));
  contract.query_rate_per_s = static_cast<int>(settings.integer("query_rate_per_s"));
  contract.currencies = {{"XOF", 0}};
  contract.submit_window = settings.duration("submit_window");
  contract.response_timeout = settings.duration("response_timeout");
  return contract;
}

}  // namespace flooz
