#include "ctl/notification.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <fstream>
#include <iostream>
#include <payoutd/text.hpp>

#include "core/standard_webhook.hpp"
#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"
#include "ops/secrets.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr const char* kBase = "/v1/admin/notifications";

constexpr const char* kFooter =
    "\nThe host tells endpoints by HTTPS what became of payouts, signed after Standard Webhooks "
    "(standardwebhooks.com).\n"
    "A message is sent again until the endpoint answers 2xx, always with the same webhook-id: whoever "
    "receives it "
    "keeps\n"
    "the ids that it has seen. docs/api.md describes the body and how to verify it.\n\n"
    "A new endpoint:\n"
    "  payoutctl notification endpoint add https://shop.example/payouts --client shop\n"
    "  payoutctl notification list --endpoint 7c1f… --limit 5         was it told?\n\n"
    "After an outage of theirs:\n"
    "  payoutctl notification endpoint enable 7c1f… --note 'ticket 811'\n"
    "  payoutctl notification replay --endpoint 7c1f… --since 6h --failed-only --dry-run\n\n"
    "They say that our signature is wrong:\n"
    "  payoutctl notification verify --secret file:secret --headers headers.txt --body body.json\n";

constexpr const char* kAddFooter =
    "\nPrints the secret with which the endpoint verifies messages; `endpoint secret ID` shows it again. It "
    "stands in no\n"
    "table: it follows from the host's key, the endpoint's id and how often it was rotated.\n\n"
    "Without --event it is told of payout.held, payout.review, payout.confirmed, payout.failed, "
    "payout.cancelled,\n"
    "payout.reversed and payout.simulated; there are also payout.pending, payout.sent and payout.unknown.\n\n"
    "The address must be public (notifications.allow_networks makes exceptions) and, outside of dev, "
    "https.\n\n"
    "Examples:\n"
    "  payoutctl notification endpoint add https://shop.example/payouts --client shop\n"
    "  payoutctl notification endpoint add https://ops.example/h --event payout.review --event "
    "payout.reversed\n";

constexpr const char* kVerifyFooter =
    "\nFor integrators: takes what was received, byte for byte, and says whether the secret signed it. Asks "
    "no host.\n"
    "The headers are lines such as `webhook-id: 2f…`; other lines are skipped, so what `curl -i` or a log "
    "shows will do.\n"
    "The body must be as it came: a body that was read and written again as JSON does not verify.\n\n"
    "Ends with 0 if it is good, with 1 if not.\n\n"
    "Examples:\n"
    "  payoutctl notification verify --secret file:secret --headers headers.txt --body body.json\n"
    "  payoutctl notification verify --secret env:WEBHOOK_SECRET --any-time --body - \\\n"
    "    --header 'webhook-id: 2f…' --header 'webhook-timestamp: 1767225600' --header 'webhook-signature: "
    "v1,…' <body\n";

Colour colour_of(std::string_view state) {
  if (state == "delivered" || state == "active") return Colour::green;
  if (state == "failed" || state == "disabled" || state == "failing") return Colour::red;
  if (state == "pending" || state == "paused") return Colour::yellow;
  return Colour::none;
}

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

std::string endpoint_path(const std::string& id) {
  return std::string(kBase) + "/endpoints/" + percent_encoded(id);
}

json::object with_note(const std::string& note) {
  return note.empty() ? json::object{} : json::object{{"note", note}};
}

std::string types_text(const json::object& endpoint) {
  std::string text;
  for (const json::value& type : array_at(endpoint, "event_types")) {
    std::string name = type.is_string() ? printable(type.get_string()) : std::string();
    if (name.starts_with("payout.")) name.erase(0, 7);
    text += (text.empty() ? "" : " ") + name;
  }
  return text;
}

void print_line(std::ostream& out, const char* label, const std::string& text) {
  if (!text.empty())
    out << "  " << label << std::string(16 - std::string_view(label).size(), ' ') << text << '\n';
}

