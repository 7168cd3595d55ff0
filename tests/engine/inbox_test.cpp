// The inbox of callbacks: stored, proven, applied, once.
#include <catch2/catch.hpp>

#include "core/ids.hpp"
#include "engine_fixture.hpp"

namespace {

using namespace payoutd;
using namespace payoutd::test;
using engine::Callback;
using engine::CallbackReply;
using Kind = engine::CallbackReply::Kind;
using std::chrono::milliseconds;
using std::chrono::seconds;

const Secret kInstanceKey("the instance key of the engine's tests");
const Secret kSecret("the webhook secret of acme");
const Secret kPrevious("the webhook secret before it");
const Secret kOthers("the webhook secret of another provider");

Awaitable<Status> say(Status status) {
  co_return status;
}

struct Inbox : EngineFixture {
  Inbox() {
    host->engine().inbox().set_answer_within(seconds{5});
    keys({{"current", kSecret, std::nullopt}});
    provider.on_query = [](Order order) {
      return say(ScriptedProvider::found(Status::Kind::pending, order));
    };
  }
  void keys(std::vector<core::WebhookKey> all) {
    host->engine().set_webhook_keys(
        {{"acme", std::move(all)}, {"other", {{"theirs", kOthers, std::nullopt}}}});
  }
  /// A SENT payout whose next query is an hour away; its reference.
  std::string sent(const std::string& key = "k") {
    id = post(key);
    REQUIRE(run_until_state(id, "SENT"));
    value("update app.payouts set next_action_at = now() + interval '1 hour' where id = '" + id + "'");
    provider.on_query = [](Order order) {
      return say(ScriptedProvider::found(Status::Kind::confirmed, order));
    };
    return provider.submitted.back();
  }
  static Callback callback(const std::string& body, const std::string& signature = {}) {
    Callback c;
    c.provider = "acme";
    c.webhook.method = "POST";
    c.webhook.path = "/v1/webhooks/acme";
    c.webhook.body = body;
    c.webhook.headers = {{"content-type", "application/json"}};
    if (!signature.empty()) c.webhook.headers.emplace_back("x-signature", signature);
    c.flow_id = "flow-1";
    c.remote_address = "192.0.2.7";
    return c;
  }
  static Callback signed_callback(const std::string& body, const Secret& secret = kSecret) {
    return callback(body, "sha256=" + core::hmac_sha256_hex(secret, body));
  }
  static Callback url_callback(const std::string& reference, const Secret& key,
                               const std::string& body = "{}") {
    Callback c = callback(body);
    c.webhook.reference = reference;
    c.signature = core::sign_callback(key, "acme", reference);
    c.webhook.path += "/" + reference + "/" + c.signature;
    return c;
  }
  CallbackReply receive(Callback c) { return await(host->engine().inbox().receive(std::move(c))); }
  std::string stored(const std::string& what, const std::string& event) {
    return value("select " + what + " from app.webhook_inbox where id = '" + event + "'");
  }
  bool run_until_stored(const std::string& event, const std::string& state) {
    return run_until([&] { return stored("state", event) == state; });
  }
  /// What the plugin makes of callbacks from now on.
  void reads(WebhookReading::Kind kind, const std::string& reference, const std::string& provider_ref = {}) {
    provider.webhook_reading = WebhookReading{kind, reference, provider_ref, {}, {}, {}};
  }
  std::string id;
};

}  // namespace

TEST_CASE("inbox: a signed hint is stored before the answer and makes the provider be asked now", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const std::string body = R"({"reference":")" + reference + R"("})";
  const CallbackReply reply = f.receive(Inbox::signed_callback(body));
  CHECK(reply.kind == Kind::taken);
  CHECK(reply.applied);
  CHECK(f.stored("convert_from(body, 'UTF8')", reply.event_id) == body);
  CHECK(f.stored("state || ' ' || reason || ' ' || proof || ' ' || key_id", reply.event_id) ==
        "applied asked signature current");
  CHECK(f.stored("payout_id", reply.event_id) == f.id);
  CHECK(f.stored("remote_address", reply.event_id) == "192.0.2.7");
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
  CHECK(f.provider.queried.size() >= 1);
  CHECK(f.host->observer().webhooks == std::map<std::string, int>{{"acme valid applied", 1}});
}

