#include <rapidcheck.h>

#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <payoutd/exact_json.hpp>

using namespace payoutd;
namespace json = boost::json;

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

std::string array_of(std::size_t elements) {
  return elements == 0 ? "[]" : "[" + repeated("0,", elements - 1) + "0]";
}

std::string object_of(std::size_t members) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i)
    text += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":" + std::to_string(i);
  return text + "}";
}

std::string why_not(std::string_view text, const JsonLimits& limits = {}) {
  const auto value = read_json(text, limits);
  if (value) return {};
  CHECK(value.error().field.empty());
  return value.error().reason;
}

/// What the reader must say of `text` if nothing but a limit is between them: it reads `at` and refuses
/// `over`.
void check_limit(const JsonLimits& limits, const std::string& at, const std::string& over,
                 const std::string& reason) {
  INFO(reason);
  CHECK(why_not(at, limits).empty());
  CHECK_THAT(why_not(over, limits), Catch::Contains(reason));
}

}  // namespace

TEST_CASE("a number is the digits that it was written in", "[exact_json]") {
  const std::string digits = GENERATE(
      "0", "-0", "10.10", "0.1", "1E+2", "1e-8", "-12.50", "9007199254740993", "18446744073709551616",
      "340282366920938463463374607431768211455", "0.30000000000000000000000000000000000000000000001",
      "9999999999.99999999", "123456789012345678901234567890.123456789012345678901234567890e10");
  INFO(digits);
  CHECK(read_json(digits).value() == json::value(digits));
  const auto object =
      read_json_object(R"({"a":)" + digits + R"(,"b":")" + digits + R"(","c":[)" + digits + "]}");
  REQUIRE(object.has_value());
  CHECK(text_at(*object, "a") == digits);
  CHECK(text_at(*object, "b") == digits);
  CHECK(array_at(*object, "c")->at(0).get_string() == digits);
}

TEST_CASE("all else is what it is, in its order", "[exact_json]") {
  const auto value =
      read_json(" \r\n{\"z\":\"\\u00e9\\n\\ud83d\\ude00\",\"a\":[true,false,null,{}],\"\":\"\"}\t ");
  REQUIRE(value.has_value());
  CHECK(json::serialize(*value) == "{\"z\":\"\u00E9\\n\U0001F600\",\"a\":[true,false,null,{}],\"\":\"\"}");
  CHECK(read_json("\"\"").value() == json::value(""));
  CHECK(read_json("null").value().is_null());
}

TEST_CASE("what is read survives being written and read again", "[exact_json]") {
  CHECK(rc::check("any text, however it must be escaped", [](const std::string& bytes) {
    const std::string text = json::serialize(json::value(bytes));
    const auto value = read_json(text, {.bytes = SIZE_MAX, .text_bytes = SIZE_MAX});
    if (value) RC_ASSERT(value->get_string() == bytes);
    const auto object = read_json_object("{\"k\":" + text + "}");
    RC_ASSERT(value.has_value() == object.has_value());
  }));
  CHECK(rc::check("any whole number", [](std::int64_t number) {
    RC_ASSERT(read_json(std::to_string(number)).value() == json::value(std::to_string(number)));
  }));
}

TEST_CASE("what is no JSON is refused, and said where", "[exact_json]") {
  const std::string bad =
      GENERATE(as<std::string>{}, "", " ", "{", "[1,2", "\"a", "{}{}", "{} x", "{},", "[1,]", "{\"a\":1,}",
               "{a:1}", "{'a':1}", "{\"a\" 1}", "[1 2]", "nul", "True", "NaN", "Infinity", "-", "+1", "01",
               "1.", ".5", "1e", "0x10", "1_0", "// note\n{}", "/**/{}", "\xEF\xBB\xBF{}", "\"\xFF\"",
               "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\\ud800\"", "\"\\x41\"", "\"a\nb\"", "<html/>",
               std::string("{}\0", 3), std::string("\"\0\"", 3));
  INFO(bad);
  CHECK_THAT(why_not(bad), Catch::StartsWith("is not JSON: line "));
  CHECK(read_json_object(bad).has_error());
}

TEST_CASE("a refusal names the place and quotes nothing", "[exact_json]") {
  CHECK_THAT(why_not("{\n  \"api_key\": \"secret\" x\n}"), Catch::StartsWith("is not JSON: line 2, column "));
  CHECK(why_not("{\"api_key\":\"secret\",\"api_key\":\"secret\"}").find("secret") == std::string::npos);
  CHECK_THAT(why_not("{} {}"), Catch::Contains("line 1, column 4: something follows"));
}

