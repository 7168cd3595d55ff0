/// libFuzzer over every decoder: no input may crash, and none may break the promises that the host relies on.
#include <algorithm>
#include <cstdlib>

#include "wire.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

const std::string kReference = "12345678901234567890";

void check_transfer(int http_status, std::string_view body) {
  using enum payoutd::Submission::Kind;
  const auto submission = flooz::decode_transfer_answer(http_status, body, kReference, false);
  expect(submission.message.size() <= 512);
  if (submission.kind == unknown) return;
  expect(http_status == 200 && flooz::read_answer(body).has_value());
  expect(body.find("<!DOCTYPE") == std::string_view::npos ||
         body.find("<![CDATA[") != std::string_view::npos || body.find("<!--") != std::string_view::npos);
  if (submission.kind == confirmed) return;
  if (submission.kind == accepted) return expect(!submission.provider_ref.empty());
  expect(submission.provider_ref.empty());
  const auto rules = flooz::submit_codes();
  expect(std::ranges::find(rules, submission.code, &payoutd::CodeRule::code) != rules.end());
}

void check_status(int http_status, std::string_view body, bool by_reference, const std::string& known_ref) {
  using enum payoutd::Status::Kind;
  const auto status = flooz::decode_status(http_status, body,
                                           {.transid = by_reference ? kReference : "77",
                                            .reference = kReference,
                                            .known_ref = known_ref,
                                            .by_reference = by_reference,
                                            .absent_codes = {"94"}});
  expect(status.message.size() <= 512);
  if (status.kind == cannot_tell) return;
  expect(http_status == 200);
  if (status.kind == absent) return expect(by_reference && status.code == "94" && !status.found.reference);
  expect(status.found.reference == kReference);
  expect(known_ref.empty() || status.provider_ref.empty() || status.provider_ref == known_ref);
  if (status.kind == refused || status.kind == refused_for_now)
    expect(!status.provider_ref.empty() && (by_reference || status.provider_ref == "77"));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int http_status : {200, 500}) {
    check_transfer(http_status, body);
    check_status(http_status, body, false, "77");
    check_status(http_status, body, true, "");
    check_status(http_status, body, true, "77");
  }
  static_cast<void>(flooz::decode_balance(200, body));
  static_cast<void>(flooz::decode_account(200, body, "22890123456"));
  const std::string remarks = flooz::clean_remarks(body, 100);
  expect(remarks.size() <= 400 && flooz::clean_remarks(remarks, 100) == remarks);
  // Whatever is put into an element comes out of it again, and nothing else does.
  const flooz::Transfer transfer{"22890123456", payoutd::Amount::parse("10").value(), kReference, "0",
                                 remarks};
  const auto back = flooz::decode_transfer(flooz::encode_transfer(transfer));
  expect(back.has_value() && *back == transfer);
  return 0;
}
