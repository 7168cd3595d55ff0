#pragma once
#include "providers/supervisor.hpp"
#include "store/pool.hpp"

namespace payoutd::daemon {

/// Quarantines in app.providers, where all hosts and operators see them.
class DatabaseQuarantine final : public providers::QuarantineStore {
 public:
  explicit DatabaseQuarantine(store::Pool& pool) : pool_(pool) {}
  Awaitable<std::optional<providers::QuarantineRecord>> load(std::string provider) override;
  Awaitable<void> persist(std::string provider, providers::QuarantineRecord record) override;
  Awaitable<void> lift(std::string provider) override;

 private:
  store::Pool& pool_;
};

}  // namespace payoutd::daemon
