#include "ctl/backtest.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/json_view.hpp"
#include "ctl/replay.hpp"
#include "ctl/script_problems.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kListed = 20;

/// What was fetched, and how far it came.
struct Reach {
  std::int64_t recorded = 0;
  std::int64_t judged = 0;
  bool interrupted = false;
};

/// A line that is drawn again on a terminal; elsewhere one now and then.
class ProgressLine {
 public:
  explicit ProgressLine(Context& context) : context_(context) {}
  ~ProgressLine() {
    if (context_.live) context_.err << "\r\033[K" << std::flush;
  }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void draw(const Reach& reach, std::int64_t changes) {
    const auto now = Clock::now();
    if (!context_.live && now - last_ < std::chrono::seconds(5)) return;
    last_ = now;
    context_.err << (context_.live ? "\r\033[K" : "") << reach.judged << " of " << reach.recorded
                 << " decisions judged again, " << changes << " come out otherwise"
                 << (context_.live ? "" : "\n") << std::flush;
  }

 private:
  Context& context_;
  Clock::time_point last_ = Clock::now();
};

std::shared_ptr<policy::Bundle> build(Context& context, const std::filesystem::path& directory) {
  policy::ScriptFiles files = require_scripts(context, directory);
  try {
    return policy::Bundle::build(std::move(files));
  } catch (const policy::ScriptError& error) {
    print_problems(context, directory, error.problems());
    throw CommandFailed(ExitCode::usage,
                        "A host would not take these scripts; correct them first (payoutctl scripts test " +
                            directory.string() + ").");
  }
}

// Decisions that are recorded meanwhile are left out, or a busy host's backtest would never end.
Reach fetch(Context& context, const BacktestOptions& options, Replay& replay) {
  Client client(context.socket);
  const std::string since = "since=" + percent_encoded(options.since);
  Reach reach;
  reach.recorded = number_at(client.get("/v1/admin/decisions/count?" + since).as_object(), "count");
  ProgressLine progress(context);
  std::int64_t next = 0;
  while (reach.judged < reach.recorded) {
    const json::value page =
        client.get("/v1/admin/decisions?" + since + "&limit=" + std::to_string(options.page) +
                   "&after=" + std::to_string(next));
    for (const json::value& decision : array_at(page.as_object(), "decisions")) {
      if (reach.judged == reach.recorded) break;
      replay.add(decision.as_object());
      ++reach.judged;
    }
    progress.draw(reach, replay.changes());
    next = number_at(page.as_object(), "next");
    if (next == 0) break;
    if (interrupted()) {
      reach.interrupted = true;
      break;
    }
  }
  return reach;
}

// --- for people

std::string said_text(const Replay::Said& said) {
  std::string text = said.verdict;
  if (!said.rule.empty()) text += " by " + said.rule;
  if (!said.reason.empty()) text += ": " + said.reason;
  return printable(text);
}

std::string_view words_of(ReplayChange change) {
  switch (change) {
    case ReplayChange::held:
      return "held, and were not";
    case ReplayChange::denied:
      return "denied, and were not";
    case ReplayChange::flagged:
      return "flagged, and were not";
    case ReplayChange::released:
      return "let pass, and were held or denied";
    case ReplayChange::unflagged:
      return "let pass without a flag";
    case ReplayChange::other_reason:
      return "as they were, but for another reason";
  }
  return "";
}

void print_screens(const Replay& replay, const BacktestOptions& options, std::ostream& out,
                   const Style& style) {
  const Replay::Screens& screens = replay.screens;
  if (screens.judged == 0) return;
  out << "\nPayouts were judged " << screens.judged << " times; " << screens.changed
      << " come out otherwise.\n";
  if (screens.changed == 0) return;
  Table table({{"PAYOUTS WOULD BE"}, {"COUNT", true}, {"SUM"}});
  std::size_t listable = 0;
  for (const auto& [change, payouts] : screens.changes) {
    if (change != ReplayChange::other_reason) listable += payouts.ids.size();
    table.add({std::string(words_of(change)), std::to_string(payouts.ids.size()), payouts.sums.text()});
  }
  table.print(out, style, "  ");
  if (screens.list.empty()) return;
  Table list({{"PAYOUT"}, {"AT (UTC)"}, {"AMOUNT", true}, {"BEFORE"}, {"NOW"}, {"WHY"}});
  for (const Replay::Listed& one : screens.list)
    list.add({one.payout,
              time_text(one.at),
              one.amount + " " + one.currency,
              said_text(one.before),
              {said_text(one.after), Colour::yellow},
              printable(one.text)});
  out << '\n';
  list.print(out, style, "  ");
  if (screens.list.size() < listable && !options.all)
    out << "  … and " << listable - screens.list.size() << " more; --all lists them all.\n";
}

