#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace payoutd::identity {

/// RFC 4648 section 5, without padding, as RFC 7515 (JWS) asks for.
std::string base64url(std::string_view bytes);

/// nullopt for anything that base64url() does not make: padding, blanks, other characters, an impossible
/// length, bits left over that are not zero. So two texts never mean the same bytes.
std::optional<std::string> read_base64url(std::string_view text);

}  // namespace payoutd::identity
