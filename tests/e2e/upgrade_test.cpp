// Another version of a plugin while payouts run: no payout fails, none is paid twice, service does not pause.
#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "harness/scene.hpp"

using namespace payoutd::test;
using std::chrono::seconds;

namespace {

boost::json::object ask_for(const std::filesystem::path& file) {
  return {{"file", file.string()}};
}

std::string version_in_service(Scene& scene) {
  return scene.database().value("select plugin_version from app.providers where name = 'momo'");
}

bool journaled(Scene& scene, int count) {
  return eventually(seconds{30}, [&] {
    return std::stoi(scene.database().value("select count(*) from app.attempts")) >= count;
  });
}

}  // namespace

TEST_CASE("upgrade and rollback under load: nothing fails, nothing is paid twice, no pause", "[upgrade]") {
  Scene scene("upgrade", {"--transfer-latency-ms", "20..60"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  constexpr int kPayouts = 900;
  scene.post(host, kPayouts);
  REQUIRE(journaled(scene, 100));

  const auto upgraded = control(host, "POST", "/v1/admin/plugins/momo/upgrade", ask_for(MOMO_NEXT));
  INFO(upgraded.body);
  REQUIRE(upgraded.status == 200);
  CHECK(upgraded.body.find(R"("version":"9.0.0")") != std::string::npos);
  CHECK(std::stoi(scene.database().value("select count(*) from app.attempts")) <
        kPayouts);  // it was under load

  // What is not fit changes nothing.
  const auto text_file = scene.directory() / "libmomo-10.so";
  std::ofstream(text_file) << "this is no library";
  const auto broken = control(host, "POST", "/v1/admin/plugins/momo/upgrade", ask_for(text_file));
  CHECK(broken.status == 409);
  CHECK(broken.body.find("Nothing changed") != std::string::npos);
  CHECK(control(host, "POST", "/v1/admin/plugins/nobody/upgrade", ask_for(MOMO_NEXT)).status == 404);
  CHECK(eventually(seconds{5}, [&] { return version_in_service(scene) == "9.0.0"; }));
  const auto again = control(host, "POST", "/v1/admin/plugins/momo/upgrade", ask_for(MOMO_NEXT));
  CHECK(again.status == 409);

  REQUIRE(journaled(scene, kPayouts / 2));
  REQUIRE(
      eventually(seconds{30}, [&] { return host.log().find("former_version_ended") != std::string::npos; }));
  const auto back = control(host, "POST", "/v1/admin/plugins/momo/rollback");
  INFO(back.body);
  CHECK(back.status == 200);
  CHECK(eventually(seconds{5}, [&] { return version_in_service(scene) != "9.0.0"; }));

  REQUIRE(scene.wait_until_finished(seconds{90}));
  const LedgerCheck check = scene.check();
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(check.confirmed == kPayouts);
  CHECK(scene.database().value("select count(distinct plugin_version) from app.attempts") == "2");
  const std::string longest_pause = scene.database().value(
      "select max(extract(epoch from pause)) from (select at - lag(at) over (order by at) as pause"
      " from app.events where kind = 'journaled') pauses");
  INFO("longest pause between two submits: " << longest_pause << " s");
  CHECK(std::stod(longest_pause) < 1.0);
}

TEST_CASE("an installed file that changed is taken over by a reload, and by the next start", "[upgrade]") {
  Scene scene("upgrade-reload");
  HostProcess& host = scene.add_host("host-a");
  const auto plugins = scene.directory() / "plugins";
  std::filesystem::create_directories(plugins);
  std::filesystem::copy_file(build_plugins() / "libmomo.so", plugins / "libmomo.so");
  host.settings().plugins_directory = plugins;
  host.start();
  REQUIRE(host.wait_until_ready());
  const std::string first = version_in_service(scene);
  CHECK(first != "9.0.0");

  std::filesystem::copy_file(MOMO_NEXT, plugins / "libmomo.so",
                             std::filesystem::copy_options::overwrite_existing);
  ::kill(host.process().pid(), SIGHUP);
  REQUIRE(eventually(seconds{20}, [&] { return version_in_service(scene) == "9.0.0"; }));

  // Refused while the version before is still being ended.
  REQUIRE(eventually(seconds{10},
                     [&] { return control(host, "POST", "/v1/admin/plugins/momo/rollback").status == 200; }));
  REQUIRE(eventually(seconds{5}, [&] { return version_in_service(scene) == first; }));
  CHECK(host.stop() == 0);
  host.start();  // the file is the one that was rolled back from: the rollback holds
  REQUIRE(host.wait_until_ready());
  CHECK(version_in_service(scene) == first);
}
