// The HTTP client against a server that does exactly what the script says, byte by byte.
#include "providers/http_client.hpp"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "host_fixture.hpp"
#include "providers/call_context.hpp"
#include "scripted_server.hpp"

using namespace contract_tests;
using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::HttpStage;
using namespace payoutd::providers;

namespace {

struct Client {
  explicit Client(HttpOptions options = {}) {
    http = make_http_client(io.get_executor(), std::move(options),
                            [this](const HttpSample& sample) { samples.push_back(sample); });
  }
  HttpResponse send(HttpRequest request) { return run(io, http->send(std::move(request))); }

  /// Sends as a plugin's submit would.
  HttpResponse submit(HttpRequest request, std::shared_ptr<CallContext> call,
                      boost::asio::cancellation_slot cancellation = {}) {
    std::optional<HttpResponse> response;
    std::exception_ptr thrown;
    bool done = false;
    boost::asio::any_io_executor executor(CallExecutor(io.get_executor(), call));
    boost::asio::co_spawn(
        executor, http->send(std::move(request)),
        boost::asio::bind_cancellation_slot(cancellation, [&](std::exception_ptr e, HttpResponse r) {
          thrown = e;
          if (!e) response = std::move(r);
          done = true;
        }));
    if (!run_until(io, [&] { return done; })) throw std::runtime_error("the request did not end");
    if (thrown) std::rethrow_exception(thrown);
    return *response;
  }

  boost::asio::io_context io{1};
  std::vector<HttpSample> samples;
  std::shared_ptr<payoutd::HttpClient> http;
};

struct Permit {
  explicit Permit(bool fresh = true, std::chrono::milliseconds window = 5s) {
    call->permit_submit({.deadline = BootTime::now() + window,
                         .response_timeout = 2s,
                         .fresh_connection = fresh,
                         .mark =
                             [this] {
                               ++marks;
                               return may_mark;
                             },
                         .host_gone = [this] { return host_gone; }});
  }
  std::shared_ptr<CallContext> call = std::make_shared<CallContext>("submit");
  int marks = 0;
  bool may_mark = true;
  bool host_gone = false;
};

HttpRequest money(const ScriptedServer& server) {
  return HttpRequest::post(server.url() + "/pay").body("{}", "application/json").moves_money();
}

template <class Action>
HttpFailure failure_of(Action action) {
  try {
    action();
  } catch (const HttpFailure& failure) {
    return failure;
  }
  throw std::runtime_error("nothing failed");
}

}  // namespace

TEST_CASE("a request says what was asked, and the answer comes whole", "[http]") {
  std::string seen;
  ScriptedServer server(answering([&](const std::string& request) {
    seen = request;
    return http_answer(201, "body", "X-One: 1\r\nx-two: 2\r\n");
  }));
  Client client;
  const auto response = client.send(HttpRequest::post(server.url() + "/a%20b?c=d#fragment")
                                        .header("X-Key", "k\tv")
                                        .body("hello", "text/plain"));
  CHECK(response.status == 201);
  CHECK(response.body == "body");
  CHECK(response.header("X-TWO") == "2");
  CHECK(seen.starts_with("POST /a%20b?c=d HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(server.port()) +
                         "\r\n"));
  CHECK(seen.find("X-Key: k\tv\r\n") != std::string::npos);
  CHECK(seen.ends_with("Content-Length: 5\r\n\r\nhello"));
  REQUIRE(client.samples.size() == 1);
  CHECK(client.samples[0].outcome == "2xx");
  CHECK(client.samples[0].operation == "background");
}

TEST_CASE("connections are kept, and dropped when the server says so", "[http]") {
  ScriptedServer keeping(answering([](const std::string&) { return http_answer(200); }));
  ScriptedServer closing(
      answering([](const std::string&) { return http_answer(200, "", "Connection: close\r\n"); }));
  ScriptedServer chattering(
      answering([](const std::string&) { return http_answer(200) + "HTTP/1.1 200 smuggled"; }));
  Client client;
  for (int i = 0; i < 3; ++i) {
    client.send(HttpRequest::get(keeping.url()));
    client.send(HttpRequest::get(closing.url()));
    CHECK(client.send(HttpRequest::get(chattering.url())).status == 200);
  }
  CHECK(keeping.connections() == 1);
  CHECK(closing.connections() == 3);
  CHECK(chattering.connections() == 3);
}

TEST_CASE("a kept connection is not used after its idle time", "[http]") {
  ScriptedServer server(answering([](const std::string&) { return http_answer(200); }));
  HttpOptions options;
  options.idle_timeout = 1ms;
  Client client(options);
  client.send(HttpRequest::get(server.url()));
  std::this_thread::sleep_for(5ms);
  client.send(HttpRequest::get(server.url()));
  CHECK(server.connections() == 2);
}

