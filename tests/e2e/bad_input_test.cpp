// What cannot be right is refused with its place and its reason; what was right stays; nothing hangs.
#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "control.hpp"
#include "harness/scene.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::test;
using std::chrono::seconds;

constexpr int kConfigurationRefused = 2;
constexpr int kCannotStart = 3;

struct Ended {
  std::optional<int> status;  ///< none: it still ran after the limit
  std::string output;
};

std::string read_file(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

Ended run(const std::string& program, std::vector<std::string> arguments,
          const std::filesystem::path& directory) {
  ChildProcess::Start start;
  start.program = build_bin() / program;
  start.arguments = std::move(arguments);
  start.log = directory / (program + ".out");
  std::filesystem::remove(start.log);
  ChildProcess process(start);
  const auto status = process.wait(seconds{30});
  return {status, read_file(start.log)};
}

/// A host on exactly this configuration, until it gives up.
Ended run_host(const std::filesystem::path& directory, const std::string& configuration) {
  std::filesystem::create_directories(directory);
  const auto file = directory / "payoutd.yaml";
  std::ofstream(file, std::ios::trunc) << configuration;
  return run("payoutd", {"--config", file.string()}, directory);
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void expect(const Ended& ended, int status, const std::vector<std::string>& parts) {
  INFO(ended.output);
  REQUIRE(ended.status.has_value());  // it hangs otherwise
  CHECK(*ended.status == status);
  for (const std::string& part : parts) {
    INFO("expected: " << part);
    CHECK(says(ended.output, part));
  }
}

/// Right in every part but the database.
std::string configuration(const std::filesystem::path& directory, const std::string& database,
                          std::uint16_t port, const std::string& state = "state",
                          const std::string& socket = "control.sock") {
  return "environment: dev\nname: bad\nstate_dir: " + (directory / state).string() +
         "\ncontrol_socket: " + (directory / socket).string() +
         "\nhttp:\n  listen: 127.0.0.1:" + std::to_string(port) + "\ndatabase: \"" + database + "\"\n";
}

struct ListeningSocket {
  explicit ListeningSocket(std::uint16_t port)
      : descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(descriptor, 1) != 0) {
      throw std::runtime_error("cannot listen");
    }
  }
  ~ListeningSocket() { ::close(descriptor); }
  int descriptor;
};

std::string plugin_of_the_contract_tests(const std::string& name) {
  return (build_bin().parent_path() / "tests/contract/plugins" / (name + ".so")).string();
}

}  // namespace

