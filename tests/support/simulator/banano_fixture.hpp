#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "banano_block.hpp"
#include "simulator_process.hpp"
#include "wire_client.hpp"

namespace simulator {

/// An address that nobody has the key of, another one at each call.
std::string new_destination();

/// A client of the simulated Banano node that signs for one account of the default seed, wrong things
/// included.
class BananoClient {
 public:
  explicit BananoClient(const SimulatorProcess& simulator, std::uint32_t index = 0);

  std::chrono::milliseconds patience{10'000};
  WireClient wire;
  std::string address;
  std::uint64_t work_threshold = 0xff00000000000000ULL;

  Reply post(const boost::json::object& request);
  /// The answer of a node that answered: HTTP 200 and a JSON object, or std::runtime_error.
  boost::json::object rpc(const boost::json::object& request);
  /// The node's error; empty when there is none.
  std::string error(const boost::json::object& request);

  std::string frontier();
  banano::Raw balance();

  /// A complete block on the frontier as the node tells it. Amounts are BAN.
  banano::StateBlock send_block(std::string_view destination, std::string_view amount);
  /// The same on another block; its balance is what is left.
  banano::StateBlock send_block_on(std::string_view previous, banano::Raw balance,
                                   std::string_view destination);
  /// Opens the account or adds to it.
  banano::StateBlock receive_block(std::string_view send, std::string_view amount);
  /// Signature and work for whatever the block says now.
  void complete(banano::StateBlock& block) const;

  static boost::json::object process_request(const banano::StateBlock& block,
                                             std::string_view subtype = "send");
  /// Publishes; the hash that the node said, or std::runtime_error.
  std::string publish(const banano::StateBlock& block, std::string_view subtype = "send");
  /// Signs and publishes a send; its hash.
  std::string pay(std::string_view destination, std::string_view amount);

  boost::json::object block_info(std::string_view hash);
  bool known(std::string_view hash);
  bool confirmed(std::string_view hash);
  /// Asks until it is; throws std::runtime_error when that takes longer than patience.
  void until_confirmed(std::string_view hash);

 private:
  banano::PrivateKey key_;
  banano::PublicKey account_;
};

std::string hash_text(const banano::StateBlock& block);

/// The payments of our own sends to this destination.
boost::json::array payments_to(SimulatorProcess& simulator, std::string_view destination);
/// The one payment to this destination; throws std::runtime_error when there is none or more than one.
boost::json::object payment_to(SimulatorProcess& simulator, std::string_view destination);

}  // namespace simulator
