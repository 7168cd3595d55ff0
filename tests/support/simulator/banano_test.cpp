// The simulated Banano node when nothing on the wire is wrong, over real sockets to the real process: what
// the RPC says, how blocks become final or don't, and what the payment ledger makes of it.
#include <sys/wait.h>

#include <catch2/catch.hpp>
#include <set>
#include <thread>

#include "banano_fixture.hpp"

namespace json = boost::json;
using namespace std::chrono_literals;
using Catch::Contains;
using simulator::BananoClient;
using simulator::hash_text;
using simulator::new_destination;
using simulator::payment_to;
using simulator::payments_to;
using simulator::SimulatorProcess;
using simulator::WireListener;
namespace banano = simulator::banano;

namespace {

constexpr const char* kFirstAddress = "ban_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7";
constexpr const char* kNobody = "0000000000000000000000000000000000000000000000000000000000000042";
const std::string kWallet(64, '1');
const std::string kOneBan = "100000000000000000000000000000";

std::vector<std::string> fast(std::vector<std::string> more = {}) {
  std::vector<std::string> options{"--fast"};
  options.insert(options.end(), more.begin(), more.end());
  return options;
}

/// Blocks reach the ledger and stay unconfirmed until a command.
std::vector<std::string> manual() {
  return fast({"--banano-confirmation", "manual"});
}

int exit_status(const std::string& options) {
  const auto status = std::system((SimulatorProcess::program() + " " + options + " >/dev/null 2>&1").c_str());
  return WEXITSTATUS(status);
}

json::object send_request(const BananoClient& client, std::string_view destination, std::string_view raw,
                          std::string_view id = {}) {
  json::object request{{"action", "send"},
                       {"wallet", kWallet},
                       {"source", client.address},
                       {"destination", destination},
                       {"amount", raw}};
  if (!id.empty()) request["id"] = id;
  return request;
}

std::string text(const json::object& object, std::string_view field) {
  return std::string{object.at(field).as_string()};
}

}  // namespace

// ---- the process and the RPC's manners

TEST_CASE("Banano: the process says where the node is and what it funded") {
  SimulatorProcess simulator{fast()};
  CHECK(simulator.url("banano").starts_with("http://127.0.0.1:"));
  const auto overview = simulator.get("/banano");
  REQUIRE(overview.at("accounts").as_array().size() == 4);
  CHECK(overview.at_pointer("/accounts/0/account") == kFirstAddress);
  CHECK(overview.at_pointer("/accounts/0/balance") == "1000000");
  CHECK(overview.at_pointer("/accounts/3/confirmation_height") == 1);
  CHECK(simulator.get("/balance?protocol=banano").at(kFirstAddress) == "1000000");
  CHECK(simulator.get("/ledger").as_array().empty());  // funding is nobody's payment
  CHECK(simulator.stop() == 0);
}

TEST_CASE("Banano: seed, number and balance of the accounts are options") {
  SimulatorProcess simulator{fast(
      {"--banano-seed", std::string(63, '0') + "1", "--banano-accounts", "2", "--banano-balance", "0.5"})};
  const auto accounts = simulator.get("/banano").at("accounts").as_array();
  REQUIRE(accounts.size() == 2);
  banano::SeedBytes seed{};
  seed[31] = 1;
  CHECK(accounts[1].at("account").as_string() ==
        banano::to_address(banano::public_key(banano::derive_key(seed, 1))));
  CHECK(accounts[1].at("raw") == "50000000000000000000000000000");
  CHECK(exit_status("--banano-seed 00") != 0);
  CHECK(exit_status("--banano-accounts -1") != 0);
  CHECK(exit_status("--banano-balance 4000000000") != 0);
  CHECK(exit_status("--banano-balance 3000000000") != 0);  // four of them are more than there is
  CHECK(exit_status("--banano-funding later") != 0);
  CHECK(exit_status("--banano-work-threshold nothing") != 0);
  CHECK(exit_status("--banano-work-server tired") != 0);
  CHECK(exit_status("--banano-version 7") != 0);
}

TEST_CASE("Banano: every answer is HTTP 200, every error a field") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto said = [&](std::string_view method, std::string_view body) {
    const auto reply = client.wire.exchange(method, "/", {}, body);
    CHECK(reply.answered(200));
    CHECK(reply.headers.at("content-type") == "application/json");
    return text(json::parse(reply.body).as_object(), "error");
  };
  CHECK(said("POST", "{\"action\":") == "Unable to parse JSON");
  CHECK(said("POST", "") == "Unable to parse JSON");
  CHECK(said("POST", "[]") == "Unable to parse JSON");
  CHECK(said("POST", "{}") == "Unable to parse JSON");
  CHECK(said("POST", R"({"action":"account_info"})") == "Unable to parse JSON");
  CHECK(said("POST", R"({"action":"process"})") == "Unable to parse JSON");
  CHECK(said("POST", R"({"action":"dance"})") == "Unknown command");
  CHECK(said("GET", "") == "Can only POST requests");
  CHECK(client.error({{"action", "account_info"}, {"account", "ban_1"}}) == "Bad account number");
  CHECK(client.error({{"action", "account_info"}, {"account", new_destination()}}) == "Account not found");
  CHECK(client.error({{"action", "block_info"}, {"hash", "xyz"}}) == "Invalid block hash");
  CHECK(client.error({{"action", "block_info"}, {"hash", kNobody}}) == "Block not found");
  CHECK(client.error({{"action", "pending"}, {"account", client.address}, {"count", "few"}}) ==
        "Invalid count");
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}

