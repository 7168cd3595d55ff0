#include "http/openapi.hpp"

#include <boost/json.hpp>

namespace payoutd::http {
namespace {

namespace json = boost::json;

struct CommonResponse {
  const char* status;
  const char* name;  ///< in components.responses
};

/// Any request may meet them, whatever it is about.
constexpr auto kAlways = std::to_array<CommonResponse>({{"400", "BadRequest"},
                                                        {"408", "Timeout"},
                                                        {"414", "UrlTooLong"},
                                                        {"429", "TooManyRequests"},
                                                        {"431", "HeadersTooLarge"},
                                                        {"500", "Internal"},
                                                        {"503", "Unavailable"},
                                                        {"505", "VersionNotSupported"}});
/// Where somebody is asked who they are; and not every host serves it.
constexpr auto kByRole = std::to_array<CommonResponse>(
    {{"401", "Unauthorized"}, {"403", "Forbidden"}, {"404", "NotFound"}, {"421", "Misdirected"}});
/// Where a body is read.
constexpr auto kWithBody =
    std::to_array<CommonResponse>({{"413", "BodyTooLarge"}, {"417", "ExpectationFailed"}});
/// Where the body's type matters.
constexpr auto kWithTypedBody = std::to_array<CommonResponse>({{"415", "UnsupportedMediaType"}});

void add(json::object& responses, std::span<const CommonResponse> common) {
  for (const auto& [status, name] : common) {
    if (responses.contains(status)) continue;  // the operation says more of it
    responses[status] = json::object{{"$ref", std::string("#/components/responses/") + name}};
  }
}

void add_flow_id(json::value& response) {
  json::object& object = response.as_object();
  if (object.contains("$ref")) return;
  json::object& headers =
      object.contains("headers") ? object.at("headers").as_object() : object["headers"].emplace_object();
  headers["X-Request-Id"] = json::object{{"$ref", "#/components/headers/RequestId"}};
}

bool has_typed_body(const json::object& operation) {
  const json::object& body = operation.at("requestBody").as_object();
  const auto* reference = body.if_contains("$ref");
  return reference == nullptr || reference->as_string() != "#/components/requestBodies/Callback";
}

void complete(json::object& operation) {
  json::object& responses = operation.at("responses").as_object();
  add(responses, kAlways);
  if (operation.contains("x-payoutd-role")) add(responses, kByRole);
  if (operation.contains("requestBody")) {
    add(responses, kWithBody);
    if (has_typed_body(operation)) add(responses, kWithTypedBody);
  }
  for (auto& [status, response] : responses) add_flow_id(response);
}

}  // namespace

json::value openapi_document() {
  std::string text;
  for (const std::string_view line : openapi_lines()) text += line;
  json::value document = json::parse(text);
  for (auto& [path, operations] : document.at("paths").as_object())
    for (auto& [method, operation] : operations.as_object()) complete(operation.as_object());
  for (auto& [name, response] : document.at("components").at("responses").as_object()) add_flow_id(response);
  return document;
}

}  // namespace payoutd::http
