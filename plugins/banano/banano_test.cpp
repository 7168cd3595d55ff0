#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <payoutd/testing.hpp>

#include "wire.hpp"

namespace {

namespace json = boost::json;
using namespace payoutd::testing;
using banano::Bytes32;
using banano::Raw;
using banano::StateBlock;
using payoutd::Amount;
using payoutd::Environment;
using payoutd::HttpFailure;
using payoutd::HttpRequest;
using payoutd::HttpResponse;
using payoutd::HttpStage;
using payoutd::Status;
using payoutd::Submission;

const std::string kNode = "http://127.0.0.1:9";
const std::string kOtherNode = "http://127.0.0.1:10";
const std::string kReference = "11111111-2222-4333-8444-555555555555";
const std::string kZeroSeed(64, '0');
const std::string kPrivateSeed(64, '7');
const std::string kWallet(64, 'A');
const std::string kLane = "ban_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7";
const std::string kPayee = "ban_1qato4k7z3spc8gq1zyd8xeqfbzsoxwo36a45ozbrxcatut7up8ohyardu1z";
const std::string kRepresentative = "ban_3pczxuorp48td8645bs3m6c3xotxd3idskrenmi65rbrga5zmkemzhwkaznh";
const std::string kNothing(64, '0');
constexpr std::uint64_t kThreshold = 0xff00000000000000;
const std::string kNotFound = R"({"error":"Block not found"})";

Given local() {
  return {{{"network", "test"}, {"node_url", kNode}}, {{"seed", json::array{kZeroSeed}}}};
}
Given node_wallet() {
  return {with(local().values, {{"mode", "node_wallet"}, {"accounts", json::array{kLane}}}),
          {{"wallet", json::array{kWallet}}}};
}

Bytes32 filled(std::uint8_t value) {
  Bytes32 all{};
  all.fill(value);
  return all;
}

banano::PublicKey key_of(const std::string& address) {
  return banano::decode_address(address).value();
}

Raw ban(std::string_view amount) {
  return Raw::of(Amount::parse(amount).value()).value();
}

/// The first work that meets the test network's threshold: a few hundred tries.
std::uint64_t find_work(const Bytes32& root, std::uint64_t threshold = kThreshold) {
  std::uint64_t work = 0;
  while (banano::difficulty_of(work, root) < threshold) ++work;
  return work;
}

payoutd::Order example_order(const std::string& amount = "1.5") {
  payoutd::Order order;
  order.payout_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee";
  order.reference = kReference;
  order.money = {Amount::parse(amount).value(), "BAN"};
  order.destination = kPayee;
  order.lane = kLane;
  return order;
}

std::string text_of(const json::object& object, std::string_view key) {
  return std::string(object.at(key).as_string());
}

/// What a node says of a block, in the page's spelling.
std::string info_of(const StateBlock& block, const json::object& more = {}) {
  json::object contents = json::parse(banano::encode_block({block, {}, 0})).as_object();
  json::object info{{"block_account", banano::encode_address(block.account)},
                    {"balance", block.balance.to_string()},
                    {"height", "8"},
                    {"local_timestamp", "1767225600"},
                    {"confirmed", "false"},
                    {"contents", std::move(contents)},
                    {"subtype", "send"}};
  return json::serialize(with(std::move(info), more));
}

/// A node that answers by question: "action", "action hash", "action account" or "process link"; kept as the
/// test says.
class ScriptedNode {
 public:
  std::string& operator[](const std::string& question) { return answers_[question]; }

  HttpResponse answer(const HttpRequest& request) {
    const json::object body = json::parse(request.content()).as_object();
    const std::string action = text_of(body, "action");
    if (action == "work_generate") return {200, {}, work(body)};
    if (action == "process") {
      const auto refused = answers_.find(action + " " + text_of(body.at("block").as_object(), "link"));
      if (refused != answers_.end()) return read(refused->second);
      if (!answers_.contains(action)) return {200, {}, processed(body)};
    }
    for (const char* key : {"hash", "account", "block"}) {
      const auto* named = body.if_contains(key);
      if (named == nullptr || !named->is_string()) continue;
      const auto found = answers_.find(action + " " + std::string(named->as_string()));
      if (found != answers_.end()) return read(found->second);
    }
    const auto found = answers_.find(action);
    if (found == answers_.end()) return {200, {}, R"({"error":"Unknown command"})"};
    return read(found->second);
  }

  std::string work_body;  ///< instead of real work

 private:
  static HttpResponse read(const std::string& text) {
    if (text == "(down)") throw HttpFailure(HttpStage::connect, false, "refused");
    if (text == "(lost)") throw HttpFailure(HttpStage::read, true, "reset");
    if (text.starts_with("(502)")) return {502, {}, "<html>"};
    return {200, {}, text};
  }
  std::string work(const json::object& body) const {
    if (!work_body.empty()) return work_body;
    const auto root = banano::parse_bytes32(text_of(body, "hash")).value();
    const auto threshold = banano::parse_hex64(text_of(body, "difficulty")).value();
    return R"({"work":")" + banano::to_hex64(find_work(root, threshold)) + "\"}";
  }
  static std::string processed(const json::object& body) {
    const auto block = banano::decode_block(json::serialize(body.at("block"))).value();
    return R"({"hash":")" + banano::to_hex(block.block.hash()) + "\"}";
  }

  std::map<std::string, std::string> answers_;
};

/// A provider on fakes, with a node behind it whose account has ten confirmed blocks and 100 BAN.
struct Fixture : PluginBench {
  explicit Fixture(const Given& given = local()) : PluginBench(given, example_order()) {
    http().otherwise([this](const HttpRequest& request) {
      return (request.url() == kOtherNode ? other : node).answer(request);
    });
    set_account("100", 7, "7");
  }

  void set_account(const std::string& balance, int height, const std::string& confirmed,
                   const std::string& hash = banano::to_hex(filled(7))) {
    node["account_info"] = json::serialize(json::object{{"frontier", hash},
                                                        {"balance", ban(balance).to_string()},
                                                        {"block_count", std::to_string(height)},
                                                        {"confirmation_height", confirmed},
                                                        {"representative", kRepresentative}});
  }

  json::object maintain(json::object state = {}, const std::string& lane = kLane) {
    payoutd::Lane held{lane, std::move(state)};
    bench.run(provider->maintain(held));
    return held.state;
  }

  std::vector<json::object> asked(std::string_view action) const {
    std::vector<json::object> bodies;
    for (const auto& request : bench.http->requests()) {
      auto body = json::parse(request.content()).as_object();
      if (body.at("action").as_string() == action) bodies.push_back(std::move(body));
    }
    return bodies;
  }

  ScriptedNode node;
  ScriptedNode other;
};

banano::SignedBlock block_in(const payoutd::Prepared& prepared) {
  return banano::decode_block(prepared.artefact).value();
}

}  // namespace

// ---- settings and contract

TEST_CASE("the descriptor names the plugin and the contract has no contradictions") {
  CHECK(std::string(plugin().name) == "banano");
  CHECK(descriptor_problems() == std::vector<std::string>{});
  const auto contract = contract_of(local());
  CHECK(payoutd::validate(contract).empty());
  CHECK(contract.repeat == payoutd::Repeat::harmless);
  CHECK_FALSE(contract.repeat_window);
  CHECK(contract.reference.uuid4);
  CHECK(contract.lookup_by_artefact);
  CHECK_FALSE(contract.lookup_by_reference);
  CHECK_FALSE(contract.lookup_by_provider_ref);
  CHECK_FALSE(contract.absence_is_proof_after);
  CHECK(contract.webhook == payoutd::WebhookKind::hint);
  CHECK(contract.serial);
  CHECK(contract.concurrency == 1);
  CHECK_FALSE(contract.reversal_window);
  CHECK(contract.decimals_of("BAN") == 8);
  CHECK(contract.meaning_of("Old block") == payoutd::CodeMeaning::duplicate);
  CHECK_FALSE(contract.meaning_of("Fork"));
}