TEST_CASE("Banano: version 20 knows neither receivable nor confirmed fields") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  CHECK(text(client.rpc({{"action", "version"}}), "node_vendor") == "Banano 20.0");
  CHECK(client.error({{"action", "receivable"}, {"account", client.address}}) == "Unknown command");
  const auto info = client.rpc({{"action", "account_info"},
                                {"account", client.address},
                                {"representative", "true"},
                                {"include_confirmed", "true"}});
  for (const char* field : {"frontier", "open_block", "representative_block", "balance", "modified_timestamp",
                            "block_count", "account_version", "confirmation_height", "representative"}) {
    INFO(field);
    CHECK(info.at(field).is_string());
  }
  CHECK(info.at("confirmation_height") == "1");
  for (const auto& field : info) CHECK_FALSE(field.key().starts_with("confirmed_"));
  CHECK(client.rpc({{"action", "account_balance"}, {"account", client.address}}) ==
        json::object{{"balance", "100000000000000000000000000000000000"}, {"pending", "0"}});
}

TEST_CASE("Banano: a newer version knows them") {
  SimulatorProcess simulator{fast({"--banano-version", "23", "--banano-confirmation", "manual"})};
  BananoClient client{simulator};
  const auto before = client.frontier();
  client.pay(new_destination(), "1");
  const auto info =
      client.rpc({{"action", "account_info"}, {"account", client.address}, {"include_confirmed", "true"}});
  CHECK(text(info, "confirmed_frontier") == before);
  CHECK(info.at("confirmed_height") == "1");
  CHECK(info.at("confirmed_balance") == "100000000000000000000000000000000000");
  CHECK(info.at("balance") == "99999900000000000000000000000000000");
  const auto balance = client.rpc({{"action", "account_balance"}, {"account", client.address}});
  CHECK(balance.at("balance") == "100000000000000000000000000000000000");
  CHECK(balance.at("receivable") == "0");
  CHECK(client.rpc({{"action", "receivable"}, {"account", client.address}}).at("blocks") == "");
}

TEST_CASE("Banano: requests may carry numbers and booleans as JSON has them") {
  SimulatorProcess simulator{fast({"--banano-funding", "pending"})};
  BananoClient client{simulator};
  const auto list =
      client.rpc({{"action", "pending"}, {"account", client.address}, {"count", 10}, {"source", true}});
  REQUIRE(list.at("blocks").as_object().size() == 1);
  CHECK(list.at("blocks").as_object().begin()->value().at("source").is_string());
}

// ---- a send from the frontier to its confirmation

TEST_CASE("Banano: a signed send is accepted, confirmed, and is one payment") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto before = client.frontier();
  const auto block = client.send_block(destination, "1.00000000000000000000000000001");
  CHECK(client.publish(block) == hash_text(block));
  CHECK(client.frontier() == hash_text(block));

  const auto info = client.block_info(hash_text(block));
  CHECK(info.at("block_account").as_string() == client.address);
  CHECK(info.at("amount") == "100000000000000000000000000001");
  CHECK(info.at("height") == "2");
  CHECK(info.at("confirmed") == "true");
  CHECK(info.at("subtype") == "send");
  const auto& contents = info.at("contents").as_object();
  CHECK(contents.at("type") == "state");
  CHECK(contents.at("previous").as_string() == before);
  CHECK(contents.at("link_as_account").as_string() == destination);
  CHECK(contents.at("signature").as_string() == banano::to_hex(block.signature));
  const auto as_text = client.rpc({{"action", "block_info"}, {"hash", hash_text(block)}});
  CHECK(json::parse(text(as_text, "contents")) == json::value(contents));

  const auto payment = payment_to(simulator, destination);
  CHECK(payment.at("paid") == true);
  CHECK(payment.at("protocol") == "banano");
  CHECK(text(payment, "reference") == hash_text(block));
  CHECK(text(payment, "account") == client.address);
  CHECK(payment.at("external_id") == "");
  CHECK(payment.at("amount") == "1.00000000000000000000000000001");
  CHECK(payment.at("raw") == "100000000000000000000000000001");
  CHECK(payment.at("currency") == "BAN");
  CHECK(payment.at("times_requested") == 1);
  CHECK(simulator.get("/ledger?reference=" + hash_text(block)).as_array().size() == 1);
  CHECK(simulator.get("/ledger/summary").at_pointer("/by_status/SUCCESSFUL/sum/BAN") == "1");
  const auto summary = simulator.get("/banano/payments/summary");
  CHECK(summary.at("destinations_paid") == 1);
  CHECK(summary.at("paid_raw") == "100000000000000000000000000001");
  CHECK(summary.at("destinations_paid_twice").as_array().empty());
}

TEST_CASE("Banano: the block of a process may be a text") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto block = client.send_block(new_destination(), "1");
  auto request = BananoClient::process_request(block);
  request["block"] = json::serialize(request.at("block"));
  request.erase("json_block");
  CHECK(text(client.rpc(request), "hash") == hash_text(block));
}

TEST_CASE("Banano: two payments to one destination are found") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  client.pay(destination, "1");
  client.pay(destination, "1");
  client.pay(new_destination(), "1");
  CHECK(payments_to(simulator, destination).size() == 2);
  CHECK(simulator.get("/banano/payments/summary").at("destinations_paid_twice") ==
        json::array{json::value(destination)});
}

TEST_CASE("Banano: an identical send again is told that it is none, and pays nothing") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto block = client.send_block(destination, "1");
  client.publish(block);
  CHECK(client.error(BananoClient::process_request(block)) == "Invalid block balance for given subtype");
  CHECK(client.error(BananoClient::process_request(block, "")) == "Old block");
  client.pay(new_destination(), "1");
  CHECK(client.error(BananoClient::process_request(block)) == "Invalid block balance for given subtype");
  CHECK(payment_to(simulator, destination).at("times_requested") == 4);
  CHECK(simulator.get("/stats").at("transfers_duplicated") == 3);
  // The signature is not part of the hash: signed anew it is the same block.
  auto signed_anew = block;
  signed_anew.signature = banano::sign(banano::derive_key({}, 0), block.hash(), banano::Bytes<32>{});
  CHECK(client.error(BananoClient::process_request(signed_anew, "")) == "Old block");
  CHECK(payment_to(simulator, destination).at("paid") == true);
}

