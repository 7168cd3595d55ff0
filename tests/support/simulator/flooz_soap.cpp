#include "flooz_soap.hpp"

#include <algorithm>
#include <array>
#include <pugixml.hpp>

namespace simulator {
namespace {

constexpr std::string_view kSoap11 = "http://schemas.xmlsoap.org/soap/envelope/";
constexpr std::string_view kSoap12 = "http://www.w3.org/2003/05/soap-envelope";
constexpr std::string_view kService = "http://api.merchant.tlc.com/";

struct QualifiedName {
  std::string_view space;  // empty: none
  std::string_view local;
  bool operator==(const QualifiedName&) const = default;
};

/// What pugixml forgives and a strict parser does not: characters that XML does not know, and an ampersand
/// that begins no reference.
bool is_clean(std::string_view text) {
  constexpr std::array<std::string_view, 5> kEntities{"amp;", "lt;", "gt;", "quot;", "apos;"};
  constexpr std::string_view kCdata = "<![CDATA[";
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto rest = text.substr(at);
    if (rest.starts_with(kCdata)) {
      at = std::min(text.find("]]>", at), text.size() - 1);
    } else if (static_cast<unsigned char>(text[at]) < 0x20 && text[at] != '\t' && text[at] != '\n' &&
               text[at] != '\r') {
      return false;
    } else if (text[at] == '&' && !rest.starts_with("&#") &&
               std::none_of(kEntities.begin(), kEntities.end(),
                            [&](std::string_view entity) { return rest.substr(1).starts_with(entity); })) {
      return false;
    }
  }
  return true;
}

/// The prefix resolved by the declarations above the element. A prefix without one gives the space "?".
QualifiedName name_of(pugi::xml_node element) {
  const std::string_view name = element.name();
  const auto colon = name.find(':');
  const auto prefix = colon == std::string_view::npos ? std::string_view{} : name.substr(0, colon);
  const auto declared = prefix.empty() ? std::string{"xmlns"} : "xmlns:" + std::string{prefix};
  const auto local = colon == std::string_view::npos ? name : name.substr(colon + 1);
  for (auto at = element; at; at = at.parent()) {
    if (const auto attribute = at.attribute(declared.c_str())) return {attribute.value(), local};
  }
  return {prefix.empty() ? std::string_view{} : std::string_view{"?"}, local};
}

/// The only element below; a null node when there is none or more than one.
pugi::xml_node only_element(pugi::xml_node parent) {
  pugi::xml_node found;
  for (const auto child : parent.children()) {
    if (child.type() != pugi::node_element) continue;
    if (found) return {};
    found = child;
  }
  return found;
}

/// The child with this local name and no namespace.
pugi::xml_node unqualified(pugi::xml_node parent, std::string_view local) {
  for (const auto child : parent.children()) {
    if (child.type() == pugi::node_element && name_of(child) == QualifiedName{{}, local}) return child;
  }
  return {};
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '&':
        out += "&amp;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string with_prefix(std::string_view prefix, std::string_view local) {
  return prefix.empty() ? std::string{local} : std::string{prefix} + ":" + std::string{local};
}

std::string enveloped(const SoapForm& form, const std::string& content) {
  const auto prefix = form.envelope_prefix;
  const auto envelope = with_prefix(prefix, "Envelope");
  const auto body = with_prefix(prefix, "Body");
  std::string text = form.declaration ? "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n" : "";
  text.append("<").append(envelope).append(prefix.empty() ? " xmlns=\"" : " xmlns:");
  if (!prefix.empty()) text.append(prefix).append("=\"");
  text.append(form.soap12 ? kSoap12 : kSoap11).append("\"><").append(body).append(">");
  text.append(content);
  return text.append("</").append(body).append("></").append(envelope).append(">");
}

/// The operation's element and what is below it; the message of a problem otherwise.
std::variant<SoapRequest, SoapProblem> read_operation(pugi::xml_node operation) {
  SoapRequest request;
  request.operation = name_of(operation).local;
  request.token = unqualified(operation, "token").text().get();
  const auto parameters = unqualified(operation, "request");
  if (!parameters) return SoapProblem{"Client", "the request element is missing"};
  for (const auto child : parameters.children()) {
    if (child.type() != pugi::node_element) continue;
    const auto name = name_of(child);
    if (!name.space.empty()) return SoapProblem{"Client", "unexpected element " + std::string{child.name()}};
    if (child.first_child().type() == pugi::node_element) {
      return SoapProblem{"Client", "unexpected content in " + std::string{name.local}};
    }
    request.fields[std::string{name.local}] = child.text().get();
  }
  return request;
}

}  // namespace

std::string_view SoapRequest::field(std::string_view name) const {
  const auto found = fields.find(name);
  return found == fields.end() ? std::string_view{} : std::string_view{found->second};
}

std::variant<SoapRequest, SoapProblem> read_soap_request(std::string_view body) {
  if (!is_clean(body)) return SoapProblem{"Client", "XML: not well-formed"};
  pugi::xml_document document;
  constexpr auto kOptions = pugi::parse_default | pugi::parse_doctype;
  const auto result = document.load_buffer(body.data(), body.size(), kOptions, pugi::encoding_utf8);
  if (!result) return SoapProblem{"Client", std::string{"XML: "} + result.description()};
  for (const auto node : document.children()) {
    if (node.type() == pugi::node_doctype) return SoapProblem{"Client", "a DTD is not allowed"};
  }
  const auto envelope = only_element(document);
  if (!envelope || name_of(envelope).local != "Envelope") return SoapProblem{"Client", "no SOAP envelope"};
  const auto space = name_of(envelope).space;
  if (space != kSoap11) return SoapProblem{"VersionMismatch", "the envelope is not one of SOAP 1.1"};
  pugi::xml_node content;
  for (const auto child : envelope.children()) {
    if (child.type() == pugi::node_element && name_of(child) == QualifiedName{kSoap11, "Body"})
      content = child;
  }
  const auto operation = only_element(content);
  if (!operation) return SoapProblem{"Client", "the body must hold one operation"};
  if (name_of(operation).space != kService) {
    return SoapProblem{"Client", "unexpected element " + std::string{operation.name()}};
  }
  return read_operation(operation);
}

std::string soap_answer(const SoapForm& form, std::string_view operation, const SoapFields& fields) {
  const auto response = with_prefix(form.operation_prefix, operation) + "Response";
  std::string content = "<" + response + " xmlns";
  if (!form.operation_prefix.empty()) content.append(":").append(form.operation_prefix);
  content.append("=\"").append(kService).append("\"><").append(form.wrapper);
  content.append(form.operation_prefix.empty() ? " xmlns=\"\">" : ">");
  for (const auto& [name, value] : fields) {
    if (value.empty()) {
      content.append("<").append(name).append("/>");
    } else {
      content.append("<")
          .append(name)
          .append(">")
          .append(escaped(value))
          .append("</")
          .append(name)
          .append(">");
    }
  }
  content.append("</").append(form.wrapper).append("></").append(response).append(">");
  return enveloped(form, content);
}

std::string soap_fault(const SoapForm& form, std::string_view code, std::string_view message) {
  const auto fault = with_prefix(form.envelope_prefix, "Fault");
  std::string content = "<" + fault + ">";
  const std::string_view plain = form.envelope_prefix.empty() ? " xmlns=\"\"" : "";
  content.append("<faultcode").append(plain).append(">").append(with_prefix(form.envelope_prefix, code));
  content.append("</faultcode><faultstring").append(plain).append(">").append(escaped(message));
  return enveloped(form, content.append("</faultstring></").append(fault).append(">"));
}

}  // namespace simulator
