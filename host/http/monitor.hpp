#pragma once
#include "http/router.hpp"

namespace payoutd::http {

/// What is served at the listener for monitoring: /metrics, /readyz with its reasons, /healthz and /livez,
/// and nothing else. Whoever reaches it may read them.
class MonitorService final : public Service {
 public:
  explicit MonitorService(Router& router) : router_(router) {}

  Screening screen(Request& head) override;
  Awaitable<Response> handle(Request request) override { return router_.handle(std::move(request)); }
  void turned_away() override { router_.turned_away(); }
  void answered(const Request& head, int status, std::chrono::nanoseconds duration) override {
    router_.answered(head, status, duration);
  }

 private:
  Router& router_;
};

ServerOptions monitor_options(std::string address, std::uint16_t port);

}  // namespace payoutd::http
