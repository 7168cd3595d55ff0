#pragma once
#include <payoutd/settings.hpp>
#include <string>
#include <vector>

#include "store/notifications.hpp"

namespace payoutd::notify {

/// The master keys that endpoints' secrets are derived from, by the names under which endpoints remember
/// theirs. The first makes new secrets; the others are there for those that were made under them.
class EndpointKeys {
 public:
  struct Key {
    std::string id;
    Secret secret;
  };
  EndpointKeys() = default;
  explicit EndpointKeys(std::vector<Key> keys) : keys_(std::move(keys)) {}

  bool empty() const { return keys_.empty(); }
  const std::string& newest() const { return keys_.front().id; }  ///< there must be one
  std::vector<std::string> ids() const;
  bool has(std::string_view id) const { return find(id) != nullptr; }
  /// The secret of an endpoint; nullopt: its key is not here.
  std::optional<Secret> secret_of(const std::string& endpoint_id, const store::SecretName& name) const;

 private:
  const Key* find(std::string_view id) const;
  std::vector<Key> keys_;
};

/// The value of webhook-signature: under the endpoint's secret, and under the one before while that still
/// signs. Empty: there is no key for the endpoint.
std::string signatures(const EndpointKeys& keys, const store::DueDelivery& delivery,
                       std::int64_t timestamp_s);

}  // namespace payoutd::notify
