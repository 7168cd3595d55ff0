#include "harness/ledger_check.hpp"

#include <map>

#include "store/connection.hpp"

namespace payoutd::test {
namespace {

struct Paid {
  int times = 0;
  int open = 0;  ///< accepted, not final
  std::string amount;
};

// The simulator's own ledger, by the payout's id, which travels as externalId.
std::map<std::string, Paid> read_ledger(simulator::SimulatorProcess& simulator) {
  std::map<std::string, Paid> paid;
  const boost::json::value entries = simulator.get("/ledger?limit=1000000");
  for (const auto& value : entries.as_array()) {
    const auto& entry = value.as_object();
    Paid& one = paid[std::string(entry.at("external_id").as_string())];
    if (entry.at("paid").as_bool()) ++one.times;
    if (entry.at("status").as_string() == "PENDING") ++one.open;
    one.amount = entry.at("amount").as_string();
  }
  return paid;
}

}  // namespace

std::string LedgerCheck::text() const {
  std::string out = std::to_string(payouts) + " payouts: " + std::to_string(confirmed) + " confirmed, " +
                    std::to_string(failed) + " failed, " + std::to_string(unfinished) + " unfinished, " +
                    std::to_string(in_review) + " in review; paid twice " + std::to_string(paid_twice) + ", lost " +
                    std::to_string(lost) + ", wrongly failed " + std::to_string(wrongly_failed);
  for (const std::string& sentence : wrong) out += "\n  " + sentence;
  return out;
}

LedgerCheck check_ledger(const TestDatabase& database, simulator::SimulatorProcess& simulator) {
  const auto ledger = read_ledger(simulator);
  LedgerCheck check;
  store::Connection connection = database.connect();
  pqxx::nontransaction work(connection);
  for (const auto& row : work.exec("select id, state, reason, amount from app.all_payouts order by id")) {
    const std::string id = row[0].c_str();
    const std::string state = row[1].c_str();
    const auto found = ledger.find(id);
    const Paid paid = found == ledger.end() ? Paid{} : found->second;
    ++check.payouts;
    const auto wrong = [&](int& counter, const std::string& what) {
      ++counter;
      check.wrong.push_back(id + " is " + state + " (" + row[2].c_str() + ") and " + what);
    };
    if (paid.times > 1) wrong(check.paid_twice, "was paid " + std::to_string(paid.times) + " times");
    if (state == "CONFIRMED") {
      ++check.confirmed;
      if (paid.times == 0) wrong(check.lost, "was never paid");
    } else if (state == "FAILED" || state == "CANCELLED") {
      ++check.failed;
      if (paid.times > 0 || paid.open > 0) wrong(check.wrongly_failed, "was paid or may still be");
    } else if (state == "REVIEW") {
      ++check.in_review;
    } else {
      ++check.unfinished;
    }
  }
  return check;
}

}  // namespace payoutd::test