TEST_CASE("settings change the contract") {
  const auto contract = contract_of(local().with(
      {{"account_count", 5}, {"query_rate_per_s", 7}, {"submit_window", "3s"}, {"response_timeout", "9s"}}));
  CHECK(contract.concurrency == 5);
  CHECK(contract.query_rate_per_s == 7);
  CHECK(contract.submit_window == std::chrono::seconds(3));
  CHECK(contract.response_timeout == std::chrono::seconds(9));
  const auto wallet = contract_of(node_wallet());
  CHECK(payoutd::validate(wallet).empty());
  CHECK(wallet.repeat == payoutd::Repeat::harmless);
  CHECK(wallet.serial);
  CHECK_FALSE(wallet.lookup_by_artefact);
  CHECK(wallet.lookup_by_provider_ref);
}

TEST_CASE("the paying accounts are lanes, in the order of their indexes") {
  CHECK(Fixture().provider->lanes() == std::vector{kLane});
  const auto three = Fixture(local().with({{"account_count", 3}})).provider->lanes();
  REQUIRE(three.size() == 3);
  CHECK(three[0] == kLane);
  const auto from_one =
      Fixture(local().with({{"account_count", 2}, {"first_account_index", 1}})).provider->lanes();
  CHECK(from_one == std::vector{three[1], three[2]});
  CHECK(Fixture(node_wallet()).provider->lanes() == std::vector{kLane});
}

TEST_CASE("the environment decides which settings are harmless") {
  using Fields = std::vector<std::string>;
  const Given live{{{"network", "live"}, {"node_url", "https://node.example.org"}},
                   {{"seed", json::array{kPrivateSeed}}}};
  CHECK(problems_of(live, Environment::prod).empty());
  CHECK(problems_of(live, Environment::staging) == Fields{"network"});
  CHECK(problems_of(live, Environment::dev).empty());
  CHECK(problems_of(local(), Environment::dev).empty());
  CHECK(problems_of(local(), Environment::staging).empty());
  CHECK(problems_of(local(), Environment::prod) == Fields{"network", "work_threshold"});

  const auto in_production = [&](const char* name, json::value value) {
    return problems_of(live.with({{name, std::move(value)}}), Environment::prod);
  };
  CHECK(in_production("node_url", "http://node.example.org") == Fields{"node_url"});
  CHECK(in_production("node_url", "http://8.8.8.8:7072") == Fields{"node_url"});
  CHECK(in_production("node_url", "http://172.32.0.1:7072") == Fields{"node_url"});
  CHECK(in_production("node_url", "http://[2001:db8::1]:7072") == Fields{"node_url"});
  for (const char* url : {"http://127.0.0.1:7072", "http://[::1]:7072", "http://10.1.2.3:7072",
                          "http://172.16.0.1", "http://192.168.1.1", "http://[fd00::1]:7072",
                          "http://banano-node:7072", "http://node.internal", "http://localhost:7072"}) {
    INFO(url);
    CHECK(in_production("node_url", url).empty());
  }
  CHECK(in_production("work_url", "http://work.example.org") == Fields{"work_url"});
  CHECK(in_production("fallback_node_urls", json::array{"http://10.0.0.1", "http://1.1.1.1"}) ==
        Fields{"fallback_node_urls"});
  CHECK(in_production("work_threshold", "ff00000000000000") == Fields{"work_threshold"});
  CHECK(in_production("work_threshold", "fffffff800000000").empty());
}

TEST_CASE("nobody pays on the live network from keys that documents print") {
  using Fields = std::vector<std::string>;
  const std::string genesis_key = "34f0a37aad20f4a260f0a5b3cb3d7fb50673212263e58a380bc10474bb039ce4";
  for (const std::string& seed : {kZeroSeed, std::string(63, '0') + "1", genesis_key}) {
    const Given test = local().with_secrets({{"seed", json::array{seed}}});
    const Given live = test.with({{"network", "live"}});
    CHECK(problems_of(live, Environment::dev) == Fields{"seed"});
    CHECK(problems_of(live, Environment::prod) == Fields{"seed"});
    CHECK(problems_of(test, Environment::dev).empty());
  }
  const auto genesis = node_wallet().with(
      {{"network", "live"},
       {"accounts", json::array{"ban_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo"}}});
  CHECK(problems_of(genesis, Environment::dev) == Fields{"accounts"});
}

