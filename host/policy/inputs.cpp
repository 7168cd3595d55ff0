#include "policy/inputs.hpp"

#include <boost/json.hpp>

namespace payoutd::policy {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

std::int64_t number_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

const json::object& object_of(const json::object& object, const char* name) {
  const auto* value = object.if_contains(name);
  if (value == nullptr || !value->is_object())
    throw std::runtime_error("the recorded inputs have no '" + std::string(name) + "'");
  return value->get_object();
}

void add_text(json::object& object, const char* name, const std::string& text) {
  if (!text.empty()) object[name] = text;
}

json::object facts_json(const PayoutFacts& payout) {
  json::object facts{{"id", payout.id},
                     {"client", payout.client},
                     {"amount", payout.money.amount.to_string()},
                     {"currency", payout.money.currency},
                     {"destination", payout.destination},
                     {"at", payout.at_s},
                     {"age", payout.age_s}};
  add_text(facts, "provider", payout.provider);
  add_text(facts, "user", payout.user);
  add_text(facts, "region", payout.region);
  add_text(facts, "batch", payout.batch);
  add_text(facts, "metadata", payout.metadata);
  return facts;
}

json::value value_json(const FeatureValue& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return *number;
  if (const auto* money = std::get_if<Money>(&value)) return json::value(money->amount.to_string());
  if (const auto* text = std::get_if<std::string>(&value)) return json::value(*text);
  return nullptr;
}

FeatureValue read_value(const json::value& value, const Feature& feature, const std::string& currency) {
  if (value.is_int64()) return value.get_int64();
  if (!value.is_string()) return {};
  const std::string text(value.get_string());
  if (feature.what != Feature::What::sum) return text;
  const auto amount = Amount::parse(text);
  if (!amount) throw std::runtime_error("the recorded sum '" + text + "' is no amount");
  return Money{*amount, currency};
}

}  // namespace

std::string feature_key(const Feature& feature) {
  std::string key(to_string(feature.what));
  if (feature.what == Feature::What::distinct || feature.what == Feature::What::previous)
    key.append(" ").append(to_string(feature.of));
  char separator = '/';
  for (const Field field : feature.by) {
    key.push_back(separator);
    key += to_string(field);
    separator = '+';
  }
  return key + "/" + to_string(feature.window);
}

json::object screen_inputs(const PayoutFacts& payout, std::span<const Feature> features,
                           std::span<const FeatureValue> values) {
  json::object history;
  for (std::size_t i = 0; i < features.size(); ++i) history[feature_key(features[i])] = value_json(values[i]);
  return {{"payout", facts_json(payout)}, {"history", std::move(history)}};
}

std::string screen_decision(const Bundle& bundle, const Judgement& judgement, const json::object& inputs,
                            bool shadow) {
  json::object decision{{"kind", "screen"},
                        {"bundle", bundle.hash()},
                        {"verdict", to_string(judgement.verdict)},
                        {"inputs", inputs},
                        {"cost_ns", judgement.cost.count()}};
  add_text(decision, "rule", judgement.rule);
  add_text(decision, "reason", judgement.reason);
  if (shadow) decision["shadow"] = true;
  if (!judgement.results.empty()) {
    json::array results;
    for (const RuleResult& one : judgement.results) {
      json::object result{{"rule", one.rule}, {"verdict", to_string(one.verdict)}};
      add_text(result, "reason", one.reason);
      add_text(result, "text", one.text);
      results.push_back(std::move(result));
    }
    decision["results"] = std::move(results);
  }
  return json::serialize(decision);
}

PayoutFacts read_facts(const json::object& inputs) {
  const json::object& facts = object_of(inputs, "payout");
  const auto amount = Amount::parse(text_of(facts, "amount"));
  if (!amount) throw std::runtime_error("the recorded payout has no amount");
  PayoutFacts payout;
  payout.id = text_of(facts, "id");
  payout.client = text_of(facts, "client");
  payout.provider = text_of(facts, "provider");
  payout.money = {*amount, text_of(facts, "currency")};
  payout.destination = text_of(facts, "destination");
  payout.user = text_of(facts, "user");
  payout.region = text_of(facts, "region");
  payout.batch = text_of(facts, "batch");
  payout.metadata = text_of(facts, "metadata");
  payout.at_s = number_of(facts, "at");
  payout.age_s = number_of(facts, "age");
  return payout;
}

std::vector<FeatureValue> read_values(const json::object& inputs, std::span<const Feature> features,
                                      const std::string& currency, int* unknown) {
  const json::object& history = object_of(inputs, "history");
  std::vector<FeatureValue> values;
  values.reserve(features.size());
  for (const Feature& feature : features) {
    const auto* recorded = history.if_contains(feature_key(feature));
    if (recorded == nullptr) ++*unknown;
    values.push_back(recorded == nullptr ? FeatureValue{} : read_value(*recorded, feature, currency));
  }
  return values;
}

json::object backoff_inputs(const BackoffQuestion& question) {
  json::object inputs{{"provider", question.provider},  {"purpose", to_string(question.purpose)},
                      {"count", question.count},        {"in_state_ms", question.in_state.count()},
                      {"age_ms", question.age.count()}, {"random_ppm", question.random_ppm}};
  add_text(inputs, "code", question.code);
  return inputs;
}

BackoffQuestion read_question(const json::object& inputs) {
  BackoffQuestion question;
  question.provider = text_of(inputs, "provider");
  const std::string purpose = text_of(inputs, "purpose");
  for (const Purpose known :
       {Purpose::retry, Purpose::resend, Purpose::poll, Purpose::query, Purpose::notify})
    if (to_string(known) == purpose) question.purpose = known;
  question.count = static_cast<int>(number_of(inputs, "count"));
  question.in_state = std::chrono::milliseconds{number_of(inputs, "in_state_ms")};
  question.age = std::chrono::milliseconds{number_of(inputs, "age_ms")};
  question.random_ppm = static_cast<int>(number_of(inputs, "random_ppm"));
  question.code = text_of(inputs, "code");
  return question;
}

std::string to_string(const BackoffAnswer& answer) {
  if (const auto* wait = std::get_if<std::chrono::milliseconds>(&answer))
    return "wait " + std::to_string(wait->count());
  return std::holds_alternative<GiveUp>(answer) ? "give_up" : "review";
}

json::object route_inputs(const PayoutFacts& payout, std::span<const Candidate> candidates) {
  json::array providers;
  for (const Candidate& one : candidates)
    providers.push_back(json::object{{"name", one.name},
                                     {"plugin", one.plugin},
                                     {"ready", one.ready},
                                     {"paused", one.paused},
                                     {"failures", one.failures_percent},
                                     {"waiting", one.waiting}});
  return {{"payout", facts_json(payout)}, {"providers", std::move(providers)}};
}

}  // namespace payoutd::policy
