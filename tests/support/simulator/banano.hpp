#pragma once
#include <boost/property_tree/ptree.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "banano_node.hpp"
#include "protocol.hpp"

namespace simulator {

/// The RPC of a Banano node: POSTs of JSON objects whose `action` says what is wanted. It answers as version
/// 20 does: every value a string, every error HTTP 200, an empty set an empty string.
class Banano final : public Protocol {
 public:
  /// Throws std::invalid_argument when the accounts would have more than there is.
  Banano(World& world, const BananoOptions& options);

  std::string_view name() const override { return "banano"; }
  std::vector<std::string_view> operations() const override;
  void reset() override { node_.reset(); }
  bool settle(Entry& entry, Status status, std::string_view reason) override;
  boost::json::object balances() const override;
  void set_callback_url(std::string url) override { node_.options.callback_url = std::move(url); }

  banano::Node& node() { return node_; }
  const banano::Node& node() const { return node_; }

 protected:
  Call read(const Request& request) override;
  Answer process(const Request& request, Call& call) override;
  Answer server_error(const Fault& fault, const Call& call) override;
  Answer not_found(const Call& call) override;
  Answer unauthorized(const Call& call) override;
  std::string wrong_types(const Call& call) override;

 private:
  using Tree = boost::property_tree::ptree;
  using Action = Tree (Banano::*)(const Tree& request);
  struct Known {
    std::string_view name;
    std::string_view operation;
    Action action;
    bool controlled;          // enable_control gates it
    std::uint32_t since = 0;  // the first version that knows it
  };
  static const std::vector<Known>& known_actions();
  const Known* find_action(std::string_view name) const;

  Tree perform(const Known& known, const Tree& request, const Call& call);
  void read_process(Call& call) const;
  void read_send(Call& call) const;
  void read_block_info(Call& call) const;

  // The actions: what the request says in, what the node says out. Each throws RpcError.
  Tree version(const Tree& request);
  Tree block_count(const Tree& request);
  Tree account_balance(const Tree& request);
  Tree accounts_balances(const Tree& request);
  Tree accounts_frontiers(const Tree& request);
  Tree account_info(const Tree& request);
  Tree account_representative(const Tree& request);
  Tree validate_account_number(const Tree& request);
  Tree block_info(const Tree& request);
  Tree blocks_info(const Tree& request);
  Tree chain(const Tree& request);
  Tree successors(const Tree& request);
  Tree walk(const Tree& request, bool forwards) const;
  Tree pending(const Tree& request);
  Tree pending_exists(const Tree& request);
  Tree process_block(const Tree& request);
  Tree block_confirm(const Tree& request);
  Tree confirmation_active(const Tree& request);
  Tree confirmation_info(const Tree& request);
  Tree work_generate(const Tree& request);
  Tree work_validate(const Tree& request);
  Tree send(const Tree& request);
  Tree receive(const Tree& request);
  Tree account_list(const Tree& request);
  Tree wallet_locked(const Tree& request);

  const banano::StoredBlock& stored_block(const banano::Hash& hash) const;
  Tree describe(const banano::StoredBlock& stored, bool json_block) const;
  Tree balance_of(const banano::PublicKey& account, bool only_confirmed) const;
  void add_confirmed(Tree& answer, const banano::Account& account, bool representative) const;
  banano::Raw confirmed_pending(const banano::PublicKey& account) const;
  void check_subtype(const banano::StateBlock& block, const std::string& subtype) const;
  void check_wallet(const Tree& request) const;
  void check_work_server() const;
  bool newer() const { return node_.options.version >= 23; }
  void announce(const banano::StoredBlock& stored);

  Tree request_;           // of the call that is being answered
  bool readable_ = false;  // it is JSON
  banano::Node node_;
};

}  // namespace simulator
