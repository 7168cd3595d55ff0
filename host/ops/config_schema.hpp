#pragma once
#include <payoutd/settings.hpp>
#include <vector>

namespace payoutd::ops {

struct ConfigRow {
  Setting setting;
  bool live = false;  ///< taken over by a reload
};

/// Every setting of the main file but `include`, `providers`, `limits`, `profiles` and lists of keys. The
/// parser, the defaults, what `config show` shows and the reference documentation come from this table.
const std::vector<ConfigRow>& config_rows();

}  // namespace payoutd::ops
