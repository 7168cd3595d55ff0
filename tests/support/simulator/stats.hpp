#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace simulator {

/// Counters since the start or the last reset. One thread.
struct Stats {
  std::map<std::string, std::uint64_t, std::less<>> requests;  // by operation
  std::map<std::string, std::map<std::string, std::uint64_t, std::less<>>, std::less<>> requests_by_protocol;
  std::map<std::string, std::uint64_t, std::less<>> faults;  // applied, by kind
  std::uint64_t token_refreshes = 0;                         // tokens issued, by every protocol that has them
  std::uint64_t transfers_refused = 0;     // answered with an error at once and not in the ledger
  std::uint64_t transfers_duplicated = 0;  // known references, whatever the answer
  std::uint64_t redirects_followed = 0;
  std::uint64_t callbacks_sent = 0;  // every try counts
  std::uint64_t callbacks_delivered = 0;
  std::uint64_t callbacks_given_up = 0;
  std::uint64_t connections_accepted = 0;
  std::uint64_t connections_reset = 0;  // by reset_on_accept
  std::uint64_t internal_errors = 0;    // the simulator's own mistakes; anything but 0 spoils a test

  static void count(std::map<std::string, std::uint64_t, std::less<>>& counters, std::string_view name) {
    const auto found = counters.find(name);
    if (found != counters.end()) {
      ++found->second;
    } else {
      counters.emplace(name, 1);
    }
  }
};

}  // namespace simulator
