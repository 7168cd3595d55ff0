// What strangers see of a host that other machines can reach, and what it says of itself when it is too open.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

/// An address of this machine that is not loopback; empty if it has none.
std::string own_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return {};
  std::string found;
  for (const ifaddrs* one = all; one != nullptr && found.empty(); one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    char text[INET_ADDRSTRLEN];
    const auto* address = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    if (!std::string(text).starts_with("127.")) found = text;
  }
  ::freeifaddrs(all);
  return found;
}

RawResponse get(RawClient client, const std::string& path) {
  client.send(request("GET", path));
  return client.receive();
}

/// What `payoutctl check` says of a configuration for this environment that is good but for its open port.
std::string checked(HostProcess& host, const std::string& environment) {
  const auto file = host.settings().directory / (environment + ".yaml");
  std::ofstream(file) << "environment: " << environment
                      << "\nstate_dir: " << (host.settings().directory / "other").string()
                      << "\nhttp: {listen: \"0.0.0.0:8480\"}\nauth: {required: true}\n";
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  start.arguments = {"check", file.string()};
  start.environment = host.settings().environment;
  start.log = host.settings().directory / ("check-" + environment + ".log");
  ChildProcess process(start);
  CHECK(process.wait(seconds{30}) == 0);
  std::ifstream in(start.log);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("beyond loopback strangers see no metrics and no reasons, and the host warns of missing TLS",
          "[exposure]") {
  const std::string address = own_address();
  if (address.empty()) {
    WARN("this machine has no address but loopback: not tested");
    return;
  }
  Scene scene("exposure", {"--fast"});
  HostProcess& host = scene.add_host("host-a");
  const std::uint16_t monitor_port = free_port();
  host.settings().listen = "0.0.0.0";
  host.settings().environment["JWT_SECRET"] = "signing secret of the e2e tests 1";
  host.settings().more_sections =
      "auth: {required: true}\nmetrics: {listen: \"" + address + ":" + std::to_string(monitor_port) + "\"}\n";
  host.start();
  REQUIRE(host.wait_until_ready());
  // From this machine's other address, which nothing names, and from loopback.
  CHECK(get(RawClient::tcp(host.port(), address), "/metrics").status == 403);
  CHECK(get(RawClient::tcp(host.port(), "127.0.0.1"), "/metrics").status == 200);
  const auto ready = get(RawClient::tcp(host.port(), address), "/readyz");
  CHECK(ready.status == 200);
  CHECK(json::parse(ready.body).at("ready").as_bool());
  CHECK_FALSE(json::parse(ready.body).as_object().contains("reasons"));
  CHECK(json::parse(get(RawClient::tcp(host.port(), "127.0.0.1"), "/readyz").body)
            .as_object()
            .contains("reasons"));
  // The listener for monitoring is for whoever reaches it, and for nothing else.
  CHECK(get(RawClient::monitoring(monitor_port, address), "/metrics").body.find("http_requests_total") !=
        std::string::npos);
  CHECK(json::parse(get(RawClient::monitoring(monitor_port, address), "/readyz").body)
            .as_object()
            .contains("reasons"));
  CHECK(get(RawClient::monitoring(monitor_port, address), "/v1/payouts").status == 404);
  // The start said that tokens can be read on the way, and so does the check.
  const std::string log = host.log();
  CHECK(log.find("host.configuration_warning") != std::string::npos);
  CHECK(log.find("without TLS") != std::string::npos);
  for (const char* environment : {"dev", "prod"}) {
    INFO(environment);
    CHECK(checked(host, environment).find("http.listen: other machines reach the port without TLS") !=
          std::string::npos);
  }
  CHECK(host.stop() == 0);
  // Named addresses may.
  host.settings().more_sections = "auth: {required: true}\nmetrics: {allow: [\"" + address + "/32\"]}\n";
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(get(RawClient::tcp(host.port(), address), "/metrics").status == 200);
}
