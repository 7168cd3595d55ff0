#include "flooz_token.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "text.hpp"

namespace simulator {
namespace {

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};

std::optional<std::string> decrypted(const std::string& bytes, std::string_view key) {
  constexpr std::array<unsigned char, 16> kZeros{};
  const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context{EVP_CIPHER_CTX_new()};
  std::string plain(bytes.size() + kZeros.size(), '\0');
  auto* out = reinterpret_cast<unsigned char*>(plain.data());
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  int first = 0;
  int last = 0;
  const bool good =
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr,
                         reinterpret_cast<const unsigned char*>(key.data()), kZeros.data()) == 1 &&
      EVP_DecryptUpdate(context.get(), out, &first, in, static_cast<int>(bytes.size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), out + first, &last) == 1;  // false when the padding is wrong
  if (!good) return std::nullopt;
  plain.resize(static_cast<std::size_t>(first + last));
  return plain;
}

}  // namespace

std::optional<FloozToken> read_flooz_token(std::string_view token, std::string_view key) {
  constexpr std::string_view kBegin = "0:";
  constexpr std::size_t kMaxToken = 4096;
  if (token.empty() || token.size() > kMaxToken || token.size() % 4 != 0) return std::nullopt;
  const auto bytes = base64_decoded(token);
  const auto plain = bytes ? decrypted(*bytes, key) : std::nullopt;
  if (!plain || !plain->starts_with(kBegin)) return std::nullopt;
  const auto colon = plain->find(':', kBegin.size());
  if (colon == std::string::npos) return std::nullopt;
  return FloozToken{plain->substr(kBegin.size(), colon - kBegin.size()), plain->substr(colon + 1)};
}

}  // namespace simulator
