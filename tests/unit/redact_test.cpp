#include "ops/redact.hpp"

#include <catch2/catch.hpp>

using payoutd::Secret;
using payoutd::ops::mask_phone;
using payoutd::ops::Redactor;

TEST_CASE("phone numbers keep their prefix and two digits", "[redact]") {
  CHECK(mask_phone("225071234512") == "22507•••••12");
  CHECK(mask_phone("2250712345612") == "22507•••••12");
  CHECK(mask_phone("46733123450") == "4673•••••50");
  CHECK(mask_phone("+46733123450") == "4673•••••50");
  CHECK(mask_phone("12345678") == "123•••••78");
  CHECK(mask_phone("1234567") == "•••••");
  CHECK(mask_phone("not a phone number") == "•••••");
}

TEST_CASE("phone numbers are found in text", "[redact]") {
  const Redactor redactor;
  CHECK(redactor.redact("to 2250712345612.") == "to 22507•••••12.");
  CHECK(redactor.redact("/accountholder/msisdn/46733123450/active") ==
        "/accountholder/msisdn/4673•••••50/active");
  CHECK(redactor.redact(R"({"partyId":"46733123450"})") == R"({"partyId":"4673•••••50"})");
  CHECK(redactor.redact("call +225 07 12 34 56 12 now") == "call +22507•••••12 now");
  CHECK(redactor.redact("46733123450,46733123451") == "4673•••••50,4673•••••51");
  CHECK(redactor.redact("46733123450") == "4673•••••50");
}

TEST_CASE("what only looks like a number is left alone", "[redact]") {
  const Redactor redactor;
  for (const auto* text :
       {"payout 9b1deb4d-3b7d-4bad-9bdd-123456789012 confirmed", "amount 9999999999.99999999 EUR",
        "1000000000 XOF", "at 2026-11-23T06:21:24.123Z", "ban_1abc12345678901def", "0.12345678901",
        "12345678901234567890", "took 1234 ms, 56 rows", "UTC+00:00", ""}) {
    INFO(text);
    CHECK_FALSE(redactor.masked(text));
  }
}

TEST_CASE("credentials of requests are masked", "[redact]") {
  const Redactor redactor;
  CHECK(redactor.redact("Authorization: Basic dXNlcjpwdw==") == "Authorization: ***");
  CHECK(redactor.redact("authorization:Bearer eyJhbGciOi.x.y\r\nHost: a") == "authorization:***\r\nHost: a");
  CHECK(redactor.redact(R"({"Authorization":"Bearer abc","x":1})") == R"({"Authorization":"***","x":1})");
  CHECK(redactor.redact("sent Bearer eyJhbGciOiJIUzI1NiJ9 to it") == "sent Bearer *** to it");
  CHECK_FALSE(redactor.masked("bearer of bad news"));
  CHECK_FALSE(redactor.masked("authorization was refused"));
}

TEST_CASE("passwords of DSNs are masked", "[redact]") {
  const Redactor redactor;
  CHECK(redactor.redact("postgresql://user:s3cr3t@db-host:5432/nepxy") ==
        "postgresql://user:***@db-host:5432/nepxy");
  CHECK(redactor.redact("postgresql://user:p@ss@db/x") == "postgresql://user:***@db/x");
  CHECK(redactor.redact("host=db password=hunter22 user=x") == "host=db password=*** user=x");
  CHECK(redactor.redact("host=db password='it''s' user=x") != "host=db password='it''s' user=x");
  CHECK(redactor.redact("postgres://db/x?user=a&password=b&sslmode=require") ==
        "postgres://db/x?user=a&password=***&sslmode=require");
  CHECK_FALSE(redactor.masked("https://proxy.example:8080/path"));
}

TEST_CASE("registered secrets are masked wherever they stand", "[redact]") {
  Redactor redactor;
  redactor.add_secret(Secret("planted-secret"));
  redactor.add_secret(Secret("planted-secret-longer"));
  redactor.add_secret(Secret("a/b+c d"));
  redactor.add_secret(Secret("0123456789012345"));
  redactor.add_secret(Secret("short"));  // too short to search for
  CHECK(redactor.redact("x=planted-secret;") == "x=***;");
  CHECK(redactor.redact("planted-secretplanted-secret") == "******");
  CHECK(redactor.redact("x planted-secret-longer y") == "x *** y");
  CHECK(redactor.redact("?key=a%2Fb%2Bc%20d&x") == "?key=***&x");
  CHECK(redactor.redact("raw a/b+c d") == "raw ***");
  CHECK(redactor.redact("990123456789012345") == "99***");
  CHECK(redactor.redact("planted-secre") == "planted-secre");
  CHECK(redactor.redact("short") == "short");
}

TEST_CASE("JSON is masked inside, keys included", "[redact]") {
  Redactor redactor;
  redactor.add_secret(Secret("planted \"quoted\" secret"));
  boost::json::value value{{"a", {{"b", {"x planted \"quoted\" secret", 1, true, nullptr}}}},
                           {"planted \"quoted\" secret", "key"},
                           {"destination", 22507123456},
                           {"msisdn", "70123456"},
                           {"amount", "12345678"}};
  redactor.redact(value);
  CHECK(value.at("a").at("b").at(0) == "x ***");
  CHECK(value.at("***") == "key");
  CHECK(value.at("destination") == "2250•••••56");
  CHECK(value.at("msisdn") == "701•••••56");
  CHECK(value.at("amount") == "12345678");
}
