/// libFuzzer over every decoder: no input may crash, and none may break the promises that the host relies on.
#include <cstdlib>

#include "wire.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_submissions(int http_status, std::string_view body) {
  using enum payoutd::Submission::Kind;
  const auto published = banano::decode_process(http_status, body, banano::kZero);
  expect(published.kind == accepted || published.kind == duplicate || published.kind == unknown);
  expect(published.kind == unknown || http_status == 200);
  expect(published.message.size() <= 200 && published.code.size() <= 200);
  const auto sent = banano::decode_send(http_status, body);
  expect(sent.kind == unknown || (sent.kind == not_accepted && http_status == 200) ||
         (sent.kind == accepted && http_status == 200 && sent.provider_ref.size() == 64));
}

void check_block_info(const banano::Answer& answer) {
  banano::Hash asked{};
  const auto info = banano::decode_block_info(answer, asked);
  if (info && info->contents) expect(info->contents->hash() == asked);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int http_status : {200, 404, 500}) check_submissions(http_status, body);
  const banano::Answer answer = banano::Answer::read(200, body);
  expect(answer.message.size() <= 200);
  check_block_info(answer);
  static_cast<void>(banano::decode_account_info(answer));
  static_cast<void>(banano::decode_successor(answer, banano::kZero));
  static_cast<void>(banano::decode_receivable(answer));
  static_cast<void>(banano::decode_account_balance(answer));
  static_cast<void>(banano::decode_work(answer));
  static_cast<void>(banano::decode_processed(answer));
  static_cast<void>(banano::decode_version(answer));
  static_cast<void>(banano::decode_wallet_locked(answer));
  static_cast<void>(banano::decode_callback(body));
  if (const auto block = banano::decode_block(body)) {
    expect(banano::decode_block(banano::encode_block(*block)).value() == *block);
  }
  if (const auto send = banano::decode_wallet_send(body)) {
    expect(banano::decode_wallet_send(banano::encode_wallet_send(*send)).value() == *send);
  }
  return 0;
}
