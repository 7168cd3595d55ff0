#include "notify_fixture.hpp"

#include "core/ids.hpp"
#include "store/admission.hpp"
#include "store/transition.hpp"

namespace payoutd::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

store::PoolOptions pool_options(const TestDatabase& database) {
  store::PoolOptions options;
  options.dsn = database.dsn();
  options.connections = 2;
  return options;
}

policy::BuiltInOptions fast_schedule() {
  policy::BuiltInOptions options;
  options.notify = {milliseconds{100}, milliseconds{200}, 0, 200};
  return options;
}

}  // namespace

NotifyHost::NotifyHost(boost::asio::io_context& io, const TestDatabase& database,
                       notify::Notifier::Options options)
    : incarnation(core::random_uuid()),
      io_(io),
      pool_(io.get_executor(), pool_options(database)),
      policy_(fast_schedule(), 1) {
  notifier_ = std::make_unique<notify::Notifier>(
      notify::Sender::Parts{io.get_executor(), pool_, policy_, observer, incarnation,
                            [this](std::string_view result) { ++results[std::string(result)]; }},
      std::move(options));
}

NotifyHost::~NotifyHost() {
  drain(seconds{3});
  pool_.stop();
  io_.restart();
  io_.poll();
}

bool NotifyHost::drain(milliseconds limit) {
  bool drained = false;
  bool clean = false;
  boost::asio::co_spawn(io_, notifier_->drain(limit), [&](std::exception_ptr, bool ended) {
    clean = ended;
    drained = true;
  });
  const auto until = std::chrono::steady_clock::now() + limit + seconds{5};
  while (!drained && std::chrono::steady_clock::now() < until) {
    io_.restart();
    io_.run_for(milliseconds{10});
  }
  return clean;
}

notify::Notifier::Options NotifyFixture::options() {
  notify::Notifier::Options options;
  options.sender.keys = notify::EndpointKeys({{"first", Secret("the first master key of these tests")}});
  options.sender.allowed_networks = {"127.0.0.0/8"};
  options.sender.plain_http = true;
  options.sender.timeout = milliseconds{1'000};
  options.sender.tick = milliseconds{30};
  return options;
}

NotifyFixture::NotifyFixture(notify::Notifier::Options options, bool start)
    : database(DatabaseServer::shared().fresh_database()),
      host(std::make_unique<NotifyHost>(io, database, std::move(options))) {
  if (start) host->start();
}

bool NotifyFixture::run_until(const std::function<bool()>& done, milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    io.restart();
    io.run_for(milliseconds{10});
  }
  return true;
}

void NotifyFixture::run_for(milliseconds time) {
  run_until([] { return false; }, time);
}

bool NotifyFixture::run_until_settled(milliseconds limit) {
  return run_until(
      [&] { return count("app.notification_deliveries where next_attempt_at is not null") == 0; }, limit);
}

notify::Administration::Revealed NotifyFixture::endpoint(const std::string& url,
                                                         std::vector<std::string> types,
                                                         const std::string& client) {
  notify::Administration::NewEndpoint wanted;
  wanted.url = url;
  wanted.event_types = types.empty() ? notify::all_event_types() : std::move(types);
  wanted.client_id = client;
  wanted.actor = "operator:test";
  return await(host->notifier().add(std::move(wanted))).value();
}

std::string NotifyFixture::payout(const std::string& client) {
  store::NewPayout p;
  p.id = core::random_uuid();
  p.client_id = client;
  p.idempotency_key = "key-" + std::to_string(++payouts_);
  p.payload = "{}";
  p.payload_hash = "hash";
  p.provider = "acme";
  p.money = parse_money("10.50", "EUR").value();
  p.destination = "22507000001";
  p.user_ref = "user \"7\"";
  p.batch = "b-1";
  p.flow_id = "flow-1";
  p.actor = "client:" + client;
  auto connection = database.connect();
  store::in_transaction(connection, [&](pqxx::transaction_base& work) {
    store::admit(work, std::span(&p, 1), host->incarnation, core::random_uuid());
  });
  versions_[p.id] = 1;
  return p.id;
}

store::Applied NotifyFixture::change(const std::string& payout, core::State to, const std::string& reason) {
  store::Transition t;
  t.payout_id = payout;
  t.expected_version = versions_.at(payout);
  t.to = to;
  t.reason = reason;
  t.keep_lease = to == core::State::submitting;
  t.event.kind = "test";
  t.event.actor = "engine";
  auto connection = database.connect();
  const auto applied = store::in_transaction(connection, [&](pqxx::transaction_base& work) {
    if (to == core::State::submitting)
      work.exec_params("update app.payouts set lease = $2::uuid where id = $1::uuid", payout,
                       host->incarnation);
    return store::apply(work, std::span(&t, 1), host->incarnation).front();
  });
  if (applied.applied()) versions_[payout] = applied.version;
  return applied;
}

std::string NotifyFixture::confirmed(const std::string& client) {
  const std::string id = payout(client);
  change(id, core::State::submitting);
  change(id, core::State::confirmed);
  return id;
}

}  // namespace payoutd::test
