#include "ctl/report.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/json_view.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

constexpr std::size_t kWidth = 100;

void heading(std::ostream& out, const Style& style, std::string_view text) {
  out << '\n' << style.paint(Colour::bold, text) << '\n';
}

// Since the event before: what an operator reads a timeline for.
std::string step_text(std::int64_t before, std::int64_t now) {
  return before < 0 || now < 0 ? std::string() : "+" + duration_text(milliseconds(now - before));
}

std::string transition_text(const json::object& entry, const Style& style) {
  const std::string from = text_at(entry, "from");
  const std::string to = text_at(entry, "to");
  if (to.empty() || from == to) return {};
  const std::string painted = style.paint(colour_of_state(to), to);
  return from.empty() ? painted : style.paint(colour_of_state(from), from) + " → " + painted;
}

void print_timeline(const json::array& timeline, std::ostream& out, const Style& style) {
  std::int64_t before = -1;
  for (const json::value& value : timeline) {
    const json::object& entry = value.as_object();
    const std::string at = text_at(entry, "at");
    const std::int64_t now = time_ms(at);
    const std::string transition = transition_text(entry, style);
    std::string clock = at.size() >= 23 ? at.substr(0, 10) + " " + at.substr(11, 12) : at;
    clock.resize(std::max<std::size_t>(clock.size(), 23), ' ');
    std::string step = step_text(before, now);
    step.resize(std::max<std::size_t>(step.size(), 12), ' ');
    out << "  " << style.paint(Colour::dim, clock) << "  " << step
        << (transition.empty() ? "" : transition + "  ")
        << style.paint(Colour::dim, "by " + text_at(entry, "by")) << '\n';
    out << "      " << wrapped(text_at(entry, "what"), kWidth - 6, 6) << '\n';
    if (const std::string evidence = text_at(entry, "evidence"); !evidence.empty()) {
      out << "      " << style.paint(Colour::dim, wrapped(evidence, kWidth - 6, 6)) << '\n';
    }
    before = now;
  }
}

}  // namespace

void print_explanation(const json::object& explanation, std::ostream& out, const Style& style) {
  const json::object* payout = nullptr;
  if (const auto* value = explanation.if_contains("payout"); value != nullptr && value->is_object()) {
    payout = &value->get_object();
  }
  const std::string state = payout == nullptr ? "" : text_at(*payout, "state");
  const std::string headline = text_at(explanation, "headline");
  out << style.paint(colour_of_state(state), wrapped(headline, kWidth, 0)) << '\n';
  if (payout != nullptr) {
    out << "  payout    " << text_at(*payout, "id") << '\n'
        << "  owed      " << text_at(*payout, "amount") << " " << text_at(*payout, "currency") << " to "
        << text_at(*payout, "destination") << " through " << text_at(*payout, "provider") << '\n'
        << "  key       " << text_at(*payout, "idempotency_key") << "   flow id "
        << text_at(*payout, "flow_id") << '\n'
        << "  admitted  " << time_text(text_at(*payout, "created_at")) << " UTC";
    const std::int64_t begin = time_ms(text_at(*payout, "created_at"));
    const std::int64_t end = time_ms(text_at(*payout, "finished_at"));
    if (begin >= 0 && end >= begin) {
      out << "   finished " << time_text(text_at(*payout, "finished_at")) << " UTC, after "
          << duration_text(milliseconds(end - begin));
    }
    out << '\n';
  }
  heading(out, style, "Timeline (UTC)");
  print_timeline(array_at(explanation, "timeline"), out, style);
  heading(out, style, "Evidence");
  for (const json::value& line : array_at(explanation, "evidence")) {
    if (line.is_string())
      out << "  - " << wrapped(printable(std::string_view(line.get_string())), kWidth - 4, 4) << '\n';
  }
  if (const json::array& waits_for = array_at(explanation, "waits_for"); !waits_for.empty()) {
    heading(out, style, "What it waits for");
    for (const json::value& one : waits_for)
      if (one.is_object()) out << "  - " << wrapped(text_at(one.get_object(), "text"), kWidth - 4, 4) << '\n';
  }
  heading(out, style, "What happens next");
  out << "  " << wrapped(text_at(explanation, "next"), kWidth - 2, 2) << '\n';
  heading(out, style, "Who may act");
  out << "  " << wrapped(text_at(explanation, "who_may_act"), kWidth - 2, 2) << '\n';
  for (const json::value& command : array_at(explanation, "commands")) {
    if (command.is_string()) {
      out << "    " << style.paint(Colour::cyan, printable(std::string_view(command.get_string()))) << '\n';
    }
  }
}

