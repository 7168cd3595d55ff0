#include <payoutd/money.hpp>

namespace payoutd {
namespace {

constexpr std::array<std::int64_t, Amount::kDecimals + 1> kPowersOfTen = {
    1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};
constexpr std::size_t kIntegerDigits = 10;  // 10^10 is the first amount that is too large

struct CurrencyDecimals {
  std::string_view code;
  int decimals;
};

// ISO 4217 list one, without funds and metals, and the networks that payoutd pays on. Sorted by code.
constexpr auto kCurrencies = std::to_array<CurrencyDecimals>({
    {"AED", 2}, {"AFN", 2}, {"ALL", 2}, {"AMD", 2}, {"ANG", 2}, {"AOA", 2}, {"ARS", 2}, {"AUD", 2},
    {"AWG", 2}, {"AZN", 2}, {"BAM", 2}, {"BAN", 8}, {"BBD", 2}, {"BDT", 2}, {"BGN", 2}, {"BHD", 3},
    {"BIF", 0}, {"BMD", 2}, {"BND", 2}, {"BOB", 2}, {"BRL", 2}, {"BSD", 2}, {"BTN", 2}, {"BWP", 2},
    {"BYN", 2}, {"BZD", 2}, {"CAD", 2}, {"CDF", 2}, {"CHF", 2}, {"CLP", 0}, {"CNY", 2}, {"COP", 2},
    {"CRC", 2}, {"CUP", 2}, {"CVE", 2}, {"CZK", 2}, {"DJF", 0}, {"DKK", 2}, {"DOP", 2}, {"DZD", 2},
    {"EGP", 2}, {"ERN", 2}, {"ETB", 2}, {"EUR", 2}, {"FJD", 2}, {"FKP", 2}, {"GBP", 2}, {"GEL", 2},
    {"GHS", 2}, {"GIP", 2}, {"GMD", 2}, {"GNF", 0}, {"GTQ", 2}, {"GYD", 2}, {"HKD", 2}, {"HNL", 2},
    {"HTG", 2}, {"HUF", 2}, {"IDR", 2}, {"ILS", 2}, {"INR", 2}, {"IQD", 3}, {"IRR", 2}, {"ISK", 0},
    {"JMD", 2}, {"JOD", 3}, {"JPY", 0}, {"KES", 2}, {"KGS", 2}, {"KHR", 2}, {"KMF", 0}, {"KPW", 2},
    {"KRW", 0}, {"KWD", 3}, {"KYD", 2}, {"KZT", 2}, {"LAK", 2}, {"LBP", 2}, {"LKR", 2}, {"LRD", 2},
    {"LSL", 2}, {"LYD", 3}, {"MAD", 2}, {"MDL", 2}, {"MGA", 2}, {"MKD", 2}, {"MMK", 2}, {"MNT", 2},
    {"MOP", 2}, {"MRU", 2}, {"MUR", 2}, {"MVR", 2}, {"MWK", 2}, {"MXN", 2}, {"MYR", 2}, {"MZN", 2},
    {"NAD", 2}, {"NGN", 2}, {"NIO", 2}, {"NOK", 2}, {"NPR", 2}, {"NZD", 2}, {"OMR", 3}, {"PAB", 2},
    {"PEN", 2}, {"PGK", 2}, {"PHP", 2}, {"PKR", 2}, {"PLN", 2}, {"PYG", 0}, {"QAR", 2}, {"RON", 2},
    {"RSD", 2}, {"RUB", 2}, {"RWF", 0}, {"SAR", 2}, {"SBD", 2}, {"SCR", 2}, {"SDG", 2}, {"SEK", 2},
    {"SGD", 2}, {"SHP", 2}, {"SLE", 2}, {"SOS", 2}, {"SRD", 2}, {"SSP", 2}, {"STN", 2}, {"SVC", 2},
    {"SYP", 2}, {"SZL", 2}, {"THB", 2}, {"TJS", 2}, {"TMT", 2}, {"TND", 3}, {"TOP", 2}, {"TRY", 2},
    {"TTD", 2}, {"TWD", 2}, {"TZS", 2}, {"UAH", 2}, {"UGX", 0}, {"USD", 2}, {"UYU", 2}, {"UZS", 2},
    {"VED", 2}, {"VES", 2}, {"VND", 0}, {"VUV", 0}, {"WST", 2}, {"XAF", 0}, {"XCD", 2}, {"XOF", 0},
    {"XPF", 0}, {"YER", 2}, {"ZAR", 2}, {"ZMW", 2}, {"ZWG", 2},
});
static_assert(std::ranges::is_sorted(kCurrencies, {}, &CurrencyDecimals::code));

bool all_digits(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::int64_t digits_value(std::string_view digits) {
  std::int64_t value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  return value;
}

std::optional<Problem> shape_problem(std::string_view whole, std::string_view fraction, bool has_point) {
  const auto refuse = [](std::string reason) { return Problem{"", std::move(reason)}; };
  if (whole.empty() && !has_point) return refuse("is empty");
  if (!all_digits(whole) || !all_digits(fraction))
    return refuse("must be a plain decimal number such as 100 or 12.50, without sign, exponent or spaces");
  if (whole.empty()) return refuse("must have a digit before the decimal point");
  if (has_point && fraction.empty()) return refuse("must have a digit behind the decimal point");
  if (whole.size() > 1 && whole.front() == '0') return refuse("must not begin with a zero");
  if (whole.size() > kIntegerDigits) return refuse("must be below 10000000000");
  if (fraction.size() > Amount::kDecimals) return refuse("has more than 8 decimals");
  return std::nullopt;
}

}  // namespace

Amount Amount::from_units(std::int64_t units) {
  if (units < 0 || units >= kLimitUnits)
    throw std::out_of_range("amount of " + std::to_string(units) + " units of 10^-8 is outside [0, 10^18)");
  Amount amount;
  amount.units_ = units;
  return amount;
}

Result<Amount> Amount::parse(std::string_view text) {
  const auto point = text.find('.');
  const bool has_point = point != std::string_view::npos;
  const auto whole = text.substr(0, point);
  const auto fraction = has_point ? text.substr(point + 1) : std::string_view{};
  if (auto problem = shape_problem(whole, fraction, has_point)) return *std::move(problem);
  return from_units(digits_value(whole) * kUnitsPerOne +
                    digits_value(fraction) * kPowersOfTen[kDecimals - fraction.size()]);
}

std::string Amount::to_string() const {
  int decimals = kDecimals;
  while (decimals > 0 && fits(decimals - 1)) --decimals;
  return to_fixed(decimals);
}

std::string Amount::to_fixed(int decimals) const {
  if (decimals < 0 || decimals > kDecimals)
    throw std::invalid_argument("an amount has 0 to 8 decimals, not " + std::to_string(decimals));
  if (!fits(decimals))
    throw std::invalid_argument("amount " + to_string() + " does not fit into " + std::to_string(decimals) +
                                " decimals");
  std::string text = std::to_string(units_ / kUnitsPerOne);
  if (decimals == 0) return text;
  const auto places = static_cast<std::size_t>(decimals);
  const auto fraction = std::to_string(units_ % kUnitsPerOne / kPowersOfTen[kDecimals - places]);
  return text.append(".").append(places - fraction.size(), '0').append(fraction);
}

bool Amount::fits(int decimals) const noexcept {
  if (decimals >= kDecimals) return true;
  if (decimals < 0) return false;
  return units_ % kPowersOfTen[static_cast<std::size_t>(kDecimals - decimals)] == 0;
}

std::ostream& operator<<(std::ostream& out, const Amount& amount) {
  return out << amount.to_string();
}

std::optional<int> currency_decimals(std::string_view code) noexcept {
  const auto found = std::ranges::lower_bound(kCurrencies, code, {}, &CurrencyDecimals::code);
  if (found == kCurrencies.end() || found->code != code) return std::nullopt;
  return found->decimals;
}

Result<Money> parse_money(std::string_view amount, std::string_view currency) {
  const auto decimals = currency_decimals(currency);
  if (!decimals)
    return Problem{"currency", "is not a currency that payoutd knows (a code such as XOF, EUR or BAN)"};
  const auto parsed = Amount::parse(amount);
  if (!parsed) return Problem{"amount", parsed.error().reason};
  if (parsed->is_zero()) return Problem{"amount", "must be greater than 0"};
  if (!parsed->fits(*decimals)) {
    const std::string places =
        *decimals == 0 ? "no decimals" : "at most " + std::to_string(*decimals) + " decimals";
    return Problem{"amount", "must have " + places + " in " + std::string(currency)};
  }
  return Money{*parsed, std::string(currency)};
}

}  // namespace payoutd
