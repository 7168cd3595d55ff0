#define CATCH_CONFIG_MAIN
#include "wire.hpp"

#include <catch2/catch.hpp>

namespace {

using banano::Answer;
using banano::Raw;
using payoutd::CodeMeaning;
using payoutd::Submission;

const std::string kAccount = "ban_1qato4k7z3spc8gq1zyd8xeqfbzsoxwo36a45ozbrxcatut7up8ohyardu1z";
const std::string kRepresentative = "ban_3pczxuorp48td8645bs3m6c3xotxd3idskrenmi65rbrga5zmkemzhwkaznh";
const std::string kPrevious = "6CDDA48608C7843A0AC1122BDD46D9E20E21190986B19EAC23E7F33F2E6A6766";
const std::string kLink = "87434F8041869A01C8F6F263B87972D7BA443A72E0A97D7A3FD0CCC2358FD6F9";
const std::string kHash = "E2FB233EF4554077A7BF1AA85851D5BF0B36965D2B0FB504B2BC778AB89917D3";
const std::string kSignature =
    "A5DB164F6B81648F914E49CAB533900C389FAAD64FBB24F6902F9261312B29F7"
    "30D07E9BCCD21D918301419B4E05B181637CF8419ED4DCBF8EF2539EB2467F07";
const std::string kBalance = "40200000001000000000000000000000000";

banano::Hash hash_of(std::string_view hex) {
  return banano::parse_bytes32(hex).value();
}

Answer ok(std::string_view body) {
  return Answer::read(200, body);
}

std::string contents(const std::string& balance = "\"" + kBalance + "\"") {
  return R"({"type":"state","account":")" + kAccount + R"(","previous":")" + kPrevious +
         R"(","representative":")" + kRepresentative + R"(","balance":)" + balance + R"(,"link":")" + kLink +
         R"(","link_as_account":"ignored","signature":")" + kSignature + R"(","work":"8a142e07a10996d5"})";
}

std::string block_info(const std::string& rest, const std::string& inner = contents()) {
  return R"({"block_account":")" + kAccount + R"(","amount":"30000000000000000000000000000000000",)" + rest +
         R"("balance":")" + kBalance + R"(","height":"58","local_timestamp":"1767225000","contents":)" +
         inner + R"(,"subtype":"send"})";
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string result;
  for (std::size_t i = 0; i < times; ++i) result += text;
  return result;
}

}  // namespace

// ---- requests

TEST_CASE("requests are these bytes exactly") {
  using namespace banano;
  CHECK(account_info_request("A") ==
        R"({"action":"account_info","account":"A","representative":"true","include_confirmed":"true"})");
  CHECK(account_balance_request("A") == R"({"action":"account_balance","account":"A"})");
  CHECK(block_info_request(hash_of(kHash)) ==
        R"({"action":"block_info","json_block":"true","hash":")" + kHash + "\"}");
  CHECK(block_confirm_request(hash_of(kHash)) == R"({"action":"block_confirm","hash":")" + kHash + "\"}");
  CHECK(successors_request(hash_of(kHash)) ==
        R"({"action":"successors","block":")" + kHash + R"(","count":"2"})");
  CHECK(receivable_request("pending", "A", 10, Raw(1)) ==
        R"({"action":"pending","account":"A","count":"10","threshold":"1","include_only_confirmed":"true"})");
  CHECK(work_generate_request(hash_of(kHash), 0xfffffe0000000000) ==
        R"({"action":"work_generate","hash":")" + kHash + R"(","difficulty":"fffffe0000000000"})");
  CHECK(version_request() == R"({"action":"version"})");
  CHECK(process_request("{ block }", "send") ==
        R"({"action":"process","json_block":"true","subtype":"send","block":{ block }})");
}

TEST_CASE("a block is written as the node writes it, and read back") {
  const auto block = banano::decode_block(contents()).value();
  CHECK(block.block.hash() == hash_of(kHash));
  CHECK(block.work == 0x8a142e07a10996d5);
  const std::string written = banano::encode_block(block);
  CHECK(written == R"({"type":"state","account":")" + kAccount + R"(","previous":")" + kPrevious +
                       R"(","representative":")" + kRepresentative + R"(","balance":")" + kBalance +
                       R"(","link":")" + kLink + R"(","link_as_account":")" +
                       banano::encode_address(hash_of(kLink)) + R"(","signature":")" + kSignature +
                       R"(","work":"8a142e07a10996d5"})");
  CHECK(banano::decode_block(written).value() == block);
  for (std::size_t length = 0; length < written.size(); ++length) {
    CHECK(banano::decode_block(written.substr(0, length)).has_error());
  }
}

