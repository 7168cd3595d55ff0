#include "simulator_fixture.hpp"

#include <cstdio>
#include <stdexcept>
#include <thread>

namespace simulator {
namespace json = boost::json;

std::string new_reference() {
  static unsigned count = 0;
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%08x-0000-4000-8000-00000000abcd", ++count);
  return text.data();
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t bits = 0;
    for (std::size_t byte = 0; byte < 3; ++byte) {
      bits = (bits << 8U) | (at + byte < bytes.size() ? static_cast<unsigned char>(bytes[at + byte]) : 0U);
    }
    for (std::size_t digit = 0; digit < 4; ++digit) {
      const bool padding = at + digit > bytes.size();
      text += padding ? '=' : kAlphabet[(bits >> (18U - 6U * static_cast<unsigned>(digit))) & 0x3fU];
    }
  }
  return text;
}

json::object parse_object(const std::string& text) {
  return json::parse(text).as_object();
}

MomoClient::MomoClient(const SimulatorProcess& simulator, std::string user, std::string key)
    : wire(simulator.momo_url()), user_(std::move(user)), key_(std::move(key)) {}

Reply MomoClient::request_token() {
  return wire.exchange("POST", "/disbursement/token/",
                       {{"Authorization", "Basic " + base64(user_ + ":" + key_)},
                        {"Ocp-Apim-Subscription-Key", subscription_key}},
                       {}, patience);
}

const std::string& MomoClient::token() {
  if (token_.empty()) {
    const auto reply = request_token();
    if (!reply.answered(200)) throw std::runtime_error("no token: " + reply.body);
    token_ = parse_object(reply.body).at("access_token").as_string();
  }
  return token_;
}

Headers MomoClient::headers() {
  Headers all{{"Authorization", "Bearer " + token()},
              {"X-Target-Environment", environment},
              {"Ocp-Apim-Subscription-Key", subscription_key},
              {"Content-Type", "application/json"}};
  if (!callback_url.empty()) all.emplace_back("X-Callback-Url", callback_url);
  return all;
}

json::object MomoClient::body(std::string_view external_id, std::string_view payee, std::string_view amount) {
  return {{"amount", amount},          {"currency", currency},
          {"externalId", external_id}, {"payee", {{"partyIdType", "MSISDN"}, {"partyId", payee}}},
          {"payerMessage", "payout"},  {"payeeNote", "thank you"}};
}

Reply MomoClient::transfer(const std::string& reference, const json::object& body) {
  auto all = headers();
  all.emplace_back("X-Reference-Id", reference);
  return wire.exchange("POST", "/disbursement/v1_0/transfer", all, json::serialize(body), patience);
}

Reply MomoClient::transfer(const std::string& reference, std::string_view external_id,
                           std::string_view payee) {
  return transfer(reference, body(external_id, payee));
}

Reply MomoClient::status(const std::string& reference) {
  return get("/disbursement/v1_0/transfer/" + reference);
}

Reply MomoClient::get(std::string_view target) {
  return wire.exchange("GET", target, headers(), {}, patience);
}

json::object MomoClient::final_status(const std::string& reference) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (std::chrono::steady_clock::now() < deadline) {
    const auto reply = status(reference);
    if (reply.answered(200)) {
      auto object = parse_object(reply.body);
      if (object.at("status") != "PENDING") return object;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
  throw std::runtime_error("not final in time: " + reference);
}

const std::vector<RequestFault>& request_faults() {
  static const std::vector<RequestFault> faults{{"never_answer", Wire::kTimedOut, 0, false},
                                                {"cut_before_paying", Wire::kClosed, 0, false},
                                                {"answer_500_before_paying", Wire::kAnswered, 500, false},
                                                {"answer_503_html", Wire::kAnswered, 503, false},
                                                {"redirect", Wire::kAnswered, 307, false},
                                                {"answer_401", Wire::kAnswered, 401, false},
                                                {"answer_403", Wire::kAnswered, 403, false},
                                                {"answer_429", Wire::kAnswered, 429, false},
                                                {"never_answer_after_paying", Wire::kTimedOut, 0, true},
                                                {"pay_and_cut", Wire::kClosed, 0, true},
                                                {"answer_500_after_paying", Wire::kAnswered, 500, true},
                                                {"slow", Wire::kTimedOut, 0, true},
                                                {"slow_drip", Wire::kTimedOut, 0, true},
                                                {"garbage", Wire::kAnswered, -1, true},
                                                {"truncated", Wire::kClosed, -1, true},
                                                {"wrong_types", Wire::kAnswered, -1, true},
                                                {"huge_body", Wire::kAnswered, -1, true}};
  return faults;
}

json::object ledger_entry(SimulatorProcess& simulator, std::string_view external_id) {
  const auto list = simulator.get("/ledger?external_id=" + std::string{external_id});
  if (list.as_array().size() != 1) throw std::runtime_error("not one ledger entry: " + json::serialize(list));
  return list.as_array().front().as_object();
}

std::size_t ledger_count(SimulatorProcess& simulator, std::string_view external_id) {
  return simulator.get("/ledger?external_id=" + std::string{external_id}).as_array().size();
}

}  // namespace simulator