std::string from_to(std::int64_t before, std::int64_t after) {
  return std::to_string(before) + " → " + std::to_string(after);
}

void print_schedules(const Replay& replay, std::ostream& out, const Style& style) {
  if (replay.schedules.empty()) return;
  Table table({{"SCHEDULE OF"},
               {"QUESTIONS", true},
               {"OTHERWISE", true},
               {"WAITING IN ALL"},
               {"SUBMITS"},
               {"LOOK-UPS"}});
  for (const auto& [provider, one] : replay.schedules) {
    table.add({printable(provider), std::to_string(one.questions), std::to_string(one.changed),
               duration_text(milliseconds(one.before_ms)) + " → " + duration_text(milliseconds(one.after_ms)),
               from_to(one.submits_before, one.submits_after),
               from_to(one.look_ups_before, one.look_ups_after)});
  }
  out << '\n';
  table.print(out, style);
  for (const auto& [provider, one] : replay.schedules) {
    if (one.not_reached > 0)
      out << "  " << printable(provider) << ": " << one.not_reached
          << " later questions would not have come up, because it gives up or asks a human earlier.\n";
    if (one.built_in > 0)
      out << "  " << printable(provider) << ": " << one.built_in
          << " questions would be left to the built-in schedule; they are in no sum.\n";
  }
}

void print_routes(const Replay& replay, std::ostream& out, const Style& style) {
  const Replay::Routes& routes = replay.routes;
  if (routes.judged == 0) return;
  out << "\nA provider was chosen for " << routes.judged << " payouts; " << routes.changed
      << " come out otherwise.\n";
  if (routes.elsewhere.empty()) return;
  Table table({{"FROM"}, {"TO"}, {"PAYOUTS", true}, {"SUM"}});
  for (const auto& [way, payouts] : routes.elsewhere)
    table.add({printable(way.first), printable(way.second), std::to_string(payouts.ids.size()),
               payouts.sums.text()});
  table.print(out, style, "  ");
}

// What the numbers do not show.
void print_doubts(const Replay& replay, std::ostream& out, const Style& style) {
  if (!replay.unrecorded.empty()) {
    out << '\n'
        << style.paint(Colour::yellow, "Not recorded")
        << ", because no active rule needed it then; rules that do were asked without:\n";
    for (const auto& [feature, count] : replay.unrecorded)
      out << "  " << feature << ": missing in " << count << " decisions\n";
    out << "  Let the candidate run in shadow for a while: then what it needs is recorded too.\n";
  }
  if (replay.failures > 0)
    out << '\n'
        << style.paint(Colour::red,
                       "The candidate's scripts went wrong " +
                           (replay.failures == 1 ? "once" : std::to_string(replay.failures) + " times"))
        << ". The first: " << printable(replay.first_failure) << '\n';
  if (replay.unreadable > 0)
    out << '\n'
        << style.paint(Colour::red, std::to_string(replay.unreadable) + " records could not be read")
        << ". The first: " << printable(replay.first_unreadable) << '\n';
}

void print(const Replay& replay, const Reach& reach, const policy::Bundle& bundle,
           const BacktestOptions& options, std::ostream& out, const Style& style) {
  out << "Bundle " << short_hash(bundle.hash()) << " (" << options.directory.string() << ") over "
      << reach.judged << " decisions of the last " << printable(options.since) << ".\n";
  if (reach.judged == 0) {
    out << "Nothing was decided by scripts in this time.\n";
    return;
  }
  if (reach.interrupted)
    out << style.paint(Colour::yellow, "Interrupted: ") << reach.recorded - reach.judged
        << " decisions were not judged again.\n";
  if (replay.identical()) {
    out << style.paint(Colour::green, "identical") << (reach.interrupted ? " so far" : "")
        << ": every decision comes out as it was recorded, byte for byte.\n";
    return;
  }
  print_screens(replay, options, out, style);
  print_schedules(replay, out, style);
  print_routes(replay, out, style);
  print_doubts(replay, out, style);
  out << "\nEach decision was judged by itself, with the history that was recorded: what the candidate would "
         "have held\nor let pass before it is not in it.\n";
}

