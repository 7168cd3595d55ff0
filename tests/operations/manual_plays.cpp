// What the manual's own commands are run on: a host that is well, and a folder where none runs.
#include <stdexcept>

#include "plays.hpp"

namespace payoutd::test {
namespace {

namespace json = boost::json;

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

void furnish(Stage& stage) {
  stage.write("scripts/abuse/watch_list.lua", kWatchList);
  be_quick(stage);
  HostSettings& settings = stage.host().settings();
  settings.more_of_momo = "    environment: sandbox\n";
  settings.environment["MOMO_WEBHOOK_SECRET"] = "the webhook secret of the stage";
  stage.write("momo.secret", "the webhook secret of the stage\n");
  settings.more_sections =
      "auth:\n  keys:\n    - {kid: \"2026-05\", secret: \"the signing key of the stage, 32+\"}\n";
}

void export_payout(Stage& stage, const std::string& state) {
  const std::string query =
      "select id from app.all_payouts where state = '" + state + "' order by id limit 1";
  stage.wait_for("a payout that is " + state, [&] { return !stage.sql(query).empty(); });
  stage.variables[state] = stage.sql(query);
}

/// $CONFIRMED, $FAILED, $SENT, $HELD, $REVIEW are payouts, $EVENT is a callback that failed its signature,
/// $FLAG a flag, $ENDPOINT one that is told of payouts and does not answer, $NOTIFICATION what it was to be
/// told.
void populate(Stage& stage) {
  for (const char* fault : {"pay_and_cut", "answer_403"})
    stage.scene().simulator().post(
        "/faults", json::object{{"fault", fault},
                                {"operation", std::string(fault) == "answer_403" ? "status" : "transfer"},
                                {"payee", kAnswersGetLost}});
  const Printed made =
      stage.run("payoutctl notification endpoint add https://shop.example/payouts --description 'the shop'");
  if (made.status != 0) throw std::runtime_error("an endpoint of the stage was refused: " + made.output);
  int number = 0;
  for (const auto& [user, payee] : {std::pair<std::string, std::string>{"ama", kPaid},
                                    {"odd", "46733100002"},
                                    {"efua", kFails},
                                    {"kofi", kStaysPending},
                                    {"stranger", "46733100005"},
                                    {"yaa", kAnswersGetLost}})
    stage.pay("salary-" + std::to_string(++number), payee, {{"user", user}, {"batch", "salaries"}});
  for (const char* state : {"CONFIRMED", "FAILED", "SENT", "HELD", "REVIEW"}) export_payout(stage, state);
  const auto refused =
      stage.host().request("POST", "/v1/webhooks/momo", R"({"status":"SUCCESSFUL"})",
                           {{"Content-Type", "application/json"}, {"X-Signature", "sha256=00"}});
  if (refused.status != 401) throw std::runtime_error("a forged callback was not refused: " + refused.body);
  stage.variables["EVENT"] = stage.sql("select id from app.webhook_inbox");
  stage.variables["ENDPOINT"] = stage.sql("select id from app.notification_endpoints");
  stage.variables["NOTIFICATION"] =
      stage.sql("select id from app.notifications where type = 'payout.confirmed' limit 1");
  stage.variables["FLAG"] = stage.sql("select id from app.flags");
}

Play host() {
  Play play;
  play.name = "host";
  play.prepare = furnish;
  play.begin = populate;
  play.events["a-client-reuses-a-key"] = [](Stage& stage) {
    stage.pay("order-4711", kPaid, {{"amount", "40"}, {"note", "four tickets"}, {"user", "esi"}});
    for (const char* amount : {"45", "45"})
      if (stage.post("order-4711", kPaid, {{"amount", amount}, {"note", "four tickets"}, {"user", "esi"}})
              .status != 409)
        throw std::runtime_error("a conflict was not refused");
  };
  play.events["a-backup-is-damaged"] = [](Stage& stage) {
    stage.run("f=$(ls -d backups/payoutd-*)/dump; printf X | dd of=$f bs=1 seek=20000 conv=notrunc");
  };
  return play;
}

Play no_host() {
  Play play;
  play.name = "no-host";
  play.prepare = furnish;
  play.begin = [](Stage& stage) { stage.host().stop(); };
  return play;
}

/// A configuration with a mistake is deployed: what keeps it from counting, and what an operator sees.
Play failed_deploy() {
  Play play;
  play.name = "failed-deploy";
  play.prepare = be_quick;
  play.begin = [](Stage& stage) { stage.pay("before", kPaid); };
  return play;
}

/// Two keys sign and verify: one of them leaked.
Play leaked_key() {
  Play play;
  play.name = "leaked-key";
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.write("keys/2026-04", "the first signing key of the stage, long\n");
    stage.write("keys/2026-05", "the other signing key of the stage, long\n");
    const std::string folder = (stage.scene().directory() / "keys").string();
    stage.host().settings().more_sections =
        "auth:\n  required: true\n  keys:\n    - {kid: \"2026-04\", secret: \"file:" + folder +
        "/2026-04\"}\n";
  };
  play.begin = [](Stage& stage) {
    const auto issued = stage.run(
        "payoutctl token issue --sub shop --client shop --role payouts:write --role payouts:read --ttl 90d");
    stage.variables["LEAKED"] = issued.output.substr(0, issued.output.find('\n'));
    stage.run(
        "curl -s $URL/v1/payouts -H \"Authorization: Bearer $LEAKED\" -H 'Idempotency-Key: theirs'"
        " --json '{\"amount\":\"9\",\"currency\":\"EUR\",\"destination\":\"46733100001\"}'");
  };
  return play;
}

}  // namespace

std::vector<Play> manual_plays() {
  return {host(), no_host(), failed_deploy(), leaked_key()};
}

}  // namespace payoutd::test
