// A provider takes no more new payouts than its throttle allows, and nothing of what it refuses is stored.
#include <catch2/catch.hpp>

#include "engine_fixture.hpp"

using namespace payoutd;
using namespace payoutd::test;
using Kind = engine::AdmissionReply::Kind;
using std::chrono::seconds;

namespace {

void throttle(EngineFixture& f, const std::string& rate, std::int64_t depth) {
  f.await(f.host->engine().set_throttle({"acme", false, rate, depth, "operator:awa", "slow"}));
}

engine::AdmissionReply admit(EngineFixture& f, const std::string& key, EngineHost* host = nullptr) {
  return f.await((host == nullptr ? *f.host : *host).engine().admit(EngineFixture::request(key)));
}

int keys(const EngineFixture& f) {
  return std::stoi(f.value("select count(*) from app.idempotency_keys"));
}

}  // namespace

TEST_CASE("more than the rate is refused with the time to come again, and its keys stay unused",
          "[throttle]") {
  EngineFixture f;
  throttle(f, "5/m", 0);
  std::vector<std::string> refused;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    const auto reply = admit(f, key);
    if (reply.kind == Kind::created) continue;
    REQUIRE(reply.kind == Kind::throttled);
    CHECK(reply.provider == "acme");
    CHECK(reply.problem.reason.find("acme") != std::string::npos);
    CHECK(reply.retry_after >= seconds{1});
    CHECK(reply.retry_after <= seconds{12});
    CHECK(reply.payout_id.empty());
    refused.push_back(key);
  }
  CHECK(refused.size() == 15);
  CHECK(keys(f) == 5);
  CHECK(f.host->observer().throttled_payouts == 15);
  // What was admitted is answered as before, however fast; so is another payload under its key.
  for (int round = 0; round < 3; ++round) CHECK(admit(f, "k0").kind == Kind::replayed);
  CHECK(f.await(f.host->engine().admit(EngineFixture::request("k0", "999"))).kind == Kind::conflict);
  // Lifted, the refused ones are new.
  throttle(f, "", 0);
  for (const std::string& key : refused) CHECK(admit(f, key).kind == Kind::created);
  CHECK(keys(f) == 20);
}

TEST_CASE("replays take nothing of the rate", "[throttle]") {
  EngineFixture f;
  CHECK(admit(f, "old").kind == Kind::created);
  throttle(f, "3/m", 0);
  for (int i = 0; i < 10; ++i) CHECK(admit(f, "old").kind == Kind::replayed);
  for (int i = 0; i < 3; ++i) CHECK(admit(f, "new" + std::to_string(i)).kind == Kind::created);
  CHECK(admit(f, "new3").kind == Kind::throttled);
}

TEST_CASE("above the depth new payouts are refused until some are finished", "[throttle]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;  // they wait
  f.post("before");
  throttle(f, "", 4);
  for (int i = 0; i < 3; ++i) CHECK(admit(f, "k" + std::to_string(i)).kind == Kind::created);
  const auto refused = admit(f, "k3");
  CHECK(refused.kind == Kind::throttled);
  CHECK(refused.problem.reason.find("4 payouts under way") != std::string::npos);
  f.run_for(std::chrono::milliseconds{1'300});  // counted anew
  CHECK(admit(f, "k3").kind == Kind::throttled);
  CHECK(f.host->engine().throttle().under_way("acme") == 4);
  CHECK(keys(f) == 4);
  f.provider.the_state = providers::ProviderState::ready;
  f.host->engine().dispatcher().wake_payments();
  REQUIRE(f.run_until([&] { return admit(f, "k3").kind == Kind::created; }));
}

TEST_CASE("what waits for a person does not count for the depth", "[throttle]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;
  const std::string held = f.post("held");
  f.await(f.host->engine().decide({held, engine::OperatorDecision::hold, "operator:awa", "looks odd"}));
  throttle(f, "", 1);
  CHECK(admit(f, "k0").kind == Kind::created);
  CHECK(admit(f, "k1").kind == Kind::throttled);
}

TEST_CASE("payouts that are admitted at the same time cannot overrun the depth", "[throttle]") {
  EngineFixture f;
  f.provider.the_state = providers::ProviderState::restarting;
  throttle(f, "", 7);
  int created = 0;
  int answered = 0;
  for (int i = 0; i < 60; ++i) {
    boost::asio::co_spawn(f.io, f.host->engine().admit(EngineFixture::request("k" + std::to_string(i))),
                          [&](std::exception_ptr, engine::AdmissionReply reply) {
                            ++answered;
                            created += reply.kind == Kind::created ? 1 : 0;
                          });
  }
  REQUIRE(f.run_until([&] { return answered == 60; }));
  CHECK(created == 7);
  CHECK(keys(f) == 7);
}

TEST_CASE("the rate is for all hosts together", "[throttle]") {
  EngineFixture f;
  EngineHost::Options second;
  second.name = "host-b";
  EngineHost other(f.io, f.database, f.provider, second);
  const auto two = [](EngineHost& host) { return host.engine().heart().last().admitting_hosts == 2; };
  REQUIRE(f.run_until([&] { return two(*f.host) && two(other); }));
  throttle(f, "10/m", 0);
  REQUIRE(f.run_until([&] { return !other.engine().throttle().settings("acme").off(); }));
  int created = 0;
  for (int i = 0; i < 20; ++i) {
    created += admit(f, "a" + std::to_string(i)).kind == Kind::created ? 1 : 0;
    created += admit(f, "b" + std::to_string(i), &other).kind == Kind::created ? 1 : 0;
  }
  CHECK(created == 10);
}

TEST_CASE("a throttle that somebody set outlives the host and goes before the configuration", "[throttle]") {
  EngineFixture f;
  const std::map<std::string, engine::ProviderPace> configured{{"acme", {{}, {{3, seconds{60}}, 0}}}};
  f.host->engine().set_pace(configured);
  CHECK(f.host->engine().throttle().settings("acme").rate.to_string() == "3/m");
  CHECK_FALSE(f.host->engine().throttle().set_by_operator("acme"));
  throttle(f, "7/m", 9);
  f.host.reset();
  f.io.restart();
  f.host = std::make_unique<EngineHost>(f.io, f.database, f.provider, EngineHost::Options{});
  f.host->engine().set_pace(configured);
  CHECK(f.host->engine().throttle().settings("acme") == engine::ThrottleSettings{{7, seconds{60}}, 9});
  throttle(f, "", 0);  // off, whatever the configuration says
  CHECK(f.host->engine().throttle().settings("acme").off());
  f.await(f.host->engine().set_throttle({"acme", true, "", 0, "operator:awa", ""}));
  CHECK(f.host->engine().throttle().settings("acme").rate.to_string() == "3/m");
}
