#include "bench/product_side.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <fstream>
#include <future>
#include <stdexcept>
#include <thread>

#include "bench/machine.hpp"
#include "harness/host_process.hpp"

namespace payoutd::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kDatabase = "bench_payoutd";
constexpr seconds kRoundLimit{600};

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::int64_t own_cpu_us() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1'000'000 + usage.ru_utime.tv_usec +
         usage.ru_stime.tv_usec;
}

std::vector<std::string> simulator_options(bool callbacks) {
  return {"--accept-any-credentials", "--fast", "--callbacks", callbacks ? "on" : "off"};
}

}  // namespace

ProductSide::ProductSide(BenchServer& server, const Options& options, std::filesystem::path directory)
    : server_(server),
      options_(options),
      directory_(std::move(directory)),
      dsn_(server.add_database(kDatabase)),
      simulator_(std::make_unique<simulator::SimulatorProcess>(simulator_options(options.callbacks))),
      port_(test::free_port()) {
  copy_scripts();
  write_configuration();
  start_host();
}

ProductSide::~ProductSide() = default;

// Without the schedules, which are made for providers that take minutes.
void ProductSide::copy_scripts() const {
  if (options_.scripts.empty()) return;
  std::filesystem::copy(options_.scripts, directory_ / "scripts", std::filesystem::copy_options::recursive);
  std::filesystem::remove_all(directory_ / "scripts/backoff");
}

void ProductSide::write_configuration() const {
  std::ofstream out(directory_ / "payoutd.yaml");
  if (!options_.scripts.empty()) out << "scripts_dir: " << (directory_ / "scripts").string() << "\n";
  out << "environment: dev\nname: bench\nstate_dir: " << (directory_ / "state").string()
      << "\ncontrol_socket: " << (directory_ / "control.sock").string()
      << "\nplugins_dir: " << test::build_plugins().string() << "\npublic_url: http://127.0.0.1:" << port_
      << "\nhttp:\n  listen: 127.0.0.1:" << port_ << "\ndatabase: \"" << dsn_
      << "\"\nlogging:\n  level: info\n  format: json\nengine:\n  claim_batch: " << options_.claim_batch
      << "\n  poll_interval: " << options_.poll_interval_ms
      << "ms\n  group_commit_window_us: " << options_.group_commit_window_us
      << "\nproviders:\n  momo:\n    plugin: momo\n    settings:\n      base_url: " << simulator_->momo_url()
      << "\n      target_environment: sandbox\n      api_user: bench\n      query_rate_per_s: 0\n      "
         "concurrency: "
      << options_.concurrency << "\n      callbacks: " << (options_.callbacks ? "true" : "false")
      << "\n      callback_host: 127.0.0.1\n"
      << "    secrets:\n      api_key: key-of-the-bench\n      subscription_key: subscription-of-the-bench\n";
}

void ProductSide::start_host() {
  test::ChildProcess::Start start;
  start.program = test::build_bin() / "payoutd";
  start.arguments = {"--config", (directory_ / "payoutd.yaml").string()};
  start.log = directory_ / "payoutd.log";
  host_ = std::make_unique<test::ChildProcess>(start);
  const bool ready = test::eventually(seconds{30}, [&] {
    if (!host_->running()) return true;
    simulator::WireClient client("http://127.0.0.1:" + std::to_string(port_));
    return client.exchange("GET", "/readyz", {}, "", seconds{2}).answered(200);
  });
  if (!ready || !host_->running())
    throw std::runtime_error("the host did not start; its log is " + start.log.string());
}

// Made before the clock starts: what a client spends on its own JSON is not the host's.
std::vector<std::string> ProductSide::bulk_bodies(int round) const {
  std::vector<std::string> bodies;
  for (int first = 0; first < options_.payouts; first += options_.bulk_items) {
    boost::json::array payouts;
    for (int i = first; i < std::min(first + options_.bulk_items, options_.payouts); ++i) {
      const std::string digits = std::to_string(1'000'000 + i);
      payouts.push_back({{"idempotency_key", "bench-" + std::to_string(round) + "-" + std::to_string(i)},
                         {"amount", std::to_string(1 + i % 50)},
                         {"currency", "EUR"},
                         {"destination", "4673" + digits},
                         {"batch", "bench"}});
    }
    bodies.push_back(boost::json::serialize(boost::json::object{{"payouts", std::move(payouts)}}));
  }
  return bodies;
}

void ProductSide::admit_all(const std::vector<std::string>& bodies) const {
  std::atomic<std::size_t> next{0};
  const auto admit = [&] {
    simulator::WireClient client("http://127.0.0.1:" + std::to_string(port_));
    for (std::size_t i = next++; i < bodies.size(); i = next++) {
      const auto reply = client.exchange("POST", "/v1/payouts/bulk", {{"Content-Type", "application/json"}},
                                         bodies[i], seconds{60});
      if (!reply.answered(200))
        throw std::runtime_error("a bulk request was answered " + std::to_string(reply.status) + ": " +
                                 reply.body.substr(0, 500));
    }
  };
  std::vector<std::future<void>> clients;
  for (int i = 0; i < options_.connections; ++i) clients.push_back(std::async(std::launch::async, admit));
  for (auto& client : clients) client.get();
}

