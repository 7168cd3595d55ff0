#include "ctl/config_commands.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <ostream>
#include <sstream>

#include "ctl/client.hpp"
#include "ctl/json_view.hpp"
#include "ctl/output.hpp"
#include "ops/config.hpp"

namespace payoutd::ctl {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

/// Of docs/configuration.md.
constexpr std::string_view kSection = "settings (payoutctl config reference)";

void print_json(Context& context, const json::value& value) {
  context.out << json::serialize(value) << '\n';
}

ops::ReadEnvironment with_profile(const std::string& profile) {
  if (profile.empty()) return ops::process_environment;
  return [profile](const std::string& name) {
    return name == "ENV" ? std::optional(profile) : ops::process_environment(name);
  };
}

/// What files say, though this user may not read all of their secrets.
ops::ConfigReading read_files(Context& context, const fs::path& file, const std::string& profile) {
  std::error_code ignored;
  if (!fs::exists(file, ignored))
    throw CommandFailed(ExitCode::usage, file.string() + ": there is no such file");
  ops::ConfigReading reading = ops::read_config(file, with_profile(profile));
  if (reading.config.settings.empty()) throw CommandFailed(ExitCode::usage, reading.problems.front().text());
  if (!reading.problems.empty())
    context.err << file.string() << (profile.empty() ? "" : " (" + profile + ")") << " has "
                << reading.problems.size()
                << " problem(s), such as secrets that cannot be read here; the first:\n  "
                << reading.problems.front().text() << '\n';
  return reading;
}

json::object setting_json(const ops::EffectiveSetting& one) {
  json::object row{{"path", one.path}};
  row["value"] = one.value ? json::value(*one.value) : json::value(nullptr);
  row["source"] = ops::to_string(one.source);
  row["file"] = one.place.file.empty() ? json::value(nullptr) : json::value(one.place.file);
  row["line"] = one.place.line;
  row["live"] = one.live;
  row["secret"] = one.is_secret;
  row["fingerprint"] = nullptr;  // its key is the host's
  return row;
}

json::array settings_of(const ops::Config& config) {
  json::array all;
  for (const ops::EffectiveSetting& one : config.settings) all.push_back(setting_json(one));
  return all;
}

bool wanted(const json::object& row, const ConfigShowOptions& options) {
  const std::string path = text_at(row, "path");
  const std::string source = text_at(row, "source");
  if (options.written && (source == "default" || source == "unset")) return false;
  return options.prefix.empty() || path == options.prefix || path.starts_with(options.prefix + ".") ||
         path.starts_with(options.prefix + "[");
}

std::string source_text(const json::object& row) {
  const std::string source = text_at(row, "source");
  if (source == "unset") return "not set";
  if (source == "default") return source;
  const std::int64_t line = number_at(row, "line");
  return text_at(row, "file") + (line > 0 ? ":" + std::to_string(line) : std::string());
}

json::object running_or_files(Context& context, const ConfigShowOptions& options) {
  if (!options.files && options.profile.empty()) {
    try {
      Client client(context.socket, std::chrono::seconds(5));
      const json::value answer = client.get("/v1/admin/config");
      return answer.as_object();
    } catch (const HostUnreachable&) {
      context.err << "No host answers on " << context.socket << "; this is what the files say.\n";
    }
  }
  const ops::ConfigReading reading = read_files(context, options.config, options.profile);
  return {{"file", reading.config.file},
          {"environment", to_string(reading.config.static_config.environment)},
          {"loaded_at", nullptr},
          {"settings", settings_of(reading.config)}};
}

}  // namespace

