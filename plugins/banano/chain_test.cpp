#include "chain.hpp"

#include <catch2/catch.hpp>

#include "lane_state.hpp"
#include "wire.hpp"

namespace {

using banano::Bytes32;
using banano::LaneState;
using banano::Raw;
using banano::SigningKey;
using banano::StateBlock;
using payoutd::Amount;

const std::string kFirstAddress = "ban_3i1aq1cchnmbn9x5rsbap8b15akfh7wj7pwskuzi7ahz8oq6cobd99d4r3b7";

Bytes32 bytes(std::string_view hex) {
  return banano::parse_bytes32(hex).value();
}

Bytes32 filled(std::uint8_t value) {
  Bytes32 all{};
  all.fill(value);
  return all;
}

std::string hex_seed(char last) {
  return std::string(63, '0') + last;
}

Raw raw(std::string_view text) {
  return Raw::parse(text).value();
}

/// The published block whose hash and signature are known.
StateBlock published_block() {
  StateBlock block;
  block.account =
      banano::decode_address("ban_1qato4k7z3spc8gq1zyd8xeqfbzsoxwo36a45ozbrxcatut7up8ohyardu1z").value();
  block.previous = bytes("6CDDA48608C7843A0AC1122BDD46D9E20E21190986B19EAC23E7F33F2E6A6766");
  block.representative =
      banano::decode_address("ban_3pczxuorp48td8645bs3m6c3xotxd3idskrenmi65rbrga5zmkemzhwkaznh").value();
  block.balance = raw("40200000001000000000000000000000000");
  block.link = bytes("87434F8041869A01C8F6F263B87972D7BA443A72E0A97D7A3FD0CCC2358FD6F9");
  return block;
}

const std::string kPublishedHash = "E2FB233EF4554077A7BF1AA85851D5BF0B36965D2B0FB504B2BC778AB89917D3";
const std::string kPublishedSignature =
    "A5DB164F6B81648F914E49CAB533900C389FAAD64FBB24F6902F9261312B29F7"
    "30D07E9BCCD21D918301419B4E05B181637CF8419ED4DCBF8EF2539EB2467F07";

banano::Signature signature(std::string_view hex) {
  banano::Signature result{};
  REQUIRE(banano::read_hex(hex, result));
  return result;
}

}  // namespace

// ---- keys

TEST_CASE("public keys come from secret keys by ed25519 with BLAKE2b") {
  CHECK(banano::to_hex(SigningKey(filled(0)).public_key()) ==
        "19D3D919475DEED4696B5D13018151D1AF88B2BD3BCFF048B45031C1F36D1858");
  CHECK(banano::to_hex(SigningKey(filled(0x11)).public_key()) ==
        "ACA68A2D52FE17BAB36D48456569FE7F91F23CB57B971B13FAF236EBBCC7FA94");
}

TEST_CASE("keys are derived from a seed by index") {
  const auto zero = banano::Seed::parse(hex_seed('0')).value();
  CHECK(banano::to_hex(zero.secret_of(0)) ==
        "9F0E444C69F77A49BD0BE89DB92C38FE713E0963165CCA12FAF5712D7657120F");
  const auto key = zero.key(0).public_key();
  CHECK(banano::to_hex(key) == "C008B814A7D269A1FA3C6528B19201A24D797912DB9996FF02A1FF356E45552B");
  CHECK(banano::encode_address(key) == kFirstAddress);
  CHECK(banano::to_hex(banano::Seed::parse(hex_seed('1')).value().secret_of(1)) ==
        "1495F2D49159CC2EAAAA97EBB42346418E1268AFF16D7FCA90E6BAD6D0965520");
  // A big-endian index: byte order would not show in 0.
  CHECK(zero.secret_of(1) != zero.secret_of(1U << 24));
}

TEST_CASE("a seed is 64 hexadecimal digits in either case") {
  CHECK(banano::Seed::parse("AbCdEf" + std::string(58, '0')));
  for (const std::string& bad : {std::string(), std::string(63, '0'), std::string(65, '0'),
                                 std::string(63, '0') + "g", " " + std::string(63, '0')}) {
    CHECK_FALSE(banano::Seed::parse(bad));
  }
  CHECK(banano::Seed::parse(hex_seed('0'))->is_public_knowledge());
  CHECK(banano::Seed::parse(hex_seed('1'))->is_public_knowledge());
  CHECK_FALSE(banano::Seed::parse(hex_seed('2'))->is_public_knowledge());
}

