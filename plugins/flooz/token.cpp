#include "token.hpp"

#include <openssl/evp.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <vector>

namespace flooz {
namespace {

using Bytes = std::vector<unsigned char>;

struct FreeContext {
  void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
};

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

Bytes encrypt(std::string_view plain, std::string_view key) {
  static constexpr std::array<unsigned char, 16> kNoIv{};
  const std::unique_ptr<EVP_CIPHER_CTX, FreeContext> context(EVP_CIPHER_CTX_new());
  Bytes cipher(plain.size() + 16);
  int size = 0;
  int rest = 0;
  const bool done =
      context &&
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_cbc(), nullptr, bytes_of(key), kNoIv.data()) == 1 &&
      EVP_EncryptUpdate(context.get(), cipher.data(), &size, bytes_of(plain),
                        static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context.get(), cipher.data() + size, &rest) == 1;
  if (!done) throw std::runtime_error("OpenSSL cannot encrypt the token");
  cipher.resize(static_cast<std::size_t>(size) + static_cast<std::size_t>(rest));
  return cipher;
}

std::string base64(const Bytes& bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

payoutd::Secret make_token(std::string_view username, const payoutd::Secret& password,
                           const payoutd::Secret& key) {
  if (key.reveal().size() != kKeyBytes) throw std::invalid_argument("the key must have 32 bytes");
  const payoutd::Secret plain("0:" + std::string(username) + ":" + password.reveal());
  return payoutd::Secret(base64(encrypt(plain.reveal(), key.reveal())));
}

}  // namespace flooz
