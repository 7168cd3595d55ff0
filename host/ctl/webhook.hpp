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

struct WebhookFilter {
  std::string provider;
  std::string state;
  std::string payout;
  std::string since;  ///< `24h`; empty: however long ago
  bool failed_only = false;
  int limit = 50;
};

/// Callbacks that the host stored, the latest first.
ExitCode webhook_list(Context& context, const WebhookFilter& filter);
/// One of them with its headers and body, masked.
ExitCode webhook_show(Context& context, const std::string& id);
/// What every key makes of it. negative: none proves it.
ExitCode webhook_verify(Context& context, const std::string& id);

struct WebhookReplayOptions {
  std::vector<std::string> events;  ///< empty: what the filter says
  WebhookFilter filter;
  bool dry_run = false;
  std::string note;
};
/// Works on stored callbacks again. negative: at least one could not be proven or failed.
ExitCode webhook_replay(Context& context, const WebhookReplayOptions& options);

/// The part of the command line that is about callbacks. Stays where it is as long as `app` lives.
class WebhookCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  using Choose = std::function<void(Command command)>;
  WebhookCommandLine(CLI::App& app, Choose choose);
  WebhookCommandLine(const WebhookCommandLine&) = delete;
  WebhookCommandLine& operator=(const WebhookCommandLine&) = delete;

 private:
  CLI::App* add(CLI::App* group, const char* name, const char* about, Command command);
  void add_filter(CLI::App* command, WebhookFilter& filter, int most);

  Choose choose_;
  std::string id_;
  WebhookFilter list_;
  WebhookReplayOptions replay_;
};

}  // namespace payoutd::ctl
