// All payouts in one answer: whole, or visibly cut; harmless in a spreadsheet; no more in memory than a page.
#include <catch2/catch.hpp>

#include "http/csv.hpp"
#include "running_server.hpp"
#include "signed_token.hpp"

using namespace payoutd;
using namespace payoutd::test;
using identity::Role;
namespace json = boost::json;

namespace {

void fill(FakeHost& host, int count, const std::string& client = "default") {
  for (int i = 0; i < count; ++i) {
    FakeHost::Entry entry;
    entry.payout.id = core::random_uuid();
    entry.payout.client_id = client;
    entry.payout.idempotency_key = client + std::to_string(i);
    entry.payout.provider = "momo-ci";
    entry.payout.money = parse_money("1.50", "EUR").value();
    entry.payout.destination = "+22507000001";
    entry.payout.batch = "a,\"b\"";
    entry.payout.note = "line\nbreak";
    entry.payout.flow_id = "flow-" + std::to_string(i);
    entry.payout.created_at = entry.payout.updated_at = "2026-01-31T08:00:00.000Z";
    host.entries[entry.payout.id] = std::move(entry);
  }
}

std::string cell(std::string_view text) {
  std::string line;
  http::append_csv_cell(line, text);
  return line;
}

/// The rows of a CSV text, read by the rules of RFC 4180.
std::vector<std::vector<std::string>> rows_of(const std::string& text) {
  std::vector<std::vector<std::string>> rows(1, {""});
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted && c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
      rows.back().back() += text[++i];
    } else if (c == '"') {
      quoted = !quoted;
    } else if (!quoted && c == ',') {
      rows.back().emplace_back();
    } else if (!quoted && c == '\r' && i + 1 < text.size() && text[i + 1] == '\n') {
      ++i;
      rows.push_back({""});
    } else {
      rows.back().back() += c;
    }
  }
  CHECK(rows.back() == std::vector<std::string>{""});  // every line ends
  rows.pop_back();
  return rows;
}

}  // namespace

TEST_CASE("cells are quoted where they must be, and no cell is a formula") {
  CHECK(cell("plain") == "plain");
  CHECK(cell("") == "");
  CHECK(cell("a,b") == "\"a,b\"");
  CHECK(cell("say \"no\"") == "\"say \"\"no\"\"\"");
  CHECK(cell("two\nlines") == "\"two\nlines\"");
  CHECK(cell("=1+1") == "\"'=1+1\"");
  CHECK(cell("+22507000001") == "\"'+22507000001\"");
  CHECK(cell("-2") == "\"'-2\"");
  CHECK(cell("@SUM(A1)") == "\"'@SUM(A1)\"");
  CHECK(cell("\t=1") == "\"'\t=1\"");
  CHECK(cell("\r=1") == "\"'\r=1\"");
  CHECK(cell("a=1") == "a=1");
}

