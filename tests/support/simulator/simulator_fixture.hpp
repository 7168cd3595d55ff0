#pragma once
#include <boost/json.hpp>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "simulator_process.hpp"
#include "wire_client.hpp"

namespace simulator {

/// A reference that no other call of this process returned.
std::string new_reference();

constexpr const char* kGoodPayee = "2250700000001";

/// A client of the simulated MoMo that does what it is told, wrong things included.
class MomoClient {
 public:
  explicit MomoClient(const SimulatorProcess& simulator, std::string user = "user-a",
                      std::string key = "key-a");

  std::string subscription_key = "subscription";
  std::string environment = "sandbox";
  std::string currency = "EUR";
  std::string callback_url;
  std::chrono::milliseconds patience{10'000};

  Reply request_token();
  const std::string& token();
  void forget_token() { token_.clear(); }

  Headers headers();
  boost::json::object body(std::string_view external_id, std::string_view payee = kGoodPayee,
                           std::string_view amount = "100");
  Reply transfer(const std::string& reference, const boost::json::object& body);
  Reply transfer(const std::string& reference, std::string_view external_id,
                 std::string_view payee = kGoodPayee);
  Reply status(const std::string& reference);
  Reply get(std::string_view target);

  /// Asks until the transfer is final; throws std::runtime_error when that takes longer than patience.
  boost::json::object final_status(const std::string& reference);

  WireClient wire;

 private:
  std::string user_;
  std::string key_;
  std::string token_;
};

std::string base64(std::string_view bytes);
boost::json::object parse_object(const std::string& text);

/// A fault of a request, what its client sees, and whether the request was processed.
struct RequestFault {
  const char* fault;
  Wire wire;
  int status;  // 0: none comes; -1: the one of success
  bool processed;
};

/// Every fault of single requests but lost_then_late and status_flap, which need more telling.
const std::vector<RequestFault>& request_faults();

/// The one ledger entry with this external id; throws std::runtime_error when there is none or more than one.
boost::json::object ledger_entry(SimulatorProcess& simulator, std::string_view external_id);
std::size_t ledger_count(SimulatorProcess& simulator, std::string_view external_id);

}  // namespace simulator
