// The API's document: against the rules of OpenAPI 3.1, against the table of routes, and as what every answer
// of the tests is held against.
#include "http/openapi.hpp"

#include <catch2/catch.hpp>

#include "openapi/api_contract.hpp"
#include "running_server.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

const json::value& document() {
  return ApiContract::of_this_build().document();
}

const json::value& resolved(const json::value& value) {
  return ApiContract::of_this_build().schemas().resolved(value);
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

template <class Visit>
void each_operation(Visit visit) {
  for (const auto& [path, operations] : document().at("paths").as_object())
    for (const auto& [method, operation] : operations.as_object())
      visit(std::string(path), std::string(method), operation.as_object());
}

/// Calls `visit` with every object of the document and where it stands.
template <class Visit>
void each_object(const json::value& value, const std::string& place, Visit visit) {
  if (value.is_object()) {
    visit(value.get_object(), place);
    for (const auto& [key, one] : value.get_object()) each_object(one, place + "/" + std::string(key), visit);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.get_array().size(); ++i)
      each_object(value.get_array()[i], place + "/" + std::to_string(i), visit);
  }
}

std::vector<json::object> parameters_of(const json::object& operation) {
  std::vector<json::object> all;
  if (const auto* parameters = operation.if_contains("parameters"))
    for (const json::value& one : parameters->as_array()) all.push_back(resolved(one).as_object());
  return all;
}

std::set<std::string> names_in(const json::object& operation, std::string_view in) {
  std::set<std::string> names;
  for (const json::object& parameter : parameters_of(operation))
    if (parameter.at("in").as_string() == in) names.emplace(parameter.at("name").as_string());
  return names;
}

bool is_schema_place(const std::string& place) {
  return place.starts_with("/components/schemas/") || place.find("/schema") != std::string::npos;
}

http::BodyForm body_form(const json::object& operation) {
  const auto* stated = operation.if_contains("requestBody");
  if (stated == nullptr) return http::BodyForm::none;
  const json::object& body = resolved(*stated).as_object();
  const json::object& content = body.at("content").as_object();
  if (content.contains("*/*")) return http::BodyForm::raw;
  if (content.contains("application/x-ndjson")) return http::BodyForm::json_or_lines;
  const bool required = body.contains("required") && body.at("required").as_bool();
  return required ? http::BodyForm::json : http::BodyForm::optional_json;
}

ApiAnswer good(int status, const std::string& body) {
  return {status, {{"content-type", "application/json"}, {"x-request-id", "flow-1"}}, body};
}

std::vector<std::string> problems(const ApiRequest& request, const ApiAnswer& answer) {
  return ApiContract::of_this_build().problems(request, answer);
}

std::vector<std::string> schema_problems(const std::string& schema, const std::string& value) {
  const json::value document = json::parse(R"({"short": {"type": "string", "maxLength": 2}})");
  return JsonSchemas(document).problems(json::parse(schema), json::parse(value));
}

}  // namespace

