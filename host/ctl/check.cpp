#include "ctl/check.hpp"

#include <boost/json.hpp>
#include <ostream>
#include <payoutd/contract.hpp>

#include "ctl/plugin_files.hpp"
#include "ops/config.hpp"
#include "policy/bundle.hpp"
#include "providers/http_client.hpp"
#include "providers/inspect.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

ops::ConfigProblem plugin_problem(const ops::Config& config, const std::string& provider,
                                  std::string reason) {
  const std::string path = "providers." + provider + ".plugin";
  return {config.locate(path), path, std::move(reason)};
}

/// Only where the contract can be told without the settings; else the host says it when the plugin is ready.
void check_minimum_balance(const ops::Config& config, const ops::ProviderConfig& provider,
                           const json::object& about, std::vector<ops::ConfigProblem>& problems) {
  const auto* described = about.if_contains("contract");
  if (!provider.minimum_balance || described == nullptr || !described->is_object()) return;
  const auto contract = contract_from_json(described->get_object());
  const std::string& currency = provider.minimum_balance->currency;
  if (!contract || contract->currencies.empty() || contract->decimals_of(currency)) return;
  const std::string path = "providers." + provider.name + ".minimum_balance.currency";
  problems.push_back({config.locate(path), path, "is not paid by this provider"});
}

void check_provider(const ops::Config& config, const ops::ProviderConfig& provider, const fs::path& program,
                    std::vector<ops::ConfigProblem>& problems) {
  if (!fs::exists(provider.library)) {
    problems.push_back(
        plugin_problem(config, provider.name, "there is no plugin library " + provider.library.string()));
    return;
  }
  const providers::Inspection inspection = providers::inspect(program, provider.library);
  if (!inspection.refused.empty()) {
    problems.push_back(plugin_problem(config, provider.name, inspection.refused));
    return;
  }
  const auto* described = inspection.about.if_contains("schema");
  const auto schema = described == nullptr ? Result<SettingsSchema>(Problem{"schema", "is missing"})
                                           : schema_from_json(*described);
  if (!schema) {
    problems.push_back(plugin_problem(
        config, provider.name,
        "its settings schema is not one: " + schema.error().field + " " + schema.error().reason));
    return;
  }
  check_minimum_balance(config, provider, inspection.about, problems);
  std::vector<Problem> found;
  Settings::check(*schema, provider.settings, provider.secrets_json(), found);
  providers::HttpOptions::parse(provider.http, found);
  for (const Problem& problem : found) problems.push_back(config.provider_problem(provider.name, problem));
}

// A host that ran scripts before goes on with those, so this keeps none from starting.
void check_scripts(const ops::Config& config, std::vector<ops::ConfigProblem>& warnings) {
  const fs::path& directory = config.static_config.scripts_dir;
  if (directory.empty()) return;
  try {
    policy::Bundle::build(policy::read_scripts(directory));
  } catch (const policy::ScriptError& error) {
    for (const policy::ScriptProblem& problem : error.problems())
      warnings.push_back({config.locate("scripts_dir"), "scripts_dir", problem.text()});
  }
}

json::array problems_json(const std::vector<ops::ConfigProblem>& problems) {
  json::array list;
  for (const ops::ConfigProblem& problem : problems) {
    list.push_back(json::object{{"file", problem.place.file},
                                {"line", problem.place.line},
                                {"column", problem.place.column},
                                {"path", problem.path},
                                {"reason", problem.reason}});
  }
  return list;
}

ExitCode report(Context& context, const std::string& file, const std::vector<ops::ConfigProblem>& problems,
                const std::vector<ops::ConfigProblem>& warnings) {
  if (context.json) {
    context.out << json::serialize(json::object{{"ok", problems.empty()},
                                                {"problems", problems_json(problems)},
                                                {"warnings", problems_json(warnings)}})
                << '\n';
  } else {
    for (const ops::ConfigProblem& warning : warnings) context.err << "warning: " << warning.text() << '\n';
    for (const ops::ConfigProblem& problem : problems) context.err << problem.text() << '\n';
    if (problems.empty())
      context.out << file << ": " << context.style.paint(Colour::green, "no problems") << '\n';
  }
  return problems.empty() ? ExitCode::ok : ExitCode::negative;
}

}  // namespace

ExitCode check(Context& context, const fs::path& config_file, fs::path provider_executable) {
  if (provider_executable.empty()) provider_executable = provider_program();
  std::vector<ops::ConfigProblem> problems;
  std::vector<ops::ConfigProblem> warnings;
  ops::ConfigReading reading = ops::read_config(config_file);
  const ops::Config& config = reading.config;
  problems = std::move(reading.problems);
  warnings = config.warnings;
  // What has mistakes says too little of its plugins.
  if (!problems.empty()) return report(context, config_file.string(), problems, warnings);
  if (!fs::exists(provider_executable)) {
    throw CommandFailed(ExitCode::usage, "The plugins cannot be checked: there is no " +
                                             provider_executable.string() +
                                             ". Name it with --provider-executable.");
  }
  for (const auto& [name, provider] : config.live_config.providers) {
    if (provider.enabled) check_provider(config, provider, provider_executable, problems);
  }
  check_scripts(config, warnings);
  return report(context, config_file.string(), problems, warnings);
}

}  // namespace payoutd::ctl
