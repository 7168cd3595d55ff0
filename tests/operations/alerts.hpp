#pragma once
#include <filesystem>
#include <string>

namespace payoutd::test {

/// Whether a shipped alert fires when what a host showed goes on: counters grow each minute by what they grew
/// from `before` to `now`, ages and lags by a minute, and everything else stays. Both are texts of /metrics;
/// `now` is empty if the host does not answer. Runs promtool in `folder`. Empty if it fires; else why not.
std::string why_quiet(const std::string& alert, const std::string& before, const std::string& now,
                      const std::filesystem::path& folder);

}  // namespace payoutd::test