TEST_CASE("a wallet's payment is written without the wallet, and read back") {
  const banano::WalletSend send{kAccount, kRepresentative, Raw(1000), "id-1"};
  const std::string written = banano::encode_wallet_send(send);
  CHECK(written == R"({"action":"send","source":")" + kAccount + R"(","destination":")" + kRepresentative +
                       R"(","amount":"1000","id":"id-1"})");
  CHECK(banano::decode_wallet_send(written).value() == send);
  CHECK(banano::send_request(send, "W") == R"({"action":"send","wallet":"W","source":")" + kAccount +
                                               R"(","destination":")" + kRepresentative +
                                               R"(","amount":"1000","id":"id-1"})");
  CHECK(banano::decode_wallet_send(contents()).has_error());
  CHECK(banano::decode_wallet_send(R"({"action":"send","source":"a","destination":"b","amount":"1","id":""})")
            .has_error());
  CHECK(banano::decode_block(written).has_error());
}

// ---- answers as such

TEST_CASE("an answer says something, says no, or says nothing") {
  using Kind = Answer::Kind;
  struct Row {
    int http_status;
    std::string body;
    Kind kind;
    std::string message;
  };
  const Row row = GENERATE(values<Row>({
      {200, R"({"hash":"x"})", Kind::fields, ""},
      {200, " {} \r\n", Kind::fields, ""},
      {200, R"({"error":"Block not found"})", Kind::error, "Block not found"},
      {200, R"({"error":"Block not found","hash":"x"})", Kind::error, "Block not found"},
      {200, R"({"error":null})", Kind::error, "an error without a text"},
      {200, R"({"error":"a\r\nb"})", Kind::error, "a  b"},
      {200, "", Kind::unusable, "HTTP 200 with a body that is not a JSON object"},
      {200, "[]", Kind::unusable, "HTTP 200 with a body that is not a JSON object"},
      {200, "<html>", Kind::unusable, "HTTP 200 with a body that is not a JSON object"},
      {200, R"({"a":1,"a":2})", Kind::unusable, "HTTP 200 with a body that is not a JSON object"},
      {200, R"({"a":1}{})", Kind::unusable, "HTTP 200 with a body that is not a JSON object"},
      {404, R"({"error":"Block not found"})", Kind::unusable, "HTTP 404 instead of an answer"},
      {500, R"({"hash":"x"})", Kind::unusable, "HTTP 500 instead of an answer"},
      {302, "", Kind::unusable, "HTTP 302 instead of an answer"},
      {201, R"({"hash":"x"})", Kind::unusable, "HTTP 201 instead of an answer"},
  }));
  INFO(row.http_status << " " << row.body);
  const Answer answer = Answer::read(row.http_status, row.body);
  CHECK(answer.kind == row.kind);
  CHECK(answer.message == row.message);
}

TEST_CASE("the node's errors are compared without case and never in part") {
  CHECK(ok(R"({"error":"BLOCK NOT FOUND"})").is_error("Block not found"));
  CHECK_FALSE(ok(R"({"error":"Block not found."})").is_error("Block not found"));
  CHECK_FALSE(ok(R"({"message":"Block not found"})").is_error("Block not found"));
  CHECK_FALSE(Answer::unusable("Block not found").is_error("Block not found"));
}