TEST_CASE("a configuration that cannot be right is refused with its place", "[bad_input]") {
  const auto directory =
      std::filesystem::temp_directory_path() / ("payoutd-bad-" + std::to_string(::getpid()));
  struct Case {
    const char* name;
    std::string text;
    std::vector<std::string> parts;
  };
  const std::vector<Case> cases{
      {"unknown setting",
       "environment: dev\nhttp:\n  lisen: 127.0.0.1:1\n",
       {"payoutd.yaml:3:3: http.lisen: is not a setting, did you mean 'listen'?"}},
      {"unknown section",
       "environment: dev\nengin:\n  dry_run: true\n",
       {"payoutd.yaml:2:1: engin: is not a setting, did you mean 'engine'?"}},
      {"duplicate key",
       "environment: dev\nname: a\nname: b\n",
       {"payoutd.yaml:3:1: name: is written twice, first in line 2"}},
      {"duplicate key deep inside",
       "http:\n  listen: 127.0.0.1:1\n  listen: 127.0.0.1:2\n",
       {"payoutd.yaml:3:3: http.listen: is written twice, first in line 2"}},
      {"not a number",
       "http:\n  max_connections: many\n",
       {"payoutd.yaml:2:20: http.max_connections: must be an integer"}},
      {"out of range",
       "http:\n  max_connections: 0\n",
       {"payoutd.yaml:2:20: http.max_connections: must be at least 1"}},
      {"a list where a value belongs", "name: [a, b]\n", {"payoutd.yaml:1:7: name: must be a single value"}},
      {"a value where a section belongs", "http: 8480\n", {"payoutd.yaml:1:7: http: must be a section"}},
      {"no value", "name:\n", {"payoutd.yaml:1:1: name: has no value"}},
      {"bad duration",
       "engine:\n  poll_interval: 5 parsecs\n",
       {"payoutd.yaml:2:18: engine.poll_interval: must be a duration such as"}},
      {"duration without unit",
       "engine:\n  poll_interval: 5\n",
       {"payoutd.yaml:2:18: engine.poll_interval: must be a duration such as"}},
      {"bad choice",
       "environment: production\n",
       {"payoutd.yaml:1:14: environment: must be one of dev, staging, prod"}},
      {"bad boolean",
       "engine:\n  dry_run: perhaps\n",
       {"payoutd.yaml:2:12: engine.dry_run: must be true or false"}},
      {"not loopback",
       "http:\n  listen: 0.0.0.0:8480\n",
       {"payoutd.yaml:2:11: http.listen: must be a loopback address"}},
      {"not loopback, IPv6",
       "http:\n  listen: \"[::]:8480\"\n",
       {"payoutd.yaml:2:11: http.listen: must be a loopback address"}},
      {"no address",
       "http:\n  listen: everywhere\n",
       {"payoutd.yaml:2:11: http.listen: must be an address and a port"}},
      {"port too large",
       "http:\n  listen: 127.0.0.1:70000\n",
       {"payoutd.yaml:2:11: http.listen: must be an address and a port"}},
      {"no DSN",
       "database: somewhere\n",
       {"payoutd.yaml:1:11: database: must be the word embedded or a DSN"}},
      {"missing secret",
       "providers:\n  momo:\n    plugin: momo\n    secrets:\n      api_key: ${PAYOUTD_THERE_IS_NONE}\n",
       {"payoutd.yaml:5:16: providers.momo.secrets.api_key: environment variable PAYOUTD_THERE_IS_NONE is "
        "not set"}},
      {"missing secret file",
       "providers:\n  momo:\n    plugin: momo\n    secrets:\n      api_key: file:/nowhere/key\n",
       {"payoutd.yaml:5:16: providers.momo.secrets.api_key: file /nowhere/key cannot be opened: No such "
        "file"}},
      {"short instance key",
       "instance_key: short\n",
       {"payoutd.yaml:1:15: instance_key: must have at least 32 characters"}},
      {"no plugin",
       "providers:\n  momo:\n    enabled: true\n",
       {"payoutd.yaml:2:3: providers.momo: has no plugin"}},
      {"bad provider name",
       "providers:\n  MoMo CI:\n    plugin: momo\n",
       {"payoutd.yaml:2:3: providers.MoMo CI: must be named"}},
      {"not YAML", "http: {listen: 1\n", {"payoutd.yaml:2:1: is not valid YAML"}},
      {"missing include", "include:\n  - nowhere.yaml\n", {"nowhere.yaml: cannot be read: No such file"}},
      {"several at once",
       "nam: x\nhttp:\n  lisen: y\nengine:\n  poll_interval: soon\n",
       {"payoutd.yaml:1:1: nam", "payoutd.yaml:3:3: http.lisen", "payoutd.yaml:5:18: engine.poll_interval"}},
  };
  for (const Case& one : cases) {
    INFO(one.name);
    expect(run_host(directory, one.text), kConfigurationRefused, one.parts);
  }
  expect(run("payoutd", {"--config", (directory / "nowhere.yaml").string()}, directory),
         kConfigurationRefused, {"nowhere.yaml", "cannot be read: No such file"});
  expect(run("payoutd", {"--no-such-option"}, directory), kConfigurationRefused, {"--no-such-option"});
  std::filesystem::remove_all(directory);
}

