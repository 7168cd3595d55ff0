// What an operator has in hand: health, statistics, drain and resume, test payouts, first administrators, the
// configuration, secrets, snapshots, the doctor, the terminal view, maintenance windows. With payoutctl
// itself.
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "ctl.hpp"
#include "desk.hpp"
#include "harness/scene.hpp"

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;
namespace json = boost::json;

namespace {

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const std::filesystem::path& file, const std::string& text) {
  std::ofstream(file, std::ios::trunc) << text;
}

/// The configuration as the host was started with, changed.
void change_config(HostProcess& host, const std::string& from, const std::string& to) {
  const auto file = host.settings().directory / "payoutd.yaml";
  std::string text = read_file(file);
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  write_file(file, text.replace(at, from.size(), to));
}

/// `daily 10:15-11:45` that begins so many seconds from now, for 70 minutes, in UTC.
std::string window_from(int seconds_from_now) {
  const std::time_t from = std::time(nullptr) + seconds_from_now;
  const auto text = [](std::time_t at) {
    std::tm utc{};
    ::gmtime_r(&at, &utc);
    char out[16];
    std::strftime(out, sizeof out, "%H:%M", &utc);
    return std::string(out);
  };
  return "daily " + text(from) + "-" + text(from + 4200);
}

std::string status_of(HostProcess& host, const std::string& check) {
  const json::value health = ctl(host, "health --json").json();
  for (const json::value& one : health.at("checks").as_array())
    if (one.at("name").as_string() == check) return std::string(one.at("status").as_string());
  return "missing";
}

std::string test_payout_args(const std::string& destination = "46733123400") {
  return "test-payout --provider momo --amount 5 --currency EUR --destination " + destination + " --json";
}

}  // namespace

TEST_CASE("health is ok, degraded or down, and says why", "[operations]") {
  Scene scene("health");
  HostProcess& host = scene.add_host("host-a");
  CHECK(ctl(host, "health").code == 2);
  host.start();
  REQUIRE(host.wait_until_ready());
  const CtlResult well = ctl(host, "health --json");
  INFO(well.out);
  CHECK(well.code == 0);
  CHECK(well.json().at("status") == "ok");
  CHECK(well.json().at("environment") == "dev");
  CHECK(control(host, "GET", "/v1/admin/health").status == 200);
  CHECK(host.request("GET", "/v1/admin/health").status == 403);  // nobody without a token

  REQUIRE(ctl(host, "provider pause momo --note repair").code == 0);
  const CtlResult paused = ctl(host, "health");
  CHECK(paused.code == 1);
  CHECK(paused.out.find("It is paused: repair") != std::string::npos);
  CHECK(ctl(host, "doctor").out.find("payoutctl provider resume momo") != std::string::npos);
  CHECK(ctl(host, "doctor").code == 1);
  REQUIRE(ctl(host, "provider resume momo").code == 0);
  CHECK(ctl(host, "health").code == 0);
  REQUIRE(ctl(host, "switch set stop_submissions on").code == 0);
  CHECK(status_of(host, "switches") == "degraded");
  CHECK(ctl(host, "doctor --json").code == 2);
  REQUIRE(ctl(host, "switch set stop_submissions off").code == 0);
  CHECK(ctl(host, "doctor").code == 0);
}

