#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/money.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

namespace payoutd {

void SettingsCheck::expect_url(const std::string& field, std::string_view url) {
  const auto parsed = boost::urls::parse_absolute_uri(url);
  const bool good = parsed && (parsed->scheme() == "http" || parsed->scheme() == "https") &&
                    !parsed->encoded_host().empty() && !parsed->has_userinfo() && !parsed->has_query();
  expect(good, field, "must be an absolute http or https URL without a user name, a query and a fragment");
}

void SettingsCheck::expect_base_url(const std::string& field, std::string_view url,
                                    const BaseUrlRules& rules) {
  expect_url(field, url);
  const std::string host = host_of(url);
  const auto is_host_of = [&](const HostRule& rule) {
    return !rule.domain.empty() && is_domain_or_below(host, rule.domain);
  };
  if (in_production()) {
    expect(url.starts_with("https:"), field, "must be https in production");
    expect(!is_loopback_host(host), field, "must not be this machine in production");
    expect(!is_host_of(rules.sandbox), field, std::string(rules.sandbox.reason));
  }
  expect(!in_staging() || !is_host_of(rules.live), field, std::string(rules.live.reason));
}

void SettingsCheck::expect_country_codes(const std::string& field, const std::vector<std::string>& codes) {
  for (const std::string& code : codes) {
    expect(is_digits(code) && code.size() <= 8 && code[0] != '0', field,
           "must be country codes of digits only, such as \"228\"");
  }
}

void SettingsCheck::expect_currency(const std::string& field, const std::string& currency,
                                    const std::string& decimals_field, int decimals) {
  const auto places = currency_decimals(currency);
  expect(places.has_value(), field, "is not a currency that payoutd knows");
  expect(!places || decimals <= *places, decimals_field,
         "must not be more than the currency has (" + std::to_string(places.value_or(0)) + ")");
}

void SettingsCheck::expect_careful_limits(const Settings& settings) {
  if (!in_production()) return;
  expect(!settings.has("absence_wait") || settings.duration("absence_wait") >= std::chrono::minutes(1),
         "absence_wait", "must be at least 60s in production");
  expect(!settings.has("concurrency") || settings.integer("concurrency") <= 64, "concurrency",
         "must be at most 64 in production");
  expect(!settings.has("query_rate_per_s") || settings.integer("query_rate_per_s") >= 1, "query_rate_per_s",
         "must be at least 1 in production");
}

}  // namespace payoutd
