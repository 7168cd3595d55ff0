// Rules that change while payouts run: on disk, by command, on hosts without a directory; and rules that are
// broken.
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "control.hpp"
#include "harness/scene.hpp"

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace fs = std::filesystem;

namespace {

/// A rule that denies payouts of a user, with a test of its own.
std::string denies(const std::string& user) {
  return "local rule = {}\n"
         "function rule.check(payout, history)\n"
         "  if payout.user == '" +
         user +
         "' then return 'deny', 'blocked', 'on the list' end\n"
         "  return 'allow'\n"
         "end\n"
         "rule.tests = { { name = 'blocked', payout = { user = '" +
         user +
         "' }, expect = 'deny', code = 'blocked' } }\n"
         "return rule\n";
}

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::trunc) << text;
}

/// As many editors save: aside, then renamed over.
void replace_file(const fs::path& path, const std::string& text) {
  write_file(path.string() + "~new", text);
  fs::rename(path.string() + "~new", path);
}

boost::json::object status(HostProcess& host) {
  return boost::json::parse(control(host, "GET", "/v1/admin/scripts").body).as_object();
}

std::int64_t generation(HostProcess& host) {
  const auto stand = status(host);
  return stand.at("active").is_null() ? 0 : stand.at("active").at("generation").as_int64();
}

/// All live hosts run this generation.
bool acknowledged(Scene& scene, std::int64_t generation, int hosts) {
  return eventually(seconds{10}, [&] {
    return scene.database().value(
               "select count(*) from app.script_hosts s join app.hosts h using (incarnation)"
               " where h.stopped_at is null and h.beat_at > now() - interval '3 seconds'"
               " and s.generation = " +
               std::to_string(generation)) == std::to_string(hosts);
  });
}

/// Posts one payout and waits for its end: its state, and its reason.
std::string pay(HostProcess& host, Scene& scene, const std::string& user) {
  static int number = 0;
  const std::string key = "script-" + std::to_string(++number);
  const auto reply = host.request(
      "POST", "/v1/payouts",
      boost::json::serialize(boost::json::object{
          {"amount", "100"}, {"currency", "EUR"}, {"destination", "22507000000"}, {"user", user}}),
      {{"Idempotency-Key", key}});
  INFO(reply.body);
  REQUIRE(reply.status == 201);
  const std::string where = " from app.all_payouts where idempotency_key = '" + key + "'";
  REQUIRE(eventually(seconds{15}, [&] {
    return scene.database().value("select state in ('CONFIRMED', 'FAILED', 'HELD')" + where) == "t";
  }));
  return scene.database().value("select state || ' ' || coalesce(reason, '')" + where);
}

/// Payouts that go on beside the test.
class Load {
 public:
  Load(Scene& scene, HostProcess& host)
      : thread_([&scene, &host, this] {
          for (int batch = 0; !stop_; ++batch) {
            scene.post(host, 10, "load-" + std::to_string(batch));
            std::this_thread::sleep_for(milliseconds{100});
          }
        }) {}
  ~Load() { end(); }
  void end() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("an edit changes the next payout on all hosts, a broken one nothing, and says why", "[scripts]") {
  Scene scene("scripts");
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/block.lua", denies("nobody"));
  HostProcess& a = scene.add_host("host-a");
  a.settings().scripts_directory = scripts;
  a.start();
  HostProcess& b = scene.add_host("host-b");  // has no directory: it follows
  b.start();
  REQUIRE(a.wait_until_ready());
  REQUIRE(b.wait_until_ready());
  REQUIRE(acknowledged(scene, generation(a), 2));
  Load load(scene, a);
  CHECK(pay(a, scene, "mallory") == "CONFIRMED ");

  const auto begun = std::chrono::steady_clock::now();
  write_file(scripts / "abuse/block.lua", denies("mallory"));
  REQUIRE(eventually(seconds{10}, [&] { return generation(a) == 2; }));
  REQUIRE(acknowledged(scene, 2, 2));
  const auto taken = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - begun);
  INFO("both hosts after " << taken.count() << " ms");
  CHECK(taken < seconds{5});
  CHECK(pay(a, scene, "mallory") == "FAILED blocked");
  CHECK(pay(b, scene, "mallory") == "FAILED blocked");

