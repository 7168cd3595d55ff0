#include "ctl/smoke_notification.hpp"

namespace payoutd::ctl {

std::unique_ptr<SmokeNotification> SmokeNotification::open(SmokeApi&, const Listen&) {
  return nullptr;
}

}  // namespace payoutd::ctl
