#pragma once
#include <map>
#include <payoutd/awaitable.hpp>
#include <payoutd/contract.hpp>
#include <set>
#include <string>

#include "providers/provider_handle.hpp"
#include "store/pool.hpp"

namespace payoutd::engine {

/// The safety contracts under which attempts were made, by the content hash that the attempts carry.
class ContractBook {
 public:
  struct Entry {
    std::string scope;
    Contract contract;
  };

  explicit ContractBook(store::Pool& pool) : pool_(pool) {}

  /// The id of the provider's present contract and scope; stored before it is returned.
  Awaitable<std::string> keep(std::string provider, std::string scope, Contract contract);
  /// The database may have lost what was stored: each is stored again before it is next used.
  void forget_stored();
  /// What stands under an id; read once.
  Awaitable<Entry> find(std::string id);

 private:
  store::Pool& pool_;
  std::map<std::string, Entry> entries_;
  std::set<std::string> stored_;
};

}  // namespace payoutd::engine
