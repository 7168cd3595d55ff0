#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <payoutd/money.hpp>
#include <sstream>

using namespace payoutd;

namespace {

std::string reason(std::string_view text) {
  const auto amount = Amount::parse(text);
  return amount ? "accepted as " + amount->to_string() : amount.error().reason;
}

std::string money_error(std::string_view amount, std::string_view currency) {
  const auto money = parse_money(amount, currency);
  return money ? "accepted" : money.error().field + ": " + money.error().reason;
}

}  // namespace

TEST_CASE("amounts are read exactly", "[money]") {
  CHECK(Amount::parse("0").value().units() == 0);
  CHECK(Amount::parse("1").value().units() == 100'000'000);
  CHECK(Amount::parse("0.00000001").value().units() == 1);
  CHECK(Amount::parse("12.5").value().units() == 1'250'000'000);
  CHECK(Amount::parse("12.50").value() == Amount::parse("12.5").value());
  CHECK(Amount::parse("9999999999.99999999").value().units() == Amount::kLimitUnits - 1);
}

TEST_CASE("what is no amount is refused with the reason", "[money]") {
  const auto* plain = "must be a plain decimal number such as 100 or 12.50, without sign, exponent or spaces";
  CHECK(reason("") == "is empty");
  for (const auto* text : {"-1", "+1", "1e3", " 1", "1 ", "1,5", "1.2.3", "0x10", "NaN", "1_000", "١"}) {
    INFO(text);
    CHECK(reason(text) == plain);
  }
  CHECK(reason(std::string_view("1\0", 2)) == plain);
  CHECK(reason(".5") == "must have a digit before the decimal point");
  CHECK(reason("5.") == "must have a digit behind the decimal point");
  CHECK(reason(".") == "must have a digit before the decimal point");
  CHECK(reason("007") == "must not begin with a zero");
  CHECK(reason("00") == "must not begin with a zero");
  CHECK(reason("10000000000") == "must be below 10000000000");
  CHECK(reason("99999999999999999999999999") == "must be below 10000000000");
  CHECK(reason("1.000000001") == "has more than 8 decimals");
}

TEST_CASE("units outside the limits are refused", "[money]") {
  CHECK_THROWS_AS(Amount::from_units(-1), std::out_of_range);
  CHECK_THROWS_AS(Amount::from_units(Amount::kLimitUnits), std::out_of_range);
  CHECK_THROWS_AS(Amount::from_units(std::numeric_limits<std::int64_t>::max()), std::out_of_range);
  CHECK(Amount::from_units(Amount::kLimitUnits - 1).to_string() == "9999999999.99999999");
}

TEST_CASE("fixed places never lose a digit", "[money]") {
  const auto amount = Amount::parse("10.5").value();
  CHECK(amount.to_fixed(1) == "10.5");
  CHECK(amount.to_fixed(2) == "10.50");
  CHECK(amount.to_fixed(8) == "10.50000000");
  CHECK_THROWS_AS(amount.to_fixed(0), std::invalid_argument);
  CHECK_THROWS_AS(amount.to_fixed(9), std::invalid_argument);
  CHECK_THROWS_AS(amount.to_fixed(-1), std::invalid_argument);
  CHECK(Amount{}.to_fixed(2) == "0.00");
  CHECK(Amount::parse("0.05").value().to_fixed(2) == "0.05");
  CHECK_FALSE(amount.fits(0));
  CHECK(amount.fits(1));
  CHECK_FALSE(amount.fits(-1));
  CHECK((std::ostringstream() << amount).str() == "10.5");
}

TEST_CASE("money to be paid has a known currency and its decimals", "[money]") {
  CHECK(parse_money("100", "XOF").value() == Money{Amount::from_units(100 * Amount::kUnitsPerOne), "XOF"});
  CHECK(money_error("0.01", "XOF") == "amount: must have no decimals in XOF");
  CHECK(money_error("1.005", "EUR") == "amount: must have at most 2 decimals in EUR");
  CHECK(money_error("1.00000001", "BAN") == "accepted");
  CHECK(money_error("0", "XOF") == "amount: must be greater than 0");
  CHECK(money_error("0.00", "EUR") == "amount: must be greater than 0");
  CHECK(money_error("-5", "EUR").starts_with("amount: must be a plain decimal number"));
  for (const auto* code : {"", "xof", "XO", "XOFF", "ZZZ"}) {
    INFO(code);
    CHECK(money_error("1", code) ==
          "currency: is not a currency that payoutd knows (a code such as XOF, EUR or BAN)");
  }
}

TEST_CASE("currencies have their own decimals", "[money]") {
  for (const auto* code : {"XOF", "XAF", "GNF", "UGX", "RWF", "JPY", "KRW", "VND", "CLP", "DJF", "KMF", "BIF",
                           "ISK", "PYG", "VUV", "XPF"})
    CHECK(currency_decimals(code) == 0);
  for (const auto* code :
       {"EUR", "USD", "GBP", "GHS", "KES", "NGN", "ZMW", "TZS", "MGA", "SLE", "LRD", "CDF"})
    CHECK(currency_decimals(code) == 2);
  for (const auto* code : {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
    CHECK(currency_decimals(code) == 3);
  CHECK(currency_decimals("BAN") == 8);
  CHECK_FALSE(currency_decimals("XXX"));
}

TEST_CASE("every amount survives being written and read", "[money]") {
  CHECK(rc::check("to_string and parse", [] {
    const auto units = *rc::gen::inRange<std::int64_t>(0, Amount::kLimitUnits);
    const auto amount = Amount::from_units(units);
    RC_ASSERT(Amount::parse(amount.to_string()).value() == amount);
    RC_ASSERT(Amount::parse(amount.to_fixed(8)).value() == amount);
  }));
  CHECK(rc::check("to_fixed agrees with fits", [] {
    const auto decimals = *rc::gen::inRange(0, 9);
    const auto amount = Amount::from_units(*rc::gen::inRange<std::int64_t>(0, 1'000'000'000'000));
    if (amount.fits(decimals))
      RC_ASSERT(Amount::parse(amount.to_fixed(decimals)).value() == amount);
    else
      RC_ASSERT_THROWS_AS(amount.to_fixed(decimals), std::invalid_argument);
  }));
  CHECK(rc::check("the order of amounts is the order of units", [](std::uint32_t a, std::uint32_t b) {
    RC_ASSERT((Amount::from_units(a) < Amount::from_units(b)) == (a < b));
  }));
  CHECK(rc::check("whatever is accepted is written back without change of value", [] {
    const auto text = *rc::gen::container<std::string>(rc::gen::element('0', '1', '9', '.', '-', 'e', ' '));
    const auto amount = Amount::parse(text);
    if (amount) RC_ASSERT(Amount::parse(amount->to_string()).value() == amount.value());
  }));
}
