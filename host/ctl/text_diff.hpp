#pragma once
#include <string>
#include <string_view>

namespace payoutd::ctl {

/// What `diff -u` prints about two texts, with three lines around each change; empty if they are the same.
/// `from` and `to` are their names in its head.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view from,
                         std::string_view to);

}  // namespace payoutd::ctl