TEST_CASE("hostile bodies are unusable, not dangerous") {
  const std::string valid = block_info(R"("confirmed":"true",)");
  REQUIRE(banano::decode_block_info(ok(valid), hash_of(kHash)).has_value());
  for (std::size_t length = 0; length < valid.size(); ++length) {
    CHECK_FALSE(ok(valid.substr(0, length)).usable());
  }
  CHECK_FALSE(ok(valid + "x").usable());
  CHECK_FALSE(ok(valid + std::string(70'000, ' ')).usable());
  CHECK_FALSE(ok(repeated("{\"a\":", 10'000)).usable());
  CHECK_FALSE(ok(repeated("[", 60'000)).usable());
  CHECK_FALSE(ok("{\"x\":\"\xFF\"}").usable());
  CHECK_FALSE(ok(std::string("\0\0", 2)).usable());
}

// ---- process

TEST_CASE("only the block's own hash and Old block say anything of a published block") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const auto error = [](const std::string& text) { return R"({"error":")" + text + "\"}"; };
  const Row row = GENERATE_COPY(values<Row>({
      {200, R"({"hash":")" + kHash + "\"}", accepted, ""},
      {200, R"({"hash":"e2fb233ef4554077a7bf1aa85851d5bf0b36965d2b0fb504b2bc778ab89917d3"})", accepted, ""},
      {200, R"({"hash":")" + kHash + R"(","extra":[1]})", accepted, ""},
      {200, error("Old block"), duplicate, "Old block"},
      {200, R"({"hash":")" + kPrevious + "\"}", unknown, "banano.unreadable"},
      {200, R"({"hash":""})", unknown, "banano.unreadable"},
      {200, "{}", unknown, "banano.unreadable"},
      {200, R"({"hash":")" + kHash + R"(","error":"x"})", unknown, "x"},
      {200, R"({"started":"1"})", unknown, "banano.unreadable"},
      {200, error("Fork"), unknown, "Fork"},
      {200, error("Gap previous block"), unknown, "Gap previous block"},
      {200, error("Gap source block"), unknown, "Gap source block"},
      {200, error("Gap epoch open pending"), unknown, "Gap epoch open pending"},
      {200, error("Invalid block balance for given subtype"), unknown,
       "Invalid block balance for given subtype"},
      {200, error("Invalid previous block for given subtype"), unknown,
       "Invalid previous block for given subtype"},
      {200, error("Invalid block subtype"), unknown, "Invalid block subtype"},
      {200, error("Bad signature"), unknown, "Bad signature"},
      {200, error("Negative spend"), unknown, "Negative spend"},
      {200, error("Unreceivable"), unknown, "Unreceivable"},
      {200, error("Balance and amount delta do not match"), unknown, "Balance and amount delta do not match"},
      {200, error("This block cannot follow the previous block"), unknown,
       "This block cannot follow the previous block"},
      {200, error("Block work is less than threshold"), unknown, "Block work is less than threshold"},
      {200, error("Block work is insufficient"), unknown, "Block work is insufficient"},
      {200, error("Block is invalid"), unknown, "Block is invalid"},
      {200, error("Burning account"), unknown, "Burning account"},
      {200, error("Error processing block"), unknown, "Error processing block"},
      {200, error("Wallet is locked"), unknown, "Wallet is locked"},
      {200, error("Insufficient balance"), unknown, "Insufficient balance"},
      {200, error("RPC control is disabled"), unknown, "RPC control is disabled"},
      {200, error("Unable to parse JSON"), unknown, "Unable to parse JSON"},
      {200, error("Internal server error in RPC"), unknown, "Internal server error in RPC"},
      {200, error("Unknown command"), unknown, "Unknown command"},
      {200, error(""), unknown, "banano.node_error"},
      {200, error(std::string(150, 'x')), unknown, "banano.node_error"},
      {200, "", unknown, "banano.unreadable"},
      {200, R"({"hash":")" + kHash, unknown, "banano.unreadable"},
      {500, R"({"hash":")" + kHash + "\"}", unknown, "banano.unreadable"},
      {400, error("Old block"), unknown, "banano.unreadable"},
      {502, "<html>", unknown, "banano.unreadable"},
      {301, "", unknown, "banano.unreadable"},
  }));
  INFO(row.http_status << " " << row.body);
  const auto submission = banano::decode_process(row.http_status, row.body, hash_of(kHash));
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(submission.provider_ref == (row.kind == accepted ? kHash : ""));
}

TEST_CASE("the contract lists no code that refuses, and what says that nothing was sent for wallets only") {
  using Rules = std::vector<payoutd::CodeRule>;
  CHECK(banano::submit_codes(banano::SubmitBy::process) == Rules{{"Old block", CodeMeaning::duplicate}});
  CHECK(banano::submit_codes(banano::SubmitBy::send) ==
        Rules{{"Old block", CodeMeaning::duplicate},
              {"Wallet is locked", CodeMeaning::not_accepted},
              {"Insufficient balance", CodeMeaning::not_accepted}});
}

TEST_CASE("a wallet's answer names its block, or nothing is known") {
  struct Row {
    int http_status;
    std::string body;
    Submission::Kind kind;
    std::string code;
  };
  using enum Submission::Kind;
  const Row row = GENERATE_COPY(values<Row>({
      {200, R"({"block":")" + kHash + "\"}", accepted, ""},
      {200, R"({"block":"0000000000000000000000000000000000000000000000000000000000000000"})", unknown,
       "banano.unreadable"},
      {200, R"({"hash":")" + kHash + "\"}", unknown, "banano.unreadable"},
      {200, R"({"block":"12"})", unknown, "banano.unreadable"},
      {200, R"({"error":"Insufficient balance"})", not_accepted, "Insufficient balance"},
      {200, R"({"error":"Insufficient balance."})", unknown, "Insufficient balance."},
      {200, R"({"error":"Insufficient balance","block":")" + kHash + "\"}", unknown, "Insufficient balance"},
      {500, R"({"error":"Insufficient balance"})", unknown, "banano.unreadable"},
      {200, R"({"error":"Wallet is locked"})", not_accepted, "Wallet is locked"},
      {200, R"({"error":"Wallet is locked."})", unknown, "Wallet is locked."},
      {200, R"({"error":"Wallet is locked","block":")" + kHash + "\"}", unknown, "Wallet is locked"},
      {500, R"({"error":"Wallet is locked"})", unknown, "banano.unreadable"},
      {200, R"({"error":"Wallet not found"})", unknown, "Wallet not found"},
      {200, R"({"error":"Account not found in wallet"})", unknown, "Account not found in wallet"},
      {200, R"({"error":"Bad destination account"})", unknown, "Bad destination account"},
      {200, R"({"error":"Error generating block"})", unknown, "Error generating block"},
      {200, R"({"error":"RPC control is disabled"})", unknown, "RPC control is disabled"},
      {500, R"({"block":")" + kHash + "\"}", unknown, "banano.unreadable"},
      {200, "", unknown, "banano.unreadable"},
  }));
  INFO(row.http_status << " " << row.body);
  const auto submission = banano::decode_send(row.http_status, row.body);
  CHECK(submission.kind == row.kind);
  CHECK(submission.code == row.code);
  CHECK(submission.provider_ref == (row.kind == accepted ? kHash : ""));
}

