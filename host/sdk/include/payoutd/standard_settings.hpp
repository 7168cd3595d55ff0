#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <payoutd/contract.hpp>
#include <payoutd/settings.hpp>
#include <string_view>

/// The settings that every provider has, with the types, limits and names that operators know, and how a
/// contract takes them. A plugin gives what differs: the defaults, and the word that the provider's documents
/// have for a payment (`payment`, in the singular: "transfer", "credit"). Pure; may be called from any
/// thread.
namespace payoutd {

/// `concurrency`: 1 to 1024 submits in flight. A `serial` contract does without it: its lanes say as much.
Setting concurrency_setting(std::string_view payment, std::int64_t default_value);

/// `query_rate_per_s`: 0 (no limit) to 100,000 queries a second. `zero` goes with
/// SettingsCheck::expect_careful_limits; a plugin that allows 0 everywhere says just "for none".
Setting query_rate_setting(std::int64_t default_value,
                           std::string_view zero = "for none (never in production)");

/// `submit_window`: 500 ms to 1 min.
Setting submit_window_setting(std::string_view payment, std::chrono::milliseconds default_value);

/// `response_timeout`: 500 ms to 5 min.
Setting response_timeout_setting(std::string_view payment, std::chrono::milliseconds default_value);

/// Puts the values of those of the four settings that the schema has into the contract.
void apply_standard_settings(const Settings& settings, Contract& contract);

/// A duration as contracts want it, in whole seconds: rounded up, so that nothing is promised sooner than the
/// operator wrote. nullopt if the setting is optional and not set: for `absence_is_proof_after` that means
/// that absence never proves anything.
std::optional<std::chrono::seconds> whole_seconds(const Settings& settings, std::string_view name);

}  // namespace payoutd