TEST_CASE("the OpenAPI document keeps the rules of OpenAPI 3.1", "[openapi]") {
  const json::object& root = document().as_object();
  CHECK(std::string(root.at("openapi").as_string()).starts_with("3.1."));
  CHECK_FALSE(root.at("info").at("title").as_string().empty());
  CHECK_FALSE(root.at("info").at("version").as_string().empty());
  std::set<std::string> tags;
  for (const json::value& tag : root.at("tags").as_array())
    CHECK(tags.emplace(tag.at("name").as_string()).second);

  std::set<std::string> operation_ids;
  std::set<std::string> templates;
  for (const auto& [path, operations] : root.at("paths").as_object()) {
    std::string shape(path);
    CHECK(shape.starts_with('/'));
    for (std::size_t at = 0; (at = shape.find('{', at)) != std::string::npos; ++at)
      shape.replace(at, shape.find('}', at) - at + 1, "{}");
    INFO(shape);
    CHECK(templates.insert(shape).second);  // two templates that differ in names only are the same path
  }
  each_operation([&](const std::string& path, const std::string& method, const json::object& operation) {
    INFO(method << " " << path);
    CHECK(std::set<std::string>{"get", "post", "put", "delete", "patch", "head", "options"}.contains(method));
    CHECK(operation_ids.emplace(operation.at("operationId").as_string()).second);
    CHECK_FALSE(operation.at("summary").as_string().empty());
    for (const json::value& tag : operation.at("tags").as_array())
      CHECK(tags.contains(std::string(tag.as_string())));
    std::set<std::string> in_path;
    for (std::size_t at = 0; (at = path.find('{', at)) != std::string::npos; ++at)
      in_path.insert(path.substr(at + 1, path.find('}', at) - at - 1));
    CHECK(names_in(operation, "path") == in_path);
    std::set<std::pair<std::string, std::string>> seen;
    for (const json::object& parameter : parameters_of(operation)) {
      const std::string in(parameter.at("in").as_string());
      CHECK(seen.emplace(in, parameter.at("name").as_string()).second);
      CHECK(parameter.at("schema").is_object());
      if (in == "path") CHECK(parameter.at("required").as_bool());
    }
    CHECK_FALSE(operation.at("responses").as_object().empty());
    bool succeeds = false;
    for (const auto& [status, response] : operation.at("responses").as_object()) {
      INFO(std::string(status));
      CHECK((status.size() == 3 && status[0] >= '1' && status[0] <= '5'));
      succeeds = succeeds || status[0] == '2';
      const json::object& said = resolved(response).as_object();
      CHECK_FALSE(said.at("description").as_string().empty());
      for (const auto& [type, media] : said.at("content").as_object())
        CHECK(media.as_object().contains("schema"));
      CHECK(said.at("headers").as_object().contains("X-Request-Id"));
    }
    CHECK(succeeds);
  });
}

TEST_CASE("references of the OpenAPI document lead somewhere, and every component is used", "[openapi]") {
  std::set<std::string> used;
  each_object(document(), "", [&](const json::object& object, const std::string& place) {
    const auto* reference = object.if_contains("$ref");
    if (reference == nullptr || !reference->is_string()) return;
    INFO(place << ": " << reference->as_string().c_str());
    used.emplace(reference->as_string());
    CHECK_NOTHROW(resolved(object));
    // Beside a reference other keywords count in schemas only.
    if (!is_schema_place(place)) CHECK(object.size() == 1);
  });
  for (const auto& [kind, components] : document().at("components").as_object()) {
    if (kind == "securitySchemes") continue;
    for (const auto& [name, component] : components.as_object()) {
      CHECK(name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") ==
            std::string::npos);
      INFO(std::string(kind) << "/" << std::string(name));
      CHECK(used.contains("#/components/" + std::string(kind) + "/" + std::string(name)));
    }
  }
  const json::object& schemes = document().at("components").at("securitySchemes").as_object();
  for (const json::value& requirement : document().at("security").as_array())
    for (const auto& [name, scopes] : requirement.as_object()) CHECK(schemes.contains(name));
}

TEST_CASE("objects of the OpenAPI document have the properties that it names, and no others", "[openapi]") {
  each_object(document(), "", [&](const json::object& object, const std::string& place) {
    if (!is_schema_place(place) || !object.contains("properties")) return;
    // Parts that are put together with others (their names end in Fields) are closed where that is done.
    if (place.ends_with("/properties") || place.ends_with("Fields")) return;
    INFO(place);
    const auto* additional = object.if_contains("additionalProperties");
    const auto* unevaluated = object.if_contains("unevaluatedProperties");
    CHECK(((additional != nullptr && *additional == json::value(false)) ||
           (unevaluated != nullptr && *unevaluated == json::value(false))));
    if (const auto* required = object.if_contains("required"); required != nullptr && unevaluated == nullptr)
      for (const json::value& name : required->as_array())
        CHECK(object.at("properties").as_object().contains(name.as_string()));
  });
  // Every schema can be used: an unknown keyword throws.
  const JsonSchemas& schemas = ApiContract::of_this_build().schemas();
  for (const auto& [name, schema] : document().at("components").at("schemas").as_object())
    for (const char* value : {"null", "{}", "[]", "\"x\"", "7"})
      CHECK_NOTHROW(schemas.problems(schema, json::parse(value)));
}

