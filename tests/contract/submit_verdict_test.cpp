// What the runtime believes of a plugin's claim, row by row.
#include "providers/submit_verdict.hpp"

#include "host_fixture.hpp"

using namespace payoutd;
using namespace payoutd::providers;
using Kind = Submission::Kind;

namespace {

Contract contract() {
  Contract contract;
  contract.submit_codes = {{"REFUSED", CodeMeaning::refused},
                           {"SPENT", CodeMeaning::refused_for_now},
                           {"BUSY", CodeMeaning::not_accepted},
                           {"DUPLICATE", CodeMeaning::duplicate}};
  return contract;
}

enum class Seen { nothing_left, no_answer, answer };

Verdict judge(Seen seen, Submission claim, int status = 400) {
  CallContext call("submit");
  if (seen == Seen::answer) call.note_answer(status);
  return judge_claim(contract(), call, seen != Seen::nothing_left, std::move(claim));
}

}  // namespace

TEST_CASE("claims are believed as far as evidence and contract carry them", "[verdict]") {
  struct Row {
    Submission claim;
    Kind nothing_left;
    Kind no_answer;
    Kind answer;
  };
  const std::vector<Row> rows{
      {Submission::confirmed("p"), Kind::unknown, Kind::unknown, Kind::confirmed},
      {Submission::accepted("p"), Kind::unknown, Kind::unknown, Kind::accepted},
      {Submission::refused("REFUSED", ""), Kind::refused, Kind::unknown, Kind::refused},
      {Submission::refused("BUSY", ""), Kind::not_accepted, Kind::unknown, Kind::unknown},
      {Submission::refused("OTHER", ""), Kind::not_accepted, Kind::unknown, Kind::unknown},
      {Submission::refused_for_now("SPENT", ""), Kind::refused_for_now, Kind::unknown, Kind::refused_for_now},
      {Submission::refused_for_now("REFUSED", ""), Kind::not_accepted, Kind::unknown, Kind::unknown},
      {Submission::not_accepted("BUSY", ""), Kind::not_accepted, Kind::unknown, Kind::not_accepted},
      {Submission::not_accepted("", ""), Kind::not_accepted, Kind::unknown, Kind::unknown},
      {Submission::duplicate("DUPLICATE", ""), Kind::duplicate, Kind::duplicate, Kind::duplicate},
      {Submission::duplicate("OTHER", ""), Kind::unknown, Kind::unknown, Kind::unknown},
      {Submission::unknown("", ""), Kind::not_accepted, Kind::unknown, Kind::unknown},
      {Submission::unknown("DUPLICATE", ""), Kind::unknown, Kind::unknown, Kind::unknown},
  };
  for (const Row& row : rows) {
    INFO(to_string(row.claim.kind) << " with '" << row.claim.code << "'");
    CHECK(judge(Seen::nothing_left, row.claim).reply.submission.kind == row.nothing_left);
    CHECK(judge(Seen::no_answer, row.claim).reply.submission.kind == row.no_answer);
    CHECK(judge(Seen::answer, row.claim).reply.submission.kind == row.answer);
  }
}

TEST_CASE("a 2xx, a provider_ref and a duplicate are signs of acceptance", "[verdict]") {
  CHECK(judge(Seen::answer, Submission::unknown("", ""), 204).reply.evidence.acceptance_sign);
  CHECK_FALSE(judge(Seen::answer, Submission::unknown("", ""), 500).reply.evidence.acceptance_sign);
  CHECK(judge(Seen::no_answer, Submission::duplicate("DUPLICATE", "")).reply.evidence.acceptance_sign);
  Submission named = Submission::unknown("", "");
  named.provider_ref = "psp-1";
  CHECK(judge(Seen::no_answer, named).reply.evidence.acceptance_sign);
}

TEST_CASE("an exception is 'not sent' only if nothing was", "[verdict]") {
  const CallContext call("submit");
  CHECK(judge_exception(call, false, "x").submission.kind == Kind::not_accepted);
  CHECK(judge_exception(call, false, "x").submission.code == "not_sent");
  CHECK(judge_exception(call, true, "x").submission.kind == Kind::unknown);
}
