#include "ctl/commands.hpp"

#include <boost/json.hpp>
#include <filesystem>
#include <ostream>

#include "ctl/report.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

json::object note_body(const std::string& note) {
  return note.empty() ? json::object{} : json::object{{"note", note}};
}

std::string path_of(const std::string& id) {
  return "/v1/payouts/" + percent_encoded(id);
}

std::string text_at(const json::value& value, const char* name) {
  const auto* found = value.as_object().if_contains(name);
  return found == nullptr || !found->is_string() ? std::string()
                                                 : printable(std::string_view(found->get_string()));
}

}  // namespace

std::string filter_query(const ListOptions& options) {
  std::string query;
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encoded(value));
  };
  add("state", options.state);
  add("provider", options.provider);
  add("batch", options.batch);
  add("user", options.user);
  add("destination", options.destination);
  add("idempotency_key", options.idempotency_key);
  add("reason", options.reason);
  add("created_after", options.created_after);
  add("created_before", options.created_before);
  return query;
}

ExitCode list(Context& context, const ListOptions& options) {
  constexpr int kLargestPage = 500;
  Client client(context.socket);
  const std::string query =
      "limit=" + std::to_string(options.all ? kLargestPage : options.limit) + filter_query(options);
  json::array payouts;
  std::string next;
  do {
    const json::value page =
        client.get("/v1/payouts?" + query + (next.empty() ? "" : "&cursor=" + percent_encoded(next)));
    for (const json::value& payout : page.at("payouts").as_array()) payouts.push_back(payout);
    next = text_at(page, "next");
  } while (options.all && !next.empty() && !interrupted());
  if (context.json) {
    json::object body{{"payouts", std::move(payouts)}};
    body["next"] = next.empty() ? json::value(nullptr) : json::value(next);
    print_json(context, body);
    return ExitCode::ok;
  }
  if (payouts.empty()) {
    context.out << "No payouts match.\n";
    return ExitCode::ok;
  }
  print_payouts(payouts, context.out, context.style);
  if (!next.empty()) context.err << "There are more: --all shows them, --limit a longer page.\n";
  return ExitCode::ok;
}

