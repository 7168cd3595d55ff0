/// libFuzzer over the ledger's arithmetic: texts that are read mean what they say, and no signature of
/// another block verifies.
#include <algorithm>
#include <cstdlib>

#include "chain.hpp"

namespace {

void expect(bool holds) {
  if (!holds) std::abort();
}

void check_texts(std::string_view text) {
  if (const auto key = banano::decode_address(text)) expect(banano::encode_address(*key) == text);
  if (const auto raw = banano::Raw::parse(text)) {
    expect(raw->to_string() == text);
    if (const auto amount = raw->exactly()) expect(banano::Raw::of(*amount) == *raw);
    expect(banano::Raw::of(raw->rounded_down()).value() <= *raw);
  }
  static_cast<void>(banano::parse_hex64(text));
  static_cast<void>(banano::Seed::parse(text));
}

void check_signature(const std::uint8_t* data) {
  banano::PublicKey key{};
  banano::Hash hash{};
  banano::Signature signature{};
  std::copy_n(data, 32, key.begin());
  std::copy_n(data + 32, 32, hash.begin());
  std::copy_n(data + 64, 64, signature.begin());
  static_cast<void>(banano::verify(key, hash, signature));
  const banano::SigningKey signing(key);
  const banano::Signature own = signing.sign(hash);
  expect(banano::verify(signing.public_key(), hash, own));
  expect(own == signature || !banano::verify(signing.public_key(), hash, signature));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check_texts({reinterpret_cast<const char*>(data), size});
  if (size >= 128) check_signature(data);
  return 0;
}
