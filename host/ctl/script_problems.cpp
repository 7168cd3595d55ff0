#include "ctl/script_problems.hpp"

#include <boost/json.hpp>
#include <ostream>

#include "ctl/json_view.hpp"

namespace payoutd::ctl {

namespace fs = std::filesystem;
namespace json = boost::json;

std::string short_hash(std::string_view hash) {
  constexpr std::size_t kShown = 12;
  return std::string(hash.substr(0, kShown));
}

void print_problems(Context& context, const fs::path& directory,
                    const std::vector<policy::ScriptProblem>& problems) {
  for (const policy::ScriptProblem& problem : problems) {
    std::string place = problem.file.empty() ? directory.string() : (directory / problem.file).string();
    if (problem.line > 0) place += ":" + std::to_string(problem.line);
    if (!place.empty()) place += ": ";
    context.err << printable(place) << context.style.paint(Colour::red, printable(problem.reason)) << '\n';
  }
}

json::array problems_json(const std::vector<policy::ScriptProblem>& problems) {
  json::array list;
  for (const policy::ScriptProblem& problem : problems) {
    json::object one{{"file", problem.file}, {"reason", problem.reason}};
    if (problem.line > 0) one["line"] = problem.line;
    list.push_back(std::move(one));
  }
  return list;
}

std::vector<policy::ScriptProblem> read_problems(const json::array& problems) {
  std::vector<policy::ScriptProblem> read;
  for (const json::value& value : problems) {
    if (!value.is_object()) continue;
    const json::object& one = value.get_object();
    read.push_back({text_at(one, "file"), static_cast<int>(number_at(one, "line")), text_at(one, "reason")});
  }
  return read;
}

policy::ScriptFiles require_scripts(Context& context, const fs::path& directory) {
  std::error_code failed;
  if (!fs::is_directory(directory, failed))
    throw CommandFailed(ExitCode::usage, directory.string() + ": there is no such directory.");
  policy::ScriptFiles files;
  try {
    files = policy::read_scripts(directory);
  } catch (const policy::ScriptError& error) {
    print_problems(context, directory, error.problems());
    throw CommandFailed(ExitCode::usage, "The scripts in " + directory.string() + " cannot be read.");
  }
  if (files.files.empty())
    throw CommandFailed(ExitCode::usage, directory.string() + ": there are no scripts (*.lua) in it.");
  return files;
}

}  // namespace payoutd::ctl
