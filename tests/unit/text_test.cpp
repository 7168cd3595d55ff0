#include <rapidcheck.h>

#include <catch2/catch.hpp>
#include <payoutd/text.hpp>
#include <payoutd/url.hpp>

using namespace payoutd;

namespace {

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// UTF-8 from the first byte to the last, without characters that control.
bool is_clean(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    if (length == 0 || is_control(text.substr(0, length))) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool drops_quotes(std::string_view character) {
  return character == "\"" || character == "\u2019";
}

}  // namespace

TEST_CASE("a text is shown without account numbers, keys and control characters", "[text]") {
  struct Row {
    std::string text, shown;
  };
  const Row row = GENERATE(values<Row>({
      {"", ""},
      {"payee 256772123456 not found", "payee ***56 not found"},
      {"payee +22890123456 barred", "payee +***56 barred"},
      {"vers 22890123456\nok", "vers ***56 ok"},
      {"MSISDN22890123456", "MSISDN***56"},
      {"at most 100000", "at most 100000"},
      {"1234567", "***67"},
      {"Bearer eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJpZCI6IjEifQ.c2ln!", "Bearer ***!"},
      {"token hnTyz1stTsRO8PxwCssFHwwUakVCzRFeJ4Ms/F9cem0=", "token ***"},
      {"key 0123456789abcdef0123456789abcdef!", "key ***!"},
      {"key 0123456789ABCDEF0123456789ABCDEF!", "key ***!"},
      {"key " + std::string(40, 'k'), "key ***"},
      {"key " + std::string(40, 'K'), "key ***"},
      {"id aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "id ***"},
      {"NOT_ALLOWED_TARGET_ENVIRONMENT", "NOT_ALLOWED_TARGET_ENVIRONMENT"},
      {"DECLINED-LIMITATIONS-ON-BENEFICIARY-QUANTITY", "DECLINED-LIMITATIONS-ON-BENEFICIARY-QUANTITY"},
      {"a\r\nb\x1b[31m", "a  b [31m"},
      {"x\xFFy", "xy"},
      {"\xC3(", "("},
      {"caf\u00E9\u00A0\u202Etxt\u2028", "caf\u00E9  txt "},
      {std::string("a\0b", 3), "a b"},
  }));
  INFO(row.text);
  CHECK(safe_text(row.text) == row.shown);
}

TEST_CASE("a shown text ends within 200 bytes and between characters", "[text]") {
  CHECK(safe_text(std::string(500, '!')).size() == 200);
  CHECK(safe_text(repeated("\u00E9", 300)) == repeated("\u00E9", 100));
  CHECK(safe_text("!" + repeated("\u00E9", 300)) == "!" + repeated("\u00E9", 99));
  CHECK(safe_text(repeated("A-", 10'000)).size() == 200);
  CHECK(rc::check("whatever the bytes", [](const std::string& bytes) {
    const std::string shown = safe_text(bytes + repeated(bytes, 20));
    RC_ASSERT(shown.size() <= 200U);
    RC_ASSERT(is_clean(shown));
  }));
}

TEST_CASE("a text for a provider is clean, and clean text stays", "[text]") {
  CHECK(clean_text("  two \t\r\n lines  ", 100) == "two lines");
  CHECK(clean_text("caf\u00E9 caf\u00E9", 6) == "caf\u00E9 c");
  CHECK(clean_text("caf\u00E9 caf\u00E9", 5) == "caf\u00E9");
  CHECK(clean_text("bad \xC3( \xFF end", 100) == "bad ( end");
  CHECK(clean_text(" \n", 100).empty());
  CHECK(clean_text("abc", 0).empty());
  CHECK(clean_text("it\u2019s \"so\"", 100, &drops_quotes) == "its so");
  CHECK(rc::check("whatever the bytes", [](const std::string& bytes) {
    for (const std::size_t max : {1U, 5U, 100U}) {
      const std::string clean = clean_text(bytes, max, &drops_quotes);
      RC_ASSERT(is_clean(clean));
      RC_ASSERT(clean.size() <= 4 * max);
      RC_ASSERT(clean_text(clean, max, &drops_quotes) == clean);
    }
  }));
}

TEST_CASE("UTF-8 is well-formed or it is none", "[text]") {
  CHECK(utf8_length("") == 0);
  CHECK(utf8_length(std::string_view("\0", 1)) == 1);
  CHECK(utf8_length("a\xFF") == 1);
  CHECK(utf8_length("\u00E9x") == 2);
  CHECK(utf8_length("\u20AC") == 3);
  CHECK(utf8_length("\U0001F600") == 4);
  CHECK(utf8_length("\U0010FFFF") == 4);
  for (const std::string bad : {"\x80", "\xC3", "\xC3(", "\xC0\xAF", "\xE0\x80\xAF", "\xF0\x80\x80\xAF",
                                "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xE2\x82", "\xFF"}) {
    CHECK(utf8_length(bad) == 0);
  }
}

TEST_CASE("words, digits and UUIDs are what their names say", "[text]") {
  CHECK(is_digits("0123456789"));
  for (const char* bad : {"", "1 ", "-1", "1.0", "\u0661"}) CHECK_FALSE(is_digits(bad));
  CHECK(is_word("PAYEE_NOT_FOUND", "_-"));
  CHECK(is_word(std::string(64, 'x'), ""));
  for (const std::string& bad : {std::string(), std::string(65, 'x'), std::string("a.b"), std::string("a b"),
                                 std::string("\u00E9"), std::string("a\0", 2)})
    CHECK_FALSE(is_word(bad, "_-"));
  CHECK(is_uuid("0123abcd-89EF-4aaa-8bbb-0123456789ab"));
  for (const std::string bad :
       {"", "0123abcd-89ef-4aaa-8bbb-0123456789a", "0123abcd-89ef-4aaa-8bbb-0123456789abc",
        "0123abcd089ef-4aaa-8bbb-0123456789ab", "0123abcg-89ef-4aaa-8bbb-0123456789ab",
        "../3abcd-89ef-4aaa-8bbb-0123456789ab"})
    CHECK_FALSE(is_uuid(bad));
  CHECK(is_visible_ascii("Bearer~!"));
  for (const std::string bad : {"", "a b", "a\r\nX: y", "\x7F", "\u00E9"}) CHECK_FALSE(is_visible_ascii(bad));
  CHECK(lower_case("AbZ\u00C9[") == "abz\u00C9[");
  CHECK(upper_case("aBz\u00E9{") == "ABZ\u00E9{");
}

TEST_CASE("Base64 has the standard's values", "[text]") {
  CHECK(base64("") == "");
  CHECK(base64("f") == "Zg==");
  CHECK(base64("fo") == "Zm8=");
  CHECK(base64("foo") == "Zm9v");
  CHECK(base64("foobar") == "Zm9vYmFy");
  CHECK(base64("\xFB\xFF\xFE") == "+//+");
}

TEST_CASE("an MSISDN is digits with its country code", "[text]") {
  CHECK_FALSE(msisdn_problem("46733123450", {}));
  CHECK_FALSE(msisdn_problem("22997000000", {"229"}));
  CHECK_FALSE(msisdn_problem("22507000000", {"229", "225"}));
  for (const std::string bad : {"", "+22997000000", "0022997000000", "097000000", "229 97000000", "2299700",
                                "1234567890123456", "2299700000a", "22997000000\n", "\u0662\u0662\u0669"}) {
    INFO(bad);
    CHECK(msisdn_problem(bad, {}));
  }
  CHECK(*msisdn_problem("22507000000", {"229", "228"}) == "must begin with 229, 228 for this provider");
  CHECK_FALSE(prefix_problem("2251", {"229", "225"}));
  CHECK(prefix_problem("2251", {}));
}

TEST_CASE("the host of a URL is compared in lower case, whole names only", "[text]") {
  CHECK(host_of("https://API.Example.com:8443/v1?x=1") == "api.example.com");
  CHECK(host_and_port_of("https://API.Example.com:8443/v1") == "api.example.com:8443");
  CHECK(host_and_port_of("http://[::1]:80/") == "[::1]:80");
  CHECK(host_of("https://user:secret@host/") == "host");
  for (const char* bad : {"", "api.example.com", "/v1", "http://a b/", "https://"})
    CHECK(host_of(bad).empty());
  CHECK(is_domain_or_below("pre.thunes.com", "pre.thunes.com"));
  CHECK(is_domain_or_below("api.pre.thunes.com", "pre.thunes.com"));
  CHECK_FALSE(is_domain_or_below("evil-pre.thunes.com", "pre.thunes.com"));
  CHECK_FALSE(is_domain_or_below("pre.thunes.com.evil", "pre.thunes.com"));
  for (const char* loopback : {"localhost", "a.localhost", "127.0.0.1", "127.1", "[::1]", "0.0.0.0", "[::]"})
    CHECK(is_loopback_host(loopback));
  for (const char* other : {"", "notlocalhost", "localhost.evil", "10.0.0.1", "[::2]"})
    CHECK_FALSE(is_loopback_host(other));
}