TEST_CASE("Banano: what process refuses") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto error = [&](const banano::StateBlock& block, std::string_view subtype) {
    return client.error(BananoClient::process_request(block, subtype));
  };
  const auto good = client.send_block(destination, "1");
  auto forged = good;
  forged.signature[5] ^= 1U;
  CHECK(error(forged, "send") == "Bad signature");
  auto lazy = good;
  while (banano::work_difficulty(lazy.root(), lazy.work) >= client.work_threshold) ++lazy.work;
  CHECK(error(lazy, "send") == "Block work is less than threshold");
  CHECK(error(good, "receive") == "Invalid block balance for given subtype");
  CHECK(error(good, "change") == "Invalid block balance for given subtype");
  CHECK(error(good, "open") == "Invalid previous block for given subtype");
  CHECK(error(good, "gift") == "Invalid block subtype");
  CHECK(error(client.send_block_on(kNobody, 0, destination), "send") == "Gap previous block");
  CHECK(error(client.send_block_on(client.frontier(), client.balance() + 1, destination), "send") ==
        "Invalid block balance for given subtype");
  CHECK(error(client.send_block_on(client.frontier(), client.balance() + 1, destination), "") ==
        "Gap source block");
  auto malformed = BananoClient::process_request(good);
  malformed.at("block").as_object()["link"] = "nowhere";
  CHECK(client.error(malformed) == "Block is invalid");
  malformed.at("block").as_object().erase("link");
  CHECK(client.error(malformed) == "Block is invalid");
  CHECK(payments_to(simulator, destination).empty());
  CHECK(error(good, "send").empty());
  CHECK(payments_to(simulator, destination).size() == 1);
}

TEST_CASE("Banano: asynchronous processing says only that it began") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  auto request = BananoClient::process_request(client.send_block(new_destination(), "1"));
  request["async"] = "true";
  CHECK(client.rpc(request) == json::object{{"started", "1"}});
}

// ---- confirmation

TEST_CASE("Banano: a block is in the ledger before it is confirmed") {
  SimulatorProcess simulator{{"--processing-ms", "300"}};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto hash = client.pay(destination, "1");
  CHECK(client.block_info(hash).at("confirmed") == "false");
  CHECK(payment_to(simulator, destination).at("paid") == false);
  CHECK(client.rpc({{"action", "account_info"}, {"account", client.address}}).at("confirmation_height") ==
        "1");
  CHECK(client.rpc({{"action", "confirmation_active"}}).at("confirmations").as_array().size() == 1);
  client.until_confirmed(hash);
  CHECK(payment_to(simulator, destination).at("paid") == true);
  CHECK(client.rpc({{"action", "account_info"}, {"account", client.address}}).at("confirmation_height") ==
        "2");
  CHECK(client.rpc({{"action", "confirmation_active"}}).at("confirmations") == "");
}

TEST_CASE("Banano: confirmation may wait for block_confirm") {
  SimulatorProcess simulator{fast({"--banano-confirmation", "on_request"})};
  BananoClient client{simulator};
  const auto hash = client.pay(new_destination(), "1");
  CHECK_FALSE(client.confirmed(hash));
  CHECK(client.rpc({{"action", "block_confirm"}, {"hash", hash}}) == json::object{{"started", "1"}});
  CHECK(client.confirmed(hash));
  CHECK(client.error({{"action", "block_confirm"}, {"hash", kNobody}}) == "Block not found");
}

TEST_CASE("Banano: chained sends are confirmed with the last of them") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  std::vector<std::string> hashes;
  for (int at = 0; at < 5; ++at) hashes.push_back(client.pay(new_destination(), "1"));
  CHECK(client.rpc({{"action", "block_confirm"}, {"hash", hashes[4]}}).contains("started"));
  for (const auto& hash : hashes) CHECK_FALSE(client.confirmed(hash));
  simulator.post("/banano/confirm", {{"hash", hashes[3]}});
  for (const auto& hash : hashes) CHECK(client.confirmed(hash) == (hash != hashes[4]));
  CHECK(simulator.get("/banano/payments/summary").at("destinations_paid") == 4);
}

TEST_CASE("Banano: an account's blocks are read in either direction") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto below = client.frontier();
  const auto first = client.pay(new_destination(), "1");
  const auto second = client.pay(new_destination(), "1");
  const auto blocks = [&](json::object request) {
    request["count"] = "2";
    return client.rpc(std::move(request)).at("blocks");
  };
  CHECK(blocks({{"action", "successors"}, {"block", below}}) == json::array{below, first});
  CHECK(blocks({{"action", "successors"}, {"block", second}}) == json::array{second});
  CHECK(blocks({{"action", "successors"}, {"block", below}, {"offset", "1"}}) == json::array{first, second});
  CHECK(blocks({{"action", "chain"}, {"block", second}}) == json::array{second, first});
  CHECK(blocks({{"action", "successors"}, {"block", second}, {"reverse", "true"}}) ==
        json::array{second, first});
  CHECK(blocks({{"action", "successors"}, {"block", kNobody}}) == "");
  CHECK(client.error({{"action", "successors"}, {"block", "?"}, {"count", "2"}}) == "Invalid block hash");
}

TEST_CASE("Banano: confirmation can be stopped and started again") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  simulator.post("/banano", {{"confirmation", "manual"}});
  const auto stalled = client.pay(new_destination(), "1");
  CHECK_FALSE(client.confirmed(stalled));
  simulator.post("/banano", {{"confirmation", "auto"}});
  client.pay(new_destination(), "1");
  CHECK(client.confirmed(stalled));  // the next one rests on it
}