  // Broken in form, and broken in what its own test says.
  write_file(scripts / "abuse/block.lua",
             "local rule = {}\nfunction rule.check(payout)\n  return 'allow' oops\nend\n");
  REQUIRE(eventually(seconds{10}, [&] {
    const auto stand = status(a);
    const auto& hosts = stand.at("hosts").as_array();
    return std::any_of(hosts.begin(), hosts.end(), [](const auto& host) {
      return host.at("refused").is_object() &&
             host.at("refused").at("why").as_string().find("abuse/block.lua:3") != std::string_view::npos;
    });
  }));
  CHECK(a.log().find("scripts.refused") != std::string::npos);
  CHECK(a.request("GET", "/metrics").body.find("script_reload_total{result=\"refused\"} 1") !=
        std::string::npos);
  CHECK(generation(a) == 2);
  CHECK(pay(a, scene, "mallory") == "FAILED blocked");
  std::string failing = denies("eve");
  failing.replace(failing.find("code = 'blocked'"), 16, "code = 'another'");
  replace_file(scripts / "abuse/block.lua", failing);
  const auto reload = control(a, "POST", "/v1/admin/scripts/reload");
  CHECK(reload.status == 409);
  CHECK(reload.body.find("abuse/block.lua") != std::string::npos);
  CHECK(generation(a) == 2);

  replace_file(scripts / "abuse/block.lua", denies("eve"));
  REQUIRE(eventually(seconds{10}, [&] { return generation(a) == 3; }));
  REQUIRE(acknowledged(scene, 3, 2));
  CHECK(pay(b, scene, "eve") == "FAILED blocked");
  CHECK(pay(b, scene, "mallory") == "CONFIRMED ");

  // Back, by a command to the host that has no directory.
  const auto back = control(b, "POST", "/v1/admin/scripts/rollback", {{"note", "eve is fine"}});
  INFO(back.body);
  CHECK(back.status == 200);
  REQUIRE(acknowledged(scene, 4, 2));
  CHECK(pay(a, scene, "eve") == "CONFIRMED ");
  CHECK(pay(a, scene, "mallory") == "FAILED blocked");

  load.end();
  REQUIRE(scene.wait_until_finished(seconds{60}));
  const LedgerCheck check = scene.check("batch like 'load-%'");
  INFO(check.text());
  CHECK(check.all_right());
}

TEST_CASE("a directory that is turned whole by a symbolic link, and SIGHUP", "[scripts]") {
  Scene scene("scripts-link");
  const fs::path link = scene.directory() / "current";
  write_file(scene.directory() / "one/abuse/block.lua", denies("nobody"));
  write_file(scene.directory() / "two/abuse/block.lua", denies("mallory"));
  write_file(scene.directory() / "three/abuse/block.lua", denies("eve"));
  fs::create_directory_symlink("one", link);
  HostProcess& host = scene.add_host("host-a");
  host.settings().scripts_directory = link;
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(generation(host) == 1);
  fs::create_directory_symlink("two", scene.directory() / "next");
  fs::rename(scene.directory() / "next", link);
  REQUIRE(eventually(seconds{10}, [&] { return generation(host) == 2; }));
  CHECK(pay(host, scene, "mallory") == "FAILED blocked");
  // Watched where it points now.
  write_file(scene.directory() / "two/abuse/more.lua", denies("trudy"));
  REQUIRE(eventually(seconds{10}, [&] { return generation(host) == 3; }));
  CHECK(pay(host, scene, "trudy") == "FAILED blocked");
  fs::create_directory_symlink("three", scene.directory() / "next");
  fs::rename(scene.directory() / "next", link);
  ::kill(host.process().pid(), SIGHUP);
  REQUIRE(eventually(seconds{10}, [&] { return generation(host) == 4; }));
  CHECK(pay(host, scene, "eve") == "FAILED blocked");
  CHECK(pay(host, scene, "mallory") == "CONFIRMED ");
}

