#pragma once
#include <string_view>

namespace payoutd::core {

/// The client in whose name `payoutctl test-payout` makes payouts. Whatever belongs to it is only simulated,
/// and a constraint of the database keeps it from every state in which money may have moved.
inline constexpr std::string_view kTestClient = "payoutd-test";

}  // namespace payoutd::core