// ---- forks

TEST_CASE("Banano: of two blocks on one previous one is confirmed and the other never") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto first_to = new_destination();
  const auto second_to = new_destination();
  const auto first = client.send_block(first_to, "2");
  const auto second = client.send_block(second_to, "3");
  client.publish(first);
  CHECK(client.error(BananoClient::process_request(second)) == "Fork");
  CHECK(client.known(hash_text(first)));
  CHECK_FALSE(client.known(hash_text(second)));
  CHECK(payment_to(simulator, first_to).at("paid") == true);
  CHECK(payment_to(simulator, second_to).at("status") == "FAILED");
  CHECK(payment_to(simulator, second_to).at("reason") == "FORK_LOST");
  CHECK_THROWS_WITH(simulator.post("/banano/elect", {{"hash", hash_text(second)}}), Contains("confirmed"));
}

TEST_CASE("Banano: a fork that leaves more than the ledger has is told something else") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto first = client.send_block(new_destination(), "3");
  const auto second = client.send_block(new_destination(), "2");
  client.publish(first);
  CHECK(client.error(BananoClient::process_request(second)) == "Invalid block balance for given subtype");
  CHECK(client.error(BananoClient::process_request(second, "")) == "Fork");
}

TEST_CASE("Banano: while nothing is confirmed the later block may win the election") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  const auto first_to = new_destination();
  const auto second_to = new_destination();
  const auto above_to = new_destination();
  const auto first = client.send_block(first_to, "2");
  const auto second = client.send_block(second_to, "3");
  client.publish(first);
  const auto above = client.pay(above_to, "1");
  CHECK(client.error(BananoClient::process_request(second, "")) == "Fork");
  CHECK(payment_to(simulator, second_to).at("status") == "PENDING");
  simulator.post("/banano/elect", {{"hash", hash_text(second)}});
  CHECK(client.confirmed(hash_text(second)));
  CHECK_FALSE(client.known(hash_text(first)));
  CHECK_FALSE(client.known(above));
  CHECK(client.frontier() == hash_text(second));
  CHECK(payment_to(simulator, second_to).at("paid") == true);
  CHECK(payment_to(simulator, first_to).at("reason") == "FORK_LOST");
  CHECK(payment_to(simulator, above_to).at("reason") == "ANCESTOR_LOST");
  CHECK(client.error(BananoClient::process_request(first, "")) == "Fork");  // and it stays lost
  CHECK(payment_to(simulator, first_to).at("status") == "FAILED");
}

TEST_CASE("Banano: an unconfirmed block can be rolled back and come again") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto before = client.frontier();
  const auto block = client.send_block(destination, "1");
  client.publish(block);
  const auto above = client.pay(new_destination(), "1");
  CHECK(simulator.post("/banano/roll_back", {{"hash", hash_text(block)}}).as_array().size() == 2);
  CHECK_FALSE(client.known(hash_text(block)));
  CHECK_FALSE(client.known(above));
  CHECK(client.frontier() == before);
  CHECK(payment_to(simulator, destination).at("status") == "PENDING");
  CHECK(payment_to(simulator, destination).at("reason") == "ROLLED_BACK");
  client.publish(block);
  CHECK(payment_to(simulator, destination).at("reason").is_null());
  simulator.post("/banano/confirm", {{"hash", hash_text(block)}});
  CHECK(payment_to(simulator, destination).at("paid") == true);
  CHECK_THROWS_WITH(simulator.post("/banano/roll_back", {{"hash", hash_text(block)}}), Contains("confirmed"));
}

TEST_CASE("Banano: a block with a gap waits for what it rests on, unless its subtype was checked first") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto balance = client.balance();
  const auto one = *banano::parse_ban("1");
  const auto first = client.send_block_on(client.frontier(), balance - one, new_destination());
  const auto kept_to = new_destination();
  const auto kept = client.send_block_on(hash_text(first), balance - 2 * one, kept_to);
  CHECK(client.error(BananoClient::process_request(kept)) == "Gap previous block");
  client.publish(first);
  CHECK_FALSE(client.known(hash_text(kept)));

  const auto second = client.send_block_on(hash_text(first), balance - 3 * one, new_destination());
  const auto late_to = new_destination();
  const auto late = client.send_block_on(hash_text(second), balance - 4 * one, late_to);
  CHECK(client.error(BananoClient::process_request(late, "")) == "Gap previous block");
  CHECK(payments_to(simulator, late_to).empty());
  client.publish(second);
  CHECK(client.confirmed(hash_text(late)));
  CHECK(payment_to(simulator, late_to).at("paid") == true);
  CHECK(client.error(BananoClient::process_request(kept, "")) == "Fork");
  CHECK(payment_to(simulator, kept_to).at("reason") == "FORK_LOST");
}

// ---- somebody else signs with our key

TEST_CASE("Banano: a foreign block that is confirmed first ends ours") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto ours_to = new_destination();
  const auto foreign_to = new_destination();
  const auto ours = client.send_block(ours_to, "2");
  const auto foreign = simulator.post(
      "/banano/foreign", {{"account", 0}, {"amount", "1"}, {"destination", foreign_to}, {"confirmed", true}});
  CHECK(client.frontier() == text(foreign.as_object(), "hash"));
  CHECK(client.error(BananoClient::process_request(ours)) == "Fork");
  CHECK(payment_to(simulator, ours_to).at("reason") == "FORK_LOST");
  const auto foreign_payments = simulator.get("/banano/payments?destination=" + foreign_to).as_array();
  REQUIRE(foreign_payments.size() == 1);
  CHECK(foreign_payments[0].at("foreign") == true);
  CHECK(foreign_payments[0].at("paid") == true);
  CHECK(simulator.get("/banano/payments/summary").at("destinations_paid") == 0);
}

