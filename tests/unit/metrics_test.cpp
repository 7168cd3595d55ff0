#include "ops/metrics.hpp"

#include <catch2/catch.hpp>
#include <thread>

using namespace payoutd::ops;
using namespace std::chrono_literals;

namespace {

MetricsLabels labels() {
  return {{"momo-ci", "momo-bj"},
          {"/v1/payouts", "/v1/payouts/{id}"},
          {"CI", "BJ"},
          {"PENDING", "SENT", "UNKNOWN"}};
}

bool has_line(const std::string& text, const std::string& line) {
  return text.find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("a label set is closed", "[metrics]") {
  const LabelSet set({"b", "a", "b"});
  CHECK(set.size() == 3);
  CHECK(set.at(set.index("a")) == "a");
  CHECK(set.at(set.index("b")) == "b");
  CHECK(set.at(set.index("c")) == "other");
  CHECK(set.at(set.index("")) == "other");
  CHECK(LabelSet({}).at(LabelSet({}).index("x")) == "other");
}

TEST_CASE("metrics have the runbooks' names and labels", "[metrics]") {
  Metrics metrics(labels());
  metrics.http_request("/v1/payouts", "POST", 201, 0.7);
  metrics.http_request("/v1/payouts", "POST", 201, 0.8);
  metrics.payout_attempt("momo-ci", "FAILED");
  metrics.idempotency_replay("/v1/payouts");
  metrics.webhook_event("momo-ci", false, false);
  metrics.payout_retry_latency(31);
  metrics.payout_in_region("CI");
  metrics.dry_run_mode(true);
  metrics.rate_limit_block("callbacks");
  metrics.rate_limit_block("exports");
  metrics.rate_limit_block("the moon");
  const auto text = metrics.serialize();
  INFO(text);
  for (const char* by : {"callbacks", "exports", "other"})
    CHECK(has_line(text, R"(rate_limit_blocks_total{by=")" + std::string(by) + "\"} 1"));
  CHECK(has_line(text, R"(http_requests_total{method="POST",route="/v1/payouts",status="201"} 2)"));
  CHECK(has_line(text,
                 R"(http_request_duration_seconds_bucket{method="POST",route="/v1/payouts",le="0.75"} 1)"));
  CHECK(
      has_line(text, R"(http_request_duration_seconds_bucket{method="POST",route="/v1/payouts",le="1"} 2)"));
  CHECK(has_line(text, R"(payout_attempts_total{provider="momo-ci",result="FAILED"} 1)"));
  CHECK(has_line(text, R"(idempotency_replays_total{route="/v1/payouts"} 1)"));
  CHECK(has_line(text,
                 R"(webhook_events_total{applied="false",provider="momo-ci",signature_valid="false"} 1)"));
  CHECK(has_line(text, R"(payout_retry_latency_seconds_bucket{le="60"} 1)"));
  CHECK(has_line(text, R"(payouts_by_region_total{region="CI"} 1)"));
  CHECK(has_line(text, "app_dry_run_mode 1"));
}

TEST_CASE("what the engine saw counts under the runbooks' results", "[metrics]") {
  Metrics metrics(labels());
  for (const auto* saw :
       {"submit_confirmed", "submit_accepted", "submit_refused", "submit_refused_for_now",
        "submit_not_accepted", "submit_duplicate", "submit_unknown", "query_absent", "query_odd"})
    metrics.payout_attempt("momo-ci", saw);
  const auto text = metrics.serialize();
  INFO(text);
  for (const auto* result :
       {"CONFIRMED", "SENT", "FAILED", "REFUSED_FOR_NOW", "NOT_ACCEPTED", "DUPLICATE", "UNKNOWN"})
    CHECK(has_line(text,
                   R"(payout_attempts_total{provider="momo-ci",result=")" + std::string(result) + "\"} 1"));
  CHECK(has_line(text, R"(payoutd_queries_total{provider="momo-ci",result="absent"} 1)"));
  CHECK(has_line(text, R"(payoutd_queries_total{provider="momo-ci",result="other"} 1)"));
  CHECK(text.find(R"(payout_attempts_total{provider="momo-ci",result="other"})") == std::string::npos);
}

