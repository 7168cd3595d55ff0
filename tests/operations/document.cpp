#include "document.hpp"

#include <fstream>
#include <regex>
#include <stdexcept>

namespace payoutd::test {
namespace {

const std::string kAnything = "…";

/// Commands that must not stand in a document without being run.
const std::regex kCommand(R"(^(payoutctl|payoutd|systemctl|curl|psql|kill|sudo|apt|\./dev)\b)");
const std::regex kStage(R"(^<!-- stage: ([a-z-]+) -->$)");
const std::regex kEvent(R"(^<!-- happens: ([a-z-]+) -->$)");
const std::regex kQuoted("`([A-Z][A-Za-z]+)`");
const std::string kFires = "**Fires:**";

std::string blanks_as_one(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const bool is_blank = c == ' ' || c == '\t' || c == '\r';
    if (is_blank && (out.empty() || out.back() == ' ')) continue;
    out += is_blank ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

bool line_matches(const std::string& expected, const std::string& line) {
  std::string_view rest = line;
  std::size_t from = 0;
  for (bool is_first = true;; is_first = false) {
    const std::size_t to = expected.find(kAnything, from);
    const bool is_last = to == std::string::npos;
    const std::string part = expected.substr(from, is_last ? to : to - from);
    if (is_first && is_last) return rest == part;
    if (is_last) return rest.ends_with(part);
    const std::size_t at = rest.find(part);
    if (at == std::string_view::npos || (is_first && at != 0)) return false;
    rest.remove_prefix(at + part.size());
    from = to + kAnything.size();
  }
}

using Lines = std::vector<std::string>;
bool lines_match(Lines::const_iterator expected, Lines::const_iterator expected_end,
                 Lines::const_iterator line, Lines::const_iterator end) {
  for (; expected != expected_end; ++expected, ++line) {
    if (*expected == kAnything) {
      for (;; ++line) {
        if (lines_match(expected + 1, expected_end, line, end)) return true;
        if (line == end) return false;
      }
    }
    if (line == end || !line_matches(*expected, *line)) return false;
  }
  return line == end;
}

std::runtime_error wrong(const std::filesystem::path& document, int line, const std::string& what) {
  return std::runtime_error(document.filename().string() + ":" + std::to_string(line) + ": " + what);
}

/// Reads a document line by line.
class Reader {
 public:
  explicit Reader(std::filesystem::path document) : document_(std::move(document)), file_(document_) {
    if (!file_) throw std::runtime_error("cannot read " + document_.string());
  }

  std::vector<Step> read() {
    for (std::string line; next(line);) {
      if (line.starts_with("#")) {
        section_ = line.substr(line.find(' ') + 1);
        stage_ = "host";
      }
      if (!line.starts_with("```")) {
        marker(line);
        continue;
      }
      if (line == "```console")
        console();
      else
        other();
      excused_ = false;
    }
    return std::move(steps_);
  }

 private:
  bool next(std::string& line) {
    ++number_;
    return static_cast<bool>(std::getline(file_, line));
  }

  Step step(Step::Kind kind, std::string text) const {
    Step made;
    made.kind = kind;
    made.line = number_;
    made.section = section_;
    made.stage = stage_;
    made.text = std::move(text);
    return made;
  }

  void marker(const std::string& line) {
    std::smatch found;
    if (std::regex_match(line, found, kStage)) stage_ = found[1];
    if (std::regex_match(line, found, kEvent)) steps_.push_back(step(Step::Kind::event, found[1]));
    if (line.starts_with("<!-- run by: ")) excused_ = true;
    if (!line.starts_with(kFires)) return;
    const auto end = std::sregex_iterator();
    for (auto alert = std::sregex_iterator(line.begin(), line.end(), kQuoted); alert != end; ++alert)
      steps_.push_back(step(Step::Kind::alert, (*alert)[1]));
  }

  void console() {
    std::vector<Step> block;
    for (std::string line; next(line) && line != "```";) {
      if (line.starts_with("$ ")) {
        block.push_back(step(Step::Kind::command, line.substr(2)));
        while (block.back().text.ends_with('\\') && next(line)) {
          block.back().text.pop_back();
          block.back().text += line;
        }
      } else if (block.empty()) {
        throw wrong(document_, number_, "a console block begins with `$ COMMAND`");
      } else {
        block.back().expected.push_back(blanks_as_one(line));
      }
    }
    if (excused_) return;
    steps_.insert(steps_.end(), block.begin(), block.end());
  }

  void other() {
    for (std::string line; next(line) && line != "```";)
      if (!excused_ && std::regex_search(line, kCommand))
        throw wrong(document_, number_, "a command that nobody runs: " + line);
  }

  std::filesystem::path document_;
  std::ifstream file_;
  int number_ = 0;
  std::string section_;
  std::string stage_ = "host";
  bool excused_ = false;
  std::vector<Step> steps_;
};

/// What shows how things are and changes nothing.
const std::regex kLook(
    R"(^(payoutctl (list|show|explain|events|tally|health|doctor|status|stats|maintenance|hosts|decisions)"
    R"(|audit|idempotency|review list|flags list|switch list|provider (list|show|balance))"
    R"(|scripts (status|diff)|config (show|diff)|secrets (list|history|accepted|rotate-check))"
    R"(|webhook list|notification (list|show|endpoint (list|show))|migrate (status|verify))"
    R"(|db (activity|pool(?! engine)))\b)"
    R"(|curl -s \$URL/(metrics|healthz|readyz)|psql "\$[A-Z]+" -[Atc]+ "select (?!pg_)|grep ))");

}  // namespace

bool is_a_look(const std::string& command) {
  return std::regex_search(command, kLook) && command.find("&&") == std::string::npos;
}

std::vector<Step> read_steps(const std::filesystem::path& document) {
  return Reader(document).read();
}

bool matches(const std::vector<std::string>& expected, const std::string& output) {
  Lines lines;
  std::string line;
  for (const char c : output) {
    if (c != '\n') {
      line += c;
      continue;
    }
    lines.push_back(blanks_as_one(line));
    line.clear();
  }
  if (!line.empty()) lines.push_back(blanks_as_one(line));
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  Lines wanted = expected;
  while (!wanted.empty() && wanted.back().empty()) wanted.pop_back();
  return lines_match(wanted.begin(), wanted.end(), lines.begin(), lines.end());
}

}  // namespace payoutd::test