ExitCode config_show(Context& context, const ConfigShowOptions& options) {
  json::object config = running_or_files(context, options);
  json::array chosen;
  for (const json::value& value : array_at(config, "settings"))
    if (wanted(value.as_object(), options)) chosen.push_back(value);
  if (context.json) {
    config["settings"] = std::move(chosen);
    print_json(context, config);
    return ExitCode::ok;
  }
  const std::string loaded = text_at(config, "loaded_at");
  context.out << text_at(config, "file") << ", " << text_at(config, "environment")
              << (loaded.empty() ? std::string(", as the files are")
                                 : ", as it runs since " + time_text(loaded) + " UTC")
              << "\n\n";
  Table table({{"SETTING"}, {"VALUE"}, {"FROM"}, {"AT A RELOAD"}});
  for (const json::value& value : chosen) {
    const json::object& row = value.as_object();
    const bool written = text_at(row, "source") != "default" && text_at(row, "source") != "unset";
    std::string shown = text_at(row, "value");
    if (const std::string print = text_at(row, "fingerprint"); !print.empty()) shown += " [" + print + "]";
    table.add({text_at(row, "path"),
               {shown, written ? Colour::bold : Colour::none},
               {source_text(row), Colour::dim},
               {true_at(row, "live") ? "taken over" : "needs a restart", Colour::dim}});
  }
  if (table.empty())
    throw CommandFailed(ExitCode::usage, "There is no setting " + printable(options.prefix) + ".");
  table.print(context.out, context.style);
  return ExitCode::ok;
}

namespace {

json::value shown(const std::optional<std::string>& value) {
  return value ? json::value(*value) : json::value(nullptr);
}

ExitCode print_differences(Context& context, const json::array& differences, const std::string& left,
                           const std::string& right, bool restart_matters) {
  std::vector<Table::Column> columns{{"SETTING"}, {left}, {right}};
  if (restart_matters) columns.push_back({"AT A RELOAD"});
  Table table(std::move(columns));
  for (const json::value& value : differences) {
    const json::object& row = value.as_object();
    const bool restart = true_at(row, "needs_restart");
    const auto side = [&](const char* name) {
      const auto* one = row.if_contains(name);
      return one == nullptr || one->is_null() ? std::string("–") : text_at(row, name);
    };
    std::vector<Table::Cell> cells{
        {text_at(row, "path")}, {side("left"), Colour::red}, {side("right"), Colour::green}};
    if (restart_matters)
      cells.push_back({restart ? "needs a restart" : "taken over", restart ? Colour::yellow : Colour::none});
    table.add(std::move(cells));
  }
  if (table.empty()) {
    context.out << "Nothing differs.\n";
    return ExitCode::ok;
  }
  table.print(context.out, context.style);
  return ExitCode::negative;
}

ExitCode diff_running(Context& context) {
  const json::value answer = Client(context.socket).get("/v1/admin/config/diff");
  const json::array& problems = array_at(answer.as_object(), "problems");
  const json::array& found = array_at(answer.as_object(), "differences");
  if (context.json) {
    print_json(context, answer);
    return problems.empty() && found.empty() ? ExitCode::ok : ExitCode::negative;
  }
  for (const json::value& value : problems) {
    const json::object& one = value.as_object();
    context.err << text_at(one, "file") << ":" << number_at(one, "line") << ":" << number_at(one, "column")
                << ": " << text_at(one, "path") << ": " << text_at(one, "reason") << '\n';
  }
  if (!problems.empty()) {
    context.err << "The host would refuse these files; what runs goes on.\n";
    return ExitCode::negative;
  }
  json::array rows;
  for (const json::value& value : found) {
    json::object row = value.as_object();
    row["left"] = row.at("running");
    row["right"] = row.at("file");
    rows.push_back(std::move(row));
  }
  const ExitCode code = print_differences(context, rows, "RUNS", "FILES", true);
  if (code == ExitCode::negative)
    context.out << "\n`payoutctl config reload` takes over what it can; a secret may differ though it looks "
                   "the same.\n";
  return code;
}

}  // namespace