// ---- block_info

TEST_CASE("a block is confirmed only where the node says so in as many words") {
  struct Row {
    std::string confirmed;
    bool expected;
  };
  const Row row = GENERATE(values<Row>({{R"("confirmed":"true",)", true},
                                        {R"("confirmed":true,)", true},
                                        {R"("confirmed":"false",)", false},
                                        {R"("confirmed":false,)", false},
                                        {R"("confirmed":"True",)", false},
                                        {R"("confirmed":"1",)", false},
                                        {R"("confirmed":1,)", false},
                                        {R"("confirmed":"yes",)", false},
                                        {R"("confirmed":null,)", false},
                                        {R"("confirmed":["true"],)", false},
                                        {"", false}}));
  INFO(row.confirmed);
  const auto info = banano::decode_block_info(ok(block_info(row.confirmed)), hash_of(kHash));
  REQUIRE(info.has_value());
  CHECK(info->confirmed == row.expected);
}

TEST_CASE("a block's fields are read, in whichever spelling") {
  const auto info = banano::decode_block_info(
      ok(block_info(R"("confirmed":"true","successor":")" + kPrevious + "\",")), hash_of(kHash));
  REQUIRE(info.has_value());
  CHECK(banano::encode_address(info->account) == kAccount);
  CHECK(info->amount == Raw::parse("30000000000000000000000000000000000"));
  CHECK(info->balance == Raw::parse(kBalance));
  CHECK(info->height == 58);
  CHECK(info->local_timestamp_s == 1767225000);
  CHECK(info->successor == hash_of(kPrevious));
  REQUIRE(info->contents);
  CHECK(info->contents->hash() == hash_of(kHash));

  const auto bare =
      banano::decode_block_info(ok(R"({"height":58,"amount":30000000000000000000000000000000000,)"
                                   R"("confirmed":true,"contents":)" +
                                   contents(kBalance) + "}"),
                                hash_of(kHash));
  REQUIRE(bare.has_value());
  CHECK(bare->amount == info->amount);
  CHECK(bare->height == 58);
  CHECK_FALSE(bare->successor);
}

TEST_CASE("contents may be a text that holds the block") {
  std::string quoted;
  for (const char c : contents()) quoted += c == '"' ? std::string("\\\"") : std::string(1, c);
  const auto info = banano::decode_block_info(ok(block_info("", "\"" + quoted + "\"")), hash_of(kHash));
  REQUIRE(info.has_value());
  CHECK(info->contents->hash() == hash_of(kHash));
}

