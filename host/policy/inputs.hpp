#pragma once
#include <boost/json/object.hpp>
#include <span>
#include <string>
#include <vector>

#include "policy/bundle.hpp"

namespace payoutd::policy {

/// The name under which a feature's value is recorded: `count/user/24h`, `distinct destination/user/7d`.
std::string feature_key(const Feature& feature);

/// What a judgement was based on, exact and complete, so that it can be repeated:
/// `{"payout": {…}, "history": {feature_key: value}}`. Amounts are texts.
boost::json::object screen_inputs(const PayoutFacts& payout, std::span<const Feature> features,
                                  std::span<const FeatureValue> values);
/// The record of a judgement for app.decisions, as JSON text.
std::string screen_decision(const Bundle& bundle, const Judgement& judgement,
                            const boost::json::object& inputs, bool shadow);

/// Reads screen_inputs back. Throws std::runtime_error that names what is missing.
PayoutFacts read_facts(const boost::json::object& inputs);
/// The values for these features; `unknown` counts those that were not recorded and are absent.
std::vector<FeatureValue> read_values(const boost::json::object& inputs, std::span<const Feature> features,
                                      const std::string& currency, int* unknown);

boost::json::object backoff_inputs(const BackoffQuestion& question);
BackoffQuestion read_question(const boost::json::object& inputs);
/// `wait 30000`, `give_up`, `review`.
std::string to_string(const BackoffAnswer& answer);

boost::json::object route_inputs(const PayoutFacts& payout, std::span<const Candidate> candidates);

}  // namespace payoutd::policy
