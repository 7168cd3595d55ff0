#include <payoutd/text.hpp>

namespace payoutd {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_capital(char c) noexcept {
  return c >= 'A' && c <= 'Z';
}

bool is_letter_or_digit(char c) noexcept {
  return is_capital(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::size_t run_of(std::string_view set, std::string_view text) noexcept {
  return std::min(text.find_first_not_of(set), text.size());
}

/// Words in capital letters, joined by '-' or '_': how providers name a status. No key is made so.
bool is_name_in_capitals(std::string_view run) noexcept {
  static constexpr std::size_t kLongestWord = 20;
  std::size_t letters = 0;
  for (const char c : run) {
    const bool joins = c == '-' || c == '_';
    if (!joins && !is_capital(c)) return false;
    letters = joins ? 0 : letters + 1;
    if (letters > kLongestWord) return false;
  }
  return true;
}

/// The character at the start of `text`, which is taken off: its UTF-8 bytes, or nothing for a byte that
/// begins none.
std::string_view take_character(std::string_view& text) noexcept {
  const std::size_t length = utf8_length(text);
  const std::string_view character = text.substr(0, length);
  text.remove_prefix(std::max<std::size_t>(length, 1));
  return character;
}

void drop_last_character(std::string& text) {
  while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xC0) == 0x80) text.pop_back();
  if (!text.empty()) text.pop_back();
}

}  // namespace

std::string safe_text(std::string_view text) {
  static constexpr std::size_t kMaxBytes = 200, kAccountDigits = 7, kShownDigits = 2, kKeyCharacters = 32;
  static constexpr std::string_view kKey =
      "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_.=+-/";
  std::string safe;
  while (!text.empty() && safe.size() < kMaxBytes) {
    if (const auto run = run_of(kKey, text); run >= kKeyCharacters) {
      const std::string_view shown = is_name_in_capitals(text.substr(0, run)) ? text.substr(0, run) : "***";
      safe += shown;
      text.remove_prefix(run);
    } else if (const auto digits = run_of(kDigits, text); digits > 0) {
      const bool masked = digits >= kAccountDigits;
      safe += masked ? "***" : "";
      safe += masked ? text.substr(digits - kShownDigits, kShownDigits) : text.substr(0, digits);
      text.remove_prefix(digits);
    } else {
      const std::string_view character = take_character(text);
      safe += is_blank(character) ? " " : character;
    }
  }
  while (safe.size() > kMaxBytes) drop_last_character(safe);
  return safe;
}

std::string clean_text(std::string_view text, std::size_t max_characters,
                       bool (*unwelcome)(std::string_view character)) {
  std::string clean;
  std::size_t characters = 0;
  bool gap = false;
  while (!text.empty() && characters < max_characters) {
    const std::string_view character = take_character(text);
    if (character.empty() || (unwelcome != nullptr && unwelcome(character))) continue;
    if (is_blank(character)) {
      gap = !clean.empty();
      continue;
    }
    if (gap && characters + 2 > max_characters) break;  // it does not end in a space
    if (std::exchange(gap, false)) clean += ' ', ++characters;
    clean += character, ++characters;
  }
  return clean;
}

std::size_t utf8_length(std::string_view text) noexcept {
  if (text.empty()) return 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && byte(1) < 0xA0) || (first == 0xF0 && byte(1) < 0x90);
  const bool surrogate = first == 0xED && byte(1) > 0x9F;
  const bool too_large = first == 0xF4 && byte(1) > 0x8F;
  return overlong || surrogate || too_large ? 0 : length;
}

bool is_control(std::string_view character) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7F;
  if (character.size() == 2) return byte(0) == 0xC2 && byte(1) < 0xA0;
  return character.size() == 3 && character.starts_with("\xE2\x80") && byte(2) >= 0xA8 && byte(2) <= 0xAE;
}

bool is_blank(std::string_view character) noexcept {
  return character == " " || character == "\xC2\xA0" || is_control(character);
}

bool is_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of(kDigits) == std::string_view::npos;
}

bool is_word(std::string_view text, std::string_view also) noexcept {
  static constexpr std::size_t kLongest = 64;
  const auto allowed = [also](char c) {
    return is_letter_or_digit(c) || also.find(c) != std::string_view::npos;
  };
  return !text.empty() && text.size() <= kLongest && std::ranges::all_of(text, allowed);
}

bool is_visible_ascii(std::string_view text) noexcept {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7F; });
}

bool is_uuid(std::string_view text) noexcept {
  static constexpr std::size_t kLength = 36;
  if (text.size() != kLength) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const char c = text[i];
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string encoded;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = std::min<std::size_t>(bytes.size() - i, 3);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    for (std::size_t k = 0; k < 4; ++k) encoded += k <= left ? kAlphabet[group >> (18 - 6 * k) & 63U] : '=';
  }
  return encoded;
}

std::string lower_case(std::string text) {
  for (char& c : text) {
    if (is_capital(c)) c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string upper_case(std::string text) {
  for (char& c : text) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return text;
}

std::optional<std::string> prefix_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes) {
  const auto begins = [&](const std::string& prefix) { return destination.starts_with(prefix); };
  if (std::ranges::any_of(prefixes, begins)) return std::nullopt;
  std::string list;
  for (const std::string& prefix : prefixes) list += (list.empty() ? "" : ", ") + prefix;
  return "must begin with " + list + " for this provider";
}

std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes) {
  if (!is_digits(destination))
    return "must be an international phone number of digits only, without '+' or spaces";
  if (destination.size() < 8 || destination.size() > 15) return "must have 8 to 15 digits";
  if (destination.starts_with('0')) return "must begin with the country code, without leading zeros";
  return prefixes.empty() ? std::nullopt : prefix_problem(destination, prefixes);
}

}  // namespace payoutd
