#pragma once
#include <filesystem>
#include <functional>
#include <string>

#include "ctl/context.hpp"
#include "ctl/exit_code.hpp"

namespace CLI {
class App;
}

namespace payoutd::ctl {

struct LoadOptions {
  std::string base_url;  ///< of the API; empty: the control socket
  std::filesystem::path config;
  bool has_config = false;  ///< it was named, so it must be readable
  std::string token;
  std::filesystem::path token_file;
  std::string ca_file;  ///< PEM, for a certificate that the system does not know
  std::string provider;
  std::string currency;
  std::string amount = "1";
  std::string destination_prefix;
  int destination_digits = 4;
  std::string rate = "10/s";  ///< payouts
  std::string duration = "60s";
  std::string batch;  ///< empty: a new one
  int bulk = 1;
  int connections = 32;
  std::string settle = "60s";  ///< to wait for outcomes
  int sample = 500;            ///< payouts whose events are read
  int timeout_s = 30;          ///< of a request
  int p95_ms = 0;              ///< of admission, at the most; 0: any
  int p99_ms = 0;
  int confirmed_p95_ms = 0;
  int max_errors = 0;  ///< payouts that may be refused
  bool real_money = false;
};

/// Posts payouts at a fixed rate and reports latencies. negative: a threshold was missed, or a payout that
/// was taken is not there. refused: the host may pay real money.
ExitCode load(Context& context, const LoadOptions& options);

/// The part of the command line that is about it. Stays where it is as long as `app` lives.
class LoadCommandLine {
 public:
  using Command = std::function<ExitCode(Context&)>;
  /// `use` is called with the command when it was chosen; `config` gives the host's configuration, and
  /// whether it was named.
  LoadCommandLine(CLI::App& app, std::function<void(Command)> use,
                  std::function<std::pair<std::filesystem::path, bool>()> config,
                  std::function<std::string()> socket);
  LoadCommandLine(const LoadCommandLine&) = delete;
  LoadCommandLine& operator=(const LoadCommandLine&) = delete;

 private:
  void add_options(CLI::App* sub);

  LoadOptions options_;
};

}  // namespace payoutd::ctl
