#include "ctl/health.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <map>
#include <ostream>
#include <payoutd/settings.hpp>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

Colour colour_of_health(const std::string& status) {
  if (status == "ok") return Colour::green;
  return status == "degraded" ? Colour::yellow : Colour::red;
}

ExitCode code_of_health(const std::string& status) {
  if (status == "ok") return ExitCode::ok;
  return status == "degraded" ? kDegraded : kDown;
}

void print_health(Context& context, const json::object& health) {
  const std::string status = text_at(health, "status");
  context.out << text_at(health, "host") << " (" << text_at(health, "environment") << ", "
              << text_at(health, "version") << ") is "
              << context.style.paint(colour_of_health(status), status) << "\n\n";
  Table table({{"CHECK"}, {"STATUS"}, {"WHY"}});
  for (const json::value& value : array_at(health, "checks")) {
    const json::object& check = value.as_object();
    const std::string one = text_at(check, "status");
    table.add({text_at(check, "name"), {one, colour_of_health(one)}, text_at(check, "text")});
  }
  table.print(context.out, context.style);
  if (status != "ok") context.out << "\nWhat to do about it:  payoutctl doctor\n";
}

}  // namespace

std::int64_t span_s(const std::string& option, const std::string& text) {
  const auto read = parse_duration(text);
  if (!read || read->count() < 1000)
    throw CommandFailed(ExitCode::usage, option + " must be a time such as 90s, 30m, 24h or 7d, not '" +
                                             printable(text) + "'");
  return read->count() / 1000;
}

ExitCode health(Context& context) {
  json::object answer;
  try {
    Client client(context.socket, std::chrono::seconds(10));
    const Answer received = client.send("GET", "/v1/admin/health");
    // While it is down the answer is 503 and tells why.
    if (!received.body.is_object() || !received.body.get_object().contains("checks")) fail(received);
    answer = received.body.get_object();
  } catch (const HostUnreachable& unreachable) {
    answer = {{"status", "down"},
              {"checks", json::array{json::object{
                             {"name", "host"}, {"status", "down"}, {"text", unreachable.what()}}}}};
    if (!context.json) {
      context.out << "The host is " << context.style.paint(Colour::red, "down") << ": " << unreachable.what()
                  << "\nWhat to do about it:  payoutctl doctor\n";
      return kDown;
    }
  }
  if (context.json) {
    print_json(context, answer);
  } else {
    print_health(context, answer);
  }
  return code_of_health(text_at(answer, "status"));
}

namespace {

std::string rate_text(const json::object& row) {
  const auto* value = row.if_contains("per_minute");
  char text[32];
  std::snprintf(text, sizeof text, "%.1f/min",
                value != nullptr && value->is_number() ? value->to_number<double>() : 0.0);
  return text;
}

std::string money(const json::object& row) {
  return text_at(row, "sum") + " " + text_at(row, "currency");
}

void print_admitted(Context& context, const json::object& stats) {
  Table table({{"ADMITTED"}, {"PAYOUTS", true}, {"RATE", true}, {"SUM", true}});
  for (const json::value& value : array_at(stats, "admitted")) {
    const json::object& row = value.as_object();
    table.add({text_at(row, "provider"), text_at(row, "count"), rate_text(row), money(row)});
  }
  if (table.empty()) {
    context.out << "Nothing was admitted.\n";
  } else {
    table.print(context.out, context.style);
  }
}

void print_finished(Context& context, const json::object& stats) {
  Table table({{"FINISHED"},
               {"STATE"},
               {"PAYOUTS", true},
               {"RATE", true},
               {"SUM", true},
               {"P50", true},
               {"P95", true},
               {"P99", true},
               {"SLOWEST", true}});
  const auto took = [](const json::object& row, const char* name) {
    return duration_text(milliseconds(number_at(row, name)));
  };
  for (const json::value& value : array_at(stats, "finished")) {
    const json::object& row = value.as_object();
    const std::string state = text_at(row, "state");
    table.add({text_at(row, "provider"),
               {state, colour_of_state(state)},
               text_at(row, "count"),
               rate_text(row),
               money(row),
               took(row, "p50_ms"),
               took(row, "p95_ms"),
               took(row, "p99_ms"),
               took(row, "slowest_ms")});
  }
  context.out << '\n';
  if (table.empty()) {
    context.out << "Nothing came to its end.\n";
  } else {
    table.print(context.out, context.style);
  }
}

void print_open(Context& context, const json::object& stats) {
  Table open({{"OPEN NOW"}, {"STATE"}, {"PAYOUTS", true}, {"SUM", true}, {"OLDEST", true}, {"REASON"}});
  for (const json::value& value : array_at(stats, "open")) {
    const json::object& row = value.as_object();
    const std::string state = text_at(row, "state");
    open.add({text_at(row, "provider"),
              {state, colour_of_state(state)},
              text_at(row, "count"),
              money(row),
              duration_text(milliseconds(number_at(row, "oldest_ms"))),
              text_at(row, "reason")});
  }
  if (!open.empty()) {
    context.out << '\n';
    open.print(context.out, context.style);
  }
  Table reasons({{"WHY NOT PAID"}, {"STATE"}, {"PAYOUTS", true}, {"REASON"}});
  for (const json::value& value : array_at(stats, "reasons")) {
    const json::object& row = value.as_object();
    const std::string state = text_at(row, "state");
    reasons.add({text_at(row, "provider"),
                 {state, colour_of_state(state)},
                 text_at(row, "count"),
                 text_at(row, "reason")});
  }
  if (!reasons.empty()) {
    context.out << '\n';
    reasons.print(context.out, context.style);
  }
}

}  // namespace