TEST_CASE("a database that cannot be used keeps the host from starting", "[bad_input]") {
  Scene scene("bad-database");
  const auto directory = scene.directory() / "host";
  std::filesystem::create_directories(directory);
  DatabaseServer& server = DatabaseServer::shared();
  const auto start = [&](const std::string& database) {
    return run_host(directory, configuration(directory, database, free_port()));
  };

  const std::string nobody =
      "postgresql://payer:planted-password@127.0.0.1:" + std::to_string(free_port()) + "/payouts";
  const auto began = std::chrono::steady_clock::now();
  const Ended unreachable = start(nobody);
  expect(unreachable, kCannotStart,
         {"database: cannot be reached at", "refused", "DATABASE_URL or database.dsn"});
  CHECK_FALSE(says(unreachable.output, "planted-password"));
  CHECK(std::chrono::steady_clock::now() - began < seconds{25});

  expect(start(server.dsn("there_is_no_such_database")), kCannotStart,
         {"database:", "there_is_no_such_database", "does not exist"});

  TestDatabase behind = server.empty_database();
  expect(start(behind.dsn()), kCannotStart, {"database:", "payoutctl migrate up"});

  TestDatabase ahead = server.fresh_database();
  ahead.value(
      "insert into app.schema_migrations (version, name, checksum, applied_by) values ('9999', "
      "'from_the_future', repeat('a', 64), 'a test')");
  expect(start(ahead.dsn()), kCannotStart, {"database:", "9999"});

  TestDatabase changed = server.fresh_database();
  changed.value("update app.schema_migrations set checksum = repeat('b', 64) where version = '0001'");
  expect(start(changed.dsn()), kCannotStart, {"database:", "0001"});
}

TEST_CASE("what another program holds is named, and the other goes on", "[bad_input]") {
  Scene scene("held");
  const auto directory = scene.directory() / "other";
  std::filesystem::create_directories(directory);
  {
    const std::uint16_t port = free_port();
    const ListeningSocket holder(port);
    expect(run_host(directory, configuration(directory, scene.database().dsn(), port)), kCannotStart,
           {std::to_string(port), "the port is in use by another program"});
  }
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto& living = host.settings().directory;
  expect(
      run_host(directory, configuration(living, scene.database().dsn(), free_port(), "state", "other.sock")),
      kCannotStart, {(living / "state").string(), "in use by another host"});
  expect(run_host(directory,
                  configuration(living, scene.database().dsn(), free_port(), "other-state", "control.sock")),
         kCannotStart, {(living / "control.sock").string(), "another host is running"});
  expect(run_host(directory,
                  configuration(living, scene.database().dsn(), host.port(), "third-state", "third.sock")),
         kCannotStart, {std::to_string(host.port()), "the port is in use by another program"});
  std::ofstream(directory / "a-file") << "not a folder";
  const Ended no_folder =
      run_host(directory, configuration(directory, scene.database().dsn(), free_port(), "a-file"));
  INFO(no_folder.output);
  REQUIRE(no_folder.status.has_value());
  CHECK(*no_folder.status != 0);
  CHECK(says(no_folder.output, (directory / "a-file").string()));

  CHECK(host.running());
  CHECK(host.wait_until_ready());
  scene.post(host, 20);
  CHECK(scene.wait_until_finished(seconds{30}));
  CHECK(scene.check().confirmed == 20);
}

