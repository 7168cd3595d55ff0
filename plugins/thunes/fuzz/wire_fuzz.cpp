/// libFuzzer over every decoder: no input may crash, and none may break the promises that the host relies on.
#include <cstdlib>
#include <payoutd/decimal.hpp>
#include <payoutd/text.hpp>

#include "wire.hpp"

namespace {

const thunes::Artefact& artefact() {
  static const thunes::Artefact made{"42",  "reference",   "10000", payoutd::Amount::parse("10000").value(),
                                     "XOF", "22890123456", {}};
  return made;
}

void expect(bool holds) {
  if (!holds) std::abort();
}

/// What is said of the money is said of this payment.
bool is_ours(const payoutd::Found& found) {
  return (!found.amount || *found.amount == artefact().amount) &&
         (!found.currency || *found.currency == artefact().currency) &&
         (!found.destination || *found.destination == artefact().destination) &&
         found.reference == artefact().external_id;
}

void check_submission(int http_status, std::string_view body) {
  using enum payoutd::Submission::Kind;
  const auto submission = thunes::decode_submission(http_status, body, artefact());
  expect(submission.message.size() <= 512 && submission.provider_ref.empty());
  expect(submission.kind != confirmed && submission.kind != refused_for_now);
  if (submission.kind == unknown) return;
  if (submission.kind == accepted) return expect(http_status / 100 == 2);
  const auto rules = thunes::submit_codes();
  expect(std::ranges::find(rules, submission.code, &payoutd::CodeRule::code) != rules.end());
}

void check_status(int http_status, std::string_view body, bool completion_recorded) {
  using enum payoutd::Status::Kind;
  const auto status = thunes::decode_status(http_status, body, artefact(), {{"90400"}, completion_recorded});
  expect(status.message.size() <= 512);
  expect(status.kind == cannot_tell || http_status / 100 == 2);
  expect(status.provider_ref.empty() || (status.kind == confirmed && is_ours(status.found)));
  expect(status.kind != reversed || completion_recorded);
  if (status.kind == confirmed) expect(status.found.amount && status.found.currency);
  // Whatever is found names a payment, ours or the one that the host will see to be another.
  const bool is_found = status.kind != absent && status.kind != cannot_tell;
  expect(is_found == status.found.reference.has_value());
  if (status.kind == absent || status.kind == cannot_tell)
    expect(!status.found.amount && !status.found.reference);
}

void check_texts(std::string_view text) {
  expect(payoutd::safe_text(text).size() <= 200 && thunes::is_clean_text(payoutd::safe_text(text)));
  if (const auto time = thunes::parse_time(text))
    expect(thunes::parse_time(thunes::format_time(*time)) == time);
  if (const auto amount = payoutd::read_decimal(text))
    expect(payoutd::read_decimal(amount->to_string()) == amount && payoutd::read_balance(text) == amount);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int http_status : {200, 201, 302, 400, 401, 404, 409, 500}) {
    check_submission(http_status, body);
    check_status(http_status, body, false);
    check_status(http_status, body, true);
  }
  static_cast<void>(thunes::decode_quotation(body));
  static_cast<void>(thunes::decode_transaction(body));
  static_cast<void>(thunes::decode_verification(body));
  static_cast<void>(thunes::decode_balances(body, "USD"));
  static_cast<void>(thunes::decode_ping(body));
  static_cast<void>(thunes::decode_callback(body));
  if (const auto artefact = thunes::decode_artefact(body))
    expect(thunes::decode_artefact(thunes::encode_artefact(*artefact)).value() == *artefact);
  check_texts(body);
  return 0;
}
