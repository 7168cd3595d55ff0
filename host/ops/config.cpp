#include "ops/config.hpp"

#include "ops/config_loader.hpp"

namespace payoutd::ops {
namespace {

std::string all_texts(const std::vector<ConfigProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) text.append(text.empty() ? "" : "\n").append(problem.text());
  return text;
}

}  // namespace

std::string ConfigProblem::text() const {
  std::string text = place.file;
  if (place.line > 0) text += ":" + std::to_string(place.line) + ":" + std::to_string(place.column);
  return text + ": " + (path.empty() ? "" : path + ": ") + reason;
}

ConfigError::ConfigError(std::vector<ConfigProblem> problems)
    : std::runtime_error(all_texts(problems)), problems_(std::move(problems)) {}

json::object ProviderConfig::secrets_json() const {
  json::object object;
  for (const auto& [secret_name, values] : secrets) {
    json::array texts;
    for (const auto& value : values) texts.emplace_back(value.reveal());
    object[secret_name] = std::move(texts);
  }
  return object;
}

Place Config::locate(std::string_view path) const {
  while (true) {
    if (const auto found = places.find(std::string(path)); found != places.end()) return found->second;
    const auto end = path.find_last_of(".[");
    if (path.empty()) return {file, 1, 1};
    path = end == std::string_view::npos ? std::string_view{} : path.substr(0, end);
  }
}

ConfigProblem Config::provider_problem(const std::string& provider, const Problem& problem) const {
  const auto base = join_path("providers", provider);
  if (problem.field.starts_with("http.")) {
    const auto path = join_path(base, problem.field);
    return {locate(path), path, problem.reason};
  }
  for (const std::string_view part : {"settings", "secrets"}) {
    const auto path = join_path(join_path(base, part), problem.field);
    if (places.contains(path)) return {places.at(path), path, problem.reason};
  }
  return {locate(base), problem.field.empty() ? base : join_path(join_path(base, "settings"), problem.field),
          problem.reason};
}

Config load_config(const std::filesystem::path& file, const ReadEnvironment& environment) {
  const ReadEnvironment known = with_credentials(environment);
  return ConfigLoader(file, known).load();
}

ConfigReading read_config(const std::filesystem::path& file, const ReadEnvironment& environment) {
  const ReadEnvironment known = with_credentials(environment);
  return ConfigLoader(file, known).read();
}

}  // namespace payoutd::ops
