#include "http/openapi.hpp"

#include <boost/json.hpp>

namespace payoutd::http {
namespace {

namespace json = boost::json;

constexpr std::string_view kDocument = R"json({
  "openapi": "3.1.0",
  "info": {
    "title": "payoutd",
    "version": "1",
    "description": "Takes payouts in and tells what became of them. Amounts are strings of exact decimal digits; times are RFC 3339 in UTC. Every answer carries X-Request-Id, the flow id; every error has one shape."
  },
  "paths": {
    "/v1/payouts": {
      "post": {
        "summary": "Admit one payout",
        "description": "The same key with the same payload gives the first answer again, with Idempotent-Replayed: true, and pays nothing twice.",
        "parameters": [{"name": "Idempotency-Key", "in": "header", "required": true,
                        "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]+$"}}],
        "requestBody": {"required": true, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewPayout"}}}},
        "responses": {
          "201": {"description": "Admitted", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/AdmittedPayout"}}}},
          "400": {"$ref": "#/components/responses/Error"},
          "409": {"$ref": "#/components/responses/Error"},
          "422": {"$ref": "#/components/responses/Error"},
          "503": {"$ref": "#/components/responses/Error"}
        }
      },
      "get": {
        "summary": "List payouts, newest first",
        "parameters": [
          {"name": "state", "in": "query", "schema": {"$ref": "#/components/schemas/State"}},
          {"name": "provider", "in": "query", "schema": {"type": "string"}},
          {"name": "batch", "in": "query", "schema": {"type": "string"}},
          {"name": "user", "in": "query", "schema": {"type": "string"}},
          {"name": "destination", "in": "query", "schema": {"type": "string"}},
          {"name": "idempotency_key", "in": "query", "schema": {"type": "string"}},
          {"name": "reason", "in": "query", "schema": {"type": "string"}},
          {"name": "created_after", "in": "query", "schema": {"type": "string", "format": "date-time"}},
          {"name": "created_before", "in": "query", "schema": {"type": "string", "format": "date-time"}},
          {"name": "cursor", "in": "query", "description": "The `next` of the page before", "schema": {"type": "string"}},
          {"name": "limit", "in": "query", "schema": {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}}
        ],
        "responses": {
          "200": {"description": "A page", "content": {"application/json": {"schema": {
            "type": "object", "required": ["payouts", "next"],
            "properties": {"payouts": {"type": "array", "items": {"$ref": "#/components/schemas/Payout"}},
                           "next": {"type": ["string", "null"]}}}}}},
          "400": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/payouts/bulk": {
      "post": {
        "summary": "Admit up to 1000 payouts, each for itself",
        "description": "200 if every item was taken, 207 if some were not, 503 if none was because the database is away. The results stand in the order of the items.",
        "requestBody": {"required": true, "content": {
          "application/json": {"schema": {"type": "object", "required": ["payouts"], "additionalProperties": false,
            "properties": {"payouts": {"type": "array", "minItems": 1, "maxItems": 1000, "items": {"$ref": "#/components/schemas/NewBulkPayout"}}}}},
          "application/x-ndjson": {"schema": {"$ref": "#/components/schemas/NewBulkPayout"}}
        }},
        "responses": {
          "200": {"$ref": "#/components/responses/Bulk"},
          "207": {"$ref": "#/components/responses/Bulk"},
          "400": {"$ref": "#/components/responses/Error"},
          "503": {"$ref": "#/components/responses/Bulk"}
        }
      }
    },
    "/v1/payouts/{id}": {
      "get": {
        "summary": "One payout as it stands",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {
          "200": {"description": "The payout", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Payout"}}}},
          "404": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/payouts/{id}/events": {
      "get": {
        "summary": "Everything that happened to it, in order",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {"200": {"description": "Its events"}, "404": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/v1/payouts/{id}/explain": {
      "get": {
        "summary": "Why it is where it is, what the evidence is, what happens next and who may act",
        "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string", "format": "uuid"}}],
        "responses": {"200": {"description": "The explanation"}, "404": {"$ref": "#/components/responses/Error"}}
      }
    },
    "/v1/webhooks/{provider}": {
      "post": {
        "summary": "A provider's callback, proven by its signature",
        "parameters": [{"name": "provider", "in": "path", "required": true, "schema": {"type": "string"}}],
        "responses": {
          "200": {"$ref": "#/components/responses/Callback"},
          "400": {"$ref": "#/components/responses/Error"},
          "401": {"$ref": "#/components/responses/Error"},
          "404": {"$ref": "#/components/responses/Error"},
          "429": {"$ref": "#/components/responses/Error"},
          "503": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/v1/webhooks/{provider}/{reference}/{signature}": {
      "post": {
        "summary": "A provider's callback, at the URL that it was given; PUT does the same",
        "parameters": [
          {"name": "provider", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "reference", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "signature", "in": "path", "required": true, "schema": {"type": "string"}}
        ],
        "responses": {
          "200": {"$ref": "#/components/responses/Callback"},
          "400": {"$ref": "#/components/responses/Error"},
          "401": {"$ref": "#/components/responses/Error"},
          "404": {"$ref": "#/components/responses/Error"},
          "429": {"$ref": "#/components/responses/Error"},
          "503": {"$ref": "#/components/responses/Error"}
        }
      }
    },
    "/healthz": {"get": {"summary": "ok, db_ok, version, build", "responses": {"200": {"description": "Well"}, "503": {"description": "Not"}}}},
    "/readyz": {"get": {"summary": "ready, db_ok, migrations_ok, migration_revision, reasons", "responses": {"200": {"description": "Ready"}, "503": {"description": "Not"}}}},
    "/livez": {"get": {"summary": "The process answers", "responses": {"200": {"description": "It does"}}}},
    "/metrics": {"get": {"summary": "Metrics in Prometheus' text format", "responses": {"200": {"description": "Metrics"}}}},
    "/openapi.json": {"get": {"summary": "This document", "responses": {"200": {"description": "This document"}}}}
  },
  "components": {
    "securitySchemes": {
      "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT",
        "description": "A token signed with HS256 by a key of the host (`payoutctl token issue`). `x-role` of an operation names the role that it asks for."}
    },
    "schemas": {
      "State": {"type": "string", "enum": ["PENDING", "HELD", "SUBMITTING", "SENT", "UNKNOWN", "REVIEW", "CONFIRMED", "FAILED", "CANCELLED", "REVERSED", "SIMULATED"]},
      "NewPayout": {
        "type": "object", "required": ["amount", "currency", "destination"], "additionalProperties": false,
        "properties": {
          "amount": {"type": "string", "examples": ["100", "10.50"], "description": "Greater than zero, within the currency's decimals"},
          "currency": {"type": "string", "examples": ["XOF"]},
          "destination": {"type": "string", "maxLength": 128, "description": "Who is paid: an MSISDN or an address"},
          "provider": {"type": "string", "maxLength": 64, "description": "May be left out where one provider pays the currency"},
          "user": {"type": "string", "maxLength": 128}, "region": {"type": "string", "maxLength": 32},
          "note": {"type": "string", "maxLength": 160, "description": "Text for the payee"},
          "batch": {"type": "string", "maxLength": 128},
          "metadata": {"type": "object", "maxProperties": 20, "additionalProperties": {"type": "string", "maxLength": 512}}
        }
      },
      "NewBulkPayout": {
        "type": "object", "required": ["idempotency_key", "amount", "currency", "destination"],
        "description": "A NewPayout with its idempotency_key inside",
        "properties": {"idempotency_key": {"type": "string", "minLength": 1, "maxLength": 128}}
      },
      "AdmittedPayout": {
        "type": "object",
        "required": ["id", "state", "amount", "currency", "destination", "provider", "idempotency_key", "created_at", "links"],
        "properties": {
          "id": {"type": "string", "format": "uuid"}, "state": {"const": "PENDING"}, "amount": {"type": "string"},
          "currency": {"type": "string"}, "destination": {"type": "string"}, "provider": {"type": "string"},
          "idempotency_key": {"type": "string"}, "created_at": {"type": "string", "format": "date-time"},
          "links": {"type": "object"}
        }
      },
      "Payout": {
        "type": "object",
        "required": ["id", "state", "final", "reason", "amount", "currency", "destination", "provider", "provider_ref", "attempt_count", "created_at", "updated_at", "links"],
        "properties": {
          "id": {"type": "string", "format": "uuid"}, "state": {"$ref": "#/components/schemas/State"}, "final": {"type": "boolean"},
          "reason": {"type": ["string", "null"]}, "reason_text": {"type": ["string", "null"]},
          "amount": {"type": "string"}, "currency": {"type": "string"}, "destination": {"type": "string"},
          "provider": {"type": "string"}, "provider_ref": {"type": ["string", "null"]}, "attempt_count": {"type": "integer"},
          "user": {"type": ["string", "null"]}, "region": {"type": ["string", "null"]}, "note": {"type": ["string", "null"]},
          "metadata": {"type": ["object", "null"]}, "batch": {"type": ["string", "null"]},
          "idempotency_key": {"type": "string"}, "flow_id": {"type": "string"},
          "created_at": {"type": "string", "format": "date-time"}, "updated_at": {"type": "string", "format": "date-time"},
          "finished_at": {"type": ["string", "null"]}, "next_action_at": {"type": ["string", "null"]}, "links": {"type": "object"}
        }
      },
      "Error": {
        "type": "object", "required": ["error"],
        "properties": {"error": {"type": "object", "required": ["code", "message", "flow_id"],
          "properties": {"code": {"type": "string"}, "message": {"type": "string"}, "field": {"type": "string"}, "flow_id": {"type": "string"}}}}
      }
    },
    "responses": {
      "Unauthorized": {"description": "No token, or none that is good: TOKEN_MISSING, TOKEN_INVALID, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, TOKEN_REVOKED",
        "headers": {"WWW-Authenticate": {"schema": {"type": "string"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
      "Forbidden": {"description": "The token lacks the role: ROLE_MISSING; or this host has no keys for tokens: CONTROL_SOCKET_ONLY", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
      "TooManyRequests": {"description": "RATE_LIMITED: come again after Retry-After seconds",
        "headers": {"Retry-After": {"schema": {"type": "integer"}}},
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
      "Error": {"description": "Why not", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
      "Callback": {"description": "Stored; `applied` says whether it changed anything so far, `reason` why not: unknown_payout, already_final, duplicate, stored (worked on later) and others",
        "content": {"application/json": {"schema": {"type": "object", "required": ["ok", "applied"],
          "properties": {"ok": {"const": true}, "applied": {"type": "boolean"}, "reason": {"type": "string"},
                         "event_id": {"type": "string", "format": "uuid"}}}}}},
      "Bulk": {"description": "What became of each item", "content": {"application/json": {"schema": {
        "type": "object", "required": ["created", "replayed", "failed", "results"],
        "properties": {
          "created": {"type": "integer"}, "replayed": {"type": "integer"}, "failed": {"type": "integer"},
          "results": {"type": "array", "items": {"type": "object", "required": ["index", "status", "idempotency_key"],
            "properties": {"index": {"type": "integer"}, "status": {"type": "integer"}, "idempotency_key": {"type": ["string", "null"]},
                           "replayed": {"type": "boolean"}, "payout": {"$ref": "#/components/schemas/AdmittedPayout"}, "error": {"type": "object"}}}}}}}}}
    }
  }
})json";

/// What an operation is for, where the document above does not describe it in full.
constexpr auto kSummaries = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"POST /v1/admin/payouts/{id}/cancel", "Do not pay; possible while nothing is under way"},
    {"POST /v1/admin/payouts/{id}/hold", "Keep from being submitted"},
    {"POST /v1/admin/payouts/{id}/release", "Let a held payout go on; the rules judge it again"},
    {"POST /v1/admin/payouts/{id}/approve", "Pay a held payout; above an amount it takes two people"},
    {"POST /v1/admin/payouts/{id}/reject", "Do not pay a held payout"},
    {"POST /v1/admin/payouts/{id}/review", "Decide on a payout that only a human can settle"},
    {"POST /v1/admin/sessions/invalidate-all", "Refuse every token that was issued up to now, on all hosts"},
    {"POST /admin/sessions/invalidate-all", "The same as /v1/admin/sessions/invalidate-all"},
    {"GET /v1/admin/providers", "How the providers are"},
    {"POST /v1/admin/providers/{name}/pause", "Submit nothing new through a provider"},
    {"POST /v1/admin/providers/{name}/resume", "Submit through a provider again"},
    {"POST /v1/admin/providers/{name}/probe", "Check that a provider is reachable and takes our credentials"},
    {"GET /v1/admin/providers/{name}/balance", "What is left on a provider's account"},
    {"POST /v1/admin/providers/{name}/lift-quarantine", "Start a plugin again that kept crashing"},
    {"GET /v1/admin/switches", "How the switches are"},
    {"POST /v1/admin/switches/{name}", "Turn dry_run, stop_submissions or stop_writes on or off"},
    {"GET /v1/admin/hosts", "Which hosts share the database, and whether they live"},
    {"GET /v1/admin/database/pools", "This host's pools of database connections, and how busy they are"},
    {"POST /v1/admin/database/pools/{name}", "Change a pool's size on this host, until the next reload or start"},
    {"GET /v1/admin/tally", "How many payouts stand where, and for how long"},
    {"GET /v1/admin/scripts", "Which scripts run where"},
    {"POST /v1/admin/scripts/reload", "Read the scripts of this machine again"},
    {"POST /v1/admin/scripts/rollback", "Make the scripts before active again"},
    {"POST /v1/admin/scripts/shadow/stop", "End the shadow"},
    {"GET /v1/admin/scripts/bundles/{hash}", "The files of a bundle"},
    {"GET /v1/admin/decisions", "What the rules decided, and on what"},
    {"GET /v1/admin/decisions/count", "How many decisions there are"},
    {"GET /v1/admin/flags", "Flags of users"},
    {"POST /v1/admin/flags/{id}/clear", "Clear a flag"},
    {"POST /v1/admin/flags/{id}/note", "Write a note to a flag"},
    {"GET /v1/admin/limits", "The limits that no script can widen, and what they halted"},
    {"POST /v1/admin/limits/lift", "Let the outflow of a provider and currency go on"},
    {"GET /v1/admin/webhooks/events", "Providers' callbacks that were stored, the latest first"},
    {"GET /v1/admin/webhooks/events/{id}", "One callback with its headers and body, masked"},
    {"POST /v1/admin/webhooks/events/{id}/verify", "What every key makes of a callback"},
    {"POST /v1/admin/webhooks/events/{id}/replay", "Work on a stored callback again"},
    {"POST /v1/admin/webhooks/replay", "The same for all that a filter names; with dry_run only say which"},
});

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return out;
}

std::string summary_of(const Route& route) {
  const std::string wanted = route.method + " " + route.pattern;
  for (const auto& [name, summary] : kSummaries)
    if (name == wanted) return std::string(summary);
  return wanted + ": see docs/api.md";
}

json::object reference(const char* response) {
  return {{"$ref", std::string("#/components/responses/") + response}};
}

/// What the table of routes says of an operation that the text above does not describe.
json::object described(const Route& route) {
  json::array parameters;
  for (const std::string& segment : route.segments) {
    if (!segment.starts_with('{')) continue;
    parameters.push_back(json::object{{"name", segment.substr(1, segment.size() - 2)},
                                      {"in", "path"},
                                      {"required", true},
                                      {"schema", {{"type", "string"}}}});
  }
  for (const std::string& name : route.query)
    parameters.push_back(json::object{{"name", name}, {"in", "query"}, {"schema", {{"type", "string"}}}});
  json::object operation{{"summary", summary_of(route)}, {"parameters", std::move(parameters)}};
  if (route.body == BodyForm::json || route.body == BodyForm::optional_json) {
    operation["requestBody"] =
        json::object{{"required", route.body == BodyForm::json},
                     {"content", {{"application/json", {{"schema", {{"type", "object"}}}}}}}};
  }
  json::object responses{{"200", {{"description", "Done, or the answer"}}}};
  for (const char* status : {"400", "404", "409", "503"}) responses[status] = reference("Error");
  operation["responses"] = std::move(responses);
  return operation;
}

void add_operation(json::object& paths, const Route& route) {
  json::object& path = paths[route.pattern].is_object() ? paths[route.pattern].get_object()
                                                        : paths[route.pattern].emplace_object();
  const std::string method = lower(route.method);
  if (!path.contains(method)) {
    // A callback that is PUT is the same as one that is posted.
    path[method] = method == "put" && path.contains("post") ? path.at("post") : json::value(described(route));
  }
  json::object& operation = path.at(method).as_object();
  operation["security"] =
      route.any_host ? json::array() : json::array{json::object{{"bearer", json::array()}}};
  if (!route.any_host) operation["x-role"] = identity::to_string(route.role);
  json::object& responses = operation.at("responses").as_object();
  responses["429"] = reference("TooManyRequests");
  if (route.any_host) return;
  responses["401"] = reference("Unauthorized");
  responses["403"] = reference("Forbidden");
}

Awaitable<Response> get_document(std::shared_ptr<const std::string> text, Request) {
  Response response;
  response.body = *text;
  co_return response;
}

}  // namespace

Route openapi_route(const std::vector<Route>& routes) {
  Route own{.method = "GET", .pattern = "/openapi.json", .handle = {}, .any_host = true};
  std::vector<Route> all = routes;
  all.push_back(own);
  const auto text = std::make_shared<const std::string>(json::serialize(openapi_document(all)) + "\n");
  own.handle = [text](Request request) { return get_document(text, std::move(request)); };
  return own;
}

json::value openapi_document(const std::vector<Route>& routes) {
  json::value document = json::parse(kDocument);
  json::object& paths = document.at("paths").as_object();
  for (const Route& route : routes)
    if (!route.control_only) add_operation(paths, route);
  return document;
}

}  // namespace payoutd::http
