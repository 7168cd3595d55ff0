/// libFuzzer over every decoder: no input may crash, and none may break the promises that the host relies on.
#include <algorithm>
#include <cstdlib>
#include <payoutd/decimal.hpp>
#include <payoutd/text.hpp>

#include "wire.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

const std::vector<std::string> kPassing{"5003"};

void check_credit(int http_status, std::string_view body) {
  using enum payoutd::Submission::Kind;
  static const tmoney::Credit kSent{
      payoutd::Amount::parse("300").value(), "abcdefghij0123456789", "22890990990", "p", "t", "d"};
  const auto answer = tmoney::decode_credit_answer(http_status, body, kSent, kPassing);
  const auto& submission = answer.submission;
  expect(submission.message.size() <= 240);
  if (submission.kind == unknown) return;
  expect(http_status / 100 == 2 && !answer.token_refused);
  if (submission.kind == accepted) return;
  if (submission.kind == confirmed) {
    expect(body.find("2000") != std::string_view::npos || body.find("2001") != std::string_view::npos ||
           body.find("2002") != std::string_view::npos || body.find('\\') != std::string_view::npos);
    return;
  }
  const auto rules = tmoney::submit_codes(kPassing);
  expect(std::ranges::find(rules, submission.code, &payoutd::CodeRule::code) != rules.end());
}

void check_status(int http_status, std::string_view body) {
  using enum payoutd::Status::Kind;
  const auto status = tmoney::decode_status(http_status, body, "abcdefghij0123456789", kPassing).status;
  expect(status.message.size() <= 400);
  if (status.kind == confirmed || status.kind == refused || status.kind == refused_for_now)
    expect(status.found.amount && status.found.destination &&
           status.found.reference == "abcdefghij0123456789");
  if (status.kind != cannot_tell) expect(http_status / 100 == 2);
  if (status.kind == absent || status.kind == cannot_tell)
    expect(!status.found.amount && !status.found.reference);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int http_status : {200, 201, 400, 401, 500}) {
    check_credit(http_status, body);
    check_status(http_status, body);
  }
  static_cast<void>(tmoney::decode_login(200, body));
  static_cast<void>(tmoney::decode_callback(body));
  static_cast<void>(tmoney::decode_credit(body));
  if (const auto read = payoutd::read_decimal(body)) expect(payoutd::read_decimal(read->to_string()) == read);
  const std::string note = payoutd::clean_text(body, 100);
  expect(note.size() <= 400 && payoutd::clean_text(note, 100) == note);
  return 0;
}
