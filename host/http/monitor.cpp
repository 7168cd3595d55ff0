#include "http/monitor.hpp"

namespace payoutd::http {

Service::Screening MonitorService::screen(Request& head) {
  const std::string_view target = head.target;
  const std::string_view path = target.substr(0, target.find('?'));
  for (const std::string_view served : {"/metrics", "/readyz", "/healthz", "/livez"}) {
    if (path != served) continue;
    head.peer.monitor = true;
    return router_.screen(head);
  }
  return {refuse(404, "NOT_FOUND", "Here are /metrics, /readyz, /healthz and /livez only."), 0};
}

ServerOptions monitor_options(std::string address, std::uint16_t port) {
  ServerOptions options;
  options.address = std::move(address);
  options.setting = "metrics.listen";
  options.port = port;
  options.beyond_loopback = true;
  options.max_connections = 64;
  return options;
}

}  // namespace payoutd::http
