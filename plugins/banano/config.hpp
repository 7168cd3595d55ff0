#pragma once
/// The settings of one Banano provider: their schema, their checks, and the values with everything derived
/// that an operator may leave out. What public sources leave open (the work threshold of newer forks, the
/// name of the receivable action) is a setting here.
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>

#include "chain.hpp"

namespace banano {

payoutd::SettingsSchema settings_schema();

/// What is wrong with settings that fit the schema. Production pays on the live network only, and speaks
/// plain HTTP only to private addresses, because the RPC has no authentication; staging stays off the live
/// network; nobody pays on the live network from a seed that documents print.
std::vector<payoutd::Problem> validate_settings(const payoutd::Settings& settings,
                                                payoutd::Environment environment);

enum class Mode {
  local_signing,  ///< blocks are built and signed here and published with `process`
  node_wallet,    ///< the node's own wallet makes them on `send`
};

struct Config {
  explicit Config(const payoutd::Settings& settings);

  Mode mode = Mode::local_signing;
  std::string network;                 ///< live or test
  std::vector<std::string> node_urls;  ///< the first one is preferred, and the only one that is told `send`
  std::string work_url;                ///< empty: the node
  std::uint64_t work_threshold = 0;
  std::chrono::milliseconds work_timeout{0};
  bool work_ahead = false;
  std::optional<PublicKey> representative;  ///< nullopt: the account keeps its own
  std::vector<payoutd::Secret> seeds;       ///< local signing; the current one is used
  std::uint32_t first_account_index = 0;
  std::uint32_t account_count = 0;
  std::vector<std::string> wallet_accounts;  ///< of the node's wallet
  std::vector<payoutd::Secret> wallets;      ///< its id: whoever reaches the RPC can spend with it
  bool receive = false;
  Raw receive_minimum;
  int receive_limit = 0;
  std::string receivable_action;  ///< auto, receivable or pending
  std::chrono::milliseconds confirm_after{0};
};

payoutd::Contract make_contract(const payoutd::Settings& settings);

/// True for hosts that are not reached through the open internet: loopback, private and link-local addresses,
/// and names that cannot be public.
bool is_private_host(const std::string& url);

}  // namespace banano