TEST_CASE("a GET survives a kept connection that dies; a POST and money do not go out twice", "[http]") {
  // Each connection answers one request and dies when it sees the second.
  std::atomic<int> requests{0};
  ScriptedServer server([&](Connection& connection) {
    if (!connection.read_request()) return;
    ++requests;
    connection.send(http_answer(200));
    if (connection.read_request()) ++requests;
  });
  Client client;
  client.send(HttpRequest::get(server.url()));
  CHECK(client.send(HttpRequest::get(server.url())).status == 200);
  CHECK(requests == 3);
  CHECK(server.connections() == 2);

  auto failure = failure_of([&] { client.send(HttpRequest::post(server.url())); });
  CHECK(failure.stage() == HttpStage::read);
  CHECK(failure.bytes_left());
  CHECK(requests == 4);

  client.send(HttpRequest::get(server.url()));
  Permit permit(
      false);  // a harmless repeat may take the kept connection, but is not sent again by the client
  failure = failure_of([&] { client.submit(money(server), permit.call); });
  CHECK(failure.bytes_left());
  CHECK(permit.marks == 1);
  CHECK(requests == 6);
}

TEST_CASE("a kept connection that the server closed meanwhile is noticed before it is used", "[http]") {
  ScriptedServer server([&](Connection& connection) {
    if (connection.read_request()) connection.send(http_answer(200));
  });
  Client client;
  for (int i = 0; i < 3; ++i) {
    CHECK(client.send(HttpRequest::post(server.url())).status == 200);
    std::this_thread::sleep_for(20ms);  // for the FIN, which no event announces
  }
  CHECK(server.connections() == 3);
}

TEST_CASE("each stage has its own time-out and says whether bytes left", "[http]") {
  ScriptedServer silent([](Connection& connection) {
    while (connection.read_request()) {
    }
  });
  HttpOptions options;
  options.handshake_timeout = 50ms;
  options.response_timeout = 50ms;
  Client client(options);

  auto failure = failure_of([&] { client.send(HttpRequest::get("http://127.0.0.1:1/")); });
  CHECK(failure.stage() == HttpStage::connect);
  CHECK_FALSE(failure.bytes_left());
  failure = failure_of([&] { client.send(HttpRequest::get("http://does-not-exist.invalid/")); });
  CHECK(failure.stage() == HttpStage::resolve);
  CHECK_FALSE(failure.bytes_left());
  failure = failure_of(
      [&] { client.send(HttpRequest::get("https://127.0.0.1:" + std::to_string(silent.port()))); });
  CHECK(failure.stage() == HttpStage::handshake);
  CHECK_FALSE(failure.bytes_left());
  failure = failure_of([&] { client.send(HttpRequest::get(silent.url())); });
  CHECK(failure.stage() == HttpStage::read);
  CHECK(failure.bytes_left());
  CHECK(std::string(failure.what()).find("timed out") != std::string::npos);
  CHECK(client.samples.back().outcome == "read");
}

TEST_CASE("answers beyond the limits and answers that are none are refused", "[http]") {
  const std::vector<std::string> answers{
      "HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n" + std::string(2'000'000, 'x'),
      "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
      "SSH-2.0-OpenSSH\r\n",
      "HTTP/1.1 20",
  };
  for (const auto& answer : answers) {
    INFO(answer.substr(0, 60));
    ScriptedServer server([&](Connection& connection) {
      if (connection.read_request()) connection.send(answer);
    });
    Client client;
    const auto failure = failure_of([&] { client.send(HttpRequest::post(server.url())); });
    CHECK(failure.stage() == HttpStage::read);
    CHECK(failure.bytes_left());
  }
}

TEST_CASE("interim answers are skipped, chunks are joined, redirects are answers", "[http]") {
  ScriptedServer server([](Connection& connection) {
    static_cast<void>(connection.read_request());
    connection.send(
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: "
        "chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n");
    static_cast<void>(connection.read_request());
    connection.send(http_answer(307, "", "Location: http://127.0.0.1:1/\r\n"));
  });
  Client client;
  CHECK(client.send(HttpRequest::get(server.url())).body == "abc");
  const auto redirect = client.send(HttpRequest::get(server.url()));
  CHECK(redirect.status == 307);
  CHECK(redirect.header("location") == "http://127.0.0.1:1/");
}

