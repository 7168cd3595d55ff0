#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace simulator {

/// A request to Moov's merchant service: the operation, its token, and the elements of its <request>.
struct SoapRequest {
  std::string operation;
  std::string token;
  std::map<std::string, std::string, std::less<>> fields;

  std::string_view field(std::string_view name) const;
};

/// Why an XML document is no request, as a fault says it.
struct SoapProblem {
  std::string code;  // "Client", "VersionMismatch"
  std::string message;
};

/// Reads as a strict server does: well-formed XML without a DTD, one SOAP 1.1 envelope, the operation in the
/// service's namespace, its parameters unqualified.
std::variant<SoapRequest, SoapProblem> read_soap_request(std::string_view body);

/// How an answer looks where servers are known to differ.
struct SoapForm {
  std::string_view envelope_prefix = "soap";
  std::string_view operation_prefix = "ns2";
  std::string_view wrapper = "return";
  bool declaration = false;  // <?xml …?> first
  bool soap12 = false;       // the envelope of SOAP 1.2
};

using SoapFields = std::vector<std::pair<std::string_view, std::string>>;

std::string soap_answer(const SoapForm& form, std::string_view operation, const SoapFields& fields);
std::string soap_fault(const SoapForm& form, std::string_view code, std::string_view message);

}  // namespace simulator
