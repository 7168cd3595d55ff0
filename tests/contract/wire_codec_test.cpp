// Everything that crosses the channel comes out as it went in; everything else is refused by name.
#include "providers/wire_codec.hpp"

#include "host_fixture.hpp"

using namespace payoutd;
namespace wire = payoutd::providers::wire;
namespace json = boost::json;

namespace {

/// Through text, as on the channel.
json::value sent(json::object object) {
  return json::parse(json::serialize(object));
}

Status status() {
  Status status;
  status.kind = Status::Kind::reversed;
  status.code = "R1";
  status.message = "came back";
  status.provider_ref = "psp-7";
  status.found = {Amount::from_units(1), "BAN", std::nullopt, "ref"};
  return status;
}

}  // namespace

TEST_CASE("orders and prepared payments are exact", "[wire]") {
  Order order;
  order.payout_id = "p";
  order.reference = "r";
  order.money = {*Amount::parse("9999999999.99999999"), "BAN"};
  order.destination = "d";
  order.note = "Grüße \"quoted\" \n";
  order.lane = "l";
  order.lane_state = {{"block", "ff"}, {"height", 7}};
  order.callback_url = "https://host/x";
  const Order back = wire::decode_order(sent(wire::encode(order)));
  CHECK(back.money == order.money);
  CHECK(back.note == order.note);
  CHECK(back.lane_state == order.lane_state);
  CHECK(json::serialize(wire::encode(back)) == json::serialize(wire::encode(order)));

  Prepared prepared;
  for (int i = 0; i < 256; ++i) prepared.artefact += static_cast<char>(i);
  prepared.format = 3;
  prepared.lookup = {{"hash", "abc"}};
  prepared.valid_until =
      std::chrono::system_clock::time_point(std::chrono::microseconds(1'700'000'000'123'456));
  prepared.cost = Money{Amount::from_units(5), "EUR"};
  prepared.reference_spent = true;
  prepared.impossible = Problem{"momo.account_holder_inactive", "the payee has no active account"};
  prepared.lane_state = json::object{{"frontier", "AB"}};
  const Prepared prepared_back = wire::decode_prepared(sent(wire::encode(prepared)));
  CHECK(prepared_back.artefact == prepared.artefact);
  CHECK(prepared_back.valid_until == prepared.valid_until);
  CHECK(prepared_back.cost == prepared.cost);
  CHECK(prepared_back.reference_spent);
  CHECK(prepared_back.format == 3);
  REQUIRE(prepared_back.impossible);
  CHECK(prepared_back.impossible->field == "momo.account_holder_inactive");
  CHECK(prepared_back.impossible->reason == "the payee has no active account");
  CHECK(prepared_back.lane_state == prepared.lane_state);
  CHECK_FALSE(wire::decode_prepared(sent(wire::encode(Prepared{}))).valid_until);
}

TEST_CASE("replies are exact", "[wire]") {
  const providers::SubmitReply reply{{Submission::Kind::duplicate, "D", "m", "p"}, {true, true, 409}};
  const auto back = wire::decode_submit_reply(sent(wire::encode(reply)));
  CHECK(back.submission.kind == Submission::Kind::duplicate);
  CHECK(back.submission.provider_ref == "p");
  CHECK(back.evidence.bytes_left);
  CHECK(back.evidence.acceptance_sign);
  CHECK(back.evidence.http_status == 409);
  CHECK_FALSE(back.claim);

  // What the plugin said stays beside what the runtime made of it.
  providers::SubmitReply downgraded = reply;
  downgraded.submission = Submission::unknown("runtime.bytes_left", "bytes may have left");
  downgraded.claim = Submission::refused("PAYEE_NOT_FOUND", "nobody has this number");
  downgraded.claim->provider_ref = "psp-8";
  const auto downgraded_back = wire::decode_submit_reply(sent(wire::encode(downgraded)));
  CHECK(downgraded_back.submission.kind == Submission::Kind::unknown);
  CHECK(downgraded_back.submission.code == "runtime.bytes_left");
  REQUIRE(downgraded_back.claim);
  CHECK(downgraded_back.claim->kind == Submission::Kind::refused);
  CHECK(downgraded_back.claim->code == "PAYEE_NOT_FOUND");
  CHECK(downgraded_back.claim->message == "nobody has this number");
  CHECK(downgraded_back.claim->provider_ref == "psp-8");
  CHECK(downgraded_back.evidence.http_status == 409);

  const Status status_back = wire::decode_status(sent(wire::encode(status())));
  CHECK(status_back.kind == Status::Kind::reversed);
  CHECK(status_back.found.amount == Amount::from_units(1));
  CHECK_FALSE(status_back.found.destination);

  WebhookReading reading;
  reading.kind = WebhookReading::Kind::verified;
  reading.status = status();
  reading.key_id = "current";
  const auto reading_back = wire::decode_webhook_reading(sent(wire::encode(reading)));
  CHECK(reading_back.kind == WebhookReading::Kind::verified);
  CHECK(reading_back.status.code == "R1");
  CHECK(reading_back.key_id == "current");

  Webhook webhook{
      "POST", "/w?x=\xff", {{"X-Sig", std::string("\0\xfe", 2)}}, std::string("\0\1\xff", 3), "ref"};
  const Webhook webhook_back = wire::decode_webhook(sent(wire::encode(webhook)));
  CHECK(webhook_back.path == webhook.path);
  CHECK(webhook_back.headers == webhook.headers);
  CHECK(webhook_back.body == webhook.body);
}

TEST_CASE("decoding is strict and names the field", "[wire]") {
  const auto refuses = [](json::object object, const std::string& part) {
    CHECK_THROWS_WITH(wire::decode_submission(object), Catch::Contains(part));
  };
  json::object good = wire::encode(Submission::accepted("x"));
  json::object object = good;
  object.erase("code");
  refuses(object, "'code' is missing");
  object = good;
  object["kind"] = "maybe";
  refuses(object, "'kind' is not a known kind");
  object = good;
  object["message"] = 1;
  refuses(object, "'message' is not a string");
  object = good;
  object["extra"] = true;
  refuses(object, "not known");
  CHECK_THROWS_AS(wire::decode_submission(json::value("text")), wire::WireError);

  json::object prepared = wire::encode(Prepared{});
  prepared["artefact"] = "not base64!";
  CHECK_THROWS_WITH(wire::decode_prepared(prepared), Catch::Contains("'artefact' is not base64"));
  prepared["artefact"] = wire::base64(std::string(wire::kMaxArtefactBytes + 1, 'x'));
  CHECK_THROWS_WITH(wire::decode_prepared(prepared), Catch::Contains("more than the limit"));
  json::object balance{{"available", "1e3"}, {"currency", "EUR"}};
  CHECK_THROWS_WITH(wire::decode_balance(balance), Catch::Contains("'available' is not an amount"));
  balance["available"] = 1.5;
  CHECK_THROWS_WITH(wire::decode_balance(balance), Catch::Contains("'available' is not a string"));
}

TEST_CASE("base64 has one text for each value", "[wire]") {
  CHECK(wire::base64("") == "");
  CHECK(wire::base64("f") == "Zg==");
  CHECK(wire::base64("fo") == "Zm8=");
  CHECK(wire::base64("foo") == "Zm9v");
  CHECK(wire::from_base64("Zm8=") == "fo");
  for (const char* wrong : {"Z", "Zg", "Zg=", "Zh==", "Zm9=", "====", "Z===", "Zm 8", "Zg==Zg=="}) {
    INFO(wrong);
    CHECK_FALSE(wire::from_base64(wrong));
  }
}

TEST_CASE("a provider's name for a payment that no index takes is left out", "[wire]") {
  Status status;
  status.provider_ref = std::string(wire::kMaxProviderRefBytes, 'x');
  CHECK(wire::decode_status(wire::encode(status)).provider_ref == status.provider_ref);
  status.provider_ref += 'x';
  CHECK(wire::decode_status(wire::encode(status)).provider_ref.empty());
  WebhookReading reading;
  reading.provider_ref = status.provider_ref;
  CHECK(wire::decode_webhook_reading(wire::encode(reading)).provider_ref.empty());
}

TEST_CASE("texts of a plugin are made sendable", "[wire]") {
  CHECK(wire::clean_text("a\xff b", 100) == "a\xEF\xBF\xBD b");
  CHECK(wire::clean_text("\xC0\xAF", 100) == "\xEF\xBF\xBD\xEF\xBF\xBD");          // an overlong slash
  CHECK(wire::clean_text("\xED\xA0\x80", 100).find("\xED") == std::string::npos);  // half of a surrogate pair
  CHECK(wire::clean_text("üü", 3) == "ü");
  CHECK(wire::clean_text(std::string_view("a\0b", 3), 100) ==
        "a\xEF\xBF\xBD"
        "b");  // no database takes NUL
  json::object object{{"a\xff", json::array{"\xfe", {{"k\xff", "v"}}}}};
  wire::make_sendable(object);
  CHECK_NOTHROW(json::parse(json::serialize(object)));
  json::value deep = "x";
  for (int i = 0; i < 40; ++i) deep = json::array{deep};
  json::object holder{{"deep", deep}};
  CHECK_THROWS_AS(wire::make_sendable(holder), wire::WireError);
}
