#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace simulator {

bool all_digits(std::string_view text);

/// Of a Content-Type field, parameters and case aside.
bool is_json(std::string_view content_type);

/// Sixteen hexadecimal digits.
std::string hex(std::uint64_t number);

/// How many characters these UTF-8 bytes are.
std::size_t characters(std::string_view utf8);

std::string base64(std::string_view bytes);

/// None when a character is not of the alphabet. Padding ends the text.
std::optional<std::string> base64_decoded(std::string_view text);

/// What "Basic …" carries, as user and password; none when it is not of this form.
struct BasicCredentials {
  std::string user;
  std::string password;
};
std::optional<BasicCredentials> basic_credentials(std::string_view authorization);

/// "%2B" is a plus sign; with `form`, "+" is a space.
std::string percent_decoded(std::string_view text, bool form = true);

}  // namespace simulator
