// Messages on their way: signed, repeated, never to two hosts at once, and none held up by another's
// endpoint.
#include <catch2/catch.hpp>
#include <thread>

#include "core/ids.hpp"
#include "notify_fixture.hpp"

using namespace payoutd;
using namespace payoutd::test;
using core::State;
using std::chrono::milliseconds;
using std::chrono::seconds;
using store::EndpointChange;
namespace json = boost::json;

namespace {

std::string delivery(NotifyFixture& f, const std::string& what) {
  return f.value("select " + what + " from app.notification_deliveries");
}

std::string endpoint_of(NotifyFixture& f, const std::string& what) {
  return f.value("select " + what + " from app.notification_endpoints");
}

Awaitable<bool> claim_and_die(store::Pool* pool, store::DeliveryClaim claim) {
  const auto due = co_await pool->transact(
      [claim](pqxx::transaction_base& work) { return store::claim_deliveries(work, claim); });
  co_return !due.empty();
}

}  // namespace

TEST_CASE("a message is signed with the endpoint's secret and carries what the specification asks for",
          "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  const auto endpoint = f.endpoint(receiver.url("/hook?x=1"), {"payout.confirmed"});
  REQUIRE(endpoint.secret.starts_with("whsec_"));
  f.confirmed();
  REQUIRE(f.run_until([&] { return receiver.count() == 1; }));
  REQUIRE(f.run_until_settled());
  const ReceivedMessage message = receiver.received().front();
  CHECK(message.method == "POST");
  CHECK(message.path == "/hook?x=1");
  CHECK(message.header("content-type") == "application/json");
  CHECK(message.id() == f.value("select id from app.notifications"));
  CHECK(message.body == f.value("select payload from app.notifications"));
  CHECK(signed_with(message, endpoint.secret));
  CHECK(signatures_of(message) == 1);
  CHECK_FALSE(signed_with(message, f.endpoint(receiver.url()).secret));
  const std::int64_t sent_s = std::stoll(message.header("webhook-timestamp"));
  CHECK(std::abs(sent_s - static_cast<std::int64_t>(::time(nullptr))) < 30);
  CHECK(delivery(f, "state || ' ' || attempts || ' ' || last_status") == "delivered 1 200");
  CHECK(f.run_until([&] { return f.host->results["delivered"] == 1; }));
}

TEST_CASE("no secret stands in the database", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  const auto endpoint = f.endpoint(receiver.url());
  f.confirmed();
  REQUIRE(f.run_until_settled());
  const std::string dump = f.value(
      "select (select string_agg(e::text, ' ') from app.notification_endpoints e) || (select "
      "string_agg(n::text, ' ')"
      " from app.notifications n) || (select string_agg(d::text, ' ') from app.notification_deliveries d)");
  CHECK(dump.find(endpoint.secret.substr(6)) == std::string::npos);
  CHECK(dump.find("master key") == std::string::npos);
}

TEST_CASE("what is not taken comes again under the same id, until it is", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  receiver.behave([&, n = std::make_shared<std::atomic<int>>(0)](const ReceivedMessage&) {
    const int now = ++*n;
    if (now == 1) return ReceiverAnswer{.status = 500, .body = "out of order"};
    if (now == 2) return ReceiverAnswer{.cut = true};
    if (now == 3) return ReceiverAnswer{.status = 404};
    return ReceiverAnswer{.status = 204};
  });
  const auto endpoint = f.endpoint(receiver.url(), {"payout.confirmed"});
  f.confirmed();
  REQUIRE(f.run_until([&] { return receiver.count() == 1; }));
  REQUIRE(f.run_until([&] { return delivery(f, "last_error") != ""; }));
  CHECK(delivery(f, "last_error") == "HTTP 500: out of order");
  REQUIRE(f.run_until_settled());
  const auto all = receiver.received();
  REQUIRE(all.size() >= 4);  // a cut connection may have been tried once more at once
  for (const ReceivedMessage& one : all) {
    CHECK(one.id() == all.front().id());
    CHECK(one.body == all.front().body);
    CHECK(signed_with(one, endpoint.secret));
  }
  CHECK(delivery(f, "state || ' ' || coalesce(last_error, '-')") == "delivered -");
  CHECK(endpoint_of(f, "failures || ' ' || (failing_since is null)") == "0 true");
}