TEST_CASE("an export holds every payout once, whatever the number of pages") {
  RunningServer running;
  fill(running.host, 1'201);
  const RawResponse csv = running.ask(request("GET", "/v1/payouts/export"));
  CHECK(csv.status == 200);
  CHECK(csv.headers.at("transfer-encoding") == "chunked");
  CHECK_THAT(csv.headers.at("content-type"), Catch::StartsWith("text/csv"));
  CHECK_FALSE(csv.cut);
  CHECK(csv.trailers.at("payout-count") == "1201");
  CHECK(running.host.pages_read == 3);
  const auto rows = rows_of(csv.body);
  REQUIRE(rows.size() == 1'202);
  std::set<std::string> ids;
  for (const auto& row : rows) {
    REQUIRE(row.size() == 22);
    ids.insert(row[0]);
  }
  CHECK(ids.size() == 1'202);
  CHECK(rows[0][0] == "id");
  CHECK(rows[1][6] == "1.5");
  CHECK(rows[1][8] == "'+22507000001");
  CHECK(rows[1][14] == "line\nbreak");
  CHECK(rows[1][16] == "a,\"b\"");

  const RawResponse lines = running.ask(request("GET", "/v1/payouts/export?format=jsonl&batch=none"));
  CHECK(lines.body == "{\"end\":true,\"count\":0}\n");
  const RawResponse all = running.ask(request("GET", "/v1/payouts/export?format=jsonl"));
  CHECK(std::count(all.body.begin(), all.body.end(), '\n') == 1'202);
  CHECK_THAT(all.body, Catch::EndsWith("{\"end\":true,\"count\":1201}\n"));
  const json::value first = json::parse(all.body.substr(0, all.body.find('\n')));
  CHECK(first.at("amount").as_string() == "1.5");
  CHECK(first.at("client").as_string() == "default");
  CHECK(running.ask(request("GET", "/v1/payouts/export?batch=none")).trailers.at("payout-count") == "0");
}

TEST_CASE("the connection serves the next request after an export") {
  RunningServer running;
  fill(running.host, 700);
  RawClient client = running.client();
  client.send(request("GET", "/v1/payouts/export") + request("GET", "/livez"));
  CHECK(client.receive().trailers.at("payout-count") == "700");
  CHECK(client.receive().status == 200);
  client.send(request("HEAD", "/v1/payouts/export"));
  CHECK(client.receive(true).status == 200);
  client.send(request("GET", "/livez"));
  CHECK(client.receive().status == 200);
}

TEST_CASE("an export that cannot go on is cut where everybody sees it") {
  RunningServer running;
  fill(running.host, 1'201);
  running.host.pages_until_failure = 2;
  const RawResponse response = running.ask(request("GET", "/v1/payouts/export?format=jsonl"));
  CHECK(response.status == 200);
  CHECK(response.cut);
  CHECK(response.body.find("\"end\"") == std::string::npos);
  CHECK(std::count(response.body.begin(), response.body.end(), '\n') == 1'000);
  // What is wrong from the beginning is an error like any other.
  running.host.pages_until_failure = 0;
  CHECK(running.ask(request("GET", "/v1/payouts/export")).code() == "DATABASE_UNAVAILABLE");
}

TEST_CASE("what an export does not take is refused") {
  RunningServer running;
  CHECK(running.ask(request("GET", "/v1/payouts/export?format=xml")).code() == "BAD_PARAMETER");
  CHECK(running.ask(request("GET", "/v1/payouts/export?limit=5")).code() == "UNKNOWN_PARAMETER");
  CHECK(running.ask(request("GET", "/v1/payouts/export?state=LOST")).code() == "BAD_PARAMETER");
  CHECK(running.ask("GET /v1/payouts/export HTTP/1.0\r\n\r\n").code() == "HTTP_VERSION");
}

TEST_CASE("an export shows a client its own payouts only") {
  http::RouterOptions options;
  options.gate.auth_required = true;
  options.gate.keyring = keyring();
  RunningServer running({}, options);
  fill(running.host, 3, "shop");
  fill(running.host, 2, "other");
  const auto count = [&](const std::string& token) {
    const auto response =
        running.ask(request("GET", "/v1/payouts/export", {}, {{"Authorization", "Bearer " + token}}));
    return response.trailers.contains("payout-count") ? response.trailers.at("payout-count")
                                                      : response.code();
  };
  CHECK(count(token_for({Role::payouts_read}, "shop")) == "3");
  CHECK(count(token_for({Role::admin})) == "5");
  CHECK(count(token_for({Role::payouts_write}, "shop")) == "ROLE_MISSING");
}

TEST_CASE("whoever reads slowly or goes away stops the export, and not the others") {
  RunningServer running;
  fill(running.host, 60'000);
  {
    std::vector<RawClient> slow;
    for (int i = 0; i < 4; ++i) {
      slow.push_back(running.client());
      slow.back().send(request("GET", "/v1/payouts/export"));
    }
    // They take nothing: what is made for them stops at what the sockets hold.
    int before = -1;
    for (int looks = 0; looks < 50 && running.host.pages_read != before; ++looks) {
      before = running.host.pages_read;
      std::this_thread::sleep_for(std::chrono::milliseconds(200));
    }
    CHECK(running.host.pages_read < 4 * 121);
    CHECK(running.ask(request("GET", "/v1/payouts/export?batch=none")).code() == "TOO_MANY_EXPORTS");
    CHECK(running.host.blocked("exports") == 1);
    CHECK(running.ask(request("GET", "/v1/payouts?limit=5")).status == 200);
    CHECK(running.ask_as_operator(request("GET", "/v1/payouts/export?batch=none")).status == 200);
  }
  // They are gone, and so are their exports.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (running.ask(request("GET", "/v1/payouts/export?batch=none")).status != 200) {
    REQUIRE(std::chrono::steady_clock::now() < deadline);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}
