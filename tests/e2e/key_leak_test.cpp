// A key leaked: it is retired, and what was accepted under it is listed, with real hosts and tokens.
#include <catch2/catch.hpp>

#include "ctl.hpp"
#include "desk.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

simulator::Headers bearer(const std::string& token) {
  return {{"Authorization", "Bearer " + token}};
}

/// The key that leaks; once it is retired, behind the one that takes its place.
void use_keys(HostProcess& host, bool retired) {
  const std::string leaked = "    - {kid: leaked, secret: \"the signing secret that leaks, 32 chars\"";
  host.settings().more_sections =
      "auth:\n  required: true\n  keys:\n" +
      (retired ? "    - {kid: fresh, secret: \"the signing secret that replaces it, 32\"}\n" + leaked +
                     ", verify_until: 2026-01-01T00:00:00Z}\n"
               : leaked + "}\n");
}

json::object accepted(HostProcess& host, const std::string& arguments, int code) {
  const CtlResult listed = ctl(host, "secrets accepted " + arguments + " --json");
  INFO(listed.out);
  REQUIRE(listed.code == code);
  return listed.json().as_object();
}

}  // namespace

TEST_CASE(
    "Ops: key leak: what was accepted with tokens of a key, and with callbacks that it proved, is listed",
    "[coverage][key_leak]") {
  Desk desk("key-leak", [](HostProcess& host) {
    use_keys(host, false);
    Desk::keep_sent(host);
  });
  const std::string shop = desk.token({"payouts:read", "payouts:write"});
  const std::string admin = desk.token({"admin"}, "awa");
  const std::string sent = desk.pay("before", "46733100001", bearer(shop));
  REQUIRE(desk.reaches(sent, "SENT"));
  REQUIRE(desk.call(sent, Desk::webhook_secret).status == 200);
  REQUIRE(desk.call(sent, "another secret").status == 401);
  REQUIRE(desk.host.request("POST", "/v1/admin/providers/momo/pause", R"({"note":"by token"})", bearer(admin))
              .status == 200);
  const std::string waits = desk.pay("waits", "46733100002", bearer(shop));
  // Over the control socket nobody shows a token.
  REQUIRE(desk.operate("POST", "/v1/admin/providers/momo/pause", {{"note", "by socket"}}).status == 200);

  // The key is replaced, and retired at once.
  use_keys(desk.host, true);
  REQUIRE(desk.host.stop() == 0);
  desk.host.start();
  REQUIRE(desk.host.wait_until_ready());
  CHECK(desk.host.request("GET", "/v1/payouts", {}, bearer(shop)).status == 401);
  const std::string fresh = desk.token({"payouts:read", "payouts:write"});
  desk.pay("after", "46733100003", bearer(fresh));

  const json::object found = accepted(desk.host, "leaked", 1);
  const json::object& payouts = found.at("payouts").as_object();
  CHECK(payouts.at("count").as_int64() == 2);
  CHECK(payouts.at("stoppable").as_int64() == 1);
  CHECK(payouts.at("without_key").as_int64() == 0);
  CHECK(payouts.at("rows").at(0).at("id").as_string() == waits);
  CHECK(payouts.at("rows").at(1).at("id").as_string() == sent);
  CHECK(payouts.at("rows").at(1).at("actor").as_string() == "client:shop");
  const json::object& actions = found.at("actions").as_object();
  REQUIRE(actions.at("count").as_int64() == 1);
  CHECK(actions.at("rows").at(0).at("actor").as_string() == "operator:awa");
  CHECK(actions.at("rows").at(0).at("detail").at("note").as_string() == "by token");
  // The webhook's secret is a key of its own, and only what it proved counts.
  CHECK(found.at("callbacks").at("count").as_int64() == 0);
  const json::object calls = accepted(desk.host, "env --kind webhook --provider momo", 0);
  CHECK(calls.at("callbacks").at("count").as_int64() == 1);
  CHECK(calls.at("callbacks").at("applied").as_int64() == 1);
  CHECK(calls.at("callbacks").at("rows").at(0).at("payout").at("id").as_string() == sent);

  // By one token, by one subject; another key has its own.
  const std::string token_id(payouts.at("rows").at(0).at("token_id").as_string());
  CHECK(accepted(desk.host, "--token-id " + token_id, 1).at("payouts").at("count").as_int64() == 2);
  CHECK(accepted(desk.host, "--subject awa", 0).at("actions").at("count").as_int64() == 1);
  CHECK(accepted(desk.host, "fresh", 1).at("payouts").at("count").as_int64() == 1);
  CHECK(accepted(desk.host, "nobody", 0).at("payouts").at("count").as_int64() == 0);

  // Page after page is the same as all at once.
  std::string cursor;
  int pages = 0;
  std::vector<std::string> ids;
  do {
    const auto page = desk.operate("GET", "/v1/admin/secrets/accepted/payouts?key_id=leaked&look_at=1" +
                                              (cursor.empty() ? "" : "&cursor=" + cursor));
    REQUIRE(page.status == 200);
    const json::value read = page.json();
    for (const json::value& row : read.at("payouts").as_array()) ids.emplace_back(row.at("id").as_string());
    cursor = read.at("next").is_null() ? "" : std::string(read.at("next").as_string());
  } while (!cursor.empty() && ++pages < 10);
  CHECK(ids == std::vector<std::string>{waits, sent});

  // What waits is stopped by the command that the list names.
  CHECK(ctl(desk.host, "secrets accepted leaked --stoppable | xargs -n 1 " +
                           (build_bin() / "payoutctl").string() + " cancel --socket " +
                           desk.host.control_socket().string())
            .code == 0);
  CHECK(desk.state(waits) == "CANCELLED");
  desk.sql("select app.archive_finished(0, 100)");
  REQUIRE(desk.sql("select count(*) from app.payouts_history where id = '" + waits + "'") == "1");
  const json::object stopped = accepted(desk.host, "leaked", 0);
  CHECK(stopped.at("payouts").at("stoppable").as_int64() == 0);
  CHECK(stopped.at("payouts").at("count").as_int64() == 2);

  // The chain of the audit log holds with and without tokens, and a token that was exchanged shows.
  CHECK(ctl(desk.host, "audit verify").code == 0);
  desk.sql("alter table app.audit disable trigger all");
  desk.sql("update app.audit set token_id = 'another' where key_id is not null");
  desk.sql("alter table app.audit enable trigger all");
  CHECK(ctl(desk.host, "audit verify").code == 1);
}