ExitCode show(Context& context, const std::string& id) {
  const json::value payout = Client(context.socket).get(path_of(id));
  if (context.json) {
    print_json(context, payout);
  } else {
    print_payout(payout.as_object(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode explain(Context& context, const std::string& id) {
  const json::value explanation = Client(context.socket).get(path_of(id) + "/explain");
  if (context.json) {
    print_json(context, explanation);
  } else {
    print_explanation(explanation.as_object(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode events(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).get(path_of(id) + "/events");
  if (context.json) {
    print_json(context, answer);
  } else {
    print_events(answer.at("events").as_array(), context.out, context.style);
  }
  return ExitCode::ok;
}

namespace {

ExitCode decided(Context& context, const json::value& answer) {
  if (context.json) {
    print_json(context, answer);
  } else {
    const std::string state = text_at(answer, "state");
    context.out << context.style.paint(colour_of_state(state), state) << "  " << text_at(answer, "message")
                << '\n';
  }
  return ExitCode::ok;
}

}  // namespace

ExitCode change(Context& context, const std::string& action, const std::string& id, const std::string& note) {
  return decided(context,
                 Client(context.socket)
                     .post("/v1/admin/payouts/" + percent_encoded(id) + "/" + action, note_body(note)));
}

ExitCode review(Context& context, const std::string& id, const std::string& decision,
                const std::string& note) {
  json::object body = note_body(note);
  body["decision"] = decision;
  return decided(context,
                 Client(context.socket).post("/v1/admin/payouts/" + percent_encoded(id) + "/review", body));
}

ExitCode providers(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/providers");
  if (context.json) {
    print_json(context, answer);
  } else {
    print_providers(answer.at("providers").as_array(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode provider_action(Context& context, const std::string& name, const std::string& action,
                         const std::string& note) {
  Client client(context.socket);
  const Answer answer = client.send("POST", "/v1/admin/providers/" + percent_encoded(name) + "/" + action,
                                    json::serialize(note_body(note)));
  // A probe that fails is an answer, not a failure of the command.
  const bool probe_failed = action == "probe" && answer.code() == "PROVIDER_CALL_FAILED";
  if (!answer.ok() && !probe_failed) fail(answer);
  if (context.json) {
    print_json(context, probe_failed
                            ? json::object{{"provider", name}, {"ok", false}, {"reason", answer.message()}}
                            : answer.body);
  } else if (probe_failed) {
    context.out << name << ": " << context.style.paint(Colour::red, printable(answer.message())) << '\n';
  } else if (action == "probe") {
    context.out << name << ": " << context.style.paint(Colour::green, "reachable, and takes our credentials")
                << '\n';
  } else {
    context.out << name
                << (action == "pause"
                        ? " is paused: nothing new is submitted through it. What is in flight goes on."
                    : action == "resume" ? " is resumed."
                                         : " is out of quarantine; its process is started again.")
                << '\n';
  }
  return probe_failed ? ExitCode::negative : ExitCode::ok;
}

ExitCode provider_dry_run(Context& context, const std::string& name, bool enabled, const std::string& note) {
  json::object body = note_body(note);
  body["enabled"] = enabled;
  const json::value answer =
      Client(context.socket).post("/v1/admin/providers/" + percent_encoded(name) + "/dry-run", body);
  if (context.json) {
    print_json(context, answer);
  } else {
    context.out << name
                << (enabled
                        ? ": new payouts end as SIMULATED, on all hosts within a second. What is in flight "
                          "goes on."
                        : ": payouts are paid again, on all hosts within a second.")
                << '\n';
  }
  return ExitCode::ok;
}

ExitCode plugin_change(Context& context, const std::string& plugin, const std::string& file) {
  const json::object body =
      file.empty() ? json::object{} : json::object{{"file", std::filesystem::absolute(file).string()}};
  Client client(context.socket);
  const Answer answer = client.send(
      "POST", "/v1/admin/plugins/" + percent_encoded(plugin) + (file.empty() ? "/rollback" : "/upgrade"),
      json::serialize(body));
  if (!answer.ok()) fail(answer);
  if (context.json) {
    print_json(context, answer.body);
  } else {
    context.out << plugin << " " << text_at(answer.body, "version") << " is in service; it was "
                << text_at(answer.body, "version_before") << ".\n";
  }
  return ExitCode::ok;
}

ExitCode provider_balance(Context& context, const std::string& name) {
  const json::value answer =
      Client(context.socket).get("/v1/admin/providers/" + percent_encoded(name) + "/balance");
  if (context.json) {
    print_json(context, answer);
  } else {
    context.out << text_at(answer, "available") << " " << text_at(answer, "currency") << '\n';
  }
  return ExitCode::ok;
}

ExitCode switches(Context& context) {
  static constexpr std::pair<const char*, const char*> kMeanings[] = {
      {"dry_run", "payouts end as SIMULATED; no money moves"},
      {"stop_submissions", "nothing is submitted; queries and webhooks go on"},
      {"stop_writes", "nothing new is admitted and nothing is submitted"},
      {"look_up_first",
       "new payouts are looked up before they are submitted, where a repeat might be paid twice"},
  };
  const json::value answer = Client(context.socket).get("/v1/admin/switches");
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  Table table({{"SWITCH"}, {"NOW"}, {"WHAT IT DOES WHEN ON"}});
  for (const auto& [name, meaning] : kMeanings) {
    const bool on = answer.at(name).as_bool();
    table.add({name, {on ? "on" : "off", on ? Colour::yellow : Colour::none}, meaning});
  }
  table.print(context.out, context.style);
  if (const auto* file = answer.at("stop_file").if_object())
    context.out << "The file " << text_at(*file, "path") << " stops all writes of this host since "
                << text_at(*file, "at") << ", by " << text_at(*file, "by")
                << (text_at(*file, "note").empty() ? "" : ": " + text_at(*file, "note")) << ".\n";
  return ExitCode::ok;
}

namespace {

json::value post_switch(Context& context, const std::string& name, const json::object& body) {
  try {
    return Client(context.socket).post("/v1/admin/switches/" + percent_encoded(name), body);
  } catch (const HostUnreachable& unreachable) {
    if (name != "stop_writes") throw;
    throw HostUnreachable(std::string(unreachable.what()) +
                          " Where no host answers, its file still stops it: `touch stop-writes` in its "
                          "state_dir, and `rm` lifts it.");
  }
}

}  // namespace

ExitCode set_switch(Context& context, const std::string& name, bool enabled, const std::string& note) {
  json::object body = note_body(note);
  body["enabled"] = enabled;
  const json::value answer = post_switch(context, name, body);
  if (context.json) {
    print_json(context, answer);
  } else {
    const std::string message = text_at(answer, "message");
    context.out << (message.empty()
                        ? name + " is " + (enabled ? "on" : "off") + " for all hosts within a second."
                        : message)
                << '\n';
  }
  return answer.at("enabled").as_bool() == enabled ? ExitCode::ok : ExitCode::negative;
}

ExitCode hosts(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/hosts");
  if (context.json) {
    print_json(context, answer);
  } else {
    print_hosts(answer.at("hosts").as_array(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode tally(Context& context, const std::string& batch, const std::string& provider) {
  std::string query;
  if (!batch.empty()) query += "?batch=" + percent_encoded(batch);
  if (!provider.empty())
    query += (query.empty() ? "?" : "&") + std::string("provider=") + percent_encoded(provider);
  const json::value answer = Client(context.socket).get("/v1/admin/tally" + query);
  if (context.json) {
    print_json(context, answer);
  } else {
    print_tally(answer.at("tally").as_array(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode version(Context& context) {
  json::object body{{"payoutctl", PAYOUTD_VERSION}};
  body["host"] = nullptr;
  try {
    Client client(context.socket, std::chrono::seconds(2));
    body["host"] = client.send("GET", "/healthz").body;
  } catch (const HostUnreachable&) {
    // The version of payoutctl is an answer too.
  }
  if (context.json) {
    print_json(context, body);
    return ExitCode::ok;
  }
  context.out << "payoutctl " << PAYOUTD_VERSION << '\n';
  if (const auto* host = body.at("host").if_object()) {
    context.out << "host      " << text_at(*host, "version") << " (" << text_at(*host, "build") << ") on "
                << context.socket << '\n';
  } else {
    context.out << "host      none answers on " << context.socket << '\n';
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
