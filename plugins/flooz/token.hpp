#pragma once
#include <payoutd/settings.hpp>
#include <string_view>

namespace flooz {

/// The length of an AES-256 key.
inline constexpr std::size_t kKeyBytes = 32;

/// The token element of every request: base64 of `0:username:password`, encrypted by AES-256-CBC with an IV
/// of zeros and PKCS#7 padding. The same credentials always give the same token, so it is as secret as the
/// password. Throws std::invalid_argument for a key of another length.
payoutd::Secret make_token(std::string_view username, const payoutd::Secret& password,
                           const payoutd::Secret& key);

}  // namespace flooz
