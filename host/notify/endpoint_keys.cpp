#include "notify/endpoint_keys.hpp"

#include "core/standard_webhook.hpp"

namespace payoutd::notify {

const EndpointKeys::Key* EndpointKeys::find(std::string_view id) const {
  const auto found = std::ranges::find(keys_, id, &Key::id);
  return found == keys_.end() ? nullptr : &*found;
}

std::vector<std::string> EndpointKeys::ids() const {
  std::vector<std::string> ids;
  for (const Key& key : keys_) ids.push_back(key.id);
  return ids;
}

std::optional<Secret> EndpointKeys::secret_of(const std::string& endpoint_id,
                                              const store::SecretName& name) const {
  const Key* key = find(name.key_id);
  if (key == nullptr) return std::nullopt;
  return core::derive_endpoint_secret(key->secret, endpoint_id, name.version);
}

std::string signatures(const EndpointKeys& keys, const store::DueDelivery& delivery,
                       std::int64_t timestamp_s) {
  const auto sign = [&](const store::SecretName& name) {
    const auto secret = keys.secret_of(delivery.endpoint_id, name);
    return secret ? core::sign_message(*secret, delivery.notification_id, timestamp_s, delivery.payload)
                  : std::string();
  };
  std::string all = sign(delivery.secret);
  if (all.empty() || !delivery.old_secret) return all;
  if (const std::string old = sign(*delivery.old_secret); !old.empty()) all += " " + old;
  return all;
}

}  // namespace payoutd::notify
