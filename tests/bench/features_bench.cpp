// What rules ask about history, over millions of allowances: all of a batch in one statement, beside one
// statement for each payout and feature, in one run on one server.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <iostream>
#include <random>

#include "policy/bundle.hpp"
#include "store/column.hpp"
#include "store/screening.hpp"
#include "support/database/database.hpp"

namespace payoutd::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::int64_t allowances = 10'000'000;
  std::int64_t users = 1'000'000;
  int days = 90;
  std::vector<int> batches{1, 16, 128, 512};
  int rounds = 30;
  std::filesystem::path scripts = PAYOUTD_SCRIPTS;
  bool json = false;
};

void define(CLI::App& app, Options& o) {
  app.add_option("--allowances", o.allowances, "Payouts that were allowed before")
      ->check(CLI::PositiveNumber);
  app.add_option("--users", o.users, "Users, and as many destinations, among whom they are spread")
      ->check(CLI::PositiveNumber);
  app.add_option("--days", o.days, "Over which they are spread")->check(CLI::PositiveNumber);
  app.add_option("--batches", o.batches, "Sizes of the batches")->delimiter(',');
  app.add_option("--rounds", o.rounds, "Batches of each size")->check(CLI::Range(3, 10'000));
  app.add_option("--scripts", o.scripts, "The rules whose features are asked for")
      ->check(CLI::ExistingDirectory);
  app.add_flag("--json", o.json, "The result as JSON");
  app.option_defaults()->always_capture_default();
}

/// One in a thousand payouts is of one of a hundred busy users, who have some hundred payouts each.
void fill(store::Connection& connection, const Options& o) {
  pqxx::nontransaction work(connection);
  const auto begun = Clock::now();
  std::cerr << "Filling app.allowances with " << o.allowances << " rows …\n";
  work.exec("drop index app.allowances_by_user, app.allowances_by_destination");
  const std::int64_t step = 1'000'000;
  for (std::int64_t done = 0; done < o.allowances; done += step) {
    const std::int64_t rows = std::min(step, o.allowances - done);
    work.exec(
        "insert into app.allowances select gen_random_uuid(), 'default',"
        " 'user-' || case when i % 1000 = 0 then i / 1000 % 100 else (random() * " +
        std::to_string(o.users) + ")::bigint end, '228' || (90000000 + (random() * " +
        std::to_string(o.users) +
        ")::bigint), (array['TG','BJ','CI'])[1 + i % 3], 'momo', 'XOF', 100 + i % 1000,"
        " now() - random() * interval '" +
        std::to_string(o.days) + " days' from generate_series(1, " + std::to_string(rows) + ") i");
    std::cerr << "\r  " << done + rows << " after "
              << std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - begun).count() << " s"
              << std::flush;
  }
  std::cerr << "\n  indexes …\n";
  work.exec(
      "create index allowances_by_user on app.allowances (user_ref, at)"
      " include (currency, amount, destination, region, provider, client_id) where user_ref is not null");
  work.exec(
      "create index allowances_by_destination on app.allowances (destination, at)"
      " include (currency, amount, user_ref, region, provider, client_id)");
  work.exec("vacuum analyze app.allowances");
}

class Asker {
 public:
  Asker(store::Connection& connection, const Options& o, std::vector<policy::Feature> features)
      : connection_(connection), options_(o), features_(std::move(features)) {}

  std::vector<store::Payout> batch(int size) {
    std::vector<store::Payout> payouts(static_cast<std::size_t>(size));
    std::uniform_int_distribution<std::int64_t> any(0, options_.users);
    std::uniform_int_distribution<int> busy(0, 9);
    for (store::Payout& payout : payouts) {
      const std::int64_t user = busy(random_) == 0 ? any(random_) % 100 : any(random_);
      payout.client_id = "default";
      payout.user_ref = "user-" + std::to_string(user);
      payout.destination = "228" + std::to_string(90'000'000 + any(random_));
      payout.region = "TG";
      payout.provider = "momo";
      payout.money = parse_money("100", "XOF").value();
    }
    return payouts;
  }

  /// Median microseconds of a batch: in one statement, and one by one.
  std::pair<double, double> measure(int size) {
    std::vector<double> together;
    std::vector<double> one_by_one;
    for (int i = 0; i < options_.rounds + 2; ++i) {
      const std::vector<store::Payout> payouts = batch(size);
      std::vector<const store::Payout*> pointers;
      for (const store::Payout& payout : payouts) pointers.push_back(&payout);
      const double a = timed(
          [&](pqxx::transaction_base& work) { store::ledger_values(work, pointers, features_, now(work)); });
      const double b = timed([&](pqxx::transaction_base& work) {
        for (const store::Payout* payout : pointers)
          for (const policy::Feature& feature : features_)
            store::ledger_values(work, std::span(&payout, 1), std::span(&feature, 1), now_);
      });
      if (i < 2) continue;  // warming up
      together.push_back(a);
      one_by_one.push_back(b);
    }
    return {median(together), median(one_by_one)};
  }

  std::string explain(int size) {
    const std::vector<store::Payout> payouts = batch(size);
    store::Column c[6];
    for (const store::Payout& p : payouts) {
      c[0].add(p.user_ref);
      c[1].add(p.client_id);
      c[2].add(p.destination);
      c[3].add(p.region);
      c[4].add(p.provider);
      c[5].add(p.money.currency);
    }
    pqxx::work work(connection_);
    std::string plan;
    for (const auto& row : work.exec_params(
             "explain (analyze, buffers, costs off) " + store::ledger_sql(features_), c[0].take(),
             c[1].take(), c[2].take(), c[3].take(), c[4].take(), c[5].take(), now(work)))
      plan.append(row[0].c_str()).append("\n");
    return plan;
  }

 private:
  template <class Work>
  double timed(Work ask) {
    pqxx::work work(connection_);
    now(work);
    const auto begun = Clock::now();
    ask(work);
    return std::chrono::duration<double, std::micro>(Clock::now() - begun).count();
  }
  std::string now(pqxx::transaction_base& work) {
    if (now_.empty()) now_ = work.exec1("select clock_timestamp()::text")[0].c_str();
    return now_;
  }
  static double median(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
  }

  store::Connection& connection_;
  const Options& options_;
  std::vector<policy::Feature> features_;
  std::mt19937 random_{42};
  std::string now_;
};

int run(const Options& o) {
  const auto bundle = policy::Bundle::build(policy::read_scripts(o.scripts));
  test::DatabaseServer server(
      {{"shared_buffers", "1GB"}, {"maintenance_work_mem", "1GB"}, {"max_wal_size", "8GB"}});
  const test::TestDatabase database = server.fresh_database();
  store::Connection connection = database.connect();
  fill(connection, o);
  Asker asker(connection, o, bundle->features());
  boost::json::array rows;
  const std::size_t features = bundle->features().size();
  if (!o.json)
    std::cout << o.allowances << " allowances of " << o.users << " users, " << features
              << " features (those of the shipped rules). Medians of " << o.rounds << " batches.\n\n"
              << "batch   one statement   per payout   one by one   ratio\n";
  for (const int size : o.batches) {
    const auto [together, one_by_one] = asker.measure(size);
    rows.push_back(
        boost::json::object{{"batch", size}, {"one_statement_us", together}, {"one_by_one_us", one_by_one}});
    if (o.json) continue;
    std::printf("%5d   %10.0f us   %7.0f us   %7.0f us   %5.1f\n", size, together, together / size,
                one_by_one, one_by_one / together);
  }
  const std::string plan = asker.explain(o.batches.back());
  const bool scans = plan.find("Seq Scan on allowances") != std::string::npos;
  if (o.json) {
    std::cout << boost::json::serialize(boost::json::object{
                     {"allowances", o.allowances}, {"features", features}, {"batches", rows}, {"plan", plan}})
              << '\n';
  } else {
    std::cout << "\nThe plan for a batch of " << o.batches.back() << ":\n" << plan;
  }
  if (scans) std::cerr << "The plan reads the whole table.\n";
  return scans ? 1 : 0;
}

}  // namespace
}  // namespace payoutd::bench

int main(int argc, char** argv) {
  CLI::App app(
      "Asks what the rules want to know of the past, over millions of allowances, and shows the plan.");
  payoutd::bench::Options options;
  payoutd::bench::define(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return payoutd::bench::run(options);
  } catch (const std::exception& error) {
    std::cerr << "features_bench: " << error.what() << '\n';
    return 1;
  }
}
