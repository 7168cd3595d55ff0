#pragma once
#include <chrono>
#include <optional>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace payoutd::core {

using UtcTime = std::chrono::sys_time<std::chrono::milliseconds>;

/// A time of the week or month, in UTC, in which nothing is submitted.
struct MaintenanceWindow {
  std::string text;                           ///< as it was written
  std::optional<std::chrono::weekday> day{};  ///< nullopt: every day
  int nth = 0;                  ///< 1 to 4: only the nth such day of its month; -1: the last; 0: all
  std::chrono::minutes from{};  ///< since midnight
  std::chrono::minutes to{};    ///< since the same midnight; beyond 24 h it ends on the next day
};

/// RFC 3339 with seconds.
std::string utc_text(UtcTime time);

/// Reads `Sun 02:00-04:00`, `first Sat 01:00-06:00`, `last Friday 23:00-01:00`, `daily 03:00-03:30`. What
/// ends no later than it begins ends on the next day. The Problem has no field.
Result<MaintenanceWindow> parse_maintenance_window(std::string_view text);

/// One time at which a window is, or several that touch.
struct MaintenancePeriod {
  UtcTime begins;
  UtcTime ends;
  std::string window;  ///< the one that began first, as it was written
};

/// The period that `now` lies in; its beginning belongs to it, its end does not.
std::optional<MaintenancePeriod> maintenance_at(const std::vector<MaintenanceWindow>& windows, UtcTime now);
/// The first period that begins after `now`, within two months.
std::optional<MaintenancePeriod> next_maintenance(const std::vector<MaintenanceWindow>& windows, UtcTime now);

}  // namespace payoutd::core
