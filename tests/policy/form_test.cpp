// What is said about files that are not in form: file, line and reason.
#include <catch2/catch.hpp>

#include "support.hpp"

using namespace payoutd::policy;
using namespace payoutd::policy::test;
using Catch::Contains;

namespace {

const std::string kTests = "rule.tests = { { name = 'one', expect = 'allow' } }\n";

/// A rule with `fields` in its table, on line 2.
std::string rule_with(const std::string& fields, const std::string& tests = kTests) {
  return "local rule = {\n" + fields + "\n}\nfunction rule.check() return 'allow' end\n" + tests +
         "return rule\n";
}
std::string problem_with(const std::string& fields) {
  return problems_of({{"abuse/one.lua", rule_with(fields)}});
}
std::string problem_with_test(const std::string& test, const std::string& fields = "") {
  return problems_of({{"abuse/one.lua", rule_with(fields, "rule.tests = {\n" + test + "\n}\n")}});
}
std::string need(const std::string& fields) {
  return problem_with("needs = { n = { " + fields + " } },");
}

}  // namespace

TEST_CASE("the table of a script", "[form]") {
  CHECK(problem_with("") == "");
  CHECK(problem_with("tunabels = {},") ==
        "abuse/one.lua:2: tunabels: is not known; did you mean 'tunables'?");
  CHECK(problem_with("tunables = 5,") == "abuse/one.lua:2: tunables: must be a table, not a whole number");
  CHECK(problem_with("enabled = 'yes',") == "abuse/one.lua:2: enabled: must be true or false, not a text");
  CHECK(problem_with("'stray',") == "abuse/one.lua: has a value without a name, where every value has one");
  CHECK(problems_of({{"abuse/one.lua", "return { tests = { { name = 'a', expect = 'allow' } } }"}}) ==
        "abuse/one.lua: check: is missing: the function that is called");
  CHECK(problems_of(
            {{"abuse/one.lua", "return {\ncheck = 5, tests = { { name = 'a', expect = 'allow' } } }"}}) ==
        "abuse/one.lua:2: check: must be a function, not a whole number");
  CHECK(problems_of({{"abuse/one.lua", "return { check = function() return 'allow' end }"}}) ==
        "abuse/one.lua: tests: is missing: every script has at least one test");
  CHECK(problems_of({{"abuse/one.lua", rule_with("", "rule.tests = {}\n")}}) ==
        "abuse/one.lua:5: tests: must be a list of at least one test");
  CHECK(problems_of({{"abuse/one.lua", ""}}) ==
        "abuse/one.lua: returns nothing: a script ends with 'return' and its table");
  CHECK(problems_of({{"abuse/one.lua", "return 'x'"}}) ==
        "abuse/one.lua: returns a string in place of its table");
  CHECK(problems_of({{"abuse/one.lua", "local x = \nreturn {}"}}) ==
        "abuse/one.lua:2: unexpected symbol near 'return'");
  CHECK(problems_of({{"abuse/one.lua", "\nlocal x = nil + 1\nreturn {}"}}) ==
        "abuse/one.lua:2: attempt to perform arithmetic on a nil value");
  CHECK(problems_of({{"abuse/one.lua", "\xEF\xBB\xBF" + rule_with("")}}) == "");
}

TEST_CASE("names and contents of files", "[form]") {
  const std::string good = rule_with("");
  CHECK_THAT(problems_of({{"reward.lua", good}}), Contains("reward.lua: is not used by anything"));
  CHECK_THAT(problems_of({{"abuse/Big.lua", good}}), Contains("a rule's name has at most 40"));
  CHECK_THAT(problems_of({{"abuse/sub/x.lua", good}}), Contains("a rule's name has at most 40"));
  CHECK_THAT(problems_of({{"backoff/My_Provider.lua", good}}), Contains("is named like no provider"));
  CHECK_THAT(problems_of({{"lib/a-b.lua", "return {}"}}), Contains("a library's name"));
  CHECK(problems_of({{"lib/a.lua", "return { f = function() end }"}}) == "");
  CHECK(problems_of({{"abuse/x.lua", "\xff\xfe"}}) == "abuse/x.lua: is not UTF-8 text");
  CHECK(problems_of({{"abuse/x.lua", "a\n\x1bLua"}}) ==
        "abuse/x.lua:2: is not text: it has a control character (27)");
  CHECK(problems_of({{"abuse/x.lua", std::string(256 * 1024 + 1, ' ')}}) ==
        "abuse/x.lua: is larger than 256 KiB");
  std::map<std::string, std::string> many;
  for (int i = 0; i < 201; ++i) many["abuse/r" + std::to_string(i) + ".lua"] = good;
  CHECK(problems_of(many) == "there are more than 200 scripts");
}

