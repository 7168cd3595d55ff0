#include "config.hpp"

#include <payoutd/money.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

namespace thunes {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::Problem;
using payoutd::Setting;
using payoutd::Settings;
using payoutd::SettingType;

/// REJECTED and DECLINED for reasons that pass with time: the payer is unavailable, our balance is short, a
/// limit over a period is reached (of sender, payee or account, by value or quantity). The limit on one
/// transaction's value (30305, 90305) stays what it is.
constexpr std::string_view kTemporaryStatuses =
    "30310, 30320, 30330, 30350, 30360, 30370, 30400, 30500, 90310, 90320, 90330, 90331, 90332, 90333, "
    "90334, "
    "90350, 90360, 90370, 90400";

/// Fields of a transaction that are made from the order and from other settings.
constexpr std::array<std::string_view, 8> kOwnFields{
    "external_id",        "credit_party_identifier", "sender",      "sending_business", "beneficiary",
    "receiving_business", "purpose_of_remittance",   "callback_url"};

constexpr payoutd::BaseUrlRules kBaseUrlRules{
    .sandbox = {"pre.thunes.com",
                "must be the address that Thunes gave you for production, not pre-production"}};

bool is_made_of(std::string_view text, bool (*allowed)(char)) {
  return !text.empty() && std::ranges::all_of(text, allowed);
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

const std::string* value_of(const Fields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &Fields::value_type::first);
  return found == fields.end() ? nullptr : &found->second;
}

/// What cannot be read is left out here: the checker has said what is wrong with it.
Fields fields_of(const Settings& settings, std::string_view name) {
  auto fields = parse_fields(settings.list(name));
  return fields ? *std::move(fields) : Fields{};
}

class Checker : public payoutd::SettingsCheck {
 public:
  Checker(const Settings& settings, Environment environment)
      : SettingsCheck(environment), settings_(settings), config_(settings) {}

  std::vector<Problem> check() {
    expect_base_url("base_url", config_.base_url, kBaseUrlRules);
    check_names();
    check_money();
    expect_country_codes("country_prefixes", config_.country_prefixes);
    check_fields();
    check_parties();
    check_secrets();
    check_production_limits();
    return problems();
  }

 private:
  void check_names() {
    expect(is_made_of(config_.payer_id, is_digit) && config_.payer_id.size() <= 19, "payer_id",
           "must be the payer's number");
    expect(is_identifier(config_.account), "account", "must be 1 to 64 letters, digits, '-' or '_'");
    expect(config_.source_country.size() == 3 && is_made_of(config_.source_country, is_upper),
           "source_country", "must be a country's three letters (ISO 3166 alpha-3), such as FRA");
    expect(is_identifier(config_.purpose_of_remittance), "purpose_of_remittance",
           "must be one of the words that Thunes lists, such as SALARY");
    for (const std::string& status : config_.temporary_statuses) {
      const bool is_refusal = status.size() == 5 && is_made_of(status, is_digit) &&
                              (status.starts_with('3') || status.starts_with('9'));
      expect(is_refusal, "temporary_statuses", "must be statuses of REJECTED or DECLINED: 3xxxx or 9xxxx");
    }
  }

  void check_money() {
    expect_currency("currency", config_.currency, "amount_decimals", config_.amount_decimals);
    expect_currency("source_currency", config_.source_currency);
  }

  void check_fields() {
    for (const char* name :
         {"sender", "sending_business", "beneficiary", "receiving_business", "transaction_fields"}) {
      const auto fields = parse_fields(settings_.list(name));
      if (!fields) expect(false, name, fields.error().reason);
    }
    for (const std::string_view own : kOwnFields) {
      expect(value_of(config_.transaction_fields, own) == nullptr, "transaction_fields",
             "must not set " + std::string(own) + ", which the plugin sets");
    }
  }

  void check_parties() {
    const Parties parties = config_.parties();
    const std::string type = " with transaction_type " + config_.transaction_type;
    for (const char* name : {"sender", "sending_business", "beneficiary", "receiving_business"}) {
      const bool is_used = parties.payer_name == name || parties.payee_name == name;
      const bool is_given = !settings_.list(name).empty();
      expect(is_given || !is_used, name, "must be set" + type);
      expect(!is_given || is_used, name, "has no meaning" + type);
    }
    expect(!config_.verify_credit_party || parties.payee_name == "beneficiary", "verify_credit_party",
           "must be off" + type + ": Thunes verifies the accounts of persons only (C2C and B2C)");
    if (parties.payee_name != "beneficiary" || config_.beneficiary.empty()) return;
    for (const char* name : {"lastname", "firstname"}) {
      expect(value_of(config_.beneficiary, name) != nullptr, "beneficiary",
             std::string("must have a ") + name + ", because a payout has no name of its payee");
    }
  }

