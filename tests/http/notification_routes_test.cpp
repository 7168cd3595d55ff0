// What administrators do about notifications, over HTTP: what is read, what is refused, what is shown.
#include <boost/json.hpp>
#include <catch2/catch.hpp>

#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

const std::string kId = "0e1c8e53-9f6f-4b0e-a5d5-1d0c1b8a7f00";
const std::string kOther = "0e1c8e53-9f6f-4b0e-a5d5-1d0c1b8a7f01";

class FakeDesk final : public notify::Administration {
 public:
  FakeDesk() {
    endpoint_.id = kId;
    endpoint_.url = "https://shop.example/payouts";
    endpoint_.event_types = {"payout.confirmed"};
    endpoint_.secret = {"june", 2};
    endpoint_.old_secret = store::SecretName{"may", 1};
    endpoint_.old_until = "2026-01-31T08:00:00.000Z";
    endpoint_.created_at = endpoint_.changed_at = "2026-01-30T08:00:00.000Z";
    endpoint_.changed_by = "operator:awa";
  }
  Awaitable<std::vector<store::NotificationEndpoint>> endpoints(bool removed) override {
    asked_removed = removed;
    co_return std::vector{endpoint_};
  }
  Awaitable<std::optional<store::NotificationEndpoint>> endpoint(std::string id) override {
    if (id != kId) co_return std::nullopt;
    co_return endpoint_;
  }
  Awaitable<Result<Revealed>> add(NewEndpoint wanted) override {
    added = wanted;
    if (wanted.url == "bad") co_return Problem{"url", "must begin with https://"};
    co_return Revealed{endpoint_, "whsec_new", ""};
  }
  Awaitable<std::optional<store::NotificationEndpoint>> change(std::string id, store::EndpointChange change,
                                                               std::string actor, std::string note) override {
    if (id != kId) co_return std::nullopt;
    changes.push_back(std::to_string(static_cast<int>(change)) + " " + actor + " " + note);
    auto changed = endpoint_;
    changed.paused = change == store::EndpointChange::pause;
    co_return changed;
  }
  Awaitable<std::optional<Revealed>> rotate(std::string id, std::optional<std::chrono::seconds> overlap,
                                            std::string, std::string) override {
    if (id != kId) co_return std::nullopt;
    rotated = overlap;
    co_return Revealed{endpoint_, "whsec_new", "whsec_old"};
  }
  Awaitable<std::optional<Revealed>> reveal(std::string id) override {
    if (id != kId) co_return std::nullopt;
    co_return Revealed{endpoint_, has_key ? "whsec_new" : "", ""};
  }
  Awaitable<store::DeliveryPage> deliveries(store::DeliveryFilter filter) override {
    last_filter = filter;
    co_return store::DeliveryPage{{row()}, ""};
  }
  Awaitable<std::optional<store::NotificationRow>> notification(std::string id) override {
    if (id != kId) co_return std::nullopt;
    co_return store::NotificationRow{
        kId, "2026-01-30T08:00:00.000Z", kOther, "shop", "payout.failed", "{}", {row()}};
  }
  Awaitable<store::ReplayedDeliveries> replay(store::DeliveryReplay replay) override {
    last_replay = replay;
    if (replay.notification_id == kOther) co_return store::ReplayedDeliveries{};
    co_return store::ReplayedDeliveries{1, {row()}};
  }

  static store::DeliveryRow row() {
    store::DeliveryRow row;
    row.notification_id = kId;
    row.endpoint_id = kOther;
    row.payout_id = kId;
    row.state = "failed";
    row.last_status = 500;
    return row;
  }

  bool asked_removed = false;
  bool has_key = true;
  NewEndpoint added;
  std::vector<std::string> changes;
  std::optional<std::chrono::seconds> rotated;
  store::DeliveryFilter last_filter;
  store::DeliveryReplay last_replay;

 private:
  store::NotificationEndpoint endpoint_;
};

struct Desk {
  Desk() { running.host.desk = &desk; }
  RawResponse get(const std::string& path) const {
    return running.ask_as_operator(request("GET", "/v1/admin/notifications" + path));
  }
  RawResponse post(const std::string& path, const std::string& body = "{}") const {
    return running.ask_as_operator(
        request("POST", "/v1/admin/notifications" + path, body, {{"Content-Type", "application/json"}}));
  }
  FakeDesk desk;
  RunningServer running;
};

std::string code(const RawResponse& response) {
  return std::string(response.json().at("error").at("code").as_string());
}

}  // namespace

TEST_CASE("notifications: a host without them says so") {
  Desk d;
  d.running.host.desk = nullptr;
  CHECK(code(d.get("/endpoints")) == "NOTIFICATIONS_OFF");
}

