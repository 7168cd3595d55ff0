#pragma once
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

/// All hosts, where a host's name is expected.
inline constexpr const char* kAllHosts = "*";

struct DrainRow {
  std::string host;  ///< a host's name, or kAllHosts
  std::string note;
  std::string drained_by;
  std::string drained_at;
};

/// A drained host claims nothing; it survives restarts. False: it was so already.
bool set_drained(pqxx::transaction_base& work, const std::string& host, bool drained,
                 const std::string& actor, const std::string& note);
std::vector<DrainRow> drains(pqxx::transaction_base& work);

}  // namespace payoutd::store
