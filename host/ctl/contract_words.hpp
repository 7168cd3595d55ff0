#pragma once
#include <chrono>
#include <payoutd/contract.hpp>
#include <string>
#include <vector>

namespace payoutd::ctl {

/// `90 s`, `2 min`, `1 h`: the largest unit that says it without a remainder.
std::string duration_words(std::chrono::milliseconds length);

/// A contract as sentences, one for each promise.
std::vector<std::string> contract_words(const Contract& contract);

}  // namespace payoutd::ctl