TEST_CASE("inbox: Webhook codes: missing or wrong signature, stored as evidence", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const CallbackReply missing = f.receive(Inbox::callback("{}"));
  CHECK(missing.kind == Kind::signature_missing);
  CHECK(f.stored("state || ' ' || reason || ' ' || signature_valid", missing.event_id) ==
        "rejected signature_missing false");
  const CallbackReply wrong = f.receive(Inbox::callback("{}", std::string(64, '0')));
  CHECK(wrong.kind == Kind::signature_wrong);
  CHECK(f.stored("state || ' ' || reason || ' ' || signature_valid", wrong.event_id) ==
        "rejected bad_signature false");
  Callback changed = Inbox::signed_callback("{}");
  changed.webhook.body = "{ }";
  CHECK(f.receive(changed).kind == Kind::signature_wrong);
  Callback twice = Inbox::signed_callback("{}");
  twice.webhook.headers.emplace_back("X-Signature", "0");
  CHECK(f.receive(twice).kind == Kind::signature_wrong);
  CHECK(f.receive(Inbox::url_callback(reference, Secret("somebody else's instance key"))).kind ==
        Kind::signature_wrong);
  f.run_for(milliseconds{200});
  CHECK(f.state(f.id) == "SENT");
  CHECK(f.host->observer().webhooks == std::map<std::string, int>{{"acme invalid", 5}});
}

TEST_CASE("inbox: the signature may be bare or in upper case", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  std::string digits = core::hmac_sha256_hex(kSecret, "{\"a\":1}");
  CHECK(f.receive(Inbox::callback("{\"a\":1}", digits)).applied);
  for (char& c : digits) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  CHECK(f.receive(Inbox::callback("{\"a\":1}", "SHA256=" + digits)).reason == "duplicate");
}

TEST_CASE("inbox: Webhook codes: bad JSON is refused and stored, with a valid signature", "[inbox]") {
  Inbox f;
  const CallbackReply bad = f.receive(Inbox::signed_callback("{\"a\":"));
  CHECK(bad.kind == Kind::bad_json);
  CHECK(f.stored("state || ' ' || reason || ' ' || signature_valid", bad.event_id) ==
        "rejected bad_json true");
  CHECK(f.receive(Inbox::callback("{\"a\":", "00")).kind == Kind::signature_wrong);
  Callback form = Inbox::signed_callback("a=b");
  form.webhook.headers.front().second = "application/x-www-form-urlencoded";
  CHECK(f.receive(form).kind == Kind::taken);
}

TEST_CASE("inbox: Webhook codes: unknown payout is taken with a reason, and found when it turns up",
          "[inbox]") {
  Inbox f;
  f.reads(WebhookReading::Kind::hint, {}, "ps-4711");
  const CallbackReply unknown = f.receive(Inbox::signed_callback("{\"id\":\"ps-4711\"}"));
  CHECK(unknown.kind == Kind::taken);
  CHECK_FALSE(unknown.applied);
  CHECK(unknown.reason == "unknown_payout");
  CHECK(f.stored("state || ' ' || waits_for", unknown.event_id) == "verified payout");
  f.sent();
  f.value("update app.webhook_inbox set next_attempt_at = now() + interval '1 hour'");
  f.run_for(milliseconds{200});
  CHECK(f.state(f.id) == "SENT");
  f.value("update app.attempts set provider_ref = 'ps-4711'");
  REQUIRE(f.run_until_stored(unknown.event_id, "applied"));
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
}

TEST_CASE("inbox: an unknown payout is looked for by schedule, then given up", "[inbox]") {
  Inbox f;
  f.reads(WebhookReading::Kind::hint, "nobody's reference");
  const CallbackReply unknown = f.receive(Inbox::signed_callback("{}"));
  for (int i = 0; i < 6; ++i) {
    f.value("update app.webhook_inbox set next_attempt_at = now()");
    const std::string tries = std::to_string(i + 1);
    REQUIRE(f.run_until([&] { return f.stored("attempts::text", unknown.event_id) == tries; }));
    REQUIRE(f.run_until([&] { return f.stored("waits_for", unknown.event_id) == "payout"; }));
    f.run_for(milliseconds{50});
  }
  REQUIRE(f.run_until_stored(unknown.event_id, "ignored"));
  CHECK(f.stored("reason", unknown.event_id) == "unknown_payout");
  CHECK(f.stored("next_attempt_at is null", unknown.event_id) == "t");
  CHECK(f.host->observer().webhooks == std::map<std::string, int>{{"acme valid", 1}});
}

