#include "soap.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <pugixml.hpp>

namespace flooz {
namespace {

using payoutd::Problem;
using payoutd::Result;

constexpr std::string_view kBlank = " \t\r\n";

bool is_xml_character(std::uint32_t c) {
  return c == 0x9 || c == 0xA || c == 0xD || (c >= 0x20 && c <= 0xD7FF) || (c >= 0xE000 && c <= 0xFFFD) ||
         (c >= 0x10000 && c <= 0x10FFFF);
}

std::string_view trimmed(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlank);
  return begin == std::string_view::npos ? std::string_view{}
                                         : text.substr(begin, text.find_last_not_of(kBlank) + 1 - begin);
}

std::string_view local_name(const char* name) {
  const std::string_view full = name;
  const auto colon = full.rfind(':');
  return colon == std::string_view::npos ? full : full.substr(colon + 1);
}

// ---- what is refused before it is parsed

/// Goes through the markup once, without building anything. It decides nothing about well-formedness: that is
/// the parser's work.
class Gate {
 public:
  explicit Gate(std::string_view text) : rest_(text) {}

  /// Why the document is not parsed; empty if it may be.
  std::string refusal() {
    if (rest_.size() > kMaxAnswerBytes) return "is larger than " + std::to_string(kMaxAnswerBytes) + " bytes";
    if (rest_.find('\0') != std::string_view::npos) return "contains NUL, or is not UTF-8";
    skip("\xEF\xBB\xBF");
    rest_.remove_prefix(std::min(rest_.find_first_not_of(kBlank), rest_.size()));
    // Servers declare UTF-16 and send UTF-8: what stands in the declaration is not believed.
    const bool declares =
        rest_.starts_with("<?xml") && rest_.size() > 5 && kBlank.find(rest_[5]) != std::string_view::npos;
    if (declares && !skip_past("?>")) return "has an XML declaration without an end";
    while (!rest_.empty() && refusal_.empty()) step();
    return refusal_;
  }

 private:
  void step() {
    const auto next = std::min(rest_.find_first_of("<&"), rest_.size());
    rest_.remove_prefix(next);
    if (rest_.empty()) return;
    if (rest_[0] == '&') return check_reference();
    if (skip("<!--")) return require_past("-->", "has a comment without an end");
    if (skip("<![CDATA[")) return require_past("]]>", "has a CDATA section without an end");
    if (rest_.starts_with("<!")) return refuse("has a document type declaration");
    if (rest_.starts_with("<?")) return refuse("has a processing instruction");
    if (skip("</")) {
      --depth_;
      return require_past(">", "is cut off");
    }
    rest_.remove_prefix(1);
    read_start_tag();
  }

  void read_start_tag() {
    char quote = 0;
    char before = 0;
    while (!rest_.empty() && refusal_.empty()) {
      const char c = rest_[0];
      if (c == '&') {
        check_reference();
        continue;
      }
      rest_.remove_prefix(1);
      if (c == '<') return refuse("has a tag within a tag");
      if (quote != 0) {
        if (c == quote) quote = 0;
      } else if (c == '"' || c == '\'') {
        quote = c;
      } else if (c == '>') {
        if (before != '/' && ++depth_ > kMaxDepth) refuse("is nested too deeply");
        if (++elements_ > kMaxElements) refuse("has too many elements");
        return;
      }
      before = c;
    }
    refuse("is cut off");
  }

  /// The five predefined entities and references to characters that XML has; a reference to NUL would end a
  /// text in the middle.
  void check_reference() {
    for (const std::string_view known : {"&lt;", "&gt;", "&amp;", "&quot;", "&apos;"}) {
      if (skip(known)) return;
    }
    if (!skip("&#")) return refuse("uses an entity");
    const int base = skip("x") ? 16 : 10;
    const auto end = rest_.substr(0, 10).find(';');
    if (end == std::string_view::npos) return refuse("has a character reference without an end");
    std::uint32_t c = 0;
    const auto [stop, error] = std::from_chars(rest_.data(), rest_.data() + end, c, base);
    if (error != std::errc{} || stop != rest_.data() + end || !is_xml_character(c))
      return refuse("refers to a character that XML does not have");
    rest_.remove_prefix(end + 1);
  }

  bool skip(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  bool skip_past(std::string_view token) {
    const auto at = rest_.find(token);
    if (at == std::string_view::npos) return false;
    rest_.remove_prefix(at + token.size());
    return true;
  }

  void require_past(std::string_view token, std::string why) {
    if (!skip_past(token)) refuse(std::move(why));
  }

  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }

