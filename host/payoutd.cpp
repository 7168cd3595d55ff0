#include <CLI/CLI.hpp>
#include <iostream>

#include "ctl/check.hpp"
#include "ctl/manual.hpp"
#include "ctl/service_environment.hpp"
#include "daemon/daemon.hpp"

namespace {

namespace ctl = payoutd::ctl;

constexpr const char* kDefaultConfig = "/etc/payoutd/payoutd.yaml";

constexpr const char* kAbout =
    "payoutd: pays people out through payment service providers, never twice, never losing one.\n\n"
    "Runs until SIGTERM or SIGINT, then finishes what is in flight and stops. SIGHUP, or `payoutctl reload`, "
    "which\n"
    "says what came of it, reads the live part of the configuration again.";

constexpr const char* kFooter =
    "Exit codes:\n"
    "  0    stopped as asked; `check`: no problems\n"
    "  1    failed while running\n"
    "  2    wrong usage or configuration: starting again would not help\n"
    "  3    cannot start: the database does not answer or has another schema, the address is taken, …";

constexpr const char* kManualFiles =
    ".SH ENVIRONMENT\n"
    "\\fBENV\\fR, \\fBDATABASE_URL\\fR, \\fBJWT_SECRET\\fR, \\fBCORS_ALLOW_ORIGINS\\fR and\n"
    "\\fIPLUGIN\\fR\\fB_WEBHOOK_SECRET\\fR go before the configuration. Where one of them is not set, the "
    "file of\n"
    "its name in lower case in \\fB$CREDENTIALS_DIRECTORY\\fR takes its place.\n"
    ".PP\n"
    "With \\fB$NOTIFY_SOCKET\\fR the host tells systemd when it is ready, how it is, and, within\n"
    "\\fBWatchdogSec=\\fR, that it lives.\n"
    ".SH SIGNALS\n"
    "\\fBSIGTERM\\fR, \\fBSIGINT\\fR: drain and stop. \\fBSIGHUP\\fR: read the configuration again.\n"
    ".SH FILES\n"
    "\\fI/etc/payoutd/payoutd.yaml\\fR, \\fI/etc/default/payoutd\\fR, \\fI/etc/payoutd/credentials\\fR,\n"
    "\\fI/var/lib/payoutd\\fR, \\fI/run/payoutd/control.sock\\fR\n";

struct Arguments {
  payoutd::daemon::DaemonOptions daemon;
  std::string checked_file;
  bool json = false;
  bool man = false;
  bool completion = false;
};

int check(const Arguments& a) {
  const std::filesystem::path file =
      a.checked_file.empty() ? a.daemon.config_file : std::filesystem::path(a.checked_file);
  ctl::adopt_service_environment(file);
  ctl::Context context{.socket = {}, .json = a.json, .out = std::cout, .err = std::cerr};
  try {
    return ctl::check(context, file, a.daemon.provider_executable) == ctl::ExitCode::ok ? 0 : 2;
  } catch (const std::exception& error) {
    std::cerr << "payoutd: " << error.what() << '\n';
    return 2;
  }
}

int run(const Arguments& a) {
  try {
    return payoutd::daemon::run(a.daemon);
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

}  // namespace

int main(int argc, char** argv) {
  Arguments a;
  a.daemon.config_file = kDefaultConfig;
  CLI::App app{kAbout, "payoutd"};
  app.fallthrough();
  app.add_option("-c,--config", a.daemon.config_file, "Configuration file")->capture_default_str();
  app.add_option("--provider-executable", a.daemon.provider_executable,
                 "payoutd-provider; beside this program by default");
  app.set_version_flag("--version",
                       std::string(payoutd::daemon::version()) + " (" + payoutd::daemon::build_id() + ")");
  app.add_flag("--man", a.man, "Print this manual's page")->group("");
  app.add_flag("--completion", a.completion, "Print the completion of bash")->group("");
  CLI::App* checking = app.add_subcommand(
      "check", "Say what is wrong with the configuration and the plugins' settings, without starting");
  checking->add_option("file", a.checked_file, "Configuration file; --config if left out");
  checking->add_flag("--json", a.json, "Answer with one JSON document on standard output");
  app.footer(kFooter);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (a.completion) {
    std::cout << ctl::bash_completion(app);
    return 0;
  }
  if (a.man) {
    std::cout << ctl::man_page(app, {.section = 8,
                                     .version = payoutd::daemon::version(),
                                     .summary = "a host that pays people out, once",
                                     .files = kManualFiles,
                                     .see_also = "payoutctl(1), payoutd.yaml(5), systemctl(1)"});
    return 0;
  }
  return checking->parsed() ? check(a) : run(a);
}
