// What scripts can call, seen from inside of a rule.
#include <catch2/catch.hpp>

#include "support.hpp"

using namespace payoutd::policy;
using namespace payoutd::policy::test;
using Catch::Contains;

TEST_CASE("texts", "[library]") {
  CHECK(value_of("contains('abc', 'b')") == "true");
  CHECK(value_of("contains('abc', '.')") == "false");
  CHECK(value_of("contains('abc', '')") == "true");
  CHECK(value_of("contains('a\\0b', '\\0b')") == "true");
  CHECK(value_of("starts_with('22890', '228')") == "true");
  CHECK(value_of("starts_with('22', '228')") == "false");
  CHECK(value_of("ends_with('22890', '90')") == "true");
  CHECK(value_of("matches('22890123456', '^228(9[0-3]|7[01])')") == "true");
  CHECK(value_of("matches('22896123456', '^228(9[0-3]|7[01])')") == "false");
  CHECK(value_of("('ab'):upper() .. string.lower('CD')") == "ABcd");
  CHECK(value_of("('abc'):rep(3, ',')") == "abc,abc,abc");
  CHECK(value_of("#('x'):rep(0)") == "0");
  CHECK(value_of("('x'):rep(1, ',')") == "x");
  CHECK(value_of("#('x'):rep(65536)") == "65536");
  CHECK(value_of("#(('x'):rep(-1) .. ('').rep('', 5))") == "0");
  CHECK(value_of("('hello'):sub(2, -2)") == "ell");
  CHECK(value_of("('abc'):reverse()") == "cba");
  CHECK(value_of("('abc'):len() + #'de'") == "5");
  CHECK(value_of("string.char(72, 105)") == "Hi");
  CHECK(value_of("table.concat({ ('abc'):byte(1, -1) }, ' ')") == "97 98 99");
  CHECK(value_of("('abc'):byte()") == "97");
  CHECK(value_of("('abc'):byte(-1)") == "99");
  CHECK(value_of("('abc'):byte(10)") ==
        "hold rule_failed: abuse/one.lua:5: bad argument #1 to 'tostring' (value expected)");
  CHECK(error_of("contains(1, '1')") == "bad argument #1 to 'contains' (string expected, got number)");
  CHECK_THAT(error_of("matches('a', '(')"), Contains("missing )"));
}

TEST_CASE("string.format", "[library]") {
  CHECK(value_of("string.format('%5.2f|%d|%s|%%|%x', 1.5, 7, 'x', 255)") == " 1.50|7|x|%|ff");
  CHECK(value_of("('%s %s %s'):format(nil, true, money('1.50', 'EUR'))") == "nil true 1.5 EUR");
  CHECK(value_of("string.format('%-5s|%5s', 'ab', 1)") == "ab   |    1");
  CHECK_THAT(error_of("string.format('%d', 'x')"), Contains("'%d' takes a number, not a string"));
  CHECK_THAT(error_of("string.format('%d', 1.5)"), Contains("no integer representation"));
  CHECK_THAT(error_of("string.format('%d')"), Contains("value expected"));
  CHECK_THAT(error_of("string.format('%')"), Contains("without a directive"));
  CHECK_THAT(error_of("string.format('%q', 'x')"), Contains("is not offered"));
}

TEST_CASE("tables", "[library]") {
  const std::string make = "local t = { 3, 1, 2 } ";
  CHECK(verdict_of(make +
                   "table.insert(t, 9) table.insert(t, 1, 8) return 'flag', 'v', table.concat(t, ',')") ==
        "flag v: 8,3,1,2,9");
  CHECK(verdict_of(make +
                   "local a, b = table.remove(t, 1), table.remove(t) return 'flag', 'v', a .. b .. #t") ==
        "flag v: 321");
  CHECK(verdict_of("local t = {} return 'flag', 'v', tostring(table.remove(t))") == "flag v: nil");
  CHECK(verdict_of(make + "table.sort(t) return 'flag', 'v', table.concat(t)") == "flag v: 123");
  CHECK(verdict_of(make +
                   "table.sort(t, function(a, b) return a > b end) return 'flag', 'v', table.concat(t)") ==
        "flag v: 321");
  CHECK(verdict_of(make + "return 'flag', 'v', select('#', table.unpack(t)) .. table.concat({ select(2, "
                          "table.unpack(t)) })") == "flag v: 312");
  CHECK(verdict_of("local t = {} for i = 1, 100 do t[i] = { k = i % 3, i = i } end table.sort(t, function(a, "
                   "b) return a.k < b.k end) "
                   "for i = 2, 100 do if t[i - 1].k == t[i].k and t[i - 1].i > t[i].i then return 'deny', "
                   "'unstable' end end return 'allow'") == "allow");
  CHECK_THAT(error_of("table.insert({ 1 }, 5, 1)"), Contains("outside of the table"));
  CHECK_THAT(error_of("table.remove({ 1 }, 7)"), Contains("outside of the table"));
  CHECK_THAT(error_of("table.concat({ {} })"), Contains("[1] is a table"));
  CHECK_THAT(error_of("table.sort({ 1, 'x' })"), Contains("attempt to compare"));
}

