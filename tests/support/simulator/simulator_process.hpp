#pragma once
#include <sys/types.h>

#include <boost/json.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "wire_client.hpp"

namespace simulator {

/// A running payoutd-simulator, for any test that needs one. It ends with this object, or with this process.
class SimulatorProcess {
 public:
  /// Starts the program that PAYOUTD_SIMULATOR names, or the one beside this executable, with
  /// `--die-with-parent` and these options, and waits for its ready line. Throws std::runtime_error when it
  /// does not come.
  explicit SimulatorProcess(std::vector<std::string> options);
  ~SimulatorProcess();
  SimulatorProcess(const SimulatorProcess&) = delete;
  SimulatorProcess& operator=(const SimulatorProcess&) = delete;

  const std::string& momo_url() const { return momo_url_; }
  const std::string& control_url() const { return control_url_; }
  /// Of any protocol that the ready line names. Throws std::out_of_range for another.
  const std::string& url(std::string_view protocol) const;
  pid_t pid() const { return pid_; }

  /// The control API. Throws std::runtime_error, with what the simulator said, unless the status is 2xx.
  boost::json::value get(std::string_view target);
  boost::json::value post(std::string_view target, const boost::json::value& command = boost::json::object{});
  void remove(std::string_view target);

  /// Sends SIGTERM and waits; the exit status as a shell would show it.
  int stop();

  static std::string program();

 private:
  boost::json::value ask(std::string_view method, std::string_view target, const std::string& body);

  pid_t pid_ = -1;
  std::string momo_url_;
  std::string control_url_;
  std::map<std::string, std::string, std::less<>> urls_;
};

}  // namespace simulator
