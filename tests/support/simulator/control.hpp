#pragma once
#include <boost/json.hpp>
#include <map>
#include <string>
#include <vector>

#include "http_message.hpp"
#include "http_server.hpp"
#include "protocol.hpp"

namespace simulator {

/// The commands and questions of tests: ledger, faults, balances, resets. README.md lists them. One thread.
class Control final : public Service {
 public:
  struct Served {
    Protocol* protocol;
    HttpServer* server;
  };

  explicit Control(World& world) : world_(world) {}

  void add(Served served) { served_.push_back(served); }

  Answer handle(const Request& request) override;

 private:
  Answer get(const Request& request);
  Answer post(const Request& request);
  Answer remove(const Request& request);
  Answer ledger(const Request& request);
  Answer stats();
  Answer faults();
  Answer add_fault(const boost::json::value& command);
  Answer remove_fault(std::uint64_t id);
  Answer set_balance(const boost::json::value& command);
  Answer set_payee(const boost::json::value& command);
  Answer settle(const boost::json::value& command);
  Answer reverse(const boost::json::value& command);
  Answer expire(const boost::json::value& command);
  Answer set_callback_url(const boost::json::value& command);
  Protocol& protocol_named(std::string_view name);
  Answer reset();
  void listen_everywhere();
  void refuse_where(const Fault& fault);

  World& world_;
  std::vector<Served> served_;
};

}  // namespace simulator