TEST_CASE("pairs goes through a table in one order", "[library]") {
  const std::string walk =
      " local s = '' for k, v in pairs(t) do s = s .. tostring(k) .. '=' .. tostring(v) .. ' ' end return "
      "'flag', 'v', s";
  const std::string table =
      "local t = { z = 1, a = 2, [10] = 3, 'first', 'second', [true] = 4, [1.5] = 5, ['10'] = 6, [-1] = 7 }";
  const std::string expected = "flag v: -1=7 1=first 2=second 10=3 1.5=5 10=6 a=2 z=1 true=4 ";
  for (int state = 0; state < 5; ++state) CHECK(verdict_of(table + walk) == expected);
  // A frozen one looks the same.
  CHECK(verdict_of(walk, table) == expected);
  CHECK(verdict_of("local t = { a = 1, b = 2, c = 3 } local s = '' for k in pairs(t) do s = s .. k t.b = nil "
                   "end return 'flag', 'v', s") == "flag v: ac");
  CHECK(verdict_of("for k in pairs({}) do return 'deny', 'x' end return 'allow'") == "allow");
  CHECK(
      verdict_of("local n = 0 for i, v in ipairs(t) do n = n + i * v end return 'flag', 'v', n .. '/' .. #t",
                 "local t = { 5, 6 }") == "flag v: 17/2");
}

TEST_CASE("what is basic", "[library]") {
  CHECK(value_of("type(money('1', 'XOF')) .. type(1) .. type({}) .. type(nil)") == "moneynumbertablenil");
  CHECK(value_of("{}") == "table");
  CHECK(value_of("tostring") == "function");
  CHECK(value_of("tonumber('0x10') + tonumber('7', 8)") == "23");
  CHECK(value_of("tonumber('x')") == "nil");
  CHECK(value_of("math.floor(2.5) + math.max(1, 3) + math.tointeger(4.0)") == "9");
  CHECK(value_of("2^10") == "1024.0");
  CHECK(value_of("1 // 3 .. 'x'") == "0x");
  CHECK(error_of("assert(1 == 2, 'not so')") == "not so");
  CHECK(error_of("error('bad thing')") == "bad thing");
  CHECK(error_of("local x = nil; x.y = 1") == "attempt to index a nil value (local 'x')");
  CHECK_THAT(error_of("tosting(1)"), Contains("a script has no 'tosting'; did you mean 'tostring'?"));
  CHECK_THAT(error_of("string.uper('x')"), Contains("has no 'uper'; did you mean 'upper'?"));
  CHECK_THAT(error_of("lib.limits.of()"), Contains("lib has no 'limits'"));
}

TEST_CASE("money is exact", "[library][money]") {
  CHECK(value_of("money('12.50', 'EUR')") == "12.5 EUR");
  CHECK(value_of("money('0.1', 'EUR') + money('0.2', 'EUR') == money('0.3', 'EUR')") == "true");
  CHECK(value_of("money('3', 'EUR') - money('2.99', 'EUR')") == "0.01 EUR");
  CHECK(value_of("money('1.5', 'EUR') * 3") == "4.5 EUR");
  CHECK(value_of("3 * money('1.5', 'EUR')") == "4.5 EUR");
  CHECK(value_of("money('10', 'EUR') // 3") == "3.33333333 EUR");
  CHECK(value_of("money('10', 'EUR'):per(1, 3)") == "3.33333333 EUR");
  CHECK(value_of("money('9999999999', 'EUR'):per(9223372036854775807, 9223372036854775807)") ==
        "9999999999 EUR");
  CHECK(value_of("money('10', 'EUR'):times(0):is_zero()") == "true");
  CHECK(value_of("money('10', 'EUR'):amount() .. money('1', 'BAN').currency") == "10BAN");
  CHECK(value_of("money('1', 'EUR'):ratio(money('3', 'EUR'))") == "33");
  CHECK(value_of("'over ' .. money('5', 'XOF') .. '!'") == "over 5 XOF!");
  CHECK(value_of("money('1', 'EUR') < money('1.00000001', 'EUR')") == "true");
  CHECK(value_of("money('1', 'EUR') <= money('1', 'EUR') and money('2', 'EUR') > money('1', 'EUR')") ==
        "true");
  CHECK(value_of("money('1', 'EUR') == 1") == "false");
  CHECK(value_of("payout.amount") == "2500 XOF");
  CHECK(value_of("payout.amount >= money('2500', 'XOF')") == "true");
}