TEST_CASE("settings that contradict each other are refused everywhere") {
  using Fields = std::vector<std::string>;
  const auto problems = [](const json::object& changes) {
    return problems_of(local().with(changes), Environment::dev);
  };
  CHECK(problems({{"node_url", "http://127.0.0.1:9/?x=1"}}) == Fields{"node_url"});
  CHECK(problems({{"fallback_node_urls", json::array{"ftp://x"}}}) == Fields{"fallback_node_urls"});
  CHECK(problems({{"work_threshold", "ff"}}) == Fields{"work_threshold"});
  CHECK(problems({{"work_threshold", "gf00000000000000"}}) == Fields{"work_threshold"});
  CHECK(problems({{"representative", "ban_x"}}) == Fields{"representative"});
  CHECK(problems({{"representative", kRepresentative}}).empty());
  CHECK(problems({{"receive_minimum", "0"}}) == Fields{"receive_minimum"});
  CHECK(problems({{"accounts", json::array{kLane}}}) == Fields{"accounts"});
  CHECK(problems({{"first_account_index", 4'294'967'295}}).empty());
  CHECK(problems({{"first_account_index", 4'294'967'295}, {"account_count", 2}}) == Fields{"account_count"});

  const auto secrets = [](const Given& given, const json::object& secrets) {
    return problems_of({given.values, secrets}, Environment::dev);
  };
  const auto accounts = [](const json::array& named) {
    return problems_of(node_wallet().with({{"accounts", named}}), Environment::dev);
  };
  CHECK(secrets(local(), {}) == Fields{"seed"});
  CHECK(secrets(local(), {{"seed", json::array{"abc"}}}) == Fields{"seed"});
  CHECK(secrets(local(), {{"seed", json::array{kZeroSeed}}, {"wallet", json::array{kWallet}}}) ==
        Fields{"wallet"});
  CHECK(problems_of(node_wallet(), Environment::dev).empty());
  CHECK(secrets(node_wallet(), {}) == Fields{"wallet"});
  CHECK(secrets(node_wallet(), {{"wallet", json::array{"x"}}}) == Fields{"wallet"});
  CHECK(secrets(node_wallet(), {{"seed", json::array{kZeroSeed}}, {"wallet", json::array{kWallet}}}) ==
        Fields{"seed"});
  CHECK(accounts(json::array{}) == Fields{"accounts"});
  CHECK(accounts(json::array{kLane, kLane}) == Fields{"accounts"});
  CHECK(accounts(json::array{"ban_1"}) == Fields{"accounts"});
}

TEST_CASE("the scope follows the network, the seed and the wallet, and names no secret") {
  const auto scope = [](const Given& given) { return Fixture(given).provider->account_scope(); };
  CHECK(scope(local()) == "test/" + kLane);
  CHECK(scope(local().with({{"account_count", 4}})) == "test/" + kLane);  // another account: same scope
  CHECK(scope(local().with_secrets({{"seed", json::array{kPrivateSeed}}})) != "test/" + kLane);
  CHECK(scope(local().with({{"network", "live"}})) == "live/" + kLane);
  const std::string wallet = scope(node_wallet());
  CHECK(wallet.starts_with("test/http://127.0.0.1:9/wallet-"));
  CHECK(scope(node_wallet().with({{"node_url", "http://127.0.0.1:9/other"}})) != wallet);
  CHECK(wallet.find(kWallet.substr(0, 16)) == std::string::npos);
  CHECK(scope(node_wallet().with_secrets({{"wallet", json::array{std::string(64, 'B')}}})) != wallet);
  CHECK(scope(node_wallet().with({{"node_url", kOtherNode}})) != wallet);
}

TEST_CASE("destinations are checked, and the burn account is none") {
  Fixture fixture;
  CHECK_FALSE(fixture.provider->check_destination(kPayee));
  CHECK(fixture.provider->check_destination("")->field == "destination");
  CHECK(fixture.provider->check_destination("46733123999"));
  CHECK(fixture.provider->check_destination("nano_" + kPayee.substr(4)));
  CHECK(fixture.provider->check_destination(kPayee.substr(0, 63) + "1"));
  const auto burn = fixture.provider->check_destination(banano::encode_address(banano::kZero));
  REQUIRE(burn);
  CHECK(burn->reason.find("burn account") != std::string::npos);
}

// ---- prepare

TEST_CASE("the artefact is the signed block, ready to publish, the same every time") {
  Fixture fixture;
  const auto prepared = fixture.prepare();
  const auto block = block_in(prepared);
  CHECK(block.block.account == key_of(kLane));
  CHECK(block.block.previous == filled(7));
  CHECK(block.block.representative == key_of(kRepresentative));
  CHECK(block.block.balance == ban("98.5"));
  CHECK(block.block.link == key_of(kPayee));
  CHECK(banano::verify(key_of(kLane), block.block.hash(), block.signature));
  CHECK(banano::difficulty_of(block.work, filled(7)) >= kThreshold);
  CHECK(prepared.format == 1);
  CHECK(text_of(prepared.lookup, "hash") == banano::to_hex(block.block.hash()));
  CHECK(text_of(prepared.lookup, "previous") == banano::to_hex(filled(7)));
  CHECK(text_of(prepared.lookup, "account") == kLane);
  CHECK(text_of(prepared.lookup, "amount") == ban("1.5").to_string());
  CHECK(Fixture().prepare().artefact == prepared.artefact);
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("what prepare records of the lane is the confirmed block below, never its own") {
  const auto prepared = Fixture().prepare();
  REQUIRE(prepared.lane_state);
  CHECK(text_of(*prepared.lane_state, "frontier") == banano::to_hex(filled(7)));
  CHECK(text_of(*prepared.lane_state, "height") == "7");
  CHECK(text_of(*prepared.lane_state, "network") == "test");
  CHECK(text_of(prepared.lane_state->at("work").as_object(), "root") == banano::to_hex(filled(7)));
}

TEST_CASE("work that was prepared ahead is used, if it is for this block and good enough") {
  Fixture fixture;
  auto order = example_order();
  const std::uint64_t ready = find_work(filled(7));
  const auto state = [](const Bytes32& root, std::uint64_t work) {
    return json::object{
        {"network", "test"},
        {"work", json::object{{"root", banano::to_hex(root)}, {"work", banano::to_hex64(work)}}}};
  };
  SECTION("it is") {
    order.lane_state = state(filled(7), ready);
    CHECK(block_in(fixture.prepare(order)).work == ready);
    CHECK(fixture.asked("work_generate").empty());
  }
  SECTION("for another block") {
    order.lane_state = state(filled(8), ready);
    fixture.prepare(order);
    CHECK(fixture.asked("work_generate").size() == 1);
  }
  SECTION("too small") {
    order.lane_state = state(filled(7), ready - 1);
    CHECK(block_in(fixture.prepare(order)).work == ready);
    CHECK(fixture.asked("work_generate").size() == 1);
  }
}

TEST_CASE("work is verified before it is used, whoever generated it") {
  Fixture fixture(local().with({{"work_threshold", "fffffe0000000000"}}));
  fixture.node.work_body = R"({"work":"0000000000000001","difficulty":"ffffffffffffffff"})";
  CHECK(failure_of([&] { fixture.prepare(); }).find("is too small") != std::string::npos);
  fixture.node.work_body = R"({"error":"Work generation is disabled"})";
  CHECK(failure_of([&] { fixture.prepare(); }) ==
        "there is no work for the block: Work generation is disabled");
  CHECK(fixture.asked("work_generate").at(0).at("difficulty").as_string() == "fffffe0000000000");
}

TEST_CASE("a work server is asked instead of the node") {
  Fixture fixture(local().with({{"work_url", kOtherNode}}));
  fixture.prepare();
  const auto is_work = [](const HttpRequest& request) {
    return request.content().find("work_generate") != std::string::npos;
  };
  const auto& requests = fixture.bench.http->requests();
  const auto request = std::ranges::find_if(requests, is_work);
  REQUIRE(request != requests.end());
  CHECK(request->url() == kOtherNode);
  CHECK(request->response_timeout() == std::chrono::seconds(25));
}

TEST_CASE("too little money stops a payment before anything is sent, and names both figures") {
  Fixture fixture;
  CHECK(failure_of([&] { fixture.prepare(example_order("100.00000001")); }) ==
        "the account " + kLane + " holds 100 BAN, but 100.00000001 BAN are to be paid; nothing was sent");
  CHECK(failure_of([&] { fixture.prepare(example_order("9999999999")); }) ==
        "an amount of 9999999999 cannot be sent; nothing was sent");
  CHECK(block_in(fixture.prepare(example_order("100"))).block.balance.is_zero());
}

TEST_CASE("a node that lags behind what was confirmed is not built on") {
  Fixture fixture;
  auto order = example_order();
  const auto known = [](const std::string& height, const Bytes32& frontier) {
    return json::object{{"network", "test"}, {"frontier", banano::to_hex(frontier)}, {"height", height}};
  };
  order.lane_state = known("8", filled(8));
  CHECK(failure_of([&] { fixture.prepare(order); }) ==
        "the node lags behind: it knows 7 blocks of the account, but 8 were confirmed; nothing was sent");
  order.lane_state = known("7", filled(8));
  CHECK(failure_of([&] { fixture.prepare(order); }).find("on another ledger") != std::string::npos);
  order.lane_state = known("7", filled(7));
  CHECK_NOTHROW(fixture.prepare(order));
  order.lane_state = known("6", filled(6));
  CHECK_NOTHROW(fixture.prepare(order));
  fixture.node["account_info"] = R"({"error":"Account not found"})";
  CHECK(failure_of([&] { fixture.prepare(order); }).find("lags behind") != std::string::npos);
  order.lane_state = {};
  CHECK(failure_of([&] { fixture.prepare(order); }).find("has no blocks yet") != std::string::npos);
}

TEST_CASE("nothing is built on a block that is not confirmed") {
  Fixture fixture;
  fixture.set_account("100", 7, "6");
  const std::string question = "block_info " + banano::to_hex(filled(7));
  SECTION("block_info is the authority, and says that it is") {
    fixture.node[question] =
        R"({"block_account":")" + kLane + R"(","confirmed":"true","contents":{"type":"receive"}})";
    CHECK_NOTHROW(fixture.prepare());
  }
  SECTION("it is not: the node is asked to have it confirmed") {
    fixture.node[question] =
        R"({"block_account":")" + kLane + R"(","confirmed":"false","contents":{"type":"receive"}})";
    CHECK(failure_of([&] { fixture.prepare(); }).find("is not confirmed yet; nothing was sent") !=
          std::string::npos);
    CHECK(fixture.asked("block_confirm").size() == 1);
  }
  SECTION("nobody says") {
    CHECK(failure_of([&] { fixture.prepare(); }).find("is not confirmed yet") != std::string::npos);
  }
}

TEST_CASE("the representative is the setting's, or the account's own") {
  Fixture set(local().with({{"representative", kPayee}}));
  CHECK(block_in(set.prepare()).block.representative == key_of(kPayee));
  Fixture fixture;
  fixture.node["account_info"] = R"({"frontier":")" + banano::to_hex(filled(7)) + R"(","balance":")" +
                                 ban("100").to_string() + R"(","block_count":"7","confirmation_height":"7"})";
  CHECK(failure_of([&] { fixture.prepare(); }).find("who represents the account") != std::string::npos);
}

TEST_CASE("an order that this provider cannot pay is not prepared") {
  Fixture fixture;
  auto order = example_order();
  SECTION("another currency") {
    order.money.currency = "XOF";
  }
  SECTION("a mistyped payee") {
    order.destination.back() = '1';
  }
  SECTION("another account") {
    order.lane = kPayee;
  }
  SECTION("no account") {
    order.lane = "";
  }
  CHECK(failure_of([&] { fixture.prepare(order); }).find("; nothing was sent") != std::string::npos);
  CHECK(fixture.bench.http->requests().empty());
}

TEST_CASE("when one node has no usable answer, the next is asked") {
  Fixture fixture(local().with({{"fallback_node_urls", json::array{kOtherNode}}}));
  const std::string good = fixture.node["account_info"];
  const std::string bad = GENERATE("(down)", "(lost)", "(502)", "", "<html>", "[]");
  INFO(bad);
  fixture.node["account_info"] = bad;
  fixture.other["account_info"] = good;
  CHECK_NOTHROW(fixture.prepare());
  fixture.other["account_info"] = bad;
  CHECK(failure_of([&] { fixture.prepare(); }).starts_with("no node gives a usable answer: "));
}

// ---- submit

TEST_CASE("a publication is one marked request with the artefact's bytes") {
  Fixture fixture;
  const auto prepared = fixture.prepare();
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::accepted);
  CHECK(submission.provider_ref == text_of(prepared.lookup, "hash"));
  CHECK(fixture.money_moving() == 1);
  const auto& request = fixture.bench.http->requests().back();
  CHECK(request.is_money_moving());
  CHECK(request.method() == "POST");
  CHECK(request.url() == kNode);
  CHECK(request.content() ==
        R"({"action":"process","json_block":"true","subtype":"send","block":)" + prepared.artefact + "}");
}

TEST_CASE("whatever a node answers to a published block, nothing is claimed that block_info must say") {
  struct Row {
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const Row row = GENERATE(values<Row>({
      {R"({"error":"Old block"})", duplicate, "Old block"},
      {R"({"error":"Fork"})", unknown, "Fork"},
      {R"({"error":"Gap previous block"})", unknown, "Gap previous block"},
      {R"({"error":"Gap source block"})", unknown, "Gap source block"},
      {R"({"error":"Invalid block balance for given subtype"})", unknown,
       "Invalid block balance for given subtype"},
      {R"({"error":"Bad signature"})", unknown, "Bad signature"},
      {R"({"error":"Block is invalid"})", unknown, "Block is invalid"},
      {R"({"error":"Block work is less than threshold"})", unknown, "Block work is less than threshold"},
      {R"({"error":"Insufficient balance"})", unknown, "Insufficient balance"},
      {R"({"error":"Unable to parse JSON"})", unknown, "Unable to parse JSON"},
      {R"({"error":"Unknown command"})", unknown, "Unknown command"},
      {R"({"hash":"0000000000000000000000000000000000000000000000000000000000000000"})", unknown,
       "banano.unreadable"},
      {"", unknown, "banano.unreadable"},
      {"<html>", unknown, "banano.unreadable"},
      {"(502)", unknown, "banano.unreadable"},
  }));
  INFO(row.body);
  Fixture fixture;
  const auto prepared = fixture.prepare();
  fixture.node["process"] = row.body;
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(fixture.money_moving() == 1);
}

TEST_CASE("a publication without an answer is left to the runtime, and the next one goes to another node") {
  Fixture fixture(local().with({{"fallback_node_urls", json::array{kOtherNode}}}));
  const auto prepared = fixture.prepare();
  fixture.node["process"] = GENERATE("(down)", "(lost)");
  CHECK_THROWS_AS(fixture.submit(prepared), HttpFailure);
  CHECK(fixture.money_moving() == 1);
  CHECK(fixture.submit(prepared).kind == Submission::Kind::accepted);
  CHECK(fixture.bench.http->requests().back().url() == kOtherNode);
}

TEST_CASE("a block whose work is no longer enough goes out with more, as the same block") {
  Fixture before;
  const auto prepared = before.prepare();
  Fixture fixture(local().with({{"work_threshold", "fff0000000000000"}}));
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::accepted);
  CHECK(submission.provider_ref == text_of(prepared.lookup, "hash"));
  const auto published = banano::decode_block(
      json::serialize(json::parse(fixture.bench.http->requests().back().content()).at("block")));
  CHECK(published->signature == block_in(prepared).signature);
  CHECK(banano::difficulty_of(published->work, filled(7)) >= 0xfff0000000000000);
}

TEST_CASE("a payment is finished from an account that the settings no longer name") {
  Fixture two(local().with({{"account_count", 2}}));
  auto order = example_order();
  order.lane = two.provider->lanes().at(1);
  const auto prepared = two.prepare(order);
  Fixture one;
  CHECK(one.submit(order, prepared).kind == Submission::Kind::accepted);
  CHECK(failure_of([&] { one.prepare(order); }).find("is no account of this provider") != std::string::npos);
}

TEST_CASE("a foreign artefact is never sent") {
  Fixture fixture;
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  const auto before = fixture.bench.http->requests().size();
  SECTION("another amount") {
    order.money.amount = Amount::parse("1.6").value();
  }
  SECTION("another currency") {
    order.money.currency = "XOF";
  }
  SECTION("another payee") {
    order.destination = kLane;
  }
  SECTION("another account") {
    order.lane = kPayee;
  }
  SECTION("another format") {
    prepared.format = 2;
  }
  SECTION("another block") {
    prepared.lookup["hash"] = kNothing;
  }
  SECTION("a signature that is not right") {
    auto block = block_in(prepared);
    block.signature[0] ^= 1;
    prepared.artefact = banano::encode_block(block);
  }
  SECTION("cut off") {
    prepared.artefact.pop_back();
  }
  CHECK(failure_of([&] { fixture.submit(order, prepared); }).find("; nothing was sent") != std::string::npos);
  CHECK(fixture.bench.http->requests().size() == before);
}

// ---- query

namespace {

/// A fixture whose payment is prepared, with what a query needs.
struct Paid {
  explicit Paid(const Given& given = local()) : fixture(given), prepared(fixture.prepare()) {
    fixture.node["block_info"] = kNotFound;
    fixture.other["block_info"] = kNotFound;
  }

  StateBlock block() const { return block_in(prepared).block; }
  std::string hash() const { return text_of(prepared.lookup, "hash"); }
  std::string& ours() { return fixture.node["block_info " + hash()]; }
  /// The block below ours, without or with something on top of it.
  void set_previous(const json::object& more) {
    fixture.node["block_info " + banano::to_hex(filled(7))] =
        json::serialize(with({{"block_account", kLane},
                              {"confirmed", "true"},
                              {"height", "7"},
                              {"balance", ban("100").to_string()},
                              {"contents", json::object{{"type", "receive"}}}},
                             more));
  }
  /// A receive of 5 BAN in our block's place.
  StateBlock rival() const {
    StateBlock other = block();
    other.balance = ban("105");
    other.link = filled(9);
    return other;
  }
  void set_rival(const std::string& confirmed) {
    set_previous({{"successor", banano::to_hex(rival().hash())}});
    fixture.node["block_info " + banano::to_hex(rival().hash())] =
        info_of(rival(), {{"confirmed", confirmed}, {"subtype", "receive"}});
  }
  Status query() {
    auto order = example_order();
    order.lane_state = *prepared.lane_state;
    return fixture.query(order, prepared);
  }

  Fixture fixture;
  payoutd::Prepared prepared;
};

}  // namespace

TEST_CASE("a confirmed block is a paid payout, in every field") {
  Paid paid;
  paid.ours() = info_of(paid.block(), {{"confirmed", "true"}, {"amount", ban("1.5").to_string()}});
  const Status status = paid.query();
  CHECK(status.kind == Status::Kind::confirmed);
  CHECK(status.provider_ref == paid.hash());
  CHECK(status.found.amount == Amount::parse("1.5").value());
  CHECK(status.found.currency == "BAN");
  CHECK(status.found.destination == kPayee);
  CHECK(status.found.reference == kReference);
  REQUIRE(status.lane_state);
  CHECK(text_of(*status.lane_state, "frontier") == paid.hash());
  CHECK(text_of(*status.lane_state, "height") == "8");
  CHECK(paid.fixture.money_moving() == 0);
}

TEST_CASE("a block in the ledger is pending until the network confirms it") {
  Paid paid;
  const json::object amount{{"amount", ban("1.5").to_string()}};
  SECTION("fresh") {
    paid.ours() = info_of(paid.block(), amount);
    CHECK(paid.query().kind == Status::Kind::pending);
    CHECK(paid.fixture.asked("block_confirm").empty());
  }
  SECTION("overdue: put to the vote again, whatever comes of it") {
    paid.fixture.bench.clock->advance(std::chrono::seconds(10));
    paid.fixture.node["block_confirm"] = GENERATE(R"({"started":"1"})", "(lost)", R"({"error":"x"})");
    paid.ours() = info_of(paid.block(), amount);
    CHECK(paid.query().kind == Status::Kind::pending);
    CHECK(paid.fixture.asked("block_confirm").size() == 1);
  }
  SECTION("confirmed in another spelling than true") {
    paid.ours() = info_of(paid.block(), with(amount, {{"confirmed", "1"}}));
    CHECK(paid.query().kind == Status::Kind::pending);
  }
  const Status status = paid.query();
  CHECK(status.code == "banano.unconfirmed");
  CHECK(status.found.amount == Amount::parse("1.5").value());
  CHECK_FALSE(status.lane_state);
}

TEST_CASE("the amount is the node's, or the difference to the block before; a fraction never matches") {
  Paid paid;
  const auto ask = [&](const json::object& more) {
    paid.ours() = info_of(paid.block(), with({{"confirmed", "true"}}, more));
    return paid.query();
  };
  CHECK(ask({{"amount", ban("2").to_string()}}).found.amount == Amount::parse("2").value());
  paid.set_previous({});
  CHECK(ask({}).found.amount == Amount::parse("1.5").value());
  paid.set_previous({{"balance", ban("99").to_string()}});
  CHECK(ask({}).found.amount == Amount::parse("0.5").value());
  paid.set_previous({{"balance", ban("98").to_string()}});  // less than after the block: impossible
  CHECK(ask({}).kind == Status::Kind::cannot_tell);
  paid.set_previous({{"balance", "x"}});
  CHECK(ask({}).kind == Status::Kind::cannot_tell);
  const Status odd = ask({{"amount", "150000000000000000000000000001"}});
  CHECK(odd.kind == Status::Kind::confirmed);
  CHECK(odd.found.amount == Amount::parse("1.5").value());
  CHECK(odd.found.reference == "amount=150000000000000000000000000001raw");
}

TEST_CASE("an answer that is not about our block is not believed") {
  Paid paid;
  auto other = paid.block();
  other.balance = ban("98");
  paid.ours() = info_of(other, {{"confirmed", "true"}, {"amount", ban("1.5").to_string()}});
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
  paid.ours() = R"({"confirmed":"true"})";
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
  paid.ours() = R"({"confirmed":"true","block_account":")" + kLane + R"(","contents":{"type":"send"}})";
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
}

TEST_CASE("no answer is no absence") {
  Paid paid;
  paid.set_previous({{"successor", kNothing}});
  paid.ours() = GENERATE("(down)", "(lost)", "(502)", "", "<html>", R"({"error":"Unknown command"})",
                         R"({"error":"Invalid block hash"})", R"({"error":"Internal server error in RPC"})",
                         R"({"message":"Block not found"})");
  INFO(paid.ours());
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
}

TEST_CASE("a block that the node does not have, in a free place, is absent") {
  Paid paid;
  SECTION("the node names no successor") {
    paid.set_previous({{"successor", kNothing}});
  }
  SECTION("the node does not know successors, but the account ends below our block") {
    paid.set_previous({});
  }
  SECTION("the node does not even know the block below: it lags behind") {}
  const Status status = paid.query();
  CHECK(status.kind == Status::Kind::absent);
  CHECK(status.code == "banano.block_not_found");
  CHECK(paid.fixture.money_moving() == 0);
}

TEST_CASE("only a confirmed block in its place means that ours can never come") {
  Paid paid;
  SECTION("named by block_info") {
    paid.set_rival("true");
  }
  SECTION("named by successors") {
    paid.set_rival("true");
    paid.set_previous({});
    paid.fixture.set_account("105", 8, "8", banano::to_hex(paid.rival().hash()));
    paid.fixture.node["successors"] = R"({"blocks":[")" + banano::to_hex(filled(7)) + R"(",")" +
                                      banano::to_hex(paid.rival().hash()) + R"("]})";
  }
  const Status status = paid.query();
  CHECK(status.kind == Status::Kind::refused_for_now);
  CHECK(status.code == "banano.fork_lost");
  CHECK(status.message.find(banano::to_hex(paid.rival().hash())) != std::string::npos);
  REQUIRE(status.lane_state);
  CHECK(text_of(*status.lane_state, "frontier") == banano::to_hex(paid.rival().hash()));
  CHECK(text_of(*status.lane_state, "height") == "8");
}

TEST_CASE("while a fork is open, nobody can tell") {
  Paid paid;
  paid.set_rival(GENERATE("false", "False", "1", "maybe"));
  const Status status = paid.query();
  CHECK(status.kind == Status::Kind::cannot_tell);
  CHECK(status.code == "banano.fork_open");
  CHECK(paid.fixture.asked("block_confirm").size() == 1);
}

TEST_CASE("a rival must prove that it stands in our block's place") {
  Paid paid;
  paid.set_rival("true");
  auto rival = paid.rival();
  SECTION("another account") {
    rival.account = key_of(kPayee);
  }
  SECTION("another place") {
    rival.previous = filled(8);
  }
  const std::string hash = banano::to_hex(rival.hash());
  paid.set_previous({{"successor", hash}});
  SECTION("unreadable") {
    paid.fixture.node["block_info " + hash] = R"({"confirmed":"true"})";
    CHECK(paid.query().kind == Status::Kind::cannot_tell);
    return;
  }
  SECTION("contents of another block") {
    rival.balance = ban("1");
  }
  SECTION("no longer there") {
    paid.fixture.node["block_info " + hash] = kNotFound;
    CHECK(paid.query().kind == Status::Kind::cannot_tell);
    return;
  }
  paid.fixture.node["block_info " + hash] = info_of(rival, {{"confirmed", "true"}});
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
}

TEST_CASE("a successor that is ours after all, or that nobody names, settles nothing") {
  Paid paid;
  SECTION("ours") {
    paid.set_previous({{"successor", paid.hash()}});
  }
  SECTION("not named, and the account has moved on") {
    paid.set_previous({});
    paid.fixture.set_account("105", 8, "8", banano::to_hex(filled(8)));
  }
  SECTION("successors contradicts the frontier") {
    paid.set_previous({});
    paid.fixture.set_account("105", 8, "8", banano::to_hex(filled(8)));
    paid.fixture.node["successors"] = R"({"blocks":[")" + banano::to_hex(filled(7)) + R"("]})";
  }
  SECTION("the block below cannot be read") {
    paid.fixture.node["block_info " + banano::to_hex(filled(7))] = "{}";
  }
  CHECK(paid.query().kind == Status::Kind::cannot_tell);
}

TEST_CASE("what one node does not know yet, another may") {
  Paid paid(local().with({{"fallback_node_urls", json::array{kOtherNode}}}));
  paid.set_rival("true");
  const std::string question = "block_info " + paid.hash();
  const json::object amount{{"amount", ban("1.5").to_string()}};
  SECTION("confirmed at the second") {
    paid.fixture.other[question] = info_of(paid.block(), with(amount, {{"confirmed", "true"}}));
    CHECK(paid.query().kind == Status::Kind::confirmed);
  }
  SECTION("unconfirmed at the first, confirmed at the second") {
    paid.ours() = info_of(paid.block(), amount);
    paid.fixture.other[question] = info_of(paid.block(), with(amount, {{"confirmed", "true"}}));
    CHECK(paid.query().kind == Status::Kind::confirmed);
  }
  SECTION("unconfirmed at the second: not lost, whatever the first thinks") {
    paid.fixture.other[question] = info_of(paid.block(), amount);
    CHECK(paid.query().kind == Status::Kind::pending);
  }
  SECTION("the first is down, the second does not have it") {
    paid.ours() = "(down)";
    CHECK(paid.query().kind == Status::Kind::absent);
  }
}

TEST_CASE("a query with an artefact that cannot be read, or is another order's, asks nothing") {
  Paid paid;
  const auto before = paid.fixture.bench.http->requests().size();
  auto order = example_order();
  order.destination = kLane;
  CHECK_THROWS(paid.fixture.query(order, paid.prepared));
  paid.prepared.artefact = "{";
  CHECK_THROWS(paid.query());
  CHECK(paid.fixture.bench.http->requests().size() == before);
}

// ---- the node's wallet

TEST_CASE("the node's wallet is told source, payee, amount and our reference as id") {
  Fixture fixture(node_wallet());
  const auto prepared = fixture.prepare();
  CHECK(prepared.artefact == R"({"action":"send","source":")" + kLane + R"(","destination":")" + kPayee +
                                 R"(","amount":")" + ban("1.5").to_string() + R"(","id":")" + kReference +
                                 "\"}");
  CHECK(prepared.artefact.find(kWallet) == std::string::npos);
  CHECK(fixture.asked("work_generate").empty());
  const std::string hash = banano::to_hex(filled(5));
  fixture.node["send"] = R"({"block":")" + hash + "\"}";
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::accepted);
  CHECK(submission.provider_ref == hash);
  CHECK(fixture.money_moving() == 1);
  const auto sent = fixture.asked("send").at(0);
  CHECK(sent.at("wallet").as_string() == kWallet);
  CHECK(sent.at("id").as_string() == kReference);
  CHECK(sent.at("source").as_string() == kLane);
  CHECK(sent.at("destination").as_string() == kPayee);
  CHECK(sent.at("amount").as_string() == ban("1.5").to_string());
}

