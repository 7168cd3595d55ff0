#include "alerts.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "harness/child_process.hpp"

namespace payoutd::test {
namespace {

namespace fs = std::filesystem;

const fs::path kRules = PAYOUTD_SOURCE_DIR "/config/prometheus/payoutd.rules.yaml";
constexpr int kMinutes = 1500;  ///< longer than any alert waits

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// The rule as it stands in the file; empty if there is none of this name.
std::string rule_of(const std::string& alert) {
  const std::string all = text_of(kRules);
  const auto begin = all.find("- alert: " + alert + "\n");
  if (begin == std::string::npos) return {};
  const auto end = std::min(all.find("- alert: ", begin + 1), all.find("\n  - name: ", begin));
  return all.substr(begin, end == std::string::npos ? end : end - begin);
}

struct Samples {
  std::map<std::string, double> values;  ///< by `name{labels}`
  std::set<std::string> counters;        ///< names of those that only grow
};

Samples read(const std::string& metrics) {
  Samples samples;
  std::istringstream lines(metrics);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string hash, keyword, name, type;
    if (line.starts_with("# TYPE ")) {
      words >> hash >> keyword >> name >> type;
      if (type == "counter") samples.counters.insert(name);
      if (type == "histogram")
        for (const char* part : {"_bucket", "_sum", "_count"}) samples.counters.insert(name + part);
    }
    const auto blank = line.rfind(' ');
    if (line.empty() || line.front() == '#' || blank == std::string::npos) continue;
    samples.values[line.substr(0, blank)] = std::stod(line.substr(blank + 1));
  }
  return samples;
}

/// With the labels that a scrape adds.
std::string scraped(const std::string& series) {
  const std::string added = "instance=\"host-a\",job=\"payoutd\"";
  if (series.ends_with("}")) return series.substr(0, series.size() - 1) + "," + added + "}";
  return series + "{" + added + "}";
}

std::string number(double value) {
  std::ostringstream text;
  text.precision(15);
  text << std::fixed << value;
  return text.str();
}

std::string series_for(const std::string& rule, const std::string& before, const std::string& now) {
  const Samples first = read(before);
  const Samples last = read(now);
  std::string out = "      - {series: 'up{instance=\"host-a\",job=\"payoutd\"}', values: '" +
                    std::string(now.empty() ? "0" : "1") + "+0x" + std::to_string(kMinutes) + "'}\n";
  for (const auto& [series, value] : last.values) {
    const std::string name = series.substr(0, series.find('{'));
    if (rule.find(name) == std::string::npos || !std::isfinite(value)) continue;
    const auto found = first.values.find(series);
    const bool is_counter = last.counters.contains(name);
    const double start = found != first.values.end() ? found->second : is_counter ? 0 : value;
    double step = 0;
    if (is_counter) step = value - start;
    if (value > 0 && (name.ends_with("_age_seconds") || name.ends_with("_lag_seconds"))) step = 60;
    out += "      - {series: '" + scraped(series) + "', values: '" + number(start) + " " + number(value) +
           "+" + number(step) + "x" + std::to_string(kMinutes) + "'}\n";
  }
  return out;
}

}  // namespace

std::string why_quiet(const std::string& alert, const std::string& before, const std::string& now,
                      const fs::path& folder) {
  const std::string rule = rule_of(alert);
  if (rule.empty()) return "no shipped alert is called " + alert;
  const fs::path file = folder / "alert.yaml";
  // By itself, for promtool judges each rule of a file for each minute.
  std::ofstream(folder / "rule.yaml", std::ios::trunc)
      << "groups:\n  - name: one\n    rules:\n      " << rule << "\n";
  const fs::path log = folder / "alert.log";
  fs::remove(log);
  std::ofstream(file, std::ios::trunc)
      << "rule_files: [rule.yaml]\nevaluation_interval: 1m\ntests:\n"
      << "  - interval: 1m\n    input_series:\n"
      << series_for(rule, before, now)
      << "    promql_expr_test:\n      - expr: count(count_over_time(ALERTS{alertname=\"" << alert
      << "\",alertstate=\"firing\"}[1d])) > bool 0\n        eval_time: " << kMinutes
      << "m\n        exp_samples: [{labels: '{}', value: 1}]\n";
  ChildProcess::Start start;
  start.program = "/usr/bin/promtool";
  start.arguments = {"test", "rules", file.string()};
  start.log = log;
  ChildProcess process(start);
  return process.wait(std::chrono::seconds{60}) == 0 ? "" : text_of(log);
}

}  // namespace payoutd::test
