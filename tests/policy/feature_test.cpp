#include "policy/feature.hpp"

#include <catch2/catch.hpp>

using namespace payoutd::policy;

TEST_CASE("windows are read and written", "[feature]") {
  for (const char* text : {"90s", "30m", "24h", "7d", "400d", "1s", "36h", "day", "week", "month", "ever"}) {
    INFO(text);
    CHECK(to_string(parse_window(text).value()) == text);
  }
  CHECK(to_string(parse_window("1d").value()) == "24h");
  CHECK(to_string(parse_window("120m").value()) == "2h");
  CHECK(to_string(parse_window("48h").value()) == "2d");
  CHECK(parse_window("86400s").value() == parse_window("1d").value());
  CHECK(parse_window("24h").value() != parse_window("day").value());
  for (const char* text : {"", "h", "24", "24 h", "1.5h", "-1h", "+1h", "1w", "Day", "0x1h", "24hh"}) {
    INFO(text);
    CHECK(parse_window(text).has_error());
    CHECK_THAT(parse_window(text).error().reason, Catch::Contains("must be a span"));
  }
  for (const char* text : {"0s", "401d", "99999999999999999999s", "9601h"}) {
    INFO(text);
    CHECK(parse_window(text).error().reason == "must be between 1s and 400d");
  }
}

TEST_CASE("fields and questions have names", "[feature]") {
  for (const auto& name : field_names()) CHECK(to_string(parse_field(name).value()) == name);
  for (const auto& name : what_names()) CHECK(to_string(parse_what(name).value()) == name);
  CHECK(field_names().size() == 5);
  CHECK(what_names().size() == 6);
  CHECK_FALSE(parse_field("amount"));
  CHECK_FALSE(parse_what("Count"));
}
