#include "control.hpp"

#include <charconv>
#include <limits>
#include <set>
#include <stdexcept>

namespace simulator {
namespace json = boost::json;
namespace {

constexpr std::size_t kEntriesPerChunk = 256;
constexpr const char* kDefaultProtocol = "momo";

/// A question or command that cannot be answered; the message names the field and what it may be.
class BadCommand : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

Answer failure(unsigned status, std::string_view code, std::string_view message) {
  return json_answer(status, json::serialize(json::object{{"code", code}, {"message", message}}));
}

json::value parse_body(const Request& request) {
  if (request.body.empty()) return json::object{};
  boost::system::error_code error;
  auto value = json::parse(json::string_view{request.body.data(), request.body.size()}, error);
  if (error || !value.is_object()) throw BadCommand("the body must be a JSON object");
  return value;
}

std::string required_text(const json::value& command, std::string_view field) {
  const auto* value = command.get_object().if_contains(field);
  if (value == nullptr || !value->is_string()) throw BadCommand(std::string{field} + ": must be a string");
  return std::string{value->get_string()};
}

std::optional<std::string> optional_text(const json::value& command, std::string_view field) {
  if (command.get_object().if_contains(field) == nullptr) return std::nullopt;
  return required_text(command, field);
}

std::optional<std::uint64_t> whole_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::uint64_t count_parameter(const Request& request, std::string_view name, std::uint64_t fallback) {
  const auto text = request.parameter(name);
  if (!text) return fallback;
  const auto number = whole_number(*text);
  if (!number) throw BadCommand(std::string{name} + ": must be a whole number");
  return *number;
}

/// What GET /ledger asked for.
struct Wanted {
  std::optional<std::string> protocol;
  std::optional<std::string> reference;
  std::optional<std::string> external_id;
  std::optional<std::string> status;
  std::optional<Timestamp> since;

