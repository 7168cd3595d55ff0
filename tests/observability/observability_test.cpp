#include <yaml-cpp/yaml.h>

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>

#include "ops/metrics.hpp"

using namespace payoutd;
namespace fs = std::filesystem;

namespace {

const fs::path kSource = PAYOUTD_SOURCE_DIR;

std::string read(const fs::path& path) {
  std::ifstream file(kSource / path);
  INFO(path);
  REQUIRE(file);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<ops::MetricDescription> described() {
  return ops::Metrics({{"momo"}, {"/v1/payouts"}, {"CI"}, {"SENT"}}).described();
}

/// The series that an expression may name: a histogram has three.
std::set<std::string> known_series() {
  std::set<std::string> known = {"up"};
  for (const auto& metric : described()) {
    known.insert(metric.name);
    if (metric.type != "histogram") continue;
    for (const char* suffix : {"_bucket", "_sum", "_count"}) known.insert(metric.name + suffix);
  }
  return known;
}

/// The names of series in a PromQL expression: what is left without texts, matchers, groupings, functions,
/// words of the language and numbers.
std::set<std::string> series_in(std::string expression) {
  expression = std::regex_replace(expression, std::regex(R"("[^"]*")"), "");
  expression = std::regex_replace(expression, std::regex(R"(\{[^}]*\})"), "");
  expression = std::regex_replace(expression, std::regex(R"(\[[^\]]*\])"), "");
  expression = std::regex_replace(expression, std::regex(R"(\b(by|on|ignoring|without)\s*\([^)]*\))"), " ");
  std::set<std::string> names;
  const std::regex name(R"(([a-zA-Z_:][a-zA-Z0-9_:]*)\s*(\(?))");
  for (auto at = std::sregex_iterator(expression.begin(), expression.end(), name);
       at != std::sregex_iterator(); ++at) {
    const std::string word = (*at)[1];
    const bool is_function = (*at)[2].length() > 0;
    if (!is_function && word != "and" && word != "or" && word != "unless") names.insert(word);
  }
  return names;
}

/// A heading's anchor, as GitHub makes it.
std::set<std::string> anchors_of(const fs::path& document) {
  std::set<std::string> anchors;
  std::istringstream lines(read(document));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("#")) continue;
    std::string anchor;
    for (const char c : line.substr(line.find(' ') + 1)) {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_')
        anchor += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      else if (c == ' ')
        anchor += '-';
    }
    anchors.insert(anchor);
  }
  return anchors;
}

std::string reference() {
  std::ostringstream text;
  text << "# Metrics\n"
          "All that `/metrics` can show; a series appears with its first use. Labels take closed sets of "
          "values:\n"
          "anything else counts as `other`. What is watched, and at which threshold, stands in\n"
          "[payoutd.rules.yaml](../config/prometheus/payoutd.rules.yaml), a dashboard in\n"
          "[payoutd.json](../config/grafana/payoutd.json). This page is generated: see "
          "tests/observability.\n\n"
          "| metric | type | labels | what it says |\n|---|---|---|---|\n";
  for (const auto& metric : described()) {
    std::string labels;
    for (const auto& label : metric.labels) labels.append(labels.empty() ? "" : ", ").append(label);
    text << "| `" << metric.name << "` | " << metric.type << " | " << labels << " | " << metric.help
         << " |\n";
  }
  return text.str();
}

}  // namespace

TEST_CASE("docs/metrics.md lists the metrics that there are", "[observability]") {
  const fs::path page = kSource / "docs/metrics.md";
  if (std::getenv("PAYOUTD_WRITE_DOCS") != nullptr) std::ofstream(page) << reference();
  INFO("to write it anew: PAYOUTD_WRITE_DOCS=1 observability_tests");
  CHECK(read("docs/metrics.md") == reference());
}

TEST_CASE("every alert watches metrics that there are and points to a section that there is",
          "[observability]") {
  const YAML::Node rules = YAML::Load(read("config/prometheus/payoutd.rules.yaml"));
  const auto known = known_series();
  const auto anchors = anchors_of("docs/operations.md");
  int alerts = 0;
  for (const auto& group : rules["groups"])
    for (const auto& rule : group["rules"]) {
      ++alerts;
      INFO("alert " << rule["alert"].as<std::string>());
      const auto names = series_in(rule["expr"].as<std::string>());
      CHECK_FALSE(names.empty());
      for (const auto& name : names) {
        INFO("metric " << name);
        CHECK(known.contains(name));
      }
      const auto severity = rule["labels"]["severity"].as<std::string>();
      CHECK((severity == "page" || severity == "ticket"));
      CHECK_FALSE(rule["annotations"]["summary"].as<std::string>().empty());
      CHECK_FALSE(rule["annotations"]["description"].as<std::string>().empty());
      const std::string page = "docs/operations.md#";
      const auto runbook = rule["annotations"]["runbook"].as<std::string>();
      CHECK(runbook.starts_with(page));
      INFO("runbook " << runbook);
      CHECK(anchors.contains(runbook.substr(page.size())));
    }
  CHECK(alerts > 30);
}

TEST_CASE("every alert is seen to fire and to stay quiet", "[observability]") {
  const YAML::Node rules = YAML::Load(read("config/prometheus/payoutd.rules.yaml"));
  const YAML::Node tests = YAML::Load(read("tests/observability/alerts.test.yaml"));
  std::set<std::string> fire, quiet;
  for (const auto& test : tests["tests"])
    for (const auto& expected : test["alert_rule_test"])
      (expected["exp_alerts"].size() > 0 ? fire : quiet).insert(expected["alertname"].as<std::string>());
  for (const auto& group : rules["groups"])
    for (const auto& rule : group["rules"]) {
      const auto alert = rule["alert"].as<std::string>();
      INFO(alert);
      CHECK(fire.contains(alert));
      CHECK(quiet.contains(alert));
    }
}

TEST_CASE("every panel of the dashboard shows metrics that there are, and every metric has one",
          "[observability]") {
  const auto dashboard = boost::json::parse(read("config/grafana/payoutd.json")).as_object();
  const auto known = known_series();
  std::set<std::string> shown;
  for (const auto& panel : dashboard.at("panels").as_array()) {
    const auto* targets = panel.as_object().if_contains("targets");
    if (targets == nullptr) continue;
    for (const auto& target : targets->as_array()) {
      const std::string expression(target.at("expr").as_string());
      INFO(expression);
      for (const auto& name : series_in(expression)) {
        INFO("metric " << name);
        CHECK(known.contains(name));
        shown.insert(name);
      }
    }
  }
  for (const auto& metric : described()) {
    if (metric.name == "process_start_time_seconds") continue;
    INFO(metric.name);
    CHECK((shown.contains(metric.name) || shown.contains(metric.name + "_bucket")));
  }
}

TEST_CASE("names of series are found in expressions", "[observability]") {
  using Names = std::set<std::string>;
  CHECK(series_in(R"(sum by (a, b) (rate(x_total{c="and y"}[5m])) / on (instance) z > 0.5)") ==
        Names{"x_total", "z"});
  CHECK(series_in("histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m]))) and ignoring (state) q == 1") ==
        Names{"x_bucket", "q"});
  CHECK(series_in("(rate(a[1m]) or rate(b[1m])) unless c") == Names{"a", "b", "c"});
}
