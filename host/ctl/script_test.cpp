#include "ctl/script_test.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/script_problems.hpp"
#include "policy/bundle.hpp"

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// The directory that a file of scripts belongs to: abuse/, backoff/ and lib/ are one below it.
fs::path scripts_of(const fs::path& path) {
  if (!fs::is_regular_file(path)) return path;
  const fs::path folder = path.parent_path();
  const std::string name = fs::absolute(path).parent_path().filename().string();
  const fs::path above = folder.empty() ? fs::path("..") : folder / "..";
  return name == "abuse" || name == "backoff" || name == "lib" ? above.lexically_normal()
         : folder.empty()                                      ? fs::path(".")
                                                               : folder;
}

fs::path directory_of(const ScriptTestOptions& options) {
  if (options.path.empty()) {
    const fs::path usual = usual_scripts();
    if (usual.empty())
      throw CommandFailed(ExitCode::usage, "There is no folder scripts here. Name the scripts' directory.");
    return usual;
  }
  std::error_code failed;
  if (!fs::exists(options.path, failed))
    throw CommandFailed(ExitCode::usage, options.path.string() + ": there is no such file or directory.");
  return scripts_of(options.path);
}

int count_in(const policy::ScriptFiles& files, std::string_view folder) {
  return static_cast<int>(
      std::ranges::count_if(files.files, [&](const auto& file) { return file.first.starts_with(folder); }));
}

/// `1 rule`, `2 rules`.
std::string counted(int count, std::string_view one, std::string_view many) {
  return std::to_string(count) + " " + std::string(count == 1 ? one : many);
}

ExitCode refused(Context& context, const fs::path& directory,
                 const std::vector<policy::ScriptProblem>& problems) {
  if (context.json) {
    context.out << json::serialize(json::object{{"ok", false},
                                                {"directory", directory.string()},
                                                {"problems", problems_json(problems)}})
                << '\n';
  } else {
    print_problems(context, directory, problems);
    context.err << counted(static_cast<int>(problems.size()), "problem", "problems")
                << "; a host would keep the scripts that it runs.\n";
  }
  return ExitCode::negative;
}

ExitCode taken(Context& context, const fs::path& directory, const policy::Bundle& bundle) {
  const int rules = static_cast<int>(bundle.rules().size());
  const int off = count_in(bundle.files(), "abuse/") - rules;
  const int schedules = count_in(bundle.files(), "backoff/");
  if (context.json) {
    json::array names;
    for (const std::string& rule : bundle.rules()) names.emplace_back(rule);
    context.out << json::serialize(json::object{{"ok", true},
                                                {"directory", directory.string()},
                                                {"bundle", bundle.hash()},
                                                {"files", bundle.files().files.size()},
                                                {"rules", std::move(names)},
                                                {"rules_off", off},
                                                {"schedules", schedules},
                                                {"routing", bundle.routes()},
                                                {"tests", bundle.tests_run()},
                                                {"problems", json::array()}})
                << '\n';
    return ExitCode::ok;
  }
  context.out << directory.string() << ": " << context.style.paint(Colour::green, "no problems") << ". "
              << counted(rules, "rule", "rules") << (off > 0 ? " (and " + std::to_string(off) + " off)" : "")
              << ", " << counted(schedules, "schedule", "schedules") << (bundle.routes() ? ", routing" : "")
              << "; " << counted(bundle.tests_run(), "test", "tests") << " passed. Bundle "
              << short_hash(bundle.hash()) << ".\n";
  return ExitCode::ok;
}

}  // namespace

fs::path usual_scripts() {
  std::error_code failed;
  if (fs::is_directory("scripts", failed)) return "scripts";
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (failed) return {};
  const fs::path installed = program.parent_path().parent_path() / "share" / "payoutd" / "scripts";
  return fs::is_directory(installed, failed) ? installed : fs::path();
}

ExitCode script_test(Context& context, const ScriptTestOptions& options) {
  const fs::path directory = directory_of(options);
  try {
    policy::ScriptFiles files = policy::read_scripts(directory);
    if (files.files.empty())
      throw CommandFailed(ExitCode::usage, directory.string() + ": there are no scripts (*.lua) in it.");
    const auto bundle = policy::Bundle::build(std::move(files));
    return taken(context, directory, *bundle);
  } catch (const policy::ScriptError& error) {
    return refused(context, directory, error.problems());
  }
}

}  // namespace payoutd::ctl