TEST_CASE("a key stands once in an object, however it is written", "[exact_json]") {
  for (const std::string bad :
       {R"({"status":"FAILED","status":"SUCCESSFUL"})", R"({"status":1,"st\u0061tus":1})", R"({"":1,"":1})",
        R"([{"a":{"b":1,"c":{},"b":2}}])"}) {
    INFO(bad);
    CHECK_THAT(why_not(bad), Catch::Contains("an object has a key twice"));
  }
  // The parser hands a long key over in parts: the whole of it counts.
  const std::string key = repeated("k", 100) + "\\n" + repeated("k", 100);
  CHECK_THAT(why_not("{\"" + key + "\":1,\"" + key + "\":2}"), Catch::Contains("a key twice"));
  CHECK(why_not("{\"" + key + "\":1,\"" + key + "k\":2}").empty());
  CHECK(why_not(R"({"a":{"a":{"a":1}},"b":[{"a":1},{"a":1}],"A":1})").empty());
}

TEST_CASE("every limit is kept to the last byte", "[exact_json]") {
  CHECK(why_not("\"12345\"", {.bytes = 7}).empty());
  CHECK(why_not("\"123456\"", {.bytes = 7}) == "is larger than 7 bytes");
  check_limit({.depth = 3}, "[{\"a\":[1]}]", "[{\"a\":[[]]}]", "too deep");
  check_limit({.members = 3}, object_of(3), object_of(4), "an object has too many members");
  check_limit({.elements = 3}, array_of(3), array_of(4), "an array has too many elements");
  check_limit({.key_bytes = 4}, R"({"kk\u00e9":1})", R"({"kkk\u00e9":1})", "a key is too long");
  check_limit({.text_bytes = 4}, R"(["1234","\u00e9\u00e9"])", R"(["12\n34"])", "a text is too long");
  check_limit({.text_bytes = 4}, "[1234,-1.5]", "[-12.5]", "a number is too long");
  check_limit({}, repeated("[", 8) + repeated("]", 8), repeated("[", 9) + repeated("]", 9), "too deep");
  check_limit({}, object_of(256), object_of(257), "too many members");
  check_limit({}, array_of(1024), array_of(1025), "too many elements");
}

TEST_CASE("hostile documents are refused without being built", "[exact_json]") {
  CHECK_FALSE(why_not(repeated("[", 60'000)).empty());
  CHECK_FALSE(why_not(repeated("{\"a\":", 10'000)).empty());
  CHECK_FALSE(why_not("\"" + repeated("x", 40'000) + "\"").empty());
  CHECK_FALSE(why_not(repeated("9", 40'000)).empty());
  CHECK_FALSE(why_not(repeated(" ", 70'000) + "{}").empty());
  CHECK(rc::check("any bytes", [](const std::string& bytes) {
    static_cast<void>(read_json(bytes));
    static_cast<void>(read_json_marking_numbers(bytes, '\x01'));
  }));
}

TEST_CASE("only an object is read as an object", "[exact_json]") {
  for (const std::string other : {"[]", "1", "\"{}\"", "null", "true"}) {
    INFO(other);
    CHECK(read_json_object(other).error().reason == "is not a JSON object");
  }
  CHECK(read_json_object("{}").value().empty());
}

TEST_CASE("numbers can be told from texts, and no text can pass for one", "[exact_json]") {
  const auto value = read_json_marking_numbers(R"(["5",5,"",-1e2])", '\x01');
  REQUIRE(value.has_value());
  CHECK(*value == json::value({"5",
                               "\x01"
                               "5",
                               "", "\x01-1e2"}));
  CHECK(read_json_marking_numbers(R"("\u00015")", '\x01').has_error());
  CHECK(read_json_marking_numbers(R"("5\u0001")", '\x01').has_value());
  CHECK(read_json(R"("\u00015")").has_value());
}

TEST_CASE("what stands under a key is taken for what it is only", "[exact_json]") {
  const auto object =
      read_json_object(R"({"text":"t","number":1.50,"null":null,"object":{"a":1},"array":[1],"yes":true})");
  REQUIRE(object.has_value());
  CHECK(text_at(*object, "text") == "t");
  CHECK(text_at(*object, "number") == "1.50");
  for (const char* other : {"null", "object", "array", "yes", "missing"})
    CHECK_FALSE(text_at(*object, other));
  CHECK(is_present(*object, "yes"));
  CHECK_FALSE(is_present(*object, "null"));
  CHECK_FALSE(is_present(*object, "missing"));
  CHECK(text_at(*object_at(*object, "object"), "a") == "1");
  CHECK(object_at(*object, "array") == nullptr);
  CHECK(object_at(*object, "missing") == nullptr);
  CHECK(array_at(*object, "array")->size() == 1);
  CHECK(array_at(*object, "object") == nullptr);
}
