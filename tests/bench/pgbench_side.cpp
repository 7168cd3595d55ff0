#include "bench/pgbench_side.hpp"

#include <fstream>
#include <stdexcept>

#include "harness/child_process.hpp"

namespace payoutd::bench {
namespace {

constexpr const char* kDatabase = "bench_pgbench";
constexpr const char* kHost = "11111111-1111-4111-8111-111111111111";

// Each statement is a transaction of its own, as each batch of the product is. The ids of a batch follow from
// one random number, in place of the arrays that the product hands over. Each client claims what is its own,
// so that they never wait for each other.
constexpr const char* kScript = R"sql(\set batch random(1, 9000000000000000000)
-- admit: key, payout, event
with input as (
  select md5(:batch || '-' || n)::uuid as id, 'k' || :batch || '-' || n as key, n from generate_series(1, @SIZE) n
), fresh as (
  insert into app.idempotency_keys (client_id, key, payout_id, provider, payload_hash, payload)
  select 'bench', key, id, 'momo-' || :client_id, encode(sha256(key::bytea), 'hex'),
    jsonb_build_object('amount', '12', 'batch', 'bench', 'currency', 'EUR', 'destination', '46733100001')
  from input order by key on conflict (client_id, key) do nothing returning payout_id
), admitted as (
  insert into app.payouts (id, client_id, idempotency_key, provider, amount, currency, destination, batch, flow_id,
    next_action_at)
  select id, 'bench', key, 'momo-' || :client_id, 12, 'EUR', '46733100001', 'bench', id::text, now()
  from input where id in (select payout_id from fresh)
)
insert into app.events (payout_id, kind, to_state, actor, host, data)
select id, 'admitted', 'PENDING', 'client-bench', '@HOST', jsonb_build_object('key', key, 'batch', 'bench')
from input where id in (select payout_id from fresh);
-- claim what is to be paid
with due as (
  select id from app.payouts where provider = 'momo-' || :client_id and state = 'PENDING' and lease is null
    and next_action_at <= now() order by next_action_at limit @SIZE for update skip locked
)
update app.payouts p set lease = '@HOST', leased_at = now() from due where p.id = due.id;
-- screen: allowance, outflow
with allowed as (
  insert into app.allowances (payout_id, client_id, destination, provider, currency, amount, at)
  select p.id, p.client_id, p.destination, p.provider, p.currency, p.amount, now() from app.payouts p
  where p.id in (select md5(:batch || '-' || n)::uuid from generate_series(1, @SIZE) n) and p.lease = '@HOST'
  returning provider, currency, amount, at
)
insert into app.outflow select provider, currency, date_trunc('minute', at), sum(amount) from allowed group by 1, 2, 3;
-- journal: payout, attempt, event
with input as (
  select md5(:batch || '-' || n)::uuid as id, md5(:batch || '-a-' || n)::uuid as attempt, n from generate_series(1, @SIZE) n
), locked as (
  select p.id from app.payouts p where p.id in (select id from input) order by p.id for update
), updated as (
  update app.payouts p set state = 'SUBMITTING', reason = null, reason_text = null, version = p.version + 1,
    next_action_at = null, attempt_count = p.attempt_count + 1, updated_at = now()
  from input i join locked using (id) where p.id = i.id returning p.id
), journaled as (
  insert into app.attempts (id, payout_id, n, provider, contract_id, plugin_version, reference, reference_n, artefact,
    artefact_format, lookup, host, submit_deadline, answer_deadline)
  select attempt, id, 1, 'momo-' || :client_id, 'bench', '0.1.0', attempt::text, 1,
    convert_to('{"amount":"12","currency":"EUR","externalId":"' || id || '","payee":{"partyIdType":"MSISDN","partyId":'
      || '"46733100001"},"payerMessage":"Payout","payeeNote":"Payout"}', 'UTF8'),
    1, '{}', '@HOST', now() + interval '10 seconds', now() + interval '40 seconds'
  from input
)
insert into app.events (payout_id, kind, from_state, to_state, actor, host, attempt_id, data)
select id, 'journaled', 'PENDING', 'SUBMITTING', 'engine', '@HOST', attempt,
  jsonb_build_object('reference', attempt, 'plugin_version', '0.1.0', 'submit_window_ms', 10000)
from input;
-- the provider took it: payout, attempt, event
with input as (
  select md5(:batch || '-' || n)::uuid as id, md5(:batch || '-a-' || n)::uuid as attempt, n from generate_series(1, @SIZE) n
), locked as (
  select p.id from app.payouts p where p.id in (select id from input) order by p.id for update
), updated as (
  update app.payouts p set state = 'SENT', version = p.version + 1, next_action_at = now(), lease = null,
    leased_at = null, updated_at = now()
  from input i join locked using (id) where p.id = i.id returning p.id
), taken as (
  update app.attempts a set outcome = 'submit_accepted', acceptance_sign = true from input i where a.id = i.attempt
)
insert into app.events (payout_id, kind, from_state, to_state, actor, host, attempt_id, data)
select id, 'submit_accepted', 'SUBMITTING', 'SENT', 'engine', '@HOST', attempt,
  jsonb_build_object('saw', 'submit_accepted', 'reference', attempt, 'http_status', 202, 'bytes_left', true)
from input;
-- claim what is to be asked about
with due as (
  select id from app.payouts where provider = 'momo-' || :client_id and state = 'SENT' and lease is null
    and next_action_at <= now() order by next_action_at limit @SIZE for update skip locked
)
update app.payouts p set lease = '@HOST', leased_at = now() from due where p.id = due.id;
-- confirmed: payout, attempt, event
with input as (
  select md5(:batch || '-' || n)::uuid as id, md5(:batch || '-a-' || n)::uuid as attempt, n from generate_series(1, @SIZE) n
), locked as (
  select p.id from app.payouts p where p.id in (select id from input) order by p.id for update
), updated as (
  update app.payouts p set state = 'CONFIRMED', version = p.version + 1, next_action_at = null, lease = null,
    leased_at = null, provider_ref = 'r' || i.n, updated_at = now(), finished_at = now()
  from input i join locked using (id) where p.id = i.id returning p.id
), closed as (
  update app.attempts a set live = false, outcome = 'query_confirmed', provider_ref = 'r' || i.n, closed_at = now()
  from input i where a.id = i.attempt
)
insert into app.events (payout_id, kind, from_state, to_state, actor, host, attempt_id, data)
select id, 'query_confirmed', 'SENT', 'CONFIRMED', 'engine', '@HOST', attempt,
  jsonb_build_object('saw', 'query_confirmed', 'reference', attempt, 'provider_ref', 'r' || n)
from input;
)sql";

std::string replaced(std::string text, const std::string& name, const std::string& value) {
  for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at))
    text.replace(at, name.size(), value);
  return text;
}