void print_payout(const json::object& payout, std::ostream& out, const Style& style) {
  static constexpr std::pair<const char*, const char*> kFields[] = {
      {"id", "id"},
      {"state", "state"},
      {"reason", "reason"},
      {"reason_text", ""},
      {"amount", "amount"},
      {"destination", "destination"},
      {"provider", "provider"},
      {"provider_ref", "provider's ref"},
      {"attempt_count", "attempts"},
      {"user", "user"},
      {"region", "region"},
      {"note", "note"},
      {"metadata", "metadata"},
      {"batch", "batch"},
      {"idempotency_key", "key"},
      {"flow_id", "flow id"},
      {"created_at", "created"},
      {"updated_at", "changed"},
      {"next_action_at", "next action"},
      {"finished_at", "finished"},
  };
  for (const auto& [name, label] : kFields) {
    std::string text = text_at(payout, name);
    if (text.empty()) continue;
    const std::string_view field = name;
    if (field == "amount") text += " " + text_at(payout, "currency");
    if (field == "state") text = style.paint(colour_of_state(text), text);
    std::string title = label;
    title.resize(16, ' ');
    out << style.paint(Colour::dim, title) << text << '\n';
  }
  out << "\nWhy it is where it is:  payoutctl explain " << text_at(payout, "id") << '\n';
}

void print_payouts(const json::array& payouts, std::ostream& out, const Style& style) {
  Table table({{"ID"},
               {"STATE"},
               {"AMOUNT", true},
               {"DESTINATION"},
               {"PROVIDER"},
               {"KEY"},
               {"CREATED (UTC)"},
               {"REASON"}});
  for (const json::value& value : payouts) {
    const json::object& payout = value.as_object();
    const std::string state = text_at(payout, "state");
    table.add({text_at(payout, "id"),
               {state, colour_of_state(state)},
               text_at(payout, "amount") + " " + text_at(payout, "currency"),
               text_at(payout, "destination"),
               text_at(payout, "provider"),
               text_at(payout, "idempotency_key"),
               time_text(text_at(payout, "created_at")),
               text_at(payout, "reason")});
  }
  table.print(out, style);
}

void print_events(const json::array& events, std::ostream& out, const Style& style) {
  Table table({{"AT (UTC)"}, {"KIND"}, {"STATE"}, {"ACTOR"}, {"ATTEMPT"}, {"DATA"}});
  for (const json::value& value : events) {
    const json::object& event = value.as_object();
    const std::string from = text_at(event, "from");
    const std::string to = text_at(event, "to");
    const std::string at = text_at(event, "at");
    table.add({at.size() >= 23 ? at.substr(0, 10) + " " + at.substr(11, 12) : at,
               text_at(event, "kind"),
               {from.empty() || from == to ? to : from + " → " + to, colour_of_state(to)},
               text_at(event, "actor"),
               text_at(event, "attempt").substr(0, 8),
               text_at(event, "data")});
  }
  table.print(out, style);
}

void print_providers(const json::array& providers, std::ostream& out, const Style& style) {
  Table table(
      {{"PROVIDER"}, {"PLUGIN"}, {"STATE"}, {"SWITCHES"}, {"CURRENCIES"}, {"RESTARTS", true}, {"NOTE"}});
  for (const json::value& value : providers) {
    const json::object& provider = value.as_object();
    const std::string state = text_at(provider, "state");
    std::string switches = true_at(provider, "paused") ? "paused" : "";
    if (true_at(provider, "dry_run")) switches += switches.empty() ? "dry run" : ", dry run";
    if (!object_at(provider, "throttle").empty()) switches += switches.empty() ? "throttled" : ", throttled";
    if (const std::string balance = text_at(object_at(provider, "balance_check"), "state");
        balance == "low" || balance == "unknown")
      switches += (switches.empty() ? "balance " : ", balance ") + balance;
    std::string currencies;
    for (const json::value& currency : array_at(provider, "currencies")) {
      if (currency.is_string())
        currencies.append(currencies.empty() ? "" : ", ").append(currency.get_string().c_str());
    }
    std::string note = text_at(provider, "quarantine_reason");
    if (note.empty() && state != "ready") note = text_at(provider, "last_error");
    if (note.empty()) note = text_at(provider, "note");
    if (note.empty()) note = text_at(provider, "dry_run_note");
    table.add({text_at(provider, "name"),
               text_at(provider, "plugin") + " " + text_at(provider, "plugin_version"),
               {state, state == "ready"         ? Colour::green
                       : state == "quarantined" ? Colour::red
                                                : Colour::yellow},
               {switches, Colour::yellow},
               currencies,
               text_at(provider, "restarts"),
               note});
  }
  if (table.empty()) {
    out << "This host has no providers; they are configured in its configuration file.\n";
  } else {
    table.print(out, style);
  }
}

