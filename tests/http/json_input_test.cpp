#include "http/json_input.hpp"

#include <boost/json.hpp>
#include <catch2/catch.hpp>

namespace {

using payoutd::http::read_json;

struct Case {
  std::string text;
  std::string code;
  std::string message_part;
};

}  // namespace

TEST_CASE("JSON that is well-formed comes back as it is") {
  const auto input =
      read_json(R"( {"a": [1, 2.5, "x\u00e9", null, true], "b": {"a": {}}, "long": "0123456789"} )");
  REQUIRE_FALSE(input.problem);
  CHECK(boost::json::serialize(input.value) ==
        R"({"a":[1,2.5E0,"xé",null,true],"b":{"a":{}},"long":"0123456789"})");
}

TEST_CASE("the same key in different objects is no duplicate") {
  CHECK_FALSE(read_json(R"([{"a":1},{"a":1},{"b":{"a":1},"a":{"a":1}}])").problem);
}

TEST_CASE("bad JSON is refused with a code and a place") {
  const auto bad = GENERATE(values<Case>({
      {"", "MALFORMED_JSON", "there is nothing"},
      {" \n ", "MALFORMED_JSON", "there is nothing"},
      {"{", "MALFORMED_JSON", "ends too early (line 1, column 2)"},
      {"{\n  \"a\": tru }", "MALFORMED_JSON", "line 2"},
      {"{'a':1}", "MALFORMED_JSON", "line 1, column 2"},
      {"{\"a\":1,}", "MALFORMED_JSON", "not valid JSON"},
      {"{\"a\":1} x", "MALFORMED_JSON", "behind the end"},
      {"{} {}", "MALFORMED_JSON", "behind the end"},
      {"/* c */ {}", "MALFORMED_JSON", "not valid JSON"},
      {"{\"a\":\"\xff\"}", "MALFORMED_JSON", "UTF-8"},
      {"{\"a\":\"\xed\xa0\x80\"}", "MALFORMED_JSON", "UTF-8"},
      {"{\"a\":\"\\ud800\"}", "MALFORMED_JSON", "(line 1"},
      {std::string("{\"a\":\"x\0y\"}", 11), "MALFORMED_JSON", "(line 1"},
      {"{\"a\":\"x\\u0000y\"}", "MALFORMED_JSON", "NUL"},
      {"{\"a\\u0000\":1}", "MALFORMED_JSON", "NUL"},
      {"{\"a\":1e999}", "MALFORMED_JSON", "(line 1"},
      {"{\"a\":NaN}", "MALFORMED_JSON", "not valid JSON"},
      {"{\"amount\":\"1\",\"amount\":\"2\"}", "DUPLICATE_FIELD", "twice"},
      {"{\"a\":{\"b\":1,\"\\u0062\":2}}", "DUPLICATE_FIELD", "twice"},
      {std::string(33, '[') + std::string(33, ']'), "TOO_DEEP", "32 levels"},
      {std::string(100'000, '['), "TOO_DEEP", "32 levels"},
  }));
  INFO(bad.text.substr(0, 60));
  const auto input = read_json(bad.text);
  REQUIRE(input.problem);
  CHECK(input.problem->code == bad.code);
  CHECK_THAT(input.problem->message, Catch::Contains(bad.message_part));
}

TEST_CASE("a duplicate key is named, unless it is not plain") {
  CHECK(read_json(R"({"amount":1,"amount":2})").problem->field == "amount");
  CHECK(read_json(R"({"<b>":1,"<b>":2})").problem->field.empty());
}

TEST_CASE("a duplicate is found in objects with many keys") {
  std::string text = "{";
  for (int i = 0; i < 5000; ++i) text += "\"k" + std::to_string(i) + "\":1,";
  CHECK_FALSE(read_json(text + "\"other\":1}").problem);
  CHECK(read_json(text + "\"k7\":1}").problem->code == "DUPLICATE_FIELD");
  CHECK(read_json(text + "\"k4711\":1}").problem->code == "DUPLICATE_FIELD");
}

TEST_CASE("32 levels are taken") {
  CHECK_FALSE(read_json(std::string(32, '[') + std::string(32, ']')).problem);
}

TEST_CASE("the line is counted from where the text stands in the request") {
  CHECK_THAT(read_json("{]", 17).problem->message, Catch::Contains("line 17, column 2"));
}
