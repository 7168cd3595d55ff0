// Restarts, secrets, logs and speed of the supervisor with a correct plugin.
#include <signal.h>

#include "host_fixture.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using providers::ProviderState;

TEST_CASE("logs of the plugin arrive with their event ids", "[supervisor]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(200); }));
  Host host;
  auto config = Host::config("good", psp.url());
  config.secrets = {{"key", {"planted-secret-value"}}};
  host.start({config});
  run(host.io, host["good"].probe());
  REQUIRE(run_until(host.io, [&] { return host.has_logged("good.probed", "20 long"); }));
  for (const auto& log : host.logs) {
    CHECK(log.message.find("planted-secret") == std::string::npos);
    CHECK(boost::json::serialize(log.fields).find("planted-secret") == std::string::npos);
  }
}

TEST_CASE("secrets are rotated without a restart; refused settings change nothing", "[supervisor]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(200); }));
  Host host;
  auto config = Host::config("good", psp.url());
  config.secrets = {{"key", {"old"}}};
  host.start({config});
  const auto pid = host.status("good").pid;
  config.secrets = {{"key", {"brand-new", "old"}}};
  CHECK(run(host.io, host.supervisor->reconfigure(config)).empty());
  run(host.io, host["good"].probe());
  REQUIRE(run_until(host.io, [&] { return host.has_logged("good.probed", "9 long"); }));
  auto wrong = config;
  wrong.settings["concurrency"] = "many";
  const auto problems = run(host.io, host.supervisor->reconfigure(wrong));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0].field == "concurrency");
  CHECK(host["good"].state() == ProviderState::ready);
  CHECK(host.status("good").pid == pid);
  CHECK(host.serves("good"));
}

TEST_CASE("secrets that a plugin blurts out are blotted out", "[supervisor]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(500); }));
  Host host;
  auto config = Host::config("blurts", psp.url());
  config.secrets = {{"key", {"planted-secret-value", "planted-older-value"}}};
  host.start({config});
  const auto reply = host.submit("blurts");
  CHECK(reply.submission.message == "the key is ***");
  CHECK_THROWS_WITH(run(host.io, host["blurts"].probe()), Catch::Contains("*** is wrong"));
  CHECK(host.query("blurts").message == "***");
  REQUIRE(run_until(host.io,
                    [&] { return host.has_logged("blurts.log") && host.has_logged("provider.stderr"); }));
  host.stop();
  for (const auto& log : host.logs) {
    const std::string all = log.message + boost::json::serialize(log.fields);
    INFO(all);
    CHECK(all.find("planted-") == std::string::npos);
  }
}

TEST_CASE("a provider that stands still starts with corrected settings", "[supervisor]") {
  Host host;
  host.start({Host::config("good", "not a url")});
  CHECK(host["good"].state() == ProviderState::stopped);
  CHECK(host.status("good").problems.at(0).field == "url");
  CHECK(run(host.io, host.supervisor->reconfigure(Host::config("good"))).empty());
  CHECK(host.wait_for_state("good", ProviderState::ready));
}

TEST_CASE("settings that change while the process starts are those that it runs with", "[supervisor]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(200); }));
  for (int steps = 0; steps < 24; ++steps) {  // at every point of the start
    Host host;
    auto config = Host::config("good", psp.url());
    config.secrets = {{"key", {"old"}}};
    host.supervisor = providers::Supervisor::make(host.io.get_executor(), host.options);
    host.supervisor->start({config});
    for (int i = 0; i < steps; ++i) host.io.run_one_for(20ms);
    config.secrets = {{"key", {"brand-new"}}};
    CHECK(run(host.io, host.supervisor->reconfigure(config)).empty());
    REQUIRE(host.wait_for_state("good", ProviderState::ready));
    run(host.io, host["good"].probe());
    INFO("after " << steps << " steps");
    CHECK(run_until(host.io, [&] { return host.has_logged("good.probed", "9 long"); }, 1s));
  }
}

TEST_CASE("a missing payoutd-provider is said and tried again", "[supervisor]") {
  Host host;
  host.options.provider_executable = "/nowhere/payoutd-provider";
  host.start({Host::config("good")});
  CHECK(host["good"].state() == ProviderState::restarting);
  CHECK(host.status("good").last_error.find("/nowhere/payoutd-provider") != std::string::npos);
}

TEST_CASE("restarts back off", "[supervisor]") {
  Host host;
  host.options.crashes_until_quarantine = 100;
  host.options.first_restart_delay = 40ms;
  host.start({Host::config("crashes_at_start")});
  const auto started = std::chrono::steady_clock::now();
  REQUIRE(run_until(host.io, [&] { return host.status("crashes_at_start").restarts >= 4; }));
  CHECK(std::chrono::steady_clock::now() - started >= 200ms);  // 40 + 80 + 160 ms less a quarter
}

TEST_CASE("names of providers are checked", "[supervisor]") {
  Host host;
  auto config = Host::config("good");
  config.name = "../good";
  CHECK_THROWS_WITH(host.start({config}), Catch::Contains("is not a name for a provider"));
  host.supervisor.reset();
}

TEST_CASE("thousands of calls a second go through the channel", "[.][speed]") {
  Host host;
  host.start({Host::config("good")});
  constexpr int kCalls = 20'000;
  int done = 0;
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < kCalls; ++i) {
    boost::asio::co_spawn(host.io, host["good"].prepare(Host::order(), 20s),
                          [&](std::exception_ptr thrown, payoutd::Prepared) { done += thrown == nullptr; });
  }
  REQUIRE(run_until(host.io, [&] { return done == kCalls; }, 20s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  WARN(static_cast<int>(kCalls / took.count()) << " prepare calls a second");
}

TEST_CASE("thousands of submits a second reach the PSP", "[.][speed]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }));
  Host host;
  const std::string plugin = GENERATE("harmless", "good");  // kept and fresh connections
  host.start({Host::config(plugin, psp.url(), {{"concurrency", 16}})});
  constexpr int kSubmits = 5'000;
  int started_count = 0;
  int done = 0;
  const auto started = std::chrono::steady_clock::now();
  REQUIRE(run_until(
      host.io,
      [&] {
        while (started_count < kSubmits) {
          const std::string attempt = "attempt-" + std::to_string(started_count);
          if (!host[plugin].announce(attempt)) break;
          ++started_count;
          boost::asio::co_spawn(
              host.io, host[plugin].submit(Host::order(), {}, attempt, providers::BootTime::now() + 5s),
              [&, attempt](std::exception_ptr, providers::SubmitReply reply) {
                done += reply.submission.kind == payoutd::Submission::Kind::accepted;
                host[plugin].retire(attempt);
              });
        }
        return done == kSubmits;
      },
      30s));
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  WARN(static_cast<int>(kSubmits / took.count())
       << " submits a second over " << psp.connections() << " connections");
}
