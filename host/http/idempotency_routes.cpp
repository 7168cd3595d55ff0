#include <boost/json.hpp>

#include "http/admin_input.hpp"
#include "http/json_output.hpp"
#include "http/routes.hpp"
#include "ops/redact.hpp"

namespace payoutd::http {
namespace {

namespace json = boost::json;

json::value redacted(json::value value) {
  ops::redactor().redact(value);
  return value;
}

/// The fields of a canonical payload by their names; those of `metadata` as `metadata.NAME`.
std::map<std::string, std::string> fields_of(const std::string& payload) {
  std::map<std::string, std::string> fields;
  const json::value value = stored_json(payload);
  if (!value.is_object()) return fields;
  for (const auto& [name, one] : value.get_object()) {
    if (one.is_string()) fields[name] = one.get_string();
    if (!one.is_object()) continue;
    for (const auto& [key, text] : one.get_object())
      if (text.is_string()) fields[std::string(name) + "." + std::string(key)] = text.get_string();
  }
  return fields;
}

/// Masked as the log would mask it: by what the field is called, and by what it looks like.
json::value shown(const std::map<std::string, std::string>& fields, const std::string& name) {
  const auto found = fields.find(name);
  if (found == fields.end()) return nullptr;
  const json::value masked = redacted(json::object{{name.substr(name.rfind('.') + 1), found->second}});
  return masked.get_object().begin()->value();
}

json::array differences(const std::string& stored, const std::string& received) {
  const auto before = fields_of(stored);
  const auto after = fields_of(received);
  std::set<std::string> names;
  for (const auto* fields : {&before, &after})
    for (const auto& [name, value] : *fields) names.insert(name);
  json::array all;
  for (const std::string& name : names) {
    const auto a = before.find(name);
    const auto b = after.find(name);
    if (a != before.end() && b != after.end() && a->second == b->second) continue;
    all.push_back(json::object{{"field", redacted(json::value(name))},
                               {"stored", shown(before, name)},
                               {"received", shown(after, name)}});
  }
  return all;
}

json::object record_json(const store::KeyRecord& record) {
  json::object out{{"client", record.client_id},
                   {"key", record.key},
                   {"payout", record.payout_id},
                   {"created_at", record.created_at},
                   {"payload", redacted(stored_json(record.payload))},
                   {"answer", json::object{{"status", record.response_status},
                                           {"body", redacted(stored_json(record.response))}}},
                   {"conflict_count", record.conflict_count}};
  out["last_conflict_at"] = text_or_null(record.last_conflict_at);
  json::array conflicts;
  for (const store::KeyConflict& conflict : record.conflicts) {
    conflicts.push_back(json::object{{"count", conflict.count},
                                     {"first_at", conflict.first_at},
                                     {"last_at", conflict.last_at},
                                     {"actor", conflict.actor},
                                     {"flow_id", conflict.flow_id},
                                     {"payload", redacted(stored_json(conflict.payload))},
                                     {"differences", differences(record.payload, conflict.payload)}});
  }
  out["conflicts"] = std::move(conflicts);
  return out;
}

Awaitable<Response> get_keys(HostView* host, Request request) {
  store::KeyFilter filter;
  filter.client_id = request.parameter("client");
  filter.key = request.parameter("key");
  std::int64_t limit = 100;
  if (auto refusal = read_number(request, "limit", 1, 500, limit)) co_return *refusal;
  filter.limit = static_cast<int>(limit);
  json::array records;
  for (const store::KeyRecord& record : co_await host->idempotency_keys(std::move(filter)))
    records.push_back(record_json(record));
  co_return answer(200, json::object{{"records", std::move(records)}});
}

Awaitable<Response> get_key(HostView* host, Request request) {
  store::KeyFilter filter;
  filter.client_id = request.parameters.at("client");
  filter.key = request.parameters.at("key");
  const auto found = co_await host->idempotency_keys(std::move(filter));
  if (found.empty()) co_return refuse(404, "KEY_NOT_FOUND", "This client has used no such key.");
  co_return answer(200, record_json(found.front()));
}

}  // namespace

std::vector<Route> idempotency_routes(HostView& host) {
  std::vector<Route> routes;
  routes.push_back({.method = "GET",
                    .pattern = "/v1/admin/idempotency",
                    .handle = [&host](Request request) { return get_keys(&host, std::move(request)); },
                    .query = {"client", "key", "limit"},
                    .role = identity::Role::admin});
  routes.push_back({.method = "GET",
                    .pattern = "/v1/admin/idempotency/{client}/{key}",
                    .handle = [&host](Request request) { return get_key(&host, std::move(request)); },
                    .role = identity::Role::admin});
  return routes;
}

}  // namespace payoutd::http
