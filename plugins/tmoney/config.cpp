#include "config.hpp"

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>
#include <set>

namespace tmoney {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::host_of;
using payoutd::is_loopback_host;
using payoutd::Problem;
using payoutd::Setting;
using payoutd::Settings;
using payoutd::SettingType;

/// Both are named by public clients. The first answers to test accounts; that the second is the live one is
/// what its name and its use suggest.
constexpr std::string_view kPreProductionHost = "ms-tpc-prep.togocom.tg";
constexpr std::string_view kGatewayHost = "tgpp-mbanking-stp-gw-gen.togocom.tg";

bool is_path(std::string_view path) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("/-._~").find(c) != std::string_view::npos;
  };
  return path.starts_with('/') && !path.ends_with('/') && std::ranges::all_of(path, allowed);
}

class Checker {
 public:
  Checker(const Settings& settings, Environment environment)
      : settings_(settings), config_(settings), environment_(environment) {}

  std::vector<Problem> check() {
    check_addresses();
    check_credentials();
    check_texts();
    check_passing_codes();
    if (environment_ == Environment::prod) check_production_limits();
    return std::move(problems_);
  }

 private:
  void expect(bool holds, std::string field, std::string reason) {
    if (!holds) problems_.push_back({std::move(field), std::move(reason)});
  }

  void check_addresses() {
    const auto url = boost::urls::parse_absolute_uri(config_.base_url);
    expect(url && !url->has_query() && !url->has_fragment() && !url->encoded_host().empty(), "base_url",
           "must be an absolute URL without a query");
    const std::string host = host_of(config_.base_url);
    if (environment_ == Environment::prod) {
      expect(url && url->scheme() == "https", "base_url", "must be https in production");
      expect(!is_loopback_host(host), "base_url", "must not be this machine in production");
      expect(host != kPreProductionHost, "base_url",
             "must not be the operator's pre-production host in production");
    }
    expect(environment_ != Environment::staging || host != kGatewayHost, "base_url",
           "is the operator's gateway, which may pay real money: not in staging");
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
              .description = "How long a token is used; the operator does not say how long it lives.",
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
      Setting{.name = "concurrency",
              .type = integer,
              .description = "Credits in flight at once; also how many a crash can make unknown.",
              .default_value = "8",
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
              .description = "How long after its journal entry a credit may still be started.",
              .default_value = "10s",
              .min = 500,
              .max = 60'000},
      Setting{.name = "response_timeout",
              .type = duration,
              .description = "How long to wait for the answer to a credit.",
              .default_value = "60s",
              .min = 500,
              .max = 300'000},
  };
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : base_url(settings.string("base_url")),
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
      passing_codes(settings.list("passing_codes")) {
  while (base_url.ends_with('/')) base_url.pop_back();
}

std::string Config::base_authority() const {
  const std::string authority = payoutd::host_and_port_of(base_url);
  return authority.empty() ? base_url : authority;
}

payoutd::Contract make_contract(const Settings& settings) {
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::unknown;  // what a second credit under one idRequete does is not known
  contract.reference = {
      .uuid4 = false, .charset = std::string(kReferenceCharset), .length = kReferenceLength};
  contract.lookup_by_reference = true;
  if (settings.has("absence_wait")) {
    contract.absence_is_proof_after =
        std::chrono::ceil<std::chrono::seconds>(settings.duration("absence_wait"));
  }
  contract.submit_codes = submit_codes(settings.list("passing_codes"));
  contract.webhook = payoutd::WebhookKind::hint;
  contract.concurrency = static_cast<int>(settings.integer("concurrency"));
  contract.query_rate_per_s = static_cast<int>(settings.integer("query_rate_per_s"));
  contract.currencies = {{"XOF", 0}};
  contract.submit_window = settings.duration("submit_window");
  contract.response_timeout = settings.duration("response_timeout");
  return contract;
}

}  // namespace tmoney
