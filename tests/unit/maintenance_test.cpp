#include <catch2/catch.hpp>

#include "core/maintenance_window.hpp"

using namespace payoutd::core;
using namespace std::chrono;

namespace {

UtcTime at(int y, unsigned m, unsigned d, int hour, int minute = 0) {
  return UtcTime(sys_days(year(y) / month(m) / day(d)) + hours(hour) + minutes(minute));
}

std::vector<MaintenanceWindow> windows(std::initializer_list<const char*> texts) {
  std::vector<MaintenanceWindow> all;
  for (const char* text : texts) all.push_back(parse_maintenance_window(text).value());
  return all;
}

std::string shown(const std::optional<MaintenancePeriod>& period) {
  return period ? utc_text(period->begins) + " " + utc_text(period->ends) + " " + period->window : "none";
}

}  // namespace

TEST_CASE("the windows of the CardMint runbook", "[maintenance]") {
  const auto both = windows({"Sun 02:00-04:00", "first Sat 01:00-06:00"});
  // The 4th of January 2026 is a Sunday; its Saturday before is the 3rd, the first of the month.
  CHECK(shown(maintenance_at(both, at(2026, 1, 4, 1, 59))) == "none");
  CHECK(shown(maintenance_at(both, at(2026, 1, 4, 2))) ==
        "2026-01-04T02:00:00Z 2026-01-04T04:00:00Z Sun 02:00-04:00");
  CHECK(maintenance_at(both, at(2026, 1, 4, 4) - milliseconds(1)).has_value());
  CHECK_FALSE(maintenance_at(both, at(2026, 1, 4, 4)).has_value());
  CHECK_FALSE(maintenance_at(both, at(2026, 1, 5, 3)).has_value());
  CHECK(shown(maintenance_at(both, at(2026, 1, 3, 5, 59))) ==
        "2026-01-03T01:00:00Z 2026-01-03T06:00:00Z first Sat 01:00-06:00");
  CHECK_FALSE(maintenance_at(both, at(2026, 1, 10, 3)).has_value());  // the second Saturday
  CHECK(shown(next_maintenance(both, at(2026, 1, 4, 2))) ==
        "2026-01-11T02:00:00Z 2026-01-11T04:00:00Z Sun 02:00-04:00");
  CHECK(shown(next_maintenance(both, at(2026, 2, 5, 0))) ==
        "2026-02-07T01:00:00Z 2026-02-07T06:00:00Z first Sat 01:00-06:00");
}

TEST_CASE("windows over midnight, over the month's end, and that touch", "[maintenance]") {
  const auto night = windows({"Sat 23:00-02:00"});
  CHECK(shown(maintenance_at(night, at(2026, 2, 1, 1))) ==
        "2026-01-31T23:00:00Z 2026-02-01T02:00:00Z Sat 23:00-02:00");
  const auto last_saturday = windows({"last Sat 23:00-02:00"});
  CHECK(maintenance_at(last_saturday, at(2026, 2, 1, 1)).has_value());  // of January's last Saturday
  CHECK_FALSE(maintenance_at(last_saturday, at(2026, 1, 25, 1)).has_value());
  const auto touching = windows({"Sun 02:00-04:00", "Sun 04:00-05:00", "Sun 04:30-06:00"});
  CHECK(shown(maintenance_at(touching, at(2026, 1, 4, 3))) ==
        "2026-01-04T02:00:00Z 2026-01-04T06:00:00Z Sun 02:00-04:00");
  const auto leap = windows({"last Sun 00:00-24:00"});
  CHECK(maintenance_at(leap, at(2032, 2, 29, 12)).has_value());
  CHECK_FALSE(maintenance_at(leap, at(2032, 2, 22, 12)).has_value());
  CHECK(maintenance_at(windows({"daily 00:00-24:00"}), at(2026, 1, 1, 0)).has_value());
  CHECK(shown(next_maintenance({}, at(2026, 1, 1, 0))) == "none");
}

TEST_CASE("what is no window is refused", "[maintenance]") {
  for (const char* text :
       {"", "Sun", "Sun 02-04", "Sun 2:0-4:00", "Sun 02:00", "Sun 25:00-26:00", "Sun 02:60-04:00",
        "Sun 24:00-02:00", "fifth Sun 02:00-04:00", "first daily 02:00-04:00", "Sonntag 02:00-04:00",
        "Sun 02:00-02:00", "every first Sun 02:00-04:00", "Sun -2:00-04:00"}) {
    INFO(text);
    CHECK_FALSE(parse_maintenance_window(text).has_value());
  }
  for (const char* text :
       {"sunday 2:00-4:00", "FIRST SAT 01:00-06:00", "daily 03:00-03:30", "last Fri 22:00-24:00"}) {
    INFO(text);
    CHECK(parse_maintenance_window(text).has_value());
  }
}