TEST_CASE("all problems are told at once", "[form]") {
  CHECK(problems_of({{"abuse/a.lua", "x ="},
                     {"abuse/b.lua", rule_with("tunabels = {}, enabled = 1,")},
                     {"backoff/default.lua", "return {}"},
                     {"lib/l.lua", "error('no')"},
                     {"odd.lua", ""}}) ==
        "abuse/a.lua:1: unexpected symbol near <eof>\n"
        "abuse/b.lua:2: enabled: must be true or false, not a whole number\n"
        "abuse/b.lua:2: tunabels: is not known; did you mean 'tunables'?\n"
        "backoff/default.lua: next: is missing: the function that is called\n"
        "backoff/default.lua: tests: is missing: every script has at least one test\n"
        "lib/l.lua:1: no\n"
        "odd.lua: is not used by anything: scripts are abuse/NAME.lua, backoff/NAME.lua, lib/NAME.lua and "
        "routing.lua");
}

TEST_CASE("needs", "[form]") {
  CHECK(need("what = 'count', by = 'user', window = '24h'") == "");
  CHECK(need("what = 'distinct', of = 'destination', by = { 'user', 'client' }, window = 'month'") == "");
  CHECK(need("what = 'since_first', by = 'user'") == "");
  CHECK(
      need("what = 'coumt', by = 'user', window = '24h'") ==
      "abuse/one.lua:2: needs.n.what: 'coumt' is not one of \"count\", \"sum\", \"distinct\", \"previous\", "
      "\"since_previous\", \"since_first\"; did you mean 'count'?");
  CHECK_THAT(need("by = 'user', window = '24h'"), Contains("needs.n.what: is missing"));
  CHECK_THAT(need("what = 'count', window = '24h'"), Contains("needs.n.by: is missing"));
  CHECK_THAT(need("what = 'count', by = 'usr', window = '24h'"),
             Contains("needs.n.by: 'usr' is no field of user, client, destination, region, provider; did you "
                      "mean 'user'?"));
  CHECK_THAT(need("what = 'count', by = {}, window = '24h'"),
             Contains("must be a field or a list of fields"));
  CHECK_THAT(need("what = 'count', by = { 'user', 5 }, window = '24h'"),
             Contains("needs.n.by[2]: must be a field such as \"user\", not a whole number"));
  CHECK_THAT(need("what = 'count', by = { 'user', 'user' }, window = '24h'"), Contains("names user twice"));
  CHECK_THAT(need("what = 'count', by = { 'region', 'client' }, window = '24h'"),
             Contains("must name \"user\" or \"destination\""));
  CHECK_THAT(need("what = 'count', by = 'user'"), Contains("needs.n.window: is missing"));
  CHECK_THAT(need("what = 'count', by = 'user', window = '24 h'"),
             Contains("needs.n.window: must be a span"));
  CHECK_THAT(need("what = 'count', by = 'user', window = 24"),
             Contains("needs.n.window: must be a text, not a whole number"));
  CHECK_THAT(need("what = 'count', by = 'user', window = '401d'"), Contains("must be between 1s and 400d"));
  CHECK_THAT(need("what = 'count', by = 'user', window = '24h', of = 'region'"),
             Contains("is for \"distinct\" and \"previous\" only"));
  CHECK_THAT(need("what = 'distinct', by = 'user', window = '24h'"), Contains("needs.n.of: is missing"));
  CHECK_THAT(need("what = 'count', by = 'user', windows = '24h'"),
             Contains("needs.n.windows: is not known; did you mean 'window'?"));
  CHECK_THAT(problem_with("needs = { 'count' },"), Contains("an entry without a name"));
  CHECK_THAT(problem_with("needs = { n = 'count' },"), Contains("needs.n: must be a table such as"));
  CHECK_THAT(problem_with("needs = { ['a b'] = {} },"), Contains("is no name"));
}

TEST_CASE("lines are those of the code, not of comments", "[form]") {
  const std::string source =
      "-- needs = the past\nlocal rule = {\n  --[[ window = 'x' ]]\n  needs = {\n    a = {\n      what = "
      "'count',\n      by = 'user',\n"
      "      window = '5 days',\n    },\n  },\n}\nfunction rule.check() return 'allow' end\n" +
      kTests + "return rule\n";
  CHECK_THAT(problems_of({{"abuse/one.lua", source}}), Catch::StartsWith("abuse/one.lua:8: needs.a.window"));
}