TEST_CASE("a plugin that cannot be used is told; the others pay", "[bad_input]") {
  Scene scene("bad-plugins");
  HostProcess& host = scene.add_host("host-a");
  const std::string settings = "    settings:\n      url: \"http://127.0.0.1:1\"\n";
  const std::string momo_settings =
      "    settings:\n      target_environment: sandbox\n      api_user: u\n      base_url: \"" +
      scene.simulator().momo_url() + "\"\n";
  host.settings().more_providers =
      "  absent:\n    plugin: " + (scene.directory() / "nowhere.so").string() + "\n" + settings +
      "  other-abi:\n    plugin: " + plugin_of_the_contract_tests("wrong_abi_tag") + "\n" + settings +
      "  crashy:\n    plugin: " + plugin_of_the_contract_tests("crashes_at_start") + "\n" + settings +
      "  misspelt:\n    plugin: momo\n" + momo_settings + "      absence_wai: 5s\n      concurrency: lots\n" +
      "    secrets:\n      api_key: key-of-the-tests\n      subscription_key: subscription-of-the-tests\n" +
      "  keyless:\n    plugin: momo\n" + momo_settings +
      "    secrets:\n      subscription_key: subscription-of-the-tests\n" +
      "  proxied:\n    plugin: momo\n    http: {proxi: here, max_connections: 0}\n" + momo_settings +
      "    secrets:\n      api_key: key-of-the-tests\n      subscription_key: subscription-of-the-tests\n";
  host.start();
  struct Expected {
    const char* provider;
    std::vector<std::string> parts;
  };
  const std::vector<Expected> expected{
      {"absent", {"there is no such file", "nowhere.so"}},
      {"other-abi", {"boost=1_74", "this host needs boost=1_81"}},
      {"crashy", {"ended 5 times"}},
      {"misspelt", {"absence_wai", "absence_wait", "concurrency", "must be an integer"}},
      {"keyless", {"api_key", "is a secret that must be set"}},
      {"proxied", {"http.proxi", "did you mean 'proxy'", "must be a whole number from 1"}},
  };
  REQUIRE(eventually(seconds{20},
                     [&] { return says(host.request("GET", "/readyz").body, "crashy is quarantined"); }));
  const auto ready = host.request("GET", "/readyz");
  CHECK(ready.status == 503);
  const std::string list = control(host, "GET", "/v1/admin/providers").body;
  const json::value rows = json::parse(list);
  for (const Expected& one : expected) {
    INFO(one.provider);
    CHECK(says(ready.body, std::string("Provider ") + one.provider + " is "));
    for (const json::value& row : rows.at("providers").as_array()) {
      if (row.at("name").as_string() != one.provider) continue;
      const std::string shown = json::serialize(row);
      INFO(shown);
      CHECK(row.at("state").as_string() != "ready");
      for (const std::string& part : one.parts) {
        INFO("expected: " << part);
        CHECK(says(shown, part));
      }
    }
  }
  // A payout for one of them is not lost: it is refused, nothing is stored.
  const auto refused =
      host.request("POST", "/v1/payouts",
                   R"({"amount":"1","currency":"EUR","destination":"46733100001","provider":"absent"})",
                   {{"Idempotency-Key", "for-absent"}});
  INFO(refused.body);
  CHECK(refused.status == 503);
  scene.post(host, 20);
  REQUIRE(scene.wait_until_finished(seconds{30}));
  CHECK(scene.check().confirmed == 20);
  CHECK(scene.check().all_right());
  CHECK(host.stop() == 0);

  // The same file, looked at before a start: every place, and a status that a unit can act on.
  const Ended checked =
      run("payoutctl", {"check", (host.settings().directory / "payoutd.yaml").string()}, scene.directory());
  INFO(checked.output);
  REQUIRE(checked.status.has_value());
  CHECK(*checked.status != 0);
  CHECK(says(checked.output, "nowhere.so"));
  CHECK(says(checked.output, "providers.misspelt.settings.absence_wai"));
  CHECK(says(checked.output, "did you mean 'absence_wait'"));
  CHECK(says(checked.output, "providers.proxied.http.max_connections: must be a whole number"));
}

// ---- HTTP

