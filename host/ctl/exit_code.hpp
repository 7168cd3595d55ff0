#pragma once
#include <stdexcept>
#include <string>

namespace payoutd::ctl {

/// How payoutctl ends; listed in its help.
enum class ExitCode : int {
  ok = 0,
  negative = 1,     ///< the command was carried out and its answer is no
  usage = 2,        ///< the command line, a file or the configuration is wrong; nothing was done
  unreachable = 3,  ///< no host answers on the control socket
  refused = 4,      ///< the host refuses to do it
  failed = 5,       ///< the host, its database or a provider could not do it now
  // What `smoke` found not to work.
  smoke_health = 10,
  smoke_identity = 11,
  smoke_create = 12,
  smoke_submit = 13,
  smoke_webhook = 14,
  smoke_confirm = 15,
  smoke_admin = 16,
  smoke_notification = 17,
  interrupted = 130,
};

/// Ends a command; what() is for people.
class CommandFailed : public std::runtime_error {
 public:
  CommandFailed(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

}  // namespace payoutd::ctl