TEST_CASE("a request that would say more than one thing is refused", "[http]") {
  ScriptedServer server(answering([](const std::string&) { return http_answer(200); }));
  Client client;
  const auto refuses = [&](HttpRequest request) {
    const auto failure = failure_of([&] { client.send(std::move(request)); });
    CHECK_FALSE(failure.bytes_left());
  };
  refuses(HttpRequest::get(server.url()).header("X", "a\r\nEvil: b"));
  refuses(HttpRequest::get(server.url()).header("X", std::string("a\0b", 3)));
  refuses(HttpRequest::get(server.url()).header("X: y\r\nEvil", "b"));
  refuses(HttpRequest::get(server.url()).header("Content-Length", "3"));
  refuses(HttpRequest::get(server.url()).header("host", "other"));
  refuses(HttpRequest("GET / HTTP/1.1\r\nX:", server.url()));
  refuses(HttpRequest::get(server.url() + "/a b"));
  refuses(HttpRequest::get(server.url() + "/\r\nEvil: b"));
  refuses(HttpRequest::get("ftp://127.0.0.1/"));
  refuses(HttpRequest::get("http://user:password@127.0.0.1/"));
  refuses(HttpRequest::get("/relative"));
  CHECK(server.connections() == 0);
}

TEST_CASE("TLS is verified: authority, name and nothing less", "[http][tls]") {
  TestCertificate right;
  TestCertificate wrong_name("DNS:other.example");
  ScriptedServer server(answering([](const std::string&) { return http_answer(200, "secure"); }),
                        right.certificate_file, right.key_file);
  ScriptedServer other(answering([](const std::string&) { return http_answer(200); }),
                       wrong_name.certificate_file, wrong_name.key_file);
  HttpOptions options;
  options.ca_file = right.certificate_file;
  Client client(options);
  CHECK(client.send(HttpRequest::get(server.url())).body == "secure");
  CHECK(client.send(HttpRequest::get("https://localhost:" + std::to_string(server.port()))).body == "secure");
  CHECK(client.send(HttpRequest::get(server.url())).body == "secure");
  CHECK(server.connections() == 2);  // one for each name

  Client distrusting;
  Permit permit;
  auto failure = failure_of([&] { distrusting.submit(money(server), permit.call); });
  CHECK(failure.stage() == HttpStage::handshake);
  CHECK_FALSE(failure.bytes_left());
  CHECK(std::string(failure.what()).find("self-signed") != std::string::npos);
  CHECK(permit.marks == 0);

  options.ca_file = wrong_name.certificate_file;
  Client misled(options);
  failure = failure_of([&] { misled.send(HttpRequest::get(other.url())); });
  CHECK(failure.stage() == HttpStage::handshake);

  Permit over_tls;
  CHECK(client.submit(money(server), over_tls.call).body == "secure");
  CHECK(over_tls.marks == 1);
  CHECK(server.connections() == 4);  // with the one that was not trusted
  options.ca_file = "/nowhere.pem";
  CHECK_THROWS_WITH(Client(options), Catch::Contains("http.ca_file: /nowhere.pem"));
}

TEST_CASE("a proxy is asked in absolute form, and by CONNECT for https", "[http][tls]") {
  TestCertificate certificate;
  ScriptedServer target(answering([](const std::string&) { return http_answer(200, "through"); }),
                        certificate.certificate_file, certificate.key_file);
  std::string seen;
  std::atomic<int> status{200};
  ScriptedServer proxy([&](Connection& connection) {
    while (const auto request = connection.read_request()) {
      seen = *request;
      if (!request->starts_with("CONNECT ")) {
        connection.send(http_answer(200, "by proxy"));
      } else if (status != 200) {
        connection.send(http_answer(status));
      } else {
        connection.send("HTTP/1.1 200 Connection established\r\n\r\n");
        return connection.relay_to(target.port());
      }
    }
  });
  HttpOptions options;
  options.proxy = proxy.url();
  options.ca_file = certificate.certificate_file;
  Client client(options);
  CHECK(client.send(HttpRequest::get("http://psp.invalid/x?y")).body == "by proxy");
  CHECK(seen.starts_with("GET http://psp.invalid/x?y HTTP/1.1\r\nHost: psp.invalid\r\n"));
  CHECK(client.send(HttpRequest::get(target.url())).body == "through");
  CHECK(seen.starts_with("CONNECT 127.0.0.1:" + std::to_string(target.port()) + " HTTP/1.1\r\n"));

  status = 403;
  Permit permit;
  const auto failure = failure_of([&] { client.submit(money(target), permit.call); });
  CHECK(failure.stage() == HttpStage::connect);
  CHECK_FALSE(failure.bytes_left());
  CHECK(permit.marks == 0);
}

