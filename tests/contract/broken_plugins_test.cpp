// Every way of being broken that we know of: the host says clearly what is wrong and goes on serving the
// others.
#include <signal.h>

#include "host_fixture.hpp"
#include "providers/inspect.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using payoutd::Submission;
using providers::ProviderState;

namespace {

std::string plugin_file(const std::string& name) {
  return std::string(CONTRACT_PLUGINS) + "/" + name + ".so";
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// Starts the broken plugin beside a good one and expects it to stand still with that sentence.
void expect_refusal(const std::string& plugin, const std::string& sentence) {
  INFO(plugin);
  Host host;
  host.start({Host::config(plugin), Host::config("good")});
  REQUIRE(host.wait_for_state(plugin, ProviderState::stopped));
  INFO(host.status(plugin).last_error);
  CHECK(says(host.status(plugin).last_error, sentence));
  CHECK(host.has_logged("provider.refused", sentence));
  CHECK(host.status(plugin).restarts == 0);
  CHECK(host.serves("good"));
}

}  // namespace

TEST_CASE("a plugin with another ABI tag is refused, naming the field", "[broken]") {
  expect_refusal("wrong_abi_tag", "says boost=1_74, this host needs boost=1_81");
}

TEST_CASE("a plugin for another SDK version is refused before the rest of its descriptor is read",
          "[broken]") {
  expect_refusal("wrong_sdk_version", "sdk_version 7, this host needs 1");
}

TEST_CASE("a library without the descriptor is refused", "[broken]") {
  expect_refusal("missing_symbol", "does not export payoutd_plugin_descriptor");
}

TEST_CASE("a file that is no library, and none at all, are refused", "[broken]") {
  TemporaryDirectory directory;
  const auto file = directory.path() / "text.so";
  std::FILE* out = std::fopen(file.c_str(), "w");
  std::fputs("#!/bin/sh\n", out);
  std::fclose(out);
  Host host;
  auto text = Host::config("text");
  text.plugin_path = file;
  auto absent = Host::config("absent");
  host.start({text, absent, Host::config("good")});
  REQUIRE(host.wait_for_state("text", ProviderState::stopped));
  REQUIRE(host.wait_for_state("absent", ProviderState::stopped));
  CHECK(says(host.status("text").last_error, "cannot be loaded"));
  CHECK(says(host.status("absent").last_error, "there is no such file"));
  CHECK(host.serves("good"));
}

TEST_CASE("a plugin of another name than configured is refused", "[broken]") {
  Host host;
  auto config = Host::config("good");
  config.plugin_name = "momo";
  host.start({config});
  CHECK(host["good"].state() == ProviderState::stopped);
  CHECK(says(host.status("good").last_error, "its name is 'good', the configuration expects 'momo'"));
}

TEST_CASE("what a plugin throws while it is made is told with the step", "[broken]") {
  expect_refusal("throwing_constructor", "the plugin's constructor threw: the licence file is missing");
  expect_refusal("throwing_contract", "the plugin's contract threw: something that is not a std::exception");
  expect_refusal("throwing_schema", "the plugin's settings schema threw: no schema today");
}

TEST_CASE("wrong settings are refused with every problem, by the host and by validate()", "[broken]") {
  Host host;
  host.options.environment = payoutd::Environment::prod;
  auto misspelt = Host::config("good", "http://127.0.0.1:1", {{"concurency", 3}});
  misspelt.name = "misspelt";
  misspelt.http = {{"conect_timeout", "1s"}};
  auto unsafe = Host::config("good");
  unsafe.name = "unsafe";
  host.start({misspelt, unsafe});
  REQUIRE(host.status("misspelt").problems.size() == 2);
  CHECK(host.status("misspelt").problems[0].field == "http.conect_timeout");
  CHECK(says(host.status("misspelt").problems[0].reason, "did you mean 'connect_timeout'"));
  CHECK(host.status("misspelt").problems[1].field == "concurency");
  CHECK(says(host.status("unsafe").last_error, "must be https in production"));
}

TEST_CASE("a plugin that hangs while it is made is killed and does not delay the others", "[broken]") {
  Host host;
  host.options.start_limit = 400ms;
  host.options.first_restart_delay = 10s;
  host.start({Host::config("hanging_constructor"), Host::config("good")}, 0ms);
  const auto started = std::chrono::steady_clock::now();
  REQUIRE(host.wait_for_state("good", ProviderState::ready, 5s));
  CHECK(host.serves("good"));
  REQUIRE(host.wait_for_state("hanging_constructor", ProviderState::restarting));
  CHECK(host.status("hanging_constructor").pid == 0);
  CHECK(says(host.status("hanging_constructor").last_error, "configure was not answered within"));
  CHECK(std::chrono::steady_clock::now() - started < 5s);
}

TEST_CASE("a plugin whose destructor hangs is stopped all the same", "[broken]") {
  Host host;
  host.options.stop_limit = 200ms;
  host.options.terminate_limit = 200ms;
  host.start({Host::config("hanging_stop"), Host::config("good")});
  const auto pid = host.status("hanging_stop").pid;
  REQUIRE(pid > 0);
  const auto started = std::chrono::steady_clock::now();
  host.stop();
  CHECK(std::chrono::steady_clock::now() - started < 5s);
  CHECK(::kill(pid, 0) != 0);
  CHECK(host.has_logged("provider.stop_hangs"));
}

TEST_CASE("a crash before the first byte proves that nothing was sent, and the process comes back",
          "[broken]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }, &requests));
  Host host;
  host.start({Host::config("crashes_before_sending", psp.url()), Host::config("good", psp.url())});
  const auto reply = host.submit("crashes_before_sending");
  CHECK(reply.submission.kind == Submission::Kind::not_accepted);
  CHECK(reply.submission.code == "not_sent");
  CHECK(requests == 0);
  CHECK(host.serves("good"));
  REQUIRE(host.wait_for_state("crashes_before_sending", ProviderState::ready));
  CHECK(host.status("crashes_before_sending").restarts == 1);
  CHECK(host.has_logged("provider.crashed", "its process "));
}

TEST_CASE("a crash after the bytes left leaves the outcome unknown", "[broken]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }, &requests));
  Host host;
  host.start({Host::config("crashes_after_sending", psp.url()), Host::config("good", psp.url())});
  const auto reply = host.submit("crashes_after_sending");
  CHECK(reply.submission.kind == Submission::Kind::unknown);
  CHECK(reply.evidence.bytes_left);
  CHECK(requests == 1);
  CHECK(host.submit("good").submission.kind == Submission::Kind::accepted);
}

TEST_CASE("a plugin that spins is noticed by its missing heartbeat and killed", "[broken]") {
  Host host;
  host.options.heartbeat_limit = 1'000ms;
  host.start({Host::config("spins"), Host::config("good")});
  bool failed = false;
  boost::asio::co_spawn(host.io, host["spins"].query(Host::order(), {}, ""),
                        [&](std::exception_ptr thrown, payoutd::Status) { failed = thrown != nullptr; });
  CHECK(host.serves("good"));
  REQUIRE(run_until(host.io, [&] { return failed; }, 8s));
  CHECK(host.serves("good"));
  REQUIRE(host.wait_for_state("spins", ProviderState::ready));
  CHECK(host.has_logged("provider.crashed", "gave no sign of life"));
}

TEST_CASE("a plugin that crashes again and again is quarantined until it is lifted", "[broken]") {
  struct Store : providers::QuarantineStore {
    payoutd::Awaitable<std::optional<providers::QuarantineRecord>> load(std::string provider) override {
      const auto found = records.find(provider);
      if (found == records.end()) co_return std::nullopt;
      co_return found->second;
    }
    payoutd::Awaitable<void> persist(std::string provider, providers::QuarantineRecord record) override {
      records[provider] = record;
      co_return;
    }
    payoutd::Awaitable<void> lift(std::string provider) override {
      records.erase(provider);
      co_return;
    }
    std::map<std::string, providers::QuarantineRecord> records;
  } store;
  const auto configure = [&](Host& host) {
    host.options.quarantine = &store;
    host.options.crashes_until_quarantine = 3;
    host.options.first_restart_delay = 10ms;
  };
  auto state = std::make_shared<TemporaryDirectory>();
  {
    Host host(state);
    configure(host);
    host.start({Host::config("crashes_at_start"), Host::config("good")});
    REQUIRE(host.wait_for_state("crashes_at_start", ProviderState::quarantined));
    CHECK(host.serves("good"));
    CHECK(says(host.status("crashes_at_start").quarantine->reason, "ended 3 times within"));
    CHECK(says(host.status("crashes_at_start").last_error, "signal 6"));
    CHECK(host.has_logged("provider.quarantined"));
    CHECK(store.records.contains("crashes_at_start"));
  }
  Host next(state);  // another life of the host: the quarantine is still there
  configure(next);
  next.start({Host::config("crashes_at_start")});
  CHECK(next["crashes_at_start"].state() == ProviderState::quarantined);
  CHECK_FALSE(next.has_logged("provider.started"));
  CHECK(run(next.io, next.supervisor->lift("crashes_at_start")));
  REQUIRE(run_until(next.io, [&] { return next.has_logged("provider.started"); }));
  REQUIRE(next.wait_for_state("crashes_at_start", ProviderState::restarting));
  CHECK_FALSE(store.records.contains("crashes_at_start"));
  CHECK_FALSE(run(next.io, next.supervisor->lift("nobody")));
}

TEST_CASE("a false 'not accepted' after the bytes left is not believed", "[broken]") {
  ScriptedServer psp([](Connection& connection) { static_cast<void>(connection.read_request()); });
  Host host;
  host.start({Host::config("lies_not_accepted", psp.url()), Host::config("good")});
  const auto reply = host.submit("lies_not_accepted");
  CHECK(reply.submission.kind == Submission::Kind::unknown);
  CHECK(reply.evidence.bytes_left);
  CHECK(host.has_logged("provider.claim_downgraded", "without an answer to the money-moving request"));
  CHECK(host.serves("good"));
}

TEST_CASE("success without a money-moving request is not believed", "[broken]") {
  Host host;
  host.start({Host::config("claims_without_sending"), Host::config("good")});
  const auto reply = host.submit("claims_without_sending");
  CHECK(reply.submission.kind == Submission::Kind::unknown);
  CHECK_FALSE(reply.evidence.bytes_left);
  CHECK(host.has_logged("provider.claim_downgraded", "without having sent"));
  CHECK(host.serves("good"));
}

TEST_CASE("a second money-moving request in one submit does not leave", "[broken]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }, &requests));
  Host host;
  host.start({Host::config("sends_twice", psp.url()), Host::config("good")});
  const auto reply = host.submit("sends_twice");
  CHECK(requests == 1);
  CHECK(reply.submission.kind == Submission::Kind::unknown);
  CHECK(reply.evidence.acceptance_sign);
  CHECK(host.has_logged("provider.money_rule_broken"));
  CHECK(host.serves("good"));
}

TEST_CASE("a money-moving request in a query does not leave", "[broken]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }, &requests));
  Host host;
  host.start({Host::config("moves_money_in_query", psp.url()), Host::config("good")});
  CHECK_THROWS_WITH(host.query("moves_money_in_query"), Catch::Contains("allowed within submit only"));
  CHECK(requests == 0);
  CHECK(host.has_logged("provider.money_rule_broken"));
  CHECK(host.serves("good"));
}

TEST_CASE("an answer that is too large fails that call alone", "[broken]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }));
  Host host;
  host.start({Host::config("huge_reply", psp.url()), Host::config("good")});
  CHECK_THROWS_WITH(run(host.io, host["huge_reply"].prepare(Host::order(), 5s)),
                    Catch::Contains("larger than the limit"));
  const auto reply = host.submit("huge_reply");
  CHECK(reply.submission.kind == Submission::Kind::accepted);
  CHECK(reply.submission.message.size() <= 1024);
  CHECK(host["huge_reply"].state() == ProviderState::ready);
  CHECK(host.serves("good"));
}

TEST_CASE("garbage on the channel ends that process and no other", "[broken]") {
  Host host;
  host.start({Host::config("writes_to_channel"), Host::config("good")});
  CHECK_THROWS_WITH(run(host.io, host["writes_to_channel"].probe()),
                    Catch::Contains("larger than the limit"));
  REQUIRE(host.wait_for_state("writes_to_channel", ProviderState::restarting));
  CHECK(host.serves("good"));
  REQUIRE(host.wait_for_state("writes_to_channel", ProviderState::ready));
}

TEST_CASE("a plugin's timer fires and error codes are the same on both sides", "[plugin]") {
  Host host;
  host.start({Host::config("timer")});
  CHECK_THROWS_WITH(run(host.io, host["timer"].probe()), Catch::Contains("end of stream"));
}

TEST_CASE("inspect says what a plugin is, or why it cannot be used", "[inspect]") {
  const auto good = providers::inspect(PROVIDER_EXECUTABLE, plugin_file("good"));
  CHECK(good.refused.empty());
  CHECK(good.about.at("name") == "good");
  CHECK(good.about.at("schema").is_array());
  const auto wrong = providers::inspect(PROVIDER_EXECUTABLE, plugin_file("wrong_abi_tag"));
  CHECK(says(wrong.refused, "boost=1_74"));
  CHECK(says(providers::inspect(PROVIDER_EXECUTABLE, "/nowhere.so").refused, "there is no such file"));
}