void print_endpoint(const json::object& endpoint, Context& context) {
  std::ostream& out = context.out;
  const std::string state = text_at(endpoint, "state");
  out << text_at(endpoint, "id") << ' ' << context.style.paint(colour_of(state), state) << '\n';
  const auto line = [&](const char* label, const char* name) {
    print_line(out, label, text_at(endpoint, name));
  };
  line("url", "url");
  line("description", "description");
  const std::string client = text_at(endpoint, "client");
  print_line(out, "payouts of", client.empty() ? "all clients" : "client " + client);
  print_line(out, "events", types_text(endpoint));
  if (const std::string why = text_at(endpoint, "disabled_why"); !why.empty())
    print_line(out, "disabled",
               text_at(endpoint, "disabled_at") +
                   (why == "gone" ? ", it answered 410 Gone" : ", it had only failed for too long"));
  if (number_at(endpoint, "failures") > 0)
    print_line(out, "failing",
               std::to_string(number_at(endpoint, "failures")) + " times in a row, since " +
                   text_at(endpoint, "failing_since"));
  line("quiet until", "quiet_until");
  line("last error", "last_error");
  line("last success", "last_success_at");
  print_line(out, "waiting", std::to_string(number_at(endpoint, "pending")));
  const json::object& secret = object_at(endpoint, "secret");
  std::string version =
      "version " + std::to_string(number_at(secret, "version")) + ", key " + text_at(secret, "key_id");
  if (const json::object& old = object_at(secret, "old"); !old.empty())
    version += "; version " + std::to_string(number_at(old, "version")) + " signs too until " +
               text_at(old, "until");
  print_line(out, "secret", version);
  line("note", "note");
  line("changed by", "changed_by");
  line("removed", "removed_at");
}

void print_secrets(const json::object& revealed, Context& context) {
  const std::string secret = text_at(revealed, "signing_secret");
  const std::string old = text_at(revealed, "old_signing_secret");
  print_line(context.out, "signs with", secret.empty() ? "a key that this host does not have" : secret);
  print_line(context.out, "and with", old);
}

void print_deliveries(const json::array& deliveries, Context& context) {
  Table table({{"AT (UTC)"},
               {"TYPE"},
               {"STATE"},
               {"TRIES", true},
               {"LAST"},
               {"PAYOUT"},
               {"ENDPOINT"},
               {"NOTIFICATION"}});
  for (const json::value& value : deliveries) {
    const json::object& one = value.as_object();
    const std::string state = text_at(one, "state");
    std::string last = text_at(one, "last_error");
    constexpr std::size_t kShown = 60;
    if (last.size() > kShown) last = last.substr(0, kShown) + "…";
    if (last.empty() && number_at(one, "last_status") > 0)
      last = "HTTP " + std::to_string(number_at(one, "last_status"));
    table.add({time_text(text_at(one, "created_at")),
               text_at(one, "type"),
               {state, colour_of(state)},
               std::to_string(number_at(one, "attempts")),
               last,
               text_at(one, "payout"),
               text_at(one, "endpoint"),
               text_at(one, "notification")});
  }
  table.print(context.out, context.style);
}

std::string query_of(const NotificationFilter& filter) {
  std::string query = "?limit=" + std::to_string(filter.limit);
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encoded(value));
  };
  add("endpoint", filter.endpoint);
  add("payout", filter.payout);
  add("type", filter.type);
  add("state", filter.state);
  add("since", filter.since);
  if (filter.failed_only) query += "&failed_only=true";
  return query;
}

// ---- verify

std::string read_all(const std::string& file) {
  if (file == "-") return {std::istreambuf_iterator<char>(std::cin), {}};
  std::ifstream in(file, std::ios::binary);
  if (!in) throw CommandFailed(ExitCode::usage, file + ": cannot be read");
  return {std::istreambuf_iterator<char>(in), {}};
}

void read_header(std::string_view line, core::ReceivedMessage& message) {
  while (line.ends_with('\r') || line.ends_with(' ')) line.remove_suffix(1);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return;
  const std::string name = lower_case(std::string(line.substr(0, colon)));
  std::string_view value = line.substr(colon + 1);
  while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
  if (name == "webhook-id") message.id = value;
  if (name == "webhook-timestamp") message.timestamp = value;
  if (name == "webhook-signature") message.signatures = value;
}

core::ReceivedMessage received(const NotificationVerifyOptions& options) {
  core::ReceivedMessage message;
  if (!options.headers_file.empty()) {
    const std::string text = read_all(options.headers_file);
    for (std::size_t begin = 0; begin < text.size();) {
      const auto end = std::min(text.find('\n', begin), text.size());
      read_header(std::string_view(text).substr(begin, end - begin), message);
      begin = end + 1;
    }
  }
  for (const std::string& header : options.headers) read_header(header, message);
  for (const auto& [name, value] : {std::pair{"webhook-id", &message.id},
                                    {"webhook-timestamp", &message.timestamp},
                                    {"webhook-signature", &message.signatures}})
    if (value->empty())
      throw CommandFailed(ExitCode::usage, std::string("the header ") + name + " is missing");
  message.body = read_all(options.body_file);
  return message;
}

