#include "engine/contract_book.hpp"

#include <boost/json.hpp>

#include "core/ids.hpp"
#include "store/host_registry.hpp"

namespace payoutd::engine {

Awaitable<std::string> ContractBook::keep(std::string provider, std::string scope, Contract contract) {
  const std::string text = boost::json::serialize(to_json(contract));
  const std::string id = core::sha256_hex(provider + '\n' + scope + '\n' + text).substr(0, 32);
  if (!stored_.contains(id)) {
    co_await pool_.transact([id, provider, scope, text](pqxx::transaction_base& work) {
      store::keep_contract(work, id, provider, scope, text);
    });
    stored_.insert(id);
    entries_.insert_or_assign(id, Entry{scope, contract});
  }
  co_return id;
}

void ContractBook::forget_stored() {
  stored_.clear();
}

Awaitable<ContractBook::Entry> ContractBook::find(std::string id) {
  if (const auto found = entries_.find(id); found != entries_.end()) co_return found->second;
  const store::StoredContract stored =
      co_await pool_.transact([id](pqxx::transaction_base& work) { return store::load_contract(work, id); });
  Entry entry{stored.scope, contract_from_json(boost::json::parse(stored.contract_json).as_object()).value()};
  entries_.insert_or_assign(id, entry);
  co_return entry;
}

}  // namespace payoutd::engine
