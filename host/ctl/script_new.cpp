#include "ctl/script_new.hpp"

#include <unistd.h>

#include <boost/json.hpp>
#include <fstream>
#include <ostream>

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLongestRule = 40;
constexpr std::size_t kLongestProvider = 32;

struct Kind {
  std::string_view name;
  std::string_view folder;
  std::string_view placeholder;  ///< what the template calls it
};
constexpr std::array<Kind, 2> kKinds{Kind{"rule", "abuse", "my_rule"},
                                     Kind{"backoff", "backoff", "my_provider"}};

const Kind& kind_of(const std::string& name) {
  const auto found = std::ranges::find(kKinds, name, &Kind::name);
  if (found == kKinds.end())
    throw CommandFailed(ExitCode::usage,
                        "'" + printable(name) + "' is no kind of script: say rule or backoff.");
  return *found;
}

/// A rule's name stands in reasons, metrics and SQL; a schedule's is that of a provider in the configuration.
void check_name(const Kind& kind, const std::string& name) {
  const bool rule = kind.name == "rule";
  const auto allowed = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == (rule ? '_' : '-');
  };
  const bool begins_well = !name.empty() && (rule ? name[0] >= 'a' && name[0] <= 'z' : name[0] != '-');
  const std::size_t longest = rule ? kLongestRule : kLongestProvider;
  if (begins_well && name.size() <= longest && std::ranges::all_of(name, allowed)) return;
  throw CommandFailed(
      ExitCode::usage,
      "The name '" + printable(name) +
          (rule ? "' must begin with a lower-case letter and consist of lower-case letters, digits and '_'."
                : "' is no provider's: those consist of lower-case letters, digits and '-'."));
}

fs::path directory_of(const ScriptNewOptions& options) {
  if (!options.directory.empty()) return options.directory;
  std::error_code failed;
  if (fs::is_directory("scripts", failed)) return "scripts";
  throw CommandFailed(ExitCode::usage,
                      "There is no folder scripts here. Name the scripts' directory with --dir.");
}

std::string filled_in(const Kind& kind, const std::string& name) {
  const std::string file = std::string(kind.name) + ".lua";
  const auto templates = script_templates();
  const auto found = std::ranges::find(templates, file, &TemplateFile::path);
  if (found == templates.end())
    throw CommandFailed(ExitCode::failed, "This payoutctl holds no template " + file);
  std::string text(found->text);
  for (auto at = text.find(kind.placeholder); at != std::string::npos;
       at = text.find(kind.placeholder, at + name.size()))
    text.replace(at, kind.placeholder.size(), name);
  return text;
}

/// A link, unlike a rename, does not replace what came into being in the meantime.
void write_whole(const fs::path& file, const std::string& text) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  const fs::path hidden =
      file.parent_path() / ("." + file.filename().string() + "." + std::to_string(::getpid()));
  std::ofstream out(hidden, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw CommandFailed(ExitCode::failed, hidden.string() + " cannot be written");
  fs::create_hard_link(hidden, file, failed);
  std::error_code ignored;
  fs::remove(hidden, ignored);
  if (failed == std::errc::file_exists)
    throw CommandFailed(ExitCode::usage, file.string() + " is there already, and stays as it is.");
  if (failed) throw CommandFailed(ExitCode::failed, file.string() + ": " + failed.message());
}

}  // namespace

ExitCode script_new(Context& context, const ScriptNewOptions& options) {
  const Kind& kind = kind_of(options.kind);
  check_name(kind, options.name);
  const fs::path directory = directory_of(options);
  const fs::path file = directory / kind.folder / (options.name + ".lua");
  write_whole(file, filled_in(kind, options.name));
  if (context.json) {
    context.out << json::serialize(
                       json::object{{"kind", options.kind}, {"name", options.name}, {"file", file.string()}})
                << '\n';
    return ExitCode::ok;
  }
  context.out << "Wrote " << file.string() << ". "
              << (kind.name == "rule" ? "It is off until you set `enabled = true`."
                                      : "A host that watches this directory waits by it from now on.")
              << " After each change:\n\n  payoutctl scripts test " << directory.string() << "\n";
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
