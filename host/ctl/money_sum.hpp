#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace payoutd::ctl {

/// A sum of amounts, wider than any one of them: exact, and without an end that a table could reach.
class MoneySum {
 public:
  /// An amount as the host writes it; text that is none adds nothing.
  void add(std::string_view amount);
  /// The shortest exact decimal text.
  std::string text() const;

 private:
  using Wide = __int128;
  Wide units_ = 0;
};

}  // namespace payoutd::ctl
