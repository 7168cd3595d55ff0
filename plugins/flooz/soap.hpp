#pragma once
/// SOAP as Moov's merchant service speaks it: one operation in, one flat answer out. Pure functions.
#include <map>
#include <optional>
#include <payoutd/result.hpp>
#include <string>
#include <string_view>

namespace flooz {

/// Answers larger than this are not looked at: the largest known one is below 2 KiB.
inline constexpr std::size_t kMaxAnswerBytes = 64 * 1024;
inline constexpr int kMaxDepth = 32;
inline constexpr int kMaxElements = 1000;

/// `text` as the content of an element: markup escaped, characters that XML does not have left out.
std::string escaped(std::string_view text);

/// `<name>text</name>`.
std::string element(std::string_view name, std::string_view text);

/// The envelope of an operation such as `transferFlooz` around its token and its `<request>…</request>`.
std::string envelope(std::string_view operation, std::string_view token, std::string_view request);

/// One field of an answer.
struct Field {
  bool present = false;
  std::optional<std::string> text;  ///< trimmed; nullopt if absent, or if it holds elements and no text
};

/// What the body of an answer said. Names are local names: prefixes and namespaces differ from one server to
/// the next.
struct Answer {
  std::string operation;  ///< such as `transferFloozResponse`; empty for a fault
  bool is_fault = false;
  std::string fault;  ///< code and text of the fault, as the provider wrote them
  std::map<std::string, std::optional<std::string>, std::less<>> fields;  ///< of return, response or result

  Field field(std::string_view name) const;
  std::string text(std::string_view name) const;  ///< empty if there is none
};

/// Reads an answer strictly: one envelope, one body, one operation, one wrapper (`return`, `response` or
/// `result`) with each field once. Before anything is parsed it refuses document type declarations, entities
/// of its own making, processing instructions, NUL, and what is too large, too deep or too many. The problem
/// says which.
payoutd::Result<Answer> read_answer(std::string_view body);

/// The fields of one element that stands alone, such as our own `<request>`; the same strictness.
payoutd::Result<Answer> read_element(std::string_view text, std::string_view name);

}  // namespace flooz
