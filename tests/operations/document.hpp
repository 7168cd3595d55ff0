#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace payoutd::test {

/// One command of a document, as an operator would type it, and what it must print.
struct Step {
  int line = 0;  ///< of the command, from 1
  std::string section;
  std::string stage;  ///< the stage that stood last before it: `<!-- stage: NAME -->`
  std::string command;
  std::vector<std::string> expected;  ///< `…` alone: any lines; `…` in a line: any text
};

/// The commands of all ```console blocks of a Markdown file; a line `$ COMMAND` each, with its output below.
/// Throws std::runtime_error with file and line for a block that shows a command without being run: such a
/// block needs `<!-- run by: WHAT -->` before it.
std::vector<Step> read_steps(const std::filesystem::path& document);

/// Whether the output is what was expected; runs of blanks count as one, at the end as none.
bool matches(const std::vector<std::string>& expected, const std::string& output);

}  // namespace payoutd::test