TEST_CASE("Banano: a foreign block that is not confirmed may go again") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto ours_to = new_destination();
  const auto ours = client.send_block(ours_to, "2");
  const auto foreign = text(
      simulator.post("/banano/foreign", {{"account", client.address}, {"subtype", "change"}}).as_object(),
      "hash");
  CHECK_FALSE(client.confirmed(foreign));
  CHECK(client.block_info(foreign).at("subtype") == "change");
  CHECK(client.error(BananoClient::process_request(ours)) == "Fork");
  CHECK(payment_to(simulator, ours_to).at("status") == "PENDING");  // it may still win
  simulator.post("/banano/roll_back", {{"hash", foreign}});
  client.publish(ours);
  CHECK(payment_to(simulator, ours_to).at("paid") == true);
}

TEST_CASE("Banano: a foreign block can take the place of our unconfirmed one") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  const auto ours_to = new_destination();
  const auto before = client.frontier();
  const auto ours = client.pay(ours_to, "1");
  CHECK_THROWS_WITH(
      simulator.post("/banano/foreign", {{"amount", "2000000"}, {"previous", before}, {"confirmed", true}}),
      Contains("amount"));
  simulator.post("/banano/foreign", {{"amount", "5"}, {"previous", before}, {"confirmed", true}});
  CHECK_FALSE(client.known(ours));
  CHECK(payment_to(simulator, ours_to).at("reason") == "FORK_LOST");
  CHECK_THROWS_WITH(
      simulator.post("/banano/foreign", {{"amount", "6"}, {"previous", before}, {"confirmed", true}}),
      Contains("a confirmed block stands on it"));
}

TEST_CASE("Banano: a foreign block can come just before our next one") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  BananoClient other{simulator, 1};
  simulator.post("/banano/foreign",
                 {{"account", 0}, {"amount", "1"}, {"confirmed", true}, {"when", "next_block"}});
  other.pay(new_destination(), "1");
  CHECK(simulator.get("/banano").at("ambush_waits") == true);
  const auto ours_to = new_destination();
  CHECK(client.error(BananoClient::process_request(client.send_block(ours_to, "2"))) == "Fork");
  CHECK(simulator.get("/banano").at("ambush_waits") == false);
  CHECK(payment_to(simulator, ours_to).at("reason") == "FORK_LOST");
  client.pay(ours_to, "2");
  CHECK(payments_to(simulator, ours_to).size() == 2);
  CHECK(simulator.get("/banano/payments/summary").at("destinations_paid_twice").as_array().empty());
}

// ---- a node that lags

TEST_CASE("Banano: a lagging node reports an old frontier and does not know new blocks") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto first = client.pay(new_destination(), "1");
  const auto second = client.pay(new_destination(), "1");
  simulator.post("/banano/lag", {{"behind", 1}});
  CHECK(client.frontier() == first);
  CHECK_FALSE(client.known(second));
  CHECK(client.known(first));
  simulator.post("/banano/foreign", {{"amount", "1"}, {"confirmed", true}});
  CHECK(client.frontier() == first);
  simulator.post("/banano/lag", {{"lagging", false}});
  CHECK(client.confirmed(second));
  CHECK(client.frontier() != second);
}

TEST_CASE("Banano: what a lagging node accepts, the network may have refused long ago") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto paid_to = new_destination();
  client.pay(paid_to, "1");
  simulator.post("/banano/lag", {{"behind", 1}, {"account", 0}});
  const auto lost_to = new_destination();
  const auto block = client.send_block(lost_to, "2");
  CHECK(client.publish(block) == hash_text(block));
  CHECK(client.known(hash_text(block)));
  CHECK_FALSE(client.confirmed(hash_text(block)));
  CHECK(payment_to(simulator, lost_to).at("reason") == "FORK_LOST");
  simulator.post("/banano/lag", {{"lagging", false}});
  CHECK_FALSE(client.known(hash_text(block)));
  CHECK(payment_to(simulator, paid_to).at("paid") == true);
}

TEST_CASE("Banano: a lagging node has gaps that close when it catches up") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto balance = client.balance();
  const auto first = client.pay(new_destination(), "1");
  simulator.post("/banano/lag", {{"behind", 1}, {"duration_ms", 200}});
  const auto late_to = new_destination();
  const auto late = client.send_block_on(first, balance - *banano::parse_ban("2"), late_to);
  CHECK(client.error(BananoClient::process_request(late)) == "Gap previous block");
  CHECK(client.error(BananoClient::process_request(late, "")) == "Gap previous block");
  client.until_confirmed(hash_text(late));
  CHECK(payment_to(simulator, late_to).at("paid") == true);
}

// ---- funds come in

