#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <payoutd/decimal.hpp>

using namespace payoutd;

namespace {

struct Row {
  std::string text;
  std::optional<std::string> amount;
};

}  // namespace

TEST_CASE("a decimal is exact in every notation, or is not read", "[decimal]") {
  const Row row = GENERATE(values<Row>({
      {"10000", "10000"},
      {"25000.0", "25000"},
      {"10000.00000000000000", "10000"},
      {"0.3000000000000000000", "0.3"},
      {"1e4", "10000"},
      {"1E+4", "10000"},
      {"1e004", "10000"},
      {"1.0e4", "10000"},
      {"1.25E7", "12500000"},
      {"1.2345678901E9", "1234567890.1"},
      {"123456e-2", "1234.56"},
      {"25e-1", "2.5"},
      {"1e-8", "0.00000001"},
      {"0.1", "0.1"},
      {"0", "0"},
      {"0e9", "0"},
      {"0e40", "0"},
      {"9999999999.99999999", "9999999999.99999999"},  // as a double this is 10000000000
      {"0.30000000000000004", std::nullopt},           // more than eight places: not ours to round
      {"0.000000001", std::nullopt},
      {"1e-9", std::nullopt},
      {"10000000000", std::nullopt},
      {"1e10", std::nullopt},
      {"0e41", std::nullopt},
      {"0e-41", std::nullopt},
      {"1e9999999999", std::nullopt},
      {"-1", std::nullopt},
      {"-0", std::nullopt},
      {"+1", std::nullopt},
      {"01", std::nullopt},
      {".5", std::nullopt},
      {"5.", std::nullopt},
      {"1e", std::nullopt},
      {"1e+", std::nullopt},
      {"1E+-2", std::nullopt},
      {"1e2e3", std::nullopt},
      {"1e1.5", std::nullopt},
      {"1 ", std::nullopt},
      {"1 0", std::nullopt},
      {"1,000", std::nullopt},
      {"1_000", std::nullopt},
      {"0x10", std::nullopt},
      {"NaN", std::nullopt},
      {"abc", std::nullopt},
      {"", std::nullopt},
      {std::string("1\0", 2), std::nullopt},
      {std::string(65, '0'), std::nullopt},
      {"0." + std::string(63, '0'), std::nullopt},
      {"0." + std::string(62, '0'), "0"},
  }));
  INFO(row.text);
  const auto read = read_decimal(row.text);
  REQUIRE(read.has_value() == row.amount.has_value());
  if (row.amount) CHECK(read->to_string() == *row.amount);
}

TEST_CASE("every amount is read from every way to write it", "[decimal]") {
  CHECK(rc::check("plain, with zeros, shifted by an exponent", [] {
    const auto amount = Amount::from_units(*rc::gen::inRange<std::int64_t>(0, Amount::kLimitUnits));
    RC_ASSERT(read_decimal(amount.to_fixed(8)) == amount);
    RC_ASSERT(read_decimal(amount.to_fixed(8) + "000") == amount);
    RC_ASSERT(read_decimal(std::to_string(amount.units()) + "e-8") == amount);
    RC_ASSERT(read_balance(amount.to_string()) == amount);
  }));
}

TEST_CASE("a balance is the nearest below that can be counted", "[decimal]") {
  const Row row = GENERATE(values<Row>({
      {"80.5", "80.5"},
      {"8.05e1", "80.5"},
      {"0.123456789", "0.12345678"},
      {"0.000000009", "0"},
      {"10000000000", "9999999999.99999999"},
      {"1e40", "9999999999.99999999"},
      {"123456789012345678901234567890.5", "9999999999.99999999"},
      {"-1", "0"},
      {"-0.5e3", "0"},
      {"--1", std::nullopt},
      {"-", std::nullopt},
      {"", std::nullopt},
      {"x", std::nullopt},
      {"01", std::nullopt},
  }));
  INFO(row.text);
  const auto read = read_balance(row.text);
  REQUIRE(read.has_value() == row.amount.has_value());
  if (row.amount) CHECK(read->to_string() == *row.amount);
}
