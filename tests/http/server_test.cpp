#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "http/control_socket.hpp"
#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
using std::chrono::milliseconds;

namespace {

const std::string kPayout = R"({"amount":"100","currency":"XOF","destination":"22507000001"})";

std::map<std::string, std::string> with_key(const std::string& key) {
  return {{"Idempotency-Key", key}};
}

struct Malformed {
  std::string bytes;
  int status;
  std::string code;
};

http::ServerOptions impatient() {
  http::ServerOptions options;
  options.header_timeout = milliseconds(300);
  options.body_timeout = milliseconds(300);
  options.idle_timeout = milliseconds(300);
  return options;
}

}  // namespace

TEST_CASE("malformed requests are answered with a clear 4xx") {
  const std::string host = "Host: localhost\r\n";
  const std::string json = "Content-Type: application/json\r\nIdempotency-Key: k\r\n";
  const auto bad = GENERATE_COPY(values<Malformed>({
      {"GARBAGE\r\n\r\n", 400, "BAD_REQUEST"},
      {std::string("\x16\x03\x01\x02\x00\x01\x00\x01", 8) + "\r\n\r\n", 400, "BAD_REQUEST"},
      {"GET / HTTP/2.0\r\n" + host + "\r\n", 505, "HTTP_VERSION"},
      {"GET /livez HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"},
      {"GET /livez HTTP/1.1\r\n" + host + host + "\r\n", 400, "BAD_REQUEST"},
      {"GET /livez HTTP/1.1\r\n" + host + "Bad Header: x\r\n\r\n", 400, "BAD_REQUEST"},
      {"GET /livez HTTP/1.1\r\n" + host + "X: a\x01" + "b\r\n\r\n", 400, "BAD_REQUEST"},
      {"GET livez HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET http:///livez HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET http://me@localhost/livez HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET ftp://localhost/livez HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET http://localhost/livez HTTP/1.1\r\n\r\n", 400, "BAD_REQUEST"},
      {"GET /v1/payouts/%zz HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET /v1/payouts/%ff%fe HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET /v1/payouts/a%00b HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET /v1/payouts?state=%00 HTTP/1.1\r\n" + host + "\r\n", 400, "BAD_URL"},
      {"GET /" + std::string(3000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414, "URL_TOO_LONG"},
      {"GET /" + std::string(20'000, 'a') + " HTTP/1.1\r\n" + host + "\r\n", 414, "URL_TOO_LONG"},
      {"GET /livez HTTP/1.1\r\n" + host + "X: " + std::string(20'000, 'a') + "\r\n\r\n", 431,
       "HEADERS_TOO_LARGE"},
      {"GET /nowhere HTTP/1.1\r\n" + host + "\r\n", 404, "NOT_FOUND"},
      {"GET /v1/payouts/ HTTP/1.1\r\n" + host + "\r\n", 404, "NOT_FOUND"},
      {"DELETE /v1/payouts HTTP/1.1\r\n" + host + "\r\n", 405, "METHOD_NOT_ALLOWED"},
      {"BREW /livez HTTP/1.1\r\n" + host + "\r\n", 405, "METHOD_NOT_ALLOWED"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json +
           "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
       400, "BAD_REQUEST"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 400,
       "BAD_REQUEST"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "Content-Length: -1\r\n\r\n", 400, "BAD_REQUEST"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "Content-Length: 99999999999\r\n\r\n", 413,
       "BODY_TOO_LARGE"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
       "BAD_REQUEST"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "\r\n", 400, "BODY_MISSING"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + json + "Expect: tea\r\nContent-Length: 2\r\n\r\n", 417,
       "EXPECTATION_FAILED"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}",
       415, "UNSUPPORTED_MEDIA_TYPE"},
      {"POST /v1/payouts HTTP/1.1\r\n" + host + "Content-Type: application/json; charset=latin1\r\n" +
           "Content-Length: 2\r\n\r\n{}",
       415, "UNSUPPORTED_MEDIA_TYPE"},
      {"GET /livez HTTP/1.1\r\n" + host + "Content-Length: 2\r\n\r\n{}", 400, "UNEXPECTED_BODY"},
  }));
  INFO(bad.bytes.substr(0, 100));
  RunningServer running;
  RawClient client = running.client();
  client.send(bad.bytes);
  const RawResponse response = client.receive();
  CHECK(response.status == bad.status);
  CHECK(response.code() == bad.code);
  REQUIRE(response.headers.contains("x-request-id"));
  CHECK(response.json().at("error").at("flow_id").as_string() == response.headers.at("x-request-id"));
  CHECK(running.host.admissions == 0);
  // Whatever it was, the next connection is served.
  CHECK(running.ask(request("GET", "/livez")).status == 200);
}

TEST_CASE("a body whose length is not clear ends the connection, and nothing behind it is a request") {
  const std::string chunked = "Transfer-Encoding: chunked\r\n";
  const auto framing = GENERATE_COPY(values<std::string>({
      "Transfer-Encoding: gzip\r\n",
      "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding: chunkedx\r\n",
      "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: chunked, identity\r\n",
      "Transfer-Encoding: gzip, chunked\r\n",
      "Transfer-Encoding: chunked, chunked\r\n",
      "Transfer-Encoding: \"chunked\"\r\n",
      "Transfer-Encoding: chunked;q=1\r\n",
      "Transfer-Encoding:\r\n",
      "Transfer-Encoding: ,chunked\r\n",
      chunked + chunked,
      chunked + "Transfer-Encoding: identity\r\n",
      "Transfer-Encoding: identity\r\n" + chunked,
      chunked + "Content-Length: 5\r\n",
      "Content-Length: 5\r\n" + chunked,
      "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n",
      "Content-Length: 5\r\nTransfer-Encoding: gzip\r\n",
  }));
  const std::string line = GENERATE("POST /v1/payouts", "GET /livez");
  const std::string version = GENERATE("HTTP/1.1", "HTTP/1.0");
  INFO(line << " " << version << " " << framing);
  RunningServer running;
  RawClient client = running.client();
  client.send(line + " " + version + "\r\nHost: localhost\r\nConnection: keep-alive\r\n" + framing +
              "\r\n0\r\n\r\n" + request("GET", "/livez"));
  const RawResponse response = client.receive();
  CHECK(response.status == 400);
  CHECK(response.code() == "BAD_REQUEST");
  CHECK(response.headers.at("connection") == "close");
  CHECK(client.closed());
  CHECK(running.host.admissions == 0);
  CHECK(running.host.counted_requests("GET /livez 200") == 0);
}

TEST_CASE("HTTP/1.0 knows no chunks, and the name of HTTP/1.1's has no case") {
  RunningServer running;
  const auto ask = [&](const std::string& version, const std::string& coding) {
    RawClient client = running.client();
    client.send("POST /v1/payouts " + version + "\r\nHost: localhost\r\nIdempotency-Key: k\r\n" +
                "Content-Type: application/json\r\nTransfer-Encoding: " + coding + "\r\n\r\n3d\r\n" +
                kPayout + "\r\n0\r\n\r\n");
    return client.receive();
  };
  REQUIRE(kPayout.size() == 0x3d);
  CHECK(ask("HTTP/1.0", "chunked").code() == "BAD_REQUEST");
  CHECK(running.host.admissions == 0);
  CHECK(ask("HTTP/1.1", " Chunked ").status == 201);
}

TEST_CASE("a whole URL is taken as its path, and its authority as the host") {
  RunningServer running;
  for (const char* target :
       {"http://localhost/livez", "HTTP://127.0.0.1:8480/livez", "https://localhost/livez?"})
    CHECK(running.ask(request("GET", target)).status == 200);
  CHECK(running.ask(request("GET", "http://localhost")).code() == "NOT_FOUND");
  CHECK(running.ask(request("GET", "http://localhost?limit=1")).code() == "NOT_FOUND");
  CHECK(running.ask(request("GET", "http://localhost/v1/payouts?limit=1")).status == 200);
  CHECK(running.host.last_filter.limit == 1);
  // The Host header beside it does not count, whichever of the two is the stranger's.
  CHECK(running.ask(request("GET", "http://pay.example/v1/payouts")).code() == "HOST_NOT_SERVED");
  CHECK(running.ask(request("GET", "http://localhost/v1/payouts", {}, {{"Host", "pay.example"}})).status ==
        200);
}

TEST_CASE("what could not be read is counted all the same") {
  RunningServer running(impatient());
  running.ask("GARBAGE\r\n\r\n");
  CHECK(running.host.counted_requests(" other 400") == 1);
  running.ask("GET /livez HTTP/1.1\r\nHost: localhost\r\nX: " + std::string(20'000, 'a') + "\r\n\r\n");
  CHECK(running.host.counted_requests(" other 431") == 1);
  running.ask("GET /livez HTT");
  CHECK(running.host.counted_requests(" other 408") == 1);
}

TEST_CASE("a wrong method names those that are right") {
  RunningServer running;
  CHECK(running.ask(request("DELETE", "/v1/payouts")).headers.at("allow") == "GET, HEAD, POST");
}

TEST_CASE("a connection is used again and again, and pipelined requests are answered in order") {
  RunningServer running;
  RawClient client = running.client();
  client.send(request("GET", "/livez") + request("GET", "/healthz") +
              request("POST", "/v1/payouts", kPayout, with_key("a")) + request("GET", "/readyz"));
  CHECK(client.receive().json().get_object().contains("live"));
  CHECK(client.receive().json().get_object().contains("version"));
  CHECK(client.receive().status == 201);
  CHECK(client.receive().json().get_object().contains("ready"));
  client.send(request("GET", "/nowhere"));
  CHECK(client.receive().status == 404);
  client.send(request("GET", "/livez"));
  CHECK(client.receive().status == 200);
  CHECK(running.server->connections() == 1);
}

TEST_CASE("HEAD is answered without a body, and Connection: close closes") {
  RunningServer running;
  RawClient client = running.client();
  client.send(request("HEAD", "/livez"));
  const RawResponse head = client.receive(true);
  CHECK(head.status == 200);
  CHECK(std::stoi(head.headers.at("content-length")) > 0);
  client.send(request("GET", "/livez", {}, {{"Connection", "close"}}));
  CHECK(client.receive().headers.at("connection") == "close");
  CHECK(client.closed());
}

TEST_CASE("a request in single bytes, and a chunked one, are understood") {
  RunningServer running;
  RawClient client = running.client();
  for (const char c : request("POST", "/v1/payouts", kPayout, with_key("a")))
    client.send(std::string_view(&c, 1));
  CHECK(client.receive().status == 201);
  client.send(
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: "
      "b\r\n"
      "Transfer-Encoding: chunked\r\n\r\n");
  const std::string half = kPayout.substr(0, 20);
  const std::string rest = kPayout.substr(20);
  char size[8];
  std::snprintf(size, sizeof(size), "%zx", half.size());
  client.send(std::string(size) + "\r\n" + half + "\r\n");
  std::snprintf(size, sizeof(size), "%zx", rest.size());
  client.send(std::string(size) + "\r\n" + rest + "\r\n0\r\n\r\n");
  CHECK(client.receive().status == 201);
}

TEST_CASE("Expect: 100-continue is answered before the body") {
  RunningServer running;
  RawClient client = running.client();
  const std::string whole =
      request("POST", "/v1/payouts", kPayout, {{"Idempotency-Key", "a"}, {"Expect", "100-continue"}});
  const auto body_at = whole.size() - kPayout.size();
  client.send(std::string_view(whole).substr(0, body_at));
  CHECK(client.receive().status == 100);
  client.send(kPayout);
  CHECK(client.receive().status == 201);
}

TEST_CASE("a body over the limit is refused, announced or chunked") {
  RunningServer running({}, {.max_body_bytes = 1000, .max_bulk_bytes = 5000});
  const std::string large = "{\"amount\":\"" + std::string(2000, '1') + "\"}";
  CHECK(running.ask(request("POST", "/v1/payouts", large, with_key("a"))).code() == "BODY_TOO_LARGE");
  CHECK(running.ask(request("POST", "/v1/payouts/bulk", large)).code() == "MALFORMED_JSON");
  RawClient client = running.client();
  client.send(
      "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nIdempotency-Key: "
      "b\r\n"
      "Transfer-Encoding: chunked\r\n\r\n7d0\r\n" +
      large + "\r\n0\r\n\r\n");
  const RawResponse response = client.receive();
  CHECK(response.status == 413);
  CHECK(response.headers.at("connection") == "close");
  CHECK(client.closed());
}

TEST_CASE("slow clients are timed out") {
  RunningServer running(impatient());
  SECTION("in the headers") {
    RawClient client = running.client();
    client.send("GET /livez HTT");
    CHECK(client.receive().status == 408);
    CHECK(client.closed());
  }
  SECTION("in the body") {
    RawClient client = running.client();
    client.send(
        "POST /v1/payouts HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        "Idempotency-Key: k\r\nContent-Length: 100\r\n\r\n{");
    CHECK(client.receive().code() == "TIMEOUT");
    CHECK(client.closed());
  }
  SECTION("idle between requests, without a word") {
    RawClient client = running.client();
    client.send(request("GET", "/livez"));
    CHECK(client.receive().status == 200);
    CHECK(client.closed());
  }
}

TEST_CASE("connections that have asked once and say nothing since give way, the longest idle first") {
  http::ServerOptions options;
  options.max_connections = 3;
  RunningServer running(options);
  running.host.admit_delay = milliseconds(500);
  RawClient busy = running.client();
  RawClient first = running.client();
  RawClient second = running.client();
  for (RawClient* client : {&busy, &second, &first, &second}) {
    client->send(request("GET", "/livez"));
    CHECK(client->receive().status == 200);
  }
  busy.send(request("POST", "/v1/payouts", kPayout, with_key("a")));
  running.await_admissions(1);
  CHECK(running.ask(request("GET", "/livez")).status == 200);
  CHECK(first.closed());
  CHECK(running.host.blocked("connections") == 1);
  second.send(request("GET", "/livez"));
  CHECK(second.receive().status == 200);
  for (int i = 0; i < 20; ++i) {
    RawClient stranger = running.client();
    stranger.send(request("GET", "/livez"));
    CHECK(stranger.receive().status == 200);
  }
  CHECK(busy.receive().status == 201);
}

TEST_CASE("more requests than allowed are turned away, and operators still come in") {
  http::ServerOptions options;
  options.max_connections = 2;
  RunningServer running(options);
  running.host.admit_delay = std::chrono::seconds(2);
  RawClient first = running.client();
  RawClient second = running.client();
  first.send(request("POST", "/v1/payouts", kPayout, with_key("a")));
  second.send(request("POST", "/v1/payouts", kPayout, with_key("b")));
  running.await_admissions(2);
  RawClient third = running.client();
  const RawResponse refused = third.receive();
  CHECK(refused.status == 503);
  CHECK(refused.code() == "TOO_MANY_CONNECTIONS");
  CHECK(refused.headers.at("retry-after") == "1");
  CHECK(running.host.blocked("connections") == 1);
  CHECK(first.receive().status == 201);
  CHECK(running.ask_as_operator(request("GET", "/livez")).status == 200);
}

TEST_CASE("stop lets requests in flight finish and closes idle connections") {
  RunningServer running;
  running.host.admit_delay = milliseconds(300);
  RawClient idle = running.client();
  idle.send(request("GET", "/livez"));
  CHECK(idle.receive().status == 200);
  RawClient busy = running.client();
  busy.send(request("POST", "/v1/payouts", kPayout, with_key("a")));
  running.await_admissions(1);
  CHECK(running.stop(std::chrono::seconds(5)));
  const RawResponse response = busy.receive();
  CHECK(response.status == 201);
  CHECK(response.headers.at("connection") == "close");
  CHECK(idle.closed());
  CHECK_FALSE(std::filesystem::exists(running.socket));
}

TEST_CASE("stop cuts what does not finish in time") {
  RunningServer running;
  running.host.admit_delay = std::chrono::seconds(30);
  RawClient busy = running.client();
  busy.send(request("POST", "/v1/payouts", kPayout, with_key("a")));
  running.await_admissions(1);
  CHECK_FALSE(running.stop(milliseconds(100)));
}

TEST_CASE("only loopback addresses are listened on") {
  boost::asio::io_context io;
  FakeHost host;
  http::Router router(host, {});
  const auto bad = GENERATE("0.0.0.0", "::", "192.168.1.1", "8.8.8.8", "localhost", "::ffff:10.0.0.1");
  http::ServerOptions options;
  options.address = bad;
  CHECK_THROWS_AS(http::Server(io.get_executor(), router, options), http::ListenError);
}

TEST_CASE("a port in use is named") {
  RunningServer running;
  boost::asio::io_context io;
  http::ServerOptions options;
  options.port = running.server->port();
  CHECK_THROWS_WITH(http::Server(io.get_executor(), running.router, options),
                    Catch::Contains(std::to_string(options.port)) && Catch::Contains("in use"));
}

TEST_CASE("the control socket is the owner's alone and names who asks") {
  RunningServer running;
  struct stat info{};
  REQUIRE(::stat(running.socket.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const RawResponse created = running.ask_as_operator(request("POST", "/v1/payouts", kPayout, with_key("a")));
  CHECK(created.status == 201);
  const std::string id(created.json().at("id").as_string());
  CHECK(running.host.entries.at(id).request.actor == "operator:" + http::user_name(::getuid()));
  const RawResponse by_tcp = running.ask(request("POST", "/v1/payouts", kPayout, with_key("b")));
  CHECK(running.host.entries.at(std::string(by_tcp.json().at("id").as_string())).request.actor ==
        "client:default");
}

TEST_CASE("a user without a name is shown by number") {
  CHECK(http::user_name(4242424) == "uid:4242424");
}

TEST_CASE("the control socket of a living host is not taken away") {
  RunningServer running;
  boost::asio::io_context io;
  http::ServerOptions options;
  options.control_socket = running.socket;
  CHECK_THROWS_WITH(http::Server(io.get_executor(), running.router, options),
                    Catch::Contains("another host is running"));
  CHECK(running.ask_as_operator(request("GET", "/livez")).status == 200);
}

TEST_CASE("what a dead host left is replaced, and nothing else is") {
  TemporaryFolder folder;
  http::ServerOptions options;
  options.control_socket = folder.path / "control.sock";
  SECTION("a socket file without a listener") {
    const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, options.control_socket.c_str());
    REQUIRE(::bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    ::close(dead);
    RunningServer running(options);
    CHECK(running.ask_as_operator(request("GET", "/livez")).status == 200);
  }
  SECTION("a file that is no socket stays") {
    std::ofstream(options.control_socket) << "precious";
    boost::asio::io_context io;
    FakeHost host;
    http::Router router(host, {});
    CHECK_THROWS_WITH(http::Server(io.get_executor(), router, options), Catch::Contains("not a socket"));
    CHECK(std::filesystem::file_size(options.control_socket) == 8);
  }
  SECTION("a listener that is no host of ours stays") {
    const int alive = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strcpy(address.sun_path, options.control_socket.c_str());
    REQUIRE(::bind(alive, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    REQUIRE(::listen(alive, 1) == 0);
    boost::asio::io_context io;
    FakeHost host;
    http::Router router(host, {});
    CHECK_THROWS_WITH(http::Server(io.get_executor(), router, options),
                      Catch::Contains("listening on it already"));
    ::close(alive);
  }
  SECTION("a folder that is not there is named") {
    options.control_socket = folder.path / "none" / "control.sock";
    boost::asio::io_context io;
    FakeHost host;
    http::Router router(host, {});
    CHECK_THROWS_WITH(http::Server(io.get_executor(), router, options), Catch::Contains("folder must exist"));
  }
  SECTION("a path that is too long is said to be") {
    options.control_socket = folder.path / std::string(120, 'x');
    boost::asio::io_context io;
    FakeHost host;
    http::Router router(host, {});
    CHECK_THROWS_WITH(http::Server(io.get_executor(), router, options), Catch::Contains("longer than 107"));
  }
}
