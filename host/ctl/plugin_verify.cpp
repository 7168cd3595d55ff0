#include "ctl/plugin_verify.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "conformance/kit.hpp"
#include "ctl/plugin_files.hpp"
#include "providers/inspect.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
using conformance::Report;
using conformance::Run;

constexpr std::size_t kWidth = 100;
constexpr std::size_t kMostClaims = 3;
constexpr std::size_t kClaimWidth = 52;

/// The runs of one kind of fault at one place.
struct Group {
  const Run* first = nullptr;
  int runs = 0;
  int wrong = 0;
  std::vector<std::string> claims;
  std::vector<std::string> ends;
};

/// At most `width` characters, which are taken to be one byte each: claims are the plugin's kinds and codes.
std::string shortened(std::string text, std::size_t width) {
  if (text.size() > width) text.replace(width - 1, std::string::npos, "…");
  return text;
}

/// In the order of a payment's life.
int rank(const Run& run) {
  constexpr std::array<std::string_view, 8> kLives{"good",    "answer lost", "request lost", "refused",
                                                   "renewed", "next payout", "two at once",  "callback"};
  constexpr std::array<std::string_view, 4> kCalls{"prepare", "submit", "query", "webhook"};
  const auto at = [](const auto& list, const std::string& word) {
    return static_cast<int>(std::ranges::find(list, word) - list.begin());
  };
  return at(kLives, run.life) * 10 + at(kCalls, run.call);
}

void add_once(std::vector<std::string>& list, const std::string& text) {
  if (!text.empty() && std::ranges::count(list, text) == 0) list.push_back(text);
}

std::string joined(const std::vector<std::string>& list) {
  std::string text;
  for (std::size_t i = 0; i < std::min(list.size(), kMostClaims); ++i) text += (i == 0 ? "" : ", ") + list[i];
  return list.size() > kMostClaims ? text + ", …" : text;
}

std::string claim_text(const Run& run) {
  return run.believed.empty() ? run.claim : run.claim + " (taken as " + run.believed + ")";
}

std::vector<Group> grouped(const Report& report, bool all) {
  std::vector<Group> groups;
  std::map<std::string, std::size_t> places;
  for (const Run& run : report.runs) {
    const std::string key =
        run.life + "|" + run.call + "|" + run.exchange + "|" + run.family + "|" + run.truth;
    const auto [place, is_new] = places.try_emplace(key, groups.size());
    if (is_new || all) {
      place->second = groups.size();
      groups.push_back({&run, 0, 0, {}, {}});
    }
    Group& group = groups[place->second];
    ++group.runs;
    group.wrong += run.passed() ? 0 : 1;
    add_once(group.claims, claim_text(run));
    add_once(group.ends, run.end);
  }
  std::ranges::sort(groups, {}, [&](const Group& group) {
    return std::pair(rank(*group.first), group.first - report.runs.data());
  });
  return groups;
}

void print_table(const Report& report, bool all, std::ostream& out, const Style& style) {
  Table table({{"LIFE"},
               {"CALL"},
               {"EXCHANGE"},
               {"FAULT"},
               {"RUNS", true},
               {"CLAIMED"},
               {"TRUE"},
               {"ENDS"},
               {"VERDICT"}});
  for (const Group& group : grouped(report, all)) {
    const Run& run = *group.first;
    const bool good = group.wrong == 0;
    std::string verdict = good ? "right" : "WRONG";
    if (!good && group.runs > 1) verdict += " in " + std::to_string(group.wrong);
    table.add({{run.life, Colour::dim},
               run.call,
               printable(run.exchange),
               printable(all ? run.family + ": " + run.fault : run.family),
               std::to_string(group.runs),
               shortened(printable(joined(group.claims)), kClaimWidth),
               run.truth,
               joined(group.ends),
               {verdict, good ? Colour::green : Colour::red}});
  }
  table.print(out, style);
}

void print_wrong(const Report& report, std::ostream& out, const Style& style) {
  for (const Run& run : report.runs) {
    if (run.passed()) continue;
    std::string head = run.call + ", " + run.exchange + ", " + run.family + ": " + run.fault;
    head += run.processed ? " (processed)" : " (not processed)";
    if (run.life != "good") head = run.life + ", " + head;
    out << '\n'
        << style.paint(Colour::red, "WRONG  ") << printable(head) << '\n'
        << "       in \"" << printable(run.transcript) << "\"; the plugin said " << printable(claim_text(run))
        << ", the truth is: " << run.truth << ", the payout ended " << (run.end.empty() ? "nowhere" : run.end)
        << '\n';
    for (const std::string& why : run.wrong)
      out << "       " << wrapped(printable(why), kWidth - 7, 7) << '\n';
    for (const std::string& note : run.notes)
      out << "       " << style.paint(Colour::dim, wrapped(printable(note), kWidth - 7, 7)) << '\n';
  }
}