TEST_CASE("the OpenAPI document has exactly the router's routes, each with what it takes and asks for",
          "[openapi]") {
  RunningServer running;
  CHECK(running.ask(request("GET", "/openapi.json")).json() == document());
  std::set<std::string> there;
  for (const http::Route& route : running.router.routes()) {
    INFO(route.method << " " << route.pattern);
    there.insert(route.method + " " + route.pattern);
    const auto* path = document().at("paths").as_object().if_contains(route.pattern);
    if (path == nullptr || !path->as_object().contains(lower(route.method))) {
      FAIL_CHECK("host/http/openapi.json does not describe this route");
      continue;
    }
    const json::object& operation = path->at(lower(route.method)).as_object();
    CHECK(names_in(operation, "query") == std::set<std::string>(route.query.begin(), route.query.end()));
    CHECK(body_form(operation) == route.body);
    if (route.any_host) {
      CHECK_FALSE(operation.contains("x-payoutd-role"));
      CHECK(operation.at("security").as_array().empty());
    } else {
      REQUIRE(operation.contains("x-payoutd-role"));
      CHECK(operation.at("x-payoutd-role").as_string() == identity::to_string(route.role));
      CHECK_FALSE(operation.contains("security"));
    }
    const bool by_control =
        operation.contains("x-payoutd-listener") && operation.at("x-payoutd-listener") == "control";
    CHECK(by_control == route.control_only);
  }
  std::set<std::string> documented;
  each_operation([&](const std::string& path, std::string method, const json::object&) {
    for (char& c : method) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    documented.insert(method + " " + path);
  });
  CHECK(documented == there);
}

TEST_CASE("a switch, an operation and a state that the host has stand in the OpenAPI document", "[openapi]") {
  std::set<std::string> states;
  for (const json::value& state : document().at("components").at("schemas").at("State").at("enum").as_array())
    states.emplace(state.as_string());
  std::set<std::string> known;
  for (const core::State state : core::kAllStates) known.emplace(core::to_string(state));
  CHECK(states == known);
}

TEST_CASE("an answer that the OpenAPI document does not describe is noticed", "[openapi]") {
  const std::string id = "0e1c4f5e-0000-4000-8000-000000000001";
  const ApiRequest live{.method = "GET", .target = "/livez"};
  CHECK(problems(live, good(200, R"({"live":true})")).empty());
  CHECK_FALSE(problems(live, good(204, "")).empty());                                // a status
  CHECK_FALSE(problems(live, good(200, R"({"live":false})")).empty());               // a value
  CHECK_FALSE(problems(live, good(200, R"({"live":true,"mood":"good"})")).empty());  // a field too many
  CHECK_FALSE(problems(live, good(200, "{}")).empty());                              // one too few
  CHECK_FALSE(problems(live, good(200, "live")).empty());
  ApiAnswer answer = good(200, R"({"live":true})");
  answer.headers["content-type"] = "text/html";
  CHECK_FALSE(problems(live, answer).empty());
  answer = good(200, R"({"live":true})");
  answer.headers.erase("x-request-id");
  CHECK_FALSE(problems(live, answer).empty());
  CHECK_FALSE(problems({.method = "GET", .target = "/elsewhere"}, good(200, "{}")).empty());
  const std::string nothing =
      R"({"error":{"code":"NOT_FOUND","message":"There is nothing.","flow_id":"flow-1"}})";
  CHECK(problems({.method = "GET", .target = "/elsewhere"}, good(404, nothing)).empty());
  CHECK_FALSE(problems({.method = "GET", .target = "/elsewhere"},
                       good(404, R"({"error":{"code":"LOST","message":"x","flow_id":"flow-1"}})"))
                  .empty());
  // What was taken must be what the document lets one send.
  const std::string cancelled = R"({"id":")" + id + R"(","done":true,"state":"CANCELLED","message":"Done."})";
  ApiRequest cancel{.method = "POST",
                    .target = "/v1/admin/payouts/" + id + "/cancel",
                    .headers = {{"content-type", "application/json"}},
                    .body = R"({"note":"typo"})"};
  CHECK(problems(cancel, good(200, cancelled)).empty());
  cancel.body = R"({"note":"typo","force":true})";
  CHECK_FALSE(problems(cancel, good(200, cancelled)).empty());
  cancel = {.method = "POST", .target = "/v1/admin/payouts/" + id + "/cancel?now=true"};
  CHECK_FALSE(problems(cancel, good(200, cancelled)).empty());
  // And by the listener that it says.
  const ApiRequest drain{.method = "POST", .target = "/v1/admin/drain"};
  CHECK_FALSE(problems(drain, good(202, R"({"draining":true})")).empty());
  ApiRequest by_control = drain;
  by_control.control = true;
  CHECK(problems(by_control, good(202, R"({"draining":true})")).empty());
  CHECK_THROWS_AS(ApiContract::of_this_build().require(live, good(204, "")), ContractBroken);
}