  bool matches(const Entry& entry) const {
    return (!protocol || *protocol == entry.protocol) && (!reference || *reference == entry.reference) &&
           (!external_id || *external_id == entry.external_id) &&
           (!status || *status == to_text(entry.status)) && (!since || entry.accepted_at >= *since);
  }
};

Wanted read_wanted(const Request& request) {
  Wanted wanted{request.parameter("protocol"),
                request.parameter("reference"),
                request.parameter("external_id"),
                request.parameter("status"),
                {}};
  if (const auto text = request.parameter("since")) {
    wanted.since = parse_timestamp(*text);
    if (!wanted.since) throw BadCommand("since: must be RFC 3339 in UTC or milliseconds since 1970");
  }
  return wanted;
}

json::object counters(const std::map<std::string, std::uint64_t, std::less<>>& counts) {
  json::object object;
  for (const auto& [name, count] : counts) object[name] = count;
  return object;
}

}  // namespace

Answer Control::handle(const Request& request) {
  try {
    if (request.method == "GET") return get(request);
    if (request.method == "POST") return post(request);
    if (request.method == "DELETE") return remove(request);
    return failure(405, "METHOD_NOT_ALLOWED", "use GET, POST or DELETE");
  } catch (const BadCommand& error) {
    return failure(400, "BAD_COMMAND", error.what());
  } catch (const BadFault& error) {
    return failure(400, "BAD_FAULT", error.what());
  } catch (const std::invalid_argument& error) {
    return failure(400, "BAD_COMMAND", error.what());
  }
}

Answer Control::get(const Request& request) {
  if (request.path == "/ledger") return ledger(request);
  if (request.path == "/ledger/summary")
    return json_answer(200, json::serialize(world_.ledger.summary(request.parameter("protocol"))));
  if (request.path == "/stats") return stats();
  if (request.path == "/faults") return faults();
  if (request.path == "/balance") {
    const auto& protocol = protocol_named(request.parameter("protocol").value_or(kDefaultProtocol));
    return json_answer(200, json::serialize(protocol.balances()));
  }
  return failure(404, "NOT_FOUND", "GET /ledger, /ledger/summary, /stats, /faults or /balance");
}

Answer Control::post(const Request& request) {
  const auto command = parse_body(request);
  if (request.path == "/faults") return add_fault(command);
  if (request.path == "/reset") return reset();
  if (request.path == "/balance") return set_balance(command);
  if (request.path == "/payees") return set_payee(command);
  if (request.path == "/settle") return settle(command);
  if (request.path == "/reverse") return reverse(command);
  if (request.path == "/expire") return expire(command);
  if (request.path == "/callback-url") return set_callback_url(command);
  if (request.path == "/seed") {
    boost::system::error_code error;
    const auto* value = command.get_object().if_contains("seed");
    const auto seed = value == nullptr ? 0 : value->to_number<std::uint64_t>(error);
    if (value == nullptr || error) throw BadCommand("seed: must be a whole number, 0 or more");
    world_.seed.set(seed);
    return json_answer(200, json::serialize(json::object{{"seed", seed}}));
  }
  return failure(
      404, "NOT_FOUND",
      "POST /faults, /reset, /balance, /payees, /settle, /reverse, /expire, /callback-url or /seed");
}

Answer Control::remove(const Request& request) {
  constexpr std::string_view kFault = "/faults/";
  if (request.path == "/faults") {
    world_.faults.clear();
    listen_everywhere();
    return json_answer(204, {});
  }
  if (request.path.starts_with(kFault)) {
    if (const auto id = whole_number(request.path.substr(kFault.size()))) return remove_fault(*id);
  }
  return failure(404, "NOT_FOUND", "DELETE /faults or /faults/{id}");
}

// ---- questions
// -----------------------------------------------------------------------------------------------------

Answer Control::ledger(const Request& request) {
  const auto wanted = read_wanted(request);
  const auto skip = count_parameter(request, "offset", 0);
  const auto limit = count_parameter(request, "limit", std::numeric_limits<std::uint64_t>::max());
  if (wanted
          .external_id) {  // indexed: a test that polls for one payout must not read a long ledger each time
    std::map<std::uint64_t, const Entry*> found;
    world_.ledger.each_with_external_id(*wanted.external_id, [&](const Entry& entry) {
      if (wanted.matches(entry)) found.emplace(entry.sequence, &entry);
    });
    json::array list;
    std::uint64_t index = 0;
    for (const auto& [sequence, entry] : found) {
      if (index++ >= skip && list.size() < limit) list.push_back(to_json(*entry));
    }
    return json_answer(200, json::serialize(list));
  }
  auto answer = json_answer(200, {});
  answer.source = [this, wanted, to_skip = skip, left = limit, at = std::size_t{0},
                   first = true](std::string& chunk) mutable {
    const auto& entries = world_.ledger.entries();
    if (at == 0) chunk = "[";
    for (std::size_t looked = 0; looked < kEntriesPerChunk && at < entries.size() && left > 0;
         ++looked, ++at) {
      const auto& entry = entries[at];
      if (!wanted.matches(entry)) continue;
      if (to_skip > 0) {
        --to_skip;
        continue;
      }
      chunk.append(first ? "\n" : ",\n").append(json::serialize(to_json(entry)));
      first = false;
      --left;
    }
    if (at < entries.size() && left > 0) return true;
    chunk.append("]\n");
    return false;
  };
  return answer;
}

Answer Control::stats() {
  const auto& stats = world_.stats;
  json::object object{{"seed", world_.seed.value()},
                      {"requests", counters(stats.requests)},
                      {"faults_applied", counters(stats.faults)},
                      {"token_refreshes", stats.token_refreshes},
                      {"transfers_accepted", world_.ledger.entries().size()},
                      {"transfers_refused", stats.transfers_refused},
                      {"transfers_duplicated", stats.transfers_duplicated},
                      {"redirects_followed", stats.redirects_followed},
                      {"callbacks_sent", stats.callbacks_sent},
                      {"callbacks_delivered", stats.callbacks_delivered},
                      {"callbacks_given_up", stats.callbacks_given_up},
                      {"connections_accepted", stats.connections_accepted},
                      {"connections_reset", stats.connections_reset},
                      {"scheduled", world_.schedule.size()},
                      {"internal_errors", stats.internal_errors}};
  json::object open;
  for (const auto& served : served_) open[served.protocol->name()] = served.server->open_connections();
  object["connections_open"] = std::move(open);
  json::object by_protocol;
  for (const auto& [protocol, counts] : stats.requests_by_protocol) by_protocol[protocol] = counters(counts);
  object["requests_by_protocol"] = std::move(by_protocol);
  return json_answer(200, json::serialize(object));
}

Answer Control::faults() {
  json::array list;
  for (const auto& fault : world_.faults.all()) list.push_back(to_json(fault));
  return json_answer(200, json::serialize(list));
}

// ---- commands
// ------------------------------------------------------------------------------------------------------

Answer Control::add_fault(const json::value& command) {
  auto named = command.is_object() ? optional_text(command, "protocol") : std::nullopt;
  if (named == "any") named.reset();
  if (named) protocol_named(*named);  // refuses one that is not served
  std::vector<std::string_view> operations;
  for (const auto& served : served_) {
    if (named && *named != served.protocol->name()) continue;
    for (const auto operation : served.protocol->operations()) {
      if (std::find(operations.begin(), operations.end(), operation) == operations.end()) {
        operations.push_back(operation);
      }
    }
  }
  const auto fault = read_fault(command, operations);
  const auto id = world_.faults.add(fault);
  if (stage_of(fault.kind) == FaultStage::kConnection) refuse_where(fault);
  if (fault.kind == FaultKind::kRefuseConnection) {
    Stats::count(world_.stats.faults, to_text(fault.kind));
    // The server reopens by itself; the list should not go on naming what is over.
    if (fault.duration) world_.schedule.after(*fault.duration, [this, id] { world_.faults.remove(id); });
  }
  return json_answer(201, json::serialize(json::object{{"id", id}}));
}

void Control::refuse_where(const Fault& fault) {
  for (const auto& served : served_) {
    if (fault.protocol != "any" && fault.protocol != served.protocol->name()) continue;
    if (fault.kind == FaultKind::kRefuseConnection) {
      served.server->refuse_connections(fault.duration);
    } else {
      served.server->close_idle_connections();  // a kept connection would never meet a fault of new ones
    }
  }
}

void Control::listen_everywhere() {
  for (const auto& served : served_) served.server->listen_again();
}

Answer Control::remove_fault(std::uint64_t id) {
  if (!world_.faults.remove(id)) return failure(404, "NOT_FOUND", "no such fault");
  const auto refuses = [](const Fault& fault) { return fault.kind == FaultKind::kRefuseConnection; };
  if (std::none_of(world_.faults.all().begin(), world_.faults.all().end(), refuses)) listen_everywhere();
  return json_answer(204, {});
}

Protocol& Control::protocol_named(std::string_view name) {
  for (const auto& served : served_) {
    if (served.protocol->name() == name) return *served.protocol;
  }
  throw BadCommand("protocol: no such protocol is served: " + std::string{name});
}

Answer Control::set_balance(const json::value& command) {
  auto& protocol = protocol_named(optional_text(command, "protocol").value_or(kDefaultProtocol));
  auto account = optional_text(command, "account");
  if (!account) account = optional_text(command, "target_environment");
  protocol.set_balance(required_text(command, "amount"), account);
  return json_answer(200, json::serialize(protocol.balances()));
}

Answer Control::set_payee(const json::value& command) {
  auto& protocol = protocol_named(optional_text(command, "protocol").value_or(kDefaultProtocol));
  protocol.set_behaviour(required_text(command, "payee"), required_text(command, "behaviour"));
  return json_answer(204, {});
}

Answer Control::set_callback_url(const json::value& command) {
  protocol_named(required_text(command, "protocol")).set_callback_url(required_text(command, "url"));
  return json_answer(204, {});
}

Answer Control::settle(const json::value& command) {
  const auto reference = required_text(command, "reference");
  const auto status = required_text(command, "status");
  if (status != "SUCCESSFUL" && status != "FAILED") throw BadCommand("status: must be SUCCESSFUL or FAILED");
  const auto reason = optional_text(command, "reason").value_or(std::string{});  // empty: the protocol's own
  const auto entries = world_.ledger.with_reference(reference);
  bool settled = false;
  for (auto* entry : entries) {
    settled |= protocol_named(entry->protocol)
                   .settle(*entry, status == "FAILED" ? Status::kFailed : Status::kSuccessful,
                           status == "FAILED" ? std::string_view{reason} : std::string_view{});
  }
  if (entries.empty()) return failure(404, "NOT_FOUND", "no transfer has this reference");
  if (!settled) return failure(409, "ALREADY_FINAL", "the transfer is final already");
  return json_answer(204, {});
}

Answer Control::reverse(const json::value& command) {
  const auto entries = world_.ledger.with_reference(required_text(command, "reference"));
  bool reversed = false;
  for (auto* entry : entries) reversed |= protocol_named(entry->protocol).reverse(*entry);
  if (entries.empty()) return failure(404, "NOT_FOUND", "no transfer has this reference");
  if (!reversed) return failure(409, "NOT_PAID", "the transfer was not paid, or its money is back already");
  return json_answer(204, {});
}

Answer Control::expire(const json::value& command) {
  auto& protocol = protocol_named(required_text(command, "protocol"));
  const auto expired = protocol.expire(optional_text(command, "external_id").value_or(std::string{}));
  if (expired == 0) return failure(404, "NOT_FOUND", "there is nothing that could expire");
  return json_answer(200, json::serialize(json::object{{"expired", expired}}));
}

Answer Control::reset() {
  world_.faults.reset();
  world_.schedule.clear();
  world_.callbacks.clear();
  world_.ledger.clear();
  world_.stats = Stats{};
  for (const auto& served : served_) served.protocol->reset();
  listen_everywhere();
  return json_answer(204, {});
}

}  // namespace simulator