TEST_CASE("a host starts with what is active; with broken scripts and none active it does not start",
          "[scripts]") {
  Scene scene("scripts-start");
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/block.lua", "return 7\n");
  HostProcess& host = scene.add_host("host-a");
  host.settings().scripts_directory = scripts;
  host.start_without_waiting();
  REQUIRE(eventually(seconds{20}, [&] { return !host.running(); }));
  CHECK(host.log().find("abuse/block.lua") != std::string::npos);
  CHECK(scene.database().value("select count(*) from app.script_generations") == "0");

  replace_file(scripts / "abuse/block.lua", denies("mallory"));
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(generation(host) == 1);
  CHECK(host.stop() == 0);
  replace_file(scripts / "abuse/block.lua", "return 7\n");
  host.start();  // it says what is wrong, and runs what is active
  REQUIRE(host.wait_until_ready());
  CHECK(generation(host) == 1);
  CHECK(host.log().find("scripts.refused") != std::string::npos);
  CHECK(pay(host, scene, "mallory") == "FAILED blocked");
  CHECK(host.stop() == 0);
  replace_file(scripts / "abuse/block.lua", denies("eve"));  // edited while it was down
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(generation(host) == 2);
  CHECK(host.stop() == 0);
  replace_file(scripts / "abuse/block.lua", denies("mallory"));  // an older copy does not undo what is active
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(generation(host) == 2);
  CHECK(pay(host, scene, "eve") == "FAILED blocked");
}

TEST_CASE("rules that are taken away go on until somebody asks for it", "[scripts]") {
  Scene scene("scripts-gone");
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/block.lua", denies("mallory"));
  HostProcess& host = scene.add_host("host-a");
  host.settings().scripts_directory = scripts;
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto refused = [&] {
    const auto stand = status(host);
    const auto& why = stand.at("hosts").at(0).at("refused");
    return why.is_object() ? std::string(why.at("why").as_string()) : std::string();
  };
  const auto is_refused = [&](const std::string& part) {
    return eventually(seconds{10}, [&] { return refused().find(part) != std::string::npos; });
  };
  fs::remove_all(scripts / "abuse");
  CHECK(is_refused("there is no script"));
  CHECK(control(host, "POST", "/v1/admin/scripts/reload").status == 409);
  write_file(scripts / "lib/limits.lua", "return {}\n");
  CHECK(is_refused("it has no rule any more, where 1 are active"));
  fs::create_symlink("nowhere", scripts / "abuse");
  CHECK(is_refused("abuse: is a link to nothing"));
  CHECK(generation(host) == 1);
  CHECK(pay(host, scene, "mallory") == "FAILED blocked");

  fs::remove(scripts / "abuse");
  CHECK(control(host, "POST", "/v1/admin/scripts/reload").status == 200);
  CHECK(generation(host) == 2);
  CHECK(refused().empty());
  CHECK(pay(host, scene, "mallory") == "CONFIRMED ");
}

