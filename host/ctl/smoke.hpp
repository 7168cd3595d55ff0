#pragma once
#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

struct SmokeOptions {
  std::string base_url;  ///< of the API: `http://127.0.0.1:8480`
  std::filesystem::path config;
  bool has_config = false;  ///< it was named, so it must be readable
  std::string provider;     ///< empty: the only one that pays the currency
  std::string amount = "1";
  std::string currency;  ///< empty: the provider's only one
  std::string destination;
  std::string token;
  std::filesystem::path token_file;
  std::filesystem::path webhook_secret_file;
  bool no_webhook = false;
  std::string notify_listen;  ///< `ADDRESS:PORT`; empty: no notification is waited for
  std::string notify_url;     ///< under which the host reaches it; empty: `http://ADDRESS:PORT`
  std::string ca_file;        ///< PEM, for a certificate that the system does not know
  int timeout_s = 60;         ///< for each step
};

/// Pays one payout from end to end through a host's API, as a client, the provider and an operator would, and
/// says which step works. Ends with the exit code of the first step that does not.
ExitCode smoke(Context& context, const SmokeOptions& options);

/// The part of the command line that is about it. Stays where it is as long as `app` lives.
class SmokeCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  /// `use` is called with the command when it was chosen; `config` gives the host's configuration, and
  /// whether it was named.
  SmokeCommandLine(CLI::App& app, std::function<void(Command)> use,
                   std::function<std::pair<std::filesystem::path, bool>()> config,
                   std::function<std::string()> socket);
  SmokeCommandLine(const SmokeCommandLine&) = delete;
  SmokeCommandLine& operator=(const SmokeCommandLine&) = delete;

 private:
  SmokeOptions options_;
};

}  // namespace payoutd::ctl
