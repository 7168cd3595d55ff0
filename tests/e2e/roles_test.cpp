// Hosts that do a part each: one takes payouts and callbacks in, the other pays.
#include <catch2/catch.hpp>

#include "ctl.hpp"
#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

void give_roles(HostProcess& host, const std::string& roles) {
  Desk::keep_sent(host);
  host.settings().environment["MOMO_WEBHOOK_SECRET"] = Desk::webhook_secret;
  host.settings().more_sections += "roles: [" + roles + "]\n";
}

void expect_role_off(HostProcess& host, const std::string& method, const std::string& target,
                     const std::string& role) {
  INFO(method << " " << target);
  const auto reply = host.request(method, target, method == "POST" ? "{}" : "");
  CHECK(reply.status == 404);
  const json::value error = json::parse(reply.body).at("error");
  CHECK(error.at("code").as_string() == "ROLE_OFF");
  CHECK(std::string(error.at("message").as_string()).find("role " + role) != std::string::npos);
}

std::string share_of(Desk& desk, const std::string& host) {
  return desk.sql("select share_to - share_from from app.hosts where stopped_at is null and name = '" + host +
                  "' order by started_at desc limit 1");
}

}  // namespace

TEST_CASE("NepXy: worker, webhook listener and admin API are one daemon, or hosts of their own by roles",
          "[coverage][roles]") {
  Desk desk("nepxy-roles", [](HostProcess& host) { give_roles(host, "api, webhooks, admin"); });
  HostProcess& front = desk.host;
  HostProcess& worker = desk.scene.add_host("host-b");
  give_roles(worker, "worker");

  // Without a worker payouts wait, and everybody is told why.
  const std::string id = desk.pay("split");
  CHECK_FALSE(eventually(seconds{2}, [&] { return desk.state(id) != "PENDING"; }));
  CHECK(ctl(front, "explain " + id).out.find("No live host has the role worker") != std::string::npos);
  const CtlResult sick = ctl(front, "doctor");
  CHECK(sick.code == 2);
  CHECK(sick.out.find("No live host has the role worker") != std::string::npos);
  CHECK(ctl(front, "health").code == 1);
  CHECK(front.request("GET", "/readyz").status == 200);
  const auto live = [&](const std::string& role) {
    return host_metric(front, "payoutd_hosts_live{role=\"" + role + "\"}");
  };
  CHECK(live("worker") == "0");
  CHECK(live("api") == "1");

  // The worker pays; the callback comes to the other host, and the worker asks.
  worker.start();
  REQUIRE(worker.wait_until_ready());
  REQUIRE(desk.reaches(id, "SENT"));
  CHECK(desk.call(id, Desk::webhook_secret).status == 200);
  REQUIRE(desk.reaches(id, "CONFIRMED"));
  CHECK(
      desk.sql(
          "select h.name from app.attempts a join app.hosts h on h.incarnation = a.host where payout_id = '" +
          id + "'") == "host-b");
  CHECK(eventually(seconds{10}, [&] {
    return ctl(front, "doctor").out.find("No live host has the role worker") == std::string::npos;
  }));
  CHECK(ctl(front, "health").out.find("It has not the role worker") != std::string::npos);
  CHECK(eventually(seconds{10}, [&] { return share_of(desk, "host-b") == "720720"; }));
  CHECK(share_of(desk, "host-a") == "0");
  CHECK(eventually(seconds{10}, [&] { return live("worker") == "1"; }));
  CHECK(live("api") == "1");
  const CtlResult hosts = ctl(front, "hosts");
  CHECK(hosts.out.find("api,webhooks,admin") != std::string::npos);

  // A host serves what its roles are, and health, metrics and the control socket in any case.
  for (const char* target : {"/livez", "/healthz", "/readyz", "/metrics", "/openapi.json"})
    CHECK(worker.request("GET", target).status == 200);
  expect_role_off(worker, "GET", "/v1/payouts", "api");
  expect_role_off(worker, "POST", "/v1/payouts", "api");
  expect_role_off(worker, "GET", "/v1/payouts/" + id, "api");
  expect_role_off(worker, "POST", "/v1/webhooks/momo", "webhooks");
  expect_role_off(worker, "GET", "/v1/admin/hosts", "admin");
  expect_role_off(worker, "GET", "/api/admin/health", "admin");
  CHECK(control(worker, "GET", "/v1/payouts").status == 200);
  CHECK(control(worker, "GET", "/v1/admin/hosts").status == 200);

  // Killed, it is missed within seconds; what waits is paid when it is back.
  worker.kill();
  REQUIRE(eventually(seconds{20}, [&] {
    return ctl(front, "doctor").out.find("No live host has the role worker") != std::string::npos;
  }));
  const std::string waits = desk.pay("waits", "46733100002");
  CHECK_FALSE(eventually(seconds{2}, [&] { return desk.state(waits) != "PENDING"; }));
  worker.start();
  REQUIRE(worker.wait_until_ready());
  CHECK(desk.reaches(waits, "SENT"));
  CHECK(worker.stop() == 0);
}

TEST_CASE("a callback that no host could work off is worked off by a worker, not by its listener",
          "[roles]") {
  Desk desk("roles-backlog", [](HostProcess& host) { give_roles(host, "api, webhooks, admin"); });
  HostProcess& worker = desk.scene.add_host("host-b");
  give_roles(worker, "worker");
  const std::string id = desk.pay("backlog");
  REQUIRE(desk.call(id, Desk::webhook_secret).status == 200);
  // As if the listener had died behind the answer.
  const std::string event = desk.sql(
      "update app.webhook_inbox set state = 'received', next_attempt_at = now(), settled_at = null"
      " returning id");
  const auto taken_up = [&] {
    return desk.sql("select state from app.webhook_inbox where id = '" + event + "'") != "received";
  };
  CHECK_FALSE(eventually(seconds{2}, taken_up));
  worker.start();
  REQUIRE(worker.wait_until_ready());
  CHECK(eventually(seconds{10}, taken_up));
}
