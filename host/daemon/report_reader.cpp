#include "daemon/report_reader.hpp"

#include "ops/log.hpp"

namespace payoutd::daemon {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMostLag{30'000};  // the runbook's alert

// On a primary: 0. Hosts write their beats every second, so the last commit that was replayed is never much
// older than the replica is behind.
constexpr const char* kLag =
    "select case when pg_is_in_recovery() then coalesce((extract(epoch from clock_timestamp() -"
    " pg_last_xact_replay_timestamp()) * 1000)::bigint, 0) else 0 end";

/// What a replica answers, or why it did not.
template <class Result>
struct Attempt {
  std::optional<Result> result;
  std::string trouble;
};

template <class Work, class Result = std::invoke_result_t<Work&, store::Transaction&>>
Awaitable<Attempt<Result>> try_on(store::Pool* pool, Work work) {
  Attempt<Result> attempt;
  try {
    attempt.result.emplace(co_await pool->transact(std::move(work)));
  } catch (const store::DataError&) {
    throw;  // the question is wrong, wherever it is asked
  } catch (const store::StoreError& error) {
    attempt.trouble = error.what();
  }
  co_return attempt;
}

}  // namespace

bool ReportReader::use_replica() const {
  return replica_ != nullptr && !too_far_behind_;
}

void ReportReader::fell_back(const std::string& why) {
  if (std::exchange(told_, true)) return;
  log::warning("database.read_fell_back",
               "Lists and figures are read from the database itself, not from its replica.", {{"why", why}});
}

void ReportReader::read_again() {
  if (!std::exchange(told_, false)) return;
  log::info("database.read_from_replica", "Lists and figures are read from the replica again.");
}

Awaitable<store::Page> ReportReader::list(store::ListFilter filter) {
  const auto work = [filter](pqxx::transaction_base& transaction) {
    return store::list_payouts(transaction, filter);
  };
  if (use_replica()) {
    auto attempt = co_await try_on(replica_, work);
    if (attempt.result) {
      read_again();
      co_return std::move(*attempt.result);
    }
    fell_back(attempt.trouble);
  }
  co_return co_await primary_.transact(work);
}

Awaitable<std::vector<store::Tally>> ReportReader::tally(store::TallyFilter filter) {
  if (use_replica()) {
    store::TallyFilter views = filter;
    views.through_views = true;
    auto attempt = co_await try_on(
        replica_, [views](pqxx::transaction_base& work) { return store::tally(work, views); });
    if (attempt.result) {
      read_again();
      co_return std::move(*attempt.result);
    }
    fell_back(attempt.trouble);
  }
  co_return co_await primary_.transact(
      [filter](pqxx::transaction_base& work) { return store::tally(work, filter); });
}

Awaitable<std::optional<milliseconds>> ReportReader::measure_lag() {
  if (replica_ == nullptr) co_return std::nullopt;
  const auto attempt = co_await try_on(
      replica_, [](pqxx::transaction_base& work) { return work.exec1(kLag)[0].as<std::int64_t>(); });
  if (!attempt.result) {
    fell_back(attempt.trouble);
    co_return std::nullopt;
  }
  const milliseconds lag{*attempt.result};
  too_far_behind_ = lag > kMostLag;
  if (too_far_behind_)
    fell_back("it is " + std::to_string(lag.count() / 1000) + " s behind");
  else
    read_again();
  co_return lag;
}

}  // namespace payoutd::daemon
