// How fast payouts come in and go out: real hosts on one database, a provider that counts.
#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "counting_provider.hpp"
#include "ctl_command.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

const std::string kBody = R"({"amount":"5","currency":"EUR","destination":"46733100001"})";

simulator::Reply post(HostProcess& host, const std::string& key, const std::string& body = kBody) {
  return host.request("POST", "/v1/payouts", body, {{"Idempotency-Key", key}});
}

std::string code_of(const simulator::Reply& reply) {
  return std::string(json::parse(reply.body).at("error").at("code").as_string());
}

json::object provider_of(HostProcess& host) {
  return json::parse(control(host, "GET", "/v1/admin/providers").body).at("providers").at(0).as_object();
}

bool throttled(HostProcess& host) {
  return !provider_of(host).at("throttle").is_null();
}

}  // namespace

TEST_CASE("a throttle set by command refuses on all hosts, over restarts, and is lifted", "[throttle]") {
  Scene scene("throttle", {"--fast"});
  HostProcess& first = scene.add_host("host-a");
  HostProcess& second = scene.add_host("host-b");
  for (HostProcess* host : {&first, &second}) host->start();
  for (HostProcess* host : {&first, &second}) REQUIRE(host->wait_until_ready());
  REQUIRE(post(first, "before").status == 201);
  const CommandEnd set =
      ctl_command(first, {"provider", "throttle", "momo", "--rate", "6/m", "--note", "ticket 4711"});
  INFO(set.output);
  CHECK(set.status == 0);
  CHECK(set.output.find("6/m") != std::string::npos);
  REQUIRE(eventually(seconds{3}, [&] { return throttled(second); }));

  int created = 0;
  std::string refused_key;
  for (int i = 0; i < 20; ++i) {
    const std::string key = "k" + std::to_string(i);
    const auto reply = post(i % 2 == 0 ? first : second, key);
    if (reply.status == 201) {
      ++created;
      continue;
    }
    REQUIRE(reply.status == 429);
    CHECK(code_of(reply) == "PROVIDER_THROTTLED");
    CHECK(reply.body.find("momo") != std::string::npos);
    const int wait = std::stoi(reply.headers.at("retry-after"));
    CHECK(wait >= 1);
    CHECK(wait <= 20);
    refused_key = key;
  }
  CHECK(created <= 6);
  CHECK(created >= 4);
  CHECK(scene.database().value("select count(*) from app.idempotency_keys") == std::to_string(created + 1));
  // What was admitted before is answered as before.
  const auto replay = post(second, "before");
  CHECK(replay.status == 201);
  CHECK(replay.headers.contains("idempotent-replayed"));
  // Many at once, each for itself.
  const auto bulk = first.request("POST", "/v1/payouts/bulk",
                                  R"({"payouts":[{"idempotency_key":"before",)" + kBody.substr(1) +
                                      R"(,{"idempotency_key":"x",)" + kBody.substr(1) + "]}");
  CHECK(bulk.status == 207);
  CHECK(json::parse(bulk.body).at("results").at(0).at("replayed").as_bool());
  CHECK(json::parse(bulk.body).at("results").at(1).at("error").at("code").as_string() ==
        "PROVIDER_THROTTLED");
  CHECK(bulk.headers.contains("retry-after"));

  const std::string metrics = first.request("GET", "/metrics").body + second.request("GET", "/metrics").body;
  CHECK(metrics.find("admission_throttled_total{provider=\"momo\"}") != std::string::npos);
  const auto status = json::parse(control(first, "GET", "/v1/admin/status").body).at("providers").at(0);
  CHECK(status.at("throttle").at("rate").as_string() == "6/m");
  CHECK(status.at("throttle").at("note").as_string() == "ticket 4711");
  CHECK(std::string(status.at("text").as_string()).find("6/m") != std::string::npos);
  CHECK(scene.database().value("select subject from app.audit where action like '%throttle' limit 1") ==
        "momo");
  CHECK(ctl_command(first, {"provider", "list"}).output.find("throttled") != std::string::npos);
  CHECK(ctl_command(first, {"provider", "show", "momo"}).output.find("ticket 4711") != std::string::npos);

  CHECK(first.stop() == 0);
  first.start();
  REQUIRE(first.wait_until_ready());
  CHECK(throttled(first));
  CHECK(ctl_command(first, {"provider", "throttle", "momo", "--off"}).status == 0);
  CHECK(post(first, refused_key).status == 201);
  CHECK(ctl_command(first, {"provider", "throttle", "nobody", "--off"}).status == 4);
  CHECK(ctl_command(first, {"provider", "throttle", "momo"}).status == 2);
}

