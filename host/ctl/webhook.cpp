#include "ctl/webhook.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <ostream>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr const char* kFooter =
    "\nEvery callback is stored with its raw bytes before it is answered. States: received (nobody worked on "
    "it\n"
    "yet), verified (genuine, but it names no payout of ours so far), applied, ignored (genuine, nothing to\n"
    "change), rejected (nothing proves it, or it cannot be read), failed (working on it kept failing).\n\n"
    "Signature failures rise:\n"
    "  payoutctl webhook list --state rejected --since 1h\n"
    "  payoutctl webhook verify 0b9d…                   what each key makes of it\n\n"
    "After a wrong secret, an outage or a corrected plugin:\n"
    "  payoutctl webhook replay --provider momo-ci --since 6h --failed-only --dry-run\n"
    "  payoutctl webhook replay --provider momo-ci --since 6h --failed-only --note 'secret corrected'\n";

constexpr const char* kReplayFooter =
    "\nWorks on the stored bytes again as if they came now. It is safe as often as you like: a replay can "
    "make a\n"
    "payout be asked about, and no state ever goes back on old news. A callback that was proven when it came "
    "stays\n"
    "proven; one that was not is tried with today's secrets. Each replay is a callback of its own in the "
    "list, with\n"
    "who ordered it.\n\n"
    "Ends with 1 if one could not be proven or failed.\n\n"
    "Examples:\n"
    "  payoutctl webhook replay --event-id 0b9d2c1e-…\n"
    "  payoutctl webhook replay --provider thunes --since 24h --failed-only --dry-run\n";

Colour colour_of_event(std::string_view state) {
  if (state == "applied") return Colour::green;
  if (state == "rejected" || state == "failed") return Colour::red;
  if (state == "received" || state == "verified") return Colour::yellow;
  return Colour::none;
}

std::string query_of(const WebhookFilter& filter) {
  std::string query = "?limit=" + std::to_string(filter.limit);
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encoded(value));
  };
  add("provider", filter.provider);
  add("state", filter.state);
  add("payout", filter.payout);
  add("since", filter.since);
  if (filter.failed_only) query += "&failed_only=true";
  return query;
}

std::string why_of(const json::object& event) {
  std::string why = text_at(event, "reason");
  if (const std::string waits = text_at(event, "waits_for"); !waits.empty())
    why += ", waits for the " + waits;
  if (const std::int64_t repeats = number_at(event, "repeats"); repeats > 0)
    why += ", came " + std::to_string(repeats + 1) + " times";
  return why;
}

void print_events(const json::array& events, std::ostream& out, const Style& style) {
  Table table({{"AT (UTC)"}, {"PROVIDER"}, {"STATE"}, {"WHY"}, {"KEY"}, {"PAYOUT"}, {"EVENT"}});
  for (const json::value& value : events) {
    const json::object& event = value.as_object();
    const std::string state = text_at(event, "state");
    table.add({time_text(text_at(event, "received_at")),
               text_at(event, "provider"),
               {state, colour_of_event(state)},
               why_of(event),
               text_at(event, "key_id"),
               text_at(event, "payout"),
               text_at(event, "id")});
  }
  table.print(out, style);
}

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

std::string path_of(const std::string& id) {
  return "/v1/admin/webhooks/events/" + percent_encoded(id);
}

void print_event(const json::object& event, std::ostream& out, const Style& style) {
  const std::string state = text_at(event, "state");
  out << style.paint(colour_of_event(state), state) << ": " << why_of(event) << '\n';
  const auto line = [&](const char* label, const char* name) {
    const std::string text = text_at(event, name);
    if (!text.empty())
      out << "  " << label << std::string(18 - std::string_view(label).size(), ' ') << text << '\n';
  };
  line("provider", "provider");
  line("received", "received_at");
  line("from", "remote_address");
  line("request", "method");
  line("path", "path");
  line("proven by", "proof");
  line("key", "key_id");
  line("reference", "reference");
  line("provider_ref", "provider_ref");
  line("says", "status");
  line("payout", "payout");
  line("attempts", "attempts");
  line("last error", "last_error");
  line("next attempt", "next_attempt_at");
  line("settled", "settled_at");
  line("replay of", "replay_of");
  line("replayed by", "replayed_by");
  line("note", "note");
  line("flow", "flow_id");
  out << "  headers\n";
  for (const json::value& header : array_at(event, "headers")) {
    if (!header.is_array() || header.get_array().size() != 2) continue;
    out << "    " << printable(header.get_array()[0].as_string()) << ": "
        << printable(header.get_array()[1].as_string()) << '\n';
  }
  const auto* body = event.if_contains("body");
  out << "  body (" << number_at(event, "body_bytes") << " bytes, sha256 " << text_at(event, "body_sha256")
      << ")\n    "
      << (body == nullptr     ? std::string()
          : body->is_string() ? printable(body->get_string())
                              : printable(json::serialize(*body)))
      << '\n';
}

