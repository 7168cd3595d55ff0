#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

/// What a Flooz request's token says.
struct FloozToken {
  std::string user;
  std::string password;
};

/// Decrypts base64(AES-256-CBC("0:user:password")) with an IV of zeros. None when it is not of this form. The
/// key has 32 bytes.
std::optional<FloozToken> read_flooz_token(std::string_view token, std::string_view key);

}  // namespace simulator
