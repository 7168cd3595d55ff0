#pragma once
#include <boost/json/object.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace payoutd::policy {

/// Why a file of scripts is refused.
struct ScriptProblem {
  std::string file;  ///< relative to the scripts' directory: `abuse/velocity.lua`; empty: the whole bundle
  int line = 0;      ///< from 1; 0: unknown, or the whole file
  std::string reason;

  /// `abuse/velocity.lua:12: needs.count_24h.window: …`
  std::string text() const;
};

/// Everything that is wrong with a bundle, one line for each in what().
class ScriptError : public std::runtime_error {
 public:
  explicit ScriptError(std::vector<ScriptProblem> problems);
  const std::vector<ScriptProblem>& problems() const noexcept { return problems_; }

 private:
  std::vector<ScriptProblem> problems_;
};

/// The source text of a bundle. Two bundles with the same files are the same bundle.
struct ScriptFiles {
  std::map<std::string, std::string> files;  ///< relative path with '/' → content

  /// SHA-256 over names and contents, 64 hexadecimal digits.
  std::string hash() const;
  boost::json::object to_json() const;  ///< path → content
  /// Throws ScriptError where it is not an object of texts.
  static ScriptFiles from_json(const boost::json::object& json);

  friend bool operator==(const ScriptFiles&, const ScriptFiles&) = default;
};

/// Reads every `*.lua` below `directory` (which may be a symbolic link); editors' temporary and hidden files
/// are left out. Throws ScriptError: unreadable, not UTF-8 text, a file above 256 KiB, above 200 files.
ScriptFiles read_scripts(const std::filesystem::path& directory);

}  // namespace payoutd::policy