TEST_CASE("the schemas' keywords say what JSON Schema says", "[openapi]") {
  struct Case {
    const char* schema;
    const char* good;
    const char* bad;
  };
  const auto one = GENERATE(values<Case>({
      {R"({"type":"string"})", R"("x")", "1"},
      {R"({"type":["integer","null"]})", "null", R"("1")"},
      {R"({"type":"integer"})", "7", "7.5"},
      {R"({"enum":["a",null]})", "null", R"("b")"},
      {R"({"const":true})", "true", "false"},
      {R"({"required":["a"]})", R"({"a":1})", "{}"},
      {R"({"properties":{"a":{"type":"string"}}})", R"({"a":"x","b":1})", R"({"a":1})"},
      {R"({"properties":{"a":{}},"additionalProperties":false})", R"({"a":1})", R"({"b":1})"},
      {R"({"additionalProperties":{"type":"integer"}})", R"({"b":1})", R"({"b":"1"})"},
      {R"({"propertyNames":{"pattern":"^[a-z]+$"}})", R"({"b":1})", R"({"B":1})"},
      {R"({"minProperties":1,"maxProperties":1})", R"({"b":1})", "{}"},
      {R"({"items":{"type":"string"}})", R"(["a"])", "[1]"},
      {R"({"minItems":1,"maxItems":2})", "[1]", "[1,2,3]"},
      {R"({"minLength":1,"maxLength":2})", "\"\xc3\xa9\xc3\xa9\"", R"("")"},
      {R"({"pattern":"^[a-z]{2}$"})", R"("ab")", R"("abc")"},
      {R"({"format":"uuid"})", R"("0e1c4f5e-0000-4000-8000-000000000001")", R"("0e1c4f5e")"},
      {R"({"format":"date-time"})", R"("2026-01-31T08:00:00.123Z")", R"("2026-01-31 08:00")"},
      {R"({"minimum":1,"maximum":3})", "3", "4"},
      {R"({"allOf":[{"type":"string"},{"maxLength":1}]})", R"("a")", R"("ab")"},
      {R"({"anyOf":[{"type":"string"},{"type":"null"}]})", "null", "1"},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}]})", R"({"a":1})", R"({"a":1,"b":1})"},
      {R"({"$ref":"#/short"})", R"("ab")", R"("abc")"},
      {R"({"allOf":[{"properties":{"a":{}}}],"properties":{"b":{}},"unevaluatedProperties":false})",
       R"({"a":1,"b":1})", R"({"a":1,"c":1})"},
  }));
  INFO(one.schema);
  CHECK(schema_problems(one.schema, one.good).empty());
  CHECK_FALSE(schema_problems(one.schema, one.bad).empty());
  CHECK_THROWS_AS(schema_problems(R"({"if":{}})", "1"), SchemaError);
  CHECK_THROWS_AS(schema_problems(R"({"$ref":"#/nowhere"})", "1"), SchemaError);
}