TEST_CASE("notifications: an endpoint is made with its secret, which no audit entry holds") {
  Desk d;
  const auto made =
      d.post("/endpoints",
             R"({"url":"https://shop.example/payouts","client":"shop","event_types":["payout.failed"]})");
  CHECK(made.status == 201);
  CHECK(made.json().at("signing_secret") == "whsec_new");
  CHECK(d.desk.added.client_id == "shop");
  CHECK(d.desk.added.event_types == std::vector<std::string>{"payout.failed"});
  CHECK(d.desk.added.actor.starts_with("operator:"));
  REQUIRE(d.running.host.audited.size() == 1);
  CHECK(d.running.host.audited[0].action == "POST /v1/admin/notifications/endpoints");
  CHECK(d.running.host.audited[0].detail.find("whsec") == std::string::npos);
  CHECK(code(d.post("/endpoints", "{}")) == "FIELD_MISSING");
  CHECK(code(d.post("/endpoints", R"({"url":"bad"})")) == "INVALID_ENDPOINT");
  CHECK(code(d.post("/endpoints", R"({"url":"x","event_types":"payout.failed"})")) == "BAD_VALUE");
  CHECK(code(d.post("/endpoints", R"({"url":"x","event_types":[1]})")) == "BAD_VALUE");
  CHECK(code(d.post("/endpoints", R"({"url":7})")) == "BAD_VALUE");
  CHECK(code(d.post("/endpoints", R"({"urls":"x"})")) == "UNKNOWN_FIELD");
}

TEST_CASE("notifications: endpoints are shown without their secrets, and changed by name") {
  Desk d;
  const auto listed = d.get("/endpoints?removed=true").json();
  CHECK(d.desk.asked_removed);
  const json::object& one = listed.at("endpoints").at(0).as_object();
  CHECK(one.at("state") == "active");
  CHECK(one.at("secret").at("old").at("until") == "2026-01-31T08:00:00.000Z");
  CHECK(json::serialize(listed).find("whsec") == std::string::npos);
  CHECK(d.get("/endpoints/" + kId).status == 200);
  CHECK(code(d.get("/endpoints/" + kOther)) == "ENDPOINT_NOT_FOUND");
  CHECK(code(d.get("/endpoints/nonsense")) == "ENDPOINT_NOT_FOUND");
  CHECK(d.post("/endpoints/" + kId + "/pause", R"({"note":"their deploy"})").json().at("state") == "paused");
  for (const char* action : {"resume", "enable", "remove"})
    CHECK(d.post("/endpoints/" + kId + "/" + action).status == 200);
  CHECK(d.desk.changes.size() == 4);
  CHECK(d.desk.changes.front().ends_with("their deploy"));
  CHECK(code(d.post("/endpoints/" + kOther + "/pause")) == "ENDPOINT_NOT_FOUND");
  CHECK(d.post("/endpoints/" + kId + "/rotate", R"({"overlap":"2h"})").json().at("old_signing_secret") ==
        "whsec_old");
  CHECK(d.desk.rotated == std::chrono::seconds{7'200});
  CHECK(d.post("/endpoints/" + kId + "/rotate", R"({"overlap":"0s"})").status == 200);
  CHECK(d.post("/endpoints/" + kId + "/rotate", R"({"overlap":"90d"})").status == 400);
  CHECK(d.post("/endpoints/" + kId + "/rotate", R"({"overlap":"soon"})").status == 400);
  CHECK(d.post("/endpoints/" + kId + "/secret").json().at("signing_secret") == "whsec_new");
  CHECK(d.get("/endpoints/" + kId + "/secret").status == 405);  // who looks is recorded
  d.desk.has_key = false;
  CHECK(code(d.post("/endpoints/" + kId + "/secret")) == "KEY_MISSING");
}

TEST_CASE("notifications: lists are filtered, and what is no filter is refused") {
  Desk d;
  const auto page =
      d.get("?endpoint=" + kId + "&state=failed&since=24h&failed_only=true&limit=5&type=payout.failed");
  CHECK(page.status == 200);
  CHECK(page.json().at("deliveries").at(0).at("last_status") == 500);
  CHECK(d.desk.last_filter.endpoint_id == kId);
  CHECK(d.desk.last_filter.since_s == 86'400);
  CHECK(d.desk.last_filter.failed_only);
  CHECK(d.desk.last_filter.limit == 5);
  const std::string cursor = "2026-01-31T08:00:00.000000Z," + kId + "," + kOther;
  CHECK(d.get("?cursor=" + cursor).status == 200);
  CHECK(d.desk.last_filter.before == cursor);
  for (const char* bad : {"?endpoint=x", "?payout=x", "?state=gone", "?since=soon", "?limit=0", "?limit=501",
                          "?cursor=x", "?failed_only=yes", "?provider=momo"})
    CHECK(d.get(bad).status == 400);
  CHECK(
      d.get("?cursor=2026-01-31T08:00:00.000000Z," + kId + ",0e1c8e53-9f6f-4b0e-a5d5-1d0c1b8a7f0'").status ==
      400);
  CHECK(d.get("/" + kId).json().at("deliveries").as_array().size() == 1);
  CHECK(code(d.get("/" + kOther)) == "NOTIFICATION_NOT_FOUND");
}

TEST_CASE("notifications: a replay names what it means") {
  Desk d;
  CHECK(d.post("/" + kId + "/replay", R"({"endpoint":")" + kOther + "\"}").status == 200);
  CHECK(d.desk.last_replay.notification_id == kId);
  CHECK(d.desk.last_replay.endpoint_id == kOther);
  CHECK(code(d.post("/" + kOther + "/replay")) == "NOTIFICATION_NOT_FOUND");
  CHECK(d.post("/replay", R"({"since":"6h","failed_only":true,"dry_run":true,"limit":7})")
            .json()
            .at("matching") == 1);
  CHECK(d.desk.last_replay.since_s == 21'600);
  CHECK(d.desk.last_replay.failed_only);
  CHECK(d.desk.last_replay.dry_run);
  CHECK(d.desk.last_replay.limit == 7);
  CHECK(code(d.post("/replay", R"({"failed_only":true})")) == "FILTER_TOO_WIDE");
  CHECK(d.post("/replay", R"({"endpoint":"x"})").status == 400);
  CHECK(d.post("/replay", R"({"since":"6h","limit":0})").status == 400);
}
