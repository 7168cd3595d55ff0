#include "banano_control.hpp"

#include <charconv>
#include <chrono>
#include <map>
#include <stdexcept>

#include "text.hpp"

namespace simulator {
namespace json = boost::json;
namespace {

using banano::Hash;
using banano::PublicKey;
using banano::Raw;
using banano::Subtype;

constexpr std::string_view kPath = "/banano";

Answer answer(const json::value& value) {
  return json_answer(200, json::serialize(value));
}

Answer failure(unsigned status, std::string_view code, std::string_view message) {
  return json_answer(status, json::serialize(json::object{{"code", code}, {"message", message}}));
}

[[noreturn]] void refuse(const std::string& reason) {
  throw std::invalid_argument(reason);
}

json::object parse_command(const Request& request) {
  if (request.body.empty()) return {};
  boost::system::error_code error;
  const auto value = json::parse(json::string_view{request.body.data(), request.body.size()}, error);
  if (error || !value.is_object()) refuse("the body must be a JSON object");
  return value.get_object();
}

std::optional<std::string> text_in(const json::object& command, std::string_view field) {
  const auto* value = command.if_contains(field);
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (!value->is_string()) refuse(std::string{field} + ": must be a string");
  return std::string{value->get_string()};
}

bool flag_in(const json::object& command, std::string_view field, bool otherwise) {
  const auto* value = command.if_contains(field);
  if (value == nullptr) return otherwise;
  if (!value->is_bool()) refuse(std::string{field} + ": must be true or false");
  return value->get_bool();
}

std::uint64_t count_in(const json::object& command, std::string_view field) {
  const auto* value = command.if_contains(field);
  if (value == nullptr) return 0;
  boost::system::error_code error;
  const auto count = value->to_number<std::uint64_t>(error);
  if (error) refuse(std::string{field} + ": must be a whole number, 0 or more");
  return count;
}

Hash hash_in(const json::object& command, std::string_view field) {
  const auto hash = banano::parse_hex<32>(text_in(command, field).value_or(""));
  if (!hash) refuse(std::string{field} + ": must be a block's hash");
  return *hash;
}

Raw amount_in(const json::object& command) {
  const auto amount = banano::parse_ban(text_in(command, "amount").value_or(""));
  if (!amount) refuse("amount: must be a decimal of BAN in a string, like \"2.5\"");
  return *amount;
}

Subtype subtype_in(const json::object& command) {
  const auto text = text_in(command, "subtype").value_or("send");
  for (const auto subtype : {Subtype::kSend, Subtype::kReceive, Subtype::kChange}) {
    if (banano::to_text(subtype) == text) return subtype;
  }
  refuse("subtype: must be one of send receive change");
}

void refuse_unknown(const json::object& command, std::initializer_list<std::string_view> known) {
  for (const auto& field : command) {
    const std::string_view name{field.key()};
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      refuse(std::string{name} + ": unknown field");
    }
  }
}

json::object describe(const banano::StoredBlock& stored) {
  return {{"hash", banano::to_hex(stored.hash)},
          {"previous", banano::to_hex(stored.block.previous)},
          {"subtype", banano::to_text(stored.subtype)},
          {"link", banano::to_hex(stored.block.link)},
          {"amount", banano::ban_text(stored.amount)},
          {"raw", banano::raw_text(stored.amount)},
          {"balance", banano::ban_text(stored.block.balance)},
          {"height", stored.height},
          {"confirmed", stored.confirmed}};
}

}  // namespace

Answer BananoControl::handle(const Request& request) {
  if (request.path != kPath && !request.path.starts_with(std::string{kPath} + "/")) {
    return others_.handle(request);
  }
  try {
    if (request.method == "GET") return get(request);
    if (request.method == "POST") return post(request);
    return failure(405, "METHOD_NOT_ALLOWED", "use GET or POST");
  } catch (const std::invalid_argument& error) {
    return failure(400, "BAD_COMMAND", error.what());
  }
}

// ---- questions

