// What was accepted under a key: the routes and the command, over what a host would answer.
#include <catch2/catch.hpp>

#include "ctl/accepted.hpp"
#include "ctl/money_sum.hpp"
#include "running_server.hpp"
#include "terminal.hpp"

using namespace payoutd;
using namespace payoutd::test;
namespace json = boost::json;

namespace {

constexpr const char* kPayouts = "/v1/admin/secrets/accepted/payouts";
constexpr const char* kCallbacks = "/v1/admin/secrets/accepted/callbacks";
const std::string kId = "4a9bd396-474b-4975-bd20-e274cad979bc";

store::AcceptedPayout payout(const std::string& state, const std::string& amount) {
  return {kId,
          "shop",
          "order-1",
          "momo-ci",
          state,
          amount,
          "EUR",
          "2026-01-31T08:00:00.000Z",
          "client:shop-1",
          {"2026-01", "token-1"}};
}

RawResponse ask(const RunningServer& running, const std::string& target) {
  return running.ask_as_operator(request("GET", target));
}

}  // namespace

TEST_CASE("what was accepted under a key is asked by key, token or subject, and by time") {
  RunningServer running;
  running.host.accepted = {{payout("PENDING", "5"), payout("CONFIRMED", "7.5")}, 40, 3, ""};
  const auto page =
      ask(running, std::string(kPayouts) + "?key_id=2026-01&token_id=t&subject=shop-1&since=7d");
  REQUIRE(page.status == 200);
  CHECK(page.json().at("payouts").as_array().size() == 2);
  CHECK(page.json().at("payouts").at(0).at("key_id").as_string() == "2026-01");
  CHECK(page.json().at("without_key").as_int64() == 3);
  CHECK(page.json().at("next").is_null());
  REQUIRE(running.host.last_accepted);
  CHECK(running.host.last_accepted->token.key_id == "2026-01");
  CHECK(running.host.last_accepted->token.id == "t");
  CHECK(running.host.last_accepted->subject == "shop-1");
  CHECK(running.host.last_accepted->since_s == 7 * 24 * 3600);
  CHECK(ask(running, std::string(kPayouts) + "?key_id=k").status == 200);
  CHECK(running.host.last_accepted->since_s == 24 * 3600);

  running.host.accepted_calls = {{{kId, "2026-01-31T08:00:00.000Z", "momo-ci", "signature", "k", "",
                                   "ignored", "unknown_payout", "", "", "", ""}},
                                 1,
                                 ""};
  const auto calls = ask(running, std::string(kCallbacks) + "?key_id=k&provider=momo-ci");
  REQUIRE(calls.status == 200);
  CHECK(calls.json().at("callbacks").at(0).at("payout").is_null());
  CHECK(running.host.last_accepted->provider == "momo-ci");

  for (const char* bad : {"", "?since=7d", "?key_id=k&since=yesterday", "?key_id=k&cursor=here",
                          "?key_id=k&look_at=0", "?key_id=k&look_at=10001", "?kid=k"})
    CHECK(ask(running, kPayouts + std::string(bad)).status == 400);
  CHECK(ask(running, kCallbacks).status == 400);
}

TEST_CASE("payoutctl secrets accepted tells figures first, and what can still be stopped") {
  RunningServer running;
  Terminal terminal(running.socket);
  ctl::AcceptedOptions options;
  CHECK_THROWS_WITH(ctl::secrets_accepted(terminal.context, options), Catch::Contains("Name the key"));
  options.key_id = "2026-01";
  CHECK(ctl::secrets_accepted(terminal.context, options) == ctl::ExitCode::ok);
  CHECK_THAT(terminal.out.str(), Catch::Contains("0 payouts admitted"));
  terminal.out.str({});

  running.host.accepted = {
      {payout("PENDING", "9999999999.99"), payout("HELD", "0.01"), payout("CONFIRMED", "7.5")}, 3, 2, ""};
  CHECK(ctl::secrets_accepted(terminal.context, options) == ctl::ExitCode::negative);
  const std::string text = terminal.out.str();
  CHECK_THAT(text,
             Catch::Contains("3 payouts admitted") && Catch::Contains("2 can still be stopped") &&
                 Catch::Contains("payoutctl secrets accepted 2026-01 --since 24h --stoppable | xargs") &&
                 Catch::Contains("9999999999.99 EUR") && Catch::Contains("2 other payouts") &&
                 Catch::Contains("0 callbacks proven"));
  CHECK(text.find("3 payouts") < text.find(kId));

  terminal.out.str({});
  options.stoppable = true;
  CHECK(ctl::secrets_accepted(terminal.context, options) == ctl::ExitCode::ok);
  CHECK(terminal.out.str() == kId + "\n" + kId + "\n");
  options.kind = "webhook";
  CHECK_THROWS_WITH(ctl::secrets_accepted(terminal.context, options), Catch::Contains("about tokens"));
}

TEST_CASE("sums of amounts are exact, however large") {
  ctl::MoneySum sum;
  CHECK(sum.text() == "0");
  for (int i = 0; i < 100; ++i) sum.add("9999999999.99999999");
  CHECK(sum.text() == "999999999999.999999");
  sum.add("no amount");
  sum.add("0.000001");
  CHECK(sum.text() == "1000000000000");
}
