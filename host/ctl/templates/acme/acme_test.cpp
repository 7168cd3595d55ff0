// The plugin on the SDK's fakes: no sockets, no waiting. What the conformance kit cannot know is tested here.
#include "acme.hpp"

#include <cstdio>
#include <payoutd/testing.hpp>

namespace {

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "acme_test: not so: %s\n", what);
}

payoutd::Settings settings() {
  std::vector<payoutd::Problem> problems;
  auto checked = payoutd::Settings::check(Acme::schema(),
                                          {{"base_url", "https://api.acme.example"}, {"account", "4711"}},
                                          {{"api_key", {"k-1"}}}, problems);
  for (const auto& problem : problems)
    std::fprintf(stderr, "acme_test: %s %s\n", problem.field.c_str(), problem.reason.c_str());
  expect(problems.empty(), "the settings are accepted");
  return checked;
}

payoutd::Order order() {
  payoutd::Order order;
  order.payout_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  order.reference = "11111111-2222-4333-8444-555555555555";
  order.money = payoutd::parse_money("1500", "XOF").value();
  order.destination = "22990123456";
  return order;
}

void contract_holds_together() {
  expect(payoutd::validate(Acme::contract(settings())).empty(), "the contract does not contradict itself");
}

void a_payment_is_one_marked_request() {
  payoutd::testing::Bench bench;
  bench.http->answer(201, R"({"id":"a-1","status":"accepted"})");
  Acme acme(bench.services(), settings());
  const auto prepared = bench.run(acme.prepare(order()));
  const auto submission = bench.run(acme.submit(order(), prepared));
  expect(submission.kind == payoutd::Submission::Kind::accepted, "201 is accepted");
  expect(submission.provider_ref == "a-1", "Acme's own name is kept");
  expect(bench.http->requests().size() == 1, "one request is made");
  const auto& request = bench.http->requests().front();
  expect(request.is_money_moving(), "the request is marked");
  expect(request.url().ends_with(order().reference), "the reference is in the address");
  expect(request.content() == R"({"amount":"1500","currency":"XOF","to":"22990123456"})",
         "the body is exact");
}

void only_documented_answers_are_claims() {
  using Kind = payoutd::Submission::Kind;
  expect(decode_submission(422, R"({"code":"NO_SUCH_PAYEE"})").kind == Kind::refused, "a documented refusal");
  expect(decode_submission(409, R"({"code":"DUPLICATE"})").kind == Kind::duplicate, "a documented duplicate");
  expect(decode_submission(422, "").kind == Kind::unknown, "a status without a code says nothing");
  expect(decode_submission(500, R"({"code":"NO_SUCH_PAYEE"})").kind == Kind::unknown,
         "a code where it does not belong");
  expect(decode_submission(201, "<html>").kind == Kind::unknown, "a page is not an acceptance");
}

void a_look_up_reports_what_it_read() {
  using Kind = payoutd::Status::Kind;
  const auto paid = decode_status(
      200,
      R"({"id":"a-1","reference":"r","status":"paid","amount":"1500","currency":"XOF","to":"22990123456"})");
  expect(paid.kind == Kind::confirmed, "paid is confirmed");
  expect(paid.found.amount == payoutd::Amount::parse("1500").value(), "the amount is the answer's");
  const auto unquoted = decode_status(
      200,
      R"({"id":7,"reference":"r","status":"paid","amount":1500.10,"currency":"EUR","to":"22990123456"})");
  expect(unquoted.found.amount == payoutd::Amount::parse("1500.1").value(),
         "a number is read from its digits");
  expect(unquoted.provider_ref == "7", "so is a name that is a number");
  expect(decode_status(
             200,
             R"({"status":"failed","reference":"r","status":"paid","amount":"1","currency":"XOF","to":"2"})")
                 .kind == Kind::cannot_tell,
         "an answer that says two things says nothing");
  expect(decode_status(404, R"({"code":"NOT_FOUND"})").kind == Kind::absent, "Acme's own 404 is absence");
  expect(decode_status(404, "<html>").kind == Kind::cannot_tell, "a proxy's 404 is not");
  expect(decode_status(200, R"({"status":"paid"})").kind == Kind::cannot_tell,
         "a payment without an amount is none");
}

}  // namespace

int main() {
  contract_holds_together();
  a_payment_is_one_marked_request();
  only_documented_answers_are_claims();
  a_look_up_reports_what_it_read();
  if (failures == 0) std::puts("acme_test: all good");
  return failures == 0 ? 0 : 1;
}
