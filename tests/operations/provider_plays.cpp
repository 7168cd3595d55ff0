// Incidents of providers and their callbacks.
#include <signal.h>

#include <stdexcept>

#include "plays.hpp"

namespace payoutd::test {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

void fault(Stage& stage, json::object what) {
  stage.scene().simulator().post("/faults", what);
}

void end_faults(Stage& stage) {
  stage.scene().simulator().remove("/faults");
}

/// The provider comes to the end of what it has, and tells nobody.
void settle_all(Stage& stage) {
  const json::value ledger = stage.scene().simulator().get("/ledger?status=PENDING&limit=1000");
  for (const json::value& entry : ledger.as_array())
    stage.scene().simulator().post(
        "/settle", json::object{{"reference", entry.at("reference")}, {"status", "SUCCESSFUL"}});
}

/// The shipped schedule, some numbers of it made smaller.
void change_schedule(Stage& stage, const std::string& sed) {
  if (stage.run("sed -i '" + sed + "' scripts/backoff/momo.lua").status != 0)
    throw std::runtime_error("the schedule cannot be changed");
}

Play stuck_in_sent() {
  Play play;
  play.name = "stuck-in-sent";
  play.begin = [](Stage& stage) {
    for (int i = 1; i <= 3; ++i) {
      const std::string id = stage.pay("salary-" + std::to_string(i), kStaysPending);
      stage.wait_for_state(id, "SENT");
      stage.variables["SENT"] = id;
    }
  };
  play.events["the-provider-settles"] = [](Stage& stage) {
    stage.wait_for("the one that was asked about is pending still", [&] {
      return stage.host()
                 .request("GET", "/metrics")
                 .body.find("payoutd_queries_total{provider=\"momo\",result=\"pending\"} 1") !=
             std::string::npos;
    });
    settle_all(stage);
  };
  return play;
}

/// A provider is to go while one of its payouts is under way.
Play provider_retired() {
  Play play;
  play.name = "provider-retired";
  play.begin = [](Stage& stage) {
    stage.variables["SENT"] = stage.pay("salary-1", kStaysPending);
    stage.wait_for_state(stage.variables["SENT"], "SENT");
  };
  play.events["the-provider-settles"] = settle_all;
  return play;
}

/// The provider signs with another secret than the one that is configured.
Play signatures_fail() {
  Play play;
  play.name = "signatures-fail";
  play.prepare = [](Stage& stage) {
    stage.write("secrets/momo-2026-05", "the webhook secret of May\n");
    stage.host().settings().more_of_momo =
        "    webhooks:\n      secrets:\n        - {id: \"2026-05\", secret: \"file:" +
        (stage.scene().directory() / "secrets/momo-2026-05").string() + "\"}\n";
  };
  play.begin = [](Stage& stage) {
    for (int i = 1; i <= 12; ++i) {
      const std::string id = stage.pay("salary-" + std::to_string(i), "467331000" + std::to_string(10 + i));
      stage.wait_for_state(id, "SENT");
      if (stage.call_back(id, "the webhook secret of June").status != 401)
        throw std::runtime_error("a callback with another secret was taken");
      stage.variables["SENT"] = id;
    }
    stage.variables["EVENT"] =
        stage.sql("select id from app.webhook_inbox order by received_at desc limit 1");
  };
  return play;
}

Play provider_down() {
  Play play;
  play.name = "provider-down";
  play.prepare = [](Stage& stage) {
    change_schedule(stage,
                    "1,30 {s/every = 60 }/every = 1 }/;s/limit = 300/limit = 3/;s/first = 2,/first = 0.5,/}");
  };
  play.events["the-provider-goes-down"] = [](Stage& stage) {
    const std::string sent = stage.pay("salary-1", kStaysPending);
    stage.wait_for_state(sent, "SENT");
    fault(stage, {{"fault", "refuse_connection"}, {"protocol", "momo"}});
    for (int i = 2; i <= 5; ++i) stage.variables["WAITS"] = stage.pay("salary-" + std::to_string(i), kPaid);
    stage.wait_for("some submits failed", [&] {
      return stage.sql(
                 "select count(*) from app.all_payouts where state = 'PENDING' and attempt_count > 0") ==
                 "4" ||
             stage.sql("select count(*) from app.events where kind = 'outcome'") > "4";
    });
  };
  play.events["the-provider-is-back"] = [](Stage& stage) {
    end_faults(stage);
    settle_all(stage);
  };
  return play;
}

/// Each transfer takes long, few go at once: what comes in piles up.
Play provider_slow() {
  Play play;
  play.name = "provider-slow";
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.host().settings().momo["concurrency"] = "2";
    stage.host().settings().momo["response_timeout"] = "10s";
  };
  play.events["the-provider-gets-slow"] = [](Stage& stage) {
    fault(stage, {{"fault", "slow"}, {"operation", "transfer"}, {"delay_ms", 1500}});
    for (int i = 1; i <= 24; ++i) stage.pay("order-" + std::to_string(i), kPaid);
    stage.wait_for("the first were paid", [&] {
      return stage.sql("select count(*) from app.all_payouts where state = 'CONFIRMED'") != "0";
    });
  };
  play.events["the-provider-is-quick-again"] = end_faults;
  return play;
}