// Through two partial indexes that are empty when all is done, so that looking costs next to nothing.
void ProductSide::wait_until_finished() {
  store::Connection connection(dsn_);
  pqxx::nontransaction(connection).exec("set enable_seqscan = off");
  const auto until = std::chrono::steady_clock::now() + kRoundLimit;
  while (true) {
    const auto open = pqxx::nontransaction(connection)
                          .exec1(
                              "select exists (select 1 from app.payouts where lease is not null) or exists "
                              "(select 1 from app.payouts where "
                              "lease is null and next_action_at is not null)");
    if (!open[0].as<bool>()) return;
    if (std::chrono::steady_clock::now() > until)
      throw std::runtime_error("payouts are not finished after " + std::to_string(kRoundLimit.count()) +
                               " s");
    std::this_thread::sleep_for(milliseconds{20});
  }
}

namespace {

/// Saves a rule anew, with another comment, again and again.
class Editor {
 public:
  Editor(std::filesystem::path file, int every_ms) {
    if (every_ms <= 0) return;
    thread_ = std::jthread([file = std::move(file), every_ms](const std::stop_token& stop) {
      std::ifstream in(file);
      const std::string text{std::istreambuf_iterator<char>(in), {}};
      for (int i = 0; !stop.stop_requested(); ++i) {
        const auto aside = file.string() + ".saving";
        std::ofstream(aside, std::ios::trunc)
            << text << "-- " << ::getpid() << " " << ::time(nullptr) << " " << i << "\n";
        std::filesystem::rename(aside, file);
        std::this_thread::sleep_for(milliseconds{every_ms});
      }
    });
  }

 private:
  std::jthread thread_;
};

}  // namespace

Round ProductSide::run_round() {
  const Editor editor(directory_ / "scripts/abuse/velocity_count.lua",
                      options_.scripts.empty() ? 0 : options_.reload_every_ms);
  const std::vector<std::string> bodies = bulk_bodies(rounds_++);
  const auto providers = test::children_of(host_->pid(), "payoutd-provider");
  const pid_t provider = providers.empty() ? 0 : providers.front();
  const auto used = [&] {
    return std::map<std::string, std::int64_t>{{"host", cpu_us(host_->pid())},
                                               {"provider process", cpu_us(provider)},
                                               {"simulator", cpu_us(simulator_->pid())},
                                               {"clients", own_cpu_us()}};
  };
  Round measured = server_.measure(kDatabase, [&](Round& round) {
    const auto before = used();
    const auto begin = std::chrono::steady_clock::now();
    admit_all(bodies);
    round.admitted_after_s = seconds_since(begin);
    wait_until_finished();
    for (const auto& [who, us] : used())
      round.cpu_us[who] = static_cast<double>(us - before.at(who)) / options_.payouts;
    return options_.payouts;
  });
  if (options_.callbacks) wait_until_called_back();
  return measured;
}

// Callbacks that come after the payout was asked about anyway must not disturb the other side's round.
void ProductSide::wait_until_called_back() {
  const auto expected = static_cast<std::int64_t>(options_.payouts) * rounds_;
  const bool all = test::eventually(kRoundLimit, [&] {
    return simulator_->get("/stats").at("callbacks_delivered").to_number<std::int64_t>() >= expected;
  });
  if (!all) throw std::runtime_error("callbacks did not arrive");
}

test::LedgerCheck ProductSide::check() {
  std::vector<test::OurPayout> ours;
  store::Connection connection(dsn_);
  for (const auto& row :
       pqxx::nontransaction(connection).exec("select id, state, coalesce(reason, '') from app.all_payouts")) {
    ours.push_back({row[0].c_str(), row[1].c_str(), row[2].c_str()});
  }
  const boost::json::value ledger = simulator_->get("/ledger?limit=100000000");
  test::LedgerCheck check = test::check_ledger(ours, ledger.as_array());
  const auto expected = static_cast<int>(static_cast<std::int64_t>(options_.payouts) * rounds_);
  if (check.payouts != expected || check.confirmed != expected) {
    check.wrong.push_back(std::to_string(check.confirmed) + " of " + std::to_string(expected) +
                          " payouts are confirmed");
  }
  return check;
}

RowChanges ProductSide::changes() {
  host_->signal(SIGTERM);
  if (!host_->wait(seconds{60})) throw std::runtime_error("the host did not stop");
  return server_.changes(kDatabase, static_cast<std::int64_t>(options_.payouts) * rounds_);
}

}  // namespace payoutd::bench