const char* sentence_of(core::MessageVerdict verdict) {
  switch (verdict) {
    case core::MessageVerdict::good:
      return "The secret signed this message.";
    case core::MessageVerdict::bad_timestamp:
      return "webhook-timestamp is no number of seconds since 1970.";
    case core::MessageVerdict::too_old:
      return "The signature is right, but the message is older than the tolerance: it may be a replay of "
             "somebody "
             "else's, or a clock is wrong.";
    case core::MessageVerdict::too_new:
      return "The signature is right, but the message is from the future: a clock is wrong.";
    case core::MessageVerdict::no_signature:
      return "webhook-signature holds no signature of version v1.";
    case core::MessageVerdict::wrong_signature:
      return "No signature fits: another secret signed it, or the body is not byte for byte what was sent.";
  }
  return "";
}

}  // namespace

ExitCode endpoint_add(Context& context, const EndpointAddOptions& options) {
  json::object body = with_note(options.note);
  body["url"] = options.url;
  if (!options.client.empty()) body["client"] = options.client;
  if (!options.description.empty()) body["description"] = options.description;
  if (!options.event_types.empty()) {
    json::array types;
    for (const std::string& type : options.event_types) types.emplace_back(type);
    body["event_types"] = std::move(types);
  }
  const json::value answer = Client(context.socket).post(std::string(kBase) + "/endpoints", body);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  print_endpoint(answer.as_object(), context);
  print_secrets(answer.as_object(), context);
  return ExitCode::ok;
}

ExitCode endpoint_list(Context& context, bool removed) {
  const json::value answer =
      Client(context.socket).get(std::string(kBase) + "/endpoints" + (removed ? "?removed=true" : ""));
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::array& endpoints = array_at(answer.as_object(), "endpoints");
  if (endpoints.empty()) {
    context.out << "No endpoints: `payoutctl notification endpoint add URL` makes one.\n";
    return ExitCode::ok;
  }
  Table table({{"ENDPOINT"}, {"STATE"}, {"WAITING", true}, {"CLIENT"}, {"LAST SUCCESS (UTC)"}, {"URL"}});
  for (const json::value& value : endpoints) {
    const json::object& one = value.as_object();
    const std::string state = text_at(one, "state");
    const std::string client = text_at(one, "client");
    table.add({text_at(one, "id"),
               {state, colour_of(state)},
               std::to_string(number_at(one, "pending")),
               client.empty() ? "all" : client,
               time_text(text_at(one, "last_success_at")),
               text_at(one, "url")});
  }
  table.print(context.out, context.style);
  return ExitCode::ok;
}

ExitCode endpoint_show(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).get(endpoint_path(id));
  if (context.json) {
    print_json(context, answer);
  } else {
    print_endpoint(answer.as_object(), context);
  }
  return ExitCode::ok;
}

ExitCode endpoint_change(Context& context, const std::string& id, const std::string& action,
                         const std::string& note) {
  const json::value answer = Client(context.socket).post(endpoint_path(id) + "/" + action, with_note(note));
  if (context.json) {
    print_json(context, answer);
  } else {
    print_endpoint(answer.as_object(), context);
  }
  return ExitCode::ok;
}

ExitCode endpoint_rotate(Context& context, const std::string& id, const std::string& overlap,
                         const std::string& note) {
  json::object body = with_note(note);
  if (!overlap.empty()) body["overlap"] = overlap;
  const json::value answer = Client(context.socket).post(endpoint_path(id) + "/rotate", body);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  print_endpoint(answer.as_object(), context);
  print_secrets(answer.as_object(), context);
  return ExitCode::ok;
}

ExitCode endpoint_secret(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).post(endpoint_path(id) + "/secret", json::object{});
  if (context.json) {
    print_json(context, answer);
  } else {
    print_secrets(answer.as_object(), context);
  }
  return ExitCode::ok;
}

ExitCode notification_list(Context& context, const NotificationFilter& filter) {
  const json::value answer = Client(context.socket).get(kBase + query_of(filter));
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::array& deliveries = array_at(answer.as_object(), "deliveries");
  if (deliveries.empty()) {
    context.out << "No notifications match.\n";
  } else {
    print_deliveries(deliveries, context);
  }
  if (!text_at(answer.as_object(), "next").empty())
    context.err << "There are more: --limit shows a longer list.\n";
  return ExitCode::ok;
}

ExitCode notification_show(Context& context, const std::string& id) {
  const json::value answer = Client(context.socket).get(std::string(kBase) + "/" + percent_encoded(id));
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::object& one = answer.as_object();
  context.out << text_at(one, "type") << " of payout " << text_at(one, "payout") << ", " << text_at(one, "at")
              << '\n'
              << "  " << text_at(one, "body") << "\n\n";
  print_deliveries(array_at(one, "deliveries"), context);
  return ExitCode::ok;
}