TEST_CASE("nobody outside can make a time series", "[metrics]") {
  Metrics metrics(labels());
  for (int i = 0; i < 100; ++i) {
    metrics.http_request("/v1/payouts/" + std::to_string(i), "BREW" + std::to_string(i), 600 + i, 0.1);
    metrics.payout_attempt("22507123456" + std::to_string(i), "new result");
  }
  const auto text = metrics.serialize();
  CHECK(has_line(text, R"(http_requests_total{method="other",route="other",status="other"} 100)"));
  CHECK(has_line(text, R"(payout_attempts_total{provider="other",result="other"} 100)"));
  CHECK(text.find("22507") == std::string::npos);
}

TEST_CASE("the state of payouts and processes is shown", "[metrics]") {
  Metrics metrics(labels());
  metrics.payouts("momo-ci", "SENT", 7, 90'500ms);
  metrics.payouts("momo-ci", "UNKNOWN", 0, 5s);
  metrics.group_commit("transitions", 120);
  metrics.provider_process("momo-ci", "starting");
  metrics.provider_process("momo-ci", "ready");
  metrics.provider_restart("momo-ci");
  metrics.build_info("0.1.0", "abc", "dev");
  const auto text = metrics.serialize();
  INFO(text);
  CHECK(has_line(text, R"(payoutd_payouts{provider="momo-ci",state="SENT"} 7)"));
  CHECK(has_line(text, R"(payoutd_oldest_payout_age_seconds{provider="momo-ci",state="SENT"} 90.5)"));
  CHECK(has_line(text, R"(payoutd_oldest_payout_age_seconds{provider="momo-ci",state="UNKNOWN"} 0)"));
  CHECK(has_line(text, R"(payoutd_group_commit_batch_size_bucket{writer="transitions",le="200"} 1)"));
  CHECK(has_line(text, R"(payoutd_provider_process_state{provider="momo-ci",state="ready"} 1)"));
  CHECK(has_line(text, R"(payoutd_provider_process_state{provider="momo-ci",state="starting"} 0)"));
  CHECK(has_line(text, R"(payoutd_provider_restarts_total{provider="momo-ci"} 1)"));
  CHECK(has_line(text, R"(payoutd_build_info{build_id="abc",environment="dev",version="0.1.0"} 1)"));
}

TEST_CASE("pools are shown from their own counts", "[metrics]") {
  Metrics metrics(labels());
  PoolSnapshot pool;
  pool.size = 4;
  pool.connected = 3;
  pool.busy = 2;
  pool.queued = 9;
  pool.acquired = 100;
  pool.acquire_timeouts = 1;
  pool.wait_bounds_s = {0.001, 0.01};
  pool.wait_counts = {90, 9, 1};
  pool.wait_sum_s = 0.5;
  metrics.pool("engine", pool);
  const auto text = metrics.serialize();
  INFO(text);
  CHECK(has_line(text, R"(payoutd_database_connections{pool="engine",state="wanted"} 4)"));
  CHECK(has_line(text, R"(payoutd_database_connections{pool="engine",state="busy"} 2)"));
  CHECK(has_line(text, R"(payoutd_database_queued{pool="engine"} 9)"));
  CHECK(has_line(text, R"(payoutd_database_acquired_total{pool="engine"} 100)"));
  CHECK(has_line(text, R"(payoutd_database_wait_seconds_bucket{pool="engine",le="0.01"} 99)"));
  CHECK(has_line(text, R"(payoutd_database_wait_seconds_bucket{pool="engine",le="+Inf"} 100)"));
  CHECK(has_line(text, R"(payoutd_database_wait_seconds_count{pool="engine"} 100)"));
}

TEST_CASE("threads count together", "[metrics]") {
  Metrics metrics(labels());
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) metrics.payout_attempt("momo-ci", "SENT");
    });
  for (auto& thread : threads) thread.join();
  CHECK(has_line(metrics.serialize(), R"(payout_attempts_total{provider="momo-ci",result="SENT"} 4000)"));
}
