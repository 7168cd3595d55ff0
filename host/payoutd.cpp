#include <CLI/CLI.hpp>
#include <iostream>

#include "daemon/daemon.hpp"

int main(int argc, char** argv) {
  payoutd::daemon::DaemonOptions options;
  options.config_file = "/etc/payoutd/payoutd.yaml";
  CLI::App app{
      "payoutd: pays people out through payment service providers, never twice, never losing one.\n\n"
      "Runs until SIGTERM or SIGINT, then finishes what is in flight and stops. SIGHUP reads the live part "
      "of the\n"
      "configuration again. `payoutctl check FILE` says what is wrong with a configuration without starting.",
      "payoutd"};
  app.add_option("-c,--config", options.config_file, "Configuration file")->capture_default_str();
  app.add_option("--provider-executable", options.provider_executable,
                 "payoutd-provider; beside this program by default");
  app.set_version_flag("--version",
                       std::string(payoutd::daemon::version()) + " (" + payoutd::daemon::build_id() + ")");
  app.footer(
      "Exit codes: 0 stopped as asked, 1 failed while running, 2 wrong usage or configuration, 3 cannot "
      "start.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  try {
    return payoutd::daemon::run(options);
  } catch (const payoutd::ops::ConfigError& error) {
    std::cerr << error.what() << '\n';
    return 2;
  } catch (const payoutd::daemon::StartError& error) {
    std::cerr << "payoutd: " << error.what() << '\n';
    return 3;
  } catch (const std::exception& error) {
    std::cerr << "payoutd: " << error.what() << '\n';
    return 1;
  }
}