TEST_CASE("the test network's genesis account belongs to its published key") {
  const SigningKey genesis(bytes("34F0A37AAD20F4A260F0A5B3CB3D7FB50673212263E58A380BC10474BB039CE4"));
  CHECK(banano::encode_address(genesis.public_key()) ==
        "ban_3e3j5tkog48pnny9dmfzj1r16pg8t1e76dz5tmac6iq689wyjfpiij4txtdo");
  CHECK(banano::is_test_genesis(genesis.public_key()));
  CHECK_FALSE(banano::is_test_genesis(SigningKey(filled(0)).public_key()));
}

// ---- signatures

TEST_CASE("a published block has its hash, and the node's signature of it verifies") {
  const StateBlock block = published_block();
  CHECK(banano::to_hex(block.hash()) == kPublishedHash);
  CHECK(banano::verify(block.account, block.hash(), signature(kPublishedSignature)));
}

TEST_CASE("signing is deterministic and gives the known signature") {
  const SigningKey key(filled(0x11));
  const auto signed_hash = key.sign(bytes(kPublishedHash));
  CHECK(banano::to_hex(signed_hash) ==
        "B874254F04647279D01FF89987EE79CC3F5D5A65C885B2BA88BC0A3C34C7E7C3"
        "1203E8D8E04AF3892758AE5CC743A6FD1A37B93A96F690CA53B7BE3195A0740A");
  CHECK(banano::verify(key.public_key(), bytes(kPublishedHash), signed_hash));
}

TEST_CASE("a signature does not verify when anything about it is changed") {
  const StateBlock block = published_block();
  const auto good = signature(kPublishedSignature);
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] ^= 1;
    CHECK_FALSE(banano::verify(block.account, block.hash(), bad));
  }
  CHECK_FALSE(banano::verify(SigningKey(filled(0)).public_key(), block.hash(), good));
  CHECK_FALSE(banano::verify(block.account, bytes(hex_seed('1')), good));
  CHECK_FALSE(banano::verify(filled(0), block.hash(), good));  // no point of the main subgroup
  CHECK_FALSE(banano::verify(block.account, block.hash(), banano::Signature{}));
  // The same number, spelt with the group's order added to it.
  auto unreduced = good;
  const Bytes32 order = bytes("EDD3F55C1A631258D69CF7A2DEF9DE1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned>(unreduced[32 + i]) + order[i];
    unreduced[32 + i] = static_cast<std::uint8_t>(carry & 0xFF);
    carry >>= 8;
  }
  CHECK_FALSE(banano::verify(block.account, block.hash(), unreduced));
}

TEST_CASE("many keys sign and verify") {
  const auto seed = banano::Seed::parse(std::string(64, '7')).value();
  for (std::uint32_t index = 0; index < 50; ++index) {
    const SigningKey key = seed.key(index);
    const auto hash = seed.secret_of(index + 1000);
    CHECK(banano::verify(key.public_key(), hash, key.sign(hash)));
    CHECK(key.sign(hash) == key.sign(hash));
    CHECK(banano::decode_address(banano::encode_address(key.public_key())).value() == key.public_key());
  }
}

TEST_CASE("every field of a block is in its hash, and its signature and work are not") {
  const auto hash = published_block().hash();
  const auto changed = [&](auto&& change) {
    StateBlock block = published_block();
    change(block);
    return block.hash() != hash;
  };
  CHECK(changed([](StateBlock& block) { block.account[31] ^= 1; }));
  CHECK(changed([](StateBlock& block) { block.previous[0] ^= 1; }));
  CHECK(changed([](StateBlock& block) { block.representative[31] ^= 1; }));
  CHECK(changed([](StateBlock& block) { block.balance = raw("40200000001000000000000000000000001"); }));
  CHECK(changed([](StateBlock& block) { block.link[31] ^= 1; }));
}

// ---- addresses

