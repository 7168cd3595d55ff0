#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "harness/scene.hpp"

namespace payoutd::test {

/// What a command printed, on both streams, in the order in which it came.
struct Printed {
  std::string output;
  int status = 0;
};

/// What a stage's database stands on, where an incident needs more than a database: servers that die, disks
/// that fill.
class Ground {
 public:
  virtual ~Ground() = default;
  virtual TestDatabase database() = 0;
};

class Stage;

/// How an incident comes about: what there is when it begins, and what happens at the words
/// `<!-- happens: NAME -->` of the document. Payouts that exist afterwards are held against the simulator's
/// ledger.
struct Play {
  using Act = std::function<void(Stage&)>;
  std::string name;
  Act begin{};  ///< with the host ready
  std::map<std::string, Act> events{};
  Act prepare{};                                      ///< before the host starts
  std::function<std::unique_ptr<Ground>()> ground{};  ///< empty: a database of the shared server
  std::vector<std::string> simulator{"--processing-ms", "0..50"};
};
/// All of them. Throws std::runtime_error if none is called so.
const Play& play_called(const std::string& name);
std::vector<std::string> plays();

/// The world in which the commands of a section run: a database, the simulator, a host that pays through
/// `momo`, and a shell in the stage's folder whose variables name what there is: $PAYOUTD_CONFIG, $DSN, $URL
/// (the API), $CONTROL (the simulator's), $STATE (the host's state_dir) and what the play adds. The shell's
/// `systemctl` starts and stops the host.
class Stage {
 public:
  explicit Stage(const Play& play);
  ~Stage();
  Stage(const Stage&) = delete;
  Stage& operator=(const Stage&) = delete;

  /// Runs a command line in bash. Killed after a minute.
  Printed run(const std::string& command);
  void happen(const std::string& event);
  /// Empty if the shipped alert fires once the minutes to come are like the time since the stage began; else
  /// what promtool says.
  std::string why_quiet(const std::string& alert);
  /// Empty if nothing was lost, paid twice or said wrongly; else what.
  std::string wrong_in_books();

  // For plays.
  Scene& scene() { return *scene_; }
  HostProcess& host() { return *host_; }
  template <class Kind>
  Kind& ground() {
    return dynamic_cast<Kind&>(*ground_);
  }
  std::string sql(const std::string& statement) { return scene_->database().value(statement); }
  /// Posts a payout of 12.50 EUR, with further members of its JSON; the answer.
  simulator::Reply post(const std::string& key, const std::string& payee, boost::json::object more = {});
  /// The same, and requires that it was taken; its id.
  std::string pay(const std::string& key, const std::string& payee, boost::json::object more = {});
  /// A callback about a payout, signed with this secret; empty: not at all.
  simulator::Reply call_back(const std::string& payout, const std::string& secret);
  void wait_for(const std::string& what, const std::function<bool()>& done);
  void wait_for_state(const std::string& payout, const std::string& state);
  void write(const std::string& file, const std::string& text);  ///< in the stage's folder
  /// Goes on beside the commands, until the stage is over or the function returns.
  void meanwhile(std::function<void(std::stop_token)> act);
  std::map<std::string, std::string> variables;
  bool keeps_books = true;  ///< false: what the play does to the database is not for a comparison

 private:
  int serve_systemctl(const std::string& verb);
  std::string metrics();

  const Play& play_;
  std::unique_ptr<Ground> ground_;
  std::unique_ptr<Scene> scene_;
  HostProcess* host_;
  std::string metrics_before_;
  std::vector<std::jthread> threads_;
};

}  // namespace payoutd::test
