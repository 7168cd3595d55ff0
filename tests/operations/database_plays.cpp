// Incidents of the database.
#include <stdexcept>

#include "harness/cluster.hpp"
#include "harness/small_disk.hpp"
#include "plays.hpp"

namespace payoutd::test {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;
using std::chrono::seconds;

/// A server of the stage's own, which may die.
struct OwnServer final : Ground {
  TestDatabase database() override { return server.fresh_database(); }
  DatabaseServer server;
};

/// A server over TCP, with roles.
struct OneCluster : Ground {
  TestDatabase database() override {
    server = DatabaseServer::at(cluster.admin_dsn());
    return server->fresh_database();
  }
  Cluster cluster;
  std::unique_ptr<DatabaseServer> server;
};

struct TwoClusters final : Ground {
  TestDatabase database() override {
    server = DatabaseServer::at("host=127.0.0.1,127.0.0.1 port=" + std::to_string(primary.port()) + "," +
                                std::to_string(replica.port()) + " user=" + Cluster::kAdmin + " password='" +
                                Cluster::kPassword +
                                "' dbname=postgres target_session_attrs=read-write connect_timeout=2");
    return server->fresh_database();
  }
  Cluster primary;
  Cluster replica{primary, Cluster::Options{}};
  std::unique_ptr<DatabaseServer> server;
};

struct FullDisk final : OneCluster {
  TestDatabase database() override {
    if (!disk.usable()) throw std::runtime_error("no file system can be mounted here");
    cluster.run("postgres", "create tablespace small location '" + disk.tables().string() + "'");
    cluster.run("postgres", "alter database template1 set tablespace small");
    return OneCluster::database();
  }
  SmallDisk disk;
};

/// Clients that post one payout after the other, in so many threads, and go on whatever they are told.
void let_clients_post(Stage& stage, int threads, milliseconds pause) {
  for (int i = 0; i < threads; ++i)
    stage.meanwhile([&stage, i, pause](std::stop_token stop) {
      for (int n = 0; !stop.stop_requested(); ++n) {
        try {
          stage.post("client-" + std::to_string(i) + "-" + std::to_string(n), kPaid);
        } catch (const std::exception&) {
          // Not answered: the next.
        }
        std::this_thread::sleep_for(pause);
      }
    });
}

/// A session of somebody else that holds what hosts need, until it is ended.
void hold(Stage& stage, const std::string& who, const std::string& sql) {
  auto session = std::make_shared<store::Connection>(
      store::connection_string(stage.host().settings().database + " application_name='" + who + "'", {}));
  auto work = std::make_shared<pqxx::work>(*session);
  work->exec("set local idle_in_transaction_session_timeout = 0; set local statement_timeout = 0");
  work->exec(sql);
  stage.meanwhile([session, work](std::stop_token stop) mutable {
    while (!stop.stop_requested()) std::this_thread::sleep_for(milliseconds{50});
    try {
      work.reset();
    } catch (const std::exception&) {
      // Somebody ended it.
    }
  });
}

Play database_away() {
  Play play;
  play.name = "database-away";
  play.ground = [] { return std::make_unique<OwnServer>(); };
  play.simulator = {"--processing-ms", "0..50", "--transfer-latency-ms", "700..900"};
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.host().settings().more_sections = "database_pool: {acquire_timeout: 1s}\n";
  };
  play.events["the-database-dies"] = [](Stage& stage) {
    // One is with the provider at this moment.
    const std::string id = stage.pay("salary-1", kPaid);
    stage.wait_for_state(id, "SUBMITTING");
    stage.variables["PAID"] = id;
    stage.ground<OwnServer>().server.kill();
  };
  play.events["the-database-is-back"] = [](Stage& stage) { stage.ground<OwnServer>().server.start(); };
  return play;
}

/// The primary dies and takes along what its replica had not yet got.
Play failover() {
  Play play;
  play.name = "failover";
  play.ground = [] { return std::make_unique<TwoClusters>(); };
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    auto& two = stage.ground<TwoClusters>();
    const std::string name = stage.scene().database().name();
    stage.variables["PRIMARY"] = two.primary.admin_dsn(name);
    stage.variables["REPLICA"] = two.replica.admin_dsn(name);
  };
  play.begin = [](Stage& stage) {
    for (int i = 1; i <= 3; ++i)
      stage.wait_for_state(stage.pay("salary-" + std::to_string(i), kPaid), "CONFIRMED");
  };
  play.events["the-replica-falls-behind"] = [](Stage& stage) {
    auto& two = stage.ground<TwoClusters>();
    two.replica.run("postgres", "select pg_wal_replay_pause()");
    for (int i = 1; i <= 3; ++i) stage.pay("bonus-" + std::to_string(i), kPaid);
  };
  play.events["the-primary-dies"] = [](Stage& stage) {
    auto& two = stage.ground<TwoClusters>();
    two.replica.run("postgres", "alter system set primary_conninfo = ''");
    two.replica.run("postgres", "select pg_reload_conf()");
    stage.wait_for("the replica is cut off", [&] {
      return two.primary.value("postgres", "select count(*) from pg_stat_replication") == "0";
    });
    stage.wait_for_state(stage.pay("salary-4", kPaid), "CONFIRMED");
    two.primary.kill();
  };
  play.events["clients-post-again"] = [](Stage& stage) {
    for (int i = 1; i <= 4; ++i) stage.pay("salary-" + std::to_string(i), kPaid);
  };
  return play;
}