ExitCode notification_replay(Context& context, const NotificationReplayOptions& options) {
  const bool filtered = !options.since.empty() || options.failed_only || options.dry_run;
  if (!options.id.empty() && filtered)
    throw CommandFailed(
        ExitCode::usage,
        "One notification is replayed as it is: --since, --failed-only and --dry-run go without an id.");
  json::object body = with_note(options.note);
  if (!options.endpoint.empty()) body["endpoint"] = options.endpoint;
  std::string path = std::string(kBase) + "/replay";
  if (options.id.empty()) {
    if (options.endpoint.empty() && options.since.empty())
      throw CommandFailed(ExitCode::usage, "Name a notification, or say which: --endpoint, --since.");
    if (!options.since.empty()) body["since"] = options.since;
    body["failed_only"] = options.failed_only;
    body["dry_run"] = options.dry_run;
    body["limit"] = options.limit;
  } else {
    path = std::string(kBase) + "/" + percent_encoded(options.id) + "/replay";
  }
  const json::value answer = Client(context.socket).post(path, body);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  const json::array& deliveries = array_at(answer.as_object(), "deliveries");
  if (!deliveries.empty()) print_deliveries(deliveries, context);
  context.out << number_at(answer.as_object(), "matching") << " match, " << deliveries.size()
              << (options.dry_run
                      ? " would be sent again. Dry run: nothing was.\n"
                      : " are sent again; `payoutctl notification list` shows what comes of it.\n");
  return ExitCode::ok;
}

ExitCode notification_verify(Context& context, const NotificationVerifyOptions& options) {
  ops::SecretSource source{std::filesystem::current_path(), ops::process_environment, true};
  const auto written = ops::read_secret(options.secret, source);
  if (!written) throw CommandFailed(ExitCode::usage, "--secret: " + written.error().reason);
  const auto secret = core::read_shown_secret(written->reveal());
  if (!secret) throw CommandFailed(ExitCode::usage, "--secret: " + secret.error().reason);
  const core::ReceivedMessage message = received(options);
  const auto now_s =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  const auto verdict =
      core::verify_message(*secret, message, now_s, options.any_time ? -1 : options.tolerance_s);
  const bool good = verdict == core::MessageVerdict::good;
  if (context.json) {
    print_json(context, json::object{{"valid", good},
                                     {"verdict", core::to_string(verdict)},
                                     {"webhook_id", message.id},
                                     {"body_bytes", message.body.size()}});
  } else {
    context.out << context.style.paint(good ? Colour::green : Colour::red, sentence_of(verdict)) << '\n';
  }
  return good ? ExitCode::ok : ExitCode::negative;
}

NotificationCommandLine::NotificationCommandLine(CLI::App& app, Choose choose) : choose_(std::move(choose)) {
  CLI::App* group =
      app.add_subcommand("notification", "Tell integrators what became of payouts; look into it, replay it");
  group->require_subcommand(1);
  group->fallthrough();
  group->footer(kFooter);
  add_endpoints(group);
  add_notifications(group);
  add_verify(group);
}

CLI::App* NotificationCommandLine::add(CLI::App* group, const char* name, const char* about, Command command,
                                       bool needs_host) {
  CLI::App* sub = group->add_subcommand(name, about);
  sub->fallthrough();
  sub->callback([this, command = std::move(command), needs_host] { choose_(command, needs_host); });
  return sub;
}