TEST_CASE("inbox: Webhook codes: already final changes nothing", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  f.receive(Inbox::signed_callback("{}"));
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
  const std::size_t asked = f.provider.queried.size();
  const std::string version = f.value("select version from app.payouts");
  const CallbackReply late = f.receive(Inbox::signed_callback("{ }"));
  CHECK(late.kind == Kind::taken);
  CHECK_FALSE(late.applied);
  CHECK(late.reason == "already_final");
  f.run_for(milliseconds{200});
  CHECK(f.provider.queried.size() == asked);
  CHECK(f.value("select version from app.payouts") == version);
  CHECK(f.value("select next_action_at is null and lease is null and not hinted from app.payouts") == "t");
}

TEST_CASE("inbox: one provider's secret can never touch another provider's payout", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  CHECK(f.receive(Inbox::signed_callback("{}", kOthers)).kind == Kind::signature_wrong);
  Callback other = Inbox::url_callback(reference, kInstanceKey);
  other.signature = core::sign_callback(kInstanceKey, "other", reference);
  CHECK(f.receive(other).kind == Kind::signature_wrong);
  Callback as_other = Inbox::signed_callback("{}", kOthers);
  as_other.provider = "other";
  CHECK(f.receive(as_other).kind == Kind::unknown_provider);
  // The payout is another provider's: the same callback, proven, finds nothing of acme's.
  f.value("update app.attempts set provider = 'other'");
  CHECK(f.receive(Inbox::signed_callback("{\"n\":1}")).reason == "unknown_payout");
  f.run_for(milliseconds{200});
  CHECK(f.state(f.id) == "SENT");
}

TEST_CASE("inbox: either proof suffices for a hint: the URL that the host minted, or the secret", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  CHECK(f.receive(Inbox::url_callback(reference, core::callback_url_key(kSecret))).applied);
  const CallbackReply instance = f.receive(Inbox::url_callback(reference, kInstanceKey, "{\"b\":1}"));
  CHECK(instance.kind == Kind::taken);
  CHECK(f.stored("proof || ' ' || key_id", instance.event_id) == "url instance");
  // A signature of a body is none of a URL.
  CHECK(f.receive(Inbox::url_callback(reference, kSecret, "{\"c\":1}")).kind == Kind::signature_wrong);
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
}

TEST_CASE("inbox: a URL proves its own payment only", "[inbox]") {
  Inbox f;
  const std::string first = f.sent("k1");
  const std::string first_id = f.id;
  const std::string second = f.sent("k2");
  f.reads(WebhookReading::Kind::hint, second);  // what the body says
  f.receive(Inbox::url_callback(first, kInstanceKey, R"({"reference":")" + second + "\"}"));
  REQUIRE(f.run_until_state(first_id, "CONFIRMED"));
  f.run_for(milliseconds{200});
  CHECK(f.state(f.id) == "SENT");
}

TEST_CASE("inbox: webhook secrets rotate with overlap; the matching key id is recorded", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const auto soon = std::chrono::system_clock::now() + seconds{60};
  f.keys({{"new", kSecret, std::nullopt}, {"old", kPrevious, soon}});
  const CallbackReply with_old = f.receive(Inbox::signed_callback("{\"n\":1}", kPrevious));
  CHECK(with_old.kind == Kind::taken);
  CHECK(f.stored("key_id", with_old.event_id) == "old");
  CHECK(f.stored("key_id", f.receive(Inbox::signed_callback("{\"n\":2}")).event_id) == "new");
  f.keys({{"new", kSecret, std::nullopt}, {"old", kPrevious, std::chrono::system_clock::now() - seconds{1}}});
  CHECK(f.receive(Inbox::signed_callback("{\"n\":3}", kPrevious)).kind == Kind::signature_wrong);
  CHECK(f.receive(Inbox::signed_callback("{\"n\":4}")).kind == Kind::taken);
}

