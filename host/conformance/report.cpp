#include "conformance/report.hpp"

#include <boost/json.hpp>

namespace payoutd::conformance {
namespace {

namespace json = boost::json;

json::array texts(const std::vector<std::string>& list) {
  return json::array(list.begin(), list.end());
}

json::object to_json(const Run& run) {
  return {{"transcript", run.transcript}, {"life", run.life},          {"call", run.call},
          {"exchange", run.exchange},     {"family", run.family},      {"fault", run.fault},
          {"processed", run.processed},   {"reached", run.reached},    {"claim", run.claim},
          {"believed", run.believed},     {"truth", run.truth},        {"end", run.end},
          {"passed", run.passed()},       {"wrong", texts(run.wrong)}, {"notes", texts(run.notes)}};
}

json::object to_json(const TranscriptResult& transcript) {
  return {{"title", transcript.title},
          {"file", transcript.file.string()},
          {"confirmed", transcript.confirmed},
          {"problems", texts(transcript.problems)},
          {"exchanges", texts(transcript.exchanges)}};
}

}  // namespace

int Report::wrong_runs() const {
  return static_cast<int>(std::ranges::count_if(runs, [](const Run& run) { return !run.passed(); }));
}

bool Report::passed() const {
  return !interrupted && !transcripts.empty() && wrong_runs() == 0 &&
         std::ranges::all_of(transcripts, &TranscriptResult::confirmed);
}

json::object to_json(const Report& report) {
  json::array transcripts;
  for (const TranscriptResult& transcript : report.transcripts) transcripts.push_back(to_json(transcript));
  json::array runs;
  for (const Run& run : report.runs) runs.push_back(to_json(run));
  return {{"plugin", report.plugin},           {"version", report.version},
          {"passed", report.passed()},         {"wrong", report.wrong_runs()},
          {"interrupted", report.interrupted}, {"transcripts", std::move(transcripts)},
          {"runs", std::move(runs)},           {"notes", texts(report.notes)}};
}

}  // namespace payoutd::conformance