TEST_CASE("tests that are not in form", "[form]") {
  CHECK(
      problem_with_test("{ name = \"first\", expect = 'allow' },\n{ name = \"second\", expekt = 'allow' }") ==
      "abuse/one.lua:7: test 'second': expect: must be \"allow\", \"flag\", \"hold\" or \"deny\"\n"
      "abuse/one.lua:7: test 'second': expekt: is not known; did you mean 'expect'?");
  CHECK_THAT(problem_with_test("{ expect = 'allow' }"), Contains("tests[1].name: is missing"));
  CHECK_THAT(problem_with_test("5"), Contains("tests[1]: must be a table, not a whole number"));
  CHECK_THAT(problem_with_test("{ name = \"a\", expect = 'allow' }, { name = \"a\", expect = 'allow' }"),
             Contains("another test has the same name"));
  CHECK_THAT(problem_with_test("{ name = \"a\", expect = 'alow' }"), Contains("did you mean 'allow'?"));
  CHECK_THAT(problem_with_test("{ name = \"a\", expect = 'allow', code = 'x' }"),
             Contains("cannot be expected where the payout is allowed"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { amuont = '1' }, expect = 'allow' }"),
             Contains("test 'a': payout.amuont: is not known; did you mean 'amount'?"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { amount = 5 }, expect = 'allow' }"),
             Contains("payout.amount: must be a text, not a whole number"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { amount = '5,0' }, expect = 'allow' }"),
             Contains("payout.amount: must be a plain decimal number"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { currency = 'XXX' }, expect = 'allow' }"),
             Contains("payout.currency: is not a currency"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { metadata = { x = 1.5 } }, expect = 'allow' }"),
             Contains("payout.metadata: has a float"));
  CHECK_THAT(problem_with_test("{ name = \"a\", payout = { metadata = 'x' }, expect = 'allow' }"),
             Contains("must be a table with names"));
  CHECK_THAT(problem_with_test("{ name = \"a\", history = { x = 1 }, expect = 'allow' }"),
             Contains("history.x: is not known"));
  const std::string needs =
      "needs = { n = { what = 'count', by = 'user', window = '24h' }, s = { what = 'sum', by = 'user', "
      "window = '24h' } },";
  CHECK_THAT(problem_with_test("{ name = \"a\", history = { n = '1' }, expect = 'allow' }", needs),
             Contains("history.n: must be a whole number of at least 0"));
  CHECK_THAT(problem_with_test("{ name = \"a\", history = { s = 500 }, expect = 'allow' }", needs),
             Contains("history.s: must be an amount as a text, such as \"500\""));
  CHECK_THAT(
      problem_with_test("{ name = \"a\", history = { s = money('1', 'EUR') }, expect = 'allow' }", needs),
      Contains("history.s: is in EUR, the payout in XOF"));
  CHECK_THAT(problem_with_test("{ name = \"a\", tunables = { x = 1 }, expect = 'allow' }"),
             Contains("lies over nothing"));
  CHECK_THAT(problem_with_test("{ name = \"a\", tunables = { mox = 1 }, expect = 'allow' }",
                               "tunables = { max = 1 },"),
             Contains("tunables.mox: is not known; did you mean 'max'?"));
}

TEST_CASE("tests that fail", "[form]") {
  CHECK(problem_with_test("{ name = \"a\", expect = 'hold', code = 'limit' }") ==
        "abuse/one.lua:6: test 'a': expected hold (limit), but got allow");
  const auto of = [](const std::string& body) {
    return problems_of(
        {{"abuse/one.lua",
          "local rule = {}\nfunction rule.check(payout)\n" + body +
              "\nend\nrule.tests = {\n{ name = \"a\", expect = 'hold', code = 'limit' } }\nreturn rule"}});
  };
  CHECK(of("return 'hold', 'limit', 'too much'") == "");
  CHECK(of("return 'hold', 'other', 'too much'") ==
        "abuse/one.lua:6: test 'a': expected hold (limit), but got hold (other): too much");
  CHECK(of("return nil + 1") ==
        "abuse/one.lua:6: test 'a': expected hold (limit), but the rule failed: abuse/one.lua:3: attempt to "
        "perform arithmetic on a nil value");
  CHECK_THAT(of("return"), Contains("check() returned a nil, not \"allow\""));
  CHECK_THAT(of("return 'helt'"), Contains("check() returned 'helt', not \"allow\""));
  CHECK_THAT(of("return 'hold'"), Contains("check() returned \"hold\" without a code"));
  CHECK_THAT(of("return 'hold', 'Not A Code'"), Contains("without a code"));
  CHECK_THAT(of("return 'hold', 'limit', 5"),
             Contains("returned a number where its text for people belongs"));
  CHECK_THAT(of("return 'hold', 'limit', ('x'):rep(501)"), Contains("longer than 500 bytes"));
  CHECK_THAT(of("return 'hold', 'limit', 'a\\0b'"), Contains("control characters"));
  CHECK_THAT(of("while true do end"), Contains("ran for more than"));
}

