#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Texts that come from a provider and texts that go to one: what every plugin has to ask of them, and what
/// it has to do to them before they are shown, stored or sent. Safe on any bytes. Pure; may be called from
/// any thread.
namespace payoutd {

/// A text of a provider's that may be logged, stored and shown:
/// - runs of seven digits or more keep their last two ("***56"), for they may be somebody's account;
/// - runs of 32 or more characters of which keys and tokens are made (letters, digits, `_ . = + - /`) become
///   "***"; only names in capitals such as DECLINED-LIMITATIONS-ON-QUANTITY are spared. UUIDs are not: some
///   providers give them out as keys;
/// - blanks and control characters become a space each, so that it stays one line and cannot speak to a
/// terminal;
/// - bytes that are not UTF-8 go.
/// At most 200 bytes, never cut inside a character. Decide about money by the text as it came, never by this.
std::string safe_text(std::string_view text);

/// A text for a provider, such as a note or a description: UTF-8 without control characters, single spaces,
/// none at the ends, at most `max_characters` code points and never cut inside one. `unwelcome`, if given, is
/// asked of every character (as its UTF-8 bytes) and drops it. The same text always gives the same, and a
/// text that was cleaned comes out as it is, so an artefact can be compared with its order.
std::string clean_text(std::string_view text, std::size_t max_characters,
                       bool (*unwelcome)(std::string_view character) = nullptr);

/// The length in bytes of the well-formed UTF-8 sequence at the start of `text` (no overlong form, no
/// surrogate, nothing above U+10FFFF), or 0 if there is none.
std::size_t utf8_length(std::string_view text) noexcept;

/// True for one character, given as its UTF-8 bytes, that controls instead of being seen: C0, DEL, C1, the
/// line and paragraph separators and the marks U+202A to U+202E that turn the direction of writing.
bool is_control(std::string_view character) noexcept;

/// The same, or a space or no-break space.
bool is_blank(std::string_view character) noexcept;

/// One digit or more of 0 to 9, and nothing else.
bool is_digits(std::string_view text) noexcept;

/// One to 64 ASCII letters, digits and characters of `also`: the form of codes and references. Without '.'
/// and '/' in `also` such a word is safe in a path.
bool is_word(std::string_view text, std::string_view also) noexcept;

/// Visible ASCII from the first character to the last, and not empty: safe as a header's value, where
/// anything else could end the line and begin another header.
bool is_visible_ascii(std::string_view text) noexcept;

/// 8-4-4-4-12 hexadecimal digits of either case: safe in a path.
bool is_uuid(std::string_view text) noexcept;

/// Base64 of any bytes, with padding (RFC 4648, section 4), as Basic authentication wants it.
std::string base64(std::string_view bytes);

/// ASCII letters only; every other byte stays.
std::string lower_case(std::string text);
std::string upper_case(std::string text);

/// Why `destination` is no MSISDN (an international phone number as mobile-money APIs want it: 8 to 15 digits
/// that begin with the country code, without '+', zeros or spaces), as half a sentence; nullopt if it is one.
/// It must begin with one of `prefixes`; an empty list allows every country.
std::optional<std::string> msisdn_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes);

/// Why `destination` begins with none of `prefixes`, which is not empty; nullopt if it does.
std::optional<std::string> prefix_problem(std::string_view destination,
                                          const std::vector<std::string>& prefixes);

}  // namespace payoutd
