#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace payoutd::test {

/// One thing that a document says, in the order in which it is lived.
struct Step {
  enum class Kind {
    command,  ///< `$ COMMAND` in a ```console block, with what it prints
    event,    ///< `<!-- happens: NAME -->`: what the stage lets happen to the operator
    alert     ///< a line that begins with **Fires:** and names shipped alerts
  };
  Kind kind = Kind::command;
  int line = 0;  ///< from 1
  std::string section;
  std::string stage;  ///< `<!-- stage: NAME -->`, which counts until the next heading; else `host`
  std::string text;   ///< the command, the event's name, the alert's name
  std::vector<std::string> expected{};  ///< `…` alone: any lines; `…` in a line: any text
};

/// What a Markdown file shows and tells, as steps. Throws std::runtime_error with file and line for a block
/// that shows a command without being run: such a block needs `<!-- run by: WHAT -->` before it.
std::vector<Step> read_steps(const std::filesystem::path& document);

/// Whether a command only shows how things are. Somebody who waits for something looks again until it is
/// there.
bool is_a_look(const std::string& command);

/// Whether the output is what was expected; runs of blanks count as one, at the end as none.
bool matches(const std::vector<std::string>& expected, const std::string& output);

}  // namespace payoutd::test
