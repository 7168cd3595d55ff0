#include "ctl/database_commands.hpp"

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <set>

#include "ctl/client.hpp"
#include "store/activity.hpp"
#include "store/roles.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

store::RoleKind kind_of(const std::string& word) {
  if (word == "owner") return store::RoleKind::owner;
  return word == "read-only" ? store::RoleKind::read_only : store::RoleKind::runtime;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

json::object session_json(const store::Session& one, bool is_long) {
  json::object out{{"pid", one.pid},
                   {"user", one.user},
                   {"application", one.application},
                   {"payoutd", one.ours()},
                   {"client", one.client},
                   {"state", one.state},
                   {"wait", one.wait},
                   {"query", one.query},
                   {"connected_ms", one.connected_ms},
                   {"transaction_ms", nullptr},
                   {"state_ms", one.state_ms},
                   {"long_transaction", is_long},
                   {"blocked_by", json::array(one.blocked_by.begin(), one.blocked_by.end())},
                   {"holds", json::array(one.holds.begin(), one.holds.end())},
                   {"wants", json::array(one.wants.begin(), one.wants.end())}};
  if (one.transaction_ms >= 0) out["transaction_ms"] = one.transaction_ms;
  return out;
}

/// Who blocks whom: the sessions at the head of each chain are those that wait for nobody.
class Chains {
 public:
  explicit Chains(const std::vector<store::Session>& sessions) {
    for (const auto& one : sessions) {
      by_pid_[one.pid] = &one;
      for (const int blocker : one.blocked_by) waiting_for_[blocker].push_back(one.pid);
    }
    for (const auto& [blocker, waiting] : waiting_for_) {
      const auto session = by_pid_.find(blocker);
      if (session == by_pid_.end() || session->second->blocked_by.empty()) heads_.push_back(blocker);
    }
  }
  bool empty() const { return waiting_for_.empty(); }

  json::array to_json() const {
    json::array all;
    for (const int head : heads_) {
      std::set<int> seen;
      all.push_back(json_of(head, seen));
    }
    return all;
  }
  void print(Context& context) const {
    for (const int head : heads_) {
      std::set<int> seen;
      print_one(context, head, 0, seen);
    }
  }

 private:
  json::object json_of(int pid, std::set<int>& seen) const {
    json::array blocks;
    if (seen.insert(pid).second && waiting_for_.contains(pid))
      for (const int waiting : waiting_for_.at(pid)) blocks.push_back(json_of(waiting, seen));
    return {{"pid", pid}, {"blocks", std::move(blocks)}};
  }
  void print_one(Context& context, int pid, int depth, std::set<int>& seen) const {
    const auto session = by_pid_.find(pid);
    std::string line(static_cast<std::size_t>(depth) * 2, ' ');
    line += std::to_string(pid);
    if (session != by_pid_.end()) {
      const store::Session& one = *session->second;
      line += " " + one.application + ", " + one.state + " for " + duration_text(milliseconds(one.state_ms));
      if (depth == 0 && !one.holds.empty()) line += ", holds " + joined(one.holds);
      if (depth > 0 && !one.wants.empty()) line += ", wants " + joined(one.wants);
    }
    context.out << printable(line) << '\n';
    if (!seen.insert(pid).second || !waiting_for_.contains(pid)) return;
    for (const int waiting : waiting_for_.at(pid)) print_one(context, waiting, depth + 1, seen);
  }

  std::map<int, const store::Session*> by_pid_;
  std::map<int, std::vector<int>> waiting_for_;
  std::vector<int> heads_;
};

void print_sessions(Context& context, const std::vector<store::Session>& sessions,
                    const ActivityOptions& options) {
  Table table({{"PID", true},
               {"APPLICATION"},
               {"USER"},
               {"STATE"},
               {"SINCE", true},
               {"TRANSACTION", true},
               {"WAITS FOR"},
               {"HOLDS"},
               {"QUERY"}});
  for (const auto& one : sessions) {
    const bool is_idle = one.state == "idle" && one.blocked_by.empty();
    if (is_idle && !options.idle) continue;
    const bool is_long = one.transaction_ms > options.long_ms;
    const std::string waits = one.wants.empty() ? one.wait : joined(one.wants);
    constexpr std::size_t kShown = 60;
    table.add({std::to_string(one.pid),
               printable(one.application),
               printable(one.user),
               one.state,
               duration_text(milliseconds(one.state_ms)),
               {one.transaction_ms < 0 ? "" : duration_text(milliseconds(one.transaction_ms)),
                is_long ? Colour::red : Colour::none},
               {waits, one.blocked_by.empty() ? Colour::none : Colour::red},
               joined(one.holds),
               printable(one.query.substr(0, kShown))});
  }
  if (!table.empty()) table.print(context.out, context.style);
}

}  // namespace

