#include "bench/bench_server.hpp"

#include <chrono>

#include "bench/machine.hpp"
#include "store/migrations.hpp"

namespace payoutd::bench {
namespace {

std::string value(const std::string& dsn, const std::string& sql) {
  store::Connection connection(dsn);
  return pqxx::nontransaction(connection).exec1(sql)[0].c_str();
}

}  // namespace

BenchServer::BenchServer(std::filesystem::path directory) : sockets_(directory / "socket") {
  ops::EmbeddedPostgresOptions options;
  options.directory = std::move(directory);
  server_ = std::make_unique<ops::EmbeddedPostgres>(std::move(options));
  server_->start();
}

std::string BenchServer::add_database(const std::string& name) {
  store::Connection server(server_->dsn());
  pqxx::nontransaction(server).exec("create database " + name);
  store::Connection connection(dsn(name));
  store::migrate_up(connection);
  return dsn(name);
}

std::string BenchServer::setting(const std::string& name) {
  return value(server_->dsn(), "show " + name);
}

Round BenchServer::measure(const std::string& database, const std::function<std::int64_t(Round&)>& work) {
  store::Connection connection(dsn(database));
  pqxx::nontransaction statements(connection);
  const auto wal = [&] { return statements.exec1("select pg_current_wal_lsn() - '0/0'")[0].as<double>(); };
  statements.exec("vacuum (analyze)");
  statements.exec("checkpoint");
  const double wal_before = wal();
  const std::int64_t cpu_before = cpu_with_children_us(server_->pid());
  const auto begin = std::chrono::steady_clock::now();
  Round round;
  const auto payouts = static_cast<double>(work(round));
  round.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  round.per_second = payouts / round.seconds;
  round.cpu_us["PostgreSQL"] =
      static_cast<double>(cpu_with_children_us(server_->pid()) - cpu_before) / payouts;
  round.wal_bytes = (wal() - wal_before) / payouts;
  return round;
}

RowChanges BenchServer::changes(const std::string& database, std::int64_t payouts) {
  store::Connection connection(dsn(database));
  const auto row = pqxx::nontransaction(connection)
                       .exec1(
                           "select sum(n_tup_ins), sum(n_tup_upd), (select xact_commit from pg_stat_database "
                           "where datname = "
                           "current_database()) from pg_stat_user_tables where schemaname = 'app'");
  const auto each = [&](int column) {
    return row[static_cast<pqxx::row::size_type>(column)].as<double>() / static_cast<double>(payouts);
  };
  return {each(0), each(1), each(2)};
}

}  // namespace payoutd::bench
