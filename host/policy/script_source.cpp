#include "policy/script_source.hpp"

#include <payoutd/settings.hpp>
#include <payoutd/text.hpp>

#include "core/text.hpp"

namespace payoutd::policy {
namespace {

/// Of one file: whoever repairs so many looks again.
constexpr std::size_t kMaxProblems = 30;

bool is_word_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int line_at(std::string_view text, std::size_t position) {
  return 1 + static_cast<int>(std::ranges::count(text.substr(0, position), '\n'));
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

std::optional<ScriptProblem> content_problem(const std::string& file, const std::string& content) {
  if (content.size() > kMaxScriptBytes)
    return ScriptProblem{file, 0, "is larger than " + std::to_string(kMaxScriptBytes / 1024) + " KiB"};
  if (!core::is_utf8(content)) return ScriptProblem{file, 0, "is not UTF-8 text"};
  const auto found = std::ranges::find_if(content, is_control);
  if (found == content.end()) return std::nullopt;
  return ScriptProblem{
      file, line_at(content, static_cast<std::size_t>(found - content.begin())),
      "is not text: it has a control character (" + std::to_string(static_cast<int>(*found)) + ")"};
}

bool is_script_name(std::string_view name, std::string_view also, std::size_t limit) {
  return !name.empty() && name.size() <= limit && std::ranges::all_of(name, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || also.find(c) != std::string_view::npos;
  });
}

std::optional<std::string> name_problem(std::string_view file) {
  const auto slash = file.find('/');
  const std::string_view folder = slash == std::string_view::npos ? "" : file.substr(0, slash);
  const std::string_view name = file.substr(slash == std::string_view::npos ? 0 : slash + 1);
  if (!name.ends_with(".lua")) return "is no script: its name does not end with .lua";
  const std::string_view stem = name.substr(0, name.size() - 4);
  if (file == "routing.lua") return std::nullopt;
  if (folder == "abuse") {
    if (is_script_name(stem, "_-", 40)) return std::nullopt;
    return "a rule's name has at most 40 small letters, digits, '_' and '-'";
  }
  if (folder == "backoff") {
    if (is_script_name(stem, "-", 32)) return std::nullopt;
    return "is named like no provider: at most 32 small letters, digits and '-' (or default.lua)";
  }
  if (folder == "lib") {
    if (is_script_name(stem, "_", 40) && !(stem.front() >= '0' && stem.front() <= '9')) return std::nullopt;
    return "a library's name has at most 40 small letters, digits and '_' and does not begin with a digit";
  }
  return "is not used by anything: scripts are abuse/NAME.lua, backoff/NAME.lua, lib/NAME.lua and "
         "routing.lua";
}

/// Where the comment or quoted text at `position` ends: one behind its last character.
std::size_t end_of_line(std::string_view source, std::size_t position) {
  return std::min(source.find('\n', position), source.size());
}

/// The number of `=` in the long bracket `[==[` at `position`; nullopt if there is none.
std::optional<std::size_t> long_bracket(std::string_view source, std::size_t position) {
  if (position >= source.size() || source[position] != '[') return std::nullopt;
  std::size_t level = 0;
  while (position + 1 + level < source.size() && source[position + 1 + level] == '=') ++level;
  if (position + 1 + level >= source.size() || source[position + 1 + level] != '[') return std::nullopt;
  return level;
}

std::size_t end_of_long_bracket(std::string_view source, std::size_t position, std::size_t level) {
  const std::string close = "]" + std::string(level, '=') + "]";
  const auto found = source.find(close, position);
  return found == std::string_view::npos ? source.size() : found + close.size();
}

std::size_t end_of_quoted(std::string_view source, std::size_t position) {
  const char quote = source[position];
  for (++position; position < source.size() && source[position] != quote; ++position) {
    if (source[position] == '\\') ++position;
    if (position < source.size() && source[position] == '\n') break;
  }
  return std::min(position + 1, source.size());
}

/// The same text with blanks where comments stand, so that a name in a comment is not taken for the real one.
std::string without_comments(std::string source) {
  for (std::size_t at = 0; at < source.size();) {
    if (source[at] == '"' || source[at] == '\'') {
      at = end_of_quoted(source, at);
    } else if (const auto level = long_bracket(source, at)) {
      at = end_of_long_bracket(source, at, *level);
    } else if (source.compare(at, 2, "--") == 0) {
      const auto block = long_bracket(source, at + 2);
      const auto end = block ? end_of_long_bracket(source, at + 2, *block) : end_of_line(source, at);
      for (; at < end; ++at)
        if (source[at] != '\n') source[at] = ' ';
    } else {
      ++at;
    }
  }
  return source;
}

/// `word =`, `["word"] =` or `function rule.word(`.
bool defines(std::string_view code, std::size_t position, std::size_t length) {
  if (position > 0 && is_word_character(code[position - 1])) return false;
  std::size_t next = position + length;
  if (next < code.size() && is_word_character(code[next])) return false;
  next = code.find_first_not_of(" \t\"']", next);
  if (next == std::string_view::npos) return false;
  if (code[next] == '=') return next + 1 >= code.size() || code[next + 1] != '=';
  return code[next] == '(' && position > 0 && code[position - 1] == '.';
}

std::size_t find_word(std::string_view code, const std::string& word, std::size_t from) {
  const bool quoted = word.starts_with('"');
  for (auto at = code.find(word, from); at != std::string_view::npos; at = code.find(word, at + 1))
    if (quoted || defines(code, at, word.size())) return at;
  return std::string_view::npos;
}

}  // namespace

std::vector<ScriptProblem> form_problems(const ScriptFiles& files) {
  std::vector<ScriptProblem> problems;
  if (files.files.size() > kMaxScriptFiles)
    problems.push_back({"", 0, "there are more than " + std::to_string(kMaxScriptFiles) + " scripts"});
  for (const auto& [file, content] : files.files) {
    if (auto reason = name_problem(file)) problems.push_back({file, 0, *std::move(reason)});
    if (auto problem = content_problem(file, content)) problems.push_back(*std::move(problem));
  }
  return problems;
}

ScriptPath ScriptPath::key(std::string_view name) const {
  ScriptPath path = *this;
  if (!path.text.empty()) path.text += path.text.ends_with(':') ? " " : ".";
  path.text += name;
  path.words.emplace_back(name);
  return path;
}

ScriptPath ScriptPath::item(std::size_t index) const {
  ScriptPath path = *this;
  path.text += '[' + std::to_string(index + 1) + ']';
  return path;
}

ScriptPath ScriptPath::test(std::size_t index, const std::string& name) const {
  if (name.empty()) return item(index);
  ScriptPath path = *this;
  path.text = "test '" + name + "':";
  path.words.push_back('"' + name + '"');
  return path;
}

ScriptCheck::ScriptCheck(const std::string& file, const std::string& source,
                         std::vector<ScriptProblem>& problems)
    : file_(file), source_(source), problems_(problems), before_(problems.size()) {}

void ScriptCheck::add(const ScriptPath& path, const std::string& reason) {
  if (count() == kMaxProblems) return add({file_, 0, "there is more that is wrong"});
  if (count() > kMaxProblems) return;
  std::string text = path.text;
  if (!text.empty()) text += text.ends_with(':') ? " " : ": ";
  add(ScriptProblem{file_, line_of(path), presentable(text + reason)});
}

void ScriptCheck::add(ScriptProblem problem) {
  problems_.push_back(std::move(problem));
}

int ScriptCheck::line_of(const ScriptPath& path) {
  if (code_.empty()) code_ = without_comments(source_);
  std::size_t position = std::string::npos;
  for (const auto& word : path.words) {
    const auto found = find_word(code_, word, position == std::string::npos ? 0 : position);
    if (found == std::string::npos) break;
    position = found;
  }
  return position == std::string::npos ? 0 : line_at(code_, position);
}

std::string nearest_hint(std::string_view word, const std::vector<std::string>& candidates) {
  if (word.size() > 64) return {};
  const auto nearest = nearest_name(word, candidates);
  return nearest ? "; did you mean '" + *nearest + "'?" : std::string{};
}

std::string presentable(std::string_view text) {
  // Far more than is shown, but bounded: the text may be as large as a script can make one.
  std::string clean = clean_text(text.substr(0, 4 * kMaxTextBytes), kMaxTextBytes);
  while (clean.size() > kMaxTextBytes) {
    // Some characters have several bytes.
    do clean.pop_back();
    while (!clean.empty() && !core::is_utf8(clean));
  }
  return clean;
}

}  // namespace payoutd::policy
