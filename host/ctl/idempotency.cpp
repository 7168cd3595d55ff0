#include "ctl/idempotency.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

json::value records_of(Context& context, const IdempotencyOptions& options) {
  std::string query = "limit=" + std::to_string(options.limit);
  if (!options.key.empty()) query += "&key=" + percent_encoded(options.key);
  if (!options.client.empty()) query += "&client=" + percent_encoded(options.client);
  return Client(context.socket).get("/v1/admin/idempotency?" + query);
}

void print_fields(Context& context, const char* title, const json::object& fields) {
  context.out << context.style.paint(Colour::bold, title) << '\n';
  for (const auto& [name, value] : fields) {
    if (name == "links") continue;
    context.out << "  " << printable(std::string_view(name)) << ": " << text_at(fields, name) << '\n';
  }
}

void print_conflict(Context& context, const json::object& conflict) {
  context.out << context.style.paint(Colour::yellow, "Conflict") << ", " << text_at(conflict, "count")
              << " times, last at " << time_text(text_at(conflict, "last_at")) << " by "
              << text_at(conflict, "actor") << " (flow " << text_at(conflict, "flow_id") << ")\n";
  Table table({{"FIELD"}, {"STORED"}, {"RECEIVED"}});
  const auto cell = [](const json::object& difference, const char* name) {
    const std::string text = text_at(difference, name);
    return text.empty() ? std::string("–") : text;
  };
  for (const json::value& value : array_at(conflict, "differences")) {
    const json::object& difference = value.as_object();
    table.add({text_at(difference, "field"), cell(difference, "stored"), cell(difference, "received")});
  }
  table.print(context.out, context.style, "  ");
}

void print_record(Context& context, const json::object& record) {
  context.out << context.style.paint(Colour::bold, text_at(record, "key")) << " of client "
              << text_at(record, "client") << ", since " << time_text(text_at(record, "created_at"))
              << ", for payout " << text_at(record, "payout") << '\n';
  print_fields(context, "Stored request", object_at(record, "payload"));
  const json::object& answer = object_at(record, "answer");
  print_fields(context, ("Answer " + text_at(answer, "status") + ", given again to the same request").c_str(),
               object_at(answer, "body"));
  for (const json::value& conflict : array_at(record, "conflicts"))
    print_conflict(context, conflict.as_object());
  const std::int64_t count = number_at(record, "conflict_count");
  context.out << (count == 0 ? std::string("No other request came under this key.")
                             : std::to_string(count) + " requests in all were refused as conflicts.")
              << '\n';
}

}  // namespace

ExitCode idempotency_show(Context& context, const IdempotencyOptions& options) {
  const json::value answer = records_of(context, options);
  const json::array& records = array_at(answer.as_object(), "records");
  if (context.json) {
    context.out << json::serialize(answer) << '\n';
  } else if (records.empty()) {
    context.out << "Nobody has used the key " << printable(options.key) << ".\n";
  } else {
    for (const json::value& record : records) print_record(context, record.as_object());
  }
  return records.empty() ? ExitCode::negative : ExitCode::ok;
}

ExitCode idempotency_conflicts(Context& context, const IdempotencyOptions& options) {
  const json::value answer = records_of(context, options);
  if (context.json) {
    context.out << json::serialize(answer) << '\n';
    return ExitCode::ok;
  }
  Table table({{"CLIENT"}, {"KEY"}, {"PAYOUT"}, {"CONFLICTS", true}, {"LAST (UTC)"}, {"WHAT DIFFERS"}});
  for (const json::value& value : array_at(answer.as_object(), "records")) {
    const json::object& record = value.as_object();
    std::set<std::string> fields;
    for (const json::value& conflict : array_at(record, "conflicts"))
      for (const json::value& difference : array_at(conflict.as_object(), "differences"))
        fields.insert(text_at(difference.as_object(), "field"));
    std::string differs;
    for (const std::string& field : fields) differs += (differs.empty() ? "" : ", ") + field;
    table.add({text_at(record, "client"), text_at(record, "key"), text_at(record, "payout"),
               text_at(record, "conflict_count"), time_text(text_at(record, "last_conflict_at")), differs});
  }
  if (table.empty()) {
    context.out << "No key came again with another payload in the last 90 days.\n";
  } else {
    table.print(context.out, context.style);
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
