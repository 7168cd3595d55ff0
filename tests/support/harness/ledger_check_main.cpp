// Compares the host's books with the simulator's ledger, over both HTTP interfaces.
#include <iostream>

#include "harness/ledger_check.hpp"
#include "wire_client.hpp"

namespace {

namespace json = boost::json;

json::value ask(simulator::WireClient& client, const std::string& target) {
  const simulator::Reply reply = client.exchange("GET", target, {}, "", std::chrono::seconds{30});
  if (!reply.answered(200))
    throw std::runtime_error("GET " + target + " answered " + std::to_string(reply.status) + ": " +
                             reply.body);
  return json::parse(reply.body);
}

std::vector<payoutd::test::OurPayout> payouts_of(simulator::WireClient& host, const std::string& batch) {
  std::vector<payoutd::test::OurPayout> all;
  std::string cursor;
  do {
    const json::value page =
        ask(host, "/v1/payouts?limit=200&batch=" + batch + (cursor.empty() ? "" : "&cursor=" + cursor));
    for (const json::value& value : page.at("payouts").as_array()) {
      const json::object& p = value.as_object();
      const json::value* reason = p.if_contains("reason");
      all.push_back(
          {std::string(p.at("id").as_string()), std::string(p.at("state").as_string()),
           reason != nullptr && reason->is_string() ? std::string(reason->as_string()) : std::string(),
           std::string(p.at("destination").as_string()), std::string(p.at("amount").as_string())});
    }
    const json::value* next = page.as_object().if_contains("next");
    cursor = next != nullptr && next->is_string() ? std::string(next->as_string()) : std::string();
  } while (!cursor.empty());
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::cerr
        << "usage: payoutd-ledger-check HOST_URL SIMULATOR_CONTROL_URL BATCH\n"
           "Exits 0 if every payout of the batch ended as the simulator's ledger says it must, else 1.\n";
    return 2;
  }
  try {
    simulator::WireClient host(argv[1]);
    simulator::WireClient control(argv[2]);
    const json::value ledger = ask(control, "/ledger?limit=1000000");
    const auto check = payoutd::test::check_ledger(payouts_of(host, argv[3]), ledger.as_array());
    std::cout << "Against the simulator's ledger: " << check.text() << "\n";
    return check.all_right() && check.payouts > 0 ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "payoutd-ledger-check: " << error.what() << "\n";
    return 1;
  }
}
