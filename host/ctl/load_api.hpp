#pragma once
#include <boost/json/array.hpp>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "ctl/client.hpp"
#include "ctl/smoke_api.hpp"

namespace payoutd::ctl {

/// The API as the load generator uses it: by URL with a token, or over the control socket. One connection
/// that is kept; blocking, for one thread.
class LoadApi {
 public:
  struct Where {
    std::string base_url;  ///< empty: over the control socket
    std::string ca_file;
    std::string token;
    std::string control_socket;
    std::chrono::milliseconds timeout{30'000};
  };
  explicit LoadApi(const Where& where);

  /// What became of one payout that was posted.
  struct Posted {
    std::string id;     ///< empty: it was not taken
    std::string error;  ///< the answer's code, or `NO_ANSWER`
  };
  /// Posts payouts that carry their `idempotency_key`: one by itself, more of them in bulk. In order; never
  /// throws for what the host or the network does.
  std::vector<Posted> post(const boost::json::array& payouts);
  /// Throws CommandFailed for an answer that is an error, and HostUnreachable.
  boost::json::value get(const std::string& path);
  /// What operators see; over the control socket where there is one.
  Answer operate(const std::string& path);

 private:
  Answer send(const boost::json::array& payouts);

  std::unique_ptr<SmokeApi> by_url_;
  std::unique_ptr<Client> by_socket_;
};

}  // namespace payoutd::ctl
