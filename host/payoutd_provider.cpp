// payoutd-provider: loads one plugin and serves the host that started it.
#include <unistd.h>

#include <cstdio>
#include <iostream>

#include "providers/runtime.hpp"

namespace {

int usage() {
  std::fputs(
      "payoutd-provider is started by payoutd, one process for each configured provider.\n"
      "By hand:  payoutd-provider --inspect FILE   says what a plugin library is, as JSON\n",
      stderr);
  return static_cast<int>(payoutd::providers::ExitCode::bad_usage);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace payoutd::providers;
  if (argc == 3 && std::string(argv[1]) == "--inspect") {
    const int code = inspect_plugin(argv[2], std::cout);
    std::cout.flush();
    ::_exit(code);  // a plugin's static destructors are none of our business
  }
  ProcessOptions options;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    const std::string value = argv[i + 1];
    if (name == "--plugin") {
      options.plugin_path = value;
    } else if (name == "--plugin-name") {
      options.plugin_name = value;
    } else if (name == "--provider") {
      options.provider_name = value;
    } else if (name == "--send-log") {
      options.send_log_path = value;
    } else if (name == "--host-pid") {
      options.host_pid = static_cast<pid_t>(std::atoi(value.c_str()));
    } else {
      return usage();
    }
  }
  if (argc % 2 == 0 || options.plugin_path.empty() || options.host_pid <= 0) return usage();
  return serve_provider(options);
}
