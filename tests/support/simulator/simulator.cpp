#include "simulator.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <cstdio>

#include "callbacks.hpp"
#include "control.hpp"
#include "http_server.hpp"
#include "momo.hpp"

namespace simulator {
namespace {

void follow_parent(pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) std::raise(SIGTERM);  // it ended before the kernel knew of our wish
}

void allow_many_connections() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void announce(const HttpServer& momo, const HttpServer& control) {
  const boost::json::object line{{"momo", momo.url()}, {"control", control.url()}};
  std::printf("%s\n", boost::json::serialize(line).c_str());
  std::fflush(stdout);
}

}  // namespace

int run(const Options& options) {
  const auto parent = ::getppid();
  std::signal(SIGPIPE, SIG_IGN);
  allow_many_connections();

  boost::asio::io_context context{1};
  boost::asio::signal_set signals{context, SIGTERM, SIGINT};
  signals.async_wait([&context](const boost::system::error_code&, int) { context.stop(); });
  if (options.die_with_parent) follow_parent(parent);

  Seed seed{options.seed};
  Ledger ledger;
  Faults faults{seed};
  Stats stats;
  Schedule schedule{context};
  Callbacks callbacks{context, schedule, stats};
  World world{seed, ledger, faults, schedule, callbacks, stats, options.timing, options.log};

  Momo momo{world, options.momo_options};
  Control control{world, momo};
  Stats control_stats;  // the questions of tests are no connections of a client
  HttpServer momo_server{context, momo, stats, options.momo.address, options.momo.port};
  HttpServer control_server{context, control, control_stats, options.control.address, options.control.port};
  control.add({&momo, &momo_server});
  announce(momo_server, control_server);
  context.run();
  return 0;
}

}  // namespace simulator