TEST_CASE("contents of another block than the one asked for are not believed") {
  const auto problem = [](const std::string& body) {
    const auto info = banano::decode_block_info(ok(body), hash_of(kHash));
    return info ? std::string("fine") : info.error().field;
  };
  CHECK(problem(block_info("", contents("\"40200000001000000000000000000000001\""))) == "contents");
  CHECK(problem(block_info("", contents("\"4e34\""))) == "contents.balance");
  CHECK(problem(block_info("", contents("null"))) == "contents.balance");
  CHECK(problem(block_info("", "\"\"")) == "contents");
  CHECK(problem(block_info("", "[]")) == "contents");
  CHECK(problem(R"({"confirmed":"true"})") == "contents");
  CHECK(problem(block_info("", R"({"type":"state"})")) == "contents.account");
  CHECK(banano::decode_block_info(ok(block_info("")), hash_of(kPrevious)).has_error());
  CHECK(banano::decode_block_info(ok(R"({"error":"Block not found"})"), hash_of(kHash)).has_error());
}

TEST_CASE("a block of the old kinds has no contents that could be checked") {
  const auto info = banano::decode_block_info(
      ok(block_info(R"("confirmed":"true",)", R"({"type":"send","previous":"x"})")), hash_of(kHash));
  REQUIRE(info.has_value());
  CHECK(info->confirmed);
  CHECK_FALSE(info->contents);
}

// ---- accounts

TEST_CASE("an account's frontier is settled if any of the node's fields says so") {
  struct Row {
    std::string fields;
    std::optional<bool> settled;
  };
  const std::string other = kPrevious;
  const Row row = GENERATE_COPY(values<Row>({
      {R"("confirmation_height":"7")", true},
      {R"("confirmation_height":7)", true},
      {R"("confirmation_height":"6")", false},
      {R"("confirmed_height":"7")", true},
      {R"("confirmed_height":"6","confirmation_height":"7")", false},
      {R"("confirmed_frontier":")" + kHash + "\"", true},
      {R"("confirmed_frontier":")" + other + R"(","confirmation_height":"7")", false},
      {R"("confirmation_height_frontier":")" + kHash + "\"", true},
      {R"("confirmation_height":"x")", std::nullopt},
      {R"("extra":"1")", std::nullopt},
  }));
  INFO(row.fields);
  const auto info = banano::decode_account_info(ok(R"({"frontier":")" + kHash + R"(","balance":"235580",)" +
                                                   R"("block_count":"7","representative":")" +
                                                   kRepresentative + "\"," + row.fields + "}"));
  REQUIRE(info.has_value());
  CHECK(info->settled == row.settled);
  CHECK(info->height == 7);
  CHECK(info->balance == Raw(235580));
  CHECK(banano::encode_address(info->representative.value()) == kRepresentative);
}

TEST_CASE("an account's answer without frontier, balance or height is none") {
  const std::string all =
      R"("frontier":")" + kHash + R"(","balance":"1","block_count":"7","confirmation_height":"7")";
  REQUIRE(banano::decode_account_info(ok("{" + all + "}")).has_value());
  CHECK_FALSE(banano::decode_account_info(ok("{" + all + "}"))->representative);
  for (const std::string field : {"frontier", "balance", "block_count"}) {
    std::string without = all;
    without.replace(without.find(field), 1, "X");
    const auto info = banano::decode_account_info(ok("{" + without + "}"));
    REQUIRE(info.has_error());
    CHECK(info.error().field == field);
  }
  const auto error = banano::decode_account_info(ok(R"({"error":"Account not found"})"));
  CHECK(error.error().reason == "Account not found");
}

TEST_CASE("the successor is the second of two blocks") {
  const auto successor = [](const std::string& blocks) {
    const auto found = banano::decode_successor(ok(R"({"blocks":)" + blocks + "}"), hash_of(kHash));
    return found ? banano::to_hex(*found) : found.error().field;
  };
  CHECK(successor(R"([")" + kHash + R"(",")" + kPrevious + R"("])") == kPrevious);
  CHECK(successor(R"([")" + kHash + R"("])") == std::string(64, '0'));
  CHECK(successor(R"([")" + kPrevious + R"(",")" + kHash + R"("])") == "blocks");
  CHECK(successor(R"([])") == "blocks");
  CHECK(successor("\"\"") == "blocks");
  CHECK(successor(R"([")" + kHash + R"(","x"])") == "blocks");
  CHECK(successor(R"([")" + kHash + R"(",")" + kHash + R"(",")" + kHash + R"("])") == "blocks");
}