  std::string_view rest_;
  std::string refusal_;
  int depth_ = 0;
  int elements_ = 0;
};

// ---- the tree

/// Only elements, their texts and CDATA: no declarations, comments or instructions reach the tree. The
/// fragment flag keeps text beside the root, so that it can be refused.
constexpr unsigned int kParse =
    pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol | pugi::parse_fragment;

bool is_text(const pugi::xml_node& node) {
  return node.type() == pugi::node_pcdata || node.type() == pugi::node_cdata;
}

/// The only child element of that name, or an empty node if there is none or several.
pugi::xml_node only_child(const pugi::xml_node& parent, std::initializer_list<std::string_view> names) {
  pugi::xml_node found;
  for (const pugi::xml_node& child : parent.children()) {
    if (child.type() != pugi::node_element) continue;
    if (std::find(names.begin(), names.end(), local_name(child.name())) == names.end()) continue;
    if (found) return {};
    found = child;
  }
  return found;
}

/// The only child element at all, or an empty node.
pugi::xml_node only_element(const pugi::xml_node& parent) {
  pugi::xml_node found;
  for (const pugi::xml_node& child : parent.children()) {
    if (child.type() != pugi::node_element) continue;
    if (found) return {};
    found = child;
  }
  return found;
}

std::optional<std::string> text_of(const pugi::xml_node& node) {
  std::string text;
  for (const pugi::xml_node& child : node.children()) {
    if (!is_text(child)) return std::nullopt;
    text += child.value();
  }
  return std::string(trimmed(text));
}

/// False if a name occurs twice: which of two codes counts is not ours to guess.
bool read_fields(const pugi::xml_node& wrapper, Answer& answer) {
  for (const pugi::xml_node& child : wrapper.children()) {
    if (child.type() != pugi::node_element) continue;
    const bool is_new = answer.fields.emplace(local_name(child.name()), text_of(child)).second;
    if (!is_new) return false;
  }
  return true;
}

/// SOAP 1.1 says faultcode and faultstring, SOAP 1.2 Code/Value and Reason/Text.
std::string fault_text(const pugi::xml_node& fault) {
  std::string code = text_of(only_child(fault, {"faultcode"})).value_or("");
  if (code.empty()) code = text_of(only_child(only_child(fault, {"Code"}), {"Value"})).value_or("");
  std::string reason = text_of(only_child(fault, {"faultstring"})).value_or("");
  if (reason.empty()) reason = text_of(only_child(only_child(fault, {"Reason"}), {"Text"})).value_or("");
  return code + (code.empty() || reason.empty() ? "" : ": ") + reason;
}

Problem problem(std::string reason) {
  return {"", std::move(reason)};
}

/// The root element of a document that passed the gate and is well-formed.
Result<pugi::xml_node> load(pugi::xml_document& document, std::string_view text) {
  if (std::string refusal = Gate(text).refusal(); !refusal.empty()) return problem(std::move(refusal));
  const auto parsed = document.load_buffer(text.data(), text.size(), kParse, pugi::encoding_utf8);
  if (!parsed) return problem("is not well-formed XML");
  for (const pugi::xml_node& node : document.children()) {
    if (is_text(node)) return problem("has text beside its root");
  }
  const pugi::xml_node root = only_element(document);
  if (!root) return problem("has no root, or several");
  return root;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string safe;
  for (const char c : text) {
    switch (c) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      case '\'':
        safe += "&apos;";
        break;
      default:
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\t' || c == '\n') safe += c;
    }
  }
  return safe;
}

std::string element(std::string_view name, std::string_view text) {
  const std::string tag(name);
  return "<" + tag + ">" + escaped(text) + "</" + tag + ">";
}

std::string envelope(std::string_view operation, std::string_view token, std::string_view request) {
  const std::string tag = "api:" + std::string(operation);
  return R"(<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" )"
         R"(xmlns:api="http://api.merchant.tlc.com/"><soapenv:Header/><soapenv:Body><)" +
         tag + ">" + element("token", token) + std::string(request) + "</" + tag +
         "></soapenv:Body></soapenv:Envelope>";
}

Field Answer::field(std::string_view name) const {
  const auto found = fields.find(name);
  if (found == fields.end() || found->second == "") return {};
  return {true, found->second};
}

std::string Answer::text(std::string_view name) const {
  return field(name).text.value_or("");
}

Result<Answer> read_answer(std::string_view body) {
  pugi::xml_document document;
  const auto root = load(document, body);
  if (!root) return root.error();
  if (local_name(root->name()) != "Envelope") return problem("is not a SOAP envelope");
  const pugi::xml_node operation = only_element(only_child(*root, {"Body"}));
  if (!operation) return problem("has no SOAP body with one element");
  Answer answer;
  if (local_name(operation.name()) == "Fault") {
    answer.is_fault = true;
    answer.fault = fault_text(operation);
    return answer;
  }
  answer.operation = local_name(operation.name());
  const pugi::xml_node wrapper = only_child(operation, {"return", "response", "result"});
  if (!wrapper) return problem("has no single return, response or result");
  if (!read_fields(wrapper, answer)) return problem("has a field twice");
  return answer;
}

Result<Answer> read_element(std::string_view text, std::string_view name) {
  pugi::xml_document document;
  const auto root = load(document, text);
  if (!root) return root.error();
  if (local_name(root->name()) != name) return problem("is not the element " + std::string(name));
  Answer answer;
  answer.operation = name;
  if (!read_fields(*root, answer)) return problem("has a field twice");
  return answer;
}

}  // namespace flooz
