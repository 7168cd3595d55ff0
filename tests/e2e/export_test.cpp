// Fifty thousand payouts in one answer of a real host, in no more memory than a page of them takes.
#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "control.hpp"
#include "ctl_command.hpp"
#include "harness/scene.hpp"

namespace {

using namespace payoutd::test;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kRows = 50'000;

/// Half of them live, half in the history, some at the same moment.
void fill(const TestDatabase& database) {
  const auto insert = [&](const std::string& table, int from, int to) {
    database.value(
        "insert into " + table +
        " (id, client_id, idempotency_key, provider, state, amount, currency, destination, note, batch, "
        "flow_id,"
        " created_at, updated_at, finished_at)"
        " select gen_random_uuid(), 'default', 'k' || n, 'momo', 'CONFIRMED', n, 'EUR', '46733' || n,"
        " case when n % 1000 = 0 then '=cmd|''/c calc''!A1' end, 'b', 'f', now() - (n / 3) * interval '1 "
        "second',"
        " now(), now() from generate_series(" +
        std::to_string(from) + ", " + std::to_string(to) + ") n");
  };
  insert("app.payouts", 1, kRows / 2);
  insert("app.payouts_history", kRows / 2 + 1, kRows);
  database.value("analyze app.payouts, app.payouts_history");
}

long high_water_kib(pid_t pid) {
  std::ifstream in("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("VmHWM:")) return std::stol(line.substr(6));
  return 0;
}

RawResponse ask(HostProcess& host, const std::string& target) {
  RawClient client = RawClient::tcp(host.port());
  client.send(request("GET", target));
  return client.receive();
}

}  // namespace

TEST_CASE("fifty thousand payouts are exported in bounded memory, beside one who reads nothing", "[export]") {
  Scene scene("export", {"--fast"});
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  fill(scene.database());
  // The first page of each form has been made once, and with it all that the host allocates for good.
  CHECK(ask(host, "/v1/payouts/export?idempotency_key=k1").trailers.at("payout-count") == "1");
  CHECK(host.request("GET", "/v1/payouts?limit=500").status == 200);
  const long before = high_water_kib(host.process().pid());
  REQUIRE(before > 0);

  std::vector<RawClient> slow;
  for (int i = 0; i < 2; ++i) {
    slow.push_back(RawClient::tcp(host.port()));
    slow.back().send(request("GET", "/v1/payouts/export?format=jsonl"));
  }
  std::atomic<bool> done{false};
  std::vector<milliseconds> waits;
  std::thread others([&] {
    while (!done) {
      const auto began = std::chrono::steady_clock::now();
      ask(host, "/v1/payouts?limit=1");
      waits.push_back(std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began));
    }
  });
  const auto began = std::chrono::steady_clock::now();
  const RawResponse csv = ask(host, "/v1/payouts/export");
  const auto took = std::chrono::duration_cast<milliseconds>(std::chrono::steady_clock::now() - began);
  done = true;
  others.join();
  CHECK_FALSE(csv.cut);
  CHECK(csv.trailers.at("payout-count") == std::to_string(kRows));
  CHECK(std::count(csv.body.begin(), csv.body.end(), '\n') == kRows + 1);
  CHECK(csv.body.find("\"'=cmd|") != std::string::npos);
  CHECK(csv.body.find(",=cmd") == std::string::npos);
  std::set<std::string> ids;
  for (std::size_t at = csv.body.find('\n') + 1; at < csv.body.size(); at = csv.body.find('\n', at) + 1)
    ids.insert(csv.body.substr(at, 36));
  CHECK(ids.size() == kRows);
  const long growth = high_water_kib(host.process().pid()) - before;
  std::ranges::sort(waits);
  REQUIRE_FALSE(waits.empty());
  WARN(csv.body.size() / 1024 << " KiB in " << took.count() << " ms; the host grew by " << growth
                              << " KiB; others waited " << waits[waits.size() / 2].count() << " ms, at most "
                              << waits.back().count() << " ms, " << waits.size() << " times");
  CHECK(growth < 12 * 1024);
  CHECK(csv.body.size() > 6u * 1024 * 1024);
  CHECK(waits.back() < seconds{2});
  // No transaction stays open for those who do not read.
  CHECK(scene.database().value(
            "select count(*) from pg_stat_activity where state like 'idle in transaction%'") == "0");
}

TEST_CASE("an export whose database goes away is cut, and the command says so", "[export]") {
  DatabaseServer server;
  Scene scene("export-cut", {"--fast"}, server);
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  fill(scene.database());
  RawClient client = RawClient::tcp(host.port());
  client.send(request("GET", "/v1/payouts/export?format=jsonl"));
  REQUIRE(client.begins());  // and nobody reads it yet
  server.kill();
  const RawResponse cut = client.receive();
  CHECK(cut.status == 200);
  CHECK(cut.cut);
  CHECK(cut.body.find("\"end\"") == std::string::npos);
  server.start();
  REQUIRE(host.wait_until_ready());
  const auto file = host.settings().directory / "all.csv";
  CHECK(ctl_command(host, {"export", "--out", file.string()}).status == 0);
  std::ifstream in(file);
  CHECK(std::count(std::istreambuf_iterator<char>(in), {}, '\n') == kRows + 1);
}
