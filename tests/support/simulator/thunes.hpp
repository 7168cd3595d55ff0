#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "protocol.hpp"
#include "thunes_orders.hpp"

namespace simulator {

struct ThunesOptions {
  std::vector<std::pair<std::string, std::string>> keys;  // API key, API secret
  bool accept_any_credentials = false;
  std::chrono::seconds quotation_ttl{3600};
  std::string balance = "1000000000000";  // of the account in each currency
  std::string minimum = "0";              // of what a payee may get; else 1003011, 1003012
  std::string maximum = "999999999999999";
  bool callbacks = true;
  unsigned callback_times = 2;  // how often each is sent, also when it is answered
  std::string callback_user;    // Basic credentials of callbacks; empty: none
  std::string callback_password;
};

/// Thunes' Money Transfer API v2 as its public documentation describes it: quotations, transactions, their
/// confirmation and cancellation, credit-party verification, balances, callbacks. The ledger gets its entry
/// when a transaction is confirmed, for nothing before that can move money.
class Thunes final : public Protocol {
 public:
  /// Throws std::invalid_argument when an amount of the options is none.
  Thunes(World& world, ThunesOptions options);

  std::string_view name() const override { return "thunes"; }
  std::vector<std::string_view> operations() const override;
  void reset() override;
  /// The reason of a failure is a status code like "90201"; empty: "90000".
  bool settle(Entry& entry, Status status, std::string_view reason) override;
  bool reverse(Entry& entry) override;
  std::uint64_t expire(std::string_view external_id) override;
  void set_balance(std::string_view amount, const std::optional<std::string>& currency) override;
  boost::json::object balances() const override;
  void set_behaviour(std::string payee, std::string_view behaviour) override;

 protected:
  Call read(const Request& request) override;
  Answer process(const Request& request, Call& call) override;
  Answer server_error(const Fault& fault, const Call& call) override;
  Answer not_found(const Call& call) override;
  Answer unauthorized(const Call& call) override;
  Answer turned_away(unsigned status, const Call& call) override;
  std::string wrong_types(const Call& call) override;

 private:
  using Clock = std::chrono::steady_clock;

  struct Quotation {
    std::uint64_t id = 0;
    std::string scope;
    QuotationOrder order;
    Units fee = 0;
    Timestamp created_at{};
    Timestamp expires_at{};  // as it is shown
    Clock::time_point good_until{};

    bool expired() const { return Clock::now() >= good_until; }
  };
  struct Transaction {
    std::uint64_t id = 0;
    Quotation* quotation = nullptr;
    TransactionOrder order;
    int status = 10000;
    Timestamp created_at{};
    Entry* entry = nullptr;  // once it is confirmed

    Units cost() const { return quotation->order.source_amount + quotation->fee; }
  };
  struct Account {
    Units balance = 0;
    Units pending = 0;  // held by confirmed transactions
    Units available() const { return balance - pending; }
  };
  enum class Stage { kTransaction, kConfirm };
  struct Behaviour {
    int ends_at = 70000;  // the status at which it comes to rest
    bool delayed = false;
    std::string refused_with;  // an error code; empty: it is not refused
    Stage refused_at = Stage::kTransaction;
    std::string_view account_status = "AVAILABLE";
  };
  /// Where a request goes: its operation, and whom its path names.
  struct Route {
    std::string_view operation = "other";
    std::string_view target;  // an id, or "ext-" and an external id
    std::string_view payer;
  };
  enum class StatusAs { kText, kNumber };

  static Route route_of(const Request& request);
  static void read_body(const Request& request, Call& call);

  Answer verify(const Request& request, const Call& call);
  Answer create_quotation(const Call& call);
  Answer read_quotation(const Request& request, const Call& call);
  Answer create_transaction(const Request& request, const Call& call);
  Answer confirm(const Request& request, const Call& call);
  Answer cancel(const Request& request, const Call& call);
  Answer read_transaction(const Request& request, const Call& call);
  Answer list_balances() const;

  std::string scope_of(const Request& request) const;
  Quotation* find_quotation(std::string_view scope, std::string_view target);
  Transaction* find_transaction(std::string_view scope, std::string_view target);
  std::optional<ThunesProblem> refuse_amount(const QuotationOrder& order) const;
  std::optional<ThunesProblem> refuse_confirm(const Transaction& transaction) const;

  void hold(Transaction& transaction);
  void start_processing(Transaction& transaction);
  void move_to(Transaction& transaction, int status);
  bool come_to_rest(Transaction& transaction, int status);
  Behaviour behaviour_of(std::string_view msisdn) const;
  void tell_client(const Transaction& transaction, int status_before);

  boost::json::object quotation_json(const Quotation& quotation) const;
  boost::json::object transaction_json(const Transaction& transaction, int status, StatusAs form) const;
  static boost::json::object account_json(std::uint64_t id, std::string_view currency,
                                          const Account& account);

  ThunesOptions options_;
  Units start_balance_ = 0;
  Units minimum_ = 0;
  Units maximum_ = 0;
  std::unordered_map<std::string, std::string> secrets_;  // by API key
  std::map<std::string, Account, std::less<>> accounts_;  // by currency
  std::unordered_map<std::string, Behaviour> behaviours_;
  std::deque<Quotation> quotations_;
  std::deque<Transaction> transactions_;
  std::unordered_map<std::string, Quotation*>
      quotations_by_name_;  // scope, then id or "ext-" and external id
  std::unordered_map<std::string, Transaction*> transactions_by_name_;
};

}  // namespace simulator
