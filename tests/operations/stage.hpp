#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/scene.hpp"

namespace payoutd::test {

/// What a command printed, on both streams, in the order in which it came.
struct Printed {
  std::string output;
  int status = 0;
};

/// The world in which the commands of a section run: a database, the simulator, a host on one of MoMo's
/// currencies with payouts in many states, and a shell whose variables name them. Each stage is built when
/// the document first names it and stays until the next is named.
///
/// `host`: a host runs; $CONFIRMED, $FAILED, $SENT, $HELD, $REVIEW are payouts, $EVENT is a callback that
/// failed its signature, $FLAG a flag, $ENDPOINT one that is told of payouts and does not answer,
/// $NOTIFICATION what it was to be told, $URL the API, $TOKEN an administrator's token. `no-host`: a
/// configuration and an empty database, nothing runs.
class Stage {
 public:
  explicit Stage(std::string name);
  ~Stage();

  const std::string& name() const { return name_; }
  /// Runs a command line in bash, in the stage's folder. Killed after a minute.
  Printed run(const std::string& command);

 private:
  void play();
  void export_payout(const std::string& variable, const std::string& state);

  std::string name_;
  Scene scene_;
  HostProcess* host_;
  std::map<std::string, std::string> variables_;
};

}  // namespace payoutd::test
