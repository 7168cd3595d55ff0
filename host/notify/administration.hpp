#pragma once
#include <optional>
#include <payoutd/awaitable.hpp>
#include <payoutd/result.hpp>
#include <payoutd/settings.hpp>
#include <string>
#include <vector>

#include "store/notifications.hpp"

namespace payoutd::notify {

/// The states of a payout that can be told, as event types; and those that are told to an endpoint which
/// names none: whatever ends a payout, and what a person must look at.
const std::vector<std::string>& all_event_types();
const std::vector<std::string>& default_event_types();

/// What operators do about endpoints and notifications. Everything throws the store's errors when the
/// database is away.
class Administration {
 public:
  virtual ~Administration() = default;

  struct NewEndpoint {
    std::string url;
    std::string client_id;                 ///< empty: of all clients
    std::vector<std::string> event_types;  ///< empty: default_event_types()
    std::string description;
    std::string actor;
    std::string note;
  };
  /// An endpoint with what proves messages to it, as it is shown to people.
  struct Revealed {
    store::NotificationEndpoint endpoint;
    std::string secret;      ///< empty: this host does not have its key
    std::string old_secret;  ///< empty: none signs any more
  };
  virtual Awaitable<std::vector<store::NotificationEndpoint>> endpoints(bool removed) = 0;
  virtual Awaitable<std::optional<store::NotificationEndpoint>> endpoint(std::string id) = 0;
  /// The Problem names the field that is wrong.
  virtual Awaitable<Result<Revealed>> add(NewEndpoint endpoint) = 0;
  virtual Awaitable<std::optional<store::NotificationEndpoint>> change(std::string id,
                                                                       store::EndpointChange change,
                                                                       std::string actor,
                                                                       std::string note) = 0;
  virtual Awaitable<std::optional<Revealed>> rotate(std::string id,
                                                    std::optional<std::chrono::seconds> overlap,
                                                    std::string actor, std::string note) = 0;
  virtual Awaitable<std::optional<Revealed>> reveal(std::string id) = 0;

  virtual Awaitable<store::DeliveryPage> deliveries(store::DeliveryFilter filter) = 0;
  virtual Awaitable<std::optional<store::NotificationRow>> notification(std::string id) = 0;
  virtual Awaitable<store::ReplayedDeliveries> replay(store::DeliveryReplay replay) = 0;
};

}  // namespace payoutd::notify
