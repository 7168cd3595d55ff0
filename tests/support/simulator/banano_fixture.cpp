#include "banano_fixture.hpp"

#include <boost/property_tree/ptree.hpp>
#include <stdexcept>
#include <thread>

namespace simulator {
namespace json = boost::json;

std::string new_destination() {
  static std::uint32_t count = 0;
  banano::SeedBytes elsewhere{};
  elsewhere.fill(0xdd);
  return banano::to_address(banano::public_key(banano::derive_key(elsewhere, ++count)));
}

std::string hash_text(const banano::StateBlock& block) {
  return banano::to_hex(block.hash());
}

BananoClient::BananoClient(const SimulatorProcess& simulator, std::uint32_t index)
    : wire(simulator.url("banano")), key_(banano::derive_key({}, index)), account_(banano::public_key(key_)) {
  address = banano::to_address(account_);
}

Reply BananoClient::post(const json::object& request) {
  return wire.exchange("POST", "/", {{"Content-Type", "application/json"}}, json::serialize(request),
                       patience);
}

json::object BananoClient::rpc(const json::object& request) {
  const auto reply = post(request);
  if (!reply.answered(200)) throw std::runtime_error("the node did not answer: " + reply.body);
  return json::parse(reply.body).as_object();
}

std::string BananoClient::error(const json::object& request) {
  const auto answer = rpc(request);
  const auto* text = answer.if_contains("error");
  return text == nullptr ? std::string{} : std::string{text->as_string()};
}

std::string BananoClient::frontier() {
  return std::string{rpc({{"action", "account_info"}, {"account", address}}).at("frontier").as_string()};
}

banano::Raw BananoClient::balance() {
  const auto answer = rpc({{"action", "account_balance"}, {"account", address}});
  return *banano::parse_raw(std::string{answer.at("balance").as_string()});
}

void BananoClient::complete(banano::StateBlock& block) const {
  block.signature = banano::sign(key_, block.hash());
  block.work = banano::generate_work(block.root(), work_threshold, 0);
}

banano::StateBlock BananoClient::send_block_on(std::string_view previous, banano::Raw balance,
                                               std::string_view destination) {
  banano::StateBlock block;
  block.account = account_;
  block.previous = *banano::parse_hex<32>(previous);
  block.representative = account_;
  block.balance = balance;
  block.link = *banano::parse_address(destination);
  complete(block);
  return block;
}

banano::StateBlock BananoClient::send_block(std::string_view destination, std::string_view amount) {
  return send_block_on(frontier(), balance() - *banano::parse_ban(amount), destination);
}

banano::StateBlock BananoClient::receive_block(std::string_view send, std::string_view amount) {
  const auto info = rpc({{"action", "account_info"}, {"account", address}});
  banano::StateBlock block;
  block.account = account_;
  block.representative = account_;
  block.balance = balance() + *banano::parse_ban(amount);
  block.link = *banano::parse_hex<32>(send);
  if (const auto* head = info.if_contains("frontier")) {
    block.previous = *banano::parse_hex<32>(std::string{head->as_string()});
  }
  complete(block);
  return block;
}

json::object BananoClient::process_request(const banano::StateBlock& block, std::string_view subtype) {
  json::object contents;
  for (const auto& [field, value] : banano::write_block(block)) contents[field] = value.data();
  json::object request{{"action", "process"}, {"json_block", "true"}, {"block", std::move(contents)}};
  if (!subtype.empty()) request["subtype"] = subtype;
  return request;
}

std::string BananoClient::publish(const banano::StateBlock& block, std::string_view subtype) {
  const auto answer = rpc(process_request(block, subtype));
  if (!answer.contains("hash")) throw std::runtime_error("process: " + json::serialize(answer));
  return std::string{answer.at("hash").as_string()};
}

std::string BananoClient::pay(std::string_view destination, std::string_view amount) {
  return publish(send_block(destination, amount));
}

json::object BananoClient::block_info(std::string_view hash) {
  return rpc({{"action", "block_info"}, {"json_block", "true"}, {"hash", hash}});
}

bool BananoClient::known(std::string_view hash) {
  return block_info(hash).contains("block_account");
}

bool BananoClient::confirmed(std::string_view hash) {
  const auto info = block_info(hash);
  return info.contains("confirmed") && info.at("confirmed") == "true";
}

void BananoClient::until_confirmed(std::string_view hash) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (!confirmed(hash)) {
    if (std::chrono::steady_clock::now() > deadline) {
      throw std::runtime_error("not confirmed in time: " + std::string{hash});
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{5});
  }
}

json::array payments_to(SimulatorProcess& simulator, std::string_view destination) {
  const auto all = simulator.get("/banano/payments?destination=" + std::string{destination});
  json::array ours;
  for (const auto& payment : all.as_array()) {
    if (payment.at("foreign") == false) ours.push_back(payment);
  }
  return ours;
}

json::object payment_to(SimulatorProcess& simulator, std::string_view destination) {
  auto list = payments_to(simulator, destination);
  if (list.size() != 1) throw std::runtime_error("not one payment: " + json::serialize(list));
  return list.front().as_object();
}

}  // namespace simulator