TEST_CASE("inbox: where the contract says none, no secret is demanded and nothing is done", "[inbox]") {
  Inbox f;
  f.provider.the_contract.webhook = WebhookKind::none;
  f.host->engine().set_webhook_keys({});
  const CallbackReply reply = f.receive(Inbox::callback("{}"));
  CHECK(reply.kind == Kind::taken);
  CHECK(reply.reason == "provider_sends_none");
}

TEST_CASE("inbox: without a secret of the host the plugin is the judge", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.host->engine().set_webhook_keys({});
  f.reads(WebhookReading::Kind::hint, reference);
  const CallbackReply bare = f.receive(Inbox::callback("{}"));
  CHECK(bare.kind == Kind::signature_missing);
  CHECK(f.stored("signature_valid", bare.event_id) == "f");
  f.provider.webhook_reading.key_id = "basic-1";
  const CallbackReply proven = f.receive(Inbox::callback("{ }"));
  CHECK(proven.applied);
  CHECK(f.stored("proof || ' ' || key_id || ' ' || signature_valid", proven.event_id) ==
        "plugin basic-1 true");
  f.provider.webhook_reading = {WebhookReading::Kind::rejected, {}, {}, {}, {}, "forged"};
  CHECK(f.receive(Inbox::callback("{  }")).kind == Kind::signature_wrong);
}

TEST_CASE("inbox: a verified status is recorded monotonically", "[inbox]") {
  Inbox f;
  f.provider.the_contract.webhook = WebhookKind::signed_;
  const std::string reference = f.sent();
  const std::size_t asked = f.provider.queried.size();
  f.provider.webhook_reading = {WebhookReading::Kind::verified, reference, {}, {}, "psp-1", {}};
  Order order;
  order.reference = reference;
  order.money = parse_money("100", "XOF").value();
  order.destination = "22507000000";
  f.provider.webhook_reading.status = ScriptedProvider::found(Status::Kind::confirmed, order);
  const CallbackReply confirmed = f.receive(Inbox::signed_callback("{}"));
  CHECK(confirmed.applied);
  CHECK(confirmed.reason == "status_applied");
  CHECK(f.state(f.id) == "CONFIRMED");
  CHECK(f.provider.queried.size() == asked);
  CHECK(f.stored("status", confirmed.event_id) == "confirmed");
  CHECK(f.value("select count(*) from app.events where actor = 'webhook:acme'") == "1");
  // Old news of a payment that is final.
  f.provider.webhook_reading.status.kind = Status::Kind::pending;
  const CallbackReply late = f.receive(Inbox::signed_callback("{ }"));
  CHECK_FALSE(late.applied);
  CHECK(late.reason == "already_final");
  CHECK(f.state(f.id) == "CONFIRMED");
}

TEST_CASE("inbox: a verified status with another amount goes to review, and one in a hint contract is a hint",
          "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  Order order;
  order.reference = reference;
  order.money = parse_money("999", "XOF").value();
  order.destination = "22507000000";
  f.provider.webhook_reading = {WebhookReading::Kind::verified, reference, {}, {}, "psp-1", {}};
  f.provider.webhook_reading.status = ScriptedProvider::found(Status::Kind::refused, order);
  const CallbackReply hinted = f.receive(Inbox::signed_callback("{}"));
  CHECK(hinted.reason == "asked");
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));  // the query decides
  f.provider.the_contract.webhook = WebhookKind::signed_;
  f.provider.on_query = [](Order o) { return say(ScriptedProvider::found(Status::Kind::pending, o)); };
  const std::string second = f.sent("k2");
  order.reference = second;
  f.provider.webhook_reading.reference = second;
  f.provider.webhook_reading.status = ScriptedProvider::found(Status::Kind::confirmed, order);
  f.receive(Inbox::signed_callback("{ }"));
  CHECK(f.run_until_state(f.id, "REVIEW"));
}