void print_verification(const json::object& result, std::ostream& out, const Style& style) {
  const json::object& received = object_at(result, "received");
  const std::string signature = text_at(received, "x_signature");
  const std::string url = text_at(received, "url_signature");
  out << "Received X-Signature: " << (signature.empty() ? "none" : signature) << '\n'
      << "Received in the URL:  " << (url.empty() ? "none" : url) << '\n'
      << "Body: " << number_at(result, "body_bytes") << " bytes, sha256 " << text_at(result, "body_sha256")
      << "\n\n";
  Table table({{"KEY"}, {"X-SIGNATURE WOULD BE"}, {"MATCHES"}, {"URL WOULD END WITH"}, {"MATCHES"}, {""}});
  for (const json::value& value : array_at(result, "keys")) {
    const json::object& key = value.as_object();
    const auto matches = [&](const char* way) -> Table::Cell {
      const json::object& tried = object_at(key, way);
      if (tried.empty()) return "";
      return true_at(tried, "matches") ? Table::Cell{"yes", Colour::green} : Table::Cell{"no", Colour::red};
    };
    table.add({text_at(key, "key_id"), text_at(object_at(key, "signature"), "computed"), matches("signature"),
               text_at(object_at(key, "url"), "computed"), matches("url"),
               true_at(key, "expired") ? "expired" : ""});
  }
  table.print(out, style);
  const json::object& plugin = object_at(result, "plugin");
  if (plugin.empty()) {
    out << "\nThe provider's process is away: the plugin was not asked.\n";
  } else {
    out << "\nThe plugin reads it as: " << text_at(plugin, "reading");
    for (const char* name : {"reason", "error"})
      if (const std::string text = text_at(plugin, name); !text.empty()) out << " (" << text << ")";
    for (const char* name : {"names_reference", "names_provider_ref"})
      if (const std::string text = text_at(plugin, name); !text.empty())
        out << ", " << (name + std::string_view("names_").size()) << " " << text;
    out << '\n';
  }
  if (true_at(result, "valid")) {
    out << style.paint(Colour::green, "Key " + text_at(result, "key_id") + " proves it.") << '\n';
  } else {
    out << style.paint(Colour::red, "No secret that is configured proves it.")
        << " If the provider rotated its secret, add the new one (webhooks.secrets of the provider), reload, "
           "and replay.\n";
  }
}

ExitCode replay_each(Context& context, const WebhookReplayOptions& options) {
  Client client(context.socket);
  const json::object body = options.note.empty() ? json::object{} : json::object{{"note", options.note}};
  json::array results;
  bool all_good = true;
  for (const std::string& id : options.events) {
    if (options.dry_run) {
      const json::value event = client.get(path_of(id));
      results.push_back(event);
      continue;
    }
    const Answer answer =
        client.send("POST", path_of(id) + "/replay", body.empty() ? "" : json::serialize(body));
    if (!answer.ok() && answer.code() != "STILL_UNPROVEN") fail(answer);
    if (!answer.ok()) {
      all_good = false;
      results.push_back(json::object{{"replay_of", id}, {"state", "rejected"}, {"reason", "still_unproven"}});
      continue;
    }
    all_good = all_good && text_at(answer.body.as_object(), "state") != "failed" &&
               text_at(answer.body.as_object(), "state") != "rejected";
    results.push_back(answer.body);
  }
  if (context.json) {
    print_json(context, json::object{{"dry_run", options.dry_run}, {"replays", results}});
  } else if (options.dry_run) {
    print_events(results, context.out, context.style);
    context.out << "Dry run: nothing was replayed.\n";
  } else {
    for (const json::value& value : results) {
      const json::object& one = value.as_object();
      const std::string state = text_at(one, "state");
      context.out << text_at(one, "replay_of") << ": "
                  << context.style.paint(colour_of_event(state), state.empty() ? "under way" : state);
      if (const std::string reason = text_at(one, "reason"); !reason.empty()) context.out << ", " << reason;
      if (const std::string payout = text_at(one, "payout"); !payout.empty())
        context.out << ", payout " << payout;
      context.out << '\n';
    }
  }
  return all_good ? ExitCode::ok : ExitCode::negative;
}

