#include "ctl/throttle.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <charconv>
#include <ostream>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/report.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

json::value depth_of(const std::string& text) {
  if (text == "none") return nullptr;
  std::int64_t depth = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), depth);
  if (error != std::errc() || end != text.data() + text.size())
    throw CommandFailed(ExitCode::usage, "--depth must be a number of payouts, or none");
  return depth;
}

json::object body_of(const ThrottleOptions& options) {
  json::object body;
  if (!options.rate.empty())
    body["rate"] = options.rate == "none" ? json::value(nullptr) : json::value(options.rate);
  if (!options.depth.empty()) body["depth"] = depth_of(options.depth);
  if (options.off) body["off"] = true;
  if (options.by_configuration) body["default"] = true;
  if (body.empty())
    throw CommandFailed(ExitCode::usage, "Say what is to be in force: --rate, --depth, --off or --default.");
  if (!options.note.empty()) body["note"] = options.note;
  return body;
}

}  // namespace

void add_options(CLI::App& command, ThrottleOptions& options) {
  command.add_option("name", options.provider, "Name of the provider")->required();
  CLI::Option* rate =
      command.add_option("--rate", options.rate, "New payouts of all hosts together: 10/s, 300/m; or none");
  CLI::Option* depth = command.add_option("--depth", options.depth,
                                          "Payouts under way above which new ones are refused; or none");
  CLI::Option* off = command.add_flag("--off", options.off, "Take as many as come");
  CLI::Option* fallback =
      command.add_flag("--default", options.by_configuration, "What the configuration says");
  off->excludes(rate)->excludes(depth)->excludes(fallback);
  fallback->excludes(rate)->excludes(depth);
  command.add_option("--note", options.note, "Why; it is kept");
  command.footer(
      "\nA payout that is refused is answered 429 PROVIDER_THROTTLED with Retry-After; nothing of it is "
      "stored, and\n"
      "its key stays unused. What was admitted before goes on, and is answered as before. What is not named\n"
      "stays as it is. It holds on all hosts within a second, and over restarts.\n\nExamples:\n"
      "  payoutctl provider throttle momo --rate 10/s --depth 5000 --note 'MTN is slow, ticket 4711'\n"
      "  payoutctl provider throttle momo --depth none\n"
      "  payoutctl provider throttle momo --off\n");
}

ExitCode throttle(Context& context, const ThrottleOptions& options) {
  const json::object body = body_of(options);
  const json::value answer =
      Client(context.socket)
          .post("/v1/admin/providers/" + percent_encoded(options.provider) + "/throttle", body);
  if (context.json) {
    context.out << json::serialize(answer) << '\n';
    return ExitCode::ok;
  }
  const json::object& now = answer.as_object();
  const std::string rate = text_at(now, "rate");
  const std::string depth = text_at(now, "depth");
  context.out << options.provider << " takes ";
  if (rate.empty() && depth.empty()) {
    context.out << "as many new payouts as come";
  } else if (!rate.empty()) {
    context.out << "at most " << rate << " new payouts of all hosts together";
    if (!depth.empty()) context.out << ", and none while " << depth << " are under way";
  } else {
    context.out << "no new payouts while " << depth << " are under way";
  }
  context.out << (text_at(now, "set_by") == "configuration" ? ", as the configuration says" : "")
              << ". All hosts know it within a second.\n";
  return ExitCode::ok;
}

ExitCode provider_show(Context& context, const std::string& name) {
  const json::value answer = Client(context.socket).get("/v1/admin/providers");
  for (const json::value& value : answer.at("providers").as_array()) {
    const json::object& provider = value.as_object();
    if (text_at(provider, "name") != name) continue;
    if (context.json) {
      context.out << json::serialize(provider) << '\n';
    } else {
      print_provider(provider, context.out, context.style);
    }
    return ExitCode::ok;
  }
  throw CommandFailed(ExitCode::refused, "There is no provider " + printable(name) +
                                             " here; `payoutctl provider list` shows which there are.");
}

}  // namespace payoutd::ctl