TEST_CASE("inbox: the same bytes twice are one application", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const CallbackReply first = f.receive(Inbox::signed_callback("{}"));
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
  const CallbackReply again = f.receive(Inbox::signed_callback("{}"));
  CHECK(again.kind == Kind::taken);
  CHECK_FALSE(again.applied);
  CHECK(again.reason == "duplicate");
  CHECK(again.event_id == first.event_id);
  CHECK(f.value("select count(*) from app.webhook_inbox") == "1");
  CHECK(f.stored("repeats::text", first.event_id) == "1");
  f.value("update app.webhook_hashes set at = now() - interval '25 hours'");
  CHECK(f.receive(Inbox::signed_callback("{}")).event_id != first.event_id);
}

TEST_CASE("inbox: a hundred hints are few queries", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.provider.on_query = [](Order order) {
    return say(ScriptedProvider::found(Status::Kind::pending, order));
  };
  f.reads(WebhookReading::Kind::hint, reference);
  const std::size_t before = f.provider.queried.size();
  int answered = 0;
  for (int i = 0; i < 100; ++i) {
    boost::asio::co_spawn(
        f.io, f.host->engine().inbox().receive(Inbox::signed_callback("{\"n\":" + std::to_string(i) + "}")),
        [&](std::exception_ptr error, CallbackReply reply) {
          if (!error && reply.kind == Kind::taken) ++answered;
        });
  }
  REQUIRE(f.run_until([&] { return answered == 100; }));
  REQUIRE(f.run_until(
      [&] { return f.value("select count(*) from app.webhook_inbox where state = 'applied'") == "100"; }));
  f.run_for(milliseconds{50});
  CHECK(f.provider.queried.size() > before);
  CHECK(f.provider.queried.size() - before <= 12);
}

TEST_CASE("inbox: while a provider's process is away the event is stored, answered and worked later",
          "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  f.provider.the_state = providers::ProviderState::restarting;
  const CallbackReply stored = f.receive(Inbox::signed_callback("{}"));
  CHECK(stored.kind == Kind::taken);
  CHECK_FALSE(stored.applied);
  REQUIRE(f.run_until([&] { return f.stored("waits_for", stored.event_id) == "provider"; }));
  f.run_for(milliseconds{150});
  CHECK(f.state(f.id) == "SENT");
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().provider_changed("acme");
  REQUIRE(f.run_until_stored(stored.event_id, "applied"));
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
}

TEST_CASE("inbox: what a host stored and did not finish is taken up by another, once", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  // As a host leaves it that dies between storing and applying.
  f.value(
      "insert into app.webhook_inbox (id, provider, method, path, headers, body, flow_id, signature_valid,"
      " proof, key_id, state, next_attempt_at) values ('11111111-1111-4111-8111-111111111111', 'acme', "
      "'POST',"
      " '/v1/webhooks/acme', '[]', '{}', 'f', true, 'signature', 'current', 'received', now() + interval '1 "
      "s')");
  EngineHost::Options options;
  options.name = "host-b";
  EngineHost second(f.io, f.database, f.provider, options);
  REQUIRE(f.run_until_stored("11111111-1111-4111-8111-111111111111", "applied"));
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
  CHECK(f.stored("attempts::text", "11111111-1111-4111-8111-111111111111") == "1");
}

TEST_CASE("inbox: a callback in words that the plugin does not know may still name a payout", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.provider.webhook_reading = {WebhookReading::Kind::rejected, {}, {}, {}, {}, "no such field"};
  CHECK(f.receive(Inbox::signed_callback(R"({"external_ref":"somebody-else"})")).reason == "unknown_payout");
  CHECK(f.receive(Inbox::url_callback(reference, kInstanceKey)).reason == "rejected_by_plugin");
  f.run_for(milliseconds{100});
  CHECK(f.state(f.id) == "SENT");
  const CallbackReply named =
      f.receive(Inbox::signed_callback(R"({"data":{"external_ref":")" + f.id + R"(","status":"FAILED"}})"));
  CHECK(named.reason == "asked");
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));  // asked, not believed
}

TEST_CASE("inbox: unproven callbacks are limited in volume, proven ones are not", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  for (int i = 0; i < 300; ++i) CHECK(f.receive(Inbox::callback("{}", "00")).kind == Kind::signature_wrong);
  CHECK(std::stoi(f.value("select count(*) from app.webhook_inbox")) < 290);
  CHECK(f.host->observer().webhooks.at("acme invalid") == 300);
  // The log is filled no faster than the database.
  const auto& events = f.host->observer().events;
  CHECK(std::to_string(std::ranges::count(events, "webhook.refused", &LoggedEvent::event)) ==
        f.value("select count(*) from app.webhook_inbox"));
  CHECK(f.receive(Inbox::signed_callback("{}")).applied);
}

