#include "bench/report.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdarg>
#include <cstdio>

namespace payoutd::bench {
namespace {

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  char line[512];
  va_list values;
  va_start(values, pattern);
  std::vsnprintf(line, sizeof line, pattern, values);
  va_end(values);
  return line;
}

struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};

Spread spread(const std::vector<Round>& rounds, double Round::* member) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(round.*member);
  if (values.empty()) return {};
  return {median(values), *std::ranges::min_element(values), *std::ranges::max_element(values)};
}

std::map<std::string, double> median_cpu(const std::vector<Round>& rounds) {
  std::map<std::string, std::vector<double>> values;
  for (const Round& round : rounds) {
    for (const auto& [who, us] : round.cpu_us) values[who].push_back(us);
  }
  std::map<std::string, double> medians;
  for (auto& [who, all] : values) medians[who] = median(std::move(all));
  return medians;
}

// Of neighbours in time, so that what else the machine did meets both.
std::vector<double> ratios(const Report& report) {
  std::vector<double> all;
  for (std::size_t i = 0; i < std::min(report.product.size(), report.pgbench.size()); ++i) {
    all.push_back(report.product[i].per_second / report.pgbench[i].per_second);
  }
  return all;
}

std::string cpu_line(const char* side, const std::vector<Round>& rounds) {
  std::string line = format("%-8s", side);
  double sum = 0;
  for (const auto& [who, us] : median_cpu(rounds)) {
    line += format("  %s %.0f", who.c_str(), us);
    sum += us;
  }
  return line + format("  = %.0f us\n", sum);
}

boost::json::object to_json(const Spread& s) {
  return {{"median", s.median}, {"min", s.min}, {"max", s.max}};
}

boost::json::object side_json(const std::vector<Round>& rounds, const RowChanges& changes) {
  boost::json::array each;
  for (const Round& round : rounds) {
    each.push_back({{"seconds", round.seconds},
                    {"payouts_per_s", round.per_second},
                    {"admitted_after_s", round.admitted_after_s}});
  }
  boost::json::object cpu;
  for (const auto& [who, us] : median_cpu(rounds)) cpu[who] = us;
  return {{"payouts_per_s", to_json(spread(rounds, &Round::per_second))},
          {"rounds", std::move(each)},
          {"cpu_us_per_payout", std::move(cpu)},
          {"wal_bytes_per_payout", spread(rounds, &Round::wal_bytes).median},
          {"rows_inserted_per_payout", changes.inserted},
          {"rows_updated_per_payout", changes.updated},
          {"commits_per_payout", changes.commits}};
}

}  // namespace

std::string Report::text() const {
  std::string out;
  out += format("%s\n%ld cores, %s, %lld MiB, %s, load %.2f at the start\n", options.command_line.c_str(),
                machine.cores, machine.processor.c_str(), static_cast<long long>(machine.memory_mib),
                machine.kernel.c_str(), machine.load);
  out += "PostgreSQL " + postgresql;
  for (const auto& [name, value] : settings) out += ", " + name + "=" + value;
  out += "\n" + pgbench_command + "\n";
  out += format("%d payouts a round; concurrency %d; %s\n\n", options.payouts, options.concurrency,
                options.callbacks ? "callbacks as hints, and polling" : "polling only");
  out += "round   payoutd/s  (admitted/s)   pgbench/s   ratio\n";
  const auto all = ratios(*this);
  for (std::size_t i = 0; i < all.size(); ++i) {
    out += format("%5zu %11.0f %13.0f %11.0f %7.2f\n", i + 1, product[i].per_second,
                  options.payouts / product[i].admitted_after_s, pgbench[i].per_second, all[i]);
  }
  const Spread a = spread(product, &Round::per_second);
  const Spread b = spread(pgbench, &Round::per_second);
  out += format("median %10.0f %25.0f %7.2f\nmin    %10.0f %25.0f %7.2f\nmax    %10.0f %25.0f %7.2f\n\n",
                a.median, b.median, median(all), a.min, b.min, *std::ranges::min_element(all), a.max, b.max,
                *std::ranges::max_element(all));
  out += "processor time for each payout\n" + cpu_line("payoutd", product) + cpu_line("pgbench", pgbench);
  const auto changes = [](const char* side, const RowChanges& c, const std::vector<Round>& rounds) {
    return format("%-8s  rows inserted %.2f, updated %.2f, commits %.3f, WAL %.0f bytes\n", side, c.inserted,
                  c.updated, c.commits, spread(rounds, &Round::wal_bytes).median);
  };
  out += "database work for each payout\n" + changes("payoutd", product_changes, product) +
         changes("pgbench", pgbench_changes, pgbench);
  out += "\nledger: " + ledger.text() + "\n";
  return out;
}

boost::json::object Report::json() const {
  boost::json::object server{{"version", postgresql}};
  for (const auto& [name, value] : settings) server[name] = value;
  const auto all = ratios(*this);
  return {{"command", options.command_line},
          {"pgbench_command", pgbench_command},
          {"machine",
           {{"cores", machine.cores},
            {"processor", machine.processor},
            {"memory_mib", machine.memory_mib},
            {"kernel", machine.kernel},
            {"load", machine.load}}},
          {"postgresql", std::move(server)},
          {"payouts_per_round", options.payouts},
          {"payoutd", side_json(product, product_changes)},
          {"pgbench", side_json(pgbench, pgbench_changes)},
          {"ratio", to_json({median(all), *std::ranges::min_element(all), *std::ranges::max_element(all)})},
          {"ledger",
           {{"payouts", ledger.payouts},
            {"confirmed", ledger.confirmed},
            {"paid_twice", ledger.paid_twice},
            {"lost", ledger.lost},
            {"wrongly_failed", ledger.wrongly_failed},
            {"right", right()}}}};
}

}  // namespace payoutd::bench
