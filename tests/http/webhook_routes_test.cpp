// Callbacks over HTTP, and what operators do with them: one test for each line of the runbooks.
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;

namespace {

RawResponse hook(const RunningServer& running, const std::string& tail, const std::string& body = "{}",
                 const char* method = "POST", const std::map<std::string, std::string>& headers = {}) {
  return running.ask(request(method, "/v1/webhooks/" + tail, body, headers));
}

store::InboxEvent event(const std::string& state) {
  store::InboxEvent e;
  e.id = core::random_uuid();
  e.provider = "momo-ci";
  e.method = "POST";
  e.path = "/v1/webhooks/momo-ci/ref-1/0123456789abcdef0123456789abcdef";
  e.headers = {{"content-type", "application/json"},
               {"x-signature", "sha256=" + std::string(64, 'a')},
               {"authorization", "Basic cGxhbnRlZDpwbGFudGVkLXNlY3JldA=="}};
  e.body = R"({"financialTransactionId":"77","payee":{"partyId":"22507000001"}})";
  e.state = state;
  e.received_at = "2026-01-31T08:00:00.000Z";
  e.flow_id = "flow-1";
  return e;
}

RawResponse as_operator(const RunningServer& running, const std::string& method, const std::string& target,
                        const std::string& body = {}) {
  return running.ask_as_operator(body.empty()
                                     ? request(method, target)
                                     : request(method, target, body, {{"Content-Type", "application/json"}}));
}

}  // namespace

TEST_CASE("webhook: raw bytes, method, path and headers reach the inbox as they came") {
  RunningServer running;
  const RawResponse taken = hook(running, "momo-ci/ref-1/good?x=1", "{\"raw\": true}", "PUT",
                                 {{"Content-Type", "text/xml"}, {"X-Signature", "sha256=ab"}});
  CHECK(taken.status == 200);
  CHECK(taken.json().at("applied").as_bool());
  const engine::Callback& callback = running.host.last_callback;
  CHECK(callback.webhook.method == "PUT");
  CHECK(callback.webhook.path == "/v1/webhooks/momo-ci/ref-1/good?x=1");
  CHECK(callback.webhook.body == "{\"raw\": true}");
  CHECK(callback.webhook.reference == "ref-1");
  CHECK(callback.signature == "good");
  CHECK(callback.remote_address == "127.0.0.1");
  CHECK_FALSE(callback.flow_id.empty());
  const auto& headers = callback.webhook.headers;
  CHECK(std::count(headers.begin(), headers.end(),
                   std::pair<std::string, std::string>("x-signature", "sha256=ab")) == 1);
}

TEST_CASE("webhook: the recorded address is whom a trusted proxy asks for, and nobody else's word") {
  http::RouterOptions options;
  const bool is_trusted = GENERATE(false, true);
  if (is_trusted) options.gate.trusted_proxies = {"127.0.0.1"};
  RunningServer running({}, options);
  CHECK(hook(running, "momo-ci/ref-1/good", "{}", "POST", {{"X-Forwarded-For", "6.6.6.6, 198.51.100.7"}})
            .status == 200);
  CHECK(running.host.last_callback.remote_address == (is_trusted ? "198.51.100.7" : "127.0.0.1"));
}

TEST_CASE("webhook: missing or wrong signature 401") {
  RunningServer running;
  const RawResponse missing = hook(running, "momo-ci");
  CHECK(missing.status == 401);
  CHECK(missing.code() == "SIGNATURE_MISSING");
  CHECK(hook(running, "momo-ci/ref-1").status == 401);
  const RawResponse wrong = hook(running, "momo-ci/ref-1/wrong");
  CHECK(wrong.status == 401);
  CHECK(wrong.code() == "BAD_SIGNATURE");
}

TEST_CASE("webhook: bad JSON 400") {
  RunningServer running;
  CHECK(hook(running, "momo-ci/ref-1/good", "garbage").status == 400);
}

TEST_CASE("webhook: unknown payout 200 with a reason, stored") {
  RunningServer running;
  const RawResponse unknown = hook(running, "momo-ci/unknown_payout/good");
  CHECK(unknown.status == 200);
  CHECK_FALSE(unknown.json().at("applied").as_bool());
  CHECK(unknown.json().at("reason").as_string() == "unknown_payout");
  CHECK_FALSE(unknown.json().at("event_id").as_string().empty());
}

TEST_CASE("webhook: already final 200") {
  RunningServer running;
  const RawResponse done = hook(running, "momo-ci/already_final/good");
  CHECK(done.status == 200);
  CHECK(done.json().at("reason").as_string() == "already_final");
}

TEST_CASE("webhook: DB outage answers 503, and so do stopped writes") {
  RunningServer running;
  CHECK(hook(running, "momo-ci/ref-1/away").status == 503);
  const RawResponse stopped = hook(running, "momo-ci/ref-1/stopped");
  CHECK(stopped.status == 503);
  CHECK(stopped.headers.contains("retry-after"));
  CHECK(hook(running, "momo-ci/ref-1/many").status == 429);
  CHECK(running.host.blocked("callbacks") == 1);
  CHECK(hook(running, "nope/ref-1/good").status == 404);
}

