// Where notifications may go: every kind of address that is not public, in every form in which it can be
// written.
#include "notify/address_guard.hpp"

#include <catch2/catch.hpp>

#include "notify/endpoint_url.hpp"

using namespace payoutd;
using notify::AddressGuard;

namespace {

boost::asio::ip::address address(const char* text) {
  return boost::asio::ip::make_address(text);
}

std::string judged(const AddressGuard& guard, const char* text) {
  return guard.refusal(address(text)).value_or("");
}

}  // namespace

TEST_CASE("addresses that are not public are refused", "[notifications]") {
  const AddressGuard guard;
  for (const char* text : {
           "0.0.0.0",         "0.1.2.3",         "10.0.0.1",        "10.255.255.255",  "100.64.0.1",
           "100.100.100.200", "100.127.255.255", "127.0.0.1",       "127.255.255.254", "168.63.129.16",
           "169.254.0.1",     "169.254.169.254", "169.254.170.2",   "172.16.0.1",      "172.31.255.255",
           "192.0.0.1",       "192.0.0.192",     "192.0.2.1",       "192.88.99.1",     "192.168.1.1",
           "198.18.0.1",      "198.19.255.255",  "198.51.100.7",    "203.0.113.9",     "224.0.0.1",
           "239.255.255.255", "240.0.0.1",       "255.255.255.255",
       }) {
    INFO(text);
    CHECK(judged(guard, text) != "");
    CHECK(judged(guard, ("::ffff:" + std::string(text)).c_str()) != "");    // mapped
    CHECK(judged(guard, ("64:ff9b::" + std::string(text)).c_str()) != "");  // NAT64
    const auto v4 = address(text).to_v4().to_bytes();
    char six_to_four[40];
    std::snprintf(six_to_four, sizeof six_to_four, "2002:%02x%02x:%02x%02x::1", v4[0], v4[1], v4[2], v4[3]);
    CHECK(judged(guard, six_to_four) != "");
  }
  for (const char* text : {
           "::",
           "::1",
           "::2",
           "::127.0.0.1",
           "::8.8.8.8",
           "fc00::1",
           "fd00:ec2::254",
           "fdff::1",
           "fe80::1",
           "fe80::1%1",
           "febf::1",
           "fec0::1",
           "ff00::1",
           "ff02::1",
           "ff0e::1",
           "100::1",
           "2001::1",
           "2001:0:4136:e378:8000:63bf:3fff:fdd2",
           "2001:10::1",
           "2001:20::1",
           "2001:db8::1",
           "3fff::1",
           "64:ff9b:1::a00:1",
           "5f00::1",
           "4000::1",
           "e000::1",
           "::ffff:0:7f00:1",
       }) {
    INFO(text);
    CHECK(judged(guard, text) != "");
  }
}

TEST_CASE("public addresses, and the neighbours of those that are not, are let through", "[notifications]") {
  const AddressGuard guard;
  for (const char* text : {
           "1.1.1.1",         "8.8.8.8",         "9.255.255.255",
           "11.0.0.0",        "100.63.255.255",  "100.128.0.0",
           "126.255.255.255", "128.0.0.0",       "168.63.129.15",
           "168.63.129.17",   "169.253.255.255", "169.255.0.0",
           "172.15.255.255",  "172.32.0.0",      "191.255.255.255",
           "192.0.1.0",       "192.0.3.0",       "192.167.255.255",
           "192.169.0.0",     "198.17.255.255",  "198.20.0.0",
           "203.0.112.255",   "203.0.114.0",     "223.255.255.255",
           "2600::1",         "2001:200::1",     "2001:4860:4860::8888",
           "2001:db7::1",     "2003::1",         "2a00:1450:4001::1",
           "3ffe::1",         "::ffff:8.8.8.8",  "64:ff9b::8.8.8.8",
           "2002:808:808::1",
       }) {
    INFO(text << " is " << judged(guard, text));
    CHECK(judged(guard, text) == "");
  }
}

TEST_CASE("what the configuration allows is let through, and nothing beside it", "[notifications]") {
  const AddressGuard guard({"10.1.0.0/16", "127.0.0.1", "fd12:3456::/32", "not an address", "::1"});
  for (const char* text : {"10.1.0.1", "10.1.255.255", "127.0.0.1", "::ffff:10.1.2.3", "::ffff:127.0.0.1",
                           "fd12:3456::1", "64:ff9b::10.1.2.3", "::1"})
    CHECK(judged(guard, text) == "");
  for (const char* text :
       {"10.0.255.255", "10.2.0.0", "127.0.0.2", "::ffff:10.2.0.1", "fd12:3457::1", "169.254.169.254"})
    CHECK(judged(guard, text) != "");
  CHECK(judged(AddressGuard({"0.0.0.0/0"}), "10.0.0.1") == "");
  CHECK(judged(AddressGuard({"::/0"}), "fe80::1") == "");
}

TEST_CASE("URLs of endpoints: what can be refused without looking the name up", "[notifications]") {
  const AddressGuard guard({"10.9.0.0/16"});
  const auto problem = [&](const std::string& url, bool plain = false) {
    return notify::endpoint_url_problem(url, plain, guard).value_or("");
  };
  for (const char* good : {"https://shop.example/payouts", "https://shop.example:8443/a?b=c",
                           "https://10.9.1.2/", "https://[2600::1]/x", "https://8.8.8.8/"})
    CHECK(problem(good) == "");
  for (const char* bad :
       {"", "shop.example", "/x", "ftp://shop.example/", "http://shop.example/", "https:///x",
        "https://u:p@shop.example/", "https://shop.example/#x", "https://shop.example:0/",
        "https://shop.example:99999/", "https://127.0.0.1/", "https://10.0.0.1/", "https://[::1]/",
        "https://[::ffff:169.254.169.254]/latest/meta-data", "https://shop.example/\n",
        "https://shop.example/ x", "file:///etc/passwd", "https://169.254.169.254/"}) {
    INFO(bad);
    CHECK(problem(bad) != "");
  }
  CHECK(problem("http://shop.example/", true) == "");
  CHECK(problem("http://127.0.0.1/", true) != "");
  CHECK(problem("https://shop.example/" + std::string(3'000, 'a')) != "");
}
