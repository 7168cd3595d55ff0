#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

struct EndpointAddOptions {
  std::string url;
  std::string client;
  std::vector<std::string> event_types;
  std::string description;
  std::string note;
};
ExitCode endpoint_add(Context& context, const EndpointAddOptions& options);
ExitCode endpoint_list(Context& context, bool removed);
ExitCode endpoint_show(Context& context, const std::string& id);
/// `action`: pause, resume, enable, remove.
ExitCode endpoint_change(Context& context, const std::string& id, const std::string& action,
                         const std::string& note);
ExitCode endpoint_rotate(Context& context, const std::string& id, const std::string& overlap,
                         const std::string& note);
ExitCode endpoint_secret(Context& context, const std::string& id);

struct NotificationFilter {
  std::string endpoint;
  std::string payout;
  std::string type;
  std::string state;
  std::string since;  ///< `24h`; empty: however long ago
  bool failed_only = false;
  int limit = 50;
};
ExitCode notification_list(Context& context, const NotificationFilter& filter);
ExitCode notification_show(Context& context, const std::string& id);

struct NotificationReplayOptions {
  std::string id;  ///< empty: what the filter says
  std::string endpoint;
  std::string since;
  bool failed_only = false;
  bool dry_run = false;
  int limit = 1'000;
  std::string note;
};
ExitCode notification_replay(Context& context, const NotificationReplayOptions& options);

struct NotificationVerifyOptions {
  std::string secret;                ///< whsec_…, or a reference such as file:PATH or env:NAME
  std::string headers_file;          ///< lines `name: value`; others are skipped
  std::vector<std::string> headers;  ///< `name: value`
  std::string body_file;             ///< - for standard input
  std::int64_t tolerance_s = 300;
  bool any_time = false;
};
/// Whether a message that was received was signed with a secret; asks no host. negative: it was not.
ExitCode notification_verify(Context& context, const NotificationVerifyOptions& options);

/// The part of the command line that is about notifications. Stays where it is as long as `app` lives.
class NotificationCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  using Choose = std::function<void(Command command, bool needs_host)>;
  NotificationCommandLine(CLI::App& app, Choose choose);
  NotificationCommandLine(const NotificationCommandLine&) = delete;
  NotificationCommandLine& operator=(const NotificationCommandLine&) = delete;

 private:
  CLI::App* add(CLI::App* group, const char* name, const char* about, Command command,
                bool needs_host = true);
  void add_endpoints(CLI::App* group);
  void add_notifications(CLI::App* group);
  void add_verify(CLI::App* group);

  Choose choose_;
  std::string id_;
  std::string note_;
  std::string overlap_;
  bool removed_ = false;
  EndpointAddOptions add_;
  NotificationFilter list_;
  NotificationReplayOptions replay_;
  NotificationVerifyOptions verify_;
};

}  // namespace payoutd::ctl
