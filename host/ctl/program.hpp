#pragma once
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace payoutd::ctl {

struct ProgramRun {
  int status = 0;      ///< as a shell shows it: 128 + signal
  std::string errors;  ///< the end of its standard error
  bool interrupted = false;
};

/// Runs a program to its end with `environment` over this process's, its output thrown away. Ctrl-C ends it
/// too. Throws CommandFailed if it cannot be started.
ProgramRun run_program(const std::filesystem::path& program, const std::vector<std::string>& arguments,
                       const std::map<std::string, std::string>& environment);

/// A DSN as the variables of libpq's programs, so that no password stands in a command line that others can
/// read.
std::map<std::string, std::string> libpq_environment(const std::string& dsn);

/// A program of PostgreSQL (pg_dump, pg_restore) whose major version is `major` or the next newer one that is
/// installed; in PATH, if nothing else is there. Throws CommandFailed that says what to install.
std::filesystem::path postgres_program(const std::string& name, int major);

}  // namespace payoutd::ctl
