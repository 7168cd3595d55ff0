#include "ctl/manual.hpp"

#include <CLI/CLI.hpp>
#include <sstream>

namespace payoutd::ctl {
namespace {

// --- roff

std::string escaped(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '`') {
      out += "\\(ga";
    } else {
      out += c;
    }
    line_begins = c == '\n';
  }
  return out;
}

std::string bold(std::string_view text) {
  return "\\fB" + escaped(text) + "\\fR";
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

/// Help texts are plain: a line that begins with two blanks is an example and keeps its shape.
std::string paragraphs(const std::string& text) {
  std::string out;
  bool verbatim = false;
  const auto shape = [&](bool wanted) {
    if (wanted != verbatim) out += wanted ? ".PP\n.nf\n" : ".fi\n";
    verbatim = wanted;
  };
  for (const std::string& line : lines_of(text)) {
    if (line.empty()) {
      shape(false);
      if (!out.empty() && !out.ends_with(".PP\n")) out += ".PP\n";
      continue;
    }
    shape(line.starts_with("  "));
    out += escaped(line) + "\n";
  }
  shape(false);
  while (out.ends_with(".PP\n")) out.resize(out.size() - 4);
  return out;
}

std::string head(const std::string& name, const ManualPage& page) {
  std::string title = name;
  for (char& c : title) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return ".TH \"" + title + "\" " + std::to_string(page.section) + " \"\" \"payoutd " + page.version +
         "\" \"payoutd\"\n.SH NAME\n" + escaped(name) + " \\- " + escaped(page.summary) + "\n";
}

/// Of one row of a Markdown table.
std::vector<std::string> cells_of(const std::string& row) {
  std::vector<std::string> cells;
  constexpr std::string_view kBetween = " | ";
  if (row.size() < 2 * kBetween.size()) return cells;
  std::string text = row.substr(2, row.size() - 4);
  std::erase(text, '`');
  for (auto end = text.find(kBetween); end != std::string::npos; end = text.find(kBetween)) {
    cells.push_back(text.substr(0, end));
    text.erase(0, end + kBetween.size());
  }
  cells.push_back(text);
  return cells;
}

// --- what the command line knows

bool is_shown(const CLI::App* app) {
  return !app->get_group().empty();
}

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* sub) { return is_shown(sub); });
}

std::vector<const CLI::Option*> options_of(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) { return !option->get_group().empty(); });
}

bool takes_value(const CLI::Option& option) {
  return option.get_items_expected_max() > 0;
}

/// `csv`, `jsonl` of an option whose type is `TEXT:{csv,jsonl}`.
std::vector<std::string> choices_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const auto begin = type.find('{');
  const auto end = type.find('}');
  std::vector<std::string> words;
  if (begin == std::string::npos || end == std::string::npos) return words;
  std::istringstream in(type.substr(begin + 1, end - begin - 1));
  for (std::string word; std::getline(in, word, ',');) words.push_back(word);
  return words;
}

std::string joined(const std::vector<std::string>& words, const char* between) {
  std::string text;
  for (const std::string& word : words) text.append(text.empty() ? "" : between).append(word);
  return text;
}

std::vector<std::string> flags_of(const CLI::Option& option) {
  std::vector<std::string> flags;
  for (const std::string& name : option.get_snames()) flags.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) flags.push_back("--" + name);
  return flags;
}

std::string value_name(const CLI::Option& option) {
  const auto choices = choices_of(option);
  if (!choices.empty()) return joined(choices, "|");
  const std::string type = option.get_type_name();
  return type.substr(0, type.find_first_of(":("));
}

std::string option_text(const CLI::Option& option) {
  std::string tag;
  if (option.get_positional()) {
    tag = "\\fI" + escaped(option.get_name(true)) + "\\fR";
  } else {
    for (const std::string& flag : flags_of(option)) tag.append(tag.empty() ? "" : ", ").append(bold(flag));
    if (takes_value(option)) tag += " \\fI" + escaped(value_name(option)) + "\\fR";
  }
  std::string about = option.get_description();
  if (option.get_positional() && !choices_of(option).empty())
    about += ": " + joined(choices_of(option), ", ");
  if (!option.get_default_str().empty()) about += " (default: " + option.get_default_str() + ")";
  if (option.get_required() && !option.get_positional()) about += " (required)";
  return ".TP\n" + tag + "\n" + escaped(about) + "\n";
}

std::string usage_of(const CLI::App& app, const std::string& path) {
  std::string text = bold(path);
  if (!commands_of(app).empty())
    text += app.get_require_subcommand_min() > 0 ? " \\fICOMMAND\\fR" : " [\\fICOMMAND\\fR]";
  bool has_options = false;
  for (const CLI::Option* option : options_of(app)) has_options |= !option->get_positional();
  if (has_options) text += " [\\fIOPTIONS\\fR]";
  for (const CLI::Option* option : options_of(app)) {
    if (!option->get_positional()) continue;
    const std::string name = "\\fI" + escaped(option->get_name(true)) + "\\fR";
    text += option->get_required() ? " " + name : " [" + name + "]";
  }
  return text;
}

bool is_help(const CLI::Option& option) {
  const auto names = option.get_lnames();
  return std::ranges::find(names, "help") != names.end();
}

