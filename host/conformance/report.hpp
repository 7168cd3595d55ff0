#pragma once
#include <boost/json/object.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace payoutd::conformance {

/// One payment (or callback) played with something wrong, and what came of it.
struct Run {
  std::string transcript;  ///< its title
  std::string life;        ///< what happened before: `good`, `answer lost`, `request lost`, …
  std::string call;        ///< in which the fault struck: prepare, submit, query, webhook
  std::string exchange;    ///< at which it struck
  std::string family;
  std::string fault;
  bool processed = false;  ///< the provider did what the exchange asks for
  bool reached = true;     ///< the plugin came to the exchange at all
  std::string claim;       ///< of the plugin in that call
  std::string believed;    ///< what the host made of it, where that is something else
  std::string truth;       ///< `paid`, `not paid`, `genuine`, `forged`
  std::string end;         ///< the payout's state when all was over
  std::vector<std::string> wrong;
  std::vector<std::string> notes;

  bool passed() const { return wrong.empty(); }
};

struct TranscriptResult {
  std::string title;
  std::filesystem::path file;
  bool confirmed = false;  ///< undisturbed, the payment ended as paid once and nothing was claimed wrongly
  std::vector<std::string> problems;   ///< why not
  std::vector<std::string> exchanges;  ///< of the undisturbed life, `call: exchange`
};

struct Report {
  std::string plugin;
  std::string version;
  std::vector<TranscriptResult> transcripts;
  std::vector<Run> runs;
  std::vector<std::string> notes;
  bool interrupted = false;

  int wrong_runs() const;
  /// Every transcript was confirmed when nothing went wrong, and nothing claimed in any run is wrong.
  bool passed() const;
};

boost::json::object to_json(const Report& report);

}  // namespace payoutd::conformance
