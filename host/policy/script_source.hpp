#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "policy/script_files.hpp"

namespace payoutd::policy {

constexpr std::size_t kMaxScriptBytes = 256 * 1024;
constexpr std::size_t kMaxScriptFiles = 200;

/// What is wrong with the files before anything in them is run: their number, sizes, names, and bytes that
/// are no text (UTF-8 without control characters but tabs and line ends, so compiled code is none either).
std::vector<ScriptProblem> form_problems(const ScriptFiles& files);

/// A place in the table that a script returns: how people are told of it, and which words lead to its line.
struct ScriptPath {
  std::string text;
  std::vector<std::string> words;

  ScriptPath key(std::string_view name) const;
  ScriptPath item(std::size_t index) const;  ///< from 0
  /// The test of that name, or of that index where the name is empty.
  ScriptPath test(std::size_t index, const std::string& name) const;
};

/// Collects what is wrong with one script.
class ScriptCheck {
 public:
  /// All three are kept by reference.
  ScriptCheck(const std::string& file, const std::string& source, std::vector<ScriptProblem>& problems);
  ScriptCheck(const ScriptCheck&) = delete;
  ScriptCheck& operator=(const ScriptCheck&) = delete;

  /// The line is looked for: Lua's values do not know where they were written.
  void add(const ScriptPath& path, const std::string& reason);
  void add(ScriptProblem problem);
  const std::string& file() const noexcept { return file_; }
  std::size_t count() const noexcept { return problems_.size() - before_; }

 private:
  int line_of(const ScriptPath& path);
  const std::string& file_;
  const std::string& source_;
  std::vector<ScriptProblem>& problems_;
  std::size_t before_;
  std::string code_;  ///< the source with blanks for comments; made when it is first wanted
};

/// `; did you mean 'x'?`, or nothing.
std::string nearest_hint(std::string_view word, const std::vector<std::string>& candidates);

/// A text of a script's for logs and people: one line of UTF-8, at most `kMaxTextBytes`.
std::string presentable(std::string_view text);
constexpr std::size_t kMaxTextBytes = 500;

}  // namespace payoutd::policy
