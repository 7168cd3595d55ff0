#pragma once
#include <cstdint>
#include <optional>
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// Which scripts all hosts of this database are to run.
struct ScriptOrders {
  std::int64_t generation = 0;  ///< 0: none was ever active
  std::string hash;
  std::int64_t shadow_id = 0;  ///< grows with every change of the shadow
  std::string shadow_hash;     ///< empty: none
};
ScriptOrders script_orders(pqxx::transaction_base& work);

struct PublishScripts {
  std::string hash;
  std::string files;  ///< JSON text: path → content; empty: the bundle is known already
  std::string actor;
  std::string note;
};
/// Makes a bundle the active one, under a new generation; nothing happens if it is already. Returns the
/// generation that has it.
std::int64_t publish_scripts(pqxx::transaction_base& work, const PublishScripts& publish);
/// Makes a bundle the candidate; an empty hash ends the shadow.
void publish_shadow(pqxx::transaction_base& work, const PublishScripts& publish);

/// JSON text of the files, or nothing: no bundle with this hash was ever active or in shadow. `hash` may be
/// an unambiguous beginning of at least 6 digits.
struct StoredBundle {
  std::string hash;
  std::string files;
  std::string created_at;
  std::string created_by;
};
std::optional<StoredBundle> find_bundle(pqxx::transaction_base& work, const std::string& hash);

/// Whether this very bundle was ever active, not only in shadow.
bool was_active(pqxx::transaction_base& work, const std::string& hash);

struct GenerationRow {
  std::int64_t generation = 0;
  std::string hash;
  std::string actor;
  std::string note;
  std::string at;
};
/// The latest first.
std::vector<GenerationRow> script_generations(pqxx::transaction_base& work, int limit);

/// What a host says about the scripts that it runs.
struct ScriptHost {
  std::string incarnation;
  std::string host;
  std::string directory;
  std::int64_t generation = 0;
  std::string hash;
  std::string shadow_hash;
  std::int64_t shadow_compared = 0;
  std::int64_t shadow_differed = 0;
  std::string refused_hash;  ///< empty: nothing is refused now
  std::string refused_why;
  std::string refused_at;
  std::string updated_at;
};
void acknowledge_scripts(pqxx::transaction_base& work, const ScriptHost& host);
/// Of the hosts that are alive.
std::vector<ScriptHost> script_hosts(pqxx::transaction_base& work);

}  // namespace payoutd::store