Answer BananoControl::get(const Request& request) const {
  const auto path = request.path.substr(kPath.size());
  if (path.empty()) return answer(overview());
  if (path == "/blocks") return answer(chain(request));
  if (path == "/payments") return answer(payments(request));
  if (path == "/payments/summary") return answer(payment_summary());
  return failure(404, "NOT_FOUND",
                 "GET /banano, /banano/blocks, /banano/payments or /banano/payments/summary");
}

json::object BananoControl::overview() const {
  const auto& network = node_.network();
  json::array accounts;
  for (const auto& key : node_.accounts()) {
    const auto* account = network.account(key);
    accounts.push_back({{"account", banano::to_address(key)},
                        {"balance", banano::ban_text(network.balance(key))},
                        {"raw", banano::raw_text(network.balance(key))},
                        {"pending", banano::ban_text(network.pending_sum(key))},
                        {"frontier", account == nullptr ? "" : banano::to_hex(account->frontier)},
                        {"block_count", account == nullptr ? 0 : account->block_count},
                        {"confirmation_height", account == nullptr ? 0 : account->confirmation_height}});
  }
  return {{"accounts", std::move(accounts)},
          {"wallet", node_.options.wallet},
          {"wallet_locked", node_.wallet_locked},
          {"work_threshold", banano::work_text(node_.options.work_threshold)},
          {"work_server", to_text(node_.options.work_server)},
          {"confirmation", to_text(node_.options.confirmation)},
          {"callback", node_.options.callback_url},
          {"lagging", node_.lagging()},
          {"ambush_waits", node_.ambush_waits()},
          {"version", node_.options.version},
          {"genesis_account", banano::to_address(network.genesis_account())}};
}

json::array BananoControl::chain(const Request& request) const {
  const auto account = read_account(json::value_from(request.parameter("account").value_or("0")));
  json::array blocks;
  const auto* known = node_.network().account(account);
  const auto* stored = known == nullptr ? nullptr : node_.network().find(known->open_block);
  for (; stored != nullptr; stored = node_.network().find(stored->successor)) {
    auto block = describe(*stored);
    json::array rivals;
    for (const auto& other : node_.candidates(stored->block.root())) {
      if (other != stored->hash) rivals.push_back(json::value(banano::to_hex(other)));
    }
    block["rivals"] = std::move(rivals);
    blocks.push_back(std::move(block));
  }
  return blocks;
}

json::array BananoControl::payments(const Request& request) const {
  const auto destination = request.parameter("destination");
  json::array list;
  for (const auto& entry : world_.ledger.entries()) {
    if (entry.protocol != "banano" || (destination && *destination != entry.payee)) continue;
    auto object = to_json(entry);
    object["foreign"] = entry.scope == banano::kForeignScope;
    object["raw"] = banano::raw_text(banano::parse_ban(entry.amount).value_or(0));
    list.push_back(std::move(object));
  }
  return list;
}

json::object BananoControl::payment_summary() const {
  struct Destination {
    std::uint64_t paid = 0;
    Raw raw = 0;
  };
  std::map<std::string, Destination> destinations;
  Raw sum = 0;
  for (const auto& entry : world_.ledger.entries()) {
    if (entry.protocol != "banano" || !entry.paid() || entry.scope == banano::kForeignScope) continue;
    auto& destination = destinations[entry.payee];
    const auto raw = banano::parse_ban(entry.amount).value_or(0);
    ++destination.paid;
    destination.raw += raw;
    sum += raw;
  }
  json::array twice;
  for (const auto& [payee, destination] : destinations) {
    if (destination.paid > 1) twice.push_back(json::value(payee));
  }
  return {{"destinations_paid", destinations.size()},
          {"paid", banano::ban_text(sum)},
          {"paid_raw", banano::raw_text(sum)},
          {"destinations_paid_twice", std::move(twice)}};
}

// ---- commands

