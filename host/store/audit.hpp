#pragma once
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

#include "core/used_token.hpp"

namespace payoutd::store {

/// Something that a person did through an admin route.
struct AuditEntry {
  std::string actor;
  std::string action;   ///< `POST /v1/admin/payouts/{id}/cancel`
  std::string subject;  ///< the payout, provider or switch that it was done to; may be empty
  int status = 0;       ///< HTTP status of the answer
  std::string flow_id;
  std::string detail = "{}";  ///< JSON text: the request's fields, without secrets
  core::UsedToken token{};
};
/// Appends an entry to the chain. One transaction at a time writes.
void append_audit(pqxx::transaction_base& work, const AuditEntry& entry);

struct AuditRow : AuditEntry {
  std::int64_t id = 0;
  std::string at;
  std::string hash;  ///< hexadecimal
};
struct AuditFilter {
  std::string actor;
  std::string subject;
  core::UsedToken token{};     ///< only what was done with a token of this key, or with this token
  std::int64_t since_s = 0;    ///< only the last so many seconds; 0: however old
  std::int64_t before_id = 0;  ///< only older ones; 0: from the latest
  int limit = 100;
};
/// The latest first.
std::vector<AuditRow> audit(pqxx::transaction_base& work, const AuditFilter& filter);

struct AuditCheck {
  std::int64_t rows = 0;
  std::int64_t first_bad = 0;  ///< id of the first row that does not fit the one before it; 0: all fit
  std::string why;
  std::string last_hash;  ///< hexadecimal: kept elsewhere, it shows a chain that was cut at its end
};
/// Walks the whole chain.
AuditCheck verify_audit(pqxx::transaction_base& work);

}  // namespace payoutd::store
