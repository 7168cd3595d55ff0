#pragma once
#include <functional>
#include <string>

#include "core/minimum_balance.hpp"
#include "ops/yaml_tree.hpp"

namespace payoutd::ops {

/// Reads `providers.NAME.minimum_balance`, and says of each field that is wrong where it stands and why.
core::MinimumBalance read_minimum_balance(
    const YamlTree& tree, const std::string& path,
    const std::function<void(const Place& place, const std::string& path, std::string reason)>& report);

}  // namespace payoutd::ops