TEST_CASE("an id is never sent with other parameters than those that were journaled") {
  Fixture fixture(node_wallet());
  auto order = example_order();
  auto prepared = fixture.prepare(order);
  SECTION("another amount") {
    order.money.amount = Amount::parse("2").value();
  }
  SECTION("another payee") {
    order.destination = kLane;
  }
  SECTION("another account") {
    order.lane = kPayee;
  }
  SECTION("another reference") {
    order.reference = "21111111-2222-4333-8444-555555555555";
  }
  SECTION("another id was looked up to be journaled") {
    prepared.lookup["id"] = "x";
  }
  CHECK(failure_of([&] { fixture.submit(order, prepared); }).find("; nothing was sent") != std::string::npos);
  CHECK(fixture.money_moving() == 0);
}

TEST_CASE("no error of the node's wallet is a refusal, and none shows the wallet's id") {
  const std::string error =
      GENERATE("insufficient balance (of work)", "Wallet not found", "Account not found in wallet",
               "Bad destination account", "Error generating block", "Internal server error in RPC");
  Fixture fixture(node_wallet());
  const auto prepared = fixture.prepare();
  fixture.node["send"] = R"({"error":")" + error + "\"}";
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::unknown);
  CHECK(submission.code == error);
  fixture.node["send"] = R"({"error":"no wallet )" + kWallet + "\"}";
  const Submission echo = fixture.submit(prepared);
  CHECK(echo.message == "no wallet ***");
  CHECK(echo.code.find(kWallet) == std::string::npos);
}

