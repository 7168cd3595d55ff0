#include "ctl/retry.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/client.hpp"
#include "ctl/exit_code.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"
#include "policy/feature.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

std::int64_t seconds_of(const std::string& span) {
  if (span.empty()) return 0;
  const auto window = policy::parse_window(span);
  if (!window || window->kind != policy::Window::Kind::sliding)
    throw CommandFailed(ExitCode::usage,
                        "--older-than must be a time such as 90s, 30m, 24h or 7d, not '" + span + "'");
  return window->length.count();
}

ExitCode retry_one(Context& context, const RetryOptions& options) {
  json::object body;
  if (!options.note.empty()) body["note"] = options.note;
  const json::value answer =
      Client(context.socket).post("/v1/admin/payouts/" + percent_encoded(options.id) + "/retry", body);
  if (context.json) {
    print_json(context, answer);
  } else {
    context.out << text_at(answer.as_object(), "state") << "  " << text_at(answer.as_object(), "message")
                << '\n';
  }
  return ExitCode::ok;
}

void print_groups(Context& context, const json::object& answer) {
  Table table({{"PROVIDER"}, {"STATE"}, {"PAYOUTS", true}, {"SUM", true}});
  for (const json::value& value : array_at(answer, "groups")) {
    const json::object& group = value.as_object();
    table.add({text_at(group, "provider"), text_at(group, "state"), text_at(group, "count"),
               text_at(group, "sum") + " " + text_at(group, "currency")});
  }
  if (table.empty()) {
    context.out << "No payouts match that wait for their time.\n";
    return;
  }
  table.print(context.out, context.style);
  const std::int64_t count = number_at(answer, "count");
  const std::int64_t rate = std::max<std::int64_t>(1, number_at(answer, "per_second"));
  const auto takes = duration_text(std::chrono::milliseconds{count * 1000 / rate});
  if (true_at(answer, "preview")) {
    context.out << "\nNothing was done. Without --preview these " << count << " become due, " << rate
                << " a second: " << takes << ".\n";
  } else {
    context.out << '\n'
                << count << " become due, " << rate << " a second: " << takes
                << ". Watch them with `payoutctl stats` or `payoutctl list --state SENT`.\n";
  }
}

}  // namespace

ExitCode retry(Context& context, const RetryOptions& options) {
  const bool filtered = !options.provider.empty() || !options.state.empty() || !options.reason.empty() ||
                        !options.batch.empty() || !options.older_than.empty();
  if (!options.id.empty() && filtered)
    throw CommandFailed(ExitCode::usage,
                        "name one payout, or say which by --provider, --state and so on; not both");
  if (!options.id.empty()) return retry_one(context, options);
  if (!filtered)
    throw CommandFailed(
        ExitCode::usage,
        "name a payout, or say which by --provider, --state, --reason, --batch or --older-than");
  json::object body{
      {"limit", options.limit}, {"per_second", options.per_second}, {"preview", options.preview}};
  for (const auto& [name, value] : {std::pair{"provider", &options.provider},
                                    std::pair{"state", &options.state}, std::pair{"reason", &options.reason},
                                    std::pair{"batch", &options.batch}, std::pair{"note", &options.note}})
    if (!value->empty()) body[name] = *value;
  if (const std::int64_t older_s = seconds_of(options.older_than); older_s > 0)
    body["older_than_s"] = older_s;
  const json::value answer = Client(context.socket).post("/v1/admin/payouts/retry", body);
  if (context.json) {
    print_json(context, answer);
  } else {
    print_groups(context, answer.as_object());
  }
  return ExitCode::ok;
}

ExitCode audit_list(Context& context, const AuditOptions& options) {
  std::string query = "limit=" + std::to_string(options.limit);
  for (const auto& [name, value] : {std::pair{"actor", options.actor},
                                    {"subject", options.subject},
                                    {"key_id", options.key_id},
                                    {"token_id", options.token_id},
                                    {"since", options.since}})
    if (!value.empty()) query.append("&").append(name).append("=").append(percent_encoded(value));
  const json::value answer = Client(context.socket).get("/v1/admin/audit?" + query);
  if (context.json) {
    print_json(context, answer);
    return ExitCode::ok;
  }
  Table table({{"ENTRY", true}, {"AT (UTC)"}, {"WHO"}, {"WHAT"}, {"TO"}, {"ANSWER", true}, {"WITH"}});
  for (const json::value& value : array_at(answer.as_object(), "audit")) {
    const json::object& row = value.as_object();
    const json::object& detail = object_at(row, "detail");
    table.add({text_at(row, "id"), time_text(text_at(row, "at")), text_at(row, "actor"),
               text_at(row, "action"), text_at(row, "subject"), text_at(row, "status"),
               detail.empty() ? std::string() : printable(json::serialize(detail))});
  }
  if (table.empty()) {
    context.out << "Nothing was done yet.\n";
  } else {
    table.print(context.out, context.style);
  }
  return ExitCode::ok;
}

ExitCode audit_verify(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/audit/verify");
  const json::object& check = answer.as_object();
  const bool ok = true_at(check, "ok");
  if (context.json) {
    print_json(context, answer);
  } else if (ok) {
    context.out << text_at(check, "rows") << (number_at(check, "rows") == 1 ? " entry" : " entries")
                << ", each follows from the one before it. Last hash: " << text_at(check, "last_hash")
                << "\nKeep it elsewhere: it shows entries that were cut off at the end.\n";
  } else {
    context.out << context.style.paint(Colour::red, "The audit log was tampered with") << " at entry "
                << text_at(check, "first_bad") << ": " << text_at(check, "why") << ".\n";
  }
  return ok ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