ExitCode stats(Context& context, const StatsOptions& options) {
  std::string query = "?since_s=" + std::to_string(span_s("--since", options.since));
  if (!options.provider.empty()) query += "&provider=" + percent_encoded(options.provider);
  const json::value answer = Client(context.socket).get("/v1/admin/stats" + query);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  context.out << "The last " << options.since << ", from admission to the end:\n\n";
  print_admitted(context, answer.as_object());
  print_finished(context, answer.as_object());
  print_open(context, answer.as_object());
  return ExitCode::ok;
}

ExitCode status(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/status");
  const json::object& now = answer.as_object();
  bool affected = false;
  for (const json::value& value : array_at(now, "providers")) {
    affected = affected || number_at(value.as_object(), "affected") > 0;
    if (!context.json) context.out << printable(text_at(value.as_object(), "text")) << '\n';
  }
  if (context.json) print_json(context, answer);
  return affected ? ExitCode::negative : ExitCode::ok;
}

ExitCode maintenance(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/maintenance");
  const json::object& now = answer.as_object();
  const json::object& active = object_at(now, "active");
  if (context.json) {
    print_json(context, answer);
    return active.empty() ? ExitCode::ok : ExitCode::negative;
  }
  const auto period = [](const json::object& one) {
    return time_text(text_at(one, "begins_at")) + " to " + time_text(text_at(one, "ends_at")) + " UTC (" +
           text_at(one, "window") + ")";
  };
  if (array_at(now, "windows").empty()) context.out << "No windows are configured (maintenance.windows).\n";
  for (const json::value& window : array_at(now, "windows"))
    context.out << "window   " << printable(std::string_view(window.as_string())) << '\n';
  if (!active.empty())
    context.out << context.style.paint(Colour::yellow, "now      ") << period(active)
                << ": nothing is submitted\n";
  if (const json::object& next = object_at(now, "next"); !next.empty())
    context.out << "next     " << period(next) << '\n';
  return active.empty() ? ExitCode::ok : ExitCode::negative;
}

namespace {

json::object which(Client& client, const DrainOptions& options) {
  json::object body;
  if (!options.note.empty()) body["note"] = options.note;
  if (options.all) {
    body["all"] = true;
  } else {
    std::string host = options.host;
    if (host.empty()) {
      const Answer health = client.send("GET", "/v1/admin/health");
      if (health.body.is_object()) host = text_at(health.body.get_object(), "host");
      if (host.empty()) fail(health);
    }
    body["host"] = host;
  }
  return body;
}

/// Payouts in hand of the hosts that are drained.
std::int64_t in_hand(Client& client, const std::string& host) {
  const json::value answer = client.get("/v1/admin/hosts");
  std::int64_t leases = 0;
  for (const json::value& value : array_at(answer.as_object(), "hosts")) {
    const json::object& row = value.as_object();
    const bool counts = host == "*" || text_at(row, "name") == host;
    if (counts && text_at(row, "stopped_at").empty()) leases += number_at(row, "leases");
  }
  return leases;
}

ExitCode end_host(Context& context) {
  const json::value answer = Client(context.socket).post("/v1/admin/drain", json::object{});
  if (context.json) {
    print_json(context, answer);
  } else {
    context.out << "The host claims nothing more, finishes what it has in hand, and stops.\n";
  }
  return ExitCode::ok;
}

}  // namespace

