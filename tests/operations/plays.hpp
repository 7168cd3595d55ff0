#pragma once
#include <vector>

#include "stage.hpp"

namespace payoutd::test {

// MTN's own test numbers, which the simulator takes too.
inline const std::string kPaid = "46733100001";
inline const std::string kFails = "46733123450";
inline const std::string kStaysPending = "46733123453";

/// Minutes become tenths of seconds, and what nobody can tell goes to a person after a second.
void be_quick(Stage& stage);

std::vector<Play> manual_plays();
std::vector<Play> provider_plays();
std::vector<Play> policy_plays();
std::vector<Play> database_plays();

}  // namespace payoutd::test
