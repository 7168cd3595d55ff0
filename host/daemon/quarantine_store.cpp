#include "daemon/quarantine_store.hpp"

#include "store/host_registry.hpp"

namespace payoutd::daemon {

Awaitable<std::optional<providers::QuarantineRecord>> DatabaseQuarantine::load(std::string provider) {
  co_return co_await pool_.transact([provider](pqxx::transaction_base& work) {
    std::optional<providers::QuarantineRecord> record;
    const auto rows = work.exec_params(
        "select quarantine_reason, extract(epoch from quarantined_at)::bigint from app.providers"
        " where name = $1 and quarantined_at is not null",
        provider);
    if (!rows.empty()) {
      record = providers::QuarantineRecord{
          rows[0][0].c_str(),
          std::chrono::system_clock::time_point{std::chrono::seconds{std::stoll(rows[0][1].c_str())}}};
    }
    return record;
  });
}

Awaitable<void> DatabaseQuarantine::persist(std::string provider, providers::QuarantineRecord record) {
  co_await pool_.transact([provider, record](pqxx::transaction_base& work) {
    store::register_provider(work, provider, "", "");
    store::set_quarantine(work, provider, record.reason, "supervisor");
  });
}

Awaitable<void> DatabaseQuarantine::lift(std::string provider) {
  co_await pool_.transact(
      [provider](pqxx::transaction_base& work) { store::set_quarantine(work, provider, "", "operator"); });
}

}  // namespace payoutd::daemon
