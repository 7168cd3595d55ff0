// The plugin on the SDK's bench: no sockets, no waiting. What the conformance kit cannot know is tested here.
#include "acme.hpp"

#include <cstdio>
#include <payoutd/testing.hpp>

namespace {

using payoutd::testing::contract_of;
using payoutd::testing::Given;
using payoutd::testing::PluginBench;
using payoutd::testing::problems_of;

int failures = 0;

void expect(bool holds, const char* what) {
  if (holds) return;
  ++failures;
  std::fprintf(stderr, "acme_test: not so: %s\n", what);
}

/// Settings as an operator would write them; `with` makes others of them.
Given good() {
  return {{{"base_url", "https://api.acme.example"}, {"account", "4711"}},
          {{"api_key", boost::json::array{"planted-key"}}}};
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
  for (const auto& problem : payoutd::testing::descriptor_problems()) expect(false, problem.c_str());
  expect(payoutd::validate(contract_of(good())).empty(), "the contract does not contradict itself");
  expect(contract_of(good().with({{"concurrency", 3}})).concurrency == 3, "settings change the contract");
}

void settings_fit_their_environment() {
  using Fields = std::vector<std::string>;
  using payoutd::Environment;
  expect(problems_of(good(), Environment::prod).empty(), "the settings are good");
  const auto with_url = [](const char* url) { return good().with({{"base_url", url}}); };
  expect(problems_of(with_url("http://127.0.0.1:9"), Environment::dev).empty(), "a test may run anywhere");
  expect(problems_of(with_url("http://api.acme.example"), Environment::prod) == Fields{"base_url"},
         "production wants https");
  expect(problems_of(with_url("https://sandbox.acme.example"), Environment::prod) == Fields{"base_url"},
         "production is not the sandbox");
}

void a_payment_is_one_marked_request() {
  PluginBench acme(good(), order());
  acme.http().answer(201, R"({"id":"a-1","status":"accepted"})");
  const auto submission = acme.submit();
  expect(submission.kind == payoutd::Submission::Kind::accepted, "201 is accepted");
  expect(submission.provider_ref == "a-1", "Acme's own name is kept");
  expect(acme.http().requests().size() == 1, "one request is made");
  const auto& request = acme.request(0);
  expect(request.is_money_moving(), "the request is marked");
  expect(request.url().ends_with(order().reference), "the reference is in the address");
  expect(request.content() == R"({"amount":"1500","currency":"XOF","to":"22990123456"})",
         "the body is exact");
}

void what_the_plugin_says_holds_no_secret() {
  PluginBench acme(good(), order());
  acme.http().answer(500, "Bearer planted-key of 22990123456").answer(403, "planted-key");
  acme.note(acme.submit().message);
  acme.note_failure([&] { acme.probe(); });
  expect(acme.said().find("403") != std::string::npos, "the operator hears why a probe fails");
  expect(acme.said().find("planted-key") == std::string::npos, "the key is never said");
  expect(acme.said().find("22990123456") == std::string::npos, "nor is a payee's number");
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
  settings_fit_their_environment();
  a_payment_is_one_marked_request();
  what_the_plugin_says_holds_no_secret();
  only_documented_answers_are_claims();
  a_look_up_reports_what_it_read();
  if (failures == 0) std::puts("acme_test: all good");
  return failures == 0 ? 0 : 1;
}
