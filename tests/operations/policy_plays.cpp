// Incidents that rules make.
#include <stdexcept>

#include "plays.hpp"

namespace payoutd::test {
namespace {

const std::string kShop = "46733100020";

void edit(Stage& stage, const std::string& sed, const std::string& file) {
  if (stage.run("sed -i '" + sed + "' scripts/abuse/" + file).status != 0)
    throw std::runtime_error("the rule cannot be changed");
}

/// A rule that is too eager flags the customers of one shop.
Play flags_spike() {
  Play play;
  play.name = "flags-spike";
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    edit(stage, "s/max_users = 5,/max_users = 1,/;s/verdict = \"hold\", --/verdict = \"flag\", --/",
         "shared_destination.lua");
  };
  play.begin = [](Stage& stage) {
    for (int i = 10; i < 36; ++i)
      stage.pay("visit-" + std::to_string(i), kShop, {{"user", "customer-" + std::to_string(i)}});
    stage.wait_for("the users were flagged",
                   [&] { return stage.sql("select count(*) from app.flags") == "25"; });
    stage.wait_for("all were paid", [&] {
      return stage.sql("select count(*) from app.all_payouts where state = 'CONFIRMED'") == "26";
    });
    stage.variables["FLAG"] = stage.sql("select max(id) from app.flags");
  };
  play.events["more-customers-come"] = [](Stage& stage) {
    stage.wait_for("the host has the shadow", [&] {
      return stage.sql("select count(*) from app.script_hosts where shadow_hash is not null") != "0";
    });
    for (int i = 40; i < 43; ++i) {
      const std::string id =
          stage.pay("visit-" + std::to_string(i), kShop, {{"user", "customer-" + std::to_string(i)}});
      stage.wait_for_state(id, "CONFIRMED");
    }
  };
  return play;
}

/// Somebody saves a cap with too few zeros: nearly everything is held.
Play bad_rule() {
  Play play;
  play.name = "bad-rule";
  play.prepare = be_quick;
  play.begin = [](Stage& stage) {
    stage.wait_for_state(stage.pay("before", kPaid, {{"user", "ama"}}), "CONFIRMED");
  };
  play.events["somebody-saves-a-wrong-cap"] = [](Stage& stage) {
    edit(stage, "s/EUR = \"3000\"/EUR = \"30\"/", "daily_cap.lua");
    stage.wait_for("the host took it over",
                   [&] { return stage.sql("select max(generation) from app.script_generations") == "2"; });
    for (int i = 1; i <= 4; ++i) {
      const std::string id = stage.pay("salary-" + std::to_string(i), kPaid,
                                       {{"user", "kofi-" + std::to_string(i)}, {"amount", "120"}});
      stage.wait_for_state(id, "HELD");
      stage.variables["HELD"] = id;
    }
  };
  return play;
}

}  // namespace

std::vector<Play> policy_plays() {
  return {flags_spike(), bad_rule()};
}

}  // namespace payoutd::test
