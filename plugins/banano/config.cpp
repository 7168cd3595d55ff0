#include "config.hpp"

#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <payoutd/settings_check.hpp>
#include <payoutd/standard_settings.hpp>
#include <payoutd/text.hpp>

#include "wire.hpp"

namespace banano {
namespace {

using namespace std::chrono_literals;
using payoutd::Environment;
using payoutd::Problem;
using payoutd::Settings;
using payoutd::SettingType;

constexpr std::uint64_t kLiveThreshold = 0xfffffe0000000000;
constexpr std::uint64_t kTestThreshold = 0xff00000000000000;

std::uint64_t default_threshold(std::string_view network) {
  return network == "live" ? kLiveThreshold : kTestThreshold;
}

std::string text_or_empty(const Settings& settings, std::string_view name) {
  return settings.has(name) ? settings.string(name) : std::string{};
}

bool is_plain_http(const std::string& text) {
  return payoutd::lower_case(text.substr(0, 7)) == "http://";
}

/// 10/8, 127/8, 172.16/12, 192.168/16, 169.254/16.
bool is_private_ipv4(const std::array<unsigned char, 4>& bytes) {
  return bytes[0] == 10 || bytes[0] == 127 || (bytes[0] == 172 && bytes[1] >= 16 && bytes[1] < 32) ||
         (bytes[0] == 192 && bytes[1] == 168) || (bytes[0] == 169 && bytes[1] == 254);
}

/// ::1, fc00::/7 and fe80::/10.
bool is_private_ipv6(const std::array<unsigned char, 16>& bytes) {
  static constexpr std::array<unsigned char, 16> kLoopback{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return bytes == kLoopback || (bytes[0] & 0xFE) == 0xFC || (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80);
}

class Checker : public payoutd::SettingsCheck {
 public:
  Checker(const Settings& settings, Environment environment)
      : SettingsCheck(environment), settings_(settings), config_(settings) {}

  std::vector<Problem> check() {
    check_network();
    for (const std::string& url : config_.node_urls) {
      check_url(url, &url == &config_.node_urls.front() ? "node_url" : "fallback_node_urls");
    }
    if (!config_.work_url.empty()) check_url(config_.work_url, "work_url");
    check_work();
    check_representative();
    if (config_.mode == Mode::local_signing) {
      check_local_signing();
    } else {
      check_node_wallet();
    }
    expect(!config_.receive_minimum.is_zero(), "receive_minimum", "must be greater than 0");
    return problems();
  }

 private:
  bool live() const { return config_.network == "live"; }

  void check_network() {
    expect(!in_production() || live(), "network", "must be live in production");
    expect(!in_staging() || !live(), "network", "is live, which pays real money: not in staging");
  }

  void check_url(const std::string& url, const std::string& field) {
    expect_url(field, url);
    expect(!in_production() || !is_plain_http(url) || is_private_host(url), field,
           "must be https, or an address of a private network, in production: the RPC has no authentication");
  }

  void check_work() {
    const auto written = text_or_empty(settings_, "work_threshold");
    expect(written.empty() || (written.size() == 16 && parse_hex64(written)), "work_threshold",
           "must be 16 hexadecimal digits, such as fffffe0000000000");
    expect(!in_production() || config_.work_threshold >= kLiveThreshold, "work_threshold",
           "must not be below fffffe0000000000 in production: the network would not take the blocks");
  }

  void check_representative() {
    const std::string written = text_or_empty(settings_, "representative");
    if (written.empty()) return;
    const auto account = decode_address(written);
    expect(account.has_value(), "representative", account ? "" : account.error().reason);
  }

  void check_local_signing() {
    expect(!config_.seeds.empty(), "seed", "must be set: blocks are signed here");
    expect(config_.wallets.empty(), "wallet", "belongs to mode node_wallet only");
    expect(config_.wallet_accounts.empty(), "accounts",
           "belongs to mode node_wallet only; here account_count and first_account_index say which accounts "
           "pay");
    const std::uint64_t last = std::uint64_t{config_.first_account_index} + config_.account_count - 1;
    expect(last <= 0xFFFFFFFF, "account_count", "goes beyond the last index, 4294967295");
    for (const payoutd::Secret& secret : config_.seeds) {
      const auto seed = Seed::parse(secret.reveal());
      expect(seed.has_value(), "seed", "must be 64 hexadecimal digits");
      expect(!seed || !live() || !seed->is_public_knowledge(), "seed",
             "is printed in documents: its accounts are anybody's on the live network");
    }
  }

  void check_node_wallet() {
    expect(!config_.wallets.empty(), "wallet", "must be set: the node's wallet pays");
    expect(config_.seeds.empty(), "seed",
           "belongs to mode local_signing only; the node's wallet has its own");
    for (const payoutd::Secret& wallet : config_.wallets) {
      expect(parse_bytes32(wallet.reveal()).has_value(), "wallet", "must be 64 hexadecimal digits");
    }
    expect(!config_.wallet_accounts.empty(), "accounts", "must name the wallet's accounts that pay");
    expect(config_.wallet_accounts.size() <= 256, "accounts", "must be at most 256");
    std::vector<std::string> accounts = config_.wallet_accounts;
    std::ranges::sort(accounts);
    expect(std::ranges::adjacent_find(accounts) == accounts.end(), "accounts", "names one account twice");
    for (const std::string& account : accounts) {
      const auto key = decode_address(account);
      expect(key.has_value(), "accounts", key ? "" : account + " " + key.error().reason);
      expect(!key || !live() || !is_test_genesis(*key), "accounts",
             "names the test network's genesis account on the live network");
    }
  }

  const Settings& settings_;
  Config config_;
};

}  // namespace

payoutd::SettingsSchema settings_schema() {
  using enum SettingType;
  return {
      {.name = "network",
       .type = choice,
       .description = "The ledger that is paid on.",
       .default_value = "live",
       .choices = {"live", "test"}},
      {.name = "mode",
       .type = choice,
       .description = "Who signs: this plugin from a seed, or the node's own wallet.",
       .default_value = "local_signing",
       .choices = {"local_signing", "node_wallet"}},
      {.name = "node_url",
       .type = url,
       .description = "RPC address of the node, such as http://127.0.0.1:7072 or http://[::1]:7072."},
      {.name = "fallback_node_urls",
       .type = list,
       .description = "Further nodes, asked in order when the one before gives no usable answer.",
       .default_value = "[]"},
      {.name = "work_url",
       .type = url,
       .description = "Address of a work server that answers work_generate; by default the node.",
       .optional = true},
      {.name = "work_threshold",
       .type = string,
       .description = "Least difficulty of a block's work, 16 hexadecimal digits; by default the network's "
                      "(live fffffe0000000000, test ff00000000000000). Newer forks may want more.",
       .optional = true},
      {.name = "work_timeout",
       .type = duration,
       .description = "How long to wait for work_generate.",
       .default_value = "25s",
       .min = 100,
       .max = 600'000},
      {.name = "work_ahead",
       .type = boolean,
       .description = "Have the next block's work ready before it is needed.",
       .default_value = "true"},
      {.name = "seed",
       .type = secret,
       .description = "Seed of the paying accounts, 64 hexadecimal digits (mode local_signing).",
       .optional = true},
      {.name = "first_account_index",
       .type = integer,
       .description = "Index under the seed of the first paying account.",
       .default_value = "0",
       .min = 0,
       .max = 4'294'967'295},
      {.name = "account_count",
       .type = integer,
       .description = "How many accounts pay side by side; each pays one payout at a time.",
       .default_value = "1",
       .min = 1,
       .max = 256},
      {.name = "wallet",
       .type = secret,
       .description = "Id of the node's wallet, 64 hexadecimal digits (mode node_wallet).",
       .optional = true},
      {.name = "accounts",
       .type = list,
       .description = "The wallet's accounts that pay (mode node_wallet).",
       .default_value = "[]"},
      {.name = "representative",
       .type = string,
       .description = "Account that votes with the paying accounts' balance; by default an account keeps the "
                      "one that it has, and a new one represents itself.",
       .optional = true},
      {.name = "receive",
       .type = boolean,
       .description = "Receive what was sent to the paying accounts (mode local_signing).",
       .default_value = "true"},
      {.name = "receive_minimum",
       .type = amount,
       .description = "Smaller amounts are not received: each needs a block and its work.",
       .default_value = "0.01"},
      {.name = "receive_limit",
       .type = integer,
       .description = "Most blocks to receive at one go.",
       .default_value = "8",
       .min = 1,
       .max = 64},
      {.name = "receivable_action",
       .type = choice,
       .description = "What the node calls its list of funds to receive; V20 knows only pending.",
       .default_value = "auto",
       .choices = {"auto", "receivable", "pending"}},
      {.name = "confirm_after",
       .type = duration,
       .description = "A block that is unconfirmed for so long is put to the vote again with block_confirm.",
       .default_value = "10s",
       .min = 0,
       .max = 86'400'000},
      payoutd::query_rate_setting(50, "for none"),
      payoutd::submit_window_setting("payment", 10s),
      payoutd::response_timeout_setting("payment", 15s),
  };
}

std::vector<Problem> validate_settings(const Settings& settings, Environment environment) {
  return Checker(settings, environment).check();
}

Config::Config(const Settings& settings)
    : mode(settings.string("mode") == "node_wallet" ? Mode::node_wallet : Mode::local_signing),
      network(settings.string("network")),
      node_urls{settings.string("node_url")},
      work_url(text_or_empty(settings, "work_url")),
      work_timeout(settings.duration("work_timeout")),
      work_ahead(settings.boolean("work_ahead")),
      seeds(settings.secrets("seed")),
      first_account_index(static_cast<std::uint32_t>(settings.integer("first_account_index"))),
      account_count(static_cast<std::uint32_t>(settings.integer("account_count"))),
      wallet_accounts(settings.list("accounts")),
      wallets(settings.secrets("wallet")),
      receive(settings.boolean("receive")),
      receive_limit(static_cast<int>(settings.integer("receive_limit"))),
      receivable_action(settings.string("receivable_action")),
      confirm_after(settings.duration("confirm_after")) {
  for (std::string& further : settings.list("fallback_node_urls")) node_urls.push_back(std::move(further));
  const auto threshold = parse_hex64(text_or_empty(settings, "work_threshold"));
  work_threshold = threshold.value_or(default_threshold(network));
  if (const std::string written = text_or_empty(settings, "representative"); !written.empty()) {
    if (const auto account = decode_address(written)) representative = *account;
  }
  // An amount that payoutd can hold but the ledger cannot is more than anybody can send.
  receive_minimum =
      Raw::of(payoutd::Amount::parse(settings.string("receive_minimum")).value()).value_or(Raw(~Uint128{0}));
}

payoutd::Contract make_contract(const Settings& settings) {
  const Config config(settings);
  payoutd::Contract contract;
  contract.repeat = payoutd::Repeat::harmless;
  contract.lookup_by_artefact = config.mode == Mode::local_signing;
  contract.lookup_by_provider_ref = config.mode == Mode::node_wallet;
  contract.submit_codes = submit_codes(config.mode == Mode::node_wallet ? SubmitBy::send : SubmitBy::process);
  contract.webhook = payoutd::WebhookKind::hint;
  contract.serial = true;
  const std::size_t accounts =
      config.mode == Mode::local_signing ? config.account_count : config.wallet_accounts.size();
  contract.concurrency = static_cast<int>(std::clamp<std::size_t>(accounts, 1, 256));
  contract.currencies = {{"BAN", payoutd::Amount::kDecimals}};
  payoutd::apply_standard_settings(settings, contract);
  return contract;
}

bool is_private_host(const std::string& url) {
  const auto parsed = boost::urls::parse_absolute_uri(url);
  if (!parsed) return false;
  switch (parsed->host_type()) {
    case boost::urls::host_type::ipv4:
      return is_private_ipv4(parsed->host_ipv4_address().to_bytes());
    case boost::urls::host_type::ipv6:
      return is_private_ipv6(parsed->host_ipv6_address().to_bytes());
    case boost::urls::host_type::name:
      break;
    default:
      return false;
  }
  const std::string host = payoutd::lower_case(std::string(parsed->encoded_host()));
  static constexpr std::array<std::string_view, 4> kPrivateDomains{".localhost", ".local", ".internal",
                                                                   ".home.arpa"};
  return host.find('.') == std::string::npos ||  // a name of this machine or of a container network
         std::ranges::any_of(kPrivateDomains,
                             [&](std::string_view domain) { return host.ends_with(domain); });
}

}  // namespace banano
