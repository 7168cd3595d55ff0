#include "stage.hpp"

#include <chrono>
#include <fstream>
#include <stdexcept>

#include "harness/child_process.hpp"
#include "http/raw_client.hpp"

namespace payoutd::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using std::chrono::seconds;

// MTN's own test numbers, which the simulator takes too.
const std::string kFails = "46733123450";
const std::string kStaysPending = "46733123453";
const std::string kAnswersGetLost = "46733100099";

/// Beside the shipped rules: one that gives each verdict to a user of its own, for every state a payout.
const char* const kWatchList = R"(local rule = {}
function rule.check(payout)
  if payout.user == "stranger" then return "hold", "watch_list", "on the watch list" end
  if payout.user == "odd" then return "flag", "watch_list", "on the watch list" end
  return "allow"
end
rule.tests = {
  { name = "a stranger waits", payout = { user = "stranger" }, expect = "hold", code = "watch_list" },
  { name = "others do not", payout = { user = "ama" }, expect = "allow" },
}
return rule
)";

/// Minutes become tenths of seconds, and what nobody can tell goes to a person after a second.
const char* const kQuick = R"(local backoff = {}
function backoff.next(attempt)
  if attempt.purpose == "query" and attempt.in_state > 1 then return "review" end
  if attempt.purpose == "poll" and attempt.count > 2 then return 600 end
  return 0.3
end
backoff.tests = { { name = "soon", attempt = { purpose = "poll" }, expect = 0.3 } }
return backoff
)";

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::trunc) << text;
}

}  // namespace

Stage::Stage(std::string name)
    : name_(std::move(name)), scene_("operations-" + name_, {"--processing-ms", "0..50"}) {
  if (name_ != "host" && name_ != "no-host") throw std::runtime_error("no stage is called " + name_);
  host_ = &scene_.add_host("host-a");
  const fs::path scripts = scene_.directory() / "scripts";
  fs::copy(fs::path(PAYOUTD_SOURCE_DIR) / "scripts", scripts, fs::copy_options::recursive);
  write(scripts / "abuse/watch_list.lua", kWatchList);
  write(scripts / "backoff/momo.lua", kQuick);
  HostSettings& settings = host_->settings();
  settings.scripts_directory = scripts;
  settings.more_of_momo = "    environment: sandbox\n";
  settings.environment["MOMO_WEBHOOK_SECRET"] = "the webhook secret of the stage";
  write(scene_.directory() / "momo.secret", "the webhook secret of the stage\n");
  settings.more_sections =
      "auth:\n  keys:\n    - {kid: \"2026-05\", secret: \"the signing key of the stage, 32+\"}\n";
  variables_ = {{"PATH", build_bin().string() + ":" + std::getenv("PATH")},
                {"PAYOUTD_CONFIG", (settings.directory / "payoutd.yaml").string()},
                {"PAYOUTD_SOCKET", host_->control_socket().string()},
                {"DSN", scene_.database().dsn()},
                {"CONTROL", scene_.simulator().control_url()},
                {"USER", "awa"},
                {"NO_COLOR", "1"},
                {"TZ", "UTC"}};
  host_->start();
  if (!host_->wait_until_ready())
    throw std::runtime_error("the stage's host is not ready: " + host_->log_end());
  variables_["URL"] = "http://127.0.0.1:" + std::to_string(host_->port());
  if (name_ == "host") play();
  if (name_ == "no-host") host_->stop();
}

Stage::~Stage() = default;

void Stage::play() {
  const auto post = [&](const std::string& key, const std::string& user, const std::string& payee) {
    const json::object payout{{"idempotency_key", key}, {"amount", "12.50"}, {"currency", "EUR"},
                              {"destination", payee},   {"user", user},      {"provider", "momo"},
                              {"batch", "salaries"}};
    const auto reply = host_->request("POST", "/v1/payouts/bulk",
                                      json::serialize(json::object{{"payouts", json::array{payout}}}));
    if (reply.status != 200) throw std::runtime_error("a payout of the stage was refused: " + reply.body);
  };
  for (const char* fault : {"pay_and_cut", "answer_403"})
    scene_.simulator().post(
        "/faults", json::object{{"fault", fault},
                                {"operation", std::string(fault) == "answer_403" ? "status" : "transfer"},
                                {"payee", kAnswersGetLost}});
  const Printed made =
      run("payoutctl notification endpoint add https://shop.example/payouts --description 'the shop'");
  if (made.status != 0) throw std::runtime_error("an endpoint of the stage was refused: " + made.output);
  post("salary-1", "ama", "46733100001");
  post("salary-2", "odd", "46733100002");
  post("salary-3", "efua", kFails);
  post("salary-4", "kofi", kStaysPending);
  post("salary-5", "stranger", "46733100005");
  post("salary-6", "yaa", kAnswersGetLost);
  for (const char* state : {"CONFIRMED", "FAILED", "SENT", "HELD", "REVIEW"}) export_payout(state, state);
  const auto refused = host_->request("POST", "/v1/webhooks/momo", R"({"status":"SUCCESSFUL"})",
                                      {{"Content-Type", "application/json"}, {"X-Signature", "sha256=00"}});
  if (refused.status != 401) throw std::runtime_error("a forged callback was not refused: " + refused.body);
  variables_["EVENT"] = scene_.database().value("select id from app.webhook_inbox");
  variables_["ENDPOINT"] = scene_.database().value("select id from app.notification_endpoints");
  variables_["NOTIFICATION"] =
      scene_.database().value("select id from app.notifications where type = 'payout.confirmed' limit 1");
  variables_["FLAG"] = scene_.database().value("select id from app.flags");
}

void Stage::export_payout(const std::string& variable, const std::string& state) {
  const std::string query =
      "select id from app.all_payouts where state = '" + state + "' order by id limit 1";
  if (!eventually(seconds{40}, [&] { return !scene_.database().value(query).empty(); }))
    throw std::runtime_error("no payout of the stage became " + state + "\n" + scene_.logs());
  variables_[variable] = scene_.database().value(query);
}

Printed Stage::run(const std::string& command) {
  const fs::path log = scene_.directory() / "printed";
  fs::remove(log);
  ChildProcess::Start start;
  start.program = "/bin/bash";
  start.arguments = {"-c", "cd '" + scene_.directory().string() + "' && " + command};
  start.environment = variables_;
  start.log = log;
  ChildProcess process(start);
  Printed printed;
  printed.status = process.wait(seconds{60}).value_or(-1);
  std::ifstream in(log);
  printed.output.assign(std::istreambuf_iterator<char>(in), {});
  return printed;
}

}  // namespace payoutd::test
