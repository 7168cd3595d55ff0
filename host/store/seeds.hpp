#pragma once
#include <pqxx/pqxx>
#include <string>
#include <vector>

namespace payoutd::store {

struct SeededAdmin {
  std::string subject;
  std::vector<std::string> roles;
  std::string environment;
  std::string seeded_by;
  std::string seeded_at;
  bool created = false;  ///< by this call; else it was there
};

/// Keeps who was made an administrator first. One that is there stays as it is.
SeededAdmin seed_admin(pqxx::transaction_base& work, const SeededAdmin& admin);

}  // namespace payoutd::store