ExitCode replay_filtered(Context& context, const WebhookReplayOptions& options) {
  json::object body{{"dry_run", options.dry_run}, {"limit", options.filter.limit}};
  const auto add = [&body](const char* name, const std::string& value) {
    if (!value.empty()) body[name] = value;
  };
  add("provider", options.filter.provider);
  add("state", options.filter.state);
  add("payout", options.filter.payout);
  add("since", options.filter.since);
  add("note", options.note);
  if (options.filter.failed_only) body["failed_only"] = true;
  const json::value answer = Client(context.socket).post("/v1/admin/webhooks/replay", body);
  const json::object& result = answer.as_object();
  const std::int64_t unproven = number_at(result, "still_unproven");
  if (context.json) {
    print_json(context, answer);
  } else {
    print_events(array_at(result, "events"), context.out, context.style);
    const std::int64_t matching = number_at(result, "matching");
    const auto taken = static_cast<std::int64_t>(array_at(result, "events").size());
    if (options.dry_run) {
      context.out << matching << " match, " << taken << " would be replayed. Dry run: nothing was.\n";
    } else {
      context.out << taken - unproven << " of " << matching
                  << " are worked on again; `payoutctl webhook list` shows what comes of it.\n";
      if (unproven > 0)
        context.out << unproven
                    << " are proven by no secret that is configured today, and were left alone.\n";
    }
  }
  return unproven > 0 ? ExitCode::negative : ExitCode::ok;
}

}  // namespace

ExitCode webhook_list(Context& context, const WebhookFilter& filter) {
  const json::value answer = Client(context.socket).get("/v1/admin/webhooks/events" + query_of(filter));
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::array& events = array_at(answer.as_object(), "events");
  if (events.empty()) {
    context.out << "No callbacks match.\n";
  } else {
    print_events(events, context.out, context.style);
  }
  if (!text_at(answer.as_object(), "next").empty())
    context.err << "There are more: --limit shows a longer list.\n";
  return ExitCode::ok;
}

ExitCode webhook_show(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).get(path_of(id));
  if (context.json) {
    print_json(context, answer);
  } else {
    print_event(answer.as_object(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode webhook_verify(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).post(path_of(id) + "/verify", json::object{});
  if (context.json) {
    print_json(context, answer);
  } else {
    print_verification(answer.as_object(), context.out, context.style);
  }
  return true_at(answer.as_object(), "valid") ? ExitCode::ok : ExitCode::negative;
}

ExitCode webhook_replay(Context& context, const WebhookReplayOptions& options) {
  const WebhookFilter& filter = options.filter;
  const bool filtered =
      !filter.provider.empty() || !filter.since.empty() || !filter.payout.empty() || filter.failed_only;
  if (options.events.empty() == !filtered)
    throw CommandFailed(ExitCode::usage,
                        "Name events (--event-id), or say which (--provider, --since, --payout, "
                        "--failed-only), and not both.");
  return options.events.empty() ? replay_filtered(context, options) : replay_each(context, options);
}

WebhookCommandLine::WebhookCommandLine(CLI::App& app, Choose choose) : choose_(std::move(choose)) {
  CLI::App* group = app.add_subcommand("webhook", "Look into providers' callbacks, verify and replay them");
  group->require_subcommand(1);
  group->fallthrough();
  group->footer(kFooter);
  CLI::App* list = add(group, "list", "Callbacks that were stored, the latest first",
                       [this](Context& c) { return webhook_list(c, list_); });
  add_filter(list, list_, 500);
  for (const auto& [name, about, command] :
       {std::tuple{"show", "One callback with its headers and body, masked", &webhook_show},
        std::tuple{"verify", "What every key makes of a callback, beside what was received",
                   &webhook_verify}}) {
    CLI::App* sub = add(group, name, about, [this, run = command](Context& c) { return run(c, id_); });
    sub->add_option("event", id_, "Id of the event")->required();
  }
  group->get_subcommand("verify")->footer("\nEnds with 1 if no secret that is configured proves it.\n");
  CLI::App* replay = add(group, "replay", "Work on stored callbacks again",
                         [this](Context& c) { return webhook_replay(c, replay_); });
  replay->add_option("--event-id", replay_.events, "This one; may stand several times");
  replay_.filter.limit = 1'000;
  add_filter(replay, replay_.filter, 1'000);
  replay->add_flag("--dry-run", replay_.dry_run, "Only say which");
  replay->add_option("--note", replay_.note, "Why; it is kept");
  replay->footer(kReplayFooter);
}

CLI::App* WebhookCommandLine::add(CLI::App* group, const char* name, const char* about, Command command) {
  CLI::App* sub = group->add_subcommand(name, about);
  sub->fallthrough();
  sub->callback([this, command = std::move(command)] { choose_(command); });
  return sub;
}

void WebhookCommandLine::add_filter(CLI::App* command, WebhookFilter& filter, int most) {
  command->add_option("--provider", filter.provider, "Only of this provider");
  command->add_option("--since", filter.since, "Only of the last 90s, 30m, 24h, 7d, …");
  command->add_option("--state", filter.state, "received, verified, applied, ignored, rejected or failed")
      ->check(CLI::IsMember({"received", "verified", "applied", "ignored", "rejected", "failed"}));
  command->add_option("--payout", filter.payout, "Only about this payout");
  command->add_flag("--failed-only", filter.failed_only,
                    "Only what failed, was rejected or found no payout, and is no replay itself");
  command->add_option("--limit", filter.limit, "At most so many")
      ->check(CLI::Range(1, most))
      ->capture_default_str();
}

}  // namespace payoutd::ctl
