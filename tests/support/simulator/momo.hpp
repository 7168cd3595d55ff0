#pragma once
#include <boost/json.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol.hpp"

namespace simulator {

struct MomoOptions {
  std::vector<std::pair<std::string, std::string>> users;  // API user, API key
  std::vector<std::string> subscription_keys;              // empty: any key that is not empty
  bool accept_any_credentials = false;
  std::chrono::seconds token_ttl{3600};
  std::string balance = "1000000000000";  // of each target environment's account
  bool unquoted_numbers = false;
  bool callbacks = true;
};

/// MTN MoMo's Disbursement API v1_0 as its public documentation describes it: provisioning of sandbox users,
/// tokens, transfers, their status, balance, account holders, callbacks.
class Momo final : public Protocol {
 public:
  /// Throws std::invalid_argument when the balance is no amount.
  Momo(World& world, MomoOptions options);

  std::string_view name() const override { return "momo"; }
  std::vector<std::string_view> operations() const override;
  void reset() override;
  bool settle(Entry& entry, Status status, std::string_view reason) override;

  /// Sets the balance of one target environment's account, or of all. Throws std::invalid_argument.
  void set_balance(std::string_view amount, const std::optional<std::string>& environment) override;
  boost::json::object balances() const override;

  /// Makes a payee behave like one of the sandbox's ("NOT_ENOUGH_FUNDS", "ongoing", …). Throws
  /// std::invalid_argument.
  void set_behaviour(std::string payee, std::string_view behaviour) override;

 protected:
  Call read(const Request& request) override;
  Answer process(const Request& request, Call& call) override;
  Answer server_error(const Fault& fault, const Call& call) override;
  Answer not_found(const Call& call) override;
  Answer unauthorized(const Call& call) override;
  std::string wrong_types(const Call& call) override;

 private:
  struct User {
    std::string key;            // empty: none was made yet
    std::string callback_host;  // empty: any
  };
  struct Token {
    std::string user;
    std::chrono::steady_clock::time_point expires_at;
  };
  struct Environment {
    std::string_view currency;
    int decimals;
    Units balance;
  };
  enum class Behaviour { kSucceed, kOngoing, kDelayed, kFail, kRefuse, kUnknown };
  struct PayeeBehaviour {
    Behaviour behaviour;
    std::string_view code;
  };
  struct Body {
    std::string amount;
    std::string currency;
    std::string external_id;
    std::string payee;
    Units units = 0;
  };

  static std::string_view operation_of(const Request& request);
  static Answer unknown_resource();

  Answer create_user(const Request& request);
  Answer create_key(const Request& request);
  Answer read_user(const Request& request);
  Answer issue_token(const Request& request);
  Answer transfer(const Request& request, Call& call);
  Answer status(const Call& call);
  Answer balance(const Request& request);
  Answer account_holder(const Request& request);

  /// Null when the request may go on; else what is wrong with its subscription key, token or target
  /// environment.
  std::optional<Answer> refuse_subscription(const Request& request) const;
  std::optional<Answer> refuse_headers(const Request& request) const;
  std::optional<Answer> refuse_reference(const Request& request) const;
  std::optional<Answer> refuse_callback_url(const Request& request, const std::string& user) const;
  std::optional<Answer> read_body(const Call& call, const Environment& environment, Body& body) const;
  Answer refuse_transfer(Answer answer);

  const Token* token_of(const Request& request) const;
  bool knows(std::string_view user, std::string_view key);
  Environment* environment_of(const Request& request);

  PayeeBehaviour behaviour_of(std::string_view payee) const;
  Entry& accept(const Request& request, const Call& call, const Body& body);
  void start_processing(Entry& entry, PayeeBehaviour behaviour,
                        std::optional<std::chrono::milliseconds> hidden_for);
  void call_back(const Entry& entry);
  std::string status_body(const Entry& entry, Status status) const;

  MomoOptions options_;
  Units start_balance_;
  std::map<std::string, User, std::less<>> users_;
  std::unordered_set<std::string> subscription_keys_;
  std::unordered_map<std::string, Token> tokens_;
  std::map<std::string, Environment, std::less<>> environments_;
  std::unordered_map<std::string, PayeeBehaviour> behaviours_;  // by command, before the sandbox's own
  std::uint64_t issued_ = 0;                                    // keys and tokens
  std::uint64_t payments_ = 0;
};

}  // namespace simulator
