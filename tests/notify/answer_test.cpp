// What an endpoint's answer means.
#include "notify/answer.hpp"

#include <catch2/catch.hpp>

#include "providers/http_client.hpp"

using namespace payoutd;
using notify::judge;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr std::int64_t kNow_s = 1767225600;  // Thu, 01 Jan 2026 00:00:00 GMT

notify::Answer answered(int status, std::vector<std::pair<std::string, std::string>> headers = {},
                        std::string body = {}) {
  HttpResponse response;
  response.status = status;
  response.headers = std::move(headers);
  response.body = std::move(body);
  return judge(response, kNow_s);
}

}  // namespace

TEST_CASE("2xx is success, and nothing else", "[notifications]") {
  for (const int status : {200, 201, 202, 204, 299}) {
    CHECK(answered(status).delivered);
    CHECK(answered(status).result == "delivered");
  }
  for (const int status : {101, 199, 300, 301, 302, 307, 308, 400, 401, 404, 409, 410, 429, 500, 503, 599})
    CHECK_FALSE(answered(status).delivered);
  CHECK(answered(302).result == "redirected");
  CHECK(answered(404).result == "refused");
  CHECK(answered(500).result == "failed");
  CHECK(answered(410).result == "gone");
  CHECK(answered(410).gone);
  CHECK_FALSE(answered(404).gone);
}

TEST_CASE("what is wrong with one message leaves the others alone; what is wrong with the endpoint does not",
          "[notifications]") {
  for (const int status : {400, 401, 404, 422, 301}) CHECK_FALSE(answered(status).away);
  for (const int status : {408, 429, 500, 502, 503}) CHECK(answered(status).away);
  CHECK(judge(HttpFailure(HttpStage::connect, false, "refused")).away);
}

TEST_CASE("failures have a name each", "[notifications]") {
  CHECK(judge(HttpFailure(HttpStage::resolve, false, "no such name")).result == "unreachable");
  CHECK(judge(HttpFailure(HttpStage::handshake, false, "TLS")).code == "unreachable");
  CHECK(judge(HttpFailure(HttpStage::read, true, "timed out")).result == "no_answer");
  CHECK(judge(providers::AddressRefused("localhost is a loopback address")).result == "address_refused");
  CHECK(judge(HttpFailure(HttpStage::connect, false, "refused")).status == 0);
}

TEST_CASE("Retry-After in seconds or as a date, and never for longer than a day", "[notifications]") {
  CHECK(notify::read_retry_after("120", kNow_s) == seconds{120});
  CHECK(notify::read_retry_after(" 0 ", kNow_s) == seconds{0});
  CHECK(notify::read_retry_after("Thu, 01 Jan 2026 00:01:30 GMT", kNow_s) == seconds{90});
  CHECK(notify::read_retry_after("Wed, 31 Dec 2025 23:00:00 GMT", kNow_s) == seconds{0});
  CHECK(notify::read_retry_after("9999999", kNow_s) == seconds{86'400});
  CHECK(notify::read_retry_after("99999999999999999999999", kNow_s) == seconds{86'400});
  CHECK(notify::read_retry_after("Fri, 01 Jan 2027 00:00:00 GMT", kNow_s) == seconds{86'400});
  for (const char* bad : {"", "soon", "-1", "1.5", "2026-01-01T00:00:00Z", "Thu, 01 Jan 2026 00:01:30"})
    CHECK_FALSE(notify::read_retry_after(bad, kNow_s));
  CHECK(answered(503, {{"retry-after", "7"}}).retry_after == milliseconds{7'000});
  CHECK_FALSE(answered(503).retry_after);
}

TEST_CASE("what an endpoint says is cleaned before it is kept", "[notifications]") {
  const auto said = answered(500, {}, "payee 22507000012 \x1b[31m\r\nunknown " + std::string(5'000, 'x'));
  CHECK(said.error.find("22507000012") == std::string::npos);
  CHECK(said.error.find('\x1b') == std::string::npos);
  CHECK(said.error.find('\n') == std::string::npos);
  CHECK(said.error.size() < 300);
  CHECK(answered(302, {{"Location", "http://169.254.169.254/"}}).error.find("169.254") == std::string::npos);
}
