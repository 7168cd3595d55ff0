#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "duplicates.hpp"
#include "flooz_soap.hpp"
#include "protocol.hpp"

namespace simulator {

struct FloozOptions {
  enum class StatusBy { kProvider, kClient, kBoth };

  std::vector<std::pair<std::string, std::string>> users;
  bool accept_any_credentials = false;                   // any user, but its token must decrypt
  std::string key = "tlc12345tlc12345tlc12345tlc12345";  // the vendor's published default
  StatusBy status_by = StatusBy::kProvider;
  Duplicates duplicates = Duplicates::kPay;
  bool varied_xml = false;  // prefixes, wrapper and envelope vary from answer to answer, by seed
  std::string balance = "1000000000000";
};

/// Moov Africa's merchant SOAP service as its public clients use it: transferFlooz, getTransactionStatus,
/// getBalance, getMobileAccountStatus. A transfer is over when it is answered, unless its payee is slow.
class Flooz final : public Protocol {
 public:
  /// Throws std::invalid_argument when the balance is no amount or the key has not 32 bytes.
  Flooz(World& world, FloozOptions options);

  std::string_view name() const override { return "flooz"; }
  std::vector<std::string_view> operations() const override;
  void reset() override;
  /// The reason of a failure is a status code like "9"; empty: "95".
  bool settle(Entry& entry, Status status, std::string_view reason) override;
  void set_balance(std::string_view amount, const std::optional<std::string>& account) override;
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
  std::pair<std::string_view, std::string_view> huge_body_frame() const override;

 private:
  struct Behaviour {
    enum class Kind { kSucceed, kOngoing, kDelayed } kind = Kind::kSucceed;
    std::string code;  // the status code with which it fails; empty: it does not
  };
  /// What the ledger does not keep of a transfer.
  struct Moved {
    std::string id;  // Moov's
    Units balance_before = 0;
    Units balance_after = 0;
  };

  Answer transfer(const Call& call, const SoapRequest& order);
  Answer status(const Call& call, const SoapRequest& order);
  Answer balance(const Call& call, const SoapRequest& order);
  Answer account_status(const Call& call, const SoapRequest& order);

  /// Empty when the token is not good.
  std::string scope_of(std::string_view token) const;
  Behaviour behaviour_of(std::string_view payee) const;
  Entry& accept(const Call& call, const SoapRequest& order, Units units);
  void start_processing(Entry& entry, const Behaviour& behaviour,
                        std::optional<std::chrono::milliseconds> hidden_for);
  /// By whose id the options say; hidden ones too.
  Entry* find_transfer(std::string_view scope, std::string_view id);
  static std::string_view code_of(const Entry& entry);

  SoapForm form(const Call& call) const;
  Answer answered(const Call& call, const SoapFields& fields) const;
  Answer coded(const Call& call, std::string_view code) const;
  Answer refuse(const Call& call, std::string_view code);
  Answer transfer_answer(const Call& call, const Entry& entry);
  Answer fault(unsigned status, std::string_view code, std::string_view message, const Call& call) const;

  FloozOptions options_;
  Units start_balance_ = 0;
  Units balance_ = 0;
  std::unordered_map<std::string, std::string> passwords_;
  std::unordered_map<std::string, Behaviour> behaviours_;
  std::unordered_map<const Entry*, Moved> transfers_;
  std::unordered_map<std::string, Entry*> by_id_;  // Moov's
};

}  // namespace simulator