TEST_CASE("webhook: bodies and headers have limits") {
  RunningServer running;
  CHECK(hook(running, "momo-ci/ref-1/good", std::string(256 * 1024 + 1, 'x')).status == 413);
  std::map<std::string, std::string> many;
  for (int i = 0; i < 120; ++i) many["X-Filler-" + std::to_string(i)] = "v";
  CHECK(hook(running, "momo-ci/ref-1/good", "{}", "POST", many).status == 431);
}

TEST_CASE("webhook inbox: listed with filters, shown without secrets") {
  RunningServer running;
  running.host.inbox = {event("applied"), event("failed")};
  const RawResponse list = as_operator(
      running, "GET",
      "/v1/admin/webhooks/events?provider=momo-ci&since=24h&state=failed&failed_only=true&limit=7");
  REQUIRE(list.status == 200);
  CHECK(list.json().at("events").as_array().size() == 2);
  CHECK(running.host.last_inbox_filter.provider == "momo-ci");
  CHECK(running.host.last_inbox_filter.since_s == 86'400);
  CHECK(running.host.last_inbox_filter.state == "failed");
  CHECK(running.host.last_inbox_filter.failed_only);
  CHECK(running.host.last_inbox_filter.limit == 7);
  const std::string next(list.json().at("next").as_string());
  CHECK(as_operator(running, "GET", "/v1/admin/webhooks/events?cursor=" + next).status == 200);
  for (const char* bad : {"state=done", "since=week", "since=0h", "failed_only=1", "limit=0", "limit=501",
                          "payout=x", "cursor=x", "cursor=x,y"})
    CHECK(as_operator(running, "GET", std::string("/v1/admin/webhooks/events?") + bad).status == 400);

  const RawResponse shown =
      as_operator(running, "GET", "/v1/admin/webhooks/events/" + running.host.inbox.front().id);
  REQUIRE(shown.status == 200);
  CHECK(shown.body.find("cGxhbnRlZDpwbGFudGVk") == std::string::npos);
  CHECK(shown.body.find(std::string(64, 'a')) == std::string::npos);
  CHECK(shown.body.find("0123456789abcdef0123456789abcdef") == std::string::npos);
  CHECK(shown.body.find("22507000001") == std::string::npos);
  CHECK(shown.body.find("application/json") != std::string::npos);
  CHECK(as_operator(running, "GET", "/v1/admin/webhooks/events/" + core::random_uuid()).status == 404);
  CHECK(as_operator(running, "GET", "/v1/admin/webhooks/events/1").status == 404);
}

TEST_CASE("webhook inbox: verify and replay one event") {
  RunningServer running;
  running.host.inbox = {event("failed"), event("rejected")};
  const std::string base = "/v1/admin/webhooks/events/" + running.host.inbox[0].id;
  CHECK(as_operator(running, "POST", base + "/verify").status == 200);
  const RawResponse replayed =
      as_operator(running, "POST", base + "/replay", R"({"note":"after the outage"})");
  CHECK(replayed.status == 200);
  CHECK(replayed.json().at("state").as_string() == "applied");
  CHECK(running.host.last_replay.find("operator:") == 0);
  CHECK(running.host.last_replay.find("after the outage") != std::string::npos);
  const RawResponse unproven =
      as_operator(running, "POST", "/v1/admin/webhooks/events/" + running.host.inbox[1].id + "/replay");
  CHECK(unproven.status == 409);
  CHECK(unproven.code() == "STILL_UNPROVEN");
  CHECK(as_operator(running, "POST", "/v1/admin/webhooks/events/" + core::random_uuid() + "/replay").status ==
        404);
}

TEST_CASE("webhook inbox: bulk replay with a dry run") {
  RunningServer running;
  running.host.inbox = {event("failed"), event("rejected")};
  const auto bulk = [&](const std::string& body) {
    return as_operator(running, "POST", "/v1/admin/webhooks/replay", body);
  };
  const RawResponse dry = bulk(R"({"provider":"momo-ci","since":"2h","failed_only":true,"dry_run":true})");
  REQUIRE(dry.status == 200);
  CHECK(dry.json().at("matching").as_int64() == 2);
  CHECK(dry.json().at("replays").as_array().empty());
  CHECK(running.host.last_replay.empty());
  CHECK(running.host.last_inbox_filter.failed_only);
  const RawResponse done = bulk(R"({"provider":"momo-ci","since":"2h"})");
  REQUIRE(done.status == 200);
  CHECK(done.json().at("replays").as_array().size() == 2);
  CHECK(done.json().at("still_unproven").as_int64() == 1);
  CHECK(bulk(R"({"failed_only":true})").status == 422);
  CHECK(bulk(R"({"provider":"momo-ci","limit":1001})").status == 400);
  CHECK(bulk(R"({"provider":7})").status == 400);
  CHECK(bulk(R"({"provider":"momo-ci","everything":true})").status == 400);
}