TEST_CASE("a reload of the host leaves what was rolled back, and what another host does hides no refusal",
          "[scripts]") {
  Scene scene("scripts-rolled-back");
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/block.lua", denies("mallory"));
  HostProcess& a = scene.add_host("host-a");
  a.settings().scripts_directory = scripts;
  a.start();
  HostProcess& b = scene.add_host("host-b");
  b.start();
  REQUIRE(a.wait_until_ready());
  REQUIRE(b.wait_until_ready());
  replace_file(scripts / "abuse/block.lua", denies("eve"));
  REQUIRE(eventually(seconds{10}, [&] { return generation(a) == 2; }));
  REQUIRE(acknowledged(scene, 2, 2));
  CHECK(control(b, "POST", "/v1/admin/scripts/rollback", {{"note", "eve is fine"}}).status == 200);
  REQUIRE(acknowledged(scene, 3, 2));
  CHECK(control(a, "POST", "/v1/admin/reload").status == 200);
  CHECK(generation(a) == 3);
  CHECK(pay(a, scene, "eve") == "CONFIRMED ");

  // Broken here, while another host makes something else active.
  const auto is_refused_at_a = [&] {
    return scene.database().value(
               "select count(*) from app.script_hosts where host = 'host-a' and refused_why like "
               "'%block%'") == "1";
  };
  replace_file(scripts / "abuse/block.lua", "return 7\n");
  REQUIRE(eventually(seconds{10}, is_refused_at_a));
  CHECK(control(b, "POST", "/v1/admin/scripts/rollback", {{"note", "after all"}}).status == 200);
  REQUIRE(acknowledged(scene, 4, 2));
  CHECK(is_refused_at_a());
  replace_file(scripts / "abuse/block.lua", denies("trudy"));
  REQUIRE(acknowledged(scene, 5, 2));
  CHECK(eventually(seconds{10}, [&] { return !is_refused_at_a(); }));

  // What only ran in shadow was never active: a host that finds it in its directory takes it.
  const boost::json::object candidate{{"files", {{"abuse/block.lua", denies("oscar")}}}};
  CHECK(control(b, "POST", "/v1/admin/scripts/shadow", candidate).status == 200);
  CHECK(a.stop() == 0);
  replace_file(scripts / "abuse/block.lua", denies("oscar"));
  a.start();
  REQUIRE(a.wait_until_ready());
  CHECK(generation(a) == 6);
  CHECK(pay(a, scene, "oscar") == "FAILED blocked");
}

TEST_CASE("a shadow judges beside the active rules without effect, and can be promoted", "[scripts]") {
  Scene scene("scripts-shadow");
  const fs::path scripts = scene.directory() / "scripts";
  write_file(scripts / "abuse/block.lua", denies("nobody"));
  HostProcess& host = scene.add_host("host-a");
  host.settings().scripts_directory = scripts;
  host.start();
  REQUIRE(host.wait_until_ready());
  const boost::json::object candidate{{"files", {{"abuse/block.lua", denies("mallory")}}}};
  CHECK(control(host, "POST", "/v1/admin/scripts/shadow", candidate).status == 200);
  REQUIRE(
      eventually(seconds{10}, [&] { return status(host).at("hosts").at(0).at("shadow_hash").is_string(); }));
  CHECK(pay(host, scene, "mallory") == "CONFIRMED ");
  CHECK(pay(host, scene, "ama") == "CONFIRMED ");
  REQUIRE(eventually(seconds{5},
                     [&] { return status(host).at("hosts").at(0).at("shadow_compared").as_int64() == 2; }));
  CHECK(status(host).at("hosts").at(0).at("shadow_differed").as_int64() == 1);
  CHECK(scene.database().value("select verdict || ' ' || reason from app.decisions where shadow") ==
        "deny blocked");
  const auto promoted = control(host, "POST", "/v1/admin/scripts/promote");
  INFO(promoted.body);
  CHECK(promoted.status == 200);
  CHECK(generation(host) == 2);
  CHECK(pay(host, scene, "mallory") == "FAILED blocked");
  REQUIRE(eventually(seconds{5}, [&] { return status(host).at("shadow").is_null(); }));
}

TEST_CASE("what a host says of its scripts is never overtaken by something older", "[scripts]") {
  Scene scene("scripts-standing");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  for (int round = 0; round < 10; ++round) {
    const boost::json::object candidate{
        {"files", {{"abuse/block.lua", denies("user-" + std::to_string(round))}}}};
    const auto started = control(host, "POST", "/v1/admin/scripts/shadow", candidate);
    INFO(started.body);
    REQUIRE(started.status == 200);
    const auto hash = boost::json::parse(started.body).at("hash");
    // Asking makes the host say where it stands, while it is still building.
    const auto deadline = std::chrono::steady_clock::now() + seconds{10};
    while (status(host).at("hosts").at(0).at("shadow_hash") != hash) {
      CAPTURE(round);
      REQUIRE(std::chrono::steady_clock::now() < deadline);
    }
  }
}