TEST_CASE("the tests of a file end in time, all together", "[form]") {
  const std::string slow =
      "local rule = {}\nfunction rule.check(payout) for i = 1, payout.age do end return 'allow' "
      "end\nrule.tests = {}\n"
      "for i = 1, 400 do rule.tests[i] = { name = 'test ' .. i, payout = { age = 300000 }, expect = 'allow' "
      "} end\nreturn rule";
  std::string problems;
  CHECK(processor_ms([&] { problems = problems_of({{"abuse/one.lua", slow}}); }) < 500);
  CHECK_THAT(problems, Contains("abuse/one.lua:3: tests: take more than 50 ms all together"));
}

TEST_CASE("so much is wrong that nobody reads it all", "[form]") {
  std::string fields;
  for (int i = 0; i < 1'000; ++i) fields += "field" + std::to_string(i) + " = 1,";
  const auto problems = problem_with(fields);
  CHECK(std::ranges::count(problems, '\n') == 30);
  CHECK_THAT(problems, Contains("there is more that is wrong"));
}

TEST_CASE("schedules that are not in form", "[form]") {
  const auto of = [](const std::string& test, const std::string& body = "return 5") {
    return problems_of(
        {{"backoff/default.lua", "local schedule = { next = function(attempt) " + body +
                                     " end }\nschedule.tests = {\n" + test + "\n}\nreturn schedule"}});
  };
  CHECK(of("{ name = \"a\", expect = 5 }") == "");
  CHECK(of("{ name = \"a\", expect = { min = 4, max = 5 } }") == "");
  CHECK(of("{ name = \"a\", expect = 6 }") == "backoff/default.lua:3: test 'a': expected 6, but got 5");
  CHECK(of("{ name = \"a\", expect = 'review' }") ==
        "backoff/default.lua:3: test 'a': expected review, but got 5");
  CHECK(of("{ name = \"a\", expect = { min = 6, max = 7 } }") ==
        "backoff/default.lua:3: test 'a': expected between 6 and 7, but got 5");
  CHECK_THAT(of("{ name = \"a\", expect = { min = 8, max = 7 } }"), Contains("must be a number of seconds"));
  CHECK_THAT(of("{ name = \"a\" }"), Contains("expect: must be a number of seconds"));
  CHECK_THAT(of("{ name = \"a\", attempt = { purpose = 'rety' }, expect = 5 }"),
             Contains("did you mean 'retry'?"));
  CHECK_THAT(of("{ name = \"a\", attempt = { count = 0 }, expect = 5 }"),
             Contains("attempt.count: must be between 1"));
  CHECK_THAT(of("{ name = \"a\", attempt = { random = 1 }, expect = 5 }"),
             Contains("at least 0 and below 1"));
  CHECK_THAT(of("{ name = \"a\", attempt = { coumt = 1 }, expect = 5 }"), Contains("did you mean 'count'?"));
  CHECK_THAT(of("{ name = \"a\", expect = 5 }", "return -1"), Contains("returned -1, a negative number"));
  CHECK_THAT(of("{ name = \"a\", expect = 5 }", "return 1/0"), Contains("not finite"));
  CHECK_THAT(of("{ name = \"a\", expect = 5 }", "return 'giveup'"), Contains("did you mean 'give_up'?"));
  CHECK_THAT(of("{ name = \"a\", expect = 5 }", "return attempt.counts"),
             Contains("attempt has no 'counts'; did you mean 'count'?"));
  CHECK_THAT(of("{ name = \"a\", expect = 5 }", "return {}"),
             Contains("next() returned a table, not a number of seconds"));
}

TEST_CASE("routing that is not in form", "[form]") {
  const auto of = [](const std::string& test, const std::string& body) {
    return problems_of(
        {{"routing.lua", "local routing = {}\nfunction routing.choose(payout, providers) " + body +
                             " end\nrouting.tests = {\n" + test + "\n}\nreturn routing"}});
  };
  const std::string two =
      "{ name = \"a\", providers = { { name = 'b' }, { name = 'a', paused = true } }, expect = ";
  CHECK(of(two + "'a' }", "return providers[1].name") == "");
  CHECK(of(two + "false }", "return nil, 'none'") == "");
  CHECK(of(two + "'b' }", "return nil, 'none is ready'") ==
        "routing.lua:4: test 'a': expected b, but got none: none is ready");
  CHECK(of(two + "'b' }", "return 'a'") == "routing.lua:4: test 'a': expected b, but got a");
  CHECK_THAT(of(two + "'b' }", "return 'c'"),
             Contains("choose() returned 'c', which is none of the providers"));
  CHECK_THAT(of(two + "'b' }", "return providers[1].pausd"),
             Contains("an entry of providers has no 'pausd'; did you mean 'paused'?"));
  CHECK_THAT(of(two + "nil }", "return nil"), Contains("must be a provider's name, or false for none"));
  CHECK_THAT(of("{ name = \"a\", providers = { { nane = 'b' } }, expect = false }", "return nil"),
             Contains("providers[1].nane: is not known; did you mean 'name'?"));
}