TEST_CASE("statistics count what came in and what became of it", "[operations]") {
  Scene scene("stats", {"--processing-ms", "0..50"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 20, "counted");
  REQUIRE(scene.wait_until_finished(seconds{30}));
  REQUIRE(ctl(host, test_payout_args()).code == 0);  // counts nowhere
  const json::value stats = ctl(host, "stats --since 10m --json").json();
  const json::value& admitted = stats.at("admitted").at(0);
  CHECK(admitted.at("count") == 20);
  CHECK(admitted.at("sum").as_string() ==
        scene.database().value("select sum(amount)::bigint from app.all_payouts where "
                               "batch = 'counted'"));
  std::int64_t finished = 0;
  for (const json::value& row : stats.at("finished").as_array()) {
    finished += row.at("count").as_int64();
    CHECK(row.at("currency") == "EUR");
    CHECK(row.at("p50_ms").as_int64() <= row.at("p95_ms").as_int64());
    CHECK(row.at("p95_ms").as_int64() <= row.at("p99_ms").as_int64());
    CHECK(row.at("p99_ms").as_int64() <= row.at("slowest_ms").as_int64());
  }
  CHECK(finished == 20);
  CHECK(ctl(host, "stats --since 10m --provider other --json").json().at("admitted").as_array().empty());
  CHECK(ctl(host, "stats --since yesterday").code == 2);
  // What the history keeps counts too.
  scene.database().value(
      "with moved as (delete from app.payouts where batch = 'counted' returning *)"
      " insert into app.payouts_history select * from moved");
  CHECK(ctl(host, "stats --since 10m --json").json().at("admitted").at(0).at("count") == 20);
}

TEST_CASE("a drained host claims nothing until it is resumed, over restarts, and others go on",
          "[operations]") {
  Scene scene("drained");
  HostProcess& a = scene.add_host("host-a");
  HostProcess& b = scene.add_host("host-b");
  a.start();
  REQUIRE(a.wait_until_ready());
  CHECK(ctl(a, "drain --host nobody").code == 4);
  const CtlResult drained = ctl(a, "drain --note 'kernel' --json");
  INFO(drained.out);
  REQUIRE(drained.code == 0);
  CHECK(drained.json().at("host") == "host-a");
  CHECK(drained.json().at("in_hand") == 0);
  CHECK(ctl(a, "health").code == 1);
  CHECK(eventually(seconds{5}, [&] { return host_metric(a, "payoutd_host_drained") == "1"; }));
  scene.post(a, 4, "waits");  // admitted all the same
  const auto waiting =
      "select count(*) from app.payouts where batch = 'waits' and state = 'PENDING' and lease is null";
  CHECK_FALSE(eventually(seconds{2}, [&] { return scene.database().value(waiting) != "4"; }));
  const std::string id = scene.database().value("select id from app.payouts where batch = 'waits' limit 1");
  CHECK(ctl(a, "explain " + id).out.find("This host is drained") != std::string::npos);

  CHECK(a.stop() == 0);
  a.start();
  REQUIRE(a.wait_until_ready());
  CHECK_FALSE(eventually(seconds{2}, [&] { return scene.database().value(waiting) != "4"; }));
  b.start();  // is not drained
  REQUIRE(b.wait_until_ready());
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(scene.database().value(
            "select count(distinct host) from app.attempts join app.payouts p on p.id = payout_id"
            " where batch = 'waits'") == "1");

  REQUIRE(ctl(b, "drain --all").code == 0);
  scene.post(b, 2, "all");
  CHECK_FALSE(eventually(seconds{2}, [&] {
    return scene.database().value(
               "select count(*) from app.payouts where batch = 'all' and state = 'PENDING'") != "2";
  }));
  CHECK(ctl(b, "resume").code == 0);  // not by name: it says how
  CHECK(ctl(b, "hosts").out.find("drained") != std::string::npos);
  REQUIRE(ctl(b, "resume --all").code == 0);
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(scene.database().value("select count(*) from app.drained_hosts") == "0");
  CHECK(scene.check().nothing_wrong());
}

TEST_CASE("drain waits for what is in hand", "[operations]") {
  Scene scene("drain-waits", {"--transfer-latency-ms", "1500..1500"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post(host, 3, "slow");
  REQUIRE(eventually(seconds{10}, [&] {
    return scene.database().value("select count(*) from app.payouts where state = 'SUBMITTING'") == "3";
  }));
  const CtlResult impatient = ctl(host, "drain --timeout 1 --json");
  INFO(impatient.out);
  CHECK(impatient.code == 1);
  CHECK(impatient.json().at("in_hand").as_int64() > 0);
  CHECK(ctl(host, "drain --timeout 20").code == 0);
  CHECK(scene.database().value("select count(*) from app.payouts where lease is not null") == "0");
  CHECK(ctl(host, "resume").code == 0);
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(ctl(host, "drain --stop").code == 0);
  CHECK(host.process().wait(seconds{30}) == 0);
}

TEST_CASE("a test payout goes through everything but the submit", "[operations]") {
  Scene scene("test-payout");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const CtlResult good = ctl(host, test_payout_args());
  INFO(good.out);
  REQUIRE(good.code == 0);
  CHECK(good.json().at("state") == "SIMULATED");
  const std::string id(good.json().at("payout").as_string());
  CHECK(scene.database().value("select reason from app.payouts where id = '" + id + "'") == "test_payout");
  CHECK(scene.database().value("select count(*) from app.attempts") == "0");
  CHECK(scene.simulator().get("/ledger").as_array().empty());
  CHECK(scene.database().value("select count(*) from app.allowances") == "0");

  // Whatever a host thinks, the database does not let it be sent or called paid.
  for (const char* state : {"SUBMITTING", "SENT", "UNKNOWN", "REVIEW", "CONFIRMED", "REVERSED"}) {
    INFO(state);
    CHECK_THROWS(scene.database().value("update app.payouts set state = '" + std::string(state) +
                                        "', lease = gen_random_uuid(), finished_at = case when '" + state +
                                        "' in ('CONFIRMED', 'REVERSED') then now() end where id = '" + id +
                                        "'"));
  }
  CHECK(ctl(host, test_payout_args("not-a-number")).code == 4);
  REQUIRE(ctl(host, "provider pause momo").code == 0);
  const CtlResult paused = ctl(host, test_payout_args() + " --timeout 2");
  INFO(paused.out);
  CHECK(paused.code == 1);
  CHECK(paused.out.find("momo is paused") != std::string::npos);
  CHECK(
      scene.database().value("select count(*) from app.payouts where client_id = 'payoutd-test' and state = "
                             "'CANCELLED'") == "1");
}

TEST_CASE("the first administrator is made once, and in prod only if named", "[operations]") {
  Scene scene("seed");
  HostProcess& host = scene.add_host("host-a");
  host.settings().more_sections = "auth: {required: true, seed_admins: [awa]}\n";
  host.settings().environment["JWT_SECRET"] = "a signing secret of the tests, 32+";
  host.start();
  REQUIRE(eventually(seconds{30}, [&] { return host.request("GET", "/readyz").status == 200; }));
  const CtlResult first = ctl(host, "seed admin --subject kofi --json");
  INFO(first.out);
  REQUIRE(first.code == 0);
  CHECK(first.json().at("created") == true);
  const std::string token(first.json().at("token").as_string());
  CHECK(host.request("GET", "/v1/admin/health", "", {{"Authorization", "Bearer " + token}}).status == 200);
  const CtlResult again = ctl(host, "seed admin --subject kofi --json");
  CHECK(again.json().at("created") == false);
  CHECK(again.json().at("token").is_null());
  CHECK(ctl(host, "seed admin --subject kofi --new-token --json").json().at("token").is_string());
  CHECK(scene.database().value("select count(*) from app.seeded_admins") == "1");
  CHECK(host.log().find(token) == std::string::npos);
  // Not over the network, whatever the token.
  CHECK(host.request("POST", "/v1/admin/seed/admin", R"({"subject":"eve"})",
                     {{"Authorization", "Bearer " + token}})
            .status == 403);
}

TEST_CASE("config show and diff say what runs, and reload takes over all live settings or none",
          "[operations]") {
  Scene scene("config");
  HostProcess& host = scene.add_host("host-a");
  host.settings().secrets["api_key"] = "PLANTED-api-key";
  host.start();
  REQUIRE(host.wait_until_ready());
  const json::value shown = ctl(host, "config show --json").json();
  const auto value_of = [](const json::value& config, const std::string& path) {
    for (const json::value& one : config.at("settings").as_array())
      if (one.at("path").as_string() == path) return one;
    return json::value();
  };
  CHECK(value_of(shown, "engine.poll_interval").at("value") == "300ms");
  CHECK(value_of(shown, "engine.poll_interval").at("source") == "file");
  CHECK(value_of(shown, "engine.poll_interval").at("line").as_int64() > 0);
  CHECK(value_of(shown, "engine.drain_timeout").at("source") == "default");
  const json::value key = value_of(shown, "providers.momo.secrets.api_key");
  CHECK(key.at("value") == "***");
  CHECK(key.at("fingerprint").as_string().size() == 16);
  CHECK(ctl(host, "config show").out.find("PLANTED") == std::string::npos);
  CHECK(ctl(host, "config diff").code == 0);

  // Live settings, a secret among them.
  change_config(host, "poll_interval: 300ms", "poll_interval: 700ms");
  change_config(host, "PLANTED-api-key", "PLANTED-api-new");
  const CtlResult diff = ctl(host, "config diff --json");
  CHECK(diff.code == 1);
  CHECK(diff.json().at("differences").as_array().size() == 2);
  CHECK(ctl(host, "doctor").out.find("payoutctl config reload") != std::string::npos);
  const CtlResult reloaded = ctl(host, "config reload --json");
  INFO(reloaded.out);
  REQUIRE(reloaded.code == 0);
  CHECK(reloaded.json().at("changed").as_array().size() == 2);
  CHECK(ctl(host, "config diff").code == 0);
  CHECK(value_of(ctl(host, "config show --json").json(), "engine.poll_interval").at("value") == "700ms");
  CHECK(
      value_of(ctl(host, "config show --json").json(), "providers.momo.secrets.api_key").at("fingerprint") !=
      key.at("fingerprint"));

  // A setting that needs a restart keeps the others from being taken over.
  change_config(host, "poll_interval: 700ms", "poll_interval: 800ms");
  change_config(host, "name: host-a", "name: host-z");
  const CtlResult refused = ctl(host, "config reload --json");
  INFO(refused.out);
  CHECK(refused.code == 4);
  CHECK(refused.json().at("error").at("code") == "CONFIG_REFUSED");
  CHECK(refused.json().at("error").at("problems").at(0).at("path") == "name");
  CHECK(value_of(ctl(host, "config show --json").json(), "engine.poll_interval").at("value") == "700ms");
  const CtlResult live_only = ctl(host, "config reload --live-only --json");
  CHECK(live_only.code == 0);
  CHECK(live_only.json().at("needs_restart").at(0) == "name");
  CHECK(value_of(ctl(host, "config show --json").json(), "engine.poll_interval").at("value") == "800ms");
  CHECK(ctl(host, "config diff --json").json().at("differences").at(0).at("needs_restart") == true);

  // A mistake changes nothing, and is said with its place.
  change_config(host, "poll_interval: 800ms", "pol_interval: 900ms");
  const CtlResult mistake = ctl(host, "config reload --json");
  CHECK(mistake.code == 4);
  CHECK(mistake.json().at("error").at("problems").at(0).at("reason").as_string().find("poll_interval") !=
        std::string::npos);
  CHECK(value_of(ctl(host, "config show --json").json(), "engine.poll_interval").at("value") == "800ms");
  CHECK(host.log().find("PLANTED") == std::string::npos);
  CHECK(host.request("POST", "/v1/admin/config/reload").status == 403);
}

TEST_CASE("the registry of secrets knows every version, when it came, and who uses it", "[operations]") {
  Scene scene("secrets");
  HostProcess& a = scene.add_host("host-a");
  HostProcess& b = scene.add_host("host-b");
  const auto use = [](HostProcess& host, const std::string& keys) {
    host.settings().more_sections = "auth:\n  keys:\n" + keys;
  };
  const std::string may = "    - {kid: may, secret: PLANTED-may-secret-of-the-tests-32}\n";
  const std::string june = "    - {kid: june, secret: PLANTED-june-secret-of-the-tests-32}\n";
  for (HostProcess* host : {&a, &b}) {
    use(*host, may);
    host->start();
    REQUIRE(host->wait_until_ready());
  }
  const auto row = [&](const std::string& kid, const std::string& column) {
    return scene.database().value("select coalesce((select " + column +
                                  " from app.secret_versions where secret = "
                                  "'auth.keys' and key_id = '" +
                                  kid + "'), 'none')");
  };
  CHECK(row("may", "fingerprint").size() == 16);
  CHECK(row("may", "created_by").starts_with("host:"));
  CHECK(ctl(a, "secrets rotate-check").code == 0);
  CHECK(scene.database().value("select count(*) from app.secret_versions where secret = 'database'") == "1");

  // One host has the new key, in front.
  change_config(a, may, june + may);
  REQUIRE(ctl(a, "config reload").code == 0);
  CHECK(row("june", "activated_by").starts_with("operator:"));
  CHECK(row("may", "(retired_at is null)::text") == "true");
  const CtlResult half = ctl(a, "secrets rotate-check --json");
  INFO(half.out);
  CHECK(half.code == 1);
  CHECK(half.out.find("host-b does not have it") != std::string::npos);
  CHECK(half.out.find("do not agree which one is current") != std::string::npos);
  // Both have it; then the old one goes, with an end that is a metric.
  change_config(b, may, june + may);
  REQUIRE(ctl(b, "config reload").code == 0);
  CHECK(ctl(a, "secrets rotate-check").code == 0);
  const std::string ending =
      "    - {kid: may, secret: PLANTED-may-secret-of-the-tests-32, verify_until: 2099-01-01T00:00:00Z}\n";
  change_config(a, may, ending);
  REQUIRE(ctl(a, "config reload").code == 0);
  CHECK(host_metric(a, "secret_expires_timestamp_seconds{secret=\"auth.keys/may\"}") == "4070908800");
  const std::string ended =
      "    - {kid: may, secret: PLANTED-may-secret-of-the-tests-32, verify_until: 2020-01-01T00:00:00Z}\n";
  change_config(a, ending, ended);
  REQUIRE(ctl(a, "config reload").code == 0);
  CHECK(ctl(a, "health").code == 1);
  CHECK(a.log().find("secrets.expired") != std::string::npos);
  for (HostProcess* host : {&a, &b}) {
    change_config(*host, host == &a ? ended : may, "");
    REQUIRE(ctl(*host, "config reload").code == 0);
  }
  CHECK(row("may", "retired_by").starts_with("operator:"));
  CHECK(row("june", "(retired_at is null)::text") == "true");
  const CtlResult history = ctl(a, "secrets history auth.keys --json");
  CHECK(history.json().at("secrets").as_array().size() == 2);
  CHECK(ctl(a, "secrets history nothing").code == 4);
  CHECK(ctl(a, "secrets list").out.find("june") != std::string::npos);
  for (const std::string& text :
       {history.out, ctl(a, "secrets list --json").out,
        scene.database().value("select string_agg(v::text, ' ') from app.secret_versions v"), a.log()})
    CHECK(text.find("PLANTED") == std::string::npos);
}

TEST_CASE("a snapshot holds what there is to know and no secret", "[operations]") {
  Scene scene("snapshot");
  HostProcess& host = scene.add_host("host-a");
  HostSettings& settings = host.settings();
  settings.secrets = {{"api_key", "PLANTEDapikey4711"}, {"subscription_key", "PLANTEDsubscription0815"}};
  settings.instance_key = "\"PLANTED instance key, long enough to be one\"";
  settings.database += " password=PLANTEDdatabase";
  settings.more_of_momo = "    webhooks: {secrets: [PLANTEDwebhooksecret]}\n";
  settings.more_sections = "auth:\n  keys:\n    - {kid: may, secret: PLANTED-may-secret-of-the-tests-32}\n";
  settings.environment["TMONEY_WEBHOOK_SECRET"] = "PLANTEDvariable";
  host.start();
  REQUIRE(host.wait_until_ready());
  scene.post_to(host, "46733987651", 3, "seen");
  REQUIRE(scene.wait_until_finished(seconds{30}));
  REQUIRE(ctl(host, "switch set dry_run off --note 'token PLANTEDapikey4711 for 46733987651'").code == 0);
  const auto out = settings.directory / "snapshot.tar.gz";
  const CtlResult taken = ctl(host, "snapshot --json --out " + out.string());
  INFO(taken.out);
  REQUIRE(taken.code == 0);
  CHECK((std::filesystem::status(out).permissions() & std::filesystem::perms::others_read) ==
        std::filesystem::perms::none);
  // Others' tar reads it.
  const auto into = settings.directory / "unpacked";
  std::filesystem::create_directories(into);
  REQUIRE(std::system(("tar -xzf " + out.string() + " -C " + into.string()).c_str()) == 0);
  std::string all;
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(into)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    const std::string text = read_file(entry.path());
    INFO(entry.path().string());
    CHECK_FALSE(text.empty());
    CHECK(text.find("PLANTED") == std::string::npos);
    CHECK(text.find("733987651") == std::string::npos);
    all += text;
  }
  CHECK(files == static_cast<int>(taken.json().at("parts").as_array().size()));
  for (const char* part :
       {"payoutd_build_info{", "\"engine.poll_interval\"", "host.ready", "\"history\"", "migration_revision",
        "\"dry_run\"", "fingerprint", "\"maintenance\"", "POST /v1/admin/switches/{name}"}) {
    INFO(part);
    CHECK(all.find(part) != std::string::npos);
  }
}

TEST_CASE("nothing is submitted in a maintenance window, and everybody is told", "[operations]") {
  Scene scene("maintenance");
  HostProcess& host = scene.add_host("host-a");
  const std::string window = window_from(-600);
  host.settings().more_sections = "maintenance: {windows: [\"" + window + "\"]}\n";
  host.start();
  REQUIRE(host.wait_until_ready());
  CHECK(ctl(host, "maintenance").code == 1);
  scene.post(host, 2, "waits");
  const auto waiting = "select count(*) from app.payouts where state = 'PENDING' and lease is null";
  CHECK_FALSE(eventually(seconds{2}, [&] { return scene.database().value(waiting) != "2"; }));
  const std::string id = scene.database().value("select id from app.payouts limit 1");
  const std::string explained = ctl(host, "explain " + id).out;
  INFO(explained);
  CHECK(explained.find("maintenance window") != std::string::npos);
  CHECK(ctl(host, "health").out.find("goes on: nothing is submitted until") != std::string::npos);
  CHECK(ctl(host, "health").code == 0);  // it is meant
  CHECK(host_metric(host, "payoutd_maintenance_active") == "1");
  CHECK(ctl(host, "doctor").out.find("maintenance window goes on") != std::string::npos);
  CHECK(host.log().find("engine.maintenance_began") != std::string::npos);

  change_config(host, window, window_from(12 * 3600));
  const CtlResult reloaded = ctl(host, "config reload");
  INFO(reloaded.out << read_file(host.settings().directory / "payoutctl.err"));
  REQUIRE(reloaded.code == 0);
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(ctl(host, "maintenance").code == 0);
  REQUIRE(eventually(seconds{5},
                     [&] { return host.log().find("engine.maintenance_ended") != std::string::npos; }));
  CHECK(scene.check().nothing_wrong());
}

namespace {

/// payoutctl on a terminal of its own.
class PtyTop {
 public:
  PtyTop(HostProcess& host, unsigned short rows, unsigned short columns) {
    winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    const std::string program = (build_bin() / "payoutctl").string();
    const std::string socket = host.control_socket().string();
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ == 0) {
      ::setenv("TERM", "xterm", 1);
      ::execl(program.c_str(), program.c_str(), "--socket", socket.c_str(), "top", "--interval", "0.3",
              nullptr);
      ::_exit(127);
    }
  }
  ~PtyTop() {
    if (pid_ > 0) ::kill(pid_, SIGKILL);
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
    ::close(master_);
  }
  /// Reads until `text` was drawn since the last call.
  bool sees(const std::string& text, milliseconds limit = seconds{10}) {
    return eventually(limit, [&] {
      read_more();
      const auto at = seen_.find(text);
      if (at == std::string::npos) return false;
      seen_.erase(0, at + text.size());
      return true;
    });
  }
  void resize(unsigned short rows, unsigned short columns) {
    winsize size{.ws_row = rows, .ws_col = columns, .ws_xpixel = 0, .ws_ypixel = 0};
    ::ioctl(master_, TIOCSWINSZ, &size);
  }
  void type(char key) { REQUIRE(::write(master_, &key, 1) == 1); }
  std::optional<int> ended(milliseconds limit) {
    int status = 0;
    const bool over = eventually(limit, [&] {
      read_more();  // or it waits for us
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (!over) return std::nullopt;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  /// The longest line of one page drawn after now, colours not counted.
  std::size_t widest_of_next_page() {
    seen_.clear();
    if (!sees("\033[H") || !eventually(seconds{5}, [&] {
          read_more();
          return seen_.find("\033[H") != std::string::npos;
        }))
      return 0;
    std::size_t widest = 0;
    std::size_t length = 0;
    const std::string page = seen_.substr(0, seen_.find("\033[H"));
    for (std::size_t i = 0; i < page.size(); ++i) {
      const auto c = static_cast<unsigned char>(page[i]);
      if (c == 0x1b) {
        while (i < page.size() && !std::isalpha(static_cast<unsigned char>(page[i]))) ++i;
      } else if (c == '\n') {
        length = 0;
      } else if (c != '\r' && (c & 0xC0) != 0x80) {
        widest = std::max(widest, ++length);
      }
    }
    return widest;
  }

 private:
  void read_more() {
    char buffer[4096];
    for (;;) {
      int waiting = 0;
      if (::ioctl(master_, FIONREAD, &waiting) != 0 || waiting <= 0) return;
      const auto got = ::read(master_, buffer, sizeof buffer);
      if (got <= 0) return;
      seen_.append(buffer, static_cast<std::size_t>(got));
    }
  }
  int master_ = -1;
  pid_t pid_ = -1;
  std::string seen_;
};

}  // namespace

TEST_CASE("top draws itself on a terminal, follows its size, and goes at q", "[operations]") {
  Scene scene("top");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  {
    PtyTop top(host, 24, 120);
    REQUIRE(top.sees("\033[?1049h"));
    CHECK(top.sees("host-a"));
    CHECK(top.sees("momo"));
    REQUIRE(ctl(host, "provider pause momo").code == 0);
    CHECK(top.sees("paused"));
    CHECK(top.widest_of_next_page() > 60);
    top.resize(10, 40);
    REQUIRE(eventually(seconds{5}, [&] { return top.widest_of_next_page() <= 40; }));
    host.kill();
    CHECK(top.sees("down"));
    host.start();
    REQUIRE(host.wait_until_ready());
    CHECK(top.sees("host-a"));
    top.type('q');
    CHECK(top.ended(seconds{5}) == 0);
    CHECK(top.sees("\033[?1049l"));  // the terminal is as it was
  }
  const CtlResult once = ctl(host, "top --once");
  CHECK(once.code == 0);
  CHECK(once.out.find("momo") != std::string::npos);
  CHECK(once.out.find('\033') == std::string::npos);
  CHECK(ctl(host, "top --once --json").json().at("providers").is_object());
}

TEST_CASE("many payouts are held, released, cancelled and rejected by a filter, after a preview",
          "[operations]") {
  Desk desk("operations-many");
  desk.ctl({"provider", "pause", "momo", "--note", "so that they wait"});
  const auto many = [&](std::vector<std::string> arguments) { return desk.ctl(std::move(arguments)); };
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(desk.pay("many-" + std::to_string(i)));
  ids.push_back(desk.pay("other", "46733100002"));
  const auto count = [&](const std::string& state) {
    return desk.sql("select count(*) from app.payouts where state = '" + state + "'");
  };
  const std::string only_these = "--destination=46733100001";

  // Without a choice, with both, or without a reason nothing is done.
  CHECK(many({"hold"}).status == 2);
  CHECK(many({"hold", ids[0], only_these}).status == 2);
  CHECK(many({"hold", only_these}).status == 2);
  CHECK(many({"hold", only_these, "--preview"}).text.find("Without --preview these 5 are meant") !=
        std::string::npos);
  CHECK(count("PENDING") == "6");

  const Ended held = many({"hold", only_these, "--note", "a look at them"});
  INFO(held.text);
  CHECK(held.status == 0);
  CHECK(held.text.find("5 of 5 done") != std::string::npos);
  CHECK(count("HELD") == "5");
  CHECK(desk.state(ids[5]) == "PENDING");
  CHECK(desk.sql("select count(*) from app.events where data->>'note' = 'a look at them'") == "5");

  const json::value released =
      json::parse(many({"release", only_these, "--limit", "2", "--note", "fine", "--json"}).text);
  CHECK(released.at("done").to_number<int>() == 2);
  CHECK(released.at("more").as_bool());
  CHECK(count("HELD") == "3");
  CHECK(many({"reject", only_these, "--note", "not these"}).status == 0);
  CHECK(count("CANCELLED") == "3");
  CHECK(many({"cancel", "--provider", "momo", "--note", "none of them"}).status == 0);
  CHECK(count("CANCELLED") == "6");
  CHECK(many({"cancel", "--provider", "momo", "--note", "again"}).text.find("No payouts match") !=
        std::string::npos);
  CHECK(count("SUBMITTING") == "0");
}
