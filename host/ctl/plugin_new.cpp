#include "ctl/plugin_new.hpp"

#include <boost/json.hpp>
#include <fstream>
#include <ostream>

namespace payoutd::ctl {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::size_t kLongestName = 32;

/// The name is a CMake target, a file's name, a part of identifiers and a key of YAML all at once.
std::string name_problem(const std::string& name) {
  const auto allowed = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; };
  if (name.empty() || name.size() > kLongestName || name[0] < 'a' || name[0] > 'z' ||
      !std::ranges::all_of(name, allowed) || name.ends_with('_') || name.find("__") != std::string::npos) {
    return "must begin with a lower-case letter and consist of lower-case letters, digits and single '_'";
  }
  constexpr std::array<std::string_view, 8> kTaken{"test",    "inspect", "verify", "all",
                                                   "install", "payoutd", "plugin", "clean"};
  if (std::ranges::count(kTaken, name) > 0) return "is a word that CMake or the project uses itself";
  return {};
}

/// `my_psp` → `MyPsp`.
std::string class_name(const std::string& name) {
  std::string text;
  bool upper = true;
  for (const char c : name) {
    if (c == '_') {
      upper = true;
    } else {
      text += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return text;
}

void replace_all(std::string& text, std::string_view from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::string filled_in(std::string_view from, const std::string& name) {
  std::string text(from);
  const std::string version = PAYOUTD_VERSION;
  replace_all(text, "find_package(payoutd 0.1 ",
              "find_package(payoutd " + version.substr(0, version.rfind('.')) + " ");
  replace_all(text, "acme", name);
  replace_all(text, "Acme", class_name(name));
  return text;
}

void write_file(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out << text;
  out.close();
  if (!out) throw CommandFailed(ExitCode::failed, file.string() + " cannot be written");
}

/// Where this payoutctl is installed, with the CMake package that a project needs; otherwise a placeholder.
std::string install_prefix() {
  std::error_code failed;
  const fs::path prefix = fs::read_symlink("/proc/self/exe", failed).parent_path().parent_path();
  if (failed) return "/where/payoutd/is/installed";
  for (fs::recursive_directory_iterator entry(prefix / "lib", failed), end; !failed && entry != end;
       entry.increment(failed)) {
    if (entry.depth() > 2) entry.disable_recursion_pending();
    if (entry->path().filename() == "payoutdConfig.cmake") return prefix.string();
  }
  return "/where/payoutd/is/installed";
}

}  // namespace

ExitCode plugin_new(Context& context, const PluginNewOptions& options) {
  if (const std::string problem = name_problem(options.name); !problem.empty())
    throw CommandFailed(ExitCode::usage, "The name '" + printable(options.name) + "' " + problem + ".");
  const fs::path folder = options.into.empty() ? fs::path(options.name) : options.into;
  std::error_code absent;
  if (fs::exists(folder, absent) && !fs::is_empty(folder, absent))
    throw CommandFailed(ExitCode::usage, folder.string() + " is there already and is not empty.");
  json::array files;
  for (const TemplateFile& file : plugin_template()) {
    std::string path = filled_in(file.path, options.name);
    if (path == "gitignore") path = ".gitignore";
    write_file(folder / path, filled_in(file.text, options.name));
    files.emplace_back(path);
  }
  if (context.json) {
    context.out << json::serialize(
                       json::object{{"name", options.name}, {"folder", folder.string()}, {"files", files}})
                << '\n';
    return ExitCode::ok;
  }
  context.out << "Wrote " << files.size() << " files into " << folder.string()
              << ". It builds and passes its tests as it is:\n\n"
              << "  cd " << folder.string() << "\n"
              << "  cmake --preset default -DCMAKE_PREFIX_PATH=" << install_prefix() << "\n"
              << "  cmake --build build && ctest --test-dir build --output-on-failure\n\n"
              << "README.md says what to change first.\n";
  return ExitCode::ok;
}

}  // namespace payoutd::ctl