TEST_CASE("the configuration's throttle counts until somebody sets another, and reloads", "[throttle]") {
  Scene scene("throttle-config", {"--fast"});
  HostProcess& host = scene.add_host("host-a");
  host.settings().more_of_momo = "    admission_depth: 2\n";
  host.settings().momo["submit_window"] = "3s";
  host.start();
  REQUIRE(host.wait_until_ready());
  REQUIRE(control(host, "POST", "/v1/admin/providers/momo/pause", {{"note", "they wait"}}).status == 200);
  CHECK(post(host, "a").status == 201);
  CHECK(post(host, "b").status == 201);
  const auto refused = post(host, "c");
  CHECK(refused.status == 429);
  CHECK(refused.body.find("2 payouts under way") != std::string::npos);
  CHECK(provider_of(host).at("throttle").at("set_by").as_string() == "configuration");
  const auto file = host.settings().directory / "payoutd.yaml";
  std::string text;
  {
    std::ifstream in(file);
    text = {std::istreambuf_iterator<char>(in), {}};
  }
  text.replace(text.find("admission_depth: 2"), 18, "admission_depth: 3");
  std::ofstream(file, std::ios::trunc) << text;
  host.process().signal(SIGHUP);
  CHECK(eventually(seconds{10}, [&] { return post(host, "c").status == 201; }));
  REQUIRE(control(host, "POST", "/v1/admin/providers/momo/resume").status == 200);
  CHECK(eventually(seconds{20}, [&] { return post(host, "d").status == 201; }));
}

TEST_CASE("hosts that come and are killed never go over a provider's rates together", "[throttle]") {
  Scene scene("rates");
  CountingProvider provider;
  constexpr int kSubmits = 10;
  constexpr int kQueries = 8;
  const auto add = [&](const std::string& name) -> HostProcess& {
    HostProcess& host = scene.add_host(name);
    host.settings().momo_url = provider.url();
    host.settings().more_of_momo = "    submit_rate: 600/m\n    query_rate: 8/s\n";
    return host;
  };
  HostProcess& first = add("host-a");
  first.start();
  REQUIRE(first.wait_until_ready());
  constexpr int kPayouts = 220;
  scene.post(first, kPayouts);
  const auto submitted = [&](std::size_t count) {
    return eventually(seconds{60}, [&] { return provider.submits().size() >= count; });
  };
  REQUIRE(submitted(30));
  HostProcess& second = add("host-b");
  second.start();
  HostProcess& third = add("host-c");
  third.start();
  REQUIRE(submitted(100));
  CHECK(scene.database().value("select count(distinct host) from app.attempts") >= "2");
  first.kill();
  REQUIRE(submitted(140));
  first.start();
  REQUIRE(submitted(kPayouts));
  provider.finish();
  REQUIRE(eventually(seconds{90}, [&] {
    return scene.database().value("select count(*) from app.all_payouts where state = 'CONFIRMED'") ==
           std::to_string(kPayouts);
  }));
  const auto submits = provider.submits();
  const auto queries = provider.queries();
  WARN("submits in a second: " << CountingProvider::most_in(submits, seconds{1})
                               << ", queries: " << CountingProvider::most_in(queries, seconds{1}));
  // What a request takes to arrive differs by a few milliseconds.
  CHECK(CountingProvider::most_in(submits, milliseconds{900}) <= kSubmits);
  CHECK(CountingProvider::most_in(queries, milliseconds{900}) <= kQueries);
  CHECK(CountingProvider::most_in(submits, seconds{10}) <= 10 * kSubmits + 2);
  CHECK(queries.size() > 100);
  CHECK(submits.size() == static_cast<std::size_t>(kPayouts));
}
