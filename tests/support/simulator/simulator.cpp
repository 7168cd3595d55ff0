#include "simulator.hpp"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/json.hpp>
#include <csignal>
#include <cstdio>
#include <deque>
#include <vector>

#include "banano.hpp"
#include "banano_control.hpp"
#include "callbacks.hpp"
#include "control.hpp"
#include "flooz.hpp"
#include "http_server.hpp"
#include "momo.hpp"
#include "thunes.hpp"
#include "tmoney.hpp"

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

void announce(const boost::json::object& line) {
  std::printf("%s\n", boost::json::serialize(line).c_str());
  std::fflush(stdout);
}

/// A protocol and where it is served.
struct Place {
  Protocol& protocol;
  const ListenAddress& listen;
};

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
  Thunes thunes{world, options.thunes_options};
  Tmoney tmoney{world, options.tmoney_options};
  Flooz flooz{world, options.flooz_options};
  Banano banano{world, options.banano_options};
  const std::vector<Place> places{{momo, options.momo},
                                  {thunes, options.thunes},
                                  {tmoney, options.tmoney},
                                  {flooz, options.flooz},
                                  {banano, options.banano}};

  Control control{world};
  boost::json::object addresses;
  std::deque<HttpServer> servers;
  for (const auto& [protocol, listen] : places) {
    auto& server = servers.emplace_back(context, protocol, stats, listen.address, listen.port);
    control.add({&protocol, &server});
    addresses[protocol.name()] = server.url();
  }
  Stats control_stats;  // the questions of tests are no connections of a client
  BananoControl commands{world, banano, control};
  HttpServer control_server{context, commands, control_stats, options.control.address, options.control.port};
  addresses["control"] = control_server.url();
  announce(addresses);
  context.run();
  return 0;
}

}  // namespace simulator
