#include "ctl/money_sum.hpp"

#include <payoutd/money.hpp>

namespace payoutd::ctl {

void MoneySum::add(std::string_view amount) {
  if (const auto read = Amount::parse(amount)) units_ += read->units();
}

std::string MoneySum::text() const {
  const Wide whole = units_ / Amount::kUnitsPerOne;
  std::string text;
  for (Wide rest = whole; rest > 0; rest /= 10) text.insert(text.begin(), static_cast<char>('0' + rest % 10));
  if (text.empty()) text = "0";
  const auto fraction = Amount::from_units(static_cast<std::int64_t>(units_ % Amount::kUnitsPerOne));
  return fraction.is_zero() ? text : text + fraction.to_string().substr(1);
}

}  // namespace payoutd::ctl