TEST_CASE("a wallet that is locked or empty has sent nothing, and the same id goes again") {
  const std::string error = GENERATE("Insufficient balance", "Wallet is locked");
  CHECK(contract_of(node_wallet()).meaning_of(error) == payoutd::CodeMeaning::not_accepted);
  CHECK_FALSE(contract_of(local()).meaning_of(error));
  Fixture fixture(node_wallet());
  const auto prepared = fixture.prepare();
  fixture.node["send"] = R"({"error":")" + error + "\"}";
  const Submission submission = fixture.submit(prepared);
  CHECK(submission.kind == Submission::Kind::not_accepted);
  CHECK(submission.code == error);
  const std::string hash = banano::to_hex(filled(5));
  fixture.node["send"] = R"({"block":")" + hash + "\"}";
  CHECK(fixture.submit(fixture.prepare()).kind == Submission::Kind::accepted);
  const auto sent = fixture.asked("send");
  REQUIRE(sent.size() == 2);
  CHECK(sent[0] == sent[1]);
}

TEST_CASE("a wallet's payment is found by the hash that the node gave for its id") {
  Fixture fixture(node_wallet());
  const auto prepared = fixture.prepare();
  const StateBlock block{key_of(kLane), filled(7), key_of(kRepresentative), ban("98.5"), key_of(kPayee)};
  const std::string hash = banano::to_hex(block.hash());
  const auto answer = [&](const StateBlock& shown, const json::object& more) {
    const std::string name = banano::to_hex(shown.hash());
    fixture.node["block_info " + name] = info_of(shown, with({{"amount", ban("1.5").to_string()}}, more));
    return fixture.query(prepared, name);
  };
  const Status confirmed = answer(block, {{"confirmed", "true"}});
  CHECK(confirmed.kind == Status::Kind::confirmed);
  CHECK(confirmed.found.amount == Amount::parse("1.5").value());
  CHECK(confirmed.found.destination == kPayee);
  CHECK_FALSE(confirmed.found.reference);  // a block carries no id: nothing here vouches for it
  CHECK(text_of(*confirmed.lane_state, "frontier") == hash);
  CHECK(answer(block, {}).kind == Status::Kind::pending);

  auto elsewhere = block;
  elsewhere.link = filled(4);
  CHECK(answer(elsewhere, {{"confirmed", "true"}}).found.destination == banano::encode_address(filled(4)));
  auto from_another = block;
  from_another.account = filled(3);
  CHECK(answer(from_another, {{"confirmed", "true"}}).found.reference ==
        "account=" + banano::encode_address(filled(3)));
}