/// Our own account at the provider is empty.
Play low_balance() {
  Play play;
  play.name = "low-balance";
  play.prepare = [](Stage& stage) { change_schedule(stage, "1,30 s/every = 60 }/every = 0.3 }/"); };
  play.events["the-account-runs-dry"] = [](Stage& stage) {
    stage.scene().simulator().post("/balance", json::object{{"amount", "30"}});
    for (int i = 1; i <= 6; ++i) {
      const std::string id = stage.pay("salary-" + std::to_string(i), kPaid);
      stage.wait_for("it was decided", [&] {
        return stage.sql(
                   "select state = 'CONFIRMED' or attempt_count > 0 and state = 'PENDING' and lease is null"
                   " from app.all_payouts where id = '" +
                   id + "'") == "t";
      });
      stage.variables["WAITS"] = id;
    }
  };
  play.events["somebody-fills-the-account"] = [](Stage& stage) {
    stage.scene().simulator().post("/balance", json::object{{"amount", "1000"}});
  };
  return play;
}

/// A version of the plugin that cannot read what the provider answers.
Play bad_plugin() {
  Play play;
  play.name = "bad-plugin";
  play.prepare = [](Stage& stage) {
    change_schedule(stage, "1,30 s/every = 60 }/every = 1 }/");
    stage.variables["NEW_PLUGIN"] = PAYOUTD_MISREADING_MOMO;
  };
  play.begin = [](Stage& stage) { stage.wait_for_state(stage.pay("before", kPaid), "CONFIRMED"); };
  play.events["payouts-come"] = [](Stage& stage) {
    for (int i = 1; i <= 3; ++i) stage.variables["SENT"] = stage.pay("salary-" + std::to_string(i), kPaid);
    stage.wait_for("they were asked about", [&] {
      const std::string text = stage.host().request("GET", "/metrics").body;
      const std::string series = "payoutd_queries_total{provider=\"momo\",result=\"cannot_tell\"} ";
      const auto at = text.find(series);
      return at != std::string::npos && std::stoi(text.substr(at + series.size())) >= 3;
    });
  };
  return play;
}

/// The plugin's process dies again and again.
Play plugin_crashes() {
  Play play;
  play.name = "plugin-crashes";
  play.prepare = be_quick;
  play.events["the-plugin-crashes-five-times"] = [](Stage& stage) {
    stage.wait_for("quarantine", [&] {
      const pid_t pid = stage.host().provider();
      if (pid > 0) ::kill(pid, SIGSEGV);
      return stage.sql("select count(*) from app.providers where quarantined_at is not null") == "1";
    });
    stage.variables["WAITS"] = stage.pay("salary-1", kPaid);
  };
  return play;
}

}  // namespace

std::vector<Play> provider_plays() {
  return {stuck_in_sent(), provider_retired(), signatures_fail(), provider_down(),
          provider_slow(), low_balance(),      bad_plugin(),      plugin_crashes()};
}

}  // namespace payoutd::test
