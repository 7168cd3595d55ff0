// A submit from the host through the provider process to a PSP and back.
#include "host_fixture.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using payoutd::Submission;
using providers::ProviderState;

TEST_CASE("prepare, submit and query go through the process", "[submit]") {
  std::atomic<int> paid{0};
  ScriptedServer psp(answering([&](const std::string& request) {
    if (request.starts_with("POST /pay")) {
      ++paid;
      return http_answer(202, "psp-1");
    }
    return http_answer(200, "{}");
  }));
  Host host;
  host.start({Host::config("good", psp.url())});
  REQUIRE(host["good"].state() == ProviderState::ready);
  CHECK(host["good"].plugin_name() == "good");
  CHECK(host["good"].plugin_version() == "1.0.0");
  CHECK(host["good"].account_scope() == "account at " + psp.url());
  CHECK(host["good"].contract().repeat == payoutd::Repeat::refused_as_duplicate);

  const auto prepared = run(host.io, host["good"].prepare(Host::order(), 5s));
  CHECK(prepared.artefact == std::string("artefact\0of ", 12) + Host::order().reference);

  const auto reply = host.submit("good");
  CHECK(reply.submission.kind == Submission::Kind::accepted);
  CHECK(reply.submission.provider_ref == "psp-1");
  CHECK(reply.evidence.bytes_left);
  CHECK(reply.evidence.acceptance_sign);
  CHECK(reply.evidence.http_status == 202);
  CHECK(paid == 1);

  const auto status = host.query("good");
  CHECK(status.kind == payoutd::Status::Kind::confirmed);
  CHECK(status.found.amount == Host::order().money.amount);
  CHECK(status.found.reference == Host::order().reference);

  CHECK(run(host.io, host["good"].balance()).available.to_string() == "1.5");
  CHECK_FALSE(run(host.io, host["good"].check_destination("22912345678")));
  CHECK(run(host.io, host["good"].check_destination("1"))->reason == "must have 11 digits");
  payoutd::Webhook webhook;
  webhook.body = std::string("\xff\x00good", 6);
  CHECK(run(host.io, host["good"].read_webhook(webhook)).kind == payoutd::WebhookReading::Kind::hint);
  REQUIRE(run_until(host.io, [&] { return host.samples.size() >= 2; }));
  CHECK(host.samples[0].operation == "submit");
  CHECK(host.samples[0].outcome == "2xx");
}