void describe_commands(const CLI::App& app, const std::string& path, std::string& out) {
  for (const CLI::App* command : commands_of(app)) {
    const std::string name = path.empty() ? command->get_name() : path + " " + command->get_name();
    out += ".SS " + usage_of(*command, name) + "\n" + paragraphs(command->get_description());
    for (const CLI::Option* option : options_of(*command))
      if (!is_help(*option)) out += option_text(*option);
    if (const std::string footer = command->get_footer(); !footer.empty())
      out += ".PP\n" + paragraphs(footer);
    describe_commands(*command, name, out);
  }
}

// --- completion

std::string quoted(const std::vector<std::string>& words) {
  return "'" + joined(words, " ") + "'";
}

struct Completions {
  std::string paths;   ///< cases by which a word goes on with the path of commands
  std::string words;   ///< cases with the words that may follow a path
  std::string values;  ///< cases with the values of an option of a path
};

void complete_commands(const CLI::App& app, const std::string& path,
                       const std::vector<std::string>& inherited, Completions& out) {
  std::vector<std::string> words;
  std::vector<std::string> flags = inherited;
  std::vector<std::string> known;
  for (const CLI::App* command : commands_of(app)) words.push_back(command->get_name());
  for (const std::string& word : words) known.push_back("'" + path + "/" + word + "'");
  for (const CLI::Option* option : options_of(app)) {
    const auto names = flags_of(*option);
    const auto choices = choices_of(*option);
    if (option->get_positional()) words.insert(words.end(), choices.begin(), choices.end());
    flags.insert(flags.end(), names.begin(), names.end());
    if (option->get_positional() || !takes_value(*option)) continue;
    for (const std::string& name : names)
      out.values += std::string("    ") + (path.empty() ? "*" : "") + "'" + path + " " + name +
                    "') values=" + quoted(choices) + "; takes_value=yes ;;\n";
  }
  std::ranges::sort(flags);
  flags.erase(std::unique(flags.begin(), flags.end()), flags.end());
  words.insert(words.end(), flags.begin(), flags.end());
  if (!known.empty()) out.paths += "      " + joined(known, "|") + ") path=$path/$word ;;\n";
  out.words += "    '" + path + "') words=" + quoted(words) + " ;;\n";
  std::vector<std::string> global = inherited;
  if (path.empty())
    for (const CLI::Option* option : options_of(app))
      for (const std::string& name : flags_of(*option))
        if (name != "--version") global.push_back(name);
  for (const CLI::App* command : commands_of(app))
    complete_commands(*command, path + "/" + command->get_name(), global, out);
}

}  // namespace

std::string man_page(const CLI::App& app, const ManualPage& page) {
  std::string out = head(app.get_name(), page);
  out += ".SH SYNOPSIS\n" + usage_of(app, app.get_name()) + "\n";
  out += ".SH DESCRIPTION\n" + paragraphs(app.get_description());
  out += ".SH OPTIONS\n";
  for (const CLI::Option* option : options_of(app)) out += option_text(*option);
  if (!commands_of(app).empty()) {
    out += ".SH COMMANDS\n";
    describe_commands(app, {}, out);
  }
  if (const std::string footer = app.get_footer(); !footer.empty()) out += ".SH NOTES\n" + paragraphs(footer);
  out += page.files;
  if (!page.see_also.empty()) out += ".SH SEE ALSO\n" + escaped(page.see_also) + "\n";
  return out;
}

std::string settings_man_page(const std::string& reference, const std::string& version) {
  std::string out = head(
      "payoutd.yaml",
      {.section = 5, .version = version, .summary = "configuration of payoutd", .files = {}, .see_also = {}});
  out += ".SH DESCRIPTION\n" +
         escaped(
             "A YAML file. Unknown settings, wrong types and keys that stand twice are errors. Durations "
             "are written 500ms, 30s, 5m, 2h, 1d; relative paths start at the folder of the file. A dot in "
             "a name below is a section.") +
         "\n.PP\n" +
         escaped(
             "Secrets are written as ${NAME} or env:NAME (a variable), file:/path, or credential:NAME (a "
             "file in $CREDENTIALS_DIRECTORY, where systemd puts it).") +
         "\n.SH SETTINGS\n";
  for (const std::string& line : lines_of(reference)) {
    constexpr std::size_t kColumns = 5;
    const std::vector<std::string> cells = cells_of(line);
    if (!line.starts_with("| `") || cells.size() != kColumns) continue;
    const std::string unset = cells[2].empty() ? "" : ", default " + cells[2];
    out += ".TP\n" + bold(cells[0]) + "\n" + escaped(cells[4]) + " (" +
           escaped(cells[1] + unset + "; " + cells[3] + (cells[3] == "taken over" ? " by a reload" : "")) +
           ")\n";
  }
  out += ".SH SEE ALSO\n" + escaped("payoutd(8), payoutctl(1)") + "\n";
  return out;
}

std::string bash_completion(const CLI::App& app) {
  Completions found;
  complete_commands(app, {}, {}, found);
  const std::string function = "_" + app.get_name();
  return "# bash completion for " + app.get_name() + R"(; made by the program itself
)" + function +
         R"(() {
  local word words values takes_value path='' i current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $path/$word in
)" + found.paths +
         R"(    esac
  done
  case "$path $before" in
)" + found.values +
         R"(  esac
  if [ "$takes_value" = yes ]; then
    [ -n "$values" ] && COMPREPLY=($(compgen -W "$values" -- "$current"))
    return
  fi
  case $path in
)" + found.words +
         R"(  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -o bashdefault -F )" +
         function + " " + app.get_name() + "\n";
}

}  // namespace payoutd::ctl
