#include "desk.hpp"

#include <signal.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "core/ids.hpp"

namespace payoutd::test {

namespace json = boost::json;
using std::chrono::seconds;

const std::string Desk::signing_secret = "signing secret of the e2e tests 1";
const std::string Desk::webhook_secret = "the webhook secret of momo";

Desk::Desk(const std::string& name, const Configure& configure, std::vector<std::string> simulator_options,
           DatabaseServer& server)
    : scene(name, std::move(simulator_options), server), host(scene.add_host("host-a")) {
  host.settings().environment["MOMO_WEBHOOK_SECRET"] = webhook_secret;
  if (configure) configure(host);
  host.start();
  if (!host.wait_until_ready()) throw std::runtime_error("the host is not ready:\n" + host.log_end());
}

void Desk::keep_sent(HostProcess& host) {
  host.settings().engine["poll_interval"] = "1h";
  host.settings().engine["callback_answer_within"] = "1500ms";
}

void Desk::ask_for_tokens(HostProcess& host) {
  host.settings().environment["JWT_SECRET"] = signing_secret;
  host.settings().more_sections += "auth:\n  required: true\n";
}

std::string Desk::pay(const std::string& key, const std::string& destination,
                      const simulator::Headers& more) {
  simulator::Headers headers{{"Idempotency-Key", key}};
  headers.insert(headers.end(), more.begin(), more.end());
  const auto reply = host.request(
      "POST", "/v1/payouts",
      json::serialize(json::object{{"amount", "1"}, {"currency", "EUR"}, {"destination", destination}}),
      headers);
  if (reply.status != 201) throw std::runtime_error("the payout was not taken: " + reply.body);
  return std::string(json::parse(reply.body).at("id").as_string());
}

std::string Desk::state(const std::string& id) {
  return sql("select state from app.all_payouts where id = '" + id + "'");
}

bool Desk::reaches(const std::string& id, const std::string& wanted, std::chrono::milliseconds limit) {
  return eventually(limit, [&] {
    return sql("select state::text || case when lease is null then '' else ' leased' end from app.all_payouts"
               " where id = '" +
               id + "'") == wanted;
  });
}

simulator::Reply Desk::call(const std::string& id, const std::string& secret, const std::string& status) {
  const std::string body = R"({"financialTransactionId":"4711","externalId":")" + id +
                           R"(","amount":"1","currency":"EUR","status":")" + status + "\"}";
  simulator::Headers headers;
  if (!secret.empty())
    headers.emplace_back("X-Signature", "sha256=" + core::hmac_sha256_hex(Secret(secret), body));
  return host.request("POST", "/v1/webhooks/momo", body, headers);
}

Ended Desk::ctl(std::vector<std::string> arguments, std::map<std::string, std::string> environment) {
  static int number = 0;
  ChildProcess::Start start;
  start.program = build_bin() / "payoutctl";
  arguments.insert(arguments.begin(), {"--config", (host.settings().directory / "payoutd.yaml").string()});
  start.arguments = std::move(arguments);
  start.environment = host.settings().environment;
  for (auto& [name, value] : environment) start.environment[name] = value;
  start.log = host.settings().directory / ("payoutctl-" + std::to_string(++number) + ".log");
  ChildProcess process(start);
  Ended ended;
  ended.status = process.wait(seconds{60}).value_or(-1);
  std::ifstream in(start.log);
  ended.text.assign(std::istreambuf_iterator<char>(in), {});
  return ended;
}

std::string Desk::token(const std::vector<std::string>& roles, const std::string& subject,
                        const std::string& ttl) {
  std::vector<std::string> arguments{"token", "issue", "--sub", subject, "--client", subject, "--ttl", ttl};
  for (const std::string& role : roles) arguments.insert(arguments.end(), {"--role", role});
  const Ended issued = ctl(std::move(arguments));
  if (issued.status != 0) throw std::runtime_error("no token: " + issued.text);
  return issued.text.substr(0, issued.text.find('\n'));
}

bool Desk::reload() {
  const auto count = [this] {
    const std::string log = host.log();
    int found = 0;
    for (std::size_t at = 0; (at = log.find("host.reloaded", at)) != std::string::npos; ++at) ++found;
    return found;
  };
  const int before = count();
  ::kill(host.process().pid(), SIGHUP);
  return eventually(seconds{10}, [&] { return count() > before; });
}

double Desk::metric(const std::string& series) {
  const std::string text = "\n" + host.request("GET", "/metrics").body;
  const auto at = text.find("\n" + series + " ");
  return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
}

}  // namespace payoutd::test