TEST_CASE("an address is checked to its last character") {
  CHECK(banano::to_hex(banano::decode_address(kFirstAddress).value()) ==
        "C008B814A7D269A1FA3C6528B19201A24D797912DB9996FF02A1FF356E45552B");
  for (std::size_t i = 0; i < kFirstAddress.size(); ++i) {
    std::string mistyped = kFirstAddress;
    mistyped[i] = mistyped[i] == '3' ? '1' : '3';
    if (mistyped == kFirstAddress) continue;
    INFO(mistyped);
    CHECK(banano::decode_address(mistyped).has_error());
  }
  for (std::size_t i = 4; i + 1 < kFirstAddress.size(); ++i) {
    std::string swapped = kFirstAddress;
    std::swap(swapped[i], swapped[i + 1]);
    if (swapped != kFirstAddress) CHECK(banano::decode_address(swapped).has_error());
  }
}

TEST_CASE("an address of another form is refused with the reason") {
  struct Row {
    std::string address, reason;
  };
  const std::string body = kFirstAddress.substr(4);
  const Row row = GENERATE_COPY(values<Row>({
      {"", "must be a Banano address, which begins with ban_"},
      {"nano_" + body, "must be a Banano address, which begins with ban_"},
      {"xrb_" + body, "must be a Banano address, which begins with ban_"},
      {"BAN_" + body, "must be a Banano address, which begins with ban_"},
      {" " + kFirstAddress, "must be a Banano address, which begins with ban_"},
      {kFirstAddress + " ", "must have 60 characters behind ban_"},
      {kFirstAddress.substr(0, 63), "must have 60 characters behind ban_"},
      {"ban_5" + body.substr(1), "has a character that no Banano address has in that place"},
      {"ban_3I" + body.substr(2), "has a character that no Banano address has in that place"},
      {"ban_30" + body.substr(2), "has a character that no Banano address has in that place"},
      {"ban_1" + body.substr(1), "has a wrong checksum: it is mistyped"},
  }));
  INFO(row.address);
  const auto key = banano::decode_address(row.address);
  REQUIRE(key.has_error());
  CHECK(key.error().reason == row.reason);
}

// ---- amounts

TEST_CASE("raw amounts use all of their 128 bits") {
  const std::string most = "340282366920938463463374607431768211455";
  CHECK(raw(most).to_string() == most);
  CHECK(raw("0").to_string() == "0");
  CHECK_FALSE(Raw::parse("340282366920938463463374607431768211456"));
  CHECK_FALSE(Raw::parse("3402823669209384634633746074317682114550"));
  for (const std::string bad : {"", "00", "01", "-1", "+1", "1.0", "1e5", " 1", "1 ", "0x1", "1,0"}) {
    INFO(bad);
    CHECK_FALSE(Raw::parse(bad));
  }
  CHECK_FALSE(raw(most).plus(raw("1")));
  CHECK(raw(most).plus(raw("0")) == raw(most));
  CHECK(raw("340282366920938463463374607431768211454").plus(raw("1")) == raw(most));
  CHECK_FALSE(raw("1").minus(raw("2")));
  CHECK(raw("2").minus(raw("2"))->is_zero());
}

TEST_CASE("1 BAN is 10^29 raw, exactly") {
  const auto of = [](std::string_view amount) { return Raw::of(Amount::parse(amount).value()); };
  CHECK(of("1")->to_string() == "1" + std::string(29, '0'));
  CHECK(of("0.00000001")->to_string() == "1" + std::string(21, '0'));
  CHECK(of("19.19000001")->to_string() == "1919000001" + std::string(21, '0'));
  CHECK(of("3402823669.20938463")->to_string() == "340282366920938463" + std::string(21, '0'));
  CHECK_FALSE(of("3402823669.20938464"));  // 128 bits end here, payoutd's amounts do not
  CHECK_FALSE(of("9999999999.99999999"));
  CHECK(of("12.5")->exactly() == Amount::parse("12.5").value());
  CHECK_FALSE(raw("1000000000000000000001").exactly());
  CHECK_FALSE(raw("1").exactly());
  CHECK(raw("1").rounded_down() == Amount());
  CHECK(raw("1999999999999999999999").rounded_down() == Amount::parse("0.00000001").value());
  CHECK(raw("340282366920938463463374607431768211455").rounded_down() ==
        Amount::parse("3402823669.20938463").value());
}

// ---- work