void NotificationCommandLine::add_endpoints(CLI::App* parent) {
  CLI::App* group = parent->add_subcommand("endpoint", "Who is told, and how they are");
  group->require_subcommand(1);
  group->fallthrough();
  CLI::App* make =
      add(group, "add", "Tell one endpoint more", [this](Context& c) { return endpoint_add(c, add_); });
  make->add_option("url", add_.url, "Where messages are posted, such as https://shop.example/payouts")
      ->required();
  make->add_option("--client", add_.client, "Only payouts of this client; of all clients if left out");
  make->add_option("--event", add_.event_types,
                   "Only this type, such as payout.confirmed; may stand several times");
  make->add_option("--description", add_.description, "Whose it is");
  make->add_option("--note", add_.note, "Why; it is kept");
  make->footer(kAddFooter);
  CLI::App* list =
      add(group, "list", "All endpoints", [this](Context& c) { return endpoint_list(c, removed_); });
  list->add_flag("--removed", removed_, "Removed ones too");
  const auto named = [&](const char* name, const char* about, Command command, bool note) {
    CLI::App* sub = add(group, name, about, std::move(command));
    sub->add_option("endpoint", id_, "Id of the endpoint")->required();
    if (note) sub->add_option("--note", note_, "Why; it is kept");
    return sub;
  };
  const auto action = [this](const char* name) {
    return [this, text = std::string(name)](Context& c) { return endpoint_change(c, id_, text, note_); };
  };
  named(
      "show", "One endpoint: its state, its failures, what waits",
      [this](Context& c) { return endpoint_show(c, id_); }, false);
  named("pause", "Send it nothing for now; what there is to tell waits", action("pause"), true);
  named("resume", "Send it what waited, and go on", action("resume"), true);
  named("enable", "Serve it again after it was disabled; what waited is sent", action("enable"), true);
  named("remove", "Tell it nothing any more; what waited is cancelled", action("remove"), true);
  named(
      "secret", "Show the secret that verifies its messages; who asked is recorded",
      [this](Context& c) { return endpoint_secret(c, id_); }, false);
  CLI::App* rotate = named(
      "rotate", "Give it a new secret; the old one signs too for a while",
      [this](Context& c) { return endpoint_rotate(c, id_, overlap_, note_); }, true);
  rotate->add_option("--overlap", overlap_,
                     "How long the old one signs too: 0s, 1h, 7d; notifications.rotation_overlap "
                     "if left out");
  rotate->footer(
      "\nMessages carry both signatures meanwhile, so the endpoint may change over at any moment of it. "
      "After a leak, "
      "use\n--overlap 0s.\n");
}

void NotificationCommandLine::add_notifications(CLI::App* group) {
  CLI::App* list = add(group, "list", "What was told to whom, the latest first",
                       [this](Context& c) { return notification_list(c, list_); });
  list->add_option("--endpoint", list_.endpoint, "Only to this endpoint");
  list->add_option("--payout", list_.payout, "Only about this payout");
  list->add_option("--type", list_.type, "Only of this type, such as payout.failed");
  list->add_option("--state", list_.state, "pending, delivered, failed or cancelled")
      ->check(CLI::IsMember({"pending", "delivered", "failed", "cancelled"}));
  list->add_option("--since", list_.since, "Only of the last 90s, 30m, 24h, 7d, …");
  list->add_flag("--failed-only", list_.failed_only,
                 "Only what was given up, or failed and waits to be sent again");
  list->add_option("--limit", list_.limit, "At most so many")
      ->check(CLI::Range(1, 500))
      ->capture_default_str();
  CLI::App* show =
      add(group, "show", "One notification with its body, and what became of it at each endpoint",
          [this](Context& c) { return notification_show(c, id_); });
  show->add_option("notification", id_, "Its id, which is the webhook-id of the message")->required();
  CLI::App* replay = add(group, "replay", "Send notifications again",
                         [this](Context& c) { return notification_replay(c, replay_); });
  replay->add_option("notification", replay_.id, "This one");
  replay->add_option("--endpoint", replay_.endpoint, "Only to this endpoint");
  replay->add_option("--since", replay_.since, "Those of the last 90s, 30m, 24h, 7d, …");
  replay->add_flag("--failed-only", replay_.failed_only, "Only what this endpoint has not taken");
  replay->add_flag("--dry-run", replay_.dry_run, "Only say which");
  replay->add_option("--limit", replay_.limit, "At most so many, the oldest first")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  replay->add_option("--note", replay_.note, "Why; it is kept");
  replay->footer(
      "\nThe same messages go again under the same webhook-id, so an endpoint that had taken one knows it. "
      "An endpoint\n"
      "that was added later gets what it would have been told, as far as it was told to anybody.\n\n"
      "Examples:\n"
      "  payoutctl notification replay 2f6c…\n"
      "  payoutctl notification replay --endpoint 7c1f… --since 24h --failed-only --dry-run\n");
}

void NotificationCommandLine::add_verify(CLI::App* group) {
  CLI::App* verify = add(
      group, "verify", "Check a message that was received, with the endpoint's secret",
      [this](Context& c) { return notification_verify(c, verify_); }, false);
  verify->add_option("--secret", verify_.secret, "whsec_…, or where it is: file:PATH, env:NAME")->required();
  verify->add_option("--headers", verify_.headers_file, "File with the headers, a line each");
  verify->add_option("--header", verify_.headers, "One header, `name: value`; may stand several times");
  verify->add_option("--body", verify_.body_file, "File with the body; - for standard input")->required();
  verify->add_option("--tolerance", verify_.tolerance_s, "Seconds by which the timestamp may be off")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  verify->add_flag("--any-time", verify_.any_time, "However old it is");
  verify->footer(kVerifyFooter);
}

}  // namespace payoutd::ctl
