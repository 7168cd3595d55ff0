#pragma once
#include <pqxx/pqxx>
#include <string>

namespace payoutd::store {

/// Notes that somebody approves a payout that is held; twice by the same person counts once. Returns how many
/// people have.
int approve(pqxx::transaction_base& work, const std::string& payout_id, const std::string& actor,
            const std::string& note);

}  // namespace payoutd::store
