#include "http/openapi.hpp"

#include <boost/json.hpp>

namespace payoutd::http {
namespace {

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
    "/v1/webhooks/{provider}/{reference}/{signature}": {
      "post": {
        "summary": "A provider's callback, at the URL that it was given; PUT does the same",
        "parameters": [
          {"name": "provider", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "reference", "in": "path", "required": true, "schema": {"type": "string"}},
          {"name": "signature", "in": "path", "required": true, "schema": {"type": "string"}}
        ],
        "responses": {
          "200": {"description": "Taken, or about a payout that is not known here"},
          "202": {"description": "Received; it is still being worked off"},
          "400": {"$ref": "#/components/responses/Error"},
          "401": {"$ref": "#/components/responses/Error"},
          "404": {"$ref": "#/components/responses/Error"}
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
      "Error": {"description": "Why not", "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}},
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

Awaitable<Response> get_document(Request) {
  Response response;
  response.body = kDocument;
  response.body += '\n';
  co_return response;
}

}  // namespace

std::vector<Route> openapi_routes() {
  return {{.method = "GET", .pattern = "/openapi.json", .handle = get_document, .any_host = true}};
}

const boost::json::value& openapi_document() {
  static const boost::json::value document = boost::json::parse(kDocument);
  return document;
}

}  // namespace payoutd::http
