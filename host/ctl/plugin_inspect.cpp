#include "ctl/plugin_inspect.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "conformance/probe.hpp"
#include "ctl/contract_words.hpp"
#include "ctl/plugin_files.hpp"
#include "providers/inspect.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;

constexpr std::size_t kWidth = 100;

std::string text_at(const json::object& object, const char* name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

/// The contract as far as it can be known, and with which settings.
struct FoundContract {
  std::optional<Contract> contract;
  std::string source;   ///< `with the settings of FILE`
  std::string problem;  ///< why there is none
  std::string account_scope;
};

FoundContract configured(const conformance::Configured& answer, std::string source) {
  FoundContract found{answer.contract, std::move(source), answer.refused, answer.account_scope};
  return found;
}

std::string needs_text(const json::object& about) {
  std::string needs;
  const json::value* list = about.if_contains("contract_needs");
  if (list == nullptr || !list->is_array()) return needs;
  for (const json::value& problem : list->get_array())
    needs += (needs.empty() ? "" : ", ") + text_at(problem.as_object(), "field");
  return needs;
}

/// With the settings given; else the defaults, if they suffice; else those of a transcript beside the plugin.
FoundContract find_contract(const PluginInspectOptions& options, const std::filesystem::path& program,
                            const std::filesystem::path& plugin, const json::object& about) {
  if (!options.settings.empty()) {
    const GivenSettings given = read_given_settings(options.settings);
    return configured(conformance::configure_once(program, plugin, given.settings, given.secrets),
                      "with the settings of " + options.settings.string());
  }
  const std::string needs = needs_text(about);
  const json::value* contract = about.if_contains("contract");
  if (needs.empty() && contract != nullptr && contract->is_object()) {
    const auto read = contract_from_json(contract->get_object());
    if (read) return {*read, "with the defaults of its settings", {}, {}};
  }
  if (const auto folder = transcripts_beside(plugin, text_at(about, "name"))) {
    try {
      const auto transcripts = conformance::read_transcripts(*folder);
      const conformance::Transcript& transcript = transcripts.front();
      return configured(conformance::configure_once(program, plugin, transcript),
                        "with the settings of " + transcript.file.filename().string());
    } catch (const conformance::TranscriptError& error) {
      return {std::nullopt, {}, error.what(), {}};
    }
  }
  std::string problem = "it depends on the settings; give them with --settings FILE.yaml";
  if (!needs.empty()) problem += " (it needs " + needs + ")";
  return {std::nullopt, {}, problem, {}};
}

std::string range_of(const json::object& setting) {
  std::string text;
  const bool is_duration = text_at(setting, "type") == "duration";
  const auto bound = [&](const char* name) {
    const json::value* value = setting.if_contains(name);
    if (value == nullptr || !value->is_int64()) return std::string();
    const std::int64_t number = value->get_int64();
    return is_duration ? duration_words(std::chrono::milliseconds(number)) : std::to_string(number);
  };
  const std::string min = bound("min");
  const std::string max = bound("max");
  if (!min.empty() && !max.empty()) return min + " to " + max;
  if (!min.empty()) return "from " + min;
  if (!max.empty()) return "to " + max;
  if (const json::value* choices = setting.if_contains("choices");
      choices != nullptr && choices->is_array()) {
    for (const json::value& choice : choices->get_array())
      text += (text.empty() ? "" : ", ") + std::string(choice.as_string());
  }
  return text;
}

void print_settings(const json::object& about, std::ostream& out, const Style& style) {
  Table table({{"SETTING"}, {"TYPE"}, {"DEFAULT"}, {"MEANING"}});
  for (const json::value& value : about.at("schema").as_array()) {
    const json::object& setting = value.as_object();
    std::string otherwise = text_at(setting, "default");
    if (otherwise.empty() && !setting.at("default").is_string()) {
      otherwise = setting.at("optional").as_bool() ? "optional" : "required";
    } else if (otherwise.empty()) {
      otherwise = "\"\"";
    }
    const std::string range = range_of(setting);
    table.add({printable(text_at(setting, "name")),
               text_at(setting, "type"),
               {printable(otherwise), otherwise == "required" ? Colour::yellow : Colour::none},
               printable(text_at(setting, "description") + (range.empty() ? "" : " (" + range + ")"))});
  }
  out << '\n' << style.paint(Colour::bold, "Settings") << '\n';
  if (table.empty())
    out << "  none\n";
  else
    table.print(out, style, "  ");
}

void print(const json::object& about, const FoundContract& found, const std::filesystem::path& plugin,
           std::ostream& out, const Style& style) {
  out << style.paint(Colour::bold, printable(text_at(about, "name") + " " + text_at(about, "version")))
      << "  " << style.paint(Colour::dim, plugin.string()) << '\n'
      << "  SDK version " << json::serialize(about.at("sdk_version")) << ", ABI "
      << printable(text_at(about, "abi_tag")) << '\n'
      << "  " << style.paint(Colour::green, "This host loads it.") << '\n';
  out << '\n'
      << style.paint(Colour::bold, "The contract")
      << (found.source.empty() ? "" : ", " + printable(found.source)) << '\n';
  if (!found.contract) {
    out << "  " << wrapped("Not known: " + printable(found.problem) + ".", kWidth - 2, 2) << '\n';
  } else {
    for (const std::string& line : contract_words(*found.contract))
      out << "  - " << wrapped(printable(line), kWidth - 4, 4) << '\n';
    if (!found.account_scope.empty())
      out << "  - References are known within \"" << printable(found.account_scope) << "\".\n";
  }
  print_settings(about, out, style);
}

}  // namespace

ExitCode plugin_inspect(Context& context, const PluginInspectOptions& options) {
  const auto program = require_provider_program(options.provider_executable);
  const auto plugin = require_plugin(options.plugin);
  const providers::Inspection inspection = providers::inspect(program, plugin);
  if (!inspection.refused.empty()) {
    if (context.json)
      context.out << json::serialize(json::object{{"refused", inspection.refused}}) << '\n';
    else
      context.err << "payoutctl: " << printable(inspection.refused) << '\n';
    return ExitCode::negative;
  }
  const FoundContract found = find_contract(options, program, plugin, inspection.about);
  if (context.json) {
    json::object about = inspection.about;
    about.erase("contract_needs");
    about.erase("contract_error");
    about["contract"] = found.contract ? json::value(to_json(*found.contract)) : json::value(nullptr);
    about["contract_source"] = found.source;
    about["contract_problem"] = found.problem;
    about["account_scope"] = found.account_scope;
    context.out << json::serialize(about) << '\n';
  } else {
    print(inspection.about, found, plugin, context.out, context.style);
  }
  // Settings that were given and are refused are the answer "no".
  return !options.settings.empty() && !found.contract ? ExitCode::negative : ExitCode::ok;
}

}  // namespace payoutd::ctl