void print_provider(const json::object& provider, std::ostream& out, const Style& style) {
  const auto line = [&](const char* name, const std::string& value, Colour colour = Colour::none) {
    if (value.empty()) return;
    std::string title = name;
    title.resize(18, ' ');
    out << style.paint(Colour::dim, title) << style.paint(colour, value) << '\n';
  };
  const auto yes = [&](const char* name) { return std::string(true_at(provider, name) ? "yes" : "no"); };
  const std::string state = text_at(provider, "state");
  line("name", text_at(provider, "name"), Colour::bold);
  line("plugin", text_at(provider, "plugin") + " " + text_at(provider, "plugin_version"));
  line("state", state, state == "ready" ? Colour::green : Colour::yellow);
  line("last error", text_at(provider, "last_error"));
  line("quarantine", text_at(provider, "quarantine_reason"), Colour::red);
  line("paused", yes("paused"));
  line("dry run", yes("dry_run"), true_at(provider, "dry_run") ? Colour::yellow : Colour::none);
  if (true_at(provider, "dry_run")) {
    line("dry run set by", text_at(provider, "dry_run_by") + " at " + text_at(provider, "dry_run_at"));
    line("dry run note", text_at(provider, "dry_run_note"));
  }
  line("note", text_at(provider, "note"));
  line("submits in flight", text_at(provider, "submits_in_flight"));
  line("restarts", text_at(provider, "restarts"));
  line("submit rate", text_at(provider, "submit_rate"));
  line("query rate", text_at(provider, "query_rate"));
  if (const json::object& balance = object_at(provider, "balance_check"); !balance.empty()) {
    const std::string known = text_at(balance, "state");
    const std::string currency = " " + text_at(balance, "currency");
    line("balance",
         known == "unknown"
             ? "not known: " + text_at(balance, "trouble")
             : text_at(balance, "available") + currency + ", " + text_at(balance, "in_flight") + " in flight",
         known == "enough" ? Colour::none : Colour::yellow);
    line("minimum balance",
         text_at(balance, "minimum") + currency + ", margin " + text_at(balance, "margin_percent") + " %");
  }
  const json::object& throttle = object_at(provider, "throttle");
  if (throttle.empty()) {
    line("throttle", "none: as many new payouts as come");
    return;
  }
  line("throttle rate", text_at(throttle, "rate"), Colour::yellow);
  line("throttle depth", text_at(throttle, "depth"), Colour::yellow);
  line("under way", text_at(throttle, "under_way"));
  const std::string by = text_at(throttle, "by");
  line("throttle set by",
       by.empty() ? "the configuration" : by + " at " + time_text(text_at(throttle, "at")));
  line("throttle note", text_at(throttle, "note"));
}

std::string joined_names(const json::array& names) {
  std::string text;
  for (const json::value& name : names)
    if (name.is_string()) text.append(text.empty() ? "" : ",").append(name.get_string());
  return printable(text);
}

// An older host says nothing of its roles, and has them all.
std::string roles_text(const json::array& roles) {
  constexpr std::size_t kAll = 4;
  if (roles.empty() || roles.size() == kAll) return "all";
  return joined_names(roles);
}

// An older host does not say which it has.
std::string providers_text(const json::object& host) {
  const json::value* names = host.if_contains("providers");
  if (names == nullptr || !names->is_array()) return "?";
  if (names->get_array().empty()) return "none";
  return joined_names(names->get_array());
}

void print_hosts(const json::array& hosts, std::ostream& out, const Style& style) {
  Table table({{"HOST"},
               {"INCARNATION"},
               {"VERSION"},
               {"STARTED (UTC)"},
               {"LAST BEAT", true},
               {"LEASES", true},
               {"ROLES"},
               {"PROVIDERS"},
               {"STATUS"}});
  for (const json::value& value : hosts) {
    const json::object& host = value.as_object();
    const std::int64_t age = number_at(host, "beat_age_ms");
    const bool stopped = !text_at(host, "stopped_at").empty();
    const bool late = !stopped && age > 5'000;
    table.add({text_at(host, "name"),
               text_at(host, "incarnation"),
               text_at(host, "version"),
               time_text(text_at(host, "started_at")),
               duration_text(milliseconds(age)) + " ago",
               text_at(host, "leases"),
               roles_text(array_at(host, "roles")),
               providers_text(host),
               {stopped                    ? "stopped"
                : late                     ? "gone"
                : true_at(host, "drained") ? "drained"
                                           : "alive",
                stopped ? Colour::dim
                : late  ? Colour::red
                        : Colour::green}});
  }
  table.print(out, style);
}

void print_tally(const json::array& tally, std::ostream& out, const Style& style) {
  Table table({{"PROVIDER"},
               {"STATE"},
               {"COUNT", true},
               {"SUM", true},
               {"OLDEST IN STATE", true},
               {"MEAN", true},
               {"SLOWEST", true},
               {"REASON"}});
  for (const json::value& value : tally) {
    const json::object& row = value.as_object();
    const std::string state = text_at(row, "state");
    const bool finished = number_at(row, "slowest_ms") > 0;
    table.add({text_at(row, "provider"),
               {state, colour_of_state(state)},
               text_at(row, "count"),
               text_at(row, "sum") + " " + text_at(row, "currency"),
               finished ? "–" : duration_text(milliseconds(number_at(row, "oldest_ms"))),
               finished ? duration_text(milliseconds(number_at(row, "mean_ms"))) : "–",
               finished ? duration_text(milliseconds(number_at(row, "slowest_ms"))) : "–",
               text_at(row, "reason")});
  }
  if (table.empty()) {
    out << "No payouts.\n";
  } else {
    table.print(out, style);
  }
}

}  // namespace payoutd::ctl
