#include "harness/ledger_check.hpp"

#include <map>
#include <set>
#include <string_view>

namespace payoutd::test {
namespace {

struct Paid {
  int times = 0;
  int open = 0;  ///< accepted, not final
  std::string amount;
  std::string payee;
};

std::string text_of(const boost::json::object& entry, std::string_view field) {
  return std::string(entry.at(field).as_string());
}

/// "1.50000000" and "1.5" are one amount.
std::string plain(std::string amount) {
  if (amount.find('.') == std::string::npos) return amount;
  amount.erase(amount.find_last_not_of('0') + 1);
  if (amount.ends_with('.')) amount.pop_back();
  return amount;
}

std::map<std::string, Paid> by_payout(const std::vector<OurPayout>& payouts,
                                      const boost::json::array& ledger) {
  std::set<std::string> ids;
  std::map<std::string, std::string> paid_to;
  for (const OurPayout& ours : payouts) {
    ids.insert(ours.id);
    paid_to[ours.destination] = ours.id;
  }
  std::map<std::string, Paid> paid;
  for (const auto& value : ledger) {
    const auto& entry = value.as_object();
    if (text_of(entry, "api_user") == "banano:foreign") continue;
    std::string payee = text_of(entry, "payee");
    if (payee.starts_with('+')) payee.erase(0, 1);
    std::string id = text_of(entry, "external_id");
    if (!ids.contains(id)) {
      const auto found = paid_to.find(payee);
      if (found != paid_to.end()) id = found->second;
    }
    Paid& one = paid[id];
    if (entry.at("status").as_string() == "PENDING") ++one.open;
    if (!entry.at("paid").as_bool()) continue;
    ++one.times;
    one.amount = plain(text_of(entry, "amount"));
    one.payee = payee;
  }
  return paid;
}

}  // namespace

std::string LedgerCheck::text() const {
  std::string out = std::to_string(payouts) + " payouts: " + std::to_string(confirmed) + " confirmed, " +
                    std::to_string(failed) + " failed, " + std::to_string(unfinished) + " unfinished, " +
                    std::to_string(in_review) + " in review; paid twice " + std::to_string(paid_twice) +
                    ", lost " + std::to_string(lost) + ", wrongly failed " + std::to_string(wrongly_failed);
  if (reversed > 0) out += ", reversed " + std::to_string(reversed);
  if (wrongly_paid > 0) out += ", wrongly paid " + std::to_string(wrongly_paid);
  for (const std::string& sentence : wrong) out += "\n  " + sentence;
  return out;
}

LedgerCheck check_ledger(const std::vector<OurPayout>& payouts, const boost::json::array& ledger) {
  const auto theirs = by_payout(payouts, ledger);
  LedgerCheck check;
  for (const OurPayout& ours : payouts) {
    const auto found = theirs.find(ours.id);
    const Paid paid = found == theirs.end() ? Paid{} : found->second;
    ++check.payouts;
    const auto wrong = [&](int& counter, const std::string& what) {
      ++counter;
      check.wrong.push_back(ours.id + " is " + ours.state + " (" + ours.reason + ") and " + what);
    };
    const bool right_amount = ours.amount.empty() || paid.amount == plain(ours.amount);
    const bool right_payee = ours.payee.empty() || paid.payee == ours.payee;
    if (paid.times > 0 && !right_amount) wrong(check.wrongly_paid, "was paid " + paid.amount);
    if (paid.times > 0 && !right_payee) wrong(check.wrongly_paid, "was paid to " + paid.payee);
    if (paid.times > 1) wrong(check.paid_twice, "was paid " + std::to_string(paid.times) + " times");
    if (ours.state == "CONFIRMED") {
      ++check.confirmed;
      if (paid.times == 0) wrong(check.lost, "was never paid");
    } else if (ours.state == "FAILED" || ours.state == "CANCELLED" || ours.state == "SIMULATED") {
      ++check.failed;
      if (paid.times > 0 || paid.open > 0) wrong(check.wrongly_failed, "was paid or may still be");
    } else if (ours.state == "REVERSED") {
      ++check.reversed;
      if (paid.times > 0 || paid.open > 0) wrong(check.wrongly_failed, "was paid or may still be");
    } else if (ours.state == "REVIEW") {
      ++check.in_review;
    } else {
      ++check.unfinished;
    }
  }
  return check;
}

}  // namespace payoutd::test