ExitCode drain(Context& context, const DrainOptions& options) {
  if (options.all && (options.stop || !options.host.empty()))
    throw CommandFailed(ExitCode::usage, "--all goes with neither --host nor --stop.");
  if (options.stop && !options.host.empty())
    throw CommandFailed(ExitCode::usage, "--stop ends the host that answers here; it takes no --host.");
  if (options.stop) return end_host(context);
  Client client(context.socket);
  const json::value answer = client.post("/v1/admin/hosts/drain", which(client, options));
  const std::string host = text_at(answer.as_object(), "host");
  const auto started = std::chrono::steady_clock::now();
  const auto until = started + std::chrono::seconds(options.timeout_s);
  // A host learns of it with its next beat, within a second.
  std::int64_t left = -1;
  int quiet = 0;
  while (!options.no_wait && !interrupted()) {
    left = in_hand(client, host);
    quiet = left == 0 ? quiet + 1 : 0;
    if (quiet >= 3 || std::chrono::steady_clock::now() >= until) break;
    if (context.live) context.err << "\r" << left << " in hand " << std::flush;
    ::usleep(500'000);
  }
  if (context.live && left >= 0) context.err << "\r\033[K" << std::flush;
  const bool done = options.no_wait || quiet >= 3;
  if (context.json) {
    json::object out = answer.as_object();
    out["in_hand"] = options.no_wait ? json::value(nullptr) : json::value(left);
    print_json(context, out);
  } else {
    const std::string who = host == "*" ? "All hosts" : host;
    context.out << who << (host == "*" ? " claim" : " claims") << " nothing until `payoutctl resume"
                << (host == "*" ? " --all" : "") << "`. ";
    if (options.no_wait) {
      context.out << "What is in hand comes to its record.\n";
    } else {
      context.out << (done ? "Nothing is in hand.\n"
                           : std::to_string(left) + " payouts are still in hand.\n");
    }
  }
  return done ? ExitCode::ok : ExitCode::negative;
}

ExitCode resume(Context& context, const DrainOptions& options) {
  if (options.all && !options.host.empty())
    throw CommandFailed(ExitCode::usage, "--all goes without --host.");
  Client client(context.socket);
  const json::value answer = client.post("/v1/admin/hosts/resume", which(client, options));
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const std::string host = text_at(answer.as_object(), "host");
  const bool changed = true_at(answer.as_object(), "changed");
  context.out << (host == "*" ? "All hosts claim payouts again" : host + " claims payouts again")
              << (changed ? ".\n" : "; it was not drained by name.\n");
  if (host != "*" && !changed)
    context.out << "If all hosts are drained (payoutctl hosts), `payoutctl resume --all` ends that.\n";
  return ExitCode::ok;
}

namespace {

struct Step {
  std::string name;
  bool ok = false;
  std::string text;
};

json::value steps_json(const std::vector<Step>& steps) {
  json::array all;
  for (const Step& step : steps)
    all.push_back(json::object{{"name", step.name}, {"ok", step.ok}, {"text", step.text}});
  return all;
}

Step schema_step(Client& client) {
  const Answer ready = client.send("GET", "/readyz");
  if (!ready.body.is_object()) return {"schema", false, "the host does not say"};
  const json::object& body = ready.body.get_object();
  const bool ok = true_at(body, "db_ok") && true_at(body, "migrations_ok");
  return {"schema", ok,
          ok ? "the database answers with migration " + text_at(body, "migration_revision")
             : "the database or its schema is not as it should be"};
}

Step policy_step(Client& client, const std::string& id, const json::object& payout) {
  const std::string state = text_at(payout, "state");
  if (state == "HELD" || (state == "FAILED" && text_at(payout, "reason") != "prepare_impossible"))
    return {"policy", false,
            "the rules " + std::string(state == "HELD" ? "hold" : "deny") +
                " it: " + text_at(payout, "reason") + " " + text_at(payout, "reason_text")};
  const json::value decisions = client.get("/v1/admin/decisions?kind=screen&payout=" + percent_encoded(id));
  const json::array& rows = array_at(decisions.as_object(), "decisions");
  if (rows.empty())
    return {"policy", state == "SIMULATED", "no scripts judge; the core's limits let it pass"};
  const json::object& row = rows.front().as_object();
  return {
      "policy", state == "SIMULATED",
      "the rules say " + text_at(row, "verdict") + " (bundle " + text_at(row, "bundle").substr(0, 12) + ")"};
}

Step plugin_step(Client& client, const json::object& payout, bool timed_out) {
  const std::string state = text_at(payout, "state");
  const std::string name = text_at(payout, "provider");
  if (state == "SIMULATED") {
    const json::value providers = client.get("/v1/admin/providers");
    for (const json::value& value : array_at(providers.as_object(), "providers"))
      if (text_at(value.as_object(), "name") == name)
        return {"plugin", true,
                text_at(value.as_object(), "plugin") + " " + text_at(value.as_object(), "plugin_version") +
                    " prepared it through " + name};
    return {"plugin", true, name + " prepared it"};
  }
  if (timed_out) return {"plugin", false, "it still is " + state + ": " + text_at(payout, "reason_text")};
  return {"plugin", false,
          "it ended " + state + ": " + text_at(payout, "reason") + " " + text_at(payout, "reason_text")};
}

}  // namespace

ExitCode test_payout(Context& context, const TestPayoutOptions& options) {
  Client client(context.socket);
  std::vector<Step> steps{schema_step(client)};
  json::object body{
      {"amount", options.amount}, {"currency", options.currency}, {"destination", options.destination}};
  for (const auto& [name, value] : {std::pair{"provider", &options.provider},
                                    std::pair{"user", &options.user}, std::pair{"region", &options.region}})
    if (!value->empty()) body[name] = *value;
  const auto started = std::chrono::steady_clock::now();
  const json::value admitted = client.post("/v1/admin/test-payout", body);
  const std::string id = text_at(admitted.as_object(), "id");
  steps.push_back({"admission", true, "taken in as " + id});
  const auto until = started + std::chrono::seconds(options.timeout_s);
  json::value payout;
  std::string state;
  bool over = false;
  while (!interrupted()) {
    payout = client.get("/v1/payouts/" + percent_encoded(id));
    state = text_at(payout.as_object(), "state");
    over = true_at(payout.as_object(), "final") || state == "HELD" || state == "REVIEW";
    if (over || std::chrono::steady_clock::now() >= until) break;
    ::usleep(100'000);
  }
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - started);
  const bool simulated = state == "SIMULATED";
  if (over) steps.push_back(policy_step(client, id, payout.as_object()));
  if (state != "HELD") steps.push_back(plugin_step(client, payout.as_object(), !over));
  std::string standstill;
  if (!over) {
    const json::value explanation = client.get("/v1/payouts/" + percent_encoded(id) + "/explain");
    standstill = text_at(explanation.as_object(), "headline");
    steps.back().text += " " + standstill;
  }
  // A test that waits for somebody or something is in nobody's way.
  if (!simulated && !true_at(payout.as_object(), "final"))
    client.send("POST", "/v1/admin/payouts/" + percent_encoded(id) + "/cancel",
                json::serialize(json::object{{"note", "a test that did not come to its end"}}));
  if (context.json) {
    print_json(context, json::object{{"ok", simulated},
                                     {"payout", id},
                                     {"state", state},
                                     {"elapsed_ms", took.count()},
                                     {"steps", steps_json(steps)}});
  } else {
    for (const Step& step : steps)
      context.out << (step.ok ? context.style.paint(Colour::green, "ok    ")
                              : context.style.paint(Colour::red, "FAILED"))
                  << "  " << step.name << std::string(11 - step.name.size(), ' ') << step.text << '\n';
    context.out << '\n'
                << (simulated ? "All but the submit works; no money moved. " : "It does not work. ")
                << "Took " << duration_text(took) << ". Its whole story:  payoutctl explain " << id << '\n';
  }
  return simulated ? ExitCode::ok : ExitCode::negative;
}

ExitCode seed_admin(Context& context, const SeedOptions& options) {
  const json::object body{{"subject", options.subject},
                          {"ttl_s", span_s("--ttl", options.ttl)},
                          {"new_token", options.new_token}};
  const json::value answer = Client(context.socket).post("/v1/admin/seed/admin", body);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::object& admin = answer.as_object();
  const std::string token = text_at(admin, "token");
  context.err << text_at(admin, "subject")
              << (true_at(admin, "created") ? " is the administrator that was asked for, in "
                                            : " was made an administrator before, in ")
              << text_at(admin, "environment") << " by " << text_at(admin, "seeded_by") << " at "
              << time_text(text_at(admin, "seeded_at")) << " UTC.\n";
  if (!token.empty()) {
    context.err << "A token with the role admin, until " << time_text(text_at(admin, "expires_at"))
                << " UTC; it is shown once and kept nowhere:\n";
    context.out << token << '\n';
  } else if (true_at(admin, "created")) {
    context.err
        << "There are no keys for tokens (JWT_SECRET, auth.keys), so there is no token: use the control "
           "socket.\n";
  } else {
    context.err << "Nothing was done. --new-token makes another token.\n";
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
