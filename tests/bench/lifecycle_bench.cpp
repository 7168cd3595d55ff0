// Payouts a second through the whole life, beside what PostgreSQL itself can do with the same row changes, in
// one run on one server, round by round in turn.
#include <CLI/CLI.hpp>
#include <iostream>

#include "bench/pgbench_side.hpp"
#include "bench/product_side.hpp"
#include "bench/report.hpp"

namespace payoutd::bench {
namespace {

void define(CLI::App& app, Options& o) {
  app.add_option("--payouts", o.payouts, "Payouts in each round")->check(CLI::Range(100, 10'000'000));
  app.add_option("--rounds", o.rounds, "Rounds of either side that count; one of each warms up")
      ->check(CLI::Range(1, 1000));
  app.add_option("--connections", o.connections, "HTTP connections that admit in bulk")
      ->check(CLI::Range(1, 64));
  app.add_option("--bulk-items", o.bulk_items, "Payouts in one bulk request")->check(CLI::Range(1, 1000));
  app.add_option("--concurrency", o.concurrency, "Submits in flight, by the provider's contract")
      ->check(CLI::Range(1, 1024));
  app.add_option("--poll-interval-ms", o.poll_interval_ms,
                 "When a SENT payout is asked about without a callback");
  app.add_option("--group-commit-window-us", o.group_commit_window_us,
                 "The host's engine.group_commit_window_us");
  app.add_option("--claim-batch", o.claim_batch, "The host's engine.claim_batch");
  app.add_flag("--callbacks,!--no-callbacks", o.callbacks,
               "Whether the simulator calls back, or the host only polls");
  app.add_option("--scripts", o.scripts, "Rules that judge every payout; the host's schedules stay built in")
      ->check(CLI::ExistingDirectory);
  app.add_option("--reload-every-ms", o.reload_every_ms,
                 "Save one of the rules anew this often while payouts run; 0: never");
  app.add_option("--pgbench-clients", o.pgbench_clients, "pgbench's clients")->check(CLI::Range(1, 32));
  app.add_option("--pgbench-batch", o.pgbench_batch, "Payouts in each of pgbench's statements")
      ->check(CLI::Range(1, 10'000));
  app.add_option("--pgbench-protocol", o.pgbench_protocol, "pgbench's -M")
      ->check(CLI::IsMember({"simple", "extended", "prepared"}));
  app.add_option("--keep", o.keep, "Work in this directory and leave logs and databases there");
  app.add_flag("--json", o.json, "The result as JSON; progress goes to standard error either way");
  app.option_defaults()->always_capture_default();
}

/// Removed with everything in it, unless it was asked to stay.
class WorkDirectory {
 public:
  explicit WorkDirectory(const std::filesystem::path& keep) : path_(keep), temporary_(keep.empty()) {
    if (temporary_) {
      std::string pattern = (std::filesystem::temp_directory_path() / "payoutd-bench-XXXXXX").string();
      if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("cannot make " + pattern);
      path_ = pattern;
      std::filesystem::permissions(path_, std::filesystem::perms{0711});  // the server is another user
    }
    std::filesystem::create_directories(path_);
    path_ = std::filesystem::absolute(path_);
  }
  ~WorkDirectory() {
    std::error_code ignored;
    if (temporary_) std::filesystem::remove_all(path_, ignored);
  }
  WorkDirectory(const WorkDirectory&) = delete;
  WorkDirectory& operator=(const WorkDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  bool temporary_;
};

Report run(const Options& options) {
  Report report;
  report.options = options;
  report.machine = describe_machine();
  const WorkDirectory directory(options.keep);
  BenchServer server(directory.path() / "postgres");
  report.postgresql = server.setting("server_version");
  for (const char* name : {"fsync", "synchronous_commit", "full_page_writes", "shared_buffers"}) {
    report.settings[name] = server.setting(name);
  }
  PgbenchSide pgbench(server, options, directory.path());
  ProductSide product(server, options, directory.path());
  report.pgbench_command = pgbench.command();
  for (int round = 0; round <= options.rounds; ++round) {
    const Round a = product.run_round();
    const Round b = pgbench.run_round(a.seconds);
    std::cerr << (round == 0 ? "warm-up" : "round " + std::to_string(round)) << ": payoutd "
              << static_cast<int>(a.per_second) << "/s, pgbench " << static_cast<int>(b.per_second) << "/s"
              << std::endl;
    if (round == 0) continue;
    report.product.push_back(a);
    report.pgbench.push_back(b);
  }
  report.ledger = product.check();
  report.product_changes = product.changes();
  report.pgbench_changes = pgbench.changes();
  return report;
}

}  // namespace
}  // namespace payoutd::bench

int main(int argc, char** argv) {
  using namespace payoutd::bench;
  CLI::App app(
      "lifecycle_bench: payouts a second through the whole life, beside pgbench making the same row changes");
  Options options;
  define(app, options);
  CLI11_PARSE(app, argc, argv);
  for (int i = 0; i < argc; ++i) options.command_line += (i > 0 ? " " : "") + std::string(argv[i]);
  try {
    const Report report = run(options);
    std::cout << (options.json ? boost::json::serialize(report.json()) + "\n" : report.text());
    return report.right() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "lifecycle_bench: " << error.what() << "\n";
    return 2;
  }
}
