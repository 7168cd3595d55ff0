#include "policy/script_files.hpp"

#include <cerrno>
#include <fstream>
#include <system_error>

#include "core/ids.hpp"
#include "policy/script_source.hpp"

namespace payoutd::policy {
namespace {

namespace fs = std::filesystem;

/// Folders of folders of scripts are no part of the layout, but a file that lies there shall be named.
constexpr int kMaxDepth = 4;

std::string joined(const std::vector<ScriptProblem>& problems) {
  std::string text;
  for (const auto& problem : problems) {
    if (!text.empty()) text += '\n';
    text += problem.text();
  }
  return text;
}

/// Hidden files and what editors leave beside the one that they write.
bool is_left_out(const std::string& name) {
  return name.starts_with('.') || name.starts_with('#');
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content(kMaxScriptBytes + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!in.is_open() || in.bad()) throw std::system_error(errno, std::generic_category());
  content.resize(static_cast<std::size_t>(in.gcount()));
  return content;
}

class Reader {
 public:
  explicit Reader(const fs::path& directory) {
    try {
      // A directory that is swapped by its link is read from one side of the swap only.
      read_folder(fs::canonical(directory), "", 0);
    } catch (const std::system_error& error) {
      problems_.push_back({"", 0, "the scripts' directory cannot be read: " + error.code().message()});
    }
  }

  ScriptFiles take() {
    if (problems_.empty()) problems_ = form_problems(files_);
    if (!problems_.empty()) throw ScriptError(std::move(problems_));
    return std::move(files_);
  }

 private:
  void read_folder(const fs::path& folder, const std::string& prefix, int depth) {
    for (const auto& entry : fs::directory_iterator(folder)) {
      const std::string name = entry.path().filename().string();
      if (is_left_out(name)) continue;
      std::error_code gone;
      if (entry.is_directory(gone)) {
        if (depth < kMaxDepth) read_folder(entry.path(), prefix + name + '/', depth + 1);
      } else if (name.ends_with(".lua")) {
        read_file(entry.path(), prefix + name);
      } else if (entry.is_symlink(gone) && !entry.exists(gone)) {
        problems_.push_back({prefix + name, 0, "is a link to nothing"});
      }
    }
  }

  void read_file(const fs::path& path, const std::string& name) {
    try {
      // A pipe would be waited for.
      if (!fs::is_regular_file(path)) throw std::system_error(ENOENT, std::generic_category());
      if (files_.files.size() <= kMaxScriptFiles) files_.files.emplace(name, content_of(path));
    } catch (const std::system_error& error) {
      problems_.push_back({name, 0, "cannot be read: " + error.code().message()});
    }
  }

  ScriptFiles files_;
  std::vector<ScriptProblem> problems_;
};

}  // namespace

std::string ScriptProblem::text() const {
  if (file.empty()) return reason;
  if (line == 0) return file + ": " + reason;
  return file + ':' + std::to_string(line) + ": " + reason;
}

ScriptError::ScriptError(std::vector<ScriptProblem> problems)
    : std::runtime_error(joined(problems)), problems_(std::move(problems)) {}

std::string ScriptFiles::hash() const {
  std::string all = "payoutd scripts 1\n";
  for (const auto& [path, content] : files) {
    // With their lengths, so that no two sets of files run into the same bytes.
    all += std::to_string(path.size()) + ' ' + std::to_string(content.size()) + '\n';
    all += path;
    all += content;
  }
  return core::sha256_hex(all);
}

boost::json::object ScriptFiles::to_json() const {
  boost::json::object json;
  for (const auto& [path, content] : files) json[path] = content;
  return json;
}

ScriptFiles ScriptFiles::from_json(const boost::json::object& json) {
  ScriptFiles read;
  std::vector<ScriptProblem> problems;
  for (const auto& [path, content] : json) {
    if (content.is_string())
      read.files.emplace(path, content.get_string());
    else
      problems.push_back({path, 0, "is not a text"});
  }
  if (!problems.empty()) throw ScriptError(std::move(problems));
  return read;
}

ScriptFiles read_scripts(const std::filesystem::path& directory) {
  return Reader(directory).take();
}

}  // namespace payoutd::policy