TEST_CASE("Banano: pending funds are listed, opened and received") {
  SimulatorProcess simulator{fast({"--banano-funding", "pending", "--banano-balance", "100"})};
  BananoClient client{simulator};
  CHECK(client.error({{"action", "account_info"}, {"account", client.address}}) == "Account not found");
  CHECK(client.rpc({{"action", "account_balance"}, {"account", client.address}}) ==
        json::object{{"balance", "0"}, {"pending", "10000000000000000000000000000000"}});
  const json::object ask{
      {"action", "pending"}, {"account", client.address}, {"count", "10"}, {"threshold", "1"}};
  const auto waiting = client.rpc(ask).at("blocks").as_object();
  REQUIRE(waiting.size() == 1);
  const std::string send{waiting.begin()->key()};
  CHECK(waiting.begin()->value() == "10000000000000000000000000000000");
  CHECK(client.rpc({{"action", "pending_exists"}, {"hash", send}}).at("exists") == "1");

  const auto open = client.receive_block(send, "100");
  CHECK(client.error(BananoClient::process_request(client.receive_block(send, "99"), "open")) ==
        "Balance and amount delta do not match");
  CHECK(client.publish(open, "open") == hash_text(open));
  CHECK(client.frontier() == hash_text(open));
  CHECK(client.block_info(hash_text(open)).at("subtype") == "receive");
  CHECK(client.rpc(ask).at("blocks") == "");
  CHECK(client.error(BananoClient::process_request(open, "open")) == "Old block");

  const auto more = text(
      simulator.post("/banano/deposit", {{"account", client.address}, {"amount", "5"}}).as_object(), "hash");
  CHECK(client.rpc({{"action", "pending"}, {"account", client.address}}).at("blocks") ==
        json::array{json::value(more)});
  const auto before = client.frontier();
  client.publish(client.receive_block(more, "5"), "receive");
  CHECK(client.frontier() != before);
  CHECK(client.balance() == *banano::parse_ban("105"));
  CHECK(simulator.get("/ledger").as_array().empty());
}

TEST_CASE("Banano: what is pending can be filtered") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  for (const char* amount : {"1", "2", "3"}) {
    simulator.post("/banano/deposit", {{"account", 0}, {"amount", amount}});
  }
  const auto count = [&](json::object more) {
    more["action"] = "pending";
    more["account"] = client.address;
    const auto blocks = client.rpc(more).at("blocks");
    return blocks.is_array() ? blocks.as_array().size() : blocks.as_object().size();
  };
  CHECK(count({{"threshold", "1"}}) == 3);
  CHECK(count({{"threshold", "200000000000000000000000000000"}}) == 2);
  CHECK(count({{"threshold", "1"}, {"count", "1"}}) == 1);
  CHECK(count({}) == 3);
}

TEST_CASE("Banano: version 20 lists pending sends that are not confirmed") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  BananoClient payee{simulator, 1};
  client.pay(payee.address, "1");
  json::object ask{{"action", "pending"}, {"account", payee.address}, {"threshold", "1"}};
  CHECK(payee.rpc(ask).at("blocks").is_object());
  ask["include_only_confirmed"] = "true";
  CHECK(payee.rpc(ask).at("blocks") == "");
}

TEST_CASE("Banano: accounts can start with nothing") {
  SimulatorProcess simulator{fast({"--banano-funding", "none"})};
  BananoClient client{simulator};
  CHECK(client.rpc({{"action", "account_balance"}, {"account", client.address}}) ==
        json::object{{"balance", "0"}, {"pending", "0"}});
}

// ---- the node's wallet

TEST_CASE("Banano: the wallet sends once for each id, whatever else the request says") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto hash = text(client.rpc(send_request(client, destination, kOneBan, "payout-1")), "block");
  CHECK(text(client.rpc(send_request(client, destination, kOneBan, "payout-1")), "block") == hash);
  const auto elsewhere = new_destination();
  CHECK(text(client.rpc(send_request(client, elsewhere, "5", "payout-1")), "block") == hash);
  CHECK(payments_to(simulator, elsewhere).empty());
  const auto payment = payment_to(simulator, destination);
  CHECK(payment.at("external_id") == "payout-1");
  CHECK(payment.at("times_requested") == 3);
  CHECK(payment.at("paid") == true);
  CHECK(simulator.get("/ledger?external_id=payout-1").as_array().size() == 1);
  const auto block = client.block_info(hash).at("contents");
  CHECK(banano::verify(*banano::parse_address(client.address), *banano::parse_hex<32>(hash),
                       *banano::parse_hex<64>(text(block.as_object(), "signature"))));
  client.rpc(send_request(client, destination, kOneBan));
  client.rpc(send_request(client, destination, kOneBan));
  CHECK(payments_to(simulator, destination).size() == 3);  // without an id each is a payment
}

TEST_CASE("Banano: an id whose block was rolled back pays with a new one") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto first = text(client.rpc(send_request(client, destination, kOneBan, "again")), "block");
  simulator.post("/banano/roll_back", {{"hash", first}});
  client.pay(new_destination(), "1");
  const auto second = text(client.rpc(send_request(client, destination, kOneBan, "again")), "block");
  CHECK(second != first);
  CHECK(payments_to(simulator, destination).size() == 2);
}

TEST_CASE("Banano: what the wallet refuses") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto destination = new_destination();
  const auto error = [&](std::string_view field, std::string_view value) {
    auto request = send_request(client, destination, kOneBan);
    request[field] = value;
    return client.error(request);
  };
  CHECK(error("wallet", "nonsense") == "Bad wallet number");
  CHECK(error("wallet", std::string(64, '2')) == "Wallet not found");
  CHECK(error("amount", "1.5") == "Invalid amount number");
  CHECK(error("amount", "0") == "Invalid amount number");
  CHECK(error("amount", "-1") == "Invalid amount number");
  CHECK(error("source", "ban_1") == "Bad source");
  CHECK(error("source", destination) == "Account not found in wallet");
  CHECK(error("destination", "ban_3") == "Bad destination account");
  auto wrong_digit = destination;
  wrong_digit.back() = wrong_digit.back() == '3' ? '4' : '3';
  CHECK(error("destination", wrong_digit) == "Bad destination account");
  CHECK(error("amount", "100000000000000000000000000000000001") == "Insufficient balance");
  auto missing = send_request(client, destination, kOneBan);
  missing.erase("source");
  CHECK(client.error(missing) == "Unable to parse JSON");
  simulator.post("/banano", {{"wallet_locked", true}});
  CHECK(error("id", "locked") == "Wallet is locked");
  CHECK(client.rpc({{"action", "wallet_locked"}, {"wallet", kWallet}}).at("locked") == "1");
  simulator.post("/banano", {{"wallet_locked", false}});
  CHECK(payments_to(simulator, destination).empty());
  CHECK(error("id", "locked").empty());
  CHECK(client.rpc({{"action", "account_list"}, {"wallet", kWallet}}).at("accounts").as_array().size() == 4);
}

