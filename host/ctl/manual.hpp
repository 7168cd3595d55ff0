#pragma once
#include <string>

namespace CLI {
class App;
}

namespace payoutd::ctl {

/// What a page of the manual says beside what the command line itself says.
struct ManualPage {
  int section = 1;
  std::string version;
  std::string summary;   ///< one line, after the name
  std::string files;     ///< roff text of sections FILES and below; may be empty
  std::string see_also;  ///< `payoutd(8), payoutctl(1)`
};

/// The program's page in roff, from the very objects that read its command line, so that the two cannot
/// differ.
std::string man_page(const CLI::App& app, const ManualPage& page);

/// payoutd.yaml(5), from the reference that ops::describe_config() makes.
std::string settings_man_page(const std::string& reference, const std::string& version);

/// A script for bash-completion, from the same objects.
std::string bash_completion(const CLI::App& app);

}  // namespace payoutd::ctl
