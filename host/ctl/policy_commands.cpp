#include "ctl/policy_commands.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/json_view.hpp"
#include "ctl/script_problems.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

Colour colour_of_verdict(std::string_view verdict) {
  if (verdict == "deny") return Colour::red;
  if (verdict == "hold" || verdict == "flag" || verdict == "review" || verdict == "give_up")
    return Colour::yellow;
  return Colour::none;
}

// --- flags

void print_flags(const json::array& flags, std::ostream& out, const Style& style) {
  Table table({{"FLAG", true},
               {"USER"},
               {"RULE"},
               {"PAYOUTS", true},
               {"FIRST (UTC)"},
               {"LAST (UTC)"},
               {"WHY"},
               {"NOTE"}});
  for (const json::value& value : flags) {
    const json::object& flag = value.as_object();
    const std::string text = text_at(flag, "text");
    std::string note = text_at(flag, "note");
    if (!note.empty()) note += " (" + text_at(flag, "noted_by") + ")";
    if (!text_at(flag, "cleared_at").empty())
      note = "cleared by " + text_at(flag, "cleared_by") + (note.empty() ? "" : ": " + note);
    table.add({text_at(flag, "id"), text_at(flag, "user"), text_at(flag, "rule"), text_at(flag, "count"),
               time_text(text_at(flag, "first_at")), time_text(text_at(flag, "last_at")),
               text.empty() ? text_at(flag, "reason") : text, note});
  }
  table.print(out, style);
}

// --- limits

/// `2000000 XOF, 3000 EUR`.
std::string amounts_text(const json::object& amounts) {
  std::string out;
  for (const auto& [currency, amount] : amounts)
    out += (out.empty() ? "" : ", ") + text_at(amounts, currency) + " " + printable(currency);
  return out.empty() ? "not limited" : out;
}

bool is_halted(const json::object& halts, const json::object& limit) {
  return std::ranges::any_of(array_at(halts, "halts"), [&](const json::value& value) {
    const json::object& halt = value.as_object();
    return text_at(halt, "provider") == text_at(limit, "provider") &&
           text_at(halt, "currency") == text_at(limit, "currency");
  });
}

void print_limits(const json::object& limits, std::ostream& out, const Style& style) {
  out << "One payout at most:                " << amounts_text(object_at(limits, "per_payout")) << '\n'
      << "Two people must approve more than: " << amounts_text(object_at(limits, "two_approvals_above"))
      << '\n';
  Table table({{"OUTFLOW OF"}, {"CURRENCY"}, {"PER HOUR", true}, {"PER DAY", true}, {"NOW"}});
  for (const json::value& value : array_at(limits, "outflow")) {
    const json::object& limit = value.as_object();
    const auto amount = [&](const char* name) {
      const std::string text = text_at(limit, name);
      return text.empty() ? std::string("–") : text;
    };
    const bool halted = is_halted(limits, limit);
    table.add({text_at(limit, "provider"),
               text_at(limit, "currency"),
               amount("hour"),
               amount("day"),
               {halted ? "halted" : "flows", halted ? Colour::red : Colour::green}});
  }
  if (table.empty()) {
    out << "Outflow of a provider:             not limited\n";
  } else {
    out << '\n';
    table.print(out, style);
  }
  for (const json::value& value : array_at(limits, "halts")) {
    const json::object& halt = value.as_object();
    const std::string provider = text_at(halt, "provider");
    const std::string currency = text_at(halt, "currency");
    out << '\n'
        << style.paint(Colour::red, provider + " " + currency + " is halted") << " since "
        << time_text(text_at(halt, "at")) << " UTC: with the next payout " << text_at(halt, "reached") << " "
        << currency << " would have flowed out in one " << text_at(halt, "span") << ", "
        << text_at(halt, "allowed") << " may.\nNothing of it is submitted on any host until it is lifted:\n  "
        << style.paint(Colour::cyan, "payoutctl limits lift " + provider + " " + currency + " --note WHY")
        << '\n';
  }
}

// --- decisions

std::string cost_text(const json::object& decision) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.1f µs", static_cast<double>(number_at(decision, "cost_ns")) / 1000);
  return text;
}

void print_decision_list(const json::array& decisions, std::ostream& out, const Style& style) {
  Table table(
      {{"AT (UTC)"}, {"KIND"}, {"VERDICT"}, {"BY"}, {"REASON"}, {"BUNDLE"}, {"COST", true}, {"PAYOUT"}});
  for (const json::value& value : decisions) {
    const json::object& one = value.as_object();
    const std::string verdict = text_at(one, "verdict");
    table.add({time_text(text_at(one, "at")),
               text_at(one, "kind"),
               {verdict, colour_of_verdict(verdict)},
               text_at(one, "rule"),
               text_at(one, "reason"),
               short_hash(text_at(one, "bundle")),
               cost_text(one),
               text_at(one, "payout")});
  }
  table.print(out, style);
}

/// `amount=100  currency=XOF …`: what people look for first, then the rest by name; nothing that is empty.
std::string fields_text(const json::object& object) {
  static constexpr const char* kFirst[] = {"amount",   "currency", "destination", "user", "region",
                                           "provider", "name",     "purpose",     "count"};
  std::vector<std::string> names;
  for (const char* name : kFirst)
    if (object.contains(name)) names.emplace_back(name);
  const auto rest = std::ssize(names);
  for (const auto& [name, value] : object)
    if (std::ranges::find(names, std::string_view(name)) == names.end()) names.emplace_back(name);
  std::sort(names.begin() + rest, names.end());
  std::string out;
  for (const std::string& name : names) {
    const std::string text = object.at(name).is_null() ? "nil" : text_at(object, name);
    if (!text.empty()) out += (out.empty() ? "" : "  ") + printable(name) + "=" + text;
  }
  return out;
}

