#pragma once
#include <payoutd/plugin.hpp>

namespace contract_tests {

/// A small, correct plugin for a made-up PSP: POST /pay pays, GET /status asks. The broken ones change one
/// thing.
class Base : public payoutd::Provider {
 public:
  Base(payoutd::Services services, const payoutd::Settings& settings)
      : services_(std::move(services)), url_(settings.string("url")) {}

  static payoutd::Contract contract(const payoutd::Settings& settings) {
    using payoutd::CodeMeaning;
    payoutd::Contract contract;
    contract.repeat = payoutd::Repeat::refused_as_duplicate;
    contract.lookup_by_reference = true;
    contract.absence_is_proof_after = std::chrono::seconds(10);
    contract.submit_codes = {{"REFUSED", CodeMeaning::refused},
                             {"SPENT", CodeMeaning::refused_for_now},
                             {"BUSY", CodeMeaning::not_accepted},
                             {"DUPLICATE", CodeMeaning::duplicate}};
    contract.concurrency = static_cast<int>(settings.integer("concurrency"));
    contract.query_rate_per_s = static_cast<int>(settings.integer("query_rate"));
    contract.response_timeout = settings.duration("response_timeout");
    contract.currencies = {{"XOF", 0}};
    return contract;
  }

  std::string account_scope() const override { return "account at " + url_; }

  payoutd::Awaitable<payoutd::Prepared> prepare(payoutd::Order order) override {
    payoutd::Prepared prepared;
    prepared.artefact = std::string("artefact\0of ", 12) + order.reference;
    co_return prepared;
  }

  payoutd::Awaitable<payoutd::Submission> submit(payoutd::Order order, payoutd::Prepared) override {
    const auto answer = co_await services_.http->send(pay(order));
    co_return read_answer(answer);
  }

  payoutd::Awaitable<payoutd::Status> query(payoutd::Order order, payoutd::Prepared, std::string) override {
    const auto answer = co_await services_.http->send(payoutd::HttpRequest::get(url_ + "/status"));
    payoutd::Status status;
    if (answer.status == 404) status.kind = payoutd::Status::Kind::absent;
    if (answer.status == 200) {
      status.kind = payoutd::Status::Kind::confirmed;
      status.found = {order.money.amount, order.money.currency, order.destination, order.reference};
    }
    co_return status;
  }

  payoutd::Awaitable<void> probe() override { co_return; }

 protected:
  payoutd::HttpRequest pay(const payoutd::Order& order) const {
    return payoutd::HttpRequest::post(url_ + "/pay").body(order.reference, "text/plain").moves_money();
  }

  static payoutd::Submission read_answer(const payoutd::HttpResponse& answer) {
    switch (answer.status) {
      case 200:
        return payoutd::Submission::confirmed(answer.body);
      case 202:
        return payoutd::Submission::accepted(answer.body);
      case 409:
        return payoutd::Submission::duplicate("DUPLICATE", "we have this one already");
      case 422:
        return payoutd::Submission::refused("REFUSED", "no such payee");
      case 423:
        return payoutd::Submission::refused("UNLISTED", "a code that nobody promised");
      case 503:
        return payoutd::Submission::not_accepted("BUSY", "come back later");
      default:
        return payoutd::Submission::unknown(std::to_string(answer.status), "unexpected answer");
    }
  }

  payoutd::Services services_;
  std::string url_;
};

inline payoutd::SettingsSchema base_schema() {
  using payoutd::SettingType;
  return {{.name = "url", .type = SettingType::url, .description = "Where the PSP is."},
          {.name = "concurrency",
           .type = SettingType::integer,
           .description = "Submits at once.",
           .default_value = "8",
           .min = 1},
          {.name = "query_rate",
           .type = SettingType::integer,
           .description = "Queries a second.",
           .default_value = "0",
           .min = 0},
          {.name = "response_timeout",
           .type = SettingType::duration,
           .description = "For an answer.",
           .default_value = "5s"},
          {.name = "key", .type = SettingType::secret, .description = "An API key.", .optional = true}};
}

}  // namespace contract_tests