TEST_CASE("Banano: the wallet receives") {
  SimulatorProcess simulator{fast({"--banano-funding", "pending"})};
  BananoClient client{simulator};
  const auto waiting =
      client.rpc({{"action", "pending"}, {"account", client.address}}).at("blocks").as_array();
  const json::object request{
      {"action", "receive"}, {"wallet", kWallet}, {"account", client.address}, {"block", waiting[0]}};
  CHECK(text(client.rpc(request), "block") == client.frontier());
  CHECK(client.error(request) == "Unreceivable");
}

TEST_CASE("Banano: without enable_control the wallet and work are closed, process is open") {
  SimulatorProcess simulator{fast({"--banano-enable-control", "off"})};
  BananoClient client{simulator};
  CHECK(client.error(send_request(client, new_destination(), kOneBan)) == "RPC control is disabled");
  CHECK(client.error({{"action", "work_generate"}, {"hash", client.frontier()}}) ==
        "RPC control is disabled");
  CHECK_FALSE(client.pay(new_destination(), "1").empty());
}

// ---- work

TEST_CASE("Banano: work_generate answers work that is enough") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto root = client.frontier();
  for (const char* difficulty : {"ff00000000000000", "fff0000000000000"}) {
    const auto answer = client.rpc({{"action", "work_generate"}, {"hash", root}, {"difficulty", difficulty}});
    const auto work = banano::parse_work(text(answer, "work"));
    REQUIRE(work);
    const auto real = banano::work_difficulty(*banano::parse_hex<32>(root), *work);
    CHECK(real >= *banano::parse_work(difficulty));
    CHECK(text(answer, "difficulty") == banano::work_text(real));
    CHECK(text(answer, "hash") == root);
    CHECK(std::stod(text(answer, "multiplier")) >= 1.0);
    const json::object check{{"action", "work_validate"},
                             {"hash", root},
                             {"work", text(answer, "work")},
                             {"difficulty", difficulty}};
    CHECK(client.rpc(check).at("valid") == "1");
  }
  const auto error = [&](const char* difficulty) {
    return client.error({{"action", "work_generate"}, {"hash", root}, {"difficulty", difficulty}});
  };
  CHECK(error("fffffe0000000000") == "Difficulty above config limit or below publish threshold");
  CHECK(error("fe00000000000000") == "Difficulty above config limit or below publish threshold");
  CHECK(error("hard") == "Bad difficulty");
  CHECK(client.error({{"action", "work_generate"}, {"hash", "?"}}) == "Invalid block hash");
}

TEST_CASE("Banano: the threshold is an option") {
  SimulatorProcess simulator{fast({"--banano-work-threshold", "fff0000000000000"})};
  BananoClient client{simulator};
  auto block = client.send_block(new_destination(), "1");
  while (banano::work_difficulty(block.root(), block.work) >= 0xfff0000000000000ULL) {
    block.work = banano::generate_work(block.root(), client.work_threshold, block.work + 1);
  }
  CHECK(client.error(BananoClient::process_request(block)) == "Block work is less than threshold");
  block.work = banano::generate_work(block.root(), 0xfff0000000000000ULL, 0);
  CHECK(client.publish(block) == hash_text(block));
}

TEST_CASE("Banano: a work server can fail, be missing, or lie") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto root = client.frontier();
  const json::object ask{{"action", "work_generate"}, {"hash", root}};
  simulator.post("/banano", {{"work_server", "failing"}});
  CHECK(client.error(ask) == "Cancelled");
  const auto destination = new_destination();
  CHECK(client.error(send_request(client, destination, kOneBan, "no-work")) == "Error generating block");
  CHECK(payments_to(simulator, destination).empty());
  simulator.post("/banano", {{"work_server", "disabled"}});
  CHECK(client.error(ask) == "Work generation is disabled");
  CHECK(client.error(send_request(client, destination, kOneBan)) == "Work generation is disabled");
  simulator.post("/banano", {{"work_server", "wrong"}});
  const auto lie = client.rpc(ask);
  CHECK(text(lie, "difficulty") == "ff00000000000000");
  CHECK(banano::work_difficulty(*banano::parse_hex<32>(root), *banano::parse_work(text(lie, "work"))) <
        client.work_threshold);
  simulator.post("/banano", {{"work_server", "good"}});
  CHECK(client.rpc(send_request(client, destination, kOneBan, "no-work")).contains("block"));
  CHECK(payments_to(simulator, destination).size() == 1);
}

// ---- other questions

TEST_CASE("Banano: many accounts and blocks in one question") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  BananoClient other{simulator, 1};
  const auto hash = client.pay(other.address, "1");
  const json::array both{json::value(client.address), json::value(other.address)};
  const auto balances = client.rpc({{"action", "accounts_balances"}, {"accounts", both}}).at("balances");
  CHECK(balances.at(other.address).at("pending").as_string() == kOneBan);
  const auto frontiers = client.rpc({{"action", "accounts_frontiers"}, {"accounts", both}}).at("frontiers");
  CHECK(frontiers.at(client.address).as_string() == hash);
  const auto blocks = client.rpc({{"action", "blocks_info"},
                                  {"hashes", json::array{json::value(hash), json::value(kNobody)}},
                                  {"json_block", "true"},
                                  {"include_not_found", "true"}});
  CHECK(blocks.at("blocks").at(hash).at("amount").as_string() == kOneBan);
  CHECK(blocks.at("blocks_not_found") == json::array{json::value(kNobody)});
  CHECK(client.rpc({{"action", "block_count"}}).at("count") == "10");
  CHECK(client.rpc({{"action", "validate_account_number"}, {"account", "ban_1"}}).at("valid") == "0");
  const auto chain = simulator.get("/banano/blocks?account=0").as_array();
  REQUIRE(chain.size() == 2);
  CHECK(chain[1].at("hash").as_string() == hash);
  CHECK(chain[1].at("confirmed") == true);
}

