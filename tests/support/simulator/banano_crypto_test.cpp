// Keys, addresses, amounts, blocks and work against values that were not made by this code.
#include "banano_crypto.hpp"

#include <boost/property_tree/ptree.hpp>
#include <catch2/catch.hpp>

#include "banano_amount.hpp"
#include "banano_block.hpp"

using namespace simulator::banano;

namespace {

Bytes<32> bytes(std::string_view hex) {
  return *parse_hex<32>(hex);
}

Bytes<32> filled(unsigned char value) {
  Bytes<32> all{};
  all.fill(value);
  return all;
}

PublicKey account(const std::string& body) {
  const auto key = parse_address("ban_" + body);
  REQUIRE(key);
  return *key;
}

StateBlock documented_block() {
  StateBlock block;
  block.account = account("1qato4k7z3spc8gq1zyd8xeqfbzsoxwo36a45ozbrxcatut7up8ohyardu1z");
  block.previous = bytes("6CDDA48608C7843A0AC1122BDD46D9E20E21190986B19EAC23E7F33F2E6A6766");
  block.representative = account("3pczxuorp48td8645bs3m6c3xotxd3idskrenmi65rbrga5zmkemzhwkaznh");
  block.balance = *parse_raw("40200000001000000000000000000000000");
  block.link = bytes("87434F8041869A01C8F6F263B87972D7BA443A72E0A97D7A3FD0CCC2358FD6F9");
  return block;
}

constexpr const char* kDocumentedSignature =
    "A5DB164F6B81648F914E49CAB533900C389FAAD64FBB24F6902F9261312B29F730D07E9BCCD21D918301419B4E05B181637CF841"
    "9E"
    "D4DCBF8EF2539EB2467F07";
constexpr const char* kGenesisBody = "3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo";

}  // namespace

TEST_CASE("Banano: public keys") {
  CHECK(to_hex(public_key(filled(0x00))) ==
        "19D3D919475DEED4696B5D13018151D1AF88B2BD3BCFF048B45031C1F36D1858");
  CHECK(to_hex(public_key(filled(0x11))) ==
        "ACA68A2D52FE17BAB36D48456569FE7F91F23CB57B971B13FAF236EBBCC7FA94");
  CHECK(public_key(bytes("34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4")) ==
        account(kGenesisBody));
}

TEST_CASE("Banano: accounts of a seed") {
  const auto first = derive_key(kZero, 0);
  CHECK(to_hex(first) == "9F0E444C69F77A49BD0BE89DB92C38FE713E0963165CCA12FAF5712D7657120F");
  CHECK(to_hex(public_key(first)) == "C008B814A7D269A1FA3C6528B19201A24D797912DB9996FF02A1FF356E45552B");
  CHECK(to_address(public_key(first)) == "ban_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7");
  CHECK(to_hex(derive_key(bytes("01"), 1)) ==
        "1495F2D49159CC2EAAAA97EBB42346418E1268AFF16D7FCA90E6BAD6D0965520");
}

TEST_CASE("Banano: an address carries a checksum") {
  const std::string good = "ban_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7";
  REQUIRE(parse_address(good));
  CHECK(to_address(*parse_address(good)) == good);
  CHECK(to_address(kZero) == "ban_1111111111111111111111111111111111111111111111111111hifc8npp");
  for (std::size_t at = 4; at < good.size(); ++at) {  // no single wrong character goes unseen
    auto wrong = good;
    wrong[at] = good[at] == '3' ? '4' : '3';
    INFO(at);
    CHECK_FALSE(parse_address(wrong));
  }
  CHECK_FALSE(parse_address(good.substr(0, good.size() - 1)));
  CHECK_FALSE(parse_address(good + "1"));
  CHECK_FALSE(parse_address("nano" + good.substr(3)));
  CHECK_FALSE(parse_address("ban_"));
  CHECK_FALSE(parse_address(""));
  CHECK_FALSE(parse_address("ban_0" + good.substr(5)));  // 0 is no digit of it
  CHECK_FALSE(parse_address("ban_7" + good.substr(5)));  // a bit before the key
}

TEST_CASE("Banano: the hash and the signature of a state block") {
  const auto block = documented_block();
  const auto hash = block.hash();
  CHECK(to_hex(hash) == "E2FB233EF4554077A7BF1AA85851D5BF0B36965D2B0FB504B2BC778AB89917D3");
  const auto signature = *parse_hex<64>(kDocumentedSignature);
  CHECK(verify(block.account, hash, signature));
  for (const std::size_t at : {0U, 31U, 32U, 60U}) {
    auto wrong = signature;
    wrong[at] ^= 1U;
    CHECK_FALSE(verify(block.account, hash, wrong));
  }
  CHECK_FALSE(verify(block.representative, hash, signature));
  CHECK_FALSE(verify(block.account, block.link, signature));
}