ExitCode database_pool(Context& context, const PoolOptions& options) {
  Client host(context.socket);
  const bool changes = options.size > 0;
  const json::value answer =
      changes ? host.post("/v1/admin/database/pools/" +
                              percent_encoded(options.name.empty() ? "engine" : options.name),
                          json::object{{"connections", options.size}, {"note", options.note}})
              : host.get("/v1/admin/database/pools");
  if (context.json) {
    context.out << json::serialize(answer) << '\n';
    return ExitCode::ok;
  }
  Table table({{"POOL"},
               {"CONNECTIONS", true},
               {"CONNECTED", true},
               {"BUSY", true},
               {"QUEUED", true},
               {"TIMEOUTS", true},
               {"MEAN WAIT", true},
               {"MEAN RUN", true},
               {"LAST ERROR"}});
  const auto number = [](const json::value& v) { return std::to_string(v.to_number<std::int64_t>()); };
  const auto time = [](const json::value& v) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2f ms", v.to_number<double>());
    return std::string(text);
  };
  for (const json::value& one : answer.at("pools").as_array()) {
    const std::string name(one.at("name").as_string());
    if (!options.name.empty() && name != options.name) continue;
    table.add({name, number(one.at("connections")), number(one.at("connected")), number(one.at("busy")),
               number(one.at("queued")), number(one.at("acquire_timeouts")), time(one.at("mean_wait_ms")),
               time(one.at("mean_run_ms")), printable(one.at("last_connect_error").as_string())});
  }
  if (table.empty()) throw CommandFailed(ExitCode::refused, "there is no pool '" + options.name + "'");
  table.print(context.out, context.style);
  if (changes) context.out << "\nUntil the next reload or start, which take the configuration's size.\n";
  return ExitCode::ok;
}

ExitCode database_roles(Context& context, const DatabaseOptions& database, const RolesOptions& options) {
  const store::RoleNames names{options.owner, options.runtime, options.read_only};
  std::string script;
  try {
    script = store::roles_script(names);
  } catch (const store::StoreError& error) {
    throw CommandFailed(ExitCode::usage, error.what());
  }
  if (options.print) {
    context.out << (context.json ? json::serialize(json::object{{"sql", script}}) + "\n" : script);
    return ExitCode::ok;
  }
  if (!options.apply) throw CommandFailed(ExitCode::usage, "Say --print, or --apply to set the roles up.");
  const Database opened = open_database(context, database, "db roles");
  ask_database([&] { store::apply_roles(*opened.connection, names); });
  if (context.json) {
    context.out << json::serialize(json::object{{"applied", true},
                                                {"owner", names.owner},
                                                {"runtime", names.runtime},
                                                {"read_only", names.read_only}})
                << '\n';
  } else {
    context.out << "The schema belongs to " << names.owner << ", hosts work as " << names.runtime
                << ", reports read as " << names.read_only
                << ".\nGive them passwords, and check them with `payoutctl db audit`.\n";
  }
  return ExitCode::ok;
}

ExitCode database_audit(Context& context, const DatabaseOptions& database, const GrantAuditOptions& options) {
  const Database opened = open_database(context, database, "db audit");
  const auto audit =
      ask_database([&] { return store::audit_grants(*opened.connection, kind_of(options.kind)); });
  const ExitCode code = audit.findings.empty() ? ExitCode::ok : ExitCode::negative;
  const auto word = [](const store::GrantFinding& one) {
    return one.kind == store::GrantFinding::Kind::excess ? "excess" : "missing";
  };
  if (context.json) {
    json::array findings;
    for (const auto& one : audit.findings)
      findings.push_back(json::object{{"kind", word(one)},
                                      {"object", one.object},
                                      {"privilege", one.privilege},
                                      {"meaning", one.meaning}});
    context.out << json::serialize(json::object{{"ok", audit.findings.empty()},
                                                {"role", audit.role},
                                                {"as", options.kind},
                                                {"checked", audit.checked},
                                                {"findings", std::move(findings)}})
                << '\n';
    return code;
  }
  if (audit.findings.empty()) {
    context.out << audit.role << " may do what a role of the kind " << options.kind
                << " needs, and no more.\n";
    return code;
  }
  Table table({{"FINDING"}, {"OBJECT"}, {"PRIVILEGE"}, {"MEANING"}});
  for (const auto& one : audit.findings)
    table.add({{word(one), Colour::red}, one.object, one.privilege, one.meaning});
  table.print(context.out, context.style);
  context.out << '\n'
              << audit.role << " is not what a role of the kind " << options.kind
              << " should be. `payoutctl db roles` "
              << "sets roles up; the configuration should name one of them.\n";
  return code;
}

ExitCode database_activity(Context& context, const DatabaseOptions& database,
                           const ActivityOptions& options) {
  const Database opened = open_database(context, database, "db activity");
  const auto sessions = ask_database([&] { return store::sessions(*opened.connection); });
  const Chains chains(sessions);
  if (context.json) {
    json::array all;
    json::array long_transactions;
    for (const auto& one : sessions) {
      const bool is_long = one.transaction_ms > options.long_ms;
      if (is_long) long_transactions.emplace_back(one.pid);
      if (one.state == "idle" && one.blocked_by.empty() && !options.idle) continue;
      all.push_back(session_json(one, is_long));
    }
    context.out << json::serialize(json::object{{"connections", sessions.size()},
                                                {"sessions", std::move(all)},
                                                {"long_transactions", std::move(long_transactions)},
                                                {"lock_chains", chains.to_json()}})
                << '\n';
    return ExitCode::ok;
  }
  print_sessions(context, sessions, options);
  context.out << sessions.size() << " other sessions.\n";
  for (const auto& one : sessions)
    if (one.transaction_ms > options.long_ms)
      context.out << context.style.paint(Colour::red, "Long transaction: ") << one.pid << " "
                  << printable(one.application) << ", open for "
                  << duration_text(milliseconds(one.transaction_ms))
                  << ". It keeps dead rows from being cleaned up.\n";
  if (!chains.empty()) {
    context.out << "\nWho blocks whom (the first of each chain waits for nobody):\n";
    chains.print(context);
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
