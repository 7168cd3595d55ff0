#include "fault_groups.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>

namespace payoutd::test {

namespace json = boost::json;

const std::vector<FaultCase>& request_faults() {
  static const std::vector<FaultCase> all{
      {"never_answer", {}},
      {"cut_before_paying", {}},
      {"cut_before_paying", {{"reset", true}, {"delay_ms", 50}}},
      {"answer_500_before_paying", {}},
      {"answer_503_html", {}},
      {"redirect", {}},
      {"answer_401", {}},
      {"answer_403", {}},
      {"answer_429", {}},
      {"never_answer_after_paying", {}},
      {"pay_and_cut", {}},
      {"pay_and_cut", {{"reset", true}, {"delay_ms", 50}}},
      {"answer_500_after_paying", {}},
      {"slow", {{"delay_ms", 300}}},
      {"slow", {{"delay_ms", 1800}}},
      {"slow_drip", {{"delay_ms", 40}}},
      {"garbage", {}},
      {"truncated", {}},
      {"wrong_types", {}},
      {"huge_body", {{"body_bytes", 1 << 20}}},
  };
  return all;
}

namespace {

// Part of keys, which take no spaces.
std::string title(const FaultCase& fault, const std::string& operation) {
  std::string text = fault.fault + "-on-" + operation;
  if (!fault.more.empty()) text += json::serialize(fault.more);
  std::ranges::replace(text, ' ', '_');
  return text;
}

}  // namespace

std::uint64_t add_provider_fault(Scene& scene, const std::string& fault, json::object more) {
  more["fault"] = fault;
  more["protocol"] = scene.provider().plugin;
  return scene.simulator().post("/faults", more).at("id").to_number<std::uint64_t>();
}

std::map<std::uint64_t, std::uint64_t> applied_faults(Scene& scene) {
  std::map<std::uint64_t, std::uint64_t> counts;
  const json::value faults = scene.simulator().get("/faults");
  for (const json::value& fault : faults.as_array()) {
    counts[fault.at("id").to_number<std::uint64_t>()] = fault.at("applied").to_number<std::uint64_t>();
  }
  return counts;
}

std::uint64_t requests_seen(Scene& scene, const std::string& operation) {
  const json::value stats = scene.simulator().get("/stats");
  const json::object& all = stats.at("requests_by_protocol").as_object();
  const json::value* ours = all.if_contains(scene.provider().plugin);
  const json::value* count = ours == nullptr ? nullptr : ours->as_object().if_contains(operation);
  return count == nullptr ? 0 : count->to_number<std::uint64_t>();
}

std::uint64_t FaultGroups::command(const FaultCase& fault, const std::string& operation, json::object more) {
  for (const auto& [name, value] : fault.more) more[name] = value;
  more["operation"] = operation;
  return add_provider_fault(scene_, fault.fault, std::move(more));
}

void FaultGroups::add(const FaultCase& fault, const std::string& operation, int count,
                      const std::map<std::string, std::string>& before) {
  const std::string name = title(fault, operation);
  const std::vector<std::string> payees = scene_.reserve_payees(2);
  for (std::size_t i = 0; i < payees.size(); ++i) {
    for (const auto& [other, kind] : before) command({kind, {}}, other, {{"payee", payees[i]}, {"count", 1}});
    faults_[name].push_back(command(fault, operation, {{"payee", payees[i]}, {"count", i == 0 ? 1 : count}}));
  }
  names_.push_back(name);
  payees_.push_back(payees);
}

void FaultGroups::add_for_anyone(const FaultCase& fault, const std::string& operation, int count) {
  faults_[title(fault, operation)].push_back(command(fault, operation, {{"count", count}}));
}

void FaultGroups::post(HostProcess& host) {
  for (std::size_t i = 0; i < names_.size(); ++i) scene_.post_to_each(host, payees_[i], names_[i]);
}

bool FaultGroups::all_met(std::string& missed) {
  const auto counts = applied_faults(scene_);
  for (const auto& [name, ids] : faults_) {
    const bool met = std::ranges::any_of(ids, [&](std::uint64_t id) { return counts.at(id) > 0; });
    if (!met) missed += name + " ";
  }
  return missed.empty();
}

HostProcess& ready_host(Scene& scene, const std::map<std::string, std::string>& engine) {
  HostProcess& host = scene.add_host("host-a");
  for (const auto& [name, value] : engine) host.settings().engine[name] = value;
  host.start();
  REQUIRE(host.wait_until_ready());
  return host;
}

LedgerCheck require_settled(Scene& scene, std::chrono::milliseconds limit) {
  const auto began = std::chrono::steady_clock::now();
  const bool finished = scene.wait_until_finished(limit);
  LedgerCheck check = scene.check();
  const auto took =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - began);
  std::cout << "  " << scene.provider().plugin << ": " << check.text() << " after " << took.count() << " ms"
            << std::endl;
  if (!finished || !check.nothing_wrong()) {
    WARN(scene.database().value(
        "select string_agg(line, E'\\n') from (select concat_ws(' ', batch, state, reason, count(*)) as line"
        " from app.all_payouts where state <> 'CONFIRMED' group by batch, state, reason order by 1 limit 50) "
        "x"));
    WARN(
        scene.database().value("select string_agg(line, E'\\n') from (select distinct concat_ws(' ', kind, "
                               "data->>'code', data->>'message') as"
                               " line from app.events where to_state <> 'CONFIRMED' order by 1 limit 30) x"));
    WARN(scene.logs());
  }
  INFO(check.text());
  REQUIRE(finished);
  CHECK(check.nothing_wrong());
  CHECK(check.payouts > 0);
  CHECK(scene.simulator().get("/stats").at("internal_errors").to_number<int>() == 0);
  return check;
}

void require_everybody_paid(Scene& scene, std::chrono::milliseconds limit) {
  const LedgerCheck check = require_settled(scene, limit);
  INFO(check.text());
  CHECK(check.confirmed == check.payouts);
}

std::string outcome_of(Scene& scene, const std::string& batch) {
  return scene.database().value(
      "select string_agg(distinct concat_ws(' ', state::text, nullif(reason, '')), ', ')"
      " from app.all_payouts where batch = $$" +
      batch + "$$");
}

}  // namespace payoutd::test
