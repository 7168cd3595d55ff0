#pragma once
#include <map>
#include <string>
#include <vector>

namespace payoutd::test {

/// A provider as a test's host is configured with it, and what can be paid through it at the simulator. Its
/// time limits are short, as everywhere in these tests.
struct PayingProvider {
  std::string plugin;  ///< also the provider's name, and the simulator's word for the protocol
  std::string currency;
  std::map<std::string, std::string> settings;  ///< values as they stand in YAML
  std::map<std::string, std::string> secrets;
  std::vector<std::string> simulator_options;  ///< without which the settings make no sense
  int lanes = 0;                               ///< accounts that pay one at a time; 0: it has none
  std::string url_setting = "base_url";
  std::string url_path{};
  bool tells_payout_id = true;  ///< false: its payments are recognised by their payees only

  /// The n-th of a million payees, each another one.
  std::string payee(int number) const;
  /// An amount that changes with the number.
  std::string amount(int number) const;
  /// The provider's part of payoutd.yaml, indented by two.
  std::string yaml() const;
  /// Where the simulator serves it, as in http://127.0.0.1:40001.
  void serve_at(const std::string& url) { settings[url_setting] = '"' + url + url_path + '"'; }
};

/// Local signing from so many accounts of the seed that every document prints.
PayingProvider banano(int accounts = 4);
PayingProvider thunes();
/// With the settings that it has when nothing was agreed with the operator: absence proves nothing.
PayingProvider tmoney();
/// With a time after which the operator calls absence a proof.
PayingProvider tmoney_with_proof();
/// With the settings that it has when nothing is known of Moov: a lost answer can never be asked about.
PayingProvider flooz();
/// Where Moov takes our reference, and has named its code of absence.
PayingProvider flooz_with_proof();

/// An address that belongs to nobody; each number has its own.
std::string banano_address(int number);

}  // namespace payoutd::test
