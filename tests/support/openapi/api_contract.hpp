#pragma once
#include <boost/json/value.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "openapi/json_schema.hpp"

namespace payoutd::test {

/// A request as it went to the API.
struct ApiRequest {
  std::string method{};  ///< empty: nothing that can be read as a request
  std::string target{};
  std::map<std::string, std::string> headers{};  ///< names in lower case
  std::string body{};
  bool control = false;  ///< by the control socket
  bool whole = true;     ///< false: not all of the body is known
};

struct ApiAnswer {
  int status = 0;
  std::map<std::string, std::string> headers{};  ///< names in lower case
  std::string body{};
};

/// An answer that the API's document does not describe. Not a std::exception, so that no test that expects
/// one takes it for that.
struct ContractBroken {
  std::string what;
};

/// The API's document, against which requests and answers are held.
class ApiContract {
 public:
  explicit ApiContract(boost::json::value document);
  /// The document that this build serves.
  static const ApiContract& of_this_build();

  /// What the document does not say so: an unknown route, status, content type or header, a body that is not
  /// like its schema; and, where the request was taken, a parameter or body that it may not have.
  std::vector<std::string> problems(const ApiRequest& request, const ApiAnswer& answer) const;
  /// Throws ContractBroken, and says so on standard error too.
  void require(const ApiRequest& request, const ApiAnswer& answer) const;

  const boost::json::value& document() const { return document_; }
  const JsonSchemas& schemas() const { return schemas_; }

 private:
  struct Found {
    const boost::json::object* operation = nullptr;
    std::string template_path{};  ///< empty: no path is like this
  };
  Found find(const ApiRequest& request) const;
  void check_response(const boost::json::value& response, const ApiRequest& request, const ApiAnswer& answer,
                      std::vector<std::string>& wrong) const;
  void check_body(const boost::json::object& content, const ApiAnswer& answer,
                  std::vector<std::string>& wrong) const;
  void check_request(const Found& found, const ApiRequest& request, std::vector<std::string>& wrong) const;
  void check_parameters(const boost::json::object& operation, const ApiRequest& request,
                        std::vector<std::string>& wrong) const;

  boost::json::value document_;
  JsonSchemas schemas_;
};

/// The request that a client sent as these bytes; what follows it stays in `bytes`.
ApiRequest take_request(std::string& bytes);

}  // namespace payoutd::test