namespace {

/// A wallet's payment whose answer was lost, and the account's blocks since it was prepared.
struct LostSend {
  LostSend() { fixture.node["block_info"] = kNotFound; }

  /// One more block on the account: to whom, and what it leaves.
  Bytes32 add(const Bytes32& link, const std::string& left, const std::string& amount) {
    const StateBlock block{key_of(kLane), tip, key_of(kRepresentative), ban(left), link};
    tip = block.hash();
    fixture.node["block_info " + banano::to_hex(tip)] =
        info_of(block, {{"confirmed", "true"}, {"amount", ban(amount).to_string()}});
    fixture.set_account(left, ++height, "7", banano::to_hex(tip));
    return tip;
  }
  Status query(const std::string& provider_ref = {}) { return fixture.query(prepared, provider_ref); }

  Fixture fixture{node_wallet()};
  payoutd::Prepared prepared = fixture.prepare();
  Bytes32 tip = filled(7);
  int height = 7;
};

}  // namespace

TEST_CASE("a wallet's payment whose hash was lost is searched above the block on which it was prepared") {
  LostSend lost;
  SECTION("nothing was sent: the same id may be sent again") {
    CHECK(lost.query().kind == Status::Kind::absent);
    CHECK(lost.query(kNothing).kind == Status::Kind::absent);  // a block that the node lost again
  }
  SECTION("something was received meanwhile") {
    lost.add(filled(1), "102", "2");
    CHECK(lost.query().kind == Status::Kind::absent);
  }
  SECTION("it is found between what was received") {
    lost.add(filled(1), "102", "2");
    const auto hash = lost.add(key_of(kPayee), "100.5", "1.5");
    lost.add(filled(2), "103.5", "3");
    const Status status = lost.query();
    CHECK(status.kind == Status::Kind::confirmed);
    CHECK(status.provider_ref == banano::to_hex(hash));
    CHECK(status.found.destination == kPayee);
    CHECK(status.found.amount == Amount::parse("1.5").value());
    CHECK_FALSE(status.found.reference);
  }
  CHECK(lost.fixture.money_moving() == 0);
}