ExitCode config_diff(Context& context, const ConfigDiffOptions& options) {
  if (options.files.empty() && options.profiles.empty()) return diff_running(context);
  if (options.files.size() > 2 || options.profiles.size() > 2 ||
      (options.profiles.size() == 1 && options.files.empty()))
    throw CommandFailed(
        ExitCode::usage,
        "Name one or two files, or two profiles: config diff OTHER.yaml, config diff A.yaml B.yaml, "
        "config diff --profile staging --profile prod.");
  // One file is compared with the host's own; each side may have a profile.
  const fs::path left_file = options.files.size() == 2 ? fs::path(options.files[0]) : options.config;
  const fs::path right_file = options.files.empty() ? options.config : fs::path(options.files.back());
  const std::string left_profile = options.profiles.empty() ? std::string() : options.profiles.front();
  const std::string right_profile = options.profiles.empty() ? std::string() : options.profiles.back();
  const ops::ConfigReading left = read_files(context, left_file, left_profile);
  const ops::ConfigReading right = read_files(context, right_file, right_profile);
  json::array found;
  for (const auto& one : ops::differences(left.config.settings, right.config.settings))
    found.push_back(json::object{{"path", one.path},
                                 {"left", shown(one.left)},
                                 {"right", shown(one.right)},
                                 {"secret", one.is_secret}});
  const auto name = [](const fs::path& file, const std::string& profile) {
    return profile.empty() ? file.string() : file.filename().string() + " (" + profile + ")";
  };
  if (context.json) {
    const bool same = found.empty();
    print_json(context, json::object{{"left", name(left_file, left_profile)},
                                     {"right", name(right_file, right_profile)},
                                     {"differences", std::move(found)}});
    return same ? ExitCode::ok : ExitCode::negative;
  }
  return print_differences(context, found, name(left_file, left_profile), name(right_file, right_profile),
                           false);
}

ExitCode config_reload(Context& context, bool live_only) {
  Client client(context.socket);
  const Answer answer =
      client.send("POST", "/v1/admin/config/reload", json::serialize(json::object{{"live_only", live_only}}));
  const bool refused = answer.code() == "CONFIG_REFUSED";
  if (!answer.ok() && !refused) fail(answer);
  const json::object& body = answer.body.as_object();
  const json::object& said = refused ? object_at(body, "error") : body;
  const json::array& problems = array_at(said, "problems");
  if (context.json) {
    print_json(context, answer.body);
  } else {
    for (const json::value& value : problems) {
      const json::object& one = value.as_object();
      const std::string file = text_at(one, "file");
      context.err << file
                  << (number_at(one, "line") > 0 ? ":" + std::to_string(number_at(one, "line"))
                                                 : std::string())
                  << (file.empty() ? "" : ": ") << text_at(one, "path")
                  << (text_at(one, "path").empty() ? "" : ": ") << text_at(one, "reason") << '\n';
    }
    (refused ? context.err : context.out) << text_at(said, "message") << '\n';
    for (const json::value& path : array_at(said, "needs_restart"))
      context.out << "needs a restart: " << printable(std::string_view(path.as_string())) << '\n';
  }
  return refused || !problems.empty() ? ExitCode::refused : ExitCode::ok;
}

namespace {

std::string read_text(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  if (!in || !(text << in.rdbuf())) throw CommandFailed(ExitCode::usage, file + " cannot be read");
  return text.str();
}

std::string with_reference(const std::string& file) {
  const auto text = ops::with_section(read_text(file), kSection, ops::describe_config());
  if (!text)
    throw CommandFailed(ExitCode::usage, file + " has no lines `<!-- begin " + std::string(kSection) +
                                             " -->` and `<!-- end " + std::string(kSection) + " -->`");
  return *text;
}

}  // namespace

ExitCode config_reference(Context& context, const ConfigReferenceOptions& options) {
  if (!options.check.empty()) {
    const bool current = with_reference(options.check) == read_text(options.check);
    if (!current)
      context.err << options.check << " is not current: payoutctl config reference --into " << options.check
                  << '\n';
    return current ? ExitCode::ok : ExitCode::negative;
  }
  if (!options.into.empty()) {
    const std::string text = with_reference(options.into);
    std::ofstream out(options.into, std::ios::binary | std::ios::trunc);
    if (!(out << text).flush()) throw CommandFailed(ExitCode::failed, options.into + " cannot be written");
    return ExitCode::ok;
  }
  if (context.json) {
    print_json(context, json::object{{"settings", ops::config_reference()}});
  } else {
    context.out << ops::describe_config();
  }
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