TEST_CASE("what can be received is listed in three ways, and nothing in three") {
  const auto listed = [](const std::string& blocks) {
    return banano::decode_receivable(ok(R"({"blocks":)" + blocks + "}"));
  };
  CHECK(listed("\"\"")->empty());
  CHECK(listed("{}")->empty());
  CHECK(listed("[]")->empty());
  const auto plain = listed(R"({")" + kHash + R"(":"6000000000000000000000000000000"})").value();
  REQUIRE(plain.size() == 1);
  CHECK(plain[0].source == hash_of(kHash));
  CHECK(plain[0].amount == Raw::parse("6000000000000000000000000000000"));
  CHECK(listed(R"({")" + kHash + R"(":5})")->at(0).amount == Raw(5));
  CHECK(listed(R"({")" + kHash + R"(":{"amount":"5","source":"x"}})")->at(0).amount == Raw(5));
  const auto hashes = listed(R"([")" + kHash + R"("])").value();
  REQUIRE(hashes.size() == 1);
  CHECK_FALSE(hashes[0].amount);
  for (const std::string bad : {R"("x")", R"({"x":"1"})", R"(["x"])", "[1]", "null", "1"}) {
    INFO(bad);
    CHECK(listed(bad).has_error());
  }
  CHECK(listed(R"({")" + kHash + R"(":"-5"})").has_error());
  CHECK(listed(R"({")" + kHash + R"(":null})").has_error());
  CHECK(banano::decode_receivable(ok("{}")).has_error());
  CHECK(banano::decode_receivable(ok(R"({"error":"Unknown command"})")).error().reason == "Unknown command");
}

TEST_CASE("small answers are read") {
  CHECK(banano::decode_account_balance(ok(R"({"balance":"10000","pending":"1"})")).value() == Raw(10000));
  CHECK(banano::decode_account_balance(ok(R"({"pending":"1"})")).has_error());
  CHECK(banano::decode_work(ok(R"({"work":"2bf29ef00786a6bc","difficulty":"f"})")).value() ==
        0x2bf29ef00786a6bc);
  CHECK(banano::decode_work(ok(R"({"work":""})")).has_error());
  CHECK(banano::decode_processed(ok(R"({"hash":")" + kHash + "\"}")).value() == hash_of(kHash));
  CHECK(banano::decode_processed(ok(R"({"error":"Fork"})")).error().reason == "Fork");
  CHECK(banano::decode_version(ok(R"({"rpc_version":"1","node_vendor":"Banano V20.0","network":"test"})"))
            .value()
            .network == "test");
  CHECK(banano::decode_version(ok(R"({"protocol_version":"18"})")).value().network.empty());
  CHECK(banano::decode_version(ok(R"({"hello":"world"})")).has_error());
  CHECK(banano::decode_wallet_locked(ok(R"({"locked":"1"})")) == true);
  CHECK(banano::decode_wallet_locked(ok(R"({"locked":"0"})")) == false);
  CHECK_FALSE(banano::decode_wallet_locked(ok(R"({"error":"Unknown command"})")));
}

TEST_CASE("a callback names a block of an account") {
  const auto callback = banano::decode_callback(R"({"account":")" + kAccount + R"(","hash":")" + kHash +
                                                R"(","block":"{}","amount":"1","is_send":"true"})");
  REQUIRE(callback.has_value());
  CHECK(callback->account == kAccount);
  CHECK(callback->hash == hash_of(kHash));
  for (const std::string& bad :
       {std::string(), std::string("[]"), std::string("{}"), R"({"account":")" + kAccount + "\"}",
        R"({"hash":")" + kHash + "\"}", R"({"account":"ban_x","hash":")" + kHash + "\"}"}) {
    INFO(bad);
    CHECK(banano::decode_callback(bad).has_error());
  }
}

TEST_CASE("texts are shown in one line of plain characters") {
  CHECK(banano::safe_text("a\r\nb\x1b[31m") == "a  b [31m");
  CHECK(banano::safe_text("\xC3\xA9") == "??");
  CHECK(banano::safe_text(std::string(500, 'x')).size() == 200);
}
