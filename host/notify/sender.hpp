#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <payoutd/http.hpp>
#include <payoutd/settings.hpp>

#include "core/signal.hpp"
#include "engine/task.hpp"
#include "notify/address_guard.hpp"
#include "notify/answer.hpp"
#include "notify/endpoint_keys.hpp"
#include "policy/policy.hpp"
#include "store/group_commit.hpp"
#include "store/notifications.hpp"
#include "store/pool.hpp"

namespace payoutd::notify {

/// What a reload may change.
struct SenderOptions {
  EndpointKeys keys;
  std::vector<std::string> allowed_networks;    ///< see AddressGuard
  bool plain_http = false;                      ///< in dev: URLs may begin with http://
  std::string ca_file;                          ///< PEM; empty: the system's certificates
  std::chrono::milliseconds timeout{10'000};    ///< for the answer, once the request is sent
  int per_endpoint = 8;                         ///< deliveries to one endpoint at once
  int max_in_flight = 128;                      ///< deliveries at once
  std::chrono::seconds give_up_after{259'200};  ///< a delivery is not tried for longer
  std::chrono::seconds disable_after{259'200};  ///< an endpoint that fails for so long is disabled
  std::chrono::seconds keep{2'592'000};         ///< notifications are forgotten after it
  std::chrono::milliseconds tick{500};          ///< how often it looks for what is due
};

/// Delivers notifications: claims what is due, sends it signed, records what came of it. Any number of hosts
/// may do it at once; while the lease of one lasts, no other sends the same. Host thread only.
class Sender {
 public:
  struct Parts {
    boost::asio::any_io_executor executor;
    store::Pool& pool;
    policy::Policy& policy;
    engine::Observer& observer;
    std::string host;  ///< incarnation
    /// One attempt came to an end; `result` is one of Answer's, or `given_up` beside it.
    std::function<void(std::string_view result)> on_result;
  };
  Sender(Parts parts, SenderOptions options);

  void start();
  /// Something may be due now.
  void wake() { due_.notify(); }
  /// Takes effect with the next delivery. Throws std::runtime_error if `ca_file` cannot be read; then nothing
  /// changed.
  void configure(SenderOptions options);
  const SenderOptions& options() const { return options_; }
  /// Claims nothing more and waits for what is being sent, at most `limit`; true: all of it was recorded.
  /// What was not is sent again by another host when its lease is over.
  Awaitable<bool> drain(std::chrono::milliseconds limit);

  int in_flight() const { return in_flight_; }

 private:
  using Outcomes = store::GroupCommit<store::DeliveryOutcome, store::RecordedDelivery>;

  Awaitable<void> run();
  Awaitable<void> look_after();
  Awaitable<bool> send_what_is_due();
  store::DeliveryClaim next_claim() const;
  Awaitable<void> deliver(store::DueDelivery delivery);
  Awaitable<Answer> send(store::DueDelivery delivery);
  store::DeliveryOutcome outcome_of(const store::DueDelivery& delivery, const Answer& answer);
  std::chrono::milliseconds lease() const;
  void tell(const store::DueDelivery& delivery, const store::DeliveryOutcome& outcome, const Answer& answer,
            const store::RecordedDelivery& recorded);

  Parts parts_;
  SenderOptions options_;
  std::shared_ptr<HttpClient> client_;
  std::shared_ptr<std::atomic<std::int64_t>> disable_after_s_;  ///< read on database threads
  engine::Loops loops_;
  Outcomes outcomes_;
  core::Signal due_;
  std::map<std::string, int> busy_;  ///< by endpoint
  int in_flight_ = 0;
  bool stopping_ = false;
  bool failing_ = false;  ///< the database did not answer the last time
};

}  // namespace payoutd::notify