TEST_CASE("what money refuses", "[library][money]") {
  const std::string m = "local m = money('10', 'EUR') ";
  CHECK(error_of(m + "return m * 0.5") ==
        "money and a float: the factor must be a whole number; for a half write m:per(1, 2)");
  CHECK(error_of(m + "return m * 2.0") ==
        "money and a float: the factor must be a whole number; for a half write m:per(1, 2)");
  CHECK(error_of(m + "return m * '2'") == "the factor must be a whole number, not string");
  CHECK(error_of(m + "return m * -1") == "the factor must be at least 0, not -1");
  CHECK(error_of(m + "return m * m") == "money cannot be multiplied by money");
  CHECK_THAT(error_of(m + "return m / 2"), Contains("write m // 2"));
  CHECK(error_of(m + "return m // 0") == "the divisor must be at least 1, not 0");
  CHECK_THAT(error_of(m + "return m // m"), Contains("m:ratio(other)"));
  CHECK_THAT(error_of(m + "return m % 2"), Contains("no such operator"));
  CHECK_THAT(error_of(m + "return -m"), Contains("no such operator"));
  CHECK(error_of(m + "return m - money('10.00000001', 'EUR')") ==
        "10 EUR - 10.00000001 EUR is negative, which an amount cannot be");
  CHECK(error_of(m + "return m + money('1', 'XOF')") == "money of two currencies: 10 EUR and 1 XOF");
  CHECK(error_of(m + "return m < money('1', 'XOF')") == "money of two currencies: 10 EUR and 1 XOF");
  CHECK(error_of(m + "return m == money('10', 'XOF')") == "money of two currencies: 10 EUR and 10 XOF");
  CHECK(error_of(m + "return m < 5") ==
        "money compared with a whole number: both sides must be money, such as money(\"5\", \"XOF\")");
  CHECK(error_of(m + "return m + 0.5") ==
        "money plus a float: both sides must be money, such as money(\"5\", \"XOF\")");
  CHECK(error_of(m + "return m * 10000000000") == "the result is too large: an amount is below 10000000000");
  CHECK(error_of(m + "return m:per(1)") == "the second of m:per(a, b) must be a whole number, not nil");
  CHECK(error_of(m + "return m:ratio(money('0', 'EUR'))") == "there is no ratio to an amount of zero");
  CHECK(error_of(m + "return m:ammount()") == "money has no 'ammount'; did you mean 'amount'?");
  CHECK_THAT(error_of(m + "return m.amount()"), Contains("call it with a colon"));
  CHECK_THAT(error_of(m + "m.currency = 'XOF'"), Contains("attempt to index a money value"));
  CHECK_THAT(error_of("return money(5, 'XOF')"), Contains("takes its amount as a text"));
  CHECK(
      error_of("return money('5,0', 'XOF')") ==
      "money(): '5,0' must be a plain decimal number such as 100 or 12.50, without sign, exponent or spaces");
  CHECK(error_of("return money('5', 'XXX')") == "money(): 'XXX' is not a currency that payoutd knows");
  CHECK(error_of("return money('5')") == "money(amount, currency) takes two texts, not nil");
}

TEST_CASE("the payout", "[library]") {
  CHECK(value_of("payout.id .. payout.client .. payout.provider .. payout.currency .. payout.destination") ==
        "0e1c0000-0000-4000-8000-000000000002shopmomoXOF22890123456");
  CHECK(value_of("payout.user .. payout.region .. tostring(payout.batch) .. payout.at .. payout.age") ==
        "annaTGnil17672256003");
  CHECK_THAT(error_of("return payout.ammount"), Contains("payout has no 'ammount'; did you mean 'amount'?"));
  CHECK_THAT(error_of("return history.count_24h"),
             Contains("history (by this rule's needs) has no 'count_24h'"));
}

TEST_CASE("metadata keeps its digits", "[library]") {
  CHECK(value_of("payout.metadata.level + 1") == "8");
  CHECK(value_of("payout.metadata.big") == "12345678901234567890");
  CHECK(value_of("type(payout.metadata.big)") == "string");
  CHECK(value_of("payout.metadata.rate") == "1.10");
  CHECK(value_of("payout.metadata.name .. tostring(payout.metadata.ok) .. tostring(payout.metadata.none)") ==
        "Kotruenil");
  CHECK(value_of("payout.metadata.list[2] .. #payout.metadata.list") == "b3");
  CHECK(value_of("payout.metadata.list[3].c") == "nil");
  CHECK_THAT(error_of("payout.metadata.list[1] = 2"), Contains("read-only"));
  const auto bundle =
      build({{"abuse/one.lua", rule_doing("if payout.metadata.x == nil then return 'allow' end return "
                                          "'flag', 'x', tostring(payout.metadata.x)")}});
  auto payout = facts();
  payout.metadata = "";
  CHECK(shown(bundle->judge(payout, {})) == "allow");
  payout.metadata = R"({"x":9007199254740993})";
  CHECK(shown(bundle->judge(payout, {})) == "flag x: 9007199254740993");
  payout.metadata = R"({"x":"again"})";
  CHECK(shown(bundle->judge(payout, {})) == "flag x: again");
  for (const char* bad : {"[1]", "{", R"({"a":1,"a":2})"}) {
    payout.metadata = bad;
    CHECK_THAT(shown(bundle->judge(payout, {})), Contains("rule_failed") && Contains("metadata"));
  }
}