  /// Secrets go into headers: a line break from a carelessly written file would end the header. In Basic
  /// authentication the first colon ends the name.
  void check_secrets() {
    for (const payoutd::Secret& key : config_.api_keys) {
      const std::string& text = key.reveal();
      expect(payoutd::is_visible_ascii(text) && text.find(':') == std::string::npos, "api_key",
             "must not contain spaces, line breaks or colons");
    }
    for (const payoutd::Secret& secret : config_.api_secrets) {
      expect(payoutd::is_visible_ascii(secret.reveal()), "api_secret",
             "must not contain spaces or line breaks");
    }
    for (const payoutd::Secret& pair : config_.callback_credentials) {
      const std::string& text = pair.reveal();
      const auto colon = text.find(':');
      const bool both = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
      expect(payoutd::is_visible_ascii(text) && both, "callback_credentials",
             "must be of the form user:password");
    }
  }

  void check_production_limits() {
    expect(!in_production() || !config_.simulated, "simulated",
           "must be off in production: nobody would be paid");
    expect_careful_limits(settings_);
    expect(!in_production() || settings_.duration("reversal_window") >= 24h, "reversal_window",
           "must be at least 1d in production");
  }

  const Settings& settings_;
  Config config_;
};

// ---- the schema, by subject
// ---------------------------------------------------------------------------------------

Setting required(std::string name, SettingType type, std::string description) {
  return {std::move(name), type, std::move(description), std::nullopt, {}, {}, {}, false};
}
Setting optional(std::string name, SettingType type, std::string description) {
  return {std::move(name), type, std::move(description), std::nullopt, {}, {}, {}, true};
}
Setting defaulted(std::string name, SettingType type, std::string value, std::string description) {
  return {std::move(name), type, std::move(description), std::move(value), {}, {}, {}, false};
}
Setting ranged(Setting setting, std::int64_t min, std::int64_t max) {
  setting.min = min;
  setting.max = max;
  return setting;
}

payoutd::SettingsSchema account_settings() {
  using enum SettingType;
  return {
      defaulted("base_url", url, "https://api-mt.pre.thunes.com",
                "Address of the API; production has another one, which Thunes tells at onboarding."),
      required("api_key", secret, "Key of the API: the name in HTTP Basic authentication."),
      required("api_secret", secret, "Secret of the API: the password in HTTP Basic authentication."),
      defaulted(
          "account", string, "default",
          "Your name for the Thunes account; change it when the keys begin to belong to another account."),
      required("source_currency", string, "Currency of the balance that pays, such as USD."),
      required("source_country", string, "Country that the money comes from, as three letters: FRA."),
  };
}

payoutd::SettingsSchema payment_settings() {
  using enum SettingType;
  Setting type =
      defaulted("transaction_type", choice, "B2C", "Who pays whom: C for a person, B for a business.");
  type.choices = {"C2C", "C2B", "B2C", "B2B"};
  return {
      required("payer_id", string, "Number of the payer: the network that pays out."),
      std::move(type),
      required("currency", string, "Currency that the payee gets, such as XOF."),
      ranged(optional("amount_decimals", integer,
                      "Decimal places that the payer accepts; by default the currency's own."),
             0, 8),
      defaulted("country_prefixes", list, "[]",
                "Country codes that a payee's number may begin with; empty for any."),
      defaulted("msisdn_plus", boolean, "false", "Write a '+' before the payee's number."),
      required("purpose_of_remittance", string, "One of the purposes that Thunes lists, such as SALARY."),
      defaulted("sender", list, "[]", "Fields of the paying person, each as name=value; C2C and C2B."),
      defaulted("sending_business", list, "[]",
                "Fields of the paying business, each as name=value; B2C and B2B."),
      defaulted(
          "beneficiary", list, "[]",
          "Fields of the paid person, each as name=value, at least lastname and firstname; C2C and B2C."),
      defaulted("receiving_business", list, "[]",
                "Fields of the paid business, each as name=value; C2B and B2B."),
      defaulted(
          "transaction_fields", list, "[]",
          "More fields of the transaction, each as name=value; {payout_id} stands for the payout's id."),
      defaulted("verify_credit_party", boolean, "false",
                "Ask before each payment whether the payee's account can be paid; C2C and B2C."),
      defaulted("temporary_statuses", list, std::string(kTemporaryStatuses),
                "Statuses of REJECTED and DECLINED after which the payment may be tried again."),
      defaulted("simulated", boolean, "false",
                "Ask pre-production to simulate the payments; never in production."),
  };
}

payoutd::SettingsSchema working_settings() {
  using enum SettingType;
  return {
      defaulted("callbacks", boolean, "true",
                "Name payoutd's callback URL in each transaction; without it payoutd only polls."),
      optional(
          "callback_credentials", secret,
          "user:password that callbacks must carry in HTTP Basic authentication; unset: none is asked for."),
      ranged(defaulted("absence_wait", duration, "120s",
                       "How long after the last moment of confirming a transaction must still be unconfirmed "
                       "before that counts as proof."),
             1'000, 86'400'000),
      ranged(defaulted("reversal_window", duration, "30d",
                       "For how long a completed payment is watched, because it can be reversed."),
             60'000, 400LL * 86'400'000),
      ranged(defaulted("expiry_margin", duration, "30s",
                       "A transaction found again is replaced when its quotation ends within this."),
             0, 3'600'000),
      payoutd::concurrency_setting("confirmation", 8),
      payoutd::query_rate_setting(10),
      payoutd::submit_window_setting("confirmation", 10s),
      payoutd::response_timeout_setting("confirmation", 30s),
  };
}

}  // namespace

payoutd::SettingsSchema settings_schema() {
  payoutd::SettingsSchema schema = account_settings();
  std::ranges::move(payment_settings(), std::back_inserter(schema));
  std::ranges::move(working_settings(), std::back_inserter(schema));
  return schema;
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : base_url(payoutd::without_slash_at_end(settings.string("base_url"))),
      account(settings.string("account")),
      payer_id(settings.string("payer_id")),
      transaction_type(settings.string("transaction_type")),
      currency(settings.string("currency")),
      source_currency(settings.string("source_currency")),
      source_country(settings.string("source_country")),
      country_prefixes(settings.list("country_prefixes")),
      msisdn_plus(settings.boolean("msisdn_plus")),
      sender(fields_of(settings, "sender")),
      sending_business(fields_of(settings, "sending_business")),
      beneficiary(fields_of(settings, "beneficiary")),
      receiving_business(fields_of(settings, "receiving_business")),
      transaction_fields(fields_of(settings, "transaction_fields")),
      purpose_of_remittance(settings.string("purpose_of_remittance")),
      verify_credit_party(settings.boolean("verify_credit_party")),
      simulated(settings.boolean("simulated")),
      callbacks(settings.boolean("callbacks")),
      api_keys(settings.secrets("api_key")),
      api_secrets(settings.secrets("api_secret")),
      callback_credentials(settings.secrets("callback_credentials")),
      expiry_margin(settings.duration("expiry_margin")) {
  amount_decimals = settings.has("amount_decimals") ? static_cast<int>(settings.integer("amount_decimals"))
                                                    : payoutd::currency_decimals(currency).value_or(0);
  for (std::string& status : settings.list("temporary_statuses"))
    temporary_statuses.insert(std::move(status));
}

Parties Config::parties() const {
  const bool person_pays = transaction_type.starts_with('C');
  const bool person_is_paid = transaction_type.ends_with('C');
  return {person_pays ? "sender" : "sending_business", person_pays ? sender : sending_business,
          person_is_paid ? "beneficiary" : "receiving_business",
          person_is_paid ? beneficiary : receiving_business};
}

payoutd::Contract make_contract(const Settings& settings) {
  const Config config(settings);
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::refused_as_duplicate;
  contract.lookup_by_reference = true;
  contract.absence_is_proof_after = payoutd::whole_seconds(settings, "absence_wait");
  contract.submit_codes = submit_codes();
  contract.webhook = payoutd::WebhookKind::hint;
  contract.currencies = {{config.currency, config.amount_decimals}};
  contract.reversal_window = payoutd::whole_seconds(settings, "reversal_window");
  payoutd::apply_standard_settings(settings, contract);
  contract.artefact_format = kArtefactFormat;
  contract.readable_formats = {kArtefactFormat};
  return contract;
}

payoutd::Result<Fields> parse_fields(const std::vector<std::string>& texts) {
  const auto is_name_character = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '_'; };
  Fields fields;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || !is_made_of(name, is_name_character))
      return Problem{text, "must be a list of name=value, such as lastname=Mensah"};
    std::string value = text.substr(equals + 1);
    if (value.empty() || !is_clean_text(value)) return Problem{text, "has no value for " + name};
    if (value_of(fields, name) != nullptr) return Problem{text, "gives " + name + " twice"};
    fields.emplace_back(name, std::move(value));
  }
  return fields;
}

}  // namespace thunes