Play disk_full() {
  Play play;
  play.name = "disk-full";
  play.ground = [] { return std::make_unique<FullDisk>(); };
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.variables["DISK"] = stage.ground<FullDisk>().disk.path().string();
  };
  play.events["the-disk-fills"] = [](Stage& stage) {
    stage.ground<FullDisk>().disk.fill();
    int number = 0;
    stage.wait_for("the host notices", [&] {
      const auto reply =
          stage.post("before-" + std::to_string(++number), kPaid, {{"note", std::string(150, 'n')}});
      return reply.status != 201 &&
             stage.host().request("GET", "/metrics").body.find("\npayoutd_database_storage_full 1\n") !=
                 std::string::npos;
    });
  };
  return play;
}

/// A human deletes what was paid. The backup is of before; some payouts are not in it.
Play data_loss() {
  Play play;
  play.name = "data-loss";
  play.ground = [] { return std::make_unique<OneCluster>(); };
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.variables["SERVER"] = stage.ground<OneCluster>().cluster.admin_dsn();
    stage.variables["RESTORED"] = stage.ground<OneCluster>().cluster.admin_dsn("payoutd_restored");
  };
  play.begin = [](Stage& stage) {
    for (int i = 1; i <= 3; ++i)
      stage.wait_for_state(stage.pay("salary-" + std::to_string(i), kPaid), "CONFIRMED");
    if (stage.run("payoutctl backup --out backups --database \"$DSN\"").status != 0)
      throw std::runtime_error("no backup");
    for (int i = 4; i <= 5; ++i)
      stage.wait_for_state(stage.pay("salary-" + std::to_string(i), kPaid), "CONFIRMED");
  };
  play.events["somebody-deletes-payouts"] = [](Stage& stage) {
    stage.keeps_books = false;  // of the database that is given up
    stage.sql(
        "with gone as (delete from app.attempts where true returning payout_id) delete from app.events"
        " where payout_id in (select payout_id from gone)");
    stage.sql("delete from app.payouts");
  };
  play.events["clients-post-again"] = [](Stage& stage) {
    for (int i = 1; i <= 5; ++i) stage.pay("salary-" + std::to_string(i), kPaid);
  };
  return play;
}

Play too_many_connections() {
  Play play;
  play.name = "too-many-connections";
  play.ground = [] { return std::make_unique<OneCluster>(); };
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    auto& cluster = stage.ground<OneCluster>().cluster;
    const std::string name = stage.scene().database().name();
    stage.variables["ADMIN"] = cluster.admin_dsn(name);
    const Printed applied = stage.run("payoutctl db roles --apply --database \"$ADMIN\"");
    if (applied.status != 0) throw std::runtime_error("no roles: " + applied.output);
    cluster.run("postgres", "alter role payoutd_runtime password 'of the hosts'");
    stage.host().settings().database = cluster.dsn("payoutd_runtime", "of the hosts", name);
  };
  play.events["somebody-limits-the-role"] = [](Stage& stage) {
    stage.ground<OneCluster>().cluster.run("postgres", "alter role payoutd_runtime connection limit 3");
    // Whichever came back first would have the places; a host without its heartbeat is another incident.
    stage.sql(
        "select count(pg_terminate_backend(pid)) from pg_stat_activity where usename = 'payoutd_runtime'"
        " and application_name <> 'payoutd heart'");
  };
  return play;
}

/// A report holds a lock, a migration by hand waits for it, and everybody else for that one.
Play lock_chain() {
  Play play;
  play.name = "lock-chain";
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.host().settings().more_sections = "database_pool: {acquire_timeout: 1s}\n";
  };
  play.begin = [](Stage& stage) { stage.wait_for_state(stage.pay("before", kPaid), "CONFIRMED"); };
  play.events["a-report-holds-a-lock"] = [](Stage& stage) {
    hold(stage, "nightly report", "select count(*) from app.payouts");
    stage.meanwhile([&stage](std::stop_token) {
      store::Connection session(
          store::connection_string(stage.host().settings().database + " application_name='by hand'", {}));
      pqxx::work work(session);
      work.exec("set local statement_timeout = 0");
      work.exec("alter table app.payouts add column colour text");
    });
    stage.wait_for("it waits",
                   [&] { return stage.sql("select count(*) from pg_locks where not granted") != "0"; });
    let_clients_post(stage, 3, milliseconds{100});
  };
  return play;
}

Play pool_exhausted() {
  Play play;
  play.name = "pool-exhausted";
  play.prepare = [](Stage& stage) {
    be_quick(stage);
    stage.host().settings().more_sections = "database_pool:\n  http_connections: 1\n  acquire_timeout: 2s\n";
  };
  play.events["statements-get-slow"] = [](Stage& stage) {
    // Each look-up of a key takes long, as on a server whose disk is overloaded.
    stage.sql(
        "create function app.slowly() returns trigger language plpgsql as 'begin perform pg_sleep(0.4);"
        " return null; end'");
    stage.sql(
        "create trigger slowly after insert on app.idempotency_keys for each statement execute function"
        " app.slowly()");
    let_clients_post(stage, 8, milliseconds{0});
  };
  play.events["the-server-recovers"] = [](Stage& stage) { stage.sql("drop function app.slowly() cascade"); };
  return play;
}

/// Somebody changed the schema by hand.
Play schema_drift() {
  Play play;
  play.name = "schema-drift";
  play.ground = [] { return std::make_unique<OwnServer>(); };
  play.prepare = [](Stage& stage) {
    auto& server = stage.ground<OwnServer>().server;
    stage.variables["STAGING"] = server.empty_database().dsn();
  };
  play.events["somebody-changes-the-schema"] = [](Stage& stage) {
    stage.sql("drop index app.attempts_one_live");
  };
  return play;
}

}  // namespace

std::vector<Play> database_plays() {
  return {database_away(),        failover(),   disk_full(),      data_loss(),
          too_many_connections(), lock_chain(), pool_exhausted(), schema_drift()};
}

}  // namespace payoutd::test
