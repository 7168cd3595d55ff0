#pragma once
#include "notify/administration.hpp"
#include "notify/sender.hpp"

namespace payoutd::notify {

/// Notifications of one host: the sender, and what operators do about it.
class Notifier final : public Administration {
 public:
  struct Options {
    SenderOptions sender;
    std::chrono::seconds rotation_overlap{86'400};  ///< where a rotation names none
  };
  Notifier(Sender::Parts parts, Options options);

  void start() { sender_.start(); }
  void wake() { sender_.wake(); }
  void configure(Options options);
  Awaitable<bool> drain(std::chrono::milliseconds limit) { return sender_.drain(limit); }
  Awaitable<store::NotificationBacklog> backlog();

  Awaitable<std::vector<store::NotificationEndpoint>> endpoints(bool removed) override;
  Awaitable<std::optional<store::NotificationEndpoint>> endpoint(std::string id) override;
  Awaitable<Result<Revealed>> add(NewEndpoint endpoint) override;
  Awaitable<std::optional<store::NotificationEndpoint>> change(std::string id, store::EndpointChange change,
                                                               std::string actor, std::string note) override;
  Awaitable<std::optional<Revealed>> rotate(std::string id, std::optional<std::chrono::seconds> overlap,
                                            std::string actor, std::string note) override;
  Awaitable<std::optional<Revealed>> reveal(std::string id) override;
  Awaitable<store::DeliveryPage> deliveries(store::DeliveryFilter filter) override;
  Awaitable<std::optional<store::NotificationRow>> notification(std::string id) override;
  Awaitable<store::ReplayedDeliveries> replay(store::DeliveryReplay replay) override;

 private:
  Revealed revealed(store::NotificationEndpoint endpoint) const;

  store::Pool& pool_;
  std::chrono::seconds rotation_overlap_;
  Sender sender_;
};

}  // namespace payoutd::notify