TEST_CASE("inbox: verify shows what every key makes of an event, masked", "[inbox]") {
  Inbox f;
  f.keys({{"new", kSecret, std::nullopt}, {"old", kPrevious, std::nullopt}});
  const CallbackReply wrong = f.receive(Inbox::callback("{}", core::hmac_sha256_hex(kOthers, "{}")));
  const auto no = f.await(f.host->engine().inbox().verify(wrong.event_id));
  REQUIRE(no);
  CHECK_FALSE(no->at("valid").as_bool());
  CHECK(no->at("keys").as_array().size() == 3);  // and the instance's
  f.keys({{"new", kSecret, std::nullopt}, {"theirs-after-all", kOthers, std::nullopt}});
  const auto yes = f.await(f.host->engine().inbox().verify(wrong.event_id));
  CHECK(yes->at("valid").as_bool());
  CHECK(yes->at("key_id").as_string() == "theirs-after-all");
  const std::string text = boost::json::serialize(*yes);
  CHECK(text.find(core::hmac_sha256_hex(kOthers, "{}")) == std::string::npos);
  CHECK(text.find(core::hmac_sha256_hex(kSecret, "{}")) == std::string::npos);
  CHECK_FALSE(f.await(f.host->engine().inbox().verify(core::random_uuid())));
}

TEST_CASE("inbox: replay works on the stored bytes, is idempotent and told in the payout's events",
          "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const CallbackReply refused = f.receive(Inbox::signed_callback("{}", kPrevious));
  CHECK(refused.kind == Kind::signature_wrong);
  auto& inbox = f.host->engine().inbox();
  const auto still = f.await(inbox.replay(refused.event_id, "operator:test", ""));
  CHECK(still.found);
  CHECK(still.event_id.empty());
  f.keys({{"new", kSecret, std::nullopt}, {"old", kPrevious, std::nullopt}});
  const auto done = f.await(inbox.replay(refused.event_id, "operator:test", "the secret was wrong here"));
  CHECK(done.settled.state == "applied");
  CHECK(f.stored("replayed_by || ' ' || key_id || ' ' || (replay_of = '" + refused.event_id + "')",
                 done.event_id) == "operator:test old true");
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
  const std::string version = f.value("select version from app.payouts");
  const auto again = f.await(inbox.replay(refused.event_id, "operator:test", ""));
  CHECK(again.settled.reason == "already_final");
  f.run_for(milliseconds{100});
  CHECK(f.value("select version from app.payouts") == version);
  CHECK(f.value(
            "select count(*) from app.events where kind = 'webhook_replayed' and actor = 'operator:test'") ==
        "2");
  CHECK_FALSE(f.await(inbox.replay(core::random_uuid(), "operator:test", "")).found);
}

TEST_CASE("inbox: bulk replay takes what failed, after a dry run that changes nothing", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.provider.webhook_reading = {WebhookReading::Kind::rejected, {}, {}, {}, {}, "a bug of the plugin"};
  for (int i = 0; i < 3; ++i)
    f.receive(Inbox::url_callback(reference, kInstanceKey, "{\"n\":" + std::to_string(i) + "}"));
  f.reads(WebhookReading::Kind::hint, reference);
  auto& inbox = f.host->engine().inbox();
  store::InboxFilter filter;
  filter.provider = "acme";
  filter.since_s = 3'600;
  filter.failed_only = true;
  const auto dry = f.await(inbox.replay_many(filter, true, "operator:test", ""));
  CHECK(dry.matching == 3);
  CHECK(dry.replays.empty());
  CHECK(f.value("select count(*) from app.webhook_inbox") == "3");
  const auto done = f.await(inbox.replay_many(filter, false, "operator:test", "new plugin"));
  CHECK(done.replays.size() == 3);
  REQUIRE(f.run_until([&] {
    return f.value(
               "select count(*) from app.webhook_inbox where state in ('applied', 'ignored') and replay_of "
               "is not null") == "3";
  }));
  CHECK(f.await(inbox.replay_many(filter, true, "operator:test", "")).matching == 0);  // they are settled
  REQUIRE(f.run_until_state(f.id, "CONFIRMED"));
}

