#pragma once
#include <payoutd/money.hpp>
#include <pqxx/pqxx>
#include <string>

namespace payoutd::store {

/// The database's clock, as text that it reads back exactly.
std::string clock_text(pqxx::transaction_base& work);

/// What a balance that was asked for at `asked` (clock_text) may not show yet: payouts of the provider in the
/// currency that are SUBMITTING, SENT or UNKNOWN now, on all hosts, and those that became CONFIRMED since. A
/// sum beyond what an Amount holds is the largest that it holds.
Amount in_flight(pqxx::transaction_base& work, const std::string& provider, const std::string& currency,
                 const std::string& asked);

}  // namespace payoutd::store