TEST_CASE("each answer of the PSP becomes what the contract lists, all else is unknown", "[submit]") {
  struct Row {
    std::string answer;
    Submission::Kind kind;
    bool sign;
    int status;
  };
  const std::vector<Row> rows{
      {http_answer(200, "ref"), Submission::Kind::confirmed, true, 200},
      {http_answer(409), Submission::Kind::duplicate, true, 409},
      {http_answer(422), Submission::Kind::refused, false, 422},
      {http_answer(423), Submission::Kind::unknown, false, 423},
      {http_answer(503), Submission::Kind::not_accepted, false, 503},
      {http_answer(500), Submission::Kind::unknown, false, 500},
      {http_answer(302, "", "Location: /elsewhere\r\n"), Submission::Kind::unknown, false, 302},
      {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", Submission::Kind::unknown, true, 200},
      {"not http at all\r\n\r\n", Submission::Kind::unknown, false, 0},
      {"", Submission::Kind::unknown, false, 0},
  };
  for (const Row& row : rows) {
    INFO(row.answer);
    ScriptedServer psp([&](Connection& connection) {
      if (connection.read_request()) connection.send(row.answer);
    });
    Host host;
    host.start({Host::config("good", psp.url())});
    const auto reply = host.submit("good");
    INFO(reply.submission.message);
    CHECK(reply.submission.kind == row.kind);
    CHECK(reply.evidence.bytes_left);
    CHECK(reply.evidence.acceptance_sign == row.sign);
    CHECK(reply.evidence.http_status == row.status);
    CHECK(psp.connections() == 1);
  }
}

TEST_CASE("a PSP that cannot be reached is provably not sent to", "[submit]") {
  Host host;
  host.start({Host::config("good", "http://127.0.0.1:1")});
  const auto reply = host.submit("good");
  CHECK(reply.submission.kind == Submission::Kind::not_accepted);
  CHECK(reply.submission.code == "not_sent");
  CHECK_FALSE(reply.evidence.bytes_left);
}

TEST_CASE("nothing is sent after the submit deadline", "[submit]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202); }, &requests));
  Host host;
  host.start({Host::config("good", psp.url())});
  const auto reply = host.submit("good", "attempt-late", -1ms);
  CHECK(reply.submission.kind == Submission::Kind::not_accepted);
  CHECK(reply.submission.code == "not_sent");
  CHECK(reply.submission.message.find("deadline") != std::string::npos);
  CHECK_FALSE(reply.evidence.bytes_left);
  CHECK(requests == 0);
}

TEST_CASE("a submit that was not announced is refused by host and process", "[submit]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202); }, &requests));
  Host host;
  host.start({Host::config("good", psp.url())});
  const auto reply = run(
      host.io, host["good"].submit(Host::order(), {}, "never-announced", providers::BootTime::now() + 5s));
  CHECK(reply.submission.kind == Submission::Kind::not_accepted);
  CHECK(requests == 0);
}

TEST_CASE("an attempt that was retired while its submit was on the way is not sent", "[submit]") {
  std::atomic<int> requests{0};
  ScriptedServer psp(answering([](const std::string&) { return http_answer(202); }, &requests));
  Host host;
  host.start({Host::config("good", psp.url())});
  auto& good = host["good"];
  REQUIRE(good.announce("attempt-1"));
  boost::asio::post(host.io, [&] { good.retire("attempt-1"); });
  static_cast<void>(
      run(host.io, good.submit(Host::order(), {}, "attempt-1", providers::BootTime::now() + 5s)));
  CHECK(requests == 0);
}

TEST_CASE("submits in flight never exceed the contract's concurrency", "[submit]") {
  std::atomic<bool> answer_now{false};
  std::atomic<int> requests{0};
  ScriptedServer psp([&](Connection& connection) {
    if (!connection.read_request()) return;
    ++requests;
    while (!answer_now) std::this_thread::sleep_for(1ms);
    connection.send(http_answer(202, "x"));
  });
  Host host;
  host.start({Host::config("good", psp.url(), {{"concurrency", 2}})});
  auto& good = host["good"];
  CHECK(good.announce("a"));
  CHECK(good.announce("b"));
  CHECK_FALSE(good.announce("c"));
  int replies = 0;
  for (const char* attempt : {"a", "b"}) {
    boost::asio::co_spawn(host.io, good.submit(Host::order(), {}, attempt, providers::BootTime::now() + 5s),
                          [&](std::exception_ptr, providers::SubmitReply) { ++replies; });
  }
  REQUIRE(run_until(host.io, [&] { return requests == 2; }));
  CHECK_FALSE(good.announce("c"));
  answer_now = true;
  REQUIRE(run_until(host.io, [&] { return replies == 2; }));
  CHECK(good.announce("c"));
  good.retire("c");
}

TEST_CASE("a response time-out leaves the outcome unknown", "[submit]") {
  ScriptedServer psp([](Connection& connection) {
    static_cast<void>(connection.read_request());
    static_cast<void>(connection.read_request());
  });
  Host host;
  host.start({Host::config("good", psp.url(), {{"response_timeout", "200ms"}})});
  const auto reply = host.submit("good");
  CHECK(reply.submission.kind == Submission::Kind::unknown);
  CHECK(reply.submission.message.find("timed out") != std::string::npos);
  CHECK(reply.evidence.bytes_left);
  CHECK_FALSE(reply.evidence.acceptance_sign);
}

TEST_CASE("money takes a fresh connection unless a repeat is harmless", "[submit]") {
  for (const bool harmless : {false, true}) {
    ScriptedServer psp(answering([](const std::string&) { return http_answer(202, "x"); }));
    Host host;
    const std::string plugin = harmless ? "harmless" : "good";
    host.start({Host::config(plugin, psp.url())});
    for (int i = 0; i < 3; ++i) {
      CHECK(host.submit(plugin, "attempt-" + std::to_string(i)).submission.kind ==
            Submission::Kind::accepted);
    }
    CHECK(psp.connections() == (harmless ? 1 : 3));
  }
}

TEST_CASE("queries keep the contract's rate", "[submit]") {
  ScriptedServer psp(answering([](const std::string&) { return http_answer(404); }));
  Host host;
  host.start({Host::config("good", psp.url(), {{"query_rate", 20}})});
  const auto started = std::chrono::steady_clock::now();
  for (int i = 0; i < 11; ++i) CHECK(host.query("good").kind == payoutd::Status::Kind::absent);
  CHECK(std::chrono::steady_clock::now() - started >= 400ms);
}
