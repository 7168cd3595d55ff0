#include "stage.hpp"

#include <fstream>
#include <regex>
#include <stdexcept>

#include "alerts.hpp"
#include "core/ids.hpp"
#include "harness/child_process.hpp"

namespace payoutd::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SharedServer final : public Ground {
 public:
  TestDatabase database() override { return DatabaseServer::shared().fresh_database(); }
};

/// What the shell of a stage finds under the name systemctl: it asks the test to do it.
const char* const kSystemctl = R"(#!/bin/bash
# Stands for the service manager: the test starts and stops the host.
rm -f systemctl.answer
echo "$1" > systemctl.verb.new && mv systemctl.verb.new systemctl.verb
while [ ! -e systemctl.answer ]; do sleep 0.02; done
status=$(cat systemctl.answer)
[ "$status" = 0 ] || echo "Job for $2.service failed."
exit "$status"
)";

void write_file(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path, std::ios::trunc) << text;
}

void write_whole(const fs::path& path, const std::string& text) {
  write_file(path.string() + ".new", text);
  fs::rename(path.string() + ".new", path);
}

std::string text_of(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Stage::Stage(const Play& play)
    : play_(play), ground_(play.ground ? play.ground() : std::make_unique<SharedServer>()) {
  scene_ = std::make_unique<Scene>("operations-" + play.name, play.simulator, ground_->database());
  host_ = &scene_->add_host("host-a");
  const fs::path scripts = scene_->directory() / "scripts";
  fs::copy(fs::path(PAYOUTD_SOURCE_DIR) / "scripts", scripts, fs::copy_options::recursive);
  write_file(scene_->directory() / "bin/systemctl", kSystemctl);
  fs::permissions(scene_->directory() / "bin/systemctl", fs::perms::all);
  HostSettings& settings = host_->settings();
  settings.scripts_directory = scripts;
  variables = {{"PATH", (scene_->directory() / "bin").string() + ":" + build_bin().string() + ":" +
                            std::getenv("PATH")},
               {"PAYOUTD_CONFIG", (settings.directory / "payoutd.yaml").string()},
               {"PAYOUTD_SOCKET", host_->control_socket().string()},
               {"STATE", (settings.directory / "state").string()},
               {"LOG", (settings.directory / "host.log").string()},
               {"DSN", settings.database},
               {"CONTROL", scene_->simulator().control_url()},
               {"URL", "http://127.0.0.1:" + std::to_string(host_->port())},
               {"USER", "awa"},
               {"NO_COLOR", "1"},
               {"PAGER", "cat"},
               {"TZ", "UTC"}};
  if (play_.prepare) play_.prepare(*this);
  host_->start();
  if (!host_->wait_until_ready())
    throw std::runtime_error("the stage's host is not ready: " + host_->log_end());
  metrics_before_ = metrics();
  if (play_.begin) play_.begin(*this);
}

Stage::~Stage() {
  for (std::jthread& thread : threads_) thread.request_stop();
  threads_.clear();
}

Printed Stage::run(const std::string& command) {
  const fs::path folder = scene_->directory();
  const fs::path log = folder / "printed";
  fs::remove(log);
  ChildProcess::Start start;
  start.program = "/bin/bash";
  start.arguments = {"-c", "cd '" + folder.string() + "' && " + command};
  start.environment = variables;
  start.log = log;
  ChildProcess process(start);
  Printed printed{{}, -1};
  const auto deadline = std::chrono::steady_clock::now() + seconds{60};
  while (std::chrono::steady_clock::now() < deadline) {
    if (const auto status = process.wait(milliseconds{10})) {
      printed.status = *status;
      break;
    }
    if (!fs::exists(folder / "systemctl.verb")) continue;
    std::string verb = text_of(folder / "systemctl.verb");
    fs::remove(folder / "systemctl.verb");
    verb = verb.substr(0, verb.find('\n'));
    write_whole(folder / "systemctl.answer", std::to_string(serve_systemctl(verb)) + "\n");
  }
  printed.output = text_of(log);
  return printed;
}

int Stage::serve_systemctl(const std::string& verb) {
  if (verb == "stop" || verb == "restart") host_->stop();
  if (verb == "stop") return 0;
  if (verb != "start" && verb != "restart") return 1;
  try {
    host_->start_as_edited();
    return host_->wait_until_ready() ? 0 : 1;
  } catch (const std::exception&) {
    return 1;
  }
}

void Stage::happen(const std::string& event) {
  const auto found = play_.events.find(event);
  if (found == play_.events.end())
    throw std::runtime_error("nothing is called " + event + " in the play " + play_.name);
  found->second(*this);
}

std::string Stage::metrics() {
  try {
    return host_->running() ? host_->request("GET", "/metrics").body : "";
  } catch (const std::exception&) {
    return {};
  }
}

std::string Stage::why_quiet(const std::string& alert) {
  std::string why;
  // What is sampled, such as ages, shows a second or two later.
  eventually(seconds{20}, [&] {
    why = test::why_quiet(alert, metrics_before_, metrics(), scene_->directory());
    return why.empty();
  });
  return why;
}

std::string Stage::wrong_in_books() {
  if (!keeps_books) {
    const auto twice = scene_->simulator().get("/ledger/summary").at("paid_twice");
    return twice.as_array().empty() ? "" : "paid twice: " + json::serialize(twice);
  }
  std::string wrong;
  for (const std::string& one : scene_->check("state not in ('SIMULATED')").wrong) wrong += one + "\n";
  return wrong;
}

simulator::Reply Stage::post(const std::string& key, const std::string& payee, json::object more) {
  json::object payout{{"amount", "12.50"}, {"currency", "EUR"}, {"destination", payee}, {"provider", "momo"}};
  for (const auto& [name, value] : more) payout[name] = value;
  return host_->request("POST", "/v1/payouts", json::serialize(payout), {{"Idempotency-Key", key}});
}

std::string Stage::pay(const std::string& key, const std::string& payee, json::object more) {
  const auto reply = post(key, payee, std::move(more));
  if (reply.status != 201) throw std::runtime_error("a payout of the stage was refused: " + reply.body);
  return std::string(json::parse(reply.body).at("id").as_string());
}

simulator::Reply Stage::call_back(const std::string& payout, const std::string& secret) {
  const std::string body = R"({"financialTransactionId":"4711","externalId":")" + payout +
                           R"(","amount":"12.5","currency":"EUR","status":"SUCCESSFUL"})";
  simulator::Headers headers;
  if (!secret.empty())
    headers.emplace_back("X-Signature", "sha256=" + core::hmac_sha256_hex(Secret(secret), body));
  return host_->request("POST", "/v1/webhooks/momo", body, headers);
}

void Stage::wait_for(const std::string& what, const std::function<bool()>& done) {
  if (!eventually(seconds{40}, [&] { return done(); }))
    throw std::runtime_error("it did not come to this: " + what + "\n" + scene_->logs());
}

void Stage::wait_for_state(const std::string& payout, const std::string& state) {
  wait_for(payout + " is " + state,
           [&] { return sql("select state from app.all_payouts where id = '" + payout + "'") == state; });
}

void Stage::write(const std::string& file, const std::string& text) {
  write_file(scene_->directory() / file, text);
}

void Stage::meanwhile(std::function<void(std::stop_token)> act) {
  threads_.emplace_back([act = std::move(act)](std::stop_token stop) {
    try {
      act(stop);
    } catch (const std::exception&) {
      // What it tried did not work, as things do in an incident.
    }
  });
}

}  // namespace payoutd::test