TEST_CASE("inbox: the view of the runbook", "[inbox]") {
  Inbox f;
  const std::string reference = f.sent();
  f.reads(WebhookReading::Kind::hint, reference);
  const CallbackReply reply = f.receive(Inbox::signed_callback(R"({"status":"SUCCESS"})"));
  f.receive(Inbox::signed_callback("\xff\xfe{"));
  CHECK(
      f.value(
          "select provider || ' ' || signature_valid || ' ' || update_applied || ' ' || (payload->>'status')"
          " from app.webhook_events where id = '" +
          reply.event_id + "'") == "acme true true SUCCESS");
  CHECK(
      f.value("select count(*) from app.webhook_events where payload is null and ignored and ignore_reason ="
              " 'bad_json' and body_raw is not null") == "1");
}

TEST_CASE("inbox: headers and paths survive whatever bytes they hold", "[inbox]") {
  Inbox f;
  Callback odd = Inbox::signed_callback("{}");
  odd.webhook.headers.emplace_back("x-odd", std::string("caf\xc3\xa9 \xff\x80 \"quoted\" \\ back"));
  odd.webhook.path = "/v1/webhooks/acme?q=\xe9";
  const CallbackReply reply = f.receive(odd);
  const auto event = f.await(f.host->engine().inbox().find(reply.event_id));
  REQUIRE(event);
  CHECK(event->headers == odd.webhook.headers);
  CHECK(event->path == odd.webhook.path);
}

TEST_CASE(
    "inbox store: what is stored is due again until it is settled, and a lost commit stores nothing twice",
    "[inbox]") {
  const TestDatabase database = DatabaseServer::shared().fresh_database();
  store::Connection connection = database.connect();
  std::vector<store::InboxEvent> batch(3);
  for (std::size_t i = 0; i < batch.size(); ++i) {
    batch[i].id = core::random_uuid();
    batch[i].provider = "acme";
    batch[i].method = "POST";
    batch[i].path = "/v1/webhooks/acme";
    batch[i].body = std::string("\0\xff", 2);
    batch[i].flow_id = "f";
    batch[i].hash = std::string(64, i == 2 ? 'b' : 'a');  // the first two are the same bytes
  }
  const auto keep = [&](bool replay) {
    return store::in_transaction(connection, [&](store::Transaction& work) {
      return store::keep_events(work, batch, milliseconds{0}, replay);
    });
  };
  const auto first = keep(false);
  CHECK_FALSE(first[0].repeat);
  CHECK(first[1].repeat);
  CHECK(first[1].id == batch[0].id);
  CHECK_FALSE(first[2].repeat);
  // The commit's answer was lost, and it had committed: the same answers, and nothing is written again.
  const auto replayed = keep(true);
  CHECK_FALSE(replayed[0].repeat);
  CHECK(replayed[1].repeat);
  CHECK(database.value("select count(*) || ' ' || sum(repeats) from app.webhook_inbox") == "2 1");
  CHECK(database.value("select count(*) from app.webhook_inbox where next_attempt_at is not null") == "2");
  const auto claim = [&](const std::vector<std::string>& providers, milliseconds visibility) {
    return store::in_transaction(connection, [&](store::Transaction& work) {
      return store::claim_events(work, providers, 10, visibility);
    });
  };
  CHECK(claim({"other"}, milliseconds{0}).empty());
  CHECK(claim({"acme"}, milliseconds{0}).size() == 2);
  CHECK(claim({"acme"}, seconds{60}).size() == 2);  // nobody finished them
  CHECK(claim({"acme"}, seconds{60}).empty());      // somebody is at it
  const auto read = store::in_transaction(
      connection, [&](store::Transaction& work) { return store::find_event(work, batch[0].id); });
  CHECK(read->body == batch[0].body);
  store::in_transaction(connection, [](store::Transaction& work) { store::prune_inbox(work); });
  CHECK(database.value("select count(*) from app.webhook_inbox") == "2");
}
