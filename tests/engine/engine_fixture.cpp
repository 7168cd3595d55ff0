#include "engine_fixture.hpp"

#include "core/ids.hpp"

namespace payoutd::test {
namespace {

using std::chrono::milliseconds;

store::PoolOptions pool_options(const TestDatabase& database, int connections) {
  store::PoolOptions options;
  options.dsn = database.dsn();
  options.connections = connections;
  return options;
}

policy::BuiltInOptions fast_schedules() {
  policy::BuiltInOptions options;
  const policy::Schedule fast{milliseconds{60}, milliseconds{120}, 0, 200};
  options.retry = options.resend = options.poll = options.query = fast;
  options.max_attempts = 3;
  options.review_after = std::chrono::seconds{4};
  return options;
}

}  // namespace

bool RecordingObserver::logged(std::string_view event) const {
  return std::any_of(events.begin(), events.end(),
                     [&](const LoggedEvent& one) { return one.event == event; });
}

EngineHost::EngineHost(boost::asio::io_context& io, const TestDatabase& database, ScriptedProvider& provider,
                       Options options)
    : io_(io),
      incarnation_(core::random_uuid()),
      pool_(io.get_executor(), pool_options(database, 3)),
      front_pool_(io.get_executor(), pool_options(database, 1)),
      heart_pool_(io.get_executor(), pool_options(database, 1)),
      policy_(fast_schedules(),
              {[this](std::string_view kind, const std::string& error) {
                 script_failures.push_back(std::string(kind) + ": " + error);
               },
               {}},
              1) {
  if (!options.scripts.empty()) policy_.use(policy::Bundle::build({options.scripts}));
  engine::EngineOptions o;
  o.host = {incarnation_, options.name, "test", options.roles};
  o.life.instance_key = Secret("the instance key of the engine's tests");
  o.life.public_url = "http://127.0.0.1:1";
  o.dispatcher.tick = milliseconds{30};
  o.high_water_file = options.high_water_file;
  o.stop_file = options.stop_file;
  o.limits = options.limits;
  engine_ = std::make_unique<engine::Engine>(
      engine::Engine::Parts{io.get_executor(), pool_, front_pool_, heart_pool_, policy_, observer_,
                            [&provider] { return std::vector<providers::ProviderHandle*>{&provider}; }},
      o);
  if (!options.start) return;
  bool started = false;
  std::exception_ptr failure;
  const auto start = [](engine::Engine* engine, std::string name,
                        std::vector<std::string> predecessors) -> Awaitable<void> {
    co_await engine->prepare_start({name});
    co_await engine->start(predecessors);
  };
  boost::asio::co_spawn(io, start(engine_.get(), provider.name(), options.predecessors),
                        [&](std::exception_ptr e) {
                          failure = e;
                          started = true;
                        });
  while (!started) io.run_one();
  if (failure) std::rethrow_exception(failure);
}

EngineHost::~EngineHost() {
  bool drained = false;
  boost::asio::co_spawn(io_, engine_->drain(milliseconds{500}),
                        [&](std::exception_ptr, bool) { drained = true; });
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
  while (!drained && std::chrono::steady_clock::now() < until) io_.run_for(milliseconds{10});
  pool_.stop();
  front_pool_.stop();
  heart_pool_.stop();
  io_.poll();
}

EngineFixture::EngineFixture(EngineHost::Options options, DatabaseServer& server)
    : database(server.fresh_database()),
      host(std::make_unique<EngineHost>(io, database, provider, std::move(options))) {}

EngineFixture::~EngineFixture() {
  host.reset();
}

bool EngineFixture::run_until(const std::function<bool()>& done, milliseconds limit) {
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!done()) {
    if (std::chrono::steady_clock::now() >= until) return false;
    io.restart();
    io.run_for(milliseconds{10});
  }
  return true;
}

void EngineFixture::run_for(milliseconds time) {
  run_until([] { return false; }, time);
}

std::string EngineFixture::post(const std::string& key, const std::string& amount) {
  return post(request(key, amount));
}

engine::PayoutRequest EngineFixture::request(const std::string& key, const std::string& amount) {
  engine::PayoutRequest request;
  request.client_id = "default";
  request.idempotency_key = key;
  request.money = parse_money(amount, "XOF").value();
  request.destination = "22507000000";
  request.actor = "client:test";
  return request;
}

std::string EngineFixture::post(engine::PayoutRequest request) {
  const engine::AdmissionReply reply = await(host->engine().admit(std::move(request)));
  if (reply.payout_id.empty())
    throw std::runtime_error("refused: " + reply.problem.field + " " + reply.problem.reason);
  return reply.payout_id;
}

std::string EngineFixture::state(const std::string& id) const {
  return value("select state from app.all_payouts where id = '" + id + "'");
}

bool EngineFixture::run_until_state(const std::string& id, const std::string& wanted, milliseconds limit) {
  return run_until([&] { return state(id) == wanted; }, limit);
}

}  // namespace payoutd::test
