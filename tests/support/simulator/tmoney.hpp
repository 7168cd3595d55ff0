#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "duplicates.hpp"
#include "protocol.hpp"

namespace simulator {

struct TmoneyOptions {
  enum class Authorization { kBearer, kBare, kBoth };
  enum class Types { kStrings, kIntegers, kMixed };

  std::vector<std::pair<std::string, std::string>> users;  // nomUtilisateur, motDePasse
  bool accept_any_credentials = false;
  Authorization authorization = Authorization::kBoth;
  Types types = Types::kMixed;  // of code and refTmoney
  Duplicates duplicates = Duplicates::kPay;
  Timing::Range absence{};  // after a credit, check-transaction-id does not know it for this long
  std::chrono::seconds token_ttl{3600};
  std::string balance = "1000000000000";
  std::string callback_url;  // empty: none
};

/// Togocom's "tpcredit" as the clients that are public use it: login, credit, check-transaction-id.
class Tmoney final : public Protocol {
 public:
  /// Throws std::invalid_argument when the balance is no amount.
  Tmoney(World& world, TmoneyOptions options);

  std::string_view name() const override { return "tmoney"; }
  std::vector<std::string_view> operations() const override;
  void reset() override;
  bool settle(Entry& entry, Status status, std::string_view reason) override;
  void set_balance(std::string_view amount, const std::optional<std::string>& account) override;
  boost::json::object balances() const override;
  void set_behaviour(std::string payee, std::string_view behaviour) override;
  void set_callback_url(std::string url) override;

 protected:
  Call read(const Request& request) override;
  Answer process(const Request& request, Call& call) override;
  Answer server_error(const Fault& fault, const Call& call) override;
  Answer not_found(const Call& call) override;
  Answer unauthorized(const Call& call) override;
  Answer turned_away(unsigned status, const Call& call) override;
  std::string wrong_types(const Call& call) override;

 private:
  enum class Behaviour { kSucceed, kOngoing, kDelayed, kFail, kRefuse, kUnknown };
  struct Token {
    std::string user;
    std::chrono::steady_clock::time_point expires_at;
  };
  /// The body of a credit, checked.
  struct Order {
    std::string request_id;
    std::string command;
    std::string payee;
    std::string requested_at;
    std::string amount;
    Units units = 0;
  };

  Answer login(const Request& request);
  Answer login_failure(unsigned status, const std::string& code, std::string_view about) const;
  Answer credit(const Call& call);
  Answer status(const Request& request, const Call& call);
  Answer duplicate(const Call& call, const Order& order);

  bool knows(const std::string& user, const std::string& password) const;
  std::string user_of(const Request& request) const;
  /// Why the body is no credit; none: `order` is filled in.
  std::optional<std::string> read_order(const Call& call, Order& order) const;
  Behaviour behaviour_of(const std::string& payee) const;
  Entry& accept(const Call& call, const Order& order);
  void start_processing(Entry& entry, Behaviour behaviour,
                        std::optional<std::chrono::milliseconds> hidden_for);

  boost::json::value text_or_integer(std::string_view field, const std::string& digits,
                                     std::string_view about) const;
  /// The fields that every description of a credit has.
  boost::json::object credit_json(const Entry& entry, Status status) const;
  boost::json::object answer_json(const Entry& entry) const;
  Answer failure(unsigned status, std::string_view code, std::string_view message,
                 std::string_view about) const;

  TmoneyOptions options_;
  Units start_balance_ = 0;
  Units balance_ = 0;
  std::unordered_map<std::string, std::string> passwords_;
  std::unordered_map<std::string, Token> tokens_;
  std::unordered_map<std::string, Behaviour> behaviours_;
  std::unordered_map<const Entry*, std::string> requested_at_;  // dateHeureRequete as the request wrote it
  std::uint64_t issued_ = 0;
  std::uint64_t payments_ = 0;
};

}  // namespace simulator
