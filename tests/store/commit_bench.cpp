// What the ways to commit one batch cost: prints batches and rows a second, interleaved, on one connection.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <pqxx/pqxx>

#include "store/connection.hpp"
#include "support/database/database.hpp"

using namespace payoutd;
using namespace payoutd::store;

namespace {

const std::string kInsert =
    "INSERT INTO app.rows (batch, value) SELECT $1::uuid, value FROM unnest($2::int[]) AS given(value)";

std::string new_id(Connection& connection) {
  static int next = 0;
  char text[40];
  std::snprintf(text, sizeof(text), "%08x-0000-4000-8000-%012x", next++,
                static_cast<unsigned>(connection.sock()));
  return text;
}

void in_one_statement(Connection& connection, const std::string& values) {
  pqxx::nontransaction(connection)
      .exec_params("WITH batch AS (INSERT INTO app.batches (id) VALUES ($1::uuid)) " + kInsert,
                   new_id(connection), values);
}

void in_transaction_with_limits(Connection& connection, const std::string& values) {
  const auto id = new_id(connection);
  in_transaction(
      connection,
      "BEGIN; SET LOCAL statement_timeout = 30000; SET LOCAL idle_in_transaction_session_timeout = 10000; "
      "INSERT INTO app.batches (id) VALUES ('" +
          id + "')",
      [&](Transaction& transaction) { transaction.exec_params(kInsert, id, values); });
}

void in_transaction_without_limits(Connection& connection, const std::string& values) {
  const auto id = new_id(connection);
  in_transaction(connection, "BEGIN; INSERT INTO app.batches (id) VALUES ('" + id + "')",
                 [&](Transaction& transaction) { transaction.exec_params(kInsert, id, values); });
}

void in_pqxx_work(Connection& connection, const std::string& values) {
  const auto id = new_id(connection);
  pqxx::work transaction(connection);
  transaction.exec_params("INSERT INTO app.batches (id) VALUES ($1::uuid)", id);
  transaction.exec_params(kInsert, id, values);
  transaction.commit();
}

}  // namespace

int main() {
  test::DatabaseServer server({{"fsync", "on"}, {"full_page_writes", "on"}});
  const std::vector<Migration> schema = {make_migration(
      "0001_bench",
      "CREATE TABLE app.batches (id uuid PRIMARY KEY, at timestamptz NOT NULL DEFAULT now(), abandoned "
      "boolean NOT NULL "
      "DEFAULT false); CREATE TABLE app.rows (id bigserial PRIMARY KEY, batch uuid, value integer)")};
  auto database = server.fresh_database(schema);
  auto connection = database.connect();
  const std::vector<std::pair<const char*, void (*)(Connection&, const std::string&)>> ways = {
      {"one statement (CTE)", in_one_statement},
      {"transaction, limits", in_transaction_with_limits},
      {"transaction, no limits", in_transaction_without_limits},
      {"pqxx::work", in_pqxx_work}};
  for (const int rows : {1, 10, 100, 500}) {
    std::string values = "{";
    for (int index = 0; index < rows; ++index) values += (index > 0 ? "," : "") + std::to_string(index);
    values += "}";
    std::vector<std::vector<double>> samples(ways.size());
    for (int round = 0; round < 300; ++round)
      for (std::size_t way = 0; way < ways.size(); ++way) {
        const auto begin = std::chrono::steady_clock::now();
        ways[way].second(connection, values);
        samples[way].push_back(
            std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin).count());
      }
    for (std::size_t way = 0; way < ways.size(); ++way) {
      std::sort(samples[way].begin(), samples[way].end());
      std::printf("%4d rows  %-24s median %7.0f us  p90 %7.0f us\n", rows, ways[way].first, samples[way][150],
                  samples[way][270]);
    }
  }
}
