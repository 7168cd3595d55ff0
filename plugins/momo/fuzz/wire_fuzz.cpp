/// libFuzzer over every decoder: no input may crash, and none may break the promises that the host relies on.
#include <cstdlib>

#include "wire.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_submission(int http_status, std::string_view body) {
  using enum payoutd::Submission::Kind;
  const auto submission = momo::decode_submission(http_status, body);
  expect(submission.message.size() <= 200);
  if (submission.kind == unknown || submission.kind == accepted) return;
  const auto rules = momo::submit_codes();
  expect(std::ranges::find(rules, submission.code, &payoutd::CodeRule::code) != rules.end());
}

void check_status(int http_status, std::string_view body) {
  using enum payoutd::Status::Kind;
  const auto status = momo::decode_status(http_status, body, "reference", "payout");
  expect(status.message.size() <= 200);
  if (status.kind == confirmed || status.kind == refused || status.kind == refused_for_now) {
    expect(http_status == 200 && status.found.amount && status.found.currency && status.found.destination);
  }
  if (status.kind == absent || status.kind == cannot_tell)
    expect(!status.found.amount && !status.found.reference);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int http_status : {200, 202, 400, 401, 404, 409, 500}) {
    check_submission(http_status, body);
    check_status(http_status, body);
  }
  static_cast<void>(momo::decode_token(body));
  static_cast<void>(momo::decode_balance(body));
  static_cast<void>(momo::decode_account_holder(body));
  static_cast<void>(momo::decode_callback(body));
  static_cast<void>(momo::decode_transfer(body));
  const std::string note = momo::clean_note(body, 160);
  expect(note.size() <= 160 * 4 && momo::clean_note(note, 160) == note);
  return 0;
}
