#pragma once
#include <boost/json.hpp>

#include "banano.hpp"
#include "http_message.hpp"

namespace simulator {

/// The commands and questions that only the Banano node understands, below /banano; all others go on to the
/// control API that it stands before. README.md lists them. One thread.
class BananoControl final : public Service {
 public:
  BananoControl(World& world, Banano& banano, Service& others)
      : world_(world), node_(banano.node()), others_(others) {}

  Answer handle(const Request& request) override;

 private:
  Answer get(const Request& request) const;
  Answer post(const Request& request);
  boost::json::object overview() const;
  boost::json::array chain(const Request& request) const;
  boost::json::array payments(const Request& request) const;
  boost::json::object payment_summary() const;
  banano::ForeignOrder read_foreign(const boost::json::object& command) const;
  boost::json::object foreign(const boost::json::object& command);
  boost::json::object lag(const boost::json::object& command);
  boost::json::object configure(const boost::json::object& command);
  banano::PublicKey read_account(const boost::json::value& value) const;

  World& world_;
  banano::Node& node_;
  Service& others_;
};

}  // namespace simulator