namespace {

struct BadRequest {
  const char* name;
  std::string body;
  int status;
  std::string code;
  std::string field;  ///< empty: none is expected
};

std::string payout(const std::string& amount, const std::string& currency = "\"EUR\"",
                   const std::string& destination = "\"46733100001\"", const std::string& more = {}) {
  return "{\"amount\":" + amount + ",\"currency\":" + currency + ",\"destination\":" + destination + more +
         "}";
}

std::vector<BadRequest> bad_requests() {
  const std::string good = "\"1\"";
  const std::string deep = std::string(64, '[') + std::string(64, ']');
  return {
      {"nothing but spaces", "   ", 400, "MALFORMED_JSON", ""},
      {"cut off", R"({"amount":"1","currency":)", 400, "MALFORMED_JSON", ""},
      {"trailing text", payout(good) + " x", 400, "MALFORMED_JSON", ""},
      {"single quotes", "{'amount':'1'}", 400, "MALFORMED_JSON", ""},
      {"comment", "{/*x*/" + payout(good).substr(1), 400, "MALFORMED_JSON", ""},
      {"trailing comma", R"({"amount":"1","currency":"EUR","destination":"46733100001",})", 400,
       "MALFORMED_JSON", ""},
      {"an array", "[" + payout(good) + "]", 422, "INVALID_PAYOUT", ""},
      {"a text", "\"pay\"", 422, "INVALID_PAYOUT", ""},
      {"null", "null", 422, "INVALID_PAYOUT", ""},
      {"nested too deep", payout(good, "\"EUR\"", "\"46733100001\"", ",\"metadata\":" + deep), 400,
       "TOO_DEEP", ""},
      {"twice the same field", payout(good, "\"EUR\"", "\"46733100001\"", ",\"amount\":\"2\""), 400,
       "DUPLICATE_FIELD", "amount"},
      {"unknown field", payout(good, "\"EUR\"", "\"46733100001\"", ",\"amuont\":\"2\""), 422,
       "INVALID_PAYOUT", "amuont"},
      {"key in the body", payout(good, "\"EUR\"", "\"46733100001\"", ",\"idempotency_key\":\"k\""), 422,
       "INVALID_PAYOUT", "idempotency_key"},
      {"no amount", R"({"currency":"EUR","destination":"46733100001"})", 422, "INVALID_PAYOUT", "amount"},
      {"no currency", R"({"amount":"1","destination":"46733100001"})", 422, "INVALID_PAYOUT", "currency"},
      {"no destination", R"({"amount":"1","currency":"EUR"})", 422, "INVALID_PAYOUT", "destination"},
      {"amount as a float", payout("1.5"), 422, "INVALID_PAYOUT", "amount"},
      {"amount as an integer", payout("1"), 422, "INVALID_PAYOUT", "amount"},
      {"amount as a huge number", payout("1e999"), 400, "MALFORMED_JSON", ""},
      {"amount as null", payout("null"), 422, "INVALID_PAYOUT", "amount"},
      {"amount as an array", payout("[\"1\"]"), 422, "INVALID_PAYOUT", "amount"},
      {"too many decimals", payout("\"1.001\""), 422, "INVALID_PAYOUT", "amount"},
      {"zero", payout("\"0\""), 422, "INVALID_PAYOUT", "amount"},
      {"zero with decimals", payout("\"0.00\""), 422, "INVALID_PAYOUT", "amount"},
      {"negative", payout("\"-1\""), 422, "INVALID_PAYOUT", "amount"},
      {"plus sign", payout("\"+1\""), 422, "INVALID_PAYOUT", "amount"},
      {"exponent", payout("\"1e3\""), 422, "INVALID_PAYOUT", "amount"},
      {"just too large", payout("\"10000000000\""), 422, "INVALID_PAYOUT", "amount"},
      {"2^63", payout("\"9223372036854775808\""), 422, "INVALID_PAYOUT", "amount"},
      {"2^64 and more", payout("\"18446744073709551617\""), 422, "INVALID_PAYOUT", "amount"},
      {"thousand digits", payout("\"" + std::string(1000, '9') + "\""), 422, "INVALID_PAYOUT", "amount"},
      {"leading zero", payout("\"01\""), 422, "INVALID_PAYOUT", "amount"},
      {"no digit before the point", payout("\".5\""), 422, "INVALID_PAYOUT", "amount"},
      {"no digit behind the point", payout("\"5.\""), 422, "INVALID_PAYOUT", "amount"},
      {"decimal comma", payout("\"1,5\""), 422, "INVALID_PAYOUT", "amount"},
      {"spaces", payout("\" 1\""), 422, "INVALID_PAYOUT", "amount"},
      {"empty amount", payout("\"\""), 422, "INVALID_PAYOUT", "amount"},
      {"not a number", payout("\"NaN\""), 422, "INVALID_PAYOUT", "amount"},
      {"other digits", payout("\"\u0661\""), 422, "INVALID_PAYOUT", "amount"},
      {"no such currency", payout(good, "\"EUX\""), 422, "INVALID_PAYOUT", "currency"},
      {"currency in lower case", payout(good, "\"eur\""), 422, "INVALID_PAYOUT", "currency"},
      {"currency of another provider", payout(good, "\"XOF\"", "\"46733100001\"", ",\"provider\":\"momo\""),
       422, "PAYOUT_REFUSED", "currency"},
      {"currency that nobody pays", payout(good, "\"XOF\""), 422, "PAYOUT_REFUSED", "currency"},
      {"no such provider", payout(good, "\"EUR\"", "\"46733100001\"", ",\"provider\":\"mono\""), 422,
       "PAYOUT_REFUSED", "provider"},
      {"MSISDN with plus", payout(good, "\"EUR\"", "\"+46733100001\""), 422, "PAYOUT_REFUSED", "destination"},
      {"MSISDN with spaces", payout(good, "\"EUR\"", "\"46733 100001\""), 422, "PAYOUT_REFUSED",
       "destination"},
      {"MSISDN with letters", payout(good, "\"EUR\"", "\"46733abcdef\""), 422, "PAYOUT_REFUSED",
       "destination"},
      {"MSISDN too short", payout(good, "\"EUR\"", "\"4673310\""), 422, "PAYOUT_REFUSED", "destination"},
      {"MSISDN too long", payout(good, "\"EUR\"", "\"4673310000100000\""), 422, "PAYOUT_REFUSED",
       "destination"},
      {"MSISDN with a leading zero", payout(good, "\"EUR\"", "\"0733100001\""), 422, "PAYOUT_REFUSED",
       "destination"},
      {"empty destination", payout(good, "\"EUR\"", "\"\""), 422, "INVALID_PAYOUT", "destination"},
      {"destination as a number", payout(good, "\"EUR\"", "46733100001"), 422, "INVALID_PAYOUT",
       "destination"},
      {"over-long destination", payout(good, "\"EUR\"", "\"" + std::string(129, '1') + "\""), 422,
       "INVALID_PAYOUT", "destination"},
      {"over-long note",
       payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"" + std::string(161, 'n') + "\""), 422,
       "INVALID_PAYOUT", "note"},
      {"over-long user",
       payout(good, "\"EUR\"", "\"46733100001\"", ",\"user\":\"" + std::string(129, 'u') + "\""), 422,
       "INVALID_PAYOUT", "user"},
      {"over-long batch",
       payout(good, "\"EUR\"", "\"46733100001\"", ",\"batch\":\"" + std::string(129, 'b') + "\""), 422,
       "INVALID_PAYOUT", "batch"},
      {"over-long region",
       payout(good, "\"EUR\"", "\"46733100001\"", ",\"region\":\"" + std::string(33, 'r') + "\""), 422,
       "INVALID_PAYOUT", "region"},
      {"over-long metadata",
       payout(good, "\"EUR\"", "\"46733100001\"", ",\"metadata\":{\"a\":\"" + std::string(513, 'm') + "\"}"),
       422, "INVALID_PAYOUT", "metadata.a"},
      {"metadata with a number", payout(good, "\"EUR\"", "\"46733100001\"", ",\"metadata\":{\"a\":1}"), 422,
       "INVALID_PAYOUT", "metadata.a"},
      {"invalid UTF-8", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"\xc3\x28\""), 400,
       "MALFORMED_JSON", ""},
      {"overlong UTF-8", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"\xc0\xaf\""), 400,
       "MALFORMED_JSON", ""},
      {"surrogate in UTF-8", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"\xed\xa0\x80\""), 400,
       "MALFORMED_JSON", ""},
      {"half an escaped pair", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"\\ud800\""), 400,
       "MALFORMED_JSON", ""},
      {"escaped NUL", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"a\\u0000b\""), 400,
       "MALFORMED_JSON", ""},
      {"raw NUL", payout(good, "\"EUR\"", "\"46733100001\"", std::string(",\"note\":\"a\0b\"", 13)), 400,
       "MALFORMED_JSON", ""},
      {"line break in a note", payout(good, "\"EUR\"", "\"46733100001\"", ",\"note\":\"a\\nb\""), 422,
       "INVALID_PAYOUT", "note"},
  };
}