TEST_CASE("work has the known difficulty") {
  const auto root = bytes("718CC2121C3E641059BC1C2CFC45666C99E8AE922F7A807B7D07B62C995D79E2");
  const auto work = banano::parse_hex64("2bf29ef00786a6bc").value();
  CHECK(banano::to_hex64(banano::difficulty_of(work, root)) == "ffffffd21c3933f4");
  CHECK(banano::difficulty_of(work, root) >= 0xfffffe0000000000);
  CHECK(banano::difficulty_of(work + 1, root) < 0xfffffe0000000000);
}

TEST_CASE("64-bit numbers are hexadecimal, big-endian, of up to 16 digits") {
  CHECK(banano::parse_hex64("fffffe0000000000") == 0xfffffe0000000000);
  CHECK(banano::parse_hex64("FFFFFE0000000000") == 0xfffffe0000000000);
  CHECK(banano::parse_hex64("a") == 10);
  CHECK(banano::to_hex64(10) == "000000000000000a");
  for (const std::string bad : {"", "g", "0x1", "00000000000000001", " 1"}) {
    CHECK_FALSE(banano::parse_hex64(bad));
  }
}

TEST_CASE("the root of work is the previous block, or the account for its first block") {
  StateBlock block = published_block();
  CHECK(block.root() == block.previous);
  block.previous = banano::kZero;
  CHECK(block.root() == block.account);
}

// ---- lane state

TEST_CASE("a lane's state is read back as it was written, for its own network only") {
  LaneState state;
  state.height = 7;
  state.frontier = bytes(kPublishedHash);
  state.ready = LaneState::Work{filled(3), 0x2bf29ef00786a6bc};
  const auto written = state.write("test");
  const LaneState again = LaneState::read(written, "test");
  CHECK(again.height == 7);
  CHECK(again.frontier == state.frontier);
  REQUIRE(again.ready);
  CHECK(again.ready->root == filled(3));
  CHECK(again.ready->work == 0x2bf29ef00786a6bc);
  CHECK(LaneState::read(written, "live").height == 0);
  CHECK_FALSE(LaneState::read(written, "live").ready);
  auto as_number = written;
  as_number["height"] = 7;
  CHECK(LaneState::read(as_number, "test").height == 7);
}

TEST_CASE("a lane's state that cannot be read is none") {
  const LaneState empty = LaneState::read({}, "test");
  CHECK(empty.height == 0);
  CHECK_FALSE(empty.ready);
  using boost::json::object;
  const std::vector<object> damaged{{{"network", "test"}, {"frontier", kPublishedHash}},
                                    {{"network", "test"}, {"frontier", "x"}, {"height", "1"}},
                                    {{"network", "test"}, {"frontier", kPublishedHash}, {"height", "-1"}},
                                    {{"network", "test"}, {"frontier", kPublishedHash}, {"height", -1}},
                                    {{"network", "test"}, {"height", "1"}, {"work", "none"}}};
  for (const auto& one : damaged) CHECK(LaneState::read(one, "test").height == 0);
}

TEST_CASE("a lane's state only grows") {
  LaneState state;
  state.confirm(3, filled(3));
  state.confirm(2, filled(2));
  CHECK(state.height == 3);
  CHECK(state.frontier == filled(3));
  state.confirm(4, filled(4));
  CHECK(state.frontier == filled(4));
}

TEST_CASE("a node that knows less than was confirmed, or something else, is objected to") {
  LaneState state;
  state.confirm(5, filled(5));
  banano::AccountInfo info;
  info.height = 5;
  info.frontier = filled(5);
  CHECK_FALSE(state.objection_to(info));
  info.frontier = filled(9);
  CHECK(state.objection_to(info)->find("another ledger") != std::string::npos);
  info.height = 4;
  CHECK(state.objection_to(info)->find("lags behind: it knows 4 blocks of the account, but 5") !=
        std::string::npos);
  info.height = 6;
  CHECK_FALSE(state.objection_to(info));
}

TEST_CASE("prepared work counts for its root and threshold only") {
  const auto root = bytes("718CC2121C3E641059BC1C2CFC45666C99E8AE922F7A807B7D07B62C995D79E2");
  LaneState state;
  CHECK_FALSE(state.work_for(root, 1));
  state.ready = LaneState::Work{root, 0x2bf29ef00786a6bc};
  CHECK(state.work_for(root, 0xffffffd21c3933f4) == 0x2bf29ef00786a6bc);
  CHECK_FALSE(state.work_for(root, 0xffffffd21c3933f5));
  CHECK_FALSE(state.work_for(filled(1), 1));
}
