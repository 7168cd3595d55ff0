#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <fstream>

#include "certificate.hpp"
#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;

namespace {

/// What one request over TLS brings back, and whom the server says that it is.
struct TlsAnswer {
  std::string text;
  std::string common_name;
};

TlsAnswer ask_over_tls(std::uint16_t port, const std::string& bytes) {
  asio::io_context io;
  ssl::context context(ssl::context::tls_client);
  ssl::stream<asio::ip::tcp::socket> stream(io, context);
  stream.next_layer().connect({asio::ip::make_address("127.0.0.1"), port});
  stream.handshake(ssl::stream_base::client);
  TlsAnswer answer;
  X509* certificate = SSL_get1_peer_certificate(stream.native_handle());
  char name[64] = {};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name, sizeof name);
  X509_free(certificate);
  answer.common_name = name;
  asio::write(stream, asio::buffer(bytes));
  boost::system::error_code error;
  asio::read(stream, asio::dynamic_buffer(answer.text), error);
  // The end is said in TLS: an answer that somebody cut off would not look complete.
  CHECK(error == asio::error::eof);
  return answer;
}

std::string closing(std::string_view path) {
  return request("GET", path, {}, {{"Connection", "close"}});
}

struct Certificates {
  TemporaryFolder folder;
  std::filesystem::path certificate = folder.path / "certificate.pem";
  std::filesystem::path key = folder.path / "key.pem";
  http::ServerOptions options() const {
    http::ServerOptions options;
    options.tls_certificate = certificate;
    options.tls_key = key;
    options.first_timeout = std::chrono::milliseconds(500);
    return options;
  }
};

bool reload(RunningServer& running) {
  std::promise<bool> done;
  asio::post(running.io, [&] {
    try {
      running.server->reload_tls();
      done.set_value(true);
    } catch (const http::ListenError&) {
      done.set_value(false);
    }
  });
  return done.get_future().get();
}

}  // namespace

TEST_CASE("with a certificate the port speaks TLS only, and the control socket as before") {
  Certificates files;
  write_certificate(files.certificate, files.key, "first");
  RunningServer running(files.options());
  const TlsAnswer answer = ask_over_tls(running.server->port(), closing("/livez"));
  CHECK(answer.text.starts_with("HTTP/1.1 200 OK"));
  CHECK(answer.text.ends_with("{\"live\":true}\n"));
  CHECK(answer.common_name == "first");
  const std::string body =
      R"({"amount":"100","currency":"XOF","destination":")" + std::string(100, '1') + R"("})";
  CHECK(ask_over_tls(running.server->port(), request("POST", "/v1/payouts", body,
                                                     {{"Idempotency-Key", "k"}, {"Connection", "close"}}))
            .text.starts_with("HTTP/1.1 201"));
  RawClient plain = running.client();
  plain.send(request("GET", "/livez"));
  std::string got;
  int status = 0;
  try {
    status = plain.receive().status;
  } catch (const std::exception&) {
    // An alert of TLS is no HTTP.
  }
  CHECK(status == 0);
  CHECK(running.ask_as_operator(request("GET", "/livez")).status == 200);
  // Whoever never shakes hands does not stay.
  RawClient silent = running.client();
  CHECK(silent.closed());
}

TEST_CASE("a renewed certificate is taken over by a reload; a broken one is not") {
  Certificates files;
  write_certificate(files.certificate, files.key, "first");
  RunningServer running(files.options());
  write_certificate(files.certificate, files.key, "second");
  CHECK(ask_over_tls(running.server->port(), closing("/livez")).common_name == "first");
  CHECK(reload(running));
  CHECK(ask_over_tls(running.server->port(), closing("/livez")).common_name == "second");
  std::ofstream(files.certificate, std::ios::trunc) << "no certificate";
  CHECK_FALSE(reload(running));
  CHECK(ask_over_tls(running.server->port(), closing("/livez")).common_name == "second");
}

TEST_CASE("what is wrong with certificate and key is said with the file") {
  Certificates files;
  write_certificate(files.certificate, files.key, "first");
  asio::io_context io;
  FakeHost host;
  http::Router router(host, {});
  const auto listen = [&] { http::Server(io.get_executor(), router, files.options()); };
  SECTION("the key of another certificate") {
    write_certificate(files.folder.path / "other.pem", files.key, "other");
    CHECK_THROWS_WITH(listen(), Catch::Contains("key.pem"));
  }
  SECTION("no certificate") {
    std::filesystem::remove(files.certificate);
    CHECK_THROWS_WITH(listen(), Catch::Contains("certificate.pem"));
  }
}

TEST_CASE("addresses beyond loopback are listened on where callers are asked who they are") {
  asio::io_context io;
  FakeHost host;
  http::Router router(host, {});
  http::ServerOptions options;
  options.address = "0.0.0.0";
  options.beyond_loopback = true;
  CHECK_NOTHROW(http::Server(io.get_executor(), router, options));
}
