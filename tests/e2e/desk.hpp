#pragma once
#include <boost/json.hpp>
#include <functional>
#include <string>
#include <vector>

#include "control.hpp"
#include "harness/scene.hpp"

namespace payoutd::test {

/// How a program ended, and what it printed on standard output and error.
struct Ended {
  int status = -1;
  std::string text;
};

/// One host with MoMo at the simulator, and what an operator has at hand: the API with any token, the control
/// socket, the commands, the metrics, the database.
class Desk {
 public:
  using Configure = std::function<void(HostProcess&)>;
  /// Starts the host and waits until it is ready. Outcomes come when the host asks.
  explicit Desk(const std::string& name, const Configure& configure = {},
                std::vector<std::string> simulator_options = {"--fast"},
                DatabaseServer& server = DatabaseServer::shared());

  /// The same, where outcomes come by callback or not at all: what is accepted stays SENT.
  static void keep_sent(HostProcess& host);
  /// Tokens are asked for, and `signing_secret` is what signs them.
  static void ask_for_tokens(HostProcess& host);
  static const std::string signing_secret;
  static const std::string webhook_secret;

  /// Posts a payout in EUR; its id.
  std::string pay(const std::string& key, const std::string& destination = "46733100001",
                  const simulator::Headers& more = {});
  std::string state(const std::string& id);
  bool reaches(const std::string& id, const std::string& state,
               std::chrono::milliseconds limit = std::chrono::seconds{20});

  /// A callback about a payout, signed as MoMo's with this secret; none: unsigned.
  simulator::Reply call(const std::string& id, const std::string& secret,
                        const std::string& status = "SUCCESSFUL");

  /// `payoutctl` with the host's configuration and environment.
  Ended ctl(std::vector<std::string> arguments, std::map<std::string, std::string> environment = {});
  /// A token from the command line.
  std::string token(const std::vector<std::string>& roles, const std::string& subject = "shop",
                    const std::string& ttl = "10m");
  RawResponse operate(const std::string& method, const std::string& target,
                      const boost::json::object& body = {}) {
    return control(host, method, target, body);
  }
  /// SIGHUP, and waits until it was carried out.
  bool reload();
  /// The value of a series such as `payouts{state="SENT"}`; -1: there is none.
  double metric(const std::string& series);
  std::string sql(const std::string& statement) { return scene.database().value(statement); }

  Scene scene;
  HostProcess& host;
};

}  // namespace payoutd::test