void print_inputs(const json::object& inputs, std::ostream& out, const Style& style) {
  constexpr std::size_t kWidth = 96;
  const auto line = [&](std::string_view title, const std::string& text) {
    if (text.empty()) return;
    std::string head(title);
    head.resize(10, ' ');
    out << "    " << style.paint(Colour::dim, head) << wrapped(text, kWidth, 14) << '\n';
  };
  const bool flat = !inputs.contains("payout");
  line("saw", flat ? fields_text(inputs) : fields_text(object_at(inputs, "payout")));
  if (flat) return;
  line("history", fields_text(object_at(inputs, "history")));
  for (const json::value& provider : array_at(inputs, "providers"))
    if (provider.is_object()) line("provider", fields_text(provider.get_object()));
}

/// With everything that the script saw.
void print_decision(const json::object& one, std::ostream& out, const Style& style) {
  const std::string verdict = text_at(one, "verdict");
  out << time_text(text_at(one, "at")) << " UTC  " << text_at(one, "kind") << "  "
      << style.paint(colour_of_verdict(verdict), verdict);
  for (const char* name : {"rule", "reason"})
    if (const std::string text = text_at(one, name); !text.empty()) out << "  " << text;
  out << style.paint(Colour::dim, "  bundle " + short_hash(text_at(one, "bundle")) + ", " + cost_text(one))
      << (true_at(one, "shadow") ? "  (shadow)" : "") << '\n';
  for (const json::value& value : array_at(one, "results")) {
    const json::object& result = value.as_object();
    out << "    rule " << text_at(result, "rule") << ": " << text_at(result, "verdict") << " "
        << text_at(result, "reason");
    if (const std::string text = text_at(result, "text"); !text.empty()) out << ", " << text;
    out << '\n';
  }
  print_inputs(object_at(one, "inputs"), out, style);
}

}  // namespace

ExitCode flags_list(Context& context, const FlagsListOptions& options) {
  std::string query = "?limit=" + std::to_string(options.limit) + (options.all ? "&all=true" : "");
  if (!options.user.empty()) query += "&user=" + percent_encoded(options.user);
  if (!options.rule.empty()) query += "&rule=" + percent_encoded(options.rule);
  const json::value answer = Client(context.socket).get("/v1/admin/flags" + query);
  const json::array& flags = array_at(answer.as_object(), "flags");
  if (context.json) {
    print_json(context, answer);
  } else if (flags.empty()) {
    context.out << (options.all ? "No flags match.\n"
                                : "No open flags match; --all shows cleared ones too.\n");
  } else {
    print_flags(flags, context.out, context.style);
    if (static_cast<int>(flags.size()) == options.limit)
      context.err << "There may be more: --limit shows a longer list.\n";
  }
  return ExitCode::ok;
}

ExitCode flags_change(Context& context, std::int64_t id, bool clear, const std::string& note) {
  const json::object body = note.empty() ? json::object{} : json::object{{"note", note}};
  const json::value answer =
      Client(context.socket)
          .post("/v1/admin/flags/" + std::to_string(id) + (clear ? "/clear" : "/note"), body);
  if (context.json) {
    print_json(context, answer);
  } else {
    const json::object& flag = answer.as_object();
    context.out << "Flag " << id << " (" << text_at(flag, "user") << ", " << text_at(flag, "rule") << ") is "
                << (clear ? "cleared. If the rule finds the user again, a new one is opened.\n" : "noted.\n");
  }
  return ExitCode::ok;
}

ExitCode limits_show(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/limits");
  if (context.json) {
    print_json(context, answer);
  } else {
    print_limits(answer.as_object(), context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode limits_lift(Context& context, const std::string& provider, const std::string& currency,
                     const std::string& note) {
  const json::value answer =
      Client(context.socket)
          .post("/v1/admin/limits/lift",
                json::object{{"provider", provider}, {"currency", currency}, {"note", note}});
  if (context.json) {
    print_json(context, answer);
  } else {
    context.out << provider << " pays " << currency
                << " again, on all hosts. What flowed out before counts no more; the limit itself stays.\n";
  }
  return ExitCode::ok;
}

ExitCode decisions(Context& context, const DecisionsOptions& options) {
  Client client(context.socket);
  constexpr int kLargestPage = 500;
  std::string query = "?limit=" + std::to_string(options.all ? kLargestPage : options.limit);
  const auto add = [&query](const char* name, const std::string& value) {
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encoded(value));
  };
  add("payout", options.payout);
  add("kind", options.kind);
  add("since", options.since);
  if (options.shadow) query += "&shadow=true";
  json::array rows;
  std::int64_t next = 0;
  do {
    const json::value page = client.get("/v1/admin/decisions" + query + "&after=" + std::to_string(next));
    for (const json::value& row : array_at(page.as_object(), "decisions")) rows.push_back(row);
    next = number_at(page.as_object(), "next");
  } while (options.all && next > 0 && !interrupted());
  if (context.json) {
    json::object body{{"decisions", std::move(rows)}};
    body["next"] = next > 0 ? json::value(next) : json::value(nullptr);
    print_json(context, body);
    return ExitCode::ok;
  }
  if (rows.empty()) {
    context.out << "No decisions match.\n";
  } else if (options.payout.empty()) {
    print_decision_list(rows, context.out, context.style);
  } else {
    for (const json::value& row : rows) print_decision(row.as_object(), context.out, context.style);
  }
  if (next > 0) context.err << "There are more: --all shows them, --limit a longer list.\n";
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
