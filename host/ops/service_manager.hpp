// What a service says to the manager that started it: systemd, over the datagram socket that NOTIFY_SOCKET
// names (sd_notify(3)). Without a manager nothing happens, and nothing is an error. Any thread.
#pragma once
#include <chrono>
#include <optional>
#include <string_view>

namespace payoutd::ops::service_manager {

bool present();

/// The service does its work from now on; `systemctl start` returns.
void ready();
void stopping();

/// One line for `systemctl status`; line breaks become spaces.
void status(std::string_view text);

/// The step that is under way (start, stop) may take so much longer, whatever the unit's limit was.
void extend_timeout(std::chrono::milliseconds time);

/// Within which time alive() must come again (WatchdogSec=); nullopt: the manager does not watch.
std::optional<std::chrono::milliseconds> watchdog();
void alive();

}  // namespace payoutd::ops::service_manager