// --- for programs

json::object said_json(const Replay::Said& said) {
  return {{"verdict", said.verdict}, {"rule", said.rule}, {"reason", said.reason}};
}

json::object payouts_json(const Replay::Payouts& payouts) {
  return {{"payouts", payouts.ids.size()}, {"sums", payouts.sums.json()}};
}

json::object screens_json(const Replay::Screens& screens) {
  json::object changes;
  for (const ReplayChange change : kReplayChanges) {
    const auto found = screens.changes.find(change);
    changes[to_string(change)] =
        payouts_json(found == screens.changes.end() ? Replay::Payouts{} : found->second);
  }
  json::array list;
  for (const Replay::Listed& one : screens.list)
    list.push_back(json::object{{"change", to_string(one.change)},
                                {"payout", one.payout},
                                {"at", one.at},
                                {"amount", one.amount},
                                {"currency", one.currency},
                                {"before", said_json(one.before)},
                                {"after", said_json(one.after)},
                                {"text", one.text}});
  return {{"judged", screens.judged},
          {"changed", screens.changed},
          {"changes", std::move(changes)},
          {"payouts", std::move(list)}};
}

json::array schedules_json(const Replay& replay) {
  json::array all;
  for (const auto& [provider, one] : replay.schedules)
    all.push_back(json::object{{"provider", provider},
                               {"questions", one.questions},
                               {"changed", one.changed},
                               {"waiting_before_ms", one.before_ms},
                               {"waiting_after_ms", one.after_ms},
                               {"submits_before", one.submits_before},
                               {"submits_after", one.submits_after},
                               {"look_ups_before", one.look_ups_before},
                               {"look_ups_after", one.look_ups_after},
                               {"not_reached", one.not_reached},
                               {"built_in", one.built_in}});
  return all;
}

json::object routes_json(const Replay::Routes& routes) {
  json::array elsewhere;
  for (const auto& [way, payouts] : routes.elsewhere) {
    json::object one = payouts_json(payouts);
    one["from"] = way.first;
    one["to"] = way.second;
    elsewhere.push_back(std::move(one));
  }
  return {{"judged", routes.judged}, {"changed", routes.changed}, {"elsewhere", std::move(elsewhere)}};
}

json::object document(const Replay& replay, const Reach& reach, const policy::Bundle& bundle,
                      const BacktestOptions& options) {
  json::object unrecorded;
  for (const auto& [feature, count] : replay.unrecorded) unrecorded[feature] = count;
  return {{"bundle", bundle.hash()},
          {"directory", options.directory.string()},
          {"since", options.since},
          {"recorded", reach.recorded},
          {"judged", reach.judged},
          {"interrupted", reach.interrupted},
          {"identical", replay.identical() && !reach.interrupted},
          {"changed", replay.changes()},
          {"screen", screens_json(replay.screens)},
          {"backoff", schedules_json(replay)},
          {"route", routes_json(replay.routes)},
          {"unrecorded", std::move(unrecorded)},
          {"failures", replay.failures},
          {"first_failure", replay.first_failure},
          {"unreadable", replay.unreadable},
          {"first_unreadable", replay.first_unreadable}};
}

}  // namespace

ExitCode backtest(Context& context, const BacktestOptions& options) {
  const auto bundle = build(context, options.directory);
  const std::size_t listed = options.all ? std::numeric_limits<std::size_t>::max() : kListed;
  Replay replay(bundle, listed);
  const Reach reach = fetch(context, options, replay);
  if (context.json) {
    context.out << json::serialize(document(replay, reach, *bundle, options)) << '\n';
  } else {
    print(replay, reach, *bundle, options, context.out, context.style);
  }
  if (reach.interrupted) return ExitCode::interrupted;
  const bool changed = replay.changes() + replay.built_in() > 0;
  return options.fail_on_change && changed ? ExitCode::negative : ExitCode::ok;
}

}  // namespace payoutd::ctl