TEST_CASE("the mark is set on a connection that is ready, before any byte", "[http][money]") {
  std::atomic<int> requests{0};
  ScriptedServer server(answering([](const std::string&) { return http_answer(202, "x"); }, &requests));
  Client client;
  client.send(HttpRequest::get(server.url()));
  Permit permit;
  CHECK(client.submit(money(server), permit.call).status == 202);
  CHECK(permit.marks == 1);
  CHECK(permit.call->marked());
  CHECK(permit.call->answered());
  CHECK(permit.call->http_status() == 202);
  CHECK(server.connections() == 2);
  CHECK(client.samples.back().operation == "submit");

  requests = 0;
  CHECK_THROWS_AS(client.submit(money(server), permit.call), MoneyRuleBroken);
  CHECK_THROWS_AS(client.send(money(server)), MoneyRuleBroken);
  CHECK_THROWS_AS(client.submit(money(server), std::make_shared<CallContext>("query")), MoneyRuleBroken);
  Permit over;
  over.call->close();
  CHECK_THROWS_AS(client.submit(money(server), over.call), MoneyRuleBroken);
  Permit late(true, -1ms);
  CHECK_FALSE(failure_of([&] { client.submit(money(server), late.call); }).bytes_left());
  CHECK(late.marks == 0);
  Permit orphan;
  orphan.host_gone = true;
  CHECK_FALSE(failure_of([&] { client.submit(money(server), orphan.call); }).bytes_left());
  Permit revoked;
  revoked.may_mark = false;
  CHECK_FALSE(failure_of([&] { client.submit(money(server), revoked.call); }).bytes_left());
  CHECK_FALSE(revoked.call->marked());
  CHECK(requests == 0);
}

TEST_CASE("money is sent once, whatever happens to the connection", "[http][money]") {
  std::atomic<int> requests{0};
  const std::vector<ScriptedServer::Script> scripts{
      [&](Connection& c) { requests += c.read_request().has_value(); },
      [&](Connection& c) {
        requests += c.read_request().has_value();
        c.reset();
      },
      [&](Connection& c) {
        requests += c.read_request().has_value();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
      },
  };
  for (const auto& script : scripts) {
    requests = 0;
    ScriptedServer server(script);
    Client client;
    Permit permit;
    const auto failure = failure_of([&] { client.submit(money(server), permit.call); });
    CHECK(failure.stage() == HttpStage::read);
    CHECK(failure.bytes_left());
    CHECK(permit.marks == 1);
    CHECK_FALSE(permit.call->answered());
    CHECK(requests == 1);
    CHECK(server.connections() == 1);
  }
}

TEST_CASE("a cancelled submit that has not begun to send never does", "[http][money]") {
  ScriptedServer tarpit([](Connection& connection) { static_cast<void>(connection.read_request()); });
  Client client;
  Permit permit;
  boost::asio::cancellation_signal cancellation;
  boost::asio::steady_timer timer(client.io, 30ms);
  timer.async_wait(
      [&](const boost::system::error_code&) { cancellation.emit(boost::asio::cancellation_type::terminal); });
  auto request = HttpRequest::post("https://127.0.0.1:" + std::to_string(tarpit.port())).moves_money();
  CHECK_THROWS(client.submit(std::move(request), permit.call, cancellation.slot()));
  CHECK(permit.marks == 0);
}

TEST_CASE("requests beyond the connection limit wait their turn", "[http]") {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  ScriptedServer server([&](Connection& connection) {
    while (connection.read_request()) {
      most = std::max(most.load(), ++at_once);
      std::this_thread::sleep_for(5ms);
      --at_once;
      connection.send(http_answer(200));
    }
  });
  HttpOptions options;
  options.max_connections = 2;
  Client client(options);
  int done = 0;
  for (int i = 0; i < 8; ++i) {
    boost::asio::co_spawn(client.io, client.http->send(HttpRequest::get(server.url())),
                          [&](std::exception_ptr thrown, HttpResponse) { done += thrown == nullptr; });
  }
  REQUIRE(run_until(client.io, [&] { return done == 8; }));
  CHECK(most == 2);
  CHECK(server.connections() == 2);
}

TEST_CASE("options are read strictly", "[http]") {
  std::vector<payoutd::Problem> problems;
  const auto options = HttpOptions::parse(
      {{"connect_timeout", "250ms"}, {"max_connections", 3}, {"proxy", "http://p:1"}}, problems);
  CHECK(problems.empty());
  CHECK(options.connect_timeout == 250ms);
  CHECK(options.max_connections == 3);
  HttpOptions::parse({{"connect_timeout", "soon"},
                      {"max_connections", 0},
                      {"proxy", "socks"},
                      {"ca_files", "x"},
                      {"client_key_file", "k"}},
                     problems);
  CHECK(problems.size() == 5);
}

TEST_CASE("URLs in logs show no secrets and no whole numbers", "[http]") {
  CHECK(redacted_url("https://u:p@psp.example/v1/msisdn/22912345678/active?key=secret#x") ==
        "https://psp.example/v1/msisdn/*********78/active");
  CHECK(redacted_url("http://h:8080/transfer/42") == "http://h:8080/transfer/42");
}
