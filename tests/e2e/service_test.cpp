// The host as a service: what it tells its manager, and what a reload does and refuses. The manager is a
// socket of the test's own; a real systemd runs it in tests/service.
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <mutex>
#include <thread>

#include "control.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
namespace fs = std::filesystem;
using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

/// A NOTIFY_SOCKET, and everything that was said on it.
class Manager {
 public:
  explicit Manager(fs::path path) : path_(std::move(path)) {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    const timeval limit{0, 50'000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("cannot bind " + path_.string());
    thread_ = std::thread([this] { listen(); });
  }
  ~Manager() {
    stop_ = true;
    thread_.join();
    ::close(socket_);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;

  std::map<std::string, std::string> environment(milliseconds watchdog) const {
    return {{"NOTIFY_SOCKET", path_.string()}, {"WATCHDOG_USEC", std::to_string(watchdog.count() * 1'000)}};
  }
  /// When it was first said; nullopt: not yet.
  std::optional<Clock::time_point> first(const std::string& message) const {
    const std::lock_guard guard(mutex_);
    for (const auto& [at, said] : said_)
      if (said.starts_with(message)) return at;
    return std::nullopt;
  }
  bool said(const std::string& message) const { return first(message).has_value(); }
  int count(const std::string& message) const {
    const std::lock_guard guard(mutex_);
    return static_cast<int>(
        std::ranges::count_if(said_, [&](const auto& one) { return one.second.starts_with(message); }));
  }
  std::string last(const std::string& message) const {
    const std::lock_guard guard(mutex_);
    for (auto one = said_.rbegin(); one != said_.rend(); ++one)
      if (one->second.starts_with(message)) return one->second;
    return {};
  }

 private:
  void listen() {
    std::array<char, 4096> buffer{};
    while (!stop_) {
      const auto size = ::recv(socket_, buffer.data(), buffer.size(), 0);
      if (size <= 0) continue;
      const std::lock_guard guard(mutex_);
      said_.emplace_back(Clock::now(), std::string(buffer.data(), static_cast<std::size_t>(size)));
    }
  }

  fs::path path_;
  int socket_ = -1;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  mutable std::mutex mutex_;
  std::vector<std::pair<Clock::time_point, std::string>> said_;
};

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::trunc) << text;
}

const std::string kGoodRule =
    "local rule = {}\nfunction rule.check(payout, history) return 'allow' end\n"
    "rule.tests = { { name = 'all', payout = {}, expect = 'allow' } }\nreturn rule\n";

struct Reloaded {
  int status = 0;
  std::string text;
};
Reloaded reload(HostProcess& host) {
  const RawResponse reply = control(host, "POST", "/v1/admin/reload");
  return {reply.status, reply.body};
}

/// Changes one line of the host's configuration, which the harness wrote.
void edit_configuration(HostProcess& host, const std::string& from, const std::string& to) {
  const fs::path file = host.settings().directory / "payoutd.yaml";
  std::ifstream in(file);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_file(file, text.replace(at, from.size(), to));
}

}  // namespace

TEST_CASE("the manager hears when the host is ready, how it is, that it lives, and that it stops",
          "[service]") {
  Scene scene("service", {"--transfer-latency-ms", "400..600"});
  Manager manager(scene.directory() / "notify.sock");
  HostProcess& host = scene.add_host("host-a");
  host.settings().environment = manager.environment(milliseconds{2'000});
  host.start_without_waiting();
  REQUIRE(eventually(seconds{30}, [&] { return manager.said("READY=1"); }));
  CHECK(host.get("/readyz").at("ready").as_bool());  // at once, without another try
  REQUIRE(eventually(seconds{5}, [&] { return manager.last("STATUS=").starts_with("STATUS=Running; "); }));
  CHECK_THAT(manager.last("STATUS="),
             Catch::Contains("1 of 1 provider up") && Catch::Contains("built-in rules"));
  const int pings = manager.count("WATCHDOG=1");
  CHECK(eventually(seconds{4}, [&] { return manager.count("WATCHDOG=1") >= pings + 4; }));

  scene.post(host, 40);
  CHECK(eventually(seconds{10},
                   [&] { return manager.last("STATUS=").find("; 0 payouts") == std::string::npos; }));
  host.process().signal(SIGTERM);
  REQUIRE(eventually(seconds{10}, [&] { return manager.said("STOPPING=1"); }));
  CHECK(manager.said("EXTEND_TIMEOUT_USEC="));
  CHECK(host.process().wait(seconds{60}) == 0);
  CHECK(manager.said("STATUS=Draining: "));
  CHECK(manager.count("READY=1") == 1);
  host.start();
  REQUIRE(scene.wait_until_finished(seconds{60}));
  CHECK(scene.check().all_right());
}

TEST_CASE("a database that is away leaves the host degraded, not hung; a stuck event loop is silent",
          "[service]") {
  DatabaseServer server;
  Scene scene("service-outage", {}, server);
  Manager manager(scene.directory() / "notify.sock");
  HostProcess& host = scene.add_host("host-a");
  host.settings().environment = manager.environment(milliseconds{1'000});
  host.start();
  REQUIRE(eventually(seconds{10}, [&] { return manager.said("STATUS=Running"); }));
  server.kill();
  REQUIRE(eventually(seconds{10},
                     [&] { return manager.said("STATUS=Degraded: the database has not answered"); }));
  const int pings = manager.count("WATCHDOG=1");
  REQUIRE(eventually(seconds{15}, [&] { return manager.count("WATCHDOG=1") >= pings + 20; }));
  server.start();
  REQUIRE(eventually(seconds{15}, [&] { return manager.last("STATUS=").starts_with("STATUS=Running"); }));

  host.process().signal(SIGSTOP);
  REQUIRE(eventually(seconds{5}, [&] { return process_state(host.process().pid()) == 'T'; }));
  const int before = manager.count("WATCHDOG=1");
  const auto until = Clock::now() + seconds{2};
  CHECK_FALSE(eventually(seconds{2}, [&] { return manager.count("WATCHDOG=1") > before + 1; }));
  CHECK(Clock::now() >= until);
  host.process().signal(SIGCONT);
  CHECK(eventually(seconds{10}, [&] { return manager.count("WATCHDOG=1") > before + 1; }));
  CHECK(host.stop() == 0);
}

TEST_CASE("payoutd check says what would keep a host from starting, by its exit code too", "[service]") {
  Scene scene("service-check");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/all.lua", "this is no Lua\n");
  const fs::path log = scene.directory() / "check.log";
  const auto check = [&] {
    fs::remove(log);
    ChildProcess process({.program = build_bin() / "payoutd",
                          .arguments = {"check", (host.settings().directory / "payoutd.yaml").string()},
                          .environment = {},
                          .log = log});
    return process.wait(seconds{30}).value_or(-1);
  };
  const auto said = [&] {
    std::ifstream in(log);
    return std::string{std::istreambuf_iterator<char>(in), {}};
  };
  CHECK(check() == 0);
  CHECK_THAT(said(), Catch::Contains("no problems"));
  // A host that ran others before starts on those, so bad scripts are a warning.
  edit_configuration(host, "environment: dev", "environment: dev\nscripts_dir: " + scripts.string());
  CHECK(check() == 0);
  CHECK_THAT(said(), Catch::Contains("warning: ") && Catch::Contains("abuse/all.lua:1"));
  edit_configuration(host, "concurrency: \"16\"", "concurrency: \"many\"");
  CHECK(check() == 2);
  CHECK_THAT(said(),
             Catch::Contains("payoutd.yaml:") && Catch::Contains("providers.momo.settings.concurrency"));
}

TEST_CASE("a reload says what it took over, and what it refuses and why", "[service]") {
  Scene scene("service-reload");
  const fs::path scripts = scene.directory() / "scripts";
  const fs::path plugins = scene.directory() / "plugins";
  write_file(scripts / "abuse/all.lua", kGoodRule);
  fs::create_directories(plugins);
  fs::copy_file(build_plugins() / "libmomo.so", plugins / "libmomo.so");
  HostProcess& host = scene.add_host("host-a");
  host.settings().scripts_directory = scripts;
  host.settings().plugins_directory = plugins;
  host.start();
  REQUIRE(host.wait_until_ready());

  const Reloaded unchanged = reload(host);
  INFO(unchanged.text);
  CHECK(unchanged.status == 200);
  CHECK_THAT(unchanged.text, Catch::Contains(R"("part":"configuration")") &&
                                 Catch::Contains(R"("part":"providers")") &&
                                 Catch::Contains("These scripts are active already."));

  SECTION("a configuration with a mistake changes nothing at all") {
    edit_configuration(host, "level: debug", "level: loud");
    const Reloaded refused = reload(host);
    CHECK(refused.status == 409);
    CHECK_THAT(refused.text, Catch::Contains("RELOAD_REFUSED") && Catch::Contains("payoutd.yaml:") &&
                                 Catch::Contains("logging.level") && Catch::Contains("Nothing changed."));
    edit_configuration(host, "level: loud", "level: debug");
    CHECK(reload(host).status == 200);
  }
  SECTION("a bad script is refused with its line, the old one stays, the rest is taken over") {
    write_file(scripts / "abuse/all.lua", "local rule = {}\nthis is no Lua\n");
    const Reloaded refused = reload(host);
    CHECK(refused.status == 409);
    CHECK_THAT(refused.text, Catch::Contains("abuse/all.lua:2") && Catch::Contains("as before: scripts") &&
                                 Catch::Contains("Taken over: configuration, providers"));
    scene.post(host, 1);
    CHECK(scene.wait_until_finished(seconds{20}));
    CHECK(scene.check().all_right());
  }
  SECTION("a library that is no plugin is refused, the old process goes on") {
    const pid_t before = host.provider();
    write_file(plugins / "libmomo.so.new", "this is no library");
    fs::rename(plugins / "libmomo.so.new", plugins / "libmomo.so");
    const Reloaded refused = reload(host);
    CHECK(refused.status == 409);
    CHECK_THAT(refused.text, Catch::Contains("providers.momo.plugin") && Catch::Contains("not taken over"));
    CHECK(host.provider() == before);
  }
  SECTION("settings that the plugin refuses are refused, with their place") {
    edit_configuration(host, "concurrency: \"16\"", "concurrency: \"many\"");
    const Reloaded refused = reload(host);
    CHECK(refused.status == 409);
    CHECK_THAT(refused.text, Catch::Contains("providers.momo.settings.concurrency"));
    edit_configuration(host, "concurrency: \"many\"", "concurrency: \"8\"");
    CHECK(reload(host).status == 200);
  }
  SECTION("what only a start does is said") {
    edit_configuration(host, "    plugin: momo\n", "    plugin: momo\n    enabled: false\n");
    const Reloaded done = reload(host);
    CHECK(done.status == 200);
    CHECK_THAT(done.text, Catch::Contains("momo stops with the next start of the host only"));
  }
}
