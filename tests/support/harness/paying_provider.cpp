#include "harness/paying_provider.hpp"

#include <cstdio>
#include <stdexcept>

#include "banano_crypto.hpp"

namespace payoutd::test {
namespace {

std::string padded(int number, int width) {
  char text[16];
  std::snprintf(text, sizeof text, "%0*d", width, number);
  return text;
}

std::map<std::string, std::string> short_times(std::map<std::string, std::string> more) {
  more.insert({{"submit_window", "1s"}, {"response_timeout", "1s"}, {"query_rate_per_s", "0"}});
  return more;
}

void append(std::string& out, const std::string& title, const std::map<std::string, std::string>& values) {
  out += "    " + title + ":\n";
  for (const auto& [name, value] : values) out += "      " + name + ": " + value + "\n";
}

}  // namespace

std::string banano_address(int number) {
  // Any 32 bytes are an account; of a hash nobody has the key.
  const std::string text = "payee " + std::to_string(number);
  const auto bytes =
      simulator::banano::View(reinterpret_cast<const unsigned char*>(text.data()), text.size());
  return simulator::banano::to_address(simulator::banano::blake2b<32>({bytes}));
}

std::string PayingProvider::payee(int number) const {
  if (plugin == "banano") return banano_address(number);
  if (plugin == "flooz") return "22896" + padded(number, 6);
  return "22890" + padded(number, 6);
}

std::string PayingProvider::amount(int number) const {
  if (currency == "BAN") return "0.0" + padded(1 + number % 9999, 4) + "1";
  return std::to_string(100 + number % 900);
}

std::string PayingProvider::yaml() const {
  if (!settings.contains(url_setting)) throw std::logic_error(plugin + " was not told where it is served");
  std::string out = "  " + plugin + ":\n    plugin: " + plugin + "\n";
  append(out, "settings", settings);
  append(out, "secrets", secrets);
  return out;
}

PayingProvider banano(int accounts) {
  PayingProvider provider;
  provider.plugin = "banano";
  provider.currency = "BAN";
  provider.settings = short_times({{"network", "test"},
                                   {"account_count", std::to_string(accounts)},
                                   {"confirm_after", "1s"},
                                   {"work_timeout", "2s"},
                                   {"receive_minimum", "\"0.00000001\""}});
  provider.secrets = {{"seed", '"' + std::string(64, '0') + '"'}};
  provider.simulator_options = {"--banano-accounts", std::to_string(accounts)};
  provider.lanes = accounts;
  provider.url_setting = "node_url";
  provider.tells_payout_id = false;
  return provider;
}

PayingProvider thunes() {
  PayingProvider provider;
  provider.plugin = "thunes";
  provider.currency = "XOF";
  provider.settings = short_times({{"payer_id", "\"1\""},
                                   {"currency", "XOF"},
                                   {"source_currency", "USD"},
                                   {"source_country", "USA"},
                                   {"purpose_of_remittance", "SALARY"},
                                   {"transaction_fields", "[\"additional_information_1={payout_id}\"]"},
                                   {"sending_business", "[registered_name=Tests SARL, country_iso_code=USA]"},
                                   {"beneficiary", "[lastname=Test, firstname=Payee]"},
                                   {"absence_wait", "1s"},
                                   {"concurrency", "32"}});
  provider.secrets = {{"api_key", "key-of-the-tests"}, {"api_secret", "secret-of-the-tests"}};
  return provider;
}

PayingProvider tmoney() {
  PayingProvider provider;
  provider.plugin = "tmoney";
  provider.currency = "XOF";
  provider.settings = short_times({{"username", "tests"}, {"concurrency", "32"}});
  provider.secrets = {{"password", "password-of-the-tests"}};
  return provider;
}

PayingProvider tmoney_with_proof() {
  PayingProvider provider = tmoney();
  provider.settings["absence_wait"] = "1s";
  provider.simulator_options = {"--tmoney-absence-ms", "0..800"};
  return provider;
}

PayingProvider flooz() {
  PayingProvider provider;
  provider.plugin = "flooz";
  provider.currency = "XOF";
  provider.settings = short_times({{"username", "tests"}, {"concurrency", "32"}});
  provider.secrets = {{"password", "password-of-the-tests"}};
  provider.simulator_options = {"--flooz-varied-xml"};
  provider.url_setting = "endpoint";
  provider.url_path = "/com.tlc.merchant.api/UssdPush";
  provider.tells_payout_id = false;
  return provider;
}

PayingProvider flooz_with_proof() {
  PayingProvider provider = flooz();
  provider.settings["query_by"] = "client_ref";
  provider.settings["absent_codes"] = "[\"94\"]";
  provider.settings["absence_wait"] = "1s";
  provider.simulator_options.insert(provider.simulator_options.end(), {"--flooz-status-by", "client"});
  return provider;
}

}  // namespace payoutd::test