void print_transcripts(const Report& report, std::ostream& out, const Style& style) {
  for (const auto& transcript : report.transcripts) {
    const std::string verdict = transcript.confirmed ? style.paint(Colour::green, "confirmed")
                                                     : style.paint(Colour::red, "NOT CONFIRMED");
    out << "  " << verdict << "  " << printable(transcript.title) << "  "
        << style.paint(Colour::dim, transcript.file.filename().string()) << '\n';
    std::string exchanges;
    for (const std::string& exchange : transcript.exchanges)
      exchanges += (exchanges.empty() ? "" : ", ") + exchange;
    out << "             " << style.paint(Colour::dim, wrapped(printable(exchanges), kWidth - 13, 13))
        << '\n';
    for (const std::string& problem : transcript.problems)
      out << "             " << wrapped(printable(problem), kWidth - 13, 13) << '\n';
  }
}

/// Runs that never came to the exchange that they were meant for: nothing is known from them.
int missed(const Report& report) {
  return static_cast<int>(std::ranges::count_if(report.runs, [](const Run& run) { return !run.reached; }));
}

void print(const Report& report, const PluginVerifyOptions& options, std::chrono::milliseconds took,
           std::ostream& out, const Style& style) {
  out << style.paint(Colour::bold, report.plugin + " " + report.version) << ", with nothing going wrong:\n";
  print_transcripts(report, out, style);
  if (!report.runs.empty()) {
    out << '\n';
    print_table(report, options.all, out, style);
  }
  print_wrong(report, out, style);
  std::vector<std::string> notes;
  for (const std::string& note : report.notes) add_once(notes, note);
  if (const int count = missed(report); count > 0)
    notes.push_back(std::to_string(count) +
                    " faults were meant for an exchange that the plugin did not come to.");
  if (!notes.empty()) out << "\nNotes\n";
  for (const std::string& note : notes) out << "  - " << wrapped(printable(note), kWidth - 4, 4) << '\n';
  out << '\n';
  const int wrong = report.wrong_runs();
  const std::string runs = std::to_string(report.runs.size()) + " runs in " + duration_text(took);
  if (report.interrupted) {
    out << style.paint(Colour::yellow, "Interrupted") << " after " << runs << ".\n";
  } else if (report.passed()) {
    out << style.paint(Colour::green, "Passed") << ": " << runs
        << ", and nothing that the plugin claimed about the money was wrong.\n";
  } else if (wrong > 0) {
    out << style.paint(Colour::red, "Failed") << ": in " << wrong << " of " << runs
        << " a claim was wrong or a rule was broken.\n";
  } else {
    out << style.paint(Colour::red, "Failed") << ": a transcript does not end with its payment confirmed.\n";
  }
}

/// One line that is drawn over itself, on a terminal only.
std::function<void(const conformance::Progress&)> progress_line(Context& context) {
  if (!context.live) return {};
  return [&context, last = std::make_shared<std::chrono::steady_clock::time_point>()](
             const conformance::Progress& progress) {
    const auto now = std::chrono::steady_clock::now();
    const bool at_end = progress.done == progress.planned;
    if (!at_end && now - *last < std::chrono::milliseconds(100)) return;
    *last = now;
    context.err << "\r" << progress.done << " of " << progress.planned << " runs, " << progress.wrong
                << " wrong   " << std::flush;
  };
}

std::filesystem::path find_transcripts(const PluginVerifyOptions& options,
                                       const std::filesystem::path& program,
                                       const std::filesystem::path& plugin) {
  if (!options.transcripts.empty()) return options.transcripts;
  const auto inspection = providers::inspect(program, plugin);
  if (!inspection.refused.empty()) throw CommandFailed(ExitCode::negative, inspection.refused);
  const auto name = json::value_to<std::string>(inspection.about.at("name"));
  if (auto beside = transcripts_beside(plugin, name)) return *beside;
  throw CommandFailed(ExitCode::usage, plugin.string() +
                                           ": there are no transcripts beside it (transcripts/" + name +
                                           "/*.json); name their folder with --transcripts");
}

}  // namespace

ExitCode plugin_verify(Context& context, const PluginVerifyOptions& options) {
  conformance::VerifyOptions verify;
  verify.provider_executable = require_provider_program(options.provider_executable);
  verify.plugin = require_plugin(options.plugin);
  if (!options.settings.empty()) {
    GivenSettings given = read_given_settings(options.settings);
    verify.settings = std::move(given.settings);
    verify.secrets = std::move(given.secrets);
  }
  verify.jobs = options.jobs;
  verify.on_progress = progress_line(context);
  verify.interrupted = &interrupted();
  watch_interrupts();
  const auto started = std::chrono::steady_clock::now();
  Report report;
  try {
    verify.transcripts =
        conformance::read_transcripts(find_transcripts(options, verify.provider_executable, verify.plugin));
    report = conformance::verify(std::move(verify));
  } catch (const conformance::TranscriptError& error) {
    throw CommandFailed(ExitCode::usage, error.what());
  } catch (const conformance::CannotVerify& error) {
    throw CommandFailed(ExitCode::negative, error.what());
  }
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  if (context.live) context.err << "\r\033[K" << std::flush;
  if (context.json) {
    context.out << json::serialize(conformance::to_json(report)) << '\n';
  } else {
    print(report, options, took, context.out, context.style);
  }
  if (report.interrupted) return ExitCode::interrupted;
  return report.passed() ? ExitCode::ok : ExitCode::negative;
}

}  // namespace payoutd::ctl