TEST_CASE("Banano: signatures are deterministic, or made with noise") {
  const auto hash = documented_block().hash();
  const auto key = filled(0x11);
  CHECK(to_hex(sign(key, hash)) ==
        "B874254F04647279D01FF89987EE79CC3F5D5A65C885B2BA88BC0A3C34C7E7C31203E8D8E04AF3892758AE5CC743A6FD1A37"
        "B93A96"
        "F690CA53B7BE3195A0740A");
  const auto noisy = sign(key, hash, filled(0x01));
  CHECK(noisy != sign(key, hash, filled(0x02)));
  CHECK(noisy != sign(key, hash));
  CHECK(verify(public_key(key), hash, noisy));
}

TEST_CASE("Banano: the test network's own genesis block") {
  // As the node's source has it; a legacy block, which hashes source, representative and account.
  const auto genesis = account(kGenesisBody);
  const auto hash = blake2b<32>({genesis, genesis, genesis});
  CHECK(verify(
      genesis, hash,
      *parse_hex<64>("ECDA914373A2F0CA1296475BAEE40500A7F0A7AD72A5A80C81D7FAB7F6C802B2CC7DB50F5DD0FB25B2EF11"
                     "761FA7344A158DD5A700B21BD47DE5BD0F63153A02")));
  CHECK(work_difficulty(genesis, *parse_work("7b42a00ee91d5810")) >= 0xff00000000000000ULL);
}

TEST_CASE("Banano: work") {
  const auto root = bytes("718CC2121C3E641059BC1C2CFC45666C99E8AE922F7A807B7D07B62C995D79E2");
  CHECK(work_text(work_difficulty(root, *parse_work("2bf29ef00786a6bc"))) == "ffffffd21c3933f4");
  const auto made = generate_work(root, 0xff00000000000000ULL, 7);
  CHECK(work_difficulty(root, made) >= 0xff00000000000000ULL);
  CHECK(work_text(0x2bULL) == "000000000000002b");
  CHECK(parse_work("2B") == 0x2bULL);
  CHECK_FALSE(parse_work(""));
  CHECK_FALSE(parse_work("xyz"));
  CHECK_FALSE(parse_work("12bf29ef00786a6bc"));
}

TEST_CASE("Banano: raw amounts have 128 bits") {
  CHECK(raw_text(0) == "0");
  CHECK(raw_text(~Raw{0}) == "340282366920938463463374607431768211455");
  CHECK(parse_raw("340282366920938463463374607431768211455") == ~Raw{0});
  for (const char* text :
       {"340282366920938463463374607431768211456", "999999999999999999999999999999999999999",
        "1000000000000000000000000000000000000000", "", "-1", "+1", "01", "1.0", "1e3", " 1", "0x1"}) {
    INFO(text);
    CHECK_FALSE(parse_raw(text));
  }
}

TEST_CASE("Banano: BAN is exact to 29 decimals") {
  const std::vector<std::pair<const char*, const char*>> same{
      {"1", "100000000000000000000000000000"},
      {"0.00000000000000000000000000001", "1"},
      {"12.5", "1250000000000000000000000000000"},
      {"0", "0"},
      {"3402823669.20938463463374607431768211455", "340282366920938463463374607431768211455"}};
  for (const auto& [ban, raw] : same) {
    INFO(ban);
    REQUIRE(parse_ban(ban));
    CHECK(raw_text(*parse_ban(ban)) == raw);
    CHECK(ban_text(*parse_raw(raw)) == ban);
  }
  for (const char* text : {"", ".", ".5", "5.", "-1", "1,5", "1e3", "0.000000000000000000000000000001",
                           "3402823669.20938463463374607431768211456", "4000000000"}) {
    INFO(text);
    CHECK_FALSE(parse_ban(text));
  }
  CHECK(simulator::to_text(units_of(*parse_ban("12.5"))) == "12.5");
  CHECK(simulator::to_text(units_of(*parse_ban("0.000000019"))) == "0.00000001");
}

TEST_CASE("Banano: a block's JSON there and back") {
  auto block = documented_block();
  block.signature = *parse_hex<64>(kDocumentedSignature);
  block.work = 0x2bf29ef00786a6bcULL;
  const auto tree = write_block(block);
  const auto again = read_block(tree);
  REQUIRE(again);
  CHECK(again->hash() == block.hash());
  CHECK(again->signature == block.signature);
  CHECK(again->work == block.work);
  for (const char* field :
       {"type", "account", "previous", "representative", "balance", "link", "signature", "work"}) {
    INFO(field);
    auto broken = tree;
    broken.put(field, "?");
    CHECK_FALSE(read_block(broken));
    broken.erase(field);
    CHECK_FALSE(read_block(broken));
  }
  auto by_address = tree;
  by_address.put("link", to_address(block.link));
  REQUIRE(read_block(by_address));
  CHECK(read_block(by_address)->hash() == block.hash());
}