void expect_error(const RawResponse& reply, int status, const std::string& code,
                  const std::string& field = {}) {
  INFO(reply.body);
  CHECK(reply.status == status);
  CHECK(reply.code() == code);
  if (reply.code().empty()) return;
  const json::value answer = reply.json();
  const json::object& error = answer.at("error").as_object();
  CHECK_FALSE(error.at("message").as_string().empty());
  CHECK_FALSE(error.at("flow_id").as_string().empty());
  if (!field.empty()) {
    REQUIRE(error.contains("field"));
    CHECK(std::string(error.at("field").as_string()) == field);
  }
}

}  // namespace

TEST_CASE("bad requests are refused with code and field, and only what was accepted is stored",
          "[bad_input]") {
  Scene scene("bad-requests");
  HostProcess& host = scene.add_host("host-a");
  host.start();
  REQUIRE(host.wait_until_ready());
  const auto post = [&](const std::string& body, std::map<std::string, std::string> headers,
                        const std::string& target = "/v1/payouts") {
    headers.emplace("Content-Type", "application/json");
    RawClient client = RawClient::tcp(host.port());
    client.send(request("POST", target, body, headers));
    return client.receive();
  };
  std::vector<std::string> accepted;
  const auto pay_a_good_one = [&] {
    const std::string key = "good-" + std::to_string(accepted.size());
    const RawResponse reply = post(payout("\"1.50\""), {{"Idempotency-Key", key}});
    INFO(reply.body);
    REQUIRE(reply.status == 201);
    accepted.push_back(key);
  };
  int n = 0;
  for (const BadRequest& bad : bad_requests()) {
    INFO(bad.name);
    const std::string key = "bad-" + std::to_string(n);
    expect_error(post(bad.body, {{"Idempotency-Key", key}}), bad.status, bad.code, bad.field);
    // A refused request does not use up its key.
    if (n++ % 10 == 0) {
      const RawResponse reply = post(payout("\"1.50\""), {{"Idempotency-Key", key}});
      CHECK(reply.status == 201);
      CHECK_FALSE(reply.headers.contains("idempotent-replayed"));
      accepted.push_back(key);
      pay_a_good_one();
    }
  }

  const std::string good = payout("\"1\"");
  expect_error(post(good, {}), 400, "IDEMPOTENCY_KEY_REQUIRED", "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", ""}}), 400, "IDEMPOTENCY_KEY_REQUIRED", "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", std::string(129, 'k')}}), 400, "IDEMPOTENCY_KEY_INVALID",
               "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", "with space"}}), 400, "IDEMPOTENCY_KEY_INVALID",
               "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", "schl\xc3\xbcssel"}}), 400, "IDEMPOTENCY_KEY_INVALID",
               "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", "k1\r\nIdempotency-Key: k2"}}), 400,
               "IDEMPOTENCY_KEY_REQUIRED", "idempotency_key");
  expect_error(post(good, {{"Idempotency-Key", "k"}, {"Content-Type", "text/plain"}}), 415,
               "UNSUPPORTED_MEDIA_TYPE");
  expect_error(post(good, {{"Idempotency-Key", "k"}, {"Content-Type", "application/json; charset=utf-16"}}),
               415, "UNSUPPORTED_MEDIA_TYPE");
  expect_error(post("", {{"Idempotency-Key", "k"}}), 400, "BODY_MISSING");
  expect_error(post(good + std::string(5 << 20, ' '), {{"Idempotency-Key", "k"}}), 413, "BODY_TOO_LARGE");
  expect_error(post(good, {{"Idempotency-Key", "k"}, {"X-Long", std::string(20'000, 'x')}}), 431,
               "HEADERS_TOO_LARGE");
  expect_error(post(good, {{"Idempotency-Key", "k"}}, "/v1/payouts?amount=5"), 400, "UNKNOWN_PARAMETER");
  expect_error(post(good, {{"Idempotency-Key", "k"}}, "/v1/payout"), 404, "NOT_FOUND");
  {
    INFO("an accepted length that the body does not reach");
    RawClient client = RawClient::tcp(host.port());
    client.send(
        "POST /v1/payouts HTTP/1.1\r\nHost: 127.0.0.1\r\nIdempotency-Key: cut\r\nContent-Type: "
        "application/json\r\n"
        "Content-Length: 500\r\n\r\n" +
        good);
  }
  for (const char* query : {"limit=0", "limit=501", "limit=x", "state=PAID", "cursor=x",
                            "created_after=yesterday", "colour=red"}) {
    INFO(query);
    const auto reply = host.request("GET", std::string("/v1/payouts?") + query);
    CHECK(reply.status == 400);
  }
  CHECK(host.request("GET", "/v1/payouts/not-an-id").status == 404);
  CHECK(host.request("GET", "/v1/payouts/00000000-0000-4000-8000-000000000000").status == 404);

  // In bulk each item stands for itself.
  const RawResponse bulk = post(
      "{\"payouts\":[" + payout("\"2\"", "\"EUR\"", "\"46733100002\"", ",\"idempotency_key\":\"bulk-1\"") +
          "," + payout("\"0\"", "\"EUR\"", "\"46733100002\"", ",\"idempotency_key\":\"bulk-2\"") + "," +
          payout("\"2\"", "\"EUR\"", "\"46733100002\"") + "," +
          payout("\"2\"", "\"EUR\"", "\"12\"", ",\"idempotency_key\":\"bulk-3\"") + "," +
          payout("\"3\"", "\"EUR\"", "\"46733100002\"", ",\"idempotency_key\":\"bulk-4\"") + "]}",
      {}, "/v1/payouts/bulk");
  INFO(bulk.body);
  CHECK(bulk.status == 207);
  const json::value items = bulk.json();
  CHECK(items.at("created").to_number<int>() == 2);
  CHECK(items.at("failed").to_number<int>() == 3);
  CHECK(items.at("results").at(1).at("error").at("field").as_string() == "amount");
  CHECK(items.at("results").at(2).at("error").at("field").as_string() == "idempotency_key");
  CHECK(items.at("results").at(3).at("error").at("field").as_string() == "destination");
  accepted.insert(accepted.end(), {"bulk-1", "bulk-4"});
  pay_a_good_one();

  // The books hold exactly what was accepted, each of it whole.
  std::set<std::string> expected(accepted.begin(), accepted.end());
  std::set<std::string> keys;
  std::set<std::string> payouts;
  payoutd::store::Connection connection = scene.database().connect();
  {
    pqxx::nontransaction work(connection);
    for (const auto& row : work.exec("select key from app.idempotency_keys")) keys.insert(row[0].c_str());
    for (const auto& row : work.exec("select idempotency_key from app.all_payouts"))
      payouts.insert(row[0].c_str());
    CHECK(work.exec("select count(*) from app.events where kind = 'admitted'")[0][0].as<std::size_t>() ==
          expected.size());
    CHECK(work.exec("select count(*) from app.idempotency_keys k full join app.all_payouts p on p.id = "
                    "k.payout_id"
                    " where k.key is distinct from p.idempotency_key")[0][0]
              .as<int>() == 0);
  }
  CHECK(expected.size() == accepted.size());
  CHECK(keys == expected);
  CHECK(payouts == expected);
  REQUIRE(scene.wait_until_finished(seconds{30}));
  const LedgerCheck check = scene.check();
  INFO(check.text());
  CHECK(check.all_right());
  CHECK(check.confirmed == static_cast<int>(expected.size()));
  CHECK(scene.simulator().get("/ledger?limit=1000").as_array().size() == expected.size());
}