std::string script(int size) {
  return replaced(replaced(kScript, "@SIZE", std::to_string(size)), "@HOST", kHost);
}

std::int64_t transactions_in(const std::filesystem::path& log) {
  constexpr std::string_view kBefore = "number of transactions actually processed: ";
  std::ifstream in(log);
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(kBefore)) return std::stoll(line.substr(kBefore.size()));
  }
  throw std::runtime_error("pgbench does not say how much it did: " + log.string());
}

}  // namespace

PgbenchSide::PgbenchSide(BenchServer& server, const Options& options, std::filesystem::path directory)
    : server_(server),
      options_(options),
      directory_(std::move(directory)),
      dsn_(server.add_database(kDatabase)) {
  store::Connection connection(dsn_);
  pqxx::nontransaction(connection)
      .exec(
          "insert into app.contracts (id, provider, scope, contract) values ('bench', 'momo', 'bench', "
          "'{}')");
  write_script();
  command_ = "pgbench -n -M " + options_.pgbench_protocol + " -c " +
             std::to_string(options_.pgbench_clients) +
             " -T (as long as payoutd's round before) -f life.sql, batches of " +
             std::to_string(options_.pgbench_batch);
}

void PgbenchSide::write_script() const {
  std::ofstream(directory_ / "life.sql") << script(options_.pgbench_batch);
}

Round PgbenchSide::run_round(double seconds) {
  const std::string duration = std::to_string(std::max(1, static_cast<int>(seconds + 0.5)));
  test::ChildProcess::Start start;
  start.program = "/usr/lib/postgresql/15/bin/pgbench";
  start.arguments = {"-n", "-M", options_.pgbench_protocol};
  for (const std::string& word :
       {std::string("-c"), std::to_string(options_.pgbench_clients), std::string("-T"), duration,
        std::string("-f"), (directory_ / "life.sql").string(), std::string("-h"),
        server_.socket_directory().string(), std::string("-U"), std::string("payoutd"),
        std::string(kDatabase)}) {
    start.arguments.push_back(word);
  }
  start.log = directory_ / "pgbench.log";
  std::filesystem::remove(start.log);
  Round round = server_.measure(kDatabase, [&](Round&) {
    test::ChildProcess pgbench(start);
    const auto status = pgbench.wait(std::chrono::minutes{10});
    if (status != 0) throw std::runtime_error("pgbench failed; its output is in " + start.log.string());
    const std::int64_t payouts = transactions_in(start.log) * options_.pgbench_batch;
    payouts_so_far_ += payouts;
    return payouts;
  });
  expect_all_confirmed(payouts_so_far_);
  return round;
}

// A script that quietly changed nothing would be fast.
void PgbenchSide::expect_all_confirmed(std::int64_t payouts) {
  store::Connection connection(dsn_);
  const auto row = pqxx::nontransaction(connection)
                       .exec1(
                           "select (select count(*) from app.payouts where state = 'CONFIRMED'), (select "
                           "count(*) from app.attempts where "
                           "not live), (select count(*) from app.events)");
  if (row[0].as<std::int64_t>() != payouts || row[1].as<std::int64_t>() != payouts ||
      row[2].as<std::int64_t>() != 4 * payouts) {
    throw std::runtime_error("pgbench's script did not take every payout through its life");
  }
}

RowChanges PgbenchSide::changes() {
  return server_.changes(kDatabase, payouts_so_far_);
}

}  // namespace payoutd::bench