TEST_CASE("where the search for a wallet's payment is not conclusive, nobody can tell") {
  LostSend lost;
  SECTION("the payee got another amount") {
    lost.add(key_of(kPayee), "98", "2");
  }
  SECTION("the payee got it twice") {
    lost.add(key_of(kPayee), "98.5", "1.5");
    lost.add(key_of(kPayee), "97", "1.5");
  }
  SECTION("a block cannot be read") {
    lost.fixture.node["block_info " + banano::to_hex(lost.add(filled(1), "102", "2"))] = "{}";
  }
  SECTION("the account's blocks do not lead back to it") {
    lost.tip = filled(6);
    lost.add(filled(1), "102", "2");
  }
  SECTION("the account has moved on too far") {
    for (int i = 0; i < 65; ++i) lost.add(filled(1), "102", "2");
  }
  SECTION("the node does not answer") {
    lost.fixture.node["account_info"] = GENERATE("(down)", "(502)", R"({"error":"Account not found"})");
  }
  SECTION("nothing was noted to search by") {
    lost.prepared.lookup.erase("previous");
  }
  CHECK(lost.query().kind == Status::Kind::cannot_tell);
}

TEST_CASE("a hash that cannot be looked up is no reason to search for another") {
  LostSend lost;
  lost.add(key_of(kPayee), "98.5", "1.5");
  lost.fixture.node["block_info"] = "(down)";
  CHECK(lost.query(kNothing).kind == Status::Kind::cannot_tell);
}

TEST_CASE("a change of mode does not strand what was prepared before it") {
  Fixture local;
  Fixture wallet(node_wallet());
  const auto block = local.prepare();
  const auto send = wallet.prepare();
  CHECK(wallet.submit(block).kind == Submission::Kind::accepted);
  CHECK(failure_of([&] { local.submit(send); }).find("is not configured; nothing was sent") !=
        std::string::npos);
  CHECK(local.query(send).kind == Status::Kind::absent);
}

// ---- upkeep

TEST_CASE("funds are received into the account, one block behind the other, and the next work is ready") {
  Fixture fixture;
  fixture.node["receivable"] = R"({"blocks":{")" + banano::to_hex(filled(1)) + R"(":")" +
                               ban("2").to_string() + R"(",")" + banano::to_hex(filled(2)) + R"(":")" +
                               ban("3").to_string() + R"("}})";
  const auto state = fixture.maintain();
  const auto published = fixture.asked("process");
  REQUIRE(published.size() == 2);
  const auto block = [&](std::size_t i) {
    return banano::decode_block(json::serialize(published[i].at("block"))).value();
  };
  CHECK(published[0].at("subtype").as_string() == "receive");
  CHECK(block(0).block.previous == filled(7));
  CHECK(block(0).block.balance == ban("102"));
  CHECK(block(0).block.link == filled(1));
  CHECK(block(0).block.representative == key_of(kRepresentative));
  CHECK(banano::verify(key_of(kLane), block(0).block.hash(), block(0).signature));
  CHECK(block(1).block.previous == block(0).block.hash());
  CHECK(block(1).block.balance == ban("105"));
  CHECK(fixture.money_moving() == 0);
  // The receives are not confirmed yet: the lower bound stays, the work is for what comes next.
  CHECK(text_of(state, "frontier") == banano::to_hex(filled(7)));
  CHECK(text_of(state, "height") == "7");
  CHECK(text_of(state.at("work").as_object(), "root") == banano::to_hex(block(1).block.hash()));
  CHECK(fixture.asked("receivable").at(0).at("threshold").as_string() == ban("0.01").to_string());
  CHECK(fixture.asked("receivable").at(0).at("include_only_confirmed").as_string() == "true");
}

TEST_CASE("an account without blocks is opened by its first receive") {
  Fixture fixture;
  fixture.node["account_info"] = R"({"error":"Account not found"})";
  fixture.node["receivable"] =
      R"({"blocks":{")" + banano::to_hex(filled(1)) + R"(":")" + ban("2").to_string() + R"("}})";
  const auto state = fixture.maintain();
  const auto published = fixture.asked("process");
  REQUIRE(published.size() == 1);
  CHECK(published[0].at("subtype").as_string() == "open");
  const auto block = banano::decode_block(json::serialize(published[0].at("block"))).value();
  CHECK(block.block.previous == banano::kZero);
  CHECK(block.block.balance == ban("2"));
  CHECK(block.block.representative == key_of(kLane));
  CHECK(banano::difficulty_of(block.work, key_of(kLane)) >= kThreshold);
  CHECK_FALSE(state.contains("frontier"));
}

TEST_CASE("a node of an older version is asked for what is pending") {
  Fixture fixture;
  fixture.node["pending"] = R"({"blocks":""})";
  fixture.maintain();
  CHECK(fixture.asked("receivable").size() == 1);
  CHECK(fixture.asked("pending").size() == 1);
  fixture.maintain();
  CHECK(fixture.asked("receivable").size() == 1);  // remembered
  CHECK(fixture.asked("pending").size() == 2);
  CHECK(fixture.asked("process").empty());

  Fixture fixed(local().with({{"receivable_action", "pending"}}));
  fixed.node["pending"] = R"({"blocks":""})";
  fixed.maintain();
  CHECK(fixed.asked("receivable").empty());

  Fixture neither;
  CHECK(failure_of([&] { neither.maintain(); }).find("Unknown command") != std::string::npos);
}

TEST_CASE("where only hashes are listed, the amount is that of the block") {
  Fixture fixture;
  const StateBlock source{filled(3), filled(4), filled(5), ban("10"), key_of(kLane)};
  const std::string hash = banano::to_hex(source.hash());
  fixture.node["receivable"] = R"({"blocks":[")" + hash + R"("]})";
  SECTION("known") {
    fixture.node["block_info " + hash] = info_of(source, {{"amount", ban("2").to_string()}});
    fixture.maintain();
    const auto published = fixture.asked("process");
    REQUIRE(published.size() == 1);
    CHECK(published[0].at("block").at("balance").as_string() == ban("102").to_string());
  }
  SECTION("unknown: nothing is received") {
    fixture.node["block_info " + hash] = kNotFound;
    fixture.maintain();
    CHECK(fixture.asked("process").empty());
  }
}

TEST_CASE("funds that cannot be received do not stop those behind them") {
  const std::string error = GENERATE("Unreceivable", "Balance and amount delta do not match");
  Fixture fixture;
  fixture.node["receivable"] = R"({"blocks":{")" + banano::to_hex(filled(1)) + R"(":")" +
                               ban("2").to_string() + R"(",")" + banano::to_hex(filled(2)) + R"(":")" +
                               ban("3").to_string() + R"("}})";
  fixture.node["process " + banano::to_hex(filled(1))] = R"({"error":")" + error + "\"}";
  const auto state = fixture.maintain();
  const auto published = fixture.asked("process");
  REQUIRE(published.size() == 2);
  const auto second = banano::decode_block(json::serialize(published[1].at("block"))).value();
  CHECK(second.block.previous == filled(7));  // in the place that the first one did not take
  CHECK(second.block.link == filled(2));
  CHECK(second.block.balance == ban("103"));
  CHECK(text_of(state.at("work").as_object(), "root") == banano::to_hex(second.block.hash()));
  CHECK(fixture.asked("work_generate").size() == 2);  // one for the place, one for what comes next
  const auto& entries = fixture.bench.log->entries();
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].event == "banano.receive_failed");
  CHECK(entries[0].fields.at("reason").as_string() == error);
  CHECK(entries[1].event == "banano.received");
}

TEST_CASE("a receive that the node may have taken ends the round, and the next one looks again") {
  const std::string answer = GENERATE(as<std::string>{}, R"({"error":"Old block"})", R"({"error":"Fork"})",
                                      R"({"error":"Gap source block"})",
                                      R"({"error":"Internal server error in RPC"})", R"({"hash":"12"})");
  Fixture fixture;
  fixture.node["receivable"] =
      R"({"blocks":{")" + banano::to_hex(filled(1)) + R"(":"1",")" + banano::to_hex(filled(2)) + R"(":"1"}})";
  fixture.node["process"] = answer;
  const auto state = fixture.maintain();
  CHECK(fixture.asked("process").size() == 1);
  CHECK(text_of(state.at("work").as_object(), "root") == banano::to_hex(filled(7)));
  const auto& entries = fixture.bench.log->entries();
  REQUIRE(entries.size() == 1);
  CHECK(entries[0].event == "banano.receive_failed");
}