Answer BananoControl::post(const Request& request) {
  const auto command = parse_command(request);
  const auto path = request.path.substr(kPath.size());
  if (path.empty()) return answer(configure(command));
  if (path == "/foreign") return answer(foreign(command));
  if (path == "/lag") return answer(lag(command));
  if (path == "/deposit") {
    refuse_unknown(command, {"account", "amount"});
    if (!command.contains("account")) refuse("account: must be an index or an address");
    const auto hash = node_.deposit(read_account(command.at("account")), amount_in(command));
    return answer(json::object{{"hash", banano::to_hex(hash)}});
  }
  refuse_unknown(command, {"hash"});
  if (path == "/confirm") {
    node_.confirm(hash_in(command, "hash"));
    return json_answer(204, {});
  }
  if (path == "/elect") {
    node_.elect(hash_in(command, "hash"));
    return json_answer(204, {});
  }
  if (path == "/roll_back") {
    json::array removed;
    for (const auto& stored : node_.roll_back(hash_in(command, "hash"))) removed.push_back(describe(stored));
    return answer(removed);
  }
  return failure(
      404, "NOT_FOUND",
      "POST /banano, /banano/foreign, /banano/lag, /banano/deposit, /banano/confirm, /banano/elect "
      "or /banano/roll_back");
}

PublicKey BananoControl::read_account(const json::value& value) const {
  std::string_view text;
  if (const auto* string = value.if_string()) text = {string->data(), string->size()};
  if (const auto account = banano::parse_address(text)) return *account;
  boost::system::error_code error;
  auto index = value.is_number() ? value.to_number<std::size_t>(error) : node_.accounts().size();
  if (all_digits(text)) std::from_chars(text.data(), text.data() + text.size(), index);
  if (error || index >= node_.accounts().size()) {
    refuse("account: must be an address, or an index below " + std::to_string(node_.accounts().size()));
  }
  return node_.accounts()[index];
}

banano::ForeignOrder BananoControl::read_foreign(const json::object& command) const {
  refuse_unknown(command, {"account", "previous", "subtype", "destination", "amount", "confirmed", "when"});
  banano::ForeignOrder order;
  order.account = read_account(command.contains("account") ? command.at("account") : json::value(0));
  order.subtype = subtype_in(command);
  order.confirmed = flag_in(command, "confirmed", false);
  if (text_in(command, "previous")) order.previous = hash_in(command, "previous");
  if (order.subtype == Subtype::kSend) order.amount = amount_in(command);
  if (const auto text = text_in(command, "destination")) {
    order.destination = banano::parse_address(*text);
    if (!order.destination) refuse("destination: must be an address");
  }
  return order;
}

json::object BananoControl::foreign(const json::object& command) {
  const auto order = read_foreign(command);
  const auto when = text_in(command, "when").value_or("now");
  if (when == "next_block") {
    node_.ambush(order);
    return {{"waits", true}};
  }
  if (when != "now") refuse("when: must be one of now next_block");
  return {{"hash", banano::to_hex(node_.foreign(order))}};
}

json::object BananoControl::lag(const json::object& command) {
  refuse_unknown(command, {"lagging", "behind", "account", "duration_ms"});
  if (!flag_in(command, "lagging", true)) {
    node_.catch_up();
    return {{"lagging", false}};
  }
  std::optional<PublicKey> account;
  if (command.contains("account")) account = read_account(command.at("account"));
  node_.lag(count_in(command, "behind"), account);
  if (const auto duration = count_in(command, "duration_ms")) {
    world_.schedule.after(std::chrono::milliseconds{static_cast<std::int64_t>(duration)},
                          [this] { node_.catch_up(); });
  }
  return {{"lagging", true}};
}

json::object BananoControl::configure(const json::object& command) {
  refuse_unknown(command, {"work_server", "confirmation", "wallet_locked", "callback"});
  if (const auto text = text_in(command, "work_server")) node_.options.work_server = read_work_server(*text);
  if (const auto text = text_in(command, "confirmation")) {
    node_.options.confirmation = read_confirmation(*text);
  }
  node_.wallet_locked = flag_in(command, "wallet_locked", node_.wallet_locked);
  if (auto text = text_in(command, "callback")) node_.options.callback_url = std::move(*text);
  return overview();
}

}  // namespace simulator