TEST_CASE("a receiver that is away is told when it is back", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  f.endpoint(receiver.url(), {"payout.confirmed"});
  receiver.stop();
  for (int i = 0; i < 5; ++i) f.confirmed();
  REQUIRE(f.run_until([&] { return f.host->results["unreachable"] >= 2; }));
  CHECK(endpoint_of(f, "failing_since is not null and quiet_until > now() - interval '1 minute'") == "t");
  receiver.start();
  REQUIRE(f.run_until_settled());
  CHECK(f.count("app.notification_deliveries where state = 'delivered'") == 5);
}

TEST_CASE("a slow endpoint holds up nobody else", "[notifications]") {
  NotifyFixture f;
  Receiver slow;
  Receiver quick;
  slow.behave([](const ReceivedMessage&) { return ReceiverAnswer{.delay = milliseconds{800}}; });
  f.endpoint(slow.url(), {"payout.confirmed"});
  f.endpoint(quick.url(), {"payout.confirmed"});
  const auto began = std::chrono::steady_clock::now();
  for (int i = 0; i < 40; ++i) f.confirmed();
  REQUIRE(f.run_until([&] { return quick.count() == 40; }));
  // Forty messages at eight at a time need four seconds on the slow side.
  CHECK(slow.count() < 40);
  CHECK(std::chrono::steady_clock::now() - began < seconds{20});
  REQUIRE(f.run_until_settled());
  CHECK(slow.count() == 40);
}