TEST_CASE("a round of receiving has its limit") {
  Fixture fixture(local().with({{"receive_limit", 2}}));
  json::object blocks;
  for (std::uint8_t i = 1; i <= 5; ++i) blocks[banano::to_hex(filled(i))] = "1";
  fixture.node["receivable"] = json::serialize(json::object{{"blocks", blocks}});
  fixture.maintain();
  CHECK(fixture.asked("process").size() == 2);
  CHECK(fixture.asked("receivable").at(0).at("count").as_string() == "18");  // some may not be receivable
}

TEST_CASE("nothing is received or prepared where the settings say so, or the node's wallet does it") {
  Fixture fixture(local().with({{"receive", false}, {"work_ahead", false}}));
  const auto state = fixture.maintain();
  CHECK(text_of(state, "height") == "7");
  CHECK(fixture.bench.http->requests().size() == 1);
  Fixture wallet(node_wallet());
  CHECK(text_of(wallet.maintain(), "height") == "7");
  CHECK(wallet.bench.http->requests().size() == 1);
}

TEST_CASE("upkeep does not touch an account whose newest block is unconfirmed, or a node that lags behind") {
  Fixture fixture;
  fixture.set_account("100", 7, "6");
  const json::object known{{"network", "test"}, {"frontier", banano::to_hex(filled(6))}, {"height", "6"}};
  CHECK(fixture.maintain(known) == known);
  CHECK(fixture.asked("block_confirm").size() == 1);
  CHECK(fixture.asked("receivable").empty());
  const json::object ahead{{"network", "test"}, {"frontier", banano::to_hex(filled(9))}, {"height", "9"}};
  CHECK(failure_of([&] { fixture.maintain(ahead); }).find("lags behind") != std::string::npos);
  CHECK_THROWS(fixture.maintain({}, kPayee));
}

TEST_CASE("ready work is kept while it fits") {
  Fixture fixture;
  fixture.node["receivable"] = R"({"blocks":""})";
  const auto state = fixture.maintain();
  CHECK(fixture.asked("work_generate").size() == 1);
  CHECK(fixture.maintain(state) == state);
  CHECK(fixture.asked("work_generate").size() == 1);
  auto order = example_order();
  order.lane_state = state;
  fixture.prepare(order);
  CHECK(fixture.asked("work_generate").size() == 1);
}

// ---- balance, probe, callbacks, secrets

TEST_CASE("the balance is the sum of the paying accounts, rounded down") {
  Fixture fixture(local().with({{"account_count", 2}}));
  const auto lanes = fixture.provider->lanes();
  const auto balance = [&](const std::string& first, const std::string& second) {
    fixture.node["account_balance " + lanes[0]] = first;
    fixture.node["account_balance " + lanes[1]] = second;
    return fixture.balance();
  };
  const auto raw = [](const std::string& digits) {
    return R"({"balance":")" + digits + R"(","pending":"5"})";
  };
  const auto sum = balance(raw("150000000000000000000000000000"), raw("50000000000000000000000000001"));
  CHECK(sum.available == Amount::parse("2").value());
  CHECK(sum.currency == "BAN");
  const std::string most = "340282366920938463463374607431768211455";
  CHECK(balance(raw(most), raw(most)).available == Amount::parse("3402823669.20938463").value());
  CHECK(balance(raw("0"), R"({"error":"Account not found"})").available == Amount());
  CHECK_THROWS(balance(raw("0"), R"({"error":"Bad account number"})"));
  CHECK_THROWS(balance(raw("0"), "{}"));
  CHECK_THROWS(balance(raw("0"), "(down)"));
}

TEST_CASE("a probe finds a wrong node, a wrong network and a locked wallet") {
  const auto probe = [](Fixture& fixture) { return failure_of([&] { fixture.probe(); }); };
  Fixture local;
  local.node["account_balance"] = R"({"balance":"1","pending":"0"})";
  CHECK(probe(local).find("does not say what it is") != std::string::npos);
  for (const std::string network : {R"(,"network":"test")", R"(,"network":"dev")", ""}) {
    local.node["version"] = R"({"node_vendor":"Banano V20.0")" + network + "}";
    CHECK(probe(local) == "(none)");
  }
  local.node["version"] = R"({"node_vendor":"Banano V20.0","network":"live"})";
  CHECK(probe(local) == "the node is on the network 'live', but the settings say test");
  local.node["version"] = "(down)";
  CHECK(probe(local).find("refused") != std::string::npos);

  Fixture wallet(node_wallet());
  wallet.node["version"] = R"({"node_vendor":"Banano V20.0"})";
  wallet.node["account_balance"] = R"({"balance":"1","pending":"0"})";
  CHECK(probe(wallet) == "(none)");  // a node that does not know wallet_locked
  wallet.node["wallet_locked"] = R"({"locked":"0"})";
  CHECK(probe(wallet) == "(none)");
  wallet.node["wallet_locked"] = R"({"locked":"1"})";
  CHECK(probe(wallet) == "the node's wallet is locked");
  wallet.node["wallet_locked"] = R"({"error":"RPC control is disabled"})";
  CHECK(probe(wallet) == "the node's wallet cannot be used: RPC control is disabled");
}

TEST_CASE("a callback is a hint at most") {
  using Kind = payoutd::WebhookReading::Kind;
  struct Row {
    std::string method, body, reference;
    Kind kind;
    std::string provider_ref;
  };
  const std::string hash = banano::to_hex(filled(5));
  const std::string ours = R"({"account":")" + kLane + R"(","hash":")" + hash +
                           R"(","block":"{}","amount":"1","is_send":"true","subtype":"send"})";
  const std::string foreign = R"({"account":")" + kPayee + R"(","hash":")" + hash + "\"}";
  const Row row = GENERATE_COPY(values<Row>({
      {"POST", ours, "", Kind::hint, hash},
      {"POST", ours, kReference, Kind::hint, hash},
      {"POST", foreign, "", Kind::rejected, ""},
      {"POST", foreign, kReference, Kind::hint, ""},
      {"POST", "garbage", "", Kind::rejected, ""},
      {"POST", "garbage", kReference, Kind::hint, ""},
      {"POST", "{}", "", Kind::rejected, ""},
      {"GET", ours, kReference, Kind::rejected, ""},
      {"PUT", ours, "", Kind::rejected, ""},
  }));
  INFO(row.method << " " << row.body);
  Fixture fixture;
  const auto reading =
      fixture.provider->read_webhook({row.method, "/v1/webhooks/banano", {}, row.body, row.reference});
  CHECK(reading.kind == row.kind);
  CHECK(reading.provider_ref == row.provider_ref);
  CHECK(reading.reason.empty() == (row.kind == Kind::hint));
  if (row.kind == Kind::hint) CHECK(reading.reference == row.reference);
}

TEST_CASE("the seed leaves the plugin in no request, artefact, state or message") {
  const std::string seed = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";
  const auto parsed = banano::Seed::parse(seed).value();
  const std::string private_key = banano::to_hex(parsed.secret_of(0));
  const std::string lane = banano::encode_address(parsed.key(0).public_key());
  Fixture fixture(local().with_secrets({{"seed", json::array{seed}}}));
  auto order = example_order();
  order.lane = lane;
  const auto prepared = fixture.prepare(order);
  fixture.submit(order, prepared);
  fixture.node["block_info"] = R"({"error":"echo )" + seed + "\"}";
  fixture.node["receivable"] =
      R"({"blocks":{")" + banano::to_hex(filled(1)) + R"(":")" + ban("2").to_string() + R"("}})";
  std::string said = prepared.artefact + json::serialize(prepared.lookup) +
                     json::serialize(*prepared.lane_state) + json::serialize(fixture.maintain({}, lane));
  for (const auto& request : fixture.http().requests()) said += request.content();
  said += fixture.said();
  CHECK(said.find(lane) != std::string::npos);
  for (char& c : said) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  CHECK(said.find(seed) == std::string::npos);
  CHECK(said.find(private_key) == std::string::npos);
}