// ---- callbacks

TEST_CASE("Banano: each confirmed block is announced, its block as a text") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  WireListener listener;
  simulator.post("/callback-url", {{"protocol", "banano"}, {"url", listener.url() + "/banano"}});
  const auto destination = new_destination();
  const auto hash = client.pay(destination, "1");
  const auto callback = listener.next();
  REQUIRE(callback);
  CHECK(callback->method == "POST");
  CHECK(callback->target == "/banano");
  CHECK_FALSE(callback->headers.contains("authorization"));
  const auto event = json::parse(callback->body).as_object();
  CHECK(text(event, "hash") == hash);
  CHECK(text(event, "account") == client.address);
  CHECK(text(event, "amount") == kOneBan);
  CHECK(text(event, "is_send") == "true");
  CHECK(text(event, "subtype") == "send");
  CHECK(json::parse(text(event, "block")).at("link_as_account").as_string() == destination);
  client.rpc({{"action", "block_confirm"}, {"hash", hash}});  // of a confirmed block: it is announced again
  const auto again = listener.next();
  REQUIRE(again);
  CHECK(again->body == callback->body);
  simulator.post("/banano", {{"callback", ""}});
  client.pay(new_destination(), "1");
  CHECK_FALSE(listener.next(200, 150ms));
}

TEST_CASE("Banano: a receive is announced too, as no send") {
  WireListener listener;
  SimulatorProcess simulator{
      fast({"--banano-funding", "pending", "--banano-callback", listener.url() + "/hook"})};
  BananoClient client{simulator};
  const auto waiting =
      client.rpc({{"action", "pending"}, {"account", client.address}}).at("blocks").as_array();
  client.publish(client.receive_block(std::string{waiting[0].as_string()}, "1000000"), "open");
  const auto callback = listener.next();
  REQUIRE(callback);
  const auto event = json::parse(callback->body).as_object();
  CHECK_FALSE(event.contains("is_send"));
  CHECK(text(event, "subtype") == "receive");
}

// ---- the commands that every protocol has

TEST_CASE("Banano: a payment can be settled by command") {
  SimulatorProcess simulator{manual()};
  BananoClient client{simulator};
  const auto won = client.pay(new_destination(), "1");
  simulator.post("/settle", {{"reference", won}, {"status", "SUCCESSFUL"}});
  CHECK(client.confirmed(won));
  const auto lost_to = new_destination();
  const auto lost = client.pay(lost_to, "1");
  simulator.post("/settle", {{"reference", lost}, {"status", "FAILED"}});
  CHECK_FALSE(client.known(lost));
  CHECK(payment_to(simulator, lost_to).at("reason") == "FORK_LOST");
  CHECK(client.confirmed(client.frontier()));
  CHECK_THROWS(simulator.post("/settle", {{"reference", won}, {"status", "FAILED"}}));
}

TEST_CASE("Banano: a reset brings the first day back") {
  SimulatorProcess simulator{fast()};
  BananoClient client{simulator};
  const auto before = client.frontier();
  client.pay(new_destination(), "1");
  client.rpc(send_request(client, new_destination(), kOneBan, "id"));
  simulator.post("/banano/lag");
  simulator.post("/banano",
                 {{"confirmation", "manual"}, {"work_server", "failing"}, {"wallet_locked", true}});
  simulator.post("/reset");
  CHECK(client.frontier() == before);
  CHECK(simulator.get("/ledger").as_array().empty());
  CHECK(simulator.get("/banano").at("lagging") == false);
  const auto destination = new_destination();
  client.rpc(send_request(client, destination, kOneBan, "id"));
  CHECK(payments_to(simulator, destination).size() == 1);
}

TEST_CASE("Banano: commands that make no sense are refused with a reason") {
  SimulatorProcess simulator{fast()};
  const auto says = [&](std::string_view path, const json::value& command, const char* what) {
    CHECK_THROWS_WITH(simulator.post(path, command), Contains(what));
  };
  says("/banano", {{"work_server", "tired"}}, "must be one of good failing disabled wrong");
  says("/banano", {{"confirmation", true}}, "confirmation: must be a string");
  says("/banano", {{"weather", "fine"}}, "weather: unknown field");
  says("/banano/foreign", json::object{}, "amount");
  says("/banano/foreign", {{"account", 9}, {"amount", "1"}},
       "account: must be an address, or an index below 4");
  says("/banano/foreign", {{"amount", 1}}, "amount");
  says("/banano/foreign", {{"subtype", "gift"}}, "subtype");
  says("/banano/foreign", {{"subtype", "receive"}}, "nothing is pending");
  says("/banano/foreign", {{"amount", "1"}, {"previous", kNobody}}, "previous");
  says("/banano/foreign", {{"amount", "1"}, {"when", "tomorrow"}}, "when");
  says("/banano/deposit", {{"account", 0}, {"amount", "1e3"}}, "amount");
  says("/banano/confirm", {{"hash", kNobody}}, "no such block");
  says("/banano/elect", {{"hash", kNobody}}, "no such block was ever seen");
  says("/banano/roll_back", {{"hash", "?"}}, "hash");
  says("/banano/lag", {{"behind", -1}}, "behind");
  says("/banano/dance", json::object{}, "POST /banano");
  CHECK_THROWS(simulator.get("/banano/dance"));
  CHECK(simulator.get("/stats").at("internal_errors") == 0);
}