TEST_CASE("an endpoint that does not answer in time is tried again, one message at a time",
          "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::atomic<bool> late{true};
  receiver.behave([&](const ReceivedMessage&) {
    const int now = ++at_once;
    most = std::max(most.load(), now);
    const bool is_late = late;
    if (is_late) std::this_thread::sleep_for(milliseconds{1'500});
    --at_once;
    return ReceiverAnswer{};
  });
  f.endpoint(receiver.url(), {"payout.confirmed"});
  f.confirmed();
  REQUIRE(f.run_until([&] { return f.host->results["no_answer"] >= 1; }));
  most = 0;
  for (int i = 0; i < 6; ++i) f.confirmed();
  REQUIRE(f.run_until([&] { return f.host->results["no_answer"] >= 3; }));
  CHECK(most <= 2);  // the one before may still be asleep in the receiver
  late = false;
  REQUIRE(f.run_until_settled());
}

TEST_CASE("410 disables the endpoint, which is told and audited; enabling it sends what waited",
          "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  receiver.behave(410);
  const auto id = f.endpoint(receiver.url(), {"payout.confirmed"}).endpoint.id;
  f.confirmed();
  REQUIRE(f.run_until([&] { return endpoint_of(f, "disabled_why") == "gone"; }));
  f.confirmed();
  f.run_for(milliseconds{300});
  CHECK(receiver.count() == 1);
  CHECK(f.run_until([&] { return f.host->observer.logged("notify.endpoint_disabled"); }));
  CHECK(f.count("app.audit where action = 'disable notification endpoint' and subject = '" + id + "'") == 1);
  const auto backlog = f.await(f.host->notifier().backlog());
  CHECK(backlog.disabled == 1);
  CHECK(backlog.pending == 0);
  CHECK(backlog.held == 2);
  receiver.behave(200);
  f.await(f.host->notifier().change(id, EndpointChange::enable, "operator:test", "they are back"));
  REQUIRE(f.run_until_settled());
  CHECK(f.count("app.notification_deliveries where state = 'delivered'") == 2);
}

TEST_CASE("an endpoint that only failed for too long is disabled, one that succeeded in between is not",
          "[notifications]") {
  auto options = NotifyFixture::options();
  options.sender.disable_after = seconds{1};
  NotifyFixture f(options);
  Receiver receiver;
  std::atomic<int> n{0};
  receiver.behave([&](const ReceivedMessage& message) {
    // The first message is refused for ever, the others are taken.
    const bool first = message.body.find("\"key-1\"") != std::string::npos;
    ++n;
    return ReceiverAnswer{.status = first ? 400 : 200};
  });
  f.endpoint(receiver.url(), {"payout.confirmed"});
  f.confirmed();
  const auto until = std::chrono::steady_clock::now() + milliseconds{2'500};
  while (std::chrono::steady_clock::now() < until) {
    f.confirmed();
    f.run_for(milliseconds{150});
  }
  CHECK(endpoint_of(f, "disabled_at is null") == "t");
  REQUIRE(f.run_until([&] { return endpoint_of(f, "disabled_why") == "failing"; }));
  CHECK(f.run_until([&] { return f.host->observer.logged("notify.endpoint_disabled"); }));
}

TEST_CASE("a message is given up after its time, and comes again when it is replayed", "[notifications]") {
  auto options = NotifyFixture::options();
  options.sender.give_up_after = seconds{1};
  NotifyFixture f(options);
  Receiver receiver;
  receiver.behave(500);
  const auto id = f.endpoint(receiver.url(), {"payout.confirmed"}).endpoint.id;
  f.confirmed();
  REQUIRE(f.run_until_settled());
  CHECK(delivery(f, "state") == "failed");
  CHECK(f.run_until([&] { return f.host->results["given_up"] == 1; }));
  CHECK(f.host->observer.logged("notify.given_up"));
  const auto before = receiver.count();
  receiver.behave(200);
  store::DeliveryReplay replay;
  replay.endpoint_id = id;
  replay.failed_only = true;
  replay.dry_run = true;
  CHECK(f.await(f.host->notifier().replay(replay)).matching == 1);
  CHECK(delivery(f, "state") == "failed");
  replay.dry_run = false;
  CHECK(f.await(f.host->notifier().replay(replay)).deliveries.size() == 1);
  REQUIRE(f.run_until([&] { return delivery(f, "state") == "delivered"; }));
  CHECK(receiver.count() == before + 1);
  CHECK(receiver.received().back().id() == receiver.received().front().id());
}

TEST_CASE("a replay sends what was delivered again too, and tells an endpoint that came later what it missed",
          "[notifications]") {
  NotifyFixture f;
  Receiver first;
  Receiver later;
  f.endpoint(first.url(), {"payout.confirmed"});
  for (int i = 0; i < 3; ++i) f.confirmed();
  REQUIRE(f.run_until_settled());
  REQUIRE(first.count() == 3);
  const auto id = f.endpoint(later.url(), {"payout.confirmed"}).endpoint.id;
  store::DeliveryReplay replay;
  replay.endpoint_id = id;
  replay.dry_run = true;
  const auto dry = f.await(f.host->notifier().replay(replay));
  CHECK(dry.matching == 3);
  CHECK(dry.deliveries.front().state == "new");
  CHECK(dry.deliveries.front().endpoint_id == id);
  replay.dry_run = false;
  f.await(f.host->notifier().replay(replay));
  REQUIRE(f.run_until_settled());  // a replay of what is on its way this moment is that one
  CHECK(later.count() == 3);
  CHECK(first.count() == 3);
  replay = {};
  replay.notification_id = first.received().front().id();
  CHECK(f.await(f.host->notifier().replay(replay)).matching == 2);
  REQUIRE(f.run_until([&] { return later.count() == 4 && first.count() == 4; }));
  replay = {};
  replay.since_s = 3'600;
  replay.failed_only = true;
  REQUIRE(f.run_until_settled());
  CHECK(f.await(f.host->notifier().replay(replay)).matching == 0);
}

TEST_CASE("a pause holds what there is to tell, and resuming sends it", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  const auto id = f.endpoint(receiver.url(), {"payout.confirmed"}).endpoint.id;
  f.await(f.host->notifier().change(id, EndpointChange::pause, "operator:test", "their deploy"));
  f.confirmed();
  f.run_for(milliseconds{300});
  CHECK(receiver.count() == 0);
  f.await(f.host->notifier().change(id, EndpointChange::resume, "operator:test", ""));
  REQUIRE(f.run_until_settled());
  CHECK(receiver.count() == 1);
}

TEST_CASE("a rotated secret signs beside the old one, until the overlap is over", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  const auto before = f.endpoint(receiver.url(), {"payout.confirmed"});
  const auto after =
      f.await(f.host->notifier().rotate(before.endpoint.id, seconds{3'600}, "operator:test", ""));
  REQUIRE(after);
  CHECK(after->secret != before.secret);
  CHECK(after->old_secret == before.secret);
  f.confirmed();
  REQUIRE(f.run_until_settled());
  CHECK(signatures_of(receiver.received().back()) == 2);
  CHECK(signed_with(receiver.received().back(), before.secret));
  CHECK(signed_with(receiver.received().back(), after->secret));
  const auto leaked =
      f.await(f.host->notifier().rotate(before.endpoint.id, seconds{0}, "operator:test", "leaked"));
  CHECK(leaked->old_secret.empty());
  f.confirmed();
  REQUIRE(f.run_until_settled());
  CHECK(signatures_of(receiver.received().back()) == 1);
  CHECK(signed_with(receiver.received().back(), leaked->secret));
  CHECK_FALSE(signed_with(receiver.received().back(), after->secret));
}

TEST_CASE("another master key changes no secret that was given out; endpoints move to it when they rotate",
          "[notifications]") {
  auto options = NotifyFixture::options();
  NotifyFixture f(options);
  Receiver receiver;
  const auto before = f.endpoint(receiver.url(), {"payout.confirmed"});
  options.sender.keys = notify::EndpointKeys({{"second", Secret("the second master key of these tests")},
                                              {"first", Secret("the first master key of these tests")}});
  f.host->notifier().configure(options);
  f.confirmed();
  REQUIRE(f.run_until_settled());
  CHECK(signed_with(receiver.received().back(), before.secret));
  const auto after =
      f.await(f.host->notifier().rotate(before.endpoint.id, std::nullopt, "operator:test", ""));
  CHECK(after->endpoint.secret.key_id == "second");
  options.sender.keys = notify::EndpointKeys({{"second", Secret("the second master key of these tests")}});
  f.host->notifier().configure(options);
  f.confirmed();
  REQUIRE(f.run_until_settled());
  CHECK(signed_with(receiver.received().back(), after->secret));
  CHECK(signatures_of(receiver.received().back()) == 1);  // the old one's key is not here any more
}

TEST_CASE("a host leaves endpoints alone whose key it does not have", "[notifications]") {
  auto options = NotifyFixture::options();
  NotifyFixture f(options);
  Receiver receiver;
  f.endpoint(receiver.url(), {"payout.confirmed"});
  options.sender.keys = notify::EndpointKeys({{"other", Secret("a master key that made no secret here")}});
  f.host->notifier().configure(options);
  f.confirmed();
  f.run_for(milliseconds{300});
  CHECK(receiver.connections() == 0);
  CHECK(delivery(f, "state || ' ' || attempts") == "pending 0");
}

TEST_CASE("addresses are judged when the name was looked up, and redirects lead nowhere", "[notifications]") {
  auto options = NotifyFixture::options();
  NotifyFixture f(options);
  Receiver target;
  Receiver receiver;
  receiver.behave([&](const ReceivedMessage&) {
    return ReceiverAnswer{.status = 307, .headers = {{"Location", target.url()}}};
  });
  SECTION("a redirect is not followed") {
    f.endpoint(receiver.url(), {"payout.confirmed"});
    f.confirmed();
    REQUIRE(f.run_until([&] { return f.host->results["redirected"] >= 1; }));
    CHECK(target.connections() == 0);
  }
  SECTION("a name that means this machine is refused like its address, without a connection") {
    options.sender.allowed_networks = {};
    for (const char* host : {"localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"}) {
      INFO(host);
      f.host->notifier().configure(NotifyFixture::options());
      const auto id =
          f.endpoint("http://" + std::string(host) + ":" + std::to_string(receiver.port()) + "/hook",
                     {"payout.confirmed"})
              .endpoint.id;
      f.host->notifier().configure(options);
      f.confirmed();
      REQUIRE(f.run_until([&] {
        return f.value("select d.last_error from app.notification_deliveries d where d.endpoint_id = '" + id +
                       "'")
                   .find("loopback") != std::string::npos;
      }));
      f.await(f.host->notifier().change(id, EndpointChange::remove, "operator:test", ""));
    }
    CHECK(f.host->results["address_refused"] >= 5);
    CHECK(receiver.connections() == 0);
  }
  SECTION("a literal address is refused when the endpoint is made") {
    options.sender.allowed_networks = {};
    f.host->notifier().configure(options);
    notify::Administration::NewEndpoint wanted;
    wanted.url = receiver.url();
    wanted.actor = "operator:test";
    const auto refused = f.await(f.host->notifier().add(wanted));
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().field == "url");
    options.sender.plain_http = false;
    options.sender.allowed_networks = {"127.0.0.1"};
    f.host->notifier().configure(options);
    CHECK(f.await(f.host->notifier().add(wanted)).error().reason.find("https") != std::string::npos);
  }
}

TEST_CASE("an endpoint that asks for a pause gets it, for all messages", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  receiver.behave([](const ReceivedMessage&) {
    return ReceiverAnswer{.status = 429, .headers = {{"Retry-After", "600"}}};
  });
  f.endpoint(receiver.url(), {"payout.confirmed"});
  f.confirmed();
  REQUIRE(f.run_until([&] { return f.host->results["refused"] == 1; }));
  f.confirmed();
  f.run_for(milliseconds{500});
  CHECK(receiver.count() == 1);
  CHECK(endpoint_of(f, "quiet_until > now() + interval '9 minutes'") == "t");
  CHECK(f.value(
            "select max(next_attempt_at) > now() + interval '9 minutes' from app.notification_deliveries") ==
        "t");
}

TEST_CASE("two hosts share the work, and never send the same message twice", "[notifications]") {
  NotifyFixture f;
  NotifyHost second(f.io, f.database, NotifyFixture::options());
  second.start();
  Receiver receiver;
  receiver.behave([](const ReceivedMessage&) { return ReceiverAnswer{.delay = milliseconds{20}}; });
  f.endpoint(receiver.url(), {"payout.confirmed"});
  for (int i = 0; i < 120; ++i) f.confirmed();
  REQUIRE(f.run_until_settled());
  std::set<std::string> ids;
  for (const ReceivedMessage& one : receiver.received()) ids.insert(one.id());
  CHECK(ids.size() == 120);
  CHECK(receiver.count() == 120);
  CHECK(f.host->results["delivered"] > 0);
  CHECK(second.results["delivered"] > 0);
}

TEST_CASE("what a host that died held is sent when its lease is over, not before", "[notifications]") {
  NotifyFixture f(NotifyFixture::options(), false);
  Receiver receiver;
  f.endpoint(receiver.url(), {"payout.confirmed"});
  f.confirmed();
  store::Pool pool(f.io.get_executor(), {.dsn = f.database.dsn(), .connections = 1});
  store::DeliveryClaim claim;
  claim.host = core::random_uuid();
  claim.key_ids = {"first"};
  claim.lease = milliseconds{1'200};
  REQUIRE(f.await(claim_and_die(&pool, claim)));
  const auto died = std::chrono::steady_clock::now();
  f.host->start();
  CHECK_FALSE(f.run_until([&] { return receiver.count() > 0; }, milliseconds{700}));
  REQUIRE(f.run_until([&] { return receiver.count() == 1; }));
  CHECK(std::chrono::steady_clock::now() - died >= milliseconds{1'000});
  REQUIRE(f.run_until_settled());
  CHECK(delivery(f, "attempts") == "2");
  pool.stop();
}

TEST_CASE("a stopping host finishes what it sends and leaves the rest", "[notifications]") {
  NotifyFixture f;
  Receiver receiver;
  receiver.behave([](const ReceivedMessage&) { return ReceiverAnswer{.delay = milliseconds{300}}; });
  f.endpoint(receiver.url(), {"payout.confirmed"});
  for (int i = 0; i < 20; ++i) f.confirmed();
  REQUIRE(f.run_until([&] { return receiver.count() >= 4; }));
  CHECK(f.host->drain(seconds{5}));
  const auto sent = receiver.count();
  CHECK(sent < 20);
  CHECK(static_cast<std::size_t>(f.count("app.notification_deliveries where state = 'delivered'")) == sent);
  CHECK(f.count("app.notification_deliveries where state = 'pending' and lease is not null") == 0);
  NotifyHost next(f.io, f.database, NotifyFixture::options());
  next.start();
  REQUIRE(f.run_until_settled());
  CHECK(receiver.count() == 20);
}

TEST_CASE("a script's schedule counts for notifications and no provider's does", "[notifications]") {
  policy::BackoffQuestion question;
  question.provider = "notification";
  question.purpose = policy::Purpose::notify;
  const std::string script =
      "local backoff = {}\nfunction backoff.next(attempt)\n  if attempt.code == '503' then return 'give_up' "
      "end\n"
      "  return 1234\nend\nbackoff.tests = {{ name = 't', attempt = { purpose = 'retry' }, expect = 1234 "
      "}}\nreturn backoff\n";
  const auto fallback =
      policy::Bundle::build({{{"backoff/default.lua", script}, {"backoff/acme.lua", script}}});
  CHECK(fallback->backoff(question).script.empty());
  const auto bundle = policy::Bundle::build({{{"backoff/notification.lua", script}}});
  CHECK(std::get<milliseconds>(bundle->backoff(question).answer) == seconds{1'234});
  question.code = "503";
  CHECK(std::holds_alternative<policy::GiveUp>(bundle->backoff(question).answer));
  question.purpose = policy::Purpose::retry;
  CHECK(bundle->backoff(question).script.empty());  // a provider of that name has no schedule in it
  policy::BuiltInPolicy built_in({}, 1);
  question.purpose = policy::Purpose::notify;
  const auto pause = std::get<milliseconds>(built_in.backoff(question).answer);
  CHECK(pause >= seconds{4});
  CHECK(pause <= seconds{6});
}

TEST_CASE("old notifications are forgotten, delivered or not", "[notifications]") {
  NotifyFixture f(NotifyFixture::options(), false);
  f.endpoint("http://127.0.0.1:9/", {"payout.confirmed"});
  f.confirmed();
  f.confirmed();
  f.value("update app.notifications set at = at - interval '2 days'");
  f.value(
      "update app.notification_deliveries set created_at = created_at - interval '2 days', wanted_since = "
      "wanted_since"
      " - interval '2 days'");
  f.confirmed();
  auto connection = f.database.connect();
  const auto prune = [&](std::chrono::seconds age, int limit) {
    return store::in_transaction(connection, [&](pqxx::transaction_base& work) {
      return store::prune_notifications(work, age, limit);
    });
  };
  CHECK(prune(std::chrono::hours{72}, 10).rows == 0);
  CHECK(prune(std::chrono::hours{24}, 1).rows == 2);
  CHECK(prune(std::chrono::hours{24}, 10).undelivered == 1);
  CHECK(f.count("app.notifications") == 1);
  CHECK(f.count("app.notification_deliveries") == 1);
}
